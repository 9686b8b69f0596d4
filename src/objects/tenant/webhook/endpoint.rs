//! Endpoints: where events go, and the secrets that sign them.
//!
//! Invariant: a tenant has at most twenty endpoints. A secret is kept sealed; of those that were replaced the last signs for a
//! day more. What was announced while an endpoint wanted it is its own, whatever becomes of the endpoint then.

use super::command::{DisabledReason, EndpointChange, EndpointView, NewEndpoint, NewWebhookSecret, WebhookOutcome};
use super::fan;
use crate::domain::delivery::Health;
use crate::domain::event::Action;
use crate::domain::id::{AgentId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::{ENDPOINTS_MAX, EventFilter, ROTATION_MS};
use crate::objects::sql::{Row, SqlError};
use crate::objects::tenant::desk::{Desk, Step, read_as, read_json, read_optional_as, read_optional_time, read_time};
use crate::objects::tenant::refusal::{Refusal, Thing};
use crate::{params, statements};

statements! {
    /// A new endpoint gets the events from now on.
    WRITE = "INSERT INTO webhook_endpoint (id, url, events, description, status, created_at_ms, updated_at_ms, fanned_seq)
        VALUES (?1, ?2, ?3, ?4, 'enabled', ?5, ?5, ?6)";
    /// Of a seller: what happens to its orders from now on.
    WRITE_SELLERS = "INSERT INTO webhook_endpoint (id, url, events, status, created_at_ms, updated_at_ms, fanned_seq, seller_id)
        VALUES (?1, ?2, '[\"order.*\"]', 'enabled', ?3, ?3, ?4, ?5)";
    /// What came of another URL says nothing of this one.
    MOVE_SELLERS = "UPDATE webhook_endpoint SET url = ?2, updated_at_ms = ?3, counts_from_ms = ?3, failures_in_row = 0,
        failing_since_ms = NULL, not_before_ms = NULL, disabled_reason = NULL, disabled_at_ms = NULL, status = 'enabled',
        fanned_seq = CASE WHEN status = 'enabled' THEN fanned_seq ELSE ?4 END WHERE seller_id = ?1 AND url <> ?2";
    COUNT = "SELECT count(*) FROM webhook_endpoint WHERE status <> 'deleted' AND seller_id IS NULL";
    READ = "SELECT id, url, events, description, disabled_reason, disabled_at_ms, created_at_ms, updated_at_ms
        FROM webhook_endpoint WHERE id = ?1 AND status <> 'deleted' AND seller_id IS NULL";
    /// A seller's too.
    READ_ANY = "SELECT id, url, events, description, disabled_reason, disabled_at_ms, created_at_ms, updated_at_ms
        FROM webhook_endpoint WHERE id = ?1 AND status <> 'deleted'";
    LIST = "SELECT id, url, events, description, disabled_reason, disabled_at_ms, created_at_ms, updated_at_ms
        FROM webhook_endpoint WHERE status <> 'deleted' AND seller_id IS NULL ORDER BY id DESC";
    CHANGE = "UPDATE webhook_endpoint SET url = ?2, events = ?3, description = ?4, updated_at_ms = ?5 WHERE id = ?1";
    /// What was missed meanwhile is there for a replay; the endpoint starts anew.
    ENABLE = "UPDATE webhook_endpoint SET status = 'enabled', disabled_reason = NULL, disabled_at_ms = NULL, fanned_seq = ?2,
        failures_in_row = 0, failing_since_ms = NULL, counts_from_ms = ?3, not_before_ms = NULL WHERE id = ?1";
    DISABLE = "UPDATE webhook_endpoint SET status = 'disabled', disabled_reason = ?2, disabled_at_ms = ?3, updated_at_ms = ?3,
        replay_after_seq = NULL, replay_upto_seq = NULL WHERE id = ?1 AND status = 'enabled'";
    DELETE = "UPDATE webhook_endpoint SET status = 'deleted', disabled_reason = NULL, disabled_at_ms = NULL WHERE id = ?1";
    FORGET_SECRETS = "DELETE FROM webhook_secret WHERE endpoint_id = ?1";
    WRITE_SECRET = "INSERT INTO webhook_secret (endpoint_id, number, sealed)
        SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM webhook_secret WHERE endpoint_id = +?1";
    END_SECRETS = "UPDATE webhook_secret SET ends_at_ms = ?2 WHERE endpoint_id = ?1 AND ends_at_ms IS NULL";
    /// Of those that were replaced one signs: what is sent must not grow with each rotation.
    FORGET_REPLACED = "DELETE FROM webhook_secret WHERE endpoint_id = ?1 AND ends_at_ms IS NOT NULL";
    /// The newest first: it signs first.
    READ_SECRETS = "SELECT sealed FROM webhook_secret WHERE endpoint_id = +?1 AND (ends_at_ms IS NULL OR ends_at_ms > +?2)
        ORDER BY number DESC LIMIT 2";
    SET_HEALTH = "UPDATE webhook_endpoint SET failures_in_row = ?2, failing_since_ms = ?3, counts_from_ms = ?4, not_before_ms = ?5
        WHERE id = ?1";
    /// What came of another URL says nothing of this one.
    RENEW = "UPDATE webhook_endpoint SET failures_in_row = 0, failing_since_ms = NULL, counts_from_ms = ?2, not_before_ms = NULL WHERE id = ?1";
    /// What a human asks for is tried at once, broken or not.
    LET_OUT = "UPDATE webhook_endpoint SET not_before_ms = NULL WHERE id = ?1";
    SET_NOT_BEFORE = "UPDATE webhook_endpoint SET not_before_ms = ?2 WHERE id = ?1";
    FORGET_DELETED = "DELETE FROM webhook_endpoint WHERE status = 'deleted'
        AND NOT EXISTS (SELECT 1 FROM delivery WHERE endpoint_id = webhook_endpoint.id)";
}

/// The endpoint of this id.
pub(super) fn find(desk: &Desk<'_>, webhook_id: WebhookId) -> Step<EndpointView> {
    let row = desk.sql.first(READ, params![webhook_id.to_string()])?;
    Ok(read_view(&row.ok_or(Refusal::NotFound(Thing::Webhook))?)?)
}

/// The same, or that of a seller.
pub(super) fn find_any(desk: &Desk<'_>, webhook_id: WebhookId) -> Step<EndpointView> {
    let row = desk.sql.first(READ_ANY, params![webhook_id.to_string()])?;
    Ok(read_view(&row.ok_or(Refusal::NotFound(Thing::Webhook))?)?)
}

/// Opens the endpoint of a seller; `at_rest` is its secret, sealed.
pub(in crate::objects::tenant) fn open_for_seller(desk: &mut Desk<'_>, agent_id: AgentId, url: &str, at_rest: &[u8]) -> Step<()> {
    let id = WebhookId::new(desk.now, desk.entropy).to_string();
    desk.sql.run(WRITE_SELLERS, params![id.as_str(), url, desk.now.as_ms(), desk.head.seq, agent_id.to_string()])?;
    desk.sql.run(WRITE_SECRET, params![id, at_rest.to_vec()])?;
    Ok(())
}

/// A seller is somewhere else from now on; what waits goes there.
pub(in crate::objects::tenant) fn move_for_seller(desk: &mut Desk<'_>, agent_id: AgentId, url: &str) -> Step<()> {
    desk.sql.run(MOVE_SELLERS, params![agent_id.to_string(), url, desk.now.as_ms(), desk.head.seq])?;
    desk.due_by(desk.now);
    Ok(())
}

/// The same, if it gets events.
pub(super) fn find_enabled(desk: &Desk<'_>, webhook_id: WebhookId) -> Step<EndpointView> {
    let view = find(desk, webhook_id)?;
    if view.disabled.is_some() { Err(Refusal::WebhookDisabled.into()) } else { Ok(view) }
}

fn read_view(row: &Row) -> Result<EndpointView, SqlError> {
    let reason = read_optional_as(row, 4, DisabledReason::parse, "not a reason")?;
    Ok(EndpointView {
        webhook_id: read_as(row, 0, |text| WebhookId::parse(text).ok(), "not a webhook id")?,
        url: row.text(1)?.to_owned(),
        events: read_json::<EventFilter>(row, 2, "not a filter")?,
        description: row.optional_text(3)?.map(str::to_owned),
        disabled: reason.zip(read_optional_time(row, 5)?),
        created_at_ms: read_time(row, 6)?,
        updated_at_ms: read_time(row, 7)?,
    })
}

pub(super) fn list(desk: &Desk<'_>) -> Step<WebhookOutcome> {
    let views = desk.sql.run(LIST, &[])?.iter().map(read_view).collect::<Result<_, SqlError>>()?;
    Ok(WebhookOutcome::Endpoints(views))
}

/// Makes an endpoint. 409 beyond twenty.
pub(super) fn create(desk: &mut Desk<'_>, request: &NewEndpoint) -> Step<WebhookOutcome> {
    let count = desk.sql.first(COUNT, &[])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?;
    if count >= ENDPOINTS_MAX {
        return Err(Refusal::WebhookLimit.into());
    }
    let endpoint = EndpointView {
        webhook_id: WebhookId::new(desk.now, desk.entropy),
        url: request.url.clone(),
        events: request.events.clone(),
        description: request.description.clone(),
        disabled: None,
        created_at_ms: desk.now,
        updated_at_ms: desk.now,
    };
    let id = endpoint.webhook_id.to_string();
    desk.record(Action::WebhookCreated, &id, None, &())?;
    let (url, events, description) = (endpoint.url.as_str(), serde_json::to_string(&endpoint.events)?, endpoint.description.as_deref());
    desk.sql.run(WRITE, params![id.as_str(), url, events, description, desk.now.as_ms(), desk.head.seq])?;
    desk.sql.run(WRITE_SECRET, params![id, request.secret.at_rest.clone()])?;
    Ok(WebhookOutcome::Made { endpoint, for_repeat: request.secret.for_repeat.clone() })
}

/// Changes what is named.
pub(super) fn update(desk: &mut Desk<'_>, webhook_id: WebhookId, change: &EndpointChange) -> Step<WebhookOutcome> {
    let mut view = find(desk, webhook_id)?;
    let id = webhook_id.to_string();
    let moves = change.url.as_ref().is_some_and(|url| *url != view.url);
    if view.disabled.is_none() && change.events.as_ref().is_some_and(|events| *events != view.events) {
        fan::catch_up(desk, &id)?;
    }
    view.url = change.url.clone().unwrap_or(view.url);
    view.events = change.events.clone().unwrap_or(view.events);
    view.description = change.description.clone().unwrap_or(view.description);
    view.updated_at_ms = desk.now;
    let (events, description) = (serde_json::to_string(&view.events)?, view.description.as_deref());
    desk.sql.run(CHANGE, params![id.as_str(), view.url.as_str(), events, description, desk.now.as_ms()])?;
    desk.record(Action::WebhookUpdated, &id, None, &())?;
    if moves {
        desk.sql.run(RENEW, params![id.as_str(), desk.now.as_ms()])?;
        desk.due_by(desk.now);
    }
    match (change.enabled, view.disabled) {
        (Some(true), Some(_)) => {
            view.disabled = None;
            desk.sql.run(ENABLE, params![id, desk.head.seq, desk.now.as_ms()])?;
            // What had been under way when it was disabled goes on.
            desk.due_by(desk.now);
        }
        (Some(false), None) => disable(desk, &mut view, DisabledReason::Request)?,
        _ => {}
    }
    Ok(WebhookOutcome::Endpoint(view))
}

/// Stops an endpoint and tells the others.
pub(super) fn disable(desk: &mut Desk<'_>, view: &mut EndpointView, reason: DisabledReason) -> Step<()> {
    let id = view.webhook_id.to_string();
    fan::catch_up(desk, &id)?;
    view.disabled = Some((reason, desk.now));
    view.updated_at_ms = desk.now;
    desk.sql.run(DISABLE, params![id.as_str(), reason.as_str(), desk.now.as_ms()])?;
    desk.record(Action::WebhookDisabled, &id, None, &view.form(desk.vault.webhook_public_key()))?;
    Ok(())
}

/// Deletes an endpoint and its secrets; its deliveries are purged when they are old.
pub(super) fn delete(desk: &mut Desk<'_>, webhook_id: WebhookId) -> Step<WebhookOutcome> {
    let id = find(desk, webhook_id)?.webhook_id.to_string();
    desk.sql.run(DELETE, params![id.as_str()])?;
    desk.sql.run(FORGET_SECRETS, params![id.as_str()])?;
    desk.record(Action::WebhookDeleted, &id, None, &())?;
    Ok(WebhookOutcome::Deleted)
}

/// Gives an endpoint a new secret; the one before, and none but that, signs beside it for a day.
pub(super) fn rotate_secret(desk: &mut Desk<'_>, webhook_id: WebhookId, secret: &NewWebhookSecret) -> Step<WebhookOutcome> {
    let mut endpoint = find(desk, webhook_id)?;
    let id = webhook_id.to_string();
    desk.sql.run(FORGET_REPLACED, params![id.as_str()])?;
    desk.sql.run(END_SECRETS, params![id.as_str(), desk.now.plus_ms(ROTATION_MS).as_ms()])?;
    desk.sql.run(WRITE_SECRET, params![id.as_str(), secret.at_rest.clone()])?;
    let (events, description) = (serde_json::to_string(&endpoint.events)?, endpoint.description.as_deref());
    endpoint.updated_at_ms = desk.now;
    desk.sql.run(CHANGE, params![id.as_str(), endpoint.url.as_str(), events, description, desk.now.as_ms()])?;
    desk.record(Action::WebhookSecretRotated, &id, None, &())?;
    Ok(WebhookOutcome::Made { endpoint, for_repeat: secret.for_repeat.clone() })
}

/// The secrets that sign now, sealed, in hex.
pub(super) fn read_secrets(desk: &Desk<'_>, id: &str) -> Step<Vec<String>> {
    let rows = desk.sql.run(READ_SECRETS, params![id, desk.now.as_ms()])?;
    Ok(rows.iter().map(|row| row.blob(0).map(hex::encode)).collect::<Result<_, SqlError>>()?)
}

pub(super) fn set_health(desk: &Desk<'_>, id: &str, health: &Health) -> Step<()> {
    let at = |time: Option<Timestamp>| time.map(Timestamp::as_ms);
    let (since, from, before) = (at(health.failing_since), at(health.counts_from), at(health.not_before));
    desk.sql.run(SET_HEALTH, params![id, health.failures_in_row, since, from, before])?;
    Ok(())
}

pub(super) fn set_not_before(desk: &Desk<'_>, id: &str, at: Timestamp) -> Step<()> {
    desk.sql.run(SET_NOT_BEFORE, params![id, at.as_ms()])?;
    Ok(())
}

/// Lets the next attempt out now: somebody has asked for it.
pub(super) fn let_out(desk: &mut Desk<'_>, id: &str) -> Step<()> {
    desk.sql.run(LET_OUT, params![id])?;
    desk.due_by(desk.now);
    Ok(())
}

/// Forgets deleted endpoints once nothing of theirs is left.
pub(super) fn forget_deleted(desk: &Desk<'_>) -> Step<()> {
    desk.sql.run(FORGET_DELETED, &[])?;
    Ok(())
}
