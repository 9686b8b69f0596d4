//! What agents prove: sessions that act in their name, delegations between them, what stands against an action, and
//! receipts (contract identity-and-money 3, 4 and 14).
//!
//! Invariants: 1. A session is good by its newest pair of tokens only, and ends when an older refresh token comes again.
//! 2. Nobody is given what the giver does not hold. 3. Receipts form one chain a tenant, each anchored in the audit chain in
//! the same commit.

pub mod command;
mod delegation;
mod guardrail;
pub mod outcome;
mod receipt;
pub mod refusal;
pub(super) mod session;

use command::ProofCommand;
use outcome::ProofOutcome;

use super::desk::{Desk, Done, Keep, Step};
use super::outcome::Outcome;
use super::refusal::{Refusal, Thing};
use crate::domain::id::AgentId;

pub(super) use receipt::count_latest as count_latest_receipts;

/// Every statement about them.
pub(super) const ALL_STATEMENTS: [&[&str]; 4] = [session::STATEMENTS, delegation::STATEMENTS, guardrail::STATEMENTS, receipt::STATEMENTS];

impl From<ProofOutcome> for Done {
    fn from(outcome: ProofOutcome) -> Self {
        Outcome::Proof(outcome).into()
    }
}

fn shown(outcome: ProofOutcome) -> Done {
    Done { outcome: Outcome::Proof(outcome), keep: Keep::Nothing }
}

/// Carries a command out.
pub(super) fn execute(desk: &mut Desk<'_>, command: &ProofCommand) -> Step<Done> {
    match command {
        ProofCommand::OpenSession(draft) => session::open(desk, draft),
        ProofCommand::RefreshSession { token_hash, secrets } => session::refresh(desk, token_hash, secrets),
        ProofCommand::ListSessions { agent_id, status, limit, offset } => session::list(desk, *agent_id, *status, *limit, *offset),
        ProofCommand::TerminateSession { session_id, reason } => session::terminate(desk, *session_id, reason.as_deref()),
        ProofCommand::Offer { from, to, scopes, ttl_s } => delegation::offer(desk, *from, *to, scopes, *ttl_s),
        ProofCommand::Accept { delegation_id } => delegation::accept(desk, *delegation_id),
        ProofCommand::CheckGuardrails { agent_id, action } => guardrail::check(desk, *agent_id, action),
        ProofCommand::IssueReceipt { agent_id, statement } => receipt::issue(desk, *agent_id, statement),
        ProofCommand::GetReceipt { receipt_id } => receipt::get(desk, *receipt_id),
        ProofCommand::VerifyReceipt { receipt_id } => receipt::verify(desk, *receipt_id),
        ProofCommand::ListReceipts { agent_id, limit, offset } => receipt::list(desk, *agent_id, *limit, *offset),
    }
}

/// Who comes in the name of an agent reaches no other: that one is not there for it.
fn check_own(desk: &Desk<'_>, agent_id: AgentId) -> Step<()> {
    match desk.caller.acts_for() {
        Some(own) if own != agent_id => Err(Refusal::NotFound(Thing::Agent).into()),
        Some(_) | None => Ok(()),
    }
}
