//! The gate's shell.

use std::cell::Cell;
use std::rc::Rc;

use worker::wasm_bindgen::JsValue;
use worker::{Env, State};

use super::{Call, Command, Reply};
use crate::domain::id::RequestId;
use crate::edge::{self, PlatformEntropy, task};
use crate::exported_object;
use crate::objects::shell::{self, Alarm, Leaves, Ran};
use crate::objects::sql::{Sql, SqlError};
use crate::objects::storage::ObjectSql;

/// The object's shell.
pub struct Shell {
    state: State,
    env: Env,
    sql: ObjectSql,
    alarm: Alarm,
    /// Whether the tables are known to be there, in this build's version.
    has_tables: Cell<bool>,
}

exported_object!(
    /// The object.
    Gate,
    Shell,
    alarm
);

impl Leaves for Call {
    fn at_most_a_count(&self) -> bool {
        matches!(self.command, Command::Count { .. } | Command::Uncount { .. } | Command::ListTenants)
    }
}

impl Shell {
    fn wake(state: State, env: Env) -> Self {
        let sql = ObjectSql::new(&state);
        Self { state, env, sql, alarm: Alarm::default(), has_tables: Cell::new(false) }
    }

    fn serve(self: &Rc<Self>, written: &[u8]) -> Result<JsValue, JsValue> {
        let Ran { reply, statements } = shell::run_call(&self.sql, self.has_tables.get(), written, |sql, call: Call| self.run(sql, &call))?;
        self.has_tables.set(true);
        // What a gate does when due is to forget; nobody has to find it for that.
        let answer = shell::answer(statements, &reply, None)?;
        if self.alarm.is_kept(reply.next_due_at_ms) {
            return Ok(answer);
        }
        let this = Rc::clone(self);
        task::run(async move {
            this.alarm.keep(&this.state, reply.next_due_at_ms).await?;
            Ok(answer)
        })
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
