//! What was decided and spent (contract identity-and-money 9: usage summary).
//!
//! Decisions that leave a reservation or a payment are counted from those; the others have counters of their own, apart
//! from money and audit, so that asking changes neither.

use super::super::desk::{Desk, Done, Step};
use super::column::Columns;
use super::outcome::{MoneyOutcome, UsageSummary};
use crate::domain::id::{AgentId, MandateId, PaymentId, ReservationId};
use crate::domain::money::Micros;
use crate::domain::reservation::ReservationStatus;
use crate::domain::spend::SpendKind;
use crate::domain::time::Timestamp;
use crate::{params, statements};

statements! {
    COUNT = "INSERT INTO decision_count (day, agent_id, mandate_id, decision, count) VALUES (?1, ?2, ?3, ?4, 1)
        ON CONFLICT (day, agent_id, mandate_id, decision) DO UPDATE SET count = count + 1";
    SUM_DECISIONS = "SELECT decision, sum(count) FROM decision_count WHERE day BETWEEN ?1 AND ?2 AND (?3 IS NULL OR agent_id = ?3)
        AND (?4 IS NULL OR mandate_id = ?4) GROUP BY decision";
    SUM_RESERVATIONS = "SELECT purpose, status, approval_id IS NOT NULL, count(*), sum(amount_micros), coalesce(sum(captured_micros), 0)
        FROM reservation WHERE id >= ?1 AND id < ?2 AND mandate_id IS NOT NULL AND (?3 IS NULL OR agent_id = ?3)
        AND (?4 IS NULL OR mandate_id = ?4) GROUP BY 1, 2, 3";
    COUNT_PAYMENTS = "SELECT coalesce(sum(status = 'succeeded'), 0), coalesce(sum(reservation_id IS NULL), 0) FROM payment
        WHERE id >= ?1 AND id < ?2 AND (?3 IS NULL OR agent_id = ?3) AND (?4 IS NULL OR mandate_id = ?4)";
}

/// What a request for money was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Allow,
    Deny,
    ApprovalRequired,
}

impl Decision {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::ApprovalRequired => "approval_required",
        }
    }
}

/// Counts a decision that leaves nothing else behind.
pub(super) fn count(desk: &Desk<'_>, agent_id: AgentId, mandate_id: MandateId, decision: Decision) -> Step<()> {
    desk.sql.run(COUNT, params![desk.now.utc_day(), agent_id.to_string(), mandate_id.to_string(), decision.as_str()])?;
    Ok(())
}

/// What was decided, held, spent and freed of what was asked for from `from` until before `to`. The counters of decisions
/// are kept by the day: the days that the time touches count whole.
pub(super) fn summarize(
    desk: &Desk<'_>,
    from: Timestamp,
    to: Timestamp,
    agent_id: Option<AgentId>,
    mandate_id: Option<MandateId>,
) -> Step<Done> {
    let mut summary = UsageSummary::default();
    let (agent, mandate) = (agent_id.map(|id| id.to_string()), mandate_id.map(|id| id.to_string()));
    let until = to.minus_ms(1);
    let days = params![from.utc_day(), until.utc_day(), agent.clone(), mandate.clone()].to_vec();
    for row in desk.sql.run(SUM_DECISIONS, &days)? {
        let count = row.unsigned(1)?;
        match row.text(0)? {
            "allow" => summary.allowed += count,
            "deny" => summary.denied += count,
            _ => summary.approval_required += count,
        }
    }
    let ulid = |moment: Timestamp| ulid::Ulid::from_parts(moment.as_ms(), 0);
    let (first, last) = (ReservationId::from_ulid(ulid(from)).to_string(), ReservationId::from_ulid(ulid(to)).to_string());
    for row in desk.sql.run(SUM_RESERVATIONS, params![first, last, agent.clone(), mandate.clone()])? {
        add_reservations(&mut summary, &mut Columns::of(&row))?;
    }
    let (first, last) = (PaymentId::from_ulid(ulid(from)).to_string(), PaymentId::from_ulid(ulid(to)).to_string());
    if let Some(row) = desk.sql.first(COUNT_PAYMENTS, params![first, last, agent, mandate])? {
        summary.payments += row.unsigned(0)?;
        summary.denied += row.unsigned(1)?;
    }
    Ok(MoneyOutcome::Usage(Box::new(summary)).into())
}

fn add_reservations(summary: &mut UsageSummary, column: &mut Columns<'_>) -> Step<()> {
    let (kind, status) = (column.name(SpendKind::parse)?, column.name(ReservationStatus::parse)?);
    let (needed_approval, count) = (column.number()? == 1, column.number()?);
    let (amount, captured) = (column.micros()?, column.micros()?);
    if needed_approval {
        summary.approval_required += count;
    } else {
        summary.allowed += count;
    }
    let freed = if status.is_open() { Micros::ZERO } else { amount.checked_sub(captured)? };
    match status {
        ReservationStatus::Reserved | ReservationStatus::PendingApproval => {
            summary.reserved += count;
            summary.amount_reserved = summary.amount_reserved.checked_add(amount)?;
        }
        ReservationStatus::Captured => {
            summary.captured += count;
            summary.amount_captured = summary.amount_captured.checked_add(captured)?;
            match summary.by_kind.iter_mut().find(|(known, ..)| *known == kind) {
                Some((_, known_count, sum)) => {
                    *known_count += count;
                    *sum = sum.checked_add(captured)?;
                }
                None => summary.by_kind.push((kind, count, captured)),
            }
        }
        ReservationStatus::Released => summary.released += count,
        ReservationStatus::Expired => summary.expired += count,
    }
    summary.amount_released = summary.amount_released.checked_add(freed)?;
    Ok(())
}
