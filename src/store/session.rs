//! Cookie sessions of humans, by the hash of their secret.

use serde::Deserialize;

use super::{Database, StoreError};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::{binds, statements};

statements! {
    OPEN = "INSERT INTO user_sessions (session_hash, user_id, created_at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4)";
    PURGE = "DELETE FROM user_sessions WHERE user_id = ?1 AND expires_at_ms <= ?2";
    CLOSE = "DELETE FROM user_sessions WHERE session_hash = ?1";
    FIND_EXPIRY = "SELECT expires_at_ms FROM user_sessions WHERE session_hash = ?1";
    COUNT = "SELECT COUNT(*) AS sessions FROM user_sessions s JOIN users u USING (user_id) WHERE s.user_id = ?1 AND s.expires_at_ms > ?2 AND s.created_at_ms >= u.sessions_valid_from_ms";
}

/// Opens a session, and forgets those of the same human that have expired.
pub async fn open(
    database: Database<'_>,
    session_hash: &str,
    user: UserId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let user = user.to_string();
    let opened = binds![session_hash, user.as_str(), now.as_ms(), expires_at.as_ms()];
    database.batch(vec![(OPEN, opened), (PURGE, binds![user, now.as_ms()])]).await.map(drop)
}

/// Ends a session; an unknown one is none.
pub async fn close(database: Database<'_>, session_hash: &str) -> Result<(), StoreError> {
    database.write(CLOSE, binds![session_hash]).await.map(drop)
}

/// When the session ends by itself.
pub async fn find_expiry(database: Database<'_>, session_hash: &str) -> Result<Option<Timestamp>, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        expires_at_ms: u64,
    }
    Ok(database.first::<Row>(FIND_EXPIRY, binds![session_hash]).await?.map(|row| Timestamp::from_ms(row.expires_at_ms)))
}

/// How many sessions of the human are good at `now`.
pub async fn count(database: Database<'_>, user: UserId, now: Timestamp) -> Result<u64, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        sessions: u64,
    }
    Ok(database.first::<Row>(COUNT, binds![user.to_string(), now.as_ms()]).await?.map_or(0, |row| row.sessions))
}
