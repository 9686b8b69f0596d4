//! MAIP: agents as identities, their keys, trust and scopes; their sessions, delegations and receipts (contract
//! identity-and-money 2 to 4 and 14).

pub mod agent;
pub mod delegation;
pub mod guardrail;
pub mod key;
pub mod receipt;
mod scope;
pub mod session;
pub mod trust;

use crate::http::fault::Fault;
use crate::http::tenant::unexpected;
use crate::objects::tenant::identity::outcome::AgentOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::objects::tenant::proof::outcome::ProofOutcome;

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

/// An outcome of another kind than the command about proofs asked for.
fn unexpected_proof(outcome: ProofOutcome) -> Fault {
    unexpected(&Outcome::Proof(outcome))
}

/// What was answered about sessions, delegations, guardrails or receipts.
fn proof_of(outcome: Outcome) -> Result<ProofOutcome, Fault> {
    match outcome {
        Outcome::Proof(outcome) => Ok(outcome),
        other => Err(unexpected(&other)),
    }
}
