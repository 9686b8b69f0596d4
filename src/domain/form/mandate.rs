//! A mandate, as `/v1/mandates/:id` shows it (contract identity-and-money 6).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Usd, iso, iso_or_null, minor, minor_or_null};
use crate::domain::id::{AgentId, MandateId, WalletId};
use crate::domain::json_text;
use crate::domain::mandate::MandateStatus;
use crate::domain::money::Micros;
use crate::domain::spend::SpendAction;
use crate::domain::time::Timestamp;

/// One window's spending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct WindowUsage {
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub spent: Micros,
    /// In open reservations and leases.
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub held: Micros,
    /// Null without a limit.
    #[serde(with = "minor_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<u64>"))]
    pub remaining: Option<Micros>,
    /// Null for the total, which never begins anew.
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub resets_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Usage {
    pub daily: WindowUsage,
    pub monthly: WindowUsage,
    pub total: WindowUsage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Mandate"))]
pub struct MandateForm {
    pub id: MandateId,
    pub agent_id: AgentId,
    pub name: Option<String>,
    pub status: MandateStatus,
    pub version: u64,
    pub currency: Usd,
    #[serde(with = "minor_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<u64>"))]
    pub per_transaction_limit: Option<Micros>,
    #[serde(with = "minor_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<u64>"))]
    pub daily_limit: Option<Micros>,
    #[serde(with = "minor_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<u64>"))]
    pub monthly_limit: Option<Micros>,
    #[serde(with = "minor_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<u64>"))]
    pub total_limit: Option<Micros>,
    /// Empty: any merchant.
    pub allowed_merchants: Vec<String>,
    /// Empty: all four.
    pub allowed_actions: Vec<SpendAction>,
    /// An amount above it needs approval; null: none does.
    #[serde(with = "minor_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<u64>"))]
    pub approval_threshold: Option<Micros>,
    /// Null: the tenant's default wallet.
    pub wallet_id: Option<WalletId>,
    #[serde(with = "json_text")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Map<String, Value>"))]
    pub metadata: Map<String, Value>,
    pub usage: Usage,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub expires_at: Option<Timestamp>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub updated_at: Timestamp,
}
