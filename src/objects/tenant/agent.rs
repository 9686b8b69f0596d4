//! Agents of the tenant, as far as keys and wallets need them.
//!
//! Invariant: agents that are not revoked never exceed the plan's limit at the moment one is added, whichever door adds
//! it; a wallet is at most one agent that is not revoked.

use serde_json::{Map, Value};

use super::agent_key;
use super::desk::{Desk, Done, Step, read_as, read_json, read_optional_as, read_time};
use super::money;
use super::outcome::{AgentView, Outcome};
use super::refusal::{Refusal, Thing};
use crate::domain::address::LoginAddress;
use crate::domain::agent::AgentStatus;
use crate::domain::event::Action;
use crate::domain::id::AgentId;
use crate::domain::scope::Scopes;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO agent (id, label, login, status, metadata, created_at_ms) VALUES (?1, ?2, ?3, 'active', ?4, ?5)";
    READ = "SELECT id, label, login, status, metadata, created_at_ms FROM agent WHERE id = ?1";
    READ_BY_LOGIN = "SELECT id, label, login, status, metadata, created_at_ms FROM agent WHERE login = ?1 AND status <> 'revoked'";
    LIST = "SELECT id, label, login, status, metadata, created_at_ms FROM agent ORDER BY id DESC LIMIT +?1";
    COUNT = "SELECT count(*) FROM agent WHERE status <> 'revoked'";
    READ_STANDING = "SELECT status, scopes FROM agent WHERE id = ?1";
    READ_TRUST = "SELECT trust_thousandths FROM agent WHERE id = ?1";
    SET_STATUS = "UPDATE agent SET status = ?2 WHERE id = ?1";
}

/// Agents that are not revoked.
pub(super) fn count(desk: &Desk<'_>) -> Step<u64> {
    Ok(desk.sql.first(COUNT, &[])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?)
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

/// Adds an agent; the caller has checked that there is room.
pub(super) fn register(desk: &mut Desk<'_>, label: &str, address: Option<&LoginAddress>, metadata: &Map<String, Value>) -> Step<AgentView> {
    let agent_id = AgentId::new(desk.now, desk.entropy);
    let (id, login) = (agent_id.to_string(), address.map(LoginAddress::as_str));
    desk.sql.run(WRITE, params![id.as_str(), label, login, serde_json::to_string(metadata)?, desk.now.as_ms()])?;
    let view = AgentView {
        agent_id,
        label: label.to_owned(),
        address: address.cloned(),
        status: AgentStatus::Active,
        metadata: Value::Object(metadata.clone()),
        created_at_ms: desk.now,
    };
    agent_key::begin(desk, agent_id)?;
    desk.record(Action::AgentRegistered, &id, None, &view)?;
    Ok(view)
}

/// The agent of this id, revoked ones included.
pub(super) fn find(desk: &Desk<'_>, agent_id: AgentId) -> Step<AgentView> {
    match desk.sql.first(READ, params![agent_id.to_string()])? {
        Some(row) => Ok(read_view(&row)?),
        None => Err(Refusal::NotFound(Thing::Agent).into()),
    }
}

/// Whether an agent may act, and what its own scopes forbid.
pub(super) fn read_standing(desk: &Desk<'_>, agent_id: AgentId) -> Step<(AgentStatus, Scopes)> {
    let row = desk.sql.first(READ_STANDING, params![agent_id.to_string()])?.ok_or(Refusal::NotFound(Thing::Agent))?;
    Ok((read_as(&row, 0, AgentStatus::parse, "not an agent status")?, read_json(&row, 1, "not scopes")?))
}

/// An agent's trust score, in thousandths.
pub(super) fn read_trust_thousandths(desk: &Desk<'_>, agent_id: AgentId) -> Step<u64> {
    Ok(desk.sql.first(READ_TRUST, params![agent_id.to_string()])?.ok_or(Refusal::NotFound(Thing::Agent))?.unsigned(0)?)
}

/// The agent this wallet is, if it is one.
pub(super) fn find_by_login(desk: &Desk<'_>, address: &LoginAddress) -> Step<Option<AgentView>> {
    Ok(desk.sql.first(READ_BY_LOGIN, params![address.as_str()])?.map(|row| read_view(&row)).transpose()?)
}

/// At most `limit` agents, newest first, revoked ones included.
pub(super) fn read_latest(desk: &Desk<'_>, limit: u64) -> Step<Vec<AgentView>> {
    let rows = desk.sql.run(LIST, params![limit])?;
    Ok(rows.iter().map(read_view).collect::<Result<_, SqlError>>()?)
}

fn read_view(row: &Row) -> Result<AgentView, SqlError> {
    Ok(AgentView {
        agent_id: read_as(row, 0, |text| AgentId::parse(text).ok(), "not an agent id")?,
        label: row.text(1)?.to_owned(),
        address: read_optional_as(row, 2, |text| LoginAddress::parse(text).ok(), "not an address")?,
        status: read_as(row, 3, AgentStatus::parse, "not an agent status")?,
        metadata: read_json(row, 4, "not metadata")?,
        created_at_ms: read_time(row, 5)?,
    })
}

/// Suspends, activates or revokes. A repeat answers the same; revoked is final, and its keys are dead from now on.
pub(super) fn set_status(desk: &mut Desk<'_>, agent_id: AgentId, status: AgentStatus) -> Step<Done> {
    let mut view = find(desk, agent_id)?;
    if !view.status.may_become(status) {
        return Err(Refusal::AgentRevoked.into());
    }
    if view.status != status {
        let id = agent_id.to_string();
        desk.sql.run(SET_STATUS, params![id.as_str(), status.as_str()])?;
        view.status = status;
        let action = match status {
            AgentStatus::Active => Action::AgentActivated,
            AgentStatus::Suspended => Action::AgentSuspended,
            AgentStatus::Revoked => Action::AgentRevoked,
        };
        desk.record(action, &id, None, &view)?;
        if status == AgentStatus::Revoked {
            money::end_agent(desk, agent_id)?;
        }
    }
    Ok(Outcome::Agent(view).into())
}
