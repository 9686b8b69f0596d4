//! Work that has come due: the alarm's command (contract README 12).
//!
//! Invariant: running it twice changes nothing more, and one run does a bounded amount of work; what is left is due at
//! once.

use super::desk::{Desk, Done, EVENT_TTL_MS, Keep, Step};
use super::money::{sweep, usage};
use super::order;
use super::outbox;
use super::outcome::{Due, Outcome};
use super::proof::session;
use super::webhook::{delivery, fan};
use crate::domain::time::{HOUR_MS, Timestamp};
use crate::domain::webhook::KEPT_MS;
use crate::objects::{idempotency, limit};

/// Ends what has run out, hands new events to those who want them and, when housekeeping is due, purges what is old: at
/// most `batch` of each.
pub(super) fn run(desk: &mut Desk<'_>, batch: u64) -> Step<Done> {
    let batch = batch.max(1);
    let expired = sweep::run(desk, batch)? + order::sweep::expire_due(desk, batch)?;
    let purged = if desk.housekeeping_at.is_some_and(|at| at <= desk.now) { keep_house(desk, batch)? } else { 0 };
    order::payout::settle_waiting(desk, batch)?;
    fan::run(desk, batch)?;
    plan_next(desk)?;
    Ok(Done { outcome: Outcome::Due(Due { expired, purged }), keep: Keep::Nothing })
}

/// The alarm must stand no later than the next deadline there is.
pub(super) fn plan_next(desk: &mut Desk<'_>) -> Step<()> {
    let deadlines = [
        sweep::next_deadline(desk)?,
        order::sweep::next_deadline(desk)?,
        order::transfer::next_deadline(desk)?,
        order::payment::next_deadline(desk)?,
    ];
    for deadline in deadlines.into_iter().flatten() {
        desk.due_by(deadline);
    }
    fan::plan_next(desk)
}

/// Purges and plans the next round: at once when something may be left, else when the oldest row will be old.
fn keep_house(desk: &mut Desk<'_>, batch: u64) -> Step<u64> {
    // Callers' clocks differ: what is over for this one must be over for all before it goes.
    let long_over = desk.now.minus_ms(HOUR_MS);
    let records = idempotency::purge(desk.sql, long_over, batch)?;
    let windows = limit::purge(desk.sql, long_over, batch)?;
    let events = outbox::purge(desk, desk.now.minus_ms(EVENT_TTL_MS), batch)?;
    let deliveries = delivery::purge(desk, desk.now.minus_ms(KEPT_MS), batch)?;
    let sessions = session::purge(desk, batch)?;
    let decisions = usage::purge(desk, batch)?;
    let left_over = [records, windows, events, deliveries, sessions, decisions].into_iter().any(|purged| purged >= batch);
    let next = if left_over { Some(desk.now) } else { next_round(desk)? };
    desk.set_housekeeping(next)?;
    Ok(records + windows + events + deliveries + sessions + decisions)
}

fn next_round(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    let record_old_at = idempotency::oldest_expires_at(desk.sql)?.map(|at| at.plus_ms(HOUR_MS));
    let event_old_at = outbox::oldest_at(desk)?.map(|at| at.plus_ms(EVENT_TTL_MS));
    let delivery_old_at = delivery::oldest_at(desk)?.map(|at| at.plus_ms(KEPT_MS));
    // Never sooner than an hour: rows that cannot go yet must not keep the alarm ringing.
    let earliest = desk.now.plus_ms(HOUR_MS);
    let session_old_at = session::next_purge(desk)?;
    let decision_old_at = usage::next_purge(desk)?;
    let old_at = [record_old_at, event_old_at, delivery_old_at, session_old_at, decision_old_at].into_iter().flatten().min();
    Ok(old_at.map(|at| at.max(earliest)))
}
