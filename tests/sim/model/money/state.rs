//! What governed money is made of: mandates, leases, approvals and payments as plain records. What is held and spent is never
//! kept here: it is counted anew from the holds whenever it is asked for.

use std::collections::BTreeMap;

use guildhall::domain::approval::ApprovalStatus;
use guildhall::domain::id::{AgentId, ApprovalId, LeaseId, MandateId, PaymentId, ReservationId, WalletId};
use guildhall::domain::lease::LeaseStatus;
use guildhall::domain::mandate::MandateStatus;
use guildhall::domain::payment::PaymentStatus;
use guildhall::domain::spend::SpendAction;
use guildhall::domain::time::{DAY_MS, Timestamp};

use super::super::state::{State, Status};

/// What both a mandate and a lease allow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    pub per_transaction: Option<u64>,
    pub merchants: Vec<String>,
    pub actions: Vec<SpendAction>,
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub struct Mandate {
    pub agent: AgentId,
    pub status: MandateStatus,
    pub version: u64,
    pub terms: Terms,
    pub daily: Option<u64>,
    pub monthly: Option<u64>,
    pub total: Option<u64>,
    pub threshold: Option<u64>,
    pub wallet: Option<WalletId>,
    /// The latest day anything was held on or its terms were changed: a clock behind it is still in it.
    pub day: u64,
}

#[derive(Debug, Clone)]
pub struct Lease {
    pub parent: Option<LeaseId>,
    pub parent_agent: AgentId,
    pub child_agent: AgentId,
    pub mandate: MandateId,
    pub wallet: WalletId,
    pub depth: u64,
    /// In whose windows all that is under it counts.
    pub day: u64,
    pub status: LeaseStatus,
    pub terms: Terms,
    pub amount: u64,
    pub returned: u64,
}

#[derive(Debug, Clone)]
pub struct Approval {
    pub reservation: ReservationId,
    pub status: ApprovalStatus,
}

#[derive(Debug, Clone)]
pub struct Payment {
    pub agent: AgentId,
    pub mandate: MandateId,
    pub status: PaymentStatus,
    pub reservation: Option<ReservationId>,
    pub created: Timestamp,
}

/// What a reservation under a mandate has besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governed {
    pub mandate: MandateId,
    pub agent: AgentId,
    pub lease: Option<LeaseId>,
    pub action: SpendAction,
    pub day: u64,
    pub ttl_s: u64,
    pub approval: Option<ApprovalId>,
    pub payment: Option<PaymentId>,
}

/// Held and spent in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    pub held: u64,
    pub spent: u64,
}

impl Used {
    pub fn left_of(self, limit: Option<u64>) -> Option<u64> {
        limit.map(|limit| limit.saturating_sub(self.held + self.spent))
    }
}

/// A mandate's windows at a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub day: Used,
    pub month: Used,
    pub total: Used,
}

impl Usage {
    fn add(&mut self, counted_on: u64, today: u64, held: u64, spent: u64) {
        let month = |day: u64| Timestamp::from_ms(day * DAY_MS).utc_month();
        let windows = [(true, &mut self.total), (counted_on == today, &mut self.day), (month(counted_on) == month(today), &mut self.month)];
        for (_, window) in windows.into_iter().filter(|(counts, _)| *counts) {
            window.held += held;
            window.spent += spent;
        }
    }
}

/// Where a lease's money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    pub captured: u64,
    pub reserved: u64,
    pub leased: u64,
    pub remaining: u64,
}

pub fn is_due(deadline: Option<Timestamp>, now: Timestamp) -> bool {
    deadline.is_some_and(|at| at <= now)
}

impl Mandate {
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.status == MandateStatus::Active && !is_due(self.terms.expires_at, now)
    }

    /// Whether it can still expire.
    pub fn can_expire(&self) -> bool {
        matches!(self.status, MandateStatus::Active | MandateStatus::Suspended | MandateStatus::Exhausted)
    }
}

impl Lease {
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.status == LeaseStatus::Active && !is_due(self.terms.expires_at, now)
    }
}

impl State {
    /// What is held and spent under a mandate, in the windows that `now` falls in.
    pub fn usage(&self, id: MandateId, now: Timestamp) -> Usage {
        let today = self.mandates.get(&id).map_or(0, |mandate| mandate.day).max(now.utc_day());
        self.usage_on(id, today)
    }

    pub fn usage_on(&self, id: MandateId, today: u64) -> Usage {
        let mut usage = Usage::default();
        for (reservation, governed) in self.governed().filter(|(_, governed)| governed.mandate == id && governed.lease.is_none()) {
            match reservation.status {
                Status::Reserved | Status::Pending => usage.add(governed.day, today, reservation.amount, 0),
                Status::Captured(captured) => usage.add(governed.day, today, 0, captured),
                Status::Released | Status::Expired => {}
            }
        }
        for (lease_id, lease) in self.leases.iter().filter(|(_, lease)| lease.mandate == id && lease.parent.is_none()) {
            let spent = self.spent_below(*lease_id);
            usage.add(lease.day, today, lease.amount - lease.returned - spent, spent);
        }
        usage
    }

    /// Every reservation under a mandate.
    pub fn governed(&self) -> impl Iterator<Item = (&super::super::state::Reservation, &Governed)> {
        self.reservations.values().filter_map(|reservation| Some((reservation, reservation.governed.as_ref()?)))
    }

    /// What was captured under a lease and all below it.
    pub fn spent_below(&self, root: LeaseId) -> u64 {
        let spent = self.governed().filter_map(|(reservation, governed)| match reservation.status {
            Status::Captured(captured) => Some((governed.lease?, captured)),
            _ => None,
        });
        spent.filter(|(lease, _)| self.is_below(*lease, root)).map(|(_, captured)| captured).sum()
    }

    /// Whether a lease is `root` or was lent from it.
    pub fn is_below(&self, lease: LeaseId, root: LeaseId) -> bool {
        let mut at = Some(lease);
        while let Some(id) = at {
            if id == root {
                return true;
            }
            at = self.leases.get(&id).and_then(|lease| lease.parent);
        }
        false
    }

    pub fn parts(&self, id: LeaseId) -> Parts {
        let mut parts = Parts::default();
        for (reservation, _) in self.governed().filter(|(_, governed)| governed.lease == Some(id)) {
            match reservation.status {
                Status::Reserved | Status::Pending => parts.reserved += reservation.amount,
                Status::Captured(captured) => parts.captured += captured,
                Status::Released | Status::Expired => {}
            }
        }
        parts.leased = self.leases.values().filter(|lease| lease.parent == Some(id)).map(|lease| lease.amount - lease.returned).sum();
        let lease = &self.leases[&id];
        parts.remaining = lease.amount - lease.returned - parts.captured - parts.reserved - parts.leased;
        parts
    }

    /// The same for every lease, in one go.
    pub fn all_parts(&self) -> BTreeMap<LeaseId, Parts> {
        let mut all: BTreeMap<LeaseId, Parts> = self.leases.keys().map(|id| (*id, Parts::default())).collect();
        for (reservation, lease) in self.governed().filter_map(|(reservation, governed)| Some((reservation, governed.lease?))) {
            let parts = all.entry(lease).or_default();
            match reservation.status {
                Status::Reserved | Status::Pending => parts.reserved += reservation.amount,
                Status::Captured(captured) => parts.captured += captured,
                Status::Released | Status::Expired => {}
            }
        }
        for lease in self.leases.values() {
            if let Some(parent) = lease.parent {
                all.entry(parent).or_default().leased += lease.amount - lease.returned;
            }
        }
        for (id, parts) in &mut all {
            let lease = &self.leases[id];
            parts.remaining = lease.amount - lease.returned - parts.captured - parts.reserved - parts.leased;
        }
        all
    }

    /// The wallet that pays for what is spent under a mandate or a lease of it.
    pub fn paying_wallet(&self, mandate: MandateId, lease: Option<LeaseId>) -> WalletId {
        match lease {
            Some(lease) => self.leases[&lease].wallet,
            None => self.mandates[&mandate].wallet.unwrap_or(self.default_wallet),
        }
    }

    /// What stands in the active leases of a wallet.
    pub fn lent(&self, wallet: WalletId) -> u64 {
        let is_lent = |id: &LeaseId| self.leases[id].wallet == wallet && self.leases[id].status == LeaseStatus::Active;
        self.all_parts().iter().filter(|(id, _)| is_lent(id)).map(|(_, parts)| parts.remaining).sum()
    }
}
