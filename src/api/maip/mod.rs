//! MAIP: agents as identities, their keys, trust and scopes (contract identity-and-money 2 and 14).

pub mod agent;
pub mod key;
pub mod trust;

use crate::http::fault::Fault;
use crate::http::tenant::unexpected;
use crate::objects::tenant::identity::outcome::AgentOutcome;
use crate::objects::tenant::outcome::Outcome;

/// An outcome of another kind than the command about agents asked for.
fn unexpected_of(outcome: AgentOutcome) -> Fault {
    unexpected(&Outcome::Agents(outcome))
}

/// What was answered about agents.
fn outcome_of(outcome: Outcome) -> Result<AgentOutcome, Fault> {
    match outcome {
        Outcome::Agents(outcome) => Ok(outcome),
        other => Err(unexpected(&other)),
    }
}
