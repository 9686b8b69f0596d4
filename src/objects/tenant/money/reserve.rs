//! Reservations asked for, captured, released and shown (contract identity-and-money 9).
//!
//! Invariant: a reservation holds against its mandate's windows, its lease and its wallet at once, or not at all. What has
//! run out was ended before, so nothing of it refuses anything.

use super::super::call::ExecutionRights;
use super::super::desk::{Desk, Done, Keep, Step, Stop};
use super::super::refusal::{Refusal, Thing};
use super::super::reservation::{self, Filter, Governed};
use super::super::wallet;
use super::books::{Books, Spender, Verdict, ask, with_books};
use super::command::SpendRequest;
use super::hold::{self, Hold};
use super::outcome::{Authorized, MoneyOutcome};
use super::refusal::MoneyRefusal;
use super::{control, usage};
use crate::domain::form::reservation::ReservationForm;
use crate::domain::id::ReservationId;
use crate::domain::money::Micros;
use crate::domain::reservation::{Reservation, ReservationError, ReservationStatus};
use crate::domain::spend::Reason;

/// Says what a request would come to. Counts that it was asked, and changes nothing else.
pub(super) fn authorize(desk: &mut Desk<'_>, request: &SpendRequest) -> Step<Done> {
    check_reach_of_request(desk, request)?;
    let mut verdict = Books::default().judge(desk, &spender_of(request), &ask_of(request))?;
    if desk.caller.is_stopped {
        verdict.reasons.insert(0, Reason::TenantStopped);
    }
    let approval_required = verdict.reasons.is_empty() && verdict.needs_approval;
    let decision = match (verdict.reasons.is_empty(), approval_required) {
        (false, _) => usage::Decision::Deny,
        (true, true) => usage::Decision::ApprovalRequired,
        (true, false) => usage::Decision::Allow,
    };
    usage::count(desk, request.agent_id, request.mandate_id, decision)?;
    let Verdict { reasons, remaining, mandate_version, .. } = verdict;
    Ok(MoneyOutcome::Authorized(Authorized { reasons, approval_required, remaining, mandate_version }).into())
}

fn spender_of(request: &SpendRequest) -> Spender {
    Spender { agent_id: request.agent_id, mandate_id: request.mandate_id, lease_id: request.lease_id }
}

fn ask_of(request: &SpendRequest) -> crate::domain::spend::Ask<'_> {
    ask(request.kind.action(), request.amount, request.merchant.as_ref(), None)
}

/// A token spends under what it names and nothing else.
fn check_reach_of_request(desk: &Desk<'_>, request: &SpendRequest) -> Step<()> {
    let Some(rights) = &desk.caller.token else { return Ok(()) };
    let ExecutionRights { agent_id, mandate_id, lease_id, action, .. } = rights;
    let is_within = *agent_id == request.agent_id
        && *mandate_id == request.mandate_id
        && *lease_id == request.lease_id
        && *action == request.kind.action();
    if is_within { Ok(()) } else { Err(MoneyRefusal::TokenScopeMismatch.into()) }
}

/// Holds the money, or says the first reason against it.
pub(super) fn reserve(desk: &mut Desk<'_>, request: &SpendRequest) -> Step<Done> {
    control::check_running(desk)?;
    check_reach_of_request(desk, request)?;
    let verdict = with_books(desk, |desk, books| {
        let planned = match plan(desk, books, request)? {
            Ok(planned) => planned,
            Err(refusal) => return Ok(Err(refusal)),
        };
        hold::write(desk, &planned)?;
        Ok(Ok(planned.form))
    })?;
    match verdict {
        Ok(form) => Ok(done(form)),
        Err(refusal) => {
            usage::count(desk, request.agent_id, request.mandate_id, usage::Decision::Deny)?;
            Err(refusal.into())
        }
    }
}

fn done(form: ReservationForm) -> Done {
    MoneyOutcome::Reservation(Box::new(form)).into()
}

/// Puts a request into the books, or says the first reason against it.
fn plan(desk: &mut Desk<'_>, books: &mut Books, request: &SpendRequest) -> Step<Result<hold::Planned, Refusal>> {
    let spender = spender_of(request);
    let verdict = books.judge(desk, &spender, &ask_of(request))?;
    if let Some(reason) = verdict.reasons.first() {
        return Ok(Err(MoneyRefusal::Spend { reason: *reason, requested: request.amount, payment_id: None }.into()));
    }
    let hold = Hold {
        kind: request.kind,
        amount: request.amount,
        spender,
        merchant: request.merchant.as_ref().map(|merchant| merchant.name.clone()),
        resource: request.resource.clone(),
        description: request.description.clone(),
        metadata: request.metadata.clone(),
        ttl_s: request.ttl_s,
        needs_approval: verdict.needs_approval,
        payment_id: None,
    };
    hold::plan(desk, books, hold).map(Ok)
}

/// Many at once, judged in order as if they came one after the other; `atomic`: all of them or none.
pub(super) fn reserve_batch(desk: &mut Desk<'_>, items: &[SpendRequest], atomic: bool) -> Step<Done> {
    control::check_running(desk)?;
    let results = with_books(desk, |desk, books| hold_all(desk, books, items, atomic))?;
    for (item, result) in items.iter().zip(&results) {
        if result.is_err() {
            usage::count(desk, item.agent_id, item.mandate_id, usage::Decision::Deny)?;
        }
    }
    let first_refused = results.iter().enumerate().find_map(|(index, result)| Some((index, result.as_ref().err()?.clone())));
    if let Some((index, refusal)) = first_refused.filter(|_| atomic) {
        return Err(MoneyRefusal::BatchRefused { index: index as u64, refusal: Box::new(refusal) }.into());
    }
    Ok(MoneyOutcome::ReservedBatch(results).into())
}

type Results = Vec<Result<ReservationForm, Refusal>>;

/// Holds what nothing refuses; with `atomic` nothing is written when anything is refused. What is unknown, or beyond a
/// token's reach, is refused as an item of its own.
fn hold_all(desk: &mut Desk<'_>, books: &mut Books, items: &[SpendRequest], atomic: bool) -> Step<Results> {
    let mut planned = Vec::with_capacity(items.len());
    for item in items {
        planned.push(match check_reach_of_request(desk, item).and_then(|()| plan(desk, books, item)) {
            Ok(judged) => judged,
            Err(Stop::Refused(refusal)) => Err(refusal),
            Err(broken @ Stop::Broken(_)) => return Err(broken),
        });
    }
    if atomic && planned.iter().any(Result::is_err) {
        // Nothing was written yet: forgetting what was planned is all there is to take back.
        *books = Books::default();
        return Ok(planned.into_iter().map(|judged| judged.map(|planned| planned.form)).collect());
    }
    let mut results = Vec::with_capacity(planned.len());
    for judged in planned {
        results.push(match judged {
            Ok(planned) => {
                hold::write(desk, &planned)?;
                Ok(planned.form)
            }
            Err(refusal) => Err(refusal),
        });
    }
    Ok(results)
}

/// A token reaches its own agent's reservations, under its mandate and for its action, whatever lease they are under;
/// management reaches all.
fn check_reach(desk: &Desk<'_>, form: &ReservationForm) -> Step<()> {
    let Some(rights) = &desk.caller.token else { return Ok(()) };
    let is_within = rights.agent_id == form.agent_id && rights.mandate_id == form.mandate_id && rights.action == form.kind.action();
    if is_within { Ok(()) } else { Err(Refusal::NotFound(Thing::Reservation).into()) }
}

fn find(desk: &Desk<'_>, books: &mut Books, id: ReservationId) -> Step<Box<Governed>> {
    let governed = reservation::find_governed(desk, id)?;
    check_reach(desk, &governed.form)?;
    wallet::check_live_of(desk, books, governed.form.wallet_id)?;
    Ok(governed)
}

/// Spends what is held, all or part of it; the rest goes back. There is no second capture.
pub(super) fn capture(desk: &mut Desk<'_>, id: ReservationId, amount: Option<Micros>) -> Step<Done> {
    let form = with_books(desk, |desk, books| {
        let mut governed = find(desk, books, id)?;
        let form = &governed.form;
        if form.status == ReservationStatus::Captured {
            return Err(Refusal::from(ReservationError::Resolved).into());
        }
        let capture = decided_by(form).capture(amount, desk.now).map_err(Refusal::from)?;
        hold::capture(desk, books, &mut governed, capture.captured)?;
        Ok(governed.form)
    })?;
    Ok(done(form))
}

/// Gives back what is held. Released or expired before: the same object.
pub(super) fn release(desk: &mut Desk<'_>, id: ReservationId, reason: Option<&str>) -> Step<Done> {
    let form = with_books(desk, |desk, books| {
        let mut governed = find(desk, books, id)?;
        if decided_by(&governed.form).release().map_err(Refusal::from)? {
            governed.form.reason = reason.map(str::to_owned);
            hold::give_back(desk, books, &mut governed, ReservationStatus::Released)?;
        }
        Ok(governed.form)
    })?;
    Ok(done(form))
}

fn decided_by(form: &ReservationForm) -> Reservation {
    Reservation {
        wallet: form.wallet_id,
        amount: form.amount,
        status: form.status,
        captured: Some(form.captured_amount).filter(|captured| !captured.is_zero()),
        expires_at: form.expires_at,
    }
}

pub(super) fn get(desk: &Desk<'_>, id: ReservationId) -> Step<Done> {
    let form = find(desk, &mut Books::default(), id)?.form;
    Ok(Done { keep: Keep::Nothing, ..done(form) })
}

pub(super) fn list(desk: &Desk<'_>, filter: &Filter<'_>, limit: u64) -> Step<Done> {
    Ok(MoneyOutcome::Reservations(reservation::list(desk, filter, limit)?).into())
}
