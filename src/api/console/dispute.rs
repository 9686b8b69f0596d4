//! `/account/operator/disputes/:id`: an operator reads a disputed order and ends it.

use super::order_visit::{draw, load_sheet_at, order_id};
use super::posted::{Posted, Trouble};
use super::tenant_visit::{ask_once, finish};
use super::view::dispute::{Dispute, OUTCOMES, Ruling, render_dispute, render_ruling};
use super::view::form::Entry;
use super::view::part::write_dollars;
use super::visit::{Visit, signed_in};
use crate::domain::form::sheet::OrderSheet;
use crate::domain::id::OrderId;
use crate::domain::limit::LimitClass;
use crate::domain::market::price::{Cut, Price};
use crate::domain::market::state::OrderStatus;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::order::note;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Seat, unexpected};
use crate::objects::tenant::call::Proof;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::{OrderAct, OrderCommand, Side};
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::order::survey::Onlooker;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;
use crate::store::order as orders;

pub static ROUTES: &[Route] = routes! {
    Get "/account/operator/disputes/{id}" => show_dispute { name: "accountDispute", summary: "A disputed order, for operators", access: OperatorConsole, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/operator/disputes/{id}/resolve" => ask_about_ruling { name: "accountAskResolve", summary: "Ask before a dispute is ended", access: OperatorConsole, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/operator/disputes/{id}/resolve" => resolve { name: "accountResolve", summary: "End a dispute", access: OperatorConsole, class: Some(LimitClass::Public), body: Form, status: 303 }
};

/// The order in the path, and an operator's seat at its tenant: 404.
async fn find(ctx: &Ctx, human: &Human) -> Result<(OrderId, Seat), Fault> {
    let order_id = order_id(ctx)?;
    let tenant = ctx.with_database(async |database| orders::find_tenant(database, order_id).await).await?;
    let tenant = tenant.ok_or_else(Fault::not_found)?;
    Ok((order_id, Seat { tenant, proof: Proof::Operator { user_id: human.user_id }, named: None }))
}

async fn load(ctx: &Ctx, human: &Human) -> Result<OrderSheet, Fault> {
    let (order_id, seat) = find(ctx, human).await?;
    load_sheet_at(ctx, &seat, order_id, Onlooker::Operator).await
}

async fn render(ctx: &Ctx, human: &Human, sheet: OrderSheet, status: u16, (outcome, percent): (Entry, Entry)) -> Result<Reply, Fault> {
    let visit = Visit::of_page(ctx, human).await?;
    let view = Dispute { order: draw(ctx, "", sheet), outcome, percent };
    let page = render_dispute(&visit.frame, &view);
    Ok(visit.answer(status, page))
}

/// 1. The order: 404. 2. The page: 200.
async fn show_dispute(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let sheet = load(ctx, &human).await?;
    render(ctx, &human, sheet, 200, (Entry::filled("release"), Entry::default())).await
}

/// The agent's part of the price, in percent; or which field is wrong, and how.
fn read_percent(outcome: &str, percent: &str) -> Result<u64, (&'static str, &'static str)> {
    match outcome {
        "release" => Ok(100),
        "refund" => Ok(0),
        "split" => percent
            .trim()
            .parse()
            .ok()
            .filter(|percent| (1..=99).contains(percent))
            .ok_or(("percent", "must be a whole number from 1 to 99")),
        _ => Err(("outcome", "must be one of these")),
    }
}

/// What becomes of a price: the agent's part, the platform's and the buyer's.
fn rule(price: Price, percent: u64) -> (Cut, Price) {
    let (earned, refund) = price.split(percent);
    (earned.cut(), refund)
}

async fn render_ask(ctx: &Ctx, human: &Human, sheet: &OrderSheet, status: u16, ruling: Ruling) -> Result<Reply, Fault> {
    let visit = Visit::of_page(ctx, human).await?;
    let tenant = visit.tenant()?.slug.to_string();
    let view = Ruling { tenant, order_id: sheet.order.id.to_string(), service_title: sheet.order.service_title.clone(), ..ruling };
    let page = render_ruling(&visit.frame, &view);
    Ok(visit.answer(status, page))
}

fn draw_ruling(sheet: &OrderSheet, outcome: &str, percent: u64) -> Ruling {
    let (cut, refund) = rule(sheet.order.quoted_price_usd.unwrap_or_default(), percent);
    let percent = percent.to_string();
    Ruling { outcome: outcome.to_owned(), percent, payout: cut.payout, fee: cut.fee, refund, ..Ruling::default() }
}

/// 1. The order: 404. 2. How it shall end: 400; one that is not disputed any more is shown. 3. Ask: 200.
async fn ask_about_ruling(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let sheet = load(ctx, &human).await?;
    let value = |name| ctx.incoming.query_value(name).unwrap_or_default();
    let (outcome, percent) = (value("outcome"), value("percent"));
    if sheet.order.status != OrderStatus::Disputed {
        return render(ctx, &human, sheet, 200, (Entry::default(), Entry::default())).await;
    }
    match read_percent(outcome, percent) {
        Ok(part) => render_ask(ctx, &human, &sheet, 200, draw_ruling(&sheet, outcome, part)).await,
        Err((wrong, words)) => {
            let entry = |name, value: &str| Entry { value: value.to_owned(), error: (name == wrong).then(|| words.to_owned()) };
            render(ctx, &human, sheet, 400, (entry("outcome", outcome), entry("percent", percent))).await
        }
    }
}

async fn end(ctx: &Ctx, form: (&Human, &Posted), order_id: OrderId, seat: &Seat) -> Result<String, Fault> {
    let (human, posted) = form;
    let provider_percent = read_percent(posted.value("outcome"), posted.value("percent"))
        .map_err(|(name, words)| Fault::field(&format!("$.{name}"), words))?;
    let note_text = Text::<1, 1_000>::parse(posted.value("note")).map_err(|rule| Fault::field("$.note", &rule))?;
    let act = OrderAct::Resolve { provider_percent, note: note_text.into_string() };
    let command = Command::Order(OrderCommand::Act { order_id, by: Side::Operator, act });
    match ask_once(ctx, seat, posted.claim(ctx, human)?, command).await? {
        Outcome::Order(OrderOutcome::Order(order)) => {
            note(ctx, seat.tenant, &order).await;
            let (cut, refund) = rule(order.price.unwrap_or_default(), provider_percent);
            let [payout, refund] = [cut.payout, refund].map(|part| write_dollars(part.micros()));
            Ok(format!("The dispute is ended: {payout} to the agent, {refund} back to the buyer."))
        }
        other => Err(unexpected(&other)),
    }
}

/// 1. The form: 403. 2. The order: 404. 3. How it ends, and why: 400. 4. End it, once for each form. 5. Go on to it: 303.
async fn resolve(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let (order_id, seat) = find(ctx, &human).await?;
    let here = format!("/account/operator/disputes/{order_id}");
    match end(ctx, (&human, &posted), order_id, &seat).await {
        Err(fault) if fault.extra.contains_key("path") => {
            let trouble = Trouble::of(fault)?;
            let sheet = load_sheet_at(ctx, &seat, order_id, Onlooker::Operator).await?;
            let outcome = posted.value("outcome");
            let outcome = OUTCOMES.iter().find(|(known, _)| *known == outcome).map_or("refund", |(known, _)| *known);
            let percent = read_percent(outcome, posted.value("percent")).unwrap_or_default();
            let ruling =
                Ruling { note: posted.entry("note", &trouble), error: trouble.beside(&["note"]), ..draw_ruling(&sheet, outcome, percent) };
            render_ask(ctx, &human, &sheet, trouble.status, ruling).await
        }
        result => finish(ctx, &human, &here, result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_release_refund_or_a_part_between() {
        assert_eq!(read_percent("release", ""), Ok(100));
        assert_eq!(read_percent("refund", "50"), Ok(0));
        assert_eq!(read_percent("split", " 40 "), Ok(40));
        for bad in ["", "0", "100", "-1", "1.5", "x"] {
            assert_eq!(read_percent("split", bad).unwrap_err().0, "percent", "{bad}");
        }
        assert_eq!(read_percent("", "").unwrap_err().0, "outcome");
    }
}
