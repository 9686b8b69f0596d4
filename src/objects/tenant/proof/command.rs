//! What can be asked about sessions, delegations, guardrails and receipts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::agent_session::{AgentSessionId, SessionStatus};
use crate::domain::digest::Digest;
use crate::domain::id::{AgentId, DelegationId, ReceiptId};
use crate::domain::json_text;
use crate::domain::receipt::Statement;
use crate::domain::scope::{Scope, Scopes};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofCommand {
    OpenSession(SessionDraft),
    /// Whoever has a refresh token, and nobody else: a new pair for the one it is of. A token that was used before ends the
    /// session.
    RefreshSession {
        token_hash: Digest,
        secrets: SessionSecrets,
    },
    /// Newest first, `offset` left out.
    ListSessions {
        agent_id: Option<AgentId>,
        status: Option<SessionStatus>,
        limit: u64,
        offset: u64,
    },
    /// Repeatable.
    TerminateSession {
        session_id: AgentSessionId,
        reason: Option<String>,
    },
    Offer {
        from: AgentId,
        to: AgentId,
        scopes: Scopes,
        ttl_s: Option<u64>,
    },
    /// Repeatable.
    Accept {
        delegation_id: DelegationId,
    },
    /// Also for a session of that agent. Changes nothing.
    CheckGuardrails {
        agent_id: AgentId,
        action: Scope,
    },
    /// Also for a session of that agent.
    IssueReceipt {
        agent_id: AgentId,
        statement: Statement,
    },
    /// Also for a session, of its own agent.
    GetReceipt {
        receipt_id: ReceiptId,
    },
    /// Also for a session, of its own agent.
    VerifyReceipt {
        receipt_id: ReceiptId,
    },
    /// Newest first, `offset` left out. Also for a session of that agent.
    ListReceipts {
        agent_id: AgentId,
        limit: u64,
        offset: u64,
    },
}

/// A session to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDraft {
    pub agent_id: AgentId,
    /// Absent: all the agent has.
    pub scopes: Option<Scopes>,
    pub ttl_s: u64,
    #[serde(with = "json_text")]
    pub metadata: Map<String, Value>,
    pub secrets: SessionSecrets,
}

/// A pair of tokens as the object keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSecrets {
    pub access_hash: Digest,
    pub refresh_hash: Digest,
    /// Both texts, for a repeat under the same Idempotency-Key, which alone opens them.
    pub sealed: Option<String>,
}

impl ProofCommand {
    /// Whether it changes nothing.
    pub const fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::ListSessions { .. }
                | Self::CheckGuardrails { .. }
                | Self::GetReceipt { .. }
                | Self::VerifyReceipt { .. }
                | Self::ListReceipts { .. }
        )
    }

    /// Whether a caller with a session may give it; that it is about its own agent is decided there.
    pub const fn is_for_sessions(&self) -> bool {
        matches!(
            self,
            Self::CheckGuardrails { .. }
                | Self::IssueReceipt { .. }
                | Self::GetReceipt { .. }
                | Self::VerifyReceipt { .. }
                | Self::ListReceipts { .. }
        )
    }

    /// Whether a refresh token is what it takes.
    pub const fn is_for_refreshers(&self) -> bool {
        matches!(self, Self::RefreshSession { .. })
    }
}
