//! Budget leases in the store: ending and returning (contract identity-and-money 10).
//!
//! Invariant: what a lease can spend stands in its own account of the ledger, taken from its parent's account or from the
//! wallet when it was granted, and going back there when it ends. An ended lease has no active child.

mod grant;
mod view;

pub(super) use grant::grant;
pub(super) use view::{Filter, get, list};
use view::{done, read};

use super::super::desk::{Desk, Done, Step};
use super::super::wallet;
use super::books::{Books, has_active_children, with_books};
use super::column::Columns;
use super::refusal::MoneyRefusal;
use super::{hold, sweep};
use crate::domain::event::Action;
use crate::domain::form::lease::LeaseForm;
use crate::domain::id::{AgentId, LeaseId, MandateId};
use crate::domain::lease::LeaseStatus;
use crate::domain::ledger::{Account, Transfer};
use crate::domain::time::Timestamp;
use crate::objects::sql::SqlError;
use crate::{params, statements};

statements! {
    LIST_DUE = "SELECT id, expires_at_ms FROM lease WHERE status = 'active' AND expires_at_ms IS NOT NULL AND expires_at_ms <= ?1
        ORDER BY expires_at_ms, id LIMIT +?2";
    LIST_ACTIVE_CHILDREN = "SELECT id FROM lease WHERE parent_id = +?1 AND status = 'active' ORDER BY id";
    LIST_OPEN_CHILDREN = "SELECT id FROM lease WHERE parent_id = +?1 AND (status = 'active' OR reserved_micros > 0 OR leased_micros > 0)
        ORDER BY id";
    LIST_ROOTS_OF_MANDATE = "SELECT id FROM lease WHERE mandate_id = +?1 AND status = 'active' AND parent_id IS NULL ORDER BY id";
    LIST_OF_AGENT = "SELECT id FROM lease WHERE status = 'active' AND (child_agent_id = +?1 OR parent_agent_id = +?1) ORDER BY depth, id";
    NEXT_DEADLINE = "SELECT min(expires_at_ms) FROM lease WHERE status = 'active' AND expires_at_ms IS NOT NULL";
}

/// A child gives up its lease: what is unspent and unheld goes back. Repeatable.
pub(super) fn release(desk: &mut Desk<'_>, id: LeaseId) -> Step<Done> {
    with_books(desk, |desk, books| {
        if !find_active(desk, books, id)? {
            return Ok(());
        }
        if has_active_children(desk, id)? {
            return Err(MoneyRefusal::LeaseHasChildren.into());
        }
        end(desk, books, id, LeaseStatus::Released, Action::LeaseReleased)
    })?;
    Ok(done(read(desk, id)?))
}

/// A lender takes a lease back, with all below it. Repeatable.
pub(super) fn revoke(desk: &mut Desk<'_>, id: LeaseId) -> Step<Done> {
    if with_books(desk, |desk, books| find_active(desk, books, id))? {
        let now = desk.now;
        end_with_holds(desk, id, LeaseStatus::Revoked, Action::LeaseRevoked, now)?;
    }
    Ok(done(read(desk, id)?))
}

/// Whether a lease that the caller reaches is active.
fn find_active(desk: &Desk<'_>, books: &mut Books, id: LeaseId) -> Step<bool> {
    let wallet_id = books.lease(desk, id)?.wallet;
    wallet::check_live_of(desk, books, wallet_id)?;
    Ok(books.lease(desk, id)?.status == LeaseStatus::Active)
}

fn is_active(desk: &mut Desk<'_>, id: LeaseId) -> Step<bool> {
    with_books(desk, |desk, books| Ok(books.lease(desk, id)?.status == LeaseStatus::Active))
}

/// Revokes what was lent under a mandate, as of that moment.
pub(super) fn revoke_those_of_mandate(desk: &mut Desk<'_>, id: MandateId, at: Timestamp) -> Step<()> {
    for id in list_ids(desk, LIST_ROOTS_OF_MANDATE, &id.to_string())? {
        end_with_holds(desk, id, LeaseStatus::Revoked, Action::LeaseRevoked, at)?;
    }
    Ok(())
}

/// Revokes what was lent to an agent or by it, as of that moment.
pub(super) fn revoke_those_of_agent(desk: &mut Desk<'_>, id: AgentId, at: Timestamp) -> Step<()> {
    for id in list_ids(desk, LIST_OF_AGENT, &id.to_string())? {
        if is_active(desk, id)? {
            end_with_holds(desk, id, LeaseStatus::Revoked, Action::LeaseRevoked, at)?;
        }
    }
    Ok(())
}

/// Ends what has reached its expiry, at most `batch`; answers how many there were.
pub(super) fn expire_due(desk: &mut Desk<'_>, batch: u64) -> Step<u64> {
    let rows = desk.sql.run(LIST_DUE, params![desk.now.as_ms(), batch])?;
    for row in &rows {
        let mut column = Columns::of(row);
        let (id, at) = (column.id(LeaseId::parse)?, column.time()?);
        // An ancestor's end may have taken it along.
        if is_active(desk, id)? {
            end_with_holds(desk, id, LeaseStatus::Expired, Action::LeaseExpired, at)?;
        }
    }
    Ok(rows.len() as u64)
}

/// Ends a lease and all below it, as of that moment; their holds are due first, so that their money takes the straight way.
fn end_with_holds(desk: &mut Desk<'_>, id: LeaseId, status: LeaseStatus, action: Action, at: Timestamp) -> Step<()> {
    // Those that were released are over, but what they hold is not.
    for lease in subtree(desk, id, LIST_OPEN_CHILDREN)? {
        hold::end_those_of_lease(desk, lease, at)?;
    }
    sweep::holds(desk)?;
    with_books(desk, |desk, books| end_tree(desk, books, id, status, action))
}

/// A lease and those below it that the statement lists, the deepest first.
fn subtree(desk: &Desk<'_>, root: LeaseId, children: &'static str) -> Step<Vec<LeaseId>> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(id) = found.get(at).copied() {
        found.extend(list_ids(desk, children, &id.to_string())?);
        at += 1;
    }
    found.reverse();
    Ok(found)
}

fn list_ids(desk: &Desk<'_>, statement: &'static str, of: &str) -> Step<Vec<LeaseId>> {
    let rows = desk.sql.run(statement, params![of])?;
    Ok(rows.iter().map(|row| Columns::of(row).id(LeaseId::parse)).collect::<Result<_, SqlError>>()?)
}

fn end_tree(desk: &mut Desk<'_>, books: &mut Books, id: LeaseId, status: LeaseStatus, action: Action) -> Step<()> {
    for lease in subtree(desk, id, LIST_ACTIVE_CHILDREN)? {
        end(desk, books, lease, status, action)?;
    }
    Ok(())
}

/// Ends one lease: what it has left goes to its parent, or to the wallet and the mandate's windows.
fn end(desk: &mut Desk<'_>, books: &mut Books, id: LeaseId, status: LeaseStatus, action: Action) -> Step<()> {
    let lease = books.lease(desk, id)?;
    let (left, parent, wallet, mandate_id, day) = (lease.remaining, lease.parent, lease.wallet, lease.mandate_id, lease.day);
    lease.pass_up(left)?;
    lease.status = status;
    let to = match parent {
        Some(parent) => {
            books.lease(desk, parent)?.take_back_leased(left)?;
            Account::Lease(parent)
        }
        None => {
            books.mandate(desk, mandate_id)?.mandate.windows.free(left, day)?;
            Account::Available(wallet)
        }
    };
    let transfer = if left.is_zero() { None } else { Some(Transfer::new(Account::Lease(id), to, left)?) };
    announce(desk, books, id, action, transfer)
}

/// Announces what has become of a lease whose book is open.
fn announce(desk: &mut Desk<'_>, books: &mut Books, id: LeaseId, action: Action, transfer: Option<Transfer>) -> Step<()> {
    let form = read(desk, id)?;
    let lease = books.lease(desk, id)?;
    let form = LeaseForm {
        status: lease.status,
        captured: lease.captured,
        reserved: lease.reserved,
        leased: lease.leased,
        remaining: lease.remaining,
        returned_amount: lease.returned,
        ended_at: (lease.status != LeaseStatus::Active).then_some(desk.now),
        ..form
    };
    desk.record(action, &id.to_string(), transfer, &form)?;
    Ok(())
}

/// A lease with nothing left that nothing can come back to has come to its end; so may have those it was lent from.
pub(super) fn notice_exhaustion(desk: &mut Desk<'_>, books: &mut Books, id: LeaseId) -> Step<()> {
    let mut next = Some(id);
    while let Some(id) = next {
        let lease = books.lease(desk, id)?;
        let (is_active, is_spent, parent) = (lease.status == LeaseStatus::Active, lease.is_spent(), lease.parent);
        if is_active {
            if !is_spent || is_awaited_from_below(desk, books, id)? {
                return Ok(());
            }
            books.lease(desk, id)?.status = LeaseStatus::Exhausted;
            announce(desk, books, id, Action::LeaseExhausted, None)?;
        }
        next = parent;
    }
    Ok(())
}

/// Whether something lent on can come back: a child is active, or holds something, or awaits something itself. Rows are
/// behind the books, but what counts in a book counts in its row.
fn is_awaited_from_below(desk: &Desk<'_>, books: &mut Books, id: LeaseId) -> Step<bool> {
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        for child in list_ids(desk, LIST_OPEN_CHILDREN, &id.to_string())? {
            let lease = books.lease(desk, child)?;
            if lease.status == LeaseStatus::Active || !lease.reserved.is_zero() {
                return Ok(true);
            }
            open.push(child);
        }
    }
    Ok(false)
}

/// The earliest expiry of an active lease.
pub(super) fn next_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    sweep::deadline(desk, NEXT_DEADLINE)
}

/// Every statement about leases.
pub(super) const ALL_STATEMENTS: [&[&str]; 3] = [STATEMENTS, grant::STATEMENTS, view::STATEMENTS];
