//! API keys of the tenant: minting, listing, revoking.
//!
//! Invariant: a key never carries more than its minter holds, and a revoked key is dead from the next call on.

use super::agent;
use super::command::{KeyHolder, MintKey};
use super::desk::{Desk, Done, Step, read_as, read_json, read_optional_as, read_optional_time, read_time};
use super::outcome::{KeyMinted, KeyView, Outcome};
use super::refusal::{Refusal, Thing};
use crate::domain::agent::AgentStatus;
use crate::domain::event::Action;
use crate::domain::id::{AgentId, KeyId};
use crate::domain::key::{KeyKind, NewSecret};
use crate::domain::scope::Scopes;
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO api_key (number, id, kind, agent_id, label, last4, secret_hash, scopes, created_at_ms, expires_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    LIST = "SELECT id, kind, agent_id, label, last4, scopes, created_at_ms, expires_at_ms, last_used_at_ms FROM api_key
        WHERE revoked_at_ms IS NULL AND kind IN (?1, ?2, ?3, ?4, ?5) ORDER BY id DESC";
    READ = "SELECT kind, revoked_at_ms FROM api_key WHERE id = ?1";
    REVOKE = "UPDATE api_key SET revoked_at_ms = ?2 WHERE id = ?1";
    LIST_OF_SELLER = "SELECT id FROM api_key WHERE agent_id = ?1 AND kind = 'atelier' AND revoked_at_ms IS NULL";
    READ_ID = "SELECT id FROM api_key WHERE number = ?1 AND revoked_at_ms IS NULL";
}

/// Mints a key for an agent, old or new, or for management.
pub(super) fn mint(desk: &mut Desk<'_>, request: &MintKey) -> Step<Done> {
    let scopes = give_scopes(desk, request)?;
    let (kind, agent_id) = match &request.holder {
        KeyHolder::Management { live: true } => (KeyKind::Live, None),
        KeyHolder::Management { live: false } => (KeyKind::Test, None),
        KeyHolder::Agent(agent_id) => {
            let view = agent::find(desk, *agent_id)?;
            if view.status != AgentStatus::Active {
                return Err(Refusal::TargetAgentNotActive.into());
            }
            (KeyKind::Agent, Some(view.agent_id))
        }
        KeyHolder::NewAgent { label } => {
            agent::check_room(desk)?;
            (KeyKind::Agent, Some(agent::register(desk, label, None, &serde_json::Map::new())?.agent_id))
        }
    };
    let key = write(desk, kind, agent_id, &request.secret, request.label.as_deref(), scopes, request.expires_at_ms)?;
    Ok(Outcome::KeyMinted(KeyMinted { key, sealed: request.secret.sealed.clone() }).into())
}

/// The scopes the new key gets: those asked for, if the minting key covers them, with the denials it is under.
fn give_scopes(desk: &Desk<'_>, request: &MintKey) -> Step<Scopes> {
    let Some(minter) = &desk.caller.key else {
        return Ok(request.scopes.clone());
    };
    if minter.kind == KeyKind::Test && request.holder == (KeyHolder::Management { live: true }) {
        return Err(Refusal::LiveModeForbidden.into());
    }
    if !request.scopes.is_covered_by(&minter.scopes) {
        return Err(Refusal::ScopeNotHeld.into());
    }
    Ok(request.scopes.inheriting_denials(&minter.scopes).map_err(|_| Refusal::ScopeNotHeld)?)
}

/// Writes a key and announces it.
pub(super) fn write(
    desk: &mut Desk<'_>,
    kind: KeyKind,
    agent_id: Option<AgentId>,
    secret: &NewSecret,
    label: Option<&str>,
    scopes: Scopes,
    expires_at_ms: Option<Timestamp>,
) -> Step<KeyView> {
    let key_id = KeyId::new(desk.now, desk.entropy);
    desk.sql.run(
        WRITE,
        params![
            secret.number.to_string(),
            key_id.to_string(),
            kind.as_str(),
            agent_id.map(|id| id.to_string()),
            label,
            secret.last4.as_str(),
            secret.secret_hash.as_bytes().to_vec(),
            serde_json::to_string(&scopes)?,
            desk.now.as_ms(),
            expires_at_ms.map(Timestamp::as_ms),
        ],
    )?;
    let view = KeyView {
        key_id,
        kind,
        agent_id,
        label: label.map(str::to_owned),
        last4: secret.last4.clone(),
        scopes,
        created_at_ms: desk.now,
        expires_at_ms,
        last_used_at_ms: None,
    };
    desk.record(Action::KeyMinted, &key_id.to_string(), None, &view)?;
    Ok(view)
}

/// Keys of these kinds that are not revoked, newest first.
pub(super) fn list(desk: &Desk<'_>, kinds: &[KeyKind]) -> Step<Done> {
    Ok(Outcome::Keys(read_living(desk, kinds)?).into())
}

/// Keys of these kinds that are not revoked, newest first.
pub(super) fn read_living(desk: &Desk<'_>, kinds: &[KeyKind]) -> Step<Vec<KeyView>> {
    let mut names = kinds.iter().map(|kind| kind.as_str());
    let mut next = || names.next();
    let rows = desk.sql.run(LIST, params![next(), next(), next(), next(), next()])?;
    Ok(rows.iter().map(read_view).collect::<Result<_, SqlError>>()?)
}

fn read_view(row: &Row) -> Result<KeyView, SqlError> {
    Ok(KeyView {
        key_id: read_key_id(row, 0)?,
        kind: read_as(row, 1, KeyKind::parse, "not a key kind")?,
        agent_id: read_optional_as(row, 2, |text| AgentId::parse(text).ok(), "not an agent id")?,
        label: row.optional_text(3)?.map(str::to_owned),
        last4: row.text(4)?.to_owned(),
        scopes: read_json(row, 5, "not scopes")?,
        created_at_ms: read_time(row, 6)?,
        expires_at_ms: read_optional_time(row, 7)?,
        last_used_at_ms: read_optional_time(row, 8)?,
    })
}

fn read_key_id(row: &Row, column: usize) -> Result<KeyId, SqlError> {
    read_as(row, column, |text| KeyId::parse(text).ok(), "not a key id")
}

/// Revokes a key of one of these kinds. A repeat answers the same.
pub(super) fn revoke(desk: &mut Desk<'_>, key_id: KeyId, kinds: &[KeyKind]) -> Step<Done> {
    let row = desk.sql.first(READ, params![key_id.to_string()])?.ok_or(Refusal::NotFound(Thing::Key))?;
    if !kinds.contains(&read_as(&row, 0, KeyKind::parse, "not a key kind")?) {
        return Err(Refusal::NotFound(Thing::Key).into());
    }
    if row.is_null(1)? {
        kill(desk, key_id)?;
    }
    Ok(Outcome::KeyRevoked.into())
}

/// Revokes the first key of a birth whose answer never arrived, if it still lives.
pub(super) fn revoke_undelivered(desk: &mut Desk<'_>, number: &str) -> Step<()> {
    match desk.sql.first(READ_ID, params![number])? {
        Some(row) => kill(desk, read_key_id(&row, 0)?),
        None => Ok(()),
    }
}

/// Revokes what an agent speaks with at the marketplace.
pub(super) fn revoke_of_seller(desk: &mut Desk<'_>, agent_id: AgentId) -> Step<()> {
    for row in desk.sql.run(LIST_OF_SELLER, params![agent_id.to_string()])? {
        kill(desk, read_key_id(&row, 0)?)?;
    }
    Ok(())
}

fn kill(desk: &mut Desk<'_>, key_id: KeyId) -> Step<()> {
    let id = key_id.to_string();
    desk.sql.run(REVOKE, params![id.as_str(), desk.now.as_ms()])?;
    desk.record(Action::KeyRevoked, &id, None, &serde_json::json!({ "key_id": key_id }))?;
    Ok(())
}
