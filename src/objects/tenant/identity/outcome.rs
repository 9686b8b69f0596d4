//! What is answered about a tenant's agents.

use serde::{Deserialize, Serialize};

use crate::domain::agent::TrustLevel;
use crate::domain::form::agent::AgentForm;
use crate::domain::form::agent_key::AgentKeyForm;
use crate::domain::scope::Explanation;
use crate::domain::time::Timestamp;
use crate::domain::trust::{Factors, Thousandths};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentOutcome {
    Agent(Box<AgentForm>),
    Agents {
        agents: Vec<AgentForm>,
        /// On all pages together.
        total: u64,
    },
    /// The key that signs from now on.
    KeyRotated(Box<AgentKeyForm>),
    Keys(Vec<AgentKeyForm>),
    Trust(Trust),
    TrustHistory {
        history: Vec<TrustComputed>,
        /// In the time asked for, beyond the limit too.
        total: u64,
    },
    Explained(Explanation),
}

/// How far an agent is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    pub score: Thousandths,
    pub level: TrustLevel,
    /// What it was last computed from; `None` while the score is the one of its birth.
    pub computed: Option<TrustComputed>,
}

/// One computing of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustComputed {
    pub score: Thousandths,
    pub factors: Factors,
    pub at: Timestamp,
}
