//! `/account/webhooks`: where events are sent, what was sent, and how each attempt went.

use maud::{Markup, html};

use super::form::{Choice, Entry, Field, Lines, render_form_error, render_form_once, render_submit};
use super::layout::{Frame, Section, render_console};
use super::part::{
    Column, Filter, Pager, Tone, build_href, encode_component, render_badge, render_distance, render_empty, render_filters, render_heading,
    render_moment, render_pager, render_table, write_count,
};
use crate::domain::delivery::DeliveryStatus;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Webhooks {
    /// The slug.
    pub tenant: String,
    pub endpoints: Vec<Endpoint>,
    pub form: WebhookForm,
}

/// Where events are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub id: String,
    pub url: String,
    pub description: Option<String>,
    /// The filter, one entry an event or a kind of them.
    pub events: Vec<String>,
    /// Why and since when it gets none.
    pub disabled: Option<(String, Timestamp)>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookForm {
    pub url: Entry,
    /// One a line.
    pub events: Entry,
    pub description: Entry,
    pub error: Option<String>,
}

/// One endpoint and what was sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneWebhook {
    /// The slug.
    pub tenant: String,
    pub endpoint: Endpoint,
    /// Newest first.
    pub deliveries: Vec<Delivery>,
    pub filters: Vec<Filter>,
    pub pager: Pager,
}

/// An event on its way, or arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: String,
    pub event: String,
    pub event_id: String,
    pub status: DeliveryStatus,
    pub created_at: Timestamp,
    pub next_attempt_at: Option<Timestamp>,
    /// The beginning of the last answer's body.
    pub response_body: Option<String>,
    pub attempts: Vec<AttemptRow>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    pub number: u64,
    pub at: Timestamp,
    pub duration_ms: u64,
    /// What came of it: `200`, or why nothing did.
    pub result: String,
}

/// How far back missed events are sent again, in hours.
pub const REPLAY_HOURS: [(&str, &str); 4] =
    [("1", "The last hour"), ("24", "The last day"), ("168", "The last 7 days"), ("720", "The last 30 days")];

pub fn render_webhooks(frame: &Frame, view: &Webhooks) -> Markup {
    render_console(
        frame,
        Section::Webhooks,
        "Webhooks",
        &render_heading("Webhooks", "Events of this tenant, sent and signed to addresses of yours, again and again until they arrive."),
        &html! {
            section aria-labelledby="endpoints" {
                h2.unseen id="endpoints" { "Endpoints" }
                @if view.endpoints.is_empty() { (render_empty("No endpoint yet. Say below where events shall go.")) }
                @for endpoint in &view.endpoints { (render_endpoint(&view.tenant, endpoint)) }
            }
            section.panel aria-labelledby="new" {
                h2 id="new" { "New endpoint" }
                (render_form_once("/account/webhooks", frame, "", &view.tenant, &render_fields(&view.form)))
            }
        },
    )
}

fn endpoint_path(id: &str) -> String {
    format!("/account/webhooks/{}", encode_component(id))
}

fn render_state(endpoint: &Endpoint) -> Markup {
    match endpoint.disabled {
        None => render_badge("enabled", Tone::Good),
        Some(_) => render_badge("disabled", Tone::Warning),
    }
}

fn render_endpoint(tenant: &str, endpoint: &Endpoint) -> Markup {
    html! {
        article.record {
            div.section-head {
                h3.name { a href=(build_href(&endpoint_path(&endpoint.id), &[("tenant", tenant)])) { (endpoint.url) } }
                (render_state(endpoint))
            }
            p.quiet { @if let Some(description) = &endpoint.description { bdi { (description) } " · " } (endpoint.events.join(", ")) }
        }
    }
}

fn render_fields(form: &WebhookForm) -> Markup {
    html! {
        (render_form_error(form.error.as_ref()))
        (Field::text("url", "url", "URL", &form.url).hint("https:// and a host of the public internet."))
        (Lines::new("events", "events", "Events", &form.events).hint("One a line: a name such as payment.denied, a kind such as lease.*, or *. Empty: everything."))
        (Field::text("description", "description", "Description", &form.description).optional())
        (render_submit("Create endpoint"))
    }
}

pub fn render_webhook(frame: &Frame, view: &OneWebhook) -> Markup {
    let endpoint = &view.endpoint;
    render_console(
        frame,
        Section::Webhooks,
        "Webhook",
        &render_heading("Webhook", endpoint.description.as_deref().unwrap_or_default()),
        &html! {
            section.record aria-label="Endpoint" {
                div.section-head { h2.name { (endpoint.url) } (render_state(endpoint)) }
                dl.pairs.pairs-wide {
                    @if let Some((reason, at)) = &endpoint.disabled { div { dt { "Disabled" } dd { (reason) ", " (render_moment(*at)) } } }
                    div { dt { "Events" } dd { (endpoint.events.join(", ")) } }
                    div { dt { "Since" } dd { (render_moment(endpoint.created_at)) } }
                    div { dt { "Id" } dd { code { (endpoint.id) } } }
                }
                (render_acts(frame, &view.tenant, endpoint))
            }
            section aria-labelledby="deliveries" {
                h2 id="deliveries" { "Deliveries" }
                (render_filters("Which deliveries", &view.filters))
                @if view.deliveries.is_empty() { (render_empty("Nothing was sent here yet. Send a test to see one.")) }
                @for (at, delivery) in view.deliveries.iter().enumerate() { (render_delivery(frame, view, delivery, at)) }
                (render_pager(&view.pager))
            }
            @if endpoint.disabled.is_none() {
                section.panel aria-labelledby="replay" {
                    h2 id="replay" { "Send missed events again" }
                    (render_form_once(&format!("{}/replay", endpoint_path(&endpoint.id)), frame, "", &view.tenant, &html! {
                        (Choice::new("hours", "hours", "How far back", &Entry::filled("24"), &REPLAY_HOURS).hint("Whatever was not delivered in that time is sent again."))
                        div.actions { button.button type="submit" { "Send again" } }
                    }))
                }
            }
        },
    )
}

/// What can be done to an endpoint: what destroys nothing at once, the rest by way of a page that asks.
fn render_acts(frame: &Frame, tenant: &str, endpoint: &Endpoint) -> Markup {
    let path = |verb: &str| format!("{}/{verb}", endpoint_path(&endpoint.id));
    let at_once =
        |verb: &str, text: &str| render_form_once(&path(verb), frame, "", tenant, &html! { button.button.small type="submit" { (text) } });
    let asked = |verb: &str, text: &str| html! { a.button.small href=(build_href(&path(verb), &[("tenant", tenant)])) { (text) } };
    html! {
        div.actions {
            @if endpoint.disabled.is_none() { (at_once("test", "Send a test")) (asked("disable", "Disable")) } @else { (at_once("enable", "Enable")) }
            (asked("rotate", "New secret"))
            a.button.small.danger-button href=(build_href(&path("delete"), &[("tenant", tenant)])) { "Delete" }
        }
    }
}

const fn tone_of(status: DeliveryStatus) -> Tone {
    match status {
        DeliveryStatus::Delivered => Tone::Good,
        DeliveryStatus::Pending => Tone::Quiet,
        DeliveryStatus::Failed => Tone::Warning,
    }
}

fn render_delivery(frame: &Frame, view: &OneWebhook, delivery: &Delivery, at: usize) -> Markup {
    let heading = format!("delivery-{at}");
    let attempts = u64::try_from(delivery.attempts.len()).unwrap_or(u64::MAX);
    let again = html! {
        input type="hidden" name="delivery_id" value=(delivery.id);
        button.button.small type="submit" { "Send again" span.unseen { " " (delivery.event) ", " (delivery.id) } }
    };
    html! {
        article.delivery aria-labelledby=(heading) {
            div.section-head {
                h3 id=(heading) { (delivery.event) }
                (render_badge(delivery.status.as_str(), tone_of(delivery.status)))
                @if view.endpoint.disabled.is_none() {
                    div.section-acts { (render_form_once(&format!("{}/resend", endpoint_path(&view.endpoint.id)), frame, &delivery.id, &view.tenant, &again)) }
                }
            }
            p.sub {
                (render_moment(delivery.created_at)) " · " code { (delivery.event_id) }
                @if let Some(next) = delivery.next_attempt_at { " · next attempt " (render_distance(frame.now, next)) }
            }
            @if delivery.attempts.is_empty() {
                p.sub { "Not tried yet." }
            } @else {
                details {
                    summary { (write_count(attempts, "attempt", "attempts")) ", the last: " (last_result(delivery)) }
                    (render_attempts(delivery))
                }
            }
        }
    }
}

fn last_result(delivery: &Delivery) -> &str {
    delivery.attempts.last().map_or("", |attempt| attempt.result.as_str())
}

fn render_attempts(delivery: &Delivery) -> Markup {
    let columns = [Column::number("No."), Column::text("Result"), Column::number("Took"), Column::text("When")];
    let rows = html! {
        @for attempt in &delivery.attempts {
            tr {
                td.number { (attempt.number) }
                th scope="row" { (attempt.result) }
                td.number { (attempt.duration_ms) " ms" }
                td { time datetime=(attempt.at) { (attempt.at) } }
            }
        }
    };
    html! {
        (render_table(&format!("Attempts of {}", delivery.event_id), &columns, &rows))
        @if let Some(body) = &delivery.response_body { p.sub { "The last answer began:" } pre tabindex="0" { code { (body) } } }
    }
}
