//! Payments: what became of one (contract identity-and-money 8).

use serde::{Deserialize, Serialize};

use super::id::{OrderId, PaymentId};

/// Whom a payment names as its merchant that is to pay for an order of the marketplace.
pub const MARKET_MERCHANT: &str = "atelier";

/// Whether that merchant is the marketplace. No letter outside of ASCII folds into one of its name.
pub const fn is_for_market(merchant: &str) -> bool {
    merchant.eq_ignore_ascii_case(MARKET_MERCHANT)
}

/// How both tenants' chains name the money of a payment that pays for an order.
pub fn name_transfer(payment_id: PaymentId, order_id: OrderId) -> String {
    format!("{payment_id}:{order_id}")
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marketplace_is_known_by_its_name_in_any_case_and_by_no_other() {
        assert!([MARKET_MERCHANT, "Atelier", "ATELIER"].into_iter().all(is_for_market));
        assert!(!["", "ateliers", "atelier ", "at\u{e9}lier", "ATEL\u{130}ER", "atel\u{131}er"].into_iter().any(is_for_market));
    }
}
