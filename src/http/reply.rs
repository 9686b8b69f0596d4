//! What a handler answers: status, headers, body. Turned into the platform's response in one place.

use serde::Serialize;
use worker::wasm_bindgen::JsValue;

use super::fault::Fault;
use crate::domain::form::written::Written;

/// A finished answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

/// How the marketplace wraps what it answers.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Success<T> {
    success: bool,
    data: T,
}

/// The bytes of an answer and what they are.
#[derive(Debug)]
pub enum Body {
    Empty,
    Json(String),
    Html(String),
    /// Bytes under the content type given.
    Text(&'static str, String),
    /// A stream of the platform's, whose type is one of the reply's headers.
    Stream(JsValue),
}

impl Reply {
    /// A JSON answer. A body that cannot be serialized is a fault of ours.
    pub fn json(status: u16, body: &impl Serialize) -> Result<Self, Fault> {
        let text = serde_json::to_string(body).map_err(|error| Fault::internal(error.to_string()))?;
        Ok(Self::json_text(status, text))
    }

    /// A JSON answer whose text is known.
    pub fn json_text(status: u16, text: String) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(text) }
    }

    /// What the marketplace answers with: `{"success":true,"data":...}`.
    pub fn success(status: u16, data: &impl Serialize) -> Result<Self, Fault> {
        Self::json(status, &Success { success: true, data })
    }

    /// The same of what is written already.
    pub fn written<T>(status: u16, data: &Written<T>) -> Self {
        Self::success_text(status, data.as_str())
    }

    /// The same of a list.
    pub fn written_list<'a, T: 'a>(status: u16, data: impl Iterator<Item = &'a Written<T>>) -> Self {
        let mut text = r#"{"success":true,"data":["#.to_owned();
        for (number, form) in data.enumerate() {
            if number > 0 {
                text.push(',');
            }
            text.push_str(form.as_str());
        }
        text.push_str("]}");
        Self::json_text(status, text)
    }

    fn success_text(status: u16, data: &str) -> Self {
        Self::json_text(status, format!(r#"{{"success":true,"data":{data}}}"#))
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }

    pub fn html(status: u16, text: String) -> Self {
        Self { status, headers: Vec::new(), body: Body::Html(text) }
    }

    pub fn text(content_type: &'static str, text: impl Into<String>) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Text(content_type, text.into()) }
    }

    /// See other: after a form, and to the sign-in page.
    pub fn see_other(location: impl Into<String>) -> Self {
        Self::empty(303).with_header("Location", location)
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// For answers that hold a credential or a balance.
    #[must_use]
    pub fn no_store(self) -> Self {
        self.with_header("Cache-Control", "no-store")
    }
}
