//! Reservations: `/v1/spend-guard/reservations` (contract identity-and-money 9 and 14).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::{SpendBody, require_actions_token};
use crate::domain::form::reservation::ReservationForm;
use crate::domain::id::{LeaseId, MandateId, ReservationId};
use crate::domain::limit::LimitClass;
use crate::domain::reservation::ReservationStatus;
use crate::domain::spend::SpendKind;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Record, Text};
use crate::http::money::Amount;
use crate::http::page::{self, Page};
use crate::http::query::Query;
use crate::http::refusal;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Answer, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/spend-guard/reservations" => reserve {
        name: "createReservation", summary: "Hold money against every limit at once", access: Spend, class: Some(LimitClass::Money), body: Json,
        documented: true, request: SpendBody, status: 201, response: ReservationForm, also: [202, 402, 403, 404, 503],
    }
    Post "/v1/spend-guard/reservations/batch" => reserve_batch {
        name: "createReservations", summary: "Hold money many times in one call", access: Spend, class: Some(LimitClass::Money), body: Json,
        documented: true, request: BatchBody, status: 200, response: BatchReply, also: [402, 403, 404, 503],
    }
    Get "/v1/spend-guard/reservations" => list_reservations {
        name: "listReservations", summary: "Reservations, newest first", access: Management, class: Some(LimitClass::Money), body: None,
        documented: true, status: 200, response: Page<ReservationForm>, query: [
            page::LIMIT, page::CURSOR, Query::agent("agent_id"), Query::id("mandate_id", MandateId::PREFIX), Query::id("lease_id", LeaseId::PREFIX),
            Query::one_of("status", STATUSES), Query::one_of("kind", KINDS),
        ], also: [404],
    }
    Get "/v1/spend-guard/reservations/{id}" => show_reservation {
        name: "getReservation", summary: "One reservation", access: Management, class: Some(LimitClass::Money), body: None, documented: true,
        status: 200, response: ReservationForm,
    }
    Post "/v1/spend-guard/reservations/{id}/capture" => capture {
        name: "captureReservation", summary: "Spend what is held; the rest goes back", access: Spend, class: Some(LimitClass::Money), body: Json,
        documented: true, request: CaptureBody, status: 200, response: ReservationForm, also: [403, 409],
    }
    Post "/v1/spend-guard/reservations/{id}/release" => release {
        name: "releaseReservation", summary: "Give back what is held", access: Spend, class: Some(LimitClass::Money), body: Json,
        documented: true, request: ReleaseBody, status: 200, response: ReservationForm, also: [403, 409],
    }
};

/// What a list can be asked for.
const STATUSES: &[&str] = &["reserved", "pending_approval", "captured", "released", "expired"];

/// What money is held for.
const KINDS: &[&str] = &["payment", "token", "tool", "delegated"];

/// Reservations one call makes at most.
const BATCH_MAX: usize = 100;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct BatchBody {
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(min = 1, max = 100)))]
    items: Vec<Record<SpendBody>>,
    /// All of them or none: then the first refusal is the answer, with `details.index`, be it 402, 403, 404 or 503.
    atomic: Option<bool>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct BatchReply {
    /// In the order of the items.
    results: Vec<BatchResult>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct BatchResult {
    /// 201, 202, 402, 403, 404 or 503, as the item alone would have been answered.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<ReservationForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct CaptureBody {
    /// Minor units; all of it when nothing is said.
    amount: Option<Amount>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ReleaseBody {
    reason: Option<Text<0, 256>>,
}

/// 202 while a human has to decide.
fn status_of(form: &ReservationForm) -> u16 {
    if form.status == ReservationStatus::PendingApproval { 202 } else { 201 }
}

fn form_of(answer: Answer) -> Result<ReservationForm, Fault> {
    match answer.outcome {
        Outcome::Money(MoneyOutcome::Reservation(form)) => Ok(*form),
        other => Err(unexpected(&other)),
    }
}

/// 1. The body and the token: 400, 403. 2. Hold, all or nothing: 402, 403, 404. 3. Answer: 201, or 202 when a human decides.
async fn reserve(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: SpendBody = ctx.incoming.body()?;
    require_actions_token(ctx)?;
    let seat = ctx.spend_seat().await?;
    let request = body.into_request(ctx, &seat, "$")?;
    let form = form_of(ctx.call_tenant(&seat, Command::Money(MoneyCommand::Reserve(request))).await?)?;
    let location = format!("/v1/spend-guard/reservations/{}", form.id);
    Ok(Reply::json(status_of(&form), &form)?.no_store().with_header("Location", location))
}

/// 1. The body and the token: 400, 403. 2. Hold each, or with `atomic` all: 402, 403, 404. 3. Say what became of each: 200.
async fn reserve_batch(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: BatchBody = ctx.incoming.body()?;
    require_actions_token(ctx)?;
    if !(1..=BATCH_MAX).contains(&body.items.len()) {
        return Err(Fault::field("$.items", "must have 1 to 100 items"));
    }
    let seat = ctx.spend_seat().await?;
    let items = body.items.into_iter().enumerate().map(|(index, Record(item))| item.into_request(ctx, &seat, &format!("$.items[{index}]")));
    let items = items.collect::<Result<Vec<_>, Fault>>()?;
    let command = MoneyCommand::ReserveBatch { items, atomic: body.atomic.unwrap_or(false) };
    let answer = ctx.call_tenant(&seat, Command::Money(command)).await?;
    let Outcome::Money(MoneyOutcome::ReservedBatch(results)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let results = results.into_iter().map(|result| match result {
        Ok(form) => BatchResult { status: status_of(&form), reservation: Some(form), error: None },
        Err(refused) => {
            let fault = refusal::fault_of(refused, ctx.root());
            let error = ctx.root().error_body(fault.code, &fault.detail, &fault.extra, &ctx.request_id.to_string());
            BatchResult { status: fault.code.status(), reservation: None, error: Some(error) }
        }
    });
    Ok(Reply::json(200, &BatchReply { results: results.collect() })?.no_store())
}

/// 1. Page and filters: 400, 404. 2. Read one more than the page holds: 200.
async fn list_reservations(ctx: &Ctx) -> Result<Reply, Fault> {
    let (limit, page) = ctx.page_of(ReservationId::parse)?;
    let mandate_id = ctx.filter("mandate_id", |id| MandateId::parse(id).ok())?;
    let lease_id = ctx.filter("lease_id", |id| LeaseId::parse(id).ok())?;
    let (status, kind) = (ctx.filter("status", ReservationStatus::parse)?, ctx.filter("kind", SpendKind::parse)?);
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.agent_filter("agent_id", &seat)?;
    let command = MoneyCommand::ListReservations { page, agent_id, mandate_id, lease_id, status, kind };
    let answer = ctx.call_tenant(&seat, Command::Money(command)).await?;
    let Outcome::Money(MoneyOutcome::Reservations(forms)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Reply::json(200, &Page::cut(forms, limit, |form| form.id.to_string()))?.no_store())
}

/// 1. The id: 400. 2. Read: 404. 3. Answer: 200.
async fn show_reservation(ctx: &Ctx) -> Result<Reply, Fault> {
    let reservation_id = ctx.path_id(ReservationId::parse)?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Money(MoneyCommand::GetReservation { reservation_id })).await?;
    Ok(Reply::json(200, &form_of(answer)?)?.no_store())
}

/// 1. The id, the body and the token: 400, 403. 2. Take it, once: 404, 409. 3. Answer: 200.
async fn capture(ctx: &Ctx) -> Result<Reply, Fault> {
    let reservation_id = ctx.path_id(ReservationId::parse)?;
    let body: CaptureBody = ctx.incoming.body()?;
    require_actions_token(ctx)?;
    let seat = ctx.spend_seat().await?;
    let command = MoneyCommand::Capture { reservation_id, amount_micros: body.amount.map(Amount::micros) };
    let answer = ctx.call_tenant(&seat, Command::Money(command)).await?;
    Ok(Reply::json(200, &form_of(answer)?)?.no_store())
}

/// 1. The id, the body and the token: 400, 403. 2. Give it back; a repeat is the same: 404, 409. 3. Answer: 200.
async fn release(ctx: &Ctx) -> Result<Reply, Fault> {
    let reservation_id = ctx.path_id(ReservationId::parse)?;
    let body: ReleaseBody = ctx.incoming.body()?;
    require_actions_token(ctx)?;
    let seat = ctx.spend_seat().await?;
    let command = MoneyCommand::ReleaseReservation { reservation_id, reason: body.reason.map(Text::into_string) };
    let answer = ctx.call_tenant(&seat, Command::Money(command)).await?;
    Ok(Reply::json(200, &form_of(answer)?)?.no_store())
}
