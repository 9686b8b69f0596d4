//! What every command works on: the tenant as it was read, the caller, and the end of the audit chain.
//!
//! Invariant: whatever changes the tenant goes through [`Desk::record`], which links one audit entry, moves the money
//! with it and leaves the event in the outbox, all in the shell's one transaction.

use std::cell::Cell;

use serde::Serialize;

use super::call::Caller;
use super::money::books::{MandateEntry, WalletEntry};
use super::outcome::Outcome;
use super::refusal::Refusal;
use crate::crypto::vault::Vault;
use crate::domain::agent::AgentStatus;
use crate::domain::audit::{Entry, Head};
use crate::domain::entropy::Entropy;
use crate::domain::event::Action;
use crate::domain::form::written::Written;
use crate::domain::id::{AgentId, EventId, RequestId, WalletId};
use crate::domain::ledger::{Account, Transfer, TransferError};
use crate::domain::money::{Micros, MoneyError};
use crate::domain::scope::Scopes;
use crate::domain::time::{DAY_MS, Timestamp};
use crate::objects::sql::{Row, Sql, SqlError};
use crate::objects::wire::WireError;
use crate::{params, statements};

/// How long an event is kept after it was handed on.
pub(super) const EVENT_TTL_MS: u64 = 30 * DAY_MS;

statements! {
    LINK = "INSERT INTO audit
        (seq, at_ms, actor, action, object, request_id, from_account, to_account, amount_micros, hash)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    ANNOUNCE = "INSERT INTO outbox (seq, event_id, type, data, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
    PLAN_HOUSEKEEPING = "UPDATE tenant SET housekeeping_at_ms = ?1";
}

/// Why a command stopped: it was refused, or the store failed and everything is rolled back.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(Refusal),
    Broken(SqlError),
}

pub(super) type Step<T> = Result<T, Stop>;

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Self::Broken(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A sum or a transfer that the decisions before it should have made impossible: nothing is committed.
impl From<MoneyError> for Stop {
    fn from(_: MoneyError) -> Self {
        Self::Broken(SqlError::Shape("an amount left its range"))
    }
}

impl From<TransferError> for Stop {
    fn from(_: TransferError) -> Self {
        Self::Broken(SqlError::Shape("a transfer moves nothing"))
    }
}

impl From<WireError> for Stop {
    fn from(_: WireError) -> Self {
        Self::Broken(SqlError::Shape("a stored answer cannot be written or read"))
    }
}

impl From<serde_json::Error> for Stop {
    fn from(_: serde_json::Error) -> Self {
        Self::Broken(SqlError::Shape("a value has no JSON form"))
    }
}

/// What a command did, and what its idempotency record shall keep.
pub(super) struct Done {
    pub outcome: Outcome,
    pub keep: Keep,
}

/// What goes into the idempotency record.
pub(super) enum Keep {
    /// The outcome, for 24 h.
    Outcome,
    /// That the request is running, until a second call finishes it or this moment comes.
    InFlight(Timestamp),
    /// Nothing: the call decided nothing worth repeating.
    Nothing,
}

impl From<Outcome> for Done {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, keep: Keep::Outcome }
    }
}

/// The state of one call.
pub(super) struct Desk<'a> {
    pub sql: &'a dyn Sql,
    pub now: Timestamp,
    pub entropy: &'a mut dyn Entropy,
    /// Seals the keys agents sign with.
    pub vault: &'a Vault,
    pub request_id: RequestId,
    pub caller: Caller,
    /// A token's mandate and agent as they were read with the caller, for the first who looks at them.
    pub token_mandate: Cell<Option<Box<(MandateEntry, WalletEntry)>>>,
    pub token_agent: Cell<Option<(AgentId, AgentStatus, Scopes)>>,
    /// Whether something has run out that the command has to meet.
    pub is_something_due: bool,
    /// Whom the audit chain names: the caller, or whom the house acts for.
    pub actor: String,
    /// What the default wallet has available in its account, run-out holds not counted.
    pub available: Micros,
    pub head: Head,
    pub outbox_pending: bool,
    pub next_due: Option<Timestamp>,
    pub housekeeping_at: Option<Timestamp>,
    /// The earliest moment something this call wrote will be old.
    pub old_at: Option<Timestamp>,
}

impl Desk<'_> {
    /// Links an audit entry, with the money it moves, and announces it. Answers the entry's number.
    pub fn record<T: Serialize + ?Sized>(&mut self, action: Action, object: &str, transfer: Option<Transfer>, data: &T) -> Step<u64> {
        let seq = self.link(action, object, transfer)?;
        if action.is_announced() {
            self.announce(action, seq, serde_json::to_string(data)?)?;
        }
        Ok(seq)
    }

    /// The same with data that is written already.
    pub fn record_written<T>(&mut self, action: Action, object: &str, transfer: Option<Transfer>, data: &Written<T>) -> Step<u64> {
        let seq = self.link(action, object, transfer)?;
        if action.is_announced() {
            self.announce(action, seq, data.as_str().to_owned())?;
        }
        Ok(seq)
    }

    fn announce(&mut self, action: Action, seq: u64, data: String) -> Step<()> {
        let event_id = EventId::of_seq(seq, self.now, self.entropy).to_string();
        self.sql.run(ANNOUNCE, params![seq, event_id, action.as_str(), data, self.now.as_ms()])?;
        self.outbox_pending = true;
        self.grows_old_at(self.now.plus_ms(EVENT_TTL_MS));
        Ok(())
    }

    fn link(&mut self, action: Action, object: &str, transfer: Option<Transfer>) -> Step<u64> {
        let seq = self.head.seq + 1;
        let entry = Entry {
            action: action.as_str().to_owned(),
            actor: self.actor.clone(),
            amount_micros: None,
            at: self.now,
            from: None,
            object: object.to_owned(),
            request_id: self.request_id.to_string(),
            seq,
            to: None,
        }
        .with_transfer(transfer);
        let hash = entry.hash_after(&self.head.hash)?;
        let account = |account: Option<Account>| account.map(|account| account.to_string());
        let (from, to) = (account(entry.from), account(entry.to));
        let amount = entry.amount_micros.map(Micros::get);
        let (actor, request_id) = (entry.actor, entry.request_id);
        let hash_bytes = hash.as_bytes().to_vec();
        self.sql.run(LINK, params![seq, self.now.as_ms(), actor, action.as_str(), object, request_id, from, to, amount, hash_bytes])?;
        self.head = Head { seq, hash };
        if let Some(transfer) = transfer {
            self.follow(transfer)?;
        }
        Ok(seq)
    }

    /// Keeps what is known of the default wallet in step with a transfer.
    fn follow(&mut self, transfer: Transfer) -> Step<()> {
        let available = Account::Available(self.caller.default_wallet);
        if transfer.from() == available {
            self.available = self.available.checked_sub(transfer.amount())?;
        } else if transfer.to() == available {
            self.available = self.available.checked_add(transfer.amount())?;
        }
        Ok(())
    }

    /// The alarm must stand no later than `at`.
    pub fn due_by(&mut self, at: Timestamp) {
        self.next_due = Some(self.next_due.map_or(at, |due| due.min(at)));
    }

    /// Something written now may be purged from `at` on.
    pub fn grows_old_at(&mut self, at: Timestamp) {
        self.old_at = Some(self.old_at.map_or(at, |old| old.min(at)));
    }

    /// Sees to it that housekeeping comes by once what this call wrote is old. Writes only when none was planned so
    /// early, which is once in a long while.
    pub fn plan_housekeeping(&mut self) -> Step<()> {
        if let Some(old_at) = self.old_at.filter(|old_at| self.housekeeping_at.is_none_or(|planned| *old_at < planned)) {
            self.set_housekeeping(Some(old_at))?;
        }
        Ok(())
    }

    /// Plans the next housekeeping, or none.
    pub fn set_housekeeping(&mut self, at: Option<Timestamp>) -> Step<()> {
        self.sql.run(PLAN_HOUSEKEEPING, params![at.map(Timestamp::as_ms)])?;
        self.housekeeping_at = at;
        Ok(())
    }
}

/// Reads an amount.
pub(super) fn read_micros(row: &Row, column: usize) -> Result<Micros, SqlError> {
    Micros::new(row.unsigned(column)?).map_err(|_| SqlError::Shape("an amount left its range"))
}

/// Reads a moment.
pub(super) fn read_time(row: &Row, column: usize) -> Result<Timestamp, SqlError> {
    row.unsigned(column).map(Timestamp::from_ms)
}

/// Reads a moment that may be missing.
pub(super) fn read_optional_time(row: &Row, column: usize) -> Result<Option<Timestamp>, SqlError> {
    Ok(row.optional_unsigned(column)?.map(Timestamp::from_ms))
}

/// Reads a text as whatever it spells.
pub(super) fn read_as<T>(row: &Row, column: usize, parse: impl Fn(&str) -> Option<T>, what: &'static str) -> Result<T, SqlError> {
    parse(row.text(column)?).ok_or(SqlError::Shape(what))
}

/// Reads a text that may be missing.
pub(super) fn read_optional_as<T>(
    row: &Row,
    column: usize,
    parse: impl Fn(&str) -> Option<T>,
    what: &'static str,
) -> Result<Option<T>, SqlError> {
    row.optional_text(column)?.map(|text| parse(text).ok_or(SqlError::Shape(what))).transpose()
}

/// Reads a stored JSON text.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(row: &Row, column: usize, what: &'static str) -> Result<T, SqlError> {
    serde_json::from_str(row.text(column)?).map_err(|_| SqlError::Shape(what))
}

/// Reads a wallet's id.
pub(super) fn read_wallet_id(row: &Row, column: usize) -> Result<WalletId, SqlError> {
    read_as(row, column, |text| WalletId::parse(text).ok(), "not a wallet id")
}
