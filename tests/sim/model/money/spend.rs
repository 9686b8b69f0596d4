//! Authorize, reserve, capture, release (identity-and-money 9).

use guildhall::domain::approval::{APPROVAL_TTL_S, ApprovalStatus};
use guildhall::domain::form::reservation::ReservationForm;
use guildhall::domain::id::{ReservationId, new_ulid};
use guildhall::domain::money::Micros;
use guildhall::domain::reservation::ReservationStatus;
use guildhall::domain::spend::Reason;
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::{TenantCall, TenantReply};
use guildhall::objects::tenant::money::command::{PageOf, SpendRequest};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::refusal::{Refusal, Thing};

use super::super::caller::{actor, token_of};
use super::super::state::{Reservation, State, Status, entry};
use super::super::{Expected, Run};
use super::judge::{Ask, Verdict, judge};
use super::state::{Approval, Governed};
use super::{Case, check, check_running, hold, outcome_of, refuse, wrong};

fn ask_of(request: &SpendRequest) -> Ask<'_> {
    Ask {
        agent: request.agent_id,
        mandate: request.mandate_id,
        lease: request.lease_id,
        action: request.kind.action(),
        amount: request.amount.get(),
        merchant: request.merchant.as_ref(),
        risk: None,
    }
}

/// A token spends under what it names and nothing else.
fn check_reach(call: &TenantCall, ask: &Ask<'_>) -> Result<(), Refusal> {
    let Some(rights) = token_of(call) else { return Ok(()) };
    let named = (rights.agent_id, rights.mandate_id, rights.lease_id, rights.action);
    if named == (ask.agent, ask.mandate, ask.lease, ask.action) { Ok(()) } else { Err(MoneyRefusal::TokenScopeMismatch.into()) }
}

pub fn authorize(case: &mut Case<'_>, request: &SpendRequest) -> Run {
    let ask = ask_of(request);
    check_reach(case.call, &ask)?;
    let mut verdict = judge(case.state, case.now, &ask)?;
    if case.state.stopped {
        verdict.reasons.insert(0, Reason::TenantStopped);
    }
    let Some(MoneyOutcome::Authorized(shown)) = outcome_of(case.reply) else { return wrong(case.reply, "a decision") };
    let right = shown.reasons == verdict.reasons
        && shown.approval_required == (verdict.reasons.is_empty() && verdict.needs_approval)
        && shown.remaining == verdict.remaining
        && shown.mandate_version == case.state.mandates[&request.mandate_id].version;
    check(right, case.reply, || format!("{:?} with {:?}", verdict.reasons, verdict.remaining))
}

/// What a hold is made of, its ids as the reply tells them.
pub struct Ids {
    pub reservation: ReservationId,
    pub approval: Option<guildhall::domain::id::ApprovalId>,
    pub payment: Option<guildhall::domain::id::PaymentId>,
}

/// A hold that nothing refuses: for whom and how long, under which ids.
pub struct Planned<'a> {
    pub call: &'a TenantCall,
    pub ask: &'a Ask<'a>,
    pub verdict: &'a Verdict,
    pub ttl_s: u64,
    pub ids: Ids,
}

/// Holds what nothing refuses, and asks a human where one has to be asked.
pub fn put_hold(state: &mut State, now: Timestamp, planned: &Planned<'_>, entries: &mut Vec<Expected>) {
    let Planned { call, ask, verdict, ttl_s, ids } = planned;
    let day = match ask.lease {
        Some(lease) => state.leases[&lease].day,
        None => state.mandates[&ask.mandate].day.max(now.utc_day()),
    };
    let governed = Governed {
        mandate: ask.mandate,
        agent: ask.agent,
        lease: ask.lease,
        action: ask.action,
        day,
        ttl_s: *ttl_s,
        approval: ids.approval.filter(|_| verdict.needs_approval),
        payment: ids.payment,
    };
    let (status, lasts_s) = if verdict.needs_approval { (Status::Pending, APPROVAL_TTL_S) } else { (Status::Reserved, *ttl_s) };
    let reservation = Reservation {
        wallet: state.paying_wallet(ask.mandate, ask.lease),
        amount: ask.amount,
        status,
        expires_at: now.plus_s(lasts_s),
        created: state.reservations.len() as u64,
        caller: actor(state, call),
        ends_as: Status::Expired,
        governed: Some(governed),
    };
    hold::hold(state, ids.reservation, reservation, entries);
    if let Some(approval) = ids.approval.filter(|_| verdict.needs_approval) {
        state.approvals.insert(approval, Approval { reservation: ids.reservation, status: ApprovalStatus::Pending });
        entries.push(entry("approval.requested", Some(approval.to_string())));
    }
}

fn refusal_of(request: &SpendRequest, verdict: &Verdict) -> Option<Refusal> {
    let reason = *verdict.reasons.first()?;
    Some(MoneyRefusal::Spend { reason, requested: request.amount, payment_id: None }.into())
}

fn ids_of(form: &ReservationForm) -> Ids {
    Ids { reservation: form.id, approval: form.approval_id, payment: form.payment_id }
}

pub fn reserve(case: &mut Case<'_>, request: &SpendRequest) -> Run {
    check_running(case.state)?;
    let ask = ask_of(request);
    check_reach(case.call, &ask)?;
    let verdict = judge(case.state, case.now, &ask)?;
    if let Some(refusal) = refusal_of(request, &verdict) {
        return Err(refusal.into());
    }
    let Some(MoneyOutcome::Reservation(form)) = outcome_of(case.reply) else { return wrong(case.reply, "a reservation") };
    let planned = Planned { call: case.call, ask: &ask, verdict: &verdict, ttl_s: request.ttl_s, ids: ids_of(form) };
    put_hold(case.state, case.now, &planned, case.entries);
    let deadline = case.state.reservations[&form.id].expires_at;
    let alarmed = case.reply.next_due_at_ms.is_some_and(|due| due <= deadline);
    check(alarmed, case.reply, || "an alarm before the hold runs out".to_owned())?;
    check_form(case.state, form, case.reply)
}

/// One pass over a batch on a copy of the state: what each item comes to, the items before it counted.
fn batch_pass(case: &Case<'_>, items: &[SpendRequest]) -> (State, Vec<Expected>, Vec<Result<(), Refusal>>) {
    let (mut state, mut entries) = (case.state.clone(), Vec::new());
    let shown = match outcome_of(case.reply) {
        Some(MoneyOutcome::ReservedBatch(results)) => results.as_slice(),
        _ => &[],
    };
    let mut strangers = crate::random::Random::new(items.len() as u64);
    let mut serve = |index: usize, item: &SpendRequest| {
        let ask = ask_of(item);
        check_reach(case.call, &ask)?;
        let verdict = judge(&state, case.now, &ask)?;
        if let Some(refusal) = refusal_of(item, &verdict) {
            return Err(refusal);
        }
        let unknown = Ids { reservation: ReservationId::from_ulid(new_ulid(case.now, &mut strangers)), approval: None, payment: None };
        let ids = shown.get(index).and_then(|result| result.as_ref().ok()).map_or(unknown, ids_of);
        let planned = Planned { call: case.call, ask: &ask, verdict: &verdict, ttl_s: item.ttl_s, ids };
        put_hold(&mut state, case.now, &planned, &mut entries);
        Ok(())
    };
    let results = items.iter().enumerate().map(|(index, item)| serve(index, item)).collect();
    (state, entries, results)
}

pub fn reserve_batch(case: &mut Case<'_>, items: &[SpendRequest], atomic: bool) -> Run {
    check_running(case.state)?;
    let (state, entries, results) = batch_pass(case, items);
    let refused = results.iter().enumerate().find_map(|(index, result)| Some((index as u64, result.as_ref().err()?.clone())));
    if let Some((index, refusal)) = refused.filter(|_| atomic) {
        return refuse(MoneyRefusal::BatchRefused { index, refusal: Box::new(refusal) });
    }
    let Some(MoneyOutcome::ReservedBatch(shown)) = outcome_of(case.reply) else { return wrong(case.reply, "a batch") };
    *case.state = state;
    case.entries.extend(entries);
    check(shown.len() == results.len(), case.reply, || format!("{results:?}"))?;
    for (shown, expected) in shown.iter().zip(&results) {
        match (shown, expected) {
            (Ok(form), Ok(())) => check_form(case.state, form, case.reply)?,
            (Err(shown), Err(expected)) if shown == expected => {}
            _ => return wrong(case.reply, &format!("{results:?}")),
        }
    }
    Ok(())
}

/// The reservation, if the caller reaches it.
fn find(case: &Case<'_>, id: ReservationId) -> Result<Reservation, Refusal> {
    let unknown = Refusal::NotFound(Thing::Reservation);
    let (reservation, governed) = hold::find(case.state, id).ok_or(unknown.clone())?;
    let is_theirs = token_of(case.call)
        .is_none_or(|rights| (rights.agent_id, rights.mandate_id, rights.action) == (governed.agent, governed.mandate, governed.action));
    if is_theirs { Ok(reservation) } else { Err(unknown) }
}

fn check_reply(case: &Case<'_>, id: ReservationId) -> Run {
    let Some(MoneyOutcome::Reservation(form)) = outcome_of(case.reply) else { return wrong(case.reply, "the reservation") };
    check(form.id == id, case.reply, || format!("{id}"))?;
    check_form(case.state, form, case.reply)
}

pub fn capture(case: &mut Case<'_>, id: ReservationId, amount: Option<Micros>) -> Run {
    let reservation = find(case, id)?;
    let asked = amount.map_or(reservation.amount, Micros::get);
    match reservation.status {
        Status::Captured(_) | Status::Released => return Err(Refusal::ReservationResolved.into()),
        Status::Expired => return Err(Refusal::ReservationExpired.into()),
        Status::Pending => return refuse(MoneyRefusal::ApprovalPending),
        Status::Reserved if asked > reservation.amount => return Err(Refusal::CaptureExceedsReservation.into()),
        Status::Reserved => hold::capture(case.state, case.now, id, asked, case.entries),
    }
    check_reply(case, id)
}

pub fn release(case: &mut Case<'_>, id: ReservationId) -> Run {
    match find(case, id)?.status {
        Status::Captured(_) => return Err(Refusal::ReservationResolved.into()),
        Status::Reserved | Status::Pending => hold::give_back(case.state, id, Status::Released, case.entries),
        Status::Released | Status::Expired => {}
    }
    check_reply(case, id)
}

pub fn get(case: &mut Case<'_>, id: ReservationId) -> Run {
    find(case, id)?;
    check_reply(case, id)
}

pub fn check_form(state: &State, form: &ReservationForm, reply: &TenantReply) -> Run {
    let Some((reservation, governed)) = state.reservations.get(&form.id).and_then(|one| Some((one, one.governed.as_ref()?))) else {
        return wrong(reply, "a reservation there is");
    };
    let (status, captured, released) = match reservation.status {
        Status::Reserved => (ReservationStatus::Reserved, 0, 0),
        Status::Pending => (ReservationStatus::PendingApproval, 0, 0),
        Status::Captured(captured) => (ReservationStatus::Captured, captured, reservation.amount - captured),
        Status::Released => (ReservationStatus::Released, 0, reservation.amount),
        Status::Expired => (ReservationStatus::Expired, 0, reservation.amount),
    };
    let right = form.status == status
        && (form.amount.get(), form.captured_amount.get(), form.released_amount.get()) == (reservation.amount, captured, released)
        && (form.agent_id, form.mandate_id, form.lease_id) == (governed.agent, governed.mandate, governed.lease)
        && (form.approval_id, form.payment_id) == (governed.approval, governed.payment)
        && form.wallet_id == reservation.wallet
        && form.expires_at == reservation.expires_at
        && form.resolved_at.is_none() == reservation.status.is_open();
    check(right, reply, || format!("{reservation:?}"))
}

pub fn list(case: &mut Case<'_>, page: PageOf<ReservationId>) -> Run {
    let Some(MoneyOutcome::Reservations(forms)) = outcome_of(case.reply) else { return wrong(case.reply, "reservations") };
    let governed = case.state.reservations.iter().rev().filter(|(_, one)| one.governed.is_some());
    let expected = governed.map(|(id, _)| *id).filter(|id| page.before.is_none_or(|before| *id < before)).take(page.limit as usize);
    check(forms.iter().map(|form| form.id).eq(expected), case.reply, || "reservations, newest first".to_owned())?;
    forms.iter().try_for_each(|form| check_form(case.state, form, case.reply))
}
