//! What can be asked about orders.

use serde::{Deserialize, Serialize};

use super::survey::Survey;
use crate::domain::id::{AgentId, MessageId, OrderId, ServiceId};
use crate::domain::market::order::MediaType;
use crate::domain::market::price::Price;
use crate::domain::market::state::{OrderEvent, OrderStatus};

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
    /// Whether that could happen to it now. Changes nothing: what else is wrong with the request is told after this.
    Probe {
        order_id: OrderId,
        by: Side,
        event: OrderEvent,
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
    /// The money has come; `tx_hash` is this order's alone.
    Pay {
        method: String,
        tx_hash: Option<String>,
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
    /// What it is in the table of states; a wish moves nothing.
    pub const fn event(&self) -> Option<OrderEvent> {
        Some(match self {
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
            Self::Request { .. } => return None,
        })
    }
}

impl OrderCommand {
    /// Whether it is an operator's.
    pub const fn is_for_operators(&self) -> bool {
        match self {
            Self::Place(_) => false,
            Self::Survey(survey) => survey.is_for_operators(),
            Self::Act { by, .. }
            | Self::Probe { by, .. }
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
            Self::Place(_) => true,
            Self::Survey(survey) => survey.is_for_house(),
            Self::Act { by, .. }
            | Self::Probe { by, .. }
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
