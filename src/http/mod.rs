//! The border: routes as data, access, idempotency, limits, faults and replies.

pub mod account;
pub mod audit;
pub mod birth;
pub mod body;
pub mod code;
pub mod context;
pub mod credential;
pub mod dispatch;
pub mod due;
pub mod fault;
pub mod field;
pub mod gate;
pub mod idempotency;
pub mod json;
pub mod json_path;
pub mod keys;
pub mod limit;
pub mod lookup;
pub mod mail;
pub mod memory;
pub mod money;
#[cfg(not(target_arch = "wasm32"))]
pub mod openapi;
pub mod page;
pub mod query;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod root;
pub mod route;
#[cfg(not(target_arch = "wasm32"))]
mod schema;
pub mod session;
pub mod tenant;
pub mod webhook;
