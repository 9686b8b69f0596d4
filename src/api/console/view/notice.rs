//! What a page says about the form just sent: done, in trouble, or a secret that is shown this once.

use maud::{Markup, html};
use serde::{Deserialize, Serialize};

/// At most one notice stands on a page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    Done(String),
    Trouble(String),
    Secret(Secret),
}

/// A secret on its only showing. Without `Debug`, so that no log can hold it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    pub kind: SecretKind,
    /// What its owner called it.
    pub label: String,
    pub value: String,
    /// The slug of the tenant it belongs to.
    pub tenant: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretKind {
    /// `mtak_`
    AgentKey,
    /// `mten_`
    EnrollmentToken,
    /// `tl_`
    ApiKey,
    /// `whsec_`
    Webhook,
}

pub fn render_notice(notice: Option<&Notice>) -> Markup {
    html! {
        @match notice {
            None => {}
            Some(Notice::Done(text)) => p.notice.notice-done role="status" { (text) }
            Some(Notice::Trouble(text)) => p.notice.notice-trouble role="alert" { (text) }
            Some(Notice::Secret(secret)) => (render_secret(secret))
        }
    }
}

fn render_secret(secret: &Secret) -> Markup {
    let (title, how) = match secret.kind {
        SecretKind::AgentKey => ("Agent key", "The agent sends it with every call, beside the tenant's name:"),
        SecretKind::EnrollmentToken => ("Enrollment token", "An agent that has signed in with its wallet hands it in once:"),
        SecretKind::ApiKey => ("API key", "Send it with every management call:"),
        SecretKind::Webhook => ("Webhook secret", "The receiver verifies every delivery with it, as Standard Webhooks says:"),
    };
    let usage = match secret.kind {
        SecretKind::AgentKey => format!("X-Tenant-ID: {}\nX-Tenant-Token: {}", secret.tenant, secret.value),
        SecretKind::EnrollmentToken => format!("POST /v2/agents/enroll\n{{\"enrollment_token\":\"{}\"}}", secret.value),
        SecretKind::ApiKey => format!("X-API-Key: {}", secret.value),
        SecretKind::Webhook => format!("new Webhook(\"{}\").verify(body, headers)", secret.value),
    };
    html! {
        section.secret aria-labelledby="secret-title" {
            h2 id="secret-title" {
                (title) @if !secret.label.is_empty() { " for " q { (secret.label) } }
            }
            p.secret-once { strong { "Shown once." } " Copy it now and store it safely; if it is lost, make another." @if secret.kind != SecretKind::Webhook { " We keep only a hash of it." } }
            (render_copyable("secret-value", &secret.value))
            p.secret-how { (how) }
            pre tabindex="0" { code { (usage) } }
        }
    }
}

/// A text in a box, with a copy button that shows itself where a script can run. `id` is unique in its page.
pub fn render_copyable(id: &str, text: &str) -> Markup {
    html! {
        div.copyable {
            code.copyable-text id=(id) { (text) }
            button.button type="button" data-copy=(id) aria-describedby=(id) hidden { "Copy" }
            span.unseen id=(format!("{id}-status")) role="status" {}
        }
    }
}
