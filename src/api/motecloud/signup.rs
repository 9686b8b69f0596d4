//! A wallet becomes a tenant: `POST /v2/agents/signup`.
//!
//! The slug's row in D1 is the claim; the tenant's object is born under the claim's uuid by a command that may be
//! repeated; the wallet's gate keeps concurrent sign-ups of one wallet for one name apart. A crash between any two is
//! finished by the wallet's repeat.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::billing::{Credit, NEW_TENANT_CREDIT};
use super::invitation::{InvitationLink, Owner};
use crate::crypto::wallet::WalletAddress;
use crate::domain::address::LoginAddress;
use crate::domain::id::TenantUuid;
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::slug::Slug;
use crate::edge::PlatformEntropy;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::{Credential, bad_credential};
use crate::http::fault::Fault;
use crate::http::field::{Email, Metadata};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::gate::{self, Command as GateCommand, Outcome as GateOutcome};
use crate::objects::tenant::command::{Birth, Command, Controller, FirstAgent};
use crate::objects::tenant::outcome::{Born, Outcome};
use crate::routes;
use crate::store::tenant as tenants;

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

/// Names that would pass for the house itself are not to be had.
pub fn refuse_reserved(slug: &Slug) -> Result<(), Fault> {
    if slug.is_reserved() { Err(Fault::field("$.tenant_id", "is reserved; choose another name")) } else { Ok(()) }
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

fn tenant_exists() -> Fault {
    Fault::new(Code::TenantExists, "this name is taken; choose another")
}

/// One sign-up at a time for a caller and a name.
pub async fn begin_tenant(ctx: &Ctx, gate_name: &str, slug: &Slug, count_max: Option<u64>) -> Result<(), Fault> {
    match ctx.call_gate(gate_name, GateCommand::BeginTenant { slug: slug.clone(), count_max }).await? {
        GateOutcome::Begun => Ok(()),
        GateOutcome::Full => Err(Fault::new(Code::TenantLimit, format!("a wallet controls at most {CONTROLLED_TENANTS_MAX} tenants"))),
        _ => Err(tenant_exists()),
    }
}

/// Claims the slug, or takes up the claim this caller made before and never finished.
pub async fn claim_slug(ctx: &Ctx, gate_name: &str, slug: &Slug, name: &str, claimed_by: &str) -> Result<TenantUuid, Fault> {
    let fresh = TenantUuid::new(&mut PlatformEntropy);
    let claim = ctx.with_database(async |database| tenants::claim_slug(database, slug, fresh, name, claimed_by, ctx.now).await).await?;
    if claim.claimed_by == claimed_by {
        return Ok(claim.tenant_uuid);
    }
    ctx.call_gate(gate_name, GateCommand::DropTenant { slug: slug.clone() }).await?;
    Err(tenant_exists())
}

/// Bears the tenant and notes it in D1 and at the gate. Every step may be repeated; the object tells a birth that was
/// completed before from one that was interrupted.
pub async fn bear(ctx: &Ctx, gate_name: &str, birth: Birth, is_controller: bool) -> Result<Born, Fault> {
    let (tenant, slug) = (birth.uuid, birth.slug.clone());
    let answer = ctx.call_tenant_as_house(tenant, Command::Birth(birth)).await?;
    let Outcome::Born(born) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    ctx.with_database(async |database| tenants::confirm_birth(database, tenant, &born.wallet_id.to_string()).await).await?;
    ctx.call_tenant_as_house(tenant, Command::ConfirmBirth).await?;
    ctx.call_gate(gate_name, GateCommand::AddTenant { slug, tenant, is_controller }).await?;
    Ok(born)
}
