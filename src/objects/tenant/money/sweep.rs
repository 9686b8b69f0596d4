//! What has come due: run-out holds, leases, mandates and agents (contract README 12).
//!
//! Whoever comes for money, to look or to move it, meets what has come due before anything else; the object's alarm does
//! without anybody asking. What a call meets it ends whole; the alarm comes again.

use super::super::desk::{Desk, Step};
use super::super::identity::record;
use super::super::{reservation, rights};
use super::{lease, mandate, payment};
use crate::domain::time::Timestamp;
use crate::{params, statements};

/// How much is read at a time.
const BATCH: u64 = 500;

/// Whether anything has run out by a moment, as part of a statement that has it as a parameter.
macro_rules! is_something_due {
    ($now:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM reservation WHERE resolved_at_ms IS NULL AND expires_at_ms <= ",
            $now,
            ") \
             OR EXISTS (SELECT 1 FROM lease WHERE status = 'active' AND expires_at_ms IS NOT NULL AND expires_at_ms <= ",
            $now,
            ") \
             OR EXISTS (SELECT 1 FROM agent WHERE expires_at_ms <= ",
            $now,
            " AND expires_at_ms IS NOT NULL AND status <> 'revoked') \
             OR EXISTS (SELECT 1 FROM mandate WHERE expires_at_ms <= ",
            $now,
            " AND expires_at_ms IS NOT NULL \
             AND status IN ('active', 'suspended', 'exhausted')) \
             OR EXISTS (SELECT 1 FROM token_use WHERE expires_at_ms <= ",
            $now,
            "))"
        )
    };
}
pub(in super::super) use is_something_due;

statements! {
    IS_SOMETHING_DUE = concat!("SELECT ", is_something_due!("?1"));
}

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

/// Ends all that has run out; what was read with the caller is read anew, and a token that died of it is dead.
pub(in super::super) fn meet(desk: &mut Desk<'_>) -> Step<()> {
    while run(desk, BATCH)? >= BATCH {}
    desk.token_mandate.take();
    desk.token_agent.take();
    rights::check_anew(desk)
}

/// The same for who was not told with the caller whether anything has run out.
pub(in super::super) fn meet_if_due(desk: &mut Desk<'_>) -> Step<()> {
    let row = desk.sql.first(IS_SOMETHING_DUE, params![desk.now.as_ms()])?;
    if row.is_some_and(|row| row.unsigned(0) == Ok(1)) { meet(desk) } else { Ok(()) }
}

/// The holds that have just been made due, all of them.
pub(super) fn holds(desk: &mut Desk<'_>) -> Step<()> {
    while reservation::expire_due(desk, BATCH)? >= BATCH {}
    Ok(())
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
pub(in super::super) fn deadline(desk: &Desk<'_>, statement: &'static str) -> Step<Option<Timestamp>> {
    let row = desk.sql.first(statement, params![])?;
    Ok(row.map(|row| row.optional_unsigned(0)).transpose()?.flatten().map(Timestamp::from_ms))
}
