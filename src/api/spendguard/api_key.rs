//! Keys that manage a tenant: `/v1/api-keys` (contract identity-and-money 13).

use serde::{Deserialize, Serialize};

use crate::domain::id::KeyId;
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::scope::Scopes;
use crate::domain::time::Timestamp;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Text, Time};
use crate::http::page::{self, Page};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::{Command, KeyHolder, MintKey};
use crate::objects::tenant::outcome::{KeyView, Outcome};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/api-keys" => mint_api_key {
        name: "createApiKey", summary: "A key that manages the tenant, shown once", access: Management, class: Some(LimitClass::Admin), body: Json,
        documented: true, request: KeyRequest, status: 201, response: NewApiKey,
    }
    Get "/v1/api-keys" => list_api_keys {
        name: "listApiKeys", summary: "The keys that are not revoked, newest first", access: Management, class: Some(LimitClass::Admin), body: None,
        documented: true, status: 200, response: Page<ApiKeyView>, query: [page::LIMIT, page::CURSOR],
    }
    Delete "/v1/api-keys/{id}" => revoke_api_key {
        name: "revokeApiKey", summary: "Revoke a key; it is dead from the next request on", access: Management, class: Some(LimitClass::Admin), body: None,
        documented: true, status: 204,
    }
};

/// The kinds this route knows; others are no keys of it.
const KINDS: [KeyKind; 2] = [KeyKind::Live, KeyKind::Test];

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct KeyRequest {
    label: Option<Text<1, 64>>,
    environment: Option<Environment>,
    expires_at: Option<Time>,
}

#[derive(Deserialize, Serialize, Clone, Copy)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Environment {
    Live,
    Test,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ApiKeyView {
    id: String,
    label: Option<String>,
    environment: Environment,
    last4: String,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct NewApiKey {
    /// Shown once.
    key: String,
    #[serde(flatten)]
    view: ApiKeyView,
}

impl From<KeyView> for ApiKeyView {
    fn from(view: KeyView) -> Self {
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
        Self {
            id: view.key_id.to_string(),
            label: view.label,
            environment: if view.kind == KeyKind::Test { Environment::Test } else { Environment::Live },
            last4: view.last4,
            created_at: view.created_at_ms.to_string(),
            expires_at: text(view.expires_at_ms),
            last_used_at: text(view.last_used_at_ms),
        }
    }
}

/// 1. The body: 400. 2. Mint: 403. 3. Show the key, once: 201.
async fn mint_api_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: KeyRequest = ctx.incoming.body()?;
    let expires_at_ms = request.expires_at.map(|time| time.in_future("$.expires_at", ctx.now)).transpose()?;
    let seat = ctx.management_seat().await?;
    let live = !matches!(request.environment, Some(Environment::Test));
    let kind = if live { KeyKind::Live } else { KeyKind::Test };
    let (text, secret) = ctx.mint_key(kind, seat.tenant)?;
    let mint = MintKey {
        holder: KeyHolder::Management { live },
        secret,
        label: request.label.map(Text::into_string),
        scopes: Scopes::all(),
        expires_at_ms,
    };
    let answer = ctx.call_tenant(&seat, Command::MintKey(mint)).await?;
    let Outcome::KeyMinted(minted) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let key = ctx.reveal_key(text, minted.sealed.as_deref())?;
    Ok(Reply::json(201, &NewApiKey { key, view: minted.key.into() })?.no_store())
}

/// 1. The page: 400. 2. Read: 200.
async fn list_api_keys(ctx: &Ctx) -> Result<Reply, Fault> {
    let limit = ctx.page_limit()?;
    let before = ctx.page_cursor(|id| KeyId::parse(id).ok())?;
    let seat = ctx.management_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::ListKeys { kinds: KINDS.to_vec() }).await?;
    let Outcome::Keys(views) = answer.outcome else { return Err(unexpected(&answer.outcome)) };
    let older = views.into_iter().filter(|view| before.is_none_or(|before| view.key_id < before)).map(ApiKeyView::from).collect();
    Ok(Reply::json(200, &Page::cut(older, limit, |view| view.id.clone()))?.no_store())
}

/// 1. The id: 400. 2. Revoke; a repeat is the same: 204, 404.
async fn revoke_api_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let key_id = KeyId::parse(ctx.param("id")).map_err(|error| Fault::new(Code::InvalidId, error.to_string()).in_body())?;
    let seat = ctx.management_seat().await?;
    ctx.call_tenant(&seat, Command::RevokeKey { key_id, kinds: KINDS.to_vec() }).await?;
    Ok(Reply::empty(204))
}
