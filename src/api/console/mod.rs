//! The console: server-rendered pages for the humans who own tenants (contract README 13).
//!
//! `view` turns plain data into HTML and decides nothing; `asset` holds the files the pages load; the rest are handlers.
//! No page needs a script. A form carries a token bound to the session, answers 303, and comes back with its values and
//! with words beside the field that is wrong.

pub mod agent;
pub mod approval;
pub mod asset;
pub mod audit;
pub mod billing;
pub mod buyer_wallet;
pub mod dispute;
pub mod enrollment;
pub mod entrance;
pub mod failure;
mod flash;
pub mod front;
pub mod invitation;
pub mod key;
pub mod lease;
mod listing;
pub mod mandate;
pub mod operator;
pub mod order;
pub mod order_act;
mod order_visit;
mod overview;
pub mod packet;
pub mod payment;
mod posted;
pub mod purchase;
pub mod revocation;
pub mod setting;
pub mod tenant;
mod tenant_data;
mod tenant_visit;
pub mod view;
mod visit;
pub mod wallet;
pub mod webhook;
