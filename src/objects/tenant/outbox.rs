//! The outbox: events committed with their cause, handed on at least once, in order.

use super::desk::{Desk, Done, Keep, Step, read_as, read_json, read_time};
use super::outcome::{Event, Outcome};
use crate::domain::id::EventId;
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

statements! {
    READ = "SELECT seq, event_id, type, at_ms, data FROM outbox
        WHERE seq > (SELECT outbox_acked_seq FROM tenant) ORDER BY seq LIMIT +?1";
    READ_AFTER = "SELECT seq, event_id, type, at_ms, data FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT +?2";
    READ_ACKNOWLEDGED = "SELECT outbox_acked_seq FROM tenant";
    ACKNOWLEDGE = "UPDATE tenant SET outbox_acked_seq = max(outbox_acked_seq, min(?1, (SELECT coalesce(max(seq), 0) FROM outbox)))
        RETURNING outbox_acked_seq < (SELECT coalesce(max(seq), 0) FROM outbox)";
    PURGE = "DELETE FROM outbox WHERE at_ms <= ?1 AND seq IN
        (SELECT seq FROM outbox WHERE seq <= (SELECT outbox_acked_seq FROM tenant) ORDER BY seq LIMIT +?2) RETURNING 1";
    READ_OLDEST = "SELECT at_ms FROM outbox ORDER BY seq LIMIT 1";
}

/// The oldest events that were not acknowledged, and the sequence of the last that was.
pub(super) fn read(desk: &Desk<'_>, limit: u64) -> Step<Done> {
    let after_seq = desk.sql.first(READ_ACKNOWLEDGED, &[])?.ok_or(SqlError::Shape("no tenant"))?.unsigned(0)?;
    let rows = desk.sql.run(READ, params![limit])?;
    let events = rows.iter().map(read_event).collect::<Result<_, SqlError>>()?;
    Ok(Done { outcome: Outcome::Events { after_seq, events }, keep: Keep::Nothing })
}

/// The oldest events kept after `after_seq`, handed on or not.
pub(super) fn read_after(desk: &Desk<'_>, after_seq: u64, limit: u64) -> Step<Done> {
    let rows = desk.sql.run(READ_AFTER, params![after_seq, limit])?;
    let events = rows.iter().map(read_event).collect::<Result<_, SqlError>>()?;
    Ok(Done { outcome: Outcome::Events { after_seq, events }, keep: Keep::Nothing })
}

pub(super) fn read_event(row: &Row) -> Result<Event, SqlError> {
    Ok(Event {
        seq: row.unsigned(0)?,
        event_id: read_as(row, 1, |text| EventId::parse(text).ok(), "not an event id")?,
        kind: row.text(2)?.to_owned(),
        at_ms: read_time(row, 3)?,
        data: read_json(row, 4, "not event data")?,
    })
}

/// Notes that everything up to `upto_seq` was handed on. Repeatable; it never goes back.
pub(super) fn acknowledge(desk: &mut Desk<'_>, upto_seq: u64) -> Step<Done> {
    let row = desk.sql.first(ACKNOWLEDGE, params![upto_seq])?.ok_or(SqlError::Shape("no tenant"))?;
    desk.outbox_pending = row.unsigned(0)? == 1;
    Ok(Done { outcome: Outcome::OutboxAcked, keep: Keep::Nothing })
}

/// Deletes at most `batch` handed-on events from `until` or before; answers how many there were.
pub(super) fn purge(desk: &Desk<'_>, until: Timestamp, batch: u64) -> Step<u64> {
    Ok(desk.sql.run(PURGE, params![until.as_ms(), batch])?.len() as u64)
}

/// When the oldest event kept was written.
pub(super) fn oldest_at(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    Ok(desk.sql.first(READ_OLDEST, &[])?.map(|row| read_time(&row, 0)).transpose()?)
}
