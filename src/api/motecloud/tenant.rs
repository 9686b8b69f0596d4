//! The human side: tenants one owns, enrollment tokens, agents' keys (contract motecloud 4).

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::domain::agent::parse_agent_id;
use crate::domain::enrollment::TokenStatus;
use crate::domain::id::{AgentId, EnrollmentId, KeyId, TenantUuid};
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::plan::Plan;
use crate::domain::scope::Scopes;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::http::birth::bear_for_user;
use crate::http::context::Ctx;
use crate::http::credential::{Credential, Human, bad_credential};
use crate::http::fault::Fault;
use crate::http::field::{Text, Whole};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::gate::{self, Command as GateCommand, Outcome as GateOutcome};
use crate::objects::tenant::command::{Command, KeyHolder, MintEnrollment, MintKey};
use crate::objects::tenant::outcome::{EnrollmentView, KeyView, Outcome};
use crate::routes;
use crate::store::tenant::{self as tenants, Membership};

pub static ROUTES: &[Route] = routes! {
    Post "/v2/tenants" => create_tenant { name: "createTenant", summary: "A new tenant for a human", access: Human, class: Some(LimitClass::TenantCreate), body: Json, status: 201 }
    Get "/v2/tenants" => list_tenants { name: "listTenants", summary: "The tenants one belongs to", access: Human, class: Some(LimitClass::Admin), body: None, status: 200 }
    Post "/v2/tenants/{tenant_id}/enrollment-tokens" => mint_token { name: "createEnrollmentToken", summary: "A one-time enrollment token", access: Human, class: Some(LimitClass::Admin), body: Json, status: 201 }
    Get "/v2/tenants/{tenant_id}/enrollment-tokens" => list_tokens { name: "listEnrollmentTokens", summary: "Enrollment tokens", access: Human, class: Some(LimitClass::Admin), body: None, status: 200 }
    Delete "/v2/tenants/{tenant_id}/enrollment-tokens/{id}" => revoke_token { name: "revokeEnrollmentToken", summary: "Revoke an enrollment token", access: Human, class: Some(LimitClass::Admin), body: None, status: 204 }
    Post "/v2/tenants/{tenant_id}/agent-keys" => mint_key { name: "createAgentKey", summary: "A key for an agent, old or new", access: Human, class: Some(LimitClass::Admin), body: Json, status: 201 }
    Get "/v2/tenants/{tenant_id}/agent-keys" => list_keys { name: "listAgentKeys", summary: "Agents' keys", access: Human, class: Some(LimitClass::Admin), body: None, status: 200 }
    Delete "/v2/tenants/{tenant_id}/agent-keys/{key_id}" => revoke_key { name: "revokeAgentKey", summary: "Revoke an agent's key", access: Human, class: Some(LimitClass::Admin), body: None, status: 204 }
};

/// Seconds an enrollment token is good for when nobody says.
const TOKEN_TTL_S: u64 = 86_400;

fn signed_in_human(ctx: &Ctx) -> Result<Human, Fault> {
    match &*ctx.credential() {
        Credential::Human(human) => Ok(human.clone()),
        _ => Err(bad_credential()),
    }
}

#[derive(Deserialize)]
struct TenantRequest {
    tenant_id: Slug,
    name: Option<Text<1, 128>>,
}

#[derive(Serialize)]
struct TenantReply {
    tenant_id: Slug,
    tenant_uuid: TenantUuid,
    wallet_id: String,
    created_at: String,
}

/// 1. The body: 400. 2. A repeat of the same request: the same answer. 3. Claim the name and bear the tenant: 400, 409.
/// 4. Answer: 201.
async fn create_tenant(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: TenantRequest = ctx.incoming.body()?;
    let human = signed_in_human(ctx)?;
    let gate_name = gate::name_of_user(&human.user_id.to_string());
    ctx.once_at_gate(&gate_name, &gate_name, async || {
        let name = request.name.as_ref().map_or(request.tenant_id.as_str(), Text::as_str);
        let born = bear_for_user(ctx, human.user_id, &request.tenant_id, name).await?;
        let reply = TenantReply {
            tenant_id: born.slug,
            tenant_uuid: born.tenant_uuid,
            wallet_id: born.wallet_id.to_string(),
            created_at: born.created_at_ms.to_string(),
        };
        Reply::json(201, &reply)
    })
    .await
}

#[derive(Serialize)]
struct TenantRow {
    tenant_id: Slug,
    tenant_uuid: TenantUuid,
    name: String,
    role: String,
    plan: String,
    created_at: String,
}

impl From<Membership> for TenantRow {
    fn from(row: Membership) -> Self {
        Self {
            tenant_id: row.slug,
            tenant_uuid: row.tenant_uuid,
            name: row.name,
            role: row.role,
            plan: row.plan,
            created_at: Timestamp::from_ms(row.created_at_ms).to_string(),
        }
    }
}

/// 1. Count the request at the human's gate, since no tenant is named: 429. 2. List: 200.
async fn list_tenants(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in_human(ctx)?;
    let quota = LimitClass::Admin.quota(Plan::Free, ctx.edge.settings.rate_limit_scale);
    let count = GateCommand::Count { class: LimitClass::Admin, quota };
    match ctx.call_gate(&gate::name_of_user(&human.user_id.to_string()), count).await? {
        GateOutcome::Counted(state) => ctx.note_limits(&[state])?,
        _ => return Err(Fault::internal("a gate did not count")),
    }
    let rows = ctx.with_database(async |database| tenants::list_of_user(database, human.user_id).await).await?;
    let rows: Vec<TenantRow> = rows.into_iter().map(TenantRow::from).collect();
    Ok(Reply::json(200, &json!({ "tenants": rows }))?.no_store())
}

#[derive(Deserialize)]
struct TokenRequest {
    label: Option<Text<1, 64>>,
    ttl_seconds: Option<Whole<60, 86_400>>,
}

#[derive(Serialize)]
struct TokenReply {
    id: EnrollmentId,
    enrollment_token: String,
    expires_at: String,
}

/// 1. The body: 400. 2. The tenant, if one is a member: 404. 3. Mint: 429. 4. Answer: 201.
async fn mint_token(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: TokenRequest = ctx.incoming.body()?;
    let seat = ctx.member_seat(ctx.param("tenant_id")).await?;
    let (minted, secret) = ctx.mint_key(KeyKind::Enrollment, seat.tenant)?;
    let command =
        MintEnrollment { secret, label: request.label.map(Text::into_string), ttl_s: request.ttl_seconds.map_or(TOKEN_TTL_S, Whole::get) };
    let answer = ctx.call_tenant(&seat, Command::MintEnrollment(command)).await?;
    let Outcome::EnrollmentMinted(made) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let reply = TokenReply {
        id: made.token.id,
        enrollment_token: ctx.reveal_key(minted, made.sealed.as_deref())?,
        expires_at: made.token.expires_at_ms.to_string(),
    };
    Ok(Reply::json(201, &reply)?.no_store())
}

#[derive(Serialize)]
struct TokenRow {
    id: EnrollmentId,
    label: Option<String>,
    status: TokenStatus,
    last4: String,
    expires_at: String,
    used_by: Option<AgentId>,
}

impl From<EnrollmentView> for TokenRow {
    fn from(view: EnrollmentView) -> Self {
        Self {
            id: view.id,
            label: view.label,
            status: view.status,
            last4: view.last4,
            expires_at: view.expires_at_ms.to_string(),
            used_by: view.used_by,
        }
    }
}

/// 1. The tenant, if one is a member: 404. 2. List: 200.
async fn list_tokens(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.member_seat(ctx.param("tenant_id")).await?;
    let answer = ctx.call_tenant(&seat, Command::ListEnrollments).await?;
    let Outcome::Enrollments(views) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let rows: Vec<TokenRow> = views.into_iter().map(TokenRow::from).collect();
    Ok(Reply::json(200, &json!({ "tokens": rows }))?.no_store())
}

/// 1. The tenant and the id: 404. 2. Revoke; a repeat changes nothing: 204.
async fn revoke_token(ctx: &Ctx) -> Result<Reply, Fault> {
    let id = EnrollmentId::parse(ctx.param("id"))?;
    let seat = ctx.member_seat(ctx.param("tenant_id")).await?;
    ctx.call_tenant(&seat, Command::RevokeEnrollment { id }).await?;
    Ok(Reply::empty(204))
}

/// A moment as a client writes it.
struct Moment(Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::parse(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
struct KeyRequest {
    agent_id: Option<String>,
    label: Option<Text<1, 64>>,
    expires_at: Option<Moment>,
}

#[derive(Serialize)]
struct KeyReply {
    key_id: KeyId,
    agent_id: Option<AgentId>,
    agent_key: String,
    expires_at: Option<String>,
}

/// 1. The body: 400. 2. The tenant, if one is a member, and the agent: 404. 3. Mint: 402, 404, 409, 429. 4. Answer: 201.
async fn mint_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: KeyRequest = ctx.incoming.body()?;
    if request.expires_at.as_ref().is_some_and(|Moment(at)| *at <= ctx.now) {
        return Err(Fault::field("$.expires_at", "must lie in the future"));
    }
    let seat = ctx.member_seat(ctx.param("tenant_id")).await?;
    let label = request.label.map(Text::into_string);
    let holder = match (request.agent_id.filter(|id| !id.is_empty()), &label) {
        (Some(id), _) => KeyHolder::Agent(parse_agent_id(&id, seat.tenant).ok_or_else(Fault::not_found)?),
        (None, Some(label)) => KeyHolder::NewAgent { label: label.clone() },
        (None, None) => return Err(Fault::field("$.label", "is required for a new agent; or name one in agent_id")),
    };
    let (minted, secret) = ctx.mint_key(KeyKind::Agent, seat.tenant)?;
    let expires_at_ms = request.expires_at.map(|Moment(at)| at);
    let command = MintKey { holder, secret, label, scopes: Scopes::all(), expires_at_ms };
    let answer = ctx.call_tenant(&seat, Command::MintKey(command)).await?;
    let Outcome::KeyMinted(made) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let reply = KeyReply {
        key_id: made.key.key_id,
        agent_id: made.key.agent_id,
        agent_key: ctx.reveal_key(minted, made.sealed.as_deref())?,
        expires_at: made.key.expires_at_ms.map(|at| at.to_string()),
    };
    Ok(Reply::json(201, &reply)?.no_store())
}

#[derive(Serialize)]
struct KeyRow {
    key_id: KeyId,
    agent_id: Option<AgentId>,
    label: Option<String>,
    last4: String,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

impl From<KeyView> for KeyRow {
    fn from(view: KeyView) -> Self {
        Self {
            key_id: view.key_id,
            agent_id: view.agent_id,
            label: view.label,
            last4: view.last4,
            created_at: view.created_at_ms.to_string(),
            expires_at: view.expires_at_ms.map(|at| at.to_string()),
            last_used_at: view.last_used_at_ms.map(|at| at.to_string()),
        }
    }
}

/// 1. The tenant, if one is a member: 404. 2. List: 200.
async fn list_keys(ctx: &Ctx) -> Result<Reply, Fault> {
    let seat = ctx.member_seat(ctx.param("tenant_id")).await?;
    let answer = ctx.call_tenant(&seat, Command::ListKeys { kinds: vec![KeyKind::Agent] }).await?;
    let Outcome::Keys(views) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let rows: Vec<KeyRow> = views.into_iter().map(KeyRow::from).collect();
    Ok(Reply::json(200, &json!({ "keys": rows }))?.no_store())
}

/// 1. The tenant and the id: 404. 2. Revoke; a repeat changes nothing: 204.
async fn revoke_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let key_id = KeyId::parse(ctx.param("key_id"))?;
    let seat = ctx.member_seat(ctx.param("tenant_id")).await?;
    ctx.call_tenant(&seat, Command::RevokeKey { key_id, kinds: vec![KeyKind::Agent] }).await?;
    Ok(Reply::empty(204))
}
