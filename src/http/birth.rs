//! How a tenant comes to be, whoever asks for it.
//!
//! The slug's row in D1 is the claim; the tenant's object is born under the claim's uuid by a command that may be
//! repeated; the asker's gate keeps concurrent births of one name apart. A crash between any two is finished by the
//! repeat.

use super::code::Code;
use super::context::Ctx;
use super::fault::Fault;
use super::tenant::unexpected;
use crate::crypto::solana::SolanaAddress;
use crate::domain::id::{TenantUuid, UserId};
use crate::domain::member::Role;
use crate::domain::slug::Slug;
use crate::domain::wallet::NEW_TENANT_CREDIT;
use crate::edge::PlatformEntropy;
use crate::objects::gate::{self, Command as GateCommand, Outcome as GateOutcome};
use crate::objects::tenant::command::{Birth, Command, Controller};
use crate::objects::tenant::outcome::{Born, Outcome};
use crate::store::tenant as tenants;

/// Names that would pass for the house itself are not to be had.
pub fn refuse_reserved(slug: &Slug) -> Result<(), Fault> {
    if slug.is_reserved() { Err(Fault::field("$.tenant_id", "is reserved; choose another name")) } else { Ok(()) }
}

fn tenant_exists() -> Fault {
    Fault::new(Code::TenantExists, "this name is taken; choose another")
}

/// One birth at a time for a caller and a name; `count_max` bounds the tenants a caller controls.
pub async fn begin_tenant(ctx: &Ctx, gate_name: &str, slug: &Slug, count_max: Option<u64>) -> Result<(), Fault> {
    match ctx.call_gate(gate_name, GateCommand::BeginTenant { slug: slug.clone(), count_max }).await? {
        GateOutcome::Begun => Ok(()),
        GateOutcome::Full => {
            Err(Fault::new(Code::TenantLimit, format!("a wallet controls at most {} tenants", count_max.unwrap_or_default())))
        }
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

/// Bears the tenant and notes it in D1. Every step may be repeated; the object tells a birth that was completed before from
/// one that was interrupted.
async fn bear_unnoted(ctx: &Ctx, birth: Birth) -> Result<Born, Fault> {
    let tenant = birth.uuid;
    let answer = ctx.call_tenant_as_house(tenant, Command::Birth(birth)).await?;
    let Outcome::Born(born) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    ctx.with_database(async |database| tenants::confirm_birth(database, tenant, &born.wallet_id.to_string()).await).await?;
    ctx.call_tenant_as_house(tenant, Command::ConfirmBirth).await?;
    Ok(born)
}

/// The same, noted at the gate as well.
pub async fn bear(ctx: &Ctx, gate_name: &str, birth: Birth, is_controller: bool) -> Result<Born, Fault> {
    let (tenant, slug) = (birth.uuid, birth.slug.clone());
    let born = bear_unnoted(ctx, birth).await?;
    ctx.call_gate(gate_name, GateCommand::AddTenant { slug, tenant, is_controller }).await?;
    Ok(born)
}

/// The tenant of a market agent whom no credential places (contract README 2): its owner's own, if that wallet has signed, else
/// a new one. The owner's name follows from the wallet, so that of requests at once each finds the same claim, and none needs
/// a gate: a birth without a key may be finished by whoever comes.
pub async fn bear_for_market(ctx: &Ctx, owner: Option<&SolanaAddress>, name: &str) -> Result<TenantUuid, Fault> {
    /// Names others may have taken before somebody comes by theirs.
    const ATTEMPTS: u8 = 8;
    let fresh = TenantUuid::new(&mut PlatformEntropy);
    let claimed_by = format!("market:{}", owner.map_or_else(|| fresh.to_string(), |owner| owner.as_str().to_owned()));
    for attempt in 0..ATTEMPTS {
        let slug = Slug::of_market(&claimed_by, attempt);
        let claim =
            ctx.with_database(async |database| tenants::claim_slug(database, &slug, fresh, name, &claimed_by, ctx.now).await).await?;
        if claim.claimed_by != claimed_by {
            continue;
        }
        let birth = Birth {
            uuid: claim.tenant_uuid,
            slug,
            name: name.to_owned(),
            controller: Controller::Market,
            credit_micros: NEW_TENANT_CREDIT,
            agent: None,
            invitation: None,
        };
        if !claim.is_born() {
            match bear_unnoted(ctx, birth).await {
                Ok(_) => {}
                // Somebody else has just finished it.
                Err(fault) if fault.code == Code::TenantExists => {}
                Err(fault) => return Err(fault),
            }
        }
        return Ok(claim.tenant_uuid);
    }
    Err(Fault::busy("every name that was tried is taken"))
}

/// A new tenant of a human, who owns it: 400 for a reserved name, 409 for one that is taken.
pub async fn bear_for_user(ctx: &Ctx, user_id: UserId, slug: &Slug, name: &str) -> Result<Born, Fault> {
    refuse_reserved(slug)?;
    let user = user_id.to_string();
    let gate_name = gate::name_of_user(&user);
    begin_tenant(ctx, &gate_name, slug, None).await?;
    let tenant = claim_slug(ctx, &gate_name, slug, name, &user).await?;
    let birth = Birth {
        uuid: tenant,
        slug: slug.clone(),
        name: name.to_owned(),
        controller: Controller::User(user_id),
        credit_micros: NEW_TENANT_CREDIT,
        agent: None,
        invitation: None,
    };
    let born = bear(ctx, &gate_name, birth, true).await?;
    ctx.with_database(async |database| tenants::join_user(database, user_id, tenant, Role::Owner.as_str(), ctx.now).await).await?;
    Ok(born)
}

/// Gives a human the tenant everybody has (contract README 2). Its name follows from the human's id, so that a repeat
/// finishes what was interrupted, and one who has it keeps it.
pub async fn bear_own_tenant(ctx: &Ctx, user_id: UserId) -> Result<(), Fault> {
    match bear_for_user(ctx, user_id, &Slug::of_user(user_id), "My tenant").await {
        Ok(_) => Ok(()),
        Err(fault) if fault.code == Code::TenantExists => Ok(()),
        Err(fault) => Err(fault),
    }
}
