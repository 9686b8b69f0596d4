//! Asking without spending: `/v1/spend-guard/estimate` and `/authorize` (contract identity-and-money 9).

use serde::{Deserialize, Serialize};

use super::request::{SpendBody, require_action, require_actions_token};
use crate::domain::form::Usd;
use crate::domain::limit::LimitClass;
use crate::domain::money::Micros;
use crate::domain::spend::{Reason, Remaining, SpendKind};
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Text;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::money::amount_or_price;
use crate::http::money::{AnyAmount, MerchantName, Quantity, UnitPrice, read_sum, require_usd};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::{Authorized, MoneyOutcome};
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/spend-guard/estimate" => estimate {
        name: "estimateSpend", summary: "What something would cost", access: Spend, class: Some(LimitClass::Money), body: Json,
        documented: true, request: EstimateBody, status: 200, response: Estimate, also: [403],
    }
    Post "/v1/spend-guard/authorize" => authorize {
        name: "authorizeSpend", summary: "Whether something would be allowed, and every reason against it", access: Spend,
        class: Some(LimitClass::Money), body: Json, documented: true, request: SpendBody, status: 200, response: Authorization, also: [403, 404, 503],
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = amount_or_price()))]
struct EstimateBody {
    kind: SpendKind,
    /// Minor units; or `quantity` with `unit_price`.
    amount: Option<AnyAmount>,
    quantity: Option<Quantity>,
    unit_price: Option<UnitPrice>,
    currency: Option<Text<1, 16>>,
    merchant: Option<MerchantName>,
    resource: Option<Text<1, 256>>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Estimate {
    kind: SpendKind,
    currency: Usd,
    merchant: Option<String>,
    resource: Option<String>,
    /// Minor units, rounded up.
    estimated_amount: u64,
    estimated_micros: u64,
    breakdown: Vec<Line>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Line {
    quantity: u64,
    unit_price: String,
    amount_micros: u64,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Authorization {
    decision: Decision,
    /// Every code against it once, in the order they would be told; which limits are exceeded shows in `remaining`.
    reasons: Vec<&'static str>,
    remaining: RemainingView,
    mandate_version: u64,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Decision {
    Allow,
    Deny,
    ApprovalRequired,
}

/// Minor units; null where there is no limit.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct RemainingView {
    per_transaction: Option<u64>,
    daily: Option<u64>,
    monthly: Option<u64>,
    total: Option<u64>,
    lease: Option<u64>,
    wallet: u64,
}

impl From<Remaining> for RemainingView {
    fn from(remaining: Remaining) -> Self {
        let minor = |amount: Option<Micros>| amount.map(Micros::minor);
        Self {
            per_transaction: minor(remaining.per_transaction),
            daily: minor(remaining.daily),
            monthly: minor(remaining.monthly),
            total: minor(remaining.total),
            lease: minor(remaining.lease),
            wallet: remaining.wallet.minor(),
        }
    }
}

/// 1. The body and the token: 400, 403. 2. Admit: 401, 429. 3. Reckon: 200.
async fn estimate(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: EstimateBody = ctx.incoming.body()?;
    require_actions_token(ctx)?;
    require_action(ctx, body.kind.action())?;
    require_usd(body.currency.as_ref(), "$")?;
    let sum = read_sum(body.amount, body.quantity, body.unit_price, "$")?;
    let seat = ctx.spend_seat().await?;
    ctx.call_tenant(&seat, Command::Admit).await?;
    let line = Line { quantity: sum.quantity, unit_price: sum.unit_price.to_fixed(6), amount_micros: sum.exact.get() };
    let reply = Estimate {
        kind: body.kind,
        currency: Usd,
        merchant: body.merchant.map(|merchant| merchant.into_merchant().name),
        resource: body.resource.map(Text::into_string),
        estimated_amount: sum.amount.minor(),
        estimated_micros: sum.exact.get(),
        breakdown: vec![line],
    };
    Ok(Reply::json(200, &reply)?.no_store())
}

/// 1. The body and the token: 400, 403. 2. Judge, changing nothing: 404. 3. Say how: 200.
async fn authorize(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: SpendBody = ctx.incoming.body()?;
    require_actions_token(ctx)?;
    let seat = ctx.spend_seat().await?;
    let request = body.into_request(ctx, &seat, "$")?;
    let answer = ctx.call_tenant(&seat, Command::Money(MoneyCommand::Authorize(request))).await?;
    let Outcome::Money(MoneyOutcome::Authorized(Authorized { reasons, approval_required, remaining, mandate_version })) = answer.outcome
    else {
        return Err(unexpected(&answer.outcome));
    };
    let decision = match (reasons.is_empty(), approval_required) {
        (false, _) => Decision::Deny,
        (true, true) => Decision::ApprovalRequired,
        (true, false) => Decision::Allow,
    };
    let reasons = Reason::codes(&reasons);
    Ok(Reply::json(200, &Authorization { decision, reasons, remaining: remaining.into(), mandate_version })?.no_store())
}
