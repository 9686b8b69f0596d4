//! The index of objects with a deadline: nothing can list objects or fire another's alarm, so what must be found later
//! stands here. A row may be too early, never too late: whoever visits an object learns its true deadline.

use serde::Deserialize;

use super::{Database, StoreError};
use crate::domain::time::Timestamp;
use crate::{binds, statements};

statements! {
    NOTE = "INSERT INTO due_objects (class, name, due_at_ms) VALUES (?1, ?2, ?3) ON CONFLICT (class, name) DO UPDATE SET due_at_ms = MIN(due_at_ms, excluded.due_at_ms)";
    LIST = "SELECT class, name, due_at_ms FROM due_objects WHERE due_at_ms <= ?1 ORDER BY due_at_ms LIMIT ?2";
    COUNT = "SELECT COUNT(*) AS due FROM due_objects WHERE due_at_ms <= ?1";
    MOVE = "UPDATE due_objects SET due_at_ms = ?3 WHERE class = ?1 AND name = ?2 AND due_at_ms = ?4";
    FORGET = "DELETE FROM due_objects WHERE class = ?1 AND name = ?2 AND due_at_ms = ?3";
}

/// Which kind of object has the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectClass {
    Tenant,
    Memory,
    Gate,
}

impl ObjectClass {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Memory => "memory",
            Self::Gate => "gate",
        }
    }
}

/// An object that has something to do.
#[derive(Debug, Clone, Deserialize)]
pub struct DueObject {
    pub class: ObjectClass,
    pub name: String,
    pub due_at_ms: u64,
}

/// Notes that an object has something to do at `due_at_ms`; an earlier note stands.
pub async fn note(database: Database<'_>, class: ObjectClass, name: &str, due_at_ms: u64) -> Result<(), StoreError> {
    database.write(NOTE, binds![class.as_str(), name, due_at_ms]).await.map(drop)
}

/// Up to `count_max` objects due at `now`, the longest due first.
pub async fn list(database: Database<'_>, now: Timestamp, count_max: u64) -> Result<Vec<DueObject>, StoreError> {
    database.rows(LIST, binds![now.as_ms(), count_max]).await
}

/// How many objects are due at `now`.
pub async fn count(database: Database<'_>, now: Timestamp) -> Result<u64, StoreError> {
    #[derive(Deserialize)]
    struct Count {
        due: u64,
    }
    Ok(database.first::<Count>(COUNT, binds![now.as_ms()]).await?.map_or(0, |count| count.due))
}

/// Replaces a note that was acted on, unless a newer one stands.
pub async fn settle(database: Database<'_>, done: &DueObject, next_due_at_ms: Option<u64>) -> Result<(), StoreError> {
    match next_due_at_ms {
        Some(next) => database.write(MOVE, binds![done.class.as_str(), done.name.as_str(), next, done.due_at_ms]).await.map(drop),
        None => database.write(FORGET, binds![done.class.as_str(), done.name.as_str(), done.due_at_ms]).await.map(drop),
    }
}
