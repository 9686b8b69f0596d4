//! The humans of the tenant.

use super::desk::{Desk, Done, Step, read_as, read_time};
use super::outcome::{MemberView, Outcome};
use crate::domain::event::Action;
use crate::domain::id::{UserId, Uuid};
use crate::domain::member::Role;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO member (user_id, role, added_at_ms) VALUES (?1, ?2, ?3)
        ON CONFLICT (user_id) DO UPDATE SET role = ?2 RETURNING user_id, role, added_at_ms";
    LIST = "SELECT user_id, role, added_at_ms FROM member ORDER BY added_at_ms, user_id";
    REMOVE = "DELETE FROM member WHERE user_id = ?1 RETURNING user_id, role, added_at_ms";
    FIND_OWNER = "SELECT 1 FROM member WHERE role = 'owner' LIMIT 1";
}

/// Whether a human owns the tenant.
pub(super) fn has_owner(desk: &Desk<'_>) -> Step<bool> {
    Ok(desk.sql.first(FIND_OWNER, &[])?.is_some())
}

/// Adds a member or changes their role, and announces it as `action`.
pub(super) fn write(desk: &mut Desk<'_>, user_id: UserId, role: Role, action: Action) -> Step<MemberView> {
    let row = desk.sql.first(WRITE, params![user_id.to_string(), role.as_str(), desk.now.as_ms()])?;
    let view = read_view(&row.ok_or(SqlError::Shape("no member came back"))?)?;
    desk.record(action, &user_id.to_string(), None, &view)?;
    Ok(view)
}

fn read_view(row: &Row) -> Result<MemberView, SqlError> {
    Ok(MemberView {
        user_id: read_as(row, 0, Uuid::parse, "not a uuid")?,
        role: read_as(row, 1, Role::parse, "not a role")?,
        added_at_ms: read_time(row, 2)?,
    })
}

/// Members, in the order they came.
pub(super) fn list(desk: &Desk<'_>) -> Step<Done> {
    let views = desk.sql.run(LIST, &[])?.iter().map(read_view).collect::<Result<_, SqlError>>()?;
    Ok(Outcome::Members(views).into())
}

/// Adds a member or changes their role.
pub(super) fn put(desk: &mut Desk<'_>, user_id: UserId, role: Role) -> Step<Done> {
    Ok(Outcome::Member(write(desk, user_id, role, Action::MemberAdded)?).into())
}

/// Ends a membership from the next call on. A repeat answers the same.
pub(super) fn remove(desk: &mut Desk<'_>, user_id: UserId) -> Step<Done> {
    if let Some(row) = desk.sql.first(REMOVE, params![user_id.to_string()])? {
        let view = read_view(&row)?;
        desk.record(Action::MemberRemoved, &user_id.to_string(), None, &view)?;
    }
    Ok(Outcome::MemberRemoved.into())
}
