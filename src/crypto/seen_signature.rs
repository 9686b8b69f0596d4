//! Signatures that were found good, remembered: whether one fits a message and a key never changes, and a token comes
//! with every request of its agent. Times, audience and whether the key still counts are looked at each time all the same.
//!
//! Invariant: nothing is remembered but the digest of key, signature and message of a verification that succeeded.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::mem;

use super::ed25519::PublicKey;
use crate::domain::digest::Digest;

/// How many are remembered before the older half is forgotten.
const GENERATION: usize = 1024;

/// The memory of one instance. When the recent generation is full it becomes the older one, whose place it takes.
#[derive(Debug, Clone, Default)]
pub(super) struct SeenSignatures(RefCell<Generations>);

#[derive(Debug, Clone, Default)]
struct Generations {
    recent: BTreeSet<[u8; 32]>,
    older: BTreeSet<[u8; 32]>,
}

impl SeenSignatures {
    /// Whether `signature` (64 bytes) is `key`'s of `message`.
    pub(super) fn verifies(&self, key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
        let is_known = self.knows(key, message, signature);
        if !is_known && key.verifies(message, signature) {
            self.remember(key, message, signature);
            return true;
        }
        is_known
    }

    /// Whether it was remembered.
    pub(super) fn knows(&self, key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.borrow_mut().recalls(&name(key, message, signature))
    }

    /// Remembers a signature that is good.
    pub(super) fn remember(&self, key: &PublicKey, message: &[u8], signature: &[u8; 64]) {
        self.0.borrow_mut().remember(name(key, message, signature));
    }
}

/// Key and signature have one length each, so no two triples run together into the same bytes.
fn name(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> [u8; 32] {
    *Digest::of(&[key.as_bytes(), signature, message]).as_bytes()
}

impl Generations {
    /// What is still in use survives its generation.
    fn recalls(&mut self, digest: &[u8; 32]) -> bool {
        if self.recent.contains(digest) {
            return true;
        }
        let is_older = self.older.remove(digest);
        if is_older {
            self.remember(*digest);
        }
        is_older
    }

    fn remember(&mut self, digest: [u8; 32]) {
        if self.recent.len() >= GENERATION {
            self.older = mem::take(&mut self.recent);
        }
        self.recent.insert(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::signing_key::SigningKey;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32])
    }

    fn count(seen: &SeenSignatures) -> usize {
        let generations = seen.0.borrow();
        generations.recent.len() + generations.older.len()
    }

    #[test]
    fn a_signature_seen_once_is_good_for_its_own_message_and_key_alone() {
        let seen = SeenSignatures::default();
        let good = key().sign(b"a token");
        let public = key().verification().key().to_owned();
        assert!(seen.verifies(&public, b"a token", &good));
        assert!(seen.verifies(&public, b"a token", &good));
        assert_eq!(count(&seen), 1);
        let other = SigningKey::from_seed(&[2; 32]);
        assert!(!seen.verifies(other.verification().key(), b"a token", &good));
        assert!(!seen.verifies(&public, b"a tokens", &good));
        let mut changed = good;
        changed[0] ^= 1;
        assert!(!seen.verifies(&public, b"a token", &changed));
        assert_eq!(count(&seen), 1, "what failed is not remembered");
    }

    #[test]
    fn memory_is_bounded_and_what_is_in_use_stays() {
        let mut generations = Generations::default();
        let digest = |number: usize| *Digest::of(&[&number.to_le_bytes()]).as_bytes();
        for number in 0..10 * GENERATION {
            generations.remember(digest(number));
            assert!(number == 0 || generations.recalls(&digest(0)), "{number}");
            assert!(generations.recent.len() + generations.older.len() <= 2 * GENERATION);
        }
        assert!(!generations.recalls(&digest(1)));
    }
}
