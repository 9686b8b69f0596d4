//! A payment, as `/v1/payments/:id` shows it (contract identity-and-money 8).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Usd, iso, minor};
use crate::domain::id::{AgentId, ApprovalId, LeaseId, MandateId, PaymentId, ReservationId, WalletId};
use crate::domain::json_text;
use crate::domain::money::Micros;
use crate::domain::payment::PaymentStatus;
use crate::domain::time::Timestamp;
use crate::domain::wallet::Mode;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Payment"))]
pub struct PaymentForm {
    pub id: PaymentId,
    pub status: PaymentStatus,
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub amount: Micros,
    pub currency: Usd,
    pub merchant: String,
    pub description: Option<String>,
    #[serde(with = "json_text")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Map<String, Value>"))]
    pub metadata: Map<String, Value>,
    pub mandate_id: MandateId,
    pub agent_id: AgentId,
    pub wallet_id: WalletId,
    pub lease_id: Option<LeaseId>,
    /// Null when it was denied: nothing was held for it.
    pub reservation_id: Option<ReservationId>,
    pub approval_id: Option<ApprovalId>,
    /// The codes for which it was denied.
    pub reasons: Vec<String>,
    pub mode: Mode,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub updated_at: Timestamp,
}
