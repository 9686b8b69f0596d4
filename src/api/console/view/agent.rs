//! `/account/agents`: the agents of a tenant, each with its keys.

use maud::{Markup, html};

use super::key::{KeyRow, render_keys};
use super::layout::{Frame, Section, render_console};
use super::part::{Tone, build_href, render_badge, render_heading, render_moment, write_count};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agents {
    /// The slug.
    pub tenant: String,
    pub agents: Vec<AgentCard>,
    /// How many the plan allows; none means without end.
    pub agents_max: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCard {
    pub agent_id: String,
    pub label: String,
    pub status: AgentStatus,
    /// When it came with a wallet.
    pub wallet_address: Option<String>,
    pub created_at: Timestamp,
    pub keys: Vec<KeyRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentStatus {
    Active,
    Suspended,
    Revoked,
}

pub fn render_status(status: AgentStatus) -> Markup {
    match status {
        AgentStatus::Active => render_badge("active", Tone::Good),
        AgentStatus::Suspended => render_badge("suspended", Tone::Warning),
        AgentStatus::Revoked => render_badge("revoked", Tone::Quiet),
    }
}

fn write_lead(view: &Agents) -> String {
    let living = view.agents.iter().filter(|agent| agent.status != AgentStatus::Revoked).count();
    let count = write_count(u64::try_from(living).unwrap_or(u64::MAX), "agent acts", "agents act");
    match view.agents_max {
        Some(max) => format!("{count} for {}; its plan allows {max}.", view.tenant),
        None => format!("{count} for {}.", view.tenant),
    }
}

pub fn render_agents(frame: &Frame, view: &Agents) -> Markup {
    let href = |path| build_href(path, &[("tenant", &view.tenant)]);
    render_console(
        frame,
        Section::Agents,
        "Agents",
        &render_heading("Agents", &write_lead(view)),
        &html! {
            @if view.agents.is_empty() {
                div.empty {
                    p { "No agent acts for this tenant yet." }
                    div.actions {
                        a.button.primary href=(href("/account/keys")) { "Mint a key" }
                        a.button href=(href("/account/enrollment")) { "Make an enrollment token" }
                    }
                }
            }
            @for (at, agent) in view.agents.iter().enumerate() { (render_agent(frame, view, agent, at)) }
        },
    )
}

fn render_agent(frame: &Frame, view: &Agents, agent: &AgentCard, at: usize) -> Markup {
    let heading = format!("agent-{at}");
    html! {
        section.agent aria-labelledby=(heading) {
            div.section-head {
                h2 id=(heading) { (agent.label) }
                (render_status(agent.status))
                @if agent.status == AgentStatus::Active {
                    a.section-act href=(build_href("/account/keys", &[("tenant", &view.tenant), ("agent", &agent.agent_id)])) { "Mint a key" }
                }
            }
            dl.pairs.pairs-wide {
                div { dt { "Id" } dd { code { (agent.agent_id) } } }
                @if let Some(address) = &agent.wallet_address { div { dt { "Wallet" } dd { code { (address) } } } }
                div { dt { "Since" } dd { (render_moment(agent.created_at)) } }
            }
            @if agent.keys.is_empty() {
                p.quiet { "No key." }
            } @else {
                (render_keys(frame.now, &view.tenant, &format!("Keys of {}", agent.label), &agent.keys, false))
            }
        }
    }
}
