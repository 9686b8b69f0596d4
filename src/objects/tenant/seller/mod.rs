//! What an agent shows of itself at the marketplace, and what it sells (contract atelier 2 and 3).
//!
//! Invariants: 1. An agent has at most one profile, and a market agent one living key. 2. Who owns an agent, once its wallet
//! has signed for it, changes only with the signature of the wallet that follows. 3. An agent changes nothing of another's,
//! and a suspended one nothing at all. 4. Who manages the tenant changes nothing of a profile, but where a revoked agent is paid:
//! what it has earned is the tenant's, and nobody else can say so. 5. An agent has at most one token.

pub mod command;
mod launch;
pub mod outcome;
mod profile;
pub mod refusal;
mod service;

use command::SellerCommand;
use outcome::SellerOutcome;
use refusal::SellerRefusal;

use super::agent;
use super::desk::{Desk, Done, Keep, Step};
use super::outcome::Outcome;
use crate::domain::agent::AgentStatus;
use crate::domain::id::AgentId;

/// Every statement about them.
pub(super) const ALL_STATEMENTS: [&[&str]; 3] = [launch::STATEMENTS, profile::STATEMENTS, service::STATEMENTS];

impl From<SellerOutcome> for Done {
    fn from(outcome: SellerOutcome) -> Self {
        Outcome::Seller(outcome).into()
    }
}

fn shown(outcome: SellerOutcome) -> Done {
    Done { outcome: Outcome::Seller(outcome), keep: Keep::Nothing }
}

/// Carries a command out.
pub(super) fn execute(desk: &mut Desk<'_>, command: &SellerCommand) -> Step<Done> {
    match command {
        SellerCommand::Register(opening) => profile::register(desk, opening),
        SellerCommand::Look { agent_id } => {
            profile::check_openable(desk, *agent_id)?;
            Ok(shown(SellerOutcome::Possible))
        }
        SellerCommand::Open(opening) => profile::open(desk, opening),
        SellerCommand::Me => profile::show(desk),
        SellerCommand::Change(change) => profile::change(desk, change),
        SellerCommand::RotateKey { key } => profile::rotate_key(desk, key),
        SellerCommand::Recover { agent_id, owner, key } => profile::recover(desk, *agent_id, owner, key),
        SellerCommand::NamePayoutWallet { agent_id, wallet } => profile::name_payout_wallet(desk, *agent_id, wallet),
        SellerCommand::ProbeAgent { agent_id } => {
            let own = own_agent(desk)?;
            check_own(desk, agent_id.unwrap_or(own))?;
            check_active(desk, own)?;
            Ok(shown(SellerOutcome::Possible))
        }
        SellerCommand::ProbeService { service_id } => {
            service::find_own(desk, *service_id)?;
            check_active(desk, own_agent(desk)?)?;
            Ok(shown(SellerOutcome::Possible))
        }
        SellerCommand::ProbeLaunch { agent_id } => {
            launch::check_possible(desk, *agent_id)?;
            Ok(shown(SellerOutcome::Possible))
        }
        SellerCommand::Launch { agent_id, symbol, rail } => launch::launch(desk, *agent_id, symbol, *rail),
        SellerCommand::FinishLaunch { agent_id, token, scope_hash } => launch::finish(desk, *agent_id, token, scope_hash.as_ref()),
        SellerCommand::DropLaunch { agent_id, scope_hash } => launch::drop_claim(desk, *agent_id, scope_hash.as_ref()),
        SellerCommand::AddService { agent_id, terms } => service::add(desk, *agent_id, terms),
        SellerCommand::ListServices { agent_id } => service::list(desk, *agent_id),
        SellerCommand::ChangeService { service_id, change } => service::change(desk, *service_id, change),
        SellerCommand::RemoveService { service_id } => service::remove(desk, *service_id),
        SellerCommand::GetService { service_id } => Ok(shown(SellerOutcome::Service(Box::new(service::find_own(desk, *service_id)?)))),
    }
}

/// The agent that the caller is.
fn own_agent(desk: &Desk<'_>) -> Step<AgentId> {
    Ok(desk.caller.agent_id.ok_or(SellerRefusal::UnknownAgent)?)
}

/// Refuses when the caller is another agent.
fn check_own(desk: &Desk<'_>, agent_id: AgentId) -> Step<()> {
    if own_agent(desk)? == agent_id { Ok(()) } else { Err(SellerRefusal::AnotherAgent.into()) }
}

/// Refuses an agent that may not act.
fn check_active(desk: &Desk<'_>, agent_id: AgentId) -> Step<()> {
    match agent::find(desk, agent_id)?.status {
        AgentStatus::Active => Ok(()),
        AgentStatus::Suspended | AgentStatus::Revoked => Err(SellerRefusal::AgentNotActive.into()),
    }
}
