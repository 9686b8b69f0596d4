//! Budget leases: `/v1/spend-guard/budget-leases` (contract identity-and-money 10).

use serde::Deserialize;

use super::request::{require_action, require_actions_token};
use crate::domain::form::lease::LeaseForm;
use crate::domain::id::{LeaseId, MandateId};
use crate::domain::lease::LeaseStatus;
use crate::domain::limit::LimitClass;
use crate::domain::spend::SpendAction;
use crate::domain::time::Timestamp;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Text, Whole};
use crate::http::lookup::{agent_in, id_in};
use crate::http::money::{Amount, AnyAmount, Expiry, MerchantName, read_merchants, require_usd};
use crate::http::page::{self, Page};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::rule::{absent, either, given};
use crate::http::tenant::{Answer, Seat, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::{LeaseRequest, LeaseSource, MoneyCommand};
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/spend-guard/budget-leases" => grant_lease {
        name: "createBudgetLease", summary: "Lend part of a budget to a child agent", access: Spend, class: Some(LimitClass::Money), body: Json,
        documented: true, request: LeaseBody, status: 201, response: LeaseForm, also: [402, 403, 404, 409, 503],
    }
    Get "/v1/spend-guard/budget-leases" => list_leases {
        name: "listBudgetLeases", summary: "Budget leases, newest first", access: Management, class: Some(LimitClass::Money), body: None,
        documented: true, status: 200, response: Page<LeaseForm>, query: [
            page::LIMIT, page::CURSOR, Query::agent("parent_agent_id"), Query::agent("child_agent_id"), Query::id("mandate_id", MandateId::PREFIX),
            Query::one_of("status", STATUSES),
        ], also: [404],
    }
    Get "/v1/spend-guard/budget-leases/{id}" => show_lease {
        name: "getBudgetLease", summary: "One budget lease", access: Management, class: Some(LimitClass::Money), body: None, documented: true,
        status: 200, response: LeaseForm,
    }
    Post "/v1/spend-guard/budget-leases/{id}/release" => release_lease {
        name: "releaseBudgetLease", summary: "Give back what a lease has not spent", access: Management, class: Some(LimitClass::Money),
        body: Json, documented: true, status: 200, response: LeaseForm, also: [409],
    }
    Post "/v1/spend-guard/budget-leases/{id}/revoke" => revoke_lease {
        name: "revokeBudgetLease", summary: "Take a lease back, with all below it", access: Management, class: Some(LimitClass::Money),
        body: Json, documented: true, status: 200, response: LeaseForm,
    }
};

/// What a list can be asked for.
const STATUSES: &[&str] = &["active", "exhausted", "released", "revoked", "expired"];

/// The longest a lease is asked for by seconds: ten years.
const TTL_S_MAX: u64 = 315_360_000;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = either([vec![given("mandate_id"), absent("parent_lease_id")], vec![absent("mandate_id"), given("parent_lease_id")]])))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = either([vec![absent("expires_at")], vec![absent("ttl_seconds")]])))]
struct LeaseBody {
    child_agent_id: String,
    /// A root lease; or `parent_lease_id`.
    mandate_id: Option<String>,
    parent_lease_id: Option<String>,
    /// Minor units.
    amount: Amount,
    currency: Option<Text<1, 16>>,
    per_transaction_limit: Option<AnyAmount>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(max = 200)))]
    allowed_merchants: Option<Vec<MerchantName>>,
    allowed_actions: Option<Vec<SpendAction>>,
    expires_at: Option<Expiry>,
    /// Or `expires_at`.
    ttl_seconds: Option<Whole<1, TTL_S_MAX>>,
}

impl LeaseBody {
    fn into_request(self, ctx: &Ctx, seat: &Seat) -> Result<LeaseRequest, Fault> {
        require_usd(self.currency.as_ref(), "$")?;
        let child_agent_id = agent_in(&self.child_agent_id, "$.child_agent_id", seat)?;
        let source = match (self.mandate_id, self.parent_lease_id) {
            (Some(id), None) => LeaseSource::Mandate(id_in(&id, "$.mandate_id", MandateId::parse)?),
            (None, Some(id)) => LeaseSource::Lease(id_in(&id, "$.parent_lease_id", LeaseId::parse)?),
            (None, None) => return Err(Fault::field("$.mandate_id", "is required, or parent_lease_id")),
            (Some(_), Some(_)) => return Err(Fault::field("$.parent_lease_id", "excludes mandate_id: a lease has one source")),
        };
        let expires_at = match (self.expires_at, self.ttl_seconds) {
            (Some(_), Some(_)) => return Err(Fault::field("$.ttl_seconds", "excludes expires_at")),
            (Some(expiry), None) => Some(expiry.in_future("$.expires_at", ctx.now)?),
            (None, ttl) => ttl.map(|ttl| Timestamp::plus_s(ctx.now, ttl.get())),
        };
        let actions = self.allowed_actions.map(|mut actions| {
            actions.sort_unstable();
            actions.dedup();
            actions
        });
        Ok(LeaseRequest {
            source,
            child_agent_id,
            amount: self.amount.micros(),
            per_transaction: self.per_transaction_limit.map(AnyAmount::micros),
            merchants: self.allowed_merchants.map(|names| read_merchants(names, "$.allowed_merchants")).transpose()?,
            actions,
            expires_at,
        })
    }
}

fn form_of(answer: Answer) -> Result<LeaseForm, Fault> {
    match answer.outcome {
        Outcome::Money(MoneyOutcome::Lease(form)) => Ok(*form),
        other => Err(unexpected(&other)),
    }
}

/// 1. The body and the token: 400, 403. 2. Lend: 402, 403, 404, 409. 3. Answer: 201.
async fn grant_lease(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: LeaseBody = ctx.incoming.body()?;
    require_actions_token(ctx)?;
    require_action(ctx, SpendAction::Delegation)?;
    let seat = ctx.spend_seat().await?;
    let request = body.into_request(ctx, &seat)?;
    let form = form_of(ctx.call_tenant(&seat, Command::Money(MoneyCommand::GrantLease(request))).await?)?;
    let location = format!("/v1/spend-guard/budget-leases/{}", form.id);
    Ok(Reply::json(201, &form)?.no_store().with_header("Location", location))
}

/// 1. Page and filters: 400, 404. 2. Read one more than the page holds: 200.
async fn list_leases(ctx: &Ctx) -> Result<Reply, Fault> {
    let (limit, page) = ctx.page_of(LeaseId::parse)?;
    let mandate_id = ctx.filter("mandate_id", |id| MandateId::parse(id).ok())?;
    let status = ctx.filter("status", LeaseStatus::parse)?;
    let seat = ctx.management_seat().await?;
    let parent_agent_id = ctx.agent_filter("parent_agent_id", &seat)?;
    let child_agent_id = ctx.agent_filter("child_agent_id", &seat)?;
    let command = MoneyCommand::ListLeases { page, parent_agent_id, child_agent_id, mandate_id, status };
    let answer = ctx.call_tenant(&seat, Command::Money(command)).await?;
    let Outcome::Money(MoneyOutcome::Leases(forms)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Reply::json(200, &Page::cut(forms, limit, |form| form.id.to_string()))?.no_store())
}

/// Does one thing to the lease of the path.
async fn with_lease(ctx: &Ctx, command: impl FnOnce(LeaseId) -> MoneyCommand) -> Result<Reply, Fault> {
    let lease_id = ctx.path_id(LeaseId::parse)?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Money(command(lease_id))).await?;
    Ok(Reply::json(200, &form_of(answer)?)?.no_store())
}

/// 1. The id: 400. 2. Read: 404. 3. Answer: 200.
async fn show_lease(ctx: &Ctx) -> Result<Reply, Fault> {
    with_lease(ctx, |lease_id| MoneyCommand::GetLease { lease_id }).await
}

/// 1. The id: 400. 2. Return what is unspent and unheld; a repeat is the same: 404, 409. 3. Answer: 200.
async fn release_lease(ctx: &Ctx) -> Result<Reply, Fault> {
    ctx.incoming.body_value()?;
    with_lease(ctx, |lease_id| MoneyCommand::ReleaseLease { lease_id }).await
}

/// 1. The id: 400. 2. End it with all below it; a repeat is the same: 404. 3. Answer: 200.
async fn revoke_lease(ctx: &Ctx) -> Result<Reply, Fault> {
    ctx.incoming.body_value()?;
    with_lease(ctx, |lease_id| MoneyCommand::RevokeLease { lease_id }).await
}
