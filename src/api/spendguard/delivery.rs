//! Deliveries of a webhook endpoint: looked at, and made again (contract identity-and-money 13 and 14).

use serde::{Deserialize, Serialize};

use super::webhook::{ask, misanswered, webhook_id};
use crate::domain::delivery::DeliveryStatus;
use crate::domain::event::PUBLIC_EVENTS;
use crate::domain::form::delivery::Delivery;
use crate::domain::id::DeliveryId;
use crate::domain::limit::LimitClass;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Time;
use crate::http::page::{self, Page};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::objects::tenant::webhook::command::{WebhookCommand, WebhookOutcome};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/v1/webhooks/{id}/deliveries" => list_deliveries {
        name: "listWebhookDeliveries", summary: "What was sent to an endpoint and how it went, newest first", access: Management,
        class: Some(LimitClass::Admin), body: None, documented: true, status: 200, response: Page<Delivery>,
        query: [page::LIMIT, page::CURSOR, Query::one_of("status", STATUSES), Query::one_of("event", &PUBLIC_EVENTS)],
    }
    Post "/v1/webhooks/{id}/deliveries/{delivery_id}/replay" => replay_delivery {
        name: "replayWebhookDelivery", summary: "One attempt now", access: Management, class: Some(LimitClass::Admin), body: Json, documented: true,
        status: 202, response: Delivery,
    }
    Post "/v1/webhooks/{id}/replay" => replay_since {
        name: "replayWebhook", summary: "Send again what was not delivered since then", access: Management, class: Some(LimitClass::Admin), body: Json,
        documented: true, request: ReplayRequest, status: 202, response: ReplayReply,
    }
};

/// What a list can be asked for.
const STATUSES: &[&str] = &["pending", "delivered", "failed"];

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ReplayRequest {
    since: Time,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ReplayReply {
    /// Events that will be sent.
    queued: u64,
}

/// 1. The id, the page and the filters: 400. 2. Read one more than the page holds: 404. 3. Answer: 200.
async fn list_deliveries(ctx: &Ctx) -> Result<Reply, Fault> {
    let webhook_id = webhook_id(ctx)?;
    let limit = ctx.page_limit()?;
    let before = ctx.page_cursor(|id| DeliveryId::parse(id).ok())?;
    let (status, event) = (ctx.filter("status", DeliveryStatus::parse)?, ctx.filter("event", |name| Some(name.to_owned()))?);
    let seat = ctx.management_seat().await?;
    let outcome = ask(ctx, &seat, WebhookCommand::Deliveries { webhook_id, status, event, limit: limit + 1, before }).await?;
    let WebhookOutcome::Deliveries(views) = outcome else { return Err(misanswered(outcome)) };
    let shown = views.iter().map(|view| view.form()).collect();
    Ok(Reply::json(200, &Page::cut(shown, limit, |shown: &Delivery| shown.id.clone()))?.no_store())
}

/// 1. The ids and the body: 400. 2. Queue one attempt: 404, 409 while the endpoint is disabled. 3. Answer: 202.
async fn replay_delivery(ctx: &Ctx) -> Result<Reply, Fault> {
    let webhook_id = webhook_id(ctx)?;
    let invalid = |error: crate::domain::id::NotAnId| Fault::new(Code::InvalidId, error.to_string()).in_body();
    let delivery_id = DeliveryId::parse(ctx.param("delivery_id")).map_err(invalid)?;
    ctx.incoming.body_value()?;
    let seat = ctx.management_seat().await?;
    let outcome = ask(ctx, &seat, WebhookCommand::ReplayOne { webhook_id, delivery_id }).await?;
    let WebhookOutcome::Delivery(view) = outcome else { return Err(misanswered(outcome)) };
    Reply::json(202, &view.form())
}

/// 1. The id and the body: 400. 2. Queue what was missed: 404, 409 while the endpoint is disabled. 3. Answer: 202.
async fn replay_since(ctx: &Ctx) -> Result<Reply, Fault> {
    let webhook_id = webhook_id(ctx)?;
    let request: ReplayRequest = ctx.incoming.body()?;
    let seat = ctx.management_seat().await?;
    let outcome = ask(ctx, &seat, WebhookCommand::ReplaySince { webhook_id, since: request.since.get() }).await?;
    let WebhookOutcome::Queued { events: queued } = outcome else { return Err(misanswered(outcome)) };
    Reply::json(202, &ReplayReply { queued })
}
