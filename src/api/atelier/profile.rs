//! A market agent about itself: `/api/agents/me` (contract atelier 2).

use serde::{Deserialize, Serialize};

use super::field::{SignedAt, Wallet, check_url, has_signed, nullable};
#[cfg(not(target_arch = "wasm32"))]
use super::register::NewKey;
use super::register::show_key;
use super::{ask, misanswered, path_agent, read_after};
use crate::domain::form::profile::ProfileForm;
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::market::service::Category;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::Name;
use crate::http::reply::Reply;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::reply::Success;
use crate::http::route::Route;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::schema::TargetUrl;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::seller::command::{Owner, ProfileChange, SellerCommand};
use crate::objects::tenant::seller::outcome::SellerOutcome;
use crate::routes;
use crate::store::market;

pub static ROUTES: &[Route] = routes! {
    Get "/api/agents/me" => show_me {
        name: "getSeller", summary: "The market agent whose key this is", access: Seller, class: Some(LimitClass::AtelierOther), body: None,
        documented: true, status: 200, response: Success<Me>,
    }
    Patch "/api/agents/me" => change_me {
        name: "updateSeller", summary: "Change the profile; its slug stays", access: Seller, class: Some(LimitClass::AtelierOther), body: Json,
        documented: true, request: ProfilePatch, status: 200, response: Success<Me>,
    }
    Post "/api/agents/me/api-key/rotate" => rotate_key {
        name: "rotateSellerKey", summary: "A new key, shown once; the old one is dead", access: Seller, class: Some(LimitClass::AtelierOther),
        body: Json, documented: true, status: 200, response: Success<NewKey>, also: [409, 422],
    }
    Put "/api/agents/{id}/payout-wallet" => name_payout_wallet {
        name: "namePayoutWallet", summary: "Where a revoked agent is paid, for its tenant or an operator", access: Management,
        class: Some(LimitClass::AtelierOther), body: Json, documented: true, request: PayoutWallet, status: 200, response: Success<PaidTo>,
        also: [404, 409],
    }
};

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Me {
    #[serde(flatten)]
    profile: ProfileForm,
    /// What the key begins and ends with.
    api_key: String,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ProfilePatch {
    name: Option<Name<50, 2>>,
    description: Option<Name<500, 10>>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<TargetUrl>"))]
    avatar_url: Option<Option<String>>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<TargetUrl>"))]
    endpoint_url: Option<String>,
    /// Each at most once.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("uniqueItems" = true)))]
    capabilities: Option<Vec<Category>>,
    owner_wallet: Option<Wallet>,
    /// Of the owner's wallet, over `atelier:<owner_wallet>:<wallet_sig_ts>`; base58.
    wallet_sig: Option<String>,
    wallet_sig_ts: Option<SignedAt>,
    /// Null: the owner's wallet is paid.
    #[serde(default, deserialize_with = "nullable")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<Wallet>"))]
    payout_wallet: Option<Option<Wallet>>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct PayoutWallet {
    payout_wallet: Wallet,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct PaidTo {
    #[cfg_attr(not(target_arch = "wasm32"), schemars(regex(pattern = "^ext_[0-9A-HJKMNP-TV-Z]{26}$")))]
    agent_id: String,
    payout_wallet: Option<String>,
}

/// What an agent can do, each at most once.
pub fn read_capabilities(capabilities: Vec<Category>) -> Result<Vec<Category>, Fault> {
    for (at, capability) in capabilities.iter().enumerate() {
        if capabilities.iter().take(at).any(|before| before == capability) {
            return Err(Fault::field(&format!("$.capabilities[{at}]"), "stands there twice"));
        }
    }
    Ok(capabilities)
}

fn read_change(ctx: &Ctx) -> Result<ProfileChange, Fault> {
    let patch: ProfilePatch = ctx.incoming.body()?;
    if let Some(Some(url)) = &patch.avatar_url {
        check_url(ctx, "avatar_url", url)?;
    }
    if let Some(url) = &patch.endpoint_url {
        check_url(ctx, "endpoint_url", url)?;
    }
    let owner = match patch.owner_wallet {
        Some(Wallet(wallet)) => {
            let is_verified = has_signed(ctx, &wallet, patch.wallet_sig.as_deref(), patch.wallet_sig_ts)?;
            Some(Owner { wallet: wallet.as_str().to_owned(), is_verified })
        }
        None => None,
    };
    Ok(ProfileChange {
        name: patch.name.map(Name::into_string),
        description: patch.description.map(Name::into_string),
        avatar_url: patch.avatar_url,
        endpoint_url: patch.endpoint_url,
        capabilities: patch.capabilities.map(read_capabilities).transpose()?,
        owner,
        payout_wallet: patch.payout_wallet.map(|wallet| wallet.map(|wallet| wallet.0.as_str().to_owned())),
    })
}

fn profile_of(outcome: SellerOutcome) -> Result<Me, Fault> {
    match outcome {
        SellerOutcome::Profile { profile, key_last4 } => {
            Ok(Me { profile: *profile, api_key: format!("{}...{key_last4}", KeyKind::Atelier.prefix()) })
        }
        other => Err(misanswered(other)),
    }
}

/// Reads the caller's own profile: 200.
async fn show_me(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.seller_seat()?;
    Ok(Reply::success(200, &profile_of(ask(ctx, &seat, SellerCommand::Me).await?)?)?.no_store())
}

/// 1. Whether it may change anything: 403. 2. The body: 400; a signature: 401. 3. Change it; what waited for a wallet is paid.
/// 4. Answer as when it is read: 200.
async fn change_me(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.seller_seat()?;
    let change = read_after(ctx, &seat, SellerCommand::ProbeAgent { agent_id: None }, read_change(ctx)).await?;
    let me = profile_of(ask(ctx, &seat, SellerCommand::Change(Box::new(change))).await?)?;
    ctx.with_database(async |database| market::write_profile(database, seat.tenant, &me.profile).await).await?;
    Ok(Reply::success(200, &me)?.no_store())
}

/// 1. The tenant. 2. The agent: 404. 3. The body: 400. 4. One that is revoked, 409: what waited for a wallet is paid. 5. Answer: 200.
async fn name_payout_wallet(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.management_seat().await?;
    let agent_id = path_agent(ctx, seat.tenant)?;
    let PayoutWallet { payout_wallet: Wallet(wallet) } = ctx.incoming.body()?;
    let command = SellerCommand::NamePayoutWallet { agent_id, wallet: wallet.as_str().to_owned() };
    let profile = match ask(ctx, &seat, command).await? {
        SellerOutcome::Revoked { profile } => profile,
        other => return Err(misanswered(other)),
    };
    ctx.with_database(async |database| market::write_profile(database, seat.tenant, &profile).await).await?;
    Reply::success(200, &PaidTo { agent_id: format!("ext_{}", agent_id.ulid()), payout_wallet: profile.payout_wallet })
}

/// Replaces the caller's key: 200.
async fn rotate_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.seller_seat()?;
    let probe = SellerCommand::ProbeAgent { agent_id: None };
    read_after(ctx, &seat, probe, ctx.incoming.body_value().map(drop)).await?;
    let (text, key) = ctx.mint_key(KeyKind::Atelier, seat.tenant)?;
    let answer = ctx.call_tenant(&seat, Command::Seller(SellerCommand::RotateKey { key })).await?;
    let agent_id = answer.caller.as_ref().and_then(|caller| caller.agent_id);
    let agent_id = agent_id.ok_or_else(|| Fault::internal("a market agent's key without an agent"))?;
    show_key(ctx, agent_id, text, answer.outcome)
}
