//! What the objects' events make of the book of record.
//!
//! Invariant: the events of a tenant are applied once and in order, whatever the queue does: each batch names the event
//! it follows, and only the batch that follows `projected_seq` is applied, in one transaction that moves it.

use serde::Deserialize;

use super::{Bind, Bound, Database, StoreError, market, order};
use crate::domain::agent::AgentStatus;
use crate::domain::form::order::ReviewForm;
use crate::domain::form::profile::ProfileForm;
use crate::domain::form::service::ServiceForm;
use crate::{binds, statements};

statements! {
    READ_SEQ = "SELECT projected_seq FROM tenants WHERE tenant_uuid = ?1";
    PUT_AGENT = "INSERT INTO agents (agent_id, tenant_uuid, label, wallet_address, status, created_at_ms) SELECT ?3, ?1, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2) ON CONFLICT (agent_id) DO UPDATE SET label = excluded.label, wallet_address = excluded.wallet_address, status = excluded.status";
    COUNT_AGENTS = "UPDATE tenants SET agents = agents + ?3 WHERE tenant_uuid = ?1 AND projected_seq = ?2";
    COUNT_ALL_AGENTS = "UPDATE totals SET agents = agents + ?3 WHERE EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    COUNT_TENANT = "UPDATE totals SET tenants = tenants + 1 WHERE EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    COUNT_QUERIES = "INSERT INTO query_hours (hour, queries) SELECT ?3, ?4 WHERE EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2) ON CONFLICT (hour) DO UPDATE SET queries = queries + excluded.queries";
    PUT_MEMBER = "INSERT INTO memberships (user_id, tenant_uuid, role, created_at_ms) SELECT ?3, ?1, ?4, ?5 WHERE EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2) ON CONFLICT (user_id, tenant_uuid) DO UPDATE SET role = excluded.role";
    DROP_MEMBER = "DELETE FROM memberships WHERE user_id = ?3 AND tenant_uuid = ?1 AND EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    SET_PROFILE = "UPDATE tenants SET name = ?3, plan = ?4 WHERE tenant_uuid = ?1 AND projected_seq = ?2";
    MOVE_SEQ = "UPDATE tenants SET projected_seq = ?3 WHERE tenant_uuid = ?1 AND projected_seq = ?2";
    COUNT_ALL_MEMORY = "UPDATE totals SET observations = observations + (?2 - (SELECT observations FROM tenants WHERE tenant_uuid = ?1)), open_sessions = open_sessions + (?3 - (SELECT open_sessions FROM tenants WHERE tenant_uuid = ?1)) WHERE EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND counted_at_ms < ?4)";
    COUNT_MEMORY = "UPDATE tenants SET observations = ?2, open_sessions = ?3, counted_at_ms = ?4 WHERE tenant_uuid = ?1 AND counted_at_ms < ?4";
}

/// One change of the book of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Tenant,
    TenantProfile {
        name: String,
        plan: String,
    },
    Agent {
        agent_id: String,
        label: String,
        wallet_address: Option<String>,
        status: String,
        created_at_ms: u64,
        is_new: bool,
        is_revoked: bool,
    },
    Queries {
        hour: u64,
        count: u64,
    },
    Member {
        user_id: String,
        role: String,
        added_at_ms: u64,
    },
    MemberGone {
        user_id: String,
    },
    /// As its buyer lists it, in JSON.
    Order {
        order_id: String,
        client_wallet: String,
        version: u64,
        form: String,
    },
    /// One to the marketplace has succeeded.
    MarketPayment {
        payment_id: String,
    },
    Profile(Box<ProfileForm>),
    Service(Box<ServiceForm>),
    Ordered {
        service_id: String,
    },
    Completed {
        service_id: String,
    },
    Reviewed(Box<ReviewForm>),
}

/// Where the batch stands to what was applied before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Now, or at an earlier delivery.
    Done,
    /// What follows `projected_seq` is missing; nothing is known of a tenant without one.
    TooEarly { projected_seq: Option<u64> },
}

/// Applies a tenant's changes that follow `after_seq` and end at `upto_seq`.
pub async fn apply(
    database: Database<'_>,
    tenant: &str,
    after_seq: u64,
    upto_seq: u64,
    changes: Vec<Change>,
) -> Result<Applied, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        projected_seq: u64,
    }
    let Some(row) = database.first::<Row>(READ_SEQ, binds![tenant]).await? else { return Ok(Applied::TooEarly { projected_seq: None }) };
    if row.projected_seq >= upto_seq {
        return Ok(Applied::Done);
    }
    if row.projected_seq != after_seq {
        return Ok(Applied::TooEarly { projected_seq: Some(row.projected_seq) });
    }
    let mut statements: Vec<Bound> = changes.into_iter().flat_map(|change| statements_of(change, tenant, after_seq)).collect();
    statements.push((MOVE_SEQ, binds![tenant, after_seq, upto_seq]));
    // Another batch that follows the same event may have come in between; how far that one went is seen at the next try.
    let moved = database.batch(statements).await?;
    Ok(if moved == 1 { Applied::Done } else { Applied::TooEarly { projected_seq: None } })
}

fn statements_of(change: Change, tenant: &str, after_seq: u64) -> Vec<Bound> {
    let guarded = |mut values: Vec<Bind>| {
        let mut all = binds![tenant, after_seq];
        all.append(&mut values);
        all
    };
    match change {
        Change::Tenant => vec![(COUNT_TENANT, guarded(Vec::new()))],
        Change::TenantProfile { name, plan } => vec![(SET_PROFILE, guarded(binds![name, plan]))],
        Change::Agent { agent_id, label, wallet_address, status, created_at_ms, is_new, is_revoked } => {
            let shows = market::show_agent(tenant, after_seq, &agent_id, status == AgentStatus::Active.as_str());
            let mut statements = shows;
            statements.push((PUT_AGENT, guarded(binds![agent_id, label, wallet_address, status, created_at_ms])));
            if is_new || is_revoked {
                let change = if is_new { Bind::Integer(1) } else { Bind::Negative(1) };
                let same = if is_new { Bind::Integer(1) } else { Bind::Negative(1) };
                statements.push((COUNT_AGENTS, guarded(vec![change])));
                statements.push((COUNT_ALL_AGENTS, guarded(vec![same])));
            }
            statements
        }
        Change::Queries { hour, count } => vec![(COUNT_QUERIES, guarded(binds![hour, count]))],
        Change::Member { user_id, role, added_at_ms } => vec![(PUT_MEMBER, guarded(binds![user_id, role, added_at_ms]))],
        // Its version guards it, whatever comes between.
        Change::Order { order_id, client_wallet, version, form } => {
            vec![order::put_statement(tenant, &order_id, &client_wallet, version, form)]
        }
        Change::MarketPayment { payment_id } => vec![order::put_payment_statement(tenant, &payment_id)],
        Change::MemberGone { user_id } => vec![(DROP_MEMBER, guarded(binds![user_id]))],
        Change::Profile(form) => market::put_profile(tenant, &form),
        Change::Service(form) => market::put_service(tenant, &form),
        Change::Ordered { service_id } => market::count_order(tenant, after_seq, &service_id),
        Change::Completed { service_id } => market::count_completed(tenant, after_seq, &service_id),
        Change::Reviewed(form) => market::put_review(tenant, after_seq, &form),
    }
}

/// Notes how much a tenant remembers, unless a later count is known.
pub async fn count_memory(
    database: Database<'_>,
    tenant: &str,
    observations: u64,
    open_sessions: u64,
    at_ms: u64,
) -> Result<(), StoreError> {
    let values = || binds![tenant, observations, open_sessions, at_ms];
    database.batch(vec![(COUNT_ALL_MEMORY, values()), (COUNT_MEMORY, values())]).await.map(drop)
}
