//! Orders: placed, moved on, delivered, paid for and ended (contract atelier 4).
//!
//! Invariants: 1. An order moves by the table of states and by nothing else (domain/market/state.rs). 2. What was paid for an
//! order lies in the account named after it until it ends, and leaves it in the same commit that ends it, whole and once.
//! 3. An order whose time is up is ended before anybody sees it or does anything to it.

mod act;
pub mod command;
mod escrow;
mod list;
mod look;
mod message;
pub mod outcome;
pub(super) mod payment;
pub(super) mod payout;
mod record;
pub mod refusal;
mod review;
pub mod survey;
pub(super) mod sweep;
pub(super) mod transfer;

use command::OrderCommand;
use outcome::OrderOutcome;

use super::desk::{Desk, Done, Keep, Step};
use super::outcome::Outcome;

/// Every statement about them.
pub(super) const ALL_STATEMENTS: [&[&str]; 11] = [
    act::STATEMENTS,
    escrow::STATEMENTS,
    list::STATEMENTS,
    look::STATEMENTS,
    message::STATEMENTS,
    payment::STATEMENTS,
    payout::STATEMENTS,
    record::STATEMENTS,
    review::STATEMENTS,
    sweep::STATEMENTS,
    transfer::STATEMENTS,
];

impl From<OrderOutcome> for Done {
    fn from(outcome: OrderOutcome) -> Self {
        Outcome::Order(outcome).into()
    }
}

fn shown(outcome: OrderOutcome) -> Done {
    Done { outcome: Outcome::Order(outcome), keep: Keep::Nothing }
}

/// Carries a command out.
pub(super) fn execute(desk: &mut Desk<'_>, command: &OrderCommand) -> Step<Done> {
    match command {
        OrderCommand::Place(draft) => act::place(desk, draft),
        OrderCommand::Act { order_id, by, act } => act::act(desk, *order_id, by, act),
        OrderCommand::Probe { order_id, by, intent } => act::probe(desk, *order_id, by, *intent),
        OrderCommand::Get { order_id, by } => act::get(desk, *order_id, by),
        OrderCommand::List { agent_id, by, statuses, limit, before } => {
            list::list(desk, *agent_id, by, statuses.as_deref(), *limit, *before)
        }
        OrderCommand::PostMessage { order_id, by, content } => message::post(desk, *order_id, by, content),
        OrderCommand::ListMessages { order_id, by, after, limit } => message::list(desk, *order_id, by, *after, *limit),
        OrderCommand::Review { order_id, by, rating, comment } => review::write(desk, *order_id, by, *rating, comment.as_deref()),
        OrderCommand::BeginPayment { order_id, by, payment_id, payer } => payment::begin(desk, *order_id, by, *payment_id, *payer),
        OrderCommand::ReportReturn { order_id, payment_id, claim, report } => {
            payment::report(desk, *order_id, *payment_id, *claim, *report)
        }
        OrderCommand::ClaimTransfers { limit } => transfer::claim(desk, *limit),
        OrderCommand::KeepSigned { order_id, purpose, claim, signed } => transfer::keep_signed(desk, *order_id, *purpose, *claim, signed),
        OrderCommand::ReportTransfer { order_id, purpose, claim, report } => transfer::report(desk, *order_id, *purpose, *claim, report),
        OrderCommand::Survey(survey) => look::survey(desk, survey),
    }
}
