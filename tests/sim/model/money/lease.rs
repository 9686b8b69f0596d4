//! Budget leases (identity-and-money 10).

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::form::lease::LeaseForm;
use guildhall::domain::id::{AgentId, LeaseId, MandateId};
use guildhall::domain::lease::{LeaseField, LeaseStatus};
use guildhall::domain::mandate::LimitKind;
use guildhall::domain::spend::{Reason, SpendAction};
use guildhall::objects::tenant::money::command::{LeaseRequest, LeaseSource, PageOf};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::refusal::{Refusal, Thing};

use super::super::caller::token_of;
use super::super::{Expected, Run};
use super::state::{Lease, Terms};
use super::{Case, check, check_running, hold, micros, outcome_of, refuse, wrong};

/// What a lease is lent from.
struct Lender {
    lease: Option<LeaseId>,
    agent: AgentId,
    mandate: MandateId,
    depth: u64,
    terms: Terms,
    /// Everybody up to the mandate's own agent.
    chain: Vec<AgentId>,
}

fn find_lender(case: &Case<'_>, source: LeaseSource) -> Result<Lender, Refusal> {
    let (mandates, leases) = (&case.state.mandates, &case.state.leases);
    match source {
        LeaseSource::Mandate(id) => {
            let mandate = mandates.get(&id).ok_or(Refusal::NotFound(Thing::Mandate))?;
            let (agent, terms) = (mandate.agent, mandate.terms.clone());
            Ok(Lender { lease: None, agent, mandate: id, depth: 0, terms, chain: vec![agent] })
        }
        LeaseSource::Lease(id) => {
            let lease = leases.get(&id).ok_or(Refusal::NotFound(Thing::Lease))?;
            let mut chain = vec![lease.child_agent];
            let mut at = Some(lease);
            while let Some(one) = at {
                chain.push(one.parent_agent);
                at = one.parent.and_then(|parent| leases.get(&parent));
            }
            let terms = lease.terms.clone();
            Ok(Lender { lease: Some(id), agent: lease.child_agent, mandate: lease.mandate, depth: lease.depth, terms, chain })
        }
    }
}

fn terms_of(request: &LeaseRequest, lender: &Terms) -> Terms {
    let keys = request.merchants.as_ref().map(|merchants| merchants.iter().map(|one| one.key.clone()).collect());
    Terms {
        per_transaction: request.per_transaction.map(|limit| limit.get()).or(lender.per_transaction),
        merchants: keys.unwrap_or_else(|| lender.merchants.clone()),
        actions: request.actions.clone().unwrap_or_else(|| lender.actions.clone()),
        expires_at: request.expires_at.or(lender.expires_at),
    }
}

fn is_within<T: PartialEq>(list: &[T], wider: &[T]) -> bool {
    wider.is_empty() || (!list.is_empty() && list.iter().all(|one| wider.contains(one)))
}

/// The first field in which a lease would be wider than what it is lent from.
fn wider(terms: &Terms, lender: &Terms) -> Option<LeaseField> {
    let exceeds = |own: Option<u64>, theirs: Option<u64>| theirs.is_some_and(|theirs| own.is_none_or(|own| own > theirs));
    let times = [terms, lender].map(|terms| terms.expires_at.map(|at| at.as_ms()));
    let fields = [
        (LeaseField::PerTransactionLimit, exceeds(terms.per_transaction, lender.per_transaction)),
        (LeaseField::AllowedMerchants, !is_within(&terms.merchants, &lender.merchants)),
        (LeaseField::AllowedActions, !is_within(&terms.actions, &lender.actions)),
        (LeaseField::ExpiresAt, exceeds(times[0], times[1])),
    ];
    fields.into_iter().find(|(_, is_wider)| *is_wider).map(|(field, _)| field)
}

fn want_of_money(case: &Case<'_>, lender: &Lender, amount: u64) -> Option<Reason> {
    if let Some(id) = lender.lease {
        let remaining = if case.state.leases[&id].is_active(case.now) { case.state.parts(id).remaining } else { 0 };
        return (remaining < amount).then_some(Reason::LeaseExhausted { remaining: micros(remaining) });
    }
    let mandate = &case.state.mandates[&lender.mandate];
    let usage = case.state.usage(lender.mandate, case.now);
    let limits = [
        (LimitKind::Daily, usage.day.left_of(mandate.daily)),
        (LimitKind::Monthly, usage.month.left_of(mandate.monthly)),
        (LimitKind::Total, usage.total.left_of(mandate.total)),
    ];
    for (limit, left) in limits {
        if let Some(left) = left.filter(|left| *left < amount) {
            return Some(Reason::MandateLimit { limit, remaining: micros(left) });
        }
    }
    let available = case.state.wallets[&case.state.paying_wallet(lender.mandate, None)].available;
    (available < amount).then_some(Reason::InsufficientFunds { available: micros(available) })
}

/// Why not.
fn refuses(case: &Case<'_>, lender: &Lender, request: &LeaseRequest) -> Result<Option<Reason>, Refusal> {
    let state = &case.state;
    if let Some(rights) = token_of(case.call) {
        let named = (rights.action, rights.agent_id, rights.mandate_id, rights.lease_id);
        if named != (SpendAction::Delegation, lender.agent, lender.mandate, lender.lease) {
            return Err(MoneyRefusal::TokenScopeMismatch.into());
        }
    }
    let child = state.agents.get(&request.child_agent_id).ok_or(Refusal::NotFound(Thing::Agent))?;
    if lender.chain.contains(&request.child_agent_id) {
        return Err(MoneyRefusal::LeaseCycle.into());
    }
    if child.status != AgentStatus::Active || state.agents[&lender.agent].status != AgentStatus::Active {
        return Ok(Some(Reason::AgentNotActive));
    }
    if !state.mandates[&lender.mandate].is_active(case.now) {
        return Ok(Some(Reason::MandateNotActive));
    }
    if !lender.terms.actions.is_empty() && !lender.terms.actions.contains(&SpendAction::Delegation) {
        return Ok(Some(Reason::ActionNotAllowed));
    }
    if lender.depth >= 8 {
        return Err(MoneyRefusal::LeaseDepthExceeded.into());
    }
    if let Some(field) = wider(&terms_of(request, &lender.terms), &lender.terms) {
        return Err(MoneyRefusal::LeaseWider { field }.into());
    }
    Ok(want_of_money(case, lender, request.amount.get()))
}

pub fn grant(case: &mut Case<'_>, request: &LeaseRequest) -> Run {
    check_running(case.state)?;
    let lender = find_lender(case, request.source)?;
    if let Some(reason) = refuses(case, &lender, request)? {
        return refuse(MoneyRefusal::Spend { reason, requested: request.amount, payment_id: None });
    }
    let Some(MoneyOutcome::Lease(form)) = outcome_of(case.reply) else { return wrong(case.reply, "a lease") };
    let (state, amount) = (&mut *case.state, request.amount.get());
    let wallet = state.paying_wallet(lender.mandate, lender.lease);
    let (from, day) = match lender.lease {
        Some(parent) => (parent.to_string(), state.leases[&parent].day),
        None => {
            state.wallets.entry(wallet).or_default().available -= amount;
            let mandate = state.mandates.get_mut(&lender.mandate).ok_or(Refusal::NotFound(Thing::Mandate))?;
            mandate.day = mandate.day.max(case.now.utc_day());
            (wallet.to_string(), mandate.day)
        }
    };
    let lease = Lease {
        parent: lender.lease,
        parent_agent: lender.agent,
        child_agent: request.child_agent_id,
        mandate: lender.mandate,
        wallet,
        depth: lender.depth + 1,
        day,
        status: LeaseStatus::Active,
        terms: terms_of(request, &lender.terms),
        amount,
        returned: 0,
    };
    let alarmed = lease.terms.expires_at.is_none_or(|at| case.reply.next_due_at_ms.is_some_and(|due| due <= at));
    check(state.leases.insert(form.id, lease).is_none() && alarmed, case.reply, || "a fresh id, and an alarm at its end".to_owned())?;
    let transfer = Some((from, form.id.to_string(), amount));
    case.entries.push(Expected { action: "lease.created", actor: None, object: Some(form.id.to_string()), transfer });
    check_form(case, form)
}

fn check_reply(case: &Case<'_>, id: LeaseId) -> Run {
    let Some(MoneyOutcome::Lease(form)) = outcome_of(case.reply) else { return wrong(case.reply, "the lease") };
    check(form.id == id, case.reply, || format!("{id}"))?;
    check_form(case, form)
}

fn check_form(case: &Case<'_>, form: &LeaseForm) -> Run {
    let Some(lease) = case.state.leases.get(&form.id) else { return wrong(case.reply, "a lease there is") };
    let parts = case.state.parts(form.id);
    let right = form.status == lease.status
        && (form.parent_lease_id, form.parent_agent_id, form.child_agent_id) == (lease.parent, lease.parent_agent, lease.child_agent)
        && (form.mandate_id, form.wallet_id, form.depth) == (lease.mandate, lease.wallet, lease.depth)
        && (form.amount.get(), form.returned_amount.get()) == (lease.amount, lease.returned)
        && (form.captured.get(), form.reserved.get()) == (parts.captured, parts.reserved)
        && (form.leased.get(), form.remaining.get()) == (parts.leased, parts.remaining)
        && form.per_transaction_limit.map(|limit| limit.get()) == lease.terms.per_transaction
        && form.allowed_actions == lease.terms.actions
        && form.expires_at == lease.terms.expires_at;
    check(right, case.reply, || format!("{lease:?} with {parts:?}"))
}

fn find<'a>(case: &'a Case<'_>, id: LeaseId) -> Result<&'a Lease, Refusal> {
    case.state.leases.get(&id).ok_or(Refusal::NotFound(Thing::Lease))
}

pub fn release(case: &mut Case<'_>, id: LeaseId) -> Run {
    if find(case, id)?.status == LeaseStatus::Active {
        if case.state.leases.values().any(|one| one.parent == Some(id) && one.status == LeaseStatus::Active) {
            return refuse(MoneyRefusal::LeaseHasChildren);
        }
        hold::close_lease(case.state, id, LeaseStatus::Released, case.entries);
    }
    check_reply(case, id)
}

pub fn revoke(case: &mut Case<'_>, id: LeaseId) -> Run {
    if find(case, id)?.status == LeaseStatus::Active {
        hold::end_lease(case.state, (case.now, case.now), id, LeaseStatus::Revoked, case.entries);
    }
    check_reply(case, id)
}

pub fn get(case: &mut Case<'_>, id: LeaseId) -> Run {
    find(case, id)?;
    check_reply(case, id)
}

pub fn list(case: &mut Case<'_>, page: PageOf<LeaseId>, status: Option<LeaseStatus>) -> Run {
    let Some(MoneyOutcome::Leases(forms)) = outcome_of(case.reply) else { return wrong(case.reply, "leases") };
    let fits =
        |id: &LeaseId, one: &Lease| page.before.is_none_or(|before| *id < before) && status.is_none_or(|status| one.status == status);
    let expected = case.state.leases.iter().rev().filter(|(id, one)| fits(id, one)).map(|(id, _)| *id).take(page.limit as usize);
    check(forms.iter().map(|form| form.id).eq(expected), case.reply, || "leases, newest first".to_owned())?;
    forms.iter().try_for_each(|form| check_form(case, form))
}
