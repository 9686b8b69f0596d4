//! Deliveries as the tenant sees them: listed, tried by hand, and purged when they are old.

use super::command::{DeliveryView, WebhookOutcome};
use super::endpoint;
use crate::domain::delivery::DeliveryStatus;
use crate::domain::event::Action;
use crate::domain::id::{DeliveryId, EventId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::KEPT_MS;
use crate::objects::sql::{Row, SqlError};
use crate::objects::tenant::desk::{Desk, Step, read_as, read_json, read_optional_time, read_time};
use crate::objects::tenant::refusal::{Refusal, Thing};
use crate::{params, statements};

statements! {
    /// What was asked for is due since ever, and so the first of what is due.
    WRITE = "INSERT INTO delivery (id, endpoint_id, event_seq, event_id, type, status, is_single, next_attempt_at_ms, created_at_ms)
        SELECT ?1, ?2, seq, event_id, type, 'pending', 1, 0, ?4 FROM outbox WHERE seq = +?3";
    READ = "SELECT id, event_id, type, status, attempts, max(next_attempt_at_ms, created_at_ms), response_status, response_body, error, created_at_ms,
        attempt_log FROM delivery WHERE id = ?1 AND endpoint_id = ?2";
    LIST = "SELECT id, event_id, type, status, attempts, max(next_attempt_at_ms, created_at_ms), response_status, response_body, error, created_at_ms,
        attempt_log FROM delivery WHERE endpoint_id = +?1 AND (?2 IS NULL OR id < +?2) AND (?3 IS NULL OR status = ?3)
        AND (?4 IS NULL OR type = ?4) ORDER BY id DESC LIMIT +?5";
    /// One that waits for its schedule goes on with it; one that has ended gets this attempt alone.
    TRY_NOW = "UPDATE delivery SET is_single = CASE WHEN status = 'pending' THEN is_single ELSE 1 END, status = 'pending',
        next_attempt_at_ms = 0 WHERE id = ?1";
    PURGE = "DELETE FROM delivery WHERE created_at_ms <= ?1 AND row IN (SELECT row FROM delivery ORDER BY row LIMIT +?2) RETURNING 1";
    READ_OLDEST = "SELECT created_at_ms FROM delivery ORDER BY row LIMIT 1";
}

fn read_view(row: &Row) -> Result<DeliveryView, SqlError> {
    let status = row.optional_unsigned(6)?.map(|status| u16::try_from(status).map_err(|_| SqlError::Shape("not a status")));
    Ok(DeliveryView {
        delivery_id: read_as(row, 0, |text| DeliveryId::parse(text).ok(), "not a delivery id")?,
        event_id: read_as(row, 1, |text| EventId::parse(text).ok(), "not an event id")?,
        event: row.text(2)?.to_owned(),
        status: read_as(row, 3, DeliveryStatus::parse, "not a delivery status")?,
        attempts: row.unsigned(4)?,
        next_attempt_at_ms: read_optional_time(row, 5)?,
        response_status: status.transpose()?,
        response_body: row.optional_text(7)?.map(str::to_owned),
        error: row.optional_text(8)?.map(str::to_owned),
        created_at_ms: read_time(row, 9)?,
        attempt_log: read_json(row, 10, "not a log")?,
    })
}

fn find(desk: &Desk<'_>, webhook_id: WebhookId, delivery_id: DeliveryId) -> Step<DeliveryView> {
    let row = desk.sql.first(READ, params![delivery_id.to_string(), webhook_id.to_string()])?;
    Ok(read_view(&row.ok_or(Refusal::NotFound(Thing::Delivery))?)?)
}

/// Deliveries of an endpoint, newest first.
pub(super) fn list(
    desk: &Desk<'_>,
    webhook_id: WebhookId,
    status: Option<DeliveryStatus>,
    event: Option<&str>,
    limit: u64,
    before: Option<DeliveryId>,
) -> Step<WebhookOutcome> {
    endpoint::find(desk, webhook_id)?;
    let before = before.map(|id| id.to_string());
    let rows = desk.sql.run(LIST, params![webhook_id.to_string(), before, status.map(DeliveryStatus::as_str), event, limit])?;
    Ok(WebhookOutcome::Deliveries(rows.iter().map(read_view).collect::<Result<_, SqlError>>()?))
}

/// Sends `webhook.test` to one endpoint, once: it is no event the endpoint must not miss.
pub(super) fn send_test(desk: &mut Desk<'_>, webhook_id: WebhookId) -> Step<WebhookOutcome> {
    let view = endpoint::find_enabled(desk, webhook_id)?;
    let id = webhook_id.to_string();
    let seq = desk.record(Action::WebhookTest, &id, None, &view.form(desk.vault.webhook_public_key()))?;
    let delivery_id = DeliveryId::new(desk.now, desk.entropy);
    desk.sql.run(WRITE, params![delivery_id.to_string(), id.as_str(), seq, desk.now.as_ms()])?;
    desk.grows_old_at(desk.now.plus_ms(KEPT_MS));
    endpoint::let_out(desk, &id)?;
    Ok(WebhookOutcome::Delivery(find(desk, webhook_id, delivery_id)?))
}

/// One attempt now. 409 while the endpoint is disabled.
pub(super) fn replay(desk: &mut Desk<'_>, webhook_id: WebhookId, delivery_id: DeliveryId) -> Step<WebhookOutcome> {
    endpoint::find_enabled(desk, webhook_id)?;
    find(desk, webhook_id, delivery_id)?;
    desk.sql.run(TRY_NOW, params![delivery_id.to_string()])?;
    desk.record(Action::WebhookReplayed, &delivery_id.to_string(), None, &())?;
    endpoint::let_out(desk, &webhook_id.to_string())?;
    Ok(WebhookOutcome::Delivery(find(desk, webhook_id, delivery_id)?))
}

/// Deletes those of the oldest `batch` deliveries that are from `until` or before; answers how many there were.
pub(in crate::objects::tenant) fn purge(desk: &Desk<'_>, until: Timestamp, batch: u64) -> Step<u64> {
    let purged = desk.sql.run(PURGE, params![until.as_ms(), batch])?.len() as u64;
    if purged > 0 {
        endpoint::forget_deleted(desk)?;
    }
    Ok(purged)
}

/// When the oldest delivery kept was written.
pub(in crate::objects::tenant) fn oldest_at(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    Ok(desk.sql.first(READ_OLDEST, &[])?.map(|row| read_time(&row, 0)).transpose()?)
}
