//! Payments, what humans decide about them, and the summary of it all (identity-and-money 8, 9 and 11).

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::approval::ApprovalStatus;
use guildhall::domain::form::approval::ApprovalForm;
use guildhall::domain::form::payment::PaymentForm;
use guildhall::domain::id::{AgentId, ApprovalId, MandateId, PaymentId};
use guildhall::domain::payment::PaymentStatus;
use guildhall::domain::spend::{Reason, SpendAction};
use guildhall::objects::tenant::money::command::{PageOf, PayRequest};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::money::refusal::MoneyRefusal;
use guildhall::objects::tenant::refusal::{Refusal, Thing};

use super::super::Run;
use super::super::caller::token_of;
use super::super::state::{Status, entry};
use super::judge::{Ask, judge};
use super::spend::{self, Ids, Planned, put_hold};
use super::state::Payment;
use super::{Case, check, check_running, hold, outcome_of, refuse, wrong};

pub fn pay(case: &mut Case<'_>, request: &PayRequest) -> Run {
    let Some(rights) = token_of(case.call).cloned() else { return refuse(MoneyRefusal::ExecutionTokenRequired) };
    if rights.action != SpendAction::Payment {
        return refuse(MoneyRefusal::TokenScopeMismatch);
    }
    check_running(case.state)?;
    if case.state.tokens_used.contains_key(&rights.jti) {
        return refuse(MoneyRefusal::TokenAlreadyUsed);
    }
    let minute_ago = case.now.minus_ms(60_000);
    let recent = case.state.payments.values().filter(|one| one.agent == rights.agent_id && one.created >= minute_ago).count();
    let ask = Ask {
        agent: rights.agent_id,
        mandate: rights.mandate_id,
        lease: rights.lease_id,
        action: SpendAction::Payment,
        amount: request.amount.get(),
        merchant: Some(&request.merchant),
        risk: (recent >= 60).then_some(Reason::RiskVelocity),
    };
    let verdict = judge(case.state, case.now, &ask)?;
    case.state.tokens_used.insert(rights.jti.clone(), rights.expires_at.plus_ms(60_000));
    let made =
        Payment { agent: rights.agent_id, mandate: rights.mandate_id, status: PaymentStatus::Denied, reservation: None, created: case.now };
    if let Some(reason) = verdict.reasons.first() {
        let Err(Refusal::Money(MoneyRefusal::Spend { payment_id: Some(id), .. })) = &case.reply.outcome else {
            return wrong(case.reply, "a denial that is written down");
        };
        case.state.payments.insert(*id, made);
        case.entries.push(entry("payment.denied", Some(id.to_string())));
        return refuse(MoneyRefusal::Spend { reason: *reason, requested: request.amount, payment_id: Some(*id) });
    }
    let Some(MoneyOutcome::Payment(form)) = outcome_of(case.reply) else { return wrong(case.reply, "a payment") };
    let Some(reservation) = form.reservation_id else { return wrong(case.reply, "a payment with its reservation") };
    let ids = Ids { reservation, approval: form.approval_id, payment: Some(form.id) };
    case.state.payments.insert(form.id, Payment { reservation: Some(reservation), ..made });
    let planned = Planned { call: case.call, ask: &ask, verdict: &verdict, ttl_s: 0, ids };
    put_hold(case.state, case.now, &planned, case.entries);
    if verdict.needs_approval {
        hold::settle(case.state, form.id, PaymentStatus::PendingApproval, case.entries);
    } else {
        hold::capture(case.state, case.now, reservation, request.amount.get(), case.entries);
        hold::settle(case.state, form.id, PaymentStatus::Succeeded, case.entries);
    }
    check(form.approval_id.is_some() == verdict.needs_approval, case.reply, || "an approval where one is needed".to_owned())?;
    check_form(case, form)
}

fn check_form(case: &Case<'_>, form: &PaymentForm) -> Run {
    let Some(payment) = case.state.payments.get(&form.id) else { return wrong(case.reply, "a payment there is") };
    let right = form.status == payment.status
        && (form.agent_id, form.mandate_id, form.reservation_id) == (payment.agent, payment.mandate, payment.reservation)
        && payment.reservation.is_none_or(|id| case.state.reservations[&id].amount == form.amount.get());
    check(right, case.reply, || format!("{payment:?}"))
}

pub fn get(case: &mut Case<'_>, id: PaymentId) -> Run {
    let payment = case.state.payments.get(&id).ok_or(Refusal::NotFound(Thing::Payment))?;
    if token_of(case.call).is_some_and(|rights| rights.agent_id != payment.agent) {
        return Err(Refusal::NotFound(Thing::Payment).into());
    }
    let Some(MoneyOutcome::Payment(form)) = outcome_of(case.reply) else { return wrong(case.reply, "the payment") };
    check(form.id == id, case.reply, || format!("{id}"))?;
    check_form(case, form)
}

pub fn list(case: &mut Case<'_>, page: PageOf<PaymentId>, status: Option<PaymentStatus>) -> Run {
    let Some(MoneyOutcome::Payments(forms)) = outcome_of(case.reply) else { return wrong(case.reply, "payments") };
    let fits =
        |id: &PaymentId, one: &Payment| page.before.is_none_or(|before| *id < before) && status.is_none_or(|status| one.status == status);
    let expected = case.state.payments.iter().rev().filter(|(id, one)| fits(id, one)).map(|(id, _)| *id).take(page.limit as usize);
    check(forms.iter().map(|form| form.id).eq(expected), case.reply, || "payments, newest first".to_owned())?;
    forms.iter().try_for_each(|form| check_form(case, form))
}

pub fn decide(case: &mut Case<'_>, id: ApprovalId, approve: bool) -> Run {
    let reservation_id = case.state.approvals.get(&id).ok_or(Refusal::NotFound(Thing::Approval))?.reservation;
    let Some((_, governed)) = hold::find(case.state, reservation_id) else {
        return wrong(case.reply, "the hold an approval asks about");
    };
    let wanted = if approve { ApprovalStatus::Approved } else { ApprovalStatus::Denied };
    match case.state.approvals[&id].status {
        ApprovalStatus::Pending => {
            if approve {
                check_running(case.state)?;
                if case.state.agents[&governed.agent].status != AgentStatus::Active {
                    return Err(Refusal::AgentNotActive.into());
                }
            }
            if let Some(approval) = case.state.approvals.get_mut(&id) {
                approval.status = wanted;
            }
            case.entries.push(entry(if approve { "approval.approved" } else { "approval.denied" }, Some(id.to_string())));
            let amount = case.state.reservations[&reservation_id].amount;
            match (approve, governed.payment) {
                (true, Some(_)) => hold::capture(case.state, case.now, reservation_id, amount, case.entries),
                (true, None) => {
                    if let Some(reservation) = case.state.reservations.get_mut(&reservation_id) {
                        reservation.status = Status::Reserved;
                        reservation.expires_at = case.now.plus_s(governed.ttl_s);
                    }
                }
                (false, _) => hold::give_back(case.state, reservation_id, Status::Released, case.entries),
            }
            if let Some(payment) = governed.payment {
                let status = if approve { PaymentStatus::Succeeded } else { PaymentStatus::Denied };
                hold::settle(case.state, payment, status, case.entries);
            }
        }
        decided if decided == wanted => {}
        _ => return refuse(MoneyRefusal::ApprovalDecided),
    }
    let Some(MoneyOutcome::Decided(decided)) = outcome_of(case.reply) else { return wrong(case.reply, "a decision") };
    check_approval(case, &decided.approval)?;
    check(decided.payment.is_some() != decided.reservation.is_some(), case.reply, || "what was asked about".to_owned())?;
    if let Some(form) = &decided.reservation {
        spend::check_form(case.state, form, case.reply)?;
    }
    decided.payment.iter().try_for_each(|form| check_form(case, form))
}

fn check_approval(case: &Case<'_>, form: &ApprovalForm) -> Run {
    let Some(approval) = case.state.approvals.get(&form.id) else { return wrong(case.reply, "an approval there is") };
    let right = form.status == approval.status && form.amount.get() == case.state.reservations[&approval.reservation].amount;
    check(right, case.reply, || format!("{approval:?}"))
}

pub fn get_approval(case: &mut Case<'_>, id: ApprovalId) -> Run {
    if !case.state.approvals.contains_key(&id) {
        return Err(Refusal::NotFound(Thing::Approval).into());
    }
    let Some(MoneyOutcome::Approval(form)) = outcome_of(case.reply) else { return wrong(case.reply, "the approval") };
    check(form.id == id, case.reply, || format!("{id}"))?;
    check_approval(case, form)
}

pub fn list_approvals(case: &mut Case<'_>, page: PageOf<ApprovalId>, status: Option<ApprovalStatus>) -> Run {
    let Some(MoneyOutcome::Approvals(forms)) = outcome_of(case.reply) else { return wrong(case.reply, "approvals") };
    let approvals = case
        .state
        .approvals
        .iter()
        .rev()
        .filter(|(id, one)| page.before.is_none_or(|before| **id < before) && status.is_none_or(|status| one.status == status));
    let expected = approvals.map(|(id, _)| *id).take(page.limit as usize);
    check(forms.iter().map(|form| form.id).eq(expected), case.reply, || "approvals, newest first".to_owned())?;
    forms.iter().try_for_each(|form| check_approval(case, form))
}

/// Of all time: how many there are of each kind, and how much.
pub fn summarize(case: &mut Case<'_>, agent: Option<AgentId>, mandate: Option<MandateId>) -> Run {
    let Some(MoneyOutcome::Usage(shown)) = outcome_of(case.reply) else { return wrong(case.reply, "a summary") };
    let whole = |amount: u64| amount / 10_000 * 10_000;
    let (mut counts, mut amounts) = ([0_u64; 4], [0_u64; 3]);
    for (reservation, governed) in case.state.governed() {
        if agent.is_some_and(|agent| agent != governed.agent) || mandate.is_some_and(|mandate| mandate != governed.mandate) {
            continue;
        }
        let (kind, [reserved, captured, released]) = match reservation.status {
            Status::Reserved | Status::Pending => (0, [reservation.amount, 0, 0]),
            Status::Captured(captured) => (1, [0, captured, whole(reservation.amount) - whole(captured)]),
            Status::Released => (2, [0, 0, reservation.amount]),
            Status::Expired => (3, [0, 0, reservation.amount]),
        };
        counts[kind] += 1;
        for (sum, amount) in amounts.iter_mut().zip([reserved, captured, released]) {
            // In whole minor units, each.
            *sum += amount / 10_000;
        }
    }
    let paid = case.state.payments.values().filter(|one| {
        one.status == PaymentStatus::Succeeded
            && agent.is_none_or(|agent| agent == one.agent)
            && mandate.is_none_or(|mandate| mandate == one.mandate)
    });
    let right = [shown.reserved, shown.captured, shown.released, shown.expired] == counts
        && [shown.minor_reserved, shown.minor_captured, shown.minor_released] == amounts
        && shown.payments == paid.count() as u64;
    check(right, case.reply, || format!("{counts:?} of {amounts:?}"))
}
