//! Humans as buyers: the Solana wallets they have proved, and the orders of those; and the orders that operators judge.
//!
//! Invariants: 1. A wallet is at most one human's: his whose signature is the newest. 2. A signature proves a wallet for one
//! human: what it has proved once, or what the wallet has signed before that, proves nothing for another.

use serde::Deserialize;

use super::order::FormRow;
use super::{Database, StoreError};
use crate::domain::form::order::OrderForm;
use crate::domain::form::written::Written;
use crate::domain::id::{OrderId, TenantUuid, UserId};
use crate::domain::time::Timestamp;
use crate::{binds, statements};

/// Wallets a human may have.
pub const WALLETS_MAX: u64 = 20;

statements! {
    PROVE = "INSERT INTO user_wallets (wallet, user_id, signed_at_ms, proved_at_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (wallet) DO UPDATE SET user_id = excluded.user_id, signed_at_ms = max(excluded.signed_at_ms, user_wallets.signed_at_ms), proved_at_ms = excluded.proved_at_ms WHERE excluded.signed_at_ms > user_wallets.signed_at_ms OR excluded.user_id = user_wallets.user_id";
    FORGET = "UPDATE user_wallets SET user_id = NULL, signed_at_ms = max(signed_at_ms, ?3) WHERE wallet = ?1 AND user_id = ?2";
    LIST_WALLETS = "SELECT wallet, proved_at_ms FROM user_wallets WHERE user_id = ?1 ORDER BY proved_at_ms DESC, wallet DESC LIMIT ?2";
    LIST_ORDERS = "SELECT o.form FROM user_wallets w JOIN market_orders o ON o.order_id IN (SELECT i.order_id FROM market_orders i WHERE i.client_wallet = w.wallet AND (?2 IS NULL OR i.order_id < ?2) ORDER BY i.order_id DESC LIMIT ?3) WHERE w.user_id = ?1 ORDER BY o.order_id DESC LIMIT ?3";
    FIND_ORDER = "SELECT o.tenant_uuid, w.wallet FROM market_orders o LEFT JOIN user_wallets w ON w.wallet = o.client_wallet AND w.user_id = ?2 WHERE o.order_id = ?1";
    LIST_DISPUTED = "SELECT form FROM market_orders WHERE form ->> '$.status' = 'disputed' ORDER BY form ->> '$.auto_action_at', order_id LIMIT ?1";
}

/// A wallet that a human has proved.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProvedWallet {
    pub wallet: String,
    pub proved_at_ms: u64,
}

/// With whom an order lies, and by which of his wallets a human is its buyer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FoundOrder {
    pub tenant_uuid: TenantUuid,
    pub wallet: Option<String>,
}

/// Makes a wallet a human's, which has signed at `signed_at_ms`; whether it is his now.
pub async fn prove(database: Database<'_>, wallet: &str, user: UserId, signed_at_ms: u64, now: Timestamp) -> Result<bool, StoreError> {
    Ok(database.write(PROVE, binds![wallet, user.to_string(), signed_at_ms, now.as_ms()]).await? > 0)
}

/// Makes a human's wallet nobody's.
pub async fn forget(database: Database<'_>, wallet: &str, user: UserId, now: Timestamp) -> Result<(), StoreError> {
    database.write(FORGET, binds![wallet, user.to_string(), now.as_ms()]).await.map(drop)
}

/// A human's wallets, the one proved last first.
pub async fn list_wallets(database: Database<'_>, user: UserId) -> Result<Vec<ProvedWallet>, StoreError> {
    database.rows(LIST_WALLETS, binds![user.to_string(), WALLETS_MAX]).await
}

/// The orders of a human's wallets, newest first, older than `before`.
pub async fn list_orders(
    database: Database<'_>,
    user: UserId,
    before: Option<OrderId>,
    limit: u64,
) -> Result<Vec<Written<OrderForm>>, StoreError> {
    let before = before.map(|id| id.to_string());
    let rows = database.rows::<FormRow>(LIST_ORDERS, binds![user.to_string(), before, limit]).await?;
    Ok(rows.into_iter().map(|row| row.form).collect())
}

/// With whom an order lies, and whether a human is its buyer.
pub async fn find_order(database: Database<'_>, order_id: OrderId, user: UserId) -> Result<Option<FoundOrder>, StoreError> {
    database.first(FIND_ORDER, binds![order_id.to_string(), user.to_string()]).await
}

/// Disputed orders, those first that end by themselves first.
pub async fn list_disputed(database: Database<'_>, limit: u64) -> Result<Vec<Written<OrderForm>>, StoreError> {
    Ok(database.rows::<FormRow>(LIST_DISPUTED, binds![limit]).await?.into_iter().map(|row| row.form).collect())
}
