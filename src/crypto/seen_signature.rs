//! Signatures that were found good, remembered: whether one fits a message and a key never changes, and a token comes
//! with every request of its agent. Times, audience and whether the key still counts are looked at each time all the same.
//!
//! Invariant: nothing is remembered but the digest of key, signature and message of a verification that succeeded.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::mem;

use super::signing_key::VerificationKey;
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

/// A message with the signature it came with. Its digest is made once, however often it is asked for.
#[derive(Debug)]
pub(super) struct SignedMessage<'a> {
    pub(super) key: &'a VerificationKey,
    pub(super) message: &'a [u8],
    pub(super) signature: [u8; 64],
    digest: [u8; 32],
}

impl<'a> SignedMessage<'a> {
    pub(super) fn new(key: &'a VerificationKey, message: &'a [u8], signature: [u8; 64]) -> Self {
        // Key and signature have one length each, so no two triples run together into the same bytes.
        let digest = *Digest::of(&[key.key().as_bytes(), &signature, message]).as_bytes();
        Self { key, message, signature, digest }
    }
}

impl SeenSignatures {
    /// Whether the signature is the key's of the message.
    pub(super) fn verifies(&self, signed: &SignedMessage<'_>) -> bool {
        let is_known = self.knows(signed);
        if !is_known && signed.key.key().verifies(signed.message, &signed.signature) {
            self.remember(signed);
            return true;
        }
        is_known
    }

    /// Whether it was remembered.
    pub(super) fn knows(&self, signed: &SignedMessage<'_>) -> bool {
        self.0.borrow_mut().recalls(&signed.digest)
    }

    /// Remembers a signature that is good.
    pub(super) fn remember(&self, signed: &SignedMessage<'_>) {
        self.0.borrow_mut().remember(signed.digest);
    }
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
        let public = key().verification().clone();
        let verifies = |key: &VerificationKey, message: &[u8], signature| seen.verifies(&SignedMessage::new(key, message, signature));
        assert!(verifies(&public, b"a token", good));
        assert!(verifies(&public, b"a token", good));
        assert_eq!(count(&seen), 1);
        let other = SigningKey::from_seed(&[2; 32]);
        assert!(!verifies(other.verification(), b"a token", good));
        assert!(!verifies(&public, b"a tokens", good));
        let mut changed = good;
        changed[0] ^= 1;
        assert!(!verifies(&public, b"a token", changed));
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
