//! Posting to somebody outside, within a time limit.

use worker::js_sys::{Array, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};

use super::platform;
use super::task::Answer;

/// What is posted, and how long and how much of an answer is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    pub url: &'a str,
    /// A line for each header's name, and then one for its value.
    pub head: &'a str,
    pub body: &'a str,
    pub limit_ms: u32,
    pub bytes_max: u32,
}

/// What was answered. Redirects are not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub status: u16,
    pub retry_after: Option<String>,
    /// The beginning of the body: of one that did not come in time, what came.
    pub text: String,
}

/// Why nothing was answered. What the platform throws names our own machines, so it is told to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostError {
    /// No status within the time limit.
    Silent,
    /// Not connected, or broken off.
    Broken,
}

impl Post<'_> {
    /// Sends it.
    ///
    /// # Errors
    /// When no status came back.
    pub async fn send(self) -> Result<Posted, PostError> {
        let sent = Answer::to(|slot| platform::post(self.url, self.head, self.body, self.limit_ms, self.bytes_max, slot));
        let answer: Array = sent.await.map_err(|thrown| error_of(&thrown))?.unchecked_into();
        let text = |at: u32| answer.get(at).as_string().filter(|text| !text.is_empty());
        Ok(Posted { status: answer.get(0).as_f64().map_or(0, round_status), retry_after: text(1), text: text(2).unwrap_or_default() })
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn round_status(status: f64) -> u16 {
    status as u16
}

fn error_of(thrown: &JsValue) -> PostError {
    let name = Reflect::get(thrown, &JsValue::from_str("name")).ok().and_then(|name| name.as_string()).unwrap_or_default();
    if name == "TimeoutError" || name == "AbortError" { PostError::Silent } else { PostError::Broken }
}
