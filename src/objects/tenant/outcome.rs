//! What a tenant's object answers when it did what was asked.

use serde::{Deserialize, Serialize};

use super::identity::outcome::AgentOutcome;
use super::money::outcome::{MoneyOutcome, Stopped};
use super::order::outcome::OrderOutcome;
use super::proof::outcome::ProofOutcome;
use super::seller::outcome::SellerOutcome;
use super::webhook::command::WebhookOutcome;
use crate::domain::address::LoginAddress;
use crate::domain::agent::AgentStatus;
use crate::domain::audit::Entry;
use crate::domain::bytes;
use crate::domain::digest::Digest;
use crate::domain::enrollment::TokenStatus;
use crate::domain::form::Usd;
use crate::domain::form::funding::{FundingForm, FundingStatus};
use crate::domain::id::{AgentId, EnrollmentId, EventId, FundingId, KeyId, QueryId, ReservationId, TenantUuid, UserId, WalletId};
use crate::domain::json_text;
use crate::domain::key::KeyKind;
use crate::domain::ledger::{Account, Balance};
use crate::domain::member::Role;
use crate::domain::money::Micros;
use crate::domain::plan::Plan;
use crate::domain::scope::Scopes;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::domain::wallet::{FundingSource, Mode};

/// The answer to each command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Born(Born),
    BirthConfirmed,
    Admitted,
    Reserved(Reserved),
    /// What a metered request came to, now or when its idempotency key was first used.
    Answered(Answered),
    Charged(Charged),
    Released,
    KeyMinted(KeyMinted),
    Keys(Vec<KeyView>),
    KeyRevoked,
    Agent(AgentView),
    EnrollmentMinted(EnrollmentMinted),
    Enrollments(Vec<EnrollmentView>),
    EnrollmentRevoked,
    Enrolled(Enrolled),
    Invited(Invited),
    Invitation(PendingInvitation),
    OwnerJoined {
        tenant_uuid: TenantUuid,
        slug: Slug,
    },
    Members(Vec<MemberView>),
    Member(MemberView),
    MemberRemoved,
    Wallet(WalletView),
    Wallets(Vec<WalletView>),
    Funded(Funded),
    /// One row a day, oldest first, days without spending included.
    DailySpend(Vec<DaySpend>),
    Activity(Vec<ActivityEntry>),
    Profile(Profile),
    Overview(Box<Overview>),
    Due(Due),
    /// Events in the order of their sequence, which has gaps; `after_seq` is the last one handed on before them.
    Events {
        after_seq: u64,
        events: Vec<Event>,
    },
    OutboxAcked,
    AuditVerified(AuditVerified),
    Reconciled(Reconciled),
    Money(MoneyOutcome),
    Webhook(WebhookOutcome),
    Agents(AgentOutcome),
    Proof(ProofOutcome),
    Order(OrderOutcome),
    Seller(SellerOutcome),
    /// There is room for a file, or it is counted.
    FileAdmitted,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Born {
    pub tenant_uuid: TenantUuid,
    pub slug: Slug,
    pub name: String,
    pub wallet_id: WalletId,
    pub credit_micros: Micros,
    pub agent_id: Option<AgentId>,
    pub key_id: Option<KeyId>,
    pub invitation: Option<Invited>,
    pub created_at_ms: Timestamp,
    /// Whether the tenant stood already and this finished an interrupted birth.
    pub resumed: bool,
    pub sealed: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// `None` when the price was zero.
    pub reservation_id: Option<ReservationId>,
    pub expires_at_ms: Timestamp,
    /// What the default wallet has available after the hold.
    pub available_micros: Micros,
}

/// What a metered request came to: all its reply is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub query_id: QueryId,
    pub price_micros: Micros,
    /// What the default wallet had available once the price was held.
    pub available_micros: Micros,
    /// What the memory answered, as it is written.
    #[serde(with = "bytes")]
    pub answer: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charged {
    pub captured_micros: Micros,
    /// What went back when less was taken than reserved.
    pub freed_micros: Micros,
    /// What the wallet has available now.
    pub available_micros: Micros,
    /// Whether the answer is kept under the idempotency key.
    pub answer_kept: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMinted {
    pub key: KeyView,
    pub sealed: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    pub key_id: KeyId,
    pub kind: KeyKind,
    pub agent_id: Option<AgentId>,
    pub label: Option<String>,
    pub last4: String,
    pub scopes: Scopes,
    pub created_at_ms: Timestamp,
    pub expires_at_ms: Option<Timestamp>,
    /// To the minute.
    pub last_used_at_ms: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    pub agent_id: AgentId,
    pub label: String,
    pub address: Option<LoginAddress>,
    pub status: AgentStatus,
    #[serde(with = "json_text")]
    pub metadata: serde_json::Value,
    pub created_at_ms: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrollmentMinted {
    pub token: EnrollmentView,
    pub sealed: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrollmentView {
    pub id: EnrollmentId,
    pub label: Option<String>,
    pub status: TokenStatus,
    pub last4: String,
    pub created_at_ms: Timestamp,
    pub expires_at_ms: Timestamp,
    pub used_by: Option<AgentId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    pub tenant_uuid: TenantUuid,
    pub slug: Slug,
    pub agent_id: AgentId,
    pub key_id: KeyId,
    pub address: LoginAddress,
    pub created_at_ms: Timestamp,
    pub sealed: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    pub email: String,
    pub expires_at_ms: Timestamp,
}

/// An invitation that can be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingInvitation {
    pub slug: Slug,
    pub email: String,
    pub expires_at_ms: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    pub user_id: UserId,
    pub role: Role,
    pub added_at_ms: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletView {
    pub wallet_id: WalletId,
    pub name: Option<String>,
    pub mode: Mode,
    /// Whether metered requests are paid from it.
    pub default: bool,
    pub balance: Balance,
    #[serde(with = "json_text")]
    pub metadata: serde_json::Value,
    pub created_at_ms: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funded {
    pub funding_id: FundingId,
    pub wallet_id: WalletId,
    pub amount_micros: Micros,
    pub source: FundingSource,
    /// The wallet's balance after it.
    pub balance: Balance,
    pub created_at_ms: Timestamp,
}

impl From<&Funded> for FundingForm {
    fn from(funded: &Funded) -> Self {
        Self {
            id: funded.funding_id,
            wallet_id: funded.wallet_id,
            amount: funded.amount_micros,
            currency: Usd,
            source: funded.source,
            status: FundingStatus::Succeeded,
            balance: funded.balance.available,
            created_at: funded.created_at_ms,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySpend {
    /// `YYYY-MM-DD`, UTC.
    pub date: String,
    pub spent_micros: Micros,
    pub charges: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityEntry {
    pub entry: Entry,
    pub prev_hash: Digest,
    pub hash: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub tenant_uuid: TenantUuid,
    pub slug: Slug,
    pub name: String,
    pub plan: Plan,
    /// Agents that are not revoked.
    pub agents: u64,
    pub controller_address: Option<LoginAddress>,
    pub default_wallet: WalletId,
    pub created_at_ms: Timestamp,
}

/// What a page about the tenant shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    pub profile: Profile,
    /// The default wallet.
    pub wallet: WalletView,
    /// Newest first, revoked ones included.
    pub agents: Vec<AgentView>,
    /// Agents' and management keys that are not revoked, newest first.
    pub keys: Vec<KeyView>,
    /// One row a day, oldest first, days without spending included.
    pub spend: Vec<DaySpend>,
    /// Newest first.
    pub activity: Vec<ActivityEntry>,
    /// The kill switch.
    pub stop: Stopped,
    /// Approvals that wait for a human.
    pub approvals_waiting: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    pub expired: u64,
    pub purged: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub seq: u64,
    pub event_id: EventId,
    #[serde(rename = "type")]
    pub kind: String,
    pub at_ms: Timestamp,
    #[serde(with = "json_text")]
    pub data: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerified {
    pub valid: bool,
    /// Entries walked by this call.
    pub entries: u64,
    /// The last entry walked; the next call continues after it. The chain's end when it equals `head_seq`.
    pub walked_seq: u64,
    pub head_seq: u64,
    pub head_hash: Digest,
    pub first_bad_seq: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// Whether every balance equals the sum of its entries, all accounts sum to zero, and held money equals the open
    /// reservations.
    pub equal: bool,
    pub accounts: Vec<AccountCheck>,
    pub entries: u64,
    pub head_hash: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCheck {
    pub account: Account,
    /// Signed: the outside world is below zero.
    pub recorded_micros: i64,
    pub recomputed_micros: i64,
}
