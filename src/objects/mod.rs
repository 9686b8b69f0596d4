//! Durable Objects. A shell each: load, let the domain decide, write, answer. SQL through the [`sql::Sql`] trait, so
//! that the very statements that run at the edge run natively under the simulation.

pub mod sql;
