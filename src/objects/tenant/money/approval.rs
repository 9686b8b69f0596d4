//! Approvals in the store (contract identity-and-money 11).
//!
//! Invariant: an approval is pending exactly while the hold it asks about is; it lasts as long as that hold, so no alarm of
//! its own ends it.

use super::super::desk::{Desk, Done, Step};
use super::super::refusal::{Refusal, Thing};
use super::super::reservation::{self, Governed};
use super::super::wallet;
use super::books::{Books, with_books};
use super::column::Columns;
use super::command::PageOf;
use super::outcome::{Decided, MoneyOutcome};
use super::refusal::MoneyRefusal;
use super::{control, hold, payment};
use crate::domain::agent::AgentStatus;
use crate::domain::approval::{ApprovalStatus, Asked};
use crate::domain::event::Action;
use crate::domain::form::Usd;
use crate::domain::form::approval::ApprovalForm;
use crate::domain::form::reservation::ReservationForm;
use crate::domain::id::{AgentId, ApprovalId, MandateId, ReservationId};
use crate::domain::payment::PaymentStatus;
use crate::domain::reservation::ReservationStatus;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

macro_rules! columns {
    () => {
        "id, status, object_type, object_id, amount_micros, agent_id, mandate_id, expires_at_ms, decided_by, decided_at_ms, reason, \
         reservation_id"
    };
}

statements! {
    WRITE = "INSERT INTO approval (id, status, object_type, object_id, reservation_id, amount_micros, agent_id, mandate_id, expires_at_ms)
        VALUES (?1, 'pending', ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    READ = concat!("SELECT ", columns!(), " FROM approval WHERE id = ?1");
    LIST = concat!("SELECT ", columns!(), " FROM approval WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR status = ?2)
        ORDER BY id DESC LIMIT +?3");
    DECIDE = "UPDATE approval SET status = ?2, decided_by = ?3, decided_at_ms = ?4, reason = ?5 WHERE id = ?1 AND status = 'pending'";
}

/// Asks a human about a hold.
pub(super) fn ask(desk: &mut Desk<'_>, held: &ReservationForm) -> Step<()> {
    let Some(id) = held.approval_id else { return Ok(()) };
    let (object_type, object_id) = match held.payment_id {
        Some(payment_id) => (Asked::Payment, payment_id.to_string()),
        None => (Asked::Reservation, held.id.to_string()),
    };
    let form = ApprovalForm {
        id,
        status: ApprovalStatus::Pending,
        object_type,
        object_id,
        amount: held.amount,
        currency: Usd,
        agent_id: held.agent_id,
        mandate_id: held.mandate_id,
        requested_at: desk.now,
        expires_at: held.expires_at,
        decided_by: None,
        decided_at: None,
        reason: None,
    };
    desk.sql.run(
        WRITE,
        params![
            id.to_string(),
            form.object_type.as_str(),
            form.object_id.as_str(),
            held.id.to_string(),
            form.amount.get(),
            form.agent_id.to_string(),
            form.mandate_id.to_string(),
            form.expires_at.as_ms(),
        ],
    )?;
    desk.record(Action::ApprovalRequested, &id.to_string(), None, &form)?;
    Ok(())
}

/// The hold an approval asks about has ended: so has the question, decided by nobody, and the payment that waited for it. Why
/// the hold was given back is why nothing came of the question.
pub(super) fn end_unheld(desk: &mut Desk<'_>, held: &ReservationForm) -> Step<()> {
    let Some(id) = held.approval_id else { return Ok(()) };
    let (form, _) = read(desk, id)?;
    if form.status != ApprovalStatus::Pending {
        return Ok(());
    }
    let ran_out = held.status == ReservationStatus::Expired;
    let (status, action) =
        if ran_out { (ApprovalStatus::Expired, Action::ApprovalExpired) } else { (ApprovalStatus::Denied, Action::ApprovalDenied) };
    decide(desk, form, status, action, None, held.reason.as_deref())?;
    if let Some(payment_id) = held.payment_id {
        let status = if ran_out { PaymentStatus::Expired } else { PaymentStatus::Failed };
        payment::settle(desk, payment_id, status)?;
    }
    Ok(())
}

fn decide(
    desk: &mut Desk<'_>,
    form: ApprovalForm,
    status: ApprovalStatus,
    action: Action,
    decided_by: Option<String>,
    reason: Option<&str>,
) -> Step<ApprovalForm> {
    let form = ApprovalForm { status, decided_by, decided_at: Some(desk.now), reason: reason.map(str::to_owned), ..form };
    let id = form.id.to_string();
    desk.sql.run(DECIDE, params![id.as_str(), status.as_str(), form.decided_by.as_deref(), desk.now.as_ms(), reason])?;
    desk.record(action, &id, None, &form)?;
    Ok(form)
}

/// A human's decision. The same again is answered the same.
pub(super) fn resolve(desk: &mut Desk<'_>, id: ApprovalId, approve: bool, reason: Option<&str>) -> Step<Done> {
    let (approval, held) = with_books(desk, |desk, books| {
        let (form, reservation_id) = read(desk, id)?;
        let mut held = reservation::find_governed(desk, reservation_id)?;
        wallet::check_live_of(desk, books, held.form.wallet_id)?;
        let wanted = if approve { ApprovalStatus::Approved } else { ApprovalStatus::Denied };
        let form = match form.status {
            ApprovalStatus::Pending if approve => approve_hold(desk, books, &mut held, form, reason)?,
            ApprovalStatus::Pending => deny_hold(desk, books, &mut held, form, reason)?,
            decided if decided == wanted => form,
            ApprovalStatus::Approved | ApprovalStatus::Denied | ApprovalStatus::Expired => return Err(MoneyRefusal::ApprovalDecided.into()),
        };
        Ok((form, held))
    })?;
    let payment = held.form.payment_id.map(|id| payment::read(desk, id)).transpose()?;
    let reservation = if payment.is_none() { Some(held.form) } else { None };
    Ok(MoneyOutcome::Decided(Box::new(Decided { approval, payment, reservation })).into())
}

fn approve_hold(
    desk: &mut Desk<'_>,
    books: &mut Books,
    held: &mut Governed,
    form: ApprovalForm,
    reason: Option<&str>,
) -> Step<ApprovalForm> {
    control::check_running(desk)?;
    if books.agent_status(desk, held.form.agent_id)? != AgentStatus::Active {
        return Err(Refusal::AgentNotActive.into());
    }
    let by = Some(desk.actor.clone());
    let form = decide(desk, form, ApprovalStatus::Approved, Action::ApprovalApproved, by, reason)?;
    match held.form.payment_id {
        Some(payment_id) => {
            let amount = held.form.amount;
            hold::capture(desk, books, held, amount)?;
            payment::settle(desk, payment_id, PaymentStatus::Succeeded)?;
        }
        None => hold::confirm(desk, held)?,
    }
    Ok(form)
}

fn deny_hold(desk: &mut Desk<'_>, books: &mut Books, held: &mut Governed, form: ApprovalForm, reason: Option<&str>) -> Step<ApprovalForm> {
    let by = Some(desk.actor.clone());
    let form = decide(desk, form, ApprovalStatus::Denied, Action::ApprovalDenied, by, reason)?;
    hold::give_back(desk, books, held, ReservationStatus::Released)?;
    if let Some(payment_id) = held.form.payment_id {
        payment::settle(desk, payment_id, PaymentStatus::Denied)?;
    }
    Ok(form)
}

pub(super) fn get(desk: &Desk<'_>, id: ApprovalId) -> Step<Done> {
    Ok(MoneyOutcome::Approval(Box::new(read(desk, id)?.0)).into())
}

pub(super) fn list(desk: &Desk<'_>, page: PageOf<ApprovalId>, status: Option<ApprovalStatus>) -> Step<Done> {
    let values = params![page.before.map(|id| id.to_string()), status.map(ApprovalStatus::as_str), page.limit];
    let forms = desk.sql.run(LIST, values)?.iter().map(|row| Ok(read_form(row)?.0)).collect::<Result<_, SqlError>>()?;
    Ok(MoneyOutcome::Approvals(forms).into())
}

/// An approval, and the reservation it asks about.
fn read(desk: &Desk<'_>, id: ApprovalId) -> Step<(ApprovalForm, ReservationId)> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Approval))?;
    Ok(read_form(&row)?)
}

fn read_form(row: &Row) -> Result<(ApprovalForm, ReservationId), SqlError> {
    let mut column = Columns::of(row);
    let id = column.id(ApprovalId::parse)?;
    let form = ApprovalForm {
        id,
        status: column.name(ApprovalStatus::parse)?,
        object_type: column.name(Asked::parse)?,
        object_id: column.text()?,
        amount: column.micros()?,
        currency: Usd,
        agent_id: column.id(AgentId::parse)?,
        mandate_id: column.id(MandateId::parse)?,
        requested_at: id.born_at(),
        expires_at: column.time()?,
        decided_by: column.text_or_null()?,
        decided_at: column.time_or_null()?,
        reason: column.text_or_null()?,
    };
    Ok((form, column.id(ReservationId::parse)?))
}
