//! Field types that requests are read into: parsed once, at the border, with a text that says what is allowed.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::fault::Fault;
use crate::domain::time::Timestamp;

/// A text of `MIN..=MAX` Unicode scalar values without control characters but tab and newline (contract README 6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    pub fn parse(text: &str) -> Result<Self, String> {
        let length = text.chars().count();
        if text.chars().any(|c| c.is_control() && c != '\t' && c != '\n') {
            return Err("must not contain control characters".to_owned());
        }
        if !(MIN..=MAX).contains(&length) {
            return Err(format!("must have {MIN} to {MAX} characters"));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A name: a text without the white space around it, and not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name<const MAX: usize, const MIN: usize = 1>(String);

impl<const MAX: usize, const MIN: usize> Name<MAX, MIN> {
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'de, const MAX: usize, const MIN: usize> Deserialize<'de> for Name<MAX, MIN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Text::<MIN, MAX>::parse(text.trim()).map(|text| Self(text.into_string())).map_err(serde::de::Error::custom)
    }
}

/// A whole number in `MIN..=MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Whole<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    pub fn new(value: u64) -> Option<Self> {
        (MIN..=MAX).contains(&value).then_some(Self(value))
    }

    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom(format!("must be a whole number from {MIN} to {MAX}")))
    }
}

/// A JSON object of at most `BYTES` bytes of compact JSON. It is its owner's: what its members hold is kept as it came, with
/// control characters too, which are refused in every other text.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(transparent)]
pub struct Metadata<const BYTES: usize>(Map<String, Value>);

impl<const BYTES: usize> Metadata<BYTES> {
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl<'de, const BYTES: usize> Deserialize<'de> for Metadata<BYTES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        let fits = serde_json::to_string(&map).is_ok_and(|text| text.len() <= BYTES);
        if fits {
            Ok(Self(map))
        } else {
            Err(serde::de::Error::custom(format!("must be an object of at most {BYTES} bytes of compact JSON")))
        }
    }
}

/// An object that stands within a body. A list is none: what serde derives would read it as the fields in their order.
#[derive(Debug, Clone)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(transparent))]
pub struct Record<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Record<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor(PhantomData)).map(Self)
    }
}

struct RecordVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for RecordVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(access))
    }
}

/// A moment: ISO 8601 with an offset (contract README 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(Timestamp);

impl Time {
    pub const fn get(self) -> Timestamp {
        self.0
    }

    /// The moment, if it is later than `now`.
    pub fn in_future(self, path: &str, now: Timestamp) -> Result<Timestamp, Fault> {
        if self.0 > now { Ok(self.0) } else { Err(Fault::field(path, "must lie in the future")) }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::parse(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

/// An e-mail address: something, an `@`, a domain with a dot; at most 254 characters. Stored in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const RULE: &str = "must be an e-mail address of at most 254 characters";
        let (local, domain) = text.split_once('@').ok_or(RULE)?;
        let labels_are_legal = domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
        let local_is_legal = (1..=64).contains(&local.len())
            && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&b))
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        if text.len() <= 254 && local_is_legal && labels_are_legal && domain.contains('.') {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(RULE)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_characters_not_bytes() {
        assert!(Text::<1, 3>::parse("äöü").is_ok());
        assert!(Text::<1, 3>::parse("abcd").is_err());
        assert!(Text::<1, 3>::parse("").is_err());
        assert!(Text::<1, 9>::parse("a\tb\nc").is_ok());
        assert!(Text::<1, 9>::parse("a\u{0}b").is_err());
        assert!(Text::<1, 9>::parse("a\u{7f}b").is_err());
    }

    #[test]
    fn a_name_is_measured_without_the_space_around_it() {
        let read = |text: &str| serde_json::from_value::<Name<3>>(text.into()).map(Name::into_string);
        assert_eq!(read(" \u{a0}a😀b \n").unwrap(), "a😀b");
        for bad in ["", "   ", "\u{3000}", "abcd", "a\u{7}b"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_needs_a_name_and_a_dotted_domain() {
        assert_eq!(Email::parse("Ann@Example.org").unwrap().as_str(), "ann@example.org");
        for bad in [
            "",
            "a",
            "a@",
            "@b.c",
            "a@b",
            "a@b..c",
            "a b@c.d",
            "a@-b.c",
            "a@b.c\n",
            "a@b@c.d",
            ".a@b.c",
            &format!("{}@b.cc", "a".repeat(250)),
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }
}
