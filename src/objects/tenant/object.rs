//! The tenant object's shell: load, run, answer; keep the alarm; hand the outbox on.

use std::cell::Cell;

use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::web_sys::{Request, Response};
use worker::{Env, State};

use super::call::{Proof, TenantCall, TenantReply};
use super::command::Command;
use super::outcome::Outcome;
use crate::domain::id::RequestId;
use crate::domain::time::Timestamp;
use crate::edge::{self, Edge, PlatformEntropy};
use crate::exported_object;
use crate::objects::hop::Timed;
use crate::objects::message::{Message, TenantEvents};
use crate::objects::shell::{self, Alarm, Ran};
use crate::objects::sql::{Sql, SqlError};
use crate::objects::storage::ObjectSql;

/// How long events wait to be handed on together.
const OUTBOX_DELAY_MS: u64 = 200;
/// How many events one message carries.
const OUTBOX_BATCH: u64 = 100;
/// How much due work one run takes on.
const DUE_BATCH: u64 = 500;

/// The object.
#[wasm_bindgen(wasm_bindgen = worker::wasm_bindgen)]
pub struct Tenant {
    state: State,
    env: Env,
    sql: ObjectSql,
    alarm: Alarm,
    /// Whether the tables are known to be there, in this build's version.
    has_tables: Cell<bool>,
    /// Whether the outbox is known to wait for an alarm that is set.
    outbox_is_scheduled: Cell<bool>,
}

exported_object!(Tenant);

impl Tenant {
    fn wake(state: State, env: Env) -> Self {
        let sql = ObjectSql::new(&state);
        Self { state, env, sql, alarm: Alarm::default(), has_tables: Cell::new(false), outbox_is_scheduled: Cell::new(false) }
    }

    async fn answer(&self, request: Request) -> Result<Response, JsValue> {
        let mut now = Timestamp::default();
        let run = shell::run_call(&self.sql, &request, |sql, timed: Timed<TenantCall>| {
            now = timed.now;
            self.run(sql, timed.now, &timed.call)
        });
        match run.await {
            Err(refused) => refused.into_response(),
            Ok(Ran { reply, statements }) => {
                self.has_tables.set(self.has_tables.get() || reply.caller.is_some());
                let due_at_ms = self.keep_alarm(&reply, now).await?;
                shell::answer(statements, &reply, due_at_ms)
            }
        }
    }

    async fn run_due(&self) -> worker::Result<()> {
        shell::learn_clock(&self.env).await?;
        self.alarm.fired();
        self.outbox_is_scheduled.set(false);
        let now = edge::now();
        let reply = self.run_as_house(now, Command::RunDue { batch: DUE_BATCH })?;
        let pending = self.hand_outbox_on(now).await?;
        let reply = TenantReply { outbox_pending: pending, ..reply };
        self.keep_alarm(&reply, now).await?;
        Ok(())
    }
}

impl Tenant {
    async fn keep_alarm(&self, reply: &TenantReply, now: Timestamp) -> worker::Result<Option<u64>> {
        let outbox_at_ms = (reply.outbox_pending && !self.outbox_is_scheduled.get()).then(|| now.plus_ms(OUTBOX_DELAY_MS).as_ms());
        if outbox_at_ms.is_some() {
            self.outbox_is_scheduled.set(true);
        }
        let due_at_ms = [outbox_at_ms, reply.next_due_at_ms.map(Timestamp::as_ms)].into_iter().flatten().min();
        self.alarm.keep(&self.state, due_at_ms).await
    }

    /// Runs a call. An object nobody was born in gets no tables: a stranger must not make us store one.
    fn run(&self, sql: &dyn Sql, now: Timestamp, call: &TenantCall) -> Result<TenantReply, SqlError> {
        if !self.has_tables.get() {
            let is_birth = matches!(call.command, Command::Birth(_));
            if !is_birth && !super::is_there(sql)? {
                return Ok(super::refuse_unborn(call));
            }
            super::migrate(sql)?;
        }
        super::run(sql, now, &mut PlatformEntropy, call)
    }

    fn run_as_house(&self, now: Timestamp, command: Command) -> worker::Result<TenantReply> {
        let call = TenantCall::new(RequestId::new(now, &mut PlatformEntropy), Proof::House, command);
        self.sql.in_transaction(|sql| self.run(sql, now, &call)).map_err(|error| worker::Error::RustError(error.to_string()))
    }

    /// Sends the oldest events to the queue and forgets them once it has taken them. They are sent again when the
    /// object dies between the two: whoever receives them goes by their sequence. Answers whether more wait.
    async fn hand_outbox_on(&self, now: Timestamp) -> worker::Result<bool> {
        let reply = self.run_as_house(now, Command::OutboxRead { limit: OUTBOX_BATCH })?;
        let Ok(Outcome::Events { after_seq, events }) = reply.outcome else { return Ok(false) };
        let Some(last) = events.last() else { return Ok(false) };
        let (upto_seq, is_full) = (last.seq, events.len() as u64 == OUTBOX_BATCH);
        let name = self.state.id().name().unwrap_or_default();
        let edge = Edge::new(self.env.clone()).map_err(|edge::BadSetting(name)| worker::Error::RustError(format!("setting {name}")))?;
        edge.events()?.send(Message::TenantEvents(TenantEvents { tenant: name, after_seq, events }).to_text()?).await?;
        self.run_as_house(now, Command::OutboxAck { upto_seq })?;
        Ok(is_full)
    }
}
