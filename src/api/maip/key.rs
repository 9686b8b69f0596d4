//! The keys an agent signs with: `/v1/agents/:id/keys`, and its public document (contract identity-and-money 2 and 14).

use serde::{Deserialize, Serialize};
#[cfg(not(target_arch = "wasm32"))]
use serde_json::json;

use super::{outcome_of, unexpected_of};
use crate::domain::agent::{read_any_agent_id, spell_maip};
use crate::domain::form::agent_key::{AgentKeyForm, KeyStatus};
use crate::domain::id::{AgentId, KeyId, TenantUuid};
use crate::domain::limit::LimitClass;
use crate::edge::task;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Text, Whole};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::Route;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::rule::{either, one_of};
use crate::http::tenant::Answer;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::identity::command::AgentCommand;
use crate::objects::tenant::identity::outcome::AgentOutcome;
use crate::routes;
use crate::store::tenant as tenants;

pub static ROUTES: &[Route] = routes! {
    Get "/v1/agents/{id}/keys" => list_keys {
        name: "listAgentSigningKeys", summary: "The history of an agent's keys, or the one valid at a time", access: Management,
        class: Some(LimitClass::Identity), body: None, documented: true, status: 200, response: KeyHistory,
        query: [Query::time("at")],
    }
    Post "/v1/agents/{id}/keys/rotate" => rotate_key {
        name: "rotateAgentSigningKey", summary: "Give an agent a new key to sign with", access: Management, class: Some(LimitClass::Identity),
        body: Json, documented: true, request: RotateRequest, status: 201, response: AgentKeyForm, also: [404, 409],
    }
    Get "/.well-known/agents/{agent_id}/jwks.json" => show_jwks {
        name: "agentJwks", summary: "The public halves of an agent's keys", access: Public, class: Some(LimitClass::Public), body: None, status: 200
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = either([vec![one_of("compromised", &json!([false, null]))], vec![one_of("overlap_seconds", &json!([0, null]))]])))]
struct RotateRequest {
    reason: Option<Text<0, 1024>>,
    /// The old key is in the wrong hands: it signs no more from now on, so there is no overlap.
    compromised: Option<bool>,
    /// For how long the old key may still sign.
    overlap_seconds: Option<Whole<0, 86_400>>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct KeyHistory {
    agent_id: String,
    /// Newest first.
    keys: Vec<AgentKeyForm>,
}

/// A key as JSON (RFC 7517, RFC 8037), and for how long it signed.
#[derive(Serialize)]
struct AgentJwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    kid: KeyId,
    #[serde(rename = "use")]
    key_use: &'static str,
    alg: &'static str,
    status: KeyStatus,
    created_at: String,
    retired_at: Option<String>,
}

#[derive(Serialize)]
struct AgentJwks {
    keys: Vec<AgentJwk>,
}

impl From<AgentKeyForm> for AgentJwk {
    fn from(key: AgentKeyForm) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            x: key.public_key,
            kid: key.kid,
            key_use: "sig",
            alg: "EdDSA",
            status: key.status,
            created_at: key.created_at.to_string(),
            retired_at: key.retired_at.map(|at| at.to_string()),
        }
    }
}

/// A new agent stands in the book of record a moment after it was registered. Who names it without its tenant meanwhile
/// waits for that, a few times and for new ones only.
const NEW_FOR_MS: u64 = 10_000;
const LOOK_AGAIN_AFTER_MS: u32 = 150;
const LOOKS: u32 = 12;

fn keys_of(answer: Answer) -> Result<Vec<AgentKeyForm>, Fault> {
    match outcome_of(answer.outcome)? {
        AgentOutcome::Keys(keys) => Ok(keys),
        other => Err(unexpected_of(other)),
    }
}

/// 1. The id and the moment: 400, 404. 2. Read: 404. 3. Answer: 200.
async fn list_keys(ctx: &Ctx) -> Result<Reply, Fault> {
    let at = ctx.query_time("at");
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    let keys = keys_of(ctx.call_tenant(&seat, Command::Agent(AgentCommand::ListKeys { agent_id, at })).await?)?;
    Ok(Reply::json(200, &KeyHistory { agent_id: spell_maip(agent_id, seat.tenant), keys })?.no_store())
}

/// 1. The id and the body: 400, 404. 2. Make the key and retire the old one: 404; of a revoked agent, or one too many: 409.
/// 3. Answer: 201.
async fn rotate_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: RotateRequest = ctx.incoming.body()?;
    let (compromised, overlap_s) = (request.compromised.unwrap_or_default(), request.overlap_seconds.map_or(0, Whole::get));
    if compromised && overlap_s > 0 {
        return Err(Fault::field("$.overlap_seconds", "must be 0 when the old key is compromised"));
    }
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    let command = AgentCommand::RotateKey { agent_id, reason: request.reason.map(Text::into_string), compromised, overlap_s };
    match outcome_of(ctx.call_tenant(&seat, Command::Agent(command)).await?.outcome)? {
        AgentOutcome::KeyRotated(key) => Ok(Reply::json(201, &key)?.no_store()),
        other => Err(unexpected_of(other)),
    }
}

/// 1. The id: 400. 2. Whose it may be, looked for again while it is new: 404. 3. Ask them: 404. 4. Answer: 200, or 304 to who has it.
async fn show_jwks(ctx: &Ctx) -> Result<Reply, Fault> {
    let (agent_id, tenant8) =
        read_any_agent_id(ctx.param("agent_id")).ok_or_else(|| Fault::new(Code::InvalidId, "must be an agent's id, such as agt_<ULID>"))?;
    let tenant8 = tenant8.as_deref();
    let is_new = tenant8.is_none() && agent_id.born_at().as_ms().abs_diff(ctx.now.as_ms()) < NEW_FOR_MS;
    let mut looks_left = if is_new { LOOKS } else { 1 };
    let candidates = loop {
        let found = ctx.with_database(async |database| tenants::find_of_agent(database, agent_id, tenant8).await).await?;
        looks_left -= 1;
        if looks_left == 0 || !found.is_empty() {
            break found;
        }
        task::pause(LOOK_AGAIN_AFTER_MS).await.map_err(|_| Fault::internal("a pause did not end"))?;
    };
    for tenant in candidates.into_iter().filter(|tenant| tenant8.is_none_or(|tenant8| tenant.to_hex().get(..8) == Some(tenant8))) {
        if let Some(keys) = public_keys_at(ctx, tenant, agent_id).await? {
            let document = AgentJwks { keys: keys.into_iter().map(AgentJwk::from).collect() };
            return Ok(ctx.publish(Reply::json(200, &document)?));
        }
    }
    Err(Fault::not_found())
}

/// The history of an agent's keys, if it is that tenant's.
async fn public_keys_at(ctx: &Ctx, tenant: TenantUuid, agent_id: AgentId) -> Result<Option<Vec<AgentKeyForm>>, Fault> {
    match ctx.call_tenant_as_house(tenant, Command::Agent(AgentCommand::PublicKeys { agent_id })).await {
        Ok(answer) => keys_of(answer).map(Some),
        Err(fault) if fault.code == Code::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}
