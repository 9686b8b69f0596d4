//! What the memory object is asked and what it answers: the client half. How it is written: [`crate::objects::wire`].

use serde::{Deserialize, Serialize};

use crate::domain::id::ObservationId;
use crate::domain::idempotency::Claim;
use crate::domain::memory::{
    AgentLabel, Content, Importance, Metadata, OnceKey, QueryText, ResultLimit, SessionId, SourceId, Summary, Tags, TaskText, TokenBudget,
};
use crate::domain::time::Timestamp;

/// One call: a command, and the claim of its Idempotency-Key if it came with one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryCall {
    pub command: Command,
    pub idempotency: Option<Claim>,
}

/// What a memory does (contract motecloud 5, 6, 7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Opens a session, or resumes it.
    Open(Open),
    /// Remembers one observation in an open session.
    Append(Append),
    /// Consolidates what a session holds.
    Flush(Flush),
    /// Flushes and closes a session.
    Close(Close),
    /// Opens a missing session, appends all or nothing, and closes it.
    Finalize(Finalize),
    /// Reads a session.
    Status { session_id: SessionId },
    /// Finds observations by their words.
    Search(Search),
    /// Fills a context for a task.
    Prime(Prime),
    /// Reads the counters that are projected.
    Counts,
    /// Does what has come due: forgets idempotency records whose time is over.
    RunDue,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    pub session_id: SessionId,
    pub agent_id: Option<AgentLabel>,
    /// Tokens of context wanted with the answer, none for 0. More than a context ever takes counts as that.
    pub token_budget: u64,
    pub metadata: Option<Metadata>,
}

/// An observation to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub content: Content,
    pub source_id: Option<SourceId>,
    pub importance_score: Importance,
    pub tags: Tags,
    pub idempotency_key: Option<OnceKey>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Append {
    pub session_id: SessionId,
    pub draft: Draft,
    /// Tokens the working set is trimmed to; 0 leaves it alone.
    pub working_memory_budget_tokens: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flush {
    pub session_id: SessionId,
    pub smart_consolidation: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Close {
    pub session_id: SessionId,
    pub summary: Option<Summary>,
    pub smart_consolidation: bool,
    /// The sequence the caller has seen; a session behind it does not close.
    pub min_sequence: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalize {
    pub session_id: SessionId,
    pub agent_id: Option<AgentLabel>,
    pub metadata: Option<Metadata>,
    pub summary: Option<Summary>,
    pub smart_consolidation: bool,
    pub working_memory_budget_tokens: u64,
    pub observations: Vec<Draft>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    pub query_text: QueryText,
    pub limit: ResultLimit,
    pub session_id: Option<SessionId>,
    pub source_id: Option<SourceId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prime {
    pub task_description: TaskText,
    pub token_budget: TokenBudget,
    /// The session whose observations come first.
    pub session_id: Option<SessionId>,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryReply {
    pub outcome: Result<Outcome, Refusal>,
    /// Whether this is the answer of an earlier call with the same key.
    pub replayed: bool,
    /// When the object has to be woken, in milliseconds since the epoch.
    pub next_due_at_ms: Option<u64>,
}

/// What was done or found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Opened(Opened),
    Appended(Appended),
    Flushed(Flushed),
    Closed(Closed),
    Finalized(Finalized),
    Status(SessionStatus),
    Found(Found),
    Primed(Primed),
    Counted(Counted),
    Ran,
}

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// 404 `session_not_found`.
    SessionNotFound,
    /// 409 `session_closed`.
    SessionClosed,
    /// 409 `sequence_behind`: the session stands at this sequence.
    SequenceBehind { sequence: u64 },
    /// 409 `memory_full`: the tenant keeps as many observations as it may.
    MemoryFull,
    /// 422 `idempotency_conflict`: the key, of the call or of an observation, was used with something else.
    IdempotencyConflict,
    /// 400 `invalid_request` at `$.metadata`: merged with what the session has, it is too large.
    MetadataTooLarge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    Open,
    Closed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Whether the session was there before.
    pub resumed: bool,
    pub sequence: u64,
    pub agent_id: Option<String>,
    pub opened_at: Timestamp,
    /// The context, when a token budget asked for one.
    pub context: Option<Context>,
}

/// Contents joined by a blank line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    pub text: String,
    /// The tokens of `text`.
    pub tokens_used: u64,
}

/// A session's working set, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingMemory {
    pub items: u64,
    pub tokens: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Appended {
    pub id: ObservationId,
    /// The observation's own sequence.
    pub sequence: u64,
    pub working_memory: WorkingMemory,
    /// Whether the key was known: `id` and `sequence` are those of the first time.
    pub duplicate: bool,
    pub tokens: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flushed {
    pub status: SessionState,
    pub sequence: u64,
    /// Observations no flush had reached before.
    pub consolidated: u64,
    /// Observations that went into an older one of equal content.
    pub merged: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    pub sequence: u64,
    pub closed_at: Timestamp,
    pub summary_id: Option<ObservationId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalized {
    pub appended: u64,
    pub duplicates: u64,
    pub sequence: u64,
    pub closed_at: Timestamp,
    pub summary_id: Option<ObservationId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionStatus {
    pub status: SessionState,
    pub sequence: u64,
    /// Observations kept, those merged away not counted.
    pub observations: u64,
    pub tokens: u64,
    pub agent_id: Option<String>,
    pub metadata: Metadata,
    pub opened_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub results: Vec<Hit>,
    /// All matches, before the limit.
    pub total: u64,
}

/// One observation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    pub id: ObservationId,
    pub content: String,
    /// BM25, positive, to six places.
    pub score: f64,
    pub source_id: Option<String>,
    pub session_id: String,
    pub importance_score: f64,
    pub tags: Tags,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Primed {
    pub context: Context,
    pub items: Vec<PrimedItem>,
    pub token_budget: u64,
    /// Whether something that matched is not in the context.
    pub truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimedItem {
    pub id: ObservationId,
    pub content: String,
    /// BM25 times (0.5 + importance), to six places.
    pub score: f64,
    pub tokens: u64,
    pub source_id: Option<String>,
    pub session_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub open_sessions: u64,
    pub observations: u64,
}
