//! The edge's backend of [`Sql`]: the SqlStorage of a Durable Object, and its synchronous transaction.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use wasm_bindgen::prelude::*;
use worker::js_sys::{Array, Float64Array, JsString, Uint8Array};

use super::packed::{Packed, unpack};
use super::sql::{Row, Sql, SqlError, Value};
use crate::edge::platform;

#[wasm_bindgen]
extern "C" {
    /// The part of `DurableObjectStorage` that the worker crate does not bind.
    type SyncStorage;

    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(this: &SyncStorage, closure: &mut dyn FnMut() -> Result<(), JsValue>) -> Result<(), JsValue>;
}

/// A statement as the platform takes it.
#[derive(Clone)]
struct Prepared {
    text: JsString,
    /// Whether it answers with rows; one that only writes has run when it is handed over.
    has_rows: bool,
}

thread_local! {
    /// Every statement this isolate has run, by the place of its text: a string handed over anew would be read, hashed
    /// and looked up by its content each time.
    static PREPARED: RefCell<HashMap<(usize, usize), Prepared>> = RefCell::new(HashMap::new());
}

fn prepare(statement: &'static str) -> Prepared {
    PREPARED.with_borrow_mut(|known| {
        let prepared = known.entry((statement.as_ptr() as usize, statement.len())).or_insert_with(|| Prepared {
            text: JsString::from(statement),
            has_rows: statement.trim_start().starts_with("SELECT")
                || statement.trim_start().starts_with("WITH")
                || statement.contains("RETURNING"),
        });
        prepared.clone()
    })
}

/// The SQLite of one object. Counts the statements it runs, so that tests can hold routes to their budget.
pub struct ObjectSql {
    storage: worker::Storage,
    sql: JsValue,
    statements_run: Cell<u64>,
}

impl ObjectSql {
    pub fn new(state: &worker::State) -> Self {
        let storage = state.storage();
        let sql = storage.as_raw().sql().into();
        Self { storage, sql, statements_run: Cell::new(0) }
    }

    /// How many statements have run since the last call.
    pub fn take_statements_run(&self) -> u64 {
        self.statements_run.replace(0)
    }

    /// Runs `work` in one transaction: an error, or a throw of the platform, rolls every write of it back.
    pub fn in_transaction<T>(&self, work: impl FnOnce(&Self) -> Result<T, SqlError>) -> Result<T, SqlError> {
        let outcome = RefCell::new(None);
        let mut work = Some(work);
        let storage: &SyncStorage = self.storage.as_raw().unchecked_ref();
        let committed = storage.transaction_sync(&mut || {
            let Some(work) = work.take() else { return Err(JsValue::NULL) };
            let result = work(self);
            let kept = if result.is_ok() { Ok(()) } else { Err(JsValue::NULL) };
            *outcome.borrow_mut() = Some(result);
            kept
        });
        match (outcome.into_inner(), committed) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(error)), _) => Err(error),
            (_, Err(thrown)) => Err(classify(&thrown)),
            (None, Ok(())) => Err(SqlError::Backend("the transaction did not run".to_owned())),
        }
    }
}

impl Sql for ObjectSql {
    fn run(&self, statement: &'static str, params: &[Value]) -> Result<Vec<Row>, SqlError> {
        self.statements_run.set(self.statements_run.get() + 1);
        let bound = Packed::of(params)?;
        let prepared = prepare(statement);
        let rows = platform::run_statement(&self.sql, &prepared.text, prepared.has_rows, &bound.values, &bound.texts, &bound.bytes)
            .map_err(|thrown| classify(&thrown))?;
        if rows.is_undefined() {
            return Ok(Vec::new());
        }
        let parts: Array = rows.unchecked_into();
        let bytes = parts.get(2);
        unpack(&Packed {
            values: parts.get(0).unchecked_into::<Float64Array>().to_vec(),
            texts: read_texts(parts.get(1))?,
            bytes: if bytes.is_undefined() { Vec::new() } else { bytes.unchecked_into::<Uint8Array>().to_vec() },
        })
    }
}

/// Texts come as themselves, or, where they are long, as their UTF-8.
fn read_texts(texts: JsValue) -> Result<String, SqlError> {
    match texts.as_string() {
        Some(texts) => Ok(texts),
        None => String::from_utf8(texts.unchecked_into::<Uint8Array>().to_vec()).map_err(|_| SqlError::Shape("texts that are not UTF-8")),
    }
}

fn classify(thrown: &JsValue) -> SqlError {
    let text = thrown.dyn_ref::<worker::js_sys::Error>().map_or_else(|| format!("{thrown:?}"), |error| error.message().into());
    if text.contains("SQLITE_CONSTRAINT") || text.contains("constraint failed") {
        SqlError::Constraint(text)
    } else {
        SqlError::Backend(text)
    }
}
