//! Agentbot: accounts and sign-in of humans (contract agentbot 2).

pub mod account;
pub mod sign_in;
