//! Approvals: `/v1/approvals` (contract identity-and-money 11).

use serde::{Deserialize, Serialize};

use crate::domain::approval::ApprovalStatus;
use crate::domain::form::approval::ApprovalForm;
use crate::domain::form::payment::PaymentForm;
use crate::domain::form::reservation::ReservationForm;
use crate::domain::id::ApprovalId;
use crate::domain::limit::LimitClass;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::page::{self, Page};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::{Decided, MoneyOutcome};
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/v1/approvals" => list_approvals {
        name: "listApprovals", summary: "What waits for a human, and what was decided, newest first", access: Management,
        class: Some(LimitClass::Money), body: None, documented: true, status: 200, response: Page<ApprovalForm>, query: [page::LIMIT, page::CURSOR, Query::one_of("status", STATUSES)],
    }
    Get "/v1/approvals/{id}" => show_approval {
        name: "getApproval", summary: "One approval", access: Management, class: Some(LimitClass::Money), body: None, documented: true,
        status: 200, response: ApprovalForm,
    }
    Post "/v1/approvals/{id}/approve" => approve {
        name: "approve", summary: "Let the payment or the reservation go ahead", access: Management, class: Some(LimitClass::Money), body: Json,
        documented: true, request: DecisionBody, status: 200, response: DecisionReply, also: [403, 409],
    }
    Post "/v1/approvals/{id}/deny" => deny {
        name: "deny", summary: "Give the money back", access: Management, class: Some(LimitClass::Money), body: Json, documented: true,
        request: DecisionBody, status: 200, response: DecisionReply, also: [409],
    }
};

/// What a list can be asked for.
const STATUSES: &[&str] = &["pending", "approved", "denied", "expired"];

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct DecisionBody {
    reason: Option<Text<0, 1024>>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct DecisionReply {
    #[serde(flatten)]
    approval: ApprovalForm,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<ReservationForm>,
}

/// 1. Page and filters: 400. 2. Read one more than the page holds: 200.
async fn list_approvals(ctx: &Ctx) -> Result<Reply, Fault> {
    let (limit, page) = ctx.page_of(ApprovalId::parse)?;
    let status = ctx.filter("status", ApprovalStatus::parse)?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Money(MoneyCommand::ListApprovals { page, status })).await?;
    let Outcome::Money(MoneyOutcome::Approvals(forms)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Reply::json(200, &Page::cut(forms, limit, |form| form.id.to_string()))?.no_store())
}

/// 1. The id: 400. 2. Read: 404. 3. Answer: 200.
async fn show_approval(ctx: &Ctx) -> Result<Reply, Fault> {
    let approval_id = ctx.path_id(ApprovalId::parse)?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Money(MoneyCommand::GetApproval { approval_id })).await?;
    let Outcome::Money(MoneyOutcome::Approval(form)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Reply::json(200, &form)?.no_store())
}

async fn decide(ctx: &Ctx, approve: bool) -> Result<Reply, Fault> {
    let approval_id = ctx.path_id(ApprovalId::parse)?;
    let body: DecisionBody = ctx.incoming.body()?;
    let seat = ctx.management_seat().await?;
    let command = MoneyCommand::Decide { approval_id, approve, reason: body.reason.map(Text::into_string) };
    let answer = ctx.call_tenant(&seat, Command::Money(command)).await?;
    let Outcome::Money(MoneyOutcome::Decided(decided)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let Decided { approval, payment, reservation } = *decided;
    Ok(Reply::json(200, &DecisionReply { approval, payment, reservation })?.no_store())
}

/// 1. The id and the body: 400. 2. Let it go ahead; the same decision again is the same: 403, 404, 409. 3. Answer: 200.
async fn approve(ctx: &Ctx) -> Result<Reply, Fault> {
    decide(ctx, true).await
}

/// 1. The id and the body: 400. 2. Give it back; the same decision again is the same: 404, 409. 3. Answer: 200.
async fn deny(ctx: &Ctx) -> Result<Reply, Fault> {
    decide(ctx, false).await
}
