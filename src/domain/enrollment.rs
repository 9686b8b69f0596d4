//! One-time tokens: enrollment of an agent, invitation of an owner (contract motecloud 4).
//!
//! Invariant: a token serves once. From its deadline on it is expired, whether or not anything marked it.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::time::Timestamp;

/// Seconds an owner's invitation is good for: 7 days.
pub const INVITATION_TTL_S: u64 = 7 * 86_400;

/// How a token stands, as its owner lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    Unused,
    Used,
    Expired,
    Revoked,
}

/// What of a stored token decides whether it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredToken {
    pub secret_hash: Digest,
    pub expires_at: Timestamp,
    pub used: bool,
    pub revoked: bool,
}

impl StoredToken {
    /// How the token stands at `now`.
    pub fn status(&self, now: Timestamp) -> TokenStatus {
        match (self.used, self.revoked) {
            (true, _) => TokenStatus::Used,
            (false, true) => TokenStatus::Revoked,
            (false, false) if now >= self.expires_at => TokenStatus::Expired,
            (false, false) => TokenStatus::Unused,
        }
    }

    /// Whether the presented secret fits and the token is still unused.
    pub fn is_good(&self, secret_hash: &Digest, now: Timestamp) -> bool {
        let secret_fits = self.secret_hash.equals_in_constant_time(secret_hash);
        secret_fits && self.status(now) == TokenStatus::Unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_once_and_until_its_deadline() {
        let hash = Digest::of(&[b"secret"]);
        let token = StoredToken { secret_hash: hash, expires_at: Timestamp::from_ms(100), used: false, revoked: false };
        assert!(token.is_good(&hash, Timestamp::from_ms(99)));
        assert!(!token.is_good(&hash, Timestamp::from_ms(100)));
        assert!(!token.is_good(&Digest::ZERO, Timestamp::from_ms(99)));
        let used = StoredToken { used: true, ..token };
        assert_eq!(used.status(Timestamp::from_ms(200)), TokenStatus::Used);
        let revoked = StoredToken { revoked: true, ..token };
        assert_eq!(revoked.status(Timestamp::from_ms(200)), TokenStatus::Revoked);
        assert_eq!(token.status(Timestamp::from_ms(200)), TokenStatus::Expired);
    }
}
