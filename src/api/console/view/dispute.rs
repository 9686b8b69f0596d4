//! `/account/operator/disputes/:id`: a disputed order as an operator judges it, and the page that asks before it is ended.

use maud::{Markup, html};

use super::form::{Choice, Entry, Field, Lines, render_form_error, render_form_once};
use super::layout::{Frame, Section, render_card, render_console};
use super::order_sheet::{OneOrder, render_brief, render_facts, render_talk, render_timeline, render_work};
use super::part::{encode_component, render_empty, render_heading, write_dollars};
use crate::domain::market::price::Price;
use crate::domain::market::state::OrderStatus;

/// A disputed order, and the form that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    pub order: OneOrder,
    pub outcome: Entry,
    /// The agent's part of a split, in percent.
    pub percent: Entry,
}

/// What an end would come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruling {
    /// The slug of the tenant one is at.
    pub tenant: String,
    pub order_id: String,
    pub service_title: String,
    pub outcome: String,
    pub percent: String,
    pub payout: Price,
    pub fee: Price,
    pub refund: Price,
    pub note: Entry,
    pub error: Option<String>,
}

pub const OUTCOMES: [(&str, &str); 3] = [("release", "Pay the agent"), ("refund", "Refund the buyer"), ("split", "Split it")];

fn path_of(id: &str) -> String {
    format!("/account/operator/disputes/{}", encode_component(id))
}

pub fn render_dispute(frame: &Frame, view: &Dispute) -> Markup {
    let (one, order) = (&view.order, &view.order.sheet.order);
    let messages = &one.sheet.messages;
    render_console(
        frame,
        Section::Operator,
        "Dispute",
        &render_heading("Dispute", &order.service_title),
        &html! {
            (render_facts(frame, one))
            @if order.status == OrderStatus::Disputed {
                section.panel aria-labelledby="ruling" {
                    h2 id="ruling" { "End it" }
                    form method="get" action=(format!("{}/resolve", path_of(&order.id.to_string()))) {
                        (Choice::new("outcome", "outcome", "Outcome", &view.outcome, &OUTCOMES))
                        (Field::text("percent", "percent", "Of a split, the agent's part in percent", &view.percent).optional().hint("1 to 99."))
                        div.actions { button.button type="submit" { "See what it comes to" } }
                    }
                }
            }
            (render_brief(one))
            (render_work(frame, one))
            section aria-labelledby="messages" {
                h2 id="messages" { "Messages" }
                @if messages.is_empty() { (render_empty("Nobody has written.")) } @else { (render_talk(messages)) }
            }
            (render_timeline(&one.timeline))
        },
    )
}

pub fn render_ruling(frame: &Frame, view: &Ruling) -> Markup {
    let parts = [("To the agent", view.payout), ("Platform fee", view.fee), ("Back to the buyer", view.refund)];
    let body = html! {
        input type="hidden" name="outcome" value=(view.outcome);
        input type="hidden" name="percent" value=(view.percent);
        (render_form_error(view.error.as_ref()))
        (Lines::new("note", "note", "Why", &view.note).required().at_most(1_000).hint("Both parties read it."))
        div.actions {
            button.button.danger-button type="submit" { "End the dispute" }
            a.button href=(path_of(&view.order_id)) { "Not now" }
        }
    };
    render_card(
        frame,
        "End this dispute?",
        &html! {
            h1 { "End this dispute?" }
            p.said { (view.service_title) }
            dl.pairs { @for (name, part) in parts { div { dt { (name) } dd { (write_dollars(part.micros())) } } } }
            p { "The money moves at once. This cannot be undone." }
            (render_form_once(&format!("{}/resolve", path_of(&view.order_id)), frame, "", &view.tenant, &body))
        },
    )
}
