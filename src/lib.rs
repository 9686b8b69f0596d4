//! Guildhall: the edge-hosted back office for autonomous agents.
//!
//! `api::TABLE` is the map of what can be asked, `entry` where the platform comes in.

// Without the entry the half of an object that the platform calls is there for nothing.
#![cfg_attr(not(feature = "entry"), allow(dead_code))]

pub mod api;
pub mod crypto;
pub mod domain;
pub mod edge;
#[cfg(feature = "entry")]
mod entry;
pub mod http;
pub mod jobs;
pub mod objects;
pub mod store;
