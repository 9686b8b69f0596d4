//! What must hold after every step, and what is looked at in full now and then.

mod money;

use std::collections::BTreeMap;

use guildhall::domain::audit::Entry;
use guildhall::domain::digest::Digest;
use guildhall::domain::id::RequestId;
use guildhall::domain::ledger::Account;
use guildhall::domain::money::Micros;
use guildhall::domain::time::{DAY_MS, Timestamp};
use guildhall::objects::sql::{Row, Sql};
use guildhall::params;
use rusqlite::StatementStatus;

use crate::model::{Checked, Expected, Model, State, Status, ensure};
use crate::object::Object;

/// Actions that are recorded and not announced.
const SILENT: [&str; 4] = ["query.held", "query.remainder_freed", "reservation.remainder_freed", "execution_token.granted"];

const NEW_ENTRIES: &str = "SELECT a.seq, a.at_ms, a.actor, a.action, a.object, a.request_id, a.from_account, a.to_account,
    a.amount_micros, a.hash, o.type, o.data FROM audit a LEFT JOIN outbox o ON o.seq = a.seq WHERE a.seq > ?1 ORDER BY a.seq";
const STRAY_EVENTS: &str = "SELECT count(*) FROM outbox WHERE seq > (SELECT coalesce(max(seq), 0) FROM audit)";
const ACCOUNTS: &str = "SELECT id, balance_micros FROM account";
const OPEN: &str = "SELECT count(*), coalesce(sum(amount_micros), 0) FROM reservation WHERE resolved_at_ms IS NULL";
const RESERVATIONS: &str = "SELECT id, status, captured_micros, amount_micros, expires_at_ms FROM reservation";
const RECORDS: &str = "SELECT scope_hash, answer IS NULL, expires_at_ms FROM idempotency";
const ORPHANS: &str = "SELECT count(*) FROM idempotency_part WHERE scope_hash NOT IN (SELECT scope_hash FROM idempotency)";
const EVENTS: &str = "SELECT seq FROM outbox ORDER BY seq";
const DELIVERED_KEY: &str = "SELECT coalesce(sum(delivered = 1 AND undelivered_key IS NOT NULL), 0) FROM tenant";

/// The chain's end as the simulation has checked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    pub hash: Digest,
}

fn rows(object: &Object, statement: &'static str) -> Vec<Row> {
    object.sql.run(statement, &[]).expect("the simulation reads")
}

fn count(object: &Object, statement: &'static str) -> u64 {
    rows(object, statement)[0].unsigned(0).expect("a count")
}

/// Checks the entries, events, accounts and open reservations after a step; a killed call must have left nothing.
pub fn check_step(object: &Object, model: &mut Model, last: &mut Checkpoint, now: Timestamp, request_id: RequestId) -> Checked<()> {
    let Some(state) = &mut model.state else {
        ensure!(count(object, "SELECT count(*) FROM tenant") == 0, "something was born that nobody bore");
        return Ok(());
    };
    check_entries(object, state, &model.entries, last, now, request_id)?;
    check_accounts(object, state)?;
    if model.entries.is_empty() { Ok(()) } else { money::check(object, state) }
}

fn check_entries(
    object: &Object,
    state: &mut State,
    expected: &[Expected],
    last: &mut Checkpoint,
    now: Timestamp,
    request_id: RequestId,
) -> Checked<()> {
    let written = object.sql.run(NEW_ENTRIES, params![state.audit_seq]).expect("the simulation reads");
    ensure!(written.len() == expected.len(), "{} new entries, expected {expected:?}", written.len());
    // What ends together may be written in any order; about one thing, and where only one thing happens, order is kept.
    let mut awaited: Vec<&Expected> = expected.iter().collect();
    for row in &written {
        let entry = read_entry(row)?;
        let transfer = entry.amount_micros.map(|amount| {
            let name = |account: Option<Account>| account.map(|account| account.to_string()).unwrap_or_default();
            (name(entry.from), name(entry.to), amount.get())
        });
        let is_about = |expected: &&Expected| expected.object.as_ref().is_none_or(|object| *object == entry.object);
        let at = if end_together(expected) { awaited.iter().position(is_about) } else { Some(0) };
        ensure!(at.is_some(), "entry {entry:?}, expected {expected:?}");
        let expected = awaited.remove(at.unwrap_or_default());
        let same = entry.action == expected.action
            && expected.actor.as_ref() == Some(&entry.actor)
            && is_about(&expected)
            && transfer == expected.transfer;
        ensure!(same, "entry {entry:?}, expected {expected:?}");
        ensure!(entry.seq == state.audit_seq + 1, "entry {} after {}", entry.seq, state.audit_seq);
        ensure!(entry.at == now && entry.request_id == request_id.to_string(), "entry {entry:?} of another call");
        let hash = hash_of(&entry, &last.hash);
        ensure!(row.blob(9).is_ok_and(|stored| stored == hash.as_bytes()), "entry {} breaks the chain", entry.seq);
        let announced = !SILENT.contains(&expected.action);
        let event = row.optional_text(10).map_err(|error| error.to_string())?;
        ensure!(event == announced.then_some(expected.action), "event {event:?} for {}", expected.action);
        if announced {
            state.announced.push((entry.seq, now));
        }
        state.audit_seq = entry.seq;
        last.hash = hash;
    }
    ensure!(count(object, STRAY_EVENTS) == 0, "an event without a cause");
    Ok(())
}

/// Whether something under a lease or a mandate ended, which takes more with it.
fn end_together(expected: &[Expected]) -> bool {
    expected.iter().any(|one| one.action.starts_with("lease.") || one.action.starts_with("mandate.") || one.action.starts_with("approval."))
}

/// The hash by an implementation of JCS that is not the product's, for one entry in eight; by the product's for the
/// others, which is several times faster.
fn hash_of(entry: &Entry, previous: &Digest) -> Digest {
    if entry.seq.is_multiple_of(8) {
        let canonical = serde_json_canonicalizer::to_vec(entry).expect("canonical");
        Digest::of(&[previous.as_bytes(), &canonical])
    } else {
        entry.hash_after(previous).expect("canonical")
    }
}

fn read_entry(row: &Row) -> Checked<Entry> {
    let read = || {
        let account = |column| Ok(row.optional_text(column)?.and_then(Account::parse));
        Ok(Entry {
            seq: row.unsigned(0)?,
            at: Timestamp::from_ms(row.unsigned(1)?),
            actor: row.text(2)?.to_owned(),
            action: row.text(3)?.to_owned(),
            object: row.text(4)?.to_owned(),
            request_id: row.text(5)?.to_owned(),
            from: account(6)?,
            to: account(7)?,
            amount_micros: row.optional_unsigned(8)?.and_then(|amount| Micros::new(amount).ok()),
        })
    };
    read().map_err(|error: guildhall::objects::sql::SqlError| error.to_string())
}

/// Every balance is the reference's; so money is conserved, nothing but the outside is below zero, and what is held is
/// what is open.
fn check_accounts(object: &Object, state: &State) -> Checked<()> {
    let mut expected = BTreeMap::from([
        ("outside".to_owned(), i64::try_from(state.spent_outside).expect("in range") - i64::try_from(state.funded).expect("in range")),
        ("revenue".to_owned(), i64::try_from(state.revenue).expect("in range")),
    ]);
    for (id, wallet) in &state.wallets {
        expected.insert(id.to_string(), i64::try_from(wallet.available).expect("in range"));
        expected.insert(format!("{id}.held"), i64::try_from(wallet.held).expect("in range"));
    }
    for (id, parts) in state.all_parts() {
        expected.insert(id.to_string(), i64::try_from(parts.remaining).expect("in range"));
    }
    let found: BTreeMap<String, i64> =
        rows(object, ACCOUNTS).iter().map(|row| (row.text(0).expect("a name").to_owned(), row.integer(1).expect("a balance"))).collect();
    ensure!(found == expected, "accounts {found:?}, expected {expected:?}");
    ensure!(found.values().sum::<i64>() == 0, "accounts do not sum to zero: {found:?}");
    ensure!(found.iter().all(|(id, balance)| id == "outside" || *balance >= 0), "below zero: {found:?}");
    let open = &rows(object, OPEN)[0];
    let (number, sum) = (open.unsigned(0).expect("a count"), open.unsigned(1).expect("a sum"));
    let held: u64 = state.wallets.values().map(|wallet| wallet.held).sum();
    let expected = state.reservations.values().filter(|reservation| reservation.status.is_open()).count() as u64;
    ensure!(sum == held && number == expected, "{number} open reservations of {sum}, held {held} in {expected}");
    Ok(())
}

/// Compares whole tables with the reference.
pub fn check_tables(object: &Object, model: &Model, now: Timestamp) -> Checked<()> {
    let Some(state) = &model.state else { return Ok(()) };
    money::check(object, state)?;
    money::check_outcomes(object, state)?;
    let found: BTreeMap<String, (String, Option<u64>, u64, u64)> = rows(object, RESERVATIONS)
        .iter()
        .map(|row| {
            let status = (row.text(1).expect("status").to_owned(), row.optional_unsigned(2).expect("captured"));
            let terms = (row.unsigned(3).expect("amount"), row.unsigned(4).expect("deadline"));
            (row.text(0).expect("id").to_owned(), (status.0, status.1, terms.0, terms.1))
        })
        .collect();
    let expected: BTreeMap<String, (String, Option<u64>, u64, u64)> = state
        .reservations
        .iter()
        .map(|(id, reservation)| {
            let (status, captured) = match reservation.status {
                Status::Reserved => ("reserved", None),
                Status::Pending => ("pending_approval", None),
                Status::Captured(amount) => ("captured", Some(amount)),
                Status::Released => ("released", None),
                Status::Expired => ("expired", None),
            };
            (id.to_string(), (status.to_owned(), captured, reservation.amount, reservation.expires_at.as_ms()))
        })
        .collect();
    ensure!(found == expected, "reservations differ: {found:?}, expected {expected:?}");
    let records: BTreeMap<Vec<u8>, (bool, u64)> = rows(object, RECORDS)
        .iter()
        .map(|row| (row.blob(0).expect("scope").to_vec(), (row.unsigned(1).expect("flag") == 1, row.unsigned(2).expect("time"))))
        .collect();
    for (scope, record) in state.records.iter().filter(|(_, record)| now < record.expires_at) {
        let expected = (record.kept.is_none(), record.expires_at.as_ms());
        let found = records.get(&scope.as_bytes()[..]);
        ensure!(found == Some(&expected), "record {scope}: {found:?}, expected {expected:?}");
    }
    ensure!(count(object, ORPHANS) == 0, "a part of an answer without its record");
    ensure!(count(object, DELIVERED_KEY) == 0, "a delivered key stands as undelivered");
    let kept: Vec<u64> = rows(object, EVENTS).iter().map(|row| row.unsigned(0).expect("seq")).collect();
    let must_keep = |(seq, at): &&(u64, Timestamp)| *seq > state.outbox_acked || now < at.plus_ms(30 * DAY_MS);
    let missing = state.announced.iter().filter(must_keep).find(|(seq, _)| kept.binary_search(seq).is_err());
    ensure!(missing.is_none(), "event {missing:?} is gone too early");
    Ok(())
}

/// After the last alarm nothing is left that had an end: no record, no event that was handed on, no held money.
pub fn check_rest(object: &Object) -> Checked<()> {
    for (what, statement) in [
        ("idempotency records", "SELECT count(*) FROM idempotency"),
        ("events", "SELECT count(*) FROM outbox"),
        ("uses of tokens", "SELECT count(*) FROM token_use"),
        ("pending approvals", "SELECT count(*) FROM approval WHERE status = 'pending'"),
        ("held money", "SELECT coalesce(sum(balance_micros), 0) FROM account WHERE id LIKE '%.held'"),
    ] {
        let left = count(object, statement);
        ensure!(left == 0, "{left} {what} are left over");
    }
    Ok(())
}

/// No statement was planned anew because a value was bound: that costs more than running it.
pub fn check_plans(object: &Object) -> Checked<()> {
    let again = |statement: &&str| {
        let prepared = object.sql.connection.prepare_cached(statement).expect("a statement of the object");
        prepared.get_status(StatementStatus::RePrepare) > 0
    };
    let planned_anew: Vec<_> = guildhall::objects::tenant::statements().filter(again).collect();
    ensure!(planned_anew.is_empty(), "planned anew: {planned_anew:#?}");
    Ok(())
}
