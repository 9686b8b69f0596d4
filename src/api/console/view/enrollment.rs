//! `/account/enrollment`: one-time tokens with which an agent enrolls itself.

use maud::{Markup, html};

use super::form::{Choice, Entry, Field, render_form_error, render_form_once, render_submit};
use super::layout::{Frame, Section, render_console};
use super::part::{Column, Tone, build_href, encode_component, render_badge, render_distance, render_empty, render_heading, render_table};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enrollment {
    /// The slug.
    pub tenant: String,
    pub tokens: Vec<TokenRow>,
    pub form: TokenForm,
}

/// A token as it may be shown: never its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub id: String,
    pub label: Option<String>,
    pub preview: String,
    pub status: TokenStatus,
    pub expires_at: Timestamp,
    /// The label of the agent that used it.
    pub used_by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    Unused,
    Used,
    Expired,
    Revoked,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenForm {
    pub label: Entry,
    /// One of [`LIVES`].
    pub ttl_seconds: Entry,
    pub error: Option<String>,
}

/// How long a token can live, in seconds.
pub const LIVES: [(&str, &str); 4] = [("86400", "24 hours"), ("21600", "6 hours"), ("3600", "1 hour"), ("600", "10 minutes")];

const COLUMNS: [Column; 6] = [
    Column::text("Token"),
    Column::text("Label"),
    Column::text("Status"),
    Column::text("Used by"),
    Column::text("Expires"),
    Column::action("Revoke"),
];

pub fn render_enrollment(frame: &Frame, view: &Enrollment) -> Markup {
    render_console(
        frame,
        Section::Enrollment,
        "Enrollment",
        &render_heading(
            "Enrollment",
            "A token lets one agent with a wallet join this tenant, once. Better than sending a key: what travels is worthless after use.",
        ),
        &html! {
            section.panel aria-labelledby="mint" {
                h2 id="mint" { "Make a token" }
                (render_form_once("/account/enrollment", frame, "", &view.tenant, &render_fields(&view.form)))
            }
            section aria-labelledby="tokens" {
                h2 id="tokens" { "Tokens" }
                @if view.tokens.is_empty() { (render_empty("No token yet.")) } @else { (render_tokens(frame, view)) }
            }
        },
    )
}

fn render_fields(form: &TokenForm) -> Markup {
    html! {
        (render_form_error(form.error.as_ref()))
        div.row {
            (Field::text("token-label", "label", "Label", &form.label).optional().hint("Whom it is for."))
            (Choice::new("token-life", "ttl_seconds", "Good for", &form.ttl_seconds, &LIVES))
        }
        (render_submit("Make token"))
    }
}

fn render_tokens(frame: &Frame, view: &Enrollment) -> Markup {
    let rows = html! {
        @for token in &view.tokens {
            tr {
                th scope="row" { code { (token.preview) } }
                td { @if let Some(label) = &token.label { (label) } @else { span.quiet { "none" } } }
                td { (render_token_status(token.status)) }
                td { @if let Some(agent) = &token.used_by { (agent) } }
                td { (render_distance(frame.now, token.expires_at)) }
                td.number {
                    @if token.status == TokenStatus::Unused {
                        a.danger href=(build_href(&format!("/account/enrollment/{}/revoke", encode_component(&token.id)), &[("tenant", &view.tenant)])) {
                            "Revoke" span.unseen { " " (token.preview) }
                        }
                    }
                }
            }
        }
    };
    render_table("Enrollment tokens", &COLUMNS, &rows)
}

fn render_token_status(status: TokenStatus) -> Markup {
    match status {
        TokenStatus::Unused => render_badge("unused", Tone::Good),
        TokenStatus::Used => render_badge("used", Tone::Quiet),
        TokenStatus::Expired => render_badge("expired", Tone::Quiet),
        TokenStatus::Revoked => render_badge("revoked", Tone::Quiet),
    }
}
