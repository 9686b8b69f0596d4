//! Agents: identities that act for a tenant, `active <-> suspended -> revoked`.

use serde::{Deserialize, Serialize};

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
