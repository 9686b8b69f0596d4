//! Mandates in the store (contract identity-and-money 6).

use super::super::desk::{Desk, Done, Step};
use super::super::refusal::{Refusal, Thing};
use super::super::{agent, wallet};
use super::books::{Books, read_windows};
use super::column::Columns;
use super::command::{MandateDraft, PageOf};
use super::outcome::MoneyOutcome;
use super::refusal::MoneyRefusal;
use super::{hold, lease, sweep};
use crate::domain::agent::AgentStatus;
use crate::domain::event::Action;
use crate::domain::form::Usd;
use crate::domain::form::mandate::{MandateForm, Usage, WindowUsage};
use crate::domain::id::{AgentId, MandateId, WalletId};
use crate::domain::mandate::{ChangeError, Mandate, MandateStatus, MandateTerms, Merchants};
use crate::domain::money::Micros;
use crate::domain::time::Timestamp;
use crate::domain::window::{Window, Windows};
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

macro_rules! columns {
    () => {
        "id, agent_id, name, status, version, per_transaction_micros, daily_micros, monthly_micros, total_micros, merchants, actions, \
         approval_threshold_micros, wallet_id, metadata, expires_at_ms, created_at_ms, updated_at_ms, day, day_held, day_spent, \
         month_held, month_spent, total_held, total_spent"
    };
}

statements! {
    WRITE = "INSERT INTO mandate (id, agent_id, name, status, version, per_transaction_micros, daily_micros, monthly_micros,
            total_micros, merchants, merchant_keys, actions, approval_threshold_micros, wallet_id, metadata, expires_at_ms,
            created_at_ms, updated_at_ms)
        VALUES (?1, ?2, ?3, ?16, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15)";
    /// The windows first: a limit may fall to what they count at this moment, not to what they counted before.
    REPLACE = "UPDATE mandate SET name = ?2, status = ?3, version = version + 1, per_transaction_micros = ?4, daily_micros = ?5,
        monthly_micros = ?6, total_micros = ?7, merchants = ?8, merchant_keys = ?9, actions = ?10, approval_threshold_micros = ?11,
        wallet_id = ?12, metadata = ?13, expires_at_ms = ?14, updated_at_ms = ?15,
        day = ?16, day_held = ?17, day_spent = ?18, month_held = ?19, month_spent = ?20 WHERE id = ?1";
    READ = concat!("SELECT ", columns!(), " FROM mandate WHERE id = ?1");
    LIST = concat!("SELECT ", columns!(), " FROM mandate WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR agent_id = ?2)
        AND (?3 IS NULL OR status = ?3) ORDER BY id DESC LIMIT +?4");
    LIST_DUE = "SELECT id FROM mandate WHERE expires_at_ms <= ?1 AND expires_at_ms IS NOT NULL
        AND status IN ('active', 'suspended', 'exhausted') ORDER BY expires_at_ms, id LIMIT +?2";
    LIST_OF_AGENT = "SELECT id FROM mandate WHERE agent_id = ?1 AND status <> 'revoked'";
    SET_STATUS = "UPDATE mandate SET status = ?2, version = version + 1, updated_at_ms = ?3 WHERE id = ?1";
    NEXT_DEADLINE = "SELECT min(expires_at_ms) FROM mandate WHERE expires_at_ms IS NOT NULL
        AND status IN ('active', 'suspended', 'exhausted')";
}

/// Writes a mandate for an agent that is not revoked and a wallet there is.
pub(super) fn create(desk: &mut Desk<'_>, agent_id: AgentId, draft: &MandateDraft) -> Step<Done> {
    let (status, _) = agent::read_standing(desk, agent_id)?;
    if status == AgentStatus::Revoked {
        return Err(MoneyRefusal::AgentInactive.into());
    }
    check_wallet(desk, draft.wallet_id)?;
    let id = MandateId::new(desk.now, desk.entropy);
    let (merchants, keys) = write_merchants(draft)?;
    let status = Mandate::status_at_birth(&terms_of(draft));
    desk.sql.run(
        WRITE,
        params![
            id.to_string(),
            agent_id.to_string(),
            draft.name.as_deref(),
            draft.per_transaction.map(|limit| limit.get()),
            draft.daily.map(|limit| limit.get()),
            draft.monthly.map(|limit| limit.get()),
            draft.total.map(|limit| limit.get()),
            merchants,
            keys,
            serde_json::to_string(&draft.actions)?,
            draft.approval_threshold.map(|amount| amount.get()),
            draft.wallet_id.map(|id| id.to_string()),
            serde_json::to_string(&draft.metadata)?,
            draft.expires_at.map(Timestamp::as_ms),
            desk.now.as_ms(),
            status.as_str(),
        ],
    )?;
    let form = read(desk, id)?;
    desk.record(Action::MandateCreated, &id.to_string(), None, &form)?;
    if let Some(at) = form.expires_at {
        desk.due_by(at);
    }
    Ok(done(form))
}

fn done(form: MandateForm) -> Done {
    MoneyOutcome::Mandate(Box::new(form)).into()
}

fn check_wallet(desk: &Desk<'_>, wallet_id: Option<WalletId>) -> Step<()> {
    match wallet_id {
        Some(id) => wallet::find(desk, id).map(drop),
        None => Ok(()),
    }
}

/// The names as they were written, and as they are compared, each once.
fn write_merchants(draft: &MandateDraft) -> Step<(String, String)> {
    let names: Vec<&str> = draft.merchants.iter().map(|merchant| merchant.name.as_str()).collect();
    let keys: Vec<&str> = draft.merchants.iter().map(|merchant| merchant.key.as_str()).collect();
    Ok((serde_json::to_string(&names)?, serde_json::to_string(&keys)?))
}

/// Replaces a mandate's terms, if `version` is the one it has.
pub(super) fn put(
    desk: &mut Desk<'_>,
    id: MandateId,
    version: u64,
    agent_id: Option<AgentId>,
    status: Option<MandateStatus>,
    draft: &MandateDraft,
) -> Step<Done> {
    // What there is not comes before what is in the way.
    check_wallet(desk, draft.wallet_id)?;
    let (status, windows) = judge_change(desk, id, version, agent_id, status, draft)?;
    replace(desk, id, status, draft, &windows)?;
    let action = if status == MandateStatus::Revoked {
        let now = desk.now;
        wind_up(desk, id, now)?;
        Action::MandateRevoked
    } else {
        Action::MandateUpdated
    };
    let form = read(desk, id)?;
    desk.record(action, &id.to_string(), None, &form)?;
    if let Some(at) = form.expires_at {
        desk.due_by(at);
    }
    Ok(done(form))
}

/// The status and the windows after a change.
fn judge_change(
    desk: &Desk<'_>,
    id: MandateId,
    version: u64,
    agent_id: Option<AgentId>,
    asked: Option<MandateStatus>,
    draft: &MandateDraft,
) -> Step<(MandateStatus, Windows)> {
    let mut books = Books::default();
    let wallet_id = books.mandate(desk, id)?.wallet;
    wallet::check_live_of(desk, &mut books, wallet_id)?;
    let entry = books.mandate(desk, id)?;
    if entry.version != version {
        return Err(MoneyRefusal::VersionMismatch { version: entry.version }.into());
    }
    if agent_id.is_some_and(|agent_id| agent_id != entry.mandate.agent_id) {
        return Err(MoneyRefusal::ImmutableField.into());
    }
    match entry.mandate.after_change(&terms_of(draft), asked, desk.now) {
        Ok(status) => Ok((status, entry.mandate.windows.at(desk.now))),
        Err(ChangeError::Revoked) => Err(MoneyRefusal::MandateRevoked.into()),
        Err(ChangeError::LimitBelowUsage(limit)) => Err(MoneyRefusal::LimitBelowUsage { limit }.into()),
    }
}

fn replace(desk: &Desk<'_>, id: MandateId, status: MandateStatus, draft: &MandateDraft, windows: &Windows) -> Step<()> {
    let (merchants, keys) = write_merchants(draft)?;
    desk.sql.run(
        REPLACE,
        params![
            id.to_string(),
            draft.name.as_deref(),
            status.as_str(),
            draft.per_transaction.map(|limit| limit.get()),
            draft.daily.map(|limit| limit.get()),
            draft.monthly.map(|limit| limit.get()),
            draft.total.map(|limit| limit.get()),
            merchants,
            keys,
            serde_json::to_string(&draft.actions)?,
            draft.approval_threshold.map(|amount| amount.get()),
            draft.wallet_id.map(|id| id.to_string()),
            serde_json::to_string(&draft.metadata)?,
            draft.expires_at.map(Timestamp::as_ms),
            desk.now.as_ms(),
            windows.day_number,
            windows.day.held.get(),
            windows.day.spent.get(),
            windows.month.held.get(),
            windows.month.spent.get(),
        ],
    )?;
    Ok(())
}

fn terms_of(draft: &MandateDraft) -> MandateTerms {
    MandateTerms {
        per_transaction: draft.per_transaction,
        daily: draft.daily,
        monthly: draft.monthly,
        total: draft.total,
        merchants: Merchants(draft.merchants.iter().map(|merchant| merchant.key.clone()).collect()),
        actions: draft.actions.clone(),
        approval_threshold: draft.approval_threshold,
        expires_at: draft.expires_at,
    }
}

/// What hung on a mandate that was revoked at that moment: its holds are released, its leases revoked.
fn wind_up(desk: &mut Desk<'_>, id: MandateId, at: Timestamp) -> Step<()> {
    hold::end_those_of_mandate(desk, id, at)?;
    lease::revoke_those_of_mandate(desk, id, at)?;
    sweep::holds(desk)
}

/// Revokes every mandate of an agent.
pub(super) fn revoke_those_of_agent(desk: &mut Desk<'_>, agent_id: AgentId, at: Timestamp) -> Step<()> {
    for row in desk.sql.run(LIST_OF_AGENT, params![agent_id.to_string()])? {
        let id = Columns::of(&row).id(MandateId::parse)?;
        set_status(desk, id, MandateStatus::Revoked)?;
        wind_up(desk, id, at)?;
        tell(desk, id, Action::MandateRevoked)?;
    }
    Ok(())
}

/// Marks what has reached its expiry, at most `batch`; answers how many there were. What is held under it stays.
pub(super) fn expire_due(desk: &mut Desk<'_>, batch: u64) -> Step<u64> {
    let rows = desk.sql.run(LIST_DUE, params![desk.now.as_ms(), batch])?;
    for row in &rows {
        let id = Columns::of(row).id(MandateId::parse)?;
        set_status(desk, id, MandateStatus::Expired)?;
        tell(desk, id, Action::MandateExpired)?;
    }
    Ok(rows.len() as u64)
}

fn set_status(desk: &Desk<'_>, id: MandateId, status: MandateStatus) -> Step<()> {
    desk.sql.run(SET_STATUS, params![id.to_string(), status.as_str(), desk.now.as_ms()])?;
    Ok(())
}

/// Announces a mandate as it stands, once everything that hung on the change has followed.
fn tell(desk: &mut Desk<'_>, id: MandateId, action: Action) -> Step<()> {
    let form = read(desk, id)?;
    desk.record(action, &id.to_string(), None, &form)?;
    Ok(())
}

/// Announces what has become of a mandate whose book is open.
pub(super) fn announce(desk: &mut Desk<'_>, books: &mut Books, id: MandateId, action: Action) -> Step<()> {
    let form = read(desk, id)?;
    let entry = books.mandate(desk, id)?;
    let (Mandate { status, windows, .. }, version) = (&entry.mandate, entry.version);
    let usage = usage_of(&windows.at(desk.now), form.daily_limit, form.monthly_limit, form.total_limit, desk.now);
    let form = MandateForm { status: *status, version, usage, updated_at: desk.now, ..form };
    desk.record(action, &id.to_string(), None, &form)?;
    Ok(())
}

pub(super) fn get(desk: &Desk<'_>, id: MandateId) -> Step<Done> {
    Ok(done(read(desk, id)?))
}

pub(super) fn list(desk: &Desk<'_>, page: PageOf<MandateId>, agent_id: Option<AgentId>, status: Option<MandateStatus>) -> Step<Done> {
    let values =
        params![page.before.map(|id| id.to_string()), agent_id.map(|id| id.to_string()), status.map(MandateStatus::as_str), page.limit];
    let forms = desk.sql.run(LIST, values)?.iter().map(|row| read_form(row, desk.now)).collect::<Result<_, SqlError>>()?;
    Ok(MoneyOutcome::Mandates(forms).into())
}

/// The mandate of this id as it is shown.
fn read(desk: &Desk<'_>, id: MandateId) -> Step<MandateForm> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Mandate))?;
    Ok(read_form(&row, desk.now)?)
}

fn read_form(row: &Row, now: Timestamp) -> Result<MandateForm, SqlError> {
    let mut column = Columns::of(row);
    let mut form = MandateForm {
        id: column.id(MandateId::parse)?,
        agent_id: column.id(AgentId::parse)?,
        name: column.text_or_null()?,
        status: column.name(MandateStatus::parse)?,
        version: column.number()?,
        currency: Usd,
        per_transaction_limit: column.micros_or_null()?,
        daily_limit: column.micros_or_null()?,
        monthly_limit: column.micros_or_null()?,
        total_limit: column.micros_or_null()?,
        allowed_merchants: column.json()?,
        allowed_actions: column.json()?,
        approval_threshold: column.micros_or_null()?,
        wallet_id: column.id_or_null(WalletId::parse)?,
        metadata: column.json()?,
        usage: usage_of(&Windows::default(), None, None, None, now),
        expires_at: column.time_or_null()?,
        created_at: column.time()?,
        updated_at: column.time()?,
    };
    let windows = read_windows(&mut column)?.at(now);
    form.usage = usage_of(&windows, form.daily_limit, form.monthly_limit, form.total_limit, now);
    Ok(form)
}

fn usage_of(windows: &Windows, daily: Option<Micros>, monthly: Option<Micros>, total: Option<Micros>, now: Timestamp) -> Usage {
    let (day_ends, month_ends) = windows.resets_at(now);
    let shown = |window: &Window, limit, resets_at| WindowUsage {
        spent: window.spent,
        held: window.held,
        remaining: window.left_of(limit),
        resets_at,
    };
    Usage {
        daily: shown(&windows.day, daily, Some(day_ends)),
        monthly: shown(&windows.month, monthly, Some(month_ends)),
        total: shown(&windows.total, total, None),
    }
}

/// The earliest expiry of a mandate that can expire.
pub(super) fn next_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    sweep::deadline(desk, NEXT_DEADLINE)
}
