//! `/account/payments`: what agents paid, what was refused them and why.

use maud::{Markup, html};

use super::layout::{Frame, Section, render_console};
use super::part::{
    Column, Filter, Pager, Tone, build_href, encode_component, render_badge, render_empty, render_filters, render_heading, render_moment,
    render_pager, render_table, write_dollars, write_words,
};
use crate::domain::form::payment::PaymentForm;
use crate::domain::payment::PaymentStatus;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payments {
    /// The slug.
    pub tenant: String,
    /// Newest first.
    pub payments: Vec<PaymentRow>,
    pub filters: Vec<Filter>,
    /// What else the list is narrowed to, in words, and the way back to all of it.
    pub narrowed: Option<(String, String)>,
    pub pager: Pager,
}

/// A payment and what its agent is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    pub payment: PaymentForm,
    pub agent_label: String,
}

pub fn render_payments(frame: &Frame, view: &Payments) -> Markup {
    render_console(
        frame,
        Section::Payments,
        "Payments",
        &render_heading("Payments", "What agents paid, each under a mandate, and what was refused them."),
        &html! {
            (render_filters("Which payments", &view.filters))
            (render_narrowed(view.narrowed.as_ref()))
            @if view.payments.is_empty() {
                (render_empty("No payment here. An agent pays with an execution token of its mandate: POST /v1/payments."))
            } @else {
                (render_rows(view))
            }
            (render_pager(&view.pager))
        },
    )
}

/// To what a list is narrowed, with the way back.
pub fn render_narrowed(narrowed: Option<&(String, String)>) -> Markup {
    html! { @if let Some((words, href)) = narrowed { p.quiet { "Only " bdi { (words) } ". " a href=(href) { "Show all" } } } }
}

const fn tone_of(status: PaymentStatus) -> Tone {
    match status {
        PaymentStatus::Succeeded => Tone::Good,
        PaymentStatus::PendingApproval => Tone::Warning,
        PaymentStatus::Denied | PaymentStatus::Expired | PaymentStatus::Failed => Tone::Quiet,
    }
}

/// Why a payment was denied, in words.
fn explain(reason: &str) -> String {
    let words = match reason {
        "agent_not_active" => "the agent is not active",
        "mandate_not_active" => "the mandate is not active",
        "action_not_allowed" => "the mandate allows no payments",
        "merchant_not_allowed" => "not a merchant of the mandate",
        "risk_denied" => "refused as a risk",
        "mandate_limit_exceeded" => "beyond a limit of the mandate",
        "lease_exhausted" => "more than the lease has left",
        "insufficient_funds" => "not enough in the wallet",
        other => return write_words(other),
    };
    words.to_owned()
}

/// Several limits may say the same.
fn explain_all(reasons: &[String]) -> String {
    let mut words: Vec<String> = reasons.iter().map(|reason| explain(reason)).collect();
    words.dedup();
    words.join(", ")
}

fn render_rows(view: &Payments) -> Markup {
    let columns = [Column::text("When"), Column::text("Merchant"), Column::number("Amount")];
    let rows = html! {
        @for row in &view.payments {
            @let payment = &row.payment;
            @let mandate = format!("/account/mandates/{}", encode_component(&payment.mandate_id.to_string()));
            tr {
                td { (render_moment(payment.created_at)) }
                th scope="row" {
                    bdi { (payment.merchant) } " " (render_badge(&write_words(payment.status.as_str()), tone_of(payment.status)))
                    @if payment.status == PaymentStatus::PendingApproval {
                        " " a.beside href=(build_href("/account/approvals", &[("tenant", &view.tenant)])) { "decide" }
                    }
                    @if !payment.reasons.is_empty() {
                        span.sub { (explain_all(&payment.reasons)) }
                    }
                    @if let Some(description) = &payment.description { span.sub { (description) } }
                    span.sub { bdi { (row.agent_label) } " · " a href=(build_href(&mandate, &[("tenant", &view.tenant)])) { "mandate" } }
                }
                td.number { (write_dollars(payment.amount)) }
            }
        }
    };
    html! { div.activity { (render_table("Payments", &columns, &rows)) } }
}
