//! Reservations in the store: holding, resolving, expiring.
//!
//! Invariant: a reservation's row and the transfer that resolves it are written together, once; the schema refuses a
//! second change. What has run out is expired by whoever meets it first, alarm or not.

use serde::Serialize;

use super::desk::{Desk, Step, read_as, read_json, read_micros, read_optional_as, read_optional_time, read_time, read_wallet_id};
use super::money::books::{Books, with_books};
use super::money::hold;
use super::refusal::{Refusal, Thing};
use crate::domain::event::Action;
use crate::domain::form::Usd;
use crate::domain::form::reservation::ReservationForm;
use crate::domain::id::{AgentId, ApprovalId, LeaseId, MandateId, PaymentId, ReservationId, WalletId};
use crate::domain::money::Micros;
use crate::domain::reservation::{Capture, Reservation, ReservationStatus};
use crate::domain::spend::SpendKind;
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// Run-out holds read at once when a request needs the money in them.
const SWEEP_BATCH: u64 = 64;

macro_rules! columns {
    () => {
        "id, wallet_id, amount_micros, captured_micros, status, purpose, caller, expires_at_ms, ends_as, mandate_id, agent_id, \
         lease_id, approval_id, payment_id, day, ttl_s, merchant, resource, description, metadata, resolved_at_ms, reason"
    };
}

statements! {
    WRITE = "INSERT INTO reservation (id, seq, wallet_id, amount_micros, status, purpose, caller, expires_at_ms)
        VALUES (?1, ?2, ?3, ?4, 'reserved', ?5, ?6, ?7)";
    READ_METERED = "SELECT id, wallet_id, amount_micros, captured_micros, status, purpose, caller, expires_at_ms FROM reservation
        WHERE id = ?1 AND mandate_id IS NULL";
    READ = concat!("SELECT ", columns!(), " FROM reservation WHERE id = ?1");
    RESOLVE = "UPDATE reservation SET status = ?2, captured_micros = ?3, resolved_at_ms = ?4 WHERE id = ?1";
    LIST_DUE = concat!("SELECT ", columns!(), " FROM reservation
        WHERE resolved_at_ms IS NULL AND expires_at_ms <= ?1 ORDER BY expires_at_ms, seq LIMIT +?2");
    /// What frees money of the wallet: what is held under a lease goes back to the lease.
    LIST_DUE_OF_WALLET = concat!("SELECT ", columns!(), " FROM reservation
        WHERE resolved_at_ms IS NULL AND expires_at_ms <= ?1 AND wallet_id = +?3 AND lease_id IS NULL
        ORDER BY expires_at_ms, seq LIMIT +?2");
    NEXT_DEADLINE = "SELECT min(expires_at_ms) FROM reservation WHERE resolved_at_ms IS NULL";
    LIST = concat!("SELECT ", columns!(), " FROM reservation WHERE mandate_id IS NOT NULL
        AND (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR agent_id = ?2) AND (?3 IS NULL OR mandate_id = ?3)
        AND (?4 IS NULL OR lease_id = ?4) AND (?5 IS NULL OR status = ?5) AND (?6 IS NULL OR purpose = ?6)
        ORDER BY id DESC LIMIT +?7");
}

/// A reservation as it is stored.
pub(super) struct Stored {
    id: ReservationId,
    pub reservation: Reservation,
    purpose: String,
    caller: String,
    /// What an open one becomes at its deadline.
    ends_as: ReservationStatus,
    /// What one under a mandate has besides.
    pub governed: Option<Box<Governed>>,
}

/// A reservation under a mandate, as it is shown, and what is not shown of it.
pub(super) struct Governed {
    pub form: ReservationForm,
    /// In whose windows it counts.
    pub day: u64,
    pub ttl_s: u64,
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

/// Reads what every reservation has, from the columns all statements here begin with.
fn read_plain(row: &Row) -> Result<Stored, SqlError> {
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
        ends_as: ReservationStatus::Expired,
        governed: None,
    })
}

/// Reads all there is to a reservation.
fn read(row: &Row) -> Result<Stored, SqlError> {
    let stored = read_plain(row)?;
    let ends_as = read_as(row, 8, ReservationStatus::parse, "not a reservation status")?;
    let Some(mandate_id) = read_optional_as(row, 9, |text| MandateId::parse(text).ok(), "not a mandate id")? else {
        return Ok(Stored { ends_as, ..stored });
    };
    let Reservation { wallet, amount, status, captured, expires_at } = stored.reservation;
    let captured = captured.unwrap_or(Micros::ZERO);
    let released = if status.is_open() { Some(Micros::ZERO) } else { amount.checked_sub(captured).ok() };
    let text = |column: usize| Ok::<_, SqlError>(row.optional_text(column)?.map(str::to_owned));
    let form = ReservationForm {
        id: stored.id,
        status,
        kind: SpendKind::parse(&stored.purpose).ok_or(SqlError::Shape("not a kind of spending"))?,
        amount,
        captured_amount: captured,
        released_amount: released.ok_or(SqlError::Shape("more was captured than held"))?,
        currency: Usd,
        agent_id: read_as(row, 10, |text| AgentId::parse(text).ok(), "not an agent id")?,
        mandate_id,
        lease_id: read_optional_as(row, 11, |text| LeaseId::parse(text).ok(), "not a lease id")?,
        wallet_id: wallet,
        merchant: text(16)?,
        resource: text(17)?,
        description: text(18)?,
        metadata: read_json(row, 19, "not metadata")?,
        approval_id: read_optional_as(row, 12, |text| ApprovalId::parse(text).ok(), "not an approval id")?,
        payment_id: read_optional_as(row, 13, |text| PaymentId::parse(text).ok(), "not a payment id")?,
        reason: text(21)?,
        expires_at,
        created_at: stored.id.born_at(),
        resolved_at: read_optional_time(row, 20)?,
    };
    let governed = Governed { form, day: row.unsigned(14)?, ttl_s: row.unsigned(15)? };
    Ok(Stored { ends_as, governed: Some(Box::new(governed)), ..stored })
}

/// Holds money of the caller's default wallet, which must have it available.
pub(super) fn hold(desk: &mut Desk<'_>, amount: Micros, expires_at: Timestamp, purpose: &str) -> Step<ReservationId> {
    let wallet = desk.caller.default_wallet;
    let id = ReservationId::new(desk.now, desk.entropy);
    let seq = desk.record(Action::QueryHeld, &id.to_string(), Some(Reservation::hold(wallet, amount)?), &())?;
    let (id_text, wallet, caller) = (id.to_string(), wallet.to_string(), desk.caller.actor.to_string());
    desk.sql.run(WRITE, params![id_text, seq, wallet, amount.get(), purpose, caller, expires_at.as_ms()])?;
    desk.due_by(expires_at);
    Ok(id)
}

/// The reservation of a metered request of this id; one that has run out is expired first.
pub(super) fn find(desk: &mut Desk<'_>, id: ReservationId) -> Step<Stored> {
    let row = desk.sql.first(READ_METERED, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Reservation))?;
    let mut stored = read_plain(&row)?;
    if stored.reservation.is_due(desk.now) {
        expire_metered(desk, &mut stored)?;
    }
    Ok(stored)
}

/// The reservation under a mandate of this id.
pub(super) fn find_governed(desk: &Desk<'_>, id: ReservationId) -> Step<Box<Governed>> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Reservation))?;
    Ok(read(&row)?.governed.ok_or(Refusal::NotFound(Thing::Reservation))?)
}

/// Which of a tenant's reservations under mandates.
pub(super) struct Filter<'a> {
    pub before: Option<ReservationId>,
    pub agent_id: Option<AgentId>,
    pub mandate_id: Option<MandateId>,
    pub lease_id: Option<LeaseId>,
    pub status: Option<&'a str>,
    pub kind: Option<&'a str>,
}

/// Reservations under mandates, newest first.
pub(super) fn list(desk: &Desk<'_>, filter: &Filter<'_>, limit: u64) -> Step<Vec<ReservationForm>> {
    let values = params![
        filter.before.map(|id| id.to_string()),
        filter.agent_id.map(|id| id.to_string()),
        filter.mandate_id.map(|id| id.to_string()),
        filter.lease_id.map(|id| id.to_string()),
        filter.status,
        filter.kind,
        limit,
    ];
    let mut forms = Vec::new();
    for row in desk.sql.run(LIST, values)? {
        forms.extend(read(&row)?.governed.map(|governed| governed.form));
    }
    Ok(forms)
}

/// Takes what was decided out of the hold and frees the rest, in the name of who reserved it.
pub(super) fn settle_capture(desk: &mut Desk<'_>, stored: &mut Stored, capture: Capture) -> Step<()> {
    let id = stored.id.to_string();
    desk.actor.clone_from(&stored.caller);
    resolve(desk, stored, ReservationStatus::Captured, Some(capture.captured))?;
    desk.record(Action::QueryCharged, &id, Some(stored.reservation.earn(capture.captured)?), &stored.event_data())?;
    if !capture.freed.is_zero() {
        let rest = stored.reservation.free(capture.freed)?;
        desk.record(Action::QueryRemainderFreed, &id, Some(rest), &())?;
    }
    Ok(())
}

/// Gives the whole hold back, in the name of who reserved it.
pub(super) fn settle_release(desk: &mut Desk<'_>, stored: &mut Stored) -> Step<()> {
    desk.actor.clone_from(&stored.caller);
    give_back(desk, stored, ReservationStatus::Released, Action::QueryReleased)
}

fn expire_metered(desk: &mut Desk<'_>, stored: &mut Stored) -> Step<()> {
    give_back(desk, stored, ReservationStatus::Expired, Action::QueryExpired)
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

/// Ends one that has run out.
fn expire(desk: &mut Desk<'_>, books: &mut Books, mut stored: Stored) -> Step<()> {
    match stored.governed.take() {
        Some(mut governed) => hold::give_back(desk, books, &mut governed, stored.ends_as),
        None => expire_metered(desk, &mut stored),
    }
}

/// Ends what has run out, at most `batch`, by deadline and then by creation; answers how many there were.
pub(super) fn expire_due(desk: &mut Desk<'_>, batch: u64) -> Step<u64> {
    let rows = desk.sql.run(LIST_DUE, params![desk.now.as_ms(), batch])?;
    if !rows.is_empty() {
        with_books(desk, |desk, books| rows.iter().try_for_each(|row| expire(desk, books, read(row)?)))?;
    }
    Ok(rows.len() as u64)
}

/// Ends run-out holds of the default wallet until it has `wanted` available, or none is left.
pub(super) fn free_up(desk: &mut Desk<'_>, wanted: Micros) -> Step<()> {
    let wallet = desk.caller.default_wallet.to_string();
    while desk.available < wanted {
        let rows = desk.sql.run(LIST_DUE_OF_WALLET, params![desk.now.as_ms(), SWEEP_BATCH, wallet.as_str()])?;
        if rows.is_empty() {
            break;
        }
        with_books(desk, |desk, books| {
            rows.iter().try_for_each(|row| if desk.available < wanted { expire(desk, books, read(row)?) } else { Ok(()) })
        })?;
    }
    Ok(())
}

/// The earliest deadline of an open reservation.
pub(super) fn next_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    let row = desk.sql.first(NEXT_DEADLINE, &[])?;
    Ok(row.map(|row| row.optional_unsigned(0)).transpose()?.flatten().map(Timestamp::from_ms))
}
