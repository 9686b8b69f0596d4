//! Granting a budget lease: who may lend how much of what to whom.
//!
//! Invariant: a lease is never wider than what it is lent from, in any field, and its money leaves the lender's account in
//! the commit that grants it.

use super::super::super::desk::{Desk, Done, Step};
use super::super::super::{agent, wallet};
use super::super::books::{Books, WalletEntry, with_books};
use super::super::command::{LeaseRequest, LeaseSource};
use super::super::control;
use super::super::refusal::MoneyRefusal;
use super::{done, notice_exhaustion, read};
use crate::domain::agent::AgentStatus;
use crate::domain::event::Action;
use crate::domain::form::lease::LeaseForm;
use crate::domain::id::{AgentId, LeaseId, MandateId};
use crate::domain::lease::{DEPTH_MAX, Lease, LeaseTerms};
use crate::domain::ledger::{Account, Transfer};
use crate::domain::mandate::{LimitKind, Merchants};
use crate::domain::money::Micros;
use crate::domain::spend::{Merchant, Reason, SpendAction};
use crate::domain::time::Timestamp;
use crate::domain::wallet::Mode;
use crate::objects::sql::SqlError;
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO lease (id, parent_id, parent_agent_id, child_agent_id, mandate_id, wallet_id, depth, day, status, amount_micros,
            per_transaction_micros, merchants, merchant_keys, actions, expires_at_ms, created_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'active', ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    OPEN_ACCOUNT = "INSERT INTO account (id) VALUES (?1)";
    READ_MERCHANTS_OF_LEASE = "SELECT merchants FROM lease WHERE id = ?1";
    READ_MERCHANTS_OF_MANDATE = "SELECT merchants FROM mandate WHERE id = ?1";
}

/// What a lease is taken from: who lends, under which terms, how deep.
struct Parent {
    lease: Option<LeaseId>,
    agent: AgentId,
    mandate_id: MandateId,
    depth: u64,
    terms: LeaseTerms,
    /// Everybody up to the mandate's own agent.
    chain: Vec<AgentId>,
}

/// Lends part of a budget to a child agent.
pub(in super::super) fn grant(desk: &mut Desk<'_>, request: &LeaseRequest) -> Step<Done> {
    control::check_running(desk)?;
    let id = with_books(desk, |desk, books| grant_out_of(desk, books, request))?;
    Ok(done(read(desk, id)?))
}

fn grant_out_of(desk: &mut Desk<'_>, books: &mut Books, request: &LeaseRequest) -> Step<LeaseId> {
    let parent = find_parent(desk, books, request.source)?;
    if let Some(rights) = &desk.caller.token {
        let is_theirs = rights.action == SpendAction::Delegation
            && rights.agent_id == parent.agent
            && rights.mandate_id == parent.mandate_id
            && rights.lease_id == parent.lease;
        if !is_theirs {
            return Err(MoneyRefusal::TokenScopeMismatch.into());
        }
    }
    let (child_status, _) = agent::read_standing(desk, request.child_agent_id)?;
    if parent.chain.contains(&request.child_agent_id) {
        return Err(MoneyRefusal::LeaseCycle.into());
    }
    let parent_status = books.agent_status(desk, parent.agent)?;
    if child_status != AgentStatus::Active || parent_status != AgentStatus::Active {
        return refuse(Reason::AgentNotActive, request);
    }
    if !books.mandate(desk, parent.mandate_id)?.mandate.is_active(desk.now) {
        return refuse(Reason::MandateNotActive, request);
    }
    let may_lend =
        SpendAction::Delegation.is_in(&parent.terms.actions) && !books.scopes_deny(desk, parent.agent, SpendAction::Delegation)?;
    if !may_lend {
        return refuse(Reason::ActionNotAllowed, request);
    }
    if parent.depth >= DEPTH_MAX {
        return Err(MoneyRefusal::LeaseDepthExceeded.into());
    }
    let terms = attenuate(request, &parent.terms);
    if let Some(field) = terms.wider_than(&parent.terms) {
        return Err(MoneyRefusal::LeaseWider { field }.into());
    }
    if let Some(reason) = want_of_money(desk, books, &parent, request.amount)? {
        return refuse(reason, request);
    }
    write(desk, books, request, &parent, &terms)
}

fn refuse<T>(reason: Reason, request: &LeaseRequest) -> Step<T> {
    Err(MoneyRefusal::Spend { reason, requested: request.amount, payment_id: None }.into())
}

fn find_parent(desk: &Desk<'_>, books: &mut Books, source: LeaseSource) -> Step<Parent> {
    match source {
        LeaseSource::Mandate(mandate_id) => {
            let mandate = &books.mandate(desk, mandate_id)?.mandate;
            let (agent, terms) = (mandate.agent_id, LeaseTerms::from(&mandate.terms));
            Ok(Parent { lease: None, agent, mandate_id, depth: 0, terms, chain: vec![agent] })
        }
        LeaseSource::Lease(id) => {
            let lease = books.lease(desk, id)?.clone();
            let mut chain = vec![lease.child_agent, lease.parent_agent];
            let mut above = lease.parent;
            while let Some(id) = above {
                let lease = books.lease(desk, id)?;
                chain.push(lease.parent_agent);
                above = lease.parent;
            }
            let Lease { child_agent: agent, mandate_id, depth, terms, .. } = lease;
            Ok(Parent { lease: Some(id), agent, mandate_id, depth, terms, chain })
        }
    }
}

/// The terms asked for, each the parent's where nothing was asked.
fn attenuate(request: &LeaseRequest, parent: &LeaseTerms) -> LeaseTerms {
    let keys = |merchants: &Vec<Merchant>| Merchants(merchants.iter().map(|merchant| merchant.key.clone()).collect());
    LeaseTerms {
        per_transaction: request.per_transaction.or(parent.per_transaction),
        merchants: request.merchants.as_ref().map_or_else(|| parent.merchants.clone(), keys),
        actions: request.actions.clone().unwrap_or_else(|| parent.actions.clone()),
        expires_at: request.expires_at.or(parent.expires_at),
    }
}

/// Why the parent cannot spare the amount.
fn want_of_money(desk: &Desk<'_>, books: &mut Books, parent: &Parent, amount: Micros) -> Step<Option<Reason>> {
    if let Some(id) = parent.lease {
        let wallet_id = books.lease(desk, id)?.wallet;
        wallet::check_live_of(desk, books, wallet_id)?;
        let lease = books.lease(desk, id)?;
        let remaining = if lease.is_active(desk.now) { lease.remaining } else { Micros::ZERO };
        return Ok((remaining < amount).then_some(Reason::LeaseExhausted { remaining }));
    }
    let entry = books.mandate(desk, parent.mandate_id)?;
    let (wallet_id, terms, windows) = (entry.wallet, &entry.mandate.terms, entry.mandate.windows.at(desk.now));
    let limits = [
        (LimitKind::Daily, windows.day.left_of(terms.daily)),
        (LimitKind::Monthly, windows.month.left_of(terms.monthly)),
        (LimitKind::Total, windows.total.left_of(terms.total)),
    ];
    let exceeded = limits.into_iter().find_map(|(limit, left)| {
        let remaining = left.filter(|left| *left < amount)?;
        Some(Reason::MandateLimit { limit, remaining })
    });
    let WalletEntry { mode, available } = *books.wallet(desk, wallet_id)?;
    if mode == Mode::Live {
        wallet::check_live(desk, mode)?;
        return Err(MoneyRefusal::UpstreamNotConfigured.into());
    }
    let is_short = available < amount;
    Ok(exceeded.or(is_short.then_some(Reason::InsufficientFunds { available })))
}

fn write(desk: &mut Desk<'_>, books: &mut Books, request: &LeaseRequest, parent: &Parent, terms: &LeaseTerms) -> Step<LeaseId> {
    let id = LeaseId::new(desk.now, desk.entropy);
    let amount = request.amount;
    let (from, wallet, day) = match parent.lease {
        Some(parent_id) => {
            let lease = books.lease(desk, parent_id)?;
            lease.lend(amount)?;
            (Account::Lease(parent_id), lease.wallet, lease.day)
        }
        None => {
            let entry = books.mandate(desk, parent.mandate_id)?;
            (Account::Available(entry.wallet), entry.wallet, entry.mandate.windows.hold(amount, desk.now)?)
        }
    };
    let names: Option<Vec<&str>> = request.merchants.as_ref().map(|merchants| merchants.iter().map(|one| one.name.as_str()).collect());
    let merchants = match names {
        Some(names) => serde_json::to_string(&names)?,
        None => parents_merchants(desk, parent)?,
    };
    let id_text = id.to_string();
    desk.sql.run(OPEN_ACCOUNT, params![id_text.as_str()])?;
    desk.sql.run(
        WRITE,
        params![
            id_text.as_str(),
            parent.lease.map(|id| id.to_string()),
            parent.agent.to_string(),
            request.child_agent_id.to_string(),
            parent.mandate_id.to_string(),
            wallet.to_string(),
            parent.depth + 1,
            day,
            amount.get(),
            terms.per_transaction.map(Micros::get),
            merchants,
            serde_json::to_string(&terms.merchants)?,
            serde_json::to_string(&terms.actions)?,
            terms.expires_at.map(Timestamp::as_ms),
            desk.now.as_ms(),
        ],
    )?;
    // As it will be read once the money is in its account.
    let form = LeaseForm { remaining: amount, ..read(desk, id)? };
    desk.record(Action::LeaseCreated, &id_text, Some(Transfer::new(from, Account::Lease(id), amount)?), &form)?;
    if let Some(at) = terms.expires_at {
        desk.due_by(at);
    }
    if let Some(parent_id) = parent.lease {
        notice_exhaustion(desk, books, parent_id)?;
    }
    Ok(id)
}

fn parents_merchants(desk: &Desk<'_>, parent: &Parent) -> Step<String> {
    let row = match parent.lease {
        Some(id) => desk.sql.first(READ_MERCHANTS_OF_LEASE, params![id.to_string()])?,
        None => desk.sql.first(READ_MERCHANTS_OF_MANDATE, params![parent.mandate_id.to_string()])?,
    };
    Ok(row.ok_or(SqlError::Shape("a parent is gone"))?.text(0)?.to_owned())
}
