//! What stands against an action of an agent, as the tenant is now.

use super::super::agent;
use super::super::desk::{Desk, Done, Step};
use super::check_own;
use super::outcome::ProofOutcome;
use crate::domain::guardrail::{Facts, judge};
use crate::domain::id::AgentId;
use crate::domain::scope::Scope;
use crate::domain::spend::SpendAction;
use crate::objects::sql::SqlError;
use crate::{params, statements};

statements! {
    /// A mandate of the agent, or a lease, that is active and whose actions (none listed: all) include this one; what is
    /// leased can be spent only while its mandate can, and while the time of none of those it is from is over.
    IS_MANDATED = "SELECT EXISTS (SELECT 1 FROM mandate WHERE agent_id = ?1 AND status = 'active'
            AND (expires_at_ms IS NULL OR expires_at_ms > ?2) AND (actions = '[]' OR instr(actions, ?3) > 0))
        OR EXISTS (SELECT 1 FROM lease l JOIN mandate m ON m.id = l.mandate_id WHERE l.child_agent_id = +?1
            AND l.status = 'active' AND (l.expires_at_ms IS NULL OR l.expires_at_ms > +?2) AND (l.actions = '[]' OR instr(l.actions, +?3) > 0)
            AND m.status = 'active' AND (m.expires_at_ms IS NULL OR m.expires_at_ms > +?2) AND (m.actions = '[]' OR instr(m.actions, +?3) > 0)
            AND NOT EXISTS (SELECT 1 FROM agent a WHERE a.id IN (m.agent_id, l.parent_agent_id) AND a.expires_at_ms <= +?2))";
}

/// Judges an action; a session asks for its own agent, within its own scopes.
pub(super) fn check(desk: &Desk<'_>, agent_id: AgentId, action: &Scope) -> Step<Done> {
    check_own(desk, agent_id)?;
    let (status, lineage) = agent::read_standing(desk, agent_id)?;
    let (own, parents) = lineage.split_first().ok_or(SqlError::Shape("no scopes"))?;
    let session_allows = desk.caller.session.as_ref().is_none_or(|session| session.scopes.allows(action));
    let facts = Facts {
        agent: status,
        scopes_allow: own.allows(action) && !parents.iter().any(|parent| parent.denies(action)) && session_allows,
        is_stopped: desk.caller.is_stopped,
        is_mandated: SpendAction::parse(&action.to_string()).map(|action| is_mandated(desk, agent_id, action)).transpose()?,
    };
    Ok(ProofOutcome::Checked { violated: judge(&facts), at: desk.now }.into())
}

fn is_mandated(desk: &Desk<'_>, agent_id: AgentId, action: SpendAction) -> Step<bool> {
    let name = format!("\"{}\"", action.as_str());
    let row = desk.sql.first(IS_MANDATED, params![agent_id.to_string(), desk.now.as_ms(), name])?;
    Ok(row.ok_or(SqlError::Shape("no answer"))?.unsigned(0)? == 1)
}
