//! The Ed25519 keys that sign our tokens, and how the world knows them (RFC 8037, RFC 7638).

use std::fmt;

use ed25519_dalek::Signer;
use serde::Serialize;

use super::ed25519::PublicKey;
use super::mac;

/// A key that signs.
#[derive(Clone)]
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    verification: VerificationKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// The key of a 32-byte seed (RFC 8032 section 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verification = VerificationKey::new(key.verifying_key().into());
        Self { key, verification }
    }

    /// Reads a setting: the seed as 64 hex characters, or as base64 in either alphabet, padded or not.
    pub fn parse(text: &str) -> Option<Self> {
        mac::parse_32_bytes(text).map(|seed| Self::from_seed(&seed))
    }

    /// The signature of a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    pub const fn verification(&self) -> &VerificationKey {
        &self.verification
    }
}

/// The public half, under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey {
    key: PublicKey,
    id: String,
    x: String,
    jws_header: String,
}

impl VerificationKey {
    pub fn new(key: PublicKey) -> Self {
        let x = mac::to_base64url(key.as_bytes());
        let id = mac::to_base64url(&mac::sha256(thumbprint_input(&x).as_bytes()));
        let jws_header = mac::to_base64url(format!(r#"{{"alg":"EdDSA","kid":"{id}","typ":"JWT"}}"#).as_bytes());
        Self { key, id, x, jws_header }
    }

    /// Reads a setting: 32 bytes in hex or base64, such as the `x` of a JWK.
    pub fn parse(text: &str) -> Option<Self> {
        PublicKey::from_bytes(&mac::parse_32_bytes(text)?).map(Self::new)
    }

    /// The `kid`: its RFC 7638 thumbprint.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key as the `x` of its JWK (RFC 8037 section 2).
    pub fn x(&self) -> &str {
        &self.x
    }

    /// The protected header of every JWT this key signs, as it stands in the token (RFC 7515 section 7.1).
    pub fn jws_header(&self) -> &str {
        &self.jws_header
    }

    pub fn to_jwk(&self) -> Jwk {
        Jwk { kty: "OKP", crv: "Ed25519", x: self.x.clone(), kid: self.id.clone(), key_use: "sig", alg: "EdDSA" }
    }
}

/// The required members in alphabetical order (RFC 7638 section 3.3, RFC 8037 section 2).
fn thumbprint_input(x: &str) -> String {
    format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
}

/// A public key as JSON (RFC 7517, RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    pub kty: &'static str,
    pub crv: &'static str,
    pub x: String,
    pub kid: String,
    #[serde(rename = "use")]
    pub key_use: &'static str,
    pub alg: &'static str,
}

/// The document at `/.well-known/jwks.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks {
    pub keys: Vec<Jwk>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_never_shown() {
        let key = SigningKey::parse(&"0a".repeat(32)).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
        assert!(SigningKey::parse("0a").is_none());
    }

    #[test]
    fn a_public_key_is_read_back_from_its_jwk() {
        let key = SigningKey::from_seed(&[1; 32]);
        assert_eq!(VerificationKey::parse(&key.verification().to_jwk().x).as_ref(), Some(key.verification()));
        assert!(VerificationKey::parse("").is_none());
    }
}
