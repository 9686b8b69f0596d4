//! The tenant object's shell: load, run, answer; keep the alarm; hand the outbox on.

use std::cell::Cell;
use std::rc::Rc;

use worker::js_sys::Error;
use worker::wasm_bindgen::JsValue;
use worker::{Env, State};

use super::call::{Proof, TenantCall, TenantReply};
use super::command::Command;
use super::errand::Errand;
use super::outcome::Outcome;
use crate::domain::id::RequestId;
use crate::domain::time::Timestamp;
use crate::edge::{self, Edge, PlatformEntropy, task};
use crate::exported_object;
use crate::objects::hop::{Cost, Envelope, Timed};
use crate::objects::message::{Message, TenantEvents};
use crate::objects::shell::{self, Alarm, Leaves, Ran};
use crate::objects::sql::{Sql, SqlError};
use crate::objects::storage::ObjectSql;

/// How long events wait to be handed on together.
const OUTBOX_DELAY_MS: u64 = 200;
/// How many events one message carries.
const OUTBOX_BATCH: u64 = 100;
/// How much due work one run takes on.
const DUE_BATCH: u64 = 500;

/// The object's shell.
pub struct Shell {
    state: State,
    env: Env,
    sql: ObjectSql,
    alarm: Alarm,
    /// Whether the tables are known to be there, in this build's version.
    has_tables: Cell<bool>,
    /// Whether the outbox is known to wait for an alarm that is set.
    outbox_is_scheduled: Cell<bool>,
}

exported_object!(
    /// The object.
    Tenant,
    Shell,
    alarm
);

impl Leaves for TenantCall {
    /// Of several limits all count or none, which takes a transaction.
    fn at_most_a_count(&self) -> bool {
        self.command.only_reads() && self.idempotency.is_none() && self.limits.len() <= 1
    }
}

impl Shell {
    fn wake(state: State, env: Env) -> Self {
        let sql = ObjectSql::new(&state);
        Self { state, env, sql, alarm: Alarm::default(), has_tables: Cell::new(false), outbox_is_scheduled: Cell::new(false) }
    }

    fn serve(self: &Rc<Self>, written: &[u8]) -> Result<JsValue, JsValue> {
        let mut served = None;
        let Ran { reply, statements } = shell::run_call(&self.sql, self.has_tables.get(), written, |sql, timed: Timed<TenantCall>| {
            let reply = self.run(sql, timed.now, &timed.call)?;
            served = Some(timed);
            Ok(reply)
        })?;
        let Some(Timed { now, call }) = served else { return Err(JsValue::from_str("no call was served")) };
        self.has_tables.set(self.has_tables.get() || reply.caller.is_some());
        let due_at_ms = self.next_due(&reply, now);
        let this = Rc::clone(self);
        if let Some(errand) = Errand::after(call, &reply) {
            return task::run(async move { this.run_errand(&errand, reply, statements, now, due_at_ms).await });
        }
        if self.alarm.is_kept(due_at_ms) {
            return shell::answer(statements, &reply, None);
        }
        task::run(async move {
            let due_at_ms = this.alarm.keep(&this.state, due_at_ms).await?;
            shell::answer(statements, &reply, due_at_ms)
        })
    }

    /// 1. The alarm stands before the hold can run out. 2. Ask the memory. 3. Take the price, or give it back. 4. The first
    /// reply with what came of it.
    async fn run_errand(
        &self,
        errand: &Errand,
        admitted: TenantReply,
        statements: u64,
        now: Timestamp,
        due_at_ms: Option<u64>,
    ) -> Result<JsValue, JsValue> {
        let mut due_at_ms = self.alarm.keep(&self.state, due_at_ms).await?;
        let cost = Cost::default();
        let asked = errand.ask(&self.env, now, &cost).await;
        self.sql.take_statements_run();
        let settled = match &asked {
            Ok(answered) => errand.capture(answered),
            Err(_) => Some(errand.release()),
        }
        .map(|second| self.sql.in_transaction(|sql| self.run(sql, now, &second)))
        .transpose();
        let statements = statements + cost.statements.get() + self.sql.take_statements_run();
        let (answered, settled) = match (asked, settled) {
            (Ok(answered), Ok(settled)) => (answered, settled),
            (Err(error), Ok(_)) => return Err(Error::new(&error.to_string()).into()),
            (Ok(_), Err(error)) => return Err(Error::new(&error.to_string()).into()),
            (Err(first), Err(second)) => return Err(Error::new(&format!("{first}; then {second}")).into()),
        };
        let outcome = match settled {
            Some(settled) => {
                let settled_due_at_ms = self.alarm.keep(&self.state, self.next_due(&settled, now)).await?;
                due_at_ms = [due_at_ms, settled_due_at_ms].into_iter().flatten().min();
                // A hold that ran out while the memory was asked: nothing was taken, and the same request may come again.
                settled.outcome.map_err(|refusal| Error::new(&format!("not settled: {refusal:?}")))?;
                Ok(Outcome::Answered(answered))
            }
            None => Ok(Outcome::Answered(answered)),
        };
        shell::seal(&Envelope { statements, hops: cost.hops.get(), due_at_ms, reply: TenantReply { outcome, ..admitted } })
    }

    async fn run_due(&self) -> worker::Result<()> {
        shell::learn_clock(&self.env).await?;
        self.alarm.fired();
        self.outbox_is_scheduled.set(false);
        let now = edge::now();
        let reply = self.run_as_house(now, Command::RunDue { batch: DUE_BATCH })?;
        let pending = self.hand_outbox_on(now).await?;
        let reply = TenantReply { outbox_pending: pending, ..reply };
        self.alarm.keep(&self.state, self.next_due(&reply, now)).await?;
        Ok(())
    }
}

impl Shell {
    /// When this object has to be woken next, as far as the call knows.
    fn next_due(&self, reply: &TenantReply, now: Timestamp) -> Option<u64> {
        let outbox_at_ms = (reply.outbox_pending && !self.outbox_is_scheduled.replace(true)).then(|| now.plus_ms(OUTBOX_DELAY_MS).as_ms());
        [outbox_at_ms, reply.next_due_at_ms.map(Timestamp::as_ms)].into_iter().flatten().min()
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
