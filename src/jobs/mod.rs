//! Queue consumers and cron: they hand what the objects decided to the book of record, and repair.

pub mod delivery;
pub mod lane;
pub mod mail;
pub mod payment;
pub mod projection;
pub mod repair;
pub mod settlement;
