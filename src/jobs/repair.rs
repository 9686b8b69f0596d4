//! Cron: what an alarm or an attempt has missed is met again a minute later.

use crate::domain::time::Timestamp;
use crate::edge::Edge;
use crate::http::due;
use crate::store::StoreError;

/// Visits the objects that are due and tries the mail that waits; a failure is logged.
pub async fn repair(edge: &Edge, now: Timestamp) {
    let log = |job: &str, error: String| worker::console_error!("{}", serde_json::json!({"job": job, "error": error}));
    if let Err(fault) = due::run_all(edge, now).await {
        log("due", fault.cause.unwrap_or_default());
    }
    if let Err(error) = super::mail::send_queued(edge, now).await {
        log("mail", StoreError::to_string(&error));
    }
}
