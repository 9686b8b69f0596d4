//! Durable Objects. A shell each: load, let the domain decide, write, answer. SQL through the [`sql::Sql`] trait, so
//! that the very statements that run at the edge run natively under the simulation.

pub mod clock;
pub mod gate;
pub mod hop;
pub mod idempotency;
pub mod limit;
pub mod memory;
pub mod message;
mod packed;
pub mod schema;
pub mod shell;
pub mod sql;
pub mod storage;
pub mod tenant;
pub mod wire;
