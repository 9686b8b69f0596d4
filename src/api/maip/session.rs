//! Sessions of agents: `/v1/agent-sessions` and `/v1/sessions` (contract identity-and-money 3 and 14).

use serde::{Deserialize, Serialize};

use super::scope::{ScopePairs, read_scopes};
use super::{proof_of, unexpected_proof};
use crate::crypto::session_token::SessionToken;
use crate::domain::agent_session::{AgentSessionId, SessionStatus};
use crate::domain::form::agent_session::SessionForm;
use crate::domain::id::TenantUuid;
use crate::domain::limit::LimitClass;
use crate::domain::scope::Scopes;
use crate::edge::PlatformEntropy;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::bad_credential;
use crate::http::fault::Fault;
use crate::http::field::{Metadata, Text, Whole};
use crate::http::lookup::agent_in;
use crate::http::page::{self, OffsetPage};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Answer, Seat};
use crate::objects::tenant::call::Proof;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::proof::command::{ProofCommand, SessionDraft, SessionSecrets};
use crate::objects::tenant::proof::outcome::ProofOutcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/agent-sessions" => open_session {
        name: "createAgentSession", summary: "Let a bearer act as an agent for a while", access: Management, class: Some(LimitClass::Identity),
        body: Json, documented: true, request: SessionRequest, status: 201, response: OpenedSession, also: [404],
    }
    Post "/v1/sessions" => open_session {
        name: "createSession", summary: "The same as createAgentSession", access: Management, class: Some(LimitClass::Identity), body: Json,
        documented: true, request: SessionRequest, status: 201, response: OpenedSession, also: [404],
    }
    Post "/v1/agent-sessions/refresh" => refresh_session {
        name: "refreshAgentSession", summary: "A new pair of tokens for a session, by its refresh token", access: Public,
        class: Some(LimitClass::Identity), body: Json, documented: true, request: RefreshRequest, status: 200, response: OpenedSession,
        also: [401, 403],
    }
    Get "/v1/agent-sessions" => list_sessions {
        name: "listAgentSessions", summary: "Sessions of the tenant's agents, newest first", access: Management,
        class: Some(LimitClass::Identity), body: None, documented: true, status: 200, response: SessionList,
        query: [page::OFFSET_LIMIT, page::OFFSET, Query::agent("agent_id"), Query::one_of("status", STATUSES)], also: [404],
    }
    Delete "/v1/agent-sessions/{id}" => terminate_session {
        name: "terminateAgentSession", summary: "End a session; its tokens are dead from the next request on", access: Management,
        class: Some(LimitClass::Identity), body: Json, documented: true, request: ReasonBody, status: 200, response: TerminatedSession,
    }
    Post "/v1/sessions/{id}/terminate" => terminate_session {
        name: "terminateSession", summary: "The same as terminateAgentSession", access: Management, class: Some(LimitClass::Identity),
        body: Json, documented: true, request: ReasonBody, status: 200, response: TerminatedSession,
    }
};

/// What a list can be asked for.
const STATUSES: &[&str] = &["active", "expired", "terminated"];
/// What the tokens of a session are sealed for.
const SEALED_PLACE: &[u8] = b"session tokens";
/// Seconds a session lasts when nothing is said.
const TTL_S: u64 = 3_600;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct SessionRequest {
    agent_id: String,
    /// Within the agent's; absent: all of them.
    scopes: Option<Scopes>,
    /// Instead of `scopes`: every action on every resource.
    scope: Option<ScopePairs>,
    ttl_minutes: Option<Whole<1, 1_440>>,
    /// Counts before `ttl_minutes`.
    ttl_seconds: Option<Whole<60, 86_400>>,
    metadata: Option<Metadata<16_384>>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct RefreshRequest {
    refresh_token: String,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ReasonBody {
    reason: Option<Text<0, 1024>>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct OpenedSession {
    #[serde(flatten)]
    form: SessionForm,
    /// Shown once.
    token: String,
    /// Shown once; renews the session once.
    refresh_token: String,
    session: SessionForm,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct SessionList {
    sessions: Vec<SessionForm>,
    total: u64,
    limit: u64,
    offset: u64,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct TerminatedSession {
    status: SessionStatus,
    session_id: AgentSessionId,
}

/// A pair of tokens: their texts, one after the other, and what the object keeps of them.
fn mint(ctx: &Ctx, tenant: TenantUuid) -> Result<(String, SessionSecrets), Fault> {
    let [access, refresh] = [(); 2].map(|()| SessionToken::mint(tenant, &mut PlatformEntropy));
    let texts = format!("{}{}", access.reveal(), refresh.reveal());
    let sealed = ctx.seal_for_repeat(&texts, SEALED_PLACE)?;
    Ok((texts, SessionSecrets { access_hash: access.hash(), refresh_hash: refresh.hash(), sealed }))
}

fn reply(ctx: &Ctx, status: u16, answer: Answer, minted: String) -> Result<Reply, Fault> {
    let opened = match proof_of(answer.outcome)? {
        ProofOutcome::SessionOpened(opened) => *opened,
        other => return Err(unexpected_proof(other)),
    };
    let texts = ctx.reveal(minted, opened.sealed.as_deref(), SEALED_PLACE)?;
    let (token, refresh_token) = texts.split_at_checked(texts.len() / 2).ok_or_else(|| Fault::internal("tokens of no known length"))?;
    let (token, refresh_token) = (token.to_owned(), refresh_token.to_owned());
    Ok(Reply::json(status, &OpenedSession { form: opened.session.clone(), token, refresh_token, session: opened.session })?.no_store())
}

/// 1. The body: 400, 404. 2. Open it; the agent may act and holds the scopes: 403, 404. 3. Answer: 201.
async fn open_session(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: SessionRequest = ctx.incoming.body()?;
    let scopes = read_scopes(body.scopes, body.scope)?;
    let seat = ctx.management_seat().await?;
    let agent_id = agent_in(&body.agent_id, "$.agent_id", &seat)?;
    let ttl_s = body.ttl_seconds.map(Whole::get).or(body.ttl_minutes.map(|minutes| minutes.get() * 60)).unwrap_or(TTL_S);
    let (minted, secrets) = mint(ctx, seat.tenant)?;
    let draft = SessionDraft { agent_id, scopes, ttl_s, metadata: body.metadata.unwrap_or_default().into_map(), secrets };
    let answer = ctx.call_tenant(&seat, Command::Proof(ProofCommand::OpenSession(draft))).await?;
    reply(ctx, 201, answer, minted)
}

/// 1. The body: 400; a text that is no token: 401. 2. Renew the session the token is of: unknown, used before or over: 401;
/// the agent suspended: 403. 3. Answer: 200.
async fn refresh_session(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: RefreshRequest = ctx.incoming.body()?;
    let token = SessionToken::parse(&body.refresh_token).ok_or_else(bad_credential)?;
    let (tenant, token_hash) = (token.tenant(), token.hash());
    let seat = Seat { tenant, proof: Proof::Refresh { token_hash }, named: None };
    let (minted, secrets) = mint(ctx, tenant)?;
    let answer = ctx.call_tenant(&seat, Command::Proof(ProofCommand::RefreshSession { token_hash, secrets })).await?;
    reply(ctx, 200, answer, minted)
}

/// 1. Page and filters: 400, 404. 2. Read: 200.
async fn list_sessions(ctx: &Ctx) -> Result<Reply, Fault> {
    let OffsetPage { limit, offset } = ctx.offset_page();
    let status = ctx.filter("status", SessionStatus::parse)?;
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.agent_filter("agent_id", &seat)?;
    let answer = ctx.call_tenant(&seat, Command::Proof(ProofCommand::ListSessions { agent_id, status, limit, offset })).await?;
    match proof_of(answer.outcome)? {
        ProofOutcome::Sessions { sessions, total } => Ok(Reply::json(200, &SessionList { sessions, total, limit, offset })?.no_store()),
        other => Err(unexpected_proof(other)),
    }
}

/// 1. The id and the body: 400. 2. End it: 404. 3. Answer, a repeat alike: 200.
async fn terminate_session(ctx: &Ctx) -> Result<Reply, Fault> {
    let reason = ctx.incoming.body::<ReasonBody>()?.reason.map(Text::into_string);
    let wrong = || Fault::new(Code::InvalidId, "must be a session's id, such as maip-sess:<8 hex>:<16 hex>").in_body();
    let session_id = AgentSessionId::parse(ctx.param("id")).ok_or_else(wrong)?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Proof(ProofCommand::TerminateSession { session_id, reason })).await?;
    match proof_of(answer.outcome)? {
        ProofOutcome::SessionTerminated(session_id) => {
            Ok(Reply::json(200, &TerminatedSession { status: SessionStatus::Terminated, session_id })?.no_store())
        }
        other => Err(unexpected_proof(other)),
    }
}
