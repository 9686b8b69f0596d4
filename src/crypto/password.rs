//! Passwords: Argon2id (RFC 9106) with 19 MiB, two passes, one lane, kept as a PHC string.
//!
//! Invariant: a check costs the same whether or not there is anything to check against, so an answer's time does not
//! tell which e-mail addresses have an account.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::mac;
use crate::domain::entropy::Entropy;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
const PHC_PREFIX: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// What is checked against when there is no account: the salt is known and no password gives the hash.
const NOBODY: PasswordHash = PasswordHash { salt: [0; SALT_BYTES], hash: [0; HASH_BYTES] };

/// A password's hash under its salt.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

/// The memory for hashing could not be had, or the password is longer than 2^32-1 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unhashable;

impl fmt::Display for Unhashable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the password cannot be hashed")
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// The PHC string, as it is stored.
impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PHC_PREFIX}{}${}", STANDARD_NO_PAD.encode(self.salt), STANDARD_NO_PAD.encode(self.hash))
    }
}

impl PasswordHash {
    /// Hashes a new password under a fresh salt.
    pub fn make(password: &str, entropy: &mut dyn Entropy) -> Result<Self, Unhashable> {
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        Ok(Self { hash: derive(password, &salt)?, salt })
    }

    /// Reads a PHC string that `to_string` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.strip_prefix(PHC_PREFIX)?.split_once('$')?;
        let decode = |text: &str| STANDARD_NO_PAD.decode(text).ok();
        Some(Self { salt: decode(salt)?.try_into().ok()?, hash: decode(hash)?.try_into().ok()? })
    }
}

/// Whether this is the account's password; without an account it never is, at the same cost.
pub fn verify_password(password: &str, account: Option<&PasswordHash>) -> Result<bool, Unhashable> {
    let stored = account.unwrap_or(&NOBODY);
    let equal = mac::equal(&derive(password, &stored.salt)?, &stored.hash);
    Ok(equal && account.is_some())
}

fn derive(password: &str, salt: &[u8; SALT_BYTES]) -> Result<[u8; HASH_BYTES], Unhashable> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).map_err(|_| Unhashable)?;
    let mut hash = [0; HASH_BYTES];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.as_bytes(), salt, &mut hash).map_err(|_| Unhashable)?;
    Ok(hash)
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

    #[test]
    fn a_password_is_known_again_from_its_stored_text() {
        let made = PasswordHash::make("correct horse", &mut Fixed(5)).unwrap();
        let text = made.to_string();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BQUFBQUFBQUFBQUFBQUFBQ$"), "{text}");
        let stored = PasswordHash::parse(&text).unwrap();
        assert_eq!(verify_password("correct horse", Some(&stored)), Ok(true));
        assert_eq!(verify_password("correct horsf", Some(&stored)), Ok(false));
        assert_eq!(verify_password("", Some(&stored)), Ok(false));
        assert_ne!(PasswordHash::make("correct horse", &mut Fixed(6)).unwrap(), made);
        assert_eq!(format!("{made:?}"), "PasswordHash(..)");
    }

    #[test]
    fn nobody_has_no_password() {
        assert_eq!(verify_password("", None), Ok(false));
        assert_eq!(verify_password("correct horse", None), Ok(false));
    }

    #[test]
    fn only_our_own_parameters_are_read() {
        let good = NOBODY.to_string();
        assert!(PasswordHash::parse(&good).is_some());
        for bad in
            ["", "x", &good.replace("argon2id", "argon2i"), &good.replace("t=2", "t=1"), &good[..good.len() - 1], &format!("{good}A")]
        {
            assert!(PasswordHash::parse(bad).is_none(), "{bad}");
        }
    }
}
