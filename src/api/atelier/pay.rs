//! What pays for an order: a transaction of the settlement rail, or a `/v1` payment of whichever tenant (contract atelier 4).

use super::request::Visit;
use crate::domain::id::{PaymentId, TenantUuid};
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{PayMethod, Rail};
use crate::domain::market::state::OrderEvent;
use crate::domain::wallet::Mode;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::order::pay_by_transaction;
use crate::http::refusal::unknown_market_payment;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::order::command::{Intent, OrderAct};
use crate::store::order as orders;

/// What a buyer names that has paid.
pub(super) enum Means {
    Transaction(Option<String>),
    Payment(Option<PaymentId>),
}

impl Means {
    /// An order that costs nothing is paid with nothing.
    const fn of_nothing(&self) -> OrderAct {
        let method = match self {
            Self::Transaction(_) => PayMethod::UsdcSol,
            Self::Payment(_) => PayMethod::Payment,
        };
        OrderAct::Pay { method, tx_hash: None, rail: Rail::Sandbox }
    }
}

/// Sees to it that something has paid, unless the price is 0. Where the order stands is told before what is wrong with the means.
pub(super) async fn pay(ctx: &Ctx, visit: &Visit, means: Means) -> Result<OrderAct, Fault> {
    match &means {
        Means::Payment(id) => pay_by_payment(ctx, visit, &means, *id).await,
        Means::Transaction(tx_hash) => {
            let price = probe(ctx, visit).await?;
            pay_by_transaction(ctx, ctx.buyer()?.as_str(), visit.order_id, price, tx_hash.as_deref()).await
        }
    }
}

async fn probe(ctx: &Ctx, visit: &Visit) -> Result<Price, Fault> {
    Ok(visit.probe(ctx, Intent::Move(OrderEvent::Pay)).await?.unwrap_or_default())
}

/// 1. It is there, and a rail for what it pays: 400, 503. 2. The order remembers that it may pay: 400, 401, 409. 3. Its tenant lets it:
/// 400, 409. What dies from here on, or is refused, comes to nothing by itself (objects/tenant/order/payment.rs).
async fn pay_by_payment(ctx: &Ctx, visit: &Visit, means: &Means, id: Option<PaymentId>) -> Result<OrderAct, Fault> {
    let (payment_id, payer, rail) = match find_payment(ctx, id).await {
        Ok(found) => found,
        Err(fault) => return if probe(ctx, visit).await?.is_zero() { Ok(means.of_nothing()) } else { Err(fault) },
    };
    let (price, number) = match visit.begin_payment(ctx, payment_id, payer).await? {
        (price, Some(number)) => (price.micros(), number),
        (_, None) => return Ok(means.of_nothing()),
    };
    // Play money stays play money.
    let mode = match rail {
        Rail::Sandbox => Mode::Sandbox,
        Rail::Solana => Mode::Live,
    };
    let command = MoneyCommand::ClaimPayment { payment_id, order_id: visit.order_id, number, price, mode };
    ctx.call_tenant_as_house(payer, Command::Money(command)).await?;
    Ok(OrderAct::Pay { method: PayMethod::Payment, tx_hash: Some(payment_id.to_string()), rail })
}

async fn find_payment(ctx: &Ctx, id: Option<PaymentId>) -> Result<(PaymentId, TenantUuid, Rail), Fault> {
    let id = id.ok_or_else(|| Fault::field("$.payment_id", "is required"))?;
    let payer = ctx.with_database(async |database| orders::find_tenant_of_payment(database, id).await).await?;
    Ok((id, payer.ok_or_else(unknown_market_payment)?, ctx.settlement_rail()?))
}
