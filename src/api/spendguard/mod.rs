//! SpendGuard: what agents may spend, under which rules, and what they have spent; and the keys that manage a tenant
//! (contract identity-and-money).

pub mod api_key;
pub mod approval;
pub mod control;
pub mod delivery;
pub mod estimate;
pub mod event;
pub mod lease;
pub mod mandate;
pub mod payment;
mod request;
pub mod reservation;
pub mod tenant;
pub mod token;
pub mod usage;
pub mod wallet;
pub mod webhook;
