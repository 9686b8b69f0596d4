//! What the house itself answers: health, public documents, keys, and the clock of a test deployment.

pub mod document;
pub mod health;
#[cfg(feature = "panic-route")]
pub mod panic;
pub mod test_clock;
