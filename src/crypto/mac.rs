//! Hashes, MACs and the texts they travel in.
//!
//! Invariant: no two uses of one secret ever authenticate the same bytes. Every MAC names its use in a label, and the
//! label and each part are preceded by their length.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::entropy::Entropy;

/// Bytes of SHA-256 and HMAC-SHA256.
pub const HASH_BYTES: usize = 32;

const ALPHANUMERICS: [char; 62] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a',
    'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1',
    '2', '3', '4', '5', '6', '7', '8', '9',
];

/// A symmetric secret of 32 bytes: a setting of the deployment, or derived from one.
#[derive(Clone)]
pub struct Secret([u8; HASH_BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads a setting: 32 bytes as 64 hex characters, or as base64 in either alphabet, padded or not.
    pub fn parse(text: &str) -> Option<Self> {
        parse_32_bytes(text).map(Self)
    }

    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// HMAC-SHA256 of the parts under this secret, for the use that `label` names.
    pub fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; HASH_BYTES] {
        let mut mac = hmac_sha256(&self.0);
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Whether `tag` is this secret's MAC of the parts, cut to the tag's length. A tag shorter than 16 bytes never is.
    pub fn verify_mac(&self, label: &str, parts: &[&[u8]], tag: &[u8]) -> bool {
        let expected = self.mac(label, parts);
        let long_enough = (16..=HASH_BYTES).contains(&tag.len());
        long_enough && expected.get(..tag.len()).is_some_and(|expected| equal(expected, tag))
    }

    /// A secret of its own for one use, so that one setting serves many.
    pub fn derive(&self, label: &str) -> Self {
        Self(self.mac("guildhall derive v1", &[label.as_bytes()]))
    }
}

/// HMAC-SHA256 under a key of at most 64 bytes; of a longer one the rest would count for nothing.
fn hmac_sha256(key: &[u8]) -> Hmac<Sha256> {
    // HMAC pads a short key with zeros (RFC 2104 section 2), so a padded block is the same key and cannot fail.
    let mut block = [0; 64];
    for (padded, byte) in block.iter_mut().zip(key) {
        *padded = *byte;
    }
    <Hmac<Sha256> as Mac>::new(&block.into())
}

/// HMAC-SHA256 of a message as it is: for formats that are not ours, which name their use themselves.
pub fn hmac(key: &[u8; HASH_BYTES], message: &[u8]) -> [u8; HASH_BYTES] {
    hmac_sha256(key).chain_update(message).finalize().into_bytes().into()
}

/// The same under a text of at most 64 bytes, for formats that take a secret's text for the key.
pub fn hmac_under_text(key: &str, message: &[u8]) -> [u8; HASH_BYTES] {
    hmac_sha256(key.as_bytes()).chain_update(message).finalize().into_bytes().into()
}

/// HKDF-SHA256 (RFC 5869) with 32 bytes of output, which are its first block.
pub fn hkdf_sha256(salt: &[u8; HASH_BYTES], material: &[u8], info: &[u8]) -> [u8; HASH_BYTES] {
    let extracted: [u8; HASH_BYTES] = hmac_sha256(salt).chain_update(material).finalize().into_bytes().into();
    hmac_sha256(&extracted).chain_update(info).chain_update([1]).finalize().into_bytes().into()
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; HASH_BYTES] {
    Sha256::digest(bytes).into()
}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// Base64 with padding (RFC 4648 section 4).
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base64url without padding (RFC 4648 section 5).
pub fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads unpadded base64url; one byte string has exactly one text, so stray final bits are refused.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Reads 32 bytes written as 64 hex characters or as base64 in either alphabet, padded or not.
pub fn parse_32_bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex::decode_to_slice(text, &mut bytes).is_ok() {
        return Some(bytes);
    }
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(text).ok()?.try_into().ok())
}

/// `count` letters and digits. Each is a 64-bit draw modulo 62, so no character is likelier than another by more than
/// one part in 2^58.
pub fn random_alphanumerics(count: usize, entropy: &mut dyn Entropy) -> String {
    (0..count)
        .filter_map(|_| {
            let mut draw = [0; 8];
            entropy.fill(&mut draw);
            ALPHANUMERICS.get((u64::from_be_bytes(draw) % 62) as usize)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u64);
    impl Entropy for Counting {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer.rchunks_mut(8) {
                let value = self.0.to_be_bytes();
                byte.copy_from_slice(&value[8 - byte.len()..]);
                self.0 += 1;
            }
        }
    }

    #[test]
    fn a_secret_is_read_in_hex_and_base64_and_never_shown() {
        let bytes = [0xfb; 32];
        for text in
            [hex::encode(bytes), STANDARD.encode(bytes), STANDARD_NO_PAD.encode(bytes), URL_SAFE.encode(bytes), to_base64url(&bytes)]
        {
            assert_eq!(Secret::parse(&text).map(|secret| *secret.as_bytes()), Some(bytes), "{text}");
        }
        for bad in ["", "secret", &"ab".repeat(31), &"ab".repeat(33), &STANDARD.encode([1; 31])] {
            assert!(Secret::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(format!("{:?}", Secret::from_bytes(bytes)), "Secret(..)");
    }

    #[test]
    fn the_mac_is_hmac_sha256_over_length_prefixed_parts() {
        let secret = Secret::from_bytes([7; 32]);
        let mut reference = <Hmac<Sha256> as Mac>::new_from_slice(&[7; 32]).unwrap();
        reference.update(b"\0\0\0\0\0\0\0\x04csrf\0\0\0\0\0\0\0\x01a");
        assert_eq!(secret.mac("csrf", &[b"a"]), <[u8; 32]>::from(reference.finalize().into_bytes()));
    }

    #[test]
    fn key_derivation_gives_the_first_block_of_rfc_5869_case_1() {
        let mut salt = [0; 32];
        hex::decode_to_slice("000102030405060708090a0b0c", &mut salt[..13]).unwrap();
        let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        assert_eq!(hex::encode(hkdf_sha256(&salt, &[0x0b; 22], &info)), expected);
    }

    #[test]
    fn labels_and_part_borders_count() {
        let secret = Secret::from_bytes([7; 32]);
        let tag = secret.mac("csrf", &[b"ab", b"c"]);
        assert!(secret.verify_mac("csrf", &[b"ab", b"c"], &tag));
        assert!(secret.verify_mac("csrf", &[b"ab", b"c"], &tag[..16]));
        assert!(!secret.verify_mac("csrf", &[b"ab", b"c"], &tag[..15]));
        assert!(!secret.verify_mac("csrf", &[b"ab", b"c"], b""));
        assert!(!secret.verify_mac("csrf", &[b"a", b"bc"], &tag));
        assert!(!secret.verify_mac("state", &[b"ab", b"c"], &tag));
        assert!(!secret.derive("csrf").verify_mac("csrf", &[b"ab", b"c"], &tag));
    }

    #[test]
    fn base64url_has_one_text_for_each_value() {
        assert_eq!(from_base64url("AQ"), Some(vec![1]));
        for bad in ["AR", "AQ==", "A", "A+", "AQ ", "AQ\n"] {
            assert_eq!(from_base64url(bad), None, "{bad}");
        }
    }

    #[test]
    fn all_alphanumerics_come_up_equally_often() {
        let drawn = random_alphanumerics(62, &mut Counting(0));
        let distinct: std::collections::BTreeSet<char> = drawn.chars().collect();
        assert_eq!((drawn.len(), distinct.len()), (62, 62));
        assert!(drawn.bytes().all(|b| b.is_ascii_alphanumeric()));
    }
}
