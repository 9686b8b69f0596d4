//! Orders as humans look at them at the console: one with all that belongs to it, or those of a tenant and what they come to.

use serde::{Deserialize, Serialize};

use super::order::{MessageForm, OrderForm, ReviewForm};
use crate::domain::market::price::Price;
use crate::domain::market::service::PriceType;
use crate::domain::market::state::{OrderEvent, OrderStatus};
use crate::domain::money::Micros;
use crate::domain::time::Timestamp;

/// An order with what belongs to it, as far as a page goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSheet {
    /// With its newest deliveries.
    pub order: OrderForm,
    pub price_type: PriceType,
    pub turnaround_hours: u64,
    /// Why it was disputed last, or what an operator said when it was ended.
    pub dispute_reason: Option<String>,
    /// What the agent has earned of it.
    pub payout: Option<Price>,
    pub review: Option<ReviewForm>,
    /// The newest, oldest first.
    pub messages: Vec<MessageForm>,
    /// What was asked for within a workspace: the newest, oldest first.
    pub requests: Vec<WorkRequest>,
    /// The newest entries of the audit chain about it, oldest first.
    pub timeline: Vec<OrderStep>,
    /// What its buyer may let happen to it now, by the table of states.
    pub buyers_moves: Vec<OrderEvent>,
    /// Whether its buyer may ask for more within the workspace.
    pub takes_requests: bool,
    /// Where the clock takes it if nobody moves it.
    pub exit: Option<OrderStatus>,
}

/// A wish within a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkRequest {
    pub brief: String,
    pub at: Timestamp,
    pub is_answered: bool,
}

/// Something that happened to an order, as the audit chain tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStep {
    pub at: Timestamp,
    pub action: String,
    pub actor: String,
    /// The money that moved with it.
    pub amount: Option<Micros>,
}

/// Orders of a tenant, and what they come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBook {
    pub orders: Vec<OrderForm>,
    pub sums: EarningSums,
    /// Days on which nothing was earned are missing.
    pub earned: Vec<DayEarned>,
}

/// What all orders of a tenant come to, in whole cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarningSums {
    /// Paid for, and not ended.
    pub in_escrow: u64,
    /// The agents' part of what was completed.
    pub earned: u64,
    /// Of that, what was sent to them.
    pub paid_out: u64,
    /// Of that, what waits for a wallet to be named.
    pub awaiting_wallet: u64,
}

/// What was earned on one UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayEarned {
    /// Its beginning.
    pub day: Timestamp,
    pub earned: Micros,
}
