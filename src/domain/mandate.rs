//! Mandates: the rules an agent's spending must meet (contract identity-and-money 6).
//!
//! Invariant: what is held and spent under a mandate never exceeds any of its limits in any of its windows, and a change
//! of its terms never puts a limit below what is already used. Revoked is final.

use serde::{Deserialize, Serialize};

use super::id::{AgentId, MandateId};
use super::money::Micros;
use super::spend::SpendAction;
use super::time::Timestamp;
use super::window::Windows;

/// Whether a mandate can be spent under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MandateStatus {
    Active,
    Suspended,
    Revoked,
    /// Its total limit is spent.
    Exhausted,
    Expired,
}

impl MandateStatus {
    pub const ALL: [Self; 5] = [Self::Active, Self::Suspended, Self::Revoked, Self::Exhausted, Self::Expired];

    /// The name the status is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Which limit of a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    PerTransaction,
    Daily,
    Monthly,
    Total,
}

impl LimitKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PerTransaction => "per_transaction",
            Self::Daily => "daily",
            Self::Monthly => "monthly",
            Self::Total => "total",
        }
    }
}

/// The merchants somebody may pay, by their compared form; none at all means any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Merchants(pub Vec<String>);

impl Merchants {
    pub fn allow(&self, key: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|allowed| allowed == key)
    }

    /// Whether all of them are among `wider`'s.
    pub fn are_within(&self, wider: &Self) -> bool {
        wider.0.is_empty() || (!self.0.is_empty() && self.0.iter().all(|key| wider.allow(key)))
    }
}

/// What a mandate allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MandateTerms {
    pub per_transaction: Option<Micros>,
    pub daily: Option<Micros>,
    pub monthly: Option<Micros>,
    pub total: Option<Micros>,
    pub merchants: Merchants,
    /// Empty: all.
    pub actions: Vec<SpendAction>,
    pub approval_threshold: Option<Micros>,
    pub expires_at: Option<Timestamp>,
}

/// A mandate as far as it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    pub id: MandateId,
    pub agent_id: AgentId,
    pub status: MandateStatus,
    pub terms: MandateTerms,
    pub windows: Windows,
}

/// Why a mandate is not changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeError {
    /// A limit would lie below what is spent and held.
    LimitBelowUsage(LimitKind),
    /// It is revoked.
    Revoked,
}

impl Mandate {
    /// Whether new holds are possible at `now`. From its expiry on it is expired, whether or not an alarm has run.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.status == MandateStatus::Active && !self.is_due(now)
    }

    /// Whether its expiry has come though it is not marked so.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let can_expire = match self.status {
            MandateStatus::Active | MandateStatus::Suspended | MandateStatus::Exhausted => true,
            MandateStatus::Revoked | MandateStatus::Expired => false,
        };
        can_expire && self.terms.expires_at.is_some_and(|at| at <= now)
    }

    /// The status of a new one: under a total limit of nothing, nothing can be spent.
    pub fn status_at_birth(terms: &MandateTerms) -> MandateStatus {
        Self::status_in_use(terms, &Windows::default())
    }

    fn status_in_use(terms: &MandateTerms, windows: &Windows) -> MandateStatus {
        if terms.total.is_some_and(|total| windows.total.spent >= total) { MandateStatus::Exhausted } else { MandateStatus::Active }
    }

    /// Whether its total limit is spent.
    pub fn is_spent(&self) -> bool {
        Self::status_in_use(&self.terms, &self.windows) == MandateStatus::Exhausted
    }

    /// The status after a full replacement of its terms at `now`; `asked` is the status asked for, if any.
    ///
    /// # Errors
    /// A limit below what is used; a revoked mandate.
    pub fn after_change(&self, terms: &MandateTerms, asked: Option<MandateStatus>, now: Timestamp) -> Result<MandateStatus, ChangeError> {
        if self.status == MandateStatus::Revoked {
            return Err(ChangeError::Revoked);
        }
        let windows = self.windows.at(now);
        let limits = [
            (LimitKind::Daily, terms.daily, windows.day.used()),
            (LimitKind::Monthly, terms.monthly, windows.month.used()),
            (LimitKind::Total, terms.total, windows.total.used()),
        ];
        if let Some((limit, ..)) = limits.into_iter().find(|(_, limit, used)| limit.is_some_and(|limit| limit < *used)) {
            return Err(ChangeError::LimitBelowUsage(limit));
        }
        Ok(match asked.unwrap_or(self.status) {
            MandateStatus::Revoked => MandateStatus::Revoked,
            MandateStatus::Suspended => MandateStatus::Suspended,
            // What stood still because it was used up or over lives again once it no longer is.
            MandateStatus::Active | MandateStatus::Exhausted | MandateStatus::Expired => Self::status_in_use(terms, &windows),
        })
    }
}
