//! SpendGuard: wallets and what is spent from them, and what manages a tenant: keys, webhooks, the audit chain (contract
//! identity-and-money).

pub mod api_key;
pub mod delivery;
pub mod event;
pub mod tenant;
pub mod wallet;
pub mod webhook;
