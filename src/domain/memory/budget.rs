//! Token budgets. A token is four bytes of UTF-8, begun counts as whole (contract motecloud 6).
//!
//! Invariant: the tokens of a filled context, its separators included, never exceed the budget. The filling counts
//! each content's tokens, rounded up, and half a token for each separator of two bytes, so the joined context is never
//! longer than what was counted.

use serde::{Deserialize, Deserializer, Serialize};

use super::Malformed;

/// Bytes of a token.
const TOKEN_BYTES: u64 = 4;
/// What stands between two contents of a context.
pub const SEPARATOR: &str = "\n\n";

/// The tokens of a text: its UTF-8 bytes by four, rounded up.
pub fn tokens_of(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX).div_ceil(TOKEN_BYTES)
}

/// How many tokens a context may take: 0 to 32,000, where 0 and absent mean 2,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TokenBudget(u64);

impl TokenBudget {
    /// The most a context takes.
    pub const MAX: u64 = 32_000;
    /// What a caller gets who does not say.
    const USUAL: u64 = 2_000;

    pub fn parse(tokens: u64) -> Result<Self, Malformed> {
        match tokens {
            0 => Ok(Self::default()),
            1..=Self::MAX => Ok(Self(tokens)),
            _ => Err(Malformed::TokenBudget),
        }
    }

    pub const fn as_tokens(self) -> u64 {
        self.0
    }
}

impl Default for TokenBudget {
    fn default() -> Self {
        Self(Self::USUAL)
    }
}

impl<'de> Deserialize<'de> for TokenBudget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(u64::deserialize(deserializer).map_err(|_| serde::de::Error::custom(Malformed::TokenBudget))?)
            .map_err(serde::de::Error::custom)
    }
}

/// A context being filled: what fits is taken, what does not is passed over and the next is tried.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    budget_half_tokens: u64,
    used_half_tokens: u64,
}

impl Filling {
    /// An empty context of at most `budget_tokens`.
    pub const fn new(budget_tokens: u64) -> Self {
        Self { budget_half_tokens: budget_tokens.saturating_mul(2), used_half_tokens: 0 }
    }

    /// Takes a content of that many tokens if it fits, and says whether it did.
    pub fn admit(&mut self, tokens: u64) -> bool {
        let separator = u64::from(self.used_half_tokens > 0);
        let used = self.used_half_tokens.saturating_add(tokens.saturating_mul(2)).saturating_add(separator);
        let fits = used <= self.budget_half_tokens;
        if fits {
            self.used_half_tokens = used;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_four_bytes_begun() {
        for (text, tokens) in [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("é", 1), ("éé", 1), ("𝄞", 1), ("𝄞a", 2)] {
            assert_eq!(tokens_of(text), tokens, "{text}");
        }
    }

    #[test]
    fn no_budget_means_two_thousand() {
        assert_eq!(TokenBudget::parse(0).map(TokenBudget::as_tokens), Ok(2_000));
        assert_eq!(TokenBudget::parse(32_000).map(TokenBudget::as_tokens), Ok(32_000));
        for bad in ["32001", "-1", "1.5", "\"1\""] {
            assert!(serde_json::from_str::<TokenBudget>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_is_passed_over() {
        let mut filling = Filling::new(5);
        assert_eq!([4, 2, 1, 1].map(|tokens| filling.admit(tokens)), [true, false, false, false]);
        let mut filling = Filling::new(6);
        assert_eq!([9, 2, 3, 1].map(|tokens| filling.admit(tokens)), [false, true, true, false]);
        assert!(!Filling::new(0).admit(1));
    }
}
