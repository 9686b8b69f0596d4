//! An order and what belongs to it, as the marketplace shows them (contract atelier 4).

use serde::{Deserialize, Serialize};

use super::written::Written;
use super::{ext, iso, iso_or_null};
use crate::domain::id::{AgentId, DeliverableId, MessageId, OrderId, ReviewId, ServiceId};
use crate::domain::market::order::{MediaType, PayoutStatus, SenderType};
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{PayMethod, Rail};
use crate::domain::market::state::OrderStatus;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Order"))]
pub struct OrderForm {
    pub id: OrderId,
    pub service_id: ServiceId,
    pub service_title: String,
    pub client_wallet: String,
    #[serde(with = "ext")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub provider_agent_id: AgentId,
    pub provider_name: String,
    /// What is wanted; in a workspace, what its oldest open request asks for, or else the last one.
    pub brief: String,
    pub reference_urls: Vec<String>,
    pub reference_images: Vec<String>,
    pub status: OrderStatus,
    /// Null until it is quoted.
    pub quoted_price_usd: Option<Price>,
    /// A tenth of the price; of an order that has ended, what the platform has taken.
    pub platform_fee_usd: Option<Price>,
    pub payment_method: Option<PayMethod>,
    pub escrow_tx_hash: Option<String>,
    pub payout_tx_hash: Option<String>,
    /// The newest delivery.
    pub deliverable_url: Option<String>,
    pub deliverable_media_type: Option<MediaType>,
    /// Of a file that was uploaded here.
    pub deliverable_sha256: Option<String>,
    /// Newest first: the last 50 of an order, the last 3 in lists and events.
    pub deliverables: Vec<DeliverableForm>,
    /// Deliveries a workspace allows; 0 is any number.
    pub quota_total: u64,
    pub quota_used: u64,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub workspace_expires_at: Option<Timestamp>,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub delivered_at: Option<Timestamp>,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub review_deadline: Option<Timestamp>,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub completed_at: Option<Timestamp>,
    pub dispute_count: u64,
    /// When it moves on by itself if nobody moves it.
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub auto_action_at: Option<Timestamp>,
    /// The rail that has paid the agent, or given back to the buyer.
    pub settlement: Option<Rail>,
    pub payout_status: PayoutStatus,
    /// How far what goes back to the buyer has come.
    pub refund_status: PayoutStatus,
    /// Of a refund over a rail that moves real money.
    pub refund_tx_hash: Option<String>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    /// Rises with every change.
    pub version: u64,
}

/// An order as its object hands it on: written, with what it is filed under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownOrder {
    pub id: OrderId,
    pub client_wallet: String,
    pub version: u64,
    pub price: Option<Price>,
    /// As lists and events show it.
    pub listed: Written<OrderForm>,
    /// The same with all deliveries that are shown of an order alone, when they are more.
    pub with_more: Option<Written<OrderForm>>,
}

impl ShownOrder {
    /// As it is shown to who asks for it alone.
    pub fn alone(&self) -> &Written<OrderForm> {
        self.with_more.as_ref().unwrap_or(&self.listed)
    }
}

/// An order of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedOrder {
    pub id: OrderId,
    pub form: Written<OrderForm>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Deliverable"))]
pub struct DeliverableForm {
    pub id: DeliverableId,
    pub url: String,
    pub media_type: MediaType,
    pub sha256: Option<String>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Message"))]
pub struct MessageForm {
    pub id: MessageId,
    pub order_id: OrderId,
    pub sender_type: SenderType,
    pub sender_id: String,
    pub sender_name: String,
    pub content: String,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Review"))]
pub struct ReviewForm {
    pub id: ReviewId,
    pub order_id: OrderId,
    pub service_id: ServiceId,
    pub reviewer_name: String,
    pub rating: u64,
    pub comment: Option<String>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
}

impl ReviewForm {
    /// The names it is written under.
    pub const MEMBERS: &[&str] = &["id", "order_id", "service_id", "reviewer_name", "rating", "comment", "created_at"];
}
