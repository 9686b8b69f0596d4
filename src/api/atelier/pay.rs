//! What pays for an order: a transaction of the settlement rail, or a `/v1` payment of whichever tenant (contract atelier 4).

use super::request::Visit;
use crate::domain::id::{OrderId, PaymentId, TenantUuid};
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{PayMethod, Rail};
use crate::domain::market::state::{OrderEvent, OrderStatus};
use crate::domain::wallet::Mode;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::refusal::unknown_market_payment;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::order::command::{Intent, OrderAct, OrderCommand, Side};
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::store::Database;
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
        Means::Transaction(tx_hash) => match probe(ctx, visit).await? {
            price if price.is_zero() => Ok(means.of_nothing()),
            price => pay_by_transaction(ctx, visit, price, tx_hash.as_deref()).await,
        },
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

/// A transaction pays that the rail confirms and nobody has used for another order; only what has paid is claimed.
async fn pay_by_transaction(ctx: &Ctx, visit: &Visit, price: Price, tx_hash: Option<&str>) -> Result<OrderAct, Fault> {
    let tx_hash = tx_hash.ok_or_else(|| Fault::field("$.escrow_tx_hash", "is required"))?;
    let rail = ctx.confirm_payment(ctx.buyer()?.as_str(), price, tx_hash).await?;
    claim_transaction(ctx, tx_hash, visit.order_id).await?;
    Ok(OrderAct::Pay { method: PayMethod::UsdcSol, tx_hash: Some(tx_hash.to_owned()), rail })
}

/// Makes a transaction this order's: 409 when it has paid for another, or may still do so. A claim that came to nothing,
/// because its order was cancelled or paid otherwise meanwhile, holds nobody up: such an order never takes money again.
async fn claim_transaction(ctx: &Ctx, tx_hash: &str, order_id: OrderId) -> Result<(), Fault> {
    let claim = async |database: Database<'_>| orders::claim_transaction(database, tx_hash, order_id).await;
    let holder = ctx.with_database(claim).await?;
    if holder == order_id {
        return Ok(());
    }
    if !may_use(ctx, tx_hash, holder).await? {
        let take = async |database: Database<'_>| orders::take_transaction(database, tx_hash, order_id, holder).await;
        if ctx.with_database(take).await? == order_id {
            return Ok(());
        }
    }
    Err(Fault::new(Code::TxAlreadyUsed, "this transaction has paid for another order"))
}

/// Whether the order that claimed a transaction was paid by it, or may still be.
async fn may_use(ctx: &Ctx, tx_hash: &str, holder: OrderId) -> Result<bool, Fault> {
    let found = ctx.with_database(async |database| orders::find_tenant(database, holder).await).await?;
    let Some(tenant) = found else { return Ok(true) };
    let command = OrderCommand::Get { order_id: holder, by: Side::Operator };
    match ctx.call_tenant_as_house(tenant, Command::Order(command)).await?.outcome {
        Outcome::Order(OrderOutcome::OrderAndReview { order, .. }) => {
            let is_unpaid = matches!(order.status, OrderStatus::PendingQuote | OrderStatus::Quoted | OrderStatus::Accepted);
            Ok(is_unpaid || order.escrow_tx_hash.as_deref() == Some(tx_hash))
        }
        other => Err(unexpected(&other)),
    }
}
