//! `/account/approvals`: what waits for a human, and what was decided.

use maud::{Markup, html};

use super::form::{Entry, Lines, render_form};
use super::layout::{Frame, Section, render_console};
use super::part::{
    Column, Pager, Tone, build_href, encode_component, render_badge, render_distance, render_empty, render_heading, render_moment,
    render_pager, render_table, write_dollars,
};
use crate::domain::approval::{ApprovalStatus, Asked};
use crate::domain::form::approval::ApprovalForm;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvals {
    /// The slug.
    pub tenant: String,
    /// Newest first.
    pub waiting: Vec<Waiting>,
    /// Whether more wait than are shown.
    pub more_wait: bool,
    pub decided: Vec<DecidedRow>,
    pub pager: Pager,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub approval: ApprovalForm,
    /// What it buys: `Payment`, `Tool`.
    pub kind: String,
    /// Whom it is paid to, or what it is spent on.
    pub recipient: Option<String>,
    pub description: Option<String>,
    pub agent_label: String,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedRow {
    pub approval: ApprovalForm,
    pub agent_label: String,
    /// Who decided, if somebody did.
    pub by: Option<String>,
}

pub fn render_approvals(frame: &Frame, view: &Approvals) -> Markup {
    render_console(
        frame,
        Section::Approvals,
        "Approvals",
        &render_heading("Approvals", "Above the threshold of its mandate, money is held until a human decides or the time is up."),
        &html! {
            section aria-labelledby="waiting" {
                h2 id="waiting" { "Waiting" }
                @if view.waiting.is_empty() {
                    (render_empty("Nothing waits. When an agent asks for more than its mandate lets it spend unasked, it stands here."))
                }
                @for (at, waiting) in view.waiting.iter().enumerate() { (render_waiting(frame, &view.tenant, waiting, at)) }
                @if view.more_wait { p.quiet { "More wait than are shown here: decide these first." } }
            }
            section aria-labelledby="decided" {
                h2 id="decided" { "Decided" }
                @if !view.decided.is_empty() {
                    (render_decided(&view.decided))
                } @else if view.pager.older.is_some() {
                    (render_empty("What was decided is older than what still waits."))
                } @else {
                    (render_empty("Nothing has been decided here yet."))
                }
                (render_pager(&view.pager))
            }
        },
    )
}

fn render_waiting(frame: &Frame, tenant: &str, waiting: &Waiting, at: usize) -> Markup {
    let (heading, reason) = (format!("approval-{at}"), format!("reason-{at}"));
    let approval = &waiting.approval;
    let mandate = approval.mandate_id.to_string();
    let mandate_href = build_href(&format!("/account/mandates/{}", encode_component(&mandate)), &[("tenant", tenant)]);
    let about = html! { span.unseen { " " (write_dollars(approval.amount)) " for " bdi { (waiting.agent_label) } } };
    let buttons = html! {
        (Lines::new(&reason, "reason", "Reason", &Entry::default()).at_most(1024))
        div.actions {
            button.button.primary type="submit" name="decision" value="approve" { "Approve" (about) }
            button.button.danger-button type="submit" name="decision" value="deny" { "Deny" (about) }
        }
    };
    html! {
        article.record aria-labelledby=(heading) {
            div.section-head {
                h3.figure id=(heading) { (write_dollars(approval.amount)) }
                span.figure-for { (waiting.kind) @if let Some(recipient) = &waiting.recipient { " · " strong { bdi { (recipient) } } } }
            }
            @if let Some(description) = &waiting.description { p.said { (description) } }
            dl.pairs.pairs-wide {
                div { dt { "Agent" } dd { (waiting.agent_label) } }
                div { dt { "Asked" } dd { (render_distance(frame.now, approval.requested_at)) } }
                div { dt { "Expires" } dd { (render_distance(frame.now, approval.expires_at)) ", then the money goes back" } }
                div { dt { "Mandate" } dd { a href=(mandate_href) { (mandate) } } }
            }
            (render_form(&format!("/account/approvals/{}", encode_component(&approval.id.to_string())), &frame.csrf, Some(tenant), &buttons))
        }
    }
}

const fn tone_of(status: ApprovalStatus) -> Tone {
    match status {
        ApprovalStatus::Approved => Tone::Good,
        ApprovalStatus::Pending => Tone::Warning,
        ApprovalStatus::Denied | ApprovalStatus::Expired => Tone::Quiet,
    }
}

fn render_decided(rows: &[DecidedRow]) -> Markup {
    let columns = [Column::text("When"), Column::text("What"), Column::number("Amount")];
    let body = html! {
        @for row in rows {
            tr {
                td { (render_moment(row.approval.decided_at.unwrap_or(row.approval.requested_at))) }
                th scope="row" {
                    @match row.approval.object_type { Asked::Payment => "Payment", Asked::Reservation => "Reservation" }
                    " " (render_badge(row.approval.status.as_str(), tone_of(row.approval.status)))
                    @if let Some(reason) = &row.approval.reason { span.sub { (reason) } }
                    span.sub { bdi { (row.agent_label) } @if let Some(by) = &row.by { " · decided by " bdi { (by) } } }
                }
                td.number { (write_dollars(row.approval.amount)) }
            }
        }
    };
    html! { div.activity { (render_table("Decided approvals", &columns, &body)) } }
}
