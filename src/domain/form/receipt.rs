//! A receipt, as `/v1/agent-receipts/:id` shows it (contract identity-and-money 4).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::iso;
use crate::domain::digest::Digest;
use crate::domain::id::ReceiptId;
use crate::domain::json_text;
use crate::domain::receipt::{ReceiptType, SigningEnvelope};
use crate::domain::time::Timestamp;

/// A receipt is written down once and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// As it was issued; whether it can be believed now is what verifying tells.
    Valid,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Receipt"))]
pub struct ReceiptForm {
    pub receipt_id: ReceiptId,
    /// `maip:<the tenant's first eight>:<ULID>`.
    pub agent_id: String,
    pub receipt_type: ReceiptType,
    pub action: String,
    pub purpose: Option<String>,
    pub status: ReceiptStatus,
    #[serde(with = "json_text")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Map<String, Value>"))]
    pub metadata: Map<String, Value>,
    pub inputs_hash: Option<String>,
    pub outputs_hash: Option<String>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    /// The same as `created_at`.
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub issued_at: Timestamp,
    /// Ed25519 over the JCS text of `signing_envelope`; base64url, unpadded.
    pub signature: String,
    #[serde(with = "json_text")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "SigningEnvelope"))]
    pub signing_envelope: SigningEnvelope,
    /// SHA-256 of the 32 bytes of the receipt's before it (zeros for the first) and the JCS text of `signing_envelope`; in hex.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub chain_hash: Digest,
    /// 0 for the tenant's first receipt, then without gaps.
    pub log_index: u64,
}
