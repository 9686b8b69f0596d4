//! Tenant names: the slug a tenant is known by, for ever (contract README 2).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::digest::Digest;
use super::id::UserId;

/// Names nobody may take: they would pass for the house itself.
const RESERVED: [&str; 13] = [
    "admin",
    "api",
    "account",
    "www",
    "root",
    "system",
    "platform",
    "guildhall",
    "motecloud",
    "truthlocks",
    "agentbot",
    "atelier",
    "spendguard",
];

/// A tenant's slug: `^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$` without `--`. Reserved names pass here and are refused only
/// where a tenant is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

/// A text that is no slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotASlug;

impl fmt::Display for NotASlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be 3 to 40 characters of a-z, 0-9 and single inner hyphens")
    }
}

impl Slug {
    pub fn parse(text: &str) -> Result<Self, NotASlug> {
        let legal = (3..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--");
        if legal { Ok(Self(text.to_owned())) } else { Err(NotASlug) }
    }

    /// The slug of the tenant every human has: `u-` and ten characters of base32 that follow from the human's id
    /// (contract README 2).
    pub fn of_user(user: UserId) -> Self {
        Self::drawn("u", &[b"own tenant", user.as_bytes()])
    }

    /// The slug of a tenant that is born of a registration at the marketplace: `at-` and ten characters that follow from who
    /// claims it, others at each attempt.
    pub fn of_market(claimed_by: &str, attempt: u8) -> Self {
        Self::drawn("at", &[b"market tenant", claimed_by.as_bytes(), &[attempt]])
    }

    fn drawn(prefix: &str, parts: &[&[u8]]) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map_or('0', char::from);
        Self(format!("{prefix}-{}", Digest::of(parts).as_bytes().iter().take(10).map(letter).collect::<String>()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name is kept for the house.
    pub fn is_reserved(&self) -> bool {
        RESERVED.contains(&self.0.as_str())
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slug_of_a_human_is_a_slug_and_always_the_same() {
        let slug = Slug::of_user(UserId::from_bytes([7; 16]));
        assert_eq!(Slug::parse(slug.as_str()), Ok(slug.clone()));
        assert_eq!(slug.as_str().len(), 12);
        assert_eq!(slug, Slug::of_user(UserId::from_bytes([7; 16])));
        assert_ne!(slug, Slug::of_user(UserId::from_bytes([8; 16])));
    }

    #[test]
    fn slugs_are_three_to_forty_of_the_plain_alphabet() {
        for good in ["abc", "agent-alpha", "a1b", &"a".repeat(40)] {
            assert!(Slug::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "ab", &"a".repeat(41), "Agent", "-abc", "abc-", "a--b", "a_b", "аbc", "ab ", "a.b", "ａbc"] {
            assert!(Slug::parse(bad).is_err(), "{bad}");
        }
    }
}
