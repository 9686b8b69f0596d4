//! Agents as they are shown, and every change of one.

use super::super::agent_key;
use super::super::call::Actor;
use super::super::desk::{Desk, Step};
use super::super::money;
use super::super::money::column::Columns;
use super::super::order;
use super::super::proof::session;
use super::super::refusal::{Refusal, Thing};
use super::command::{AgentChange, AgentDraft, AgentFilter};
use crate::crypto::mac;
use crate::domain::address::LoginAddress;
use crate::domain::agent::{AgentStatus, AgentType, TrustLevel, spell_maip, spell_uuid};
use crate::domain::event::Action;
use crate::domain::form::agent::{AgentForm, AgentKeyBrief};
use crate::domain::form::agent_key::{Algorithm, KeyStatus};
use crate::domain::id::{AgentId, KeyId, UserId, Uuid};
use crate::domain::time::Timestamp;
use crate::domain::trust::Thousandths;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// Why an agent is revoked whose time is over.
const EXPIRED: &str = "expired";
/// The score of a birth, in thousandths.
const BIRTH_TRUST: u64 = 500;

/// Whether an agent is of a kind, a standing and a level, each if it is asked for. One whose time is over is revoked.
macro_rules! matching {
    ($now:literal) => {
        concat!(
            "(?1 IS NULL OR agent_type = ?1) AND (?2 IS NULL OR CASE WHEN expires_at_ms <= ",
            $now,
            " THEN 'revoked' ELSE status END = ?2) \
         AND (?3 IS NULL OR trust_level = ?3)"
        )
    };
}

macro_rules! columns {
    ($now:literal) => {
        concat!("id, label, login, status, metadata, created_at_ms, agent_type, description, scopes, trust_level, trust_thousandths, parent_id, \
         delegation_depth, created_by, expires_at_ms, updated_at_ms, suspended_at_ms, revoked_at_ms, status_reason, compromised_at_ms, \
         (SELECT json_group_array(json_array(k.id, hex(k.public_key), k.retired_at_ms, k.compromised)) FROM (SELECT id, public_key, \
         retired_at_ms, compromised FROM agent_key WHERE agent_id = agent.id ORDER BY sequence DESC LIMIT 10) k), \
         (SELECT count(*) FROM agent_session s WHERE s.agent_id = agent.id AND s.ended_at_ms IS NULL AND s.expires_at_ms > ", $now, "), \
         EXISTS (SELECT 1 FROM market_profile p WHERE p.agent_id = agent.id)")
    };
}

statements! {
    WRITE = "INSERT INTO agent (id, label, login, status, metadata, created_at_ms, agent_type, description, scopes, created_by,
            expires_at_ms, updated_at_ms)
        VALUES (?1, ?2, ?3, 'active', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?5)";
    READ = concat!("SELECT ", columns!("?2"), " FROM agent WHERE id = ?1");
    LIST = concat!("SELECT ", columns!("?6"), " FROM agent WHERE ", matching!("?6"), " ORDER BY id DESC LIMIT +?4 OFFSET +?5");
    COUNT = concat!("SELECT count(*) FROM agent WHERE ", matching!("?4"));
    CHANGE = "UPDATE agent SET label = ?2, description = ?3, metadata = ?4, updated_at_ms = ?5 WHERE id = ?1";
    SET_STATUS = "UPDATE agent SET status = ?2, status_reason = ?3, suspended_at_ms = ?4, revoked_at_ms = ?5, updated_at_ms = ?6
        WHERE id = ?1";
    NOTE_PAUSE = "INSERT INTO agent_pause (agent_id, from_ms, until_ms, seq) VALUES (?1, ?2, ?3, ?4)";
    NOTE_ROTATION = "UPDATE agent SET updated_at_ms = ?2, compromised_at_ms = coalesce(?3, compromised_at_ms) WHERE id = ?1";
    LIST_DUE = "SELECT id FROM agent WHERE expires_at_ms <= ?1 AND expires_at_ms IS NOT NULL AND status <> 'revoked'
        ORDER BY expires_at_ms, id LIMIT +?2";
    NEXT_DEADLINE = "SELECT min(expires_at_ms) FROM agent WHERE expires_at_ms IS NOT NULL AND status <> 'revoked'";
}

/// Adds an agent, with its first key; the caller has checked that there is room.
pub(in super::super) fn register(desk: &mut Desk<'_>, draft: &AgentDraft, address: Option<&LoginAddress>) -> Step<AgentForm> {
    let agent_id = AgentId::new(desk.now, desk.entropy);
    register_as(desk, agent_id, draft, address)
}

/// The same, of an id that somebody else had to know before.
pub(in super::super) fn register_as(
    desk: &mut Desk<'_>,
    agent_id: AgentId,
    draft: &AgentDraft,
    address: Option<&LoginAddress>,
) -> Step<AgentForm> {
    let created_by_user_id = match desk.caller.actor {
        Actor::User(id) | Actor::Operator(id) => Some(id),
        Actor::Key(_) | Actor::Wallet(_) | Actor::House | Actor::Agent(_) => None,
    };
    desk.sql.run(
        WRITE,
        params![
            agent_id.to_string(),
            draft.display_name.as_str(),
            address.map(LoginAddress::as_str),
            serde_json::to_string(&draft.metadata)?,
            desk.now.as_ms(),
            draft.agent_type.as_str(),
            draft.description.as_deref(),
            serde_json::to_string(&draft.scopes)?,
            created_by_user_id.map(|id: UserId| id.to_string()),
            draft.expires_at.map(Timestamp::as_ms),
        ],
    )?;
    let key = agent_key::begin(desk, agent_id)?;
    if let Some(at) = draft.expires_at {
        desk.due_by(at);
    }
    let brief = AgentKeyBrief { kid: key.kid, algorithm: key.algorithm, public_key: key.public_key.clone(), status: key.status };
    let form = AgentForm {
        id: spell_uuid(agent_id),
        agent_id: spell_maip(agent_id, desk.caller.tenant_uuid),
        agt_id: agent_id,
        ext_id: None,
        tenant_id: desk.caller.tenant_uuid,
        agent_type: draft.agent_type,
        display_name: draft.display_name.clone(),
        name: draft.display_name.clone(),
        description: draft.description.clone(),
        trust_level: TrustLevel::default(),
        trust_score: Thousandths::new(BIRTH_TRUST).ok_or(SqlError::Shape("not thousandths"))?,
        status: AgentStatus::Active,
        status_reason: None,
        public_key: Some(key.public_key),
        key_id: Some(key.key_id),
        keys: vec![brief],
        scopes: draft.scopes.clone(),
        metadata: draft.metadata.clone(),
        session_count: 0,
        delegation_depth: 0,
        parent_agent_id: None,
        created_by_user_id,
        wallet_address: address.cloned(),
        expires_at: draft.expires_at,
        compromised_at: None,
        suspended_at: None,
        revoked_at: None,
        created_at: desk.now,
        updated_at: desk.now,
    };
    desk.record(Action::AgentRegistered, &agent_id.to_string(), None, &form)?;
    Ok(form)
}

/// The agent of this id, revoked ones included.
pub(super) fn read(desk: &Desk<'_>, agent_id: AgentId) -> Step<AgentForm> {
    let row = desk.sql.first(READ, params![agent_id.to_string(), desk.now.as_ms()])?.ok_or(Refusal::NotFound(Thing::Agent))?;
    Ok(read_form(desk, &row)?)
}

/// The same, ended first if its time is over.
pub(in super::super) fn meet(desk: &mut Desk<'_>, agent_id: AgentId) -> Step<AgentForm> {
    let form = read(desk, agent_id)?;
    match form.over_at(desk.now) {
        Some(at) => end(desk, form, at, Some(EXPIRED)),
        None => Ok(form),
    }
}

/// One page of the agents that fit, newest first, and how many fit in all.
pub(super) fn list(desk: &Desk<'_>, filter: &AgentFilter, limit: u64, offset: u64) -> Step<(Vec<AgentForm>, u64)> {
    let kind = filter.agent_type.map(AgentType::as_str);
    let (status, level) = (filter.status.map(AgentStatus::as_str), filter.trust_level.map(TrustLevel::as_str));
    let rows = desk.sql.run(LIST, params![kind, status, level, limit, offset, desk.now.as_ms()])?;
    let total = desk.sql.first(COUNT, params![kind, status, level, desk.now.as_ms()])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?;
    let shown = |row: &Row| {
        let mut form = read_form(desk, row)?;
        if let Some(at) = form.over_at(desk.now) {
            mark_ended(&mut form, at, Some(EXPIRED));
            form.status = AgentStatus::Revoked;
        }
        Ok(form)
    };
    Ok((rows.iter().map(shown).collect::<Result<_, SqlError>>()?, total))
}

fn read_form(desk: &Desk<'_>, row: &Row) -> Result<AgentForm, SqlError> {
    let tenant = desk.caller.tenant_uuid;
    let mut column = Columns::of(row);
    let agt_id = column.id(AgentId::parse)?;
    let display_name = column.text()?;
    let wallet_address = column.id_or_null(|text| LoginAddress::parse(text).map_err(|_| crate::domain::id::NotAnId { prefix: "0x" }))?;
    let (status, metadata, created_at) = (column.name(AgentStatus::parse)?, column.json()?, column.time()?);
    let (agent_type, description, scopes) = (column.name(AgentType::parse)?, column.text_or_null()?, column.json()?);
    let trust_level = column.name(TrustLevel::parse)?;
    let trust_score = Thousandths::new(column.number()?).ok_or(SqlError::Shape("not thousandths"))?;
    let parent = column.id_or_null(AgentId::parse)?;
    let delegation_depth = column.number()?;
    let created_by = column.text_or_null()?;
    let (expires_at, updated_at) = (column.time_or_null()?, column.time_or_null()?);
    let (suspended_at, revoked_at) = (column.time_or_null()?, column.time_or_null()?);
    let (status_reason, compromised_at) = (column.text_or_null()?, column.time_or_null()?);
    let keys = read_keys(column.json()?, desk.now)?;
    let session_count = column.number()?;
    let is_at_market = column.number()? == 1;
    let signing = keys.first();
    Ok(AgentForm {
        id: spell_uuid(agt_id),
        agent_id: spell_maip(agt_id, tenant),
        agt_id,
        ext_id: is_at_market.then(|| format!("ext_{}", agt_id.ulid())),
        tenant_id: tenant,
        agent_type,
        name: display_name.clone(),
        display_name,
        description,
        trust_level,
        trust_score,
        status,
        status_reason,
        public_key: signing.map(|key| key.public_key.clone()),
        key_id: signing.map(|key| key.kid),
        keys,
        scopes,
        metadata,
        session_count,
        delegation_depth,
        parent_agent_id: parent.map(|id| spell_maip(id, tenant)),
        created_by_user_id: created_by.as_deref().and_then(Uuid::parse),
        wallet_address,
        expires_at,
        compromised_at,
        suspended_at,
        revoked_at,
        created_at,
        updated_at: updated_at.unwrap_or(created_at),
    })
}

/// Keys as the statement lists them: id, public half in hex, retirement, whether in the wrong hands.
fn read_keys(listed: Vec<(KeyId, String, Option<u64>, u64)>, now: Timestamp) -> Result<Vec<AgentKeyBrief>, SqlError> {
    let read = |(kid, hex, retired_at_ms, compromised): (KeyId, String, Option<u64>, u64)| {
        let public_key = mac::to_base64url(&hex::decode(hex).map_err(|_| SqlError::Shape("not a public key"))?);
        let status = KeyStatus::of(retired_at_ms.map(Timestamp::from_ms), compromised == 1, now);
        Ok(AgentKeyBrief { kid, algorithm: Algorithm::Ed25519, public_key, status })
    };
    listed.into_iter().map(read).collect()
}

/// Changes what is said of an agent, and then whether it may act.
pub(super) fn change(desk: &mut Desk<'_>, agent_id: AgentId, change: &AgentChange) -> Step<AgentForm> {
    let before = meet(desk, agent_id)?;
    if before.status == AgentStatus::Revoked {
        return Err(Refusal::AgentRevoked.into());
    }
    let mut form = before.clone();
    if let Some(name) = &change.display_name {
        form.display_name.clone_from(name);
        form.name.clone_from(name);
    }
    if change.description.is_some() {
        form.description.clone_from(&change.description);
    }
    if let Some(metadata) = &change.metadata {
        form.metadata.clone_from(metadata);
    }
    if form != before {
        form.updated_at = desk.now;
        let (id, metadata) = (agent_id.to_string(), serde_json::to_string(&form.metadata)?);
        let (name, description) = (form.display_name.as_str(), form.description.as_deref());
        desk.sql.run(CHANGE, params![id.as_str(), name, description, metadata, desk.now.as_ms()])?;
        desk.record(Action::AgentUpdated, &id, None, &form)?;
    }
    match change.status {
        Some(status) => turn(desk, form, status, None),
        None => Ok(form),
    }
}

/// Suspends, activates or revokes. A repeat answers the same.
pub(in super::super) fn set_status(desk: &mut Desk<'_>, agent_id: AgentId, status: AgentStatus, reason: Option<&str>) -> Step<AgentForm> {
    let form = meet(desk, agent_id)?;
    turn(desk, form, status, reason)
}

fn turn(desk: &mut Desk<'_>, mut form: AgentForm, status: AgentStatus, reason: Option<&str>) -> Step<AgentForm> {
    if !form.status.may_become(status) {
        return Err(Refusal::AgentRevoked.into());
    }
    if form.status == status {
        return Ok(form);
    }
    if status == AgentStatus::Revoked {
        let now = desk.now;
        return end(desk, form, now, reason);
    }
    form.status_reason = reason.map(str::to_owned);
    let paused_from = form.suspended_at.take();
    let action = match status {
        AgentStatus::Suspended => {
            form.suspended_at = Some(desk.now);
            Action::AgentSuspended
        }
        AgentStatus::Active | AgentStatus::Revoked => Action::AgentActivated,
    };
    let seq = write_status(desk, &mut form, status, action)?;
    if let Some(from) = paused_from {
        desk.sql.run(NOTE_PAUSE, params![form.agt_id.to_string(), from.as_ms(), desk.now.as_ms(), seq])?;
    }
    Ok(form)
}

/// Ends an agent for good, as of that moment: from now on its keys are dead, and its money ends with it.
fn end(desk: &mut Desk<'_>, mut form: AgentForm, at: Timestamp, reason: Option<&str>) -> Step<AgentForm> {
    mark_ended(&mut form, at, reason);
    agent_key::retire_all(desk, form.agt_id, at)?;
    write_status(desk, &mut form, AgentStatus::Revoked, Action::AgentRevoked)?;
    money::end_agent(desk, form.agt_id, at)?;
    session::end_those_of_agent(desk, form.agt_id)?;
    order::sweep::let_go(desk, form.agt_id)?;
    Ok(form)
}

/// What an end changes of what is shown, but the status.
fn mark_ended(form: &mut AgentForm, at: Timestamp, reason: Option<&str>) {
    form.status_reason = reason.map(str::to_owned);
    form.revoked_at = Some(at);
    form.session_count = 0;
    for key in form.keys.iter_mut().filter(|key| key.status == KeyStatus::Active) {
        key.status = KeyStatus::Retired;
    }
}

fn write_status(desk: &mut Desk<'_>, form: &mut AgentForm, status: AgentStatus, action: Action) -> Step<u64> {
    (form.status, form.updated_at) = (status, desk.now);
    let id = form.agt_id.to_string();
    let (suspended_at, revoked_at) = (form.suspended_at.map(Timestamp::as_ms), form.revoked_at.map(Timestamp::as_ms));
    let values = params![id.as_str(), status.as_str(), form.status_reason.as_deref(), suspended_at, revoked_at, desk.now.as_ms()];
    desk.sql.run(SET_STATUS, values)?;
    desk.record(action, &id, None, form)
}

/// Notes that an agent signs with another key.
pub(super) fn note_rotation(desk: &Desk<'_>, agent_id: AgentId, compromised: bool) -> Step<()> {
    let compromised_at = compromised.then_some(desk.now.as_ms());
    desk.sql.run(NOTE_ROTATION, params![agent_id.to_string(), desk.now.as_ms(), compromised_at])?;
    Ok(())
}

/// Ends agents whose time is over, at most `batch`; answers how many there were.
pub(in super::super) fn expire_due(desk: &mut Desk<'_>, batch: u64) -> Step<u64> {
    let rows = desk.sql.run(LIST_DUE, params![desk.now.as_ms(), batch])?;
    for row in &rows {
        meet(desk, Columns::of(row).id(AgentId::parse)?)?;
    }
    Ok(rows.len() as u64)
}

/// When the next agent's time is over.
pub(in super::super) fn next_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    let row = desk.sql.first(NEXT_DEADLINE, &[])?;
    Ok(row.map(|row| Columns::of(&row).time_or_null()).transpose()?.flatten())
}

/// What other doors know of an agent.
impl From<AgentForm> for super::super::outcome::AgentView {
    fn from(form: AgentForm) -> Self {
        Self {
            agent_id: form.agt_id,
            label: form.display_name,
            address: form.wallet_address,
            status: form.status,
            metadata: serde_json::Value::Object(form.metadata),
            created_at_ms: form.created_at,
        }
    }
}
