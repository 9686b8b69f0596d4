//! Guildhall: the edge-hosted back office for autonomous agents.

pub mod crypto;
pub mod domain;
pub mod objects;
