//! Properties of domain and crypto, and of objects whose state is one small model: native, milliseconds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod memory;
#[path = "../support/sqlite.rs"]
mod sqlite;
