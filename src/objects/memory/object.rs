//! The memory object's shell: load, run, answer; keep the alarm; tell how much it holds.

use std::cell::Cell;
use std::rc::Rc;

use worker::wasm_bindgen::JsValue;
use worker::{Env, State};

use super::command::{Command, MemoryCall, MemoryReply, Outcome};
use crate::domain::time::{SECOND_MS, Timestamp};
use crate::edge::{self, Edge, PlatformEntropy, task};
use crate::exported_object;
use crate::objects::hop::Timed;
use crate::objects::message::{MemoryCounts, Message};
use crate::objects::shell::{self, Alarm, Leaves, Ran};
use crate::objects::sql::{Sql, SqlError};
use crate::objects::storage::ObjectSql;

/// The counters told are at most this old.
const COUNTS_DELAY_MS: u64 = 20 * SECOND_MS;

/// The object's shell.
pub struct Shell {
    state: State,
    env: Env,
    sql: ObjectSql,
    alarm: Alarm,
    /// Whether the tables are known to be there, in this build's version.
    has_tables: Cell<bool>,
    /// Whether the counters are known to be told by an alarm that is set.
    counts_are_scheduled: Cell<bool>,
}

exported_object!(
    /// The object.
    Memory,
    Shell,
    alarm
);

impl Leaves for MemoryCall {
    fn at_most_a_count(&self) -> bool {
        let only_reads = matches!(self.command, Command::Search(_) | Command::Prime(_) | Command::Status { .. } | Command::Counts);
        only_reads && self.idempotency.is_none()
    }
}

impl Shell {
    fn wake(state: State, env: Env) -> Self {
        let sql = ObjectSql::new(&state);
        Self { state, env, sql, alarm: Alarm::default(), has_tables: Cell::new(false), counts_are_scheduled: Cell::new(false) }
    }

    fn serve(self: &Rc<Self>, written: &[u8]) -> Result<JsValue, JsValue> {
        let mut now = Timestamp::default();
        let mut told = false;
        let mut visited = false;
        let Ran { reply, statements } = shell::run_call(&self.sql, self.has_tables.get(), written, |sql, timed: Timed<MemoryCall>| {
            now = timed.now;
            visited = matches!(timed.call.command, Command::RunDue);
            let reply = self.run(sql, timed.now, &timed.call)?;
            told = changes_counts(&reply);
            Ok(reply)
        })?;
        self.has_tables.set(true);
        let counts_at_ms = (told && !self.counts_are_scheduled.replace(true)).then(|| now.plus_ms(COUNTS_DELAY_MS).as_ms());
        let due_at_ms = [counts_at_ms, reply.next_due_at_ms].into_iter().flatten().min();
        if !visited && self.alarm.is_kept(due_at_ms) {
            return shell::answer(statements, &reply, None);
        }
        let this = Rc::clone(self);
        task::run(async move {
            // Who visits what is due does the alarm's work: with the clock moved ahead that may be long before it.
            if visited {
                this.counts_are_scheduled.set(false);
                this.tell_counts(now).await?;
            }
            let due_at_ms = this.alarm.keep(&this.state, due_at_ms).await?;
            shell::answer(statements, &reply, due_at_ms)
        })
    }

    async fn run_due(&self) -> worker::Result<()> {
        shell::learn_clock(&self.env).await?;
        self.alarm.fired();
        self.counts_are_scheduled.set(false);
        let now = edge::now();
        self.tell_counts(now).await?;
        let reply = self.run_as_house(now, Command::RunDue)?;
        self.alarm.keep(&self.state, reply.next_due_at_ms).await?;
        Ok(())
    }
}

/// Whether what was done may have changed how much there is.
fn changes_counts(reply: &MemoryReply) -> bool {
    matches!(
        reply.outcome,
        Ok(Outcome::Opened(_) | Outcome::Appended(_) | Outcome::Flushed(_) | Outcome::Closed(_) | Outcome::Finalized(_))
    )
}

impl Shell {
    fn run(&self, sql: &dyn Sql, now: Timestamp, call: &MemoryCall) -> Result<MemoryReply, SqlError> {
        if !self.has_tables.get() {
            super::migrate(sql)?;
        }
        super::run(sql, now, &mut PlatformEntropy, call)
    }

    fn run_as_house(&self, now: Timestamp, command: Command) -> worker::Result<MemoryReply> {
        let call = MemoryCall { command, idempotency: None };
        self.sql.in_transaction(|sql| self.run(sql, now, &call)).map_err(|error| worker::Error::RustError(error.to_string()))
    }

    /// Tells the absolute figures: told twice or out of order they do no harm.
    async fn tell_counts(&self, now: Timestamp) -> worker::Result<()> {
        let reply = self.run_as_house(now, Command::Counts)?;
        let Ok(Outcome::Counted(counted)) = reply.outcome else { return Ok(()) };
        let edge = Edge::new(self.env.clone()).map_err(|edge::BadSetting(name)| worker::Error::RustError(format!("setting {name}")))?;
        let tenant = self.state.id().name().unwrap_or_default();
        let counts = MemoryCounts { tenant, observations: counted.observations, open_sessions: counted.open_sessions, at: now };
        edge.events()?.send(Edge::message(Message::MemoryCounts(counts).to_text()?)).await
    }
}
