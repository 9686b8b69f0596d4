//! MoteCloud's sign-in challenge (contract motecloud 3), stored nowhere: its id carries all of it under a MAC.
//!
//! Invariant: a challenge is opened only from an id that we made, so the message it rebuilds is, byte for byte, the
//! one that was handed out. That it works once is the business of the wallet's gate object, by its nonce.

use std::fmt;

use super::mac::{self, Secret};
use super::origin::Origin;
use super::siwe;
use super::wallet::{ChainId, WalletAddress};
use crate::domain::entropy::Entropy;
use crate::domain::time::{SECOND_MS, Timestamp};

/// How long a challenge may be answered.
pub const CHALLENGE_TTL_S: u64 = 300;

const PREFIX: &str = "agc_";
const ID_CHARS_MAX: usize = 200;
const VERSION: u8 = 1;
const NONCE_CHARS: usize = 24;
const MAC_BYTES: usize = 16;
const MAC_LABEL: &str = "motecloud challenge v1";
const STATEMENT: &str = "Sign in to MoteCloud with this wallet. Signing costs nothing and moves no funds.";
const SESSION_PATH: &str = "/v2/billing/agent/session";

/// How far another instance's clock may run ahead of ours.
const CLOCK_SKEW_MS: u64 = 30 * SECOND_MS;

/// A challenge to one wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    wallet: WalletAddress,
    chain_id: ChainId,
    nonce: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// Why an id opens no challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeError {
    /// Not `agc_` and base64url of at most 200 characters in all: a mistake in writing (400).
    Malformed,
    /// Not one of ours (401).
    Unknown,
    /// Its time is over (401).
    Expired,
}

impl fmt::Display for ChallengeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "must be agc_ and base64url, at most 200 characters",
            Self::Unknown => "is no challenge of ours",
            Self::Expired => "has expired",
        })
    }
}

impl Challenge {
    /// A fresh challenge, good for five minutes.
    pub fn issue(wallet: WalletAddress, chain_id: ChainId, now: Timestamp, entropy: &mut dyn Entropy) -> Self {
        let nonce = mac::random_alphanumerics(NONCE_CHARS, entropy);
        Self { wallet, chain_id, nonce, issued_at: now, expires_at: now.plus_s(CHALLENGE_TTL_S) }
    }

    /// Reads an id that `to_id` wrote under the same secret and that has not expired.
    pub fn open(id: &str, secret: &Secret, now: Timestamp) -> Result<Self, ChallengeError> {
        let encoded = id.strip_prefix(PREFIX).filter(|_| id.len() <= ID_CHARS_MAX).ok_or(ChallengeError::Malformed)?;
        let base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if encoded.is_empty() || !encoded.bytes().all(base64url) {
            return Err(ChallengeError::Malformed);
        }
        let sealed = mac::from_base64url(encoded).ok_or(ChallengeError::Unknown)?;
        let (body, tag) = sealed.split_last_chunk::<MAC_BYTES>().ok_or(ChallengeError::Unknown)?;
        if !secret.verify_mac(MAC_LABEL, &[body], tag) {
            return Err(ChallengeError::Unknown);
        }
        let challenge = Self::from_body(body).ok_or(ChallengeError::Unknown)?;
        if challenge.issued_at.since_ms(now) > CLOCK_SKEW_MS {
            return Err(ChallengeError::Unknown);
        }
        if now >= challenge.expires_at { Err(ChallengeError::Expired) } else { Ok(challenge) }
    }

    /// The `challenge_id`: everything the challenge is, under a MAC.
    pub fn to_id(&self, secret: &Secret) -> String {
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(self.wallet.as_bytes());
        sealed.extend_from_slice(&self.chain_id.get().to_be_bytes());
        sealed.extend_from_slice(&self.issued_at.as_ms().to_be_bytes());
        sealed.extend_from_slice(&self.expires_at.as_ms().to_be_bytes());
        sealed.extend_from_slice(self.nonce.as_bytes());
        let tag = secret.mac(MAC_LABEL, &[&sealed]);
        sealed.extend(tag.iter().take(MAC_BYTES));
        format!("{PREFIX}{}", mac::to_base64url(&sealed))
    }

    fn from_body(body: &[u8]) -> Option<Self> {
        let (version, rest) = body.split_first()?;
        let (wallet, rest) = rest.split_first_chunk::<20>()?;
        let (chain_id, rest) = rest.split_first_chunk::<8>()?;
        let (issued_at, rest) = rest.split_first_chunk::<8>()?;
        let (expires_at, nonce) = rest.split_first_chunk::<8>()?;
        let well_formed = *version == VERSION && nonce.len() == NONCE_CHARS;
        well_formed.then_some(Self {
            wallet: WalletAddress::from_bytes(*wallet),
            chain_id: ChainId::new(u64::from_be_bytes(*chain_id)).ok()?,
            nonce: String::from_utf8(nonce.to_vec()).ok()?,
            issued_at: Timestamp::from_ms(u64::from_be_bytes(*issued_at)),
            expires_at: Timestamp::from_ms(u64::from_be_bytes(*expires_at)),
        })
    }

    /// The EIP-4361 text the wallet signs, for the deployment at this origin.
    pub fn message(&self, origin: &Origin) -> String {
        let message = siwe::Message {
            scheme: None,
            domain: origin.domain().to_owned(),
            address: self.wallet,
            statement: Some(STATEMENT.to_owned()),
            uri: format!("{origin}{SESSION_PATH}"),
            chain_id: self.chain_id,
            nonce: self.nonce.clone(),
            issued_at: self.issued_at,
            expiration_time: Some(self.expires_at),
            not_before: None,
            request_id: None,
            resources: Vec::new(),
        };
        message.write()
    }

    pub const fn wallet(&self) -> WalletAddress {
        self.wallet
    }

    pub const fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// 24 letters and digits that no other challenge has: what marks this one used.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer {
                self.0 = self.0.wrapping_mul(5).wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    fn issued() -> (Challenge, Secret, Timestamp) {
        let now = Timestamp::parse("2026-02-02T02:40:00.123Z").unwrap();
        let wallet = WalletAddress::parse("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2").unwrap();
        (Challenge::issue(wallet, ChainId::BASE, now, &mut Fixed(3)), Secret::from_bytes([9; 32]), now)
    }

    #[test]
    fn the_message_is_the_contract_s_to_the_byte() {
        let (challenge, _, _) = issued();
        let nonce = challenge.nonce().to_owned();
        assert_eq!(nonce.len(), 24);
        let expected = format!(
            "127.0.0.1:8787 wants you to sign in with your Ethereum account:\n\
             0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2\n\
             \n\
             {STATEMENT}\n\
             \n\
             URI: http://127.0.0.1:8787/v2/billing/agent/session\n\
             Version: 1\n\
             Chain ID: 8453\n\
             Nonce: {nonce}\n\
             Issued At: 2026-02-02T02:40:00.123Z\n\
             Expiration Time: 2026-02-02T02:45:00.123Z"
        );
        assert_eq!(challenge.message(&Origin::parse("http://127.0.0.1:8787").unwrap()), expected);
        assert_eq!(siwe::Message::parse(&expected).unwrap().to_text().as_ref(), Ok(&expected));
    }

    #[test]
    fn a_challenge_opens_until_it_expires_under_its_own_secret_only() {
        let (challenge, secret, now) = issued();
        let id = challenge.to_id(&secret);
        assert!(id.len() <= ID_CHARS_MAX, "{}", id.len());
        let last = now.plus_ms(CHALLENGE_TTL_S * SECOND_MS - 1);
        assert_eq!(Challenge::open(&id, &secret, now).as_ref(), Ok(&challenge));
        assert_eq!(Challenge::open(&id, &secret, last), Ok(challenge));
        assert_eq!(Challenge::open(&id, &secret, last.plus_ms(1)), Err(ChallengeError::Expired));
        assert_eq!(Challenge::open(&id, &secret, now.minus_ms(60_000)), Err(ChallengeError::Unknown));
        assert_eq!(Challenge::open(&id, &Secret::from_bytes([8; 32]), now), Err(ChallengeError::Unknown));
    }

    #[test]
    fn a_mistake_in_writing_is_told_from_a_foreign_challenge() {
        let (_, secret, now) = issued();
        let long = format!("agc_{}", "A".repeat(197));
        for bad in ["", "agc_", "agc_+++", "agc_a=", "agc_a b", "evt_AAAA", "AGC_AAAA", &long] {
            assert_eq!(Challenge::open(bad, &secret, now), Err(ChallengeError::Malformed), "{bad}");
        }
        for foreign in ["agc_AAAA", "agc_A", &long[..200]] {
            assert_eq!(Challenge::open(foreign, &secret, now), Err(ChallengeError::Unknown), "{foreign}");
        }
    }
}
