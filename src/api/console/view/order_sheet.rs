//! `/account/orders/:id`: an order with its terms, brief, deliveries, messages and all that has happened to it.

use maud::{Markup, html};

use super::form::{Lines, render_form_once, render_submit};
use super::layout::{Frame, Section, render_console};
use super::order::{render_sandbox, render_status, render_tabs, write_price};
use super::order_act::{Sent, action_href, render_acts, render_review};
use super::part::{
    Column, Tone, render_badge, render_distance, render_empty, render_heading, render_moment, render_table, write_count, write_dollars,
    write_words,
};
use crate::domain::form::order::{DeliverableForm, MessageForm};
use crate::domain::form::sheet::OrderSheet;
use crate::domain::market::order::{MediaType, PayoutStatus, SenderType};
use crate::domain::market::service::PriceType;
use crate::domain::market::settlement::Rail;
use crate::domain::market::state::OrderStatus;
use crate::domain::money::Micros;
use crate::domain::time::Timestamp;

/// An order, and who looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrder {
    /// The slug.
    pub tenant: String,
    pub sheet: OrderSheet,
    /// Whether the wallet it was ordered with is one of who looks.
    pub is_buyer: bool,
    /// Whether the agent that works for it is of the tenant.
    pub is_seller: bool,
    /// Oldest first.
    pub timeline: Vec<TimelineRow>,
    /// Where this deployment is reached: files under it are ours.
    pub origin: String,
    /// Whether its rails move nothing outside of this house.
    pub is_sandbox: bool,
    /// What stood in a form of this page that was refused.
    pub sent: Sent,
}

/// Something that happened to it, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineRow {
    pub at: Timestamp,
    pub what: String,
    /// Who did it; nobody when the time did.
    pub who: Option<String>,
    pub amount: Option<Micros>,
}

pub fn render_order(frame: &Frame, view: &OneOrder) -> Markup {
    let order = &view.sheet.order;
    let lead = match (view.is_buyer, view.is_seller) {
        (true, true) => "You ordered this from an agent of your own tenant.",
        (true, false) => "You ordered this.",
        (false, _) => "An agent of this tenant works for it. What the agent does, it does itself.",
    };
    render_console(
        frame,
        Section::Orders,
        &order.service_title,
        &render_heading(&order.service_title, lead),
        &html! {
            (render_tabs(&view.tenant, None))
            (render_facts(frame, view))
            @if view.is_buyer { (render_acts(frame, view)) }
            (render_brief(view))
            (render_work(frame, view))
            (render_messages(frame, view))
            (render_review(frame, view))
            (render_timeline(&view.timeline))
        },
    )
}

const fn name_terms(price_type: PriceType) -> &'static str {
    match price_type {
        PriceType::Fixed => "once",
        PriceType::Quote => "once, as quoted",
        PriceType::Weekly => "for a workspace of 7 days",
        PriceType::Monthly => "for a workspace of 30 days",
    }
}

/// What the clock does to it, and what follows from that.
const fn write_exit(sheet: &OrderSheet) -> (&'static str, &'static str) {
    match (sheet.exit, sheet.order.status.holds_money()) {
        (Some(OrderStatus::Completed), _) => ("completed", "and its price is released to the agent"),
        (_, true) => ("cancelled", "and the buyer is refunded"),
        (_, false) => ("cancelled", "and nothing was paid"),
    }
}

/// Its state, its terms, and where its money is.
pub fn render_facts(frame: &Frame, view: &OneOrder) -> Markup {
    let (sheet, order) = (&view.sheet, &view.sheet.order);
    html! {
        section.record aria-labelledby="state" {
            div.section-head {
                h2.figure id="state" { (write_price(order.quoted_price_usd)) }
                span.figure-for { (name_terms(sheet.price_type)) }
                (render_status(order.status))
                @if view.is_sandbox { (render_sandbox()) }
            }
            @if let Some(at) = order.auto_action_at {
                @let (end, consequence) = write_exit(sheet);
                p { "Left alone, it is " (end) " " (render_distance(frame.now, at)) ", on " (render_moment(at)) ", " (consequence) "." }
            }
            @if let Some(reason) = sheet.dispute_reason.as_ref().filter(|reason| !reason.is_empty()) {
                div.quoted {
                    p.quiet { @if order.status == OrderStatus::Disputed { "Disputed because" } @else { "Said of the dispute" } }
                    p.said { (reason) }
                }
            }
            dl.pairs.pairs-wide {
                div { dt { "Agent" } dd { (order.provider_name) } }
                div { dt { "Buyer" } dd { code { (order.client_wallet) } } }
                div { dt { "Ordered" } dd { (render_moment(order.created_at)) } }
                div { dt { "Turnaround" } dd { (write_count(sheet.turnaround_hours, "hour", "hours")) } }
                @if let Some(at) = order.delivered_at { div { dt { "Delivered" } dd { (render_moment(at)) } } }
                @if let Some(at) = order.completed_at { div { dt { "Completed" } dd { (render_moment(at)) } } }
                @if order.dispute_count > 0 { div { dt { "Disputed" } dd { (write_count(order.dispute_count, "time", "times")) " of 3" } } }
                div { dt { "Id" } dd { code { (order.id) } } }
            }
            (render_money(view))
        }
    }
}

fn render_money(view: &OneOrder) -> Markup {
    let (sheet, order) = (&view.sheet, &view.sheet.order);
    let is_sandbox = order.settlement == Some(Rail::Sandbox);
    html! {
        @if order.escrow_tx_hash.is_some() || order.payout_status != PayoutStatus::None {
            dl.pairs.pairs-wide {
                @if let Some(hash) = &order.escrow_tx_hash {
                    div { dt { "Paid with" } dd { code { (hash) } @if view.is_sandbox { " " (render_sandbox()) } } }
                }
                @if let Some(fee) = order.platform_fee_usd.filter(|_| !order.status.is_final()) {
                    div { dt { "Fee" } dd { (write_dollars(fee.micros())) " of it, once completed" } }
                }
                @if let Some(payout) = sheet.payout {
                    div {
                        dt { "Payout" }
                        dd { (write_dollars(payout.micros())) " " (render_payout(order.payout_status)) @if is_sandbox { " " (render_sandbox()) } }
                    }
                }
                @if let Some(hash) = &order.payout_tx_hash { div { dt { "Paid out in" } dd { code { (hash) } } } }
            }
        }
    }
}

fn render_payout(status: PayoutStatus) -> Markup {
    let tone = match status {
        PayoutStatus::Paid => Tone::Good,
        PayoutStatus::AwaitingWallet | PayoutStatus::Retrying => Tone::Warning,
        PayoutStatus::None | PayoutStatus::Pending => Tone::Quiet,
    };
    render_badge(&write_words(status.as_str()), tone)
}

/// What was asked for, and what that points to.
pub fn render_brief(view: &OneOrder) -> Markup {
    let order = &view.sheet.order;
    html! {
        section.panel aria-labelledby="brief" {
            h2 id="brief" { "Brief" }
            p.said { (order.brief) }
            @if !order.reference_urls.is_empty() {
                ul.bullets { @for url in &order.reference_urls { li { (render_url(&view.origin, url)) } } }
            }
            @if !order.reference_images.is_empty() {
                ul.pictures { @for (at, url) in (1..).zip(&order.reference_images) { li { (render_picture(&view.origin, url, &format!("Reference image {at}"))) } } }
            }
        }
    }
}

/// The path of one of our own files, if that is what a URL names.
fn own_file<'a>(origin: &str, url: &'a str) -> Option<&'a str> {
    let path = url.strip_prefix(origin)?;
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.'));
    (path.starts_with("/files/") && is_plain && !path.contains("..")).then_some(path)
}

/// A link to what somebody named; nobody there learns where it was followed.
fn render_url(origin: &str, url: &str) -> Markup {
    match own_file(origin, url) {
        Some(path) => html! { a href=(path) { (path.rsplit('/').next().unwrap_or(path)) } },
        None if url.starts_with("https://") || url.starts_with("http://") => {
            html! { a href=(url) rel="noopener noreferrer" { (url) } }
        }
        None => html! { (url) },
    }
}

/// A picture of ours, in its place; any other stays where it is, behind a link.
fn render_picture(origin: &str, url: &str, words: &str) -> Markup {
    match own_file(origin, url) {
        Some(path) => render_own_picture(path, words),
        None => render_url(origin, url),
    }
}

/// A picture of ours by its path.
pub fn render_own_picture(path: &str, words: &str) -> Markup {
    html! { a.picture href=(path) { img src=(path) alt=(words) loading="lazy"; } }
}

/// What was delivered, and what was asked for within a workspace.
pub fn render_work(frame: &Frame, view: &OneOrder) -> Markup {
    let (sheet, order) = (&view.sheet, &view.sheet.order);
    let count = u64::try_from(order.deliverables.len()).unwrap_or(u64::MAX);
    html! {
        section aria-labelledby="deliveries" {
            div.section-head {
                h2 id="deliveries" { "Deliveries" }
                @if order.workspace_expires_at.is_some() || order.quota_total > 0 {
                    span.quiet {
                        (order.quota_used) @if order.quota_total > 0 { " of " (order.quota_total) }
                        @if let Some(at) = order.workspace_expires_at { " · the workspace ends " (render_distance(frame.now, at)) }
                    }
                }
            }
            @if order.deliverables.is_empty() { (render_empty("Nothing was delivered yet.")) }
            @for (at, delivery) in (0..).zip(&order.deliverables) { (render_delivery(&view.origin, delivery, count - at)) }
            @if !sheet.requests.is_empty() {
                h3 { "Asked for in the workspace" }
                ul.talk {
                    @for request in &sheet.requests {
                        li {
                            p.said { (request.brief) }
                            p.sub { (render_moment(request.at)) " · " @if request.is_answered { "answered" } @else { "open" } }
                        }
                    }
                }
            }
        }
    }
}

fn render_delivery(origin: &str, delivery: &DeliverableForm, number: u64) -> Markup {
    let heading = format!("delivery-{number}");
    html! {
        article.delivery aria-labelledby=(heading) {
            h3 id=(heading) { "Delivery " (number) ", " (delivery.media_type.as_str()) }
            @if delivery.media_type == MediaType::Image {
                (render_picture(origin, &delivery.url, &format!("Delivery {number}")))
            }
            @if delivery.media_type != MediaType::Image || own_file(origin, &delivery.url).is_some() { p.name { (render_url(origin, &delivery.url)) } }
            p.sub {
                (render_moment(delivery.created_at)) " · " code { (delivery.id) }
                @if let Some(sha256) = &delivery.sha256 { " · SHA-256 " code { (sha256) } }
            }
        }
    }
}

/// What the parties wrote to each other; the buyer can go on.
fn render_messages(frame: &Frame, view: &OneOrder) -> Markup {
    let (order, messages) = (&view.sheet.order, &view.sheet.messages);
    let entry = view.sent.entry("message", "content");
    html! {
        section aria-labelledby="messages" {
            h2 id="messages" { "Messages" }
            @if messages.is_empty() { (render_empty("Nobody has written yet.")) } @else { (render_talk(messages)) }
            @if view.is_buyer && order.status.takes_messages() {
                (render_form_once(&action_href(view, "message"), frame, "", &view.tenant, &html! {
                    (Lines::new("content", "content", "Write to the agent", &entry).required().at_most(2_000))
                    (render_submit("Send"))
                }))
            }
        }
    }
}

/// Messages, oldest first.
pub fn render_talk(messages: &[MessageForm]) -> Markup {
    html! {
        ol.talk {
            @for message in messages {
                li.from-agent[message.sender_type == SenderType::Agent] {
                    p.said { (message.content) }
                    p.sub {
                        bdi { @if message.sender_type == SenderType::Agent { (message.sender_name) } @else { "Buyer" } }
                        " · " (render_moment(message.created_at))
                    }
                }
            }
        }
    }
}

/// All that has happened to it.
pub fn render_timeline(timeline: &[TimelineRow]) -> Markup {
    let columns = [Column::text("When"), Column::text("What"), Column::number("Amount")];
    let rows = html! {
        @for row in timeline {
            tr {
                td { (render_moment(row.at)) }
                th scope="row" { (row.what) span.sub { @match &row.who { Some(who) => bdi { (who) }, None => "by itself" } } }
                td.number { @if let Some(amount) = row.amount { (write_dollars(amount)) } }
            }
        }
    };
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Timeline" }
            div.activity { (render_table("Timeline", &columns, &rows)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_ours_is_shown_in_its_place() {
        let origin = "https://guildhall.example";
        assert_eq!(own_file(origin, "https://guildhall.example/files/atelier/a-1.png"), Some("/files/atelier/a-1.png"));
        for other in [
            "https://guildhall.example.evil/files/a.png",
            "https://guildhall.example/files/../account/sign-out",
            "https://guildhall.example/files/%2e%2e/account",
            "https://guildhall.example/account",
            "https://guildhall.example/files/a.png?x=1",
            "/files/a.png",
            "",
        ] {
            assert_eq!(own_file(origin, other), None, "{other}");
        }
        assert!(render_url(origin, "javascript:alert(1)").into_string().starts_with("javascript"), "a text, and no link");
    }
}
