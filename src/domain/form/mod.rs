//! How `/v1` shows a thing: replies, events and the console use the same form, and it crosses the hop as it is.
//!
//! In JSON a moment is ISO 8601 and an amount whole minor units; between our own objects both are numbers as the domain
//! counts them.

pub mod agent;
pub mod agent_key;
pub mod agent_session;
pub mod approval;
pub mod delegation;
pub mod delivery;
pub mod funding;
pub mod lease;
pub mod mandate;
pub mod order;
pub mod payment;
pub mod profile;
pub mod receipt;
pub mod reservation;
pub mod service;
pub mod sheet;
pub mod webhook;
pub mod written;

use std::fmt;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The one currency there is: `"usd"` in JSON, nothing between our own objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usd;

impl Usd {
    pub const TEXT: &'static str = "usd";
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.serialize_str(Self::TEXT) } else { serializer.serialize_unit() }
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Usd;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Usd::TEXT)
            }

            fn visit_unit<E>(self) -> Result<Usd, E> {
                Ok(Usd)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Usd, E> {
                if text == Usd::TEXT { Ok(Usd) } else { Err(E::custom("must be usd")) }
            }
        }
        if deserializer.is_human_readable() { deserializer.deserialize_str(Reader) } else { deserializer.deserialize_unit(Reader) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Usd {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "const": Self::TEXT })
    }
}

macro_rules! shown {
    ($(#[$doc:meta])* $module:ident, $type:ty, $write:expr, $read:expr, $shown:ty) => {
        $(#[$doc])*
        pub mod $module {
            use super::*;

            /// # Errors
            /// The serializer's own.
            pub fn serialize<S: Serializer>(value: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { $write(value).serialize(serializer) } else { value.serialize(serializer) }
            }

            /// # Errors
            /// The deserializer's own, or that it is no such value.
            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                if deserializer.is_human_readable() {
                    $read(<$shown>::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("is not as we show it"))
                } else {
                    <$type>::deserialize(deserializer)
                }
            }
        }
    };
}

use super::id::AgentId;
use super::money::Micros;
use super::time::Timestamp;

shown!(
    /// A moment.
    iso,
    Timestamp,
    ToString::to_string,
    |text: String| Timestamp::parse(&text).ok(),
    String
);
shown!(
    /// A moment or null.
    iso_or_null,
    Option<Timestamp>,
    |moment: &Option<Timestamp>| moment.map(|moment| moment.to_string()),
    |text: Option<String>| text.map(|text| Timestamp::parse(&text).ok()).map_or(Some(None), |read| read.map(Some)),
    Option<String>
);
shown!(
    /// An amount in whole minor units, rounded down.
    minor,
    Micros,
    |amount: &Micros| amount.minor(),
    |minor: u64| Micros::from_minor(minor).ok(),
    u64
);
shown!(
    /// An amount in whole minor units, rounded down, or null.
    minor_or_null,
    Option<Micros>,
    |amount: &Option<Micros>| amount.map(Micros::minor),
    |minor: Option<u64>| minor.map(|minor| Micros::from_minor(minor).ok()).map_or(Some(None), |read| read.map(Some)),
    Option<u64>
);
shown!(
    /// An agent as the marketplace spells it.
    ext,
    AgentId,
    |agent_id: &AgentId| format!("ext_{}", agent_id.ulid()),
    |text: String| AgentId::parse(&format!("agt_{}", text.strip_prefix("ext_")?)).ok(),
    String
);
