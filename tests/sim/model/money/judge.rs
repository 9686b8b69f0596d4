//! Why money may not be had, in the contract's order (identity-and-money 8): the reference's own reading of it.

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::id::{AgentId, LeaseId, MandateId};
use guildhall::domain::mandate::LimitKind;
use guildhall::domain::money::Micros;
use guildhall::domain::spend::{Merchant, Reason, Remaining, SpendAction};
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::refusal::{Refusal, Thing};

use super::super::state::State;
use super::micros;

#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub agent: AgentId,
    pub mandate: MandateId,
    pub lease: Option<LeaseId>,
    pub action: SpendAction,
    pub amount: u64,
    pub merchant: Option<&'a Merchant>,
    /// What the rules on payments say.
    pub risk: Option<Reason>,
}

pub struct Verdict {
    pub reasons: Vec<Reason>,
    pub remaining: Remaining,
    pub needs_approval: bool,
}

fn allows<T: PartialEq>(list: &[T], one: &T) -> bool {
    list.is_empty() || list.contains(one)
}

/// What is unknown is refused first; then every reason is listed.
pub fn judge(state: &State, now: Timestamp, ask: &Ask<'_>) -> Result<Verdict, Refusal> {
    let agent = state.agents.get(&ask.agent).ok_or(Refusal::NotFound(Thing::Agent))?;
    let mandate = state.mandates.get(&ask.mandate).ok_or(Refusal::NotFound(Thing::Mandate))?;
    let lease = match ask.lease {
        None if mandate.agent != ask.agent => return Err(Refusal::NotFound(Thing::Mandate)),
        None => None,
        Some(id) => {
            let lease = state.leases.get(&id).ok_or(Refusal::NotFound(Thing::Lease))?;
            if lease.mandate != ask.mandate || lease.child_agent != ask.agent {
                return Err(Refusal::NotFound(Thing::Lease));
            }
            Some((id, lease))
        }
    };
    let mut reasons = Vec::new();
    let mut refuse_if = |holds: bool, reason: Reason| reasons.extend(holds.then_some(reason));
    refuse_if(agent.status != AgentStatus::Active, Reason::AgentNotActive);
    refuse_if(!mandate.is_active(now), Reason::MandateNotActive);
    let all_terms = || std::iter::once(&mandate.terms).chain(lease.map(|(_, lease)| &lease.terms));
    refuse_if(!all_terms().all(|terms| allows(&terms.actions, &ask.action)), Reason::ActionNotAllowed);
    if let Some(merchant) = ask.merchant {
        refuse_if(!all_terms().all(|terms| allows(&terms.merchants, &merchant.key)), Reason::MerchantNotAllowed);
    }
    if let Some(risk) = ask.risk {
        refuse_if(true, risk);
    }
    let remaining = remaining(state, now, ask);
    let limits = [
        (LimitKind::PerTransaction, remaining.per_transaction, true),
        (LimitKind::Daily, remaining.daily, lease.is_none()),
        (LimitKind::Monthly, remaining.monthly, lease.is_none()),
        (LimitKind::Total, remaining.total, lease.is_none()),
    ];
    for (limit, remaining, counts) in limits {
        if let Some(remaining) = remaining.filter(|remaining| counts && remaining.get() < ask.amount) {
            refuse_if(true, Reason::MandateLimit { limit, remaining });
        }
    }
    match remaining.lease {
        Some(remaining) => refuse_if(remaining.get() < ask.amount, Reason::LeaseExhausted { remaining }),
        None => refuse_if(remaining.wallet.get() < ask.amount, Reason::InsufficientFunds { available: remaining.wallet }),
    }
    let needs_approval = mandate.threshold.is_some_and(|threshold| ask.amount > threshold);
    Ok(Verdict { reasons, remaining, needs_approval })
}

fn remaining(state: &State, now: Timestamp, ask: &Ask<'_>) -> Remaining {
    let mandate = &state.mandates[&ask.mandate];
    let lease = ask.lease.map(|id| (id, &state.leases[&id]));
    let usage = state.usage(ask.mandate, now);
    let per_transaction = [mandate.terms.per_transaction, lease.and_then(|(_, lease)| lease.terms.per_transaction)];
    let shown = |left: Option<u64>| left.map(micros);
    Remaining {
        per_transaction: shown(per_transaction.into_iter().flatten().min()),
        daily: shown(usage.day.left_of(mandate.daily)),
        monthly: shown(usage.month.left_of(mandate.monthly)),
        total: shown(usage.total.left_of(mandate.total)),
        lease: lease.map(|(id, lease)| if lease.is_active(now) { micros(state.parts(id).remaining) } else { Micros::ZERO }),
        wallet: micros(state.wallets[&state.paying_wallet(ask.mandate, ask.lease)].available),
    }
}
