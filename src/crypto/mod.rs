//! PURE. Bytes in, verdict out: wallets, messages they sign, tokens, keys, passwords, seals. No worker, clock,
//! randomness, SQL or HTTP: every input is an argument.

pub mod api_key;
pub mod challenge;
pub mod ed25519;
pub mod eip191;
pub mod jcs;
pub mod key_ring;
pub mod mac;
pub mod opaque_token;
pub mod origin;
pub mod password;
pub mod seal;
mod seen_signature;
pub mod session_token;
pub mod signing_key;
pub mod siwe;
pub mod solana;
pub mod token;
pub mod uri;
pub mod vault;
pub mod wallet;
pub mod webhook;
