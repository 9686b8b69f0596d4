//! PURE. Decides. No worker, clock, randomness, SQL or HTTP: every input is an argument.

pub mod address;
pub mod agent;
pub mod audit;
pub mod bytes;
pub mod digest;
pub mod enrollment;
pub mod entropy;
pub mod event;
pub mod id;
pub mod idempotency;
pub mod json_text;
pub mod key;
pub mod ledger;
pub mod limit;
pub mod member;
pub mod memory;
pub mod money;
pub mod plan;
pub mod referral;
pub mod reservation;
pub mod scope;
pub mod slug;
pub mod time;
pub mod wallet;
