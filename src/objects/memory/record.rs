//! The tally of a memory and the record of a session: read at the start of a command, written back at its end.
//!
//! Invariants: `observations`, `tokens` and the working set of a session are those of its rows; the tally is the sum over
//! sessions. Every command that writes an observation writes both back.

use crate::domain::id::{NotAnId, ObservationId};
use crate::domain::memory::{AgentLabel, Metadata, SessionId};
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, Sql, SqlError};
use crate::{params, statements};

use super::command::{SessionState, WorkingMemory};

statements! {
    LOAD = "SELECT t.observations, t.open_sessions, t.last_session, t.last_observation, t.last_observation_id, \
            s.number, s.agent_id, s.sequence, s.consolidated_through, s.merged_through, s.observations, s.tokens, \
            s.working_items, s.working_tokens, s.opened_at_ms, s.updated_at_ms, s.closed_at_ms, s.summary_id \
            FROM tally AS t LEFT JOIN session AS s ON s.session_id = +?1";
    SAVE_TALLY = "UPDATE tally SET observations = ?1, open_sessions = ?2, last_session = ?3, last_observation = ?4, \
                  last_observation_id = ?5";
    SAVE_SESSION = "INSERT INTO session (number, session_id, agent_id, sequence, consolidated_through, merged_through, \
                    observations, tokens, working_items, working_tokens, opened_at_ms, updated_at_ms, closed_at_ms, summary_id) \
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
                    ON CONFLICT (number) DO UPDATE SET agent_id = ?3, sequence = ?4, consolidated_through = ?5, \
                    merged_through = ?6, observations = ?7, tokens = ?8, working_items = ?9, working_tokens = ?10, \
                    updated_at_ms = ?12, closed_at_ms = ?13, summary_id = ?14";
    LOAD_METADATA = "SELECT metadata FROM session WHERE number = ?1";
    SAVE_METADATA = "UPDATE session SET metadata = ?2 WHERE number = ?1";
}

/// What is counted once for the whole memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    pub observations: u64,
    pub open_sessions: u64,
    pub last_session: u64,
    pub last_observation: u64,
    pub last_observation_id: Option<ObservationId>,
}

/// One session, its metadata aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub number: u64,
    pub session_id: SessionId,
    pub agent_id: Option<String>,
    /// The last sequence given.
    pub sequence: u64,
    pub consolidated_through: u64,
    pub merged_through: u64,
    pub observations: u64,
    pub tokens: u64,
    pub working: WorkingMemory,
    pub opened_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub summary_id: Option<ObservationId>,
}

impl Tally {
    /// Writes the tally back. One statement.
    pub fn save(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        let last_id = self.last_observation_id.map(|id| id.to_string());
        sql.run(SAVE_TALLY, params![self.observations, self.open_sessions, self.last_session, self.last_observation, last_id])?;
        Ok(())
    }
}

impl Session {
    /// A session that opens now, numbered and counted in the tally.
    pub fn open_new(tally: &mut Tally, session_id: &SessionId, now: Timestamp) -> Self {
        tally.last_session += 1;
        tally.open_sessions += 1;
        Self {
            number: tally.last_session,
            session_id: session_id.clone(),
            agent_id: None,
            sequence: 0,
            consolidated_through: 0,
            merged_through: 0,
            observations: 0,
            tokens: 0,
            working: WorkingMemory { items: 0, tokens: 0 },
            opened_at: now,
            updated_at: now,
            closed_at: None,
            summary_id: None,
        }
    }

    /// Opens the session again if it is closed. A later close has its own time and summary.
    pub fn reopen(&mut self, tally: &mut Tally) {
        if self.closed_at.take().is_some() {
            self.summary_id = None;
            tally.open_sessions += 1;
        }
    }

    /// Closes an open session.
    pub fn close(&mut self, tally: &mut Tally, now: Timestamp) {
        self.closed_at = Some(now);
        tally.open_sessions = tally.open_sessions.saturating_sub(1);
    }

    pub const fn state(&self) -> SessionState {
        if self.closed_at.is_some() { SessionState::Closed } else { SessionState::Open }
    }

    /// Takes the label of a newer call, if it had one.
    pub fn relabel(&mut self, agent_id: Option<&AgentLabel>) {
        if let Some(label) = agent_id {
            self.agent_id = Some(label.to_string());
        }
    }

    /// Writes the session back. One statement.
    pub fn save(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        let params = params![
            self.number,
            self.session_id.as_str(),
            self.agent_id.as_deref(),
            self.sequence,
            self.consolidated_through,
            self.merged_through,
            self.observations,
            self.tokens,
            self.working.items,
            self.working.tokens,
            self.opened_at.as_ms(),
            self.updated_at.as_ms(),
            self.closed_at.map(Timestamp::as_ms),
            self.summary_id.map(|id| id.to_string()),
        ];
        sql.run(SAVE_SESSION, params)?;
        Ok(())
    }

    /// The session's metadata. One statement.
    pub fn metadata(&self, sql: &dyn Sql) -> Result<Metadata, SqlError> {
        let Some(row) = sql.first(LOAD_METADATA, params![self.number])? else { return Ok(Metadata::default()) };
        serde_json::from_str(row.text(0)?).map_err(|_| SqlError::Shape("expected metadata"))
    }

    /// Writes the session's metadata. One statement.
    pub fn save_metadata(&self, sql: &dyn Sql, metadata: &Metadata) -> Result<(), SqlError> {
        sql.run(SAVE_METADATA, params![self.number, metadata.to_string()])?;
        Ok(())
    }
}

/// Reads the tally, and the session of that name if there is one. One statement.
pub fn load(sql: &dyn Sql, session_id: &SessionId) -> Result<(Tally, Option<Session>), SqlError> {
    let row = sql.first(LOAD, params![session_id.as_str()])?.ok_or(SqlError::Shape("expected a tally"))?;
    let session = if row.is_null(5)? { None } else { Some(read_session(&row, session_id)?) };
    Ok((read_tally(&row)?, session))
}

/// Reads the tally. One statement.
pub fn load_tally(sql: &dyn Sql) -> Result<Tally, SqlError> {
    read_tally(&sql.first(LOAD, params![""])?.ok_or(SqlError::Shape("expected a tally"))?)
}

fn read_tally(row: &Row) -> Result<Tally, SqlError> {
    Ok(Tally {
        observations: row.unsigned(0)?,
        open_sessions: row.unsigned(1)?,
        last_session: row.unsigned(2)?,
        last_observation: row.unsigned(3)?,
        last_observation_id: read_optional_id(row, 4)?,
    })
}

fn read_session(row: &Row, session_id: &SessionId) -> Result<Session, SqlError> {
    Ok(Session {
        number: row.unsigned(5)?,
        session_id: session_id.clone(),
        agent_id: row.optional_text(6)?.map(str::to_owned),
        sequence: row.unsigned(7)?,
        consolidated_through: row.unsigned(8)?,
        merged_through: row.unsigned(9)?,
        observations: row.unsigned(10)?,
        tokens: row.unsigned(11)?,
        working: WorkingMemory { items: row.unsigned(12)?, tokens: row.unsigned(13)? },
        opened_at: Timestamp::from_ms(row.unsigned(14)?),
        updated_at: Timestamp::from_ms(row.unsigned(15)?),
        closed_at: row.optional_unsigned(16)?.map(Timestamp::from_ms),
        summary_id: read_optional_id(row, 17)?,
    })
}

/// An observation's id.
pub fn read_id(row: &Row, column: usize) -> Result<ObservationId, SqlError> {
    ObservationId::parse(row.text(column)?).map_err(|NotAnId { .. }| SqlError::Shape("expected an id"))
}

fn read_optional_id(row: &Row, column: usize) -> Result<Option<ObservationId>, SqlError> {
    if row.is_null(column)? { Ok(None) } else { read_id(row, column).map(Some) }
}
