//! A page that asks before something is destroyed; it needs no script.

use maud::{Markup, html};

use super::form::render_form;
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
    pub tenant: Option<String>,
    /// The word on the button: `Revoke`.
    pub verb: String,
    /// The own path to go back to.
    pub back: String,
}

pub fn render_confirmation(frame: &Frame, view: &Confirmation) -> Markup {
    let buttons = html! {
        div.actions {
            button.button.danger-button type="submit" { (view.verb) }
            a.button href=(view.back) { "Keep it" }
        }
    };
    render_card(
        frame,
        &view.question,
        &html! {
            h1 { (view.question) }
            dl.pairs.pairs-wide { @for (name, value) in &view.facts { div { dt { (name) } dd { (value) } } } }
            p { (view.consequence) }
            (render_form(&view.action, &frame.csrf, view.tenant.as_deref(), &buttons))
        },
    )
}
