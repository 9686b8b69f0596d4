//! Governed money by the contract (identity-and-money 5-12 and 14): serial, in plain maps, written without a look at the
//! object's statements.

pub mod hold;
pub mod judge;
mod lease;
mod mandate;
mod payment;
mod spend;
pub mod state;

use guildhall::domain::money::Micros;
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::{TenantCall, TenantReply};
use guildhall::objects::tenant::money::command::MoneyCommand;
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::refusal::Refusal;

use super::state::{State, entry};
use super::{Expected, Run, Trouble};

pub fn micros(amount: u64) -> Micros {
    Micros::new(amount).expect("an amount in range")
}

fn wrong<T>(reply: &TenantReply, expected: &str) -> Result<T, Trouble> {
    Err(Trouble::Wrong(format!("answered {:?}, expected {expected}", reply.outcome)))
}

fn check(holds: bool, reply: &TenantReply, expected: impl FnOnce() -> String) -> Run {
    if holds { Ok(()) } else { wrong(reply, &expected()) }
}

fn outcome_of(reply: &TenantReply) -> Option<&MoneyOutcome> {
    match &reply.outcome {
        Ok(Outcome::Money(outcome)) => Some(outcome),
        _ => None,
    }
}

fn refuse(refusal: MoneyRefusal) -> Run {
    Err(Refusal::Money(refusal).into())
}

/// What the kill switch stops.
fn check_running(state: &State) -> Run {
    if state.stopped { refuse(MoneyRefusal::TenantStopped) } else { Ok(()) }
}

/// A command as the reference sees it: the state, the moment, who asks, and what was answered.
pub struct Case<'a> {
    pub state: &'a mut State,
    pub now: Timestamp,
    pub call: &'a TenantCall,
    pub reply: &'a TenantReply,
    pub entries: &'a mut Vec<Expected>,
}

/// Judges a command.
pub fn judge_command(case: &mut Case<'_>, command: &MoneyCommand) -> Run {
    match command {
        MoneyCommand::CreateMandate { agent_id, draft } => mandate::create(case, *agent_id, draft),
        MoneyCommand::PutMandate { mandate_id, version, agent_id, status, draft } => {
            mandate::put(case, *mandate_id, *version, *agent_id, *status, draft)
        }
        MoneyCommand::GetMandate { mandate_id } => mandate::get(case, *mandate_id),
        MoneyCommand::ListMandates { page, agent_id, status } => mandate::list(case, *page, *agent_id, *status),
        MoneyCommand::GrantToken(terms) => mandate::grant_token(case, terms),
        MoneyCommand::Authorize(request) => spend::authorize(case, request),
        MoneyCommand::Reserve(request) => spend::reserve(case, request),
        MoneyCommand::ReserveBatch { items, atomic } => spend::reserve_batch(case, items, *atomic),
        MoneyCommand::Capture { reservation_id, amount_micros } => spend::capture(case, *reservation_id, *amount_micros),
        MoneyCommand::ReleaseReservation { reservation_id, .. } => spend::release(case, *reservation_id),
        MoneyCommand::GetReservation { reservation_id } => spend::get(case, *reservation_id),
        MoneyCommand::ListReservations { page, .. } => spend::list(case, *page),
        MoneyCommand::Pay(request) => payment::pay(case, request),
        MoneyCommand::GetPayment { payment_id } => payment::get(case, *payment_id),
        MoneyCommand::ListPayments { page, status, .. } => payment::list(case, *page, *status),
        MoneyCommand::GrantLease(request) => lease::grant(case, request),
        MoneyCommand::ReleaseLease { lease_id } => lease::release(case, *lease_id),
        MoneyCommand::RevokeLease { lease_id } => lease::revoke(case, *lease_id),
        MoneyCommand::GetLease { lease_id } => lease::get(case, *lease_id),
        MoneyCommand::ListLeases { page, status, .. } => lease::list(case, *page, *status),
        MoneyCommand::GetApproval { approval_id } => payment::get_approval(case, *approval_id),
        MoneyCommand::ListApprovals { page, status } => payment::list_approvals(case, *page, *status),
        MoneyCommand::Decide { approval_id, approve, .. } => payment::decide(case, *approval_id, *approve),
        MoneyCommand::SummarizeUsage { agent_id, mandate_id, .. } => payment::summarize(case, *agent_id, *mandate_id),
        MoneyCommand::GetPacket => check_packet(case),
        MoneyCommand::PutPacket { .. } => {
            case.state.packet_version += 1;
            case.entries.push(entry("tenant.packet_updated", Some(case.state.uuid.to_string())));
            check_packet(case)
        }
        MoneyCommand::SetStop { on, .. } => set_stop(case, *on),
        // Of the marketplace, which has a story of its own.
        MoneyCommand::ClaimPayment { .. } | MoneyCommand::ReturnPayment { .. } => wrong(case.reply, "what nobody here asks for"),
    }
}

fn check_packet(case: &mut Case<'_>) -> Run {
    let Some(MoneyOutcome::Packet(packet)) = outcome_of(case.reply) else { return wrong(case.reply, "the packet") };
    let version = case.state.packet_version;
    check(packet.version == version, case.reply, || format!("version {version}"))
}

fn set_stop(case: &mut Case<'_>, on: bool) -> Run {
    if case.state.stopped != on {
        case.state.stopped = on;
        case.entries.push(entry(if on { "tenant.stopped" } else { "tenant.resumed" }, Some(case.state.uuid.to_string())));
    }
    let stands = matches!(outcome_of(case.reply), Some(MoneyOutcome::Stop(stopped)) if stopped.on == on);
    check(stands, case.reply, || format!("stopped: {on}"))
}
