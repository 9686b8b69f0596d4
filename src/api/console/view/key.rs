//! `/account/keys`: agent keys (`mtak_`) and API keys (`tl_`): mint, list, revoke.

use maud::{Markup, html};

use super::form::{Choice, Entry, Field, render_form_error, render_form_once, render_submit};
use super::layout::{Frame, Section, render_console};
use super::part::{
    Column, build_href, encode_component, render_distance, render_empty, render_expiry, render_heading, render_moment, render_table,
};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// The slug.
    pub tenant: String,
    /// The active agents a key can be minted for.
    pub agents: Vec<AgentOption>,
    pub agent_keys: Vec<KeyRow>,
    pub api_keys: Vec<KeyRow>,
    pub agent_form: AgentKeyForm,
    pub api_form: ApiKeyForm,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentOption {
    pub agent_id: String,
    pub label: String,
}

/// A key as it may be shown: never its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub key_id: String,
    pub label: Option<String>,
    /// Prefix, dots and the last four characters.
    pub preview: String,
    /// None for API keys.
    pub agent_label: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentKeyForm {
    /// Empty for a new agent.
    pub agent_id: Entry,
    pub label: Entry,
    /// One of [`EXPIRIES`].
    pub expires_in_days: Entry,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeyForm {
    pub label: Entry,
    /// `live` or `test`.
    pub environment: Entry,
    pub expires_in_days: Entry,
    pub error: Option<String>,
}

/// The lives a key can be given, in days; empty means without end.
pub const EXPIRIES: [(&str, &str); 6] =
    [("", "Never"), ("1", "In 1 day"), ("7", "In 7 days"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In 1 year")];

const ENVIRONMENTS: [(&str, &str); 2] = [("test", "Test: sandbox money only"), ("live", "Live")];

pub fn render_key_page(frame: &Frame, view: &Keys) -> Markup {
    render_console(
        frame,
        Section::Keys,
        "Keys",
        &render_heading(
            "Keys",
            &format!("With an agent key an agent acts for {}. With an API key your own programs manage it.", view.tenant),
        ),
        &html! {
            section aria-labelledby="agent-keys" {
                h2 id="agent-keys" { "Agent keys" }
                @if view.agent_keys.is_empty() {
                    (render_empty("No agent key yet. Mint the first one below."))
                } @else {
                    (render_keys(frame.now, &view.tenant, "Agent keys", &view.agent_keys, true))
                }
            }
            section.panel aria-labelledby="mint" {
                h2 id="mint" { "Mint an agent key" }
                (render_form_once("/account/keys/agent", frame, "", &view.tenant, &render_agent_fields(view)))
            }
            section aria-labelledby="api-keys" {
                h2 id="api-keys" { "API keys" }
                @if view.api_keys.is_empty() {
                    (render_empty("No API key yet."))
                } @else {
                    (render_keys(frame.now, &view.tenant, "API keys", &view.api_keys, false))
                }
            }
            section.panel aria-labelledby="create" {
                h2 id="create" { "Create an API key" }
                (render_form_once("/account/keys/api", frame, "", &view.tenant, &render_api_fields(&view.api_form)))
            }
        },
    )
}

fn render_agent_fields(view: &Keys) -> Markup {
    let form = &view.agent_form;
    let options: Vec<(&str, &str)> = std::iter::once(("", "A new agent"))
        .chain(view.agents.iter().map(|agent| (agent.agent_id.as_str(), agent.label.as_str())))
        .collect();
    html! {
        (render_form_error(form.error.as_ref()))
        div.row {
            (Choice::new("agent", "agent_id", "Agent", &form.agent_id, &options))
            (Field::text("agent-label", "label", "Label", &form.label).hint("Names the new agent, or this key of an agent you have."))
            (Choice::new("agent-expiry", "expires_in_days", "Expires", &form.expires_in_days, &EXPIRIES))
        }
        (render_submit("Mint key"))
    }
}

fn render_api_fields(form: &ApiKeyForm) -> Markup {
    html! {
        (render_form_error(form.error.as_ref()))
        div.row {
            (Choice::new("api-environment", "environment", "Environment", &form.environment, &ENVIRONMENTS))
            (Field::text("api-label", "label", "Label", &form.label).optional().hint("What it is for."))
            (Choice::new("api-expiry", "expires_in_days", "Expires", &form.expires_in_days, &EXPIRIES))
        }
        (render_submit("Create key"))
    }
}

/// A table of keys; `with_agent` adds whose they are.
pub fn render_keys(now: Timestamp, tenant: &str, caption: &str, keys: &[KeyRow], with_agent: bool) -> Markup {
    let mut columns = vec![Column::text("Key"), Column::text("Label")];
    if with_agent {
        columns.push(Column::text("Agent"));
    }
    columns.extend([Column::text("Created"), Column::text("Last used"), Column::text("Expires"), Column::action("Revoke")]);
    let rows = html! {
        @for key in keys {
            tr {
                th scope="row" { code { (key.preview) } }
                td { @if let Some(label) = &key.label { (label) } @else { span.quiet { "none" } } }
                @if with_agent { td { (key.agent_label.as_deref().unwrap_or_default()) } }
                td { (render_moment(key.created_at)) }
                td { @if let Some(at) = key.last_used_at { (render_distance(now, at)) } @else { span.quiet { "never" } } }
                td { (render_expiry(now, key.expires_at)) }
                td.number { a.danger href=(build_revoke_href(tenant, &key.key_id)) { "Revoke" span.unseen { " " (key.preview) } } }
            }
        }
    };
    render_table(caption, &columns, &rows)
}

/// The page that asks before a key is revoked.
fn build_revoke_href(tenant: &str, key_id: &str) -> String {
    build_href(&format!("/account/keys/{}/revoke", encode_component(key_id)), &[("tenant", tenant)])
}
