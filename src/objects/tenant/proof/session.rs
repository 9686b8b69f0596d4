//! Sessions of agents in the store.

use super::super::agent;
use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::super::refusal::{Refusal, Thing};
use super::command::{SessionDraft, SessionSecrets};
use super::outcome::{ProofOutcome, SessionOpened};
use super::refusal::ProofRefusal;
use super::shown;
use crate::domain::agent::{AgentStatus, spell_maip};
use crate::domain::agent_session::{AgentSessionId, SessionStatus};
use crate::domain::digest::Digest;
use crate::domain::event::Action;
use crate::domain::form::agent_session::SessionForm;
use crate::domain::id::{AgentId, NotAnId};
use crate::domain::scope::Scopes;
use crate::domain::time::{DAY_MS, Timestamp};
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// How long a session that is over is shown.
const SHOWN_AFTER_MS: u64 = 30 * DAY_MS;
/// Why a session is ended whose refresh token was used twice.
const REUSED: &str = "a refresh token was used twice";

macro_rules! columns {
    () => {
        "s.id, s.agent_id, s.scopes, s.metadata, s.expires_at_ms, s.created_at_ms, s.ended_at_ms, s.end_reason, s.seq, s.ttl_s"
    };
}

macro_rules! matching {
    () => {
        "(?1 IS NULL OR s.agent_id = ?1) AND (?2 IS NULL OR CASE WHEN s.ended_at_ms IS NOT NULL THEN 'terminated' \
         WHEN s.expires_at_ms <= ?3 THEN 'expired' ELSE 'active' END = ?2)"
    };
}

statements! {
    WRITE = "INSERT INTO agent_session (seq, id, agent_id, scopes, metadata, ttl_s, created_at_ms, expires_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    WRITE_SECRETS = "INSERT INTO agent_session_secret (hash, session_seq, kind) VALUES (?2, ?1, 'access'), (?3, ?1, 'refresh')";
    READ = concat!("SELECT ", columns!(), " FROM agent_session s WHERE s.id = ?1");
    READ_BY_SECRET = concat!("SELECT ", columns!(), ", x.kind FROM agent_session_secret x JOIN agent_session s ON s.seq = x.session_seq
        WHERE x.hash = +?1");
    SPEND = "UPDATE agent_session_secret SET kind = 'spent' WHERE hash = ?1";
    DROP_ACCESS = "DELETE FROM agent_session_secret WHERE session_seq = ?1 AND kind = 'access'";
    EXTEND = "UPDATE agent_session SET expires_at_ms = ?2 WHERE seq = ?1";
    END = "UPDATE agent_session SET ended_at_ms = ?2, end_reason = ?3 WHERE seq = ?1";
    DROP_SECRETS = "DELETE FROM agent_session_secret WHERE session_seq = ?1";
    LIST = concat!("SELECT ", columns!(), " FROM agent_session s WHERE ", matching!(), " ORDER BY s.seq DESC LIMIT +?4 OFFSET +?5");
    COUNT = concat!("SELECT count(*) FROM agent_session s WHERE ", matching!());
    LIST_LIVING = "SELECT seq, id FROM agent_session WHERE agent_id = ?1 AND ended_at_ms IS NULL AND expires_at_ms > ?2";
    PURGE = "DELETE FROM agent_session WHERE seq IN
        (SELECT seq FROM agent_session WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT +?2) RETURNING 1";
    READ_OLDEST = "SELECT min(expires_at_ms) FROM agent_session";
}

/// Opens a session with the scopes asked for, which the agent holds. It names every denial the agent is under if there is
/// room for them; they hold in any case, for what a session may do is judged by its agent too.
pub(super) fn open(desk: &mut Desk<'_>, draft: &SessionDraft) -> Step<Done> {
    let (status, lineage) = agent::read_standing(desk, draft.agent_id)?;
    if status != AgentStatus::Active {
        return Err(ProofRefusal::AgentNotActive.into());
    }
    let (own, parents) = lineage.split_first().ok_or(SqlError::Shape("no scopes"))?;
    if draft.scopes.as_ref().is_some_and(|asked| !asked.is_held_by(own, parents)) {
        return Err(ProofRefusal::ScopeNotHeld.into());
    }
    let asked = draft.scopes.as_ref().unwrap_or(own).clone();
    let with_denials = lineage.iter().try_fold(asked.clone(), |scopes: Scopes, holder| scopes.inheriting_denials(holder));
    let scopes = with_denials.unwrap_or(asked);
    let id = AgentSessionId::new(desk.caller.tenant_uuid, desk.entropy);
    let seq = desk.record(Action::SessionOpened, &id.to_string(), None, &())?;
    let expires_at = desk.now.plus_s(draft.ttl_s);
    desk.sql.run(
        WRITE,
        params![
            seq,
            id.to_string(),
            draft.agent_id.to_string(),
            serde_json::to_string(&scopes)?,
            serde_json::to_string(&draft.metadata)?,
            draft.ttl_s,
            desk.now.as_ms(),
            expires_at.as_ms(),
        ],
    )?;
    let session = SessionForm {
        id,
        session_id: id,
        agent_id: spell_maip(draft.agent_id, desk.caller.tenant_uuid),
        status: SessionStatus::Active,
        scopes,
        metadata: draft.metadata.clone(),
        expires_at,
        created_at: desk.now,
        terminated_at: None,
        reason: None,
    };
    give(desk, seq, session, &draft.secrets)
}

/// Writes a pair of tokens down and answers.
fn give(desk: &mut Desk<'_>, seq: u64, session: SessionForm, secrets: &SessionSecrets) -> Step<Done> {
    let hash = |digest: &Digest| digest.as_bytes().to_vec();
    desk.sql.run(WRITE_SECRETS, params![seq, hash(&secrets.access_hash), hash(&secrets.refresh_hash)])?;
    desk.grows_old_at(session.expires_at.plus_ms(SHOWN_AFTER_MS));
    Ok(ProofOutcome::SessionOpened(Box::new(SessionOpened { session, sealed: secrets.sealed.clone() })).into())
}

/// A new pair, and the time from now on again; the old pair is dead at once. A token that was used before ends the session.
pub(super) fn refresh(desk: &mut Desk<'_>, token_hash: &Digest, secrets: &SessionSecrets) -> Step<Done> {
    let hash = token_hash.as_bytes().to_vec();
    let row = desk.sql.first(READ_BY_SECRET, params![hash.clone()])?.ok_or(Refusal::InvalidCredentials)?;
    let mut stored = read(desk, &row)?;
    if row.text(10)? == "spent" {
        end(desk, &stored, Some(REUSED))?;
        return Err(Refusal::InvalidCredentials.into());
    }
    if agent::read_standing(desk, stored.agent_id)?.0 != AgentStatus::Active {
        return Err(ProofRefusal::AgentNotActive.into());
    }
    desk.sql.run(SPEND, params![hash])?;
    desk.sql.run(DROP_ACCESS, params![stored.seq])?;
    stored.form.expires_at = desk.now.plus_s(stored.ttl_s);
    desk.sql.run(EXTEND, params![stored.seq, stored.form.expires_at.as_ms()])?;
    desk.record(Action::SessionRefreshed, &stored.form.id.to_string(), None, &())?;
    give(desk, stored.seq, stored.form, secrets)
}

/// Sessions, newest first, and how many fit in all.
pub(super) fn list(desk: &Desk<'_>, agent_id: Option<AgentId>, status: Option<SessionStatus>, limit: u64, offset: u64) -> Step<Done> {
    let (agent, status, now) = (agent_id.map(|id| id.to_string()), status.map(SessionStatus::as_str), desk.now.as_ms());
    let rows = desk.sql.run(LIST, params![agent.as_deref(), status, now, limit, offset])?;
    let total = desk.sql.first(COUNT, params![agent, status, now])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?;
    let sessions = rows.iter().map(|row| Ok(read(desk, row)?.form)).collect::<Result<_, SqlError>>()?;
    Ok(shown(ProofOutcome::Sessions { sessions, total }))
}

/// Ends a session, if it is not ended yet.
pub(super) fn terminate(desk: &mut Desk<'_>, id: AgentSessionId, reason: Option<&str>) -> Step<Done> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Session))?;
    let stored = read(desk, &row)?;
    if stored.form.status != SessionStatus::Terminated {
        end(desk, &stored, reason)?;
    }
    Ok(ProofOutcome::SessionTerminated(id).into())
}

fn end(desk: &mut Desk<'_>, stored: &Stored, reason: Option<&str>) -> Step<()> {
    desk.sql.run(END, params![stored.seq, desk.now.as_ms(), reason])?;
    desk.sql.run(DROP_SECRETS, params![stored.seq])?;
    desk.record(Action::SessionTerminated, &stored.form.id.to_string(), None, &())?;
    Ok(())
}

/// An agent's end is that of its sessions.
pub(in super::super) fn end_those_of_agent(desk: &mut Desk<'_>, agent_id: AgentId) -> Step<()> {
    for row in desk.sql.run(LIST_LIVING, params![agent_id.to_string(), desk.now.as_ms()])? {
        let seq = row.unsigned(0)?;
        desk.sql.run(END, params![seq, desk.now.as_ms(), "the agent is revoked"])?;
        desk.sql.run(DROP_SECRETS, params![seq])?;
        desk.record(Action::SessionTerminated, row.text(1)?, None, &())?;
    }
    Ok(())
}

/// Deletes at most `batch` of the sessions long over; answers how many there were.
pub(in super::super) fn purge(desk: &Desk<'_>, batch: u64) -> Step<u64> {
    Ok(desk.sql.run(PURGE, params![desk.now.minus_ms(SHOWN_AFTER_MS).as_ms(), batch])?.len() as u64)
}

/// When the first session will be long over.
pub(in super::super) fn next_purge(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    let row = desk.sql.first(READ_OLDEST, &[])?.ok_or(SqlError::Shape("no minimum"))?;
    Ok(Columns::of(&row).time_or_null()?.map(|at| at.plus_ms(SHOWN_AFTER_MS)))
}

/// A session as it stands in the store.
struct Stored {
    seq: u64,
    ttl_s: u64,
    agent_id: AgentId,
    form: SessionForm,
}

fn read(desk: &Desk<'_>, row: &Row) -> Result<Stored, SqlError> {
    let mut column = Columns::of(row);
    let id = column.id(|text| AgentSessionId::parse(text).ok_or(NotAnId { prefix: "maip-sess:" }))?;
    let agent_id = column.id(AgentId::parse)?;
    let (scopes, metadata) = (column.json()?, column.json()?);
    let (expires_at, created_at, terminated_at) = (column.time()?, column.time()?, column.time_or_null()?);
    let form = SessionForm {
        id,
        session_id: id,
        agent_id: spell_maip(agent_id, desk.caller.tenant_uuid),
        status: SessionStatus::of(terminated_at, expires_at, desk.now),
        scopes,
        metadata,
        expires_at,
        created_at,
        terminated_at,
        reason: column.text_or_null()?,
    };
    Ok(Stored { seq: column.number()?, ttl_s: column.number()?, agent_id, form })
}
