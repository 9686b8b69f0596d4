//! Money that leaves the house over a rail: which rail, what for, and when a signed transfer may be signed anew.
//!
//! Invariant: one order's payout, and its refund, leaves the rail at most once. A transfer is signed and kept before it is
//! sent; while what was signed can still land, or may have, the very same bytes are sent again and nothing else is signed.

use super::price::Price;
use super::state::names;
use crate::domain::time::{MINUTE_MS, SECOND_MS, Timestamp};
use serde::{Deserialize, Serialize};

names! {
    /// How buyers pay and everybody is paid.
    Rail {
        /// Entries of the ledger, and nothing outside of it.
        Sandbox = "sandbox",
        /// USDC on Solana.
        Solana = "solana",
    }
}

/// What a buyer pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum PayMethod {
    /// A transaction of the settlement rail.
    #[serde(rename = "usdc-sol")]
    UsdcSol,
    /// A `/v1` payment to the merchant [`MARKET_MERCHANT`](crate::domain::payment::MARKET_MERCHANT).
    #[serde(rename = "payment")]
    Payment,
}

impl PayMethod {
    /// The name it is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UsdcSol => "usdc-sol",
            Self::Payment => "payment",
        }
    }

    /// Reads that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::UsdcSol, Self::Payment].into_iter().find(|known| known.as_str() == text)
    }
}

names! {
    /// What a transfer is for.
    Purpose {
        /// The agent's part.
        Payout = "payout",
        /// What goes back to the buyer.
        Refund = "refund",
    }
}

/// The least payout that makes its receiver's token account unless it is there, at the house's cost: the rent of one is 0.00204 SOL,
/// which the fee of such an order, 0.50, covers. For less anybody could drain the house's SOL with orders of a cent and accounts
/// that are closed again.
const ACCOUNT_PAYOUT_MINOR_MIN: u64 = 450;

impl Purpose {
    /// Whether a transfer of so much makes its receiver's token account. No refund does: its receiver has paid from one, and who
    /// has closed it since is paid once there is one again.
    pub const fn makes_account(self, amount: Price) -> bool {
        match self {
            Self::Payout => amount.minor() >= ACCOUNT_PAYOUT_MINOR_MIN,
            Self::Refund => false,
        }
    }
}

/// The first pause before a transfer that is on its way is looked for again; it grows with the time it takes.
const LOOK_PAUSE_MS: u64 = 5 * SECOND_MS;
const LOOK_PAUSE_MS_MAX: u64 = 30 * MINUTE_MS;

/// How long it is until a transfer signed then is looked for again.
pub fn look_pause_ms(signed_at: Timestamp, now: Timestamp) -> u64 {
    (now.since_ms(signed_at) / 2).clamp(LOOK_PAUSE_MS, LOOK_PAUSE_MS_MAX)
}

/// What the chain says of a transaction it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// No fork can undo it.
    pub is_final: bool,
    /// It moved nothing.
    pub has_failed: bool,
}

/// What a node says of a signed transfer: the state of the chain first, and then what it knows of the transaction. In the other
/// order it could land between the two and be taken for lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The final block's height, and its slot.
    pub final_height: u64,
    pub final_slot: u64,
    /// The first block the node still has, by its slot.
    pub first_slot: u64,
    /// The slot as of which the transaction was looked for, and what was found.
    pub looked_slot: u64,
    pub known: Option<Known>,
}

/// Where a signed transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// It has moved the money, for good.
    Landed,
    /// It may still land.
    Open,
    /// It has not landed and cannot any more.
    Dead,
}

/// Judges a transfer that was signed as of `signed_slot` and is taken by no block higher than `last_height`.
///
/// It is lost only if a node says so that has every block it could stand in, and has looked no earlier than the last of them
/// was final.
pub const fn judge(signed_slot: u64, last_height: u64, seen: &Sighting) -> Landing {
    match seen.known {
        Some(Known { is_final: true, has_failed: false }) => Landing::Landed,
        Some(Known { is_final: true, has_failed: true }) => Landing::Dead,
        Some(Known { is_final: false, .. }) => Landing::Open,
        None => {
            let is_past = seen.final_height > last_height;
            let has_looked_everywhere = seen.first_slot <= signed_slot && seen.looked_slot >= seen.final_slot;
            if is_past && has_looked_everywhere { Landing::Dead } else { Landing::Open }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_770_000_000_000);

    const LOST: Sighting = Sighting { final_height: 1_151, final_slot: 1_400, first_slot: 10, looked_slot: 1_400, known: None };

    fn landing(seen: Sighting) -> Landing {
        judge(1_000, 1_150, &seen)
    }

    #[test]
    fn a_transfer_is_dead_only_when_every_block_it_could_stand_in_was_looked_through() {
        assert_eq!(landing(LOST), Landing::Dead);
        assert_eq!(landing(Sighting { first_slot: 1_000, ..LOST }), Landing::Dead);
        for open in [
            Sighting { final_height: 1_150, ..LOST },
            Sighting { first_slot: 1_001, ..LOST },
            Sighting { looked_slot: 1_399, ..LOST },
            Sighting { known: Some(Known { is_final: false, has_failed: false }), ..LOST },
            Sighting { known: Some(Known { is_final: false, has_failed: true }), ..LOST },
        ] {
            assert_eq!(landing(open), Landing::Open, "{open:?}");
        }
    }

    #[test]
    fn what_is_final_has_landed_or_failed_however_early_or_late_it_is_looked_for() {
        for (final_height, first_slot) in [(1, 1), (1_150, 1_001), (9_999, 9_999)] {
            let of = |has_failed| landing(Sighting { final_height, first_slot, known: Some(Known { is_final: true, has_failed }), ..LOST });
            assert_eq!((of(false), of(true)), (Landing::Landed, Landing::Dead));
        }
    }

    #[test]
    fn a_token_account_is_made_only_where_the_fee_covers_its_rent() {
        let makes = |purpose: Purpose, text: &str| purpose.makes_account(Price::parse(text).unwrap());
        assert!(makes(Purpose::Payout, "4.50") && makes(Purpose::Payout, "900000.00"));
        assert!(!makes(Purpose::Payout, "4.49") && !makes(Purpose::Payout, "0.01"));
        assert!(!makes(Purpose::Refund, "4.50") && !makes(Purpose::Refund, "1000000.00"));
        assert_eq!(Price::parse("5.00").unwrap().cut().payout.minor(), ACCOUNT_PAYOUT_MINOR_MIN);
    }

    #[test]
    fn a_transfer_is_looked_for_often_at_first_and_never_given_up() {
        let after_s = |s: u64| look_pause_ms(NOW, NOW.plus_s(s)) / SECOND_MS;
        assert_eq!([0, 8, 10, 60, 600, 3_600, 86_400].map(after_s), [5, 5, 5, 30, 300, 1_800, 1_800]);
        assert_eq!(look_pause_ms(NOW, NOW.minus_ms(1)), LOOK_PAUSE_MS);
    }
}
