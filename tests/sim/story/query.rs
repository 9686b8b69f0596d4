//! Metered requests: hold, run, capture or release.

use guildhall::domain::limit::LimitClass;
use guildhall::domain::time::DAY_MS;
use guildhall::objects::tenant::call::{Proof, TenantCall};
use guildhall::objects::tenant::command::{Command, MeterCapture, MeterRelease};
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::refusal::Refusal;

use super::{Tale, claim, key, micros, wallet_session};
use crate::metering::answered;

#[test]
fn on_money_for_k_queries_exactly_k_of_many_at_once_succeed() {
    let mut tale = Tale::new();
    let admitted: Vec<_> = (0..9).map(|_| tale.reserve(300_000, 60)).collect();
    assert_eq!(admitted.iter().filter(|reply| reply.is_ok()).count(), 3);
    let wallet_id = tale.born.wallet_id;
    let refusal = Refusal::InsufficientBalance { available_micros: micros(100_000), price_micros: micros(300_000), wallet_id };
    assert_eq!(admitted[3], Err(refusal));
    for reserved in admitted.into_iter().flatten() {
        assert_eq!(tale.capture(&reserved, None).unwrap().captured_micros, micros(300_000));
    }
    assert_eq!(tale.balance(), (100_000, 0));
}

#[test]
fn if_capture_and_expiry_meet_exactly_one_wins() {
    for (late_ms, captured) in [(999, true), (1_000, false)] {
        let mut tale = Tale::new();
        let reserved = tale.reserve(400_000, 1).unwrap();
        tale.pass_ms(late_ms);
        let capture = tale.capture(&reserved, None);
        assert_eq!(capture.is_ok(), captured);
        tale.house(Command::RunDue { batch: 10 });
        assert_eq!(tale.balance(), if captured { (600_000, 0) } else { (1_000_000, 0) });
        if !captured {
            assert_eq!(capture, Err(Refusal::ReservationExpired));
        }
    }
}

#[test]
fn a_hold_that_ran_out_pays_for_the_next_request_before_any_alarm() {
    let mut tale = Tale::new();
    tale.reserve(1_000_000, 1).unwrap();
    assert!(tale.reserve(1, 1).is_err());
    tale.pass_ms(1_000);
    assert_eq!(tale.balance(), (1_000_000, 0), "the view frees it");
    let again = tale.reserve(1_000_000, 1).unwrap();
    assert_eq!(tale.capture(&again, None).unwrap().available_micros, micros(0));
}

#[test]
fn a_capture_frees_the_rest_and_a_second_one_takes_nothing() {
    let mut tale = Tale::new();
    let reserved = tale.reserve(500_000, 60).unwrap();
    assert_eq!(tale.capture(&reserved, Some(500_001)), Err(Refusal::CaptureExceedsReservation));
    let charged = tale.capture(&reserved, Some(200_000)).unwrap();
    assert_eq!((charged.captured_micros, charged.freed_micros), (micros(200_000), micros(300_000)));
    assert_eq!(tale.capture(&reserved, Some(200_000)).unwrap().available_micros, micros(800_000));
    assert_eq!(tale.capture(&reserved, None), Err(Refusal::ReservationResolved));
    let release = MeterRelease { reservation_id: reserved.reservation_id, scope_hash: None };
    assert_eq!(tale.ask(Proof::House, Command::MeterRelease(release)), Err(Refusal::ReservationResolved));
    assert_eq!(tale.balance(), (800_000, 0));
}

#[test]
fn a_repeat_waits_while_the_first_runs_then_gets_its_reply_and_is_free() {
    let mut tale = Tale::new();
    let first = TenantCall { idempotency: claim("key", "body"), ..tale.reserve_call(key(1), 1_000, 60) };
    let Ok(Outcome::Reserved(reserved)) = tale.send(&first).outcome else { panic!("not reserved") };
    let repeat = TenantCall { idempotency: claim("key", "body"), ..tale.reserve_call(key(1), 1_000, 60) };
    assert_eq!(tale.send(&repeat).outcome, Err(Refusal::IdempotencyInFlight));
    let other = TenantCall { idempotency: claim("key", "other"), ..tale.reserve_call(key(1), 1_000, 60) };
    assert_eq!(tale.send(&other).outcome, Err(Refusal::IdempotencyConflict));
    // Longer than one row of the edge's storage takes, and not of one byte a character.
    let answer = answered(&"ä".repeat(2_500_000));
    let capture = MeterCapture {
        reservation_id: reserved.reservation_id,
        amount_micros: None,
        scope_hash: first.idempotency.map(|claim| claim.scope_hash),
        answer: Some(answer.clone()),
    };
    let second_half = TenantCall { request_id: first.request_id, ..tale.call(Proof::House, Command::MeterCapture(capture)) };
    let Ok(Outcome::Charged(charged)) = tale.send(&second_half).outcome else { panic!("not charged") };
    assert!(charged.answer_kept);
    let replayed = tale.send(&repeat);
    assert_eq!((replayed.outcome, replayed.replayed), (Ok(Outcome::Answered(answer)), true));
    assert_eq!(tale.balance(), (999_000, 0));
    // After 24 h it is a new request, and housekeeping leaves nothing of the old one.
    tale.pass_ms(DAY_MS);
    assert!(matches!(tale.send(&repeat).outcome, Ok(Outcome::Reserved(_))));
    assert_eq!(tale.count("idempotency_part"), 0);
}

#[test]
fn a_request_that_died_half_way_runs_anew_after_its_deadline_or_its_release() {
    let mut tale = Tale::new();
    let call = |tale: &mut Tale| TenantCall { idempotency: claim("key", "body"), ..tale.reserve_call(key(1), 1_000, 30) };
    let first = call(&mut tale);
    let Ok(Outcome::Reserved(reserved)) = tale.send(&first).outcome else { panic!("not reserved") };
    let release = MeterRelease { reservation_id: reserved.reservation_id, scope_hash: first.idempotency.map(|claim| claim.scope_hash) };
    let second_half = TenantCall { request_id: first.request_id, ..tale.call(Proof::House, Command::MeterRelease(release)) };
    assert_eq!(tale.send(&second_half).outcome, Ok(Outcome::Released));
    let second = call(&mut tale);
    assert!(matches!(tale.send(&second).outcome, Ok(Outcome::Reserved(_))));
    tale.pass_ms(30_000);
    let third = call(&mut tale);
    assert!(matches!(tale.send(&third).outcome, Ok(Outcome::Reserved(_))), "the second died without a word");
    // The first's late release must not forget the third's record.
    assert_eq!(tale.send(&second_half).outcome, Ok(Outcome::Released));
    let fourth = call(&mut tale);
    assert_eq!(tale.send(&fourth).outcome, Err(Refusal::IdempotencyInFlight));
}

#[test]
fn a_refusal_of_the_command_is_kept_and_a_refusal_of_the_caller_is_not() {
    let mut tale = Tale::new();
    let dear = TenantCall { idempotency: claim("dear", "body"), ..tale.reserve_call(key(1), 2_000_000, 30) };
    assert!(matches!(tale.send(&dear).outcome, Err(Refusal::InsufficientBalance { .. })));
    let again = TenantCall { request_id: first_id(&mut tale), ..dear };
    let replayed = tale.send(&again);
    assert!(replayed.replayed && matches!(replayed.outcome, Err(Refusal::InsufficientBalance { .. })));
    let stranger = TenantCall { idempotency: claim("cheap", "body"), ..tale.reserve_call(key(99), 1, 30) };
    assert_eq!(tale.send(&stranger).outcome, Err(Refusal::InvalidCredentials));
    let owner = TenantCall { caller: key(1), ..stranger };
    assert!(matches!(tale.send(&owner).outcome, Ok(Outcome::Reserved(_))));
}

fn first_id(tale: &mut Tale) -> guildhall::domain::id::RequestId {
    tale.call(Proof::House, Command::Admit).request_id
}

#[test]
fn windows_count_all_together_or_not_at_all_and_refused_requests_not() {
    let mut tale = Tale::new();
    let both = [LimitClass::V2Runtime, LimitClass::OwnerInvite];
    for used in 1..=3 {
        let reply = tale.limited(key(1), &both);
        assert_eq!(reply.outcome, Ok(Outcome::Admitted));
        assert_eq!(reply.limits.iter().map(|state| state.remaining).collect::<Vec<_>>(), [600 - used, 3 - used]);
    }
    let refused = tale.limited(key(1), &both);
    assert_eq!(refused.outcome, Err(Refusal::RateLimited));
    assert_eq!(refused.limits.iter().map(|state| (state.remaining, state.refused)).collect::<Vec<_>>(), [(597, false), (0, true)]);
    assert_eq!(tale.limited(key(1), &both[..1]).limits[0].remaining, 596);
    // The other window is the tenant's: another caller meets it too.
    assert_eq!(tale.limited(wallet_session(0), &both[1..]).outcome, Err(Refusal::RateLimited));
    tale.pass_ms(3_600_000 - 1);
    assert_eq!(tale.limited(key(1), &both[1..]).outcome, Err(Refusal::RateLimited));
    tale.pass_ms(1);
    assert_eq!(tale.limited(key(1), &both[1..]).limits[0].remaining, 2);
}

#[test]
fn the_last_request_of_a_window_is_counted_and_one_more_is_429() {
    let mut tale = Tale::new();
    for left in (0..600).rev() {
        let reply = tale.limited(key(1), &[LimitClass::V2Runtime]);
        assert_eq!((reply.outcome, reply.limits[0].remaining), (Ok(Outcome::Admitted), left));
    }
    let refused = tale.limited(key(1), &[LimitClass::V2Runtime]);
    assert_eq!(refused.outcome, Err(Refusal::RateLimited));
    assert_eq!(refused.limits[0].retry_after_ms(tale.now), 60_000);
}

#[test]
fn a_first_request_that_lost_its_key_to_a_repeat_is_not_paid_for_whatever_its_clock_says() {
    let mut tale = Tale::new();
    let first = TenantCall { idempotency: claim("key", "body"), ..tale.reserve_call(key(1), 1_000, 60) };
    let Ok(Outcome::Reserved(reserved)) = tale.send(&first).outcome else { panic!("not reserved") };
    let begun_at = tale.now;
    tale.pass_ms(60_000);
    // Its time is over: a repeat runs anew, before anybody has given the first one's money back.
    let repeat = TenantCall { idempotency: claim("key", "body"), ..tale.reserve_call(key(1), 1_000, 60) };
    assert!(matches!(tale.send(&repeat).outcome, Ok(Outcome::Reserved(_))));
    let capture = MeterCapture {
        reservation_id: reserved.reservation_id,
        amount_micros: None,
        scope_hash: first.idempotency.map(|claim| claim.scope_hash),
        answer: Some(answered("late")),
    };
    let late = TenantCall { request_id: first.request_id, ..tale.call(Proof::House, Command::MeterCapture(capture)) };
    // The clock of who asked first stands behind.
    tale.now = begun_at;
    assert_eq!(tale.send(&late).outcome, Err(Refusal::ReservationExpired));
    assert_eq!(tale.balance(), (998_000, 2_000), "held twice, paid for by none");
}
