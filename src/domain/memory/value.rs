//! Importance, tags, metadata and limits: values with a range, checked where they are made.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::Malformed;
use crate::domain::json_text;

/// The most members tags have.
const TAGS_MAX: usize = 32;
/// The most bytes of JSON tags and metadata take.
const JSON_BYTES_MAX: usize = 16_384;

/// How much an observation matters, 0 to 1; what is not said is 0.5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Importance(f64);

impl Importance {
    /// As important as can be: a session's summary.
    pub const MAX: Self = Self(1.0);

    pub fn parse(value: f64) -> Result<Self, Malformed> {
        // -0 is within the range and would be written back as such.
        if (0.0..=1.0).contains(&value) { Ok(Self(value.abs())) } else { Err(Malformed::Importance) }
    }

    pub const fn as_f64(self) -> f64 {
        self.0
    }
}

impl Default for Importance {
    fn default() -> Self {
        Self(0.5)
    }
}

impl<'de> Deserialize<'de> for Importance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An agent's own marks on an observation: an object or a list of at most 32 scalars, given back as it came.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Tags(#[serde(serialize_with = "json_text::serialize")] Value);

impl Tags {
    pub fn parse(value: Value) -> Result<Self, Malformed> {
        let is_scalar = |value: &Value| !value.is_array() && !value.is_object();
        let legal = match &value {
            Value::Object(members) => members.len() <= TAGS_MAX && members.values().all(is_scalar),
            Value::Array(items) => items.len() <= TAGS_MAX && items.iter().all(is_scalar),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        if legal && value.to_string().len() <= JSON_BYTES_MAX { Ok(Self(value)) } else { Err(Malformed::Tags) }
    }
}

impl Default for Tags {
    fn default() -> Self {
        Self(Value::Object(Map::new()))
    }
}

impl fmt::Display for Tags {
    /// Compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(json_text::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What an agent keeps beside a session: an object of at most 16,384 bytes of JSON.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Metadata(#[serde(serialize_with = "json_text::serialize")] Map<String, Value>);

/// Metadata that, merged, would outgrow its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetadataFull;

impl Metadata {
    pub fn parse(members: Map<String, Value>) -> Result<Self, Malformed> {
        let metadata = Self(members);
        if metadata.to_string().len() <= JSON_BYTES_MAX { Ok(metadata) } else { Err(Malformed::Metadata) }
    }

    /// These members, and those of `newer` in place of equal names.
    ///
    /// # Errors
    /// [`MetadataFull`] when both together are too large; neither is changed then.
    pub fn merge(mut self, newer: Self) -> Result<Self, MetadataFull> {
        self.0.extend(newer.0);
        Self::parse(self.0).map_err(|_| MetadataFull)
    }
}

impl fmt::Display for Metadata {
    /// Compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = json_text::deserialize(deserializer)?;
        Self::parse(members).map_err(serde::de::Error::custom)
    }
}

/// How many results a query wants: 1 to 50, 10 when not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ResultLimit(u64);

impl ResultLimit {
    pub fn parse(value: u64) -> Result<Self, Malformed> {
        if (1..=50).contains(&value) { Ok(Self(value)) } else { Err(Malformed::ResultLimit) }
    }

    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl Default for ResultLimit {
    fn default() -> Self {
        Self(10)
    }
}

impl<'de> Deserialize<'de> for ResultLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(u64::deserialize(deserializer).map_err(|_| serde::de::Error::custom(Malformed::ResultLimit))?)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn importance_is_zero_to_one() {
        for good in ["0", "1", "0.5", "1.0", "1e-3", "-0.0"] {
            assert!(serde_json::from_str::<Importance>(good).is_ok(), "{good}");
        }
        for bad in ["-0.1", "1.0000001", "2", "1e300", "\"0.5\"", "null", "NaN"] {
            assert!(serde_json::from_str::<Importance>(bad).is_err(), "{bad}");
        }
        assert!(Importance::parse(f64::NAN).is_err());
    }

    #[test]
    fn tags_are_at_most_thirty_two_scalars() {
        for good in [json!({}), json!([]), json!({"a": 1, "b": "x", "c": true, "d": null, "e": 0.5}), json!(["a", 1]), json!(vec![0; 32])] {
            assert_eq!(Tags::parse(good.clone()).map(|tags| tags.to_string()), Ok(good.to_string()));
        }
        for bad in [json!("a"), json!(1), json!(null), json!({"a": {}}), json!([[1]]), json!(vec![0; 33]), json!({"a": "x".repeat(16_384)})]
        {
            assert!(Tags::parse(bad).is_err());
        }
    }

    #[test]
    fn metadata_merges_by_key_and_stays_within_its_bytes() {
        let old: Metadata = serde_json::from_value(json!({"a": 1, "b": {"c": 2}})).unwrap();
        let merged = old.clone().merge(serde_json::from_value(json!({"b": 3, "d": null})).unwrap()).unwrap();
        assert_eq!(merged.to_string(), r#"{"a":1,"b":3,"d":null}"#);
        let large: Metadata = serde_json::from_value(json!({"x": "y".repeat(16_376)})).unwrap();
        assert_eq!(large.to_string().len(), 16_384);
        assert_eq!(large.merge(old), Err(MetadataFull));
        for bad in [json!([]), json!("a"), json!(null), json!({"x": "y".repeat(16_377)})] {
            assert!(serde_json::from_value::<Metadata>(bad).is_err());
        }
    }

    #[test]
    fn a_limit_is_one_to_fifty() {
        for (text, legal) in [("1", true), ("50", true), ("0", false), ("51", false), ("-1", false), ("1.0", false), ("\"1\"", false)] {
            assert_eq!(serde_json::from_str::<ResultLimit>(text).is_ok(), legal, "{text}");
        }
    }
}
