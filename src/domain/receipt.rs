//! Receipts: what an agent has signed that it did, and whether that can be believed (contract identity-and-money 4).
//!
//! Invariant: the signature is over the canonical text of the envelope and nothing else; the envelope names the key, so
//! whoever has the agent's published keys can verify it without us.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::id::{KeyId, ReceiptId};
use super::json_text;
use super::time::Timestamp;

/// What a receipt is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum ReceiptType {
    #[serde(rename = "genesis")]
    Genesis,
    #[serde(rename = "delegation")]
    Delegation,
    #[default]
    #[serde(rename = "action")]
    Action,
    #[serde(rename = "revocation")]
    Revocation,
    #[serde(rename = "data.attestation")]
    DataAttestation,
    #[serde(rename = "model.attestation")]
    ModelAttestation,
    #[serde(rename = "compliance")]
    Compliance,
    #[serde(rename = "truth.claim")]
    TruthClaim,
    #[serde(rename = "truth.verification")]
    TruthVerification,
}

/// What an agent states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub receipt_type: ReceiptType,
    pub action: String,
    pub purpose: Option<String>,
    #[serde(with = "json_text")]
    pub metadata: Map<String, Value>,
    pub inputs_hash: Option<String>,
    pub outputs_hash: Option<String>,
}

/// What is signed, in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct SigningEnvelope {
    /// Of this form: 1.
    pub version: u64,
    pub receipt_id: ReceiptId,
    pub tenant_id: String,
    /// `maip:<the tenant's first eight>:<ULID>`.
    pub agent_id: String,
    /// Which of the agent's keys has signed.
    pub key_id: KeyId,
    pub receipt_type: ReceiptType,
    pub action: String,
    pub purpose: Option<String>,
    pub metadata: Map<String, Value>,
    pub inputs_hash: Option<String>,
    pub outputs_hash: Option<String>,
    pub created_at: String,
}

/// Whether a receipt can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum Verdict {
    #[serde(rename = "VALID")]
    Valid,
    /// Its agent is revoked.
    #[serde(rename = "REVOKED")]
    Revoked,
    #[serde(rename = "INVALID_SIGNATURE")]
    InvalidSignature,
    #[serde(rename = "KEY_COMPROMISED")]
    KeyCompromised,
    /// The key did not sign at that time.
    #[serde(rename = "KEY_INACTIVE")]
    KeyInactive,
}

/// The key a receipt names, as its agent's history has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTimes {
    pub created_at: Timestamp,
    pub retired_at: Option<Timestamp>,
    pub is_compromised: bool,
}

impl KeyTimes {
    /// Whether it signed at that moment.
    fn signed_at(&self, at: Timestamp) -> bool {
        self.created_at <= at && self.retired_at.is_none_or(|retired_at| at <= retired_at)
    }
}

impl Verdict {
    /// Judges a receipt of that moment. What a key signed before it was retired stays valid; once a key is known to be in
    /// the wrong hands nothing it signed is.
    pub fn of(signature_verified: bool, created_at: Timestamp, key: &KeyTimes, agent_is_revoked: bool) -> Self {
        if !signature_verified {
            Self::InvalidSignature
        } else if key.is_compromised {
            Self::KeyCompromised
        } else if !key.signed_at(created_at) {
            Self::KeyInactive
        } else if agent_is_revoked {
            Self::Revoked
        } else {
            Self::Valid
        }
    }

    /// Why, in a sentence.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Valid => "signed by a key that was its agent's at that time",
            Self::Revoked => "the agent that signed it is revoked",
            Self::InvalidSignature => "the signature is not this key's over this envelope",
            Self::KeyCompromised => "the key that signed it is in the wrong hands",
            Self::KeyInactive => "the key that signed it was not in use at that time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_valid_while_its_signature_its_key_and_its_agent_are_good() {
        let at = Timestamp::from_ms;
        let key = KeyTimes { created_at: at(10), retired_at: Some(at(20)), is_compromised: false };
        let judge = |moment: u64, key: &KeyTimes| Verdict::of(true, at(moment), key, false);
        assert_eq!(
            [9, 10, 20, 21].map(|moment| judge(moment, &key)),
            [Verdict::KeyInactive, Verdict::Valid, Verdict::Valid, Verdict::KeyInactive]
        );
        assert_eq!(judge(99, &KeyTimes { retired_at: None, ..key }), Verdict::Valid);
        let stolen = KeyTimes { is_compromised: true, ..key };
        assert_eq!(judge(15, &stolen), Verdict::KeyCompromised);
        assert_eq!(Verdict::of(true, at(15), &key, true), Verdict::Revoked);
        assert_eq!(Verdict::of(false, at(15), &stolen, true), Verdict::InvalidSignature);
    }
}
