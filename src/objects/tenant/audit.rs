//! The audit chain in the store: showing it, walking it, and recomputing every balance from it.

use super::desk::{Desk, Done, Keep, Step, read_as, read_micros, read_optional_as, read_time};
use super::outcome::{AccountCheck, ActivityEntry, AuditVerified, Outcome, Reconciled};
use crate::domain::audit::Entry;
use crate::domain::digest::Digest;
use crate::domain::ledger::Account;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    LIST = "SELECT seq, at_ms, actor, action, object, request_id, from_account, to_account, amount_micros, hash,
            (SELECT previous.hash FROM audit previous WHERE previous.seq = audit.seq - 1)
        FROM audit WHERE ?1 IS NULL OR seq < ?1 ORDER BY seq DESC LIMIT +?2";
    WALK = "SELECT seq, at_ms, actor, action, object, request_id, from_account, to_account, amount_micros, hash FROM audit
        WHERE seq > ?1 ORDER BY seq LIMIT +?2";
    READ_HASH = "SELECT hash FROM audit WHERE seq = ?1";
    /// Each account's balance beside what its entries add up to.
    RECOMPUTE = "SELECT coalesce(account.id, moved.id), coalesce(account.balance_micros, 0), coalesce(moved.micros, 0)
        FROM account FULL JOIN (
            SELECT id, sum(micros) AS micros FROM (
                SELECT to_account AS id, amount_micros AS micros FROM audit WHERE amount_micros IS NOT NULL
                UNION ALL
                SELECT from_account, -amount_micros FROM audit WHERE amount_micros IS NOT NULL
            ) GROUP BY id
        ) moved ON moved.id = account.id ORDER BY 1";
    /// Wallets whose held account is not the sum of their open reservations.
    FIND_UNEQUAL_HOLDS = "SELECT wallet.id FROM wallet JOIN account held ON held.id = wallet.id || '.held'
        WHERE held.balance_micros <> (SELECT coalesce(sum(amount_micros), 0) FROM reservation
            WHERE resolved_at_ms IS NULL AND wallet_id = wallet.id) LIMIT 1";
    /// Leases whose account is not what their row leaves.
    FIND_UNEQUAL_LEASES = "SELECT l.id FROM lease l JOIN account a ON a.id = l.id WHERE a.balance_micros
        <> l.amount_micros - l.captured_micros - l.reserved_micros - l.leased_micros - l.returned_micros LIMIT 1";
}

/// Entries, newest first.
pub(super) fn list(desk: &Desk<'_>, limit: u64, before: Option<u64>) -> Step<Done> {
    Ok(Outcome::Activity(read_latest(desk, limit, before)?).into())
}

/// At most `limit` entries, newest first, those before `before`.
pub(super) fn read_latest(desk: &Desk<'_>, limit: u64, before: Option<u64>) -> Step<Vec<ActivityEntry>> {
    let rows = desk.sql.run(LIST, params![before, limit])?;
    let read = |row: &Row| {
        let prev_hash = if row.is_null(10)? { Digest::ZERO } else { read_digest(row, 10)? };
        Ok(ActivityEntry { entry: read_entry(row)?, prev_hash, hash: read_digest(row, 9)? })
    };
    Ok(rows.iter().map(read).collect::<Result<_, SqlError>>()?)
}

fn read_digest(row: &Row, column: usize) -> Result<Digest, SqlError> {
    Digest::from_slice(row.blob(column)?).ok_or(SqlError::Shape("not a digest"))
}

fn read_entry(row: &Row) -> Result<Entry, SqlError> {
    Ok(Entry {
        seq: row.unsigned(0)?,
        at: read_time(row, 1)?,
        actor: row.text(2)?.to_owned(),
        action: row.text(3)?.to_owned(),
        object: row.text(4)?.to_owned(),
        request_id: row.text(5)?.to_owned(),
        from: read_optional_as(row, 6, Account::parse, "not an account")?,
        to: read_optional_as(row, 7, Account::parse, "not an account")?,
        amount_micros: if row.is_null(8)? { None } else { Some(read_micros(row, 8)?) },
    })
}

/// Walks the chain: numbers without gaps, each hash that of its entry after the one before.
pub(super) fn verify(desk: &Desk<'_>, after_seq: u64, limit: u64) -> Step<Done> {
    let mut previous = match after_seq {
        0 => Digest::ZERO,
        seq => match desk.sql.first(READ_HASH, params![seq])? {
            Some(row) => read_digest(&row, 0)?,
            None => Digest::ZERO,
        },
    };
    let rows = desk.sql.run(WALK, params![after_seq, limit])?;
    let mut walked_seq = after_seq;
    let mut first_bad_seq = None;
    for row in &rows {
        let seq = row.unsigned(0)?;
        // An entry that cannot even be read was edited.
        let computed = read_entry(row).ok().and_then(|entry| entry.hash_after(&previous).ok());
        let stored = read_digest(row, 9)?;
        if seq != walked_seq + 1 || computed != Some(stored) {
            first_bad_seq = first_bad_seq.or(Some(walked_seq + 1));
        }
        previous = stored;
        walked_seq = seq;
    }
    let outcome = Outcome::AuditVerified(AuditVerified {
        valid: first_bad_seq.is_none(),
        entries: rows.len() as u64,
        walked_seq,
        head_seq: desk.head.seq,
        head_hash: desk.head.hash,
        first_bad_seq,
    });
    Ok(Done { outcome, keep: Keep::Nothing })
}

/// Recomputes every balance from the entries and compares.
pub(super) fn reconcile(desk: &Desk<'_>) -> Step<Done> {
    let read = |row: &Row| {
        Ok(AccountCheck {
            account: read_as(row, 0, Account::parse, "not an account")?,
            recorded_micros: row.integer(1)?,
            recomputed_micros: row.integer(2)?,
        })
    };
    let accounts = desk.sql.run(RECOMPUTE, &[])?.iter().map(read).collect::<Result<Vec<_>, SqlError>>()?;
    let as_recorded = accounts.iter().all(|check| check.recorded_micros == check.recomputed_micros);
    let sums_to_zero = accounts.iter().map(|check| i128::from(check.recorded_micros)).sum::<i128>() == 0;
    let holds_equal = desk.sql.first(FIND_UNEQUAL_HOLDS, &[])?.is_none() && desk.sql.first(FIND_UNEQUAL_LEASES, &[])?.is_none();
    let outcome = Outcome::Reconciled(Reconciled {
        equal: as_recorded && sums_to_zero && holds_equal,
        accounts,
        entries: desk.head.seq,
        head_hash: desk.head.hash,
    });
    Ok(Done { outcome, keep: Keep::Nothing })
}
