//! Sealed bytes: what must be kept but not readable from the store, such as a reply that held a key.
//!
//! Invariant: no nonce is used twice with one key (XChaCha20's is 24 random bytes), and what is opened is what was
//! sealed, for the same use and in the same place (the associated data).

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};

use super::mac::{self, Secret};
use crate::domain::entropy::Entropy;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// A key that seals and opens.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// Why bytes were not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    /// More than the cipher takes under one nonce (256 GiB).
    TooLong,
    /// Cut, changed, moved to another place, or sealed under another key.
    Damaged,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "too long to seal",
            Self::Damaged => "does not open",
        })
    }
}

impl SealKey {
    /// The key for one use, by HKDF-SHA256 with the deployment's secret as salt: so `material` that the store does not
    /// hold, such as an Idempotency-Key, need not be hard to guess for somebody who has the store alone.
    pub fn derive(secret: &Secret, material: &[u8], context: &str) -> Self {
        Self(mac::hkdf_sha256(secret.as_bytes(), material, context.as_bytes()))
    }

    /// Version, nonce and ciphertext with its tag: 41 bytes more than the plaintext.
    pub fn seal(&self, plaintext: &[u8], place: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let payload = Payload { msg: plaintext, aad: place };
        let ciphertext = XChaCha20Poly1305::new(&self.0.into()).encrypt(&nonce.into(), payload).map_err(|_| SealError::TooLong)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// What was sealed under this key for this place.
    pub fn open(&self, sealed: &[u8], place: &[u8]) -> Result<Vec<u8>, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::Damaged)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Damaged)?;
        if *version != VERSION {
            return Err(SealError::Damaged);
        }
        let payload = Payload { msg: ciphertext, aad: place };
        XChaCha20Poly1305::new(&self.0.into()).decrypt(nonce.into(), payload).map_err(|_| SealError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    fn key(material: &[u8], context: &str) -> SealKey {
        SealKey::derive(&Secret::from_bytes([4; 32]), material, context)
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_in_the_same_place() {
        let sealed = key(b"abc", "reply").seal(b"{\"agent_key\":1}", b"row 7", &mut Fixed(1)).unwrap();
        assert_eq!(sealed.len(), 41 + 15);
        assert_eq!(key(b"abc", "reply").open(&sealed, b"row 7").as_deref(), Ok(&b"{\"agent_key\":1}"[..]));
        let other_secret = SealKey::derive(&Secret::from_bytes([5; 32]), b"abc", "reply");
        for opened in [
            key(b"abd", "reply").open(&sealed, b"row 7"),
            key(b"abc", "wallet").open(&sealed, b"row 7"),
            key(b"abc", "reply").open(&sealed, b"row 8"),
            other_secret.open(&sealed, b"row 7"),
            key(b"abc", "reply").open(&sealed[..40], b"row 7"),
            key(b"abc", "reply").open(b"", b"row 7"),
        ] {
            assert_eq!(opened, Err(SealError::Damaged));
        }
        assert_eq!(format!("{:?}", key(b"abc", "reply")), "SealKey(..)");
    }

    #[test]
    fn one_plaintext_sealed_twice_looks_different() {
        let seal = |nonce| key(b"abc", "reply").seal(b"x", b"", &mut Fixed(nonce)).unwrap();
        assert_ne!(seal(1)[25..], seal(2)[25..]);
    }
}
