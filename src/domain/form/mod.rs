//! How `/v1` shows a thing: replies, events and the console use the same form.

pub mod delivery;
pub mod webhook;
