//! Mail to be sent: kept until an upstream has taken it. Without one it waits here, and operators see it.

use serde::Deserialize;

use super::{Database, StoreError};
use crate::domain::id::{MailId, TenantUuid};
use crate::domain::time::Timestamp;
use crate::{binds, statements};

statements! {
    VOID_TOPIC = "UPDATE mails SET state = 'void', body = '' WHERE topic = ?1 AND state = 'queued'";
    QUEUE = "INSERT INTO mails (mail_id, recipient, subject, body, topic, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    LIST_OWNERS = "SELECT u.email FROM memberships m JOIN users u USING (user_id) WHERE m.tenant_uuid = ?1 AND m.role = 'owner' ORDER BY u.email";
    LIST_QUEUED = "SELECT mail_id, recipient, subject, body, attempts, created_at_ms FROM mails WHERE state = 'queued' ORDER BY created_at_ms, mail_id LIMIT ?1";
    MARK_SENT = "UPDATE mails SET state = 'sent', attempts = attempts + 1, sent_at_ms = ?2, body = '' WHERE mail_id = ?1 AND state = 'queued'";
    MARK_TRIED = "UPDATE mails SET attempts = attempts + 1, state = CASE WHEN attempts + 1 >= 20 THEN 'failed' ELSE state END WHERE mail_id = ?1 AND state = 'queued'";
}

/// A mail that waits.
#[derive(Clone, Deserialize)]
pub struct QueuedMail {
    pub mail_id: String,
    pub recipient: String,
    pub subject: String,
    /// Holds the link, and with it a secret: shown to operators alone, dropped once sent or void.
    pub body: String,
    pub attempts: u64,
    pub created_at_ms: u64,
}

/// A mail to be queued.
pub struct NewMail<'a> {
    pub recipient: &'a str,
    pub subject: &'a str,
    pub body: &'a str,
    /// What it is about: it makes an earlier one of the same topic void.
    pub topic: &'a str,
}

/// Queues a mail and makes the queued ones of its topic void, in one transaction.
pub async fn queue(database: Database<'_>, id: MailId, mail: &NewMail<'_>, now: Timestamp) -> Result<(), StoreError> {
    let insert = binds![id.to_string(), mail.recipient, mail.subject, mail.body, mail.topic, now.as_ms()];
    database.batch(vec![(VOID_TOPIC, binds![mail.topic]), (QUEUE, insert)]).await.map(drop)
}

/// What mails that invite to own a tenant are about.
pub fn topic_of_invitation(tenant: TenantUuid) -> String {
    format!("invitation:{tenant}")
}

/// Makes the queued mails of a topic void: what they are about is settled.
pub async fn void_topic(database: Database<'_>, topic: &str) -> Result<(), StoreError> {
    database.write(VOID_TOPIC, binds![topic]).await.map(drop)
}

/// The addresses of a tenant's owners.
pub async fn list_owners(database: Database<'_>, tenant: &str) -> Result<Vec<String>, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        email: String,
    }
    Ok(database.rows::<Row>(LIST_OWNERS, binds![tenant]).await?.into_iter().map(|row| row.email).collect())
}

/// The oldest mails that wait.
pub async fn list_queued(database: Database<'_>, count_max: u64) -> Result<Vec<QueuedMail>, StoreError> {
    database.rows(LIST_QUEUED, binds![count_max]).await
}

/// Notes that the upstream has taken a mail.
pub async fn mark_sent(database: Database<'_>, mail_id: &str, now: Timestamp) -> Result<(), StoreError> {
    database.write(MARK_SENT, binds![mail_id, now.as_ms()]).await.map(drop)
}

/// Notes an attempt that failed; after twenty the mail is given up.
pub async fn mark_tried(database: Database<'_>, mail_id: &str) -> Result<(), StoreError> {
    database.write(MARK_TRIED, binds![mail_id]).await.map(drop)
}
