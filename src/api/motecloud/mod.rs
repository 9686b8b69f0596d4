//! MoteCloud: discovery, wallet sessions, tenants, memory and its metering (contract motecloud).

pub mod billing;

pub mod wallet_session;
