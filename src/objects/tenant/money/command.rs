//! What can be asked of a tenant's governed money.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::approval::ApprovalStatus;
use crate::domain::id::{AgentId, ApprovalId, LeaseId, MandateId, OrderId, PaymentId, ReservationId, WalletId};
use crate::domain::json_text;
use crate::domain::lease::LeaseStatus;
use crate::domain::mandate::MandateStatus;
use crate::domain::money::Micros;
use crate::domain::packet::PacketItems;
use crate::domain::payment::PaymentStatus;
use crate::domain::reservation::ReservationStatus;
use crate::domain::spend::{Merchant, SpendAction, SpendKind};
use crate::domain::time::Timestamp;
use crate::domain::wallet::Mode;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyCommand {
    CreateMandate {
        agent_id: AgentId,
        draft: MandateDraft,
    },
    /// Full replacement, under the version it is based on.
    PutMandate {
        mandate_id: MandateId,
        version: u64,
        agent_id: Option<AgentId>,
        status: Option<MandateStatus>,
        draft: MandateDraft,
    },
    GetMandate {
        mandate_id: MandateId,
    },
    /// Newest first.
    ListMandates {
        page: PageOf<MandateId>,
        agent_id: Option<AgentId>,
        status: Option<MandateStatus>,
    },
    /// Whether a token of these terms may be had.
    GrantToken(TokenTerms),
    /// What would be decided; changes no money.
    Authorize(SpendRequest),
    Reserve(SpendRequest),
    ReserveBatch {
        items: Vec<SpendRequest>,
        /// All or none.
        atomic: bool,
    },
    Capture {
        reservation_id: ReservationId,
        amount_micros: Option<Micros>,
    },
    ReleaseReservation {
        reservation_id: ReservationId,
        reason: Option<String>,
    },
    GetReservation {
        reservation_id: ReservationId,
    },
    /// Newest first.
    ListReservations {
        page: PageOf<ReservationId>,
        agent_id: Option<AgentId>,
        mandate_id: Option<MandateId>,
        lease_id: Option<LeaseId>,
        status: Option<ReservationStatus>,
        kind: Option<SpendKind>,
    },
    /// Execution tokens alone.
    Pay(PayRequest),
    GetPayment {
        payment_id: PaymentId,
    },
    /// Newest first.
    ListPayments {
        page: PageOf<PaymentId>,
        agent_id: Option<AgentId>,
        mandate_id: Option<MandateId>,
        status: Option<PaymentStatus>,
        /// As it is compared.
        merchant: Option<String>,
        created_from: Option<Timestamp>,
        created_to: Option<Timestamp>,
    },
    GrantLease(LeaseRequest),
    ReleaseLease {
        lease_id: LeaseId,
    },
    /// With everything below it.
    RevokeLease {
        lease_id: LeaseId,
    },
    GetLease {
        lease_id: LeaseId,
    },
    /// Newest first.
    ListLeases {
        page: PageOf<LeaseId>,
        parent_agent_id: Option<AgentId>,
        child_agent_id: Option<AgentId>,
        mandate_id: Option<MandateId>,
        status: Option<LeaseStatus>,
    },
    GetApproval {
        approval_id: ApprovalId,
    },
    /// Newest first.
    ListApprovals {
        page: PageOf<ApprovalId>,
        status: Option<ApprovalStatus>,
    },
    Decide {
        approval_id: ApprovalId,
        approve: bool,
        reason: Option<String>,
    },
    SummarizeUsage {
        from: Timestamp,
        to: Timestamp,
        agent_id: Option<AgentId>,
        mandate_id: Option<MandateId>,
    },
    GetPacket,
    /// Operators.
    PutPacket {
        items: PacketItems,
    },
    SetStop {
        on: bool,
        reason: Option<String>,
    },
    /// House. An order of that price takes a payment that was made for it, of a wallet of that mode.
    ClaimPayment {
        payment_id: PaymentId,
        order_id: OrderId,
        /// The order's try to be paid by it.
        number: u64,
        price: Micros,
        mode: Mode,
    },
    /// House. An order gives a payment back that it has taken; from now on no try up to that number takes it.
    ReturnPayment {
        payment_id: PaymentId,
        order_id: OrderId,
        number: u64,
        /// `None`: all.
        amount: Option<Micros>,
        /// What the order may still take. A payment of another amount can never pay for it.
        takes: Option<Micros>,
    },
}

/// A page of a list, newest first: at most `limit` of those older than `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageOf<I> {
    pub limit: u64,
    pub before: Option<I>,
}

/// What a mandate shall allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MandateDraft {
    pub name: Option<String>,
    pub per_transaction: Option<Micros>,
    pub daily: Option<Micros>,
    pub monthly: Option<Micros>,
    pub total: Option<Micros>,
    pub merchants: Vec<Merchant>,
    pub actions: Vec<SpendAction>,
    pub approval_threshold: Option<Micros>,
    pub expires_at: Option<Timestamp>,
    pub wallet_id: Option<WalletId>,
    #[serde(with = "json_text")]
    pub metadata: Map<String, Value>,
}

/// What an execution token shall be good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenTerms {
    pub agent_id: AgentId,
    pub mandate_id: MandateId,
    pub action: SpendAction,
    pub lease_id: Option<LeaseId>,
}

/// Money asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendRequest {
    pub kind: SpendKind,
    pub amount: Micros,
    pub agent_id: AgentId,
    pub mandate_id: MandateId,
    pub lease_id: Option<LeaseId>,
    pub merchant: Option<Merchant>,
    pub resource: Option<String>,
    pub description: Option<String>,
    #[serde(with = "json_text")]
    pub metadata: Map<String, Value>,
    /// Seconds until the hold runs out by itself.
    pub ttl_s: u64,
}

/// A payment by the token it came with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayRequest {
    pub amount: Micros,
    pub merchant: Merchant,
    pub description: Option<String>,
    #[serde(with = "json_text")]
    pub metadata: Map<String, Value>,
}

/// Where a lease is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseSource {
    Mandate(MandateId),
    Lease(LeaseId),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    pub source: LeaseSource,
    pub child_agent_id: AgentId,
    pub amount: Micros,
    /// `None`: the parent's.
    pub per_transaction: Option<Micros>,
    pub merchants: Option<Vec<Merchant>>,
    pub actions: Option<Vec<SpendAction>>,
    pub expires_at: Option<Timestamp>,
}

impl MoneyCommand {
    /// Whether only the house may give it, for an order of whichever tenant.
    pub const fn is_for_house(&self) -> bool {
        matches!(self, Self::ClaimPayment { .. } | Self::ReturnPayment { .. })
    }

    /// Whether a caller with an execution token may give it; what it reaches is decided where it is carried out.
    pub const fn is_for_tokens(&self) -> bool {
        matches!(
            self,
            Self::Authorize(_)
                | Self::Reserve(_)
                | Self::ReserveBatch { .. }
                | Self::Capture { .. }
                | Self::ReleaseReservation { .. }
                | Self::Pay(_)
                | Self::GetPayment { .. }
                | Self::GrantLease(_)
        )
    }
}
