//! `/account/operator`: counts over the house, the disputes and the mail that wait.

use super::view::operator::{Counts, Operator, QueuedMail, render_operator};
use super::visit::{Visit, signed_in};
use crate::domain::form::order::OrderForm;
use crate::domain::limit::LimitClass;
use crate::domain::time::Timestamp;
use crate::edge::Settings;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::order::read_all;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::routes;
use crate::store::{buyer, mail, tenant, user};

pub static ROUTES: &[Route] = routes! {
    Get "/account/operator" => show_operator { name: "accountOperator", summary: "The whole house, for operators", access: OperatorConsole, class: Some(LimitClass::Public), body: None, status: 200 }
};

/// Mails shown, the oldest first.
const MAILS_MAX: u64 = 100;
/// Disputes shown.
const DISPUTES_MAX: usize = 50;

/// The link to us that a mail holds.
fn find_link(body: &str, origin: &str) -> Option<String> {
    body.split_whitespace().find(|word| word.strip_prefix(origin).is_some_and(|rest| rest.starts_with('/'))).map(str::to_owned)
}

/// Disputed orders, one more than is shown.
async fn list_disputes(ctx: &Ctx) -> Result<Vec<OrderForm>, Fault> {
    let limit = u64::try_from(DISPUTES_MAX + 1).unwrap_or(u64::MAX);
    let forms = ctx.with_database(async |database| buyer::list_disputed(database, limit).await).await?;
    read_all(&forms)
}

/// 1. Count. 2. List what is disputed, and the mail that waits. 3. The page: 200.
async fn show_operator(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::of_page(ctx, &signed_in(ctx)?).await?;
    let counts = ctx.with_database(async |database| tenant::read_statistics(database, ctx.now).await).await?;
    let users = ctx.with_database(async |database| user::count(database).await).await?;
    let mails = ctx.with_database(async |database| mail::list_queued(database, MAILS_MAX).await).await?;
    let disputes = list_disputes(ctx).await?;
    let origin = &ctx.edge.settings.public_origin;
    let show = |mail: mail::QueuedMail| QueuedMail {
        link: find_link(&mail.body, origin),
        id: mail.mail_id,
        to: mail.recipient,
        subject: mail.subject,
        queued_at: Timestamp::from_ms(mail.created_at_ms),
    };
    let view = Operator {
        counts: Counts {
            users,
            tenants: counts.tenants,
            agents: counts.agents,
            open_sessions: counts.open_sessions,
            observations: counts.observations,
            queries_24h: counts.queries_24h,
        },
        sends_mail: Settings::upstream(ctx.edge.env(), "MAIL").is_some(),
        mail: mails.into_iter().map(show).collect(),
        more_disputes: disputes.len() > DISPUTES_MAX,
        disputes: disputes.into_iter().take(DISPUTES_MAX).collect(),
    };
    let page = render_operator(&visit.frame, &view);
    Ok(visit.answer(200, page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_link_to_us_is_shown() {
        let body = "Accept:\nhttps://us.example/account/invite/inv_1\nor https://us.example.evil/x";
        assert_eq!(find_link(body, "https://us.example").as_deref(), Some("https://us.example/account/invite/inv_1"));
        assert_eq!(find_link("https://us.example.evil/x", "https://us.example"), None);
    }
}
