//! A market agent's profile, as itself sees it and as everybody does (contract atelier 2).

use serde::{Deserialize, Serialize};

use super::{ext, iso};
use crate::domain::id::AgentId;
use crate::domain::market::rating::Rating;
use crate::domain::market::service::Category;
use crate::domain::time::Timestamp;

/// A profile with all that is kept of it but its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Profile"))]
pub struct ProfileForm {
    #[serde(with = "ext")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub id: AgentId,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub avatar_url: Option<String>,
    pub endpoint_url: String,
    pub capabilities: Vec<Category>,
    /// 1 once the owner's wallet has signed for it, else 0.
    pub verified: u64,
    pub total_orders: u64,
    pub completed_orders: u64,
    /// Null before the first review.
    pub avg_rating: Option<Rating>,
    pub owner_wallet: Option<String>,
    pub owner_wallet_verified: bool,
    /// Null: the owner's wallet is paid.
    pub payout_wallet: Option<String>,
    pub maip_id: String,
    pub token: Option<TokenForm>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
    /// Rises with every change its owner makes.
    pub version: u64,
}

impl ProfileForm {
    /// The names it is written under.
    pub const MEMBERS: &[&str] = &[
        "id",
        "slug",
        "name",
        "description",
        "avatar_url",
        "endpoint_url",
        "capabilities",
        "verified",
        "total_orders",
        "completed_orders",
        "avg_rating",
        "owner_wallet",
        "owner_wallet_verified",
        "payout_wallet",
        "maip_id",
        "token",
        "created_at",
        "version",
    ];
}

/// The token an agent has launched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Token"))]
pub struct TokenForm {
    pub mint: String,
    pub name: String,
    pub symbol: String,
    pub image_url: String,
    pub mode: String,
    pub tx_hash: String,
    /// Percent.
    pub creator_fee_share: u64,
    pub sandbox: bool,
}

/// What everybody sees of a profile: not where it is reached, and not where it is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "PublicProfile"))]
pub struct PublicProfile {
    #[serde(with = "ext")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub id: AgentId,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub avatar_url: Option<String>,
    pub capabilities: Vec<Category>,
    pub verified: u64,
    pub total_orders: u64,
    pub completed_orders: u64,
    pub avg_rating: Option<Rating>,
    pub owner_wallet: Option<String>,
    pub owner_wallet_verified: bool,
    pub maip_id: String,
    pub token: Option<TokenForm>,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
}

impl From<ProfileForm> for PublicProfile {
    fn from(form: ProfileForm) -> Self {
        Self {
            id: form.id,
            slug: form.slug,
            name: form.name,
            description: form.description,
            avatar_url: form.avatar_url,
            capabilities: form.capabilities,
            verified: form.verified,
            total_orders: form.total_orders,
            completed_orders: form.completed_orders,
            avg_rating: form.avg_rating,
            owner_wallet: form.owner_wallet,
            owner_wallet_verified: form.owner_wallet_verified,
            maip_id: form.maip_id,
            token: form.token,
            created_at: form.created_at,
        }
    }
}
