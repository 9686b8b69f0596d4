//! An order as somebody comes to it at the console: its buyer by a wallet of theirs, who manages the tenant of its agent, an
//! operator.

use super::tenant_data::name_order_step;
use super::tenant_visit::TenantVisit;
use super::view::order_act::Sent;
use super::view::order_sheet::{OneOrder, TimelineRow};
use crate::domain::form::sheet::{OrderSheet, OrderStep};
use crate::domain::id::{OrderId, TenantUuid};
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::settlement::Settling;
use crate::http::tenant::{Answer, Seat, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::OrderCommand;
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::order::survey::{Onlooker, Survey};
use crate::objects::tenant::outcome::Outcome;
use crate::store::buyer;

/// The order in the path; what is no id is no order.
pub fn order_id(ctx: &Ctx) -> Result<OrderId, Fault> {
    OrderId::parse(ctx.param("id")).map_err(|_| Fault::not_found())
}

/// Whether the rail that pays for orders moves nothing outside of this house (contract README 10).
pub fn is_sandbox(ctx: &Ctx) -> bool {
    matches!(Settling::of(&ctx.edge.settings), Ok(Settling::Sandbox))
}

/// An order that a wallet of somebody has placed.
pub struct Purchase {
    pub order_id: OrderId,
    /// With whom it lies.
    pub tenant: TenantUuid,
    pub wallet: String,
}

impl Purchase {
    /// The order in the path, if it is a human's own: 404.
    pub async fn find(ctx: &Ctx, human: &Human) -> Result<Self, Fault> {
        let order_id = order_id(ctx)?;
        let found = ctx.with_database(async |database| buyer::find_order(database, order_id, human.user_id).await).await?;
        match found {
            Some(buyer::FoundOrder { tenant_uuid, wallet: Some(wallet) }) => Ok(Self { order_id, tenant: tenant_uuid, wallet }),
            _ => Err(Fault::not_found()),
        }
    }

    pub async fn load_sheet(&self, ctx: &Ctx) -> Result<OrderSheet, Fault> {
        let command = ask_for_sheet(self.order_id, Onlooker::Wallet(self.wallet.clone()));
        sheet_of(ctx.call_tenant_for(self.tenant, None, command).await?)
    }
}

fn ask_for_sheet(order_id: OrderId, by: Onlooker) -> Command {
    Command::Order(OrderCommand::Survey(Survey::Sheet { order_id, by }))
}

fn sheet_of(answer: Answer) -> Result<OrderSheet, Fault> {
    match answer.outcome {
        Outcome::Order(OrderOutcome::Sheet(sheet)) => Ok(*sheet),
        other => Err(unexpected(&other)),
    }
}

/// An order for who sits at the tenant of its agent, or judges it.
pub async fn load_sheet_at(ctx: &Ctx, seat: &Seat, order_id: OrderId, by: Onlooker) -> Result<OrderSheet, Fault> {
    sheet_of(ctx.call_tenant(seat, ask_for_sheet(order_id, by)).await?)
}

/// 1. The order's row, which tells whether a human is its buyer; one without a row may be too new for that. 2. The order, for
/// its buyer, else for who manages the tenant one is at: 404.
pub async fn show(ctx: &Ctx, human: &Human, visit: &TenantVisit, sent: Sent) -> Result<OneOrder, Fault> {
    let order_id = order_id(ctx)?;
    let found = ctx.with_database(async |database| buyer::find_order(database, order_id, human.user_id).await).await?;
    let (tenant, wallet) = found.map_or((visit.seat.tenant, None), |found| (found.tenant_uuid, found.wallet));
    let (is_buyer, is_seller) = (wallet.is_some(), tenant == visit.seat.tenant);
    let sheet = match wallet {
        Some(wallet) => Purchase { order_id, tenant, wallet }.load_sheet(ctx).await?,
        None if is_seller => load_sheet_at(ctx, &visit.seat, order_id, Onlooker::Management).await?,
        None => return Err(Fault::not_found()),
    };
    Ok(OneOrder { is_buyer, is_seller, sent, ..draw(ctx, &visit.tenant, sheet) })
}

/// An order's page for who is neither party.
pub fn draw(ctx: &Ctx, tenant: &str, sheet: OrderSheet) -> OneOrder {
    OneOrder {
        tenant: tenant.to_owned(),
        timeline: sheet.timeline.iter().map(|step| draw_step(&sheet, step)).collect(),
        origin: ctx.edge.settings.public_origin.clone(),
        is_sandbox: is_sandbox(ctx),
        is_buyer: false,
        is_seller: false,
        sent: Sent::default(),
        sheet,
    }
}

/// Who did it: a wallet is its buyer, a key its agent, and the house acts for nobody.
fn draw_step(sheet: &OrderSheet, step: &OrderStep) -> TimelineRow {
    let who = match step.actor.split_once(':') {
        Some(("wallet", _)) => Some("the buyer".to_owned()),
        Some(("operator", _)) => Some("an operator".to_owned()),
        _ if step.actor == "house" => None,
        _ => Some(sheet.order.provider_name.clone()),
    };
    TimelineRow {
        at: step.at,
        what: name_order_step(&step.action, step.actor.starts_with("wallet:"), step.amount.is_some()),
        who,
        amount: step.amount,
    }
}
