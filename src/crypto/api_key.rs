//! Keys that name their tenant and their row (contract README 4): prefix, 32 hex of the tenant's uuid, 16 hex of the
//! key's number, 48 hex of secret, all in lower case.
//!
//! Invariant: the secret leaves this module only in the one text that is shown once; what is stored is its hash.

use std::fmt;

use crate::domain::digest::Digest;
use crate::domain::entropy::Entropy;
use crate::domain::id::TenantUuid;
use crate::domain::key::{KeyKind, KeyNumber};

const TENANT_CHARS: usize = 32;
const NUMBER_CHARS: usize = 16;
const SECRET_CHARS: usize = 48;

/// A key: as minted, or as a caller presents it, which proves nothing until its hash is compared.
#[derive(Clone)]
pub struct ApiKey {
    kind: KeyKind,
    tenant: TenantUuid,
    number: KeyNumber,
    secret: String,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

impl ApiKey {
    /// A fresh key of a tenant.
    pub fn mint(kind: KeyKind, tenant: TenantUuid, entropy: &mut dyn Entropy) -> Self {
        let mut number = [0; NUMBER_CHARS / 2];
        let mut secret = [0; SECRET_CHARS / 2];
        entropy.fill(&mut number);
        entropy.fill(&mut secret);
        Self { kind, tenant, number: KeyNumber::from_bytes(number), secret: hex::encode(secret) }
    }

    /// Reads a key; any other length, letter case or prefix is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = KeyKind::ALL.into_iter().find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))?;
        let (tenant, rest) = rest.split_at_checked(TENANT_CHARS)?;
        let (number, secret) = rest.split_at_checked(NUMBER_CHARS)?;
        let mut tenant_bytes = [0; TENANT_CHARS / 2];
        decode_lower_hex(tenant, &mut tenant_bytes)?;
        decode_lower_hex(secret, &mut [0; SECRET_CHARS / 2])?;
        Some(Self { kind, tenant: TenantUuid::from_bytes(tenant_bytes), number: KeyNumber::parse(number)?, secret: secret.to_owned() })
    }

    /// The whole text, to be shown once.
    pub fn reveal(&self) -> String {
        format!("{}{}{}{}", self.kind.prefix(), self.tenant.to_hex(), self.number, self.secret)
    }

    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    pub const fn tenant(&self) -> TenantUuid {
        self.tenant
    }

    pub const fn number(&self) -> KeyNumber {
        self.number
    }

    /// SHA-256 of the 48 secret characters: what to store, and what to compare, in constant time, with what is stored.
    pub fn secret_hash(&self) -> Digest {
        Digest::of(&[self.secret.as_bytes()])
    }

    /// The last four characters, by which its owner knows it again.
    pub fn last4(&self) -> &str {
        self.secret.get(SECRET_CHARS - 4..).unwrap_or_default()
    }
}

/// Fills `bytes` from exactly as many lower-case hex digits as they take.
fn decode_lower_hex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
    hex::decode_to_slice(text, bytes).ok().filter(|()| lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(0xa7);
        }
    }

    fn key() -> ApiKey {
        ApiKey::mint(KeyKind::Agent, TenantUuid::from_bytes([0x1f; 16]), &mut Fixed)
    }

    #[test]
    fn a_key_is_laid_out_as_the_contract_says() {
        let text = key().reveal();
        assert_eq!(text, format!("mtak_{}{}{}", "1f".repeat(16), "a7".repeat(8), "a7".repeat(24)));
        assert_eq!(key().last4(), "a7a7");
        assert_eq!(key().secret_hash(), Digest::of(&["a7".repeat(24).as_bytes()]));
        assert_eq!(format!("{:?}", key()), "ApiKey(..)");
    }

    #[test]
    fn a_key_reads_back_and_any_other_spelling_is_none() {
        let text = key().reveal();
        let read = ApiKey::parse(&text).unwrap();
        assert_eq!((read.kind(), read.tenant(), read.number()), (KeyKind::Agent, key().tenant(), key().number()));
        assert_eq!(read.secret_hash(), key().secret_hash());
        let upper = text.replace('a', "A");
        for bad in ["", "mtak_", &text[..100], &format!("{text}0"), &format!(" {text}"), &upper, &text.replace("1f", "1F"), &text[5..]] {
            assert!(ApiKey::parse(bad).is_none(), "{bad}");
        }
        assert!(ApiKey::parse(&text.replace("a7", "g7")).is_none());
        assert!(ApiKey::parse(&format!("mtak_{}", "é".repeat(48))).is_none());
    }

    #[test]
    fn no_prefix_begins_another() {
        for kind in KeyKind::ALL {
            let longer = KeyKind::ALL.into_iter().filter(|other| other.prefix().starts_with(kind.prefix())).count();
            assert_eq!(longer, 1, "{kind:?}");
        }
    }
}
