//! Webhook endpoints: `/v1/webhooks` (contract identity-and-money 13, README 11).

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::form;
use crate::domain::id::WebhookId;
use crate::domain::limit::LimitClass;
use crate::domain::target;
use crate::domain::webhook::{EventFilter, FILTER_ENTRIES_MAX};
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::page::{self, Page};
use crate::http::reply::Reply;
use crate::http::route::Route;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::rule::any_given;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::schema::TargetUrl;
use crate::http::tenant::{Seat, unexpected};
use crate::http::webhook::{SHOWN_PLACE, target_rules};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::Outcome;
use crate::objects::tenant::webhook::command::{EndpointChange, EndpointView, NewEndpoint, WebhookCommand, WebhookOutcome};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/webhooks" => create_webhook {
        name: "createWebhook", summary: "An endpoint that events are sent to; its secret is shown once", access: Management, class: Some(LimitClass::Admin),
        body: Json, documented: true, request: WebhookRequest, status: 201, response: NewWebhook,
    }
    Get "/v1/webhooks" => list_webhooks {
        name: "listWebhooks", summary: "The webhook endpoints, newest first", access: Management, class: Some(LimitClass::Admin), body: None, documented: true,
        status: 200, response: Page<form::webhook::Webhook>, query: [page::LIMIT, page::CURSOR],
    }
    Get "/v1/webhooks/{id}" => show_webhook {
        name: "getWebhook", summary: "One webhook endpoint", access: Management, class: Some(LimitClass::Admin), body: None, documented: true, status: 200,
        response: form::webhook::Webhook,
    }
    Patch "/v1/webhooks/{id}" => change_webhook {
        name: "updateWebhook", summary: "Change, enable or disable an endpoint", access: Management, class: Some(LimitClass::Admin), body: Json,
        documented: true, request: WebhookChange, status: 200, response: form::webhook::Webhook,
    }
    Delete "/v1/webhooks/{id}" => delete_webhook {
        name: "deleteWebhook", summary: "Delete an endpoint", access: Management, class: Some(LimitClass::Admin), body: None, documented: true, status: 204,
    }
    Post "/v1/webhooks/{id}/rotate-secret" => rotate_secret {
        name: "rotateWebhookSecret", summary: "A new secret, shown once; the old one signs for a day more", access: Management, class: Some(LimitClass::Admin),
        body: Json, documented: true, status: 200, response: NewWebhook,
    }
    Post "/v1/webhooks/{id}/test" => test_webhook {
        name: "testWebhook", summary: "Send webhook.test to the endpoint", access: Management, class: Some(LimitClass::Admin), body: Json, documented: true,
        status: 202, response: form::delivery::Delivery,
    }
};

/// The name of an event, `payment.*` for all of a kind, or `*`.
struct EventPattern(String);

impl<'de> Deserialize<'de> for EventPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match EventFilter::parse([text.as_str()]) {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(serde::de::Error::custom("must be the name of an event, all of a kind such as payment.*, or *")),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for EventPattern {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventPattern".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "enum": EventFilter::vocabulary()})
    }
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct WebhookRequest {
    /// `https`, at most 2,048 characters, of a public host.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "TargetUrl"))]
    url: String,
    /// Everything when absent.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(min = 1, max = FILTER_ENTRIES_MAX)))]
    events: Option<Vec<EventPattern>>,
    description: Option<Text<0, 256>>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = any_given(["url", "events", "status", "description"])))]
struct WebhookChange {
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<TargetUrl>"))]
    url: Option<String>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(min = 1, max = FILTER_ENTRIES_MAX)))]
    events: Option<Vec<EventPattern>>,
    status: Option<Status>,
    /// An empty one takes it away.
    description: Option<Text<0, 256>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Status {
    Enabled,
    Disabled,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct NewWebhook {
    #[serde(flatten)]
    webhook: form::webhook::Webhook,
    /// Shown once.
    secret: String,
}

/// The id of the path.
pub fn webhook_id(ctx: &Ctx) -> Result<WebhookId, Fault> {
    WebhookId::parse(ctx.param("id")).map_err(|error| Fault::new(Code::InvalidId, error.to_string()).in_body())
}

/// Asks the tenant's object.
pub async fn ask(ctx: &Ctx, seat: &Seat, command: WebhookCommand) -> Result<WebhookOutcome, Fault> {
    match ctx.call_tenant(seat, Command::Webhook(command)).await?.outcome {
        Outcome::Webhook(outcome) => Ok(outcome),
        other => Err(unexpected(&other)),
    }
}

/// An answer of another kind than was asked for.
pub fn misanswered(outcome: WebhookOutcome) -> Fault {
    unexpected(&Outcome::Webhook(outcome))
}

fn show(ctx: &Ctx, view: &EndpointView) -> Result<form::webhook::Webhook, Fault> {
    Ok(view.form(ctx.keys()?.webhook_public_key()))
}

fn check_url(ctx: &Ctx, url: &str) -> Result<(), Fault> {
    target::check(url, target_rules(&ctx.edge.settings)).map(drop).map_err(|error| Fault::field("$.url", &error.to_string()))
}

fn read_filter(events: &[EventPattern]) -> Result<EventFilter, Fault> {
    let bad = || Fault::field("$.events", &format!("must have 1 to {FILTER_ENTRIES_MAX} entries"));
    if events.is_empty() || events.len() > FILTER_ENTRIES_MAX {
        return Err(bad());
    }
    EventFilter::parse(events.iter().map(|event| event.0.as_str())).map_err(|_| bad())
}

/// A description; an empty one is none.
fn read_description(text: Text<0, 256>) -> Option<String> {
    Some(text.into_string()).filter(|text| !text.is_empty())
}

/// 1. The body and its URL: 400. 2. Make it: 409. 3. Show the secret, once: 201.
async fn create_webhook(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: WebhookRequest = ctx.incoming.body()?;
    check_url(ctx, &request.url)?;
    let events = request.events.as_deref().map_or_else(|| Ok(EventFilter::all()), read_filter)?;
    let seat = ctx.management_seat().await?;
    let (text, secret) = ctx.mint_webhook_secret(seat.tenant)?;
    let description = request.description.and_then(read_description);
    let command = WebhookCommand::Create(NewEndpoint { url: request.url, events, description, secret });
    let reply = show_made(ctx, text, ask(ctx, &seat, command).await?, 201)?;
    Ok(reply)
}

/// The answer that shows a secret.
fn show_made(ctx: &Ctx, text: String, outcome: WebhookOutcome, status: u16) -> Result<Reply, Fault> {
    let WebhookOutcome::Made { endpoint, for_repeat } = outcome else { return Err(misanswered(outcome)) };
    let secret = ctx.reveal(text, for_repeat.as_deref(), SHOWN_PLACE)?;
    let reply = Reply::json(status, &NewWebhook { webhook: show(ctx, &endpoint)?, secret })?.no_store();
    Ok(if status == 201 { reply.with_header("Location", format!("/v1/webhooks/{}", endpoint.webhook_id)) } else { reply })
}

/// 1. The page: 400. 2. Read: 200.
async fn list_webhooks(ctx: &Ctx) -> Result<Reply, Fault> {
    let limit = ctx.page_limit()?;
    let before = ctx.page_cursor(|id| WebhookId::parse(id).ok())?;
    let seat = ctx.management_seat().await?;
    let outcome = ask(ctx, &seat, WebhookCommand::List).await?;
    let WebhookOutcome::Endpoints(views) = outcome else { return Err(misanswered(outcome)) };
    let older = views.iter().filter(|view| before.is_none_or(|before| view.webhook_id < before));
    let shown = older.map(|view| show(ctx, view)).collect::<Result<_, Fault>>()?;
    Ok(Reply::json(200, &Page::cut(shown, limit, |shown: &form::webhook::Webhook| shown.id.clone()))?.no_store())
}

fn show_one(ctx: &Ctx, outcome: WebhookOutcome) -> Result<Reply, Fault> {
    let WebhookOutcome::Endpoint(view) = outcome else { return Err(misanswered(outcome)) };
    Ok(Reply::json(200, &show(ctx, &view)?)?.no_store())
}

/// 1. The id: 400. 2. Read: 404. 3. Answer: 200.
async fn show_webhook(ctx: &Ctx) -> Result<Reply, Fault> {
    let webhook_id = webhook_id(ctx)?;
    let seat = ctx.management_seat().await?;
    show_one(ctx, ask(ctx, &seat, WebhookCommand::Get { webhook_id }).await?)
}

/// 1. The id, the body and its URL: 400. 2. Change: 404. 3. Answer: 200.
async fn change_webhook(ctx: &Ctx) -> Result<Reply, Fault> {
    let webhook_id = webhook_id(ctx)?;
    let request: WebhookChange = ctx.incoming.body()?;
    if request.url.is_none() && request.events.is_none() && request.status.is_none() && request.description.is_none() {
        return Err(Fault::field("$", "must name url, events, status or description"));
    }
    request.url.as_deref().map(|url| check_url(ctx, url)).transpose()?;
    let change = EndpointChange {
        url: request.url,
        events: request.events.as_deref().map(read_filter).transpose()?,
        enabled: request.status.map(|status| status == Status::Enabled),
        description: request.description.map(read_description),
    };
    let seat = ctx.management_seat().await?;
    show_one(ctx, ask(ctx, &seat, WebhookCommand::Update { webhook_id, change }).await?)
}

/// 1. The id: 400. 2. Delete: 404. 3. Answer: 204.
async fn delete_webhook(ctx: &Ctx) -> Result<Reply, Fault> {
    let webhook_id = webhook_id(ctx)?;
    let seat = ctx.management_seat().await?;
    ask(ctx, &seat, WebhookCommand::Delete { webhook_id }).await?;
    Ok(Reply::empty(204))
}

/// 1. The id and the body: 400. 2. Change the secret: 404. 3. Show it, once: 200.
async fn rotate_secret(ctx: &Ctx) -> Result<Reply, Fault> {
    let webhook_id = webhook_id(ctx)?;
    ctx.incoming.body_value()?;
    let seat = ctx.management_seat().await?;
    let (text, secret) = ctx.mint_webhook_secret(seat.tenant)?;
    show_made(ctx, text, ask(ctx, &seat, WebhookCommand::RotateSecret { webhook_id, secret }).await?, 200)
}

/// 1. The id and the body: 400. 2. Queue one attempt: 404, 409 when it is disabled. 3. Answer: 202.
async fn test_webhook(ctx: &Ctx) -> Result<Reply, Fault> {
    let webhook_id = webhook_id(ctx)?;
    ctx.incoming.body_value()?;
    let seat = ctx.management_seat().await?;
    let outcome = ask(ctx, &seat, WebhookCommand::Test { webhook_id }).await?;
    let WebhookOutcome::Delivery(view) = outcome else { return Err(misanswered(outcome)) };
    Reply::json(202, &view.form())
}
