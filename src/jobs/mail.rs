//! Sending the mail that waits.

use crate::domain::time::Timestamp;
use crate::edge::{Edge, Settings};
use crate::http::mail::{hand_over, settle};
use crate::store::{Database, StoreError, mail};

/// How many mails one run tries.
const BATCH: u64 = 20;

/// Tries the oldest mails that wait; without an upstream there is nothing to try.
pub async fn send_queued(edge: &Edge, now: Timestamp) -> Result<(), StoreError> {
    if Settings::upstream(edge.env(), "MAIL").is_none() {
        return Ok(());
    }
    let database = edge.database()?;
    let database = Database::new(&database, &|| ());
    for queued in mail::list_queued(database, BATCH).await? {
        let sent = hand_over(edge, &queued.recipient, &queued.subject, &queued.body).await;
        settle(database, &queued.mail_id, sent, now).await?;
    }
    Ok(())
}
