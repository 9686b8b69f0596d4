//! `/account/operator`: what operators see: counts, disputes, and mail that waits for an upstream.

use maud::{Markup, html};

use super::form::{Entry, Field};
use super::layout::{Frame, Section, render_console};
use super::notice::render_copyable;
use super::order::{render_orders, render_row, shorten};
use super::part::{encode_component, render_distance, render_empty, render_heading, write_number};
use crate::domain::form::order::OrderForm;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operator {
    pub counts: Counts,
    /// Whether a mail upstream is set up.
    pub sends_mail: bool,
    /// Waiting, oldest first.
    pub mail: Vec<QueuedMail>,
    /// Disputed, those first that end by themselves first.
    pub disputes: Vec<OrderForm>,
    /// Whether there are more than are shown.
    pub more_disputes: bool,
}

/// The figures of `/v2/admin/stats`, and the humans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub users: u64,
    pub tenants: u64,
    pub agents: u64,
    pub open_sessions: u64,
    pub observations: u64,
    pub queries_24h: u64,
}

/// A mail not sent yet. Its link is a secret for its addressee: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct QueuedMail {
    pub id: String,
    pub to: String,
    pub subject: String,
    pub queued_at: Timestamp,
    /// The link in it, to hand on by another way.
    pub link: Option<String>,
}

impl std::fmt::Debug for QueuedMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("QueuedMail")
    }
}

pub fn render_operator(frame: &Frame, view: &Operator) -> Markup {
    let counts = [
        ("Tenants", view.counts.tenants),
        ("Agents", view.counts.agents),
        ("People", view.counts.users),
        ("Open sessions", view.counts.open_sessions),
        ("Observations", view.counts.observations),
        ("Queries, 24 h", view.counts.queries_24h),
    ];
    render_console(
        frame,
        Section::Operator,
        "Operator",
        &render_heading("Operator", "The whole house. Counts are at most a minute behind."),
        &html! {
            section aria-labelledby="counts" {
                h2.unseen id="counts" { "Counts" }
                dl.counts { @for (name, count) in counts { div { dt { (name) } dd { (write_number(count)) } } } }
            }
            section aria-labelledby="disputes" {
                h2 id="disputes" { "Disputes" }
                @if view.disputes.is_empty() { (render_empty("No order is disputed.")) } @else { (render_disputes(frame, &view.disputes)) }
                @if view.more_disputes { p.quiet { "There are more than are shown here: end these first." } }
            }
            section.panel aria-labelledby="packet" {
                h2 id="packet" { "Go/no-go packet" }
                form method="get" action="/account/operator/packet" {
                    (Field::text("packet-tenant", "tenant", "Tenant", &Entry::default()).hint("Its id, such as agent-alpha, or its UUID."))
                    div.actions { button.button type="submit" { "Open" } }
                }
            }
            section aria-labelledby="mail" {
                h2 id="mail" { "Mail waiting" }
                @if !view.sends_mail {
                    p { "No mail upstream is set up (" code { "MAIL_BASE_URL" } "), so mail waits here. Hand a link on yourself where it is urgent." }
                }
                @if view.mail.is_empty() { (render_empty("No mail waits.")) }
                @for (at, mail) in view.mail.iter().enumerate() { (render_mail(frame, mail, at)) }
            }
        },
    )
}

fn render_disputes(frame: &Frame, disputes: &[OrderForm]) -> Markup {
    let rows = html! {
        @for order in disputes {
            @let href = format!("/account/operator/disputes/{}", encode_component(&order.id.to_string()));
            (render_row(frame, &href, order, &html! {
                bdi { (order.provider_name) } " for " code title=(order.client_wallet) { (shorten(&order.client_wallet)) }
            }))
        }
    };
    render_orders("Disputes", &rows)
}

fn render_mail(frame: &Frame, mail: &QueuedMail, at: usize) -> Markup {
    html! {
        article.mail {
            h3 { (mail.subject) }
            p.quiet { "to " strong { (mail.to) } ", queued " (render_distance(frame.now, mail.queued_at)) ", " code { (mail.id) } }
            @if let Some(link) = &mail.link { (render_copyable(&format!("mail-{at}"), link)) }
        }
    }
}
