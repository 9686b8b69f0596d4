//! `/account/invite/:token`: an agent asks a human to own its tenant.

use maud::{Markup, html};

use super::form::{render_form, render_submit};
use super::layout::{Frame, render_card};
use super::part::{build_href, encode_component, render_distance};
use crate::domain::time::Timestamp;

/// An invitation as its link finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invitation {
    Open(OpenInvitation),
    /// Unknown, used, replaced or expired: alike.
    Gone,
}

#[derive(Clone, PartialEq, Eq)]
pub struct OpenInvitation {
    /// The token of the link: a secret until it is used.
    pub token: String,
    /// The tenant's slug.
    pub tenant: String,
    /// Where the invitation was mailed.
    pub email: String,
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for OpenInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenInvitation")
    }
}

pub fn render_invitation(frame: &Frame, view: &Invitation) -> Markup {
    match view {
        Invitation::Open(open) => render_open_invitation(frame, open),
        Invitation::Gone => render_card(
            frame,
            "Invitation not valid",
            &html! {
                h1 { "This invitation is not valid" }
                p { "It may have been used, replaced by a newer one, or be older than seven days. Ask the agent to send another." }
                p.aside { a href="/account" { "To your account" } }
            },
        ),
    }
}

fn render_open_invitation(frame: &Frame, open: &OpenInvitation) -> Markup {
    let here = format!("/account/invite/{}", encode_component(&open.token));
    render_card(
        frame,
        "Own a tenant",
        &html! {
            h1 { "Own " span.name { (open.tenant) } }
            p {
                "The agent that runs the tenant " strong { (open.tenant) } " invites " strong { (open.email) } " to own it. "
                "As its owner you see what it has and spends, and you make and revoke its keys."
            }
            p.quiet { "The invitation ends " (render_distance(frame.now, open.expires_at)) "." }
            @match &frame.viewer {
                Some(viewer) => {
                    @if !viewer.email.eq_ignore_ascii_case(&open.email) {
                        p.remark { "You are signed in as " strong { (viewer.email) } ", not as the address invited." }
                    }
                    (render_form(&here, &frame.csrf, None, &render_submit(&format!("Accept as {}", viewer.email))))
                }
                None => {
                    p { "First say who you are:" }
                    div.actions {
                        a.button.primary href=(build_href("/account", &[("next", &here)])) { "Sign in" }
                        a.button href=(build_href("/account/register", &[("next", &here)])) { "Create an account" }
                    }
                }
            }
        },
    )
}
