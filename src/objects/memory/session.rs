//! The life of a session: open, append, flush, close, finalize (contract motecloud 7).
//!
//! Invariant: a command decides before it writes. A refusal leaves the memory as it was, so it may be committed.

use crate::domain::entropy::Entropy;
use crate::domain::memory::{Importance, Metadata, MetadataFull, SUMMARY_SOURCE, SessionId, SourceId, Summary, Tags};
use crate::domain::time::Timestamp;
use crate::objects::sql::{Sql, SqlError};

use super::Stop;
use super::command::{
    Append, Appended, Close, Closed, Draft, Finalize, Finalized, Flush, Flushed, Open, Opened, Refusal, SessionState, SessionStatus,
};
use super::observation::{self, Taken};
use super::record::{self, Session, Tally};
use super::search;

/// The session of that name, or [`Refusal::SessionNotFound`].
fn load_existing(sql: &dyn Sql, session_id: &SessionId) -> Result<(Tally, Session), Stop> {
    let (tally, session) = record::load(sql, session_id)?;
    Ok((tally, session.ok_or(Refusal::SessionNotFound)?))
}

/// What the session's metadata becomes; `None` when it stays as it is.
fn merge_metadata(sql: &dyn Sql, session: Option<&Session>, newer: Option<&Metadata>) -> Result<Option<Metadata>, Stop> {
    let Some(newer) = newer else { return Ok(None) };
    let Some(session) = session else { return Ok(Some(newer.clone())) };
    let merged = session.metadata(sql)?.merge(newer.clone());
    Ok(Some(merged.map_err(|MetadataFull| Refusal::MetadataTooLarge)?))
}

/// Opens a session or resumes it, open or closed; with a token budget, hands back its context.
///
/// # Errors
/// [`Refusal::MetadataTooLarge`].
pub fn open(sql: &dyn Sql, now: Timestamp, open: &Open) -> Result<Opened, Stop> {
    let (mut tally, found) = record::load(sql, &open.session_id)?;
    let metadata = merge_metadata(sql, found.as_ref(), open.metadata.as_ref())?;
    let resumed = found.is_some();
    let mut session = found.unwrap_or_else(|| Session::open_new(&mut tally, &open.session_id, now));
    session.reopen(&mut tally);
    session.relabel(open.agent_id.as_ref());
    session.updated_at = now;
    session.save(sql)?;
    if let Some(metadata) = &metadata {
        session.save_metadata(sql, metadata)?;
    }
    tally.save(sql)?;
    let context = if open.token_budget > 0 { Some(search::session_context(sql, &session, open.token_budget)?) } else { None };
    Ok(Opened { resumed, sequence: session.sequence, agent_id: session.agent_id, opened_at: session.opened_at, context })
}

/// Remembers one observation.
///
/// # Errors
/// [`Refusal::SessionNotFound`], [`Refusal::IdempotencyConflict`], [`Refusal::SessionClosed`], [`Refusal::MemoryFull`].
pub fn append(sql: &dyn Sql, now: Timestamp, entropy: &mut dyn Entropy, append: &Append) -> Result<Appended, Stop> {
    let (mut tally, mut session) = load_existing(sql, &append.session_id)?;
    let sorted = observation::sort(sql, &session, std::slice::from_ref(&append.draft))?;
    let is_new = sorted.new_count() > 0;
    if is_new && session.state() == SessionState::Closed {
        return Err(Refusal::SessionClosed.into());
    }
    observation::check_room(&tally, sorted.new_count())?;
    let taken = observation::take_in(sql, now, entropy, &mut tally, &mut session, &sorted)?;
    if is_new {
        observation::trim(sql, &mut session, append.working_memory_budget_tokens)?;
        session.save(sql)?;
        tally.save(sql)?;
    }
    let Taken { id, sequence, tokens, duplicate } = *taken.first().ok_or(SqlError::Shape("expected a draft"))?;
    Ok(Appended { id, sequence, working_memory: session.working, duplicate, tokens })
}

/// Consolidates what the session holds, open or closed.
///
/// # Errors
/// [`Refusal::SessionNotFound`].
pub fn flush(sql: &dyn Sql, now: Timestamp, flush: &Flush) -> Result<Flushed, Stop> {
    let (mut tally, mut session) = load_existing(sql, &flush.session_id)?;
    let before = (session.consolidated_through, session.merged_through);
    let (consolidated, merged) = observation::consolidate(sql, &mut tally, &mut session, flush.smart_consolidation)?;
    if before != (session.consolidated_through, session.merged_through) {
        session.updated_at = now;
        session.save(sql)?;
        tally.save(sql)?;
    }
    Ok(Flushed { status: session.state(), sequence: session.sequence, consolidated, merged })
}

/// Flushes and closes. A closed session answers as it did when it closed.
///
/// # Errors
/// [`Refusal::SessionNotFound`], [`Refusal::SequenceBehind`], [`Refusal::MemoryFull`] when there is no room for the
/// summary.
pub fn close(sql: &dyn Sql, now: Timestamp, entropy: &mut dyn Entropy, close: &Close) -> Result<Closed, Stop> {
    let (mut tally, mut session) = load_existing(sql, &close.session_id)?;
    if session.sequence < close.min_sequence {
        return Err(Refusal::SequenceBehind { sequence: session.sequence }.into());
    }
    if let Some(closed_at) = session.closed_at {
        return Ok(Closed { sequence: session.sequence, closed_at, summary_id: session.summary_id });
    }
    observation::check_room(&tally, u64::from(close.summary.is_some()))?;
    let ending = Ending { summary: close.summary.as_ref(), smart: close.smart_consolidation, working_budget_tokens: 0 };
    write_close(sql, now, entropy, &mut tally, &mut session, &ending)?;
    Ok(Closed { sequence: session.sequence, closed_at: now, summary_id: session.summary_id })
}

/// Opens a missing session, appends all observations or none, and closes it. On a closed one nothing is written, and
/// only observations whose keys it knows are taken for done.
///
/// # Errors
/// [`Refusal::IdempotencyConflict`], [`Refusal::SessionClosed`], [`Refusal::MemoryFull`], [`Refusal::MetadataTooLarge`].
pub fn finalize(sql: &dyn Sql, now: Timestamp, entropy: &mut dyn Entropy, finalize: &Finalize) -> Result<Finalized, Stop> {
    let (mut tally, found) = record::load(sql, &finalize.session_id)?;
    let closed_at = found.as_ref().and_then(|session| session.closed_at);
    let (mut session, is_new) = match found {
        Some(session) => (session, false),
        None => (Session::open_new(&mut tally, &finalize.session_id, now), true),
    };
    let sorted = observation::sort(sql, &session, &finalize.observations)?;
    let appended = sorted.new_count();
    let duplicates = count(&finalize.observations) - appended;
    if let Some(closed_at) = closed_at {
        let done = Finalized { appended, duplicates, sequence: session.sequence, closed_at, summary_id: session.summary_id };
        return if appended == 0 { Ok(done) } else { Err(Refusal::SessionClosed.into()) };
    }
    observation::check_room(&tally, appended + u64::from(finalize.summary.is_some()))?;
    let metadata = merge_metadata(sql, (!is_new).then_some(&session), finalize.metadata.as_ref())?;

    session.relabel(finalize.agent_id.as_ref());
    observation::take_in(sql, now, entropy, &mut tally, &mut session, &sorted)?;
    let ending = Ending {
        summary: finalize.summary.as_ref(),
        smart: finalize.smart_consolidation,
        working_budget_tokens: finalize.working_memory_budget_tokens,
    };
    write_close(sql, now, entropy, &mut tally, &mut session, &ending)?;
    if let Some(metadata) = &metadata {
        session.save_metadata(sql, metadata)?;
    }
    Ok(Finalized { appended, duplicates, sequence: session.sequence, closed_at: now, summary_id: session.summary_id })
}

/// Reads a session.
///
/// # Errors
/// [`Refusal::SessionNotFound`].
pub fn status(sql: &dyn Sql, session_id: &SessionId) -> Result<SessionStatus, Stop> {
    let (_, session) = load_existing(sql, session_id)?;
    Ok(SessionStatus {
        status: session.state(),
        sequence: session.sequence,
        observations: session.observations,
        tokens: session.tokens,
        metadata: session.metadata(sql)?,
        agent_id: session.agent_id,
        opened_at: session.opened_at,
        updated_at: session.updated_at,
        closed_at: session.closed_at,
    })
}

/// How a session ends.
struct Ending<'a> {
    summary: Option<&'a Summary>,
    smart: bool,
    working_budget_tokens: u64,
}

/// Flushes, remembers the summary, trims, closes and writes session and tally. The flush comes first, so that a summary
/// never merges into what it sums up.
fn write_close(
    sql: &dyn Sql,
    now: Timestamp,
    entropy: &mut dyn Entropy,
    tally: &mut Tally,
    session: &mut Session,
    ending: &Ending<'_>,
) -> Result<(), Stop> {
    observation::consolidate(sql, tally, session, ending.smart)?;
    if let Some(summary) = ending.summary {
        let drafts = [Draft {
            content: summary.clone().into(),
            source_id: SourceId::parse(SUMMARY_SOURCE).ok(),
            importance_score: Importance::MAX,
            tags: Tags::default(),
            idempotency_key: None,
        }];
        let sorted = observation::sort(sql, session, &drafts)?;
        let taken = observation::take_in(sql, now, entropy, tally, session, &sorted)?;
        session.summary_id = taken.first().map(|taken| taken.id);
        session.consolidated_through = session.sequence;
    }
    observation::trim(sql, session, ending.working_budget_tokens)?;
    session.updated_at = now;
    session.close(tally, now);
    session.save(sql)?;
    tally.save(sql)?;
    Ok(())
}

fn count<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}
