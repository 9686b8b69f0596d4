//! The mandates, leases, wallets and agents that one command looks at, as it changes them, until they are written back.
//!
//! Invariant: within a command each of them is read once and written at most once, so what is decided later sees what was
//! decided before it: a batch is judged as if its items had come one after the other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::desk::{Desk, Step, Stop};
use super::super::refusal::{Refusal, Thing};
use super::super::{agent, wallet};
use super::column::Columns;
use super::refusal::MoneyRefusal;
use crate::domain::agent::AgentStatus;
use crate::domain::id::{AgentId, LeaseId, MandateId, WalletId};
use crate::domain::lease::{Lease, LeaseStatus, LeaseTerms};
use crate::domain::mandate::{Mandate, MandateStatus, MandateTerms, Merchants};
use crate::domain::money::Micros;
use crate::domain::scope::{Scope, Scopes};
use crate::domain::spend::{Ask, Reason, Remaining, Risk, SpendAction, Standing};
use crate::domain::wallet::Mode;
use crate::domain::window::{Window, Windows};
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// What is read of a mandate `m`, its wallet `w` and that wallet's account `wa`, in the order of [`read_mandate`].
macro_rules! mandate_columns {
    () => {
        "m.id, m.agent_id, m.status, m.version, m.per_transaction_micros, m.daily_micros, m.monthly_micros, m.total_micros, \
         m.merchant_keys, m.actions, m.approval_threshold_micros, m.expires_at_ms, m.day, m.day_held, m.day_spent, m.month_held, \
         m.month_spent, m.total_held, m.total_spent, w.id, w.mode, wa.balance_micros"
    };
}
pub(in super::super) use mandate_columns;

statements! {
    READ_MANDATE = concat!("SELECT ", mandate_columns!(), "
        FROM mandate m JOIN wallet w ON w.id = coalesce(m.wallet_id, +?2) JOIN account wa ON wa.id = w.id WHERE m.id = +?1");
    READ_WALLET = "SELECT w.mode, a.balance_micros FROM wallet w JOIN account a ON a.id = w.id WHERE w.id = +?1";
    WRITE_MANDATE = "UPDATE mandate SET status = ?2, day = ?3, day_held = ?4, day_spent = ?5, month_held = ?6, month_spent = ?7,
        total_held = ?8, total_spent = ?9,
        updated_at_ms = CASE WHEN version = ?10 THEN updated_at_ms ELSE ?11 END, version = ?10 WHERE id = ?1";
    READ_LEASE = "SELECT l.id, l.parent_id, l.parent_agent_id, l.child_agent_id, l.mandate_id, l.wallet_id, l.depth, l.day, l.status,
            l.per_transaction_micros, l.merchant_keys, l.actions, l.expires_at_ms, l.amount_micros, l.captured_micros,
            l.reserved_micros, l.leased_micros, a.balance_micros, l.returned_micros
        FROM lease l JOIN account a ON a.id = l.id WHERE l.id = +?1";
    WRITE_LEASE = "UPDATE lease SET status = ?2, captured_micros = ?3, reserved_micros = ?4, leased_micros = ?5, returned_micros = ?6,
        ended_at_ms = CASE WHEN ?2 = 'active' THEN NULL ELSE coalesce(ended_at_ms, ?7) END WHERE id = ?1";
    HAS_ACTIVE_CHILDREN = "SELECT 1 FROM lease WHERE parent_id = ?1 AND status = 'active' LIMIT 1";
}

/// A mandate and the wallet it spends from.
pub(in super::super) struct MandateEntry {
    pub mandate: Mandate,
    pub version: u64,
    pub wallet: WalletId,
    was: (MandateStatus, Windows),
}

struct LeaseEntry {
    lease: Lease,
    was: Lease,
}

/// A wallet as far as spending looks at it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct WalletEntry {
    pub mode: Mode,
    pub available: Micros,
}

struct AgentEntry {
    status: AgentStatus,
    /// Its own scopes, and after them those of the agents it comes from.
    lineage: Vec<Scopes>,
}

#[derive(Default)]
pub(in super::super) struct Books {
    mandates: BTreeMap<MandateId, MandateEntry>,
    leases: BTreeMap<LeaseId, LeaseEntry>,
    wallets: BTreeMap<WalletId, WalletEntry>,
    agents: BTreeMap<AgentId, AgentEntry>,
}

/// Does something with the books and writes them back, also when it was refused: what came due on the way is done.
pub(in super::super) fn with_books<T>(desk: &mut Desk<'_>, work: impl FnOnce(&mut Desk<'_>, &mut Books) -> Step<T>) -> Step<T> {
    let mut books = Books::default();
    let result = work(desk, &mut books);
    if !matches!(result, Err(Stop::Broken(_))) {
        books.close(desk)?;
    }
    result
}

const LOST: SqlError = SqlError::Shape("a book was looked into before it was opened");

impl Books {
    /// Opens the book of a mandate and of its wallet.
    pub(super) fn mandate(&mut self, desk: &Desk<'_>, id: MandateId) -> Step<&mut MandateEntry> {
        if !self.mandates.contains_key(&id) {
            // That of a token was read with its caller; only the first who looks may rely on that.
            let known = desk.token_mandate.take().filter(|known| known.0.mandate.id == id);
            let (entry, wallet) = match known {
                Some(known) => *known,
                None => {
                    let default_wallet = desk.caller.default_wallet.to_string();
                    let row = desk.sql.first(READ_MANDATE, params![id.to_string(), default_wallet])?;
                    read_mandate(Columns::of(&row.ok_or(Refusal::NotFound(Thing::Mandate))?))?
                }
            };
            self.wallets.entry(entry.wallet).or_insert(wallet);
            self.mandates.insert(id, entry);
        }
        Ok(self.mandates.get_mut(&id).ok_or(LOST)?)
    }

    /// Opens the book of a lease.
    pub(super) fn lease(&mut self, desk: &Desk<'_>, id: LeaseId) -> Step<&mut Lease> {
        Ok(match self.leases.entry(id) {
            Entry::Occupied(known) => &mut known.into_mut().lease,
            Entry::Vacant(place) => {
                let row = desk.sql.first(READ_LEASE, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Lease))?;
                let lease = read_lease(&row)?;
                &mut place.insert(LeaseEntry { was: lease.clone(), lease }).lease
            }
        })
    }

    /// A wallet as it stands.
    pub(in super::super) fn wallet(&mut self, desk: &Desk<'_>, id: WalletId) -> Step<&mut WalletEntry> {
        Ok(match self.wallets.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let row = desk.sql.first(READ_WALLET, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Wallet))?;
                let mut column = Columns::of(&row);
                place.insert(WalletEntry { mode: column.name(Mode::parse)?, available: column.micros()? })
            }
        })
    }

    fn agent(&mut self, desk: &Desk<'_>, id: AgentId) -> Step<&AgentEntry> {
        Ok(match self.agents.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let known = desk.token_agent.take().filter(|known| known.0 == id);
                let read = || agent::read_standing(desk, id);
                let (status, lineage) = known.map_or_else(read, |(_, status, scopes)| Ok((status, vec![scopes])))?;
                place.insert(AgentEntry { status, lineage })
            }
        })
    }

    /// Whether an agent may act.
    pub(super) fn agent_status(&mut self, desk: &Desk<'_>, id: AgentId) -> Step<AgentStatus> {
        Ok(self.agent(desk, id)?.status)
    }

    /// Whether an agent's scopes forbid the action: its own, or those it comes from.
    pub(super) fn scopes_deny(&mut self, desk: &Desk<'_>, id: AgentId, action: SpendAction) -> Step<bool> {
        let scope = Scope::parse(action.as_str()).map_err(|_| SqlError::Shape("an action is no scope"))?;
        Ok(self.agent(desk, id)?.lineage.iter().any(|scopes| scopes.denies(&scope)))
    }

    /// What an agent's request is judged by, and the verdict: every reason against it, and what may still be spent.
    pub(super) fn judge(&mut self, desk: &Desk<'_>, spender: &Spender, ask: &Ask<'_>) -> Step<Verdict> {
        let Spender { agent_id, mandate_id, lease_id } = *spender;
        let agent = self.agent_status(desk, agent_id)?;
        let is_denied_by_scopes = self.scopes_deny(desk, agent_id, ask.action)?;
        let mut wallet_id = self.mandate(desk, mandate_id)?.wallet;
        if let Some(lease_id) = lease_id {
            // The lease's money is of the wallet the mandate had when it was lent.
            wallet_id = self.lease(desk, lease_id)?.wallet;
            self.wallet(desk, wallet_id)?;
        }
        let entry = self.mandates.get(&mandate_id).ok_or(LOST)?;
        let lease = lease_id.map(|id| self.leases.get(&id).ok_or(LOST)).transpose()?.map(|entry| &entry.lease);
        let is_theirs = match lease {
            Some(lease) => lease.mandate_id == mandate_id && lease.child_agent == agent_id,
            None => entry.mandate.agent_id == agent_id,
        };
        if !is_theirs {
            return Err(Refusal::NotFound(if lease.is_some() { Thing::Lease } else { Thing::Mandate }).into());
        }
        let wallet = self.wallets.get(&wallet_id).ok_or(LOST)?;
        if wallet.mode == Mode::Live {
            wallet::check_live(desk, wallet.mode)?;
            return Err(MoneyRefusal::UpstreamNotConfigured.into());
        }
        let standing = Standing { agent, is_denied_by_scopes, mandate: &entry.mandate, lease, available: wallet.available };
        Ok(Verdict {
            reasons: standing.judge(ask, desk.now),
            remaining: standing.remaining(desk.now),
            needs_approval: standing.needs_approval(ask.amount),
            mandate_version: entry.version,
            wallet: (wallet_id, wallet.mode),
        })
    }

    /// Writes back what was changed.
    pub(super) fn close(self, desk: &Desk<'_>) -> Step<()> {
        for (id, entry) in self.mandates {
            let (status, windows) = (entry.mandate.status, entry.mandate.windows);
            if entry.was != (status, windows) {
                let Windows { day_number, day, month, total } = windows;
                let [day_held, day_spent, month_held, month_spent, total_held, total_spent] =
                    [day.held, day.spent, month.held, month.spent, total.held, total.spent].map(Micros::get);
                desk.sql.run(
                    WRITE_MANDATE,
                    params![
                        id.to_string(),
                        status.as_str(),
                        day_number,
                        day_held,
                        day_spent,
                        month_held,
                        month_spent,
                        total_held,
                        total_spent,
                        entry.version,
                        desk.now.as_ms(),
                    ],
                )?;
            }
        }
        for (id, LeaseEntry { lease, was }) in self.leases {
            if lease != was {
                let [captured, reserved, leased, returned] =
                    [lease.captured, lease.reserved, lease.leased, lease.returned].map(Micros::get);
                desk.sql.run(
                    WRITE_LEASE,
                    params![id.to_string(), lease.status.as_str(), captured, reserved, leased, returned, desk.now.as_ms()],
                )?;
            }
        }
        Ok(())
    }
}

/// Whether children of a lease are active.
pub(super) fn has_active_children(desk: &Desk<'_>, id: LeaseId) -> Step<bool> {
    Ok(desk.sql.first(HAS_ACTIVE_CHILDREN, params![id.to_string()])?.is_some())
}

/// Who spends, and under what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spender {
    pub agent_id: AgentId,
    pub mandate_id: MandateId,
    pub lease_id: Option<LeaseId>,
}

/// What a request for money came to.
pub(super) struct Verdict {
    pub reasons: Vec<Reason>,
    pub remaining: Remaining,
    pub needs_approval: bool,
    pub mandate_version: u64,
    /// What it would be spent from.
    pub wallet: (WalletId, Mode),
}

/// What is asked, without a merchant's rules when nobody is paid.
pub(super) const fn ask<'a>(
    action: SpendAction,
    amount: Micros,
    merchant: Option<&'a crate::domain::spend::Merchant>,
    risk: Option<Risk>,
) -> Ask<'a> {
    Ask { action, amount, merchant, risk }
}

/// Reads a mandate and its wallet from [`mandate_columns`].
pub(in super::super) fn read_mandate(mut column: Columns<'_>) -> Result<(MandateEntry, WalletEntry), SqlError> {
    let (id, agent_id) = (column.id(MandateId::parse)?, column.id(AgentId::parse)?);
    let (status, version) = (column.name(MandateStatus::parse)?, column.number()?);
    let terms = MandateTerms {
        per_transaction: column.micros_or_null()?,
        daily: column.micros_or_null()?,
        monthly: column.micros_or_null()?,
        total: column.micros_or_null()?,
        merchants: column.json::<Merchants>()?,
        actions: column.json()?,
        approval_threshold: column.micros_or_null()?,
        expires_at: column.time_or_null()?,
    };
    let windows = read_windows(&mut column)?;
    let wallet = column.id(WalletId::parse)?;
    let wallet_entry = WalletEntry { mode: column.name(Mode::parse)?, available: column.micros()? };
    let mandate = Mandate { id, agent_id, status, terms, windows };
    Ok((MandateEntry { mandate, version, wallet, was: (status, windows) }, wallet_entry))
}

/// Reads a mandate's windows, as its columns stand in order.
pub(super) fn read_windows(column: &mut Columns<'_>) -> Result<Windows, SqlError> {
    Ok(Windows {
        day_number: column.number()?,
        day: Window { held: column.micros()?, spent: column.micros()? },
        month: Window { held: column.micros()?, spent: column.micros()? },
        total: Window { held: column.micros()?, spent: column.micros()? },
    })
}

fn read_lease(row: &Row) -> Result<Lease, SqlError> {
    let mut column = Columns::of(row);
    Ok(Lease {
        id: column.id(LeaseId::parse)?,
        parent: column.id_or_null(LeaseId::parse)?,
        parent_agent: column.id(AgentId::parse)?,
        child_agent: column.id(AgentId::parse)?,
        mandate_id: column.id(MandateId::parse)?,
        wallet: column.id(WalletId::parse)?,
        depth: column.number()?,
        day: column.number()?,
        status: column.name(LeaseStatus::parse)?,
        terms: LeaseTerms {
            per_transaction: column.micros_or_null()?,
            merchants: column.json()?,
            actions: column.json()?,
            expires_at: column.time_or_null()?,
        },
        amount: column.micros()?,
        captured: column.micros()?,
        reserved: column.micros()?,
        leased: column.micros()?,
        remaining: column.micros()?,
        returned: column.micros()?,
    })
}
