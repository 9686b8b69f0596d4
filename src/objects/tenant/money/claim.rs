//! Payments that pay for an order of the marketplace, at whoever made them: taken by the order they were made for, and given back
//! (contract atelier 4, README 9).
//!
//! Invariant: a payment is taken by one order, the one its metadata names, and what nothing comes of is back in its wallet once. A try
//! to pay has a number; what is given back, or called off before it was taken, is so for all tries up to that number, and a try that
//! comes late takes nothing. So whatever comes twice or in another order, a payment is not taken and given back at the same time.
//!
//! What comes back counts as spent under its mandate all the same: limits are on what leaves.

use serde_json::{Map, Value};

use super::super::desk::{Desk, Done, Keep, Step};
use super::column::Columns;
use super::outcome::MoneyOutcome;
use super::refusal::MoneyRefusal;
use crate::domain::event::Action;
use crate::domain::id::{OrderId, PaymentId, WalletId};
use crate::domain::ledger::{Account, Transfer};
use crate::domain::money::Micros;
use crate::domain::payment::{PaymentStatus, is_for_market, name_transfer};
use crate::domain::wallet::Mode;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    READ = "SELECT status, amount_micros, merchant, metadata, wallet_id, mode, claim, closed_claims, returned_micros FROM payment WHERE id = ?1";
    CLAIM = "UPDATE payment SET claim = ?2 WHERE id = ?1";
    CLOSE = "UPDATE payment SET closed_claims = ?2 WHERE id = ?1";
    RETURN = "UPDATE payment SET returned_micros = ?2 WHERE id = ?1";
}

/// What of a payment matters to the marketplace.
struct Paid {
    status: PaymentStatus,
    amount: Micros,
    merchant: String,
    metadata: Map<String, Value>,
    wallet_id: WalletId,
    mode: Mode,
    claim: Option<u64>,
    closed: u64,
    returned: Option<Micros>,
}

impl Paid {
    fn read(row: &Row) -> Result<Self, SqlError> {
        let mut column = Columns::of(row);
        Ok(Self {
            status: column.name(PaymentStatus::parse)?,
            amount: column.micros()?,
            merchant: column.text()?,
            metadata: column.json()?,
            wallet_id: column.id(WalletId::parse)?,
            mode: column.name(Mode::parse)?,
            claim: column.number_or_null()?,
            closed: column.number()?,
            returned: column.micros_or_null()?,
        })
    }

    /// The payment of that id, if it was made for that order.
    fn find(desk: &Desk<'_>, id: PaymentId, order_id: OrderId) -> Step<Option<Self>> {
        let row = desk.sql.first(READ, params![id.to_string()])?;
        Ok(row.map(|row| Self::read(&row)).transpose()?.filter(|paid| paid.is_for(order_id)))
    }

    fn is_for(&self, order_id: OrderId) -> bool {
        let named = self.metadata.get("order_id").and_then(Value::as_str).and_then(|text| OrderId::parse(text).ok());
        self.status == PaymentStatus::Succeeded && is_for_market(&self.merchant) && named == Some(order_id)
    }
}

/// A try of an order to be paid by a payment.
pub(super) struct Try {
    pub payment_id: PaymentId,
    pub order_id: OrderId,
    pub number: u64,
}

impl Try {
    fn object(&self) -> String {
        name_transfer(self.payment_id, self.order_id)
    }
}

const fn answer(outcome: MoneyOutcome) -> Done {
    Done { outcome: outcome.into_outcome(), keep: Keep::Nothing }
}

/// Lets an order of that price take a payment; as often as it tries, until it is given back.
pub(super) fn claim(desk: &mut Desk<'_>, by: &Try, price: Micros, mode: Mode) -> Step<Done> {
    let paid = Paid::find(desk, by.payment_id, by.order_id)?.ok_or(MoneyRefusal::UnknownMarketPayment)?;
    if paid.amount != price {
        return Err(MoneyRefusal::MarketPaymentAmount { paid: paid.amount, price }.into());
    }
    if paid.mode != mode {
        return Err(MoneyRefusal::MarketPaymentMode { mode: paid.mode }.into());
    }
    if paid.returned.is_some() {
        return Err(MoneyRefusal::MarketPaymentReturned.into());
    }
    if by.number <= paid.closed {
        return Err(MoneyRefusal::MarketClaimLate.into());
    }
    if paid.claim.is_none_or(|latest| latest < by.number) {
        desk.sql.run(CLAIM, params![by.payment_id.to_string(), by.number])?;
    }
    if paid.claim.is_none() {
        desk.record(Action::PaymentClaimed, &by.object(), None, &())?;
    }
    Ok(answer(MoneyOutcome::PaymentClaimed))
}

/// Gives a payment back that was taken by a try up to this one: `amount` of it, or all. One that was not is not taken by it any more;
/// and if it can never pay, because the order takes another amount or nothing any more, it goes back as well.
pub(super) fn give_back(desk: &mut Desk<'_>, by: &Try, amount: Option<Micros>, takes: Option<Micros>) -> Step<Done> {
    let is_returned = match Paid::find(desk, by.payment_id, by.order_id)? {
        Some(Paid { returned: Some(_), .. }) => true,
        Some(paid) if paid.claim.map_or(takes != Some(paid.amount), |latest| latest <= by.number) => {
            let amount = amount.unwrap_or(paid.amount);
            let transfer = Transfer::new(Account::Outside, Account::Available(paid.wallet_id), amount)?;
            desk.sql.run(RETURN, params![by.payment_id.to_string(), amount.get()])?;
            desk.record(Action::PaymentReturned, &by.object(), Some(transfer), &())?;
            true
        }
        Some(paid) => {
            if paid.claim.is_none() && paid.closed < by.number {
                desk.sql.run(CLOSE, params![by.payment_id.to_string(), by.number])?;
            }
            false
        }
        None => false,
    };
    Ok(answer(MoneyOutcome::PaymentReturned { is_returned }))
}
