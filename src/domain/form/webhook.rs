//! A webhook endpoint (contract identity-and-money 13). Its secret is shown apart, once.

use serde::Serialize;

/// A webhook endpoint.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Webhook {
    pub id: String,
    pub url: String,
    pub events: Vec<String>,
    /// `enabled` or `disabled`.
    pub status: &'static str,
    pub description: Option<String>,
    /// `request`, `gone` (the receiver answered 410) or `failing` (nothing but failures for 120 h).
    pub disabled_reason: Option<&'static str>,
    pub disabled_at: Option<String>,
    /// Our key, which `v1a` signatures verify with; also in the JWKS.
    pub public_key: String,
    pub created_at: String,
    pub updated_at: String,
}
