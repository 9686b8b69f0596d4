//! A delivery with its attempts (contract identity-and-money 13).

use serde::Serialize;

use crate::domain::delivery::DeliveryStatus;

/// One event on its way to one endpoint.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Delivery {
    pub id: String,
    pub event_id: String,
    pub event: String,
    pub status: DeliveryStatus,
    pub attempts: u64,
    pub next_attempt_at: Option<String>,
    /// Of the latest attempt, as are the next two.
    pub response_status: Option<u16>,
    /// At most 1 KB.
    pub response_body: Option<String>,
    pub error: Option<String>,
    pub created_at: String,
    /// Oldest first.
    pub attempt_log: Vec<Attempt>,
}

/// One attempt.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Attempt {
    pub attempt: u64,
    pub at: String,
    pub duration_ms: u64,
    pub response_status: Option<u16>,
    pub error: Option<String>,
}
