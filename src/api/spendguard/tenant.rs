//! The tenant and its audit chain: `/v1/tenant`, `/v1/audit` (contract identity-and-money 13).

use serde::{Deserialize, Serialize};

use crate::domain::limit::LimitClass;
use crate::domain::plan::Plan;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::page::{self, Page};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::rule::any_given;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::{ActivityEntry, Outcome, Profile};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/v1/tenant" => show_tenant {
        name: "getTenant", summary: "The tenant", access: Management, class: Some(LimitClass::Admin), body: None, documented: true, status: 200,
        response: Tenant,
    }
    Patch "/v1/tenant" => change_tenant {
        name: "updateTenant", summary: "Change the name (owners) or the plan (operators)", access: Management, class: Some(LimitClass::Admin), body: Json,
        documented: true, request: TenantChange, status: 200, response: Tenant,
    }
    Get "/v1/audit" => list_audit {
        name: "listAudit", summary: "The audit chain, newest entry first", access: Management, class: Some(LimitClass::Admin), body: None, documented: true,
        status: 200, response: Page<AuditEntry>, query: [page::LIMIT, page::CURSOR],
    }
    Get "/v1/audit/verify" => verify_audit {
        name: "verifyAudit", summary: "Recompute the audit chain", access: Management, class: Some(LimitClass::Admin), body: None, documented: true,
        status: 200, response: AuditVerdict, query: [Query::whole("after_seq", 0, SEQ_MAX)],
    }
};

/// The highest number an entry can be asked for by.
const SEQ_MAX: u64 = 999_999_999_999_999;

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Tenant {
    tenant_id: String,
    slug: String,
    name: String,
    plan: &'static str,
    usage: Usage,
    created_at: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Usage {
    /// Agents that are not revoked.
    agents: u64,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = any_given(["name", "plan"])))]
struct TenantChange {
    name: Option<Text<1, 128>>,
    plan: Option<PlanName>,
}

#[derive(Deserialize, Clone, Copy)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum PlanName {
    Free,
    Starter,
    Professional,
    Enterprise,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct AuditEntry {
    seq: u64,
    at: String,
    actor: String,
    action: String,
    object: String,
    request_id: String,
    /// Money moved, and between which accounts; null in an entry that moves none. Part of what is hashed.
    amount_micros: Option<u64>,
    from: Option<String>,
    to: Option<String>,
    prev_hash: String,
    hash: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct AuditVerdict {
    valid: bool,
    /// Entries recomputed.
    entries: u64,
    head_hash: String,
    first_bad_seq: Option<u64>,
    /// The last entry recomputed; where it is not the chain's last, ask again with `after_seq`.
    verified_seq: u64,
    complete: bool,
}

impl From<Profile> for Tenant {
    fn from(profile: Profile) -> Self {
        Self {
            tenant_id: profile.tenant_uuid.to_string(),
            slug: profile.slug.as_str().to_owned(),
            name: profile.name,
            plan: profile.plan.as_str(),
            usage: Usage { agents: profile.agents },
            created_at: profile.created_at_ms.to_string(),
        }
    }
}

impl From<ActivityEntry> for AuditEntry {
    fn from(view: ActivityEntry) -> Self {
        let entry = view.entry;
        Self {
            seq: entry.seq,
            at: entry.at.to_string(),
            actor: entry.actor,
            action: entry.action,
            object: entry.object,
            request_id: entry.request_id,
            amount_micros: entry.amount_micros.map(|amount| amount.get()),
            from: entry.from.map(|account| account.to_string()),
            to: entry.to.map(|account| account.to_string()),
            prev_hash: view.prev_hash.to_string(),
            hash: view.hash.to_string(),
        }
    }
}

async fn show_profile(ctx: &Ctx, command: Command) -> Result<Reply, Fault> {
    let seat = ctx.management_seat().await?;
    match ctx.call_tenant(&seat, command).await?.outcome {
        Outcome::Profile(profile) => Ok(Reply::json(200, &Tenant::from(profile))?.no_store()),
        other => Err(unexpected(&other)),
    }
}

/// 1. Read: 200.
async fn show_tenant(ctx: &Ctx) -> Result<Reply, Fault> {
    show_profile(ctx, Command::Profile).await
}

/// 1. The body: 400. 2. Change: 403. 3. Answer: 200.
async fn change_tenant(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: TenantChange = ctx.incoming.body()?;
    if request.name.is_none() && request.plan.is_none() {
        return Err(Fault::field("$", "must name name or plan"));
    }
    let plan = request.plan.map(|plan| match plan {
        PlanName::Free => Plan::Free,
        PlanName::Starter => Plan::Starter,
        PlanName::Professional => Plan::Professional,
        PlanName::Enterprise => Plan::Enterprise,
    });
    show_profile(ctx, Command::UpdateTenant { name: request.name.map(Text::into_string), plan }).await
}

/// 1. The page: 400. 2. Read one more than it holds: 200.
async fn list_audit(ctx: &Ctx) -> Result<Reply, Fault> {
    let limit = ctx.page_limit()?;
    let before = ctx.page_cursor(read_whole)?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Activity { limit: limit + 1, before }).await?;
    let Outcome::Activity(entries) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let page = Page::cut(entries.into_iter().map(AuditEntry::from).collect(), limit, |entry| entry.seq.to_string());
    Ok(Reply::json(200, &page)?.no_store())
}

/// A plain whole number that an object can count to.
fn read_whole(text: &str) -> Option<u64> {
    let is_plain = (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// 1. `after_seq`: 400. 2. Walk the chain step by step, up to where it ended when the walk began, a bad entry, or as far as one
/// request goes. 3. Answer: 200.
async fn verify_audit(ctx: &Ctx) -> Result<Reply, Fault> {
    let after_seq = ctx.query_whole("after_seq").unwrap_or(0);
    let seat = ctx.management_seat().await?;
    let walked = ctx.walk_audit(&seat, after_seq).await?;
    let verdict = AuditVerdict {
        valid: walked.valid,
        entries: walked.entries,
        head_hash: walked.head_hash.to_string(),
        first_bad_seq: walked.first_bad_seq,
        verified_seq: walked.walked_seq,
        complete: walked.walked_seq >= walked.head_seq,
    };
    Ok(Reply::json(200, &verdict)?.no_store())
}
