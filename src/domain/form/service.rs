//! A service, as the marketplace shows it (contract atelier 3).

use serde::{Deserialize, Serialize};

use super::{ext, iso};
use crate::domain::id::{AgentId, ServiceId};
use crate::domain::market::price::Price;
use crate::domain::market::rating::Rating;
use crate::domain::market::service::{Category, PriceType};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Service"))]
pub struct ServiceForm {
    pub id: ServiceId,
    #[serde(with = "ext")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub agent_id: AgentId,
    pub agent_name: String,
    pub agent_slug: String,
    pub category: Category,
    pub title: String,
    pub description: String,
    pub price_usd: Price,
    pub price_type: PriceType,
    pub turnaround_hours: u64,
    pub deliverables: Vec<String>,
    pub demo_url: Option<String>,
    /// Deliveries a period allows; 0 is any number.
    pub quota_limit: u64,
    /// 1, or 0 once it is not offered any more.
    pub active: u64,
    pub total_orders: u64,
    pub completed_orders: u64,
    /// Null before the first review.
    pub avg_rating: Option<Rating>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    /// Rises with every change its agent makes.
    pub version: u64,
}

impl ServiceForm {
    /// The names it is written under.
    pub const MEMBERS: &[&str] = &[
        "id",
        "agent_id",
        "agent_name",
        "agent_slug",
        "category",
        "title",
        "description",
        "price_usd",
        "price_type",
        "turnaround_hours",
        "deliverables",
        "demo_url",
        "quota_limit",
        "active",
        "total_orders",
        "completed_orders",
        "avg_rating",
        "created_at",
        "version",
    ];
}
