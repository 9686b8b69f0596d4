//! Why governed money was not to be had, or not to be changed so: a closed list, each with one meaning.

use serde::{Deserialize, Serialize};

use super::super::desk::Stop;
use super::super::refusal::Refusal;
use crate::domain::id::PaymentId;
use crate::domain::lease::LeaseField;
use crate::domain::mandate::LimitKind;
use crate::domain::money::Micros;
use crate::domain::spend::Reason;
use crate::domain::wallet::Mode;

/// A refusal. The comment gives the status it ends in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyRefusal {
    /// 402 or 403, by its reason. `payment_id` when the refusal was written down as a payment.
    Spend { reason: Reason, requested: Micros, payment_id: Option<PaymentId> },
    /// 402 or 403: the item of an atomic batch for which nothing of it was done.
    BatchRefused { index: u64, refusal: Box<Refusal> },
    /// 403. The token is good for something else.
    TokenScopeMismatch,
    /// 403. Payments take a token.
    ExecutionTokenRequired,
    /// 409. The token has served another payment.
    TokenAlreadyUsed,
    /// 403. The kill switch is on.
    TenantStopped,
    /// 409. A human has to decide first.
    ApprovalPending,
    /// 409. It was decided otherwise.
    ApprovalDecided,
    /// 409. The agent a mandate is asked for is revoked.
    AgentInactive,
    /// 412. Somebody has changed it since.
    VersionMismatch { version: u64 },
    /// 409.
    ImmutableField,
    /// 409. Revoked is final.
    MandateRevoked,
    /// 409. The limit would lie below what is spent and held.
    LimitBelowUsage { limit: LimitKind },
    /// 403.
    LeaseWider { field: LeaseField },
    /// 409.
    LeaseDepthExceeded,
    /// 400. The child is among those the budget comes from.
    LeaseCycle,
    /// 409.
    LeaseHasChildren,
    /// 503. Live money without a provider.
    UpstreamNotConfigured,
    /// 400. No payment of that id has succeeded for this order.
    UnknownMarketPayment,
    /// 400. It is not of the order's price.
    MarketPaymentAmount { paid: Micros, price: Micros },
    /// 400. Play money for real money, or the other way round: what it is.
    MarketPaymentMode { mode: Mode },
    /// 409. It goes back to its wallet, or has.
    MarketPaymentReturned,
    /// 409. This try was called off meanwhile.
    MarketClaimLate,
}

impl MoneyRefusal {
    /// Whether an idempotency record keeps it: 400 and 5xx are not kept.
    pub(in super::super) const fn is_kept(&self) -> bool {
        match self {
            Self::LeaseCycle
            | Self::UpstreamNotConfigured
            | Self::UnknownMarketPayment
            | Self::MarketPaymentAmount { .. }
            | Self::MarketPaymentMode { .. } => false,
            Self::BatchRefused { refusal, .. } => refusal.is_kept(),
            _ => true,
        }
    }
}

impl From<MoneyRefusal> for Refusal {
    fn from(refusal: MoneyRefusal) -> Self {
        Self::Money(refusal)
    }
}

impl From<MoneyRefusal> for Stop {
    fn from(refusal: MoneyRefusal) -> Self {
        Self::Refused(Refusal::Money(refusal))
    }
}
