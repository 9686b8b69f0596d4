//! Texts with a bound: each is checked where it is made and nowhere else. Lengths count Unicode scalar values; of the
//! control characters only tab and newline are text (contract README 6).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::Malformed;

/// Whether `text` has 1 to `scalars_max` scalar values and no control character but tab and newline.
fn is_text(text: &str, scalars_max: usize) -> bool {
    !text.is_empty()
        && (text.len() <= scalars_max || text.chars().count() <= scalars_max)
        && !text.chars().any(|c| c.is_control() && c != '\t' && c != '\n')
}

/// A text type that is parsed, not made.
pub trait Parse: Sized {
    /// Reads the text, or says what is allowed.
    fn parse(text: &str) -> Result<Self, Malformed>;
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $legal:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Reads the text, or says what is allowed.
            pub fn parse(text: &str) -> Result<Self, Malformed> {
                let legal: fn(&str) -> bool = $legal;
                if legal(text) { Ok(Self(text.to_owned())) } else { Err(Malformed::$name) }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Parse for $name {
            fn parse(text: &str) -> Result<Self, Malformed> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

texts! {
    /// A session as its agent names it: 1..200 visible ASCII without `?`, `#` and `%`, so that it stands unencoded in
    /// a path. `/` and `:` are allowed.
    SessionId: |text| (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'%'));
    /// What is remembered.
    Content: |text| is_text(text, 65_536);
    /// Where it came from, in the agent's own words.
    SourceId: |text| is_text(text, 200);
    /// What a session came to, said when it closes.
    Summary: |text| is_text(text, 16_384);
    /// What is asked of the memory.
    QueryText: |text| is_text(text, 4_096);
    /// The task a context is wanted for.
    TaskText: |text| is_text(text, 4_096);
    /// The key under which a session takes an observation once, for all its life.
    OnceKey: |text| is_text(text, 255);
    /// The agent a session is kept for: a label, whether or not it names an agent of the tenant.
    AgentLabel: |text| is_text(text, 200);
}

impl From<Summary> for Content {
    /// Every summary is short enough to be an observation.
    fn from(summary: Summary) -> Self {
        Self(summary.0)
    }
}

/// Reads an optional text; absent, null and the empty text all mean none (contract motecloud 1). For
/// `#[serde(default, deserialize_with = "optional")]`.
///
/// # Errors
/// What the text's own parsing says.
pub fn optional<'de, D: Deserializer<'de>, T: Parse>(deserializer: D) -> Result<Option<T>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => T::parse(&text).map(Some).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_visible_ascii_that_stands_in_a_path() {
        for good in ["s", "my-agent:pr-123", "a/b/c", "~!$&'()*+,;=@[]{}|\\^`\"<>", &"s".repeat(200)] {
            assert_eq!(SessionId::parse(good).map(|id| id.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", " ", "a b", "a?b", "a#b", "a%3Ab", "é", "a\n", "\u{7f}", &"s".repeat(201)] {
            assert_eq!(SessionId::parse(bad), Err(Malformed::SessionId), "{bad:?}");
        }
    }

    #[test]
    fn lengths_count_scalar_values() {
        assert!(Content::parse(&"é".repeat(65_536)).is_ok());
        assert!(Content::parse(&"é".repeat(65_537)).is_err());
        assert!(Summary::parse(&"𝄞".repeat(16_384)).is_ok());
        assert!(Summary::parse(&"𝄞".repeat(16_385)).is_err());
        assert!(QueryText::parse(&"q".repeat(4_096)).is_ok());
        assert!(QueryText::parse(&"q".repeat(4_097)).is_err());
        assert!(OnceKey::parse(&"k".repeat(255)).is_ok());
        assert!(OnceKey::parse(&"k".repeat(256)).is_err());
        assert!(SourceId::parse(&"x".repeat(201)).is_err());
    }

    #[test]
    fn tab_and_newline_are_the_only_control_characters_of_a_text() {
        assert!(Content::parse("a\tb\nc").is_ok());
        for bad in ["", "a\0b", "a\rb", "a\u{1b}b", "a\u{85}b"] {
            assert!(Content::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_optional_text_means_none() {
        #[derive(Deserialize)]
        struct Request {
            #[serde(default, deserialize_with = "optional")]
            source_id: Option<SourceId>,
        }
        for none in ["{}", r#"{"source_id":null}"#, r#"{"source_id":""}"#] {
            assert_eq!(serde_json::from_str::<Request>(none).unwrap().source_id, None);
        }
        assert_eq!(serde_json::from_str::<Request>(r#"{"source_id":"x"}"#).unwrap().source_id, SourceId::parse("x").ok());
        let error = serde_json::from_str::<Request>(r#"{"source_id":"\u0000"}"#).err().unwrap().to_string();
        assert!(error.starts_with(&Malformed::SourceId.to_string()), "{error}");
    }
}
