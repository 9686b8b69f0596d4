//! What crosses the hop to a tenant's object and back: the client half. How it is written: [`crate::objects::wire`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::outcome::{Answered, Outcome};
use super::refusal::Refusal;
use crate::domain::address::LoginAddress;
use crate::domain::digest::Digest;
use crate::domain::id::{AgentId, KeyId, LeaseId, MandateId, RequestId, TenantUuid, UserId, WalletId};
use crate::domain::idempotency::Claim;
use crate::domain::key::{KeyKind, KeyNumber};
use crate::domain::limit::{LimitClass, LimitState};
use crate::domain::member::Role;
use crate::domain::money::Micros;
use crate::domain::plan::Plan;
use crate::domain::scope::{Scope, Scopes};
use crate::domain::slug::Slug;
use crate::domain::spend::SpendAction;
use crate::domain::time::Timestamp;

/// One call: who asks, under which limits and which idempotency key, and for what. The object decides all of it in
/// this order, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantCall {
    /// The HTTP request this call serves. What takes two transactions runs both under the same id.
    pub request_id: RequestId,
    pub caller: Proof,
    /// The tenant the request named, slug or uuid; it must be this one.
    pub named_tenant: Option<String>,
    /// The scope the route demands of a caller that has scopes.
    pub needs: Option<Scope>,
    /// The limits that count this request: all of them or none.
    pub limits: Vec<LimitClass>,
    /// `RATE_LIMIT_SCALE`; 1 but for benchmarks and fuzzing.
    pub limit_scale: u64,
    pub idempotency: Option<Claim>,
    pub command: Command,
}

impl TenantCall {
    /// A call without limits, idempotency key or named tenant.
    pub const fn new(request_id: RequestId, caller: Proof, command: Command) -> Self {
        Self { request_id, caller, named_tenant: None, needs: None, limits: Vec::new(), limit_scale: 1, idempotency: None, command }
    }
}

/// What the sender of a request has proved before it came here, or what is still to be compared here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// A key's text; its secret's hash is compared here, in constant time.
    Key { kind: KeyKind, number: KeyNumber, secret_hash: Digest },
    /// A wallet session: the address signed in. It must be an agent of the tenant.
    Wallet { address: LoginAddress },
    /// A signed-in human, who must be a member.
    User { user_id: UserId },
    /// A signed-in human who is an operator.
    Operator { user_id: UserId },
    /// The house itself: births, second halves of requests it admitted, due work, projections.
    House,
    /// An execution token whose signature and times hold. Whether its agent, mandate and lease still stand is told here.
    Execution(ExecutionRights),
    /// A token of an agent's session, by its hash. Whether the session lasts is told here.
    Session { token_hash: Digest },
    /// What renews a session, by its hash: good for that alone.
    Refresh { token_hash: Digest },
}

/// What an execution token is good for (contract identity-and-money 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionRights {
    pub agent_id: AgentId,
    pub mandate_id: MandateId,
    pub lease_id: Option<LeaseId>,
    pub action: SpendAction,
    /// The token's own id.
    pub jti: String,
    pub expires_at: Timestamp,
}

/// Who acted, as the audit chain names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    Key(KeyId),
    Wallet(LoginAddress),
    User(UserId),
    Operator(UserId),
    House,
    /// An agent, by its execution token or a session of it.
    Agent(AgentId),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Wallet(address) => write!(f, "wallet:{address}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Operator(id) => write!(f, "operator:{id}"),
            Self::House => f.write_str("house"),
            Self::Agent(id) => id.fmt(f),
        }
    }
}

/// The caller as the object knows it, once its proof held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub tenant_uuid: TenantUuid,
    pub slug: Slug,
    pub plan: Plan,
    pub actor: Actor,
    /// The agent behind a key or a wallet.
    pub agent_id: Option<AgentId>,
    /// The role of a member.
    pub role: Option<Role>,
    pub key: Option<CallerKey>,
    pub default_wallet: WalletId,
    /// What the default wallet had available when the call began, run-out holds counted as freed.
    pub available_micros: Micros,
    /// What an execution token is good for.
    pub token: Option<ExecutionRights>,
    /// Whether the tenant's kill switch is on.
    pub is_stopped: bool,
    /// The agent's session it came with.
    pub session: Option<CallerSession>,
}

/// A session a caller came with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerSession {
    pub scopes: Scopes,
    /// Whether it came with what renews the session, which is good for nothing else.
    pub renews: bool,
}

impl Caller {
    /// The agent in whose name it comes, by an execution token or a session: it reaches no other.
    pub fn acts_for(&self) -> Option<AgentId> {
        self.agent_id.filter(|_| self.token.is_some() || self.session.is_some())
    }
}

/// The key a caller came with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerKey {
    pub kind: KeyKind,
    pub scopes: Scopes,
}

/// The object's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantReply {
    pub outcome: Result<Outcome, Refusal>,
    /// Each limit of the call as it stands now, for the headers.
    pub limits: Vec<LimitState>,
    /// Whether this is the stored answer of an earlier call.
    pub replayed: bool,
    /// `None` when the proof did not hold.
    pub caller: Option<Caller>,
    /// The earliest deadline this call made or knows of: the alarm must stand no later.
    pub next_due_at_ms: Option<Timestamp>,
    /// Whether events wait to be handed on.
    pub outbox_pending: bool,
}

impl TenantReply {
    /// A refusal before anything was counted.
    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self { outcome: Err(refusal), limits: Vec::new(), replayed: false, caller: None, next_due_at_ms: None, outbox_pending: false }
    }
}

/// What an idempotency record keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Outcome(Outcome),
    Refusal(Refusal),
    /// What a metered request came to.
    Metered(Answered),
}
