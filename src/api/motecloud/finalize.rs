//! A whole session in one request: `POST /v2/session/finalize` (contract motecloud 7).

use serde::{Deserialize, Serialize};

use super::session::{Count, remember, state_name, zero_unless};
use crate::domain::limit::LimitClass;
use crate::domain::memory::{
    AgentLabel, Content, FINALIZE_OBSERVATIONS_MAX, Importance, Metadata, OnceKey, SessionId, SourceId, Summary, Tags, optional,
};
use crate::domain::slug::Slug;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Record;
use crate::http::memory::unexpected_memory;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::objects::memory::command::{Command as MemoryCommand, Draft, Finalize, Outcome as MemoryOutcome, SessionState};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v2/session/finalize" => finalize {
        name: "finalizeSession", summary: "Open, append all and close", access: Runtime, class: Some(LimitClass::V2Runtime), body: Json, status: 200,
    }
};

#[derive(Deserialize)]
struct FinalizeRequest {
    tenant_id: Option<String>,
    session_id: SessionId,
    #[serde(default, deserialize_with = "optional")]
    agent_id: Option<AgentLabel>,
    /// A finalized session hands no context back: what it would take is only checked.
    #[serde(rename = "token_budget")]
    _token_budget: Option<Count>,
    metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "optional")]
    summary: Option<Summary>,
    smart_consolidation: Option<bool>,
    working_memory_budget_tokens: Option<Count>,
    observations: Option<Vec<Record<FinalizeObservation>>>,
}

#[derive(Deserialize)]
struct FinalizeObservation {
    content: Content,
    #[serde(default, deserialize_with = "optional")]
    source_id: Option<SourceId>,
    importance_score: Option<Importance>,
    tags: Option<Tags>,
    #[serde(default, deserialize_with = "optional")]
    idempotency_key: Option<OnceKey>,
}

impl From<FinalizeObservation> for Draft {
    fn from(observation: FinalizeObservation) -> Self {
        Self {
            content: observation.content,
            source_id: observation.source_id,
            importance_score: observation.importance_score.unwrap_or_default(),
            tags: observation.tags.unwrap_or_default(),
            idempotency_key: observation.idempotency_key,
        }
    }
}

#[derive(Serialize)]
struct FinalizeReply {
    tenant_id: Slug,
    session_id: SessionId,
    status: &'static str,
    appended: u64,
    duplicates: u64,
    sequence: u64,
    closed_at: String,
    summary_id: Option<String>,
}

/// 1. Take at most 100 observations: 400.
/// 2. Prove and count: 401, 403, 429.
/// 3. Open, append all or nothing, close: 400, 409, 422.
/// 4. Answer: 200.
async fn finalize(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: FinalizeRequest = ctx.incoming.body()?;
    let observations: Vec<Draft> =
        request.observations.unwrap_or_default().into_iter().map(|Record(observation)| Draft::from(observation)).collect();
    if observations.len() > FINALIZE_OBSERVATIONS_MAX {
        return Err(Fault::field("$.observations", "may have at most 100 entries"));
    }
    let finalize = Finalize {
        session_id: request.session_id.clone(),
        agent_id: request.agent_id,
        metadata: request.metadata,
        summary: request.summary,
        smart_consolidation: request.smart_consolidation.unwrap_or_default(),
        working_memory_budget_tokens: zero_unless(request.working_memory_budget_tokens),
        observations,
    };
    let (tenant_id, outcome) = remember(ctx, request.tenant_id.as_deref(), MemoryCommand::Finalize(finalize)).await?;
    let MemoryOutcome::Finalized(finalized) = outcome else { return Err(unexpected_memory()) };
    let reply = FinalizeReply {
        tenant_id,
        session_id: request.session_id,
        status: state_name(SessionState::Closed),
        appended: finalized.appended,
        duplicates: finalized.duplicates,
        sequence: finalized.sequence,
        closed_at: finalized.closed_at.to_string(),
        summary_id: finalized.summary_id.map(|id| id.to_string()),
    };
    Reply::json(200, &reply)
}
