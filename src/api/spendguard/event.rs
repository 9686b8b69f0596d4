//! The feed of events: `/v1/events`, for whoever has no public URL (contract identity-and-money 14).

use serde::Serialize;
use serde_json::Value;

use super::webhook::{ask, misanswered};
use crate::domain::id::EventId;
use crate::domain::limit::LimitClass;
use crate::domain::time::SECOND_MS;
use crate::domain::webhook::EventFilter;
use crate::http::context::Ctx;
use crate::http::credential::Credential;
use crate::http::fault::Fault;
use crate::http::page;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::objects::tenant::outcome;
use crate::objects::tenant::webhook::command::{Feed, WebhookCommand, WebhookOutcome};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/v1/events" => list_events {
        name: "listEvents", summary: "Events after one, oldest first; waits for the next when there is none", access: Spend,
        class: Some(LimitClass::Admin), body: None, documented: true, status: 200, response: EventPage,
        query: [page::LIMIT, Query::id("after", EventId::PREFIX), Query::text("types", 1024), Query::whole("wait_s", 0, WAIT_S_MAX)],
    }
};

/// The longest a question waits.
const WAIT_S_MAX: u64 = 25;

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct EventPage {
    data: Vec<Event>,
    /// What the next question follows; null while nothing has ever happened.
    next_after: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    data: Value,
}

impl From<outcome::Event> for Event {
    fn from(event: outcome::Event) -> Self {
        Self { id: event.event_id.to_string(), kind: event.kind, timestamp: event.at_ms.to_string(), data: event.data }
    }
}

/// 1. The query: 400. 2. Read, and wait if there is nothing: 200.
async fn list_events(ctx: &Ctx) -> Result<Reply, Fault> {
    let limit = ctx.page_limit()?;
    let wait_s = ctx.query_whole("wait_s").unwrap_or(0);
    let after = match ctx.incoming.query_value("after") {
        None => None,
        Some(text) => Some(EventId::parse(text).map_err(|error| Fault::field("after", &error.to_string()))?),
    };
    let events = match ctx.incoming.query_value("types") {
        None => EventFilter::all(),
        Some(text) => EventFilter::parse(text.split(',').map(str::trim))
            .map_err(|_| Fault::field("types", "must be names of events, all of a kind such as payment.*, or *, parted by commas"))?,
    };
    // A token is shown what concerns its own agent.
    let agent_id = match &*ctx.credential() {
        Credential::Execution(execution) => Some(execution.rights.agent_id),
        _ => None,
    };
    let seat = ctx.spend_seat().await?;
    let feed = Feed { after, events, limit, wait_ms: wait_s * SECOND_MS, agent_id };
    let outcome = ask(ctx, &seat, WebhookCommand::Feed(feed)).await?;
    let WebhookOutcome::Feed { events, next_after } = outcome else { return Err(misanswered(outcome)) };
    let page = EventPage { data: events.into_iter().map(Event::from).collect(), next_after: next_after.map(|id| id.to_string()) };
    Ok(Reply::json(200, &page)?.no_store())
}
