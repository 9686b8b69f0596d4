//! Counting requests in named windows: the Tenant object and the Gate object share these statements.
//!
//! Invariant: either every window of a request counts it or none does. A window whose count is zero has not opened.

use super::sql::{Row, Sql, SqlError};
use crate::domain::limit::{LimitClass, LimitState};
use crate::domain::time::Timestamp;
use crate::{params, statements};

statements! {
    /// Counts one request, opening the window when none is open; no row comes back when the window is full.
    COUNT = "INSERT INTO limit_window (class, scope, ends_at_ms, count) VALUES (?1, ?2, ?4, 1)
        ON CONFLICT (class, scope) DO UPDATE SET
            ends_at_ms = CASE WHEN count = 0 OR ?3 >= ends_at_ms THEN ?4 ELSE ends_at_ms END,
            count = CASE WHEN count = 0 OR ?3 >= ends_at_ms THEN 1 ELSE count + 1 END
        WHERE count < ?5 OR ?3 >= ends_at_ms
        RETURNING ends_at_ms, count";
    UNCOUNT = "UPDATE limit_window SET count = count - 1 WHERE class = ?1 AND scope = ?2 AND count > 0";
    READ = "SELECT ends_at_ms, count FROM limit_window WHERE class = ?1 AND scope = ?2";
    PURGE = "DELETE FROM limit_window WHERE (class, scope) IN
        (SELECT class, scope FROM limit_window WHERE ends_at_ms <= ?1 LIMIT +?2) RETURNING 1";
}

/// A counter a request falls under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub class: LimitClass,
    /// Who shares the counter, within this object.
    pub scope: String,
    pub quota: u64,
}

/// Counts a request in every window, or in none when one of them is full; then that one is marked `refused`. One
/// statement a window while nothing is refused.
pub fn count(sql: &dyn Sql, now: Timestamp, windows: &[Window]) -> Result<Vec<LimitState>, SqlError> {
    let mut states = Vec::with_capacity(windows.len());
    for window in windows {
        let ends_at = now.plus_s(window.class.window_s());
        let row = sql.first(COUNT, params![window.class.as_str(), window.scope.as_str(), now.as_ms(), ends_at.as_ms(), window.quota])?;
        match row {
            Some(row) => states.push(read_state(window, &row, now)?),
            None => {
                for counted in windows.iter().take(states.len()) {
                    uncount(sql, counted)?;
                }
                return windows.iter().map(|window| peek(sql, now, window)).collect();
            }
        }
    }
    // What was counted was not refused, even if it was the last the window takes.
    Ok(states.into_iter().map(|state| LimitState { refused: false, ..state }).collect())
}

/// Takes one counted request back: it turned out not to be of the kind the class counts.
pub fn uncount(sql: &dyn Sql, window: &Window) -> Result<(), SqlError> {
    sql.run(UNCOUNT, params![window.class.as_str(), window.scope.as_str()])?;
    Ok(())
}

/// How a window stands, counting nothing; `refused` when it would take no request.
pub fn peek(sql: &dyn Sql, now: Timestamp, window: &Window) -> Result<LimitState, SqlError> {
    match sql.first(READ, params![window.class.as_str(), window.scope.as_str()])? {
        Some(row) => read_state(window, &row, now),
        None => Ok(unopened(window, now)),
    }
}

fn read_state(window: &Window, row: &Row, now: Timestamp) -> Result<LimitState, SqlError> {
    let (ends_at, count) = (Timestamp::from_ms(row.unsigned(0)?), row.unsigned(1)?);
    if count == 0 || now >= ends_at {
        return Ok(unopened(window, now));
    }
    let remaining = window.quota.saturating_sub(count);
    Ok(LimitState { class: window.class, quota: window.quota, remaining, resets_at_ms: ends_at, refused: remaining == 0 })
}

fn unopened(window: &Window, now: Timestamp) -> LimitState {
    let resets_at_ms = now.plus_s(window.class.window_s());
    LimitState { class: window.class, quota: window.quota, remaining: window.quota, resets_at_ms, refused: false }
}

/// Deletes at most `batch` windows that are over; answers how many there were.
pub fn purge(sql: &dyn Sql, now: Timestamp, batch: u64) -> Result<u64, SqlError> {
    Ok(sql.run(PURGE, params![now.as_ms(), batch])?.len() as u64)
}
