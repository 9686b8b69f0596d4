//! Pages as pure functions: plain data in, HTML out. No clock, no store, no request.
//!
//! Every text from outside passes through maud's escaping; the one exception is the drawing of the house itself, which
//! holds no data. No page carries an inline style or script, so the strict policy of [`super::asset`] holds on all.

pub mod agent;
pub mod approval;
pub mod audit;
pub mod billing;
pub mod buyer_wallet;
pub mod confirmation;
pub mod dispute;
pub mod enrollment;
pub mod entrance;
pub mod failure;
pub mod form;
pub mod front;
pub mod gauge;
pub mod invitation;
pub mod key;
pub mod layout;
pub mod lease;
pub mod mandate;
pub mod market;
pub mod notice;
pub mod operator;
pub mod order;
pub mod order_act;
pub mod order_sheet;
pub mod overview;
pub mod packet;
pub mod part;
pub mod payment;
pub mod plot;
pub mod setting;
pub mod tenant;
pub mod wallet;
pub mod webhook;

#[cfg(test)]
mod law;
#[cfg(test)]
mod sample;
