//! Governed money: what agents may spend, under which rules, and what they have spent (contract identity-and-money 5-14).
//!
//! Invariants: 1. Nothing is held beyond any limit that holds at that moment: mandate windows, lease, wallet. 2. Every
//! micro-unit that leaves an account enters another in the same entry of the chain. 3. What has run out never stands in the
//! way of a request, nor is it spent: it is ended before the request is looked at. 4. A question changes nothing but how
//! often it was asked.

mod approval;
pub(super) mod books;
mod claim;
pub(super) mod column;
pub mod command;
pub(super) mod control;
pub(super) mod hold;
mod lease;
mod mandate;
pub mod outcome;
mod payment;
pub mod refusal;
mod reserve;
pub(super) mod sweep;
mod token;
pub(super) mod usage;

use claim::Try;
use command::MoneyCommand;
use outcome::MoneyOutcome;

use super::desk::{Desk, Done, Step};
use super::outcome::Outcome;
use super::reservation::Filter;
use crate::domain::id::AgentId;
use crate::domain::payment::PaymentStatus;
use crate::domain::reservation::ReservationStatus;
use crate::domain::spend::SpendKind;
use crate::domain::time::Timestamp;

/// Every statement of governed money.
pub(super) fn statements() -> impl Iterator<Item = &'static [&'static str]> {
    [
        approval::STATEMENTS,
        books::STATEMENTS,
        claim::STATEMENTS,
        control::STATEMENTS,
        hold::STATEMENTS,
        mandate::STATEMENTS,
        payment::STATEMENTS,
        sweep::STATEMENTS,
        usage::STATEMENTS,
    ]
    .into_iter()
    .chain(lease::ALL_STATEMENTS)
}

impl MoneyOutcome {
    const fn into_outcome(self) -> Outcome {
        Outcome::Money(self)
    }
}

impl From<MoneyOutcome> for Done {
    fn from(outcome: MoneyOutcome) -> Self {
        outcome.into_outcome().into()
    }
}

/// Carries a command out.
pub(super) fn execute(desk: &mut Desk<'_>, command: &MoneyCommand) -> Step<Done> {
    match command {
        MoneyCommand::CreateMandate { agent_id, draft } => mandate::create(desk, *agent_id, draft),
        MoneyCommand::PutMandate { mandate_id, version, agent_id, status, draft } => {
            mandate::put(desk, *mandate_id, *version, *agent_id, *status, draft)
        }
        MoneyCommand::GetMandate { mandate_id } => mandate::get(desk, *mandate_id),
        MoneyCommand::ListMandates { page, agent_id, status } => mandate::list(desk, *page, *agent_id, *status),
        MoneyCommand::GrantToken(terms) => token::grant(desk, terms),
        MoneyCommand::Authorize(request) => reserve::authorize(desk, request),
        MoneyCommand::Reserve(request) => reserve::reserve(desk, request),
        MoneyCommand::ReserveBatch { items, atomic } => reserve::reserve_batch(desk, items, *atomic),
        MoneyCommand::Capture { reservation_id, amount_micros } => reserve::capture(desk, *reservation_id, *amount_micros),
        MoneyCommand::ReleaseReservation { reservation_id, reason } => reserve::release(desk, *reservation_id, reason.as_deref()),
        MoneyCommand::GetReservation { reservation_id } => reserve::get(desk, *reservation_id),
        MoneyCommand::ListReservations { page, agent_id, mandate_id, lease_id, status, kind } => {
            let filter = Filter {
                before: page.before,
                agent_id: *agent_id,
                mandate_id: *mandate_id,
                lease_id: *lease_id,
                status: status.map(ReservationStatus::as_str),
                kind: kind.map(SpendKind::as_str),
            };
            reserve::list(desk, &filter, page.limit)
        }
        MoneyCommand::Pay(request) => payment::pay(desk, request),
        MoneyCommand::GetPayment { payment_id } => payment::get(desk, *payment_id),
        MoneyCommand::ListPayments { page, agent_id, mandate_id, status, merchant, created_from, created_to } => {
            let (merchant, status): (Option<&str>, Option<PaymentStatus>) = (merchant.as_deref(), *status);
            let filter = payment::Filter {
                agent_id: *agent_id,
                mandate_id: *mandate_id,
                status,
                merchant,
                created_from: *created_from,
                created_to: *created_to,
            };
            payment::list(desk, *page, &filter)
        }
        MoneyCommand::GrantLease(request) => lease::grant(desk, request),
        MoneyCommand::ReleaseLease { lease_id } => lease::release(desk, *lease_id),
        MoneyCommand::RevokeLease { lease_id } => lease::revoke(desk, *lease_id),
        MoneyCommand::GetLease { lease_id } => lease::get(desk, *lease_id),
        MoneyCommand::ListLeases { page, parent_agent_id, child_agent_id, mandate_id, status } => {
            let filter = lease::Filter {
                parent_agent_id: *parent_agent_id,
                child_agent_id: *child_agent_id,
                mandate_id: *mandate_id,
                status: *status,
            };
            lease::list(desk, *page, &filter)
        }
        MoneyCommand::GetApproval { approval_id } => approval::get(desk, *approval_id),
        MoneyCommand::ListApprovals { page, status } => approval::list(desk, *page, *status),
        MoneyCommand::Decide { approval_id, approve, reason } => approval::resolve(desk, *approval_id, *approve, reason.as_deref()),
        MoneyCommand::SummarizeUsage { from, to, agent_id, mandate_id } => usage::summarize(desk, *from, *to, *agent_id, *mandate_id),
        MoneyCommand::ClaimPayment { payment_id, order_id, number, price, mode } => {
            claim::claim(desk, &Try { payment_id: *payment_id, order_id: *order_id, number: *number }, *price, *mode)
        }
        MoneyCommand::ReturnPayment { payment_id, order_id, number, amount, takes } => {
            claim::give_back(desk, &Try { payment_id: *payment_id, order_id: *order_id, number: *number }, *amount, *takes)
        }
        MoneyCommand::GetPacket => control::get_packet(desk),
        MoneyCommand::PutPacket { items } => control::put_packet(desk, items),
        MoneyCommand::SetStop { on, reason } => control::set_stop(desk, *on, reason.as_deref()),
    }
}

/// What an agent's end at a moment means for its money: its holds are released, its approvals denied, its leases and mandates revoked
/// with all below them.
pub(super) fn end_agent(desk: &mut Desk<'_>, agent_id: AgentId, at: Timestamp) -> Step<()> {
    hold::end_those_of_agent(desk, agent_id, at)?;
    sweep::holds(desk)?;
    lease::revoke_those_of_agent(desk, agent_id, at)?;
    mandate::revoke_those_of_agent(desk, agent_id, at)
}
