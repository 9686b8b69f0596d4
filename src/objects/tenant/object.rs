//! The tenant object's shell: load, run, answer; keep the alarm; hand the outbox on.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use worker::wasm_bindgen::JsValue;
use worker::{Env, State};

use super::call::{Proof, TenantCall, TenantReply};
use super::command::Command;
use super::errand::Errand;
use super::outcome::Outcome;
use super::refusal::Refusal;
use crate::crypto::mac::Secret;
use crate::crypto::vault::Vault;
use crate::domain::id::RequestId;
use crate::domain::time::Timestamp;
use crate::edge::{self, BadSetting, Edge, PlatformEntropy, Settings, task};
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
    /// Made when it is first needed: deriving it costs two hashes.
    vault: OnceCell<Vault>,
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
        Self {
            state,
            env,
            sql,
            alarm: Alarm::default(),
            vault: OnceCell::new(),
            has_tables: Cell::new(false),
            outbox_is_scheduled: Cell::new(false),
        }
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

    /// 1. The alarm stands before the hold can run out. 2. Ask the memory. 3. Take the price and keep the answer; what fails
    /// on the way is given back. 4. The first reply, with what came of it.
    async fn run_errand(
        &self,
        errand: &Errand,
        admitted: TenantReply,
        mut statements: u64,
        now: Timestamp,
        due_at_ms: Option<u64>,
    ) -> Result<JsValue, JsValue> {
        let cost = Cost::default();
        let mut due_at_ms = self.alarm.keep(&self.state, due_at_ms).await;
        let asked = match &due_at_ms {
            Ok(_) => errand.ask(&self.env, now, &cost).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        // The hold and the record are judged by the time it is now, not when they were made: others may hold them by then.
        let now = now.max(edge::now());
        let mut settle = |second: TenantCall| {
            self.sql.take_statements_run();
            let settled = self.sql.in_transaction(|sql| self.run(sql, now, &second));
            statements += self.sql.take_statements_run();
            settled.map_err(|error| error.to_string())
        };
        let captured = asked.and_then(|answered| match errand.capture(&answered).map(&mut settle).transpose()? {
            Some(TenantReply { outcome: Err(refusal), .. }) => Err(format!("not settled: {refusal:?}")),
            settled => Ok((answered, settled)),
        });
        let (outcome, settled) = match captured {
            Ok((answered, settled)) => (Ok(Outcome::Answered(answered)), settled),
            Err(cause) => match settle(errand.release()) {
                Ok(released) => (Err(Refusal::Unsettled { cause }), Some(released)),
                Err(second) => (Err(Refusal::Unsettled { cause: format!("{cause}; then {second}") }), None),
            },
        };
        if let Some(settled) = settled {
            // What was decided stands, whether or not the alarm can be moved for it.
            let settled_due_at_ms = self.alarm.keep(&self.state, self.next_due(&settled, now)).await;
            due_at_ms = Ok([due_at_ms, settled_due_at_ms].into_iter().filter_map(|due| due.ok().flatten()).min());
        }
        let (statements, due_at_ms) = (statements + cost.statements.get(), due_at_ms.unwrap_or_default());
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
        super::run(sql, now, &mut PlatformEntropy, self.vault()?, call)
    }

    fn vault(&self) -> Result<&Vault, SqlError> {
        if self.vault.get().is_none() {
            let settings = Settings::of(&self.env).map_err(|BadSetting(name)| SqlError::Backend(format!("setting {name}")))?;
            let secret = Secret::from_bytes(settings.secrets.seal_secret);
            self.vault.get_or_init(|| Vault::new(&secret));
        }
        self.vault.get().ok_or(SqlError::Shape("no vault"))
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
