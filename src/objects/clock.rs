//! The test clock of a deployment: how far it stands ahead of the platform's (contract README 12). It never moves back
//! and survives a restart. Asked only where `TEST_CLOCK=true`.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use worker::wasm_bindgen::JsValue;
use worker::{Env, State};

use super::hop::{Cost, HopError, ObjectNamespace, call_object};
use super::shell::{self, Leaves, Ran};
use super::sql::{Sql, SqlError};
use super::storage::ObjectSql;
use crate::edge::{self, Edge};
use crate::{exported_object, params, statements};

/// The statements that make the clock's table; run before each use, since it costs nothing a test would notice.
pub const SCHEMA: &[&str] = &[include_str!("../../schema/objects/clock.sql")];

statements! {
    READ = "SELECT offset_ms FROM clock WHERE id = 1";
    ADVANCE = "INSERT INTO clock (id, offset_ms) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET offset_ms = offset_ms + excluded.offset_ms";
}

/// Moves the clock ahead by that many milliseconds; 0 only reads it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Advance {
    pub advance_ms: u64,
}

impl Leaves for Advance {
    fn at_most_a_count(&self) -> bool {
        self.advance_ms == 0
    }
}

/// How far the clock stands ahead.
#[derive(Debug, Serialize, Deserialize)]
pub struct Offset {
    pub offset_ms: u64,
}

/// Runs one command of the clock.
pub fn run(sql: &dyn Sql, call: &Advance) -> Result<Offset, SqlError> {
    for statement in SCHEMA {
        sql.run(statement, &[])?;
    }
    if call.advance_ms > 0 {
        sql.run(ADVANCE, params![call.advance_ms])?;
    }
    let offset_ms = sql.first(READ, &[])?.map_or(Ok(0), |row| row.unsigned(0))?;
    Ok(Offset { offset_ms })
}

/// The object's shell. The clock has no deadline of its own.
pub struct Shell {
    sql: ObjectSql,
}

exported_object!(
    /// The object.
    Clock,
    Shell
);

impl Shell {
    fn wake(state: State, _env: Env) -> Self {
        Self { sql: ObjectSql::new(&state) }
    }

    fn serve(self: &Rc<Self>, written: &[u8]) -> Result<JsValue, JsValue> {
        let Ran { reply, statements } = shell::run_call(&self.sql, false, written, |sql, call: Advance| run(sql, &call))?;
        shell::answer(statements, &reply, None)
    }
}

/// Asks the clock, moving it first, and remembers the answer for this isolate. Not counted as a hop.
pub async fn advance(clocks: &ObjectNamespace, advance_ms: u64) -> Result<u64, HopError> {
    let offset: Offset = call_object(clocks, "clock", &Advance { advance_ms }, &Cost::default()).await?.reply;
    edge::set_clock_offset_ms(offset.offset_ms);
    Ok(offset.offset_ms)
}

/// Learns the offset before the first use of the clock in this isolate; a deployment without a test clock has none.
pub async fn learn(edge: &Edge) -> Result<(), HopError> {
    if edge::known_clock_offset_ms().is_none() {
        if edge.settings.test_clock {
            advance(&edge.clocks().map_err(|error| HopError::Broken(error.to_string()))?, 0).await?;
        } else {
            edge::set_clock_offset_ms(0);
        }
    }
    Ok(())
}
