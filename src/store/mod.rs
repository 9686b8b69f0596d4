//! D1, KV and R2. The only place with D1 SQL; one file an aggregate.

use std::fmt;

use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, D1Result};

pub mod buyer;
pub mod due;
pub mod mail;
pub mod market;
pub mod market_list;
pub mod order;
pub mod projection;
pub mod session;
pub mod tenant;
pub mod user;

/// Why the book of record did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// A UNIQUE or primary key is taken.
    Taken(String),
    /// The store is overloaded, resetting or out of reach: the same request may be sent again.
    Busy(String),
    /// Anything else; a fault of ours.
    Broken(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(what) => write!(f, "taken: {what}"),
            Self::Busy(what) => write!(f, "busy: {what}"),
            Self::Broken(what) => write!(f, "broken: {what}"),
        }
    }
}

/// What the platform says when its trouble is passing.
const PASSING: [&str; 6] =
    ["Network connection lost", "code was updated", "overloaded", "SQLITE_BUSY", "storage caused object to be reset", "timed out"];

impl From<worker::Error> for StoreError {
    fn from(error: worker::Error) -> Self {
        let text = error.to_string();
        if text.contains("UNIQUE constraint failed") || text.contains("SQLITE_CONSTRAINT_PRIMARYKEY") {
            Self::Taken(text)
        } else if PASSING.iter().any(|passing| text.contains(passing)) {
            Self::Busy(text)
        } else {
            Self::Broken(text)
        }
    }
}

/// A value bound to a D1 statement. D1 takes no BigInt, so integers travel as doubles, which is why amounts and times
/// end at 2^53-1.
pub enum Bind {
    Null,
    Integer(u64),
    /// Minus so many.
    Negative(u64),
    Text(String),
}

impl From<u64> for Bind {
    fn from(value: u64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Bind {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Bind {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Option<String>> for Bind {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }
}

impl Bind {
    #[allow(clippy::cast_precision_loss)]
    fn into_js(self) -> JsValue {
        match self {
            Self::Null => JsValue::NULL,
            Self::Integer(value) => JsValue::from_f64(value as f64),
            Self::Negative(value) => JsValue::from_f64(-(value as f64)),
            Self::Text(text) => JsValue::from_str(&text),
        }
    }
}

/// A statement with its values, for [`Database::batch`].
pub type Bound = (&'static str, Vec<Bind>);

/// The values of a statement.
#[macro_export]
macro_rules! binds {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::Bind::from($value)),*] };
}

/// The book of record, counting the queries a request makes.
#[derive(Clone, Copy)]
pub struct Database<'a> {
    database: &'a D1Database,
    count: &'a dyn Fn(),
}

impl<'a> Database<'a> {
    /// `count` is called once for each query sent.
    pub fn new(database: &'a D1Database, count: &'a dyn Fn()) -> Self {
        Self { database, count }
    }

    fn prepare(&self, sql: &'static str, values: Vec<Bind>) -> Result<D1PreparedStatement, StoreError> {
        let values: Vec<JsValue> = values.into_iter().map(Bind::into_js).collect();
        Ok(self.database.prepare(sql).bind(&values)?)
    }

    /// The rows of a query.
    pub async fn rows<T: DeserializeOwned>(&self, sql: &'static str, values: Vec<Bind>) -> Result<Vec<T>, StoreError> {
        (self.count)();
        Ok(self.prepare(sql, values)?.all().await?.results()?)
    }

    /// The first row of a query.
    pub async fn first<T: DeserializeOwned>(&self, sql: &'static str, values: Vec<Bind>) -> Result<Option<T>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Writes, and tells how many rows changed.
    pub async fn write(&self, sql: &'static str, values: Vec<Bind>) -> Result<u64, StoreError> {
        (self.count)();
        let result = self.prepare(sql, values)?.run().await?;
        let changes = result.meta()?.and_then(|meta| meta.changes).unwrap_or(0);
        Ok(u64::try_from(changes).unwrap_or(0))
    }

    /// Several writes in one transaction; tells how many rows the last of them changed.
    pub async fn batch(&self, statements: Vec<Bound>) -> Result<u64, StoreError> {
        (self.count)();
        let prepared = statements.into_iter().map(|(sql, values)| self.prepare(sql, values)).collect::<Result<Vec<_>, _>>()?;
        let results = self.database.batch(prepared).await?;
        let changes = results.last().map(D1Result::meta).transpose()?.flatten().and_then(|meta| meta.changes).unwrap_or(0);
        Ok(u64::try_from(changes).unwrap_or(0))
    }
}
