//! The rules of the house, kept by reading its own source and tables.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod code;
mod layer;
mod market;
mod route;
mod setting;
mod source;
mod statement;
mod wire;
