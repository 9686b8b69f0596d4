//! SpendGuard: wallets and what is spent from them, and the keys that manage a tenant (contract identity-and-money).

pub mod api_key;
pub mod wallet;
