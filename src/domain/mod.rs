//! PURE. Decides. No worker, clock, randomness, SQL or HTTP: every input is an argument.

pub mod entropy;
pub mod id;
pub mod money;
pub mod slug;
pub mod time;
