//! Agents: identities that act for a tenant, `active <-> suspended -> revoked`.

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::id::{AgentId, TenantUuid, Uuid};

/// Whether an agent may act. Revoked is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
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

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $type {
            $($(#[$variant_doc])* $name,)*
        }

        impl $type {
            /// The name it is stored and shown by.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Reads that name.
            pub fn parse(text: &str) -> Option<Self> {
                [$(Self::$name),*].into_iter().find(|known| known.as_str() == text)
            }
        }
    };
}

names! {
    /// What an agent is for.
    AgentType {
        Orchestrator = "orchestrator",
        #[default]
        Worker = "worker",
        Inference = "inference",
        Pipeline = "pipeline",
        Service = "service",
        Bot = "bot",
        Llm = "llm",
    }
}

names! {
    /// Who vouches for an agent.
    TrustLevel {
        PlatformRoot = "platform_root",
        VerifiedOrg = "verified_org",
        VerifiedIndividual = "verified_individual",
        /// By a credential of its tenant: every agent at birth.
        #[default]
        Authenticated = "authenticated",
        SelfAsserted = "self_asserted",
        Anonymous = "anonymous",
    }
}

/// An agent's id as MAIP spells it: `maip:` with the first eight hex characters of its tenant's uuid and its ULID.
pub fn spell_maip(id: AgentId, tenant: TenantUuid) -> String {
    format!("maip:{}:{}", tenant.to_hex().get(..8).unwrap_or_default(), id.ulid())
}

/// An agent's id as a uuid.
pub fn spell_uuid(id: AgentId) -> String {
    Uuid::from_bytes(id.ulid().to_bytes()).to_string()
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
    match read_any_agent_id(text) {
        None => SpeltAgent::Unknown,
        Some((_, Some(tenant8))) if tenant.to_hex().get(..8) != Some(&tenant8) => SpeltAgent::Foreign,
        Some((id, _)) => SpeltAgent::Ours(id),
    }
}

/// Reads an agent's id of whichever tenant, with the eight characters of the tenant that its spelling may name.
pub fn read_any_agent_id(text: &str) -> Option<(AgentId, Option<String>)> {
    let text = text.to_ascii_lowercase();
    if let Some(uuid) = Uuid::parse(&text) {
        return Some((AgentId::from_ulid(Ulid::from_bytes(*uuid.as_bytes())), None));
    }
    let (tenant8, ulid) = match text.strip_prefix("maip:") {
        Some(rest) => rest.split_once(':').map_or((None, ""), |(tenant8, ulid)| (Some(tenant8.to_owned()), ulid)),
        None => (None, ["agt_", "ext_", "maip-agent:"].into_iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(&text)),
    };
    // In what was published some tenants' eight are no hex: they name none of ours, and are ids all the same.
    let tenant8 = match tenant8 {
        Some(tenant8) if tenant8.is_empty() => return None,
        tenant8 => tenant8,
    };
    Some((AgentId::parse(&format!("{}{ulid}", AgentId::PREFIX)).ok()?, tenant8))
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
        assert_eq!(parse_agent_id(&spell_maip(agent, tenant), tenant), Some(agent));
        assert_eq!(parse_agent_id(&spell_uuid(agent), tenant), Some(agent));
    }

    #[test]
    fn a_name_is_read_back_as_it_is_written_in_json() {
        for text in ["orchestrator", "worker", "inference", "pipeline", "service", "bot", "llm"] {
            let kind = AgentType::parse(text).unwrap();
            assert_eq!((kind.as_str(), serde_json::to_value(kind).unwrap()), (text, text.into()));
        }
        for text in ["platform_root", "verified_org", "verified_individual", "authenticated", "self_asserted", "anonymous"] {
            let level = TrustLevel::parse(text).unwrap();
            assert_eq!((level.as_str(), serde_json::to_value(level).unwrap()), (text, text.into()));
        }
        assert_eq!((AgentType::default(), TrustLevel::default()), (AgentType::Worker, TrustLevel::Authenticated));
        assert_eq!(AgentType::parse("Worker"), None);
    }
}
