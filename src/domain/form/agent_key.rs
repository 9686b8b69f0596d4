//! A key of an agent's history, as `/v1/agents/:id/keys` shows it (contract identity-and-money 2).

use serde::{Deserialize, Serialize};

use super::{iso, iso_or_null};
use crate::domain::digest::Digest;
use crate::domain::id::KeyId;
use crate::domain::time::Timestamp;

/// What all agents sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum Algorithm {
    #[default]
    Ed25519,
}

impl Algorithm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
        }
    }
}

/// What a key is good for. What it has signed is verified in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It signs, or a later one does and the overlap is not over.
    Active,
    Retired,
    /// In the wrong hands, and retired for that.
    Compromised,
}

impl KeyStatus {
    /// Of a key that is retired at that moment, if at all.
    pub fn of(retired_at: Option<Timestamp>, is_compromised: bool, now: Timestamp) -> Self {
        match retired_at {
            Some(_) if is_compromised => Self::Compromised,
            Some(at) if at <= now => Self::Retired,
            Some(_) | None => Self::Active,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "AgentKey"))]
pub struct AgentKeyForm {
    pub key_id: KeyId,
    pub kid: KeyId,
    pub algorithm: Algorithm,
    /// Base64url, unpadded.
    pub public_key: String,
    pub status: KeyStatus,
    /// 1 for an agent's first key, then without gaps.
    pub sequence: u64,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    /// From when it signs no more; null for the key that signs.
    #[serde(with = "iso_or_null")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<String>"))]
    pub retired_at: Option<Timestamp>,
    /// Why this key took the place of the one before it, if that was said.
    pub reason: Option<String>,
    /// Of the entry before, in hex; zeros for the first.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub prev_hash: Digest,
    /// SHA-256 of `prev_hash` and the JCS text of `{agent_id,algorithm,created_at,key_id,public_key,reason,sequence}`, where
    /// `agent_id` is the `agt_` spelling.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub entry_hash: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_active_until_its_overlap_is_over_and_a_compromised_one_never() {
        let at = Timestamp::from_ms;
        assert_eq!(KeyStatus::of(None, false, at(9)), KeyStatus::Active);
        assert_eq!(KeyStatus::of(Some(at(10)), false, at(9)), KeyStatus::Active);
        assert_eq!(KeyStatus::of(Some(at(10)), false, at(10)), KeyStatus::Retired);
        assert_eq!(KeyStatus::of(Some(at(10)), true, at(10)), KeyStatus::Compromised);
    }
}
