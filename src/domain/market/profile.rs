//! An agent's profile at the marketplace (contract atelier 2).

use serde::{Deserialize, Serialize};

use super::service::Category;
use crate::domain::agent::read_any_agent_id;

pub const NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=50;
pub const DESCRIPTION_CHARS: std::ops::RangeInclusive<usize> = 10..=500;

/// What a profile says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileDraft {
    pub name: String,
    pub description: String,
    pub endpoint_url: String,
    pub avatar_url: Option<String>,
    pub capabilities: Vec<Category>,
    /// Who owns the agent and, unless another wallet is named, is paid.
    pub owner_wallet: Option<String>,
    /// Whether the owner's wallet signed for it.
    pub is_owner_verified: bool,
    pub payout_wallet: Option<String>,
}

impl ProfileDraft {
    /// Where what the agent earns is sent.
    pub fn paid_to(&self) -> Option<&str> {
        self.payout_wallet.as_deref().or(self.owner_wallet.as_deref())
    }
}

/// Slugs nobody is found under: each is a path of its own.
pub const RESERVED_SLUGS: [&str; 4] = ["me", "register", "recover", "provision"];

/// What an agent of that name is found under, before it is told apart from others of the same: lower-case letters, digits
/// and single hyphens.
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        "agent".to_owned()
    } else if read_any_agent_id(slug).is_some() {
        // Agents are found by their ids as well: nobody's name is another's id.
        format!("agent-{slug}")
    } else {
        slug.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_of_what_a_url_takes() {
        for (name, slug) in [
            ("My Creative Agent", "my-creative-agent"),
            ("  A--b! ", "a-b"),
            ("日本", "agent"),
            ("Zoë 2", "zo-2"),
            ("01J8ZQ4V9N3W0R6T5Y7X2KD1MA", "agent-01j8zq4v9n3w0r6t5y7x2kd1ma"),
        ] {
            assert_eq!(slug_of(name), slug);
        }
    }
}
