//! Solana wallets: addresses, what they sign at the marketplace, and the ids that a sandbox makes up for itself (contract
//! atelier 1 and 4).

pub mod payment;
pub mod transfer;

use std::fmt;

use sha2::{Digest, Sha512};

use super::ed25519::PublicKey;
use super::mac;
use crate::domain::time::{DAY_MS, SECOND_MS, Timestamp};

/// How old a signature may be, and how far ahead of our clock.
const SIGNATURE_TTL_MS: u64 = DAY_MS;
const SIGNATURE_AHEAD_MS: u64 = 30 * SECOND_MS;

/// Characters of 32 bytes in base58.
const ADDRESS_CHARS: std::ops::RangeInclusive<usize> = 32..=44;

/// An address: an Ed25519 public key, in base58. One key has one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolanaAddress {
    text: String,
    key: [u8; 32],
}

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAddress;

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a Solana address: 32 bytes in base58")
    }
}

impl SolanaAddress {
    /// Reads base58 of exactly 32 bytes.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let mut key = [0; 32];
        let fits = ADDRESS_CHARS.contains(&text.len()) && bs58::decode(text).onto(&mut key).is_ok_and(|length| length == key.len());
        if fits { Ok(Self { text: text.to_owned(), key }) } else { Err(NotAnAddress) }
    }

    /// The address of these bytes.
    pub fn from_bytes(key: [u8; 32]) -> Self {
        Self { text: bs58::encode(key).into_string(), key }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// Whether this wallet signed, lately, that it is itself: base58 of an Ed25519 signature over
    /// `atelier:<wallet>:<signed_at_ms>`.
    pub fn has_signed(&self, signature: &str, signed_at_ms: u64, now: Timestamp) -> bool {
        let signed_at = Timestamp::from_ms(signed_at_ms);
        let is_fresh = now.since_ms(signed_at) <= SIGNATURE_TTL_MS && signed_at.since_ms(now) <= SIGNATURE_AHEAD_MS;
        let mut bytes = [0; 64];
        let is_signature = bs58::decode(signature).onto(&mut bytes).is_ok_and(|length| length == bytes.len());
        let message = format!("atelier:{}:{signed_at_ms}", self.text);
        // A key of small order verifies what nobody signed; no wallet has one.
        is_fresh && is_signature && PublicKey::from_bytes(&self.key).is_some_and(|key| key.verifies(message.as_bytes(), &bytes))
    }
}

/// The signature a sandbox gives a transaction that it only writes down.
pub fn sandbox_signature(what: &str) -> String {
    bs58::encode(Sha512::digest(format!("guildhall-sandbox:{what}"))).into_string()
}

/// The address a sandbox gives a thing that it only writes down.
pub fn sandbox_address(what: &str) -> String {
    bs58::encode(mac::sha256(format!("guildhall-sandbox:{what}").as_bytes())).into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::signing_key::SigningKey;

    const NOW: Timestamp = Timestamp::from_ms(1_770_000_000_000);

    fn wallet() -> (SigningKey, SolanaAddress) {
        let key = SigningKey::from_seed(&[7; 32]);
        let text = bs58::encode(key.verification().key().as_bytes()).into_string();
        (key, SolanaAddress::parse(&text).unwrap())
    }

    #[test]
    fn an_address_is_thirty_two_bytes() {
        assert!(SolanaAddress::parse("So11111111111111111111111111111111111111112").is_ok());
        assert!(SolanaAddress::parse("11111111111111111111111111111111").is_ok());
        for bad in [
            "",
            "0OIl",
            "1111111111111111111111111111111",
            "So1111111111111111111111111111111111111111222",
            "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        ] {
            assert_eq!(SolanaAddress::parse(bad), Err(NotAnAddress), "{bad}");
        }
    }

    #[test]
    fn a_signature_holds_for_its_wallet_and_for_a_day() {
        let (key, address) = wallet();
        let sign = |text: String| bs58::encode(key.sign(text.as_bytes())).into_string();
        let at = NOW.as_ms();
        let good = sign(format!("atelier:{}:{at}", address.as_str()));
        assert!(address.has_signed(&good, at, NOW));
        assert!(address.has_signed(&good, at, NOW.plus_ms(DAY_MS)));
        assert!(!address.has_signed(&good, at, NOW.plus_ms(DAY_MS + 1)));
        assert!(address.has_signed(&good, at, NOW.minus_ms(30_000)));
        assert!(!address.has_signed(&good, at, NOW.minus_ms(30_001)));
        assert!(!address.has_signed(&good, at + 1, NOW), "another time was signed");
        let other = SolanaAddress::parse("So11111111111111111111111111111111111111112").unwrap();
        assert!(!other.has_signed(&good, at, NOW));
        for bad in ["", "abc", &good[..good.len() - 1], "0"] {
            assert!(!address.has_signed(bad, at, NOW), "{bad}");
        }
    }

    #[test]
    fn what_a_sandbox_makes_up_follows_from_what_it_is_for() {
        assert_eq!(sandbox_signature("payout:ord_1"), sandbox_signature("payout:ord_1"));
        assert_ne!(sandbox_signature("payout:ord_1"), sandbox_signature("payout:ord_2"));
        assert!(SolanaAddress::parse(&sandbox_address("mint:01:ABC")).is_ok());
    }
}
