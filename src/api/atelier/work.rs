//! The agent's side of orders: what it polls, quotes and delivers (contract atelier 4).

use serde::Deserialize;

use super::request::Visit;
use super::{path_agent, tell_agent};
use crate::domain::agent::read_any_agent_id;
#[cfg(not(target_arch = "wasm32"))]
use crate::domain::form::order::OrderForm;
use crate::domain::id::{AgentId, OrderId};
use crate::domain::limit::LimitClass;
use crate::domain::market::order::MediaType;
use crate::domain::market::price::Price;
use crate::domain::market::state::{OrderEvent, OrderStatus};
use crate::http::buyer;
use crate::http::context::Ctx;
use crate::http::credential::Credential;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::order::{Reference, answer_list, check_reference};
use crate::http::page;
use crate::http::query::Query;
use crate::http::refusal::agent_not_found;
use crate::http::reply::Reply;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::reply::Success;
use crate::http::route::Route;
use crate::http::tenant::{Seat, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::{Intent, OrderAct, OrderCommand, Side};
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;
use crate::store::market;

pub static ROUTES: &[Route] = routes! {
    Get "/api/agents/{id}/orders" => list {
        name: "listAgentsOrders", summary: "An agent's orders, newest first", access: Owner, class: Some(LimitClass::AtelierOrders), body: None,
        documented: true, status: 200, response: Success<Vec<OrderForm>>,
        query: [page::LIMIT, page::CURSOR, Query::text("status", 256), buyer::IN_QUERY[0], buyer::IN_QUERY[1], buyer::IN_QUERY[2]], also: [403, 404],
    }
    Post "/api/orders/{id}/deliver" => deliver {
        name: "deliverOrder", summary: "Deliver what was ordered", access: Seller, class: Some(LimitClass::AtelierDeliver), body: Json,
        documented: true, request: DeliverBody, status: 200, response: Success<OrderForm>, also: [403, 404],
    }
    Post "/api/orders/{id}/quote" => quote {
        name: "quoteOrder", summary: "Name a price for an order", access: Seller, class: Some(LimitClass::AtelierQuote), body: Json,
        documented: true, request: QuoteBody, status: 200, response: Success<OrderForm>, also: [403, 404],
    }
};

/// Orders a page has when nothing is said.
const PAGE_DEFAULT: u64 = 100;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct DeliverBody {
    /// What was uploaded here, or any public URL.
    deliverable_url: Text<1, 2_048>,
    deliverable_media_type: MediaType,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct QuoteBody {
    /// Such as "15.00"; more than 0, at most 1000000.00.
    price_usd: Text<1, 16>,
}

/// With whom the agent of the path lies, and who has come for it: itself, or a wallet. 404 for what is no agent.
async fn find_agent(ctx: &Ctx) -> Result<(AgentId, Seat, Side), Fault> {
    if let Credential::Buyer(wallet) = &*ctx.credential() {
        let (agent_id, _) = read_any_agent_id(ctx.param("id")).ok_or_else(agent_not_found)?;
        let tenant = ctx.with_database(async |database| market::find_tenant(database, agent_id).await).await?;
        return Ok((agent_id, Seat::of_house(tenant.ok_or_else(agent_not_found)?), Side::Wallet(wallet.as_str().to_owned())));
    }
    let seat = ctx.seller_seat()?;
    Ok((path_agent(ctx, seat.tenant)?, seat, Side::Agent))
}

/// 1. The agent, for itself or for its owner: 404, 403. 2. Its orders of these states. 3. Answer: 200, with what the next page is
/// asked for with.
async fn list(ctx: &Ctx) -> Result<Reply, Fault> {
    let (agent_id, seat, by) = find_agent(ctx).await?;
    let words = ctx.incoming.query_value("status").filter(|text| !text.is_empty());
    // A word that is no state matches nothing.
    let statuses = words.map(|text| text.split(',').filter_map(|word| OrderStatus::parse(word.trim())).collect::<Vec<_>>());
    let limit = ctx.query_whole(page::LIMIT.name).unwrap_or(PAGE_DEFAULT);
    let before = ctx.page_cursor(|id| OrderId::parse(id).ok())?;
    let command = OrderCommand::List { agent_id, by, statuses, limit: limit + 1, before };
    let answer = match ctx.call_tenant(&seat, Command::Order(command)).await {
        Ok(answer) => answer,
        Err(fault) => return Err(tell_agent(ctx, agent_id, fault).await),
    };
    match answer.outcome {
        Outcome::Order(OrderOutcome::Orders(orders)) => Ok(answer_list(orders, limit)),
        other => Err(unexpected(&other)),
    }
}

/// 1. The order, its agent, where it stands: 404, 403, 400. 2. The fields: 400. 3. Deliver: 400. 4. Answer: 200.
async fn deliver(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::begin(ctx).await?;
    let body = match read_delivery(ctx) {
        Ok(body) => body,
        Err(fault) => return Err(visit.refuse(ctx, Intent::Move(OrderEvent::Deliver), fault).await),
    };
    let url = body.deliverable_url.into_string();
    let sha256 = ctx.sha256_of_url(&url).await?;
    let act = OrderAct::Deliver { url, media_type: body.deliverable_media_type, sha256 };
    Ok(Reply::written(200, visit.act(ctx, act).await?.alone()))
}

fn read_delivery(ctx: &Ctx) -> Result<DeliverBody, Fault> {
    let body: DeliverBody = ctx.incoming.body()?;
    check_reference(&ctx.edge.settings, body.deliverable_url.as_str(), Reference::Url)
        .map_err(|rule| Fault::field("$.deliverable_url", &rule))?;
    Ok(body)
}

/// 1. The order, its agent, where it stands: 404, 403, 400. 2. The price: 400. 3. Quote it: 400. 4. Answer: 200.
async fn quote(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::begin(ctx).await?;
    let price = match read_price(ctx) {
        Ok(price) => price,
        Err(fault) => return Err(visit.refuse(ctx, Intent::Move(OrderEvent::Quote), fault).await),
    };
    Ok(Reply::written(200, visit.act(ctx, OrderAct::Quote { price }).await?.alone()))
}

fn read_price(ctx: &Ctx) -> Result<Price, Fault> {
    let body: QuoteBody = ctx.incoming.body()?;
    let price = Price::parse(body.price_usd.as_str()).map_err(|error| Fault::field("$.price_usd", &error.to_string()))?;
    if price.is_zero() { Err(Fault::field("$.price_usd", "must be more than 0")) } else { Ok(price) }
}
