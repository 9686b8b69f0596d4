//! Idempotency records, in whichever object decides the effect: the Tenant object and the Gate object share these
//! statements.
//!
//! Invariant: a record is written in the same transaction as the effect it answers for. A request in flight holds its
//! record under its own id, and only that id finishes or forgets it.

use super::sql::{Row, Sql, SqlError};
use crate::domain::digest::Digest;
use crate::domain::id::RequestId;
use crate::domain::idempotency::{Claim, RECORD_TTL_MS, Record, Verdict, judge};
use crate::domain::time::Timestamp;
use crate::{params, statements};

/// Bytes of an answer that go into one row: a row of the edge's storage takes 2 MB.
const PART_BYTES: usize = 1_000_000;

statements! {
    READ = "SELECT body_hash, expires_at_ms, answer, parts FROM idempotency WHERE scope_hash = ?1";
    READ_PARTS = "SELECT answer FROM idempotency_part WHERE scope_hash = +?1 ORDER BY part";
    WRITE = "INSERT OR REPLACE INTO idempotency (scope_hash, body_hash, holder, expires_at_ms, answer, parts)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    WRITE_PART = "INSERT INTO idempotency_part (scope_hash, part, answer) VALUES (?1, ?2, ?3)";
    FINISH = "UPDATE idempotency SET answer = ?3, parts = ?4, expires_at_ms = ?5
        WHERE scope_hash = ?1 AND holder = +?2 AND answer IS NULL AND expires_at_ms > ?6 RETURNING 1";
    FORGET = "DELETE FROM idempotency WHERE scope_hash = ?1 AND holder = +?2 AND answer IS NULL";
    PURGE = "DELETE FROM idempotency WHERE expires_at_ms <= ?1
        AND seq IN (SELECT seq FROM idempotency ORDER BY seq LIMIT +?2) RETURNING 1";
    READ_OLDEST = "SELECT expires_at_ms FROM idempotency ORDER BY seq LIMIT 1";
}

/// Looks a claim up and says what the request has to do.
pub fn look_up(sql: &dyn Sql, claim: &Claim, now: Timestamp) -> Result<Verdict, SqlError> {
    match sql.first(READ, params![claim.scope_hash.as_bytes().to_vec()])? {
        Some(row) => look_up_in(sql, claim, &row, 0, now),
        None => Ok(Verdict::Run),
    }
}

/// The same for a record whose columns (`body_hash, expires_at_ms, answer, parts`) were joined into another row, from
/// column `first` on; nulls where there is none.
pub fn look_up_in(sql: &dyn Sql, claim: &Claim, row: &Row, first: usize, now: Timestamp) -> Result<Verdict, SqlError> {
    if row.is_null(first)? {
        return Ok(Verdict::Run);
    }
    let record = Record {
        body_hash: Digest::from_slice(row.blob(first)?).ok_or(SqlError::Shape("body_hash is no digest"))?,
        expires_at: Timestamp::from_ms(row.unsigned(first + 1)?),
        answer: row.optional_blob(first + 2)?.map(<[u8]>::to_vec),
    };
    match judge(claim, Some(record), now) {
        Verdict::Replay(start) if row.unsigned(first + 3)? > 0 => {
            let parts = sql.run(READ_PARTS, params![claim.scope_hash.as_bytes().to_vec()])?;
            let mut answer = start;
            for part in &parts {
                answer.extend_from_slice(part.blob(0)?);
            }
            Ok(Verdict::Replay(answer))
        }
        verdict => Ok(verdict),
    }
}

/// Keeps the answer of a request for 24 h.
pub fn keep_answer(sql: &dyn Sql, claim: &Claim, holder: RequestId, now: Timestamp, answer: &[u8]) -> Result<(), SqlError> {
    let parts: Vec<&[u8]> = answer.chunks(PART_BYTES).collect();
    let (scope_hash, body_hash) = (claim.scope_hash.as_bytes().to_vec(), claim.body_hash.as_bytes().to_vec());
    let expires_at = now.plus_ms(RECORD_TTL_MS);
    let first = parts.first().copied().unwrap_or_default().to_vec();
    sql.run(WRITE, params![scope_hash, body_hash, holder.to_string(), expires_at.as_ms(), first, further(&parts)])?;
    write_parts(sql, &claim.scope_hash, &parts)
}

/// Marks a request as running until `deadline`; from then on a repeat runs anew.
pub fn keep_in_flight(sql: &dyn Sql, claim: &Claim, holder: RequestId, deadline: Timestamp) -> Result<(), SqlError> {
    let (scope_hash, body_hash) = (claim.scope_hash.as_bytes().to_vec(), claim.body_hash.as_bytes().to_vec());
    sql.run(WRITE, params![scope_hash, body_hash, holder.to_string(), deadline.as_ms(), None::<Vec<u8>>, 0_u64])?;
    Ok(())
}

/// Stores the answer of the request in flight that `holder` began. `false` when it holds the record no more: its deadline
/// has passed, so that a repeat may have run or may run anew.
pub fn finish(sql: &dyn Sql, scope_hash: &Digest, holder: RequestId, now: Timestamp, answer: &[u8]) -> Result<bool, SqlError> {
    let parts: Vec<&[u8]> = answer.chunks(PART_BYTES).collect();
    let first = parts.first().copied().unwrap_or_default().to_vec();
    let expires_at = now.plus_ms(RECORD_TTL_MS).as_ms();
    let holds = sql
        .first(FINISH, params![scope_hash.as_bytes().to_vec(), holder.to_string(), first, further(&parts), expires_at, now.as_ms()])?
        .is_some();
    if holds {
        write_parts(sql, scope_hash, &parts)?;
    }
    Ok(holds)
}

/// Forgets the request in flight that `holder` began: nothing happened, a repeat runs anew.
pub fn forget(sql: &dyn Sql, scope_hash: &Digest, holder: RequestId) -> Result<(), SqlError> {
    sql.run(FORGET, params![scope_hash.as_bytes().to_vec(), holder.to_string()])?;
    Ok(())
}

/// Deletes those of the oldest `batch` records whose time is over; answers how many there were.
pub fn purge(sql: &dyn Sql, now: Timestamp, batch: u64) -> Result<u64, SqlError> {
    Ok(sql.run(PURGE, params![now.as_ms(), batch])?.len() as u64)
}

/// When the oldest record runs out; `None` when there is none.
pub fn oldest_expires_at(sql: &dyn Sql) -> Result<Option<Timestamp>, SqlError> {
    sql.first(READ_OLDEST, &[])?.map(|row| row.unsigned(0).map(Timestamp::from_ms)).transpose()
}

fn further(parts: &[&[u8]]) -> u64 {
    parts.len().saturating_sub(1) as u64
}

fn write_parts(sql: &dyn Sql, scope_hash: &Digest, parts: &[&[u8]]) -> Result<(), SqlError> {
    for (number, part) in parts.iter().enumerate().skip(1) {
        sql.run(WRITE_PART, params![scope_hash.as_bytes().to_vec(), number as u64, part.to_vec()])?;
    }
    Ok(())
}
