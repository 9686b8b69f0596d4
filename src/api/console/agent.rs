//! `/account/agents`: the agents of a tenant, each with its keys.

use super::tenant_data::{show_key, show_status};
use super::tenant_visit::TenantVisit;
use super::view::agent::{AgentCard, Agents, render_agents};
use crate::domain::limit::LimitClass;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::objects::tenant::outcome::{AgentView, Overview};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/agents" => show_agents { name: "accountAgents", summary: "Agents and their keys", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
};

fn show_agent(overview: &Overview, agent: &AgentView) -> AgentCard {
    let keys = overview.keys.iter().filter(|key| key.agent_id == Some(agent.agent_id));
    AgentCard {
        agent_id: agent.agent_id.to_string(),
        label: agent.label.clone(),
        status: show_status(agent.status),
        wallet_address: agent.address.as_ref().map(ToString::to_string),
        created_at: agent.created_at_ms,
        keys: keys.map(|key| show_key(overview, key)).collect(),
    }
}

/// 1. The tenant, if one is a member: 404. 2. The page: 200.
async fn show_agents(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = TenantVisit::of_page(ctx).await?;
    let overview = &visit.overview;
    let view = Agents {
        agents: overview.agents.iter().map(|agent| show_agent(overview, agent)).collect(),
        agents_max: overview.profile.plan.agents_max(),
        tenant: visit.tenant.clone(),
    };
    let page = render_agents(visit.frame(), &view);
    Ok(visit.answer(200, page))
}
