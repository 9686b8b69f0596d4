//! The tenant object's shell: load, run, answer; keep the alarm; hand the outbox on.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use worker::wasm_bindgen::JsValue;
use worker::{Env, State};

use super::call::{Proof, TenantCall, TenantReply};
use super::command::Command;
use super::errand::Errand;
use super::order::command::OrderCommand;
use super::order::outcome::OrderOutcome;
use super::outcome::Outcome;
use super::refusal::Refusal;
use super::webhook::command::{WebhookCommand, WebhookOutcome};
use super::webhook::wait::{self, Question, Waiters};
use crate::crypto::mac::Secret;
use crate::crypto::vault::Vault;
use crate::domain::delivery::Attempted;
use crate::domain::id::RequestId;
use crate::domain::time::Timestamp;
use crate::edge::{self, BadSetting, Edge, PlatformEntropy, Settings, task};
use crate::exported_object;
use crate::objects::hop::{Cost, Envelope, Timed};
use crate::objects::message::{MESSAGE_BYTES_MAX, Message, TenantEvents, parcels};
use crate::objects::shell::{self, Alarm, Leaves, Ran};
use crate::objects::sql::{Sql, SqlError};
use crate::objects::storage::ObjectSql;

/// How long events wait to be handed on together.
const OUTBOX_DELAY_MS: u64 = 200;
/// When what the queue has not taken is tried again.
const SEND_AGAIN_MS: u64 = 5_000;
/// How many events one message carries.
const OUTBOX_BATCH: u64 = 100;
/// How many messages of events one alarm sends.
const OUTBOX_ROUNDS: u64 = 10;
/// How many attempts are claimed at once, and how often an alarm does it.
const CLAIM_BATCH: u64 = 100;
const CLAIM_ROUNDS: u64 = 10;
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
    /// Requests that wait for an event.
    waiters: Waiters,
    /// The deadline the due index was last told of, since somebody came by for it: what comes later is found from there.
    told_due_at_ms: Cell<Option<u64>>,
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
        let (has_tables, outbox_is_scheduled) = (Cell::new(false), Cell::new(false));
        let (alarm, vault, waiters) = (Alarm::default(), OnceCell::new(), Waiters::default());
        Self { state, env, sql, alarm, vault, has_tables, outbox_is_scheduled, waiters, told_due_at_ms: Cell::new(None) }
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
        if matches!(call.command, Command::RunDue { .. }) {
            self.told_due_at_ms.set(None);
        }
        let due_at_ms = self.next_due(&reply, now);
        let this = Rc::clone(self);
        if let Some(question) = Question::after(&call, &reply) {
            return task::run(async move { this.hold(question, reply, statements, due_at_ms).await });
        }
        if let Some(errand) = Errand::after(call, &reply) {
            return task::run(async move { this.run_errand(&errand, reply, statements, now, due_at_ms).await });
        }
        if self.alarm.is_kept(due_at_ms) {
            return shell::answer(statements, &reply, None);
        }
        task::run(async move {
            let due_at_ms = this.keep_alarm(due_at_ms).await?;
            shell::answer(statements, &reply, due_at_ms)
        })
    }

    /// Makes the alarm stand in time; answers what the due index has to be told, which under a steady load is nothing.
    async fn keep_alarm(&self, due_at_ms: Option<u64>) -> worker::Result<Option<u64>> {
        let set_for = self.alarm.keep(&self.state, due_at_ms).await?;
        let news = set_for.filter(|at| self.told_due_at_ms.get().is_none_or(|told| *at < told));
        if news.is_some() {
            self.told_due_at_ms.set(news);
        }
        Ok(news)
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
        let mut due_at_ms = self.keep_alarm(due_at_ms).await;
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
            let settled_due_at_ms = self.keep_alarm(self.next_due(&settled, now)).await;
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
        self.run_as_house(now, Command::RunDue { batch: DUE_BATCH })?;
        let transfers = self.send_transfers(now).await;
        let (sent, handed_on) = (self.send_attempts(now).await, self.hand_all_on(now).await);
        let due_at_ms = match (transfers, sent, handed_on) {
            (Ok(()), Ok(reply), Ok(outbox_pending)) => self.next_due(&TenantReply { outbox_pending, ..reply }, now),
            (transfers, sent, handed_on) => {
                // What one queue does not take today must not end everything this object has to do.
                for error in [transfers.err(), sent.err(), handed_on.err()].into_iter().flatten() {
                    worker::console_error!("{}", serde_json::json!({"job": "alarm", "error": error.to_string()}));
                }
                self.outbox_is_scheduled.set(true);
                Some(now.plus_ms(SEND_AGAIN_MS).as_ms())
            }
        };
        self.alarm.keep(&self.state, due_at_ms).await?;
        Ok(())
    }

    /// Holds a question of the feed until there is an answer or its time is over.
    async fn hold(
        &self,
        mut question: Question,
        first: TenantReply,
        mut statements: u64,
        due_at_ms: Option<u64>,
    ) -> Result<JsValue, JsValue> {
        let over_at_ms = edge::platform_ms() + question.wait_ms();
        let mut outcome = first.outcome;
        // While the alarm was being set an event may have been handed on: then it is asked before it is waited for.
        let mut looks_on = question.looks_on() || !self.alarm.is_kept(due_at_ms);
        let due_at_ms = self.keep_alarm(due_at_ms).await?;
        loop {
            let left_ms = over_at_ms.saturating_sub(edge::platform_ms());
            if left_ms == 0 && !looks_on {
                break;
            }
            // Who looks on lets others have their turn.
            self.waiters.wait(if looks_on { 0 } else { left_ms }).await?;
            self.sql.take_statements_run();
            let again = self.run(&self.sql, edge::now(), question.call()).map_err(|error| JsValue::from_str(&error.to_string()))?;
            statements += self.sql.take_statements_run();
            question.go_on(&again);
            looks_on = question.looks_on() && left_ms > 0;
            let is_answered = wait::has_events(&again);
            outcome = again.outcome;
            if is_answered {
                break;
            }
        }
        shell::answer(statements, &TenantReply { outcome, ..first }, due_at_ms)
    }

    /// Claims the attempts that are due and sends them to the queue. What is claimed and does not get there is due again when
    /// its lease is over. The answer knows the object's next deadline.
    async fn send_attempts(&self, now: Timestamp) -> worker::Result<TenantReply> {
        let mut rounds = 0;
        loop {
            let mut reply = self.run_as_house(now, Command::Webhook(WebhookCommand::Claim { limit: CLAIM_BATCH }))?;
            let Ok(Outcome::Webhook(WebhookOutcome::Claimed { attempts, more })) = &mut reply.outcome else { return Ok(reply) };
            let (attempts, mut more) = (std::mem::take(attempts), *more);
            let mut texts = Vec::new();
            for attempt in attempts {
                let (delivery_id, claim) = (attempt.delivery_id, attempt.claim);
                let text = Message::WebhookAttempt(attempt).to_text()?;
                if text.len() <= MESSAGE_BYTES_MAX {
                    texts.push(text);
                } else {
                    // It fails by itself, and its deadline is found with the next claim.
                    let attempted = Attempted::unsent(now, "the message is too long to be sent");
                    self.run_as_house(now, Command::Webhook(WebhookCommand::Report { delivery_id, claim, attempted }))?;
                    more = true;
                }
            }
            self.send_all(texts).await?;
            rounds += 1;
            if !more || rounds == CLAIM_ROUNDS {
                return Ok(reply);
            }
        }
    }

    /// Claims the transfers that are due, and the payments that are to go back, and sends them to the queue, as
    /// [`Self::send_attempts`] does attempts.
    async fn send_transfers(&self, now: Timestamp) -> worker::Result<()> {
        for _ in 0..CLAIM_ROUNDS {
            let reply = self.run_as_house(now, Command::Order(OrderCommand::ClaimTransfers { limit: CLAIM_BATCH }))?;
            let Ok(Outcome::Order(OrderOutcome::Transfers { attempts, returns, more })) = reply.outcome else { return Ok(()) };
            let messages = attempts.into_iter().map(Message::Transfer).chain(returns.into_iter().map(Message::Return));
            let texts: Result<Vec<_>, _> = messages.map(|message| message.to_text()).collect();
            self.send_all(texts?).await?;
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// Sends messages, as many at once as the queue takes. A parcel that it does not take is no reason to keep the next one
    /// back.
    async fn send_all(&self, texts: Vec<String>) -> worker::Result<()> {
        let queue = self.edge()?.events()?;
        let mut sent = Ok(());
        for parcel in parcels(texts) {
            sent = queue.send_batch(parcel.into_iter().map(Edge::message)).await.and(sent);
        }
        sent
    }

    fn edge(&self) -> worker::Result<Edge> {
        Edge::new(self.env.clone()).map_err(|edge::BadSetting(name)| worker::Error::RustError(format!("setting {name}")))
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
            self.vault.get_or_init(|| Vault::new(&secret, settings.secrets.token_signing_seed));
        }
        self.vault.get().ok_or(SqlError::Shape("no vault"))
    }

    fn run_as_house(&self, now: Timestamp, command: Command) -> worker::Result<TenantReply> {
        let call = TenantCall::new(RequestId::new(now, &mut PlatformEntropy), Proof::House, command);
        self.sql.in_transaction(|sql| self.run(sql, now, &call)).map_err(|error| worker::Error::RustError(error.to_string()))
    }

    /// Hands on what waits in the outbox, as much as one alarm does. Answers whether more waits.
    async fn hand_all_on(&self, now: Timestamp) -> worker::Result<bool> {
        for _ in 0..OUTBOX_ROUNDS {
            if !self.hand_outbox_on(now).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends the oldest events to the queue and forgets them once it has taken them. They are sent again when the
    /// object dies between the two: whoever receives them goes by their sequence. Answers whether more wait.
    async fn hand_outbox_on(&self, now: Timestamp) -> worker::Result<bool> {
        let queue = self.edge()?.events()?;
        let mut limit = OUTBOX_BATCH;
        loop {
            let reply = self.run_as_house(now, Command::OutboxRead { limit })?;
            let Ok(Outcome::Events { after_seq, events }) = reply.outcome else { return Ok(false) };
            let read = events.len();
            let message = TenantEvents::cut(self.state.id().name().unwrap_or_default(), after_seq, events)?;
            let Some(upto_seq) = message.events.last().map(|event| event.seq) else { return Ok(false) };
            let cut = message.events.len();
            self.waiters.wake_all();
            match queue.send(Edge::message(Message::TenantEvents(message).to_text()?)).await {
                Ok(()) => {
                    self.run_as_house(now, Command::OutboxAck { upto_seq })?;
                    return Ok(cut < read || read as u64 == limit);
                }
                // Whatever the queue has against them together, it may take some of them: the rest must not wait for ever.
                Err(_) if cut > 1 => limit = (cut / 2) as u64,
                Err(error) => return Err(error),
            }
        }
    }
}
