//! What a human asks of orders: one of them with all that belongs to it, or those of a tenant with what they have earned.

use serde::{Deserialize, Serialize};

use crate::domain::id::{AgentId, OrderId};
use crate::domain::market::state::OrderStatus;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survey {
    Sheet {
        order_id: OrderId,
        by: Onlooker,
    },
    /// The tenant's orders, newest first, older than `before`, and what was earned on each of the last `days`.
    Book {
        agent_id: Option<AgentId>,
        status: Option<OrderStatus>,
        limit: u64,
        before: Option<OrderId>,
        days: u64,
    },
}

/// Who looks at an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Onlooker {
    /// Who manages the tenant of the agent that works for it.
    Management,
    /// House. The human whose wallet this is.
    Wallet(String),
    /// An operator.
    Operator,
}

impl Survey {
    /// Whether it is an operator's.
    pub const fn is_for_operators(&self) -> bool {
        matches!(self, Self::Sheet { by: Onlooker::Operator, .. })
    }

    /// Whether only the house may ask: it speaks for a human who has proved a wallet.
    pub const fn is_for_house(&self) -> bool {
        matches!(self, Self::Sheet { by: Onlooker::Wallet(_), .. })
    }
}
