//! The client half of an object: one call, one answer, counted.

use std::cell::Cell;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use worker::js_sys::{Error, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
/// The objects of one class.
pub use worker::worker_sys::DurableObjectNamespace as ObjectNamespace;

use super::wire;
use crate::domain::time::Timestamp;
use crate::edge::platform;
use crate::edge::task::Answer;

/// What a request has cost so far: calls of objects, statements they ran, queries of D1.
#[derive(Debug, Default)]
pub struct Cost {
    pub hops: Cell<u64>,
    pub statements: Cell<u64>,
    pub queries: Cell<u64>,
}

impl Cost {
    /// One more hop, and those it made in turn.
    pub fn count_hop(&self, further_hops: u64, statements: u64) {
        self.hops.set(self.hops.get() + 1 + further_hops);
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

/// What an object answered.
#[derive(Debug)]
pub struct Answered<R> {
    pub reply: R,
    /// When the object's alarm was set anew: what the due index must know.
    pub due_at_ms: Option<u64>,
}

/// What an object sends back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope<R> {
    /// How many statements it ran, those of objects it asked included.
    pub statements: u64,
    /// How many objects it asked in turn.
    pub hops: u64,
    /// When it has set its alarm anew, in milliseconds of this deployment's clock.
    pub due_at_ms: Option<u64>,
    pub reply: R,
}

/// What crosses the hop: the call and the time of the request it serves.
#[derive(Debug, Serialize, Deserialize)]
pub struct Timed<C> {
    pub now: Timestamp,
    pub call: C,
}

/// Hands `call` to the object of that name and reads its answer.
pub async fn call_object<C: Serialize, R: DeserializeOwned>(
    objects: &ObjectNamespace,
    name: &str,
    call: &C,
    cost: &Cost,
) -> Result<Answered<R>, HopError> {
    let written = wire::write(call).map_err(|error| HopError::Broken(error.to_string()))?;
    let bytes = exchange(objects, name, &written).await.map_err(|thrown| classify(&thrown))?;
    let envelope: Envelope<R> = wire::read(&bytes).map_err(|error| HopError::Broken(error.to_string()))?;
    cost.count_hop(envelope.hops, envelope.statements);
    Ok(Answered { reply: envelope.reply, due_at_ms: envelope.due_at_ms })
}

/// Sends bytes and takes bytes. The object's answer is at hand when the call returns, with no stream to read it from.
async fn exchange(objects: &ObjectNamespace, name: &str, written: &[u8]) -> Result<Vec<u8>, JsValue> {
    let answer = Answer::to(|slot| platform::call_object(objects, name, written, slot)).await?;
    Ok(answer.unchecked_into::<Uint8Array>().to_vec())
}

fn classify(thrown: &JsValue) -> HopError {
    let text = thrown.dyn_ref::<Error>().map_or_else(|| format!("{thrown:?}"), |error| error.message().into());
    if text.contains("overloaded") { HopError::Overloaded(text) } else { HopError::Broken(text) }
}
