//! What a call may cost: statements, each of which crosses into the platform, and steps of SQLite, which must not grow
//! with what the tenant holds.

use guildhall::domain::limit::LimitClass;
use guildhall::objects::tenant;
use guildhall::objects::tenant::call::{Proof, TenantCall};
use guildhall::objects::tenant::command::{Command, MeterCapture, MeterRelease};
use guildhall::objects::tenant::outcome::{Outcome, Reserved};
use rusqlite::StatementStatus;

use crate::metering::answered;
use crate::story::{Tale, claim, key, wallet_session};

/// Statements one call runs.
fn statements(tale: &mut Tale, call: &TenantCall) -> u64 {
    let before = tale.object.sql.statements_run();
    assert!(tale.send(call).outcome.is_ok(), "{call:?}");
    tale.object.sql.statements_run() - before
}

/// Virtual machine steps of every statement of the object so far.
fn steps(tale: &Tale) -> i64 {
    let of = |statement: &str| {
        let prepared = tale.object.sql.connection.prepare_cached(statement).unwrap();
        i64::from(prepared.get_status(StatementStatus::VmStep))
    };
    tenant::statements().map(of).sum()
}

/// A metered request with a limit and an idempotency key, ready to be sent.
fn reserve(tale: &mut Tale, name: &str) -> TenantCall {
    TenantCall { idempotency: claim(name, "body"), limits: vec![LimitClass::V2Runtime], ..tale.reserve_call(key(1), 1_000, 60) }
}

fn reserved(tale: &mut Tale, call: &TenantCall) -> Reserved {
    match tale.send(call).outcome {
        Ok(Outcome::Reserved(reserved)) => reserved,
        other => panic!("{other:?}"),
    }
}

fn capture(tale: &mut Tale, first: &TenantCall, reserved: &Reserved) -> TenantCall {
    let request = MeterCapture {
        reservation_id: reserved.reservation_id,
        amount_micros: None,
        scope_hash: first.idempotency.map(|claim| claim.scope_hash),
        answer: Some(answered("{}")),
    };
    TenantCall { request_id: first.request_id, ..tale.call(Proof::House, Command::MeterCapture(request)) }
}

#[test]
fn a_metered_request_takes_five_statements_in_and_six_out() {
    let mut tale = Tale::new();
    // The first request of a minute notes the key's use, the first of all plans the housekeeping.
    let warm = reserve(&mut tale, "warm");
    assert_eq!(statements(&mut tale, &warm), 7);
    let call = reserve(&mut tale, "one");
    assert_eq!(statements(&mut tale, &call), 5, "caller and record, limit, entry, reservation, record");
    let call = reserve(&mut tale, "two");
    let hold = reserved(&mut tale, &call);
    let end = capture(&mut tale, &call, &hold);
    assert_eq!(statements(&mut tale, &end), 6, "caller, reservation, its end, entry, event, record");
    let plain = tale.reserve_call(key(1), 1_000, 60);
    assert_eq!(statements(&mut tale, &plain), 3, "caller, entry, reservation");
    let free = TenantCall { limits: vec![LimitClass::V2Runtime], ..tale.reserve_call(key(1), 0, 60) };
    assert_eq!(statements(&mut tale, &free), 2, "caller, limit");
    let by_wallet = TenantCall { limits: vec![LimitClass::V2Runtime], ..tale.reserve_call(wallet_session(0), 1_000, 60) };
    assert_eq!(statements(&mut tale, &by_wallet), 4, "caller, limit, entry, reservation");
    let call = reserve(&mut tale, "three");
    let hold = reserved(&mut tale, &call);
    let scope_hash = call.idempotency.map(|claim| claim.scope_hash);
    let release = Command::MeterRelease(MeterRelease { reservation_id: hold.reservation_id, scope_hash });
    let release = TenantCall { request_id: call.request_id, ..tale.call(Proof::House, release) };
    assert_eq!(statements(&mut tale, &release), 6, "caller, reservation, its end, entry, event, record");
    let idle = tale.call(Proof::House, Command::RunDue { batch: 100 });
    assert_eq!(
        statements(&mut tale, &idle),
        18,
        "caller, each kind of thing that can run out or go back, who wants events, and what is due next"
    );
}

#[test]
fn a_hundred_thousand_open_reservations_slow_nothing_down() {
    let cost = |open: u64| {
        let mut tale = Tale::new();
        let insert = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
            INSERT INTO reservation (id, seq, wallet_id, amount_micros, status, purpose, caller, expires_at_ms)
            SELECT printf('rsv_%026d', i), i, ?1, 1, 'reserved', 'query', 'house', ?3 + i FROM n WHERE i <= ?2";
        let later = tale.now.plus_s(60).as_ms() as i64;
        if open > 0 {
            let values = (tale.born.wallet_id.to_string(), open as i64, later);
            tale.object.sql.connection.execute(insert, values).unwrap();
        }
        let warm = reserve(&mut tale, "warm");
        tale.send(&warm);
        let before = steps(&tale);
        let call = reserve(&mut tale, "one");
        let hold = reserved(&mut tale, &call);
        let end = capture(&mut tale, &call, &hold);
        tale.send(&end);
        tale.house(Command::RunDue { batch: 100 });
        steps(&tale) - before
    };
    let (few, many) = (cost(0), cost(100_000));
    assert!(many <= few + few / 20, "{few} steps with none open, {many} with a hundred thousand");
}
