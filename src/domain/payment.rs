//! Payments: what became of one (contract identity-and-money 8).

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Succeeded,
    Denied,
    /// Its money is held until a human decides.
    PendingApproval,
    /// Nobody decided in time.
    Expired,
    /// Its hold ended before a human decided.
    Failed,
}

impl PaymentStatus {
    pub const ALL: [Self; 5] = [Self::Succeeded, Self::Denied, Self::PendingApproval, Self::Expired, Self::Failed];

    /// The name the status is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Denied => "denied",
            Self::PendingApproval => "pending_approval",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}
