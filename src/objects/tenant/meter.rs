//! Metering: one transaction admits a request and holds its price, one ends it; what is asked in between: `errand.rs`.
//!
//! Invariant: a request is paid for exactly when its answer is kept, in one transaction; while it runs its idempotency
//! record stands in flight as long as its hold, so a repeat can neither pay twice nor run beside it.

use super::call::Answer;
use super::command::{MeterCapture, MeterRelease, MeterReserve};
use super::desk::{Desk, Done, Keep, Step};
use super::money::{control, sweep};
use super::outcome::{Charged, Outcome, Reserved};
use super::refusal::Refusal;
use super::reservation;
use crate::domain::money::Micros;
use crate::domain::reservation::ReservationStatus;
use crate::domain::time::Timestamp;
use crate::objects::{idempotency, wire};

/// Holds the price on the default wallet. 402 when it is not there, run-out holds counted as freed.
pub(super) fn reserve(desk: &mut Desk<'_>, request: &MeterReserve) -> Step<Done> {
    control::check_running(desk)?;
    let price = request.price_micros;
    let mut available = desk.caller.available_micros;
    // A lease that has run out may hold what is missing, or an agent whose time is over.
    if available < price {
        sweep::meet_if_due(desk)?;
        available = available.max(desk.available);
    }
    let expires_at: Timestamp = desk.now.plus_s(request.ttl_s);
    let Ok(left) = available.checked_sub(price) else {
        let wallet_id = desk.caller.default_wallet;
        return Err(Refusal::InsufficientBalance { available_micros: available, price_micros: price, wallet_id }.into());
    };
    let reservation_id = if price.is_zero() {
        None
    } else {
        reservation::free_up(desk, price)?;
        Some(reservation::hold(desk, price, expires_at, &request.purpose)?)
    };
    let reserved = Reserved { reservation_id, expires_at_ms: expires_at, available_micros: left };
    Ok(Done { outcome: Outcome::Reserved(reserved), keep: Keep::InFlight(expires_at) })
}

/// Takes the price and keeps the answer, or does neither: a request whose idempotency record is no longer its own is not
/// paid for, since a repeat may be under way. The same capture again answers the same and takes nothing.
pub(super) fn capture(desk: &mut Desk<'_>, request: &MeterCapture) -> Step<Done> {
    let mut available = desk.caller.available_micros;
    let mut charged =
        Charged { captured_micros: Micros::ZERO, freed_micros: Micros::ZERO, available_micros: available, answer_kept: false };
    if let Some(id) = request.reservation_id {
        let mut stored = reservation::find(desk, id)?;
        let was_open = stored.reservation.status == ReservationStatus::Reserved;
        let capture = stored.reservation.capture(request.amount_micros, desk.now).map_err(Refusal::from)?;
        charged.answer_kept = keep_answer(desk, request)?;
        if was_open {
            if request.scope_hash.is_some() && !charged.answer_kept {
                return Err(Refusal::ReservationExpired.into());
            }
            reservation::settle_capture(desk, &mut stored, capture)?;
            available = available.checked_add(capture.freed)?;
        }
        charged.captured_micros = capture.captured;
        charged.freed_micros = capture.freed;
        charged.available_micros = available;
    } else {
        charged.answer_kept = keep_answer(desk, request)?;
    }
    Ok(Done { outcome: Outcome::Charged(charged), keep: Keep::Nothing })
}

/// Keeps the answer under the request's idempotency record, while that is its own; answers whether it was.
fn keep_answer(desk: &Desk<'_>, request: &MeterCapture) -> Step<bool> {
    let (Some(scope_hash), Some(answered)) = (&request.scope_hash, &request.answer) else { return Ok(false) };
    let answer = wire::write(&Answer::Metered(answered.clone()))?;
    Ok(idempotency::finish(desk.sql, scope_hash, desk.request_id, desk.now, &answer)?)
}

/// Gives the price back and lets a repeat run anew. Repeatable, and harmless after expiry.
pub(super) fn release(desk: &mut Desk<'_>, request: &MeterRelease) -> Step<Done> {
    if let Some(id) = request.reservation_id {
        let mut stored = reservation::find(desk, id)?;
        if stored.reservation.release().map_err(Refusal::from)? {
            reservation::settle_release(desk, &mut stored)?;
        }
    }
    if let Some(scope_hash) = &request.scope_hash {
        idempotency::forget(desk.sql, scope_hash, desk.request_id)?;
    }
    Ok(Done { outcome: Outcome::Released, keep: Keep::Nothing })
}
