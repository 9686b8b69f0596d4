//! A delegation, as `/v1/delegations` shows it (contract identity-and-money 3).

use serde::{Deserialize, Serialize};

use super::{iso, iso_or_null};
use crate::domain::delegation::DelegationStatus;
use crate::domain::id::DelegationId;
use crate::domain::scope::Scopes;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Delegation"))]
pub struct DelegationForm {
    pub id: DelegationId,
    /// `maip:<the tenant's first eight>:<ULID>`.
    pub from_agent_id: String,
    /// As `from_agent_id`.
    pub to_agent_id: String,
    pub scopes: Scopes,
    pub status: DelegationStatus,
    /// Until when it can be accepted; null when there is no end to that.
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub expires_at: Option<Timestamp>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub accepted_at: Option<Timestamp>,
}
