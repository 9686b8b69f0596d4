//! Budget leases: part of a budget lent to a child agent, as a tree (contract identity-and-money 10).
//!
//! Invariants, kept by the decisions here, by the ledger (what a lease can spend stands in an account of its own, which is
//! never below zero) and by the simulation:
//! 1. amount = captured + reserved + leased + remaining + returned, at every commit.
//! 2. A lease is never wider than what it was lent from, in any field.
//! 3. A lease ends once; what it has not spent goes back exactly, at its end or when what it still holds is freed.

use serde::{Deserialize, Serialize};

use super::id::{AgentId, LeaseId, MandateId, WalletId};
use super::mandate::{MandateTerms, Merchants};
use super::money::{Micros, MoneyError};
use super::spend::SpendAction;
use super::time::Timestamp;

/// Leases nest this deep.
pub const DEPTH_MAX: u64 = 8;

/// How far a lease has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LeaseStatus {
    Active,
    /// All of it is spent.
    Exhausted,
    Released,
    Revoked,
    Expired,
}

impl LeaseStatus {
    pub const ALL: [Self; 5] = [Self::Active, Self::Exhausted, Self::Released, Self::Revoked, Self::Expired];

    /// The name the status is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Exhausted => "exhausted",
            Self::Released => "released",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What a lease allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaseTerms {
    pub per_transaction: Option<Micros>,
    pub merchants: Merchants,
    /// Empty: all.
    pub actions: Vec<SpendAction>,
    pub expires_at: Option<Timestamp>,
}

impl From<&MandateTerms> for LeaseTerms {
    fn from(terms: &MandateTerms) -> Self {
        Self {
            per_transaction: terms.per_transaction,
            merchants: terms.merchants.clone(),
            actions: terms.actions.clone(),
            expires_at: terms.expires_at,
        }
    }
}

/// A field in which a lease would be wider than what it is lent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseField {
    PerTransactionLimit,
    AllowedMerchants,
    AllowedActions,
    ExpiresAt,
}

impl LeaseField {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PerTransactionLimit => "per_transaction_limit",
            Self::AllowedMerchants => "allowed_merchants",
            Self::AllowedActions => "allowed_actions",
            Self::ExpiresAt => "expires_at",
        }
    }
}

impl LeaseTerms {
    /// The first field in which these terms are wider than `parent`'s.
    pub fn wider_than(&self, parent: &Self) -> Option<LeaseField> {
        let exceeds = |own: Option<u64>, limit: Option<u64>| limit.is_some_and(|limit| own.is_none_or(|own| own > limit));
        let actions_are_within =
            parent.actions.is_empty() || (!self.actions.is_empty() && self.actions.iter().all(|action| action.is_in(&parent.actions)));
        if exceeds(self.per_transaction.map(Micros::get), parent.per_transaction.map(Micros::get)) {
            Some(LeaseField::PerTransactionLimit)
        } else if !self.merchants.are_within(&parent.merchants) {
            Some(LeaseField::AllowedMerchants)
        } else if !actions_are_within {
            Some(LeaseField::AllowedActions)
        } else if exceeds(self.expires_at.map(Timestamp::as_ms), parent.expires_at.map(Timestamp::as_ms)) {
            Some(LeaseField::ExpiresAt)
        } else {
            None
        }
    }
}

/// A lease as far as it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub id: LeaseId,
    pub parent: Option<LeaseId>,
    pub parent_agent: AgentId,
    pub child_agent: AgentId,
    pub mandate_id: MandateId,
    pub wallet: WalletId,
    pub depth: u64,
    /// The day of the root lease's hold: in that day's windows all that is spent under it counts.
    pub day: u64,
    pub status: LeaseStatus,
    pub terms: LeaseTerms,
    pub amount: Micros,
    pub captured: Micros,
    pub reserved: Micros,
    /// Lent on, and not come back.
    pub leased: Micros,
    /// What its account holds.
    pub remaining: Micros,
    pub returned: Micros,
}

impl Lease {
    /// Whether it can be spent under at `now`. From its expiry on it is expired, whether or not an alarm has run.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.status == LeaseStatus::Active && !self.is_due(now)
    }

    /// Whether its expiry has come though it is not marked so.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.status == LeaseStatus::Active && self.terms.expires_at.is_some_and(|at| at <= now)
    }

    /// Takes an amount out of what remains, for a reservation.
    ///
    /// # Errors
    /// When there is not so much.
    pub fn reserve(&mut self, amount: Micros) -> Result<(), MoneyError> {
        self.remaining = self.remaining.checked_sub(amount)?;
        self.reserved = self.reserved.checked_add(amount)?;
        Ok(())
    }

    /// Spends a reserved amount for good.
    ///
    /// # Errors
    /// When there is not so much.
    pub fn capture(&mut self, amount: Micros) -> Result<(), MoneyError> {
        self.reserved = self.reserved.checked_sub(amount)?;
        self.captured = self.captured.checked_add(amount)?;
        Ok(())
    }

    /// Lends an amount on.
    ///
    /// # Errors
    /// When there is not so much.
    pub fn lend(&mut self, amount: Micros) -> Result<(), MoneyError> {
        self.remaining = self.remaining.checked_sub(amount)?;
        self.leased = self.leased.checked_add(amount)?;
        Ok(())
    }

    /// Takes back an amount that was reserved; it remains here.
    ///
    /// # Errors
    /// When there is not so much.
    pub fn take_back_reserved(&mut self, amount: Micros) -> Result<(), MoneyError> {
        self.reserved = self.reserved.checked_sub(amount)?;
        self.remaining = self.remaining.checked_add(amount)?;
        Ok(())
    }

    /// Takes back an amount that was lent on; it remains here.
    ///
    /// # Errors
    /// When there is not so much.
    pub fn take_back_leased(&mut self, amount: Micros) -> Result<(), MoneyError> {
        self.leased = self.leased.checked_sub(amount)?;
        self.remaining = self.remaining.checked_add(amount)?;
        Ok(())
    }

    /// Passes an amount of what remains on to where it came from.
    ///
    /// # Errors
    /// When there is not so much.
    pub fn pass_up(&mut self, amount: Micros) -> Result<(), MoneyError> {
        self.remaining = self.remaining.checked_sub(amount)?;
        self.returned = self.returned.checked_add(amount)?;
        Ok(())
    }

    /// Whether nothing of it is left or held here.
    pub const fn is_spent(&self) -> bool {
        self.remaining.is_zero() && self.reserved.is_zero()
    }
}
