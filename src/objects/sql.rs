//! The statements an object runs, whichever SQLite runs them: the object's own storage at the edge, rusqlite natively.
//!
//! Statements are `&'static str`, declared with [`statements!`], so that a test can prepare each one of them against
//! the schema and nobody can build one from a request.
//!
//! A parameter that a join compares with, or that stands as a LIMIT, is written `+?1`. SQLite looks at the value of a bare
//! one while it plans, and so plans the statement anew every time one is bound, which costs more than running it.

use std::fmt;

/// A value bound to a statement or read from a row. Integers beyond ±(2^53-1) do not survive the edge's doubles and
/// are refused by its backend.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u64> for Value {
    /// Amounts, times and counts are all below 2^53; what is not becomes a value the backends refuse.
    fn from(value: u64) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Why a statement did not run. For the log; a client sees only that the fault is ours.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlError {
    /// A UNIQUE, CHECK or NOT NULL constraint refused the write.
    Constraint(String),
    /// A column was missing, of another type or out of range.
    Shape(&'static str),
    /// Anything else the backend said.
    Backend(String),
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constraint(what) => write!(f, "constraint: {what}"),
            Self::Shape(what) => write!(f, "shape: {what}"),
            Self::Backend(what) => write!(f, "backend: {what}"),
        }
    }
}

/// One row, read by position.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn value(&self, column: usize) -> Result<&Value, SqlError> {
        self.0.get(column).ok_or(SqlError::Shape("no such column"))
    }

    /// A whole number; the edge hands integers on as doubles, so a whole double counts.
    pub fn integer(&self, column: usize) -> Result<i64, SqlError> {
        match self.value(column)? {
            Value::Integer(value) => Ok(*value),
            #[allow(clippy::cast_possible_truncation)]
            Value::Real(value) if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 => Ok(*value as i64),
            _ => Err(SqlError::Shape("expected an integer")),
        }
    }

    /// A whole number that is not negative.
    pub fn unsigned(&self, column: usize) -> Result<u64, SqlError> {
        u64::try_from(self.integer(column)?).map_err(|_| SqlError::Shape("expected a number that is not negative"))
    }

    pub fn real(&self, column: usize) -> Result<f64, SqlError> {
        match self.value(column)? {
            Value::Real(value) => Ok(*value),
            #[allow(clippy::cast_precision_loss)]
            Value::Integer(value) => Ok(*value as f64),
            _ => Err(SqlError::Shape("expected a number")),
        }
    }

    pub fn text(&self, column: usize) -> Result<&str, SqlError> {
        match self.value(column)? {
            Value::Text(value) => Ok(value),
            _ => Err(SqlError::Shape("expected a text")),
        }
    }

    /// The text itself, which the row has no more.
    pub fn take_text(&mut self, column: usize) -> Result<String, SqlError> {
        match self.0.get_mut(column) {
            Some(Value::Text(value)) => Ok(std::mem::take(value)),
            _ => Err(SqlError::Shape("expected a text")),
        }
    }

    pub fn blob(&self, column: usize) -> Result<&[u8], SqlError> {
        match self.value(column)? {
            Value::Blob(value) => Ok(value),
            _ => Err(SqlError::Shape("expected bytes")),
        }
    }

    pub fn is_null(&self, column: usize) -> Result<bool, SqlError> {
        Ok(matches!(self.value(column)?, Value::Null))
    }

    pub fn optional_unsigned(&self, column: usize) -> Result<Option<u64>, SqlError> {
        if self.is_null(column)? { Ok(None) } else { self.unsigned(column).map(Some) }
    }

    pub fn optional_blob(&self, column: usize) -> Result<Option<&[u8]>, SqlError> {
        if self.is_null(column)? { Ok(None) } else { self.blob(column).map(Some) }
    }

    pub fn optional_text(&self, column: usize) -> Result<Option<&str>, SqlError> {
        if self.is_null(column)? { Ok(None) } else { self.text(column).map(Some) }
    }
}

/// A SQLite that runs declared statements. Synchronous: a command runs from its first read to its last write without
/// an await, inside one transaction that its shell opens.
pub trait Sql {
    /// Runs one statement and hands back all its rows.
    fn run(&self, statement: &'static str, params: &[Value]) -> Result<Vec<Row>, SqlError>;

    /// Runs one statement and hands back its first row.
    fn first(&self, statement: &'static str, params: &[Value]) -> Result<Option<Row>, SqlError> {
        Ok(self.run(statement, params)?.into_iter().next())
    }
}

/// Declares the statements of a module as constants and collects them in `STATEMENTS`, which the house test prepares.
#[macro_export]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* const $name: &str = $sql;)*
        /// Every statement of this module.
        pub const STATEMENTS: &[&str] = &[$($name),*];
    };
}

/// The parameters of a statement.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::objects::sql::Value::from($value)),*] };
}
