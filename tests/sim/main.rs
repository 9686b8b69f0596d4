//! The Tenant object, its real SQL included, simulated: many callers, crashes at every storage step, clock jumps, and a
//! serial reference that judges every reply.
//!
//! `make sim` runs it; `SIM_SEEDS` and `SIM_OPS` make it longer, `SIM_SEED` replays one seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
// The lives are timed, not the object: it is handed its time.
#![allow(clippy::disallowed_methods)]

mod budget;
mod generator;
mod invariant;
mod market;
mod metering;
mod model;
mod mutant;
mod object;
mod payment;
mod random;
mod run;
mod settlement;
#[path = "../support/sqlite.rs"]
mod sqlite;
mod story;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use mutant::Mutant;
use run::{Failure, Life, Report, live};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Lives many lives on all cores; stops at the first failure.
fn live_all(lives: &[Life]) -> Result<Report, Failure> {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Report::default());
    let failure = Mutex::new(None);
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(life) = lives.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    match live(*life) {
                        Ok(report) => add(&mut total.lock().unwrap(), report),
                        Err(found) => {
                            next.store(lives.len() as u64, Ordering::Relaxed);
                            failure.lock().unwrap().get_or_insert(found);
                        }
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap() {
        Some(failure) => Err(failure),
        None => Ok(total.into_inner().unwrap()),
    }
}

fn add(total: &mut Report, report: Report) {
    total.calls += report.calls;
    total.killed += report.killed;
    total.lost += report.lost;
    total.entries += report.entries;
    for (end, times) in report.seen {
        *total.seen.entry(end).or_default() += times;
    }
}

fn lives(seeds: u64, ops: u64, mutant: Mutant, every_step: bool) -> Vec<Life> {
    match std::env::var("SIM_SEED").ok().and_then(|text| text.parse().ok()) {
        Some(seed) => vec![Life { seed, ops, mutant, every_step }],
        None => (1..=seeds).map(|seed| Life { seed, ops, mutant, every_step }).collect(),
    }
}

fn mutant_asked_for() -> Mutant {
    let name = std::env::var("SIM_MUTANT").unwrap_or_default();
    Mutant::ALL.into_iter().find(|mutant| format!("{mutant:?}") == name).unwrap_or(Mutant::None)
}

#[test]
fn a_million_calls_under_crashes_leave_every_invariant_standing() {
    let every_step = setting("SIM_EVERY_STEP", 0) == 1;
    let began = std::time::Instant::now();
    let report = live_all(&lives(setting("SIM_SEEDS", 1_000), setting("SIM_OPS", 1_000), mutant_asked_for(), every_step));
    let report = report.unwrap_or_else(|failure| panic!("{failure}"));
    println!(
        "{} calls, {} killed, {} replies lost, {} audit entries, {:.1} s",
        report.calls,
        report.killed,
        report.lost,
        report.entries,
        began.elapsed().as_secs_f64()
    );
    show(&report.seen);
    if report.calls >= 100_000 {
        let missed: Vec<_> = ENDS.iter().filter(|end| report.seen.get(**end).is_none_or(|times| *times < 10)).collect();
        assert!(missed.is_empty(), "hardly ever seen: {missed:?}");
    }
}

#[test]
fn a_call_killed_before_each_of_its_statements_leaves_nothing() {
    if std::env::var("SIM_SEED").is_ok() {
        return;
    }
    let report = live_all(&lives(setting("SIM_STEP_SEEDS", 30), 300, Mutant::None, true));
    let report = report.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(report.killed > 30_000, "only {} kills", report.killed);
}

/// Ends that the contract knows and that the callers must have met, or the simulation has looked away.
const ENDS: [&str; 81] = [
    "MeterReserve done",
    "MeterReserve replayed",
    "MeterReserve InsufficientBalance",
    "MeterReserve InvalidCredentials",
    "MeterReserve TenantMismatch",
    "MeterReserve AgentNotActive",
    "MeterReserve RateLimited",
    "MeterReserve IdempotencyConflict",
    "MeterReserve IdempotencyInFlight",
    "MeterCapture done",
    "MeterCapture ReservationExpired",
    "MeterCapture ReservationResolved",
    "MeterCapture CaptureExceedsReservation",
    "MeterRelease done",
    "RunDue done",
    "Birth done",
    "Birth TenantExists",
    "Fund WalletCap",
    "Fund FundingSourceNotAllowed",
    "CreateWallet GoNoGoIncomplete",
    "MintKey done",
    "MintKey PlanLimitExceeded",
    "MintKey ScopeNotHeld",
    "MintKey LiveModeForbidden",
    "MintKey TargetAgentNotActive",
    "SetAgentStatus AgentRevoked",
    "RedeemEnrollment done",
    "RedeemEnrollment InvalidEnrollmentToken",
    "RedeemEnrollment PlanLimitExceeded",
    "Invite OwnerExists",
    "Invite NotControllingWallet",
    "AcceptInvitation done",
    "AcceptInvitation InvalidInvitation",
    "CreateMandate done",
    "CreateMandate AgentInactive",
    "PutMandate done",
    "PutMandate VersionMismatch",
    "PutMandate LimitBelowUsage",
    "PutMandate ImmutableField",
    "PutMandate MandateRevoked",
    "GrantToken done",
    "GrantToken ActionNotAllowed",
    "Authorize done",
    "Authorize TokenScopeMismatch",
    "Reserve done",
    "Reserve replayed",
    "Reserve AgentNotActive",
    "Reserve MandateNotActive",
    "Reserve ActionNotAllowed",
    "Reserve MerchantNotAllowed",
    "Reserve PerTransaction",
    "Reserve Daily",
    "Reserve Monthly",
    "Reserve Total",
    "Reserve LeaseExhausted",
    "Reserve InsufficientFunds",
    "Reserve TenantStopped",
    "ReserveBatch done",
    "ReserveBatch BatchRefused",
    "Capture done",
    "Capture ApprovalPending",
    "Capture ReservationExpired",
    "Capture ReservationResolved",
    "Capture CaptureExceedsReservation",
    "ReleaseReservation done",
    "Pay done",
    "Pay TokenAlreadyUsed",
    "Pay ExecutionTokenRequired",
    "Pay TokenScopeMismatch",
    "Pay LeaseExhausted",
    "GrantLease done",
    "GrantLease LeaseCycle",
    "GrantLease LeaseWider",
    "GrantLease LeaseExhausted",
    "ReleaseLease done",
    "ReleaseLease LeaseHasChildren",
    "RevokeLease done",
    "Decide done",
    "Decide ApprovalDecided",
    "SummarizeUsage done",
    "SetStop done",
];

#[test]
fn every_bug_put_in_on_purpose_is_caught() {
    if std::env::var("SIM_SEED").is_ok() {
        return;
    }
    for mutant in Mutant::ALL {
        let lives: Vec<Life> = (1..=200).map(|seed| Life { seed, ops: 600, mutant, every_step: false }).collect();
        match live_all(&lives) {
            Err(failure) => println!("{mutant:?}: {}", failure.to_string().lines().next().unwrap_or_default()),
            Ok(report) => panic!("{mutant:?} lived through {} calls", report.calls),
        }
    }
}

fn show(seen: &BTreeMap<String, u64>) {
    for (end, times) in seen {
        println!("{times:>9}  {end}");
    }
}
