//! The gate's shell.

use std::cell::Cell;

use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::web_sys::{Request, Response};
use worker::{Env, State};

use super::{Call, Command, Reply};
use crate::domain::id::RequestId;
use crate::edge::{self, PlatformEntropy};
use crate::exported_object;
use crate::objects::shell::{self, Alarm, Ran};
use crate::objects::sql::{Sql, SqlError};
use crate::objects::storage::ObjectSql;

/// The object.
#[wasm_bindgen(wasm_bindgen = worker::wasm_bindgen)]
pub struct Gate {
    state: State,
    env: Env,
    sql: ObjectSql,
    alarm: Alarm,
    /// Whether the tables are known to be there, in this build's version.
    has_tables: Cell<bool>,
}

exported_object!(Gate);

impl Gate {
    fn wake(state: State, env: Env) -> Self {
        let sql = ObjectSql::new(&state);
        Self { state, env, sql, alarm: Alarm::default(), has_tables: Cell::new(false) }
    }

    async fn answer(&self, request: Request) -> Result<Response, JsValue> {
        match shell::run_call(&self.sql, &request, |sql, call: Call| self.run(sql, &call)).await {
            Err(refused) => refused.into_response(),
            Ok(Ran { reply, statements }) => {
                self.has_tables.set(true);
                self.alarm.keep(&self.state, reply.next_due_at_ms).await?;
                // What a gate does when due is to forget; nobody has to find it for that.
                shell::answer(statements, &reply, None)
            }
        }
    }

    async fn run_due(&self) -> worker::Result<()> {
        shell::learn_clock(&self.env).await?;
        self.alarm.fired();
        let now = edge::now();
        let call = Call { now, request_id: RequestId::new(now, &mut PlatformEntropy), command: Command::RunDue };
        let reply = self.sql.in_transaction(|sql| self.run(sql, &call)).map_err(|error| worker::Error::RustError(error.to_string()))?;
        self.alarm.keep(&self.state, reply.next_due_at_ms).await?;
        Ok(())
    }

    fn run(&self, sql: &dyn Sql, call: &Call) -> Result<Reply, SqlError> {
        if !self.has_tables.get() {
            super::migrate(sql)?;
        }
        super::run(sql, call)
    }
}
