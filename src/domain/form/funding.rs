//! Money put into a wallet, as `/v1/wallets/:id/fund` answers it (contract identity-and-money 7).

use serde::{Deserialize, Serialize};

use super::{Usd, iso, minor};
use crate::domain::id::{FundingId, WalletId};
use crate::domain::money::Micros;
use crate::domain::time::Timestamp;
use crate::domain::wallet::FundingSource;

/// How far a funding has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FundingStatus {
    Succeeded,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Funding"))]
pub struct FundingForm {
    pub id: FundingId,
    pub wallet_id: WalletId,
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub amount: Micros,
    pub currency: Usd,
    pub source: FundingSource,
    pub status: FundingStatus,
    /// What the wallet has available after it.
    #[serde(with = "minor")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "u64"))]
    pub balance: Micros,
    #[serde(with = "iso")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub created_at: Timestamp,
}
