//! What governed money answers.

use serde::{Deserialize, Serialize};

use super::super::refusal::Refusal;
use crate::domain::form::approval::ApprovalForm;
use crate::domain::form::lease::LeaseForm;
use crate::domain::form::mandate::MandateForm;
use crate::domain::form::payment::PaymentForm;
use crate::domain::form::reservation::ReservationForm;
use crate::domain::packet::PacketItems;
use crate::domain::spend::{Reason, Remaining, SpendKind};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyOutcome {
    Mandate(Box<MandateForm>),
    Mandates(Vec<MandateForm>),
    TokenGranted(TokenGranted),
    Authorized(Authorized),
    Reservation(Box<ReservationForm>),
    /// In the order of the request.
    ReservedBatch(Vec<Result<ReservationForm, Refusal>>),
    Reservations(Vec<ReservationForm>),
    Payment(Box<PaymentForm>),
    Payments(Vec<PaymentForm>),
    Lease(Box<LeaseForm>),
    Leases(Vec<LeaseForm>),
    Approval(Box<ApprovalForm>),
    Approvals(Vec<ApprovalForm>),
    Decided(Box<Decided>),
    Usage(Box<UsageSummary>),
    Packet(Box<Packet>),
    Stop(Stopped),
    PaymentClaimed,
    /// Whether it is in its wallet; else it was not taken by that try, nor will be.
    PaymentReturned {
        is_returned: bool,
    },
}

/// What an execution token is signed with: the same again for a repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenGranted {
    pub jti: String,
    pub granted_at: Timestamp,
}

/// What `authorize` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorized {
    pub reasons: Vec<Reason>,
    pub approval_required: bool,
    pub remaining: Remaining,
    pub mandate_version: u64,
}

/// An approval and what it was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    pub approval: ApprovalForm,
    pub payment: Option<PaymentForm>,
    pub reservation: Option<ReservationForm>,
}

/// What was decided and spent in a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsageSummary {
    pub allowed: u64,
    pub denied: u64,
    pub approval_required: u64,
    pub reserved: u64,
    pub captured: u64,
    pub released: u64,
    pub expired: u64,
    /// Payments that succeeded.
    pub payments: u64,
    /// Amounts in minor units: in a year more may be held and given back than an account can hold.
    pub minor_reserved: u64,
    pub minor_captured: u64,
    pub minor_released: u64,
    /// How many and how many minor units were captured, by kind.
    pub by_kind: Vec<(SpendKind, u64, u64)>,
}

/// The go/no-go packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    pub items: PacketItems,
    pub version: u64,
    pub updated_by: Option<String>,
    pub updated_at: Option<Timestamp>,
}

/// The kill switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    pub on: bool,
    pub reason: Option<String>,
    pub changed_by: Option<String>,
    pub changed_at: Option<Timestamp>,
}
