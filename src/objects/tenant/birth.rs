//! Birth: the tenant's row, its accounts and default wallet, its first agent or owner.
//!
//! Invariant: an object is born once. A birth interrupted before its answer arrived is finished by the same call again,
//! which answers the same tenant, agent and wallet and replaces the key nobody can have received.

use std::cell::Cell;

use super::call::{Actor, Caller};
use super::command::{Birth, Controller};
use super::desk::{Desk, Done, Step, read_optional_as, read_time};
use super::outcome::{Born, Outcome};
use super::refusal::Refusal;
use super::{agent, invitation, key, member, wallet};
use crate::crypto::vault::Vault;
use crate::domain::address::LoginAddress;
use crate::domain::audit::Head;
use crate::domain::entropy::Entropy;
use crate::domain::event::Action;
use crate::domain::id::{AgentId, KeyId, RequestId, UserId, Uuid, WalletId};
use crate::domain::key::KeyKind;
use crate::domain::ledger::Balance;
use crate::domain::member::Role;
use crate::domain::money::Micros;
use crate::domain::plan::Plan;
use crate::domain::time::Timestamp;
use crate::domain::wallet::{FundingSource, Mode};
use crate::objects::sql::{Sql, SqlError};
use crate::{params, statements};

statements! {
    FOUND = "INSERT INTO tenant (one, uuid, slug, name, plan, controller_login, controller_user, default_wallet_id, created_at_ms)
        VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    OPEN_HOUSE_ACCOUNTS = "INSERT INTO account (id) VALUES ('outside'), ('revenue')";
    NOTE_FIRST = "UPDATE tenant SET first_agent_id = ?1, undelivered_key = ?2";
    READ = "SELECT controller_login, controller_user, first_agent_id, undelivered_key, delivered, created_at_ms, name FROM tenant";
    CONFIRM = "UPDATE tenant SET undelivered_key = NULL, delivered = 1 WHERE delivered = 0";
}

/// What stands for a controlling wallet where nobody controls: the text of no wallet.
const MARKET: &str = "market";

/// Writes the tenant's row and opens the desk of its birth.
pub(super) fn found<'a>(
    sql: &'a dyn Sql,
    now: Timestamp,
    entropy: &'a mut dyn Entropy,
    vault: &'a Vault,
    request_id: RequestId,
    birth: &Birth,
) -> Result<Desk<'a>, SqlError> {
    let default_wallet = WalletId::new(now, entropy);
    let (login, user) = match &birth.controller {
        Controller::Wallet(address) => (Some(address.as_str()), None),
        Controller::User(user_id) => (None, Some(user_id.to_string())),
        Controller::Market => (Some(MARKET), None),
    };
    let (uuid, slug, plan) = (birth.uuid, birth.slug.clone(), Plan::Free);
    let (name, wallet_text) = (birth.name.as_str(), default_wallet.to_string());
    sql.run(FOUND, params![uuid.to_string(), slug.as_str(), name, plan.as_str(), login, user, wallet_text, now.as_ms()])?;
    sql.run(OPEN_HOUSE_ACCOUNTS, &[])?;
    let caller = Caller {
        tenant_uuid: uuid,
        slug,
        plan,
        actor: Actor::House,
        agent_id: None,
        role: None,
        key: None,
        default_wallet,
        available_micros: Micros::ZERO,
        token: None,
        is_stopped: false,
        session: None,
    };
    Ok(Desk {
        sql,
        now,
        entropy,
        vault,
        request_id,
        actor: actor_of(&birth.controller),
        caller,
        token_mandate: Cell::default(),
        token_agent: Cell::default(),
        is_something_due: false,
        available: Micros::ZERO,
        head: Head::EMPTY,
        outbox_pending: false,
        next_due: None,
        housekeeping_at: None,
        old_at: None,
    })
}

/// Fills the tenant just founded. Refuses nothing: what could be refused would leave half a tenant.
pub(super) fn bear(desk: &mut Desk<'_>, birth: &Birth) -> Step<Done> {
    let uuid = desk.caller.tenant_uuid.to_string();
    let data = serde_json::json!({
        "tenant_uuid": birth.uuid, "slug": birth.slug, "name": birth.name, "plan": desk.caller.plan, "controller": birth.controller,
    });
    desk.record(Action::TenantCreated, &uuid, None, &data)?;
    let wallet_id = desk.caller.default_wallet;
    wallet::open(desk, wallet_id, None, Mode::Sandbox, &serde_json::Map::new())?;
    if !birth.credit_micros.is_zero() {
        wallet::put_money(desk, wallet_id, Balance::default(), birth.credit_micros, FundingSource::Sandbox)?;
    }
    let mut born = Born {
        tenant_uuid: birth.uuid,
        slug: birth.slug.clone(),
        name: birth.name.clone(),
        wallet_id,
        credit_micros: birth.credit_micros,
        agent_id: None,
        key_id: None,
        invitation: None,
        created_at_ms: desk.now,
        resumed: false,
        sealed: None,
    };
    if let Some(first) = &birth.agent {
        let agent_id = agent::register(desk, &first.label, Some(&first.address), &first.metadata)?.agent_id;
        born.agent_id = Some(agent_id);
        born.key_id = Some(mint_first_key(desk, agent_id, birth)?);
        born.sealed = first.key.sealed.clone();
    }
    match &birth.controller {
        Controller::User(user_id) => {
            member::write(desk, *user_id, Role::Owner, Action::OwnerJoined)?;
        }
        Controller::Wallet(_) => born.invitation = invite(desk, birth)?,
        Controller::Market => {}
    }
    Ok(Outcome::Born(born).into())
}

fn invite(desk: &mut Desk<'_>, birth: &Birth) -> Step<Option<super::outcome::Invited>> {
    birth.invitation.as_ref().map(|request| invitation::write(desk, request)).transpose()
}

fn mint_first_key(desk: &mut Desk<'_>, agent_id: AgentId, birth: &Birth) -> Step<KeyId> {
    let Some(first) = &birth.agent else {
        return Err(SqlError::Shape("a birth without an agent has no key").into());
    };
    let scopes = crate::domain::scope::Scopes::all();
    let key = key::write(desk, KeyKind::Agent, Some(agent_id), &first.key, None, scopes, None)?;
    desk.sql.run(NOTE_FIRST, params![agent_id.to_string(), first.key.number.to_string()])?;
    Ok(key.key_id)
}

/// A tenant is born by whoever controls it.
fn actor_of(controller: &Controller) -> String {
    match controller {
        Controller::Wallet(address) => Actor::Wallet(address.clone()),
        Controller::User(user_id) => Actor::User(*user_id),
        Controller::Market => Actor::House,
    }
    .to_string()
}

/// Answers a birth that happened before.
pub(super) fn resume(desk: &mut Desk<'_>, birth: &Birth) -> Step<Done> {
    desk.actor = actor_of(&birth.controller);
    let row = desk.sql.first(READ, &[])?.ok_or(SqlError::Shape("no tenant"))?;
    let read_login = |text: &str| match text {
        MARKET => Some(Controller::Market),
        address => LoginAddress::parse(address).ok().map(Controller::Wallet),
    };
    let controller = match read_optional_as(&row, 0, read_login, "not an address")? {
        Some(controller) => Some(controller),
        None => read_optional_as(&row, 1, Uuid::parse, "not a uuid")?.map(|user: UserId| Controller::User(user)),
    };
    let same = desk.caller.tenant_uuid == birth.uuid && desk.caller.slug == birth.slug && controller.as_ref() == Some(&birth.controller);
    let first_agent = read_optional_as(&row, 2, |text| AgentId::parse(text).ok(), "not an agent id")?;
    let undelivered = row.optional_text(3)?.map(str::to_owned);
    let delivered = row.unsigned(4)? == 1;
    if !same || delivered || first_agent.is_some() != birth.agent.is_some() {
        return Err(Refusal::TenantExists.into());
    }
    let created_at_ms = read_time(&row, 5)?;
    let name = row.text(6)?.to_owned();
    if let Some(number) = undelivered {
        key::revoke_undelivered(desk, &number)?;
    }
    let key_id = first_agent.map(|agent_id| mint_first_key(desk, agent_id, birth)).transpose()?;
    let invitation = match &birth.controller {
        Controller::Wallet(_) if !member::has_owner(desk)? => invite(desk, birth)?,
        Controller::Wallet(_) | Controller::User(_) | Controller::Market => None,
    };
    Ok(Outcome::Born(Born {
        tenant_uuid: birth.uuid,
        slug: birth.slug.clone(),
        name,
        wallet_id: desk.caller.default_wallet,
        credit_micros: birth.credit_micros,
        agent_id: first_agent,
        key_id,
        invitation,
        created_at_ms,
        resumed: true,
        sealed: birth.agent.as_ref().and_then(|first| first.key.sealed.clone()),
    })
    .into())
}

/// The answer to the birth has arrived. Repeatable.
pub(super) fn confirm(desk: &mut Desk<'_>) -> Step<Done> {
    desk.sql.run(CONFIRM, &[])?;
    Ok(Outcome::BirthConfirmed.into())
}
