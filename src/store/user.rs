//! Humans: their accounts and the cookies they are signed in by.

use serde::Deserialize;

use super::{Database, StoreError};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::{binds, statements};

statements! {
    CREATE = "INSERT INTO users (user_id, email, name, password_hash, referral_code, credits, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, CASE WHEN EXISTS (SELECT 1 FROM users WHERE referral_code = ?6) THEN ?7 ELSE 0 END, ?8)";
    REWARD = "UPDATE users SET credits = credits + ?2 WHERE referral_code = ?1";
    COUNT_NEW = "UPDATE totals SET users = users + 1 WHERE id = 1";
    COUNT = "SELECT users FROM totals WHERE id = 1";
    FIND_BY_EMAIL = "SELECT user_id, email, email_verified, name, password_hash, role, sessions_valid_from_ms, created_at_ms FROM users WHERE email = ?1";
    RENAME = "UPDATE users SET name = ?2 WHERE user_id = ?1";
    SET_PASSWORD = "UPDATE users SET password_hash = ?2, sessions_valid_from_ms = ?3 WHERE user_id = ?1";
    END_SESSIONS = "UPDATE users SET sessions_valid_from_ms = ?2 WHERE user_id = ?1";
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

/// A new account. Whose referral code it names gets the reward too; a code nobody has gives nothing.
pub struct NewAccount<'a> {
    pub user_id: UserId,
    pub email: &'a str,
    pub name: &'a str,
    pub password_hash: &'a str,
    pub referral_code: &'a str,
    /// In upper case, like every code.
    pub referred_by: Option<&'a str>,
    /// Whole credits.
    pub reward: u64,
}

/// Opens an account; `Taken` when the address has one.
pub async fn create(database: Database<'_>, new: NewAccount<'_>, now: Timestamp) -> Result<(), StoreError> {
    let referred_by = new.referred_by.unwrap_or_default();
    let row =
        binds![new.user_id.to_string(), new.email, new.name, new.password_hash, new.referral_code, referred_by, new.reward, now.as_ms()];
    database.batch(vec![(CREATE, row), (REWARD, binds![referred_by, new.reward]), (COUNT_NEW, Vec::new())]).await.map(drop)
}

/// The account of that address, which is in lower case.
pub async fn find_by_email(database: Database<'_>, email: &str) -> Result<Option<Account>, StoreError> {
    database.first(FIND_BY_EMAIL, binds![email]).await
}

pub async fn rename(database: Database<'_>, user: UserId, name: &str) -> Result<(), StoreError> {
    database.write(RENAME, binds![user.to_string(), name]).await.map(drop)
}

/// Changes the password; every cookie and token made before `now` is void.
pub async fn set_password(database: Database<'_>, user: UserId, password_hash: &str, now: Timestamp) -> Result<(), StoreError> {
    database.write(SET_PASSWORD, binds![user.to_string(), password_hash, now.as_ms()]).await.map(drop)
}

/// Makes every cookie and token made before `from` void.
pub async fn end_sessions(database: Database<'_>, user: UserId, from: Timestamp) -> Result<(), StoreError> {
    database.write(END_SESSIONS, binds![user.to_string(), from.as_ms()]).await.map(drop)
}

/// How many accounts there are.
pub async fn count(database: Database<'_>) -> Result<u64, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        users: u64,
    }
    Ok(database.first::<Row>(COUNT, Vec::new()).await?.map_or(0, |row| row.users))
}
