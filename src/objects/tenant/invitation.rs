//! The owner's invitation: a human accepts what the controlling wallet offers (contract motecloud 4).
//!
//! Invariant: at most one invitation is good at a time, and none once there is an owner.

use super::call::Actor;
use super::command::Invitation;
use super::desk::{Desk, Done, Step, read_optional_as, read_time};
use super::member;
use super::outcome::{Invited, Outcome, PendingInvitation};
use super::refusal::Refusal;
use crate::domain::digest::Digest;
use crate::domain::enrollment::{INVITATION_TTL_S, StoredToken};
use crate::domain::event::Action;
use crate::domain::id::{UserId, Uuid};
use crate::domain::key::KeyNumber;
use crate::domain::member::Role;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO invitation (number, secret_hash, email, created_at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
    READ = "SELECT secret_hash, expires_at_ms, accepted_by, voided_at_ms, email FROM invitation WHERE number = ?1";
    READ_PENDING = "SELECT email FROM invitation
        WHERE accepted_by IS NULL AND voided_at_ms IS NULL AND expires_at_ms > ?1 LIMIT 1";
    VOID_ALL = "UPDATE invitation SET voided_at_ms = ?1 WHERE accepted_by IS NULL AND voided_at_ms IS NULL";
    ACCEPT = "UPDATE invitation SET accepted_by = ?2 WHERE number = ?1";
}

/// Invites an address, unless there is an owner or another address is pending.
pub(super) fn invite(desk: &mut Desk<'_>, request: &Invitation) -> Step<Done> {
    if member::has_owner(desk)? {
        return Err(Refusal::OwnerExists.into());
    }
    let pending = desk.sql.first(READ_PENDING, params![desk.now.as_ms()])?;
    if let Some(row) = pending
        && row.text(0)? != request.email
    {
        return Err(Refusal::OwnerExists.into());
    }
    Ok(Outcome::Invited(write(desk, request)?).into())
}

/// Writes an invitation; every earlier link is void.
pub(super) fn write(desk: &mut Desk<'_>, request: &Invitation) -> Step<Invited> {
    let expires_at_ms = desk.now.plus_s(INVITATION_TTL_S);
    desk.sql.run(VOID_ALL, params![desk.now.as_ms()])?;
    let (number, hash) = (request.number.to_string(), request.secret_hash.as_bytes().to_vec());
    desk.sql.run(WRITE, params![number, hash, request.email.as_str(), desk.now.as_ms(), expires_at_ms.as_ms()])?;
    let invited = Invited { email: request.email.clone(), expires_at_ms };
    let tenant = desk.caller.tenant_uuid.to_string();
    desk.record(Action::OwnerInvited, &tenant, None, &invited)?;
    Ok(invited)
}

fn read_token(row: &Row) -> Result<(StoredToken, Option<UserId>), SqlError> {
    let accepted_by = read_optional_as(row, 2, Uuid::parse, "not a uuid")?;
    let stored = StoredToken {
        secret_hash: Digest::from_slice(row.blob(0)?).ok_or(SqlError::Shape("not a digest"))?,
        expires_at: read_time(row, 1)?,
        used: accepted_by.is_some(),
        revoked: !row.is_null(3)?,
    };
    Ok((stored, accepted_by))
}

/// What a good invitation offers. One that could not be accepted is not shown.
pub(super) fn show(desk: &Desk<'_>, number: KeyNumber, secret_hash: &Digest) -> Step<Done> {
    let row = desk.sql.first(READ, params![number.to_string()])?.ok_or(Refusal::InvalidInvitation)?;
    let (stored, _) = read_token(&row)?;
    if !stored.is_good(secret_hash, desk.now) || member::has_owner(desk)? {
        return Err(Refusal::InvalidInvitation.into());
    }
    let pending = PendingInvitation { slug: desk.caller.slug.clone(), email: row.text(4)?.to_owned(), expires_at_ms: stored.expires_at };
    Ok(Outcome::Invitation(pending).into())
}

/// Makes the human who holds a good invitation an owner. The same human may repeat it.
pub(super) fn accept(desk: &mut Desk<'_>, number: KeyNumber, secret_hash: &Digest, user_id: UserId) -> Step<Done> {
    let row = desk.sql.first(READ, params![number.to_string()])?.ok_or(Refusal::InvalidInvitation)?;
    let (stored, accepted_by) = read_token(&row)?;
    let repeated = accepted_by == Some(user_id) && stored.secret_hash.equals_in_constant_time(secret_hash);
    if !repeated {
        if !stored.is_good(secret_hash, desk.now) {
            return Err(Refusal::InvalidInvitation.into());
        }
        if member::has_owner(desk)? {
            return Err(Refusal::OwnerExists.into());
        }
        desk.actor = Actor::User(user_id).to_string();
        desk.sql.run(ACCEPT, params![number.to_string(), user_id.to_string()])?;
        member::write(desk, user_id, Role::Owner, Action::OwnerJoined)?;
    }
    Ok(Outcome::OwnerJoined { tenant_uuid: desk.caller.tenant_uuid, slug: desk.caller.slug.clone() }.into())
}
