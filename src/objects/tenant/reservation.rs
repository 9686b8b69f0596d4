//! Reservations in the store: holding, resolving, expiring.
//!
//! Invariant: a reservation's row and the transfer that resolves it are written together, once; the schema refuses a
//! second change. What has run out is expired by whoever meets it first, alarm or not.

use serde::Serialize;

use super::desk::{Desk, Step, read_as, read_micros, read_time, read_wallet_id};
use super::refusal::{Refusal, Thing};
use crate::domain::event::Action;
use crate::domain::id::{ReservationId, WalletId};
use crate::domain::money::Micros;
use crate::domain::reservation::{Capture, Reservation, ReservationStatus};
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// Run-out holds read at once when a request needs the money in them.
const SWEEP_BATCH: u64 = 64;

statements! {
    WRITE = "INSERT INTO reservation (id, seq, wallet_id, amount_micros, status, purpose, caller, expires_at_ms)
        VALUES (?1, ?2, ?3, ?4, 'reserved', ?5, ?6, ?7)";
    READ = "SELECT id, wallet_id, amount_micros, captured_micros, status, purpose, caller, expires_at_ms FROM reservation
        WHERE id = ?1";
    RESOLVE = "UPDATE reservation SET status = ?2, captured_micros = ?3, resolved_at_ms = ?4 WHERE id = ?1";
    LIST_DUE = "SELECT id, wallet_id, amount_micros, captured_micros, status, purpose, caller, expires_at_ms FROM reservation
        WHERE status = 'reserved' AND expires_at_ms <= ?1 ORDER BY expires_at_ms, seq LIMIT +?2";
    LIST_DUE_OF_WALLET = "SELECT id, wallet_id, amount_micros, captured_micros, status, purpose, caller, expires_at_ms
        FROM reservation WHERE status = 'reserved' AND expires_at_ms <= ?1 AND wallet_id = +?3
        ORDER BY expires_at_ms, seq LIMIT +?2";
    NEXT_DEADLINE = "SELECT min(expires_at_ms) FROM reservation WHERE status = 'reserved'";
}

/// A reservation as it is stored.
pub(super) struct Stored {
    id: ReservationId,
    pub reservation: Reservation,
    purpose: String,
    caller: String,
}

/// What an event about a reservation says.
#[derive(Serialize)]
struct EventData<'a> {
    reservation_id: ReservationId,
    wallet_id: WalletId,
    amount_micros: Micros,
    captured_micros: Option<Micros>,
    status: ReservationStatus,
    purpose: &'a str,
    caller: &'a str,
    expires_at: String,
}

impl Stored {
    fn event_data(&self) -> EventData<'_> {
        EventData {
            reservation_id: self.id,
            wallet_id: self.reservation.wallet,
            amount_micros: self.reservation.amount,
            captured_micros: self.reservation.captured,
            status: self.reservation.status,
            purpose: &self.purpose,
            caller: &self.caller,
            expires_at: self.reservation.expires_at.to_string(),
        }
    }
}

fn read(row: &Row) -> Result<Stored, SqlError> {
    let captured = if row.is_null(3)? { None } else { Some(read_micros(row, 3)?) };
    Ok(Stored {
        id: read_as(row, 0, |text| ReservationId::parse(text).ok(), "not a reservation id")?,
        reservation: Reservation {
            wallet: read_wallet_id(row, 1)?,
            amount: read_micros(row, 2)?,
            captured,
            status: read_as(row, 4, ReservationStatus::parse, "not a reservation status")?,
            expires_at: read_time(row, 7)?,
        },
        purpose: row.text(5)?.to_owned(),
        caller: row.text(6)?.to_owned(),
    })
}

/// Holds money of the caller's default wallet, which must have it available.
pub(super) fn hold(desk: &mut Desk<'_>, amount: Micros, expires_at: Timestamp, purpose: &str) -> Step<ReservationId> {
    let wallet = desk.caller.default_wallet;
    let id = ReservationId::new(desk.now, desk.entropy);
    let seq = desk.record(Action::ReservationHeld, &id.to_string(), Some(Reservation::hold(wallet, amount)?), &())?;
    let (id_text, wallet, caller) = (id.to_string(), wallet.to_string(), desk.caller.actor.to_string());
    desk.sql.run(WRITE, params![id_text, seq, wallet, amount.get(), purpose, caller, expires_at.as_ms()])?;
    desk.due_by(expires_at);
    Ok(id)
}

/// The reservation of this id; one that has run out is expired first.
pub(super) fn find(desk: &mut Desk<'_>, id: ReservationId) -> Step<Stored> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Reservation))?;
    let mut stored = read(&row)?;
    if stored.reservation.is_due(desk.now) {
        expire(desk, &mut stored)?;
    }
    Ok(stored)
}

/// Takes what was decided out of the hold and frees the rest, in the name of who reserved it.
pub(super) fn settle_capture(desk: &mut Desk<'_>, stored: &mut Stored, capture: Capture) -> Step<()> {
    let id = stored.id.to_string();
    desk.actor.clone_from(&stored.caller);
    resolve(desk, stored, ReservationStatus::Captured, Some(capture.captured))?;
    desk.record(Action::QueryCharged, &id, Some(stored.reservation.earn(capture.captured)?), &stored.event_data())?;
    if !capture.freed.is_zero() {
        let rest = stored.reservation.free(capture.freed)?;
        desk.record(Action::ReservationRemainderFreed, &id, Some(rest), &())?;
    }
    Ok(())
}

/// Gives the whole hold back, in the name of who reserved it.
pub(super) fn settle_release(desk: &mut Desk<'_>, stored: &mut Stored) -> Step<()> {
    desk.actor.clone_from(&stored.caller);
    give_back(desk, stored, ReservationStatus::Released, Action::ReservationReleased)
}

fn expire(desk: &mut Desk<'_>, stored: &mut Stored) -> Step<()> {
    give_back(desk, stored, ReservationStatus::Expired, Action::ReservationExpired)
}

fn give_back(desk: &mut Desk<'_>, stored: &mut Stored, status: ReservationStatus, action: Action) -> Step<()> {
    resolve(desk, stored, status, None)?;
    let transfer = stored.reservation.free(stored.reservation.amount)?;
    desk.record(action, &stored.id.to_string(), Some(transfer), &stored.event_data())?;
    Ok(())
}

fn resolve(desk: &Desk<'_>, stored: &mut Stored, status: ReservationStatus, captured: Option<Micros>) -> Step<()> {
    stored.reservation.status = status;
    stored.reservation.captured = captured;
    let captured = captured.map(Micros::get);
    desk.sql.run(RESOLVE, params![stored.id.to_string(), status.as_str(), captured, desk.now.as_ms()])?;
    Ok(())
}

/// Expires what has run out, at most `batch`, by deadline and then by creation; answers how many there were.
pub(super) fn expire_due(desk: &mut Desk<'_>, batch: u64) -> Step<u64> {
    let rows = desk.sql.run(LIST_DUE, params![desk.now.as_ms(), batch])?;
    for row in &rows {
        expire(desk, &mut read(row)?)?;
    }
    Ok(rows.len() as u64)
}

/// Expires run-out holds of the default wallet until it has `wanted` available, or none is left.
pub(super) fn free_up(desk: &mut Desk<'_>, wanted: Micros) -> Step<()> {
    let wallet = desk.caller.default_wallet.to_string();
    while desk.available < wanted {
        let rows = desk.sql.run(LIST_DUE_OF_WALLET, params![desk.now.as_ms(), SWEEP_BATCH, wallet.as_str()])?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            if desk.available < wanted {
                expire(desk, &mut read(row)?)?;
            }
        }
    }
    Ok(())
}

/// The earliest deadline of an open reservation.
pub(super) fn next_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    let row = desk.sql.first(NEXT_DEADLINE, &[])?;
    Ok(row.map(|row| row.optional_unsigned(0)).transpose()?.flatten().map(Timestamp::from_ms))
}
