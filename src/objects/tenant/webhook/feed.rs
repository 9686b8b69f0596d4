//! The feed: the events after one, for whoever has no public URL (contract identity-and-money 14).

use super::command::{Feed, WebhookOutcome};
use crate::domain::id::EventId;
use crate::objects::sql::SqlError;
use crate::objects::tenant::desk::{Desk, Step, read_as};
use crate::objects::tenant::outbox;
use crate::{params, statements};

/// Events looked at by one call, wanted or not: it must not hold the object up.
const LOOKED_AT_MAX: u64 = 20_000;

statements! {
    /// Where to begin, and where to end: the last event that is looked at.
    FIND_PLACE = "SELECT (SELECT seq FROM outbox WHERE seq = ?1 AND event_id = ?2), (SELECT min(seq) FROM outbox), (SELECT max(seq) FROM outbox)";
    /// The event so many after another: numbers have gaps, and what is counted is what is looked at.
    FIND_END = "SELECT seq FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT 1 OFFSET ?2";
    /// An event is about an agent when its data names it: as its own id, or as parent or child of a lease.
    READ = "SELECT seq, event_id, type, at_ms, data FROM outbox
        WHERE seq > ?1 AND seq <= ?2 AND type IN (SELECT value FROM json_each(+?3)) AND (?4 IS NULL OR ?4 IN (
            json_extract(data, '$.agent_id'), json_extract(data, '$.agt_id'), json_extract(data, '$.parent_agent_id'),
            json_extract(data, '$.child_agent_id')))
        ORDER BY seq LIMIT +?5";
    READ_LAST = "SELECT event_id FROM outbox WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1";
}

/// Reads the events after one, oldest first.
pub(super) fn read(desk: &Desk<'_>, feed: &Feed) -> Step<WebhookOutcome> {
    let (after_seq, after_text) = feed.after.map_or((None, None), |after| (Some(after.seq()), Some(after.to_string())));
    let place = desk.sql.first(FIND_PLACE, params![after_seq, after_text])?.ok_or(SqlError::Shape("no place"))?;
    let begin = match place.optional_unsigned(0)? {
        Some(known) => known,
        None => place.optional_unsigned(1)?.unwrap_or(1).saturating_sub(1),
    };
    let newest = place.optional_unsigned(2)?.unwrap_or(0);
    let end = if newest.saturating_sub(begin) <= LOOKED_AT_MAX {
        newest
    } else {
        let row = desk.sql.first(FIND_END, params![begin, LOOKED_AT_MAX - 1])?;
        row.map_or(Ok(newest), |row| row.unsigned(0))?
    };
    let names = serde_json::to_string(&feed.events.names())?;
    let agent = feed.agent_id.map(|id| id.to_string());
    let rows = desk.sql.run(READ, params![begin, end, names, agent, feed.limit])?;
    let events = rows.iter().map(outbox::read_event).collect::<Result<Vec<_>, SqlError>>()?;
    let next_after = match events.last() {
        Some(last) => Some(last.event_id),
        // Nothing wanted up to here: the next question need not look at it again.
        None if end > begin => {
            let row = desk.sql.first(READ_LAST, params![end])?;
            row.map(|row| read_as(&row, 0, |text| EventId::parse(text).ok(), "not an event id")).transpose()?
        }
        None => feed.after,
    };
    Ok(WebhookOutcome::Feed { events, next_after })
}
