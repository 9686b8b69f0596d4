//! Mandates and the tokens given out under them (identity-and-money 5 and 6).

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::form::mandate::{MandateForm, WindowUsage};
use guildhall::domain::id::{AgentId, MandateId};
use guildhall::domain::mandate::{LimitKind, MandateStatus};
use guildhall::domain::money::Micros;
use guildhall::domain::spend::Reason;
use guildhall::objects::tenant::money::command::{MandateDraft, PageOf, TokenTerms};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::refusal::{Refusal, Thing};

use super::super::Run;
use super::super::state::entry;
use super::state::{Mandate, Terms, Used};
use super::{Case, check, check_running, hold, outcome_of, refuse, wrong};

fn amount(limit: Option<Micros>) -> Option<u64> {
    limit.map(Micros::get)
}

/// Takes a draft's terms over.
fn replace(mandate: &mut Mandate, draft: &MandateDraft) {
    mandate.terms = Terms {
        per_transaction: amount(draft.per_transaction),
        merchants: draft.merchants.iter().map(|merchant| merchant.key.clone()).collect(),
        actions: draft.actions.clone(),
        expires_at: draft.expires_at,
    };
    mandate.daily = amount(draft.daily);
    mandate.monthly = amount(draft.monthly);
    mandate.total = amount(draft.total);
    mandate.threshold = amount(draft.approval_threshold);
    mandate.wallet = draft.wallet_id;
}

fn check_wallet(case: &Case<'_>, draft: &MandateDraft) -> Run {
    let is_there = draft.wallet_id.is_none_or(|id| case.state.wallets.contains_key(&id));
    if is_there { Ok(()) } else { Err(Refusal::NotFound(Thing::Wallet).into()) }
}

pub fn create(case: &mut Case<'_>, agent: AgentId, draft: &MandateDraft) -> Run {
    let status = case.state.agents.get(&agent).ok_or(Refusal::NotFound(Thing::Agent))?.status;
    if status == AgentStatus::Revoked {
        return refuse(MoneyRefusal::AgentInactive);
    }
    check_wallet(case, draft)?;
    let Some(MoneyOutcome::Mandate(form)) = outcome_of(case.reply) else { return wrong(case.reply, "a mandate") };
    let mut mandate = Mandate {
        agent,
        status: if draft.total == Some(Micros::ZERO) { MandateStatus::Exhausted } else { MandateStatus::Active },
        version: 1,
        terms: Terms::default(),
        daily: None,
        monthly: None,
        total: None,
        threshold: None,
        wallet: None,
        day: 0,
    };
    replace(&mut mandate, draft);
    let is_new = case.state.mandates.insert(form.id, mandate).is_none();
    case.entries.push(entry("mandate.created", Some(form.id.to_string())));
    check(is_new, case.reply, || "a fresh id".to_owned())?;
    check_form(case, form)
}

pub fn put(
    case: &mut Case<'_>,
    id: MandateId,
    version: u64,
    agent: Option<AgentId>,
    asked: Option<MandateStatus>,
    draft: &MandateDraft,
) -> Run {
    check_wallet(case, draft)?;
    let mandate = case.state.mandates.get(&id).ok_or(Refusal::NotFound(Thing::Mandate))?.clone();
    if mandate.version != version {
        return refuse(MoneyRefusal::VersionMismatch { version: mandate.version });
    }
    if agent.is_some_and(|agent| agent != mandate.agent) {
        return refuse(MoneyRefusal::ImmutableField);
    }
    if mandate.status == MandateStatus::Revoked {
        return refuse(MoneyRefusal::MandateRevoked);
    }
    if let Some(limit) = below_usage(case, id, draft) {
        return refuse(MoneyRefusal::LimitBelowUsage { limit });
    }
    let spent = case.state.usage(id, case.now).total.spent;
    let status = match asked.unwrap_or(mandate.status) {
        kept @ (MandateStatus::Revoked | MandateStatus::Suspended) => kept,
        _ if draft.total.is_some_and(|total| spent >= total.get()) => MandateStatus::Exhausted,
        _ => MandateStatus::Active,
    };
    let mandate = case.state.mandates.get_mut(&id).ok_or(Refusal::NotFound(Thing::Mandate))?;
    replace(mandate, draft);
    mandate.status = status;
    mandate.version += 1;
    mandate.day = mandate.day.max(case.now.utc_day());
    let is_revoked = status == MandateStatus::Revoked;
    if is_revoked {
        hold::wind_up(case.state, case.now, id, case.entries);
    }
    case.entries.push(entry(if is_revoked { "mandate.revoked" } else { "mandate.updated" }, Some(id.to_string())));
    let Some(MoneyOutcome::Mandate(form)) = outcome_of(case.reply) else { return wrong(case.reply, "the mandate") };
    check_form(case, form)
}

/// A limit of the draft that is under what is spent and held.
fn below_usage(case: &Case<'_>, id: MandateId, draft: &MandateDraft) -> Option<LimitKind> {
    let usage = case.state.usage(id, case.now);
    let limits = [
        (LimitKind::Daily, draft.daily, usage.day),
        (LimitKind::Monthly, draft.monthly, usage.month),
        (LimitKind::Total, draft.total, usage.total),
    ];
    limits.into_iter().find(|(_, limit, used)| limit.is_some_and(|limit| limit.get() < used.held + used.spent)).map(|(limit, ..)| limit)
}

pub fn check_form(case: &Case<'_>, form: &MandateForm) -> Run {
    let Some(mandate) = case.state.mandates.get(&form.id) else { return wrong(case.reply, "a mandate there is") };
    let usage = case.state.usage(form.id, case.now);
    let same = |shown: &WindowUsage, used: Used, limit: Option<u64>| {
        (shown.held.get(), shown.spent.get(), amount(shown.remaining)) == (used.held, used.spent, used.left_of(limit))
    };
    let right = form.agent_id == mandate.agent
        && form.status == mandate.status
        && form.version == mandate.version
        && amount(form.per_transaction_limit) == mandate.terms.per_transaction
        && (amount(form.daily_limit), amount(form.monthly_limit), amount(form.total_limit))
            == (mandate.daily, mandate.monthly, mandate.total)
        && form.expires_at == mandate.terms.expires_at
        && form.wallet_id == mandate.wallet
        && same(&form.usage.daily, usage.day, mandate.daily)
        && same(&form.usage.monthly, usage.month, mandate.monthly)
        && same(&form.usage.total, usage.total, mandate.total);
    check(right, case.reply, || format!("{mandate:?} with {usage:?}"))
}

pub fn get(case: &mut Case<'_>, id: MandateId) -> Run {
    if !case.state.mandates.contains_key(&id) {
        return Err(Refusal::NotFound(Thing::Mandate).into());
    }
    let Some(MoneyOutcome::Mandate(form)) = outcome_of(case.reply) else { return wrong(case.reply, "the mandate") };
    check(form.id == id, case.reply, || format!("{id}"))?;
    check_form(case, form)
}

pub fn list(case: &mut Case<'_>, page: PageOf<MandateId>, agent: Option<AgentId>, status: Option<MandateStatus>) -> Run {
    let Some(MoneyOutcome::Mandates(forms)) = outcome_of(case.reply) else { return wrong(case.reply, "mandates") };
    let fits = |id: &MandateId, one: &Mandate| {
        page.before.is_none_or(|before| *id < before)
            && agent.is_none_or(|agent| one.agent == agent)
            && status.is_none_or(|status| one.status == status)
    };
    let expected = case.state.mandates.iter().rev().filter(|(id, one)| fits(id, one)).map(|(id, _)| *id).take(page.limit as usize);
    check(forms.iter().map(|form| form.id).eq(expected), case.reply, || "mandates, newest first".to_owned())?;
    forms.iter().try_for_each(|form| check_form(case, form))
}

pub fn grant_token(case: &mut Case<'_>, terms: &TokenTerms) -> Run {
    check_running(case.state)?;
    let (state, now) = (&case.state, case.now);
    let refused = |reason| refuse(MoneyRefusal::Spend { reason, requested: Micros::ZERO, payment_id: None });
    let agent = state.agents.get(&terms.agent_id).ok_or(Refusal::NotFound(Thing::Agent))?;
    let mandate = state.mandates.get(&terms.mandate_id).ok_or(Refusal::NotFound(Thing::Mandate))?;
    let lease = terms.lease_id.map(|id| state.leases.get(&id).ok_or(Refusal::NotFound(Thing::Lease))).transpose()?;
    match lease {
        Some(lease) if lease.child_agent != terms.agent_id || lease.mandate != terms.mandate_id || !lease.is_active(now) => {
            return Err(Refusal::NotFound(Thing::Lease).into());
        }
        None if mandate.agent != terms.agent_id => return Err(Refusal::NotFound(Thing::Mandate).into()),
        _ => {}
    }
    if agent.status != AgentStatus::Active {
        return refused(Reason::AgentNotActive);
    }
    if !mandate.is_active(now) {
        return refused(Reason::MandateNotActive);
    }
    let mut lists = std::iter::once(&mandate.terms.actions).chain(lease.map(|lease| &lease.terms.actions));
    if !lists.all(|actions| actions.is_empty() || actions.contains(&terms.action)) {
        return refused(Reason::ActionNotAllowed);
    }
    case.entries.push(entry("execution_token.granted", Some(terms.mandate_id.to_string())));
    let granted = matches!(outcome_of(case.reply), Some(MoneyOutcome::TokenGranted(granted)) if granted.granted_at == now);
    check(granted, case.reply, || "a token".to_owned())
}
