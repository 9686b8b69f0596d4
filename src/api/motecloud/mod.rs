//! MoteCloud: discovery, wallet sessions, tenants, memory and its metering (contract motecloud).

pub mod admin;
pub mod billing;
pub mod enroll;
pub mod finalize;
pub mod invitation;
pub mod query;
pub mod session;
pub mod signup;
pub mod tenant;
pub mod wallet_session;
