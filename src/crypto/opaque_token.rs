//! Tokens that name nothing and are found by their hash: browser sessions, links in mails.

use std::fmt;

use crate::domain::digest::Digest;
use crate::domain::entropy::Entropy;

const TOKEN_CHARS: usize = 64;

/// 32 random bytes as 64 lower-case hex characters.
#[derive(Clone)]
pub struct OpaqueToken(String);

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken(..)")
    }
}

impl OpaqueToken {
    pub fn mint(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = [0; TOKEN_CHARS / 2];
        entropy.fill(&mut bytes);
        Self(hex::encode(bytes))
    }

    /// Reads 64 lower-case hex characters.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == TOKEN_CHARS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The text, to be given out once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored, and looked up. A look-up by hash tells a guesser nothing: who can hash to a near miss has the token.
    pub fn hash(&self) -> Digest {
        Digest::of(&[self.0.as_bytes()])
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
    fn a_token_reads_back_in_its_one_spelling() {
        let token = OpaqueToken::mint(&mut Fixed);
        assert_eq!(token.reveal(), "a7".repeat(32));
        let read = OpaqueToken::parse(token.reveal()).unwrap();
        assert_eq!(read.hash(), token.hash());
        assert_eq!(format!("{token:?}"), "OpaqueToken(..)");
        for bad in ["", &"A7".repeat(32), &"a7".repeat(31), &"a7".repeat(33), &"g7".repeat(32)] {
            assert!(OpaqueToken::parse(bad).is_none(), "{bad}");
        }
    }
}
