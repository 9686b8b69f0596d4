//! `/account/keys`: mint and list agents' keys and API keys.

use serde::{Deserialize, Deserializer};

use super::posted::{Posted, Trouble};
use super::tenant_data::{find_agent_label, load_overview, show_key};
use super::tenant_visit::{TenantVisit, ask_once};
use super::view::form::Entry;
use super::view::key::{AgentKeyForm, ApiKeyForm, Keys, render_key_page};
use super::view::notice::{Notice, Secret, SecretKind};
use super::view::part::build_href;
use super::visit::{redirect_with, signed_in};
use crate::domain::agent::parse_agent_id;
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitClass;
use crate::domain::scope::Scopes;
use crate::domain::time::{DAY_MS, Timestamp};
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::{Command, KeyHolder, MintKey};
use crate::objects::tenant::outcome::{KeyMinted, Outcome};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/keys" => show_keys { name: "accountKeys", summary: "Agents' keys and API keys", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/keys/agent" => mint_agent_key { name: "accountMintAgentKey", summary: "Mint an agent's key", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
    Post "/account/keys/api" => mint_api_key { name: "accountMintApiKey", summary: "Create an API key", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

/// Days a key lives.
struct Days(u64);

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let days = String::deserialize(deserializer)?.parse().ok().filter(|days| (1..=3_650).contains(days));
        days.map(Self).ok_or_else(|| serde::de::Error::custom("must be 1 to 3650 days"))
    }
}

fn expiry(ctx: &Ctx, days: Option<Days>) -> Option<Timestamp> {
    days.map(|Days(days)| ctx.now.plus_ms(days * DAY_MS))
}

async fn render(
    ctx: &Ctx,
    human: &Human,
    tenant: Option<&str>,
    status: u16,
    agent_form: AgentKeyForm,
    api_form: ApiKeyForm,
) -> Result<Reply, Fault> {
    let visit = TenantVisit::of(ctx, human, tenant).await?;
    let overview = &visit.overview;
    let of_agents = |kind: KeyKind| kind == KeyKind::Agent;
    let rows = |of_agent: bool| {
        let keys = overview.keys.iter().filter(move |key| of_agents(key.kind) == of_agent);
        keys.map(|key| show_key(overview, key)).collect()
    };
    let view = Keys {
        agents: visit.active_agents(),
        agent_keys: rows(true),
        api_keys: rows(false),
        agent_form,
        api_form,
        tenant: visit.tenant.clone(),
    };
    let page = render_key_page(visit.frame(), &view);
    Ok(visit.answer(status, page))
}

/// 1. The tenant, if one is a member: 404. 2. The page: 200.
async fn show_keys(ctx: &Ctx) -> Result<Reply, Fault> {
    let agent_id = Entry::filled(ctx.incoming.query_value("agent").unwrap_or_default());
    let form = AgentKeyForm { agent_id, ..AgentKeyForm::default() };
    render(ctx, &signed_in(ctx)?, ctx.incoming.query_value("tenant"), 200, form, ApiKeyForm::default()).await
}

#[derive(Deserialize)]
struct NewAgentKey {
    agent_id: Option<String>,
    label: Option<Text<1, 64>>,
    expires_in_days: Option<Days>,
}

#[derive(Deserialize)]
struct NewApiKey {
    environment: Option<String>,
    label: Option<Text<1, 64>>,
    expires_in_days: Option<Days>,
}

/// Mints a key, once for each form, and answers its text with what is known of it.
async fn mint(
    ctx: &Ctx,
    (human, posted): (&Human, &Posted),
    kind: KeyKind,
    holder: KeyHolder,
    label: Option<String>,
    days: Option<Days>,
) -> Result<(String, KeyMinted), Fault> {
    let seat = ctx.member_seat(posted.value("tenant")).await?;
    let (text, secret) = ctx.mint_key(kind, seat.tenant)?;
    let command = MintKey { holder, secret, label, scopes: Scopes::all(), expires_at_ms: expiry(ctx, days) };
    match ask_once(ctx, &seat, posted.claim(ctx, human)?, Command::MintKey(command)).await? {
        Outcome::KeyMinted(made) => Ok((ctx.reveal_key(text, made.sealed.as_deref())?, made)),
        other => Err(unexpected(&other)),
    }
}

async fn make_agent_key(ctx: &Ctx, human: &Human, posted: &Posted) -> Result<Secret, Fault> {
    let form: NewAgentKey = Posted::parse(ctx)?;
    let tenant = posted.value("tenant");
    let label = form.label.map(Text::into_string);
    let holder = match (&form.agent_id, &label) {
        (Some(id), _) => {
            let seat = ctx.member_seat(tenant).await?;
            KeyHolder::Agent(parse_agent_id(id, seat.tenant).ok_or_else(Fault::not_found)?)
        }
        (None, Some(label)) => KeyHolder::NewAgent { label: label.clone() },
        (None, None) => return Err(Fault::field("$.label", "is required: a new agent needs a name")),
    };
    let (value, made) = mint(ctx, (human, posted), KeyKind::Agent, holder, label.clone(), form.expires_in_days).await?;
    let label = match (label, made.key.agent_id) {
        (Some(label), _) => label,
        (None, Some(agent_id)) => find_agent_label(&load_overview(ctx, tenant).await?, agent_id).unwrap_or_default(),
        (None, None) => String::new(),
    };
    Ok(Secret { kind: SecretKind::AgentKey, label, value, tenant: tenant.to_owned() })
}

/// 1. The form: 400, 403. 2. The tenant and the agent: 404. 3. Mint: 402, 409. 4. Go on and show it once: 303.
async fn mint_agent_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let tenant = posted.value("tenant");
    match make_agent_key(ctx, &human, &posted).await {
        Ok(secret) => show_once(ctx, &human, tenant, secret),
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let form = AgentKeyForm {
                agent_id: posted.entry("agent_id", &trouble),
                label: posted.entry("label", &trouble),
                expires_in_days: posted.entry("expires_in_days", &trouble),
                error: trouble.beside(&["agent_id", "label", "expires_in_days"]),
            };
            render(ctx, &human, Some(tenant), trouble.status, form, ApiKeyForm::default()).await
        }
    }
}

async fn make_api_key(ctx: &Ctx, human: &Human, posted: &Posted) -> Result<Secret, Fault> {
    let form: NewApiKey = Posted::parse(ctx)?;
    let live = match form.environment.as_deref() {
        Some("live") => true,
        Some("test") | None => false,
        Some(_) => return Err(Fault::field("$.environment", "must be live or test")),
    };
    let kind = if live { KeyKind::Live } else { KeyKind::Test };
    let label = form.label.map(Text::into_string);
    let (value, _) = mint(ctx, (human, posted), kind, KeyHolder::Management { live }, label.clone(), form.expires_in_days).await?;
    let tenant = posted.value("tenant").to_owned();
    Ok(Secret { kind: SecretKind::ApiKey, label: label.unwrap_or_default(), value, tenant })
}

/// 1. The form: 400, 403. 2. The tenant, if one is a member: 404. 3. Mint. 4. Go on and show it once: 303.
async fn mint_api_key(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let tenant = posted.value("tenant");
    match make_api_key(ctx, &human, &posted).await {
        Ok(secret) => show_once(ctx, &human, tenant, secret),
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let form = ApiKeyForm {
                label: posted.entry("label", &trouble),
                environment: posted.entry("environment", &trouble),
                expires_in_days: posted.entry("expires_in_days", &trouble),
                error: trouble.beside(&["label", "environment", "expires_in_days"]),
            };
            render(ctx, &human, Some(tenant), trouble.status, AgentKeyForm::default(), form).await
        }
    }
}

fn show_once(ctx: &Ctx, human: &Human, tenant: &str, secret: Secret) -> Result<Reply, Fault> {
    let location = build_href("/account/keys", &[("tenant", tenant)]);
    redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &location, Notice::Secret(secret))
}
