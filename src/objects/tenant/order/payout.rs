//! Sending agents what they have earned. Over the `sandbox` rail that is an entry of the ledger and an id made of the
//! order's.
//!
//! Invariant: what an order earned leaves the payout account once, and from then on the order says so.

use super::super::desk::{Desk, Step};
use super::record::{self, Record};
use crate::crypto::solana;
use crate::domain::event::Action;
use crate::domain::id::{AgentId, OrderId};
use crate::domain::ledger::{Account, Transfer};
use crate::domain::market::order::PayoutStatus;
use crate::objects::sql::SqlError;
use crate::{params, statements};

/// The rail that moves nothing outside of the ledger.
pub(super) const SANDBOX: &str = "sandbox";

/// Orders that are paid out at once when an agent has named a wallet; the rest follow with the alarm.
const BATCH: u64 = 100;

statements! {
    READ_WALLET = "SELECT coalesce(payout_wallet, owner_wallet) FROM market_profile WHERE agent_id = ?1";
    LIST_WAITING = "SELECT id FROM market_order WHERE agent_id = +?1 AND payout_status IN ('awaiting_wallet', 'pending', 'retrying')
        ORDER BY id LIMIT +?2";
}

/// Where what an agent earns is sent.
fn read_wallet(desk: &Desk<'_>, agent_id: AgentId) -> Step<Option<String>> {
    let row = desk.sql.first(READ_WALLET, params![agent_id.to_string()])?;
    Ok(row.map(|row| row.optional_text(0).map(|text| text.map(str::to_owned))).transpose()?.flatten())
}

/// Marks what an order has earned as sent, if it is known where to; the entry follows with [`note`].
pub(super) fn prepare(desk: &Desk<'_>, record: &mut Record) -> Step<Option<String>> {
    if record.payout_status != PayoutStatus::Pending {
        return Ok(None);
    }
    let wallet = read_wallet(desk, record.agent_id)?;
    match &wallet {
        Some(_) => {
            record.payout_status = PayoutStatus::Paid;
            record.payout_tx_hash = Some(solana::sandbox_signature(&format!("payout:{}", record.id)));
        }
        None => record.payout_status = PayoutStatus::AwaitingWallet,
    }
    Ok(wallet)
}

/// Takes what was sent out of the ledger.
pub(super) fn note(desk: &mut Desk<'_>, record: &Record, wallet: &str) -> Step<()> {
    let Some(earned) = record.payout else { return Ok(()) };
    let transfer = Transfer::new(Account::Payout, Account::Outside, earned.micros())?;
    let data = serde_json::json!({
        "order_id": record.id, "amount_usd": earned, "wallet": wallet, "tx_hash": record.payout_tx_hash, "settlement": SANDBOX,
    });
    desk.record(Action::OrderPaidOut, &record.id.to_string(), Some(transfer), &data)?;
    Ok(())
}

/// Sends what waited for the agent to name a wallet.
pub(in super::super) fn settle_waiting(desk: &mut Desk<'_>, agent_id: AgentId) -> Step<()> {
    loop {
        let rows = desk.sql.run(LIST_WAITING, params![agent_id.to_string(), BATCH])?;
        for row in &rows {
            let id = OrderId::parse(row.text(0)?).map_err(|_| SqlError::Shape("not an order id"))?;
            let mut record = record::read(desk, id)?;
            record.payout_status = PayoutStatus::Pending;
            let Some(wallet) = prepare(desk, &mut record)? else { return Ok(()) };
            record.write_change(desk)?;
            note(desk, &record, &wallet)?;
        }
        if (rows.len() as u64) < BATCH {
            return Ok(());
        }
    }
}
