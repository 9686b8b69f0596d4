//! Execution tokens: `/v1/agents/:id/execution-tokens` (contract identity-and-money 5).

use serde::{Deserialize, Serialize};
#[cfg(not(target_arch = "wasm32"))]
use serde_json::json;

use crate::crypto::token::{Claims, ExecutionAudience, ExecutionToken};
use crate::domain::id::{AgentId, LeaseId, MandateId};
use crate::domain::limit::LimitClass;
use crate::domain::spend::SpendAction;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Whole;
use crate::http::lookup::id_in;
use crate::http::reply::Reply;
use crate::http::route::Route;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::rule::{either, one_of};
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::money::command::{MoneyCommand, TokenTerms};
use crate::objects::tenant::money::outcome::{MoneyOutcome, TokenGranted};
use crate::objects::tenant::outcome::Outcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/agents/{id}/execution-tokens" => create_execution_token {
        name: "createExecutionToken", summary: "A short-lived right of one agent to one action", access: Management,
        class: Some(LimitClass::Money), body: Json, documented: true, request: TokenRequest, status: 201, response: TokenReply, also: [403, 404],
    }
};

/// Seconds a token lives when nothing is said.
const TTL_S: u64 = 300;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(transform = either([vec![one_of("audience", &json!(["spendguard-actions"]))], vec![one_of("action", &json!(["payment:execute"]))]])))]
struct TokenRequest {
    mandate_id: String,
    action: SpendAction,
    audience: ExecutionAudience,
    ttl_seconds: Option<Whole<30, 900>>,
    lease_id: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct TokenReply {
    #[serde(rename = "executionToken")]
    camel_case: String,
    execution_token: String,
    token_type: &'static str,
    jti: String,
    agent_id: AgentId,
    mandate_id: MandateId,
    action: SpendAction,
    audience: ExecutionAudience,
    expires_at: String,
}

/// 1. The id and the body: 400, 404. 2. Ask whether it may be had: 403, 404. 3. Sign it: 201. A repeat is signed alike.
async fn create_execution_token(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: TokenRequest = ctx.incoming.body()?;
    if request.audience == ExecutionAudience::Payments && request.action != SpendAction::Payment {
        return Err(Fault::field("$.audience", "spendguard-payments goes with payment:execute only"));
    }
    let mandate_id = id_in(&request.mandate_id, "$.mandate_id", MandateId::parse)?;
    let lease_id = request.lease_id.map(|id| id_in(&id, "$.lease_id", LeaseId::parse)).transpose()?;
    let seat = ctx.management_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    let terms = TokenTerms { agent_id, mandate_id, action: request.action, lease_id };
    let answer = ctx.call_tenant(&seat, Command::Money(MoneyCommand::GrantToken(terms))).await?;
    let Outcome::Money(MoneyOutcome::TokenGranted(TokenGranted { jti, granted_at })) = answer.outcome else {
        return Err(unexpected(&answer.outcome));
    };
    let custom = ExecutionToken { sub: agent_id, tenant: seat.tenant, mandate_id, action: request.action, lease_id };
    let mut claims = Claims::lasting(request.ttl_seconds.map_or(TTL_S, Whole::get), granted_at, custom);
    claims.token_id = Some(jti.clone());
    let signed = ctx.keys()?.ring.sign_for(request.audience.as_str(), &claims).map_err(|error| Fault::internal(error.to_string()))?;
    let reply = TokenReply {
        camel_case: signed.clone(),
        execution_token: signed,
        token_type: "Bearer",
        jti,
        agent_id,
        mandate_id,
        action: request.action,
        audience: request.audience,
        expires_at: claims.expires_at.to_string(),
    };
    Ok(Reply::json(201, &reply)?.no_store())
}
