//! A session of an agent, as `/v1/agent-sessions` shows it (contract identity-and-money 3).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{iso, iso_or_null};
use crate::domain::agent_session::{AgentSessionId, SessionStatus};
use crate::domain::json_text;
use crate::domain::scope::Scopes;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "AgentSession"))]
pub struct SessionForm {
    /// The same as `session_id`.
    pub id: AgentSessionId,
    pub session_id: AgentSessionId,
    /// `maip:<the tenant's first eight>:<ULID>`.
    pub agent_id: String,
    pub status: SessionStatus,
    pub scopes: Scopes,
    #[serde(with = "json_text")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Map<String, Value>"))]
    pub metadata: Map<String, Value>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub expires_at: Timestamp,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub terminated_at: Option<Timestamp>,
    /// Why it was terminated, if that was said.
    pub reason: Option<String>,
}
