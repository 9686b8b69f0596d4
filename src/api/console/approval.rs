//! `/account/approvals`: what waits for a human, and the two buttons.

use serde::Deserialize;

use super::listing::Listing;
use super::posted::Posted;
use super::tenant_visit::{TenantVisit, ask_money, finish, misanswered};
use super::view::approval::{Approvals, DecidedRow, Waiting, render_approvals};
use super::view::part::{build_href, write_dollars};
use super::visit::signed_in;
use crate::domain::approval::ApprovalStatus;
use crate::domain::form::approval::ApprovalForm;
use crate::domain::form::reservation::ReservationForm;
use crate::domain::id::ApprovalId;
use crate::domain::limit::LimitClass;
use crate::domain::reservation::ReservationStatus;
use crate::domain::spend::SpendKind;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::page::Page;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::Seat;
use crate::objects::tenant::money::command::{MoneyCommand, PageOf};
use crate::objects::tenant::money::outcome::{Decided, MoneyOutcome};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/approvals" => show_approvals { name: "accountApprovals", summary: "What waits for a human", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/approvals/{id}" => decide { name: "accountDecide", summary: "Approve or deny", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

/// Questions shown at once.
const WAITING_MAX: usize = 100;

/// 1. The tenant, if one is a member: 404; the page: 400. 2. What waits and what it is for, and what was decided. 3. The page: 200.
async fn show_approvals(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let (limit, page) = ctx.page_of(ApprovalId::parse)?;
    let waiting = load_waiting(ctx, &visit).await?;
    let outcome = visit.ask(ctx, MoneyCommand::ListApprovals { page, status: None }).await?;
    let MoneyOutcome::Approvals(all) = outcome else { return Err(misanswered(outcome)) };
    let page = Page::cut(all, limit, |approval| approval.id.to_string());
    let decided = page.data.into_iter().filter(|approval| approval.status != ApprovalStatus::Pending);
    let show = |approval: ApprovalForm| DecidedRow {
        agent_label: visit.name_agent(approval.agent_id),
        by: approval.decided_by.as_deref().and_then(|actor| visit.name_actor(actor)),
        approval,
    };
    let view = Approvals {
        tenant: visit.tenant.clone(),
        more_wait: waiting.len() > WAITING_MAX,
        waiting: waiting.into_iter().take(WAITING_MAX).collect(),
        decided: decided.map(show).collect(),
        pager: Listing::read(ctx, "/account/approvals", &visit.tenant).pager(page.next_cursor.as_deref()),
    };
    let page = render_approvals(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

/// What waits, one more than is shown; each question with the hold it asks about, which knows what for.
async fn load_waiting(ctx: &Ctx, visit: &TenantVisit) -> Result<Vec<Waiting>, Fault> {
    if visit.overview.approvals_waiting == 0 {
        return Ok(Vec::new());
    }
    let limit = u64::try_from(WAITING_MAX + 1).unwrap_or(u64::MAX);
    let command = MoneyCommand::ListApprovals { page: PageOf { limit, before: None }, status: Some(ApprovalStatus::Pending) };
    let outcome = visit.ask(ctx, command).await?;
    let MoneyOutcome::Approvals(approvals) = outcome else { return Err(misanswered(outcome)) };
    let command = MoneyCommand::ListReservations {
        page: PageOf { limit, before: None },
        agent_id: None,
        mandate_id: None,
        lease_id: None,
        status: Some(ReservationStatus::PendingApproval),
        kind: None,
    };
    let outcome = visit.ask(ctx, command).await?;
    let MoneyOutcome::Reservations(holds) = outcome else { return Err(misanswered(outcome)) };
    let show = |approval: ApprovalForm| {
        let hold = holds.iter().find(|hold| hold.approval_id == Some(approval.id));
        show_waiting(visit, approval, hold)
    };
    Ok(approvals.into_iter().map(show).collect())
}

fn show_waiting(visit: &TenantVisit, approval: ApprovalForm, hold: Option<&ReservationForm>) -> Waiting {
    let kind = match hold.map(|hold| hold.kind) {
        Some(SpendKind::Payment) => "Payment",
        Some(SpendKind::Token) => "Tokens",
        Some(SpendKind::Tool) => "Tool",
        Some(SpendKind::Delegated) => "Delegated work",
        None => "Reservation",
    };
    Waiting {
        kind: kind.to_owned(),
        recipient: hold.and_then(|hold| hold.merchant.clone().or_else(|| hold.resource.clone())),
        description: hold.and_then(|hold| hold.description.clone()),
        agent_label: visit.name_agent(approval.agent_id),
        approval,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    Deny,
}

#[derive(Deserialize)]
struct DecisionFields {
    decision: Decision,
    reason: Option<Text<0, 1024>>,
}

async fn carry_out(ctx: &Ctx, seat: &Seat, approval_id: ApprovalId, fields: DecisionFields) -> Result<String, Fault> {
    let approve = fields.decision == Decision::Approve;
    let command = MoneyCommand::Decide { approval_id, approve, reason: fields.reason.map(Text::into_string) };
    let outcome = ask_money(ctx, seat, command).await?;
    let MoneyOutcome::Decided(decided) = outcome else { return Err(misanswered(outcome)) };
    let Decided { approval, payment, .. } = *decided;
    let amount = write_dollars(approval.amount);
    Ok(match payment {
        _ if !approve => format!("Denied. {amount} went back."),
        Some(payment) => format!("Approved. {amount} is paid to {}.", payment.merchant),
        None => format!("Approved. {amount} stays reserved for it."),
    })
}

/// 1. The form: 400, 403. 2. The tenant and the approval: 404. 3. Decide, or say why not. 4. Go on to what still waits: 303.
async fn decide(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let approval_id = ApprovalId::parse(ctx.param("id")).map_err(|_| Fault::not_found())?;
    let fields: DecisionFields = Posted::parse(ctx)?;
    let tenant = posted.value("tenant");
    let seat = ctx.member_seat(tenant).await?;
    let result = carry_out(ctx, &seat, approval_id, fields).await;
    finish(ctx, &human, &build_href("/account/approvals", &[("tenant", tenant)]), result)
}
