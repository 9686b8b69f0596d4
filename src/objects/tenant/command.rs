//! What a tenant's object can be asked to do.

use serde::{Deserialize, Serialize};

use super::file::FileCommand;
use super::identity::command::AgentCommand;
use super::money::command::MoneyCommand;
use super::order::command::OrderCommand;
use super::outcome::Answered;
use super::proof::command::ProofCommand;
use super::seller::command::SellerCommand;
use super::webhook::command::WebhookCommand;
use crate::domain::address::LoginAddress;
use crate::domain::agent::AgentStatus;
use crate::domain::bytes;
use crate::domain::digest::Digest;
use crate::domain::id::{AgentId, EnrollmentId, KeyId, QueryId, ReservationId, TenantUuid, UserId, WalletId};
use crate::domain::json_text;
use crate::domain::key::{KeyKind, KeyNumber, NewSecret};
use crate::domain::member::Role;
use crate::domain::money::Micros;
use crate::domain::plan::Plan;
use crate::domain::scope::Scopes;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::domain::wallet::{FundingSource, Mode};

/// A command and its parameters, already of domain types: what is malformed never comes this far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// House. Makes the tenant, once.
    Birth(Birth),
    /// House. The answer to a birth has arrived: its first key is no longer replaced.
    ConfirmBirth,
    /// Anybody. Authenticates and counts; nothing else.
    Admit,
    /// Agents' keys and wallets. Admits, and holds the price. The object then asks the memory, and captures or releases.
    MeterReserve(MeterReserve),
    /// House. The request succeeded: takes the price and keeps the answer.
    MeterCapture(MeterCapture),
    /// House. The request failed: gives the price back and forgets the idempotency record.
    MeterRelease(MeterRelease),
    MintKey(MintKey),
    /// Keys of these kinds that are not revoked, newest first.
    ListKeys {
        kinds: Vec<KeyKind>,
    },
    /// Repeatable. Only keys of these kinds are known.
    RevokeKey {
        key_id: KeyId,
        kinds: Vec<KeyKind>,
    },
    SetAgentStatus {
        agent_id: AgentId,
        status: AgentStatus,
    },
    MintEnrollment(MintEnrollment),
    /// All tokens, newest first.
    ListEnrollments,
    /// Repeatable.
    RevokeEnrollment {
        id: EnrollmentId,
    },
    /// House, for a wallet that signed in. Makes it an agent, or gives its agent a further key.
    RedeemEnrollment(RedeemEnrollment),
    /// The controlling wallet. Invites a human to own the tenant.
    Invite(Invitation),
    /// House, for whoever holds the link. Changes nothing.
    ShowInvitation {
        number: KeyNumber,
        secret_hash: Digest,
    },
    /// House, for a human who signed in. Makes them an owner.
    AcceptInvitation {
        number: KeyNumber,
        secret_hash: Digest,
        user_id: UserId,
    },
    ListMembers,
    /// Owners. Adds a member or changes their role.
    PutMember {
        user_id: UserId,
        role: Role,
    },
    /// Owners. Repeatable.
    RemoveMember {
        user_id: UserId,
    },
    CreateWallet {
        name: Option<String>,
        mode: Mode,
        #[serde(with = "json_text")]
        metadata: serde_json::Map<String, serde_json::Value>,
    },
    GetWallet {
        wallet_id: WalletId,
    },
    /// Newest first, those older than `before`.
    ListWallets {
        limit: u64,
        before: Option<WalletId>,
    },
    Fund {
        wallet_id: WalletId,
        amount_micros: Micros,
        source: Option<FundingSource>,
    },
    /// The last `days` UTC days, today's last.
    DailySpend {
        days: u64,
    },
    /// Audit entries, newest first, those before `before`.
    Activity {
        limit: u64,
        before: Option<u64>,
    },
    Profile,
    /// What a page about the tenant shows, in one call: `days` of spend and the latest `entries` of the audit chain.
    Overview {
        days: u64,
        entries: u64,
    },
    /// `name`: owners; `plan`: operators.
    UpdateTenant {
        name: Option<String>,
        plan: Option<Plan>,
    },
    /// House. Expires what has run out and purges what is old, at most `batch` of each.
    RunDue {
        batch: u64,
    },
    /// House. The oldest events not yet acknowledged.
    OutboxRead {
        limit: u64,
    },
    /// House. Everything up to `upto_seq` has been handed on.
    OutboxAck {
        upto_seq: u64,
    },
    /// Walks at most `limit` entries of the audit chain after `after_seq`.
    VerifyAudit {
        after_seq: u64,
        limit: u64,
    },
    /// Recomputes every balance from the entries.
    Reconcile,
    /// What is spent under rules.
    Money(MoneyCommand),
    Webhook(WebhookCommand),
    /// Agents as identities.
    Agent(AgentCommand),
    /// What agents prove.
    Proof(ProofCommand),
    /// House. The oldest events after `after_seq`, whether or not they were handed on: what a message that was lost held.
    OutboxReadAfter {
        after_seq: u64,
        limit: u64,
    },
    /// What is bought and sold.
    Order(OrderCommand),
    /// Who sells what.
    Seller(SellerCommand),
    /// What is kept in the store of files.
    File(FileCommand),
}

/// A new tenant. A repeat with the same uuid and controller answers the same tenant; until its delivery is confirmed it
/// also replaces the first key, which nobody can have received.
impl Command {
    /// Whether it changes nothing.
    pub const fn only_reads(&self) -> bool {
        if let Self::Agent(command) = self {
            return command.only_reads();
        }
        if let Self::Proof(command) = self {
            return command.only_reads();
        }
        if let Self::Webhook(command) = self {
            return command.only_reads();
        }
        if let Self::Seller(command) = self {
            return command.only_reads();
        }
        matches!(
            self,
            Self::Admit
                | Self::File(FileCommand::Admit)
                | Self::ListKeys { .. }
                | Self::ListEnrollments
                | Self::ShowInvitation { .. }
                | Self::ListMembers
                | Self::DailySpend { .. }
                | Self::Activity { .. }
                | Self::Profile
                | Self::OutboxRead { .. }
                | Self::OutboxReadAfter { .. }
                | Self::VerifyAudit { .. }
                | Self::Reconcile
        )
    }

    /// Whether it shows money or moves it: what has run out is ended first, whether or not the alarm has come.
    pub const fn meets_due(&self) -> bool {
        matches!(self, Self::Money(_) | Self::GetWallet { .. } | Self::ListWallets { .. } | Self::Fund { .. } | Self::Overview { .. })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Birth {
    pub uuid: TenantUuid,
    pub slug: Slug,
    pub name: String,
    pub controller: Controller,
    /// Play money the default wallet begins with.
    pub credit_micros: Micros,
    /// The first agent, with its first key.
    pub agent: Option<FirstAgent>,
    /// An owner to be invited at once.
    pub invitation: Option<Invitation>,
}

/// Who controls a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Controller {
    Wallet(LoginAddress),
    /// A human, who becomes its owner.
    User(UserId),
    /// Nobody but its agents: a tenant born of a registration at the marketplace.
    Market,
}

/// The agent a tenant is born with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstAgent {
    pub label: String,
    pub address: LoginAddress,
    #[serde(with = "json_text")]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    pub key: NewSecret,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterReserve {
    /// Zero holds nothing.
    pub price_micros: Micros,
    /// Seconds until the hold runs out by itself.
    pub ttl_s: u64,
    /// What is paid for, such as `query`.
    pub purpose: String,
    /// The id of the request as its answer tells it.
    pub query_id: QueryId,
    /// What the tenant's memory is asked for the price: its command, as it is written to it.
    #[serde(with = "bytes")]
    pub question: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterCapture {
    /// `None` when the price was zero.
    pub reservation_id: Option<ReservationId>,
    /// At most what was reserved; `None` takes all of it.
    pub amount_micros: Option<Micros>,
    /// The scope hash of the request's idempotency claim.
    pub scope_hash: Option<Digest>,
    /// The answer to be kept under it.
    pub answer: Option<Answered>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterRelease {
    pub reservation_id: Option<ReservationId>,
    pub scope_hash: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintKey {
    pub holder: KeyHolder,
    pub secret: NewSecret,
    pub label: Option<String>,
    pub scopes: Scopes,
    pub expires_at_ms: Option<Timestamp>,
}

/// Whom a key is for, which decides its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyHolder {
    /// `mtak_` for an agent there is.
    Agent(AgentId),
    /// `mtak_` for a new agent of this name.
    NewAgent { label: String },
    /// `tl_live_` or `tl_test_` for the tenant's management.
    Management { live: bool },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintEnrollment {
    pub secret: NewSecret,
    pub label: Option<String>,
    pub ttl_s: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemEnrollment {
    pub number: KeyNumber,
    pub secret_hash: Digest,
    pub address: LoginAddress,
    /// Names a new agent; else the token's label does, else the tenant's slug.
    pub label: Option<String>,
    #[serde(with = "json_text")]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    pub key: NewSecret,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub number: KeyNumber,
    pub secret_hash: Digest,
    /// Compared as written: normalized where it enters.
    pub email: String,
}
