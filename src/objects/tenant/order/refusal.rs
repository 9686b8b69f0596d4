//! Why nothing was done to an order: a closed list, each with one meaning.

use serde::{Deserialize, Serialize};

use super::super::desk::Stop;
use super::super::refusal::Refusal;
use crate::domain::market::order::OrderError;
use crate::domain::market::state::OrderStatus;

/// A refusal. The comment gives the status it ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderRefusal {
    /// 404.
    UnknownOrder,
    /// 404. Of an order to be placed: unknown, or not offered any more.
    UnknownService,
    /// 403, or 401 where a wallet acts. Another's order.
    NotParty,
    /// 403. The agent is suspended, or revoked.
    AgentNotActive,
    /// 400. Where it stands, that does not happen to it.
    InvalidState { status: OrderStatus },
    /// 400. Nothing is asked for in this workspace.
    NothingRequested,
    /// 400. As much is asked for as this workspace still delivers, or as may be asked for at once.
    RequestLimit,
    /// 409.
    DisputeLimit,
    /// 409.
    AlreadyReviewed,
    /// 400. Nothing was named that has paid.
    PaymentMissing,
    /// 409. This payment goes back to its wallet, or has.
    PaymentReturned,
    /// 409. A try with this payment is being called off.
    PaymentBusy,
}

impl OrderRefusal {
    /// Whether an idempotency record keeps it (contract README 7).
    pub const fn is_kept(self) -> bool {
        !matches!(self, Self::InvalidState { .. } | Self::NothingRequested | Self::RequestLimit | Self::PaymentMissing | Self::PaymentBusy)
    }
}

impl From<OrderError> for OrderRefusal {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::State(status) => Self::InvalidState { status },
            OrderError::DisputeLimit => Self::DisputeLimit,
        }
    }
}

impl From<OrderRefusal> for Stop {
    fn from(refusal: OrderRefusal) -> Self {
        Self::Refused(Refusal::Order(refusal))
    }
}

impl From<OrderError> for Stop {
    fn from(error: OrderError) -> Self {
        OrderRefusal::from(error).into()
    }
}
