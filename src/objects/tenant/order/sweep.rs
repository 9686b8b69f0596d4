//! Orders whose time is up.

use super::super::agent;
use super::super::desk::{Desk, Step};
use super::super::money::sweep::deadline;
use super::escrow;
use super::record::{self, Record};
use crate::domain::agent::AgentStatus;
use crate::domain::id::{AgentId, OrderId};
use crate::domain::market::state::OrderEvent;
use crate::domain::time::Timestamp;
use crate::objects::sql::SqlError;
use crate::{params, statements};

/// How many orders somebody who looks at many ends first.
const BATCH: u64 = 200;

statements! {
    LIST_DUE = "SELECT id FROM market_order WHERE due_at_ms IS NOT NULL AND due_at_ms <= ?1 ORDER BY due_at_ms, id LIMIT +?2";
    NEXT_DEADLINE = "SELECT min(due_at_ms) FROM market_order WHERE due_at_ms IS NOT NULL";
    END_THOSE_OF_AGENT = "UPDATE market_order SET due_at_ms = ?2 WHERE agent_id = ?1 AND due_at_ms IS NOT NULL AND status <> 'delivered'";
}

/// Ends an order whose time is up, or whose provider is gone.
pub(super) fn end(desk: &mut Desk<'_>, record: &mut Record) -> Step<()> {
    let is_gone = agent::find(desk, record.agent_id)?.status == AgentStatus::Revoked;
    let event =
        if is_gone && record.order.check(OrderEvent::ProviderRevoked).is_ok() { OrderEvent::ProviderRevoked } else { OrderEvent::Expire };
    let moved = record.order.apply(event, 0, desk.now)?;
    record.order = moved.order;
    let actor = std::mem::replace(&mut desk.actor, "house".to_owned());
    let settled = escrow::settle(desk, record, event, moved.escrow);
    desk.actor = actor;
    settled.map(drop)
}

/// Ends at most `batch` of those that are due, the earliest first; answers how many there were.
pub(in super::super) fn expire_due(desk: &mut Desk<'_>, batch: u64) -> Step<u64> {
    let rows = desk.sql.run(LIST_DUE, params![desk.now.as_ms(), batch])?;
    for row in &rows {
        let id = OrderId::parse(row.text(0)?).map_err(|_| SqlError::Shape("not an order id"))?;
        let mut record = record::read(desk, id)?;
        end(desk, &mut record)?;
    }
    Ok(rows.len() as u64)
}

/// Ends what is due, before somebody looks at many orders at once: so many, and the alarm goes on with the rest.
pub(super) fn meet(desk: &mut Desk<'_>) -> Step<()> {
    if expire_due(desk, BATCH)? >= BATCH {
        desk.due_by(desk.now);
    }
    Ok(())
}

/// When the next order's time is up.
pub(in super::super) fn next_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    deadline(desk, NEXT_DEADLINE)
}

/// An agent was revoked: what it has not delivered is due at once.
pub(in super::super) fn let_go(desk: &mut Desk<'_>, agent_id: AgentId) -> Step<()> {
    desk.sql.run(END_THOSE_OF_AGENT, params![agent_id.to_string(), desk.now.as_ms()])?;
    desk.due_by(desk.now);
    Ok(())
}
