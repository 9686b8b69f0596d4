//! The tokens of agent sessions: which tenant's they are stands in front, so that its object can be asked at once; the rest
//! is the secret.

use std::fmt;

use crate::domain::digest::Digest;
use crate::domain::entropy::Entropy;
use crate::domain::id::{TenantUuid, Uuid};

const TOKEN_CHARS: usize = 64;
const TENANT_CHARS: usize = 32;

/// 32 hex characters of the tenant's uuid and 16 random bytes in hex, all in lower case.
#[derive(Clone)]
pub struct SessionToken {
    tenant: TenantUuid,
    text: String,
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

impl SessionToken {
    pub fn mint(tenant: TenantUuid, entropy: &mut dyn Entropy) -> Self {
        let mut secret = [0; 16];
        entropy.fill(&mut secret);
        Self { tenant, text: format!("{}{}", tenant.to_hex(), hex::encode(secret)) }
    }

    /// Reads 64 lower-case hex characters.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == TOKEN_CHARS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let tenant = text.get(..TENANT_CHARS).and_then(Uuid::parse_hex).filter(|_| well_formed)?;
        Some(Self { tenant, text: text.to_owned() })
    }

    pub const fn tenant(&self) -> TenantUuid {
        self.tenant
    }

    /// The text, to be given out once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is stored, and looked up. A look-up by hash tells a guesser nothing: who can hash to a near miss has the token.
    pub fn hash(&self) -> Digest {
        Digest::of(&[self.text.as_bytes()])
    }
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

    #[test]
    fn a_token_names_its_tenant_and_reads_back_in_its_one_spelling() {
        let tenant = Uuid::from_bytes([0x1b; 16]);
        let token = SessionToken::mint(tenant, &mut Fixed);
        assert_eq!(token.reveal(), format!("{}{}", "1b".repeat(16), "a7".repeat(16)));
        let read = SessionToken::parse(token.reveal()).unwrap();
        assert_eq!((read.tenant(), read.hash()), (tenant, token.hash()));
        assert_eq!(format!("{token:?}"), "SessionToken(..)");
        for bad in ["", &"A7".repeat(32), &"a7".repeat(31), &"a7".repeat(33), &"g7".repeat(32), &"é".repeat(32)] {
            assert!(SessionToken::parse(bad).is_none(), "{bad}");
        }
    }
}
