//! What can be asked about a tenant's agents.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::agent::{AgentStatus, AgentType, TrustLevel};
use crate::domain::id::AgentId;
use crate::domain::json_text;
use crate::domain::scope::{Scope, Scopes};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentCommand {
    Register(AgentDraft),
    /// Also for an execution token or a session of that agent.
    Get {
        agent_id: AgentId,
    },
    /// Newest first, `offset` left out.
    List {
        filter: AgentFilter,
        limit: u64,
        offset: u64,
    },
    Change {
        agent_id: AgentId,
        change: AgentChange,
    },
    /// Repeatable.
    SetStatus {
        agent_id: AgentId,
        status: AgentStatus,
        reason: Option<String>,
    },
    /// The whole history, newest first; with a moment the key that signed then.
    ListKeys {
        agent_id: AgentId,
        at: Option<Timestamp>,
    },
    RotateKey {
        agent_id: AgentId,
        reason: Option<String>,
        /// The old key is in the wrong hands.
        compromised: bool,
        overlap_s: u64,
    },
    GetTrust {
        agent_id: AgentId,
    },
    ComputeTrust {
        agent_id: AgentId,
    },
    /// Oldest first, both ends included.
    TrustHistory {
        agent_id: AgentId,
        from: Timestamp,
        to: Timestamp,
        limit: u64,
    },
    ExplainScope {
        agent_id: AgentId,
        action: Scope,
    },
    /// House, for anyone: the history of an agent's keys.
    PublicKeys {
        agent_id: AgentId,
    },
}

/// What an agent is registered with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgentDraft {
    pub display_name: String,
    pub agent_type: AgentType,
    pub description: Option<String>,
    pub scopes: Scopes,
    #[serde(with = "json_text")]
    pub metadata: Map<String, Value>,
    pub expires_at: Option<Timestamp>,
}

/// What of an agent shall be otherwise; the rest stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentChange {
    pub display_name: Option<String>,
    pub description: Option<String>,
    #[serde(with = "json_text")]
    pub metadata: Option<Map<String, Value>>,
    pub status: Option<AgentStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgentFilter {
    pub agent_type: Option<AgentType>,
    pub status: Option<AgentStatus>,
    pub trust_level: Option<TrustLevel>,
}

impl AgentCommand {
    /// Whether it changes nothing, not even what has run out.
    pub const fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::ListKeys { .. } | Self::GetTrust { .. } | Self::TrustHistory { .. } | Self::ExplainScope { .. } | Self::PublicKeys { .. }
        )
    }

    /// Whether only the house may give it.
    pub const fn is_for_house(&self) -> bool {
        matches!(self, Self::PublicKeys { .. })
    }

    /// Whether a caller with an execution token or a session may give it; that it is about its own agent is decided there.
    pub const fn is_for_tokens(&self) -> bool {
        matches!(self, Self::Get { .. })
    }
}
