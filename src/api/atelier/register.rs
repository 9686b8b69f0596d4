//! Ways in: `POST /api/agents/register` and `POST /api/agents/recover` (contract atelier 2).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::field::{SignedAt, Wallet, check_url, has_just_signed};
use super::profile::read_capabilities;
use super::{misanswered, outcome_of};
use crate::crypto::solana::SolanaAddress;
use crate::domain::agent::read_any_agent_id;
use crate::domain::id::{AgentId, TenantUuid};
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::market::profile::{ProfileDraft, RESERVED_SLUGS, slug_of};
use crate::domain::market::service::Category;
use crate::edge::PlatformEntropy;
use crate::http::birth::bear_for_market;
use crate::http::buyer::wallet_auth_invalid;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential;
use crate::http::fault::Fault;
use crate::http::field::{Name, Text};
use crate::http::idempotency;
use crate::http::lookup::agent_in;
use crate::http::refusal::agent_not_found;
use crate::http::reply::Reply;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::reply::Success;
use crate::http::route::{Access, Route};
#[cfg(not(target_arch = "wasm32"))]
use crate::http::schema::TargetUrl;
use crate::http::tenant::Seat;
use crate::http::webhook::SHOWN_PLACE;
use crate::objects::tenant::call::Proof;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::Outcome;
use crate::objects::tenant::seller::command::{Opening, SellerCommand};
use crate::objects::tenant::seller::outcome::SellerOutcome;
use crate::routes;
use crate::store::market;

pub static ROUTES: &[Route] = routes! {
    Post "/api/agents/register" => register {
        name: "registerSeller", summary: "A new market agent with its key, or the profile of an agent there is", access: Public,
        class: Some(LimitClass::AtelierRegister), body: Json, documented: true, request: Registration, status: 201, response: Success<Registered>,
        needs: [CredentialOfAgent], also: [401, 402, 403, 404, 409],
    }
    Post "/api/agents/recover" => recover {
        name: "recoverSeller", summary: "A new key for an agent, by the signature of the wallet that owns it", access: Public,
        class: Some(LimitClass::AtelierRegister), body: Json, documented: true, request: Recovery, status: 200, response: Success<NewKey>,
        also: [401, 403, 404, 409, 422],
    }
};

/// What the marketplace expects of an agent's own endpoint; nothing of it is ever called.
const REQUIRED_ENDPOINTS: [&str; 4] = ["GET /agent/profile", "GET /agent/services", "POST /agent/execute", "GET /agent/portfolio"];

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Registration {
    name: Name<50, 2>,
    description: Name<500, 10>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "TargetUrl"))]
    endpoint_url: String,
    /// Each at most once.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("uniqueItems" = true)))]
    capabilities: Option<Vec<Category>>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<TargetUrl>"))]
    avatar_url: Option<String>,
    owner_wallet: Option<Wallet>,
    /// Of the owner's wallet, over `atelier:<owner_wallet>:<wallet_sig_ts>`; base58.
    wallet_sig: Option<String>,
    wallet_sig_ts: Option<SignedAt>,
    /// An agent of the credential's tenant, to open the profile for; without it a new one.
    #[serde(rename = "agent_id")]
    _agent_id: Option<Text<1, 128>>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Recovery {
    agent_id: Text<1, 128>,
    owner_wallet: Wallet,
    wallet_sig: Option<String>,
    wallet_sig_ts: Option<SignedAt>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Registered {
    #[cfg_attr(not(target_arch = "wasm32"), schemars(regex(pattern = "^ext_[0-9A-HJKMNP-TV-Z]{26}$")))]
    agent_id: String,
    /// Shown once.
    api_key: String,
    slug: String,
    protocol_spec: ProtocolSpec,
    /// Shown once; signs what is pushed to `endpoint_url`.
    webhook_secret: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ProtocolSpec {
    required_endpoints: [&'static str; 4],
}

/// A key that replaces another.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct NewKey {
    #[cfg_attr(not(target_arch = "wasm32"), schemars(regex(pattern = "^ext_[0-9A-HJKMNP-TV-Z]{26}$")))]
    agent_id: String,
    /// Shown once.
    api_key: String,
}

impl NewKey {
    pub fn new(agent_id: AgentId, api_key: String) -> Self {
        Self { agent_id: spell(agent_id), api_key }
    }
}

/// An agent's id as this door spells it.
fn spell(agent_id: AgentId) -> String {
    format!("ext_{}", agent_id.ulid())
}

/// What is asked for, and the owner's wallet if it has signed.
fn read_draft(ctx: &Ctx) -> Result<(ProfileDraft, Option<SolanaAddress>), Fault> {
    let request: Registration = ctx.incoming.body()?;
    check_url(ctx, "endpoint_url", &request.endpoint_url)?;
    let capabilities = read_capabilities(request.capabilities.unwrap_or_default())?;
    if let Some(url) = &request.avatar_url {
        check_url(ctx, "avatar_url", url)?;
    }
    let owner = request.owner_wallet.map(|wallet| wallet.0);
    let is_owner_verified = match &owner {
        Some(owner) => has_just_signed(ctx, owner, request.wallet_sig.as_deref(), request.wallet_sig_ts)?,
        None => false,
    };
    let draft = ProfileDraft {
        name: request.name.into_string(),
        description: request.description.into_string(),
        endpoint_url: request.endpoint_url,
        avatar_url: request.avatar_url,
        capabilities,
        owner_wallet: owner.as_ref().map(|owner| owner.as_str().to_owned()),
        is_owner_verified,
        payout_wallet: None,
    };
    Ok((draft, owner.filter(|_| is_owner_verified)))
}

/// 1. With `agent_id`: the profile of that agent. 2. The body, the owner's signature: 400, 401. 3. The tenant: the owner's, or a
/// new one. 4. The slug. 5. Agent, profile and key, if the plan has room: 402. 6. Answer: 201.
async fn register(ctx: &Ctx) -> Result<Reply, Fault> {
    if let Some(text) = ctx.incoming.body_value()?.get("agent_id").and_then(Value::as_str) {
        return open(ctx, text).await;
    }
    let (draft, owner) = read_draft(ctx)?;
    let tenant = bear_for_market(ctx, owner.as_ref(), &draft.name).await?;
    let agent_id = AgentId::new(ctx.now, &mut PlatformEntropy);
    finish(ctx, &Seat::of_house(tenant), agent_id, draft, SellerCommand::Register).await
}

/// 1. The credential: 401; its tenant's agent, that may act and has no profile: 404, 403, 409. 2. The body: 400. 3. The slug.
/// 4. The profile and its key. 5. Answer: 201.
async fn open(ctx: &Ctx, text: &str) -> Result<Reply, Fault> {
    credential::check(ctx, Access::Management).await?;
    let seat = ctx.management_seat().await?;
    let agent_id = agent_in(text, "$.agent_id", &seat)?;
    let read = read_draft(ctx);
    match ctx.call_tenant_once(&seat, None, Command::Seller(SellerCommand::Look { agent_id })).await {
        // Of a repeat that is the effect of the first.
        Err(fault) if fault.code == Code::ProfileExists && read.is_ok() => {}
        looked => drop(looked?),
    }
    let (draft, _) = read?;
    finish(ctx, &seat, agent_id, draft, SellerCommand::Open).await
}

async fn finish(
    ctx: &Ctx,
    seat: &Seat,
    agent_id: AgentId,
    draft: ProfileDraft,
    command: impl FnOnce(Box<Opening>) -> SellerCommand,
) -> Result<Reply, Fault> {
    let slug = claim_slug(ctx, &draft.name, agent_id, seat.tenant).await?;
    let (key_text, key) = ctx.mint_key(KeyKind::Atelier, seat.tenant)?;
    let (secret_text, webhook_secret) = ctx.mint_webhook_secret(seat.tenant)?;
    let opening = Opening { agent_id, slug, draft, key, webhook_secret };
    let command = Command::Seller(command(Box::new(opening)));
    let answer = match seat {
        // Nobody who is known, so no key of theirs is looked up.
        Seat { proof: Proof::House, .. } => ctx.call_tenant_as_house(seat.tenant, command).await?,
        _ => ctx.call_tenant(seat, command).await?,
    };
    let SellerOutcome::Opened { profile, sealed_key, sealed_webhook_secret } = outcome_of(answer.outcome)? else {
        return Err(Fault::internal("an opening was answered otherwise"));
    };
    ctx.with_database(async |database| market::write_profile(database, seat.tenant, &profile).await).await?;
    let reply = Registered {
        agent_id: spell(profile.id),
        api_key: ctx.reveal_key(key_text, sealed_key.as_deref())?,
        slug: profile.slug,
        protocol_spec: ProtocolSpec { required_endpoints: REQUIRED_ENDPOINTS },
        webhook_secret: ctx.reveal(secret_text, sealed_webhook_secret.as_deref(), SHOWN_PLACE)?,
    };
    let location = format!("/api/agents/{}", reply.agent_id);
    Ok(Reply::success(201, &reply)?.no_store().with_header("Location", location))
}

async fn claim_slug(ctx: &Ctx, name: &str, agent_id: AgentId, tenant: TenantUuid) -> Result<String, Fault> {
    let base = slug_of(name);
    let is_reserved = RESERVED_SLUGS.contains(&base.as_str());
    ctx.with_database(async |database| market::claim_slug(database, &base, is_reserved, agent_id, tenant).await).await
}

/// 1. The body: 400. 2. The signature: 401. 3. The agent, of whichever tenant: 404. 4. The key is this body's, whichever tenant's
/// agent it names: 422. 5. Its wallet, once verified: 404. 6. The old key is dead: 200.
async fn recover(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: Recovery = ctx.incoming.body()?;
    let owner = request.owner_wallet.0;
    if !has_just_signed(ctx, &owner, request.wallet_sig.as_deref(), request.wallet_sig_ts)? {
        return Err(wallet_auth_invalid());
    }
    let (agent_id, _) = read_any_agent_id(request.agent_id.as_str()).ok_or_else(agent_not_found)?;
    let tenant = ctx.with_database(async |database| market::find_tenant(database, agent_id).await).await?.ok_or_else(agent_not_found)?;
    let claim = match ctx.idempotency_key()? {
        Some(key) => {
            let caller = format!("wallet:{}", owner.as_str());
            Some(idempotency::claim(&caller, ctx.route, ctx.params(), &key, ctx.incoming.body_value()?)?)
        }
        None => None,
    };
    ctx.bind_key_of_wallet(&owner, claim).await?;
    let (text, key) = ctx.mint_key(KeyKind::Atelier, tenant)?;
    let command = SellerCommand::Recover { agent_id, owner: owner.as_str().to_owned(), key };
    let answer = ctx.call_tenant_for(tenant, claim, Command::Seller(command)).await?;
    show_key(ctx, agent_id, text, answer.outcome)
}

/// The answer that shows a key.
pub fn show_key(ctx: &Ctx, agent_id: AgentId, text: String, outcome: Outcome) -> Result<Reply, Fault> {
    match outcome_of(outcome)? {
        SellerOutcome::KeyRotated { sealed } => {
            let api_key = ctx.reveal_key(text, sealed.as_deref())?;
            Ok(Reply::success(200, &NewKey::new(agent_id, api_key))?.no_store())
        }
        other => Err(misanswered(other)),
    }
}
