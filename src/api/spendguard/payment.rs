//! Payments: `/v1/payments` (contract identity-and-money 8).

use serde::Deserialize;

use crate::crypto::token::ExecutionAudience;
use crate::domain::form::payment::PaymentForm;
use crate::domain::id::{MandateId, PaymentId, TenantUuid};
use crate::domain::limit::LimitClass;
use crate::domain::payment::{PaymentStatus, is_for_market};
use crate::domain::time::Timestamp;
use crate::http::context::Ctx;
use crate::http::credential::Credential;
use crate::http::fault::Fault;
use crate::http::field::{Metadata, Text};
use crate::http::lookup::id_in;
use crate::http::money::{Amount, MerchantName, require_usd};
use crate::http::page::{self, Page};
use crate::http::query::{Query, QueryKind};
use crate::http::refusal::{execution_token_required, token_scope_mismatch};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Answer, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::{MoneyCommand, PayRequest};
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;
use crate::store::order as orders;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/payments" => pay {
        name: "createPayment", summary: "Pay a merchant, by an execution token", access: Execution, class: Some(LimitClass::Money), body: Json,
        documented: true, request: PaymentBody, status: 201, response: PaymentForm, needs: [IdempotencyKey], also: [202, 402, 403, 404, 409, 503],
    }
    Get "/v1/payments" => list_payments {
        name: "listPayments", summary: "Payments, denied ones too, newest first", access: Management, class: Some(LimitClass::Money), body: None,
        documented: true, status: 200, response: Page<PaymentForm>, query: [
            page::LIMIT, page::CURSOR, Query::agent("agent_id"), Query::id("mandate_id", MandateId::PREFIX), Query::one_of("status", STATUSES),
            Query::new("merchant", QueryKind::Merchant), Query::time("created_from"), Query::time("created_to"),
        ], also: [404],
    }
    Get "/v1/payments/{id}" => show_payment {
        name: "getPayment", summary: "One payment", access: Spend, class: Some(LimitClass::Money), body: None, documented: true, status: 200,
        response: PaymentForm,
    }
};

/// What a list can be asked for.
const STATUSES: &[&str] = &["succeeded", "denied", "pending_approval", "expired", "failed"];

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct PaymentBody {
    /// The token's, if it is sent.
    mandate_id: Option<String>,
    /// Minor units.
    amount: Amount,
    currency: Text<1, 16>,
    merchant: MerchantName,
    description: Option<Text<0, 1024>>,
    metadata: Option<Metadata<16_384>>,
}

fn form_of(answer: Answer) -> Result<PaymentForm, Fault> {
    match answer.outcome {
        Outcome::Money(MoneyOutcome::Payment(form)) => Ok(*form),
        other => Err(unexpected(&other)),
    }
}

/// 1. The body and the token: 400, 403. 2. Pay, once: 402, 403, 409, each
/// written down. 3. Answer: 201, or 202 while a human has to decide.
async fn pay(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: PaymentBody = ctx.incoming.body()?;
    require_usd(Some(&body.currency), "$")?;
    let named = body.mandate_id.map(|id| id_in(&id, "$.mandate_id", MandateId::parse)).transpose()?;
    match &*ctx.credential() {
        Credential::Execution(execution) => {
            let fits = execution.audience == ExecutionAudience::Payments;
            if !fits || named.is_some_and(|id| id != execution.rights.mandate_id) {
                return Err(token_scope_mismatch().in_body());
            }
        }
        _ => return Err(execution_token_required()),
    }
    let seat = ctx.spend_seat().await?;
    let request = PayRequest {
        amount: body.amount.micros(),
        merchant: body.merchant.into_merchant(),
        description: body.description.map(Text::into_string),
        metadata: body.metadata.unwrap_or_default().into_map(),
    };
    let form = form_of(ctx.call_tenant(&seat, Command::Money(MoneyCommand::Pay(request))).await?)?;
    if form.status == PaymentStatus::Succeeded && is_for_market(&form.merchant) {
        note_market_payment(ctx, seat.tenant, form.id).await;
    }
    let status = if form.status == PaymentStatus::PendingApproval { 202 } else { 201 };
    let location = format!("/v1/payments/{}", form.id);
    Ok(Reply::json(status, &form)?.no_store().with_header("Location", location))
}

/// Notes with whom it lies, so that the order it is for can be paid with it at once. What is not noted here follows from its event.
async fn note_market_payment(ctx: &Ctx, tenant: TenantUuid, id: PaymentId) {
    if let Err(fault) = ctx.with_database(async |database| orders::put_payment(database, tenant, id).await).await {
        ctx.note_cause(&format!("a payment's place waits for its event: {}", fault.detail));
    }
}

/// 1. Page and filters: 400, 404. 2. Read one more than the page holds: 200.
async fn list_payments(ctx: &Ctx) -> Result<Reply, Fault> {
    let (limit, page) = ctx.page_of(PaymentId::parse)?;
    let mandate_id = ctx.filter("mandate_id", |id| MandateId::parse(id).ok())?;
    let status = ctx.filter("status", PaymentStatus::parse)?;
    let merchant = ctx.filter("merchant", |name| MerchantName::parse(name).ok())?.map(|name| name.into_merchant().key);
    let time = |name: &str| ctx.filter(name, |text| Timestamp::parse(text).ok());
    let (created_from, created_to) = (time("created_from")?, time("created_to")?);
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.agent_filter("agent_id", &seat)?;
    let command = MoneyCommand::ListPayments { page, agent_id, mandate_id, status, merchant, created_from, created_to };
    let answer = ctx.call_tenant(&seat, Command::Money(command)).await?;
    let Outcome::Money(MoneyOutcome::Payments(forms)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Reply::json(200, &Page::cut(forms, limit, |form| form.id.to_string()))?.no_store())
}

/// 1. The id: 400. 2. Read; a token sees its own agent's: 404. 3. Answer: 200.
async fn show_payment(ctx: &Ctx) -> Result<Reply, Fault> {
    let payment_id = ctx.path_id(PaymentId::parse)?;
    let seat = ctx.spend_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Money(MoneyCommand::GetPayment { payment_id })).await?;
    Ok(Reply::json(200, &form_of(answer)?)?.no_store())
}
