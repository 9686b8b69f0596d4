//! From events to deliveries: what each endpoint has still to look at.
//!
//! Invariant: an endpoint looks at every event after its cursor once; an event it wants has one delivery, however often it is
//! looked at. One run looks at a bounded number of events for each endpoint; what is left is due at once.

use super::command::WebhookOutcome;
use super::endpoint;
use crate::domain::event::Action;
use crate::domain::id::{DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::{EventFilter, KEPT_MS};
use crate::objects::sql::{Row, SqlError};
use crate::objects::tenant::desk::{Desk, Step, read_json};
use crate::{params, statements};

/// Events that are held in memory while an endpoint catches up.
const CATCH_UP_BATCH: u64 = 500;

statements! {
    READ_READER = "SELECT events, fanned_seq, seller_id FROM webhook_endpoint WHERE id = ?1";
    LIST_READERS = "SELECT id, events, fanned_seq, replay_after_seq, replay_upto_seq, (SELECT max(seq) FROM outbox), seller_id
        FROM webhook_endpoint WHERE status = 'enabled'";
    READ_EVENTS = "SELECT seq, event_id, type FROM outbox WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT +?3";
    /// The same, and whether it happened to an order of this seller.
    READ_EVENTS_FOR_SELLER = "SELECT seq, event_id, type, EXISTS (SELECT 1 FROM audit a JOIN market_order o ON o.id = a.object
            WHERE a.seq = outbox.seq AND o.agent_id = +?4) FROM outbox WHERE seq > +?1 AND seq <= +?2 ORDER BY seq LIMIT +?3";
    /// `?1` holds `[delivery, seq, event, type]` of each.
    WRITE_NEW = "INSERT INTO delivery (id, endpoint_id, event_seq, event_id, type, status, next_attempt_at_ms, created_at_ms)
        SELECT value ->> 0, ?2, value ->> 1, value ->> 2, value ->> 3, 'pending', ?3, ?3 FROM json_each(?1) WHERE true
        ON CONFLICT (endpoint_id, event_seq) DO NOTHING";
    /// The same, and what has failed begins its schedule anew; what waits is due now, unless it is under way.
    WRITE_AGAIN = "INSERT INTO delivery (id, endpoint_id, event_seq, event_id, type, status, next_attempt_at_ms, created_at_ms)
        SELECT value ->> 0, ?2, value ->> 1, value ->> 2, value ->> 3, 'pending', ?3, ?3 FROM json_each(?1) WHERE true
        ON CONFLICT (endpoint_id, event_seq) DO UPDATE SET status = 'pending', is_single = 0,
            step = CASE WHEN status = 'failed' THEN 0 ELSE step END, next_attempt_at_ms = excluded.next_attempt_at_ms
        WHERE status <> 'delivered' AND claimed_at_ms IS NULL";
    MOVE_CURSOR = "UPDATE webhook_endpoint SET fanned_seq = ?2 WHERE id = ?1";
    MOVE_REPLAY = "UPDATE webhook_endpoint SET replay_after_seq = ?2 WHERE id = ?1";
    END_REPLAY = "UPDATE webhook_endpoint SET replay_after_seq = NULL, replay_upto_seq = NULL WHERE id = ?1";
    /// Two replays at once become one over both.
    BEGIN_REPLAY = "UPDATE webhook_endpoint SET replay_after_seq = min(coalesce(replay_after_seq, ?2), ?2),
        replay_upto_seq = max(coalesce(replay_upto_seq, 0), ?3) WHERE id = ?1";
    /// What a replay will send: one walk over the events since then.
    COUNT_MISSED = "SELECT min(seq) - 1, max(seq), sum(type IN (SELECT value FROM json_each(+?2)) AND type <> 'webhook.test' AND NOT EXISTS
            (SELECT 1 FROM delivery WHERE endpoint_id = +?3 AND event_seq = seq
                AND (status = 'delivered' OR claimed_at_ms IS NOT NULL)))
        FROM outbox WHERE at_ms >= ?1";
    /// When an attempt is due next, and whether some endpoint has events to look at.
    NEXT_DUE = "SELECT min(max(coalesce(not_before_ms, 0),
                (SELECT min(next_attempt_at_ms) FROM delivery WHERE endpoint_id = webhook_endpoint.id AND status = 'pending'))),
            max(fanned_seq < (SELECT max(seq) FROM outbox) OR replay_upto_seq IS NOT NULL)
        FROM webhook_endpoint WHERE status = 'enabled'";
}

/// What an endpoint is sent.
struct Wish {
    events: EventFilter,
    /// Only what happens to the orders of this agent.
    seller: Option<String>,
}

/// Looks at new events, and at those of replays: at most `batch` of each for each endpoint.
pub(in crate::objects::tenant) fn run(desk: &mut Desk<'_>, batch: u64) -> Step<()> {
    for reader in &desk.sql.run(LIST_READERS, &[])? {
        let (id, newest) = (reader.text(0)?, reader.optional_unsigned(5)?.unwrap_or(0));
        let wish = Wish { events: read_json(reader, 1, "not a filter")?, seller: reader.optional_text(6)?.map(str::to_owned) };
        if let (Some(after), Some(upto)) = (reader.optional_unsigned(3)?, reader.optional_unsigned(4)?) {
            match look(desk, WRITE_AGAIN, id, &wish, (after, upto), batch)? {
                Some(looked) if looked < upto => desk.sql.run(MOVE_REPLAY, params![id, looked])?,
                _ => desk.sql.run(END_REPLAY, params![id])?,
            };
        }
        let fanned = reader.unsigned(2)?;
        if fanned < newest
            && let Some(looked) = look(desk, WRITE_NEW, id, &wish, (fanned, newest), batch)?
        {
            desk.sql.run(MOVE_CURSOR, params![id, looked])?;
        }
    }
    Ok(())
}

/// Looks at all events there are for one endpoint, however many: before it wants others, or none.
pub(super) fn catch_up(desk: &mut Desk<'_>, id: &str) -> Step<()> {
    let head = desk.head.seq;
    let reader = desk.sql.first(READ_READER, params![id])?.ok_or(SqlError::Shape("no endpoint"))?;
    let wish = Wish { events: read_json(&reader, 0, "not a filter")?, seller: reader.optional_text(2)?.map(str::to_owned) };
    let mut fanned = reader.unsigned(1)?;
    while let Some(looked) = look(desk, WRITE_NEW, id, &wish, (fanned, head), CATCH_UP_BATCH)? {
        fanned = looked;
    }
    desk.sql.run(MOVE_CURSOR, params![id, head])?;
    Ok(())
}

/// Looks at events after the first sequence up to the second and writes what is wanted; answers the last one looked at.
fn look(desk: &mut Desk<'_>, write: &'static str, id: &str, wish: &Wish, range: (u64, u64), batch: u64) -> Step<Option<u64>> {
    let rows = match &wish.seller {
        None => desk.sql.run(READ_EVENTS, params![range.0, range.1, batch])?,
        Some(seller) => desk.sql.run(READ_EVENTS_FOR_SELLER, params![range.0, range.1, batch, seller.as_str()])?,
    };
    let mut wanted = Vec::new();
    for row in &rows {
        let is_theirs = wish.seller.is_none() || row.unsigned(3)? == 1;
        // A test is sent to the endpoint it tests, by whoever asks for it.
        if is_theirs && wish.events.wants(row.text(2)?) && row.text(2)? != Action::WebhookTest.as_str() {
            let delivery_id = DeliveryId::new(desk.now, desk.entropy);
            wanted.push((delivery_id, row.unsigned(0)?, row.text(1)?, row.text(2)?));
        }
    }
    if !wanted.is_empty() {
        desk.sql.run(write, params![serde_json::to_string(&wanted)?, id, desk.now.as_ms()])?;
        desk.grows_old_at(desk.now.plus_ms(KEPT_MS));
    }
    Ok(rows.last().map(|row| row.unsigned(0)).transpose()?)
}

/// Sends every wanted event since then that was not delivered, those missed while the endpoint was disabled included. 409
/// while it is. The alarm does it, batch by batch; the count is taken now.
pub(super) fn replay_since(desk: &mut Desk<'_>, webhook_id: WebhookId, since: Timestamp) -> Step<WebhookOutcome> {
    let view = endpoint::find_enabled(desk, webhook_id)?;
    let id = webhook_id.to_string();
    let names = serde_json::to_string(&view.events.names())?;
    let row = desk.sql.first(COUNT_MISSED, params![since.as_ms(), names, id.as_str()])?.ok_or(SqlError::Shape("no count"))?;
    let events = row.optional_unsigned(2)?.unwrap_or(0);
    if let (Some(after), Some(upto)) = (row.optional_unsigned(0)?, row.optional_unsigned(1)?) {
        desk.sql.run(BEGIN_REPLAY, params![id.as_str(), after, upto])?;
        endpoint::let_out(desk, &id)?;
    }
    desk.record(Action::WebhookReplayed, &id, None, &())?;
    Ok(WebhookOutcome::Queued { events })
}

/// The alarm must stand no later than the next attempt; events to be looked at are due now.
pub(in crate::objects::tenant) fn plan_next(desk: &mut Desk<'_>) -> Step<()> {
    let row: Row = desk.sql.first(NEXT_DUE, &[])?.ok_or(SqlError::Shape("no deadline"))?;
    if let Some(at_ms) = row.optional_unsigned(0)? {
        desk.due_by(Timestamp::from_ms(at_ms));
    }
    if row.optional_unsigned(1)? == Some(1) {
        desk.due_by(desk.now);
    }
    Ok(())
}
