//! What a tenant has subscribed to.

use serde::{Deserialize, Serialize};

/// A tenant's plan; `free` at birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    #[default]
    Free,
    Starter,
    Professional,
    Enterprise,
}

impl Plan {
    pub const ALL: [Self; 4] = [Self::Free, Self::Starter, Self::Professional, Self::Enterprise];

    /// The name the plan is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Starter => "starter",
            Self::Professional => "professional",
            Self::Enterprise => "enterprise",
        }
    }

    /// Reads a plan's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plan| plan.as_str() == text)
    }

    /// How many agents that are not revoked a tenant may have (contract identity-and-money 2); `None` is no limit.
    pub const fn agents_max(self) -> Option<u64> {
        match self {
            Self::Free => Some(5),
            Self::Starter => Some(25),
            Self::Professional => Some(100),
            Self::Enterprise => None,
        }
    }
}
