//! Bugs put in on purpose, between the object and its SQLite, so that the product needs no hooks: statements dropped,
//! rows altered, commits that should not be. The simulation has to catch every one of them.

use guildhall::objects::sql::{Row, Sql, SqlError, Value};

use crate::sqlite::NativeSql;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// The product as it is.
    None,
    /// No reservation ever looks expired to a capture.
    DropsExpiryCheck,
    /// A captured reservation stays open, so that it can be captured again.
    CapturesTwice,
    /// Events are not written.
    ForgetsOutbox,
    /// Requests are not counted.
    SkipsLimits,
    /// What one full window refused stays counted in the others.
    CountsRefused,
    /// Records are not kept.
    SkipsIdempotency,
    /// The reply of a metered request is not kept.
    ForgetsReply,
    /// A released request stays in flight.
    KeepsReleasedInFlight,
    /// Money is held without a reservation.
    ForgetsReservation,
    /// An amount is changed after it was hashed.
    EditsAmount,
    /// The alarm frees nothing.
    SkipsSweep,
    /// What is due is expired in the wrong order.
    SweepsBackwards,
    /// The balance that is read is a little higher than it is.
    ReadsTooMuch,
    /// Revoked keys still work.
    ForgivesRevokedKeys,
    /// The plan's limit is not seen.
    IgnoresPlan,
    /// An enrollment token can be used again.
    ReusesTokens,
    /// Earlier invitations stay good.
    KeepsOldInvitations,
    /// What a killed call had written so far is kept.
    CommitsWhenKilled,
    /// Events are acknowledged that were never handed on.
    AcknowledgesTooMuch,
    /// Housekeeping deletes records before their time.
    PurgesTooEarly,
    /// What is held today is not written down.
    ForgetsDayWindow,
    /// A mandate's month has no limit.
    OverlooksMonth,
    /// What is spent under a lease counts twice.
    CountsLeaseTwice,
    /// What a lease gives back goes to the wallet, though its parent is active.
    SkipsParentLease,
    /// No lease that has run out is ended.
    ForgivesLeaseExpiry,
    /// Children outlive a lease that is revoked.
    LeavesChildren,
    /// The holds of a revoked mandate stay.
    LeavesHolds,
    /// A token's id is not remembered.
    ForgetsTokenUse,
    /// A released hold stays open, so that it can be released again.
    ReleasesTwice,
    /// A mandate whose total is spent stays active.
    ForgetsExhaustion,
    /// A decision is not written down.
    ForgetsDecision,
    /// The kill switch stops nothing.
    IgnoresKillSwitch,
    /// A human who agrees does not make the hold run from then on.
    KeepsDeadline,
}

impl Mutant {
    pub const ALL: [Self; 33] = [
        Self::DropsExpiryCheck,
        Self::CapturesTwice,
        Self::ForgetsOutbox,
        Self::SkipsLimits,
        Self::CountsRefused,
        Self::SkipsIdempotency,
        Self::ForgetsReply,
        Self::KeepsReleasedInFlight,
        Self::ForgetsReservation,
        Self::EditsAmount,
        Self::SkipsSweep,
        Self::SweepsBackwards,
        Self::ReadsTooMuch,
        Self::ForgivesRevokedKeys,
        Self::IgnoresPlan,
        Self::ReusesTokens,
        Self::KeepsOldInvitations,
        Self::CommitsWhenKilled,
        Self::AcknowledgesTooMuch,
        Self::PurgesTooEarly,
        Self::ForgetsDayWindow,
        Self::OverlooksMonth,
        Self::CountsLeaseTwice,
        Self::SkipsParentLease,
        Self::ForgivesLeaseExpiry,
        Self::LeavesChildren,
        Self::LeavesHolds,
        Self::ForgetsTokenUse,
        Self::ReleasesTwice,
        Self::ForgetsExhaustion,
        Self::ForgetsDecision,
        Self::IgnoresKillSwitch,
        Self::KeepsDeadline,
    ];
}

/// The object's SQL with a bug in it.
pub struct MutantSql<'a> {
    pub inner: &'a NativeSql,
    pub mutant: Mutant,
}

/// What a bug does to a statement.
enum Bug {
    Drop,
    /// Dropped, and answered with this row.
    Pretend(Row),
    /// Run with one parameter changed.
    Param(usize, Value),
    /// Run, then a column changed in every row.
    Column(&'static str, fn(&Value) -> Value),
    /// Run, then the rows turned round.
    Reverse,
}

fn far_future(_: &Value) -> Value {
    Value::Integer(253_402_300_799_999)
}

fn null(_: &Value) -> Value {
    Value::Null
}

fn zero(_: &Value) -> Value {
    Value::Integer(0)
}

fn five_more(value: &Value) -> Value {
    match value {
        Value::Integer(amount) => Value::Integer(amount + 5),
        other => other.clone(),
    }
}

impl MutantSql<'_> {
    fn bug(&self, statement: &str, params: &[Value]) -> Option<Bug> {
        let starts = |prefix: &str| statement.starts_with(prefix);
        let is = |at: usize, text: &str| matches!(params.get(at), Some(Value::Text(param)) if param == text);
        let bug = match self.mutant {
            Mutant::None | Mutant::CommitsWhenKilled => return None,
            Mutant::DropsExpiryCheck if starts("SELECT id, wallet_id") && statement.contains("WHERE id = ?1") => {
                Bug::Column("expires_at_ms", far_future)
            }
            Mutant::CapturesTwice if starts("UPDATE reservation") && is(1, "captured") => Bug::Drop,
            Mutant::ForgetsOutbox if starts("INSERT INTO outbox") => Bug::Drop,
            Mutant::SkipsLimits if starts("INSERT INTO limit_window") => {
                Bug::Pretend(Row(vec![params.get(3).cloned()?, Value::Integer(1)]))
            }
            Mutant::CountsRefused if starts("UPDATE limit_window") => Bug::Drop,
            Mutant::SkipsIdempotency if starts("INSERT OR REPLACE INTO idempotency") => Bug::Drop,
            Mutant::ForgetsReply if starts("UPDATE idempotency") => Bug::Pretend(Row(vec![Value::Integer(1)])),
            Mutant::KeepsReleasedInFlight if starts("DELETE FROM idempotency WHERE scope_hash") => Bug::Drop,
            Mutant::ForgetsReservation if starts("INSERT INTO reservation") => Bug::Drop,
            Mutant::EditsAmount if starts("INSERT INTO audit") => match params.get(8) {
                Some(Value::Integer(amount)) => Bug::Param(8, Value::Integer(amount + 1)),
                _ => return None,
            },
            Mutant::SkipsSweep if starts("SELECT id, wallet_id") && statement.contains("LIMIT +?2") && params.len() == 2 => Bug::Drop,
            Mutant::SweepsBackwards if starts("SELECT id, wallet_id") && statement.contains("LIMIT +?2") => Bug::Reverse,
            Mutant::ReadsTooMuch if starts("SELECT t.uuid") => Bug::Column("balance_micros", five_more),
            Mutant::ForgivesRevokedKeys if starts("SELECT t.uuid") && statement.contains("revoked_at_ms") => {
                Bug::Column("revoked_at_ms", null)
            }
            Mutant::IgnoresPlan if starts("SELECT count(*) FROM agent") => Bug::Column("count(*)", zero),
            Mutant::ReusesTokens if starts("UPDATE enrollment_token SET used_by") => Bug::Drop,
            Mutant::KeepsOldInvitations if starts("UPDATE invitation SET voided") => Bug::Drop,
            Mutant::AcknowledgesTooMuch if starts("UPDATE tenant SET outbox_acked_seq") => match params.first() {
                Some(Value::Integer(upto)) => Bug::Param(0, Value::Integer(upto + 2)),
                _ => return None,
            },
            Mutant::PurgesTooEarly if starts("DELETE FROM idempotency WHERE expires_at_ms") => match params.first() {
                Some(Value::Integer(now)) => Bug::Param(0, Value::Integer(now + 72_000_000)),
                _ => return None,
            },
            mutant => return self.money_bug(mutant, statement, params),
        };
        Some(bug)
    }

    fn money_bug(&self, mutant: Mutant, statement: &str, params: &[Value]) -> Option<Bug> {
        let starts = |prefix: &str| statement.starts_with(prefix);
        let is = |at: usize, text: &str| matches!(params.get(at), Some(Value::Text(param)) if param == text);
        let bug = match mutant {
            Mutant::ForgetsDayWindow if starts("UPDATE mandate SET status = ?2, day") => Bug::Param(3, Value::Integer(0)),
            Mutant::OverlooksMonth if starts("SELECT m.id") => Bug::Column("monthly_micros", null),
            Mutant::CountsLeaseTwice if starts("UPDATE lease SET status") => match params.get(2) {
                Some(Value::Integer(captured)) => Bug::Param(2, Value::Integer(captured * 2)),
                _ => return None,
            },
            Mutant::SkipsParentLease if starts("SELECT l.id, l.parent_id, l.parent_agent_id") => Bug::Column("parent_id", null),
            Mutant::ForgivesLeaseExpiry if starts("SELECT id, expires_at_ms FROM lease") => Bug::Drop,
            Mutant::LeavesChildren if starts("SELECT id FROM lease WHERE parent_id = +?1 AND status") => Bug::Drop,
            Mutant::LeavesHolds if starts("UPDATE reservation SET expires_at_ms = ?2") && statement.contains("mandate_id") => Bug::Drop,
            Mutant::ForgetsTokenUse if starts("INSERT INTO token_use") => Bug::Drop,
            Mutant::ReleasesTwice if starts("UPDATE reservation") && is(1, "released") => Bug::Drop,
            Mutant::ForgetsExhaustion if starts("UPDATE mandate SET status = ?2, day") && is(1, "exhausted") => {
                Bug::Param(1, Value::Text("active".to_owned()))
            }
            Mutant::ForgetsDecision if starts("UPDATE approval") => Bug::Drop,
            Mutant::IgnoresKillSwitch if starts("SELECT t.uuid") => Bug::Column("(SELECT stopped FROM control)", zero),
            Mutant::KeepsDeadline if starts("UPDATE reservation SET status = 'reserved'") => Bug::Drop,
            _ => return None,
        };
        Some(bug)
    }

    fn column_names(&self, statement: &str) -> Vec<String> {
        let prepared = self.inner.connection.prepare_cached(statement).unwrap();
        prepared.column_names().map(str::to_owned).collect()
    }
}

impl Sql for MutantSql<'_> {
    fn run(&self, statement: &'static str, params: &[Value]) -> Result<Vec<Row>, SqlError> {
        match self.bug(statement, params) {
            None => self.inner.run(statement, params),
            Some(Bug::Drop) => Ok(Vec::new()),
            Some(Bug::Pretend(row)) => Ok(vec![row]),
            Some(Bug::Param(at, value)) => {
                let mut params = params.to_vec();
                params[at] = value;
                self.inner.run(statement, &params)
            }
            Some(Bug::Column(name, change)) => {
                let mut rows = self.inner.run(statement, params)?;
                let names = self.column_names(statement);
                let at = names.iter().position(|column| column == name).expect("the mutant's column");
                for row in &mut rows {
                    row.0[at] = change(&row.0[at]);
                }
                Ok(rows)
            }
            Some(Bug::Reverse) => {
                let mut rows = self.inner.run(statement, params)?;
                rows.reverse();
                Ok(rows)
            }
        }
    }
}
