//! Sessions of agents: for a while, whoever has a session's token acts as its agent, within the session's scopes.
//!
//! Invariant: a session is good until it is ended or its time is over, and only by its newest pair of tokens.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::entropy::Entropy;
use super::id::TenantUuid;
use super::time::Timestamp;

/// `maip-sess:`, the first eight hex characters of the tenant's uuid, and a number of 16. It names a session and is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentSessionId {
    tenant: [u8; 4],
    number: [u8; 8],
}

impl AgentSessionId {
    const PREFIX: &'static str = "maip-sess:";

    pub fn new(tenant: TenantUuid, entropy: &mut dyn Entropy) -> Self {
        let mut number = [0; 8];
        entropy.fill(&mut number);
        let [a, b, c, d, ..] = *tenant.as_bytes();
        Self { tenant: [a, b, c, d], number }
    }

    /// Reads it in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (tenant, number) = text.strip_prefix(Self::PREFIX)?.split_once(':')?;
        let mut id = Self { tenant: [0; 4], number: [0; 8] };
        hex::decode_to_slice(tenant, &mut id.tenant).ok()?;
        hex::decode_to_slice(number, &mut id.number).ok()?;
        Some(id)
    }
}

impl fmt::Display for AgentSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}", Self::PREFIX, hex::encode(self.tenant), hex::encode(self.number))
    }
}

impl Serialize for AgentSessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AgentSessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("must be a session's id"))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for AgentSessionId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AgentSessionId".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^maip-sess:[0-9a-f]{8}:[0-9a-f]{16}$" })
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    Active,
    Expired,
    Terminated,
}

impl SessionStatus {
    /// The status of a session that was ended then, if at all, and lasts until `expires_at`.
    pub fn of(ended_at: Option<Timestamp>, expires_at: Timestamp, now: Timestamp) -> Self {
        match ended_at {
            Some(_) => Self::Terminated,
            None if expires_at <= now => Self::Expired,
            None => Self::Active,
        }
    }

    /// The name it is shown and asked for by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Terminated => "terminated",
        }
    }

    /// Reads that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Expired, Self::Terminated].into_iter().find(|status| status.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Uuid;

    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(0xa7);
        }
    }

    #[test]
    fn a_session_s_id_reads_back_in_either_case() {
        let tenant = Uuid::parse("a1b2c3d4-0000-4000-8000-000000000000").unwrap();
        let id = AgentSessionId::new(tenant, &mut Fixed);
        assert_eq!(id.to_string(), "maip-sess:a1b2c3d4:a7a7a7a7a7a7a7a7");
        assert_eq!(AgentSessionId::parse(&id.to_string().to_uppercase()), Some(id));
        for bad in ["", "maip-sess:", "maip-sess:a1b2c3d4:a7", "maip-sess:a1b2c3:a7a7a7a7a7a7a7a7", "a1b2c3d4:a7a7a7a7a7a7a7a7"] {
            assert_eq!(AgentSessionId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_ended_session_stays_ended_and_one_whose_time_is_over_is_expired() {
        let at = Timestamp::from_ms;
        assert_eq!(SessionStatus::of(None, at(10), at(9)), SessionStatus::Active);
        assert_eq!(SessionStatus::of(None, at(10), at(10)), SessionStatus::Expired);
        assert_eq!(SessionStatus::of(Some(at(5)), at(10), at(11)), SessionStatus::Terminated);
        assert_eq!(SessionStatus::parse("terminated"), Some(SessionStatus::Terminated));
        assert_eq!(SessionStatus::parse("Active"), None);
    }
}
