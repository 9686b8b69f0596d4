//! What is answered about sessions, delegations, guardrails and receipts.

use serde::{Deserialize, Serialize};

use crate::domain::agent_session::AgentSessionId;
use crate::domain::form::agent_session::SessionForm;
use crate::domain::form::delegation::DelegationForm;
use crate::domain::form::receipt::ReceiptForm;
use crate::domain::guardrail::Rule;
use crate::domain::receipt::Verdict;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofOutcome {
    /// Opened, or given a new pair of tokens.
    SessionOpened(Box<SessionOpened>),
    Sessions {
        sessions: Vec<SessionForm>,
        /// On all pages together.
        total: u64,
    },
    SessionTerminated(AgentSessionId),
    Delegation(Box<DelegationForm>),
    Checked {
        /// The rules the action violates.
        violated: Vec<Rule>,
        at: Timestamp,
    },
    Receipt(Box<ReceiptForm>),
    ReceiptVerified(Box<ReceiptVerified>),
    Receipts {
        receipts: Vec<ReceiptForm>,
        total: u64,
    },
    /// What became of verifying a receipt whose envelope does not read any more: its signature is not over that.
    DamageVerified {
        chain_verified: bool,
        transparency_verified: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOpened {
    pub session: SessionForm,
    pub sealed: Option<String>,
}

/// What became of verifying a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptVerified {
    pub receipt: ReceiptForm,
    pub verdict: Verdict,
    pub signature_verified: bool,
    /// Its chain hash follows from the receipt before it.
    pub chain_verified: bool,
    /// Its chain hash stands in the audit chain.
    pub transparency_verified: bool,
}
