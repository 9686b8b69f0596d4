//! What every object's shell does: read the call, run it in one transaction, answer, count, and keep the alarm.

use std::cell::Cell;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::js_sys::Uint8Array;
use worker::js_sys::futures::JsFuture;
use worker::wasm_bindgen::JsValue;
use worker::web_sys::{Request, Response, ResponseInit};

use super::hop::Envelope;
use super::sql::{Sql, SqlError};
use super::storage::ObjectSql;
use super::{clock, wire};
use crate::edge::{BadSetting, Edge};

/// Why a call was not run, or not kept.
#[derive(Debug)]
pub enum NotRun {
    /// The call is not of the object's type.
    Malformed(String),
    /// A statement failed; nothing of the call was kept.
    Failed(SqlError),
}

impl NotRun {
    /// The answer of the object; its client turns it into a fault of ours.
    pub fn into_response(self) -> Result<Response, JsValue> {
        let (what, status) = match self {
            Self::Malformed(what) => (format!("not a call: {what}"), 400),
            Self::Failed(error) => (error.to_string(), 500),
        };
        let init = ResponseInit::new();
        init.set_status(status);
        Response::new_with_opt_str_and_init(Some(&what), &init)
    }
}

/// What a call came to, and how many statements that took.
#[derive(Debug)]
pub struct Ran<R> {
    pub reply: R,
    pub statements: u64,
}

/// Reads a call of type `C` and runs it in one transaction. Between its first read and its last write nothing is
/// awaited, so the object commits the command whole or not at all.
pub async fn run_call<C: DeserializeOwned, R>(
    sql: &ObjectSql,
    request: &Request,
    run: impl FnOnce(&dyn Sql, C) -> Result<R, SqlError>,
) -> Result<Ran<R>, NotRun> {
    let unread = |thrown: JsValue| NotRun::Malformed(format!("{thrown:?}"));
    let buffer = JsFuture::from(request.array_buffer().map_err(unread)?).await.map_err(unread)?;
    let call: C = wire::read(&Uint8Array::new(&buffer).to_vec()).map_err(|error| NotRun::Malformed(error.to_string()))?;
    // What an alarm has run since is no part of this call.
    sql.take_statements_run();
    let reply = sql.in_transaction(|sql| run(sql, call)).map_err(NotRun::Failed)?;
    Ok(Ran { reply, statements: sql.take_statements_run() })
}

/// Answers with `reply`, the statements it took and, when the alarm was set anew, its time.
pub fn answer(statements: u64, reply: &impl Serialize, due_at_ms: Option<u64>) -> Result<Response, JsValue> {
    let envelope = Envelope { statements, due_at_ms, reply };
    let written = wire::write(&envelope).map_err(|error| JsValue::from_str(&error.to_string()))?;
    Response::new_with_opt_buffer_source(Some(&Uint8Array::from(written.as_slice())))
}

/// Exports an object's class. The worker crate's own macro would make a request and a response of its kind at each call,
/// which asks the platform for a dozen things no call of ours needs.
#[macro_export]
macro_rules! exported_object {
    ($object:ident) => {
        #[worker::wasm_bindgen::prelude::wasm_bindgen(
                    wasm_bindgen = worker::wasm_bindgen, wasm_bindgen_futures = worker::wasm_bindgen_futures, js_sys = worker::js_sys
                )]
        impl $object {
            /// The platform makes an object when it is first called.
            #[wasm_bindgen(constructor)]
            pub fn new(state: worker::worker_sys::DurableObjectState, env: worker::Env) -> Self {
                Self::wake(worker::State::from(state), env)
            }

            /// One call.
            pub async fn fetch(
                &self,
                request: worker::web_sys::Request,
            ) -> Result<worker::web_sys::Response, worker::wasm_bindgen::JsValue> {
                self.answer(request).await
            }

            /// A deadline has come.
            pub async fn alarm(&self) -> Result<(), worker::wasm_bindgen::JsValue> {
                self.run_due().await.map_err(worker::wasm_bindgen::JsValue::from)
            }
        }
    };
}

/// Learns the deployment's clock in an alarm, where no request has brought the time.
pub async fn learn_clock(env: &worker::Env) -> worker::Result<()> {
    let edge = Edge::new(env.clone()).map_err(|BadSetting(name)| worker::Error::RustError(format!("setting {name}")))?;
    clock::learn(&edge).await.map_err(|error| worker::Error::RustError(error.to_string()))
}

/// The object's alarm as this instance knows it, so that a call asks the storage only when it may have to be moved.
#[derive(Debug, Default)]
pub struct Alarm {
    /// When it fires, in platform milliseconds; `None` when this instance does not know.
    set_for: Cell<Option<u64>>,
}

impl Alarm {
    /// Makes the alarm fire no later than `due_at_ms` of this deployment's clock. Answers the deadline when the alarm
    /// was set anew: what the due index must know.
    pub async fn keep(&self, state: &worker::State, due_at_ms: Option<u64>) -> worker::Result<Option<u64>> {
        let Some(due_at_ms) = due_at_ms else { return Ok(None) };
        let platform_now_ms = crate::edge::platform_ms();
        let platform_due_ms = due_at_ms.saturating_sub(crate::edge::known_clock_offset_ms().unwrap_or(0)).max(platform_now_ms);
        if self.set_for.get().is_some_and(|at| at <= platform_due_ms) {
            return Ok(None);
        }
        let storage = state.storage();
        let stored = storage.get_alarm().await?.and_then(|at| u64::try_from(at).ok());
        if stored.is_some_and(|at| at <= platform_due_ms) {
            self.set_for.set(stored);
            return Ok(None);
        }
        storage.set_alarm(Duration::from_millis(platform_due_ms.saturating_sub(platform_now_ms))).await?;
        self.set_for.set(Some(platform_due_ms));
        Ok(Some(due_at_ms))
    }

    /// The alarm has fired and is set no more.
    pub fn fired(&self) {
        self.set_for.set(None);
    }
}
