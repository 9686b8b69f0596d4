//! What was decided and spent: `/v1/spend-guard/usage/summary` (contract identity-and-money 9), and whether the books are
//! right: `/v1/ledger/reconciliation` (14).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::form::Usd;
use crate::domain::id::MandateId;
use crate::domain::limit::LimitClass;
use crate::domain::time::{DAY_MS, Timestamp};
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::{MoneyOutcome, UsageSummary};
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/v1/spend-guard/usage/summary" => summarize {
        name: "summarizeUsage", summary: "What was decided, held and spent in a time", access: Management, class: Some(LimitClass::Money),
        body: None, documented: true, status: 200, response: Summary, query: [Query::time("from"), Query::time("to"), Query::agent("agent_id"), Query::id("mandate_id", MandateId::PREFIX)], also: [404],
    }
    Get "/v1/ledger/reconciliation" => reconcile {
        name: "reconcileLedger", summary: "Every balance beside what its entries add up to", access: Management, class: Some(LimitClass::Money),
        body: None, documented: true, status: 200, response: Reconciliation,
    }
};

/// The time looked at when nothing is said, and the longest.
const DAYS: u64 = 30;
const DAYS_MAX: u64 = 366;

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Summary {
    from: String,
    to: String,
    currency: Usd,
    /// Those that left no reservation are counted by the minute.
    decisions: Decisions,
    reservations: Reservations,
    /// That succeeded.
    payments: u64,
    amounts: Amounts,
    /// Captured reservations.
    by_kind: BTreeMap<&'static str, OfKind>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Decisions {
    allow: u64,
    deny: u64,
    approval_required: u64,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Reservations {
    reserved: u64,
    captured: u64,
    released: u64,
    expired: u64,
}

/// Minor units, rounded down.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Amounts {
    reserved: u64,
    captured: u64,
    released: u64,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct OfKind {
    count: u64,
    amount: u64,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Reconciliation {
    equal: bool,
    accounts: Vec<AccountView>,
    entries: u64,
    head_hash: String,
    as_of: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct AccountView {
    account: String,
    /// The outside world is below zero.
    recorded_micros: i64,
    recomputed_micros: i64,
}

/// 1. The time and the filters: 400, 404. 2. Add up: 200.
async fn summarize(ctx: &Ctx) -> Result<Reply, Fault> {
    let time = |name: &str| ctx.filter(name, |text| Timestamp::parse(text).ok());
    let to = time("to")?.unwrap_or(ctx.now);
    let from = time("from")?.unwrap_or(to.minus_ms(DAYS * DAY_MS));
    if from > to || to.since_ms(from) > DAYS_MAX * DAY_MS {
        return Err(Fault::field("from", "must lie before to, at most 366 days"));
    }
    let mandate_id = ctx.filter("mandate_id", |id| MandateId::parse(id).ok())?;
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.agent_filter("agent_id", &seat)?;
    // Whole milliseconds: what was asked for in the last one counts.
    let command = MoneyCommand::SummarizeUsage { from, to: to.plus_ms(1), agent_id, mandate_id };
    let answer = ctx.call_tenant(&seat, Command::Money(command)).await?;
    let Outcome::Money(MoneyOutcome::Usage(usage)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    Ok(Reply::json(200, &show(&usage, from, to))?.no_store())
}

fn show(usage: &UsageSummary, from: Timestamp, to: Timestamp) -> Summary {
    let by_kind = usage.by_kind.iter().map(|(kind, count, sum)| (kind.as_str(), OfKind { count: *count, amount: *sum }));
    Summary {
        from: from.to_string(),
        to: to.to_string(),
        currency: Usd,
        decisions: Decisions { allow: usage.allowed, deny: usage.denied, approval_required: usage.approval_required },
        reservations: Reservations { reserved: usage.reserved, captured: usage.captured, released: usage.released, expired: usage.expired },
        payments: usage.payments,
        amounts: Amounts { reserved: usage.minor_reserved, captured: usage.minor_captured, released: usage.minor_released },
        by_kind: by_kind.collect(),
    }
}

/// 1. Recompute every balance from its entries: 200.
async fn reconcile(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Reconcile).await?;
    let Outcome::Reconciled(found) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let accounts = found.accounts.iter().map(|check| AccountView {
        account: check.account.to_string(),
        recorded_micros: check.recorded_micros,
        recomputed_micros: check.recomputed_micros,
    });
    let reply = Reconciliation {
        equal: found.equal,
        accounts: accounts.collect(),
        entries: found.entries,
        head_hash: found.head_hash.to_string(),
        as_of: ctx.now.to_string(),
    };
    Ok(Reply::json(200, &reply)?.no_store())
}
