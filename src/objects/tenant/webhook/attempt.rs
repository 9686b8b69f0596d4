//! Attempts: handing out those that are due, and deciding what follows each.

use super::command::{Attempt, DisabledReason, LoggedAttempt, Push, WebhookOutcome};
use super::endpoint;
use crate::domain::delivery::{Attempted, DeliveryStatus, Health, LEASE_MS, next_attempt};
use crate::domain::id::{AgentId, DeliveryId, EventId, WebhookId};
use crate::domain::time::{SECOND_MS, Timestamp};
use crate::domain::webhook;
use crate::objects::sql::{Row, SqlError};
use crate::objects::tenant::desk::{Desk, Step, read_as, read_json, read_optional_as, read_optional_time, read_time};
use crate::objects::tenant::due;
use crate::{params, statements};

/// Attempts of one endpoint under way at once.
const UNDER_WAY_MAX: u64 = 500;
/// When an endpoint that has no room is looked at again.
const NO_ROOM_MS: u64 = SECOND_MS;
/// Attempts a log keeps: a schedule, and as many more by hand.
const LOG_MAX: usize = 32;

statements! {
    /// Whoever may be called now, and how many attempts are under way there.
    LIST_CALLABLE = "SELECT id, url, failures_in_row, (SELECT count(*) FROM delivery
            WHERE endpoint_id = webhook_endpoint.id AND claimed_at_ms IS NOT NULL AND next_attempt_at_ms > ?1), seller_id
        FROM webhook_endpoint WHERE status = 'enabled' AND coalesce(not_before_ms, 0) <= ?1";
    LIST_DUE = "SELECT d.id, d.claim, d.event_id, d.type, o.at_ms, o.data, (SELECT object FROM audit WHERE seq = d.event_seq)
        FROM delivery d LEFT JOIN outbox o ON o.seq = d.event_seq
        WHERE d.endpoint_id = +?1 AND d.status = 'pending' AND d.next_attempt_at_ms <= +?2
        ORDER BY d.next_attempt_at_ms, d.row LIMIT +?3";
    CLAIM = "UPDATE delivery SET claim = claim + 1, claimed_at_ms = ?2, next_attempt_at_ms = ?3
        WHERE id IN (SELECT value FROM json_each(+?1))";
    /// Its event was purged while it waited. What was delivered once stays so.
    GIVE_UP = "UPDATE delivery SET status = CASE WHEN delivered_at_ms IS NULL THEN 'failed' ELSE 'delivered' END, next_attempt_at_ms = NULL, claimed_at_ms = NULL,
        error = 'the event is kept no more' WHERE id = ?1";
    READ = "SELECT d.endpoint_id, d.claim, d.step, d.attempts, d.is_single, d.delivered_at_ms, d.attempt_log, e.failures_in_row,
            e.failing_since_ms, e.counts_from_ms, e.not_before_ms, e.status = 'enabled'
        FROM delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id
        WHERE d.id = +?1 AND d.status = 'pending' AND d.claimed_at_ms IS NOT NULL";
    SETTLE = "UPDATE delivery SET status = ?2, step = step + 1, attempts = attempts + 1, claimed_at_ms = NULL, is_single = 0,
        next_attempt_at_ms = ?3, delivered_at_ms = coalesce(?4, delivered_at_ms), response_status = ?5, response_body = ?6,
        error = ?7, attempt_log = ?8 WHERE id = ?1";
}

/// Hands out attempts that are due. A broken endpoint gets one, and no other while that is under way.
pub(super) fn claim(desk: &mut Desk<'_>, limit: u64) -> Step<WebhookOutcome> {
    let mut attempts = Vec::new();
    let mut more = false;
    for callable in &desk.sql.run(LIST_CALLABLE, params![desk.now.as_ms()])? {
        let (id, under_way) = (callable.text(0)?, callable.unsigned(3)?);
        let is_broken = Health { failures_in_row: callable.unsigned(2)?, ..Health::default() }.is_broken();
        let room = if is_broken { 1 } else { UNDER_WAY_MAX }.saturating_sub(under_way);
        let left = limit.saturating_sub(attempts.len() as u64);
        let seller: Option<AgentId> = read_optional_as(callable, 4, |text| AgentId::parse(text).ok(), "not an agent id")?;
        let receiver = Receiver { id, url: callable.text(1)?, seller };
        let claimed = claim_of(desk, &receiver, room.min(left), &mut attempts)?;
        if is_broken && claimed > 0 {
            endpoint::set_not_before(desk, id, desk.now.plus_ms(LEASE_MS))?;
        } else if claimed >= room {
            endpoint::set_not_before(desk, id, desk.now.plus_ms(NO_ROOM_MS))?;
        } else {
            more |= claimed >= left;
        }
    }
    due::plan_next(desk)?;
    Ok(WebhookOutcome::Claimed { attempts, more })
}

/// An endpoint that is called.
struct Receiver<'a> {
    id: &'a str,
    url: &'a str,
    /// The agent whose orders it is told of, in the marketplace's own words.
    seller: Option<AgentId>,
}

/// Claims at most `count` attempts of one endpoint; answers how many came of it.
fn claim_of(desk: &mut Desk<'_>, receiver: &Receiver<'_>, count: u64, attempts: &mut Vec<Attempt>) -> Step<u64> {
    let id = receiver.id;
    let rows = desk.sql.run(LIST_DUE, params![id, desk.now.as_ms(), count])?;
    if rows.is_empty() {
        return Ok(0);
    }
    let secrets = endpoint::read_secrets(desk, id)?;
    let mut claimed = Vec::new();
    for row in &rows {
        if row.is_null(5)? {
            desk.sql.run(GIVE_UP, params![row.text(0)?])?;
            continue;
        }
        let delivery_id: DeliveryId = read_as(row, 0, |text| DeliveryId::parse(text).ok(), "not a delivery id")?;
        claimed.push(delivery_id);
        let (event, data) = (row.text(3)?, read_json(row, 5, "not event data")?);
        let push = receiver.seller.map(|seller| Push { seller, event: event.to_owned() });
        let body = match push {
            None => webhook::body(event, read_time(row, 4)?, &data),
            Some(_) => webhook::push_body(event, row.optional_text(6)?.unwrap_or_default(), &data),
        };
        attempts.push(Attempt {
            tenant: desk.caller.tenant_uuid,
            delivery_id,
            claim: row.unsigned(1)? + 1,
            event_id: read_as(row, 2, |text| EventId::parse(text).ok(), "not an event id")?,
            url: receiver.url.to_owned(),
            secrets: secrets.clone(),
            body,
            push,
        });
    }
    let lost_at = desk.now.plus_ms(LEASE_MS);
    desk.sql.run(CLAIM, params![serde_json::to_string(&claimed)?, desk.now.as_ms(), lost_at.as_ms()])?;
    Ok(rows.len() as u64)
}

/// What a report is judged by.
struct Reported {
    endpoint_id: WebhookId,
    step: u64,
    attempts: u64,
    is_single: bool,
    was_delivered: bool,
    log: Vec<LoggedAttempt>,
    health: Health,
    is_enabled: bool,
}

impl Reported {
    fn read(row: &Row) -> Result<Self, SqlError> {
        Ok(Self {
            endpoint_id: read_as(row, 0, |text| WebhookId::parse(text).ok(), "not a webhook id")?,
            step: row.unsigned(2)?,
            attempts: row.unsigned(3)?,
            is_single: row.unsigned(4)? == 1,
            was_delivered: !row.is_null(5)?,
            log: read_json(row, 6, "not a log")?,
            health: Health {
                failures_in_row: row.unsigned(7)?,
                failing_since: read_optional_time(row, 8)?,
                counts_from: read_optional_time(row, 9)?,
                not_before: read_optional_time(row, 10)?,
            },
            is_enabled: row.unsigned(11)? == 1,
        })
    }

    /// Whether the receiver is gone for good, as far as this attempt can tell: what was sent before the endpoint was enabled,
    /// moved or answered well tells nothing.
    fn is_gone(&self, attempted: &Attempted) -> bool {
        attempted.is_gone() && self.health.heeds(attempted.at)
    }
}

/// Takes the report of an attempt: of the latest claim, and once.
pub(super) fn report(desk: &mut Desk<'_>, delivery_id: DeliveryId, claim: u64, attempted: &Attempted) -> Step<WebhookOutcome> {
    let Some(row) = desk.sql.first(READ, params![delivery_id.to_string()])? else { return Ok(WebhookOutcome::Reported) };
    if row.unsigned(1)? != claim {
        return Ok(WebhookOutcome::Reported);
    }
    let mut reported = Reported::read(&row)?;
    let is_gone = reported.is_gone(attempted);
    let next = match (attempted.is_delivered(), is_gone || reported.is_single) {
        (true, _) | (false, true) => None,
        (false, false) => next_attempt(reported.step + 1, attempted, desk.now, desk.entropy),
    };
    let status = match next {
        Some(_) => DeliveryStatus::Pending,
        None if attempted.is_delivered() || reported.was_delivered => DeliveryStatus::Delivered,
        None => DeliveryStatus::Failed,
    };
    settle(desk, delivery_id, &mut reported, attempted, status, next)?;
    judge(desk, &reported, attempted)?;
    if let Some(next) = next.filter(|_| reported.is_enabled) {
        desk.due_by(next);
    }
    Ok(WebhookOutcome::Reported)
}

fn settle(
    desk: &Desk<'_>,
    delivery_id: DeliveryId,
    reported: &mut Reported,
    attempted: &Attempted,
    status: DeliveryStatus,
    next: Option<Timestamp>,
) -> Step<()> {
    reported.log.push(LoggedAttempt {
        attempt: reported.attempts + 1,
        at_ms: attempted.at,
        duration_ms: attempted.duration_ms,
        response_status: attempted.response_status,
        error: attempted.error.clone(),
    });
    let superfluous = reported.log.len().saturating_sub(LOG_MAX);
    reported.log.drain(..superfluous);
    let (next, delivered_at) = (next.map(Timestamp::as_ms), attempted.is_delivered().then_some(desk.now.as_ms()));
    let (response_status, body) = (attempted.response_status.map(u64::from), attempted.response_body.as_deref());
    let (id, error, log) = (delivery_id.to_string(), attempted.error.as_deref(), serde_json::to_string(&reported.log)?);
    desk.sql.run(SETTLE, params![id, status.as_str(), next, delivered_at, response_status, body, error, log])?;
    Ok(())
}

/// What the attempt says of its endpoint.
fn judge(desk: &mut Desk<'_>, reported: &Reported, attempted: &Attempted) -> Step<()> {
    if !reported.is_enabled {
        return Ok(());
    }
    let id = reported.endpoint_id.to_string();
    let mut health = reported.health;
    let was_broken = health.is_broken();
    if attempted.is_delivered() {
        health.succeed(desk.now);
        // A healthy endpoint's last success is noted to the second, so that most reports write nothing here. Room that was
        // waited for is waited for still.
        let is_noted = reported.health.failures_in_row == 0
            && reported.health.failing_since.is_none()
            && reported.health.counts_from.is_some_and(|from| desk.now.since_ms(from) < SECOND_MS);
        if !is_noted {
            health.not_before = reported.health.not_before.filter(|_| !was_broken);
            endpoint::set_health(desk, &id, &health)?;
        }
        if was_broken {
            desk.due_by(desk.now);
        }
        return Ok(());
    }
    let is_given_up = health.fail(attempted.at, desk.now);
    if health != reported.health {
        endpoint::set_health(desk, &id, &health)?;
    }
    let reason = if reported.is_gone(attempted) { Some(DisabledReason::Gone) } else { is_given_up.then_some(DisabledReason::Failing) };
    if let Some(reason) = reason {
        let mut view = endpoint::find_any(desk, reported.endpoint_id)?;
        endpoint::disable(desk, &mut view, reason)?;
    } else if let Some(not_before) = health.not_before.filter(|_| health.is_broken()) {
        desk.due_by(not_before);
    }
    Ok(())
}
