//! Atelier: the marketplace under `/api`, and the files it shows (contract atelier).

pub mod catalogue;
mod field;
pub mod file;
pub mod launch;
pub mod message;
pub mod order;
mod pay;
pub mod profile;
pub mod register;
mod request;
pub mod review;
pub mod service;
pub mod work;

use crate::domain::agent::read_any_agent_id;
use crate::domain::form::service::ServiceForm;
use crate::domain::id::{AgentId, ServiceId, TenantUuid};
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::refusal::{agent_id_mismatch, agent_not_found, anothers_service, service_not_found};
use crate::http::tenant::{Seat, unexpected};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::Outcome;
use crate::objects::tenant::seller::command::SellerCommand;
use crate::objects::tenant::seller::outcome::SellerOutcome;
use crate::store::market;

/// What was answered about profiles and services.
fn outcome_of(outcome: Outcome) -> Result<SellerOutcome, Fault> {
    match outcome {
        Outcome::Seller(outcome) => Ok(outcome),
        other => Err(unexpected(&other)),
    }
}

/// An outcome of another kind than was asked for.
fn misanswered(outcome: SellerOutcome) -> Fault {
    unexpected(&Outcome::Seller(outcome))
}

/// Asks the agent's own object.
async fn ask(ctx: &Ctx, seat: &Seat, command: SellerCommand) -> Result<SellerOutcome, Fault> {
    outcome_of(ctx.call_tenant(seat, Command::Seller(command)).await?.outcome)
}

/// What was read of a request. If that is at fault, whether the caller may do it at all is told first: at this door the object
/// is looked at before the fields.
async fn read_after<T>(ctx: &Ctx, seat: &Seat, probe: SellerCommand, read: Result<T, Fault>) -> Result<T, Fault> {
    if read.is_err() {
        ctx.call_tenant_once(seat, None, Command::Seller(probe)).await?;
    }
    read
}

/// The agent in the path, in any of its spellings: 404 for what is none, and for one with the eight of another tenant.
fn path_agent(ctx: &Ctx, tenant: TenantUuid) -> Result<AgentId, Fault> {
    match read_any_agent_id(ctx.param("id")) {
        Some((id, tenant8)) if tenant8.is_none() || tenant8.as_deref() == tenant.to_hex().get(..8) => Ok(id),
        _ => Err(agent_not_found().in_body()),
    }
}

/// Who is not the agent of the path is told whether there is that one.
async fn tell_agent(ctx: &Ctx, agent_id: AgentId, fault: Fault) -> Fault {
    if fault.code != Code::Forbidden {
        return fault;
    }
    match ctx.with_database(async |database| market::find_tenant(database, agent_id).await).await {
        Ok(Some(_)) => agent_id_mismatch(),
        Ok(None) => agent_not_found(),
        Err(fault) => fault,
    }
}

/// A service that is none of the caller's tenant may be another's.
async fn tell_service(ctx: &Ctx, service_id: ServiceId, fault: Fault) -> Fault {
    if fault.code != Code::NotFound {
        return fault;
    }
    match ctx.with_database(async |database| market::find_service_owner(database, service_id).await).await {
        Ok(Some(_)) => anothers_service(),
        Ok(None) => service_not_found(),
        Err(fault) => fault,
    }
}

/// The one service of an answer, written to the book of record: whoever changed it finds it there as it is.
async fn written_service(ctx: &Ctx, tenant: TenantUuid, outcome: SellerOutcome) -> Result<Box<ServiceForm>, Fault> {
    let SellerOutcome::Service(form) = outcome else { return Err(misanswered(outcome)) };
    ctx.with_database(async |database| market::write_service(database, tenant, &form).await).await?;
    Ok(form)
}
