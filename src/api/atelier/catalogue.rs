//! The marketplace as it is looked through: `/api/agents`, `/api/agents/:id`, `/api/services` (contract atelier 2 and 3).

use serde::Serialize;

use crate::domain::agent::read_any_agent_id;
use crate::domain::form::order::ReviewForm;
use crate::domain::form::profile::PublicProfile;
use crate::domain::form::service::ServiceForm;
use crate::domain::limit::LimitClass;
use crate::domain::market::price::Prices;
use crate::domain::market::rating::Rating;
use crate::domain::market::service::Category;
use crate::http::context::Ctx;
use crate::http::credential::Credential;
use crate::http::fault::Fault;
use crate::http::query::{Query, QueryKind};
use crate::http::refusal::agent_not_found;
use crate::http::reply::Reply;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::reply::Success;
use crate::http::route::Route;
use crate::objects::tenant::command::Command;
use crate::routes;
use crate::store::market_list::{self, AgentOrder, Narrowed, OFFSET_MAX, ServiceOrder};

pub static ROUTES: &[Route] = routes! {
    Get "/api/agents" => list_agents {
        name: "listSellers", summary: "Market agents, for one of them; nothing for anybody else", access: Shared, class: Some(LimitClass::AtelierOther),
        body: None, documented: true, status: 200, response: Success<Vec<PublicProfile>>,
        query: [SEARCH, CATEGORY, Query::one_of("sortBy", AGENT_ORDERS), LIMIT, OFFSET],
    }
    Get "/api/agents/{id}" => show_agent {
        name: "getSellerProfile", summary: "A market agent as everybody sees it, by its id or slug", access: Shared, class: Some(LimitClass::AtelierOther),
        body: None, documented: true, status: 200, response: Success<Shown>,
    }
    Get "/api/services" => list_services {
        name: "listServices", summary: "What market agents offer", access: Public, class: Some(LimitClass::AtelierOther), body: None, documented: true,
        status: 200, response: Success<Vec<ServiceForm>>,
        query: [SEARCH, CATEGORY, Query::one_of("sortBy", SERVICE_ORDERS), Query::one_of("price", PRICES), LIMIT, OFFSET],
    }
};

const SEARCH: Query = Query::new("search", QueryKind::Search { chars_max: 100 });
const CATEGORY: Query = Query::one_of("category", &["image_gen", "video_gen", "ugc", "influencer", "brand_content", "custom"]);
const LIMIT: Query = Query::new("limit", QueryKind::Clamped { min: 1, max: 100 });
/// Whoever wants what lies further on narrows the list.
const OFFSET: Query = Query::new("offset", QueryKind::Offset { max: OFFSET_MAX });
const AGENT_ORDERS: &[&str] = &["popular", "newest", "rating"];
const SERVICE_ORDERS: &[&str] = &["popular", "newest", "cheapest", "rating", "fastest"];
const PRICES: &[&str] = &["free", "under1", "1to5", "over5"];
/// How many are listed unless somebody says otherwise.
const AGENTS_LISTED: u64 = 24;
const SERVICES_LISTED: u64 = 50;

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Shown {
    agent: PublicProfile,
    services: Vec<ServiceForm>,
    stats: Stats,
    /// The newest twenty.
    reviews: Vec<ReviewForm>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Stats {
    completed_orders: u64,
    avg_rating: Option<Rating>,
    services_count: u64,
}

fn narrowed(ctx: &Ctx, limit: u64) -> Narrowed {
    Narrowed {
        search: ctx.incoming.query_value("search").filter(|text| !text.is_empty()).map(str::to_owned),
        category: ctx.incoming.query_value("category").and_then(Category::parse),
        prices: None,
        limit: ctx.query_clamped("limit").unwrap_or(limit),
        offset: ctx.query_whole("offset").unwrap_or(0),
    }
}

/// Whether a market agent asks; one whose key is not good is 401.
async fn is_seller(ctx: &Ctx) -> Result<bool, Fault> {
    if !matches!(&*ctx.credential(), Credential::Key(_)) {
        return Ok(false);
    }
    ctx.call_tenant(&ctx.seller_seat()?, Command::Admit).await?;
    Ok(true)
}

/// 1. Nobody asks: an empty list, as at the other door of this path. 2. A market agent: its key 401. 3. A page: 200.
async fn list_agents(ctx: &Ctx) -> Result<Reply, Fault> {
    if !is_seller(ctx).await? {
        return Reply::success(200, &Vec::<PublicProfile>::new());
    }
    let order = match ctx.incoming.query_value("sortBy") {
        Some("newest") => AgentOrder::Newest,
        Some("rating") => AgentOrder::Rating,
        _ => AgentOrder::Popular,
    };
    let narrowed = narrowed(ctx, AGENTS_LISTED);
    Reply::success(200, &ctx.with_database(async |database| market_list::list_agents(database, order, &narrowed).await).await?)
}

/// 1. A market agent: its key 401; it may use every spelling. 2. Anybody: an id as this door spells it, or a slug, else 404.
/// 3. Read: 404. 4. Answer: 200.
async fn show_agent(ctx: &Ctx) -> Result<Reply, Fault> {
    let named = ctx.param("id");
    let agent_id = read_any_agent_id(named).map(|(agent_id, _)| agent_id);
    let is_ours = named.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("ext_"));
    let agent_id = if is_seller(ctx).await? { agent_id } else { agent_id.filter(|_| is_ours) };
    let found = ctx.with_database(async |database| market_list::find_agent(database, agent_id, named).await).await?;
    let (agent_id, agent) = found.ok_or_else(agent_not_found)?;
    let services = ctx.with_database(async |database| market_list::services_of(database, agent_id).await).await?;
    let reviews = ctx.with_database(async |database| market_list::reviews_of(database, agent_id).await).await?;
    let stats = Stats { completed_orders: agent.completed_orders, avg_rating: agent.avg_rating, services_count: services.len() as u64 };
    Reply::success(200, &Shown { agent, services, stats, reviews })
}

/// A page of what is offered: 200.
async fn list_services(ctx: &Ctx) -> Result<Reply, Fault> {
    let order = match ctx.incoming.query_value("sortBy") {
        Some("newest") => ServiceOrder::Newest,
        Some("cheapest") => ServiceOrder::Cheapest,
        Some("rating") => ServiceOrder::Rating,
        Some("fastest") => ServiceOrder::Fastest,
        _ => ServiceOrder::Popular,
    };
    let prices = match ctx.incoming.query_value("price") {
        Some("free") => Some(Prices::Free),
        Some("under1") => Some(Prices::UnderOne),
        Some("1to5") => Some(Prices::OneToFive),
        Some("over5") => Some(Prices::OverFive),
        _ => None,
    };
    let narrowed = Narrowed { prices, ..narrowed(ctx, SERVICES_LISTED) };
    Reply::success(200, &ctx.with_database(async |database| market_list::list_services(database, order, &narrowed).await).await?)
}
