//! The client half of an object: one call, one answer, counted.

use std::cell::Cell;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use worker::js_sys::futures::JsFuture;
use worker::js_sys::{Error, Promise, Uint8Array};
use worker::web_sys::{RequestInit, Response};
/// The objects of one class.
pub use worker::worker_sys::DurableObjectNamespace as ObjectNamespace;

use super::wire;
use crate::domain::time::Timestamp;

#[wasm_bindgen]
extern "C" {
    /// The part of `Fetcher` that the worker crate does not bind.
    type Fetcher;

    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Fetcher, url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

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
    /// How many statements it ran.
    pub statements: u64,
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
    let (status, bytes) = exchange(objects, name, &written).await.map_err(|thrown| classify(&thrown))?;
    if status != 200 {
        return Err(HopError::Broken(String::from_utf8_lossy(&bytes).into_owned()));
    }
    let envelope: Envelope<R> = wire::read(&bytes).map_err(|error| HopError::Broken(error.to_string()))?;
    cost.count_hop(envelope.statements);
    Ok(Answered { reply: envelope.reply, due_at_ms: envelope.due_at_ms })
}

/// Sends bytes and takes bytes, by the platform's own calls: the worker crate's would bring the settings of outgoing
/// requests, which no object reads, and take the answer through a stream.
async fn exchange(objects: &ObjectNamespace, name: &str, written: &[u8]) -> Result<(u16, Vec<u8>), JsValue> {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&Uint8Array::from(written));
    let object: Fetcher = objects.get_by_name(name)?.unchecked_into();
    let response: Response = JsFuture::from(object.fetch("http://object/", &init)?).await?.unchecked_into();
    let buffer = JsFuture::from(response.array_buffer()?).await?;
    Ok((response.status(), Uint8Array::new(&buffer).to_vec()))
}

fn classify(thrown: &JsValue) -> HopError {
    let text = thrown.dyn_ref::<Error>().map_or_else(|| format!("{thrown:?}"), |error| error.message().into());
    if text.contains("overloaded") { HopError::Overloaded(text) } else { HopError::Broken(text) }
}
