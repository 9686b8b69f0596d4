//! The client half of an object: one JSON call, one JSON answer, counted.

use std::cell::Cell;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use worker::Stub;
use worker::web_sys::{Request, RequestInit};

use crate::domain::time::Timestamp;

/// What a request has cost so far: calls of objects, statements they ran, queries of D1.
#[derive(Debug, Default)]
pub struct Cost {
    pub hops: Cell<u64>,
    pub statements: Cell<u64>,
    pub queries: Cell<u64>,
}

impl Cost {
    pub fn count_hop(&self, statements: u64) {
        self.hops.set(self.hops.get() + 1);
        self.statements.set(self.statements.get() + statements);
    }

    pub fn count_query(&self) {
        self.queries.set(self.queries.get() + 1);
    }
}

/// Why an object did not answer. Whether the call took effect is unknown unless it is `Overloaded`.
#[derive(Debug)]
pub enum HopError {
    /// The object has more to do than it can; it did not start on this call.
    Overloaded(String),
    /// The call broke off: a reset, a lost connection, an error inside.
    Broken(String),
}

impl fmt::Display for HopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded(what) => write!(f, "overloaded: {what}"),
            Self::Broken(what) => write!(f, "broken: {what}"),
        }
    }
}

/// The header in which an object tells how many statements it ran.
pub const STATEMENTS_HEADER: &str = "x-statements";

/// The header in which an object tells that it has set its alarm anew, in milliseconds of this deployment's clock.
pub const DUE_HEADER: &str = "x-due-at-ms";

/// What an object answered.
#[derive(Debug)]
pub struct Answered<R> {
    pub reply: R,
    /// When the object's alarm was set anew: what the due index must know.
    pub due_at_ms: Option<u64>,
}

/// What crosses the hop: the call and the time of the request it serves.
#[derive(Debug, Serialize, Deserialize)]
pub struct Timed<C> {
    pub now: Timestamp,
    pub call: C,
}

/// Hands `call` to the object and reads its answer.
pub async fn call_object<C: Serialize, R: DeserializeOwned>(stub: &Stub, call: &C, cost: &Cost) -> Result<Answered<R>, HopError> {
    let broken = |error: worker::Error| classify(&error);
    let text = serde_json::to_string(call).map_err(|error| HopError::Broken(error.to_string()))?;
    // The platform's own types: the worker crate's would bring settings of outgoing requests that no object reads.
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&JsValue::from_str(&text));
    let request = Request::new_with_str_and_init("http://object/", &init).map_err(|error| HopError::Broken(format!("{error:?}")))?;
    let mut response = stub.fetch_with_request(request.into()).await.map_err(broken)?;
    let number = |name: &str| response.headers().get(name).ok().flatten().and_then(|count| count.parse::<u64>().ok());
    let (statements, due_at_ms) = (number(STATEMENTS_HEADER), number(DUE_HEADER));
    cost.count_hop(statements.unwrap_or(0));
    let body = response.text().await.map_err(broken)?;
    if response.status_code() != 200 {
        return Err(HopError::Broken(body));
    }
    let reply = serde_json::from_str(&body).map_err(|error| HopError::Broken(error.to_string()))?;
    Ok(Answered { reply, due_at_ms })
}

fn classify(error: &worker::Error) -> HopError {
    let text = error.to_string();
    if text.contains("overloaded") { HopError::Overloaded(text) } else { HopError::Broken(text) }
}
