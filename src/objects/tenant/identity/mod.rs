//! Agents as identities: registered, changed, suspended, revoked; their keys, trust and scopes (contract
//! identity-and-money 2 and 14).
//!
//! Invariants: 1. An agent ends in one place, `record::end`, and its money ends with it. 2. Once its time is over an agent
//! is revoked for whoever asks, whether or not anybody has ended it yet; what is shown has been ended before.

pub mod command;
pub mod outcome;
pub(super) mod record;
mod trust;

use command::AgentCommand;
use outcome::AgentOutcome;

use super::agent;
use super::agent_key::{self, Rotation};
use super::desk::{Desk, Done, Keep, Step};
use super::outcome::Outcome;
use super::refusal::{Refusal, Thing};
use crate::domain::agent::AgentStatus;
use crate::domain::event::Action;
use crate::domain::id::AgentId;
use crate::domain::scope::{Scope, ScopeSource};

/// How many agents whose time is over a list ends before it looks.
const LOOK_BATCH: u64 = 500;

/// Every statement about agents as identities.
pub(super) const ALL_STATEMENTS: [&[&str]; 2] = [record::STATEMENTS, trust::STATEMENTS];

impl From<AgentOutcome> for Done {
    fn from(outcome: AgentOutcome) -> Self {
        Outcome::Agents(outcome).into()
    }
}

fn shown(outcome: AgentOutcome) -> Done {
    Done { outcome: Outcome::Agents(outcome), keep: Keep::Nothing }
}

/// Carries a command out.
pub(super) fn execute(desk: &mut Desk<'_>, command: &AgentCommand) -> Step<Done> {
    match command {
        AgentCommand::Register(draft) => {
            agent::check_room(desk)?;
            Ok(AgentOutcome::Agent(Box::new(record::register(desk, draft, None)?)).into())
        }
        AgentCommand::Get { agent_id } => get(desk, *agent_id),
        AgentCommand::List { filter, limit, offset } => {
            record::expire_due(desk, LOOK_BATCH)?;
            let (agents, total) = record::list(desk, filter, *limit, *offset)?;
            Ok(shown(AgentOutcome::Agents { agents, total }))
        }
        AgentCommand::Change { agent_id, change } => Ok(AgentOutcome::Agent(Box::new(record::change(desk, *agent_id, change)?)).into()),
        AgentCommand::SetStatus { agent_id, status, reason } => {
            Ok(AgentOutcome::Agent(Box::new(record::set_status(desk, *agent_id, *status, reason.as_deref())?)).into())
        }
        AgentCommand::ListKeys { agent_id, at } => {
            agent::read_standing(desk, *agent_id)?;
            Ok(shown(AgentOutcome::Keys(agent_key::list(desk, *agent_id, *at)?)))
        }
        AgentCommand::PublicKeys { agent_id } => {
            agent::read_standing(desk, *agent_id)?;
            Ok(shown(AgentOutcome::Keys(agent_key::list(desk, *agent_id, None)?)))
        }
        AgentCommand::RotateKey { agent_id, reason, compromised, overlap_s } => {
            let rotation = Rotation { reason: reason.as_deref(), compromised: *compromised, overlap_s: *overlap_s };
            rotate_key(desk, *agent_id, &rotation)
        }
        AgentCommand::GetTrust { agent_id } => Ok(shown(AgentOutcome::Trust(trust::get(desk, *agent_id)?))),
        AgentCommand::ComputeTrust { agent_id } => Ok(AgentOutcome::Trust(trust::compute(desk, *agent_id)?).into()),
        AgentCommand::TrustHistory { agent_id, from, to, limit } => {
            agent::read_standing(desk, *agent_id)?;
            let (history, total) = trust::list(desk, *agent_id, *from, *to, *limit)?;
            Ok(shown(AgentOutcome::TrustHistory { history, total }))
        }
        AgentCommand::ExplainScope { agent_id, action } => explain(desk, *agent_id, action),
    }
}

/// A token or a session reaches only its own agent.
fn get(desk: &mut Desk<'_>, agent_id: AgentId) -> Step<Done> {
    if desk.caller.acts_for().is_some_and(|own| own != agent_id) {
        return Err(Refusal::NotFound(Thing::Agent).into());
    }
    Ok(shown(AgentOutcome::Agent(Box::new(record::meet(desk, agent_id)?))))
}

/// A suspended agent's key may be changed as well; a revoked one signs no more.
fn rotate_key(desk: &mut Desk<'_>, agent_id: AgentId, rotation: &Rotation<'_>) -> Step<Done> {
    let before = record::meet(desk, agent_id)?;
    if before.status == AgentStatus::Revoked {
        return Err(Refusal::AgentRevoked.into());
    }
    let key = agent_key::rotate(desk, agent_id, rotation)?;
    record::note_rotation(desk, agent_id, rotation.compromised)?;
    let form = record::read(desk, agent_id)?;
    desk.record(Action::AgentKeyRotated, &agent_id.to_string(), None, &form)?;
    Ok(AgentOutcome::KeyRotated(Box::new(key)).into())
}

fn explain(desk: &Desk<'_>, agent_id: AgentId, action: &Scope) -> Step<Done> {
    let (_, lineage) = agent::read_standing(desk, agent_id)?;
    let explained = match lineage.split_first() {
        Some((own, parents)) => own.explain(parents, action),
        None => crate::domain::scope::Explanation { allowed: false, rule: None, source: ScopeSource::Default },
    };
    Ok(shown(AgentOutcome::Explained(explained)))
}
