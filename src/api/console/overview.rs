//! `/account`, signed in.

use std::cmp::Reverse;

use super::tenant_data::{load_overview, show_activity, show_name, show_spend};
use super::view::overview::{Overview as Page, TenantCard, render_overview};
use super::view::plot::sum_days;
use super::visit::Visit;
use crate::domain::agent::AgentStatus;
use crate::http::context::Ctx;
use crate::http::credential::{Credential, Human};
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::store::tenant::Membership;
use crate::store::user;

/// Tenants shown with their figures, which cost a hop each; the rest stand on the tenants page.
const TENANTS_MAX: usize = 8;
/// Rows of recent activity.
const ROWS_MAX: usize = 12;

/// 1. Whose page it is. 2. Each tenant as its object tells it. 3. The page: 200.
pub async fn show_overview(ctx: &Ctx, human: &Human) -> Result<Reply, Fault> {
    ctx.set_credential(Credential::Human(human.clone()));
    let mut visit = Visit::of_page(ctx, human).await?;
    let account = ctx.with_database(async |database| user::find_by_id(database, human.user_id).await).await?;
    let name = account.map_or_else(|| human.email.clone(), |account| account.name);
    let mut page = Page { name, ..Page::default() };
    for membership in visit.memberships.iter().take(TENANTS_MAX) {
        add_tenant(ctx, human, membership, &mut page).await?;
    }
    if let Some(viewer) = visit.frame.viewer.as_mut()
        && let Some(here) = page.tenants.iter().find(|card| Some(&card.tenant) == viewer.tenant.as_ref())
    {
        viewer.approvals_waiting = here.approvals_waiting;
        viewer.is_stopped = here.is_stopped;
    }
    page.activity.sort_by_key(|row| Reverse(row.at));
    page.activity.truncate(ROWS_MAX);
    let html = render_overview(&visit.frame, &page);
    Ok(visit.answer(200, html))
}

async fn add_tenant(ctx: &Ctx, human: &Human, membership: &Membership, page: &mut Page) -> Result<(), Fault> {
    let overview = match load_overview(ctx, membership.slug.as_str()).await {
        Ok(overview) => overview,
        // The list is a projection: a membership that has just ended may still stand in it.
        Err(fault) if fault.code.status() == 404 => return Ok(()),
        Err(fault) => return Err(fault),
    };
    let living = overview.agents.iter().filter(|agent| agent.status != AgentStatus::Revoked).count();
    page.tenants.push(TenantCard {
        tenant: membership.slug.to_string(),
        name: show_name(&overview.profile.name, &membership.slug),
        role: membership.role.clone(),
        available: overview.wallet.balance.available,
        held: overview.wallet.balance.held,
        spent_30_days: sum_days(&show_spend(&overview)),
        approvals_waiting: overview.approvals_waiting,
        is_stopped: overview.stop.on,
        agents: u64::try_from(living).unwrap_or(u64::MAX),
    });
    page.activity.extend(show_activity(&overview, &human.user_id.to_string()));
    Ok(())
}
