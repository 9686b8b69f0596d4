//! Tenants in the book of record: the claim on a slug, and what lists and counts of all tenants need.

use serde::Deserialize;

use super::{Database, StoreError};
use crate::domain::id::{AgentId, TenantUuid, UserId};
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::{binds, statements};

statements! {
    FIND_BY_SLUG = "SELECT tenant_uuid, slug, state, claimed_by, wallet_id, created_at_ms FROM tenants WHERE slug = ?1";
    CLAIM = "INSERT INTO tenants (tenant_uuid, slug, name, state, claimed_by, created_at_ms) VALUES (?1, ?2, ?3, 'claimed', ?4, ?5) ON CONFLICT (slug) DO NOTHING";
    CONFIRM = "UPDATE tenants SET state = 'born', wallet_id = ?2 WHERE tenant_uuid = ?1";
    LIST_OF_USER = "SELECT t.tenant_uuid, t.slug, t.name, m.role, t.plan, t.created_at_ms FROM memberships m JOIN tenants t USING (tenant_uuid) WHERE m.user_id = ?1 ORDER BY t.created_at_ms, t.slug";
    JOIN = "INSERT INTO memberships (user_id, tenant_uuid, role, created_at_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    FIND_OF_AGENT = "SELECT tenant_uuid FROM agents WHERE agent_id = ?1 UNION SELECT tenant_uuid FROM tenants WHERE tenant_uuid >= ?2 AND tenant_uuid < ?3 AND state = 'born' LIMIT 4";
    PING = "SELECT id FROM totals WHERE id = 1";
    STATISTICS = "SELECT tenants, agents, open_sessions, observations, (SELECT COALESCE(SUM(queries), 0) FROM query_hours WHERE hour > ?1) AS queries_24h FROM totals WHERE id = 1";
}

/// A claim on a slug as it stands.
#[derive(Debug, Clone, Deserialize)]
pub struct Claim {
    pub tenant_uuid: TenantUuid,
    pub slug: Slug,
    pub state: String,
    /// Who claimed it: a wallet address in lower case, or a user's id.
    pub claimed_by: String,
    pub wallet_id: Option<String>,
    pub created_at_ms: u64,
}

impl Claim {
    /// Whether the tenant's object has confirmed its birth.
    pub fn is_born(&self) -> bool {
        self.state == "born"
    }
}

/// A tenant in a user's list.
#[derive(Debug, Clone, Deserialize)]
pub struct Membership {
    pub tenant_uuid: TenantUuid,
    pub slug: Slug,
    pub name: String,
    pub role: String,
    pub plan: String,
    pub created_at_ms: u64,
}

/// What the operator's statistics show; projected, up to a minute behind.
#[derive(Debug, Clone, Deserialize)]
pub struct Statistics {
    pub tenants: u64,
    pub agents: u64,
    pub open_sessions: u64,
    pub observations: u64,
    pub queries_24h: u64,
}

/// The claim on `slug`, if there is one.
pub async fn find_claim(database: Database<'_>, slug: &Slug) -> Result<Option<Claim>, StoreError> {
    database.first(FIND_BY_SLUG, binds![slug.as_str()]).await
}

/// Claims `slug` unless it is taken, and answers the claim that stands: of several callers exactly one finds its own
/// uuid in it.
pub async fn claim_slug(
    database: Database<'_>,
    slug: &Slug,
    tenant: TenantUuid,
    name: &str,
    claimed_by: &str,
    now: Timestamp,
) -> Result<Claim, StoreError> {
    database.write(CLAIM, binds![tenant.to_string(), slug.as_str(), name, claimed_by, now.as_ms()]).await?;
    find_claim(database, slug).await?.ok_or_else(|| StoreError::Broken("a claim just made cannot be found".to_owned()))
}

/// Notes that the tenant's object is born.
pub async fn confirm_birth(database: Database<'_>, tenant: TenantUuid, wallet_id: &str) -> Result<(), StoreError> {
    database.write(CONFIRM, binds![tenant.to_string(), wallet_id]).await.map(drop)
}

/// The tenants of a user, oldest first.
pub async fn list_of_user(database: Database<'_>, user: UserId) -> Result<Vec<Membership>, StoreError> {
    database.rows(LIST_OF_USER, binds![user.to_string()]).await
}

/// Puts a tenant on a user's list; a repeat changes nothing.
pub async fn join_user(database: Database<'_>, user: UserId, tenant: TenantUuid, role: &str, now: Timestamp) -> Result<(), StoreError> {
    database.write(JOIN, binds![user.to_string(), tenant.to_string(), role, now.as_ms()]).await.map(drop)
}

/// The tenants an agent may belong to: the one it is projected under, and those whose uuid begins with the eight characters
/// its spelling names, which are known from birth.
pub async fn find_of_agent(database: Database<'_>, agent_id: AgentId, tenant8: Option<&str>) -> Result<Vec<TenantUuid>, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        tenant_uuid: TenantUuid,
    }
    // A hyphen follows the eight, and a full stop is the character after it.
    let (from, until) = tenant8.map_or_else(Default::default, |tenant8| (format!("{tenant8}-"), format!("{tenant8}.")));
    let rows = database.rows::<Row>(FIND_OF_AGENT, binds![agent_id.to_string(), from, until]).await?;
    Ok(rows.into_iter().map(|row| row.tenant_uuid).collect())
}

/// The figures over all tenants.
pub async fn read_statistics(database: Database<'_>, now: Timestamp) -> Result<Statistics, StoreError> {
    let last_hour_left_out = (now.as_s() / 3600).saturating_sub(24);
    database.first(STATISTICS, binds![last_hour_left_out]).await?.ok_or_else(|| StoreError::Broken("no statistics row".to_owned()))
}

/// Whether the book of record answers.
pub async fn ping(database: Database<'_>) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Row {
        id: u64,
    }
    match database.first::<Row>(PING, Vec::new()).await? {
        Some(Row { id: 1 }) => Ok(()),
        _ => Err(StoreError::Broken("the totals row is missing".to_owned())),
    }
}
