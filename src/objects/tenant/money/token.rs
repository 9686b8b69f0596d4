//! Execution tokens: who may have one (contract identity-and-money 5). They are signed where the key is, and checked against
//! what stands here at every use.

use super::super::desk::{Desk, Done, Step};
use super::super::refusal::{Refusal, Thing};
use super::super::wallet;
use super::books::Books;
use super::command::TokenTerms;
use super::control;
use super::outcome::{MoneyOutcome, TokenGranted};
use super::refusal::MoneyRefusal;
use crate::domain::agent::AgentStatus;
use crate::domain::event::Action;
use crate::domain::id::new_ulid;
use crate::domain::money::Micros;
use crate::domain::spend::Reason;

/// Whether an agent may have a token of these terms; that it was given one is recorded.
pub(super) fn grant(desk: &mut Desk<'_>, terms: &TokenTerms) -> Step<Done> {
    control::check_running(desk)?;
    let mut books = Books::default();
    let refuse = |reason: Reason| Err(MoneyRefusal::Spend { reason, requested: Micros::ZERO, payment_id: None }.into());
    let agent = books.agent_status(desk, terms.agent_id)?;
    let entry = books.mandate(desk, terms.mandate_id)?;
    let (mandate, wallet_id) = (entry.mandate.clone(), entry.wallet);
    let lease = terms.lease_id.map(|id| books.lease(desk, id).cloned()).transpose()?;
    let (agent_id, mandate_id) = (terms.agent_id, terms.mandate_id);
    match &lease {
        Some(lease) if lease.child_agent != agent_id || lease.mandate_id != mandate_id || !lease.is_active(desk.now) => {
            return Err(Refusal::NotFound(Thing::Lease).into());
        }
        None if mandate.agent_id != agent_id => return Err(Refusal::NotFound(Thing::Mandate).into()),
        Some(_) | None => {}
    }
    wallet::check_live_of(desk, &mut books, lease.as_ref().map_or(wallet_id, |lease| lease.wallet))?;
    if agent != AgentStatus::Active {
        return refuse(Reason::AgentNotActive);
    }
    if !mandate.is_active(desk.now) {
        return refuse(Reason::MandateNotActive);
    }
    let is_allowed = terms.action.is_in(&mandate.terms.actions)
        && lease.is_none_or(|lease| terms.action.is_in(&lease.terms.actions))
        && !books.scopes_deny(desk, agent_id, terms.action)?;
    if !is_allowed {
        return refuse(Reason::ActionNotAllowed);
    }
    desk.record(Action::TokenGranted, &mandate_id.to_string(), None, &())?;
    let jti = new_ulid(desk.now, desk.entropy).to_string();
    Ok(MoneyOutcome::TokenGranted(TokenGranted { jti, granted_at: desk.now }).into())
}
