//! Asking what a tenant remembers: `POST /v2/query`, metered, and `POST /v2/prime-context`, free.
//!
//! Money and memory are two objects, and the tenant's is asked once: it holds the price, asks the memory and takes the
//! price. What dies in between is given back when the hold runs out; a repeat with the same Idempotency-Key runs anew then.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::billing::{Amount, FUNDING, list_prices, query_price};
use crate::domain::id::QueryId;
use crate::domain::limit::LimitClass;
use crate::domain::memory::{AgentLabel, QueryText, ResultLimit, SessionId, SourceId, Tags, TaskText, TokenBudget, optional};
use crate::domain::money::Micros;
use crate::edge::PlatformEntropy;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::memory::unexpected_memory;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::memory::command::{Command as MemoryCommand, Hit, Outcome as MemoryOutcome, Prime, PrimedItem, Search};
use crate::objects::tenant::command::{Command, MeterReserve};
use crate::objects::tenant::outcome::{Answered, Outcome};
use crate::objects::wire;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v2/query" => query {
        name: "query", summary: "Search this tenant's memory", access: Runtime, class: Some(LimitClass::V2Runtime), body: Json, metered: true, status: 200,
    }
    Post "/v2/prime-context" => prime_context {
        name: "primeContext", summary: "Fill a prompt with what matters to a task", access: Runtime, class: Some(LimitClass::V2Runtime), body: Json, status: 200,
    }
};

/// A hold outlives its request by far, and frees the money soon after a request that died.
const HOLD_TTL_S: u64 = 60;

#[derive(Deserialize)]
struct QueryRequest {
    tenant_id: Option<String>,
    query_text: QueryText,
    limit: Option<ResultLimit>,
    #[serde(default, deserialize_with = "optional")]
    session_id: Option<SessionId>,
    #[serde(default, deserialize_with = "optional")]
    source_id: Option<SourceId>,
}

#[derive(Serialize)]
struct QueryReply<'a> {
    tenant_id: &'a str,
    query_id: QueryId,
    results: Vec<QueryResult>,
    total: u64,
    cost: Amount,
    balance: String,
}

#[derive(Serialize)]
struct QueryResult {
    id: String,
    content: String,
    score: f64,
    source_id: Option<String>,
    session_id: String,
    importance_score: f64,
    tags: Tags,
    created_at: String,
}

/// 1. Prove, count, look up, hold the price, search and take the price, in one hop: 401, 402, 403, 409, 422, 429. 2. Tell
/// what was found: 200. A failed search gives the price back.
async fn query(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: QueryRequest = ctx.incoming.body()?;
    let search = Search {
        query_text: request.query_text,
        limit: request.limit.unwrap_or_default(),
        session_id: request.session_id,
        source_id: request.source_id,
    };
    let metered = ask(ctx, request.tenant_id.as_deref(), query_price(ctx), "query", &MemoryCommand::Search(search)).await?;
    let MemoryOutcome::Found(found) = metered.memory else { return Err(unexpected_memory()) };
    let reply = QueryReply {
        tenant_id: &metered.slug,
        query_id: metered.answered.query_id,
        results: found.results.into_iter().map(query_result).collect(),
        total: found.total,
        cost: Amount::usd(metered.answered.price_micros),
        balance: metered.answered.available_micros.to_string(),
    };
    Ok(Reply::json(200, &reply)?.no_store())
}

fn query_result(hit: Hit) -> QueryResult {
    QueryResult {
        id: hit.id.to_string(),
        content: hit.content,
        score: hit.score,
        source_id: hit.source_id,
        session_id: hit.session_id,
        importance_score: hit.importance_score,
        tags: hit.tags,
        created_at: hit.created_at.to_string(),
    }
}

/// What a metered request came to.
struct Metered {
    slug: String,
    answered: Answered,
    memory: MemoryOutcome,
}

/// One hop: the tenant's object proves the caller, counts, looks the key up, holds the price, asks the memory and takes the
/// price. A repeat gets what the first request came to.
async fn ask(ctx: &Ctx, body_tenant: Option<&str>, price: Micros, purpose: &str, question: &MemoryCommand) -> Result<Metered, Fault> {
    let seat = ctx.runtime_seat(body_tenant).await?;
    let unwritten = |error: wire::WireError| Fault::internal(error.to_string());
    let reserve = MeterReserve {
        price_micros: price,
        ttl_s: HOLD_TTL_S,
        purpose: purpose.to_owned(),
        query_id: QueryId::new(ctx.now, &mut PlatformEntropy),
        question: wire::write(question).map_err(unwritten)?,
    };
    let answer = ctx.call_tenant(&seat, Command::MeterReserve(reserve)).await.map_err(|fault| tell_how_to_fund(ctx, fault))?;
    match (answer.outcome, answer.caller) {
        (Outcome::Answered(answered), Some(caller)) => {
            let memory = wire::read(&answered.answer).map_err(unwritten)?;
            Ok(Metered { slug: caller.slug.to_string(), answered, memory })
        }
        (other, _) => Err(unexpected(&other)),
    }
}

/// A 402 says what everything costs and where money is put in.
fn tell_how_to_fund(ctx: &Ctx, mut fault: Fault) -> Fault {
    if fault.code != Code::InsufficientBalance {
        return fault;
    }
    if let Some(Value::Object(fund)) = fault.extra.get_mut("fund") {
        fund.insert("api".to_owned(), FUNDING.api.into());
        fund.insert("console".to_owned(), FUNDING.console.into());
    }
    let prices = serde_json::to_value(list_prices(query_price(ctx))).unwrap_or_default();
    fault.with("prices", prices)
}

#[derive(Deserialize)]
struct PrimeRequest {
    tenant_id: Option<String>,
    task_description: TaskText,
    token_budget: Option<TokenBudget>,
    /// Kept by clients that send it; it narrows nothing.
    #[serde(default, deserialize_with = "optional")]
    #[allow(dead_code)]
    agent_id: Option<AgentLabel>,
    #[serde(default, deserialize_with = "optional")]
    session_id: Option<SessionId>,
}

#[derive(Serialize)]
struct PrimeReply<'a> {
    tenant_id: &'a str,
    context: String,
    items: Vec<PrimeItem>,
    token_budget: u64,
    tokens_used: u64,
    truncated: bool,
}

#[derive(Serialize)]
struct PrimeItem {
    id: String,
    content: String,
    score: f64,
    tokens: u64,
    source_id: Option<String>,
    session_id: String,
}

/// 1. Prove, count, look up and fill the context, in one hop: 401, 403, 409, 422, 429. 2. Tell it: 200.
async fn prime_context(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: PrimeRequest = ctx.incoming.body()?;
    let prime = Prime {
        task_description: request.task_description,
        token_budget: request.token_budget.unwrap_or_default(),
        session_id: request.session_id,
    };
    let metered = ask(ctx, request.tenant_id.as_deref(), Micros::ZERO, "prime-context", &MemoryCommand::Prime(prime)).await?;
    let MemoryOutcome::Primed(primed) = metered.memory else { return Err(unexpected_memory()) };
    let reply = PrimeReply {
        tenant_id: &metered.slug,
        context: primed.context.text,
        items: primed.items.into_iter().map(prime_item).collect(),
        token_budget: primed.token_budget,
        tokens_used: primed.context.tokens_used,
        truncated: primed.truncated,
    };
    Ok(Reply::json(200, &reply)?.no_store())
}

fn prime_item(item: PrimedItem) -> PrimeItem {
    PrimeItem {
        id: item.id.to_string(),
        content: item.content,
        score: item.score,
        tokens: item.tokens,
        source_id: item.source_id,
        session_id: item.session_id,
    }
}
