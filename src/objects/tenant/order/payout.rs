//! What an order owes when it has ended: the agent's part and the buyer's. Over the `sandbox` rail that is an entry of the
//! ledger and an id made of the order's; over another it is left to a transfer ([`super::transfer`]).
//!
//! Invariant: what is owed leaves the account it waits in once, and from then on the order says so.

use super::super::desk::{Desk, Step};
use super::record::{self, Record};
use super::transfer;
use crate::crypto::solana;
use crate::domain::event::Action;
use crate::domain::id::OrderId;
use crate::domain::ledger::{Account, Transfer};
use crate::domain::market::order::PayoutStatus;
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{PayMethod, Purpose, Rail};
use crate::objects::sql::SqlError;
use crate::{params, statements};

/// Payouts that had waited for a wallet and go out with the call that names one; the alarm does the others.
pub(in super::super) const BATCH: u64 = 100;

statements! {
    READ_WALLET = "SELECT coalesce(payout_wallet, owner_wallet) FROM market_profile WHERE agent_id = ?1";
    /// Agent by agent: few have a profile, and of each only what waits is looked at.
    LIST_WAITING = "SELECT o.id FROM market_profile p CROSS JOIN market_order o ON o.agent_id = p.agent_id
        WHERE coalesce(p.payout_wallet, p.owner_wallet) IS NOT NULL AND o.payout_status = 'awaiting_wallet'
        ORDER BY p.agent_id, o.id LIMIT +?1";
}

/// What is done about the agent's part once the order is written.
pub(super) enum Payout {
    Nothing,
    /// It goes to that wallet, in the ledger.
    Entry(String),
    /// It is left to a transfer.
    Transfer(Price),
}

/// Where what an agent earns is sent.
fn read_wallet(desk: &Desk<'_>, record: &Record) -> Step<Option<String>> {
    let row = desk.sql.first(READ_WALLET, params![record.agent_id.to_string()])?;
    Ok(row.map(|row| row.optional_text(0).map(|text| text.map(str::to_owned))).transpose()?.flatten())
}

/// Decides what becomes of what an order has earned and nobody has been sent; what is decided is done with [`pay`], once the
/// order is written.
pub(super) fn prepare(desk: &Desk<'_>, record: &mut Record) -> Step<Payout> {
    let Some(earned) = record.payout.filter(|_| record.payout_status == PayoutStatus::Pending) else { return Ok(Payout::Nothing) };
    let Some(wallet) = read_wallet(desk, record)? else {
        record.payout_status = PayoutStatus::AwaitingWallet;
        return Ok(Payout::Nothing);
    };
    if record.rail == Some(Rail::Solana) {
        return Ok(Payout::Transfer(earned));
    }
    record.payout_status = PayoutStatus::Paid;
    record.payout_tx_hash = Some(solana::sandbox_signature(&format!("payout:{}", record.id)));
    Ok(Payout::Entry(wallet))
}

/// Does it.
pub(super) fn pay(desk: &mut Desk<'_>, record: &Record, payout: &Payout) -> Step<()> {
    match payout {
        Payout::Nothing => Ok(()),
        Payout::Entry(wallet) => note(desk, record, Purpose::Payout, record.payout.unwrap_or_default(), ("wallet", wallet)),
        Payout::Transfer(earned) => transfer::owe(desk, record.id, Purpose::Payout, *earned),
    }
}

/// Whether what goes back to a buyer is on its way for a while: over a rail, or to another tenant's wallet.
const fn refund_travels(record: &Record) -> bool {
    matches!((record.payment_method, record.rail), (Some(PayMethod::Payment), _) | (_, Some(Rail::Solana)))
}

/// Where what goes back to a buyer waits, if it does.
pub(super) const fn refund_account(record: &Record) -> Account {
    if refund_travels(record) { Account::Refund } else { Account::Outside }
}

/// How far what goes back to a buyer has come when the order ends.
pub(super) const fn refund_status(record: &Record, refund: Price) -> PayoutStatus {
    if refund.is_zero() {
        PayoutStatus::None
    } else if refund_travels(record) {
        PayoutStatus::Pending
    } else {
        PayoutStatus::Paid
    }
}

/// Takes what was sent out of the ledger, and tells the order as it now stands with it, and where it went: what that is, and its name.
pub(super) fn note(desk: &mut Desk<'_>, record: &Record, purpose: Purpose, amount: Price, to: (&str, &str)) -> Step<()> {
    let (action, from) = match purpose {
        Purpose::Payout => (Action::OrderPaidOut, Account::Payout),
        Purpose::Refund => (Action::OrderRefundSent, Account::Refund),
    };
    let transfer = Transfer::new(from, Account::Outside, amount.micros())?;
    let mut data = serde_json::to_value(record.form())?;
    if let Some(members) = data.as_object_mut() {
        members.insert(to.0.to_owned(), to.1.into());
        members.insert("amount_usd".to_owned(), amount.to_string().into());
    }
    desk.record(action, &record.id.to_string(), Some(transfer), &data)?;
    Ok(())
}

/// Sends what waited for its agent to have a wallet: at most `batch`, and the alarm goes on.
pub(in super::super) fn settle_waiting(desk: &mut Desk<'_>, batch: u64) -> Step<()> {
    let rows = desk.sql.run(LIST_WAITING, params![batch])?;
    for row in &rows {
        let id = OrderId::parse(row.text(0)?).map_err(|_| SqlError::Shape("not an order id"))?;
        let mut record = record::read(desk, id)?;
        record.payout_status = PayoutStatus::Pending;
        let payout = prepare(desk, &mut record)?;
        let announced = record.write_change(desk)?;
        if matches!(payout, Payout::Transfer(_)) {
            transfer::tell(desk, id, &announced)?;
        }
        pay(desk, &record, &payout)?;
    }
    if rows.len() as u64 >= batch {
        desk.due_by(desk.now);
    }
    Ok(())
}
