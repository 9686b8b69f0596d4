//! The native backend of the objects' SQL: rusqlite, in memory, counting statements.

use std::cell::Cell;

use guildhall::objects::sql::{Row, Sql, SqlError, Value};
use rusqlite::types::ValueRef;

pub struct NativeSql {
    pub connection: rusqlite::Connection,
    statements_run: Cell<u64>,
}

impl NativeSql {
    /// A fresh database with the given schema.
    pub fn new(schema: &str) -> Self {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.set_prepared_statement_cache_capacity(1024);
        connection.execute_batch(schema).unwrap();
        Self { connection, statements_run: Cell::new(0) }
    }

    /// How many statements have run so far.
    pub fn statements_run(&self) -> u64 {
        self.statements_run.get()
    }
}

impl Sql for NativeSql {
    fn run(&self, statement: &'static str, params: &[Value]) -> Result<Vec<Row>, SqlError> {
        self.statements_run.set(self.statements_run.get() + 1);
        let mut prepared = self.connection.prepare_cached(statement).map_err(error)?;
        let columns = prepared.column_count();
        let mut rows = prepared.query(rusqlite::params_from_iter(params.iter().map(bind))).map_err(error)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(error)? {
            found.push(Row((0..columns).map(|at| read(row.get_ref(at).unwrap())).collect()));
        }
        Ok(found)
    }
}

fn bind(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(value) => {
            assert!(value.unsigned_abs() < 1 << 53, "{value} does not survive the edge's doubles");
            rusqlite::types::Value::Integer(*value)
        }
        Value::Real(value) => rusqlite::types::Value::Real(*value),
        Value::Text(value) => rusqlite::types::Value::Text(value.clone()),
        Value::Blob(value) => rusqlite::types::Value::Blob(value.clone()),
    }
}

fn read(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(value) => Value::Text(String::from_utf8(value.to_vec()).unwrap()),
        ValueRef::Blob(value) => Value::Blob(value.to_vec()),
    }
}

fn error(error: rusqlite::Error) -> SqlError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => SqlError::Constraint(error.to_string()),
        _ => SqlError::Backend(error.to_string()),
    }
}
