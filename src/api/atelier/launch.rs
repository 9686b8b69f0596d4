//! Launching a market agent's token: `/api/agents/:id/token/launch` (contract atelier 6).

use serde::{Deserialize, Serialize};

use super::{misanswered, outcome_of, path_agent, read_after, tell_agent};
use crate::domain::form::profile::{ProfileForm, TokenForm};
use crate::domain::id::AgentId;
use crate::domain::limit::LimitClass;
use crate::domain::market::launch::{Launch, SYMBOL_CHARS_MAX};
use crate::edge::{OutsideRail, Rail};
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Name;
use crate::http::launch::{self, LEASE_MS};
use crate::http::reply::Reply;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::reply::Success;
use crate::http::route::Route;
use crate::http::tenant::Seat;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::seller::command::{LaunchRail, SellerCommand};
use crate::objects::tenant::seller::outcome::SellerOutcome;
use crate::routes;
use crate::store::market;

pub static ROUTES: &[Route] = routes! {
    Post "/api/agents/{id}/token/launch" => launch_token {
        name: "launchToken", summary: "Launch the agent's token, once", access: Seller, class: Some(LimitClass::AtelierLaunch), body: Json,
        documented: true, request: LaunchRequest, status: 200, response: Success<LaunchReply>, also: [409, 422, 502, 504],
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct LaunchRequest {
    symbol: Name<SYMBOL_CHARS_MAX>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct LaunchReply {
    mint: String,
    tx_signature: String,
    /// Whether it is in our books alone.
    sandbox: bool,
}

/// The symbol, and the rail: a request at fault is told so before the deployment is.
fn read_launch(ctx: &Ctx) -> Result<(String, Rail), Fault> {
    let request: LaunchRequest = ctx.incoming.body()?;
    Ok((request.symbol.into_string(), launch::rail_of(ctx.edge.env())?))
}

/// 1. The agent: 404, 403; its token: 409; its avatar: 400. 2. The symbol: 400. 3. The rail: 503. 4. Launch it: 502, 504. 5. The
/// profile, as everybody sees it. 6. Answer: 200.
async fn launch_token(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.seller_seat()?;
    let agent_id = path_agent(ctx, seat.tenant)?;
    let run = async || {
        let (symbol, rail) = read_after(ctx, &seat, SellerCommand::ProbeLaunch { agent_id }, read_launch(ctx)).await?;
        run_launch(ctx, &seat, agent_id, symbol, &rail).await
    };
    let (profile, token) = match run().await {
        Ok(launched) => launched,
        Err(fault) => return Err(tell_agent(ctx, agent_id, fault).await),
    };
    ctx.with_database(async |database| market::write_profile(database, seat.tenant, &profile).await).await?;
    Reply::success(200, &LaunchReply { mint: token.mint, tx_signature: token.tx_hash, sandbox: token.sandbox })
}

type Launched = (Box<ProfileForm>, Box<TokenForm>);

/// Has the agent's object launch the token, or hold the launch while the rail is asked.
async fn run_launch(ctx: &Ctx, seat: &Seat, agent_id: AgentId, symbol: String, rail: &Rail) -> Result<Launched, Fault> {
    let held = match rail {
        Rail::Sandbox => LaunchRail::Sandbox,
        Rail::Outside(_) => LaunchRail::Asked { lease_ms: LEASE_MS },
    };
    let command = SellerCommand::Launch { agent_id, symbol: symbol.clone(), rail: held };
    match (outcome_of(ctx.call_tenant(seat, Command::Seller(command)).await?.outcome)?, rail) {
        (SellerOutcome::Launched { profile, token }, _) => Ok((profile, token)),
        (SellerOutcome::LaunchBegun { agent_name, avatar_url }, Rail::Outside(rail)) => {
            run_over(ctx, seat, agent_id, Launch::new(&agent_name, &symbol, &avatar_url), rail).await
        }
        (other, _) => Err(misanswered(other)),
    }
}

/// Asks the rail, and has the agent's object keep what came of it, or give the launch back.
async fn run_over(ctx: &Ctx, seat: &Seat, agent_id: AgentId, wanted: Launch, rail: &OutsideRail) -> Result<Launched, Fault> {
    let scope_hash = ctx.claim_at(seat)?.map(|claim| claim.scope_hash);
    match launch::ask(rail, agent_id, wanted).await {
        Ok(token) => {
            let command = SellerCommand::FinishLaunch { agent_id, token: Box::new(token), scope_hash };
            match outcome_of(ctx.call_tenant_as_house(seat.tenant, Command::Seller(command)).await?.outcome)? {
                SellerOutcome::Launched { profile, token } => Ok((profile, token)),
                other => Err(misanswered(other)),
            }
        }
        Err(fault) => {
            // What is not given back runs out with its lease.
            drop(ctx.call_tenant_as_house(seat.tenant, Command::Seller(SellerCommand::DropLaunch { agent_id, scope_hash })).await);
            Err(fault)
        }
    }
}
