//! API keys: what the house keeps of them and when one is good (contract README 4).
//!
//! Invariant: a key is good only while its kind and secret fit and it is neither revoked nor expired; every way of not
//! being good looks the same from outside. Only the SHA-256 of the secret is kept.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::digest::Digest;
use super::time::{MINUTE_MS, Timestamp};

/// What a key is good for, told by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// `mtak_`: an agent's runtime key at MoteCloud; it dies with its agent.
    Agent,
    /// `mten_`: the right to enroll one wallet, once.
    Enrollment,
    /// `tl_live_`: management at `/v1`.
    Live,
    /// `tl_test_`: management at `/v1` that may not touch live wallets.
    Test,
    /// `sk_`: Agentbot.
    Agentbot,
    /// `atelier_`: an agent's key at Atelier; it dies with its agent.
    Atelier,
    /// `inv_`: the right to become a tenant's owner, once.
    Invitation,
}

impl KeyKind {
    pub const ALL: [Self; 7] = [Self::Agent, Self::Enrollment, Self::Live, Self::Test, Self::Agentbot, Self::Atelier, Self::Invitation];

    /// What the key's text begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Agent => "mtak_",
            Self::Enrollment => "mten_",
            Self::Live => "tl_live_",
            Self::Test => "tl_test_",
            Self::Agentbot => "sk_",
            Self::Atelier => "atelier_",
            Self::Invitation => "inv_",
        }
    }

    /// The name the kind is stored by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Enrollment => "enrollment",
            Self::Live => "live",
            Self::Test => "test",
            Self::Agentbot => "agentbot",
            Self::Atelier => "atelier",
            Self::Invitation => "invitation",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether keys of this kind belong to an agent.
    pub const fn belongs_to_agent(self) -> bool {
        match self {
            Self::Agent | Self::Atelier => true,
            Self::Enrollment | Self::Live | Self::Test | Self::Agentbot | Self::Invitation => false,
        }
    }
}

/// The number of a key within its tenant: 64 random bits, written and stored as 16 lower-case hex characters. It names
/// the row, it is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyNumber([u8; 8]);

impl KeyNumber {
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Reads 16 lower-case hex characters.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.bytes().all(|b| !b.is_ascii_uppercase());
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).ok().filter(|()| lower)?;
        Some(Self(bytes))
    }
}

impl fmt::Display for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("must be 16 lower-case hex characters"))
    }
}

/// What a minting caller hands in: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSecret {
    pub number: KeyNumber,
    /// SHA-256 of the 48 secret characters.
    pub secret_hash: Digest,
    /// The last four characters, shown in lists.
    pub last4: String,
    /// The whole key sealed under the caller's Idempotency-Key, kept with the answer so that a replay can show it again.
    pub sealed: Option<String>,
}

/// The stored half of a key that decides whether a presented one is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredKey {
    pub kind: KeyKind,
    pub secret_hash: Digest,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

impl StoredKey {
    /// Whether a key of `kind` with this secret is good at `now`.
    pub fn is_good(&self, kind: KeyKind, secret_hash: &Digest, now: Timestamp) -> bool {
        let secret_fits = self.secret_hash.equals_in_constant_time(secret_hash);
        secret_fits && self.kind == kind && self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether its use at `now` falls in a later minute than the last one noted: it is kept to the minute.
    pub fn is_use_worth_noting(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| last.as_ms() / MINUTE_MS < now.as_ms() / MINUTE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_good_only_while_everything_fits() {
        let hash = Digest::of(&[b"secret"]);
        let at = Timestamp::from_ms;
        let key = StoredKey { kind: KeyKind::Agent, secret_hash: hash, expires_at: Some(at(100)), revoked_at: None, last_used_at: None };
        assert!(key.is_good(KeyKind::Agent, &hash, at(99)));
        assert!(!key.is_good(KeyKind::Agent, &hash, at(100)));
        assert!(!key.is_good(KeyKind::Live, &hash, at(99)));
        assert!(!key.is_good(KeyKind::Agent, &Digest::of(&[b"secreu"]), at(99)));
        assert!(!StoredKey { revoked_at: Some(at(1)), ..key }.is_good(KeyKind::Agent, &hash, at(99)));
    }

    #[test]
    fn use_is_noted_once_a_minute() {
        let key = StoredKey {
            kind: KeyKind::Live,
            secret_hash: Digest::ZERO,
            expires_at: None,
            revoked_at: None,
            last_used_at: Some(Timestamp::from_ms(60_000)),
        };
        assert!(!key.is_use_worth_noting(Timestamp::from_ms(119_999)));
        assert!(key.is_use_worth_noting(Timestamp::from_ms(120_000)));
        assert!(StoredKey { last_used_at: None, ..key }.is_use_worth_noting(Timestamp::from_ms(0)));
    }

    #[test]
    fn only_sixteen_lower_hex_characters_are_a_number() {
        assert_eq!(KeyNumber::parse("00ff00ff00ff00ff"), Some(KeyNumber::from_bytes([0, 255, 0, 255, 0, 255, 0, 255])));
        for bad in ["", "00FF00ff00ff00ff", "00ff00ff00ff00f", "00ff00ff00ff00ff0", "zzzzzzzzzzzzzzzz"] {
            assert_eq!(KeyNumber::parse(bad), None);
        }
    }
}
