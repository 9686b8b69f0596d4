//! What the tokens we sign say: one type for each kind (contract README 3).

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::wallet::{ChainId, WalletAddress};
use crate::domain::id::{AgentId, LeaseId, MandateId, TenantUuid, UserId};
use crate::domain::spend::SpendAction;
use crate::domain::time::{DAY_MS, SECOND_MS, Timestamp};

/// The longest any token lives: a human's seven days.
pub const TOKEN_TTL_MS_MAX: u64 = 7 * DAY_MS;

/// What one kind of token carries beside the registered claims, which its fields must not be named after.
pub trait TokenKind: Serialize + DeserializeOwned {
    /// The `aud` claim.
    const AUDIENCE: &'static str;
    /// What stands before the JWT.
    const PREFIX: &'static str;
}

/// Proof of a wallet: `ags_` and a JWT, for half an hour (contract motecloud 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletSession {
    pub wallet: WalletAddress,
    pub chain_id: ChainId,
}

impl WalletSession {
    pub const TTL_S: u64 = 1_800;
}

impl TokenKind for WalletSession {
    const AUDIENCE: &'static str = "guildhall:v2";
    const PREFIX: &'static str = "ags_";
}

/// A human's bearer token, for seven days (contract README 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HumanSession {
    pub user_id: UserId,
    pub email: String,
    pub role: HumanRole,
    /// From when the account's sign-ins counted at the time the token was made: once that has moved, the token is void.
    pub sessions_from_ms: u64,
}

impl HumanSession {
    pub const TTL_S: u64 = TOKEN_TTL_MS_MAX / SECOND_MS;
}

impl TokenKind for HumanSession {
    const AUDIENCE: &'static str = "guildhall:api";
    const PREFIX: &'static str = "";
}

/// A short-lived right of one agent to one action under one mandate (contract identity-and-money 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionToken {
    pub sub: AgentId,
    pub tenant: TenantUuid,
    pub mandate_id: MandateId,
    pub action: SpendAction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_id: Option<LeaseId>,
}

/// What an execution token may be shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum ExecutionAudience {
    #[serde(rename = "spendguard-payments")]
    Payments,
    #[serde(rename = "spendguard-actions")]
    Actions,
}

impl ExecutionAudience {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payments => "spendguard-payments",
            Self::Actions => "spendguard-actions",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Payments, Self::Actions].into_iter().find(|audience| audience.as_str() == text)
    }
}

/// What a human may do beyond their own tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HumanRole {
    User,
    Admin,
}

/// The claims of a token; times are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims<T> {
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// The `jti`, for tokens that are looked up or used once.
    pub token_id: Option<String>,
    pub custom: T,
}

impl<T> Claims<T> {
    /// Claims that hold from now for `ttl_s` seconds.
    pub fn lasting(ttl_s: u64, now: Timestamp, custom: T) -> Self {
        let issued_at = Timestamp::from_ms(now.as_s() * SECOND_MS);
        Self { issued_at, expires_at: issued_at.plus_s(ttl_s), token_id: None, custom }
    }
}

/// Why a token is refused. All but the last are 401 and alike to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Not the kind's prefix and three parts.
    Malformed,
    /// Its header is not that of a key of ours that is still published: another `alg`, another `kid`, or none.
    UnknownKey,
    Signature,
    /// A claim is missing or of another type.
    Claims,
    Issuer,
    Audience,
    Expired,
    /// `iat` or `nbf` lies in the future.
    NotYetValid,
    /// The claims to sign have no JSON: our fault.
    Unwritable,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "is no token",
            Self::UnknownKey => "names no key of ours",
            Self::Signature => "has a wrong signature",
            Self::Claims => "lacks a claim",
            Self::Issuer => "has another issuer",
            Self::Audience => "has another audience",
            Self::Expired => "has expired",
            Self::NotYetValid => "is not valid yet",
            Self::Unwritable => "cannot be written",
        })
    }
}
