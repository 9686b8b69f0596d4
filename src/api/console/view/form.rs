//! Forms: fields with their labels, hints and errors, each tied to its field for screen readers.

use maud::{Markup, Render, html};

use super::layout::Frame;

/// What a person put into a field, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub value: String,
    pub error: Option<String>,
}

impl Entry {
    /// A value with nothing wrong.
    pub fn filled(value: &str) -> Self {
        Self { value: value.to_owned(), error: None }
    }
}

/// A form that posts `body` with the CSRF token in front. `tenant`, when there is one, says whose things it changes.
pub fn render_form(action: &str, csrf: &str, tenant: Option<&str>, body: &Markup) -> Markup {
    html! { form method="post" action=(action) { (render_bond(csrf, tenant)) (body) } }
}

/// The same with a file, which stands last in it: what stands before it is read first.
pub fn render_file_form(action: &str, csrf: &str, tenant: &str, body: &Markup) -> Markup {
    html! { form method="post" action=(action) enctype="multipart/form-data" { (render_bond(csrf, Some(tenant))) (body) } }
}

fn render_bond(csrf: &str, tenant: Option<&str>) -> Markup {
    html! {
        input type="hidden" name="csrf" value=(csrf);
        @if let Some(tenant) = tenant { input type="hidden" name="tenant" value=(tenant); }
    }
}

/// A form that does its work once, however often it is sent. `about` tells it from others on its page with the same action.
pub fn render_form_once(action: &str, frame: &Frame, about: &str, tenant: &str, body: &Markup) -> Markup {
    let key = html! { input type="hidden" name="idempotency_key" value={ (frame.form_key) (about) }; (body) };
    render_form(action, &frame.csrf, Some(tenant), &key)
}

/// What is wrong with a form as a whole.
pub fn render_form_error(error: Option<&String>) -> Markup {
    html! { @if let Some(error) = error { p.form-error role="alert" { (error) } } }
}

pub fn render_submit(text: &str) -> Markup {
    html! { div.actions { button.button.primary type="submit" { (text) } } }
}

/// One line of text to type.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    id: &'a str,
    name: &'a str,
    label: &'a str,
    kind: &'a str,
    value: Option<&'a str>,
    error: Option<&'a str>,
    hint: Option<&'a str>,
    autocomplete: &'a str,
    input_mode: Option<&'a str>,
    pattern: Option<&'a str>,
    is_required: bool,
    has_focus: bool,
}

impl<'a> Field<'a> {
    /// A field named `name`, holding `entry`; `id` is unique in its page.
    pub fn text(id: &'a str, name: &'a str, label: &'a str, entry: &'a Entry) -> Self {
        Self {
            id,
            name,
            label,
            kind: "text",
            value: Some(&entry.value),
            error: entry.error.as_deref(),
            hint: None,
            autocomplete: "off",
            input_mode: None,
            pattern: None,
            is_required: true,
            has_focus: false,
        }
    }

    pub fn email(id: &'a str, name: &'a str, label: &'a str, entry: &'a Entry) -> Self {
        Self { kind: "email", autocomplete: "username", ..Self::text(id, name, label, entry) }
    }

    /// A password: its value never comes back, so there is none to pass.
    pub fn password(id: &'a str, name: &'a str, label: &'a str, error: Option<&'a String>, autocomplete: &'a str) -> Self {
        Self {
            id,
            name,
            label,
            kind: "password",
            value: None,
            error: error.map(String::as_str),
            hint: None,
            autocomplete,
            input_mode: None,
            pattern: None,
            is_required: true,
            has_focus: false,
        }
    }

    pub fn hint(self, hint: &'a str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    pub fn optional(self) -> Self {
        Self { is_required: false, ..self }
    }

    pub fn autocomplete(self, autocomplete: &'a str) -> Self {
        Self { autocomplete, ..self }
    }

    pub fn decimal(self) -> Self {
        Self { input_mode: Some("decimal"), ..self }
    }

    pub fn pattern(self, pattern: &'a str) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    /// Where typing starts when the page opens.
    pub fn focused(self) -> Self {
        Self { has_focus: true, ..self }
    }
}

impl Render for Field<'_> {
    fn render(&self) -> Markup {
        let input = html! {
            input id=(self.id) name=(self.name) type=(self.kind) value=[self.value] required[self.is_required]
                autocomplete=(self.autocomplete) inputmode=[self.input_mode] pattern=[self.pattern]
                aria-invalid=[self.error.map(|_| "true")] aria-describedby=[describe(self.id, self.hint, self.error)]
                autofocus[self.has_focus || self.error.is_some()];
        };
        render_labelled(self.id, self.label, self.hint, self.error, self.is_required, &input)
    }
}

/// A file to choose, of these types.
#[derive(Debug, Clone, Copy)]
pub struct FileField<'a> {
    pub id: &'a str,
    pub label: &'a str,
    pub types: &'a str,
    pub hint: &'a str,
    pub error: Option<&'a str>,
}

impl Render for FileField<'_> {
    fn render(&self) -> Markup {
        let input = html! {
            input id=(self.id) name="file" type="file" accept=(self.types) required aria-invalid=[self.error.map(|_| "true")]
                aria-describedby=[describe(self.id, Some(self.hint), self.error)] autofocus[self.error.is_some()];
        };
        render_labelled(self.id, self.label, Some(self.hint), self.error, true, &input)
    }
}

/// One of several values to choose.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    id: &'a str,
    name: &'a str,
    label: &'a str,
    entry: &'a Entry,
    options: &'a [(&'a str, &'a str)],
    hint: Option<&'a str>,
}

impl<'a> Choice<'a> {
    /// `options` are pairs of value and text; the entry's value is the one chosen.
    pub fn new(id: &'a str, name: &'a str, label: &'a str, entry: &'a Entry, options: &'a [(&'a str, &'a str)]) -> Self {
        Self { id, name, label, entry, options, hint: None }
    }

    pub fn hint(self, hint: &'a str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

impl Render for Choice<'_> {
    fn render(&self) -> Markup {
        let error = self.entry.error.as_deref();
        let input = html! {
            select id=(self.id) name=(self.name) aria-invalid=[error.map(|_| "true")]
                aria-describedby=[describe(self.id, self.hint, error)] autofocus[error.is_some()] {
                @for (value, text) in self.options {
                    option value=(value) selected[*value == self.entry.value] { (text) }
                }
            }
        };
        render_labelled(self.id, self.label, self.hint, error, true, &input)
    }
}

/// Several lines of text, not required unless said. The return key makes a new line, so it never presses a button.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    id: &'a str,
    name: &'a str,
    label: &'a str,
    entry: &'a Entry,
    hint: Option<&'a str>,
    max: Option<u64>,
    rows: u64,
    is_required: bool,
}

impl<'a> Lines<'a> {
    /// A field named `name`, holding `entry`; `id` is unique in its page.
    pub fn new(id: &'a str, name: &'a str, label: &'a str, entry: &'a Entry) -> Self {
        Self { id, name, label, entry, hint: None, max: None, rows: 2, is_required: false }
    }

    pub fn hint(self, hint: &'a str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Where a browser lets nobody type on.
    pub fn at_most(self, characters: u64) -> Self {
        Self { max: Some(characters), ..self }
    }

    /// A text that cannot be left out, with room for more of it.
    pub fn required(self) -> Self {
        Self { rows: 4, is_required: true, ..self }
    }
}

impl Render for Lines<'_> {
    fn render(&self) -> Markup {
        let error = self.entry.error.as_deref();
        // A line feed behind the opening tag is none of the text's (HTML 13.1.2.5): ours is the one left out.
        let text = format!("\n{}", self.entry.value);
        let input = html! {
            textarea id=(self.id) name=(self.name) rows=(self.rows) maxlength=[self.max] required[self.is_required] autocomplete="off" aria-invalid=[error.map(|_| "true")]
                aria-describedby=[describe(self.id, self.hint, error)] autofocus[error.is_some()] { (text) }
        };
        render_labelled(self.id, self.label, self.hint, error, self.is_required, &input)
    }
}

/// The ids of the hint and the error, for `aria-describedby`.
fn describe(id: &str, hint: Option<&str>, error: Option<&str>) -> Option<String> {
    match (hint, error) {
        (None, None) => None,
        (Some(_), None) => Some(format!("{id}-hint")),
        (None, Some(_)) => Some(format!("{id}-error")),
        (Some(_), Some(_)) => Some(format!("{id}-error {id}-hint")),
    }
}

fn render_labelled(id: &str, label: &str, hint: Option<&str>, error: Option<&str>, is_required: bool, input: &Markup) -> Markup {
    html! {
        div.field {
            label for=(id) {
                (label)
                @if !is_required { " " span.optional { "optional" } }
            }
            (input)
            @if let Some(error) = error { p.error id=(format!("{id}-error")) { (error) } }
            @if let Some(hint) = hint { p.hint id=(format!("{id}-hint")) { (hint) } }
        }
    }
}
