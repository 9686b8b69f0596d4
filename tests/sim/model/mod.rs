//! The reference: what the contract says a tenant is, serial and in plain collections, written without a look at the
//! object's statements. Each call is judged: the reply, the audit entries and everything that can be asked later.

mod caller;
mod key;
mod meter;
pub mod money;
mod owner;
mod state;

use std::collections::BTreeMap;

use guildhall::domain::digest::Digest;
use guildhall::domain::limit::LimitState;
use guildhall::domain::spend::Reason;
use guildhall::domain::time::{DAY_MS, Timestamp};
use guildhall::objects::tenant::call::{Proof, TenantCall, TenantReply};
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::outcome::{Answered, Outcome};
use guildhall::objects::tenant::refusal::Refusal;

use money::Case;
pub use state::{Key, Record, State, Status};

/// An audit entry that must have been written, in order. `object` is `None` where the object made the id itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub action: &'static str,
    /// `None` is the caller.
    pub actor: Option<String>,
    pub object: Option<String>,
    pub transfer: Option<(String, String, u64)>,
}

/// What a command should have come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Refused(Refusal),
    /// Done, and the reply was checked field by field.
    Done,
}

/// What is kept under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    Outcome(Result<Outcome, Refusal>),
    Metered(Answered),
}

pub type Checked<T> = Result<T, String>;

/// The reference state, and the entries the last call should have left.
#[derive(Debug, Default)]
pub struct Model {
    pub state: Option<State>,
    pub entries: Vec<Expected>,
    /// How often each command ended in each way, over the run.
    pub seen: BTreeMap<String, u64>,
}

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use ensure;

impl Model {
    /// Judges a committed call and moves on. `Err` says what is wrong.
    pub fn judge(&mut self, now: Timestamp, call: &TenantCall, reply: &TenantReply) -> Checked<()> {
        self.entries.clear();
        let name = command_name(&call.command);
        let verdict = self.serve(now, call, reply)?;
        self.name_actors(call);
        let end = match (&verdict, &reply.outcome) {
            (Verdict::Refused(expected), Err(refusal)) => {
                ensure!(expected == refusal, "refused with {refusal:?}, expected {expected:?}");
                refusal_name(refusal)
            }
            (Verdict::Done, Ok(_)) if reply.replayed => "replayed".to_owned(),
            (Verdict::Done, Ok(_)) => "done".to_owned(),
            (Verdict::Refused(expected), Ok(outcome)) => return Err(format!("{outcome:?}, expected refusal {expected:?}")),
            (Verdict::Done, Err(refusal)) => return Err(format!("refused with {refusal:?}, expected success")),
        };
        *self.seen.entry(format!("{name} {end}")).or_default() += 1;
        Ok(())
    }

    /// Entries nobody else is named in are the caller's.
    fn name_actors(&mut self, call: &TenantCall) {
        let Some(state) = &self.state else { return };
        let actor = caller::actor(state, call);
        for expected in &mut self.entries {
            expected.actor.get_or_insert_with(|| actor.clone());
        }
    }

    fn serve(&mut self, now: Timestamp, call: &TenantCall, reply: &TenantReply) -> Checked<Verdict> {
        let Some(mut state) = self.state.take() else {
            return match (&call.caller, &call.command) {
                (Proof::House, Command::Birth(birth)) => {
                    let state = State::born(now, birth, reply, &mut self.entries)?;
                    self.state = Some(state);
                    self.keep(now, call, reply)?;
                    Ok(Verdict::Done)
                }
                _ => Ok(Verdict::Refused(caller::unborn(call))),
            };
        };
        let verdict = self.serve_born(&mut state, now, call, reply);
        self.state = Some(state);
        verdict
    }

    fn serve_born(&mut self, state: &mut State, now: Timestamp, call: &TenantCall, reply: &TenantReply) -> Checked<Verdict> {
        if let Err(refusal) = caller::admit(state, now, call) {
            ensure!(reply.caller.is_none(), "a caller without proof was shown the tenant");
            ensure!(reply.limits.is_empty(), "a caller without proof was counted");
            return Ok(Verdict::Refused(refusal));
        }
        caller::check_shown(state, now, call, reply)?;
        // Limits.
        let (limits, full) = caller::count(state, now, call);
        ensure!(limits == reply.limits, "limits {:?}, expected {limits:?}", reply.limits);
        if full {
            return Ok(Verdict::Refused(Refusal::RateLimited));
        }
        caller::note_use(state, now, call);
        // Idempotency.
        if let Some(claim) = call.idempotency {
            let stored = state.records.get(&claim.scope_hash).filter(|record| now < record.expires_at).cloned();
            if let Some(record) = stored {
                return judge_repeat(&record, claim.body_hash, reply);
            }
        }
        ensure!(!reply.replayed, "replayed what never ran");
        let verdict = self.execute(state, now, call, reply)?;
        keep_record(state, now, call, reply, &verdict);
        Ok(verdict)
    }

    fn execute(&mut self, state: &mut State, now: Timestamp, call: &TenantCall, reply: &TenantReply) -> Checked<Verdict> {
        let entries = &mut self.entries;
        if meets_due(&call.command) {
            money::hold::sweep_all(state, now, entries);
        }
        let run = match &call.command {
            Command::Admit => key::admit(reply),
            Command::Birth(birth) => owner::repeat_birth(state, now, birth, reply, entries),
            Command::ConfirmBirth => owner::confirm(state, reply),
            Command::MeterReserve(request) => meter::reserve(state, now, call, request, reply, entries),
            Command::MeterCapture(request) => meter::capture(state, now, call, request, reply, entries),
            Command::MeterRelease(request) => meter::release(state, now, call, request, reply, entries),
            Command::RunDue { batch } => meter::run_due(state, now, *batch, reply, entries),
            Command::CreateWallet { .. } | Command::GetWallet { .. } | Command::ListWallets { .. } | Command::Fund { .. } => {
                meter::wallet(state, call, reply, entries)
            }
            Command::DailySpend { days } => meter::daily_spend(state, now, *days, reply),
            Command::MintKey(request) => key::mint(state, now, call, request, reply, entries),
            Command::ListKeys { kinds } => key::list(state, kinds, reply),
            Command::RevokeKey { key_id, kinds } => key::revoke(state, now, *key_id, kinds, reply, entries),
            Command::SetAgentStatus { agent_id, status } => key::set_agent_status(state, now, *agent_id, *status, reply, entries),
            Command::MintEnrollment(request) => key::mint_enrollment(state, now, request, reply, entries),
            Command::ListEnrollments => key::list_enrollments(state, now, reply),
            Command::RevokeEnrollment { id } => key::revoke_enrollment(state, now, *id, reply, entries),
            Command::RedeemEnrollment(request) => key::redeem(state, now, request, reply, entries),
            Command::Invite(request) => owner::invite(state, now, request, reply, entries),
            Command::ShowInvitation { number, secret_hash } => owner::show(state, now, *number, *secret_hash, reply),
            Command::AcceptInvitation { number, secret_hash, user_id } => {
                owner::accept(state, now, *number, *secret_hash, *user_id, reply, entries)
            }
            Command::ListMembers => owner::list_members(state, reply),
            Command::PutMember { user_id, role } => owner::put_member(state, *user_id, *role, reply, entries),
            Command::RemoveMember { user_id } => owner::remove_member(state, *user_id, reply, entries),
            Command::Profile => owner::profile(state, reply),
            Command::Overview { days, entries: shown } => owner::overview(state, now, *days, (*shown, entries.len() as u64), reply),
            Command::UpdateTenant { name, plan } => owner::update(state, name.as_deref(), *plan, reply, entries),
            Command::Activity { limit, before } => owner::activity(state, *limit, *before, reply),
            Command::OutboxRead { limit } => owner::read_outbox(state, *limit, reply),
            Command::OutboxReadAfter { after_seq, limit } => owner::read_outbox_after(state, *after_seq, *limit, reply),
            Command::OutboxAck { upto_seq } => owner::acknowledge(state, *upto_seq, reply),
            Command::VerifyAudit { .. } | Command::Reconcile => owner::inspect(state, reply),
            // Their stories are told one by one, in story/webhook.rs and against the Worker.
            Command::Webhook(_) | Command::Agent(_) | Command::Proof(_) | Command::Order(_) | Command::File(_) | Command::Seller(_) => {
                return Err("nobody asks for that here".to_owned());
            }
            Command::Money(command) => money::judge_command(&mut Case { state, now, call, reply, entries }, command),
        };
        match run {
            Ok(()) => Ok(Verdict::Done),
            Err(Trouble::Refused(refusal)) => Ok(Verdict::Refused(refusal)),
            Err(Trouble::Wrong(what)) => Err(what),
        }
    }

    fn keep(&mut self, now: Timestamp, call: &TenantCall, reply: &TenantReply) -> Checked<()> {
        let state = self.state.as_mut().ok_or("not born")?;
        keep_record(state, now, call, reply, &Verdict::Done);
        Ok(())
    }
}

/// Whoever comes for money meets what has run out: it is ended first.
fn meets_due(command: &Command) -> bool {
    matches!(
        command,
        Command::Money(_) | Command::GetWallet { .. } | Command::ListWallets { .. } | Command::Fund { .. } | Command::Overview { .. }
    )
}

/// Why a modelled command did not end well: it should be refused, or the reply is wrong.
pub enum Trouble {
    Refused(Refusal),
    Wrong(String),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<String> for Trouble {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

pub type Run = Result<(), Trouble>;

fn judge_repeat(record: &Record, body_hash: Digest, reply: &TenantReply) -> Checked<Verdict> {
    if record.body_hash != body_hash {
        return Ok(Verdict::Refused(Refusal::IdempotencyConflict));
    }
    let Some(kept) = &record.kept else {
        return Ok(Verdict::Refused(Refusal::IdempotencyInFlight));
    };
    ensure!(reply.replayed, "a repeat ran instead of being replayed");
    let same = match kept {
        Kept::Outcome(outcome) => *outcome == reply.outcome,
        Kept::Metered(answered) => reply.outcome == Ok(Outcome::Answered(answered.clone())),
    };
    ensure!(same, "replayed {:?}, first was {kept:?}", reply.outcome);
    match &reply.outcome {
        Ok(_) => Ok(Verdict::Done),
        Err(refusal) => Ok(Verdict::Refused(refusal.clone())),
    }
}

/// What the contract says is kept: everything but 400, 401, 413, 415, 422, 429 and 5xx.
fn keep_record(state: &mut State, now: Timestamp, call: &TenantCall, reply: &TenantReply, verdict: &Verdict) {
    let Some(claim) = call.idempotency else { return };
    let (kept, expires_at) = match (verdict, &call.command) {
        (
            Verdict::Refused(
                Refusal::InvalidCredentials
                | Refusal::InvalidEnrollmentToken
                | Refusal::RateLimited
                | Refusal::IdempotencyConflict
                | Refusal::IdempotencyInFlight
                | Refusal::Money(MoneyRefusal::LeaseCycle | MoneyRefusal::UpstreamNotConfigured),
            ),
            _,
        ) => return,
        (Verdict::Refused(refusal), _) => (Some(Kept::Outcome(Err(refusal.clone()))), now.plus_ms(DAY_MS)),
        (Verdict::Done, Command::MeterReserve(request)) => (None, now.plus_s(request.ttl_s)),
        (
            Verdict::Done,
            Command::Admit
            | Command::MeterCapture(_)
            | Command::MeterRelease(_)
            | Command::RunDue { .. }
            | Command::OutboxRead { .. }
            | Command::OutboxReadAfter { .. }
            | Command::OutboxAck { .. }
            | Command::VerifyAudit { .. }
            | Command::Reconcile,
        ) => return,
        (Verdict::Done, _) => (Some(Kept::Outcome(reply.outcome.clone())), now.plus_ms(DAY_MS)),
    };
    let record = Record { body_hash: claim.body_hash, holder: call.request_id, expires_at, kept };
    state.records.insert(claim.scope_hash, record);
}

/// A window's state from its counter.
pub fn limit_state(class: guildhall::domain::limit::LimitClass, quota: u64, count: u64, ends_at: Timestamp, refused: bool) -> LimitState {
    LimitState { class, quota, remaining: quota.saturating_sub(count), resets_at_ms: ends_at, refused }
}

/// Takes the first word of what is written and refuses the rest.
struct FirstWord(String);

impl std::fmt::Write for FirstWord {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let word: &str = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        self.0.push_str(word);
        if word.len() == text.len() { Ok(()) } else { Err(std::fmt::Error) }
    }
}

fn first_word(value: &impl std::fmt::Debug) -> String {
    let mut word = FirstWord(String::new());
    // The error is how the rest is refused.
    let _ = std::fmt::write(&mut word, format_args!("{value:?}"));
    word.0
}

pub fn command_name(command: &Command) -> String {
    match command {
        Command::Money(command) => first_word(command),
        command => first_word(command),
    }
}

fn refusal_name(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Money(MoneyRefusal::Spend { reason: Reason::MandateLimit { limit, .. }, .. }) => first_word(limit),
        Refusal::Money(MoneyRefusal::Spend { reason, .. }) => first_word(reason),
        Refusal::Money(refusal) => first_word(refusal),
        refusal => first_word(refusal),
    }
}
