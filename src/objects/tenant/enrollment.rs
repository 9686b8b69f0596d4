//! Enrollment tokens: a wallet becomes an agent, once for each token (contract motecloud 4).
//!
//! Invariant: a token is used in the transaction that makes its key, and only then: a full plan leaves it unused.

use super::call::Actor;
use super::command::{MintEnrollment, RedeemEnrollment};
use super::desk::{Desk, Done, Step, read_as, read_optional_as, read_time};
use super::outcome::{Enrolled, EnrollmentMinted, EnrollmentView, Outcome};
use super::refusal::{Refusal, Thing};
use super::{agent, key};
use crate::domain::agent::AgentStatus;
use crate::domain::digest::Digest;
use crate::domain::enrollment::{StoredToken, TokenStatus};
use crate::domain::event::Action;
use crate::domain::id::{AgentId, EnrollmentId};
use crate::domain::key::KeyKind;
use crate::domain::scope::Scopes;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO enrollment_token (number, id, label, last4, secret_hash, created_at_ms, expires_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    LIST = "SELECT id, label, last4, secret_hash, created_at_ms, expires_at_ms, used_by, revoked_at_ms FROM enrollment_token
        ORDER BY id DESC";
    READ = "SELECT id, label, last4, secret_hash, created_at_ms, expires_at_ms, used_by, revoked_at_ms FROM enrollment_token
        WHERE id = ?1";
    READ_BY_NUMBER = "SELECT id, label, last4, secret_hash, created_at_ms, expires_at_ms, used_by, revoked_at_ms
        FROM enrollment_token WHERE number = ?1";
    REVOKE = "UPDATE enrollment_token SET revoked_at_ms = ?2 WHERE id = ?1";
    USE = "UPDATE enrollment_token SET used_by = ?2 WHERE id = ?1";
}

/// Mints a token.
pub(super) fn mint(desk: &mut Desk<'_>, request: &MintEnrollment) -> Step<Done> {
    let id = EnrollmentId::new(desk.now, desk.entropy);
    let expires_at_ms = desk.now.plus_s(request.ttl_s);
    let secret = &request.secret;
    desk.sql.run(
        WRITE,
        params![
            secret.number.to_string(),
            id.to_string(),
            request.label.as_deref(),
            secret.last4.as_str(),
            secret.secret_hash.as_bytes().to_vec(),
            desk.now.as_ms(),
            expires_at_ms.as_ms(),
        ],
    )?;
    let token = EnrollmentView {
        id,
        label: request.label.clone(),
        status: TokenStatus::Unused,
        last4: secret.last4.clone(),
        created_at_ms: desk.now,
        expires_at_ms,
        used_by: None,
    };
    desk.record(Action::EnrollmentMinted, &id.to_string(), None, &token)?;
    Ok(Outcome::EnrollmentMinted(EnrollmentMinted { token, sealed: secret.sealed.clone() }).into())
}

/// All tokens, newest first.
pub(super) fn list(desk: &Desk<'_>) -> Step<Done> {
    let rows = desk.sql.run(LIST, &[])?;
    let views = rows.iter().map(|row| Ok(read(desk, row)?.0)).collect::<Result<_, SqlError>>()?;
    Ok(Outcome::Enrollments(views).into())
}

fn read(desk: &Desk<'_>, row: &Row) -> Result<(EnrollmentView, StoredToken), SqlError> {
    let used_by = read_optional_as(row, 6, |text| AgentId::parse(text).ok(), "not an agent id")?;
    let stored = StoredToken {
        secret_hash: Digest::from_slice(row.blob(3)?).ok_or(SqlError::Shape("not a digest"))?,
        expires_at: read_time(row, 5)?,
        used: used_by.is_some(),
        revoked: !row.is_null(7)?,
    };
    let view = EnrollmentView {
        id: read_as(row, 0, |text| EnrollmentId::parse(text).ok(), "not an enrollment id")?,
        label: row.optional_text(1)?.map(str::to_owned),
        status: stored.status(desk.now),
        last4: row.text(2)?.to_owned(),
        created_at_ms: read_time(row, 4)?,
        expires_at_ms: stored.expires_at,
        used_by,
    };
    Ok((view, stored))
}

/// Revokes a token. A used, expired or revoked one stays as it is.
pub(super) fn revoke(desk: &mut Desk<'_>, id: EnrollmentId) -> Step<Done> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Enrollment))?;
    let (mut view, _) = read(desk, &row)?;
    if view.status == TokenStatus::Unused {
        view.status = TokenStatus::Revoked;
        desk.sql.run(REVOKE, params![id.to_string(), desk.now.as_ms()])?;
        desk.record(Action::EnrollmentRevoked, &id.to_string(), None, &view)?;
    }
    Ok(Outcome::EnrollmentRevoked.into())
}

/// Uses a token up: the wallet becomes an agent, or its agent gets a further key.
pub(super) fn redeem(desk: &mut Desk<'_>, request: &RedeemEnrollment) -> Step<Done> {
    let row = desk.sql.first(READ_BY_NUMBER, params![request.number.to_string()])?.ok_or(Refusal::InvalidEnrollmentToken)?;
    let (mut token, stored) = read(desk, &row)?;
    if !stored.is_good(&request.secret_hash, desk.now) {
        return Err(Refusal::InvalidEnrollmentToken.into());
    }
    desk.actor = Actor::Wallet(request.address.clone()).to_string();
    let agent = match agent::find_by_login(desk, &request.address)? {
        Some(agent) if agent.status == AgentStatus::Active => agent,
        Some(_) => return Err(Refusal::AgentNotActive.into()),
        None => {
            agent::check_room(desk)?;
            let label = request.label.as_deref().or(token.label.as_deref()).unwrap_or(desk.caller.slug.as_str()).to_owned();
            agent::register(desk, &label, Some(&request.address), &request.metadata)?
        }
    };
    let key = key::write(desk, KeyKind::Agent, Some(agent.agent_id), &request.key, token.label.as_deref(), Scopes::all(), None)?;
    let id = token.id.to_string();
    desk.sql.run(USE, params![id.as_str(), agent.agent_id.to_string()])?;
    token.status = TokenStatus::Used;
    token.used_by = Some(agent.agent_id);
    desk.record(Action::EnrollmentRedeemed, &id, None, &token)?;
    Ok(Outcome::Enrolled(Enrolled {
        tenant_uuid: desk.caller.tenant_uuid,
        slug: desk.caller.slug.clone(),
        agent_id: agent.agent_id,
        key_id: key.key_id,
        address: request.address.clone(),
        created_at_ms: desk.now,
        sealed: request.key.sealed.clone(),
    })
    .into())
}
