//! An approval, as `/v1/approvals/:id` shows it (contract identity-and-money 11).

use serde::{Deserialize, Serialize};

use super::{Usd, iso, iso_or_null, minor};
use crate::domain::approval::{ApprovalStatus, Asked};
use crate::domain::id::{AgentId, ApprovalId, MandateId};
use crate::domain::money::Micros;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Approval"))]
pub struct ApprovalForm {
    pub id: ApprovalId,
    pub status: ApprovalStatus,
    pub object_type: Asked,
    /// The payment's or the reservation's id.
    pub object_id: String,
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub amount: Micros,
    pub currency: Usd,
    pub agent_id: AgentId,
    pub mandate_id: MandateId,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub requested_at: Timestamp,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub expires_at: Timestamp,
    /// Who decided, as the audit chain names them.
    pub decided_by: Option<String>,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub decided_at: Option<Timestamp>,
    pub reason: Option<String>,
}
