//! A page that asks before something is destroyed; it needs no script.

use maud::{Markup, html};

use super::form::{Entry, Lines, render_form_once};
use super::layout::{Frame, render_card};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The question: `Revoke this key?`.
    pub question: String,
    /// What it will mean.
    pub consequence: String,
    /// What it is about: names and values.
    pub facts: Vec<(String, String)>,
    /// The own path the form posts to.
    pub action: String,
    /// The slug the form carries along.
    pub tenant: String,
    /// The word on the button: `Revoke`.
    pub verb: String,
    /// The own path to go back to.
    pub back: String,
    pub kind: ConfirmationKind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConfirmationKind {
    /// Something ends.
    #[default]
    Ending,
    /// Something ends, and one may say why.
    EndingWithReason,
    /// Something goes on.
    Resuming,
}

pub fn render_confirmation(frame: &Frame, view: &Confirmation) -> Markup {
    let resumes = view.kind == ConfirmationKind::Resuming;
    let buttons = html! {
        @if view.kind == ConfirmationKind::EndingWithReason {
            (Lines::new("reason", "reason", "Reason", &Entry::default()).at_most(1024).hint("Shown to every member while it holds."))
        }
        div.actions {
            button.button.primary[resumes].danger-button[!resumes] type="submit" { (view.verb) }
            a.button href=(view.back) { @if view.kind == ConfirmationKind::Ending { "Keep it" } @else { "Not now" } }
        }
    };
    render_card(
        frame,
        &view.question,
        &html! {
            h1 { (view.question) }
            @if !view.facts.is_empty() { dl.pairs.pairs-wide { @for (name, value) in &view.facts { div { dt { (name) } dd { (value) } } } } }
            p { (view.consequence) }
            (render_form_once(&view.action, frame, "", &view.tenant, &buttons))
        },
    )
}
