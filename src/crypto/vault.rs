//! The private halves of agents' keys: made, sealed and used here, and shown nowhere. And what objects know of the key of
//! the deployment: its public half.
//!
//! Invariant: a private half leaves this module only sealed, for the one key it belongs to; what signs is opened for one
//! signature and forgotten.

use std::fmt;

use super::mac::Secret;
use super::seal::{SealError, SealKey};
use super::signing_key::SigningKey;
use super::webhook::show_public_key;
use crate::domain::entropy::Entropy;
use crate::domain::id::KeyId;

/// The deployment's seal over agents' keys, and the key it signs with itself.
#[derive(Clone)]
pub struct Vault {
    seal: SealKey,
    signing_seed: [u8; 32],
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

/// A fresh pair: the public half, and the private one sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPair {
    pub public_key: [u8; 32],
    pub sealed: Vec<u8>,
}

impl Vault {
    /// The vault of a deployment, by the secret it seals with and the seed of the key it signs with.
    pub fn new(secret: &Secret, signing_seed: [u8; 32]) -> Self {
        Self { seal: SealKey::derive(secret, b"", "agent keys v1"), signing_seed }
    }

    /// The deployment's public key, as receivers of webhooks are told it. Made anew each time: a multiplication, and seldom asked for.
    pub fn webhook_public_key(&self) -> String {
        show_public_key(SigningKey::from_seed(&self.signing_seed).verification().key())
    }

    /// Makes an Ed25519 pair for the key of that id.
    pub fn make(&self, key: KeyId, entropy: &mut dyn Entropy) -> Result<SealedPair, SealError> {
        let mut seed = [0; 32];
        entropy.fill(&mut seed);
        let public_key = *SigningKey::from_seed(&seed).verification().key().as_bytes();
        let sealed = self.seal.seal(&seed, key.to_string().as_bytes(), entropy)?;
        Ok(SealedPair { public_key, sealed })
    }

    /// Signs with the sealed key of that id.
    pub fn sign(&self, key: KeyId, sealed: &[u8], message: &[u8]) -> Result<[u8; 64], SealError> {
        let opened = self.seal.open(sealed, key.to_string().as_bytes())?;
        let seed: [u8; 32] = opened.as_slice().try_into().map_err(|_| SealError::Damaged)?;
        Ok(SigningKey::from_seed(&seed).sign(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ed25519::PublicKey;
    use crate::domain::time::Timestamp;

    struct Counting(u8);
    impl Entropy for Counting {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    #[test]
    fn a_sealed_key_signs_for_its_own_id_and_for_no_other() {
        let vault = Vault::new(&Secret::from_bytes([7; 32]), [9; 32]);
        let mut entropy = Counting(0);
        let [own, other] = [1, 2].map(|ms| KeyId::new(Timestamp::from_ms(ms), &mut entropy));
        let pair = vault.make(own, &mut entropy).unwrap();
        let signature = vault.sign(own, &pair.sealed, b"a receipt").unwrap();
        assert!(PublicKey::from_bytes(&pair.public_key).unwrap().verifies(b"a receipt", &signature));
        assert_eq!(vault.sign(other, &pair.sealed, b"a receipt"), Err(SealError::Damaged));
        let another = Vault::new(&Secret::from_bytes([8; 32]), [9; 32]);
        assert_eq!(another.sign(own, &pair.sealed, b"a receipt"), Err(SealError::Damaged));
        assert_eq!(format!("{vault:?}"), "Vault(..)");
    }
}
