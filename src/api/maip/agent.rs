//! Agents: `/v1/agents` (contract identity-and-money 2).

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::scope::{ScopePairs, read_scopes};
use super::{outcome_of, unexpected_of};
use crate::domain::agent::{AgentStatus, AgentType, TrustLevel};
use crate::domain::form::agent::AgentForm;
use crate::domain::id::AgentId;
use crate::domain::limit::LimitClass;
use crate::domain::scope::Scopes;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Metadata, Name, Text, Time};
use crate::http::page::{self, OffsetPage};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::rule::any_given;
use crate::http::tenant::{Answer, Seat};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::identity::command::{AgentChange, AgentCommand, AgentDraft, AgentFilter};
use crate::objects::tenant::identity::outcome::AgentOutcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/agents" => register_agent {
        name: "registerAgent", summary: "Register an agent, with a key pair of its own", access: Management, class: Some(LimitClass::Identity),
        body: Json, documented: true, request: AgentRequest, status: 201, response: AgentForm, also: [402],
    }
    Get "/v1/agents" => list_agents {
        name: "listAgents", summary: "The tenant's agents, newest first", access: Management, class: Some(LimitClass::Identity), body: None,
        documented: true, status: 200, response: AgentList,
        query: [page::OFFSET_LIMIT, page::OFFSET, Query::one_of("agent_type", TYPES), Query::one_of("status", STATUSES), Query::one_of("trust_level", LEVELS)],
    }
    Get "/v1/agents/{id}" => show_agent {
        name: "getAgent", summary: "One agent; its own session or execution token may ask too", access: Agent, class: Some(LimitClass::Identity), body: None,
        documented: true, status: 200, response: AgentForm,
    }
    Patch "/v1/agents/{id}" => change_agent {
        name: "updateAgent", summary: "Change an agent, or suspend or activate it", access: Management, class: Some(LimitClass::Identity),
        body: Json, documented: true, request: AgentPatch, status: 200, response: AgentForm, also: [404, 409],
    }
    Post "/v1/agents/{id}/suspend" => suspend_agent {
        name: "suspendAgent", summary: "Suspend an agent: nothing new in its name", access: Management, class: Some(LimitClass::Identity),
        body: Json, documented: true, request: ReasonBody, status: 200, response: AgentForm, also: [404, 409],
    }
    Post "/v1/agents/{id}/revoke" => revoke_agent {
        name: "revokeAgent", summary: "Revoke an agent for good, and its money with it", access: Management, class: Some(LimitClass::Identity),
        body: Json, documented: true, request: ReasonBody, status: 200, response: AgentForm, also: [404],
    }
    Delete "/v1/agents/{id}" => delete_agent {
        name: "deleteAgent", summary: "Revoke an agent; it stays readable", access: Management, class: Some(LimitClass::Identity), body: None,
        documented: true, status: 200, response: RevokedAgent,
    }
};

/// What a list can be asked for.
const TYPES: &[&str] = &["orchestrator", "worker", "inference", "pipeline", "service", "bot", "llm"];
const STATUSES: &[&str] = &["active", "suspended", "revoked"];
const LEVELS: &[&str] = &["platform_root", "verified_org", "verified_individual", "authenticated", "self_asserted", "anonymous"];

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = any_given(["display_name", "name"])))]
struct AgentRequest {
    /// Required, unless `name` is there.
    display_name: Option<Name<256>>,
    /// Counts when `display_name` is absent.
    name: Option<Name<256>>,
    agent_type: Option<AgentType>,
    description: Option<Text<0, 2048>>,
    scopes: Option<Scopes>,
    /// Instead of `scopes`: every action on every resource.
    scope: Option<ScopePairs>,
    metadata: Option<Metadata<16_384>>,
    expires_at: Option<Time>,
}

/// A name, by either of its two members.
fn read_name(display_name: Option<Name<256>>, name: Option<Name<256>>) -> Option<String> {
    display_name.or(name).map(Name::into_string)
}

impl AgentRequest {
    fn into_draft(self, ctx: &Ctx) -> Result<AgentDraft, Fault> {
        let display_name = read_name(self.display_name, self.name).ok_or_else(|| Fault::field("$.display_name", "is required"))?;
        let scopes = read_scopes(self.scopes, self.scope)?.unwrap_or_default();
        Ok(AgentDraft {
            display_name,
            agent_type: self.agent_type.unwrap_or_default(),
            description: self.description.map(Text::into_string),
            scopes,
            metadata: self.metadata.unwrap_or_default().into_map(),
            expires_at: self.expires_at.map(|time| time.in_future("$.expires_at", ctx.now)).transpose()?,
        })
    }
}

/// What an agent may be set to here; revoking it is a request of its own.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Settable {
    Active,
    Suspended,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = any_given(["display_name", "name", "description", "metadata", "status"])))]
struct AgentPatch {
    display_name: Option<Name<256>>,
    /// Counts when `display_name` is absent.
    name: Option<Name<256>>,
    description: Option<Text<0, 2048>>,
    /// Replaces what was there.
    metadata: Option<Metadata<16_384>>,
    status: Option<Settable>,
    /// Fixed: refused.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(skip))]
    #[serde(rename = "scopes")]
    _scopes: Option<Fixed>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(skip))]
    #[serde(rename = "scope")]
    _scope: Option<Fixed>,
}

/// A field that is settled at registration: whatever is sent is refused.
struct Fixed;

impl<'de> Deserialize<'de> for Fixed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Err(serde::de::Error::custom("is fixed at registration; register another agent for other scopes"))
    }
}

impl AgentPatch {
    fn into_change(self) -> Result<AgentChange, Fault> {
        let change = AgentChange {
            display_name: read_name(self.display_name, self.name),
            description: self.description.map(Text::into_string),
            metadata: self.metadata.map(Metadata::into_map),
            status: self.status.map(|status| match status {
                Settable::Active => AgentStatus::Active,
                Settable::Suspended => AgentStatus::Suspended,
            }),
        };
        let is_empty =
            change.display_name.is_none() && change.description.is_none() && change.metadata.is_none() && change.status.is_none();
        if is_empty { Err(Fault::field("$", "needs one of display_name, description, metadata and status")) } else { Ok(change) }
    }
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ReasonBody {
    reason: Option<Text<0, 1024>>,
}

/// A page of agents, under both names clients look for.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct AgentList<'a> {
    agents: &'a [AgentForm],
    items: &'a [AgentForm],
    total: u64,
    limit: u64,
    offset: u64,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct RevokedAgent {
    id: String,
    agent_id: String,
    agt_id: AgentId,
    status: AgentStatus,
    revoked_at: Option<String>,
}

fn agent_of(answer: Answer) -> Result<Box<AgentForm>, Fault> {
    match outcome_of(answer.outcome)? {
        AgentOutcome::Agent(form) => Ok(form),
        other => Err(unexpected_of(other)),
    }
}

fn reply(status: u16, form: &AgentForm) -> Result<Reply, Fault> {
    Ok(Reply::json(status, form)?.no_store())
}

/// 1. The body: 400. 2. Register it, if the plan has room: 402. 3. Answer: 201.
async fn register_agent(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: AgentRequest = ctx.incoming.body()?;
    let draft = request.into_draft(ctx)?;
    let seat = ctx.management_seat().await?;
    let form = agent_of(ctx.call_tenant(&seat, Command::Agent(AgentCommand::Register(draft))).await?)?;
    Ok(reply(201, &form)?.with_header("Location", format!("/v1/agents/{}", form.agt_id)))
}

/// 1. Page and filters: 400. 2. Read: 200.
async fn list_agents(ctx: &Ctx) -> Result<Reply, Fault> {
    let OffsetPage { limit, offset } = ctx.offset_page();
    let filter = AgentFilter {
        agent_type: ctx.filter("agent_type", AgentType::parse)?,
        status: ctx.filter("status", AgentStatus::parse)?,
        trust_level: ctx.filter("trust_level", TrustLevel::parse)?,
    };
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Agent(AgentCommand::List { filter, limit, offset })).await?;
    match outcome_of(answer.outcome)? {
        AgentOutcome::Agents { agents, total } => {
            Ok(Reply::json(200, &AgentList { agents: &agents, items: &agents, total, limit, offset })?.no_store())
        }
        other => Err(unexpected_of(other)),
    }
}

/// 1. The id: 400, 404. 2. Read; a session or token reads its own agent only: 404. 3. Answer: 200.
async fn show_agent(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.agent_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    reply(200, &*agent_of(ctx.call_tenant(&seat, Command::Agent(AgentCommand::Get { agent_id })).await?)?)
}

/// 1. The id and the body: 400, 404. 2. Change it: 404; a revoked one: 409. 3. Answer: 200.
async fn change_agent(ctx: &Ctx) -> Result<Reply, Fault> {
    let change = ctx.incoming.body::<AgentPatch>()?.into_change()?;
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    reply(200, &*agent_of(ctx.call_tenant(&seat, Command::Agent(AgentCommand::Change { agent_id, change })).await?)?)
}

async fn set_status(ctx: &Ctx, seat: &Seat, status: AgentStatus, reason: Option<String>) -> Result<Box<AgentForm>, Fault> {
    let agent_id = ctx.path_agent(seat)?;
    agent_of(ctx.call_tenant(seat, Command::Agent(AgentCommand::SetStatus { agent_id, status, reason })).await?)
}

/// 1. The id and the body: 400, 404. 2. Suspend it: 404; a revoked one: 409. 3. Answer, a repeat alike: 200.
async fn suspend_agent(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: ReasonBody = ctx.incoming.body()?;
    let seat = ctx.management_seat().await?;
    reply(200, &*set_status(ctx, &seat, AgentStatus::Suspended, body.reason.map(Text::into_string)).await?)
}

/// 1. The id and the body: 400, 404. 2. Revoke it: 404. 3. Answer, a repeat alike: 200.
async fn revoke_agent(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: ReasonBody = ctx.incoming.body()?;
    let seat = ctx.management_seat().await?;
    reply(200, &*set_status(ctx, &seat, AgentStatus::Revoked, body.reason.map(Text::into_string)).await?)
}

/// 1. The id: 400, 404. 2. Revoke it: 404. 3. Answer, a repeat alike: 200.
async fn delete_agent(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.management_seat().await?;
    let AgentForm { id, agent_id, agt_id, status, revoked_at, .. } = *set_status(ctx, &seat, AgentStatus::Revoked, None).await?;
    let revoked_at = revoked_at.map(|at| at.to_string());
    Ok(Reply::json(200, &RevokedAgent { id, agent_id, agt_id, status, revoked_at })?.no_store())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_when_no_display_name_is_there() {
        let read = |text: &str| {
            let request: AgentRequest = serde_json::from_str(text).unwrap();
            read_name(request.display_name, request.name)
        };
        assert_eq!(read(r#"{"display_name":" a ","name":"b"}"#).as_deref(), Some("a"));
        assert_eq!(read(r#"{"name":"b"}"#).as_deref(), Some("b"));
        assert_eq!(read(r#"{"display_name":null,"name":null}"#), None);
    }

    #[test]
    fn scopes_are_no_part_of_a_change() {
        assert!(serde_json::from_str::<AgentPatch>(r#"{"name":"a","scopes":null}"#).is_ok());
        for text in [r#"{"scopes":[]}"#, r#"{"scope":{}}"#] {
            assert!(serde_json::from_str::<AgentPatch>(text).is_err(), "{text}");
        }
    }
}
