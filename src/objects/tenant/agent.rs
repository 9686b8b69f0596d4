//! Agents of the tenant, as far as keys and wallets need them.
//!
//! Invariant: agents that are not revoked never exceed the plan's limit at the moment one is added, whichever door adds
//! it; a wallet is at most one agent that is not revoked.

use serde_json::{Map, Value};

use super::desk::{Desk, Done, Step, read_as, read_json, read_optional_as, read_optional_time, read_time};
use super::identity::command::AgentDraft;
use super::identity::record;
use super::outcome::{AgentView, Outcome};
use super::refusal::{Refusal, Thing};
use crate::domain::address::LoginAddress;
use crate::domain::agent::AgentStatus;
use crate::domain::id::AgentId;
use crate::domain::scope::Scopes;
use crate::domain::trust::DEPTH_MAX;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    READ = "SELECT id, label, login, status, metadata, created_at_ms, expires_at_ms FROM agent WHERE id = ?1";
    READ_BY_LOGIN = "SELECT id, label, login, status, metadata, created_at_ms, expires_at_ms FROM agent
        WHERE login = ?1 AND status <> 'revoked'";
    LIST = "SELECT id, label, login, status, metadata, created_at_ms, expires_at_ms FROM agent ORDER BY id DESC LIMIT +?1";
    COUNT = "SELECT count(*) FROM agent WHERE status <> 'revoked' AND (expires_at_ms IS NULL OR expires_at_ms > ?1)";
    READ_STANDING = "SELECT status, scopes, parent_id, expires_at_ms FROM agent WHERE id = ?1";
    READ_TRUST = "SELECT trust_thousandths FROM agent WHERE id = ?1";
}

/// Agents that are not revoked.
pub(super) fn count(desk: &Desk<'_>) -> Step<u64> {
    Ok(desk.sql.first(COUNT, params![desk.now.as_ms()])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?)
}

/// Refuses when the plan has no room for one more agent.
pub(super) fn check_room(desk: &Desk<'_>) -> Step<()> {
    let plan = desk.caller.plan;
    let Some(limit) = plan.agents_max() else {
        return Ok(());
    };
    let current = count(desk)?;
    if current < limit { Ok(()) } else { Err(Refusal::PlanLimitExceeded { limit, current, plan }.into()) }
}

/// Adds an agent that came by another door than `/v1`; the caller has checked that there is room.
pub(super) fn register(desk: &mut Desk<'_>, label: &str, address: Option<&LoginAddress>, metadata: &Map<String, Value>) -> Step<AgentView> {
    let draft = AgentDraft { display_name: label.to_owned(), metadata: metadata.clone(), ..AgentDraft::default() };
    Ok(record::register(desk, &draft, address)?.into())
}

/// The agent of this id, revoked ones included.
pub(super) fn find(desk: &Desk<'_>, agent_id: AgentId) -> Step<AgentView> {
    match desk.sql.first(READ, params![agent_id.to_string()])? {
        Some(row) => Ok(read_view(desk, &row)?),
        None => Err(Refusal::NotFound(Thing::Agent).into()),
    }
}

/// Whether an agent may act; its scopes, and after them those of the agents it comes from, the nearest first.
pub(super) fn read_standing(desk: &Desk<'_>, agent_id: AgentId) -> Step<(AgentStatus, Vec<Scopes>)> {
    let read = |id: &str| desk.sql.first(READ_STANDING, params![id]);
    let mut row = read(&agent_id.to_string())?.ok_or(Refusal::NotFound(Thing::Agent))?;
    let status = read_status(desk, &row, 0, 3)?;
    let mut lineage = vec![read_json(&row, 1, "not scopes")?];
    while lineage.len() as u64 <= DEPTH_MAX {
        let Some(parent) = row.optional_text(2)?.map(read).transpose()?.flatten() else { break };
        lineage.push(read_json(&parent, 1, "not scopes")?);
        row = parent;
    }
    Ok((status, lineage))
}

/// An agent's status: once its time is over it is revoked, whether or not that has been written down.
fn read_status(desk: &Desk<'_>, row: &Row, status: usize, expires_at: usize) -> Result<AgentStatus, SqlError> {
    match read_optional_time(row, expires_at)? {
        Some(at) if at <= desk.now => Ok(AgentStatus::Revoked),
        Some(_) | None => read_as(row, status, AgentStatus::parse, "not an agent status"),
    }
}

/// An agent's trust score, in thousandths.
pub(super) fn read_trust_thousandths(desk: &Desk<'_>, agent_id: AgentId) -> Step<u64> {
    Ok(desk.sql.first(READ_TRUST, params![agent_id.to_string()])?.ok_or(Refusal::NotFound(Thing::Agent))?.unsigned(0)?)
}

/// The agent this wallet is, if it is one.
pub(super) fn find_by_login(desk: &Desk<'_>, address: &LoginAddress) -> Step<Option<AgentView>> {
    Ok(desk.sql.first(READ_BY_LOGIN, params![address.as_str()])?.map(|row| read_view(desk, &row)).transpose()?)
}

/// At most `limit` agents, newest first, revoked ones included.
pub(super) fn read_latest(desk: &Desk<'_>, limit: u64) -> Step<Vec<AgentView>> {
    let rows = desk.sql.run(LIST, params![limit])?;
    Ok(rows.iter().map(|row| read_view(desk, row)).collect::<Result<_, SqlError>>()?)
}

fn read_view(desk: &Desk<'_>, row: &Row) -> Result<AgentView, SqlError> {
    Ok(AgentView {
        agent_id: read_as(row, 0, |text| AgentId::parse(text).ok(), "not an agent id")?,
        label: row.text(1)?.to_owned(),
        address: read_optional_as(row, 2, |text| LoginAddress::parse(text).ok(), "not an address")?,
        status: read_status(desk, row, 3, 6)?,
        metadata: read_json(row, 4, "not metadata")?,
        created_at_ms: read_time(row, 5)?,
    })
}

/// Suspends, activates or revokes. A repeat answers the same; revoked is final, and its keys are dead from now on.
pub(super) fn set_status(desk: &mut Desk<'_>, agent_id: AgentId, status: AgentStatus) -> Step<Done> {
    Ok(Outcome::Agent(record::set_status(desk, agent_id, status, None)?.into()).into())
}
