//! Properties of domain and crypto, and of objects whose state is one small model: native, milliseconds. Among them
//! published vectors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod crypto_credential;
mod crypto_message;
mod crypto_seal;
mod crypto_vector;
#[path = "../support/entropy.rs"]
mod entropy;
mod json_path;
mod memory;
mod scope;
#[path = "../support/sqlite.rs"]
mod sqlite;
mod target;
#[path = "../support/vectors/mod.rs"]
mod vectors;
