//! `/account/payments`.

use super::listing::Listing;
use super::tenant_visit::{TenantVisit, misanswered};
use super::view::payment::{PaymentRow, Payments, render_payments};
use crate::domain::id::{MandateId, PaymentId};
use crate::domain::limit::LimitClass;
use crate::domain::payment::PaymentStatus;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::page::Page;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::MoneyOutcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/payments" => show_payments { name: "accountPayments", summary: "Payments, newest first", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
};

const STATUSES: [&str; 5] = ["succeeded", "pending_approval", "denied", "expired", "failed"];

/// 1. The tenant, if one is a member: 404; the filters: 400. 2. Read one more than the page holds. 3. The page: 200.
async fn show_payments(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let (limit, page) = ctx.page_of(PaymentId::parse)?;
    let agent_id = ctx.agent_filter("agent", &visit.seat)?;
    let command = MoneyCommand::ListPayments {
        page,
        agent_id,
        mandate_id: ctx.filter("mandate", |text| MandateId::parse(text).ok())?,
        status: ctx.filter("status", PaymentStatus::parse)?,
        merchant: None,
        created_from: None,
        created_to: None,
    };
    let outcome = visit.ask(ctx, command).await?;
    let MoneyOutcome::Payments(payments) = outcome else { return Err(misanswered(outcome)) };
    let page = Page::cut(payments, limit, |payment| payment.id.to_string());
    let listing = Listing::read(ctx, "/account/payments", &visit.tenant);
    let rows = page.data.into_iter().map(|payment| PaymentRow { agent_label: visit.name_agent(payment.agent_id), payment });
    let view = Payments {
        tenant: visit.tenant.clone(),
        payments: rows.collect(),
        filters: listing.filters(&STATUSES),
        narrowed: listing.narrowed(agent_id.map(|id| visit.name_agent(id))),
        pager: listing.pager(page.next_cursor.as_deref()),
    };
    let page = render_payments(visit.frame(), &view);
    Ok(visit.answer(200, page))
}
