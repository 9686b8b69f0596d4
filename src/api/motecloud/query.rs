//! Asking what a tenant remembers: `POST /v2/query`, metered, and `POST /v2/prime-context`, free.
//!
//! Money and memory are two objects: the tenant's holds the price, the memory answers, the tenant's takes the price.
//! What dies in between is given back when the hold runs out; a repeat with the same Idempotency-Key runs anew then.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::billing::{Amount, FUNDING, list_prices, query_price};
use crate::domain::id::{QueryId, TenantUuid};
use crate::domain::idempotency::{Claim, StoredReply};
use crate::domain::limit::LimitClass;
use crate::domain::memory::{AgentLabel, QueryText, ResultLimit, SessionId, SourceId, Tags, TaskText, TokenBudget, optional};
use crate::domain::money::Micros;
use crate::edge::PlatformEntropy;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::memory::unexpected_memory;
use crate::http::reply::{Body, Reply};
use crate::http::route::Route;
use crate::http::tenant::{Seat, unexpected};
use crate::objects::memory::command::{Command as MemoryCommand, Outcome as MemoryOutcome, Prime, Search};
use crate::objects::tenant::call::Caller;
use crate::objects::tenant::command::{Command, MeterCapture, MeterRelease, MeterReserve};
use crate::objects::tenant::outcome::{Outcome, Reserved};
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

/// A request its tenant has admitted, with the price held.
struct Admitted {
    tenant: TenantUuid,
    claim: Option<Claim>,
    caller: Caller,
    reserved: Reserved,
}

/// What admission came to.
enum Admission {
    /// The answer of an earlier request with the same Idempotency-Key.
    Replay(Reply),
    Run(Box<Admitted>),
}

/// 1. Prove, count, look up, hold the price: 401, 402, 403, 409, 422, 429. 2. Search. 3. Take the price and keep the
/// answer: 200. A failed search gives the price back.
async fn query(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: QueryRequest = ctx.incoming.body()?;
    let seat = ctx.runtime_seat(request.tenant_id.as_deref()).await?;
    let price = query_price(ctx);
    let admitted = match admit(ctx, &seat, price, "query").await? {
        Admission::Replay(reply) => return Ok(reply),
        Admission::Run(admitted) => admitted,
    };
    let search = Search {
        query_text: request.query_text,
        limit: request.limit.unwrap_or_default(),
        session_id: request.session_id,
        source_id: request.source_id,
    };
    let found = match ctx.call_memory(admitted.tenant, None, MemoryCommand::Search(search)).await {
        Ok(MemoryOutcome::Found(found)) => found,
        Ok(_) => return Err(release(ctx, &admitted, unexpected_memory()).await),
        Err(fault) => return Err(release(ctx, &admitted, fault).await),
    };
    let reply = QueryReply {
        tenant_id: admitted.caller.slug.as_str(),
        query_id: QueryId::new(ctx.now, &mut PlatformEntropy),
        results: found.results.into_iter().map(query_result).collect(),
        total: found.total,
        cost: Amount::usd(price),
        balance: admitted.reserved.available_micros.to_string(),
    };
    finish(ctx, &admitted, &reply).await
}

fn query_result(hit: crate::objects::memory::command::Hit) -> QueryResult {
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

/// One hop: the tenant's object proves the caller, counts, looks the key up and holds the price.
async fn admit(ctx: &Ctx, seat: &Seat, price: Micros, purpose: &str) -> Result<Admission, Fault> {
    let claim = ctx.claim_at(seat)?;
    let reserve = MeterReserve { price_micros: price, ttl_s: HOLD_TTL_S, purpose: purpose.to_owned() };
    let answer = ctx.call_tenant(seat, Command::MeterReserve(reserve)).await.map_err(|fault| tell_how_to_fund(ctx, fault))?;
    match (answer.outcome, answer.caller) {
        (Outcome::Replay(stored), _) => {
            ctx.set_replayed(true);
            Ok(Admission::Replay(Reply::json_text(stored.status, stored.body).no_store()))
        }
        (Outcome::Reserved(reserved), Some(caller)) => {
            Ok(Admission::Run(Box::new(Admitted { tenant: seat.tenant, claim, caller, reserved })))
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

/// Takes the price and keeps the answer under the caller's key, in one commit; then answers. Nothing is asked when
/// nothing was held and no key was sent.
async fn finish(ctx: &Ctx, admitted: &Admitted, reply: &impl Serialize) -> Result<Reply, Fault> {
    let reply = Reply::json(200, reply)?.no_store();
    let Body::Json(body) = &reply.body else { return Err(Fault::internal("an answer is no JSON")) };
    if admitted.reserved.reservation_id.is_some() || admitted.claim.is_some() {
        let capture = MeterCapture {
            reservation_id: admitted.reserved.reservation_id,
            amount_micros: None,
            scope_hash: admitted.claim.map(|claim| claim.scope_hash),
            reply: admitted.claim.map(|_| StoredReply { status: 200, body: body.clone() }),
        };
        ctx.call_tenant_as_house(admitted.tenant, Command::MeterCapture(capture)).await?;
    }
    Ok(reply)
}

/// Gives the price back and forgets the key. When that fails too, the hold runs out by itself.
async fn release(ctx: &Ctx, admitted: &Admitted, fault: Fault) -> Fault {
    let release =
        MeterRelease { reservation_id: admitted.reserved.reservation_id, scope_hash: admitted.claim.map(|claim| claim.scope_hash) };
    if let Err(second) = ctx.call_tenant_as_house(admitted.tenant, Command::MeterRelease(release)).await {
        return Fault { cause: Some(format!("{:?}; then {:?}", fault.cause, second.cause)), ..fault };
    }
    fault
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

/// 1. Prove, count, look up: 401, 403, 409, 422, 429. 2. Fill the context. 3. Keep the answer when a key was sent: 200.
async fn prime_context(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: PrimeRequest = ctx.incoming.body()?;
    let seat = ctx.runtime_seat(request.tenant_id.as_deref()).await?;
    let admitted = match admit(ctx, &seat, Micros::ZERO, "prime-context").await? {
        Admission::Replay(reply) => return Ok(reply),
        Admission::Run(admitted) => admitted,
    };
    let prime = Prime {
        task_description: request.task_description,
        token_budget: request.token_budget.unwrap_or_default(),
        session_id: request.session_id,
    };
    let primed = match ctx.call_memory(admitted.tenant, None, MemoryCommand::Prime(prime)).await {
        Ok(MemoryOutcome::Primed(primed)) => primed,
        Ok(_) => return Err(release(ctx, &admitted, unexpected_memory()).await),
        Err(fault) => return Err(release(ctx, &admitted, fault).await),
    };
    let reply = PrimeReply {
        tenant_id: admitted.caller.slug.as_str(),
        context: primed.context.text,
        items: primed
            .items
            .into_iter()
            .map(|item| PrimeItem {
                id: item.id.to_string(),
                content: item.content,
                score: item.score,
                tokens: item.tokens,
                source_id: item.source_id,
                session_id: item.session_id,
            })
            .collect(),
        token_budget: primed.token_budget,
        tokens_used: primed.context.tokens_used,
        truncated: primed.truncated,
    };
    finish(ctx, &admitted, &reply).await
}
