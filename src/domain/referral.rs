//! Referral codes: who signs up with another's code earns both of them credits (contract agentbot 2).

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::entropy::Entropy;

/// Whole credits each of the two gets.
pub const REFERRAL_REWARD: u64 = 5;

/// Characters of a code we make: 50 random bits.
const NEW_CHARS: usize = 10;
/// Crockford's base32 without the letters that are mistaken for digits.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A referral code: 1 to 20 letters, digits and hyphens, in upper case whatever it was typed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferralCode(String);

/// A text that is no referral code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAReferralCode;

impl fmt::Display for NotAReferralCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be 1 to 20 letters, digits and hyphens")
    }
}

impl ReferralCode {
    /// A fresh code.
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        let mut random = [0; NEW_CHARS];
        entropy.fill(&mut random);
        let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map_or('0', char::from);
        Self(random.iter().map(letter).collect())
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Result<Self, NotAReferralCode> {
        let legal = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if legal { Ok(Self(text.to_ascii_uppercase())) } else { Err(NotAReferralCode) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for ReferralCode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReferralCode".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[A-Za-z0-9-]{1,20}$"})
    }
}

impl<'de> Deserialize<'de> for ReferralCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u8);
    impl Entropy for Counting {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer {
                self.0 = self.0.wrapping_add(37);
                *byte = self.0;
            }
        }
    }

    #[test]
    fn a_code_reads_back_in_any_case() {
        let code = ReferralCode::new(&mut Counting(0));
        assert_eq!(code.as_str().len(), NEW_CHARS);
        assert_eq!(ReferralCode::parse(&code.as_str().to_lowercase()), Ok(code));
        for bad in ["", "a b", "ä", "a_b", &"a".repeat(21)] {
            assert_eq!(ReferralCode::parse(bad), Err(NotAReferralCode), "{bad}");
        }
    }
}
