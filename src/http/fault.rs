//! A request that cannot be answered as asked: what the client is told, and apart from it what the log is told.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::code::Code;
use crate::domain::id::NotAnId;

/// Why a request failed. `detail` and `extra` are for the client; `cause` is for the log and never serialized.
#[derive(Debug, Clone)]
pub struct Fault {
    pub code: Code,
    pub detail: Cow<'static, str>,
    /// Members beside the code and text: `path`, `limit`, `balance`...
    pub extra: Map<String, Value>,
    /// Headers the reply must carry, `Allow` or `Retry-After` for instance.
    pub headers: Vec<(&'static str, String)>,
    pub cause: Option<String>,
    /// Whether the fault lies in what was sent, found before anybody asked who sent it: then the credential and the
    /// limit still have to be checked first (contract README 5, order of checks).
    pub in_body: bool,
}

impl Fault {
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), extra: Map::new(), headers: Vec::new(), cause: None, in_body: false }
    }

    /// A field that is missing, of another type or out of range; `path` is its JSON path.
    pub fn field(path: &str, rule: &str) -> Self {
        let name = path.strip_prefix("$.").unwrap_or(path);
        Self::new(Code::InvalidField, format!("{name} {rule}")).with("path", path).in_body()
    }

    /// The fault is ours; the client learns nothing but the request id.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(Code::Internal, "something went wrong on our side; try again, and quote the request id if it persists")
        }
    }

    /// A store is busy; the same request may be sent again.
    pub fn busy(cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            headers: vec![("Retry-After", "1".to_owned())],
            ..Self::new(Code::ServiceUnavailable, "the store is busy; send the same request again in a second")
        }
    }

    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "no such thing here; check the path and the id")
    }

    /// Adds a member beside the code.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What an idempotency record keeps of a refusal: all that a repeat is told, but not the id of the request it was told
    /// first.
    pub fn to_kept(&self) -> String {
        json!({ "code": format!("{:?}", self.code), "detail": self.detail, "extra": self.extra }).to_string()
    }

    /// Reads a kept refusal.
    pub fn from_kept(text: &str) -> Option<Self> {
        let kept: Value = serde_json::from_str(text).ok()?;
        let name = kept.get("code")?.as_str()?;
        let code = Code::ALL.iter().copied().find(|code| format!("{code:?}") == name)?;
        let extra = kept.get("extra")?.as_object()?.clone();
        Some(Self { extra, ..Self::new(code, kept.get("detail")?.as_str()?.to_owned()) })
    }

    /// Marks the fault as found before the credential was checked.
    #[must_use]
    pub fn in_body(mut self) -> Self {
        self.in_body = true;
        self
    }
}

impl From<NotAnId> for Fault {
    fn from(_: NotAnId) -> Self {
        Self::not_found()
    }
}
