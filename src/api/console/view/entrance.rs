//! Sign-in and registration.

use maud::{Markup, html};

use super::form::{Entry, Field, render_form, render_form_error, render_submit};
use super::layout::{Frame, render_card};
use super::part::build_href;

/// `/account`, signed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignIn {
    pub email: Entry,
    pub password_error: Option<String>,
    /// What is wrong with the pair, without saying which of the two.
    pub error: Option<String>,
    /// The own path to go to afterwards.
    pub next: Option<String>,
}

/// `/account/register`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registration {
    pub name: Entry,
    pub email: Entry,
    pub password_error: Option<String>,
    pub error: Option<String>,
    pub next: Option<String>,
}

/// The address of an entrance that remembers where its visitor was going.
fn build_entrance(path: &str, next: Option<&String>) -> String {
    next.map_or_else(|| path.to_owned(), |next| build_href(path, &[("next", next)]))
}

fn render_next(next: Option<&String>) -> Markup {
    html! { @if let Some(next) = next { input type="hidden" name="next" value=(next); } }
}

/// An address and a password. Typing starts at the one that is missing or wrong.
fn render_credentials(email: &Entry, password: Field<'_>) -> Markup {
    let address = Field::email("email", "email", "E-mail", email);
    let is_missing = email.value.is_empty() || email.error.is_some();
    html! {
        @if is_missing { (address.focused()) (password) } @else { (address) (password.focused()) }
    }
}

pub fn render_sign_in(frame: &Frame, view: &SignIn) -> Markup {
    let password = Field::password("password", "password", "Password", view.password_error.as_ref(), "current-password");
    let fields = html! {
        (render_next(view.next.as_ref()))
        (render_form_error(view.error.as_ref()))
        (render_credentials(&view.email, password))
        (render_submit("Sign in"))
    };
    render_card(
        frame,
        "Sign in",
        &html! {
            h1 { "Sign in" }
            (render_form("/account/sign-in", &frame.csrf, None, &fields))
            p.aside { "New here? " a href=(build_entrance("/account/register", view.next.as_ref())) { "Create an account" } "." }
            p.aside { "Agents sign in with a wallet, not here: see " a href="/skill.md" { "skill.md" } "." }
        },
    )
}

pub fn render_registration(frame: &Frame, view: &Registration) -> Markup {
    let password = Field::password("password", "password", "Password", view.password_error.as_ref(), "new-password")
        .hint("8 characters or more. A sentence is a good password.");
    let fields = html! {
        (render_next(view.next.as_ref()))
        (render_form_error(view.error.as_ref()))
        (Field::text("name", "name", "Name", &view.name).optional().autocomplete("name"))
        (render_credentials(&view.email, password))
        (render_submit("Create account"))
    };
    render_card(
        frame,
        "Create an account",
        &html! {
            h1 { "Create an account" }
            p.lead { "Own tenants, hand keys to your agents, see what they spend." }
            (render_form("/account/register", &frame.csrf, None, &fields))
            p.aside { "You have one? " a href=(build_entrance("/account", view.next.as_ref())) { "Sign in" } "." }
        },
    )
}
