//! The orders of an agent, as it asks for them all day long, and as its owner does.
//!
//! Invariant: nothing is read but what may be shown, however much an agent has done, and no order is shown that is due.

use std::cmp::Reverse;

use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::command::Side;
use super::outcome::OrderOutcome;
use super::record::{Record, columns, read_row};
use super::refusal::OrderRefusal;
use super::{shown, sweep};
use crate::domain::form::order::ListedOrder;
use crate::domain::form::written::Written;
use crate::domain::id::{AgentId, OrderId};
use crate::domain::market::state::OrderStatus;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    READ_OWNER = "SELECT owner_wallet FROM market_profile WHERE agent_id = ?1 AND owner_verified = 1";
    /// No id is after '~'. What is due stands there no more.
    LIST_OF_STATUS = concat!("SELECT ", columns!(), " FROM market_order o WHERE o.agent_id = +?1 AND o.status = +?5
        AND o.id < coalesce(?3, '~') AND (o.due_at_ms IS NULL OR o.due_at_ms > +?4)
        ORDER BY o.id DESC LIMIT +?2");
    /// Those that await their provider stand there as they are listed.
    LIST_AWAITING = "SELECT o.id, o.form FROM market_order o WHERE o.agent_id = +?1 AND o.status = +?5
        AND o.id < coalesce(?3, '~') AND o.due_at_ms > +?4 ORDER BY o.id DESC LIMIT +?2";
    /// Those in progress in which something is asked for. SQLite, left to itself, takes the index with more columns to compare.
    LIST_ASKED_FOR = "SELECT o.id, o.form FROM market_order o INDEXED BY market_order_asked_for WHERE o.agent_id = +?1
        AND o.status = 'in_progress' AND (o.workspace_ends_at_ms IS NULL OR o.open_requests > 0)
        AND o.id < coalesce(?3, '~') AND o.due_at_ms > +?4 ORDER BY o.id DESC LIMIT +?2";
    LIST_ALL = concat!("SELECT ", columns!(), " FROM market_order o WHERE o.agent_id = +?1 AND o.id < coalesce(?3, '~')
        ORDER BY o.id DESC LIMIT +?2");
}

/// Those an agent works for; for itself, or for the wallet that is proved to own it.
pub(super) fn list(
    desk: &mut Desk<'_>,
    agent_id: AgentId,
    by: &Side,
    statuses: Option<&[OrderStatus]>,
    limit: u64,
    before: Option<OrderId>,
) -> Step<Done> {
    let may_look = match by {
        Side::Agent => desk.caller.agent_id == Some(agent_id),
        Side::Wallet(wallet) => {
            let row = desk.sql.first(READ_OWNER, params![agent_id.to_string()])?;
            row.is_some_and(|row| row.text(0) == Ok(wallet))
        }
        Side::Operator => true,
    };
    if !may_look {
        return Err(OrderRefusal::NotParty.into());
    }
    sweep::meet(desk)?;
    let orders = match statuses {
        Some(statuses) => list_of_states(desk, agent_id, statuses, limit, before)?,
        None => list_all(desk, agent_id, limit, before)?,
    };
    Ok(shown(OrderOutcome::Orders(orders)))
}

fn list_all(desk: &mut Desk<'_>, agent_id: AgentId, limit: u64, before: Option<OrderId>) -> Step<Vec<ListedOrder>> {
    let now = desk.now;
    let rows = desk.sql.run(LIST_ALL, params![agent_id.to_string(), limit, before.map(|id| id.to_string())])?;
    let mut records = rows.iter().map(read_row).collect::<Result<Vec<_>, SqlError>>()?;
    // Of a crowd that is due at once some are left: what is shown of them is ended.
    for record in records.iter_mut().filter(|record| record.is_due(now)) {
        sweep::end(desk, record)?;
    }
    records.iter().map(Record::listed).collect()
}

/// Those of an agent that stand in one of these states and are not due, newest first.
fn list_of_states(
    desk: &Desk<'_>,
    agent_id: AgentId,
    statuses: &[OrderStatus],
    limit: u64,
    before: Option<OrderId>,
) -> Step<Vec<ListedOrder>> {
    let (agent, before) = (agent_id.to_string(), before.map(|id| id.to_string()));
    // Each state is a stretch of an index, in order.
    let mut orders = Vec::new();
    for status in OrderStatus::ALL.iter().filter(|status| statuses.contains(status)) {
        let (agent, before, now) = (agent.clone(), before.clone(), desk.now.as_ms());
        match status {
            OrderStatus::InProgress => read_listed(desk.sql.run(LIST_ASKED_FOR, params![agent, limit, before, now])?, &mut orders)?,
            _ if status.awaits_provider() => {
                read_listed(desk.sql.run(LIST_AWAITING, params![agent, limit, before, now, status.as_str()])?, &mut orders)?;
            }
            _ => {
                for row in &desk.sql.run(LIST_OF_STATUS, params![agent, limit, before, now, status.as_str()])? {
                    orders.push(read_row(row)?.listed()?);
                }
            }
        }
    }
    orders.sort_unstable_by_key(|order| Reverse(order.id));
    orders.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(orders)
}

fn read_listed(rows: Vec<Row>, orders: &mut Vec<ListedOrder>) -> Result<(), SqlError> {
    for mut row in rows {
        orders.push(ListedOrder { id: Columns::of(&row).id(OrderId::parse)?, form: Written::from_kept(row.take_text(1)?) });
    }
    Ok(())
}
