//! The ledger of one tenant: accounts, and transfers between them.
//!
//! Invariants, kept by the decisions here, by the schema's checks and by the simulation:
//! 1. A transfer takes from one account exactly what it gives to another, so all accounts always sum to zero.
//! 2. No account but the outside world is ever below zero.
//! 3. A wallet's held account equals the sum of its open reservations; a lease's account what it has left; an order's the
//!    price that was paid for it, until it ends.
//! 4. Money moves only by an entry of the audit chain, and entries never change: the balances can be recomputed.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::{LeaseId, OrderId, WalletId};
use super::money::Micros;

/// Where money stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// Everything that is not this ledger: funding comes from it. The only account below zero.
    Outside,
    /// What the house has earned.
    Revenue,
    /// A wallet's money that nobody has claimed.
    Available(WalletId),
    /// A wallet's money that stands in open reservations.
    Held(WalletId),
    /// What a lease can still spend or lend.
    Lease(LeaseId),
    /// The price of an order that was paid and has not ended.
    Escrow(OrderId),
    /// What the platform has earned of orders.
    MarketFee,
    /// What agents have earned of orders and has not been sent to them yet.
    Payout,
    /// What buyers get back of orders and has not been sent to them yet.
    Refund,
}

/// What sets a wallet's held account apart from its available one.
const HELD_SUFFIX: &str = ".held";

impl Account {
    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "outside" => Some(Self::Outside),
            "revenue" => Some(Self::Revenue),
            "market.fee" => Some(Self::MarketFee),
            "market.payout" => Some(Self::Payout),
            "market.refund" => Some(Self::Refund),
            wallet => match wallet.strip_suffix(HELD_SUFFIX) {
                Some(wallet) => WalletId::parse(wallet).ok().map(Self::Held),
                None => WalletId::parse(wallet)
                    .ok()
                    .map(Self::Available)
                    .or_else(|| LeaseId::parse(wallet).ok().map(Self::Lease))
                    .or_else(|| OrderId::parse(wallet).ok().map(Self::Escrow)),
            },
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside => f.write_str("outside"),
            Self::Revenue => f.write_str("revenue"),
            Self::Available(wallet) => wallet.fmt(f),
            Self::Held(wallet) => write!(f, "{wallet}{HELD_SUFFIX}"),
            Self::Lease(lease) => lease.fmt(f),
            Self::Escrow(order) => order.fmt(f),
            Self::MarketFee => f.write_str("market.fee"),
            Self::Payout => f.write_str("market.payout"),
            Self::Refund => f.write_str("market.refund"),
        }
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("must be an account"))
    }
}

/// Money going from one account to another: balanced by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    from: Account,
    to: Account,
    amount: Micros,
}

/// Why there is no such transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferError {
    /// From and to are the same account.
    SameAccount,
    /// Nothing would move.
    NoAmount,
}

impl Transfer {
    /// A transfer of more than nothing between two different accounts.
    pub fn new(from: Account, to: Account, amount: Micros) -> Result<Self, TransferError> {
        if from == to {
            Err(TransferError::SameAccount)
        } else if amount.is_zero() {
            Err(TransferError::NoAmount)
        } else {
            Ok(Self { from, to, amount })
        }
    }

    pub const fn from(&self) -> Account {
        self.from
    }

    pub const fn to(&self) -> Account {
        self.to
    }

    pub const fn amount(&self) -> Micros {
        self.amount
    }
}

/// What a wallet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    #[serde(rename = "available_micros")]
    pub available: Micros,
    #[serde(rename = "held_micros")]
    pub held: Micros,
}

impl Balance {
    /// Available and held together; the wallet's cap keeps it far below the greatest amount.
    pub fn total(&self) -> Micros {
        self.available.checked_add(self.held).unwrap_or(Micros::MAX)
    }

    /// The balance once holds that have run out but are still open are freed.
    pub fn freeing(&self, due: Micros) -> Self {
        let freed = due.min(self.held);
        Self {
            available: self.available.checked_add(freed).unwrap_or(Micros::MAX),
            held: self.held.checked_sub(freed).unwrap_or(Micros::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    struct Zero;
    impl crate::domain::entropy::Entropy for Zero {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    #[test]
    fn an_account_reads_back_from_its_name() {
        let wallet = WalletId::new(Timestamp::from_ms(1), &mut Zero);
        let lease = Account::Lease(LeaseId::new(Timestamp::from_ms(1), &mut Zero));
        let escrow = Account::Escrow(OrderId::new(Timestamp::from_ms(1), &mut Zero));
        let house = [Account::Outside, Account::Revenue, Account::MarketFee, Account::Payout, Account::Refund];
        for account in house.into_iter().chain([Account::Available(wallet), Account::Held(wallet), lease, escrow]) {
            assert_eq!(Account::parse(&account.to_string()), Some(account));
        }
        for bad in ["", "inside", ".held", "wal_", "agt_00000000000000000000000000"] {
            assert_eq!(Account::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_transfer_moves_something_between_two_accounts() {
        let one = Micros::new(1).unwrap();
        assert!(Transfer::new(Account::Outside, Account::Revenue, one).is_ok());
        assert_eq!(Transfer::new(Account::Revenue, Account::Revenue, one), Err(TransferError::SameAccount));
        assert_eq!(Transfer::new(Account::Outside, Account::Revenue, Micros::ZERO), Err(TransferError::NoAmount));
    }

    #[test]
    fn freeing_moves_held_money_and_makes_none() {
        let micros = |n| Micros::new(n).unwrap();
        let balance = Balance { available: micros(5), held: micros(3) };
        assert_eq!(balance.freeing(micros(2)), Balance { available: micros(7), held: micros(1) });
        assert_eq!(balance.freeing(micros(2)).total(), balance.total());
    }
}
