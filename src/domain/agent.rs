//! Agents: identities that act for a tenant, `active <-> suspended -> revoked`.

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::id::{AgentId, TenantUuid, Uuid};

/// Whether an agent may act. Revoked is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    Active,
    Suspended,
    Revoked,
}

impl AgentStatus {
    /// The name the status is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Revoked].into_iter().find(|status| status.as_str() == text)
    }

    /// Whether an agent may pass from this status to `next`; staying is always legal.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Revoked, Self::Revoked) | (Self::Active | Self::Suspended, _) => true,
            (Self::Revoked, Self::Active | Self::Suspended) => false,
        }
    }
}

/// What a text names, read as an agent's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeltAgent {
    Ours(AgentId),
    /// Spelled with the eight of another tenant.
    Foreign,
    /// No spelling of an agent's id.
    Unknown,
}

/// Reads an agent's id in any of its spellings and any letter case (contract README 2): `agt_`, `ext_`, `maip-agent:`
/// and `maip:<tenant8>:` before the ULID, the ULID alone, or its bits as a uuid.
pub fn read_agent_id(text: &str, tenant: TenantUuid) -> SpeltAgent {
    let text = text.to_ascii_lowercase();
    if let Some(uuid) = Uuid::parse(&text) {
        return SpeltAgent::Ours(AgentId::from_ulid(Ulid::from_bytes(*uuid.as_bytes())));
    }
    let (tenant8, ulid) = match text.strip_prefix("maip:") {
        Some(rest) => rest.split_once(':').map_or((None, ""), |(tenant8, ulid)| (Some(tenant8), ulid)),
        None => (None, ["agt_", "ext_", "maip-agent:"].into_iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(&text)),
    };
    let Ok(id) = AgentId::parse(&format!("{}{ulid}", AgentId::PREFIX)) else { return SpeltAgent::Unknown };
    match tenant8 {
        // Some tenants' eight were no hex in what was published: they name none of ours, and are ids all the same.
        Some("") => SpeltAgent::Unknown,
        Some(tenant8) if tenant.to_hex().get(..8) != Some(tenant8) => SpeltAgent::Foreign,
        _ => SpeltAgent::Ours(id),
    }
}

/// The agent of this tenant that a text names.
pub fn parse_agent_id(text: &str, tenant: TenantUuid) -> Option<AgentId> {
    match read_agent_id(text, tenant) {
        SpeltAgent::Ours(id) => Some(id),
        SpeltAgent::Foreign | SpeltAgent::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_is_found_under_all_its_spellings() {
        let tenant = Uuid::parse("a1b2c3d4-0000-4000-8000-000000000000").unwrap();
        let agent = AgentId::parse("agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ").unwrap();
        let ulid = agent.ulid().to_string();
        let uuid = Uuid::from_bytes(agent.ulid().to_bytes()).to_string();
        for spelling in [
            agent.to_string(),
            ulid.clone(),
            ulid.to_lowercase(),
            uuid,
            format!("AGT_{ulid}"),
            format!("ext_{ulid}"),
            format!("maip-agent:{ulid}"),
            format!("maip:a1b2c3d4:{ulid}"),
            format!("maip:A1B2C3D4:{ulid}"),
        ] {
            assert_eq!(parse_agent_id(&spelling, tenant), Some(agent), "{spelling}");
        }
        for bad in ["", "agt_", &format!("maip:a1b2c3d5:{ulid}"), &format!("key_{ulid}"), &format!("agt_agt_{ulid}")] {
            assert_eq!(parse_agent_id(bad, tenant), None, "{bad}");
        }
        assert_eq!(read_agent_id(&format!("maip:a1b2c3d5:{ulid}"), tenant), SpeltAgent::Foreign);
        assert_eq!(read_agent_id("maip:a1b2c3d4", tenant), SpeltAgent::Unknown);
    }
}
