//! What leaves over a rail that moves real money: an order's payout, and its refund.
//!
//! Invariant: each leaves the rail at most once. 1. A transfer is signed under its latest claim and kept here before it is sent;
//! what is refused here is not sent. 2. While something signed stands here, whoever is handed the transfer sends and looks for
//! that very thing and signs nothing. 3. It is cleared only by a report that it cannot land any more (domain/market/settlement.rs),
//! which names it. So a message that comes twice, a report that comes late and two runs at once change nothing.
//!
//! The ledger follows the chain: the money stands in `market.payout` or `market.refund` until the transfer is final. What fails is
//! tried again on the schedule of webhooks, and after its end once a day: what is owed is never given up.

use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::command::{SignedTransfer, TransferAttempt, TransferReport};
use super::outcome::OrderOutcome;
use super::record::{self, Record};
use super::{payment, payout, shown};
use crate::domain::delivery::{LEASE_MS, next_try};
use crate::domain::event::Action;
use crate::domain::form::order::OrderForm;
use crate::domain::form::written::Written;
use crate::domain::id::OrderId;
use crate::domain::market::order::PayoutStatus;
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{Purpose, look_pause_ms};
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, SqlError};
use crate::objects::tenant::due;
use crate::{params, statements};

statements! {
    OWE = "INSERT INTO market_transfer (order_id, purpose, amount_minor, next_at_ms) VALUES (?1, ?2, ?3, ?4)";
    LIST_DUE = "SELECT t.order_id, t.purpose, t.amount_minor, t.claim, t.failures, t.landed_at_ms, t.wallet, t.signature, t.signed, t.signed_slot,
            t.last_height, t.signed_at_ms, iif(t.purpose = 'refund', o.client_wallet, coalesce(p.payout_wallet, p.owner_wallet))
        FROM market_transfer t JOIN market_order o ON o.id = t.order_id JOIN market_profile p ON p.agent_id = o.agent_id
        WHERE t.next_at_ms <= +?1 ORDER BY t.next_at_ms, t.order_id LIMIT +?2";
    READ = "SELECT t.order_id, t.purpose, t.amount_minor, t.claim, t.failures, t.landed_at_ms, t.wallet, t.signature, t.signed, t.signed_slot,
            t.last_height, t.signed_at_ms, iif(t.purpose = 'refund', o.client_wallet, coalesce(p.payout_wallet, p.owner_wallet))
        FROM market_transfer t JOIN market_order o ON o.id = t.order_id JOIN market_profile p ON p.agent_id = o.agent_id
        WHERE t.order_id = +?1 AND t.purpose = +?2";
    CLAIM = "UPDATE market_transfer SET claim = claim + 1, next_at_ms = ?3 WHERE order_id = ?1 AND purpose = ?2";
    /// Nobody knows where to any more.
    FORGET = "DELETE FROM market_transfer WHERE order_id = ?1 AND purpose = ?2 AND signature IS NULL";
    KEEP_SIGNED = "UPDATE market_transfer SET wallet = ?4, signature = ?5, signed = ?6, signed_slot = ?7, last_height = ?8, signed_at_ms = ?9
        WHERE order_id = ?1 AND purpose = ?2 AND claim = ?3 AND signature IS NULL";
    LAND = "UPDATE market_transfer SET landed_at_ms = ?3, next_at_ms = NULL WHERE order_id = ?1 AND purpose = ?2";
    BURY = "UPDATE market_transfer SET wallet = NULL, signature = NULL, signed = NULL, signed_slot = NULL, last_height = NULL, signed_at_ms = NULL,
            failures = ?3, next_at_ms = ?4 WHERE order_id = ?1 AND purpose = ?2";
    WAIT = "UPDATE market_transfer SET failures = ?3, next_at_ms = ?4 WHERE order_id = ?1 AND purpose = ?2";
    /// When a transfer is due next, and whether a payout waits for no wallet any more.
    NEXT_DEADLINE = "SELECT (SELECT min(next_at_ms) FROM market_transfer WHERE next_at_ms IS NOT NULL),
        EXISTS (SELECT 1 FROM market_profile p CROSS JOIN market_order o ON o.agent_id = p.agent_id
            WHERE coalesce(p.payout_wallet, p.owner_wallet) IS NOT NULL AND o.payout_status = 'awaiting_wallet')";
}

/// A transfer as it stands in its table.
struct Owed {
    order_id: OrderId,
    purpose: Purpose,
    amount: Price,
    claim: u64,
    failures: u64,
    has_landed: bool,
    signed: Option<SignedTransfer>,
    /// Where it would be sent now.
    wallet: Option<String>,
}

impl Owed {
    fn read(row: &Row) -> Result<Self, SqlError> {
        let mut column = Columns::of(row);
        let (order_id, purpose) = (column.id(OrderId::parse)?, column.name(Purpose::parse)?);
        let amount = Price::from_minor(column.number()?).map_err(|_| SqlError::Shape("not a price"))?;
        let (claim, failures, has_landed) = (column.number()?, column.number()?, column.time_or_null()?.is_some());
        let (to, signature, text) = (column.text_or_null()?, column.text_or_null()?, column.text_or_null()?);
        let (slot, last_height, at) = (column.number_or_null()?, column.number_or_null()?, column.time_or_null()?);
        let signed = match (to, signature, text, slot, last_height, at) {
            (Some(wallet), Some(signature), Some(text), Some(slot), Some(last_height), Some(at)) => {
                Some(SignedTransfer { wallet, signature, text, slot, last_height, at })
            }
            _ => None,
        };
        Ok(Self { order_id, purpose, amount, claim, failures, has_landed, signed, wallet: column.text_or_null()? })
    }

    fn find(desk: &Desk<'_>, order_id: OrderId, purpose: Purpose) -> Step<Option<Self>> {
        let row = desk.sql.first(READ, params![order_id.to_string(), purpose.as_str()])?;
        Ok(row.map(|row| Self::read(&row)).transpose()?)
    }

    /// Whether that is what was signed for it.
    fn is_signed_as(&self, signature: &str) -> bool {
        self.signed.as_ref().is_some_and(|signed| signed.signature == signature)
    }
}

/// Money that is to leave: the alarm sees to it.
pub(super) fn owe(desk: &mut Desk<'_>, order_id: OrderId, purpose: Purpose, amount: Price) -> Step<()> {
    desk.sql.run(OWE, params![order_id.to_string(), purpose.as_str(), amount.minor(), desk.now.as_ms()])?;
    desk.due_by(desk.now);
    Ok(())
}

/// Hands out transfers that are due, and payments that are to go back, as many of each. A payout whose agent has taken its wallet back
/// waits for another one.
pub(super) fn claim(desk: &mut Desk<'_>, limit: u64) -> Step<Done> {
    let rows = desk.sql.run(LIST_DUE, params![desk.now.as_ms(), limit])?;
    let mut attempts = Vec::new();
    for row in &rows {
        let owed = Owed::read(row)?;
        let (id, purpose) = (owed.order_id.to_string(), owed.purpose);
        let Some(wallet) = owed.signed.as_ref().map(|signed| signed.wallet.clone()).or(owed.wallet) else {
            desk.sql.run(FORGET, params![id, purpose.as_str()])?;
            set_status(desk, owed.order_id, purpose, PayoutStatus::AwaitingWallet)?;
            continue;
        };
        let lost_at = desk.now.plus_ms(LEASE_MS);
        desk.sql.run(CLAIM, params![id, purpose.as_str(), lost_at.as_ms()])?;
        attempts.push(TransferAttempt {
            tenant: desk.caller.tenant_uuid,
            order_id: owed.order_id,
            purpose,
            claim: owed.claim + 1,
            amount: owed.amount,
            wallet,
            signed: owed.signed,
        });
    }
    let returns = payment::hand_out(desk, limit)?;
    due::plan_next(desk)?;
    let more = rows.len() as u64 >= limit || returns.len() as u64 >= limit;
    Ok(shown(OrderOutcome::Transfers { attempts, returns, more }))
}

/// Keeps what was signed for a transfer, if it may be sent: under the latest claim, for the wallet it goes to now, and the only one.
pub(super) fn keep_signed(desk: &mut Desk<'_>, order_id: OrderId, purpose: Purpose, claim: u64, signed: &SignedTransfer) -> Step<Done> {
    let owed = Owed::find(desk, order_id, purpose)?;
    let is_kept =
        owed.is_some_and(|owed| owed.claim == claim && owed.signed.is_none() && owed.wallet.as_deref() == Some(signed.wallet.as_str()));
    if is_kept {
        desk.sql.run(
            KEEP_SIGNED,
            params![
                order_id.to_string(),
                purpose.as_str(),
                claim,
                signed.wallet.as_str(),
                signed.signature.as_str(),
                signed.text.as_str(),
                signed.slot,
                signed.last_height,
                signed.at.as_ms(),
            ],
        )?;
        let object = format!("{order_id}:{}:{}", purpose.as_str(), signed.signature);
        desk.record(Action::TransferSigned, &object, None, &())?;
    }
    Ok(shown(OrderOutcome::Signed { is_kept }))
}

/// Takes a report. What it says of a transaction counts whoever says it, if it is the one that stands here; the rest of the latest
/// claim alone.
pub(super) fn report(desk: &mut Desk<'_>, order_id: OrderId, purpose: Purpose, claim: u64, report: &TransferReport) -> Step<Done> {
    let reported = shown(OrderOutcome::Reported);
    let Some(owed) = Owed::find(desk, order_id, purpose)?.filter(|owed| !owed.has_landed) else { return Ok(reported) };
    let is_latest = owed.claim == claim;
    match report {
        TransferReport::Landed { signature } if owed.is_signed_as(signature) => land(desk, &owed, signature)?,
        TransferReport::Dead { signature } if owed.is_signed_as(signature) => try_again(desk, &owed, BURY, true)?,
        TransferReport::Open if is_latest => look_again(desk, &owed)?,
        TransferReport::Failed if is_latest => try_again(desk, &owed, WAIT, true)?,
        TransferReport::Unconfigured if is_latest => try_again(desk, &owed, WAIT, false)?,
        _ => {}
    }
    Ok(reported)
}

/// It is final: the order says so, and the money leaves the ledger.
fn land(desk: &mut Desk<'_>, owed: &Owed, signature: &str) -> Step<()> {
    desk.sql.run(LAND, params![owed.order_id.to_string(), owed.purpose.as_str(), desk.now.as_ms()])?;
    let mut record = record::read(desk, owed.order_id)?;
    let (status, tx_hash) = place(&mut record, owed.purpose);
    (*status, *tx_hash) = (PayoutStatus::Paid, Some(signature.to_owned()));
    record.write_change(desk)?;
    let wallet = owed.signed.as_ref().map(|signed| signed.wallet.as_str()).unwrap_or_default();
    payout::note(desk, &record, owed.purpose, owed.amount, ("wallet", wallet))
}

/// It is on its way.
fn look_again(desk: &mut Desk<'_>, owed: &Owed) -> Step<()> {
    let signed_at = owed.signed.as_ref().map_or(desk.now, |signed| signed.at);
    wait(desk, owed, WAIT, owed.failures, desk.now.plus_ms(look_pause_ms(signed_at, desk.now)))
}

/// The schedule goes on, and who looks at the order is told if it was the rail that failed.
fn try_again(desk: &mut Desk<'_>, owed: &Owed, statement: &'static str, has_failed: bool) -> Step<()> {
    let failures = owed.failures.saturating_add(1);
    let next_at = next_try(failures, desk.now, desk.entropy);
    wait(desk, owed, statement, failures, next_at)?;
    if has_failed { set_status(desk, owed.order_id, owed.purpose, PayoutStatus::Retrying) } else { Ok(()) }
}

fn wait(desk: &mut Desk<'_>, owed: &Owed, statement: &'static str, failures: u64, next_at: Timestamp) -> Step<()> {
    desk.sql.run(statement, params![owed.order_id.to_string(), owed.purpose.as_str(), failures, next_at.as_ms()])?;
    desk.due_by(next_at);
    Ok(())
}

/// Where an order says how far such a transfer has come.
fn place(record: &mut Record, purpose: Purpose) -> (&mut PayoutStatus, &mut Option<String>) {
    match purpose {
        Purpose::Payout => (&mut record.payout_status, &mut record.payout_tx_hash),
        Purpose::Refund => (&mut record.refund_status, &mut record.refund_tx_hash),
    }
}

/// An order says so if a transfer of its has come further, or not.
pub(super) fn set_status(desk: &mut Desk<'_>, order_id: OrderId, purpose: Purpose, to: PayoutStatus) -> Step<()> {
    let mut record = record::read(desk, order_id)?;
    let (status, _) = place(&mut record, purpose);
    if *status == to {
        return Ok(());
    }
    *status = to;
    let announced = record.write_change(desk)?;
    tell(desk, order_id, &announced)
}

/// Tells that an order's settlement has come further.
pub(super) fn tell(desk: &mut Desk<'_>, order_id: OrderId, announced: &Written<OrderForm>) -> Step<()> {
    desk.record_written(Action::OrderSettling, &order_id.to_string(), None, announced)?;
    Ok(())
}

/// When something is to be done about what is owed.
pub(in super::super) fn next_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    let row = desk.sql.first(NEXT_DEADLINE, &[])?.ok_or(SqlError::Shape("no deadline"))?;
    if row.unsigned(1)? == 1 { Ok(Some(desk.now)) } else { Ok(row.optional_unsigned(0)?.map(Timestamp::from_ms)) }
}
