//! `/account/orders`: what a tenant's agents sell and have earned; and one order, for its parties.

use super::listing::Listing;
use super::order_visit::{is_sandbox, show};
use super::tenant_visit::TenantVisit;
use super::view::order::{Earnings, Sold, SoldRow, render_sold};
use super::view::order_act::Sent;
use super::view::order_sheet::render_order;
use super::view::plot::{DAYS, DaySum};
use super::visit::signed_in;
use crate::domain::form::sheet::OrderBook;
use crate::domain::id::OrderId;
use crate::domain::limit::LimitClass;
use crate::domain::market::state::OrderStatus;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::page::Page;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::OrderCommand;
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::order::survey::Survey;
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/orders" => show_sold { name: "accountOrders", summary: "Orders of a tenant's agents, and what they have earned", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/orders/{id}" => show_order { name: "accountOrder", summary: "An order, for its parties", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
};

/// 1. The tenant, if one is a member: 404; the filters: 400. 2. Its orders, one more than the page holds, and its earnings.
/// 3. The page: 200.
async fn show_sold(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let (limit, page) = ctx.page_of(OrderId::parse)?;
    let agent_id = ctx.agent_filter("agent", &visit.seat)?;
    let status = ctx.filter("status", OrderStatus::parse)?;
    let survey = Survey::Book { agent_id, status, limit: page.limit, before: page.before, days: DAYS };
    let answer = ctx.call_tenant(&visit.seat, Command::Order(OrderCommand::Survey(survey))).await?;
    let Outcome::Order(OrderOutcome::Book(book)) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let OrderBook { orders, sums, earned } = *book;
    let shown = Page::cut(orders, limit, |order| order.id.to_string());
    let listing = Listing::read(ctx, "/account/orders", &visit.tenant);
    let is_all = agent_id.is_none() && status.is_none() && page.before.is_none();
    let days = earned.into_iter().map(|row| DaySum { day: row.day, amount: row.earned }).collect();
    let rows = shown.data.into_iter().map(|order| SoldRow { agent_label: visit.name_agent(order.provider_agent_id), order });
    let statuses: Vec<_> = OrderStatus::ALL.iter().map(|status| status.as_str()).collect();
    let view = Sold {
        tenant: visit.tenant.clone(),
        orders: rows.collect(),
        filters: listing.filters(&statuses),
        narrowed: listing.narrowed(agent_id.map(|id| visit.name_agent(id))),
        pager: listing.pager(shown.next_cursor.as_deref()),
        earnings: is_all.then(|| Earnings { sums, days, is_sandbox: is_sandbox(ctx) }),
    };
    let page = render_sold(visit.frame(), &view);
    Ok(visit.answer(200, page))
}

/// The page of the order in the path; `sent` is what stood in a form of it that was refused.
pub async fn render_page(ctx: &Ctx, human: &Human, tenant: Option<&str>, status: u16, sent: Sent) -> Result<Reply, Fault> {
    let visit = TenantVisit::of(ctx, human, tenant).await?;
    let view = show(ctx, human, &visit, sent).await?;
    let page = render_order(visit.frame(), &view);
    Ok(visit.answer(status, page))
}

/// 1. The tenant, if one is a member, and the order, if one is a party: 404. 2. The page: 200.
async fn show_order(ctx: &Ctx) -> Result<Reply, Fault> {
    render_page(ctx, &signed_in(ctx)?, ctx.incoming.query_value("tenant"), 200, Sent::default()).await
}
