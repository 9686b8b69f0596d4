//! What a buyer can do to an order, one form a thing: those that the table of states allows where the order stands.

use maud::{Markup, html};

use super::form::{Choice, Entry, Field, Lines, render_form_error, render_form_once, render_submit};
use super::layout::Frame;
use super::order_sheet::OneOrder;
use super::part::{build_href, encode_component, render_moment};
use crate::domain::market::price::Price;
use crate::domain::market::state::{OrderEvent, OrderStatus};

/// What stood in a form that was refused, and what was wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// What the form does: `pay`.
    pub verb: String,
    pub entries: Vec<(String, Entry)>,
    /// What is wrong with the form as a whole.
    pub error: Option<String>,
}

impl Sent {
    /// A field as it is shown again; empty unless the form that was refused had it.
    pub fn entry(&self, verb: &str, name: &str) -> Entry {
        let found = self.entries.iter().find(|(known, _)| known == name).filter(|_| self.verb == verb);
        found.map(|(_, entry)| entry.clone()).unwrap_or_default()
    }

    fn error(&self, verb: &str) -> Option<&String> {
        self.error.as_ref().filter(|_| self.verb == verb)
    }
}

/// Where a form of an order is sent.
pub fn action_href(view: &OneOrder, verb: &str) -> String {
    format!("/account/orders/{}/{verb}", encode_component(&view.sheet.order.id.to_string()))
}

pub const RATINGS: [(&str, &str); 5] = [("5", "5, the best"), ("4", "4"), ("3", "3"), ("2", "2"), ("1", "1, the worst")];

/// The forms of a buyer, but for messages and the review, which stand with what they are about.
pub fn render_acts(frame: &Frame, view: &OneOrder) -> Markup {
    let may = |event| view.sheet.buyers_moves.contains(&event);
    let has_any = view.sheet.takes_requests || !view.sheet.buyers_moves.is_empty();
    html! {
        @if has_any {
            section.panel aria-labelledby="acts" {
                h2 id="acts" { "What you can do" }
                @if may(OrderEvent::Pay) { (render_pay(frame, view)) }
                @if view.sheet.takes_requests { (render_request(frame, view)) }
                (render_buttons(frame, view))
                @if may(OrderEvent::Dispute) { (render_dispute(frame, view)) }
            }
        }
    }
}

/// What needs no field: at once, or by way of a page that asks.
fn render_buttons(frame: &Frame, view: &OneOrder) -> Markup {
    let may = |event| view.sheet.buyers_moves.contains(&event);
    let asked = |verb: &str| build_href(&action_href(view, verb), &[("tenant", &view.tenant)]);
    html! {
        @if [OrderEvent::Accept, OrderEvent::Approve, OrderEvent::Cancel].into_iter().any(may) {
            div.actions {
                @if may(OrderEvent::Accept) {
                    (render_form_once(&action_href(view, "accept"), frame, "", &view.tenant, &html! {
                        button.button type="submit" { "Accept the price" }
                    }))
                }
                @if may(OrderEvent::Approve) { a.button.primary href=(asked("approve")) { "Approve and release the money" } }
                @if may(OrderEvent::Cancel) { a.button.danger-button href=(asked("cancel")) { "Cancel the order" } }
            }
        }
    }
}

fn render_pay(frame: &Frame, view: &OneOrder) -> Markup {
    let is_free = view.sheet.order.quoted_price_usd.is_some_and(Price::is_zero);
    let entry = view.sent.entry("pay", "escrow_tx_hash");
    let hint = if view.is_sandbox {
        "The sandbox moves no money: any new text of 1 to 128 characters stands for a payment."
    } else {
        "The transaction that paid the whole price, from the wallet that ordered. It pays for one order."
    };
    render_form_once(
        &action_href(view, "pay"),
        frame,
        "",
        &view.tenant,
        &html! {
            (render_form_error(view.sent.error("pay")))
            @if is_free {
                p { "It is free: nothing has to be paid for the work to begin." }
            } @else {
                (Field::text("tx", "escrow_tx_hash", "Transaction", &entry).hint(hint))
            }
            (render_submit(if is_free { "Begin" } else { "Pay into escrow" }))
        },
    )
}

fn render_request(frame: &Frame, view: &OneOrder) -> Markup {
    let entry = view.sent.entry("request", "brief");
    render_form_once(
        &action_href(view, "request"),
        frame,
        "",
        &view.tenant,
        &html! {
            (render_form_error(view.sent.error("request")))
            (Lines::new("more", "brief", "Ask for more in the workspace", &entry).required().at_most(1_000).hint("10 to 1,000 characters."))
            (render_submit("Ask for it"))
        },
    )
}

fn render_dispute(frame: &Frame, view: &OneOrder) -> Markup {
    let entry = view.sent.entry("dispute", "reason");
    html! {
        details.more open[view.sent.verb == "dispute"] {
            summary { "It is not what you ordered?" }
            (render_form_once(&action_href(view, "dispute"), frame, "", &view.tenant, &html! {
                (render_form_error(view.sent.error("dispute")))
                (Lines::new("reason", "reason", "What is wrong", &entry).at_most(1_000).hint("The agent reads it, and an operator, who may end the dispute. Three times an order at most."))
                div.actions { button.button.danger-button type="submit" { "Dispute the delivery" } }
            }))
        }
    }
}

/// What the buyer thinks of it, or the form to say so.
pub fn render_review(frame: &Frame, view: &OneOrder) -> Markup {
    let (rating, comment) = (view.sent.entry("review", "rating"), view.sent.entry("review", "comment"));
    let rating = if rating.value.is_empty() { Entry { value: "5".to_owned(), ..rating } } else { rating };
    html! {
        @if let Some(review) = &view.sheet.review {
            section.panel aria-labelledby="review" {
                h2 id="review" { "Review: " (review.rating) " of 5" }
                @if let Some(comment) = &review.comment { p.said { (comment) } }
                p.sub { "by the buyer, " (render_moment(review.created_at)) }
            }
        } @else if view.is_buyer && view.sheet.order.status == OrderStatus::Completed {
            section.panel aria-labelledby="review" {
                h2 id="review" { "Review it" }
                (render_form_once(&action_href(view, "review"), frame, "", &view.tenant, &html! {
                    (render_form_error(view.sent.error("review")))
                    (Choice::new("rating", "rating", "Rating", &rating, &RATINGS))
                    (Lines::new("comment", "comment", "Comment", &comment).at_most(500).hint("Everybody reads it."))
                    (render_submit("Publish the review"))
                }))
            }
        }
    }
}
