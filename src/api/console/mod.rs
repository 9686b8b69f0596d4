//! The console: server-rendered pages for the humans who own tenants (contract README 13).
//!
//! `view` turns plain data into HTML and decides nothing; `asset` holds the two files the pages load.

pub mod asset;
pub mod view;
