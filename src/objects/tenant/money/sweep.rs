//! What has come due: run-out holds, leases, mandates and agents (contract README 12).
//!
//! Whoever needs what they hold, and whoever looks, sweeps first; the object's alarm does without anybody asking.

use super::super::desk::{Desk, Step};
use super::super::identity::record;
use super::super::reservation;
use super::{lease, mandate, payment};
use crate::domain::time::Timestamp;
use crate::params;

/// How much a request that looks sweeps before it does.
const LOOK_BATCH: u64 = 500;
/// How much a request sweeps at a time that would else be refused.
const NEED_BATCH: u64 = 64;

/// Ends what has run out, at most `batch` of each kind; answers how much there was.
pub(in super::super) fn run(desk: &mut Desk<'_>, batch: u64) -> Step<u64> {
    let agents = record::expire_due(desk, batch)?;
    // Leases first: what their holds free goes where an ended lease sends it.
    let leases = lease::expire_due(desk, batch)?;
    let holds = reservation::expire_due(desk, batch)?;
    let mandates = mandate::expire_due(desk, batch)?;
    let tokens = payment::forget_tokens(desk, batch)?;
    Ok(agents + leases + holds + mandates + tokens)
}

/// Before somebody looks.
pub(super) fn before_a_look(desk: &mut Desk<'_>) -> Step<()> {
    desk.token_mandate.take();
    run(desk, LOOK_BATCH).map(drop)
}

/// Before somebody is refused: answers whether anything has changed.
pub(in super::super) fn before_a_refusal(desk: &mut Desk<'_>) -> Step<bool> {
    Ok(lease::expire_due(desk, NEED_BATCH)? + reservation::expire_due(desk, NEED_BATCH)? > 0)
}

/// The holds that have just been made due.
pub(super) fn holds(desk: &mut Desk<'_>) -> Step<()> {
    reservation::expire_due(desk, LOOK_BATCH).map(drop)
}

/// The earliest of what will come due.
pub(in super::super) fn next_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    let deadlines = [
        record::next_deadline(desk)?,
        reservation::next_deadline(desk)?,
        lease::next_deadline(desk)?,
        mandate::next_deadline(desk)?,
        payment::next_token_deadline(desk)?,
    ];
    Ok(deadlines.into_iter().flatten().min())
}

/// The moment a statement answers, if there is one.
pub(super) fn deadline(desk: &Desk<'_>, statement: &'static str) -> Step<Option<Timestamp>> {
    let row = desk.sql.first(statement, params![])?;
    Ok(row.map(|row| row.optional_unsigned(0)).transpose()?.flatten().map(Timestamp::from_ms))
}
