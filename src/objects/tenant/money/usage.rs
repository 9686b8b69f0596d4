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
use crate::domain::time::{DAY_MS, MINUTE_MS, Timestamp};
use crate::{params, statements};

statements! {
    COUNT = "INSERT INTO decision_count (minute, agent_id, mandate_id, decision, count) VALUES (?1, ?2, ?3, ?4, 1)
        ON CONFLICT (minute, agent_id, mandate_id, decision) DO UPDATE SET count = count + 1";
    SUM_DECISIONS = "SELECT decision, sum(count) FROM decision_count WHERE minute BETWEEN ?1 AND ?2 AND (?3 IS NULL OR agent_id = ?3)
        AND (?4 IS NULL OR mandate_id = ?4) GROUP BY decision";
    PURGE = "DELETE FROM decision_count WHERE (minute, agent_id, mandate_id, decision) IN
        (SELECT minute, agent_id, mandate_id, decision FROM decision_count WHERE minute < ?1 LIMIT +?2) RETURNING 1";
    OLDEST = "SELECT min(minute) FROM decision_count";
    /// What is governed is whole minor units; a sum beyond what a number can tell stops there.
    SUM_RESERVATIONS = "SELECT purpose, status, approval_id IS NOT NULL, count(*), min(sum(amount_micros / 10000), 9007199254740991),
            min(coalesce(sum(captured_micros / 10000), 0), 9007199254740991)
        FROM reservation WHERE id >= ?1 AND id < ?2 AND mandate_id IS NOT NULL AND (?3 IS NULL OR agent_id = ?3)
        AND (?4 IS NULL OR mandate_id = ?4) GROUP BY 1, 2, 3";
    COUNT_PAYMENTS = "SELECT coalesce(sum(status = 'succeeded'), 0), coalesce(sum(reservation_id IS NULL), 0) FROM payment
        WHERE id >= ?1 AND id < ?2 AND (?3 IS NULL OR agent_id = ?3) AND (?4 IS NULL OR mandate_id = ?4)";
}

/// How long decisions are counted: longer than a summary reaches back.
const KEPT_MS: u64 = 400 * DAY_MS;

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
pub(super) fn count(desk: &mut Desk<'_>, agent_id: AgentId, mandate_id: MandateId, decision: Decision) -> Step<()> {
    desk.sql.run(COUNT, params![desk.now.minute(), agent_id.to_string(), mandate_id.to_string(), decision.as_str()])?;
    desk.grows_old_at(desk.now.plus_ms(KEPT_MS));
    Ok(())
}

/// Forgets counts that no summary reaches back to, at most `batch`; answers how many there were.
pub(in super::super) fn purge(desk: &Desk<'_>, batch: u64) -> Step<u64> {
    Ok(desk.sql.run(PURGE, params![desk.now.minus_ms(KEPT_MS).minute(), batch])?.len() as u64)
}

/// When the oldest count may go.
pub(in super::super) fn next_purge(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    let row = desk.sql.first(OLDEST, &[])?;
    let minute = row.map(|row| row.optional_unsigned(0)).transpose()?.flatten();
    Ok(minute.map(|minute| Timestamp::from_ms((minute + 1) * MINUTE_MS).plus_ms(KEPT_MS)))
}

/// What was decided, held, spent and freed of what was asked for from `from` until before `to`. The counters of decisions
/// are kept by the minute: the minutes that the time touches count whole.
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
    for row in desk.sql.run(SUM_DECISIONS, params![from.minute(), until.minute(), agent.clone(), mandate.clone()])? {
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
    let (amount, captured) = (column.number()?, column.number()?);
    if needed_approval {
        summary.approval_required += count;
    } else {
        summary.allowed += count;
    }
    let freed = if status.is_open() { 0 } else { amount.saturating_sub(captured) };
    match status {
        ReservationStatus::Reserved | ReservationStatus::PendingApproval => {
            summary.reserved += count;
            add(&mut summary.minor_reserved, amount);
        }
        ReservationStatus::Captured => {
            summary.captured += count;
            add(&mut summary.minor_captured, captured);
            match summary.by_kind.iter_mut().find(|(known, ..)| *known == kind) {
                Some((_, known_count, sum)) => {
                    *known_count += count;
                    add(sum, captured);
                }
                None => summary.by_kind.push((kind, count, captured)),
            }
        }
        ReservationStatus::Released => summary.released += count,
        ReservationStatus::Expired => summary.expired += count,
    }
    add(&mut summary.minor_released, freed);
    Ok(())
}

/// Adds up to the greatest number that every reader of JSON reads right.
fn add(sum: &mut u64, more: u64) {
    *sum = (*sum + more).min(Micros::MAX.get());
}
