//! What an execution token is good for lives on: it is dead with its agent, its mandate or its lease.

use super::call::ExecutionRights;
use super::desk::{Desk, Step};
use super::money::column::Columns;
use super::refusal::Refusal;
use crate::domain::agent::AgentStatus;
use crate::domain::lease::LeaseStatus;
use crate::domain::mandate::MandateStatus;
use crate::objects::sql::SqlError;
use crate::{params, statements};

statements! {
    READ = "SELECT (SELECT status FROM agent WHERE id = ?1), (SELECT status FROM mandate WHERE id = ?2),
        (SELECT status FROM lease WHERE id = ?3)";
}

/// Refuses a token by what has become of what it names.
pub(super) fn check(
    rights: &ExecutionRights,
    agent: Option<AgentStatus>,
    mandate: Option<MandateStatus>,
    lease: Option<LeaseStatus>,
) -> Step<()> {
    let agent_lives = matches!(agent, Some(AgentStatus::Active | AgentStatus::Suspended));
    let mandate_lives = !matches!(mandate, None | Some(MandateStatus::Revoked));
    let lease_lives = rights.lease_id.is_none() || !matches!(lease, None | Some(LeaseStatus::Revoked));
    if agent_lives && mandate_lives && lease_lives { Ok(()) } else { Err(Refusal::InvalidCredentials.into()) }
}

/// The same once more, after what had run out was ended: another agent's end revokes its mandates and what was lent of them.
pub(super) fn check_anew(desk: &Desk<'_>) -> Step<()> {
    let Some(rights) = &desk.caller.token else { return Ok(()) };
    let lease = rights.lease_id.map(|id| id.to_string());
    let row = desk.sql.first(READ, params![rights.agent_id.to_string(), rights.mandate_id.to_string(), lease])?;
    let row = row.ok_or(SqlError::Shape("no standing"))?;
    let mut column = Columns::of(&row);
    let (agent, mandate) = (column.name_or_null(AgentStatus::parse)?, column.name_or_null(MandateStatus::parse)?);
    check(rights, agent, mandate, column.name_or_null(LeaseStatus::parse)?)
}
