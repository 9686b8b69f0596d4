//! What objects put on the queue.

use serde::{Deserialize, Serialize};

use super::tenant::order::command::{ReturnAttempt, TransferAttempt};
use super::tenant::outcome::Event;
use super::tenant::webhook::command::Attempt;
use crate::domain::event::Action;
use crate::domain::time::Timestamp;

/// The queue takes no longer message.
pub const MESSAGE_BYTES_MAX: usize = 128_000;
/// What the events of one message come to; the rest is for what stands around them.
const EVENTS_BYTES_MAX: usize = 100_000;

/// A message of the queue. Delivered at least once and in no order: consumers go by sequence or by absolute figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    TenantEvents(TenantEvents),
    MemoryCounts(MemoryCounts),
    WebhookAttempt(Attempt),
    Transfer(TransferAttempt),
    Return(ReturnAttempt),
}

impl Message {
    /// The text that travels: numbers and maps of JSON survive it, those of the platform's own encoding do not all.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// What the queue takes in one call: 100 messages and 256 KB.
const PARCEL_BYTES_MAX: usize = 200_000;
const PARCEL_MESSAGES_MAX: usize = 100;

/// Messages by the parcel, each as much as the queue takes in one call.
pub fn parcels(texts: Vec<String>) -> Vec<Vec<String>> {
    let mut parcels: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for text in texts {
        bytes += text.len();
        match parcels.last_mut().filter(|parcel| bytes <= PARCEL_BYTES_MAX && parcel.len() < PARCEL_MESSAGES_MAX) {
            Some(parcel) => parcel.push(text),
            None => {
                bytes = text.len();
                parcels.push(vec![text]);
            }
        }
    }
    parcels
}

/// Events of one tenant, in the order of their sequence: all there are after `after_seq` up to the last of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TenantEvents {
    pub tenant: String,
    pub after_seq: u64,
    pub events: Vec<Event>,
}

impl TenantEvents {
    /// As many of the events, from the first on, as one message takes: each with no more than the book of record reads of it.
    pub fn cut(tenant: String, after_seq: u64, events: Vec<Event>) -> Result<Self, serde_json::Error> {
        let mut cut = Self { tenant, after_seq, events: Vec::new() };
        let mut bytes = 0;
        for mut event in events {
            let read = Action::parse(&event.kind).map_or::<&[&str], _>(&[], Action::projected_members);
            match event.data.as_object_mut() {
                Some(data) if !read.is_empty() => data.retain(|name, _| read.contains(&name.as_str())),
                _ => event.data = serde_json::Value::Null,
            }
            bytes += serde_json::to_string(&event)?.len() + 1;
            if bytes > EVENTS_BYTES_MAX && !cut.events.is_empty() {
                break;
            }
            cut.events.push(event);
        }
        Ok(cut)
    }
}

/// How much a tenant remembers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MemoryCounts {
    pub tenant: String,
    pub observations: u64,
    pub open_sessions: u64,
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::EventId;
    use serde_json::json;

    fn event(seq: u64, kind: &str, data: serde_json::Value) -> Event {
        let id = EventId::from_ulid(u128::from(seq).into());
        Event { seq, event_id: id, kind: kind.to_owned(), at_ms: Timestamp::from_ms(1_770_000_000_000), data }
    }

    #[test]
    fn a_parcel_is_what_the_queue_takes_at_once() {
        let texts: Vec<String> = (0..500).map(|n| "x".repeat(if n % 7 == 0 { MESSAGE_BYTES_MAX } else { 20 })).collect();
        let packed = parcels(texts.clone());
        assert_eq!(packed.concat(), texts);
        assert!(packed.iter().all(|parcel| (1..=100).contains(&parcel.len()) && parcel.concat().len() <= PARCEL_BYTES_MAX));
        assert_eq!(parcels(vec!["x".to_owned(); 250]).iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        assert!(parcels(Vec::new()).is_empty());
    }

    #[test]
    fn a_message_of_events_is_never_longer_than_the_queue_takes() {
        let agent = json!({
            "agt_id": "agt_1", "display_name": "\u{1}".repeat(128), "status": "active", "created_at": "2026-02-02T02:40:00.123Z",
            "wallet_address": null, "metadata": {"m": "x".repeat(16_000)}, "description": "\"".repeat(2_000),
        });
        let many = |kind: &str, data: &serde_json::Value| (1..=100).map(|seq| event(seq, kind, data.clone())).collect::<Vec<_>>();
        let length = |cut: TenantEvents| Message::TenantEvents(cut).to_text().unwrap().len();
        let agents = TenantEvents::cut("t".repeat(36), 0, many("agent.updated", &agent)).unwrap();
        assert_eq!(agents.events[0].data.as_object().unwrap().len(), 5, "what nobody reads stays at home");
        assert!(agents.events.len() > 50 && agents.events.iter().map(|event| event.seq).eq(1..=agents.events.len() as u64));
        assert!(length(agents) <= MESSAGE_BYTES_MAX);
        let others = TenantEvents::cut("t".repeat(36), 0, many("wallet.funded", &agent)).unwrap();
        assert!(others.events.len() == 100 && others.events.iter().all(|event| event.data.is_null()));
        assert!(length(others) <= MESSAGE_BYTES_MAX);
        let disabled = json!({"id": "whk_1", "url": "u".repeat(2_048), "disabled_reason": "failing"});
        let cut = TenantEvents::cut("t".repeat(36), 0, many("webhook.disabled", &disabled)).unwrap();
        assert!(cut.events.len() < 100, "the rest goes with the next");
        assert!(length(cut) <= MESSAGE_BYTES_MAX);
        let giant = json!({"id": "whk_1", "url": "u".repeat(110_000), "disabled_reason": "failing"});
        assert_eq!(TenantEvents::cut(String::new(), 0, many("webhook.disabled", &giant)).unwrap().events.len(), 1, "it goes on");
    }
}
