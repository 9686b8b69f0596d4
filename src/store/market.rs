//! The marketplace in the book of record: slugs, profiles, services and reviews as everybody sees them.
//!
//! Invariants: 1. A slug is one agent's, for ever. 2. What an object tells of a profile or a service is written by its version,
//! whoever brings it first, a handler or the queue: a later one is never undone by an earlier. 3. Figures are counted by the
//! projections, once for each event. 4. What lists go by beside an agent's row, its services' `hidden` and the rows of its
//! capabilities, follows that row in the same batch.

use serde::Deserialize;

use super::{Bound, Database, StoreError};
use crate::domain::form::order::ReviewForm;
use crate::domain::form::profile::ProfileForm;
use crate::domain::form::service::ServiceForm;
use crate::domain::id::{AgentId, ServiceId, TenantUuid};
use crate::{binds, statements};

/// A number of a name may be a slug that another name has made; then the next is tried.
const CLAIMS_MAX: u32 = 64;

statements! {
    FIND_SLUG = "SELECT slug FROM market_agents WHERE agent_id = ?1";
    NUMBER = "INSERT INTO market_slugs (base, taken) VALUES (?1, ?2) ON CONFLICT (base) DO UPDATE SET taken = taken + 1 RETURNING taken";
    CLAIM = "INSERT INTO market_agents (agent_id, tenant_uuid, slug) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING RETURNING slug";
    PUT_AGENT = "INSERT INTO market_agents (agent_id, tenant_uuid, slug, version, name, form) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (agent_id) DO UPDATE SET version = excluded.version, name = excluded.name, form = excluded.form WHERE excluded.version > market_agents.version";
    DROP_CAPABILITIES = "DELETE FROM market_capabilities WHERE agent_id = ?1";
    PUT_CAPABILITIES = "INSERT INTO market_capabilities (agent_id, category, number, shown, completed, rating) SELECT a.agent_id, c.value, a.number, a.active, a.completed, a.rating FROM market_agents a, json_each(a.form, '$.capabilities') c WHERE a.agent_id = ?1";
    DROP_AGENT_WORDS = "DELETE FROM market_agent_words WHERE rowid = (SELECT number FROM market_agents WHERE agent_id = ?1)";
    PUT_AGENT_WORDS = "INSERT INTO market_agent_words (rowid, words, marks) SELECT number, (form ->> '$.name') || ' ' || (form ->> '$.description') || ' ' || (form ->> '$.capabilities'), (SELECT group_concat('c' || replace(value, '_', ''), ' ') FROM json_each(form, '$.capabilities')) FROM market_agents WHERE agent_id = ?1";
    PUT_SERVICE = "INSERT INTO market_services (service_id, agent_id, tenant_uuid, version, active, category, price_minor, turnaround_hours, form, band, hidden) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NOT EXISTS (SELECT 1 FROM market_agents WHERE agent_id = ?2 AND version > 0 AND active = 1)) ON CONFLICT (service_id) DO UPDATE SET version = excluded.version, active = excluded.active, category = excluded.category, price_minor = excluded.price_minor, band = excluded.band, turnaround_hours = excluded.turnaround_hours, form = excluded.form WHERE excluded.version > market_services.version";
    DROP_SERVICE_WORDS = "DELETE FROM market_service_words WHERE rowid = (SELECT number FROM market_services WHERE service_id = ?1)";
    PUT_SERVICE_WORDS = "INSERT INTO market_service_words (rowid, words, marks) SELECT number, (form ->> '$.title') || ' ' || (form ->> '$.description') || ' ' || category || ' ' || (form ->> '$.deliverables'), 'c' || replace(category, '_', '') || ' p' || band FROM market_services WHERE service_id = ?1 AND active = 1";
    SHOW_AGENT = "UPDATE market_agents SET active = ?4 WHERE agent_id = ?3 AND EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    HIDE_SERVICES = "UPDATE market_services SET hidden = a.hidden FROM (SELECT version = 0 OR active = 0 AS hidden FROM market_agents WHERE agent_id = ?1) a WHERE market_services.agent_id = ?1 AND market_services.active = 1 AND market_services.hidden <> a.hidden";
    FOLLOW_AGENT = "UPDATE market_capabilities SET shown = a.active, completed = a.completed, rating = a.rating FROM (SELECT active, completed, rating FROM market_agents WHERE agent_id = ?1) a WHERE market_capabilities.agent_id = ?1";
    FOLLOW_AGENT_OF_SERVICE = "UPDATE market_capabilities SET shown = a.active, completed = a.completed, rating = a.rating FROM (SELECT agent_id, active, completed, rating FROM market_agents WHERE agent_id = (SELECT agent_id FROM market_services WHERE service_id = ?1)) a WHERE market_capabilities.agent_id = a.agent_id";
    ORDER_OF_SERVICE = "UPDATE market_services SET orders = orders + 1 WHERE service_id = ?3 AND EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    ORDER_OF_AGENT = "UPDATE market_agents SET orders = orders + 1 WHERE agent_id = (SELECT agent_id FROM market_services WHERE service_id = ?3) AND EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    COMPLETED_OF_SERVICE = "UPDATE market_services SET completed = completed + 1 WHERE service_id = ?3 AND EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    COMPLETED_OF_AGENT = "UPDATE market_agents SET completed = completed + 1 WHERE agent_id = (SELECT agent_id FROM market_services WHERE service_id = ?3) AND EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    RATING_OF_SERVICE = "UPDATE market_services SET ratings = ratings + 1, rating_sum = rating_sum + ?4 WHERE service_id = ?3 AND EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    RATING_OF_AGENT = "UPDATE market_agents SET ratings = ratings + 1, rating_sum = rating_sum + ?4 WHERE agent_id = (SELECT agent_id FROM market_services WHERE service_id = ?3) AND EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)";
    PUT_REVIEW = "INSERT INTO market_reviews (review_id, agent_id, form) SELECT ?1, agent_id, ?3 FROM market_services WHERE service_id = ?2 ON CONFLICT (review_id) DO NOTHING";
    FIND_TENANT = "SELECT tenant_uuid FROM market_agents WHERE agent_id = ?1 AND version > 0";
    FIND_SERVICE_OWNER = "SELECT tenant_uuid, agent_id FROM market_services WHERE service_id = ?1";
}

/// Claims a slug for an agent, or answers the one it has: the base itself, or with the number that tells it from others. A
/// base that is reserved is had by nobody without a number.
pub async fn claim_slug(
    database: Database<'_>,
    base: &str,
    is_reserved: bool,
    agent_id: AgentId,
    tenant: TenantUuid,
) -> Result<String, StoreError> {
    #[derive(Deserialize)]
    struct Number {
        taken: u64,
    }
    #[derive(Deserialize)]
    struct Claimed {
        slug: String,
    }
    let agent = agent_id.to_string();
    for _ in 0..CLAIMS_MAX {
        let number = database.first::<Number>(NUMBER, binds![base, u64::from(is_reserved)]).await?;
        let slug = match number.map(|number| number.taken) {
            None => return Err(StoreError::Broken("a name was not counted".to_owned())),
            Some(0) => base.to_owned(),
            Some(number) => format!("{base}-{number}"),
        };
        let claimed = database.first::<Claimed>(CLAIM, binds![agent.as_str(), tenant.to_string(), slug]).await?;
        let known = match claimed {
            Some(claimed) => Some(claimed),
            None => database.first::<Claimed>(FIND_SLUG, binds![agent.as_str()]).await?,
        };
        if let Some(Claimed { slug }) = known {
            return Ok(slug);
        }
    }
    Err(StoreError::Busy("every slug that was tried is taken".to_owned()))
}

fn json(form: &impl serde::Serialize) -> String {
    // A form is made of texts and numbers: it has a JSON text.
    serde_json::to_string(form).unwrap_or_default()
}

/// What an object has told of a profile.
pub fn put_profile(tenant: &str, form: &ProfileForm) -> Vec<Bound> {
    let agent = form.id.to_string();
    vec![
        (PUT_AGENT, binds![agent.as_str(), tenant, form.slug.as_str(), form.version, form.name.as_str(), json(form)]),
        (DROP_CAPABILITIES, binds![agent.as_str()]),
        (PUT_CAPABILITIES, binds![agent.as_str()]),
        (DROP_AGENT_WORDS, binds![agent.as_str()]),
        (PUT_AGENT_WORDS, binds![agent.as_str()]),
        (HIDE_SERVICES, binds![agent]),
    ]
}

/// What an object has told of a service.
pub fn put_service(tenant: &str, form: &ServiceForm) -> Vec<Bound> {
    let id = form.id.to_string();
    let (agent, category) = (form.agent_id.to_string(), form.category.as_str());
    let (price, hours) = (form.price_usd.minor(), form.turnaround_hours);
    vec![
        (
            PUT_SERVICE,
            binds![id.as_str(), agent, tenant, form.version, form.active, category, price, hours, json(form), form.price_usd.band()],
        ),
        (DROP_SERVICE_WORDS, binds![id.as_str()]),
        (PUT_SERVICE_WORDS, binds![id]),
    ]
}

/// Whether an agent is shown, and what it offers: while it may act.
pub fn show_agent(tenant: &str, after_seq: u64, agent_id: &str, is_active: bool) -> Vec<Bound> {
    vec![
        (SHOW_AGENT, binds![tenant, after_seq, agent_id, u64::from(is_active)]),
        (FOLLOW_AGENT, binds![agent_id]),
        (HIDE_SERVICES, binds![agent_id]),
    ]
}

pub fn count_order(tenant: &str, after_seq: u64, service_id: &str) -> Vec<Bound> {
    [ORDER_OF_SERVICE, ORDER_OF_AGENT].map(|sql| (sql, binds![tenant, after_seq, service_id])).into()
}

pub fn count_completed(tenant: &str, after_seq: u64, service_id: &str) -> Vec<Bound> {
    let mut statements: Vec<Bound> =
        [COMPLETED_OF_SERVICE, COMPLETED_OF_AGENT].map(|sql| (sql, binds![tenant, after_seq, service_id])).into();
    statements.push((FOLLOW_AGENT_OF_SERVICE, binds![service_id]));
    statements
}

pub fn put_review(tenant: &str, after_seq: u64, form: &ReviewForm) -> Vec<Bound> {
    let service = form.service_id.to_string();
    let mut statements: Vec<Bound> =
        [RATING_OF_SERVICE, RATING_OF_AGENT].map(|sql| (sql, binds![tenant, after_seq, service.as_str(), form.rating])).into();
    statements.push((FOLLOW_AGENT_OF_SERVICE, binds![service.as_str()]));
    statements.push((PUT_REVIEW, binds![form.id.to_string(), service, json(form)]));
    statements
}

/// Writes a profile just changed, so that whoever changed it finds it as it is.
pub async fn write_profile(database: Database<'_>, tenant: TenantUuid, form: &ProfileForm) -> Result<(), StoreError> {
    database.batch(put_profile(&tenant.to_string(), form)).await.map(drop)
}

/// The same of a service.
pub async fn write_service(database: Database<'_>, tenant: TenantUuid, form: &ServiceForm) -> Result<(), StoreError> {
    database.batch(put_service(&tenant.to_string(), form)).await.map(drop)
}

/// Whose agent a profile is of, if there is one.
pub async fn find_tenant(database: Database<'_>, agent_id: AgentId) -> Result<Option<TenantUuid>, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        tenant_uuid: TenantUuid,
    }
    Ok(database.first::<Row>(FIND_TENANT, binds![agent_id.to_string()]).await?.map(|row| row.tenant_uuid))
}

/// Whose a service is.
#[derive(Debug, Clone, Deserialize)]
pub struct ServiceOwner {
    pub tenant_uuid: TenantUuid,
    pub agent_id: AgentId,
}

/// Whose a service is, offered or not.
pub async fn find_service_owner(database: Database<'_>, service_id: ServiceId) -> Result<Option<ServiceOwner>, StoreError> {
    database.first(FIND_SERVICE_OWNER, binds![service_id.to_string()]).await
}
