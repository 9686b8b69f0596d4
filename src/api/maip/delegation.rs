//! Delegations: `/v1/delegations` (contract identity-and-money 3).

use serde::Deserialize;

use super::scope::{ScopePairs, read_scopes};
use super::{proof_of, unexpected_proof};
use crate::domain::form::delegation::DelegationForm;
use crate::domain::id::DelegationId;
use crate::domain::limit::LimitClass;
use crate::domain::scope::Scopes;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Whole;
use crate::http::lookup::agent_in;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::Answer;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::proof::command::ProofCommand;
use crate::objects::tenant::proof::outcome::ProofOutcome;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/delegations" => offer {
        name: "offerDelegation", summary: "Offer scopes of one agent to another", access: Management, class: Some(LimitClass::Identity),
        body: Json, documented: true, request: OfferRequest, status: 201, response: DelegationForm, also: [404, 409],
    }
    Post "/v1/delegations/{id}/accept" => accept {
        name: "acceptDelegation", summary: "Accept an offer: the receiver becomes the giver's child", access: Management,
        class: Some(LimitClass::Identity), body: Json, documented: true, status: 200, response: DelegationForm, also: [409],
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct OfferRequest {
    from_agent_id: String,
    to_agent_id: String,
    /// At least one, all held by the giver.
    scopes: Option<Scopes>,
    /// Instead of `scopes`: every action on every resource.
    scope: Option<ScopePairs>,
    /// For how long it can be accepted; absent: until the giver holds the scopes no more.
    ttl_seconds: Option<Whole<1, 31_536_000>>,
}

fn form_of(answer: Answer) -> Result<Box<DelegationForm>, Fault> {
    match proof_of(answer.outcome)? {
        ProofOutcome::Delegation(form) => Ok(form),
        other => Err(unexpected_proof(other)),
    }
}

/// 1. The body: 400, 404. 2. Offer it, if the giver holds the scopes: 403, 404, 409. 3. Answer: 201.
async fn offer(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: OfferRequest = ctx.incoming.body()?;
    let scopes = read_scopes(body.scopes, body.scope)?.filter(|scopes| !scopes.is_empty());
    let scopes = scopes.ok_or_else(|| Fault::field("$.scopes", "must hold at least one scope"))?;
    let seat = ctx.management_seat().await?;
    let from = agent_in(&body.from_agent_id, "$.from_agent_id", &seat)?;
    let to = agent_in(&body.to_agent_id, "$.to_agent_id", &seat)?;
    if from == to {
        return Err(Fault::field("$.to_agent_id", "must be another agent than from_agent_id"));
    }
    let command = ProofCommand::Offer { from, to, scopes, ttl_s: body.ttl_seconds.map(Whole::get) };
    let form = form_of(ctx.call_tenant(&seat, Command::Proof(command)).await?)?;
    Ok(Reply::json(201, &form)?.no_store())
}

/// 1. The id: 400. 2. Accept it: 403, 404, 409. 3. Answer, a repeat alike: 200.
async fn accept(ctx: &Ctx) -> Result<Reply, Fault> {
    let delegation_id = ctx.path_id(DelegationId::parse)?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Proof(ProofCommand::Accept { delegation_id })).await?;
    Ok(Reply::json(200, &form_of(answer)?)?.no_store())
}
