//! Money held under a mandate: holding it, spending it, giving it back, row and ledger together.
//!
//! Invariants: a hold takes from its lease or, without one, from its wallet and the mandate's windows, all in one commit;
//! what it does not spend goes back to where it came from, or, where that has ended, to the nearest that has not.

use serde_json::{Map, Value};

use super::super::desk::{Desk, Step};
use super::super::reservation::Governed;
use super::approval;
use super::books::{Books, Spender};
use crate::domain::event::Action;
use crate::domain::form::Usd;
use crate::domain::form::reservation::ReservationForm;
use crate::domain::id::{AgentId, ApprovalId, LeaseId, MandateId, PaymentId, ReservationId};
use crate::domain::lease::LeaseStatus;
use crate::domain::ledger::{Account, Transfer};
use crate::domain::mandate::MandateStatus;
use crate::domain::money::Micros;
use crate::domain::reservation::ReservationStatus;
use crate::domain::spend::SpendKind;
use crate::domain::time::Timestamp;
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO reservation (id, seq, wallet_id, amount_micros, captured_micros, status, purpose, caller, expires_at_ms,
            resolved_at_ms, mandate_id, agent_id, lease_id, approval_id, payment_id, day, ttl_s, merchant, resource, description, metadata)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";
    RESOLVE = "UPDATE reservation SET status = ?2, captured_micros = ?3, resolved_at_ms = ?4, reason = ?5 WHERE id = ?1";
    CONFIRM = "UPDATE reservation SET status = 'reserved', expires_at_ms = ?2 WHERE id = ?1";
    END_THOSE_OF_MANDATE = "UPDATE reservation SET expires_at_ms = ?2, ends_as = 'released'
        WHERE resolved_at_ms IS NULL AND expires_at_ms >= ?2 AND mandate_id = ?1";
    END_THOSE_OF_LEASE = "UPDATE reservation SET expires_at_ms = ?2, ends_as = 'released'
        WHERE resolved_at_ms IS NULL AND expires_at_ms >= ?2 AND lease_id = ?1";
    END_THOSE_OF_AGENT = "UPDATE reservation SET expires_at_ms = ?2, ends_as = 'released'
        WHERE resolved_at_ms IS NULL AND expires_at_ms >= ?2 AND agent_id = ?1";
}

/// Money to be held.
pub(super) struct Hold {
    pub kind: SpendKind,
    pub amount: Micros,
    pub spender: Spender,
    pub merchant: Option<String>,
    pub resource: Option<String>,
    pub description: Option<String>,
    pub metadata: Map<String, Value>,
    pub ttl_s: u64,
    /// Whether a human has to decide.
    pub needs_approval: bool,
    pub payment_id: Option<PaymentId>,
}

/// A hold that was put into the books and stands to be written.
pub(super) struct Planned {
    pub form: ReservationForm,
    pub day: u64,
    ttl_s: u64,
    from: Account,
}

/// Puts a hold that nothing refuses into the books.
pub(super) fn plan(desk: &mut Desk<'_>, books: &mut Books, hold: Hold) -> Step<Planned> {
    let Hold { kind, amount, spender, merchant, resource, description, metadata, ttl_s, needs_approval, payment_id } = hold;
    let now = desk.now;
    let entry = books.mandate(desk, spender.mandate_id)?;
    let (wallet_id, from, day) = match spender.lease_id {
        None => (entry.wallet, Account::Available(entry.wallet), entry.mandate.windows.hold(amount, now)?),
        Some(lease_id) => {
            let lease = books.lease(desk, lease_id)?;
            lease.reserve(amount)?;
            (lease.wallet, Account::Lease(lease_id), lease.day)
        }
    };
    if spender.lease_id.is_none() {
        let wallet = books.wallet(desk, wallet_id)?;
        wallet.available = wallet.available.checked_sub(amount)?;
    }
    let (status, expires_at, approval_id) = if needs_approval {
        let expires_at = now.plus_s(crate::domain::approval::APPROVAL_TTL_S);
        (ReservationStatus::PendingApproval, expires_at, Some(ApprovalId::new(now, desk.entropy)))
    } else {
        (ReservationStatus::Reserved, now.plus_s(ttl_s), None)
    };
    let form = ReservationForm {
        id: ReservationId::new(now, desk.entropy),
        status,
        kind,
        amount,
        captured_amount: Micros::ZERO,
        released_amount: Micros::ZERO,
        currency: Usd,
        agent_id: spender.agent_id,
        mandate_id: spender.mandate_id,
        lease_id: spender.lease_id,
        wallet_id,
        merchant,
        resource,
        description,
        metadata,
        approval_id,
        payment_id,
        expires_at,
        reason: None,
        created_at: now,
        resolved_at: None,
    };
    Ok(Planned { form, day, ttl_s, from })
}

/// Writes a planned hold: the money moves, the event is left, and a human is asked where one has to be.
pub(super) fn write(desk: &mut Desk<'_>, planned: &Planned) -> Step<()> {
    let form = &planned.form;
    let id = form.id.to_string();
    let transfer = Transfer::new(planned.from, Account::Held(form.wallet_id), form.amount)?;
    let seq = desk.record(Action::ReservationCreated, &id, Some(transfer), form)?;
    insert(desk, planned, seq)?;
    desk.due_by(form.expires_at);
    if form.approval_id.is_some() {
        approval::ask(desk, form)?;
    }
    Ok(())
}

/// Writes a planned hold that is spent in the same moment: held, captured, resolved.
pub(super) fn write_spent(desk: &mut Desk<'_>, books: &mut Books, planned: &mut Planned) -> Step<()> {
    let id = planned.form.id.to_string();
    let wallet_id = planned.form.wallet_id;
    let amount = planned.form.amount;
    let held = Transfer::new(planned.from, Account::Held(wallet_id), amount)?;
    let seq = desk.record(Action::ReservationCreated, &id, Some(held), &planned.form)?;
    planned.form.status = ReservationStatus::Captured;
    planned.form.captured_amount = amount;
    planned.form.resolved_at = Some(desk.now);
    insert(desk, planned, seq)?;
    let spent = Transfer::new(Account::Held(wallet_id), Account::Outside, amount)?;
    desk.record(Action::ReservationCaptured, &id, Some(spent), &planned.form)?;
    count_spent(desk, books, &planned.form, planned.day, amount)
}

fn insert(desk: &Desk<'_>, planned: &Planned, seq: u64) -> Step<()> {
    let Planned { form, day, ttl_s, .. } = planned;
    let captured = Some(form.captured_amount.get()).filter(|captured| *captured > 0);
    desk.sql.run(
        WRITE,
        params![
            form.id.to_string(),
            seq,
            form.wallet_id.to_string(),
            form.amount.get(),
            captured,
            form.status.as_str(),
            form.kind.as_str(),
            desk.actor.as_str(),
            form.expires_at.as_ms(),
            form.resolved_at.map(Timestamp::as_ms),
            form.mandate_id.to_string(),
            form.agent_id.to_string(),
            form.lease_id.map(|id| id.to_string()),
            form.approval_id.map(|id| id.to_string()),
            form.payment_id.map(|id| id.to_string()),
            *day,
            *ttl_s,
            form.merchant.as_deref(),
            form.resource.as_deref(),
            form.description.as_deref(),
            serde_json::to_string(&form.metadata)?,
        ],
    )?;
    Ok(())
}

/// Spends `captured` of an open hold and gives the rest back.
pub(super) fn capture(desk: &mut Desk<'_>, books: &mut Books, governed: &mut Governed, captured: Micros) -> Step<()> {
    let form = &mut governed.form;
    let freed = form.amount.checked_sub(captured)?;
    form.status = ReservationStatus::Captured;
    form.captured_amount = captured;
    form.released_amount = freed;
    form.resolved_at = Some(desk.now);
    let id = form.id.to_string();
    desk.sql.run(RESOLVE, params![id.as_str(), form.status.as_str(), Some(captured.get()), desk.now.as_ms(), None::<&str>])?;
    let spent = Transfer::new(Account::Held(form.wallet_id), Account::Outside, captured)?;
    desk.record(Action::ReservationCaptured, &id, Some(spent), form)?;
    if !freed.is_zero() {
        let to = take_back(desk, books, form, governed.day, freed)?;
        desk.record(Action::ReservationRemainderFreed, &id, Some(Transfer::new(Account::Held(form.wallet_id), to, freed)?), &())?;
    }
    count_spent(desk, books, &governed.form, governed.day, captured)
}

/// Gives a whole hold back. Whoever waits for a human waits no longer.
pub(in super::super) fn give_back(desk: &mut Desk<'_>, books: &mut Books, governed: &mut Governed, status: ReservationStatus) -> Step<()> {
    let form = &mut governed.form;
    let was_pending = form.status == ReservationStatus::PendingApproval;
    form.status = status;
    form.released_amount = form.amount;
    form.resolved_at = Some(desk.now);
    let id = form.id.to_string();
    desk.sql.run(RESOLVE, params![id.as_str(), status.as_str(), None::<u64>, desk.now.as_ms(), form.reason.as_deref()])?;
    let to = take_back(desk, books, form, governed.day, form.amount)?;
    let transfer = Transfer::new(Account::Held(form.wallet_id), to, form.amount)?;
    let action = if status == ReservationStatus::Expired { Action::ReservationExpired } else { Action::ReservationReleased };
    desk.record(action, &id, Some(transfer), form)?;
    if was_pending {
        approval::end_unheld(desk, &governed.form)?;
    }
    Ok(())
}

/// A human has agreed: the hold runs from now on.
pub(super) fn confirm(desk: &mut Desk<'_>, governed: &mut Governed) -> Step<()> {
    let form = &mut governed.form;
    form.status = ReservationStatus::Reserved;
    form.expires_at = desk.now.plus_s(governed.ttl_s);
    desk.sql.run(CONFIRM, params![form.id.to_string(), form.expires_at.as_ms()])?;
    desk.due_by(form.expires_at);
    Ok(())
}

/// Where freed money goes, with the books put right on the way: the hold's own lease while it is active, else whatever it
/// was lent from that still is, else the wallet.
fn take_back(desk: &Desk<'_>, books: &mut Books, form: &ReservationForm, day: u64, amount: Micros) -> Step<Account> {
    let Some(lease_id) = form.lease_id else {
        return to_wallet(desk, books, form, day, amount);
    };
    books.lease(desk, lease_id)?.take_back_reserved(amount)?;
    let mut at = lease_id;
    loop {
        let lease = books.lease(desk, at)?;
        if lease.status == LeaseStatus::Active {
            return Ok(Account::Lease(at));
        }
        lease.pass_up(amount)?;
        match lease.parent {
            Some(parent) => books.lease(desk, parent)?.take_back_leased(amount)?,
            None => return to_wallet(desk, books, form, day, amount),
        }
        at = books.lease(desk, at)?.parent.unwrap_or(at);
    }
}

fn to_wallet(desk: &Desk<'_>, books: &mut Books, form: &ReservationForm, day: u64, amount: Micros) -> Step<Account> {
    books.mandate(desk, form.mandate_id)?.mandate.windows.free(amount, day)?;
    let wallet = books.wallet(desk, form.wallet_id)?;
    wallet.available = wallet.available.checked_add(amount)?;
    Ok(Account::Available(form.wallet_id))
}

/// Counts what left for good, and notices what that has used up.
fn count_spent(desk: &mut Desk<'_>, books: &mut Books, form: &ReservationForm, day: u64, amount: Micros) -> Step<()> {
    let entry = books.mandate(desk, form.mandate_id)?;
    entry.mandate.windows.spend(amount, day)?;
    let is_used_up = entry.mandate.status == MandateStatus::Active && entry.mandate.is_spent();
    if is_used_up {
        entry.mandate.status = MandateStatus::Exhausted;
        entry.version += 1;
        super::mandate::announce(desk, books, form.mandate_id, Action::MandateExhausted)?;
    }
    if let Some(lease_id) = form.lease_id {
        books.lease(desk, lease_id)?.capture(amount)?;
        super::lease::notice_exhaustion(desk, books, lease_id)?;
    }
    Ok(())
}

/// Everything held under a mandate ends at that moment as released; what had run out by then did not wait for it.
pub(super) fn end_those_of_mandate(desk: &mut Desk<'_>, id: MandateId, at: Timestamp) -> Step<()> {
    end_those(desk, END_THOSE_OF_MANDATE, &id.to_string(), at)
}

/// The same for a lease.
pub(super) fn end_those_of_lease(desk: &mut Desk<'_>, id: LeaseId, at: Timestamp) -> Step<()> {
    end_those(desk, END_THOSE_OF_LEASE, &id.to_string(), at)
}

/// The same for an agent.
pub(super) fn end_those_of_agent(desk: &mut Desk<'_>, id: AgentId, at: Timestamp) -> Step<()> {
    end_those(desk, END_THOSE_OF_AGENT, &id.to_string(), at)
}

fn end_those(desk: &Desk<'_>, statement: &'static str, id: &str, at: Timestamp) -> Step<()> {
    desk.sql.run(statement, params![id, at.as_ms()])?;
    Ok(())
}
