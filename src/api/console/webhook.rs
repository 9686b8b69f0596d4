//! `/account/webhooks`: endpoints, their deliveries, and what can be done to them.

use serde::Deserialize;

use super::listing::Listing;
use super::posted::{Posted, Trouble};
use super::tenant_visit::{TenantVisit, ask_once, finish};
use super::view::confirmation::{Confirmation, ConfirmationKind, render_confirmation};
use super::view::notice::{Notice, Secret, SecretKind};
use super::view::part::{build_href, write_count};
use super::view::webhook::{
    AttemptRow, Delivery, Endpoint, OneWebhook, REPLAY_HOURS, WebhookForm, Webhooks, render_webhook, render_webhooks,
};
use super::visit::{redirect_with, signed_in};
use crate::domain::delivery::DeliveryStatus;
use crate::domain::id::{DeliveryId, WebhookId};
use crate::domain::limit::LimitClass;
use crate::domain::target;
use crate::domain::time::HOUR_MS;
use crate::domain::webhook::{EventFilter, FILTER_ENTRIES_MAX};
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::page::Page;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::{Seat, unexpected};
use crate::http::webhook::{SHOWN_PLACE, target_rules};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::Outcome;
use crate::objects::tenant::webhook::command::{
    DeliveryView, DisabledReason, EndpointChange, EndpointView, LoggedAttempt, NewEndpoint, WebhookCommand, WebhookOutcome,
};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/webhooks" => show_webhooks { name: "accountWebhooks", summary: "Webhook endpoints", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/webhooks" => create_webhook { name: "accountCreateWebhook", summary: "Make an endpoint", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
    Get "/account/webhooks/{id}" => show_webhook { name: "accountWebhook", summary: "An endpoint and its deliveries", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/webhooks/{id}/{verb}" => ask_about_webhook { name: "accountAskChangeWebhook", summary: "Ask before an endpoint is disabled, deleted or given a new secret", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/webhooks/{id}/{verb}" => change_webhook { name: "accountChangeWebhook", summary: "Test, enable, disable or delete an endpoint, change its secret, or send again", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

async fn ask(ctx: &Ctx, seat: &Seat, command: WebhookCommand) -> Result<WebhookOutcome, Fault> {
    match ctx.call_tenant(seat, Command::Webhook(command)).await?.outcome {
        Outcome::Webhook(outcome) => Ok(outcome),
        other => Err(unexpected(&other)),
    }
}

/// The same for a form, however often it is sent.
async fn ask_for(ctx: &Ctx, seat: &Seat, form: (&Human, &Posted), command: WebhookCommand) -> Result<WebhookOutcome, Fault> {
    let (human, posted) = form;
    match ask_once(ctx, seat, posted.claim(ctx, human)?, Command::Webhook(command)).await? {
        Outcome::Webhook(outcome) => Ok(outcome),
        other => Err(unexpected(&other)),
    }
}

fn misanswered(outcome: WebhookOutcome) -> Fault {
    unexpected(&Outcome::Webhook(outcome))
}

fn webhook_id(ctx: &Ctx) -> Result<WebhookId, Fault> {
    WebhookId::parse(ctx.param("id")).map_err(|_| Fault::not_found())
}

const fn explain(reason: DisabledReason) -> &'static str {
    match reason {
        DisabledReason::Request => "on request",
        DisabledReason::Gone => "its receiver answered 410, gone",
        DisabledReason::Failing => "it only failed, for 120 hours",
    }
}

fn show_endpoint(view: EndpointView) -> Endpoint {
    Endpoint {
        id: view.webhook_id.to_string(),
        events: view.events.entries().to_vec(),
        url: view.url,
        description: view.description,
        disabled: view.disabled.map(|(reason, at)| (explain(reason).to_owned(), at)),
        created_at: view.created_at_ms,
    }
}

fn show_attempt(attempt: LoggedAttempt) -> AttemptRow {
    let result = match (attempt.response_status, attempt.error) {
        (Some(status), Some(error)) => format!("{status}, {error}"),
        (Some(status), None) => status.to_string(),
        (None, error) => error.unwrap_or_default(),
    };
    AttemptRow { number: attempt.attempt, at: attempt.at_ms, duration_ms: attempt.duration_ms, result }
}

fn show_delivery(view: DeliveryView) -> Delivery {
    Delivery {
        id: view.delivery_id.to_string(),
        event: view.event,
        event_id: view.event_id.to_string(),
        status: view.status,
        created_at: view.created_at_ms,
        next_attempt_at: view.next_attempt_at_ms,
        response_body: view.response_body.filter(|body| !body.is_empty()),
        attempts: view.attempt_log.into_iter().map(show_attempt).collect(),
    }
}

async fn render_list(ctx: &Ctx, human: &Human, tenant: Option<&str>, status: u16, form: WebhookForm) -> Result<Reply, Fault> {
    let visit = TenantVisit::of(ctx, human, tenant).await?;
    let outcome = ask(ctx, &visit.seat, WebhookCommand::List).await?;
    let WebhookOutcome::Endpoints(views) = outcome else { return Err(misanswered(outcome)) };
    let view = Webhooks { tenant: visit.tenant.clone(), endpoints: views.into_iter().map(show_endpoint).collect(), form };
    let page = render_webhooks(visit.frame(), &view);
    Ok(visit.answer(status, page))
}

/// 1. The tenant, if one is a member: 404. 2. The page: 200.
async fn show_webhooks(ctx: &Ctx) -> Result<Reply, Fault> {
    render_list(ctx, &signed_in(ctx)?, ctx.incoming.query_value("tenant"), 200, WebhookForm::default()).await
}

#[derive(Deserialize)]
struct WebhookFields {
    url: String,
    events: Option<String>,
    description: Option<Text<0, 256>>,
}

fn read_filter(lines: Option<&str>) -> Result<EventFilter, Fault> {
    let entries: Vec<&str> = lines.unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if entries.is_empty() {
        return Ok(EventFilter::all());
    }
    if entries.len() > FILTER_ENTRIES_MAX {
        return Err(Fault::field("$.events", &format!("must have at most {FILTER_ENTRIES_MAX} lines")));
    }
    EventFilter::parse(entries.iter().copied()).map_err(|at| {
        let entry = entries.get(at).copied().unwrap_or_default();
        Fault::field("$.events", &format!("must be names of events, kinds such as payment.*, or *; there is no {entry}"))
    })
}

async fn make_webhook(ctx: &Ctx, human: &Human, posted: &Posted) -> Result<(WebhookId, Secret), Fault> {
    let tenant = posted.value("tenant");
    let fields: WebhookFields = Posted::parse(ctx)?;
    let url = fields.url.trim().to_owned();
    target::check(&url, target_rules(&ctx.edge.settings)).map_err(|error| Fault::field("$.url", &error.to_string()))?;
    let events = read_filter(fields.events.as_deref())?;
    let seat = ctx.member_seat(tenant).await?;
    let (value, secret) = ctx.mint_webhook_secret(seat.tenant)?;
    let description = fields.description.map(Text::into_string);
    let command = WebhookCommand::Create(NewEndpoint { url, events, description, secret });
    show_secret(ctx, tenant, ask_for(ctx, &seat, (human, posted), command).await?, value)
}

/// The endpoint that was made and its secret: the one minted, or when the form came again the one it got then.
fn show_secret(ctx: &Ctx, tenant: &str, outcome: WebhookOutcome, minted: String) -> Result<(WebhookId, Secret), Fault> {
    let WebhookOutcome::Made { endpoint, for_repeat } = outcome else { return Err(misanswered(outcome)) };
    let value = ctx.reveal(minted, for_repeat.as_deref(), SHOWN_PLACE)?;
    Ok((endpoint.webhook_id, Secret { kind: SecretKind::Webhook, label: endpoint.url, value, tenant: tenant.to_owned() }))
}

/// 1. The form: 400, 403. 2. The tenant: 404. 3. Make it: 409. 4. Go on to it and show its secret once: 303.
async fn create_webhook(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let tenant = posted.value("tenant");
    match make_webhook(ctx, &human, &posted).await {
        Ok(made) => show_once(ctx, &human, tenant, made),
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let entry = |name| posted.entry(name, &trouble);
            let form = WebhookForm {
                url: entry("url"),
                events: entry("events"),
                description: entry("description"),
                error: trouble.beside(&["url", "events", "description"]),
            };
            render_list(ctx, &human, Some(tenant), trouble.status, form).await
        }
    }
}

fn endpoint_href(tenant: &str, id: WebhookId) -> String {
    build_href(&format!("/account/webhooks/{id}"), &[("tenant", tenant)])
}

fn show_once(ctx: &Ctx, human: &Human, tenant: &str, (id, secret): (WebhookId, Secret)) -> Result<Reply, Fault> {
    redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &endpoint_href(tenant, id), Notice::Secret(secret))
}

async fn load_endpoint(ctx: &Ctx, seat: &Seat) -> Result<EndpointView, Fault> {
    let webhook_id = webhook_id(ctx)?;
    match ask(ctx, seat, WebhookCommand::Get { webhook_id }).await? {
        WebhookOutcome::Endpoint(view) => Ok(view),
        other => Err(misanswered(other)),
    }
}

/// 1. The tenant and the endpoint: 404; the filter and the page: 400. 2. Deliveries, one more than the page holds. 3. The page: 200.
async fn show_webhook(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let endpoint = load_endpoint(ctx, &visit.seat).await?;
    let limit = ctx.page_limit()?;
    let command = WebhookCommand::Deliveries {
        webhook_id: endpoint.webhook_id,
        status: ctx.filter("status", DeliveryStatus::parse)?,
        event: None,
        limit: limit + 1,
        before: ctx.page_cursor(|id| DeliveryId::parse(id).ok())?,
    };
    let outcome = ask(ctx, &visit.seat, command).await?;
    let WebhookOutcome::Deliveries(deliveries) = outcome else { return Err(misanswered(outcome)) };
    let page = Page::cut(deliveries, limit, |delivery| delivery.delivery_id.to_string());
    let listing = Listing::read(ctx, &format!("/account/webhooks/{}", endpoint.webhook_id), &visit.tenant);
    let view = OneWebhook {
        tenant: visit.tenant.clone(),
        endpoint: show_endpoint(endpoint),
        deliveries: page.data.into_iter().map(show_delivery).collect(),
        filters: listing.filters(&["pending", "delivered", "failed"]),
        pager: listing.pager(page.next_cursor.as_deref()),
    };
    let page = render_webhook(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

/// 1. The tenant, the endpoint and the verb: 404. 2. Ask: 200.
async fn ask_about_webhook(ctx: &Ctx) -> Result<Reply, Fault> {
    let (question, consequence, verb) = match ctx.param("verb") {
        "disable" => (
            "Disable this endpoint?",
            "It gets no events until you enable it; what happens meanwhile can be sent again afterwards.",
            "Disable",
        ),
        "delete" => ("Delete this endpoint?", "It gets no more events, and its deliveries are forgotten. This cannot be undone.", "Delete"),
        "rotate" => (
            "Give this endpoint a new secret?",
            "The new one is shown once. For a day every delivery is signed with both, then with the new one alone.",
            "New secret",
        ),
        _ => return Err(Fault::not_found()),
    };
    let visit = TenantVisit::of_page(ctx).await?;
    let endpoint = load_endpoint(ctx, &visit.seat).await?;
    let mut facts = vec![("URL".to_owned(), endpoint.url.clone())];
    facts.extend(endpoint.description.clone().map(|text| ("For".to_owned(), text)));
    let view = Confirmation {
        question: question.to_owned(),
        consequence: consequence.to_owned(),
        facts,
        action: format!("/account/webhooks/{}/{}", endpoint.webhook_id, ctx.param("verb")),
        verb: verb.to_owned(),
        back: endpoint_href(&visit.tenant, endpoint.webhook_id),
        tenant: visit.tenant.clone(),
        kind: ConfirmationKind::Ending,
    };
    let page = render_confirmation(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

/// What a button of an endpoint's page does; answers what to say.
async fn carry_out(ctx: &Ctx, seat: &Seat, (human, posted): (&Human, &Posted), webhook_id: WebhookId, verb: &str) -> Result<String, Fault> {
    let enable = |enabled| EndpointChange { url: None, events: None, enabled: Some(enabled), description: None };
    let command = match verb {
        "test" => WebhookCommand::Test { webhook_id },
        "enable" | "disable" => WebhookCommand::Update { webhook_id, change: enable(verb == "enable") },
        "delete" => WebhookCommand::Delete { webhook_id },
        "resend" => {
            let delivery_id = DeliveryId::parse(posted.value("delivery_id")).map_err(|_| Fault::not_found())?;
            WebhookCommand::ReplayOne { webhook_id, delivery_id }
        }
        "replay" => {
            let hours =
                REPLAY_HOURS.iter().find(|(value, _)| *value == posted.value("hours")).and_then(|(value, _)| value.parse::<u64>().ok());
            let hours = hours.ok_or_else(|| Fault::field("$.hours", "must be one of the spans of the form"))?;
            WebhookCommand::ReplaySince { webhook_id, since: ctx.now.minus_ms(hours * HOUR_MS) }
        }
        _ => return Err(Fault::not_found()),
    };
    Ok(match ask_for(ctx, seat, (human, posted), command).await? {
        WebhookOutcome::Delivery(_) => "It is on its way.".to_owned(),
        WebhookOutcome::Endpoint(endpoint) if endpoint.disabled.is_some() => "The endpoint is disabled.".to_owned(),
        WebhookOutcome::Endpoint(_) => "The endpoint is enabled.".to_owned(),
        WebhookOutcome::Deleted => "The endpoint is deleted.".to_owned(),
        WebhookOutcome::Queued { events } => format!("{} on the way again.", write_count(events, "event is", "events are")),
        other => return Err(misanswered(other)),
    })
}

/// 1. The form: 403. 2. The tenant, the endpoint and the verb: 404. 3. Do it, or say why not. 4. Go on: 303.
async fn change_webhook(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let (webhook_id, verb) = (webhook_id(ctx)?, ctx.param("verb"));
    let tenant = posted.value("tenant");
    let seat = ctx.member_seat(tenant).await?;
    if verb == "rotate" {
        let (value, secret) = ctx.mint_webhook_secret(seat.tenant)?;
        let outcome = ask_for(ctx, &seat, (&human, &posted), WebhookCommand::RotateSecret { webhook_id, secret }).await?;
        return show_once(ctx, &human, tenant, show_secret(ctx, tenant, outcome, value)?);
    }
    let result = carry_out(ctx, &seat, (&human, &posted), webhook_id, verb).await;
    let is_gone = verb == "delete" && result.is_ok();
    let location = if is_gone { build_href("/account/webhooks", &[("tenant", tenant)]) } else { endpoint_href(tenant, webhook_id) };
    finish(ctx, &human, &location, result)
}
