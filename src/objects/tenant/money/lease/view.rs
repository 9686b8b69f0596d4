//! Budget leases as they are shown.

use super::super::super::desk::{Desk, Done, Step};
use super::super::super::refusal::{Refusal, Thing};
use super::super::column::Columns;
use super::super::command::PageOf;
use super::super::outcome::MoneyOutcome;
use crate::domain::form::Usd;
use crate::domain::form::lease::LeaseForm;
use crate::domain::id::{AgentId, LeaseId, MandateId, WalletId};
use crate::domain::lease::LeaseStatus;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

macro_rules! columns {
    () => {
        "l.id, l.status, l.parent_id, l.parent_agent_id, l.child_agent_id, l.mandate_id, l.wallet_id, l.depth, l.amount_micros, \
         l.captured_micros, l.reserved_micros, l.leased_micros, a.balance_micros, l.returned_micros, l.per_transaction_micros, \
         l.merchants, l.actions, l.expires_at_ms, l.created_at_ms, l.ended_at_ms"
    };
}

statements! {
    READ = concat!("SELECT ", columns!(), " FROM lease l JOIN account a ON a.id = l.id WHERE l.id = +?1");
    LIST = concat!("SELECT ", columns!(), " FROM lease l JOIN account a ON a.id = l.id WHERE (?1 IS NULL OR l.id < ?1)
        AND (?2 IS NULL OR l.parent_agent_id = ?2) AND (?3 IS NULL OR l.child_agent_id = ?3) AND (?4 IS NULL OR l.mandate_id = ?4)
        AND (?5 IS NULL OR l.status = ?5) ORDER BY l.id DESC LIMIT +?6");
}

pub(super) fn done(form: LeaseForm) -> Done {
    MoneyOutcome::Lease(Box::new(form)).into()
}

pub(in super::super) fn get(desk: &Desk<'_>, id: LeaseId) -> Step<Done> {
    Ok(done(read(desk, id)?))
}

/// Which leases.
pub(in super::super) struct Filter {
    pub parent_agent_id: Option<AgentId>,
    pub child_agent_id: Option<AgentId>,
    pub mandate_id: Option<MandateId>,
    pub status: Option<LeaseStatus>,
}

pub(in super::super) fn list(desk: &Desk<'_>, page: PageOf<LeaseId>, filter: &Filter) -> Step<Done> {
    let values = params![
        page.before.map(|id| id.to_string()),
        filter.parent_agent_id.map(|id| id.to_string()),
        filter.child_agent_id.map(|id| id.to_string()),
        filter.mandate_id.map(|id| id.to_string()),
        filter.status.map(LeaseStatus::as_str),
        page.limit,
    ];
    let forms = desk.sql.run(LIST, values)?.iter().map(read_form).collect::<Result<_, SqlError>>()?;
    Ok(MoneyOutcome::Leases(forms).into())
}

pub(super) fn read(desk: &Desk<'_>, id: LeaseId) -> Step<LeaseForm> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Lease))?;
    Ok(read_form(&row)?)
}

fn read_form(row: &Row) -> Result<LeaseForm, SqlError> {
    let mut column = Columns::of(row);
    Ok(LeaseForm {
        id: column.id(LeaseId::parse)?,
        status: column.name(LeaseStatus::parse)?,
        parent_lease_id: column.id_or_null(LeaseId::parse)?,
        parent_agent_id: column.id(AgentId::parse)?,
        child_agent_id: column.id(AgentId::parse)?,
        mandate_id: column.id(MandateId::parse)?,
        wallet_id: column.id(WalletId::parse)?,
        depth: column.number()?,
        amount: column.micros()?,
        captured: column.micros()?,
        reserved: column.micros()?,
        leased: column.micros()?,
        remaining: column.micros()?,
        returned_amount: column.micros()?,
        currency: Usd,
        per_transaction_limit: column.micros_or_null()?,
        allowed_merchants: column.json()?,
        allowed_actions: column.json()?,
        expires_at: column.time_or_null()?,
        created_at: column.time()?,
        ended_at: column.time_or_null()?,
    })
}
