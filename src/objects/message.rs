//! What objects put on the queue.

use serde::{Deserialize, Serialize};

use super::tenant::outcome::Event;
use super::tenant::webhook::command::Attempt;
use crate::domain::time::Timestamp;

/// A message of the queue. Delivered at least once and in no order: consumers go by sequence or by absolute figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    TenantEvents(TenantEvents),
    MemoryCounts(MemoryCounts),
    WebhookAttempt(Attempt),
}

impl Message {
    /// The text that travels: numbers and maps of JSON survive it, those of the platform's own encoding do not all.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// Events of one tenant, in the order of their sequence: all there are after `after_seq` up to the last of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TenantEvents {
    pub tenant: String,
    pub after_seq: u64,
    pub events: Vec<Event>,
}

/// How much a tenant remembers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MemoryCounts {
    pub tenant: String,
    pub observations: u64,
    pub open_sessions: u64,
    pub at: Timestamp,
}
