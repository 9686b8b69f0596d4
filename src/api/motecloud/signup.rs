//! A wallet becomes a tenant: `POST /v2/agents/signup`.
//!
//! The slug's row in D1 is the claim; the tenant's object is born under the claim's uuid by a command that may be
//! repeated; the wallet's gate keeps concurrent sign-ups of one wallet for one name apart. A crash between any two is
//! finished by the wallet's repeat.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::billing::Credit;
use super::invitation::{InvitationLink, Owner};
use crate::crypto::wallet::WalletAddress;
use crate::domain::address::LoginAddress;
use crate::domain::id::TenantUuid;
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::slug::Slug;
use crate::domain::wallet::NEW_TENANT_CREDIT;
use crate::http::birth::{bear, begin_tenant, claim_slug, refuse_reserved};
use crate::http::context::Ctx;
use crate::http::credential::{Credential, bad_credential};
use crate::http::fault::Fault;
use crate::http::field::{Email, Metadata};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::objects::gate;
use crate::objects::tenant::command::{Birth, Controller, FirstAgent};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v2/agents/signup" => sign_up {
        name: "signUpAgent", summary: "A new tenant for a wallet", access: WalletSession, class: Some(LimitClass::TenantCreate), body: Json, status: 201,
    }
};

/// A wallet controls at most this many tenants (contract motecloud 4).
const CONTROLLED_TENANTS_MAX: u64 = 10;

#[derive(Deserialize)]
struct SignupRequest {
    tenant_id: Slug,
    owner_email: Option<Email>,
    metadata: Option<Metadata<16_384>>,
}

#[derive(Serialize)]
struct SignupReply {
    tenant_id: Slug,
    tenant_uuid: TenantUuid,
    agent_id: String,
    agent_key: String,
    wallet_address: WalletAddress,
    owner: Option<Owner>,
    wallet_id: String,
    credit: Credit,
    created_at: String,
}

/// The wallet that signed in.
pub fn signed_in_wallet(ctx: &Ctx) -> Result<WalletAddress, Fault> {
    match &*ctx.credential() {
        Credential::Wallet(wallet) => Ok(*wallet),
        _ => Err(bad_credential()),
    }
}

/// What its metadata calls an agent: the `label`, cut to 64 characters.
pub fn named_label(metadata: &Map<String, serde_json::Value>) -> Option<String> {
    let label: String = metadata.get("label")?.as_str()?.trim().chars().filter(|c| !c.is_control()).take(64).collect();
    (!label.is_empty()).then_some(label)
}

/// 1. The body and the name: 400. 2. A repeat of the same request: the same answer. 3. The rest: see [`create`].
async fn sign_up(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: SignupRequest = ctx.incoming.body()?;
    refuse_reserved(&request.tenant_id)?;
    let wallet = signed_in_wallet(ctx)?;
    let gate_name = gate::name_of_wallet(&wallet.to_lower_hex());
    ctx.once_at_gate(&gate_name, &gate_name, async || create(ctx, &gate_name, wallet, &request).await).await
}

/// 1. One sign-up at a time for a wallet and a name, ten tenants a wallet: 409. 2. Claim the name: 409. 3. Bear the
/// tenant. 4. Note it in D1 and at the gate. 5. Mail the invitation. 6. Answer: 201.
async fn create(ctx: &Ctx, gate_name: &str, wallet: WalletAddress, request: &SignupRequest) -> Result<Reply, Fault> {
    begin_tenant(ctx, gate_name, &request.tenant_id, Some(CONTROLLED_TENANTS_MAX)).await?;
    let claimed_by = wallet.to_lower_hex();
    let metadata = request.metadata.clone().unwrap_or_default().into_map();
    let label = named_label(&metadata).unwrap_or_else(|| request.tenant_id.to_string());
    let tenant = claim_slug(ctx, gate_name, &request.tenant_id, &label, &claimed_by).await?;
    let (agent_key, key) = ctx.mint_key(KeyKind::Agent, tenant)?;
    let address = LoginAddress::from_bytes(*wallet.as_bytes());
    let link = request.owner_email.as_ref().map(|email| InvitationLink::mint(ctx, tenant, email));
    let birth = Birth {
        uuid: tenant,
        slug: request.tenant_id.clone(),
        name: label.clone(),
        controller: Controller::Wallet(address.clone()),
        credit_micros: NEW_TENANT_CREDIT,
        agent: Some(FirstAgent { label, address, metadata, key }),
        invitation: link.as_ref().map(InvitationLink::to_invitation),
    };
    let born = bear(ctx, gate_name, birth, true).await?;
    let owner = match link {
        Some(link) => Some(link.send(ctx, &born.slug).await?.0),
        None => None,
    };
    let reply = SignupReply {
        tenant_id: born.slug,
        tenant_uuid: tenant,
        agent_id: born.agent_id.map(|id| id.to_string()).unwrap_or_default(),
        agent_key,
        wallet_address: wallet,
        owner,
        wallet_id: born.wallet_id.to_string(),
        credit: Credit::of_new_tenant(),
        created_at: born.created_at_ms.to_string(),
    };
    Ok(Reply::json(201, &reply)?.no_store())
}
