//! What the house itself answers: health, public documents, keys, and the clock of a test deployment.

pub mod document;
pub mod health;
pub mod test_clock;
