//! `/account/mandates`: the rules agents spend under, and what is used of each limit.

use maud::{Markup, html};

use super::form::{Choice, Entry, Field, Lines, render_form_error, render_form_once, render_submit};
use super::gauge::{Stretch, render_gauge};
use super::key::AgentOption;
use super::layout::{Frame, Section, render_console};
use super::part::{
    Filter, Pager, Tone, build_href, encode_component, render_badge, render_distance, render_empty, render_expiry, render_filters,
    render_heading, render_moment, render_pager, write_dollars,
};
use super::payment::render_narrowed;
use crate::domain::form::mandate::{MandateForm, WindowUsage};
use crate::domain::mandate::MandateStatus;
use crate::domain::money::Micros;
use crate::domain::spend::SpendAction;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mandates {
    /// The slug.
    pub tenant: String,
    pub mandates: Vec<MandateCard>,
    pub filters: Vec<Filter>,
    /// What else the list is narrowed to, in words, and the way back to all of it.
    pub narrowed: Option<(String, String)>,
    pub pager: Pager,
    /// Whether there is an agent to give one to.
    pub has_agents: bool,
}

/// A mandate and what its agent is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MandateCard {
    pub mandate: MandateForm,
    pub agent_label: String,
}

/// One mandate on a page of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneMandate {
    /// The slug.
    pub tenant: String,
    pub card: MandateCard,
}

/// A mandate to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewMandate {
    /// The slug.
    pub tenant: String,
    pub agents: Vec<AgentOption>,
    pub agent_id: Entry,
    pub name: Entry,
    pub per_transaction: Entry,
    pub daily: Entry,
    pub monthly: Entry,
    pub total: Entry,
    pub approval_threshold: Entry,
    /// One merchant a line.
    pub merchants: Entry,
    pub expires_on: Entry,
    pub error: Option<String>,
}

pub fn render_mandates(frame: &Frame, view: &Mandates) -> Markup {
    let new = build_href("/account/mandates/new", &[("tenant", &view.tenant)]);
    render_console(
        frame,
        Section::Mandates,
        "Mandates",
        &render_heading("Mandates", "What an agent may spend, and what it has spent. Nothing is held or paid beyond any of these limits."),
        &html! {
            div.toolbar {
                (render_filters("Which mandates", &view.filters))
                @if view.has_agents { a.button.primary href=(new) { "New mandate" } }
            }
            (render_narrowed(view.narrowed.as_ref()))
            @if view.mandates.is_empty() { (render_none(view, &new)) }
            @for (at, card) in view.mandates.iter().enumerate() { (render_card(frame, &view.tenant, card, at, true)) }
            (render_pager(&view.pager))
        },
    )
}

fn render_none(view: &Mandates, new: &str) -> Markup {
    html! {
        div.empty {
            @if view.has_agents {
                p { "No mandate here yet. Without one an agent spends nothing." }
                a.button href=(new) { "Give an agent a mandate" }
            } @else {
                p { "A mandate is given to an agent, and no agent acts for this tenant yet." }
                a.button.primary href=(build_href("/account/keys", &[("tenant", &view.tenant)])) { "Mint a key for an agent" }
            }
        }
    }
}

pub fn render_mandate(frame: &Frame, view: &OneMandate) -> Markup {
    let mandate = &view.card.mandate;
    let title = mandate.name.clone().unwrap_or_else(|| "Mandate".to_owned());
    render_console(
        frame,
        Section::Mandates,
        &title,
        &render_heading(&title, "What its agent may spend, and what it has spent."),
        &render_card(frame, &view.tenant, &view.card, 0, false),
    )
}

const fn tone_of(status: MandateStatus) -> Tone {
    match status {
        MandateStatus::Active => Tone::Good,
        MandateStatus::Suspended | MandateStatus::Exhausted => Tone::Warning,
        MandateStatus::Revoked | MandateStatus::Expired => Tone::Quiet,
    }
}

fn render_card(frame: &Frame, tenant: &str, card: &MandateCard, at: usize, has_own_page: bool) -> Markup {
    let mandate = &card.mandate;
    let heading = format!("mandate-{at}");
    let name = mandate.name.as_deref().unwrap_or("Unnamed mandate");
    let own = build_href(&mandate_path(mandate), &[("tenant", tenant)]);
    html! {
        section.record aria-labelledby=(heading) {
            div.section-head {
                h2 id=(heading) { @if has_own_page { a href=(own) { bdi { (name) } } } @else { "Limits" } }
                (render_badge(mandate.status.as_str(), tone_of(mandate.status)))
                (render_changes(tenant, mandate, name))
            }
            (render_limits(frame, mandate))
            (render_terms(frame, tenant, card))
        }
    }
}

fn mandate_path(mandate: &MandateForm) -> String {
    format!("/account/mandates/{}", encode_component(&mandate.id.to_string()))
}

/// The changes its status allows, each by way of a page that asks.
fn render_changes(tenant: &str, mandate: &MandateForm, name: &str) -> Markup {
    let href = |verb: &str| build_href(&format!("{}/{verb}", mandate_path(mandate)), &[("tenant", tenant)]);
    let link = |verb: &str, text: &str, is_danger: bool| {
        html! { a.danger[is_danger] href=(href(verb)) { (text) span.unseen { " " bdi { (name) } } } }
    };
    html! {
        div.section-acts {
            @match mandate.status {
                MandateStatus::Active => (link("suspend", "Suspend", false)),
                MandateStatus::Suspended => (link("activate", "Activate", false)),
                MandateStatus::Exhausted | MandateStatus::Expired | MandateStatus::Revoked => {}
            }
            @if mandate.status != MandateStatus::Revoked { (link("revoke", "Revoke", true)) }
        }
    }
}

fn render_limits(frame: &Frame, mandate: &MandateForm) -> Markup {
    html! {
        div.limits {
            (render_limit(frame, "Today", mandate.daily_limit, &mandate.usage.daily))
            (render_limit(frame, "This month", mandate.monthly_limit, &mandate.usage.monthly))
            (render_limit(frame, "In all", mandate.total_limit, &mandate.usage.total))
        }
    }
}

/// One window: what is left, the bar, what is spent and held, and when it begins anew.
fn render_limit(frame: &Frame, name: &str, limit: Option<Micros>, usage: &WindowUsage) -> Markup {
    let used = format!("{} spent, {} held", write_dollars(usage.spent), write_dollars(usage.held));
    html! {
        div.limit {
            h3 { (name) }
            @match (limit, usage.remaining) {
                (Some(limit), Some(remaining)) => {
                    p.limit-left { strong { (write_dollars(remaining)) } " left of " (write_dollars(limit)) }
                    (render_gauge(&format!("{name}: {used} of {}", write_dollars(limit)), limit,
                        &[(Stretch::Spent, usage.spent), (Stretch::Held, usage.held)]))
                }
                _ => p.limit-left.quiet { "no limit" }
            }
            p.sub { span.key-spent { (write_dollars(usage.spent)) " spent" } " " span.key-held { (write_dollars(usage.held)) " held" } }
            @if let Some(at) = usage.resets_at.filter(|_| limit.is_some()) {
                p.sub { "begins anew " (render_distance(frame.now, at)) ", " (render_moment(at)) }
            }
        }
    }
}

fn name_action(action: SpendAction) -> &'static str {
    match action {
        SpendAction::Payment => "payments",
        SpendAction::Token => "tokens",
        SpendAction::Tool => "tools",
        SpendAction::Delegation => "lending on",
    }
}

fn render_terms(frame: &Frame, tenant: &str, card: &MandateCard) -> Markup {
    let mandate = &card.mandate;
    let id = mandate.id.to_string();
    let actions: Vec<&str> = mandate.allowed_actions.iter().copied().map(name_action).collect();
    let related = |path| build_href(path, &[("tenant", tenant), ("mandate", &id)]);
    html! {
        dl.pairs.pairs-wide {
            div { dt { "Agent" } dd { a href=(build_href("/account/mandates", &[("tenant", tenant), ("agent", &mandate.agent_id.to_string())])) { (card.agent_label) } } }
            div { dt { "At a time" } dd { @if let Some(limit) = mandate.per_transaction_limit { "at most " (write_dollars(limit)) } @else { span.quiet { "no limit" } } } }
            div { dt { "Approval" } dd { @if let Some(limit) = mandate.approval_threshold { "a human decides above " (write_dollars(limit)) } @else { span.quiet { "none needed" } } } }
            div { dt { "For" } dd { @if actions.is_empty() { "everything" } @else { (actions.join(", ")) } } }
            div {
                dt { "Merchants" }
                dd {
                    @if mandate.allowed_merchants.is_empty() { "any" }
                    @for (at, merchant) in mandate.allowed_merchants.iter().enumerate() { @if at > 0 { ", " } bdi { (merchant) } }
                }
            }
            div { dt { "Expires" } dd { (render_expiry(frame.now, mandate.expires_at)) } }
            div { dt { "Since" } dd { (render_moment(mandate.created_at)) @if mandate.version > 1 { span.quiet { ", version " (mandate.version) } } } }
            div { dt { "Id" } dd { code { (id) } } }
        }
        div.related {
            a href=(related("/account/payments")) { "Payments" span.unseen { " under it" } }
            a href=(related("/account/leases")) { "Leases" span.unseen { " under it" } }
        }
    }
}

pub fn render_new_mandate(frame: &Frame, view: &NewMandate) -> Markup {
    render_console(
        frame,
        Section::Mandates,
        "New mandate",
        &render_heading("New mandate", "Say who may spend and how much. At least one limit is needed; a field left empty limits nothing."),
        &html! {
            @if view.agents.is_empty() {
                (render_empty("No agent acts for this tenant yet, so there is nobody to give a mandate to. Mint an agent a key first."))
            } @else {
                section.panel aria-label="The mandate" {
                    (render_form_once("/account/mandates", frame, "", &view.tenant, &render_fields(view)))
                }
            }
        },
    )
}

fn render_fields(view: &NewMandate) -> Markup {
    let options: Vec<(&str, &str)> = view.agents.iter().map(|agent| (agent.agent_id.as_str(), agent.label.as_str())).collect();
    html! {
        (render_form_error(view.error.as_ref()))
        div.row {
            (Choice::new("agent", "agent_id", "Agent", &view.agent_id, &options))
            (Field::text("name", "name", "Name", &view.name).optional().hint("What it is for."))
        }
        fieldset {
            legend { "Limits, in dollars" }
            div.row.row-tight {
                (Field::text("per-transaction", "per_transaction_limit", "A transaction", &view.per_transaction).decimal().optional())
                (Field::text("daily", "daily_limit", "A day", &view.daily).decimal().optional().hint("From 00:00 UTC."))
                (Field::text("monthly", "monthly_limit", "A month", &view.monthly).decimal().optional().hint("From the 1st."))
                (Field::text("total", "total_limit", "In all", &view.total).decimal().optional())
            }
        }
        div.row {
            (Field::text("threshold", "approval_threshold", "Ask a human above", &view.approval_threshold).decimal().optional()
                .hint("Dollars. What costs more waits under Approvals; 0 asks always."))
            (Field::text("expires", "expires_on", "Last day", &view.expires_on).optional().hint("Such as 2026-12-31, to its end in UTC."))
        }
        (Lines::new("merchants", "merchants", "Merchants", &view.merchants).hint("One a line. Empty: any merchant."))
        (render_submit("Create mandate"))
    }
}
