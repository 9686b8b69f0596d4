//! What becomes of an order's money as the order moves, and what is told of it.
//!
//! Invariant: the account named after an order holds the price from the commit that pays for it to the commit that ends it,
//! and nothing before or after; what leaves it are the agent's part, the platform's and the buyer's, which together are all.

use super::super::desk::{Desk, Step};
use super::record::Record;
use super::{payment, payout, transfer};
use crate::domain::event::Action;
use crate::domain::form::order::OrderForm;
use crate::domain::form::written::Written;
use crate::domain::ledger::{Account, Transfer};
use crate::domain::market::order::{Escrow, PayoutStatus};
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{PayMethod, Purpose};
use crate::domain::market::state::{OrderEvent, OrderStatus};
use crate::{params, statements};

statements! {
    OPEN_ACCOUNTS = "INSERT OR IGNORE INTO account (id) VALUES (?1), ('market.fee'), ('market.payout'), ('market.refund')";
    COUNT_COMPLETED_OF_SERVICE = "UPDATE market_service SET completed = completed + 1 WHERE id = ?1";
    COUNT_COMPLETED_OF_AGENT = "UPDATE market_profile SET completed = completed + 1 WHERE agent_id = ?1";
}

/// What an order's move is called in the chain.
const fn action_of(event: OrderEvent, to: OrderStatus) -> Action {
    match (to, event) {
        (OrderStatus::Completed, _) => Action::OrderCompleted,
        (OrderStatus::Cancelled, _) => Action::OrderCancelled,
        (_, OrderEvent::Quote) => Action::OrderQuoted,
        (_, OrderEvent::Accept) => Action::OrderAccepted,
        (_, OrderEvent::Pay) => Action::OrderPaid,
        (_, OrderEvent::Deliver) => Action::OrderDelivered,
        (_, OrderEvent::Dispute) => Action::OrderDisputed,
        _ => Action::OrderInProgress,
    }
}

fn part(from: Account, to: Account, price: Price) -> Step<Option<Transfer>> {
    if price.is_zero() { Ok(None) } else { Ok(Some(Transfer::new(from, to, price.micros())?)) }
}

/// Writes an order that has moved, moves its money with it and announces both. Answers the order as it was announced.
pub(super) fn settle(desk: &mut Desk<'_>, record: &mut Record, event: OrderEvent, escrow: Escrow) -> Step<Written<OrderForm>> {
    let (id, held) = (record.id.to_string(), Account::Escrow(record.id));
    let (to, refunds) = (record.order.status, payout::refund_account(record));
    let mut first = None;
    match escrow {
        Escrow::Untouched => {}
        Escrow::Funded(price) => {
            desk.sql.run(OPEN_ACCOUNTS, params![held.to_string()])?;
            first = part(Account::Outside, held, price)?;
            // The money of another tenant is named as it is named there.
            if let Some(credit) = first
                && let Some(name) = payment::transfer_of(record)?
            {
                desk.record(Action::PaymentCredited, &name, Some(credit), &())?;
                first = None;
            }
        }
        Escrow::Resolved { cut, refund } => {
            first = match to {
                OrderStatus::Completed => part(held, Account::Payout, cut.payout)?,
                _ => part(held, refunds, refund)?,
            };
            record.refund_status = payout::refund_status(record, refund);
            if to == OrderStatus::Completed {
                record.fee = Some(cut.fee);
                if !cut.payout.is_zero() {
                    record.payout = Some(cut.payout);
                    record.payout_status = PayoutStatus::Pending;
                }
            }
        }
    }
    if to == OrderStatus::Completed {
        record.completed_at = Some(desk.now);
        desk.sql.run(COUNT_COMPLETED_OF_SERVICE, params![record.service_id.to_string()])?;
        desk.sql.run(COUNT_COMPLETED_OF_AGENT, params![record.agent_id.to_string()])?;
    }
    // What was delivered into a workspace is told as a delivery, also when it was the last one.
    if to == OrderStatus::Completed && event == OrderEvent::Deliver {
        desk.record(Action::OrderDelivered, &id, None, &record.form())?;
    }
    let paid = payout::prepare(desk, record)?;
    let announced = record.write_change(desk)?;
    desk.record_written(action_of(event, to), &id, first, &announced)?;
    if let (OrderStatus::Completed, Escrow::Resolved { cut, refund }) = (to, escrow) {
        for (action, account, amount) in [(Action::OrderFeeTaken, Account::MarketFee, cut.fee), (Action::OrderRefunded, refunds, refund)] {
            if let Some(transfer) = part(held, account, amount)? {
                desk.record(action, &id, Some(transfer), &())?;
            }
        }
    }
    if let Escrow::Resolved { refund, .. } = escrow
        && record.refund_status == PayoutStatus::Pending
    {
        match record.payment_method {
            Some(PayMethod::Payment) => payment::owe(desk, record, refund)?,
            Some(PayMethod::UsdcSol) | None => transfer::owe(desk, record.id, Purpose::Refund, refund)?,
        }
    }
    payout::pay(desk, record, &paid)?;
    Ok(announced)
}
