//! Orders paid by a `/v1` payment, whose money lies in the ledger of whoever made it (contract atelier 4, README 9).
//!
//! Invariant: a payment pays one order or goes back to its wallet, whole between the two, whatever dies where. 1. Before a try to pay
//! takes a payment at its tenant, the payment stands here as open; the price is credited in the commit that makes it paid. 2. An open
//! one whose minute is over, one that comes to an order which takes no money any more, and what an ended order gives back of a paid one,
//! is returning: from then on it pays for nothing, and is handed out until its tenant has said that it is back in its wallet, or that
//! this try never took it. With it goes what the order may still take: a payment that can never pay goes back though no try took it.
//! 3. What is told of a try that was called off changes nothing at its tenant that a later one has done, nor here (see
//! money/claim.rs): tries, and handings out, have numbers.
//!
//! What an order gives back waits in `market.refund` until it is there. What fails is tried again as transfers are, and never given up.

use super::super::desk::{Desk, Done, Step, Stop};
use super::super::money::column::Columns;
use super::super::money::sweep::deadline;
use super::command::{Intent, ReturnAttempt, ReturnReport, Side};
use super::outcome::OrderOutcome;
use super::record::{self, Record};
use super::refusal::OrderRefusal;
use super::{act, payout, shown, transfer};
use crate::domain::delivery::{LEASE_MS, next_try};
use crate::domain::id::{OrderId, PaymentId, TenantUuid};
use crate::domain::market::order::PayoutStatus;
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{PayMethod, Purpose};
use crate::domain::market::state::{OrderEvent, OrderStatus, Party};
use crate::domain::payment::name_transfer;
use crate::domain::time::{MINUTE_MS, Timestamp};
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// How long a try to pay may take.
const TRY_MS: u64 = MINUTE_MS;
/// The longest pause while a try is called off: until its tenant has answered, nobody can pay with that payment.
const CALL_OFF_PAUSE_MS: u64 = 2 * MINUTE_MS;

macro_rules! columns {
    () => {
        "order_id, payment_id, tenant_uuid, number, refund_minor, claim, failures"
    };
}

statements! {
    BEGIN = "INSERT INTO market_payment (order_id, payment_id, tenant_uuid, state, next_at_ms) VALUES (?1, ?2, ?3, 'open', ?4)
        ON CONFLICT (order_id, payment_id) DO UPDATE SET state = 'open', number = number + 1, failures = 0, next_at_ms = excluded.next_at_ms
        WHERE state IN ('open', 'unused') RETURNING number";
    GIVE_UP = "INSERT INTO market_payment (order_id, payment_id, tenant_uuid, state, next_at_ms) VALUES (?1, ?2, ?3, 'returning', ?4)
        ON CONFLICT (order_id, payment_id) DO UPDATE SET state = 'returning', number = number + 1, failures = 0,
            next_at_ms = excluded.next_at_ms
        WHERE state = 'unused'";
    IS_CALLED_OFF = "SELECT 1 FROM market_payment WHERE order_id = ?1 AND payment_id = ?2 AND state = 'returning' AND refund_minor IS NULL";
    READ_STANDING = "SELECT status, price_minor FROM market_order WHERE id = ?1";
    USE = "UPDATE market_payment SET state = 'paid', next_at_ms = NULL
        WHERE order_id = ?1 AND payment_id = ?2 AND state = 'open' RETURNING 1";
    OWE = "UPDATE market_payment SET state = 'returning', refund_minor = ?3, next_at_ms = ?4
        WHERE order_id = ?1 AND payment_id = ?2 AND state = 'paid' RETURNING 1";
    LIST_DUE = concat!("SELECT ", columns!(), " FROM market_payment WHERE next_at_ms <= +?1 ORDER BY next_at_ms, order_id LIMIT +?2");
    HAND_OUT = "UPDATE market_payment SET state = 'returning', claim = claim + 1, next_at_ms = ?3 WHERE order_id = ?1 AND payment_id = ?2";
    READ_RETURNING = concat!("SELECT ", columns!(), " FROM market_payment WHERE order_id = ?1 AND payment_id = ?2 AND state = 'returning'");
    END = "UPDATE market_payment SET state = ?3, next_at_ms = NULL WHERE order_id = ?1 AND payment_id = ?2";
    WAIT = "UPDATE market_payment SET failures = ?3, next_at_ms = ?4 WHERE order_id = ?1 AND payment_id = ?2";
    NEXT_DEADLINE = "SELECT min(next_at_ms) FROM market_payment WHERE next_at_ms IS NOT NULL";
}

/// A payment on its way back, or about to be.
struct Returning {
    order_id: OrderId,
    payment_id: PaymentId,
    payer: TenantUuid,
    number: u64,
    refund: Option<Price>,
    claim: u64,
    failures: u64,
}

impl Returning {
    fn read(row: &Row) -> Result<Self, SqlError> {
        let mut column = Columns::of(row);
        let (order_id, payment_id) = (column.id(OrderId::parse)?, column.id(PaymentId::parse)?);
        let payer = column.name(TenantUuid::parse)?;
        let number = column.number()?;
        let refund = column.number_or_null()?.map(Price::from_minor).transpose().map_err(|_| SqlError::Shape("not a price"))?;
        Ok(Self { order_id, payment_id, payer, number, refund, claim: column.number()?, failures: column.number()? })
    }
}

/// A buyer is about to pay with a payment: answers the price and the number of the try, which the payment's tenant is asked with. What
/// costs nothing takes none.
pub(super) fn begin(desk: &mut Desk<'_>, order_id: OrderId, by: &Side, payment_id: PaymentId, payer: TenantUuid) -> Step<Done> {
    let found = act::find_for(desk, order_id, by, Intent::Move(OrderEvent::Pay));
    if let Err(Stop::Refused(_)) = &found {
        give_up(desk, order_id, by, payment_id, payer)?;
    }
    let price = found?.order.price.unwrap_or_default();
    if price.is_zero() {
        return Ok(shown(OrderOutcome::PaymentBegun { price, number: None }));
    }
    let over_at = desk.now.plus_ms(TRY_MS);
    let values = params![order_id.to_string(), payment_id.to_string(), payer.to_string(), over_at.as_ms()];
    let Some(row) = desk.sql.first(BEGIN, values)? else {
        let is_called_off = desk.sql.first(IS_CALLED_OFF, params![order_id.to_string(), payment_id.to_string()])?.is_some();
        return Err(if is_called_off { OrderRefusal::PaymentBusy } else { OrderRefusal::PaymentReturned }.into());
    };
    desk.due_by(over_at);
    Ok(shown(OrderOutcome::PaymentBegun { price, number: Some(row.unsigned(0)?) }))
}

/// Sends a payment back that was made for an order which takes no money any more.
fn give_up(desk: &mut Desk<'_>, order_id: OrderId, by: &Side, payment_id: PaymentId, payer: TenantUuid) -> Step<()> {
    let Some(record) = record::find(desk, order_id)? else { return Ok(()) };
    let is_buyer = matches!(act::party_to(desk, &record, by), Ok(Party::Buyer));
    if !is_buyer || record.order.status.is_unpaid() {
        return Ok(());
    }
    let values = params![order_id.to_string(), payment_id.to_string(), payer.to_string(), desk.now.as_ms()];
    desk.sql.run(GIVE_UP, values)?;
    desk.due_by(desk.now);
    Ok(())
}

/// What an order may still take: its price, or nothing once it is beyond being paid.
fn what_it_takes(desk: &Desk<'_>, order_id: OrderId) -> Step<Option<Price>> {
    let row = desk.sql.first(READ_STANDING, params![order_id.to_string()])?.ok_or(SqlError::Shape("a payment of no order"))?;
    let mut column = Columns::of(&row);
    let status = column.name(OrderStatus::parse)?;
    let price = column.number_or_null()?.map(Price::from_minor).transpose().map_err(|_| SqlError::Shape("not a price"))?;
    Ok(price.filter(|_| status.is_unpaid()))
}

/// The payment that a record says has paid for it.
fn payment_of(record: &Record) -> Step<PaymentId> {
    let named = record.escrow_tx_hash.as_deref().and_then(|text| PaymentId::parse(text).ok());
    Ok(named.ok_or(SqlError::Shape("not a payment's id"))?)
}

/// How the ledger names the money that has paid for an order; `None` when that is no payment.
pub(super) fn transfer_of(record: &Record) -> Step<Option<String>> {
    match record.payment_method {
        Some(PayMethod::Payment) => Ok(Some(name_transfer(payment_of(record)?, record.id))),
        Some(PayMethod::UsdcSol) | None => Ok(None),
    }
}

/// An open payment pays for its order.
pub(super) fn take(desk: &Desk<'_>, record: &Record) -> Step<()> {
    let payment_id = payment_of(record)?;
    desk.sql.first(USE, params![record.id.to_string(), payment_id.to_string()])?.ok_or(OrderRefusal::PaymentReturned)?;
    Ok(())
}

/// Part of what was paid, or all, is to go back: the alarm sees to it.
pub(super) fn owe(desk: &mut Desk<'_>, record: &Record, refund: Price) -> Step<()> {
    let values = params![record.id.to_string(), payment_of(record)?.to_string(), refund.minor(), desk.now.as_ms()];
    desk.sql.first(OWE, values)?.ok_or(SqlError::Shape("no payment has paid for this order"))?;
    desk.due_by(desk.now);
    Ok(())
}

/// Hands out what is to go back, at most `limit`.
pub(super) fn hand_out(desk: &mut Desk<'_>, limit: u64) -> Step<Vec<ReturnAttempt>> {
    let rows = desk.sql.run(LIST_DUE, params![desk.now.as_ms(), limit])?;
    let lost_at = desk.now.plus_ms(LEASE_MS);
    let mut attempts = Vec::new();
    for row in &rows {
        let Returning { order_id, payment_id, payer, number, refund, claim, .. } = Returning::read(row)?;
        desk.sql.run(HAND_OUT, params![order_id.to_string(), payment_id.to_string(), lost_at.as_ms()])?;
        let tenant = desk.caller.tenant_uuid;
        let takes = what_it_takes(desk, order_id)?;
        attempts.push(ReturnAttempt { tenant, order_id, payment_id, payer, number, refund, takes, claim: claim + 1 });
    }
    Ok(attempts)
}

/// Takes a report. That it is back counts whoever says it; the rest of the latest handing out alone.
pub(super) fn report(desk: &mut Desk<'_>, order_id: OrderId, payment_id: PaymentId, claim: u64, report: ReturnReport) -> Step<Done> {
    let reported = shown(OrderOutcome::Reported);
    let row = desk.sql.first(READ_RETURNING, params![order_id.to_string(), payment_id.to_string()])?;
    let Some(returning) = row.map(|row| Returning::read(&row)).transpose()? else { return Ok(reported) };
    let is_latest = returning.claim == claim;
    match report {
        ReturnReport::Returned => end(desk, &returning, "returned")?,
        ReturnReport::NeverTaken if is_latest && returning.refund.is_none() => end(desk, &returning, "unused")?,
        // What has paid was taken: its tenant has to be asked again.
        ReturnReport::Failed | ReturnReport::NeverTaken if is_latest => try_again(desk, &returning)?,
        ReturnReport::Failed | ReturnReport::NeverTaken => {}
    }
    Ok(reported)
}

/// It is where it belongs: if it was an order's, the order says so, and the money leaves the ledger.
fn end(desk: &mut Desk<'_>, returning: &Returning, state: &'static str) -> Step<()> {
    let (order_id, payment_id) = (returning.order_id, returning.payment_id.to_string());
    desk.sql.run(END, params![order_id.to_string(), payment_id.as_str(), state])?;
    let Some(refund) = returning.refund else { return Ok(()) };
    let mut record = record::read(desk, order_id)?;
    record.refund_status = PayoutStatus::Paid;
    record.refund_tx_hash = Some(payment_id.clone());
    record.write_change(desk)?;
    payout::note(desk, &record, Purpose::Refund, refund, ("payment_id", &payment_id))
}

fn try_again(desk: &mut Desk<'_>, returning: &Returning) -> Step<()> {
    let failures = returning.failures.saturating_add(1);
    let mut next_at = next_try(failures, desk.now, desk.entropy);
    if returning.refund.is_none() {
        next_at = next_at.min(desk.now.plus_ms(CALL_OFF_PAUSE_MS));
    }
    desk.sql.run(WAIT, params![returning.order_id.to_string(), returning.payment_id.to_string(), failures, next_at.as_ms()])?;
    desk.due_by(next_at);
    match returning.refund {
        Some(_) => transfer::set_status(desk, returning.order_id, Purpose::Refund, PayoutStatus::Retrying),
        None => Ok(()),
    }
}

/// When something is to be done about a payment.
pub(in super::super) fn next_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    deadline(desk, NEXT_DEADLINE)
}
