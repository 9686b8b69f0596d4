//! The Tenant object: one tenant's keys, limits, idempotency records, ledger, reservations, audit chain and outbox.
//!
//! Invariant: a call is decided and written whole in one storage transaction, which its shell opens: it authenticates,
//! counts the limits, looks up the idempotency key, runs the command and keeps the answer, in this order. An `Err` rolls
//! everything back, but for the count of a command that only reads, which its shell runs without a way back; a refusal
//! commits what was rightly done before it (a counted request, an expired hold), and nothing of the command itself.

mod agent;
mod agent_key;
mod audit;
mod birth;
pub mod call;
mod caller;
pub mod client;
pub mod command;
mod desk;
mod due;
mod enrollment;
mod errand;
pub mod file;
pub mod identity;
mod invitation;
mod key;
mod member;
mod meter;
pub mod money;
pub mod object;
pub mod order;
mod outbox;
pub mod outcome;
mod overview;
mod permission;
mod profile;
pub mod proof;
pub mod refusal;
mod reservation;
mod rights;
pub mod seller;
mod wallet;
pub mod webhook;

use call::{Answer, Proof, TenantCall, TenantReply};
use command::Command;
use desk::{Desk, Done, Keep, Step, Stop};
use money::sweep;
use outcome::Outcome;
use refusal::Refusal;

use super::schema::{self, Version};
use super::sql::{Sql, SqlError};
use super::{idempotency, limit, wire};
use crate::crypto::vault::Vault;
use crate::domain::entropy::{Entropy, Rising};
use crate::domain::idempotency::{Claim, RECORD_TTL_MS, Verdict};
use crate::domain::limit::LimitState;
use crate::domain::time::{HOUR_MS, Timestamp};

/// The object's tables, one entry a version.
pub const SCHEMA: &[Version] = &[
    &[include_str!("../../../schema/objects/common.sql"), include_str!("../../../schema/objects/tenant.sql")],
    &[include_str!("../../../schema/objects/money.sql")],
    &[include_str!("../../../schema/objects/identity.sql")],
    &[include_str!("../../../schema/objects/webhook.sql")],
    &[include_str!("../../../schema/objects/trust.sql")],
    &[include_str!("../../../schema/objects/proof.sql")],
    &[include_str!("../../../schema/objects/market.sql")],
    &[include_str!("../../../schema/objects/file.sql")],
];

/// Brings the tables up to date; one statement when they are. The shell calls it once an instance, in a transaction.
/// An object nobody was born in has no tables and shall have none: unless the call is a birth, ask [`is_there`] first
/// and answer [`refuse_unborn`], or strangers could make us store empty objects by naming tenants at random.
pub fn migrate(sql: &dyn Sql) -> Result<(), SqlError> {
    schema::migrate(sql, SCHEMA)
}

/// Whether the object has tables.
pub fn is_there(sql: &dyn Sql) -> Result<bool, SqlError> {
    Ok(schema::installed_version(sql)?.is_some())
}

/// The answer of an object without tables; the same as that of one with tables but no tenant.
pub fn refuse_unborn(call: &TenantCall) -> TenantReply {
    TenantReply::refused(match (&call.caller, &call.command) {
        (Proof::Key { .. } | Proof::Execution(_) | Proof::Session { .. } | Proof::Refresh { .. }, _) => Refusal::InvalidCredentials,
        (Proof::Wallet { .. }, Command::Invite(_)) => Refusal::NotControllingWallet,
        (Proof::Wallet { .. }, _) => Refusal::TenantMismatch,
        (Proof::User { .. }, _) => Refusal::NotMember,
        (Proof::House, Command::RedeemEnrollment(_)) => Refusal::InvalidEnrollmentToken,
        (Proof::Operator { .. } | Proof::House, _) => Refusal::NoTenant,
    })
}

/// Every statement of the object, for the test that prepares them against the schema.
pub fn statements() -> impl Iterator<Item = &'static str> {
    [
        agent::STATEMENTS,
        agent_key::STATEMENTS,
        audit::STATEMENTS,
        birth::STATEMENTS,
        caller::STATEMENTS,
        desk::STATEMENTS,
        enrollment::STATEMENTS,
        file::STATEMENTS,
        invitation::STATEMENTS,
        key::STATEMENTS,
        member::STATEMENTS,
        outbox::STATEMENTS,
        profile::STATEMENTS,
        reservation::STATEMENTS,
        rights::STATEMENTS,
        wallet::STATEMENTS,
        webhook::attempt::STATEMENTS,
        webhook::delivery::STATEMENTS,
        webhook::endpoint::STATEMENTS,
        webhook::fan::STATEMENTS,
        webhook::feed::STATEMENTS,
        idempotency::STATEMENTS,
        limit::STATEMENTS,
        schema::STATEMENTS,
    ]
    .into_iter()
    .chain(money::statements())
    .chain(identity::ALL_STATEMENTS)
    .chain(proof::ALL_STATEMENTS)
    .chain(order::ALL_STATEMENTS)
    .chain(seller::ALL_STATEMENTS)
    .flatten()
    .copied()
}

/// Serves one call inside one storage transaction, without an await. An `Err` must roll the transaction back.
/// `vault` seals the keys agents sign with.
pub fn run(sql: &dyn Sql, now: Timestamp, entropy: &mut dyn Entropy, vault: &Vault, call: &TenantCall) -> Result<TenantReply, SqlError> {
    match serve(sql, now, &mut Rising::new(entropy), vault, call) {
        Ok(reply) => Ok(reply),
        Err(Stop::Refused(refusal)) => Ok(TenantReply::refused(refusal)),
        Err(Stop::Broken(error)) => Err(error),
    }
}

fn serve(sql: &dyn Sql, now: Timestamp, entropy: &mut dyn Entropy, vault: &Vault, call: &TenantCall) -> Step<TenantReply> {
    // 1. Born, and the proof holds.
    let Some(row) = caller::read(sql, now, call)? else {
        return match (&call.caller, &call.command) {
            (Proof::House, Command::Birth(birth)) => {
                let mut desk = birth::found(sql, now, entropy, vault, call.request_id, birth)?;
                let done = birth::bear(&mut desk, birth);
                settle(desk, call.idempotency, done, Vec::new())
            }
            _ => Ok(refuse_unborn(call)),
        };
    };
    let (mut desk, key) = caller::admit(sql, now, entropy, vault, call, &row)?;
    permission::check(&call.command, &desk.caller)?;
    // 2. The limits, all or none.
    let limits = limit::count(sql, now, &caller::windows(call, &desk.caller))?;
    if limits.iter().any(|state| state.refused) {
        return reply(desk, Err(Refusal::RateLimited), limits, false);
    }
    if let (Proof::Key { number, .. }, Some(key)) = (&call.caller, key) {
        caller::note_use(&desk, *number, &key)?;
    }
    // 3. The idempotency key.
    let claim = caller::claim_of(call, &desk.caller);
    if let Some(claim) = &claim {
        let verdict = match call.caller {
            Proof::Session { .. } => idempotency::look_up(sql, claim, now)?,
            _ => idempotency::look_up_in(sql, claim, &row, caller::RECORD_COLUMN, now)?,
        };
        match verdict {
            Verdict::Run => {}
            Verdict::Replay(answer) => {
                let outcome = match wire::read(&answer)? {
                    Answer::Outcome(outcome) => Ok(outcome),
                    Answer::Refusal(refusal) => Err(refusal),
                    Answer::Metered(answered) => Ok(Outcome::Answered(answered)),
                };
                return reply(desk, outcome, limits, true);
            }
            Verdict::Conflict => return reply(desk, Err(Refusal::IdempotencyConflict), limits, false),
            Verdict::InFlight => return reply(desk, Err(Refusal::IdempotencyInFlight), limits, false),
        }
    }
    // 4. The command, and 5. its record.
    let done = execute(&mut desk, &call.command);
    settle(desk, claim, done, limits)
}

fn execute(desk: &mut Desk<'_>, command: &Command) -> Step<Done> {
    if desk.is_something_due {
        sweep::meet(desk)?;
    }
    match command {
        Command::Birth(birth) => birth::resume(desk, birth),
        Command::ConfirmBirth => birth::confirm(desk),
        Command::Admit => Ok(Outcome::Admitted.into()),
        Command::MeterReserve(request) => meter::reserve(desk, request),
        Command::MeterCapture(request) => meter::capture(desk, request),
        Command::MeterRelease(request) => meter::release(desk, request),
        Command::MintKey(request) => key::mint(desk, request),
        Command::ListKeys { kinds } => key::list(desk, kinds),
        Command::RevokeKey { key_id, kinds } => key::revoke(desk, *key_id, kinds),
        Command::SetAgentStatus { agent_id, status } => agent::set_status(desk, *agent_id, *status),
        Command::MintEnrollment(request) => enrollment::mint(desk, request),
        Command::ListEnrollments => enrollment::list(desk),
        Command::RevokeEnrollment { id } => enrollment::revoke(desk, *id),
        Command::RedeemEnrollment(request) => enrollment::redeem(desk, request),
        Command::Invite(request) => invitation::invite(desk, request),
        Command::ShowInvitation { number, secret_hash } => invitation::show(desk, *number, secret_hash),
        Command::AcceptInvitation { number, secret_hash, user_id } => invitation::accept(desk, *number, secret_hash, *user_id),
        Command::ListMembers => member::list(desk),
        Command::PutMember { user_id, role } => member::put(desk, *user_id, *role),
        Command::RemoveMember { user_id } => member::remove(desk, *user_id),
        Command::CreateWallet { name, mode, metadata } => wallet::create(desk, name.as_deref(), *mode, metadata),
        Command::GetWallet { wallet_id } => wallet::get(desk, *wallet_id),
        Command::ListWallets { limit, before } => wallet::list(desk, *limit, *before),
        Command::Fund { wallet_id, amount_micros, source } => wallet::fund(desk, *wallet_id, *amount_micros, *source),
        Command::DailySpend { days } => profile::list_daily_spend(desk, *days),
        Command::Activity { limit, before } => audit::list(desk, *limit, *before),
        Command::Profile => profile::get(desk),
        Command::Overview { days, entries } => overview::read(desk, *days, *entries),
        Command::UpdateTenant { name, plan } => profile::update(desk, name.as_deref(), *plan),
        Command::RunDue { batch } => due::run(desk, *batch),
        Command::OutboxRead { limit } => outbox::read(desk, *limit),
        Command::OutboxReadAfter { after_seq, limit } => outbox::read_after(desk, *after_seq, *limit),
        Command::OutboxAck { upto_seq } => outbox::acknowledge(desk, *upto_seq),
        Command::VerifyAudit { after_seq, limit } => audit::verify(desk, *after_seq, *limit),
        Command::Reconcile => audit::reconcile(desk),
        Command::Money(command) => money::execute(desk, command),
        Command::Webhook(command) => webhook::execute(desk, command),
        Command::Agent(command) => identity::execute(desk, command),
        Command::Proof(command) => proof::execute(desk, command),
        Command::Order(command) => order::execute(desk, command),
        Command::Seller(command) => seller::execute(desk, command),
        Command::File(command) => file::execute(desk, command),
    }
}

/// Keeps the idempotency record of what was done or refused, and answers.
fn settle(mut desk: Desk<'_>, claim: Option<Claim>, done: Step<Done>, limits: Vec<LimitState>) -> Step<TenantReply> {
    let outcome = match done {
        Ok(done) => {
            if let Some(claim) = &claim {
                match done.keep {
                    Keep::Outcome => keep_answer(&mut desk, claim, &Answer::Outcome(done.outcome.clone()))?,
                    Keep::InFlight(deadline) => {
                        idempotency::keep_in_flight(desk.sql, claim, desk.request_id, deadline)?;
                        desk.grows_old_at(desk.now.plus_ms(RECORD_TTL_MS + HOUR_MS));
                    }
                    Keep::Nothing => {}
                }
            }
            Ok(done.outcome)
        }
        Err(Stop::Refused(refusal)) => {
            if let Some(claim) = claim.filter(|_| refusal.is_kept()) {
                keep_answer(&mut desk, &claim, &Answer::Refusal(refusal.clone()))?;
            }
            Err(refusal)
        }
        Err(Stop::Broken(error)) => return Err(error.into()),
    };
    reply(desk, outcome, limits, false)
}

fn keep_answer(desk: &mut Desk<'_>, claim: &Claim, answer: &Answer) -> Step<()> {
    idempotency::keep_answer(desk.sql, claim, desk.request_id, desk.now, &wire::write(answer)?)?;
    // An hour's grace, so that one housekeeping purges an hour's records.
    desk.grows_old_at(desk.now.plus_ms(RECORD_TTL_MS + HOUR_MS));
    Ok(())
}

fn reply(mut desk: Desk<'_>, outcome: Result<Outcome, Refusal>, limits: Vec<LimitState>, replayed: bool) -> Step<TenantReply> {
    desk.plan_housekeeping()?;
    let next_due_at_ms = match (desk.next_due, desk.housekeeping_at) {
        (Some(due), Some(housekeeping)) => Some(due.min(housekeeping)),
        (due, housekeeping) => due.or(housekeeping),
    };
    let outbox_pending = desk.outbox_pending;
    Ok(TenantReply { outcome, limits, replayed, caller: Some(desk.caller), next_due_at_ms, outbox_pending })
}
