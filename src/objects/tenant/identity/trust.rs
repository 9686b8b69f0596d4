//! An agent's trust: what it is computed from, and what it came to.

use super::super::desk::{Desk, Step};
use super::super::money::column::Columns;
use super::super::proof;
use super::super::refusal::{Refusal, Thing};
use super::outcome::{Trust, TrustComputed};
use super::record;
use crate::domain::agent::TrustLevel;
use crate::domain::event::Action;
use crate::domain::form::agent::AgentForm;
use crate::domain::id::{AgentId, PaymentId, ReservationId};
use crate::domain::time::Timestamp;
use crate::domain::trust::{Evidence, Factors, RECEIPTS_FULL, TRUST_WINDOW_MS, Thousandths};
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    READ = "SELECT trust_thousandths, trust_level FROM agent WHERE id = ?1";
    READ_LAST = "SELECT score, anomaly_rate, uptime, delegation_depth, receipt_count, at_ms FROM trust_score
        WHERE agent_id = +?1 ORDER BY at_ms DESC, seq DESC LIMIT 1";
    LIST = "SELECT score, anomaly_rate, uptime, delegation_depth, receipt_count, at_ms FROM trust_score
        WHERE agent_id = +?1 AND at_ms BETWEEN +?2 AND +?3 ORDER BY at_ms, seq LIMIT +?4";
    COUNT = "SELECT count(*) FROM trust_score WHERE agent_id = ?1 AND at_ms BETWEEN ?2 AND ?3";
    WRITE = "INSERT INTO trust_score (agent_id, at_ms, seq, score, anomaly_rate, uptime, delegation_depth, receipt_count)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    KEEP = "UPDATE agent SET trust_thousandths = ?2, trust_computed_at_ms = ?3 WHERE id = ?1";
    /// Decisions that left nothing behind, and of those the denials; reservations, those of payments too; denied payments.
    COUNT_DECISIONS = "SELECT
        (SELECT coalesce(sum(count), 0) FROM decision_count WHERE minute BETWEEN ?2 AND ?3 AND agent_id = ?1),
        (SELECT coalesce(sum(count), 0) FROM decision_count WHERE minute BETWEEN ?2 AND ?3 AND agent_id = ?1 AND decision = 'deny'),
        (SELECT count(*) FROM reservation WHERE agent_id = ?1 AND id >= ?4),
        (SELECT count(*) FROM payment WHERE agent_id = ?1 AND id >= ?5 AND reservation_id IS NULL)";
    SUM_PAUSES = "SELECT coalesce(sum(until_ms - max(from_ms, ?2)), 0) FROM agent_pause WHERE agent_id = ?1 AND until_ms > ?2";
}

/// The score as it stands.
pub(super) fn get(desk: &Desk<'_>, agent_id: AgentId) -> Step<Trust> {
    let id = agent_id.to_string();
    let row = desk.sql.first(READ, params![id.as_str()])?.ok_or(Refusal::NotFound(Thing::Agent))?;
    let mut column = Columns::of(&row);
    let (score, level) = (read_share(&mut column)?, column.name(TrustLevel::parse)?);
    let last = desk.sql.first(READ_LAST, params![id])?;
    Ok(Trust { score, level, computed: last.map(|row| read_computed(&row)).transpose()? })
}

/// Computes it anew.
pub(super) fn compute(desk: &mut Desk<'_>, agent_id: AgentId) -> Step<Trust> {
    let form = record::meet(desk, agent_id)?;
    let factors = gather(desk, &form)?.factors();
    let computed = TrustComputed { score: factors.score(), factors, at: desk.now };
    let id = agent_id.to_string();
    let seq = desk.record(Action::TrustComputed, &id, None, &())?;
    desk.sql.run(KEEP, params![id.as_str(), computed.score.get(), desk.now.as_ms()])?;
    let Factors { anomaly_rate, uptime, delegation_depth, receipt_count } = factors;
    let [score, anomaly_rate, uptime, depth, receipts] =
        [computed.score, anomaly_rate, uptime, delegation_depth, receipt_count].map(Thousandths::get);
    desk.sql.run(WRITE, params![id, desk.now.as_ms(), seq, score, anomaly_rate, uptime, depth, receipts])?;
    Ok(Trust { score: computed.score, level: form.trust_level, computed: Some(computed) })
}

/// What is known of the agent's last thirty days, or of its life if that is shorter.
fn gather(desk: &Desk<'_>, form: &AgentForm) -> Step<Evidence> {
    let agent_id = form.agt_id;
    let id = agent_id.to_string();
    let since = desk.now.minus_ms(TRUST_WINDOW_MS);
    let first = ulid::Ulid::from_parts(since.as_ms(), 0);
    let (reservation, payment) = (ReservationId::from_ulid(first).to_string(), PaymentId::from_ulid(first).to_string());
    let row = desk.sql.first(COUNT_DECISIONS, params![id.as_str(), since.minute(), desk.now.minute(), reservation, payment])?;
    let row = row.ok_or(SqlError::Shape("no count"))?;
    let mut column = Columns::of(&row);
    let (counted, counted_denials, reservations, denied_payments) =
        (column.number()?, column.number()?, column.number()?, column.number()?);
    let (began, ended) = (since.max(form.created_at), form.revoked_at.unwrap_or(desk.now));
    let paused = desk.sql.first(SUM_PAUSES, params![id, began.as_ms()])?.ok_or(SqlError::Shape("no sum"))?.unsigned(0)?;
    let lasting = form.suspended_at.map_or(0, |from| ended.since_ms(from.max(began)));
    Ok(Evidence {
        decisions: counted + reservations + denied_payments,
        denied: counted_denials + denied_payments,
        span_ms: ended.since_ms(began),
        suspended_ms: paused + lasting,
        depth: form.delegation_depth,
        receipts: proof::count_latest_receipts(desk, agent_id, since, RECEIPTS_FULL)?,
    })
}

/// Scores computed in a time, oldest first, and how many there are of them.
pub(super) fn list(desk: &Desk<'_>, agent_id: AgentId, from: Timestamp, to: Timestamp, limit: u64) -> Step<(Vec<TrustComputed>, u64)> {
    let id = agent_id.to_string();
    let rows = desk.sql.run(LIST, params![id.as_str(), from.as_ms(), to.as_ms(), limit])?;
    let total = desk.sql.first(COUNT, params![id, from.as_ms(), to.as_ms()])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?;
    Ok((rows.iter().map(read_computed).collect::<Result<_, SqlError>>()?, total))
}

fn read_computed(row: &Row) -> Result<TrustComputed, SqlError> {
    let mut column = Columns::of(row);
    Ok(TrustComputed {
        score: read_share(&mut column)?,
        factors: Factors {
            anomaly_rate: read_share(&mut column)?,
            uptime: read_share(&mut column)?,
            delegation_depth: read_share(&mut column)?,
            receipt_count: read_share(&mut column)?,
        },
        at: column.time()?,
    })
}

fn read_share(column: &mut Columns<'_>) -> Result<Thousandths, SqlError> {
    Thousandths::new(column.number()?).ok_or(SqlError::Shape("not thousandths"))
}
