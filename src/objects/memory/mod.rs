//! The Memory object: what the agents of one tenant remember, and the full-text index over it (contract motecloud 5,
//! 6, 7).
//!
//! Invariant: [`run`] is called inside one storage transaction unless the command only reads. What it hands back as `Ok`,
//! a refusal included, is committed whole; on `Err` the caller rolls back. Nothing of one tenant's memory is known to
//! another's: each has its own object.

pub mod client;
pub mod command;
pub mod object;
pub mod observation;
pub mod record;
pub mod search;
pub mod session;

use crate::domain::entropy::Entropy;
use crate::domain::id::RequestId;
use crate::domain::idempotency::{Claim, Verdict};
use crate::domain::time::Timestamp;

use super::idempotency;
use super::schema::{self, Version};
use super::sql::{Sql, SqlError};
use super::wire;
use command::{Command, Counted, MemoryCall, MemoryReply, Outcome, Refusal};

/// The tables of a Memory object, version by version.
pub const VERSIONS: &[Version] =
    &[&[include_str!("../../../schema/objects/common.sql"), include_str!("../../../schema/objects/memory.sql")]];

/// How many expired records one waking forgets.
const PURGE_BATCH: u64 = 500;

/// Why a command did not get to its end: it was refused before it wrote anything, or a statement failed.
#[derive(Debug)]
pub enum Stop {
    Refused(Refusal),
    Failed(SqlError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Self::Failed(error)
    }
}

/// Brings the tables to this build's version. One statement when they are.
pub fn migrate(sql: &dyn Sql) -> Result<(), SqlError> {
    schema::migrate(sql, VERSIONS)
}

/// Runs one command. A repeat of a call with a claim gets the stored answer; the same claim with another body is refused.
///
/// # Errors
/// A statement failed: the transaction has to be rolled back.
pub fn run(sql: &dyn Sql, now: Timestamp, entropy: &mut dyn Entropy, call: &MemoryCall) -> Result<MemoryReply, SqlError> {
    let Some(claim) = &call.idempotency else {
        let outcome = decide(sql, now, entropy, &call.command)?;
        let next_due = if call.command == Command::RunDue { idempotency::oldest_expires_at(sql)? } else { None };
        return Ok(MemoryReply { outcome, replayed: false, next_due_at_ms: next_due.map(Timestamp::as_ms) });
    };
    match idempotency::look_up(sql, claim, now)? {
        Verdict::Run => run_first(sql, now, entropy, call, claim),
        Verdict::Replay(answer) => {
            let outcome = wire::read(&answer).map_err(|_| SqlError::Shape("expected a stored answer"))?;
            Ok(MemoryReply { outcome, replayed: true, next_due_at_ms: None })
        }
        // A command here is answered in the call that brings it, so no record is ever in flight.
        Verdict::Conflict | Verdict::InFlight => {
            Ok(MemoryReply { outcome: Err(Refusal::IdempotencyConflict), replayed: false, next_due_at_ms: None })
        }
    }
}

/// Runs a command whose claim is new, and keeps its answer if it is one that is kept (contract README 7).
fn run_first(sql: &dyn Sql, now: Timestamp, entropy: &mut dyn Entropy, call: &MemoryCall, claim: &Claim) -> Result<MemoryReply, SqlError> {
    let outcome = decide(sql, now, entropy, &call.command)?;
    if !is_kept(&outcome) {
        return Ok(MemoryReply { outcome, replayed: false, next_due_at_ms: None });
    }
    let answer = wire::write(&outcome).map_err(|_| SqlError::Shape("an answer has no written form"))?;
    idempotency::keep_answer(sql, claim, RequestId::new(now, entropy), now, &answer)?;
    let next_due = idempotency::oldest_expires_at(sql)?;
    Ok(MemoryReply { outcome, replayed: false, next_due_at_ms: next_due.map(Timestamp::as_ms) })
}

/// Answers with status 400 and 422 are never kept.
const fn is_kept(outcome: &Result<Outcome, Refusal>) -> bool {
    match outcome {
        Ok(_) | Err(Refusal::SessionNotFound | Refusal::SessionClosed | Refusal::SequenceBehind { .. } | Refusal::MemoryFull) => true,
        Err(Refusal::IdempotencyConflict | Refusal::MetadataTooLarge) => false,
    }
}

fn decide(sql: &dyn Sql, now: Timestamp, entropy: &mut dyn Entropy, command: &Command) -> Result<Result<Outcome, Refusal>, SqlError> {
    match perform(sql, now, entropy, command) {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn perform(sql: &dyn Sql, now: Timestamp, entropy: &mut dyn Entropy, command: &Command) -> Result<Outcome, Stop> {
    Ok(match command {
        Command::Open(open) => Outcome::Opened(session::open(sql, now, open)?),
        Command::Append(append) => Outcome::Appended(session::append(sql, now, entropy, append)?),
        Command::Flush(flush) => Outcome::Flushed(session::flush(sql, now, flush)?),
        Command::Close(close) => Outcome::Closed(session::close(sql, now, entropy, close)?),
        Command::Finalize(finalize) => Outcome::Finalized(session::finalize(sql, now, entropy, finalize)?),
        Command::Status { session_id } => Outcome::Status(session::status(sql, session_id)?),
        Command::Search(search) => Outcome::Found(search::search(sql, search)?),
        Command::Prime(prime) => Outcome::Primed(search::prime(sql, prime)?),
        Command::Counts => {
            let tally = record::load_tally(sql)?;
            Outcome::Counted(Counted { open_sessions: tally.open_sessions, observations: tally.observations })
        }
        Command::RunDue => {
            idempotency::purge(sql, now, PURGE_BATCH)?;
            Outcome::Ran
        }
    })
}
