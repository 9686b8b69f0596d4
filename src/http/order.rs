//! Orders as more than one door brings them: what a brief may point to, what pays, and the row that buyers list.

use super::code::Code;
use super::context::Ctx;
use super::fault::Fault;
use super::file::{is_name, name_in_url};
use super::page::Page;
use super::reply::Reply;
use super::tenant::{Answer, unexpected};
use crate::domain::form::order::{ListedOrder, OrderForm, ShownOrder};
use crate::domain::form::written::Written;
use crate::domain::id::{OrderId, TenantUuid};
use crate::domain::market::order::{REFERENCE_IMAGES_MAX, REFERENCE_URLS_MAX};
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{PayMethod, Rail};
use crate::domain::target;
use crate::edge::Settings;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::{OrderAct, OrderCommand, Side};
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::store::{Database, order as orders};

/// What a brief points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Anything that anybody may be sent to.
    Url,
    /// A file that was uploaded here.
    Image,
}

impl Reference {
    /// The field it is named in.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Url => "reference_urls",
            Self::Image => "reference_images",
        }
    }

    const fn count_max(self) -> usize {
        match self {
            Self::Url => REFERENCE_URLS_MAX,
            Self::Image => REFERENCE_IMAGES_MAX,
        }
    }
}

/// Checks what a brief points to: what is wrong, and with which of them unless it is their number.
pub fn check_references(settings: &Settings, urls: &[String], kind: Reference) -> Result<(), (Option<usize>, String)> {
    if urls.len() > kind.count_max() {
        return Err((None, format!("must have at most {} entries", kind.count_max())));
    }
    for (at, url) in urls.iter().enumerate() {
        check_reference(settings, url, kind).map_err(|rule| (Some(at), rule))?;
    }
    Ok(())
}

/// Checks one URL. One that leads to where files are shown here must be spelled as the URL of a file is, to the letter: no other rule
/// looks at it.
pub fn check_reference(settings: &Settings, url: &str, kind: Reference) -> Result<(), String> {
    match (name_in_url(&settings.public_origin, url), kind) {
        (Some(name), _) if is_name(name) => Ok(()),
        (Some(_), _) | (None, Reference::Image) => Err("must be the URL of a file that was uploaded here".to_owned()),
        (None, Reference::Url) => {
            let rules = target::Rules { http: true, loopback: settings.allow_loopback_targets };
            target::check(url, rules).map(drop).map_err(|error| error.to_string())
        }
    }
}

/// What pays for an order: nothing for a price of 0; else a transaction that the rail confirms and nobody has used for another. Only
/// what can be paid for asks the rail, and only what has paid is claimed.
pub async fn pay_by_transaction(
    ctx: &Ctx,
    wallet: &str,
    order_id: OrderId,
    price: Price,
    tx_hash: Option<&str>,
) -> Result<OrderAct, Fault> {
    if price.is_zero() {
        return Ok(OrderAct::Pay { method: PayMethod::UsdcSol, tx_hash: None, rail: Rail::Sandbox });
    }
    let tx_hash = tx_hash.ok_or_else(|| Fault::field("$.escrow_tx_hash", "is required"))?;
    let rail = ctx.confirm_payment(wallet, price, tx_hash).await?;
    claim_transaction(ctx, tx_hash, order_id).await?;
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
            Ok(order.status.is_unpaid() || order.escrow_tx_hash.as_deref() == Some(tx_hash))
        }
        other => Err(unexpected(&other)),
    }
}

/// The order an object has answered.
pub fn order_of(answer: Answer) -> Result<ShownOrder, Fault> {
    match answer.outcome {
        Outcome::Order(OrderOutcome::Order(order)) => Ok(*order),
        other => Err(unexpected(&other)),
    }
}

/// Orders out of the rows that buyers list.
pub fn read_all(forms: &[Written<OrderForm>]) -> Result<Vec<OrderForm>, Fault> {
    let forms = forms.iter().map(Written::read).collect::<Result<_, _>>();
    forms.map_err(|error| Fault::internal(error.to_string()))
}

/// A page of orders, and what the next one is asked for with; `orders` are one more than the page holds if there are others.
pub fn answer_list(orders: Vec<ListedOrder>, limit: u64) -> Reply {
    let page = Page::cut(orders, limit, |order| order.id.to_string());
    let reply = Reply::written_list(200, page.data.iter().map(|order| &order.form));
    match page.next_cursor {
        Some(cursor) => reply.with_header("X-Next-Cursor", cursor),
        None => reply,
    }
}

/// Writes what buyers list, so that they read what was just done. The order itself stands in its object; what is not written
/// here follows from its event.
pub async fn note(ctx: &Ctx, tenant: TenantUuid, order: &ShownOrder) {
    if let Err(fault) = ctx.with_database(async |database| orders::put(database, tenant, order).await).await {
        ctx.note_cause(&format!("an order's row waits for its event: {}", fault.detail));
    }
}
