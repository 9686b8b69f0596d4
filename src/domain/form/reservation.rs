//! A reservation, as `/v1/spend-guard/reservations/:id` shows it (contract identity-and-money 9).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Usd, iso, iso_or_null, minor};
use crate::domain::id::{AgentId, ApprovalId, LeaseId, MandateId, PaymentId, ReservationId, WalletId};
use crate::domain::json_text;
use crate::domain::money::Micros;
use crate::domain::reservation::ReservationStatus;
use crate::domain::spend::SpendKind;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Reservation"))]
pub struct ReservationForm {
    pub id: ReservationId,
    pub status: ReservationStatus,
    pub kind: SpendKind,
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub amount: Micros,
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub captured_amount: Micros,
    /// What went back: all of it, or what a capture left over.
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub released_amount: Micros,
    pub currency: Usd,
    pub agent_id: AgentId,
    pub mandate_id: MandateId,
    pub lease_id: Option<LeaseId>,
    pub wallet_id: WalletId,
    pub merchant: Option<String>,
    pub resource: Option<String>,
    pub description: Option<String>,
    #[serde(with = "json_text")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Map<String, Value>"))]
    pub metadata: Map<String, Value>,
    pub approval_id: Option<ApprovalId>,
    pub payment_id: Option<PaymentId>,
    /// Why it was released, if that was said.
    pub reason: Option<String>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub expires_at: Timestamp,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub resolved_at: Option<Timestamp>,
}
