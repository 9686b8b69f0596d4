//! `/account/settings`: name, password, sign out everywhere.

use maud::{Markup, html};

use super::form::{Entry, Field, render_form, render_form_error, render_submit};
use super::layout::{Frame, Section, render_console};
use super::part::{render_heading, write_count};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub email: String,
    pub name: Entry,
    pub password: PasswordForm,
    /// Sessions open now, this one included.
    pub sessions: u64,
}

/// What was wrong with a change of password; the passwords themselves never come back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PasswordForm {
    pub current_error: Option<String>,
    pub new_error: Option<String>,
    pub error: Option<String>,
}

pub fn render_settings(frame: &Frame, view: &Settings) -> Markup {
    let name = html! {
        (Field::text("name", "name", "Name", &view.name).autocomplete("name"))
        (render_submit("Save name"))
    };
    render_console(
        frame,
        Section::Settings,
        "Settings",
        &render_heading("Settings", &format!("Your account, {}.", view.email)),
        &html! {
            section.panel aria-labelledby="profile" {
                h2 id="profile" { "Profile" }
                (render_form("/account/settings/name", &frame.csrf, None, &name))
            }
            section.panel aria-labelledby="password" {
                h2 id="password" { "Password" }
                (render_form("/account/settings/password", &frame.csrf, None, &render_password_fields(view)))
            }
            section.panel aria-labelledby="sessions" {
                h2 id="sessions" { "Sessions" }
                p { "You are signed in at " (write_count(view.sessions, "place", "places")) ", this one included." }
                (render_form("/account/settings/sign-out-everywhere", &frame.csrf, None, &html! {
                    div.actions { button.button.danger-button type="submit" { "Sign out everywhere" } }
                }))
            }
        },
    )
}

fn render_password_fields(view: &Settings) -> Markup {
    let form = &view.password;
    html! {
        (render_form_error(form.error.as_ref()))
        // Tells password managers whose password this is.
        input type="text" name="username" autocomplete="username" value=(view.email) readonly hidden;
        (Field::password("current-password", "current_password", "Current password", form.current_error.as_ref(), "current-password"))
        (Field::password("new-password", "new_password", "New password", form.new_error.as_ref(), "new-password").hint("8 characters or more."))
        (render_submit("Change password"))
    }
}
