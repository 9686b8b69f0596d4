//! Why a tenant's object did not do what was asked: a closed list, each with one meaning.

use serde::{Deserialize, Serialize};

use super::money::refusal::MoneyRefusal;
use super::order::refusal::OrderRefusal;
use super::proof::refusal::ProofRefusal;
use super::seller::refusal::SellerRefusal;
use crate::domain::id::WalletId;
use crate::domain::money::Micros;
use crate::domain::plan::Plan;
use crate::domain::reservation::ReservationError;
use crate::domain::wallet::FundingError;

/// What of the tenant was named but is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    Agent,
    Enrollment,
    Key,
    Reservation,
    Wallet,
    Mandate,
    Lease,
    Payment,
    Approval,
    Webhook,
    Delivery,
    Session,
    Delegation,
    Receipt,
}

/// A refusal. The comment gives the status it ends in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// 401. Unknown, wrong, revoked and expired keys alike.
    InvalidCredentials,
    /// 403. The tenant named is not this one, or the wallet is no agent of it.
    TenantMismatch,
    /// 403 or 404. The human is no member.
    NotMember,
    /// 404. No tenant was born here.
    NoTenant,
    /// 403. The caller's agent is suspended.
    AgentNotActive,
    /// 403. Not for this kind of caller, or its scopes do not allow it.
    Forbidden,
    /// 403. More was to be given than the giver holds, or more entries than a set takes with the denials it is under.
    ScopeNotHeld,
    /// 403. A test key reached for live money.
    LiveModeForbidden,
    /// 429. The reply's limits say which.
    RateLimited,
    /// 422. The idempotency key was used with another body.
    IdempotencyConflict,
    /// 409. The first request with this idempotency key is still running.
    IdempotencyInFlight,
    /// 402.
    InsufficientBalance { available_micros: Micros, price_micros: Micros, wallet_id: WalletId },
    /// 402.
    PlanLimitExceeded { limit: u64, current: u64, plan: Plan },
    /// 401. Unknown, used, expired and revoked alike.
    InvalidEnrollmentToken,
    /// 403.
    NotControllingWallet,
    /// 409. An owner accepted, or another address is invited.
    OwnerExists,
    /// 404. Unknown, used, expired and void alike.
    InvalidInvitation,
    /// 409. The tenant is another's, or its birth was completed before.
    TenantExists,
    /// 404.
    NotFound(Thing),
    /// 409. The agent a key is asked for is suspended or revoked.
    TargetAgentNotActive,
    /// 409. Revoked is final.
    AgentRevoked,
    /// 409.
    ReservationResolved,
    /// 409.
    ReservationExpired,
    /// 409.
    CaptureExceedsReservation,
    /// 409.
    WalletLimit,
    /// 409.
    WalletCap,
    /// 403.
    FundingSourceNotAllowed,
    /// 403. Live money before the go/no-go packet is complete.
    GoNoGoIncomplete,
    /// A metered request was admitted, and then came to nothing: it was given back, and may come again. `cause` is for the
    /// log.
    Unsettled { cause: String },
    /// Governed money is refused.
    Money(MoneyRefusal),
    /// 409.
    WebhookLimit,
    /// 409. A disabled endpoint is sent nothing.
    WebhookDisabled,
    /// 409. An agent has had as many keys as one may.
    KeyLimit,
    /// What agents would prove is refused.
    Proof(ProofRefusal),
    /// Nothing was done to an order.
    Order(OrderRefusal),
    /// Nothing was done about a profile or a service.
    Seller(SellerRefusal),
    /// 402. The tenant's files take all the room there is.
    StorageFull { limit_bytes: u64, used_bytes: u64 },
}

impl Refusal {
    /// Whether an idempotency record keeps it: contract README 7 leaves out 400, 401, 413, 415, 422, 429 and 5xx.
    pub const fn is_kept(&self) -> bool {
        match self {
            Self::InvalidCredentials
            | Self::RateLimited
            | Self::IdempotencyConflict
            | Self::IdempotencyInFlight
            | Self::InvalidEnrollmentToken
            | Self::Unsettled { .. } => false,
            Self::TenantMismatch
            | Self::NotMember
            | Self::NoTenant
            | Self::AgentNotActive
            | Self::Forbidden
            | Self::ScopeNotHeld
            | Self::LiveModeForbidden
            | Self::InsufficientBalance { .. }
            | Self::PlanLimitExceeded { .. }
            | Self::NotControllingWallet
            | Self::OwnerExists
            | Self::InvalidInvitation
            | Self::TenantExists
            | Self::NotFound(_)
            | Self::TargetAgentNotActive
            | Self::AgentRevoked
            | Self::ReservationResolved
            | Self::ReservationExpired
            | Self::CaptureExceedsReservation
            | Self::WalletLimit
            | Self::WalletCap
            | Self::FundingSourceNotAllowed
            | Self::GoNoGoIncomplete
            | Self::WebhookLimit
            | Self::WebhookDisabled
            | Self::KeyLimit
            | Self::StorageFull { .. }
            | Self::Proof(_) => true,
            Self::Money(refusal) => refusal.is_kept(),
            Self::Order(refusal) => refusal.is_kept(),
            Self::Seller(refusal) => refusal.is_kept(),
        }
    }
}

impl From<ReservationError> for Refusal {
    fn from(error: ReservationError) -> Self {
        match error {
            ReservationError::Resolved => Self::ReservationResolved,
            ReservationError::Expired => Self::ReservationExpired,
            ReservationError::CaptureExceeds => Self::CaptureExceedsReservation,
            ReservationError::ApprovalPending => Self::Money(MoneyRefusal::ApprovalPending),
        }
    }
}

impl From<FundingError> for Refusal {
    fn from(error: FundingError) -> Self {
        match error {
            FundingError::SourceNotAllowed => Self::FundingSourceNotAllowed,
            FundingError::OverCap => Self::WalletCap,
        }
    }
}
