//! Governed money, recomputed: every window from the holds and leases that count in it, every lease from what happened under
//! it.

use std::collections::BTreeMap;

use guildhall::domain::approval::ApprovalStatus;
use guildhall::domain::id::LeaseId;

use super::{count, rows};
use crate::model::money::state::Used;
use crate::model::{Checked, State, Status, ensure};
use crate::object::Object;

const MANDATES: &str = "SELECT id, status, version, day, day_held, day_spent, month_held, month_spent, total_held, total_spent,
    daily_micros, monthly_micros, total_micros FROM mandate";
const LEASES: &str = "SELECT id, status, amount_micros, captured_micros, reserved_micros, leased_micros, returned_micros FROM lease";
/// Each hold and its approval: pending together, or neither.
const TORN_APPROVALS: &str = "SELECT count(*) FROM approval a JOIN reservation r ON r.id = a.reservation_id
    WHERE (a.status = 'pending') <> (r.status = 'pending_approval')";
/// A payment that succeeded was captured; one that waits is held; any other holds and takes nothing.
const TORN_PAYMENTS: &str = "SELECT count(*) FROM payment p LEFT JOIN reservation r ON r.id = p.reservation_id
    WHERE CASE p.status WHEN 'succeeded' THEN r.status IS NOT 'captured' WHEN 'pending_approval' THEN r.status IS NOT 'pending_approval'
        ELSE coalesce(r.status, 'released') NOT IN ('released', 'expired') END";
const TOKENS: &str = "SELECT jti, expires_at_ms FROM token_use";
const APPROVALS: &str = "SELECT id, status FROM approval";
const PAYMENTS: &str = "SELECT id, status FROM payment";

/// What is held and spent never exceeds a limit, and is what the holds and leases add up to.
pub fn check(object: &Object, state: &State) -> Checked<()> {
    check_mandates(object, state)?;
    check_leases(object, state)?;
    ensure!(count(object, TORN_APPROVALS) == 0, "an approval and its hold are not pending together");
    ensure!(count(object, TORN_PAYMENTS) == 0, "a payment and its reservation differ");
    Ok(())
}

fn check_mandates(object: &Object, state: &State) -> Checked<()> {
    let mandates = rows(object, MANDATES);
    ensure!(mandates.len() == state.mandates.len(), "{} mandates, expected {}", mandates.len(), state.mandates.len());
    for row in mandates {
        let number = |column| row.unsigned(column).expect("a number");
        let window = |column| Used { held: number(column), spent: number(column + 1) };
        let id = row.text(0).ok().and_then(|text| guildhall::domain::id::MandateId::parse(text).ok()).ok_or("not a mandate id")?;
        let mandate = state.mandates.get(&id).ok_or("a mandate nobody wrote")?;
        let usage = state.usage_on(id, mandate.day);
        let found = (row.text(1).expect("a status"), number(2), number(3), [window(4), window(6), window(8)]);
        let expected = (mandate.status.as_str(), mandate.version, mandate.day, [usage.day, usage.month, usage.total]);
        ensure!(found == expected, "mandate {id} is {found:?}, expected {expected:?}");
        for (used, column) in found.3.iter().zip(10..) {
            let limit = row.optional_unsigned(column).expect("a limit");
            ensure!(limit.is_none_or(|limit| used.held + used.spent <= limit), "mandate {id} is over a limit: {used:?} of {limit:?}");
        }
    }
    Ok(())
}

fn check_leases(object: &Object, state: &State) -> Checked<()> {
    let (leases, all) = (rows(object, LEASES), state.all_parts());
    ensure!(leases.len() == state.leases.len(), "{} leases, expected {}", leases.len(), state.leases.len());
    for row in leases {
        let number = |column| row.unsigned(column).expect("a number");
        let id = row.text(0).ok().and_then(|text| LeaseId::parse(text).ok()).ok_or("not a lease id")?;
        let lease = state.leases.get(&id).ok_or("a lease nobody granted")?;
        let parts = all[&id];
        let found = (row.text(1).expect("a status"), [number(2), number(3), number(4), number(5), number(6)]);
        let expected = (lease.status.as_str(), [lease.amount, parts.captured, parts.reserved, parts.leased, lease.returned]);
        ensure!(found == expected, "lease {id} is {found:?}, expected {expected:?}");
    }
    Ok(())
}

/// Compares what became of payments, approvals and tokens with the reference.
pub fn check_outcomes(object: &Object, state: &State) -> Checked<()> {
    let read = |statement| -> BTreeMap<String, String> {
        let pair = |row: &guildhall::objects::sql::Row| (row.text(0).expect("an id").to_owned(), row.text(1).expect("a status").to_owned());
        rows(object, statement).iter().map(pair).collect()
    };
    let payments = state.payments.iter().map(|(id, one)| (id.to_string(), one.status.as_str().to_owned())).collect();
    ensure!(read(PAYMENTS) == payments, "payments {:?}, expected {payments:?}", read(PAYMENTS));
    let approvals = state.approvals.iter().map(|(id, one)| (id.to_string(), one.status.as_str().to_owned())).collect();
    ensure!(read(APPROVALS) == approvals, "approvals {:?}, expected {approvals:?}", read(APPROVALS));
    let pending = state.approvals.values().filter(|one| one.status == ApprovalStatus::Pending).count();
    let waiting = state.reservations.values().filter(|one| one.status == Status::Pending).count();
    ensure!(pending == waiting, "{pending} approvals pending for {waiting} holds");
    let tokens: BTreeMap<String, u64> =
        rows(object, TOKENS).iter().map(|row| (row.text(0).expect("a jti").to_owned(), row.unsigned(1).expect("a time"))).collect();
    let used = state.tokens_used.iter().map(|(jti, at)| (jti.clone(), at.as_ms())).collect();
    ensure!(tokens == used, "tokens used {tokens:?}, expected {used:?}");
    Ok(())
}
