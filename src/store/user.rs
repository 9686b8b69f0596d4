//! Humans: their accounts and the cookies they are signed in by.

use serde::Deserialize;

use super::{Database, StoreError};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::{binds, statements};

statements! {
    FIND_BY_ID = "SELECT user_id, email, email_verified, name, password_hash, role, sessions_valid_from_ms, created_at_ms FROM users WHERE user_id = ?1";
    FIND_BY_SESSION = "SELECT u.user_id, u.email, u.email_verified, u.name, u.password_hash, u.role, u.sessions_valid_from_ms, u.created_at_ms FROM user_sessions s JOIN users u USING (user_id) WHERE s.session_hash = ?1 AND s.expires_at_ms > ?2 AND s.created_at_ms >= u.sessions_valid_from_ms";
}

/// A human's account.
#[derive(Clone, Deserialize)]
pub struct Account {
    pub user_id: UserId,
    pub email: String,
    pub email_verified: u64,
    pub name: String,
    pub password_hash: Option<String>,
    pub role: String,
    pub sessions_valid_from_ms: u64,
    pub created_at_ms: u64,
}

impl Account {
    /// Whether this human is an operator: made one on the machine, or an address of `ADMIN_EMAILS` verified by mail
    /// (contract README 2).
    pub fn is_operator(&self, admin_emails: &[String]) -> bool {
        self.role == "admin" || (self.email_verified == 1 && admin_emails.contains(&self.email))
    }
}

/// The account of that id.
pub async fn find_by_id(database: Database<'_>, user: UserId) -> Result<Option<Account>, StoreError> {
    database.first(FIND_BY_ID, binds![user.to_string()]).await
}

/// The account signed in by the cookie whose secret has this hash, if it still holds at `now`.
pub async fn find_by_session(database: Database<'_>, session_hash: &str, now: Timestamp) -> Result<Option<Account>, StoreError> {
    database.first(FIND_BY_SESSION, binds![session_hash, now.as_ms()]).await
}
