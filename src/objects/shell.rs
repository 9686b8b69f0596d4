//! What every object's shell does: read the call, run it in one transaction, answer, count, and keep the alarm.

use std::cell::Cell;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::js_sys::{Error, Uint8Array};
use worker::wasm_bindgen::JsValue;

use super::hop::{Envelope, Timed};
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

impl From<NotRun> for JsValue {
    /// What the object throws; its client turns it into a fault of ours.
    fn from(refused: NotRun) -> Self {
        let what = match refused {
            NotRun::Malformed(what) => format!("not a call: {what}"),
            NotRun::Failed(error) => error.to_string(),
        };
        Error::new(&what).into()
    }
}

/// What a call came to, and how many statements that took.
#[derive(Debug)]
pub struct Ran<R> {
    pub reply: R,
    pub statements: u64,
}

/// What a call may leave behind when a statement of it fails, which decides whether it needs a transaction of its own.
pub trait Leaves {
    /// Whether it writes nothing but what may stay: that it came, and when a key was last used. The object commits what a
    /// call has written whole or not at all, transaction or not; without one there is only no way back from a failure in
    /// the middle.
    fn at_most_a_count(&self) -> bool;
}

impl<C: Leaves> Leaves for Timed<C> {
    fn at_most_a_count(&self) -> bool {
        self.call.at_most_a_count()
    }
}

/// Reads a call of type `C` and runs it, in one transaction where it needs that: always while the tables may have to be
/// made first. Between its first read and its last write nothing is awaited, so the object commits the command whole or not
/// at all.
pub fn run_call<C: DeserializeOwned + Leaves, R>(
    sql: &ObjectSql,
    has_tables: bool,
    written: &[u8],
    run: impl FnOnce(&dyn Sql, C) -> Result<R, SqlError>,
) -> Result<Ran<R>, NotRun> {
    let call: C = wire::read(written).map_err(|error| NotRun::Malformed(error.to_string()))?;
    // What an alarm has run since is no part of this call.
    sql.take_statements_run();
    let ran = if has_tables && call.at_most_a_count() { run(sql, call) } else { sql.in_transaction(|sql| run(sql, call)) };
    let reply = ran.map_err(NotRun::Failed)?;
    Ok(Ran { reply, statements: sql.take_statements_run() })
}

/// Answers with `reply`, the statements it took and, when the alarm was set anew, its time.
pub fn answer(statements: u64, reply: &impl Serialize, due_at_ms: Option<u64>) -> Result<JsValue, JsValue> {
    seal(&Envelope { statements, hops: 0, due_at_ms, reply })
}

/// The same when other objects were asked on the way.
pub fn seal<R: Serialize>(envelope: &Envelope<R>) -> Result<JsValue, JsValue> {
    let written = wire::write(envelope).map_err(|error| JsValue::from_str(&error.to_string()))?;
    Ok(Uint8Array::from(written.as_slice()).into())
}

/// Exports the class of an object around its shell, which outlives a call that waits; `alarm` when it has deadlines.
///
/// A call comes as a method of the object and not as a request: there is no body to wait for on either side, and what
/// needs no waiting is answered on the spot.
#[macro_export]
macro_rules! exported_object {
    ($(#[$doc:meta])* $object:ident, $shell:ty $(, $alarm:ident)?) => {
        $(#[$doc])*
        #[cfg(feature = "entry")]
        #[worker::wasm_bindgen::prelude::wasm_bindgen(wasm_bindgen = worker::wasm_bindgen)]
        pub struct $object(std::rc::Rc<$shell>);

        #[cfg(feature = "entry")]
        #[worker::wasm_bindgen::prelude::wasm_bindgen(wasm_bindgen = worker::wasm_bindgen)]
        impl $object {
            /// The platform makes an object when it is first called.
            #[wasm_bindgen(constructor)]
            pub fn new(state: worker::worker_sys::DurableObjectState, env: worker::Env) -> Self {
                Self(std::rc::Rc::new(<$shell>::wake(worker::State::from(state), env)))
            }

            /// One call: bytes, answered by bytes or by a promise of them.
            pub fn serve(&self, call: Vec<u8>) -> Result<worker::wasm_bindgen::JsValue, worker::wasm_bindgen::JsValue> {
                <$shell>::serve(&self.0, &call)
            }

            $(
                /// A deadline has come.
                pub fn $alarm(&self) -> Result<worker::wasm_bindgen::JsValue, worker::wasm_bindgen::JsValue> {
                    let shell = std::rc::Rc::clone(&self.0);
                    $crate::edge::task::run(async move {
                        shell.run_due().await?;
                        Ok(worker::wasm_bindgen::JsValue::UNDEFINED)
                    })
                }
            )?
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
    /// Whether the alarm is known to fire no later than `due_at_ms` of this deployment's clock: then there is nothing to
    /// do about it.
    pub fn is_kept(&self, due_at_ms: Option<u64>) -> bool {
        let Some(due_at_ms) = due_at_ms else { return true };
        self.set_for.get().is_some_and(|at| at <= as_platform_ms(due_at_ms))
    }

    /// Makes the alarm fire no later than `due_at_ms` of this deployment's clock. Answers the deadline when the alarm
    /// was set anew: what the due index must know.
    pub async fn keep(&self, state: &worker::State, due_at_ms: Option<u64>) -> worker::Result<Option<u64>> {
        let Some(due_at_ms) = due_at_ms.filter(|_| !self.is_kept(due_at_ms)) else { return Ok(None) };
        let platform_now_ms = crate::edge::platform_ms();
        let platform_due_ms = as_platform_ms(due_at_ms).max(platform_now_ms);
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

/// A moment of this deployment's clock as the platform's clock will show it.
fn as_platform_ms(at_ms: u64) -> u64 {
    at_ms.saturating_sub(crate::edge::known_clock_offset_ms().unwrap_or(0))
}
