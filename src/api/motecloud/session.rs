//! Sessions of remembering: `/v2/session/*` (contract motecloud 7).
//!
//! Each request is two hops: the tenant's object proves the caller and counts, the memory does the work. An
//! Idempotency-Key is looked after by the memory, in the commit of its effect.

use serde::{Deserialize, Serialize};

use crate::domain::idempotency::Claim;
use crate::domain::limit::LimitClass;
use crate::domain::memory::{AgentLabel, Content, Importance, Metadata, OnceKey, SessionId, SourceId, Summary, Tags, optional};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Whole;
use crate::http::memory::unexpected_memory;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Seat, unexpected};
use crate::objects::memory::command::{
    Append, Close, Command as MemoryCommand, Context, Draft, Flush, Open, Outcome as MemoryOutcome, SessionState, WorkingMemory,
};
use crate::objects::tenant::command::Command;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v2/session/open" => open {
        name: "openSession", summary: "Open or resume a session", access: Runtime, class: Some(LimitClass::V2Runtime), body: Json, status: 200,
    }
    Post "/v2/session/append" => append {
        name: "appendToSession", summary: "Remember one observation", access: Runtime, class: Some(LimitClass::V2Runtime), body: Json, status: 200,
    }
    Post "/v2/session/flush" => flush {
        name: "flushSession", summary: "Consolidate what a session holds", access: Runtime, class: Some(LimitClass::V2Runtime), body: Json, status: 200,
    }
    Post "/v2/session/close" => close {
        name: "closeSession", summary: "Flush and close a session", access: Runtime, class: Some(LimitClass::V2Runtime), body: Json, status: 200,
    }
    Post "/v2/session/{*session_id}/status" => status {
        name: "sessionStatus", summary: "Read a session", access: Runtime, class: Some(LimitClass::V2Runtime), body: Json, status: 200,
    }
};

/// Any count of tokens or observations.
pub(super) type Count = Whole<0, 9_007_199_254_740_991>;

pub(super) fn zero_unless(count: Option<Count>) -> u64 {
    count.map_or(0, Count::get)
}

/// A caller the tenant's object has admitted.
struct Admitted {
    seat: Seat,
    slug: Slug,
}

/// One hop: proves the caller and counts the request: 400 (no tenant named), 401, 403, 429.
async fn admit(ctx: &Ctx, tenant_id: Option<&str>) -> Result<Admitted, Fault> {
    let seat = ctx.runtime_seat(tenant_id).await?;
    let answer = ctx.call_tenant_once(&seat, None, Command::Admit).await?;
    let caller = answer.caller.ok_or_else(|| unexpected(&answer.outcome))?;
    Ok(Admitted { seat, slug: caller.slug })
}

/// Admits, and has the memory do the work under the request's Idempotency-Key.
pub(super) async fn remember(ctx: &Ctx, tenant_id: Option<&str>, command: MemoryCommand) -> Result<(Slug, MemoryOutcome), Fault> {
    let admitted = admit(ctx, tenant_id).await?;
    let claim = ctx.claim_at(&admitted.seat)?;
    work(ctx, admitted, claim, command).await
}

async fn work(ctx: &Ctx, admitted: Admitted, claim: Option<Claim>, command: MemoryCommand) -> Result<(Slug, MemoryOutcome), Fault> {
    let outcome = ctx.call_memory(admitted.seat.tenant, claim, command).await?;
    Ok((admitted.slug, outcome))
}

pub(super) const fn state_name(state: SessionState) -> &'static str {
    match state {
        SessionState::Open => "open",
        SessionState::Closed => "closed",
    }
}

#[derive(Deserialize)]
struct OpenRequest {
    tenant_id: Option<String>,
    session_id: SessionId,
    #[serde(default, deserialize_with = "optional")]
    agent_id: Option<AgentLabel>,
    token_budget: Option<Count>,
    metadata: Option<Metadata>,
}

#[derive(Serialize)]
struct OpenReply {
    tenant_id: Slug,
    session_id: SessionId,
    status: &'static str,
    resumed: bool,
    sequence: u64,
    agent_id: Option<String>,
    opened_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_used: Option<u64>,
}

/// 1. Prove and count: 401, 403, 429.
/// 2. Open or resume: 400 when the metadata outgrows its bound, 422.
/// 3. Answer, with the context when a budget asked for one: 200.
async fn open(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: OpenRequest = ctx.incoming.body()?;
    let open = Open {
        session_id: request.session_id.clone(),
        agent_id: request.agent_id,
        token_budget: zero_unless(request.token_budget),
        metadata: request.metadata,
    };
    let (tenant_id, outcome) = remember(ctx, request.tenant_id.as_deref(), MemoryCommand::Open(open)).await?;
    let MemoryOutcome::Opened(opened) = outcome else { return Err(unexpected_memory()) };
    let (context, tokens_used) = opened.context.map(|Context { text, tokens_used }| (text, tokens_used)).unzip();
    let reply = OpenReply {
        tenant_id,
        session_id: request.session_id,
        status: state_name(SessionState::Open),
        resumed: opened.resumed,
        sequence: opened.sequence,
        agent_id: opened.agent_id,
        opened_at: opened.opened_at.to_string(),
        context,
        tokens_used,
    };
    Reply::json(200, &reply)
}

#[derive(Deserialize)]
struct AppendRequest {
    tenant_id: Option<String>,
    session_id: SessionId,
    content: Content,
    #[serde(default, deserialize_with = "optional")]
    source_id: Option<SourceId>,
    importance_score: Option<Importance>,
    tags: Option<Tags>,
    #[serde(default, deserialize_with = "optional")]
    idempotency_key: Option<OnceKey>,
    working_memory_budget_tokens: Option<Count>,
}

#[derive(Serialize)]
struct AppendReply {
    tenant_id: Slug,
    session_id: SessionId,
    id: String,
    sequence: u64,
    working_memory: WorkingMemory,
    duplicate: bool,
    tokens: u64,
}

/// A key in the body is the session's, for all its life, and what it says comes before the 24 h of the header's.
///
/// 1. Prove and count: 401, 403, 429.
/// 2. Refuse a key in the header and another in the body: 400.
/// 3. Remember: 404, 409, 422.
/// 4. Answer: 200.
async fn append(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: AppendRequest = ctx.incoming.body()?;
    let admitted = admit(ctx, request.tenant_id.as_deref()).await?;
    let claim = match (&request.idempotency_key, ctx.idempotency_key()?) {
        (Some(body), Some(header)) if body.as_str() != header => return Err(keys_differ()),
        (Some(_), _) => None,
        (None, _) => ctx.claim_at(&admitted.seat)?,
    };
    let draft = Draft {
        content: request.content,
        source_id: request.source_id,
        importance_score: request.importance_score.unwrap_or_default(),
        tags: request.tags.unwrap_or_default(),
        idempotency_key: request.idempotency_key,
    };
    let append = Append {
        session_id: request.session_id.clone(),
        draft,
        working_memory_budget_tokens: zero_unless(request.working_memory_budget_tokens),
    };
    let (tenant_id, outcome) = work(ctx, admitted, claim, MemoryCommand::Append(append)).await?;
    let MemoryOutcome::Appended(appended) = outcome else { return Err(unexpected_memory()) };
    let reply = AppendReply {
        tenant_id,
        session_id: request.session_id,
        id: appended.id.to_string(),
        sequence: appended.sequence,
        working_memory: appended.working_memory,
        duplicate: appended.duplicate,
        tokens: appended.tokens,
    };
    Reply::json(200, &reply)
}

fn keys_differ() -> Fault {
    Fault::new(Code::IdempotencyKeyMismatch, "Idempotency-Key and idempotency_key differ; send one of them, or both alike")
}

#[derive(Deserialize)]
struct FlushRequest {
    tenant_id: Option<String>,
    session_id: SessionId,
    smart_consolidation: Option<bool>,
}

#[derive(Serialize)]
struct FlushReply {
    tenant_id: Slug,
    session_id: SessionId,
    status: &'static str,
    sequence: u64,
    consolidated: u64,
    merged: u64,
}

/// 1. Prove and count: 401, 403, 429.
/// 2. Consolidate: 404, 422.
/// 3. Answer: 200.
async fn flush(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: FlushRequest = ctx.incoming.body()?;
    let flush = Flush { session_id: request.session_id.clone(), smart_consolidation: request.smart_consolidation.unwrap_or_default() };
    let (tenant_id, outcome) = remember(ctx, request.tenant_id.as_deref(), MemoryCommand::Flush(flush)).await?;
    let MemoryOutcome::Flushed(flushed) = outcome else { return Err(unexpected_memory()) };
    let reply = FlushReply {
        tenant_id,
        session_id: request.session_id,
        status: state_name(flushed.status),
        sequence: flushed.sequence,
        consolidated: flushed.consolidated,
        merged: flushed.merged,
    };
    Reply::json(200, &reply)
}

#[derive(Deserialize)]
struct CloseRequest {
    tenant_id: Option<String>,
    session_id: SessionId,
    #[serde(default, deserialize_with = "optional")]
    summary: Option<Summary>,
    smart_consolidation: Option<bool>,
    min_sequence: Option<Count>,
}

#[derive(Serialize)]
struct CloseReply {
    tenant_id: Slug,
    session_id: SessionId,
    status: &'static str,
    sequence: u64,
    closed_at: String,
    summary_id: Option<String>,
}

/// 1. Prove and count: 401, 403, 429.
/// 2. Flush, remember the summary, close: 404, 409, 422.
/// 3. Answer: 200.
async fn close(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: CloseRequest = ctx.incoming.body()?;
    let close = Close {
        session_id: request.session_id.clone(),
        summary: request.summary,
        smart_consolidation: request.smart_consolidation.unwrap_or_default(),
        min_sequence: zero_unless(request.min_sequence),
    };
    let (tenant_id, outcome) = remember(ctx, request.tenant_id.as_deref(), MemoryCommand::Close(close)).await?;
    let MemoryOutcome::Closed(closed) = outcome else { return Err(unexpected_memory()) };
    let reply = CloseReply {
        tenant_id,
        session_id: request.session_id,
        status: state_name(SessionState::Closed),
        sequence: closed.sequence,
        closed_at: closed.closed_at.to_string(),
        summary_id: closed.summary_id.map(|id| id.to_string()),
    };
    Reply::json(200, &reply)
}

#[derive(Deserialize)]
struct StatusRequest {
    tenant_id: Option<String>,
}

#[derive(Serialize)]
struct StatusReply {
    tenant_id: Slug,
    session_id: SessionId,
    status: &'static str,
    sequence: u64,
    observations: u64,
    tokens: u64,
    agent_id: Option<String>,
    metadata: Metadata,
    opened_at: String,
    updated_at: String,
    closed_at: Option<String>,
}

/// 1. Prove and count: 401, 403, 429.
/// 2. Read the session: 404, for an id no session can have too.
/// 3. Answer: 200.
async fn status(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: StatusRequest = ctx.incoming.body()?;
    let admitted = admit(ctx, request.tenant_id.as_deref()).await?;
    let session_id = SessionId::parse(ctx.param("session_id"))
        .map_err(|_| Fault::new(Code::SessionNotFound, "no such session in this tenant; open it first: POST /v2/session/open"))?;
    let claim = ctx.claim_at(&admitted.seat)?;
    let command = MemoryCommand::Status { session_id: session_id.clone() };
    let (tenant_id, outcome) = work(ctx, admitted, claim, command).await?;
    let MemoryOutcome::Status(session) = outcome else { return Err(unexpected_memory()) };
    let reply = StatusReply {
        tenant_id,
        session_id,
        status: state_name(session.status),
        sequence: session.sequence,
        observations: session.observations,
        tokens: session.tokens,
        agent_id: session.agent_id,
        metadata: session.metadata,
        opened_at: session.opened_at.to_string(),
        updated_at: session.updated_at.to_string(),
        closed_at: session.closed_at.as_ref().map(Timestamp::to_string),
    };
    Reply::json(200, &reply)
}
