//! `/account`, signed in: the tenants one owns and what happened lately.

use maud::{Markup, html};

use super::billing::{Activity, render_activity};
use super::layout::{Frame, Section, render_console};
use super::part::{build_href, render_heading, write_count, write_dollars, write_number};
use crate::domain::money::Micros;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// What to call the viewer.
    pub name: String,
    pub tenants: Vec<TenantCard>,
    /// Of all tenants, newest first.
    pub activity: Vec<Activity>,
}

/// A tenant at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantCard {
    pub tenant: String,
    pub name: Option<String>,
    /// `owner` or `member`.
    pub role: String,
    pub available: Micros,
    pub held: Micros,
    pub spent_30_days: Micros,
    /// Agents not revoked.
    pub agents: u64,
    pub approvals_waiting: u64,
    /// Whether all spending is stopped.
    pub is_stopped: bool,
}

pub fn render_overview(frame: &Frame, view: &Overview) -> Markup {
    render_console(
        frame,
        Section::Overview,
        "Overview",
        &render_heading("Overview", &format!("Welcome, {}.", view.name)),
        &html! {
            section aria-labelledby="tenants" {
                div.section-head {
                    h2 id="tenants" { "Tenants" }
                    a href="/account/tenants" { "All tenants, or a new one" }
                }
                @if view.tenants.is_empty() {
                    div.empty {
                        p { "You own no tenant yet. A tenant holds the money, the agents and their memory." }
                        a.button.primary href="/account/tenants" { "Create a tenant" }
                    }
                } @else {
                    ul.cards { @for tenant in &view.tenants { li { (render_tenant_card(tenant)) } } }
                }
            }
            @if view.tenants.iter().any(|tenant| tenant.agents == 0) { (render_first_steps(frame)) }
            section aria-labelledby="activity" {
                div.section-head { h2 id="activity" { "Recent activity" } }
                (render_activity(&view.activity, true))
            }
        },
    )
}

fn render_tenant_card(card: &TenantCard) -> Markup {
    let href = |path| build_href(path, &[("tenant", &card.tenant)]);
    html! {
        article.tile {
            div {
                h3 { a href=(href("/account/billing")) { (card.tenant) } }
                p.quiet { (card.role) @if let Some(name) = &card.name { " · " (name) } }
            }
            p.figure { (write_dollars(card.available)) span.figure-unit { "available" } }
            dl.pairs {
                div { dt { "Held" } dd { (write_dollars(card.held)) } }
                div { dt { "Spent, 30 days" } dd { (write_dollars(card.spent_30_days)) } }
                @if card.approvals_waiting > 0 {
                    div { dt { "Approvals" } dd { a href=(href("/account/approvals")) { (write_number(card.approvals_waiting)) " waiting" } } }
                }
                @if card.is_stopped { div { dt { "Spending" } dd { a href=(href("/account/wallets")) { "stopped" } } } }
                div { dt { "Agents" } dd { a href=(href("/account/agents")) { (write_count(card.agents, "agent", "agents")) } } }
            }
        }
    }
}

fn render_first_steps(frame: &Frame) -> Markup {
    let tenant = frame.viewer.as_ref().and_then(|viewer| viewer.tenant.as_deref());
    html! {
        section.first-steps aria-labelledby="first-steps" {
            h2 id="first-steps" { "Bring an agent in" }
            ul {
                li { a href=(Section::Keys.href(tenant)) { "Mint a key" } " and give it to the agent. The quickest way." }
                li { a href=(Section::Enrollment.href(tenant)) { "Make an enrollment token" } " for an agent with a wallet: it enrolls itself, once." }
            }
        }
    }
}
