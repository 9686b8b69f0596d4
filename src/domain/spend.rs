//! Spending under rules: what is asked, and why it may not be (contract identity-and-money 8 and 9).
//!
//! Invariant: money is held only for what no rule refuses, and every rule is looked at, in the contract's order: the
//! first that refuses answers the request, all of them answer `authorize`.

use serde::{Deserialize, Serialize};

use super::agent::AgentStatus;
use super::lease::Lease;
use super::mandate::{LimitKind, Mandate};
use super::money::{Micros, MoneyError};
use super::time::Timestamp;

/// What a mandate, lease or token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum SpendAction {
    #[serde(rename = "payment:execute")]
    Payment,
    #[serde(rename = "token:spend")]
    Token,
    #[serde(rename = "tool:spend")]
    Tool,
    #[serde(rename = "delegation:spend")]
    Delegation,
}

impl SpendAction {
    pub const ALL: [Self; 4] = [Self::Payment, Self::Token, Self::Tool, Self::Delegation];

    /// The scope it is written as.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment:execute",
            Self::Token => "token:spend",
            Self::Tool => "tool:spend",
            Self::Delegation => "delegation:spend",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }

    /// Whether a list allows it; an empty one allows all.
    pub fn is_in(self, allowed: &[Self]) -> bool {
        allowed.is_empty() || allowed.contains(&self)
    }
}

/// What money is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpendKind {
    Payment,
    Token,
    Tool,
    Delegated,
}

impl SpendKind {
    pub const ALL: [Self; 4] = [Self::Payment, Self::Token, Self::Tool, Self::Delegated];

    /// The name the kind is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Token => "token",
            Self::Tool => "tool",
            Self::Delegated => "delegated",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The action it needs.
    pub const fn action(self) -> SpendAction {
        match self {
            Self::Payment => SpendAction::Payment,
            Self::Token => SpendAction::Token,
            Self::Tool => SpendAction::Tool,
            Self::Delegated => SpendAction::Delegation,
        }
    }
}

/// Who is paid: as written, and as compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    pub name: String,
    /// Trimmed, NFC, case-folded.
    pub key: String,
}

/// The cost of so many at a price each, in whole minor units, rounded up; the exact product beside it.
///
/// # Errors
/// `TooLarge` beyond 2^53-1 micro-units.
pub fn price_of(quantity: u64, unit_price: Micros) -> Result<(Micros, Micros), MoneyError> {
    let product = quantity.checked_mul(unit_price.get()).ok_or(MoneyError::TooLarge).and_then(Micros::new)?;
    Ok((product.rounded_up_to_minor()?, product))
}

/// Rules on payments that look at more than the mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// More than [`PAYMENTS_PER_MINUTE_MAX`] payments of the agent in 60 s.
    Velocity,
    /// The agent's trust score is below [`TRUST_THOUSANDTHS_MIN`].
    Trust,
}

/// Payments of one agent that pass in 60 s.
pub const PAYMENTS_PER_MINUTE_MAX: u64 = 60;
/// The trust score, in thousandths, below which an agent pays nothing.
pub const TRUST_THOUSANDTHS_MIN: u64 = 200;

impl Risk {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Velocity => "risk_velocity",
            Self::Trust => "risk_trust",
        }
    }

    /// The rule that refuses a payment of an agent with this score, which has made so many in the last 60 s.
    pub const fn judge(payments_in_60_s: u64, trust_thousandths: u64) -> Option<Self> {
        if payments_in_60_s >= PAYMENTS_PER_MINUTE_MAX {
            Some(Self::Velocity)
        } else if trust_thousandths < TRUST_THOUSANDTHS_MIN {
            Some(Self::Trust)
        } else {
            None
        }
    }
}

/// Why money is not to be had, in the order of the contract's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    AgentNotActive,
    MandateNotActive,
    ActionNotAllowed,
    MerchantNotAllowed,
    RiskVelocity,
    RiskTrust,
    MandateLimit {
        limit: LimitKind,
        remaining: Micros,
    },
    LeaseExhausted {
        remaining: Micros,
    },
    InsufficientFunds {
        available: Micros,
    },
    /// The kill switch is on: told before all others, and last here because reasons are kept by their place.
    TenantStopped,
}

impl Reason {
    /// The codes of reasons, in their order, each once: several limits may be exceeded at a time.
    pub fn codes(reasons: &[Self]) -> Vec<&'static str> {
        let mut codes: Vec<_> = reasons.iter().map(|reason| reason.code()).collect();
        codes.dedup();
        codes
    }

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TenantStopped => "tenant_stopped",
            Self::AgentNotActive => "agent_not_active",
            Self::MandateNotActive => "mandate_not_active",
            Self::ActionNotAllowed => "action_not_allowed",
            Self::MerchantNotAllowed => "merchant_not_allowed",
            Self::RiskVelocity | Self::RiskTrust => "risk_denied",
            Self::MandateLimit { .. } => "mandate_limit_exceeded",
            Self::LeaseExhausted { .. } => "lease_exhausted",
            Self::InsufficientFunds { .. } => "insufficient_funds",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub action: SpendAction,
    pub amount: Micros,
    pub merchant: Option<&'a Merchant>,
    pub risk: Option<Risk>,
}

/// Everything a request for money is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub agent: AgentStatus,
    /// Whether a `!` entry of the agent's scopes forbids the action.
    pub is_denied_by_scopes: bool,
    pub mandate: &'a Mandate,
    pub lease: Option<&'a Lease>,
    /// What the wallet has available, run-out holds freed.
    pub available: Micros,
}

/// What may still be spent; `None` where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remaining {
    pub per_transaction: Option<Micros>,
    pub daily: Option<Micros>,
    pub monthly: Option<Micros>,
    pub total: Option<Micros>,
    pub lease: Option<Micros>,
    pub wallet: Micros,
}

impl Standing<'_> {
    /// Every reason against it, in order.
    pub fn judge(&self, ask: &Ask<'_>, now: Timestamp) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut refuse_if = |holds: bool, reason: Reason| {
            if holds {
                reasons.push(reason);
            }
        };
        let terms = &self.mandate.terms;
        refuse_if(self.agent != AgentStatus::Active, Reason::AgentNotActive);
        refuse_if(!self.mandate.is_active(now), Reason::MandateNotActive);
        let lease_allows_action = self.lease.is_none_or(|lease| ask.action.is_in(&lease.terms.actions));
        let is_allowed = ask.action.is_in(&terms.actions) && lease_allows_action && !self.is_denied_by_scopes;
        refuse_if(!is_allowed, Reason::ActionNotAllowed);
        if let Some(merchant) = ask.merchant {
            let lease_allows = self.lease.is_none_or(|lease| lease.terms.merchants.allow(&merchant.key));
            refuse_if(!terms.merchants.allow(&merchant.key) || !lease_allows, Reason::MerchantNotAllowed);
        }
        match ask.risk {
            Some(Risk::Velocity) => refuse_if(true, Reason::RiskVelocity),
            Some(Risk::Trust) => refuse_if(true, Reason::RiskTrust),
            None => {}
        }
        let remaining = self.remaining(now);
        let limits = [
            (LimitKind::PerTransaction, remaining.per_transaction),
            (LimitKind::Daily, remaining.daily),
            (LimitKind::Monthly, remaining.monthly),
            (LimitKind::Total, remaining.total),
        ];
        for (limit, remaining) in limits {
            // What is spent under a lease was counted in the windows when the lease was granted.
            let counts = limit == LimitKind::PerTransaction || self.lease.is_none();
            if let Some(remaining) = remaining.filter(|remaining| counts && *remaining < ask.amount) {
                refuse_if(true, Reason::MandateLimit { limit, remaining });
            }
        }
        match remaining.lease {
            Some(remaining) => refuse_if(remaining < ask.amount, Reason::LeaseExhausted { remaining }),
            None => refuse_if(self.available < ask.amount, Reason::InsufficientFunds { available: self.available }),
        }
        reasons
    }

    /// What may still be spent. The per-transaction limit is the narrower of the mandate's and the lease's.
    pub fn remaining(&self, now: Timestamp) -> Remaining {
        let windows = self.mandate.windows.at(now);
        let terms = &self.mandate.terms;
        let narrower = |one: Option<Micros>, other: Option<Micros>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Remaining {
            per_transaction: narrower(terms.per_transaction, self.lease.and_then(|lease| lease.terms.per_transaction)),
            daily: windows.day.left_of(terms.daily),
            monthly: windows.month.left_of(terms.monthly),
            total: windows.total.left_of(terms.total),
            lease: self.lease.map(|lease| if lease.is_active(now) { lease.remaining } else { Micros::ZERO }),
            wallet: self.available,
        }
    }

    /// Whether an amount that nothing refuses still needs a human.
    pub fn needs_approval(&self, amount: Micros) -> bool {
        self.mandate.terms.approval_threshold.is_some_and(|threshold| amount > threshold)
    }
}
