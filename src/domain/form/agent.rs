//! An agent, as `/v1/agents/:id` shows it (contract identity-and-money 2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{iso, iso_or_null};
use crate::domain::address::LoginAddress;
use crate::domain::agent::{AgentStatus, AgentType, TrustLevel};
use crate::domain::form::agent_key::{Algorithm, KeyStatus};
use crate::domain::id::{AgentId, KeyId, TenantUuid, UserId};
use crate::domain::json_text;
use crate::domain::scope::Scopes;
use crate::domain::time::Timestamp;
use crate::domain::trust::Thousandths;

/// A key an agent signs with, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct AgentKeyBrief {
    pub kid: KeyId,
    pub algorithm: Algorithm,
    /// Base64url, unpadded.
    pub public_key: String,
    pub status: KeyStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Agent"))]
pub struct AgentForm {
    /// The ULID's bits as a uuid.
    pub id: String,
    /// `maip:<the tenant's first eight>:<ULID>`.
    pub agent_id: String,
    pub agt_id: AgentId,
    /// Null without a market profile.
    pub ext_id: Option<String>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub tenant_id: TenantUuid,
    pub agent_type: AgentType,
    pub display_name: String,
    /// The same as `display_name`.
    pub name: String,
    pub description: Option<String>,
    pub trust_level: TrustLevel,
    pub trust_score: Thousandths,
    pub status: AgentStatus,
    /// Why it is suspended or revoked, if that was said.
    pub status_reason: Option<String>,
    /// Of the key that signs; Ed25519, base64url, unpadded.
    pub public_key: Option<String>,
    pub key_id: Option<KeyId>,
    /// The latest ten, newest first.
    pub keys: Vec<AgentKeyBrief>,
    pub scopes: Scopes,
    #[serde(with = "json_text")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Map<String, Value>"))]
    pub metadata: Map<String, Value>,
    /// Of those that are active.
    pub session_count: u64,
    pub delegation_depth: u64,
    /// As `agent_id`.
    pub parent_agent_id: Option<String>,
    /// Null when a key registered it.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub created_by_user_id: Option<UserId>,
    /// The wallet it signs in with.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub wallet_address: Option<LoginAddress>,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub expires_at: Option<Timestamp>,
    /// When a key of it was last told to be in the wrong hands.
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub compromised_at: Option<Timestamp>,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub suspended_at: Option<Timestamp>,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub revoked_at: Option<Timestamp>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub updated_at: Timestamp,
}

impl AgentForm {
    /// Since when it is over for an agent that nobody has ended yet.
    pub fn over_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.expires_at.filter(|at| *at <= now && self.status != AgentStatus::Revoked)
    }
}
