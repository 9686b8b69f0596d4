//! Services: offered, changed, withdrawn.

use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::command::ServiceChange;
use super::outcome::SellerOutcome;
use super::refusal::SellerRefusal;
use super::{check_active, check_own, own_agent, shown};
use crate::domain::event::Action;
use crate::domain::form::service::ServiceForm;
use crate::domain::id::{AgentId, ServiceId};
use crate::domain::market::price::Price;
use crate::domain::market::rating::Rating;
use crate::domain::market::service::{Category, PriceType, SERVICES_MAX, ServiceTerms};
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

macro_rules! columns {
    () => {
        "s.id, s.agent_id, p.name, p.slug, s.category, s.title, s.description, s.price_minor, s.price_type, s.turnaround_hours, s.deliverables, \
         s.demo_url, s.quota_limit, s.active, s.orders, s.completed, s.ratings, s.rating_sum, s.version, s.created_at_ms \
         FROM market_service s JOIN market_profile p ON p.agent_id = s.agent_id"
    };
}

statements! {
    READ = concat!("SELECT ", columns!(), " WHERE s.id = +?1");
    LIST = concat!("SELECT ", columns!(), " WHERE s.agent_id = +?1 AND s.active = 1 ORDER BY s.id DESC LIMIT +?2");
    COUNT = "SELECT count(*) FROM market_service WHERE agent_id = ?1 AND active = 1";
    WRITE = "INSERT INTO market_service (id, agent_id, category, title, description, price_minor, price_type, turnaround_hours, deliverables,
        demo_url, quota_limit, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    CHANGE = "UPDATE market_service SET category = ?2, title = ?3, description = ?4, price_minor = ?5, price_type = ?6, turnaround_hours = ?7,
        deliverables = ?8, demo_url = ?9, quota_limit = ?10, active = ?11, version = ?12 WHERE id = ?1";
}

/// A service of the caller's own, offered or not.
pub(super) fn find_own(desk: &Desk<'_>, id: ServiceId) -> Step<ServiceForm> {
    let form = find(desk, id)?;
    if form.agent_id == own_agent(desk)? { Ok(form) } else { Err(SellerRefusal::AnothersService.into()) }
}

fn find(desk: &Desk<'_>, id: ServiceId) -> Step<ServiceForm> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(SellerRefusal::UnknownService)?;
    Ok(read_form(&row)?)
}

fn read_form(row: &Row) -> Result<ServiceForm, SqlError> {
    let mut column = Columns::of(row);
    let (id, agent_id) = (column.id(ServiceId::parse)?, column.id(AgentId::parse)?);
    let (agent_name, agent_slug) = (column.text()?, column.text()?);
    let (category, title, description) = (column.name(Category::parse)?, column.text()?, column.text()?);
    let price_usd = Price::from_minor(column.number()?).map_err(|_| SqlError::Shape("not a price"))?;
    let (price_type, turnaround_hours) = (column.name(PriceType::parse)?, column.number()?);
    let (deliverables, demo_url, quota_limit) = (column.json()?, column.text_or_null()?, column.number()?);
    let (active, total_orders, completed_orders) = (column.number()?, column.number()?, column.number()?);
    let (ratings, rating_sum) = (column.number()?, column.number()?);
    Ok(ServiceForm {
        id,
        agent_id,
        agent_name,
        agent_slug,
        category,
        title,
        description,
        price_usd,
        price_type,
        turnaround_hours,
        deliverables,
        demo_url,
        quota_limit,
        active,
        total_orders,
        completed_orders,
        avg_rating: Rating::average(rating_sum, ratings),
        version: column.number()?,
        created_at: column.time()?,
    })
}

pub(super) fn add(desk: &mut Desk<'_>, agent_id: AgentId, terms: &ServiceTerms) -> Step<Done> {
    check_own(desk, agent_id)?;
    check_active(desk, agent_id)?;
    let count = desk.sql.first(COUNT, params![agent_id.to_string()])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?;
    if count >= SERVICES_MAX {
        return Err(SellerRefusal::ServiceLimit.into());
    }
    let id = ServiceId::new(desk.now, desk.entropy);
    desk.sql.run(
        WRITE,
        params![
            id.to_string(),
            agent_id.to_string(),
            terms.category.as_str(),
            terms.title.as_str(),
            terms.description.as_str(),
            terms.price.minor(),
            terms.price_type.as_str(),
            terms.turnaround_hours,
            serde_json::to_string(&terms.deliverables)?,
            terms.demo_url.as_deref(),
            terms.quota(),
            desk.now.as_ms(),
        ],
    )?;
    let form = find(desk, id)?;
    desk.record(Action::ServiceCreated, &id.to_string(), None, &form)?;
    Ok(SellerOutcome::Service(Box::new(form)).into())
}

pub(super) fn list(desk: &Desk<'_>, agent_id: AgentId) -> Step<Done> {
    check_own(desk, agent_id)?;
    let rows = desk.sql.run(LIST, params![agent_id.to_string(), SERVICES_MAX])?;
    Ok(shown(SellerOutcome::Services(rows.iter().map(read_form).collect::<Result<_, SqlError>>()?)))
}

/// Changes what is named; orders keep the terms they were placed under.
pub(super) fn change(desk: &mut Desk<'_>, id: ServiceId, change: &ServiceChange) -> Step<Done> {
    let before = find_own(desk, id)?;
    check_active(desk, before.agent_id)?;
    let mut form = before.clone();
    form.category = change.category.unwrap_or(form.category);
    form.title = change.title.clone().unwrap_or(form.title);
    form.description = change.description.clone().unwrap_or(form.description);
    form.price_usd = change.price.unwrap_or(form.price_usd);
    form.price_type = change.price_type.unwrap_or(form.price_type);
    form.turnaround_hours = change.turnaround_hours.unwrap_or(form.turnaround_hours);
    form.deliverables = change.deliverables.clone().unwrap_or(form.deliverables);
    form.demo_url = change.demo_url.clone().unwrap_or(form.demo_url);
    // What is sold once has no quota.
    form.quota_limit = form.price_type.window_ms().map_or(0, |_| change.quota_limit.unwrap_or(form.quota_limit));
    if form != before {
        form.version += 1;
        write_change(desk, &form, Action::ServiceUpdated)?;
    }
    Ok(SellerOutcome::Service(Box::new(form)).into())
}

/// Withdraws a service: nobody orders it any more.
pub(super) fn remove(desk: &mut Desk<'_>, id: ServiceId) -> Step<Done> {
    let mut form = find_own(desk, id)?;
    check_active(desk, form.agent_id)?;
    if form.active == 1 {
        form.active = 0;
        form.version += 1;
        write_change(desk, &form, Action::ServiceRemoved)?;
    }
    Ok(SellerOutcome::Service(Box::new(form)).into())
}

fn write_change(desk: &mut Desk<'_>, form: &ServiceForm, action: Action) -> Step<()> {
    let id = form.id.to_string();
    desk.sql.run(
        CHANGE,
        params![
            id.as_str(),
            form.category.as_str(),
            form.title.as_str(),
            form.description.as_str(),
            form.price_usd.minor(),
            form.price_type.as_str(),
            form.turnaround_hours,
            serde_json::to_string(&form.deliverables)?,
            form.demo_url.as_deref(),
            form.quota_limit,
            form.active,
            form.version,
        ],
    )?;
    desk.record(action, &id, None, form)?;
    Ok(())
}
