//! Delegations in the store, and what accepting one does to the receiver and all below it.

use std::collections::BTreeMap;

use super::super::agent;
use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::super::refusal::{Refusal, Thing};
use super::outcome::ProofOutcome;
use super::refusal::ProofRefusal;
use crate::domain::agent::{AgentStatus, spell_maip};
use crate::domain::delegation::{DelegationStatus, place_under};
use crate::domain::event::Action;
use crate::domain::form::delegation::DelegationForm;
use crate::domain::id::{AgentId, DelegationId};
use crate::domain::scope::Scopes;
use crate::domain::time::Timestamp;
use crate::domain::trust::DEPTH_MAX;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO delegation (id, from_agent_id, to_agent_id, scopes, created_at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    READ = "SELECT id, from_agent_id, to_agent_id, scopes, expires_at_ms, created_at_ms, accepted_at_ms FROM delegation WHERE id = ?1";
    ACCEPT = "UPDATE delegation SET accepted_at_ms = ?2 WHERE id = ?1";
    READ_PLACE = "SELECT parent_id, delegation_depth FROM agent WHERE id = ?1";
    /// An agent and all below it, parents before their children.
    LIST_BELOW = "WITH RECURSIVE below (id, level) AS (
            SELECT +?1, 0 UNION ALL SELECT a.id, below.level + 1 FROM below JOIN agent a ON a.parent_id = below.id WHERE below.level <= +?2
        ) SELECT a.id, a.parent_id, below.level, a.scopes FROM below JOIN agent a ON a.id = below.id ORDER BY below.level";
    SET_PARENT = "UPDATE agent SET parent_id = ?2 WHERE id = ?1";
    PLACE = "UPDATE agent SET delegation_depth = ?2, scopes = ?3, updated_at_ms = ?4 WHERE id = ?1";
}

/// A delegation as it stands in the store.
struct Stored {
    from: AgentId,
    to: AgentId,
    form: DelegationForm,
}

/// Offers scopes the giver holds.
pub(super) fn offer(desk: &mut Desk<'_>, from: AgentId, to: AgentId, scopes: &Scopes, ttl_s: Option<u64>) -> Step<Done> {
    check_giver(desk, from, scopes)?;
    check_active(agent::read_standing(desk, to)?.0)?;
    let id = DelegationId::new(desk.now, desk.entropy);
    let expires_at = ttl_s.map(|ttl_s| desk.now.plus_s(ttl_s));
    let (giver, receiver, written) = (from.to_string(), to.to_string(), serde_json::to_string(scopes)?);
    desk.sql.run(WRITE, params![id.to_string(), giver, receiver, written, desk.now.as_ms(), expires_at.map(Timestamp::as_ms)])?;
    desk.record(Action::DelegationOffered, &id.to_string(), None, &())?;
    Ok(ProofOutcome::Delegation(Box::new(find(desk, id)?.form)).into())
}

fn check_active(status: AgentStatus) -> Step<()> {
    if status == AgentStatus::Active { Ok(()) } else { Err(Refusal::TargetAgentNotActive.into()) }
}

/// The giver may act and holds what it gives; answers its own scopes, and after them those of the agents it comes from.
fn check_giver(desk: &Desk<'_>, giver: AgentId, given: &Scopes) -> Step<Vec<Scopes>> {
    let (status, lineage) = agent::read_standing(desk, giver)?;
    check_active(status)?;
    let (own, parents) = lineage.split_first().ok_or(SqlError::Shape("no scopes"))?;
    if given.is_held_by(own, parents) { Ok(lineage) } else { Err(ProofRefusal::ScopeNotHeld.into()) }
}

/// Makes the receiver the giver's child. It keeps of its own scopes what the giver's cover and gets those offered; all
/// below it move along, each cut to what its parent then holds. Denials are inherited where scopes are judged; those of the
/// agents it came from until now become its own, or whom they bind could shed them under another parent.
pub(super) fn accept(desk: &mut Desk<'_>, id: DelegationId) -> Step<Done> {
    let Stored { from, to, form } = find(desk, id)?;
    match form.status {
        DelegationStatus::Accepted => return Ok(ProofOutcome::Delegation(Box::new(form)).into()),
        DelegationStatus::Expired => return Err(ProofRefusal::DelegationExpired.into()),
        DelegationStatus::Offered => {}
    }
    let givers = check_giver(desk, from, &form.scopes)?;
    let (status, receivers) = agent::read_standing(desk, to)?;
    check_active(status)?;
    let left_behind = receivers.get(1..).unwrap_or_default();
    let below = list_below(desk, to)?;
    let levels_below = below.last().map_or(0, |(_, _, level, _)| *level);
    let depth = place_under(read_depth(desk, from)?, levels_below, stands_below(desk, from, to)?).map_err(ProofRefusal::from)?;
    let mut placed: BTreeMap<AgentId, Scopes> = BTreeMap::new();
    let mut writes = Vec::with_capacity(below.len());
    for (agent_id, parent, level, own) in below {
        let scopes = match parent.filter(|_| level > 0).and_then(|parent| placed.get(&parent)) {
            Some(above) => own.cut_to(above),
            None => own.moved_under(&givers, &form.scopes, left_behind),
        }
        .map_err(|_| ProofRefusal::ScopeNotHeld)?;
        writes.push(params![agent_id.to_string(), depth + level, serde_json::to_string(&scopes)?, desk.now.as_ms()].to_vec());
        placed.insert(agent_id, scopes);
    }
    // From here on nothing is refused: a refusal would leave standing what was written before it.
    for values in &writes {
        desk.sql.run(PLACE, values)?;
    }
    desk.sql.run(SET_PARENT, params![to.to_string(), from.to_string()])?;
    desk.sql.run(ACCEPT, params![id.to_string(), desk.now.as_ms()])?;
    desk.record(Action::DelegationAccepted, &id.to_string(), None, &())?;
    Ok(ProofOutcome::Delegation(Box::new(find(desk, id)?.form)).into())
}

fn find(desk: &Desk<'_>, id: DelegationId) -> Step<Stored> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Delegation))?;
    let mut column = Columns::of(&row);
    let id = column.id(DelegationId::parse)?;
    let (from, to) = (column.id(AgentId::parse)?, column.id(AgentId::parse)?);
    let scopes = column.json()?;
    let (expires_at, created_at, accepted_at) = (column.time_or_null()?, column.time()?, column.time_or_null()?);
    let form = DelegationForm {
        id,
        from_agent_id: spell_maip(from, desk.caller.tenant_uuid),
        to_agent_id: spell_maip(to, desk.caller.tenant_uuid),
        scopes,
        status: DelegationStatus::of(accepted_at, expires_at, desk.now),
        expires_at,
        created_at,
        accepted_at,
    };
    Ok(Stored { from, to, form })
}

fn read_depth(desk: &Desk<'_>, agent_id: AgentId) -> Step<u64> {
    let row = desk.sql.first(READ_PLACE, params![agent_id.to_string()])?.ok_or(Refusal::NotFound(Thing::Agent))?;
    Ok(row.unsigned(1)?)
}

/// Whether an agent comes from another, or is it.
fn stands_below(desk: &Desk<'_>, agent_id: AgentId, above: AgentId) -> Step<bool> {
    let mut at = Some(agent_id);
    // One step for each that may stand in a line, from depth 0 on, and one to see that the root has no parent.
    for _ in 0..=DEPTH_MAX.saturating_add(1) {
        match at {
            None => return Ok(false),
            Some(id) if id == above => return Ok(true),
            Some(id) => {
                let row = desk.sql.first(READ_PLACE, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Agent))?;
                at = Columns::of(&row).id_or_null(AgentId::parse)?;
            }
        }
    }
    Err(SqlError::Shape("a tree deeper than trees are").into())
}

/// An agent of a tree: its id, its parent, its level below the root asked for, and its own scopes.
type Below = (AgentId, Option<AgentId>, u64, Scopes);

fn list_below(desk: &Desk<'_>, agent_id: AgentId) -> Step<Vec<Below>> {
    let rows = desk.sql.run(LIST_BELOW, params![agent_id.to_string(), DEPTH_MAX])?;
    let read = |row: &Row| {
        let mut column = Columns::of(row);
        Ok((column.id(AgentId::parse)?, column.id_or_null(AgentId::parse)?, column.number()?, column.json()?))
    };
    Ok(rows.iter().map(read).collect::<Result<_, SqlError>>()?)
}
