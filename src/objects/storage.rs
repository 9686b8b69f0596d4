//! The edge's backend of [`Sql`]: the SqlStorage of a Durable Object, and its synchronous transaction.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use wasm_bindgen::prelude::*;
use worker::js_sys::{Array, JsString, Uint8Array};

use super::sql::{Row, Sql, SqlError, Value};

#[wasm_bindgen]
extern "C" {
    /// The part of `DurableObjectStorage` that the worker crate does not bind.
    type SyncStorage;

    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(this: &SyncStorage, closure: &mut dyn FnMut() -> Result<(), JsValue>) -> Result<(), JsValue>;

    /// `SqlStorage`, with the statement as a string the platform has already: it knows its plan by it.
    type SqlStorage;

    #[wasm_bindgen(method, catch, variadic)]
    fn exec(this: &SqlStorage, statement: &JsString, bindings: &Array) -> Result<Cursor, JsValue>;

    type Cursor;

    #[wasm_bindgen(method)]
    fn raw(this: &Cursor) -> RawCursor;

    type RawCursor;

    #[wasm_bindgen(method, catch, js_name = toArray)]
    fn to_array(this: &RawCursor) -> Result<Array, JsValue>;
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

/// Numbers at the edge are doubles: integers beyond this do not survive.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// The SQLite of one object. Counts the statements it runs, so that tests can hold routes to their budget.
pub struct ObjectSql {
    storage: worker::Storage,
    sql: SqlStorage,
    statements_run: Cell<u64>,
}

impl ObjectSql {
    pub fn new(state: &worker::State) -> Self {
        let storage = state.storage();
        let sql = JsValue::from(storage.as_raw().sql()).unchecked_into();
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
        let bindings = Array::new();
        for param in params {
            bindings.push(&bind(param)?);
        }
        let prepared = prepare(statement);
        let cursor = self.sql.exec(&prepared.text, &bindings).map_err(|thrown| classify(&thrown))?;
        if !prepared.has_rows {
            return Ok(Vec::new());
        }
        // One crossing for all rows; an iterator that throws half-way would cross for each.
        let rows = cursor.raw().to_array().map_err(|thrown| classify(&thrown))?;
        (0..rows.length()).map(|at| read_row(&rows.get(at))).collect()
    }
}

#[allow(clippy::cast_precision_loss)]
fn bind(value: &Value) -> Result<JsValue, SqlError> {
    match value {
        Value::Null => Ok(JsValue::NULL),
        Value::Integer(value) if value.unsigned_abs() <= SAFE_INTEGER_MAX => Ok(JsValue::from_f64(*value as f64)),
        Value::Integer(_) => Err(SqlError::Shape("an integer beyond 2^53-1 does not survive a double")),
        Value::Real(value) => Ok(JsValue::from_f64(*value)),
        Value::Text(value) => Ok(JsValue::from_str(value)),
        Value::Blob(value) => Ok(Uint8Array::from(value.as_slice()).buffer().into()),
    }
}

fn read_row(row: &JsValue) -> Result<Row, SqlError> {
    let cells: &Array = row.unchecked_ref();
    (0..cells.length()).map(|at| read(&cells.get(at))).collect::<Result<_, _>>().map(Row)
}

fn read(value: &JsValue) -> Result<Value, SqlError> {
    if let Some(number) = value.as_f64() {
        return Ok(Value::Real(number));
    }
    if let Some(text) = value.dyn_ref::<JsString>() {
        return Ok(Value::Text(text.into()));
    }
    if value.is_null() || value.is_undefined() {
        return Ok(Value::Null);
    }
    if value.is_instance_of::<worker::js_sys::ArrayBuffer>() {
        return Ok(Value::Blob(Uint8Array::new(value).to_vec()));
    }
    Err(SqlError::Shape("a value of no SQL type"))
}

fn classify(thrown: &JsValue) -> SqlError {
    let text = thrown.dyn_ref::<worker::js_sys::Error>().map_or_else(|| format!("{thrown:?}"), |error| error.message().into());
    if text.contains("SQLITE_CONSTRAINT") || text.contains("constraint failed") {
        SqlError::Constraint(text)
    } else {
        SqlError::Backend(text)
    }
}
