//! A budget lease, as `/v1/spend-guard/budget-leases/:id` shows it (contract identity-and-money 10).

use serde::{Deserialize, Serialize};

use super::{Usd, iso, iso_or_null, minor, minor_or_null};
use crate::domain::id::{AgentId, LeaseId, MandateId, WalletId};
use crate::domain::lease::LeaseStatus;
use crate::domain::money::Micros;
use crate::domain::spend::SpendAction;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "BudgetLease"))]
pub struct LeaseForm {
    pub id: LeaseId,
    pub status: LeaseStatus,
    pub parent_lease_id: Option<LeaseId>,
    pub parent_agent_id: AgentId,
    pub child_agent_id: AgentId,
    pub mandate_id: MandateId,
    pub wallet_id: WalletId,
    /// 1 for a lease directly under its mandate.
    pub depth: u64,
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub amount: Micros,
    /// Spent under it for good.
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub captured: Micros,
    /// In open reservations.
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub reserved: Micros,
    /// Lent on to children and not come back.
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub leased: Micros,
    /// What it can still spend or lend.
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub remaining: Micros,
    /// What went back to where it came from.
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub returned_amount: Micros,
    pub currency: Usd,
    #[serde(with = "minor_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<u64>"))]
    pub per_transaction_limit: Option<Micros>,
    pub allowed_merchants: Vec<String>,
    pub allowed_actions: Vec<SpendAction>,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub expires_at: Option<Timestamp>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub ended_at: Option<Timestamp>,
}
