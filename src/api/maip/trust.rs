//! How far an agent is trusted, and why it may do what it may: `/v1/agents/:id/trust-*` and `/v1/agents/:id/scopes/explain`
//! (contract identity-and-money 2 and 14).

use serde::Serialize;

use super::{outcome_of, unexpected_of};
use crate::domain::agent::{TrustLevel, spell_maip};
use crate::domain::limit::LimitClass;
use crate::domain::scope::{Explanation, Scope, ScopeSource};
use crate::domain::trust::{Factors, TRUST_WINDOW_MS, Thousandths};
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::query::{Query, QueryKind};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::Seat;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::identity::command::AgentCommand;
use crate::objects::tenant::identity::outcome::{AgentOutcome, Trust, TrustComputed};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/v1/agents/{id}/trust-score" => show_trust {
        name: "getTrustScore", summary: "How far an agent is trusted, as last computed", access: Management, class: Some(LimitClass::Identity),
        body: None, documented: true, status: 200, response: TrustReply,
    }
    Post "/v1/agents/{id}/trust-score/compute" => compute_trust {
        name: "computeTrustScore", summary: "Compute an agent's trust from its last thirty days", access: Management,
        class: Some(LimitClass::Identity), body: Json, documented: true, status: 200, response: TrustReply, also: [404],
    }
    Get "/v1/agents/{id}/trust-history" => list_trust {
        name: "listTrustHistory", summary: "What an agent's trust came to, oldest first", access: Management, class: Some(LimitClass::Identity),
        body: None, documented: true, status: 200, response: TrustHistory,
        query: [Query::time("from"), Query::time("to"), Query::whole("limit", 1, 1000)],
    }
    Get "/v1/agents/{id}/scopes/explain" => explain_scope {
        name: "explainScope", summary: "Whether an agent may do something, and by which entry", access: Management,
        class: Some(LimitClass::Identity), body: None, documented: true, status: 200, response: ExplainReply,
        query: [Query::new("action", QueryKind::Action).required()],
    }
};

const HISTORY_LIMIT: u64 = 100;

/// What a score was computed from; all null while it is the one of its birth.
#[derive(Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct KnownFactors {
    anomaly_rate: Option<Thousandths>,
    uptime: Option<Thousandths>,
    delegation_depth: Option<Thousandths>,
    receipt_count: Option<Thousandths>,
}

impl From<Factors> for KnownFactors {
    fn from(factors: Factors) -> Self {
        Self {
            anomaly_rate: Some(factors.anomaly_rate),
            uptime: Some(factors.uptime),
            delegation_depth: Some(factors.delegation_depth),
            receipt_count: Some(factors.receipt_count),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct TrustReply {
    agent_id: String,
    score: Thousandths,
    trust_score: Thousandths,
    level: TrustLevel,
    trust_level: TrustLevel,
    factors: KnownFactors,
    /// Null while it was never computed.
    computed_at: Option<String>,
    updated_at: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct TrustEntry {
    score: Thousandths,
    factors: Factors,
    computed_at: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct TrustHistory {
    agent_id: String,
    history: Vec<TrustEntry>,
    /// In the time asked for, beyond the limit too.
    total: u64,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ExplainReply {
    action: String,
    allowed: bool,
    /// The entry that decided; null when none matched.
    rule: Option<String>,
    source: ScopeSource,
    reason: &'static str,
}

async fn ask(ctx: &Ctx, seat: &Seat, command: AgentCommand) -> Result<AgentOutcome, Fault> {
    outcome_of(ctx.call_tenant(seat, Command::Agent(command)).await?.outcome)
}

fn reply_trust(agent_id: String, outcome: AgentOutcome) -> Result<Reply, Fault> {
    let AgentOutcome::Trust(Trust { score, level, computed }) = outcome else { return Err(unexpected_of(outcome)) };
    let computed_at = computed.map(|computed| computed.at.to_string());
    let reply = TrustReply {
        agent_id,
        score,
        trust_score: score,
        level,
        trust_level: level,
        factors: computed.map(|computed| computed.factors.into()).unwrap_or_default(),
        updated_at: computed_at.clone(),
        computed_at,
    };
    Ok(Reply::json(200, &reply)?.no_store())
}

/// 1. The id: 400, 404. 2. Read: 404. 3. Answer: 200.
async fn show_trust(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    reply_trust(spell_maip(agent_id, seat.tenant), ask(ctx, &seat, AgentCommand::GetTrust { agent_id }).await?)
}

/// 1. The id: 400, 404. 2. Compute and keep it: 404. 3. Answer: 200.
async fn compute_trust(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    reply_trust(spell_maip(agent_id, seat.tenant), ask(ctx, &seat, AgentCommand::ComputeTrust { agent_id }).await?)
}

/// 1. The id, the time and the limit: 400, 404. 2. Read: 404. 3. Answer: 200.
async fn list_trust(ctx: &Ctx) -> Result<Reply, Fault> {
    let limit = ctx.query_whole("limit").unwrap_or(HISTORY_LIMIT);
    let to = ctx.query_time("to").unwrap_or(ctx.now);
    let from = ctx.query_time("from").unwrap_or_else(|| to.minus_ms(TRUST_WINDOW_MS));
    if from > to {
        return Err(Fault::field("from", "must not be later than to"));
    }
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    let outcome = ask(ctx, &seat, AgentCommand::TrustHistory { agent_id, from, to, limit }).await?;
    let AgentOutcome::TrustHistory { history, total } = outcome else { return Err(unexpected_of(outcome)) };
    let show = |TrustComputed { score, factors, at }: TrustComputed| TrustEntry { score, factors, computed_at: at.to_string() };
    let history = history.into_iter().map(show).collect();
    Ok(Reply::json(200, &TrustHistory { agent_id: spell_maip(agent_id, seat.tenant), history, total })?.no_store())
}

/// 1. The id and the action: 400, 404. 2. Read: 404. 3. Answer: 200.
async fn explain_scope(ctx: &Ctx) -> Result<Reply, Fault> {
    let one = ctx.incoming.query_value("action").and_then(|text| Scope::parse(text).ok()).filter(Scope::is_one_action);
    let action = one.ok_or_else(|| Fault::field("action", "must be one action such as data:read, without ! or *"))?;
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    let outcome = ask(ctx, &seat, AgentCommand::ExplainScope { agent_id, action: action.clone() }).await?;
    let AgentOutcome::Explained(Explanation { allowed, rule, source }) = outcome else { return Err(unexpected_of(outcome)) };
    let reason = match (allowed, source) {
        (true, _) => "an entry of the agent allows it, and none denies it",
        (false, ScopeSource::Own) => "an entry of the agent denies it",
        (false, ScopeSource::Parent) => "an entry of an agent it comes from denies it",
        (false, ScopeSource::Default) => "no entry of the agent allows it",
    };
    let reply = ExplainReply { action: action.to_string(), allowed, rule: rule.map(|rule| rule.to_string()), source, reason };
    Ok(Reply::json(200, &reply)?.no_store())
}
