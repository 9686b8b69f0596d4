//! What can be asked about orders.

use serde::{Deserialize, Serialize};

use super::survey::Survey;
use crate::domain::id::{AgentId, MessageId, OrderId, PaymentId, ServiceId, TenantUuid};
use crate::domain::market::order::MediaType;
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{PayMethod, Purpose, Rail};
use crate::domain::market::state::{OrderEvent, OrderStatus};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderCommand {
    /// House, for a buyer whose wallet has signed.
    Place(Box<OrderDraft>),
    Act {
        order_id: OrderId,
        by: Side,
        act: OrderAct,
    },
    /// Whether that could be done with it now. Changes nothing: what else is wrong with the request is told after this.
    Probe {
        order_id: OrderId,
        by: Side,
        intent: Intent,
    },
    /// With its review, for either party.
    Get {
        order_id: OrderId,
        by: Side,
    },
    /// Those an agent works for, of these states or of all, newest first, older than `before`. A workspace is among those in
    /// progress only while something is asked for in it.
    List {
        agent_id: AgentId,
        by: Side,
        statuses: Option<Vec<OrderStatus>>,
        limit: u64,
        before: Option<OrderId>,
    },
    PostMessage {
        order_id: OrderId,
        by: Side,
        content: String,
    },
    /// The latest, oldest first; or those that follow `after`.
    ListMessages {
        order_id: OrderId,
        by: Side,
        after: Option<MessageId>,
        limit: u64,
    },
    /// The buyer, once, of what is completed.
    Review {
        order_id: OrderId,
        by: Side,
        rating: u64,
        comment: Option<String>,
    },
    /// What a human sees of orders. Changes nothing but what time has.
    Survey(Survey),
    /// Whether it could be paid now: then this payment of that tenant has a minute to pay for it. House, for a buyer whose wallet has signed.
    BeginPayment {
        order_id: OrderId,
        by: Side,
        payment_id: PaymentId,
        payer: TenantUuid,
    },
    /// House. How far a payment on its way back has come.
    ReportReturn {
        order_id: OrderId,
        payment_id: PaymentId,
        claim: u64,
        report: ReturnReport,
    },
    /// House. Transfers that are due, and payments that are to go back, at most `limit` of each, each to be seen to and reported.
    ClaimTransfers {
        limit: u64,
    },
    /// House. What was signed for a transfer, before it is sent.
    KeepSigned {
        order_id: OrderId,
        purpose: Purpose,
        claim: u64,
        signed: SignedTransfer,
    },
    /// House. How far a transfer has come.
    ReportTransfer {
        order_id: OrderId,
        purpose: Purpose,
        claim: u64,
        report: TransferReport,
    },
}

/// A transfer to be seen to: all the queue's consumer needs for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferAttempt {
    pub tenant: TenantUuid,
    pub order_id: OrderId,
    pub purpose: Purpose,
    /// Which handing out of the transfer this is: what is signed and told of it names it.
    pub claim: u64,
    pub amount: Price,
    /// To whom; what was signed before goes to whom it was signed for.
    pub wallet: String,
    /// What was signed before and may still land.
    pub signed: Option<SignedTransfer>,
}

/// A payment that is to go back: all the queue's consumer needs for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnAttempt {
    pub tenant: TenantUuid,
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    /// Whose ledger it came from.
    pub payer: TenantUuid,
    /// The last try to pay with it.
    pub number: u64,
    /// What of it goes back; all, if it has not paid.
    pub refund: Option<Price>,
    /// What the order may still take; nothing, if it is beyond being paid.
    pub takes: Option<Price>,
    /// Which handing out this is: the report names it.
    pub claim: u64,
}

/// How far a payment on its way back has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnReport {
    /// It is in its wallet.
    Returned,
    /// No try up to this one has taken it from its tenant, and none will.
    NeverTaken,
    /// Its tenant did not say.
    Failed,
}

/// A transaction that was signed for a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTransfer {
    pub wallet: String,
    /// By which the chain knows it: base58.
    pub signature: String,
    /// As it is sent: base64.
    pub text: String,
    /// The slot as of which it was signed.
    pub slot: u64,
    /// No higher block takes it.
    pub last_height: u64,
    pub at: Timestamp,
}

/// How far a transfer has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferReport {
    /// That transaction has moved the money, for good.
    Landed { signature: String },
    /// That transaction has not landed and cannot any more.
    Dead { signature: String },
    /// It is on its way.
    Open,
    /// The rail did not do what was asked.
    Failed,
    /// Nobody has said which rail, or with what.
    Unconfigured,
}

/// In whose name somebody comes to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The agent that the caller is.
    Agent,
    /// House. A wallet that has signed, base58.
    Wallet(String),
    /// An operator.
    Operator,
}

/// What somebody has in mind with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// To see it.
    Look,
    /// To move it by the table of states.
    Move(OrderEvent),
    /// To ask for more within a workspace.
    Request,
    /// To write to the other party.
    Message,
    /// To rate it.
    Review,
}

/// An order as a buyer places it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDraft {
    pub service_id: ServiceId,
    pub wallet: String,
    pub brief: String,
    pub reference_urls: Vec<String>,
    pub reference_images: Vec<String>,
}

/// What somebody does to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderAct {
    Quote {
        price: Price,
    },
    Accept,
    /// The money has come; `tx_hash` is this order's alone. What goes out goes out over that rail.
    Pay {
        method: PayMethod,
        tx_hash: Option<String>,
        rail: Rail,
    },
    Start,
    Deliver {
        url: String,
        media_type: MediaType,
        sha256: Option<String>,
    },
    Approve,
    Dispute {
        reason: Option<String>,
    },
    Cancel,
    /// A further wish within a workspace.
    Request {
        brief: String,
    },
    /// How an operator ends a dispute: the agent's part, of a hundred. Nothing of it cancels the order.
    Resolve {
        provider_percent: u64,
        note: String,
    },
}

impl OrderAct {
    /// What it comes to: a step of the table of states, or a wish that moves nothing.
    pub const fn intent(&self) -> Intent {
        Intent::Move(match self {
            Self::Quote { .. } => OrderEvent::Quote,
            Self::Accept => OrderEvent::Accept,
            Self::Pay { .. } => OrderEvent::Pay,
            Self::Start => OrderEvent::Start,
            Self::Deliver { .. } => OrderEvent::Deliver,
            Self::Approve => OrderEvent::Approve,
            Self::Dispute { .. } => OrderEvent::Dispute,
            Self::Cancel => OrderEvent::Cancel,
            Self::Resolve { provider_percent: 0, .. } => OrderEvent::Refund,
            Self::Resolve { .. } => OrderEvent::Release,
            Self::Request { .. } => return Intent::Request,
        })
    }
}

impl OrderCommand {
    /// Whether it is an operator's.
    pub const fn is_for_operators(&self) -> bool {
        match self {
            Self::Place(_)
            | Self::ClaimTransfers { .. }
            | Self::KeepSigned { .. }
            | Self::ReportTransfer { .. }
            | Self::ReportReturn { .. } => false,
            Self::Survey(survey) => survey.is_for_operators(),
            Self::Act { by, .. }
            | Self::Probe { by, .. }
            | Self::BeginPayment { by, .. }
            | Self::Get { by, .. }
            | Self::List { by, .. }
            | Self::PostMessage { by, .. }
            | Self::ListMessages { by, .. }
            | Self::Review { by, .. } => matches!(by, Side::Operator),
        }
    }

    /// Whether only the house may give it: it speaks for a wallet that has proved itself at the door.
    pub const fn is_for_house(&self) -> bool {
        match self {
            Self::Place(_)
            | Self::ClaimTransfers { .. }
            | Self::KeepSigned { .. }
            | Self::ReportTransfer { .. }
            | Self::ReportReturn { .. } => true,
            Self::Survey(survey) => survey.is_for_house(),
            Self::Act { by, .. }
            | Self::Probe { by, .. }
            | Self::BeginPayment { by, .. }
            | Self::Get { by, .. }
            | Self::List { by, .. }
            | Self::PostMessage { by, .. }
            | Self::ListMessages { by, .. }
            | Self::Review { by, .. } => matches!(by, Side::Wallet(_)),
        }
    }

    /// Whether an agent may not give it.
    pub const fn is_for_management(&self) -> bool {
        matches!(self, Self::Survey(_))
    }
}
