//! What market agents sell: `/api/agents/:id/services`, `/api/services` (contract atelier 3).

use serde::{Deserialize, Serialize};

use super::field::{Hours, PriceInput, check_url, nullable};
use super::{ask, misanswered, outcome_of, path_agent, read_after, tell_agent, tell_service, written_service};
use crate::domain::form::service::ServiceForm;
use crate::domain::id::ServiceId;
use crate::domain::limit::LimitClass;
use crate::domain::market::service::{Category, DELIVERABLES_MAX, PriceType, ServiceTerms, TURNAROUND_HOURS_DEFAULT};
use crate::http::context::Ctx;
use crate::http::credential::{self, Credential};
use crate::http::fault::Fault;
use crate::http::field::{Name, Text, Whole};
use crate::http::refusal::service_not_found;
use crate::http::reply::Reply;
#[cfg(not(target_arch = "wasm32"))]
use crate::http::reply::Success;
use crate::http::route::{Access, Route};
#[cfg(not(target_arch = "wasm32"))]
use crate::http::schema::TargetUrl;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::seller::command::{SellerCommand, ServiceChange};
use crate::objects::tenant::seller::outcome::SellerOutcome;
use crate::routes;
use crate::store::market_list;

pub static ROUTES: &[Route] = routes! {
    Post "/api/agents/{id}/services" => add_service {
        name: "createService", summary: "Offer a service", access: Seller, class: Some(LimitClass::AtelierServices), body: Json, documented: true,
        request: ServiceRequest, status: 201, response: Success<ServiceForm>, also: [409, 422],
    }
    Get "/api/agents/{id}/services" => list_own_services {
        name: "listOwnServices", summary: "What the agent offers, newest first", access: Seller, class: Some(LimitClass::AtelierOther), body: None,
        documented: true, status: 200, response: Success<Vec<ServiceForm>>,
    }
    Patch "/api/services/{id}" => change_service {
        name: "updateService", summary: "Change a service; orders keep the terms they were placed under", access: Seller,
        class: Some(LimitClass::AtelierOther), body: Json, documented: true, request: ServicePatch, status: 200, response: Success<ServiceForm>,
    }
    Delete "/api/services/{id}" => remove_service {
        name: "deleteService", summary: "Withdraw a service; it stays readable to its agent", access: Seller, class: Some(LimitClass::AtelierOther),
        body: None, documented: true, status: 200, response: Success<Withdrawn>,
    }
    Get "/api/services/{id}" => show_service {
        name: "getService", summary: "One service; a withdrawn one for its agent alone", access: Public, class: Some(LimitClass::AtelierOther),
        body: None, documented: true, status: 200, response: Success<ServiceForm>,
    }
};

/// The largest quota: what a reader of JSON takes for itself.
const QUOTA_MAX: u64 = 9_007_199_254_740_991;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ServiceRequest {
    category: Category,
    title: Name<100, 3>,
    description: Name<1_000, 10>,
    price_usd: PriceInput,
    price_type: PriceType,
    /// 48 when absent.
    turnaround_hours: Option<Hours>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(max = DELIVERABLES_MAX)))]
    deliverables: Option<Vec<Text<1, 200>>>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<TargetUrl>"))]
    demo_url: Option<String>,
    /// Deliveries a period allows, of what is sold by the week or month; 0 is any number.
    quota_limit: Option<Whole<0, QUOTA_MAX>>,
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ServicePatch {
    category: Option<Category>,
    title: Option<Name<100, 3>>,
    description: Option<Name<1_000, 10>>,
    price_usd: Option<PriceInput>,
    price_type: Option<PriceType>,
    turnaround_hours: Option<Hours>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(max = DELIVERABLES_MAX)))]
    deliverables: Option<Vec<Text<1, 200>>>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<TargetUrl>"))]
    demo_url: Option<Option<String>>,
    quota_limit: Option<Whole<0, QUOTA_MAX>>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Withdrawn {
    id: ServiceId,
    active: u64,
}

fn read_deliverables(deliverables: Vec<Text<1, 200>>) -> Result<Vec<String>, Fault> {
    if deliverables.len() > DELIVERABLES_MAX {
        return Err(Fault::field("$.deliverables", &format!("must have at most {DELIVERABLES_MAX} entries")));
    }
    Ok(deliverables.into_iter().map(Text::into_string).collect())
}

fn read_terms(ctx: &Ctx) -> Result<ServiceTerms, Fault> {
    let request: ServiceRequest = ctx.incoming.body()?;
    if let Some(url) = &request.demo_url {
        check_url(ctx, "demo_url", url)?;
    }
    Ok(ServiceTerms {
        category: request.category,
        title: request.title.into_string(),
        description: request.description.into_string(),
        price: request.price_usd.0,
        price_type: request.price_type,
        turnaround_hours: request.turnaround_hours.map_or(TURNAROUND_HOURS_DEFAULT, |hours| hours.0),
        deliverables: read_deliverables(request.deliverables.unwrap_or_default())?,
        demo_url: request.demo_url,
        quota_limit: request.quota_limit.map_or(0, Whole::get),
    })
}

fn read_change(ctx: &Ctx) -> Result<ServiceChange, Fault> {
    let patch: ServicePatch = ctx.incoming.body()?;
    if let Some(Some(url)) = &patch.demo_url {
        check_url(ctx, "demo_url", url)?;
    }
    Ok(ServiceChange {
        category: patch.category,
        title: patch.title.map(Name::into_string),
        description: patch.description.map(Name::into_string),
        price: patch.price_usd.map(|price| price.0),
        price_type: patch.price_type,
        turnaround_hours: patch.turnaround_hours.map(|hours| hours.0),
        deliverables: patch.deliverables.map(read_deliverables).transpose()?,
        demo_url: patch.demo_url,
        quota_limit: patch.quota_limit.map(Whole::get),
    })
}

/// The service in the path; what is no id names none.
fn path_service(ctx: &Ctx) -> Result<ServiceId, Fault> {
    ServiceId::parse(ctx.param("id")).map_err(|_| service_not_found().in_body())
}

/// 1. The agent: 404, 403. 2. The body: 400. 3. Offer it, up to a hundred: 409. 4. Answer: 201.
async fn add_service(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.seller_seat()?;
    let agent_id = path_agent(ctx, seat.tenant)?;
    let add = async || {
        let probe = SellerCommand::ProbeAgent { agent_id: Some(agent_id) };
        let terms = Box::new(read_after(ctx, &seat, probe, read_terms(ctx)).await?);
        ask(ctx, &seat, SellerCommand::AddService { agent_id, terms }).await
    };
    let outcome = match add().await {
        Ok(outcome) => outcome,
        Err(fault) => return Err(tell_agent(ctx, agent_id, fault).await),
    };
    let form = written_service(ctx, seat.tenant, outcome).await?;
    Ok(Reply::success(201, &form)?.with_header("Location", format!("/api/services/{}", form.id)))
}

/// 1. The agent: 404, 403. 2. Read: 200.
async fn list_own_services(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.seller_seat()?;
    let agent_id = path_agent(ctx, seat.tenant)?;
    match ask(ctx, &seat, SellerCommand::ListServices { agent_id }).await {
        Ok(SellerOutcome::Services(services)) => Reply::success(200, &services),
        Ok(other) => Err(misanswered(other)),
        Err(fault) => Err(tell_agent(ctx, agent_id, fault).await),
    }
}

/// 1. The service: 404, 403. 2. The body: 400. 3. Change it. 4. Answer: 200.
async fn change_service(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.seller_seat()?;
    let service_id = path_service(ctx)?;
    let change = async || {
        let change = Box::new(read_after(ctx, &seat, SellerCommand::ProbeService { service_id }, read_change(ctx)).await?);
        ask(ctx, &seat, SellerCommand::ChangeService { service_id, change }).await
    };
    let outcome = match change().await {
        Ok(outcome) => outcome,
        Err(fault) => return Err(tell_service(ctx, service_id, fault).await),
    };
    Reply::success(200, &written_service(ctx, seat.tenant, outcome).await?)
}

/// 1. The service: 404, 403. 2. Withdraw it. 3. Answer, a repeat alike: 200.
async fn remove_service(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.seller_seat()?;
    let service_id = path_service(ctx)?;
    let outcome = match ask(ctx, &seat, SellerCommand::RemoveService { service_id }).await {
        Ok(outcome) => outcome,
        Err(fault) => return Err(tell_service(ctx, service_id, fault).await),
    };
    let form = written_service(ctx, seat.tenant, outcome).await?;
    Reply::success(200, &Withdrawn { id: form.id, active: form.active })
}

/// 1. What is offered: 200. 2. What is not, for the agent whose it is: 200; else 404.
async fn show_service(ctx: &Ctx) -> Result<Reply, Fault> {
    let service_id = path_service(ctx)?;
    if let Some(form) = ctx.with_database(async |database| market_list::find_service(database, service_id).await).await? {
        return Reply::success(200, &form);
    }
    // Whoever sends no key of a market agent, or a wrong one, is anybody.
    if credential::check(ctx, Access::Seller).await.is_err() || !matches!(&*ctx.credential(), Credential::Key(_)) {
        return Err(service_not_found());
    }
    let seat = ctx.seller_seat()?;
    match ctx.call_tenant(&seat, Command::Seller(SellerCommand::GetService { service_id })).await {
        Ok(answer) => match outcome_of(answer.outcome)? {
            SellerOutcome::Service(form) => Reply::success(200, &form),
            other => Err(misanswered(other)),
        },
        Err(fault) if matches!(fault.code.status(), 401 | 403 | 404) => Err(service_not_found()),
        Err(fault) => Err(fault),
    }
}
