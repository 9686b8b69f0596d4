//! Payments in the store (contract identity-and-money 8).
//!
//! Invariant: a token's id serves one payment object, a denied one too. A payment succeeds in the commit in which its money
//! leaves; whatever else it comes to is written down in the commit that decides it.

use super::super::desk::{Desk, Done, Keep, Step};
use super::super::refusal::{Refusal, Thing};
use super::books::{Books, Spender, ask, with_books};
use super::column::Columns;
use super::command::{PageOf, PayRequest};
use super::hold::{self, Hold};
use super::outcome::MoneyOutcome;
use super::refusal::MoneyRefusal;
use super::{control, sweep};
use crate::domain::event::Action;
use crate::domain::form::Usd;
use crate::domain::form::payment::PaymentForm;
use crate::domain::id::{AgentId, ApprovalId, LeaseId, MandateId, PaymentId, ReservationId, WalletId};
use crate::domain::payment::PaymentStatus;
use crate::domain::spend::{PAYMENTS_PER_MINUTE_MAX, Reason, Risk, SpendAction, SpendKind};
use crate::domain::time::{MINUTE_MS, Timestamp};
use crate::domain::wallet::Mode;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

macro_rules! columns {
    () => {
        "id, status, amount_micros, merchant, description, metadata, mandate_id, agent_id, wallet_id, lease_id, reservation_id, \
         approval_id, reasons, mode, updated_at_ms"
    };
}

statements! {
    WRITE = "INSERT INTO payment (id, status, amount_micros, merchant, description, metadata, mandate_id, agent_id, wallet_id,
            lease_id, reservation_id, approval_id, reasons, mode, updated_at_ms, merchant_key)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    FIND_TOKEN = "SELECT 1 FROM token_use WHERE jti = ?1";
    USE_TOKEN = "INSERT INTO token_use (jti, payment_id, expires_at_ms) VALUES (?1, ?2, ?3)";
    FORGET_TOKENS = "DELETE FROM token_use WHERE jti IN
        (SELECT jti FROM token_use WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT +?2) RETURNING 1";
    NEXT_TOKEN_DEADLINE = "SELECT min(expires_at_ms) FROM token_use";
    /// Ids begin with their time: those above the one that time alone would make are younger.
    COUNT_SINCE = "SELECT count(*) FROM (SELECT 1 FROM payment WHERE agent_id = ?1 AND id > ?2 LIMIT +?3)";
    READ = concat!("SELECT ", columns!(), " FROM payment WHERE id = ?1");
    LIST = concat!("SELECT ", columns!(), " FROM payment WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR agent_id = ?2)
        AND (?3 IS NULL OR mandate_id = ?3) AND (?4 IS NULL OR status = ?4) AND (?5 IS NULL OR merchant_key = ?5)
        AND (?6 IS NULL OR id >= ?6) AND (?7 IS NULL OR id < ?7) ORDER BY id DESC LIMIT +?8");
    SETTLE = "UPDATE payment SET status = ?2, updated_at_ms = ?3 WHERE id = ?1";
}

/// Pays, or writes down why not.
pub(super) fn pay(desk: &mut Desk<'_>, request: &PayRequest) -> Step<Done> {
    let Some(rights) = desk.caller.token.clone() else { return Err(MoneyRefusal::ExecutionTokenRequired.into()) };
    if rights.action != SpendAction::Payment {
        return Err(MoneyRefusal::TokenScopeMismatch.into());
    }
    control::check_running(desk)?;
    let spender = Spender { agent_id: rights.agent_id, mandate_id: rights.mandate_id, lease_id: rights.lease_id };
    let id = PaymentId::new(desk.now, desk.entropy);
    if desk.sql.first(FIND_TOKEN, params![rights.jti.as_str()])?.is_some() {
        return Err(MoneyRefusal::TokenAlreadyUsed.into());
    }
    let risk = judge_risk(desk, &spender)?;
    let paid = with_books(desk, |desk, books| pay_out_of(desk, books, request, &spender, risk, id))?;
    // Until it is over for everybody's clock.
    let forgotten_at = rights.expires_at.plus_ms(MINUTE_MS);
    desk.sql.run(USE_TOKEN, params![rights.jti.as_str(), id.to_string(), forgotten_at.as_ms()])?;
    desk.due_by(forgotten_at);
    match paid {
        Ok(form) => Ok(done(form)),
        Err((reasons, wallet_id, mode)) => deny(desk, request, &spender, id, &reasons, wallet_id, mode),
    }
}

type Denied = (Vec<Reason>, WalletId, Mode);

fn pay_out_of(
    desk: &mut Desk<'_>,
    books: &mut Books,
    request: &PayRequest,
    spender: &Spender,
    risk: Option<Risk>,
    id: PaymentId,
) -> Step<Result<PaymentForm, Denied>> {
    let verdict = books.judge(desk, spender, &ask(SpendAction::Payment, request.amount, Some(&request.merchant), risk))?;
    let (wallet_id, mode) = verdict.wallet;
    if !verdict.reasons.is_empty() {
        return Ok(Err((verdict.reasons, wallet_id, mode)));
    }
    let hold = Hold {
        kind: SpendKind::Payment,
        amount: request.amount,
        spender: *spender,
        merchant: Some(request.merchant.name.clone()),
        resource: None,
        description: request.description.clone(),
        metadata: request.metadata.clone(),
        ttl_s: 0,
        needs_approval: verdict.needs_approval,
        payment_id: Some(id),
    };
    let mut planned = hold::plan(desk, books, hold)?;
    let (status, action) = if verdict.needs_approval {
        (PaymentStatus::PendingApproval, Action::PaymentPendingApproval)
    } else {
        (PaymentStatus::Succeeded, Action::PaymentSucceeded)
    };
    let form = PaymentForm {
        reservation_id: Some(planned.form.id),
        approval_id: planned.form.approval_id,
        ..new_form(desk, request, spender, id, status, wallet_id, mode)
    };
    write(desk, &form, &request.merchant.key)?;
    if verdict.needs_approval {
        hold::write(desk, &planned)?;
    } else {
        hold::write_spent(desk, books, &mut planned)?;
    }
    desk.record(action, &id.to_string(), None, &form)?;
    Ok(Ok(form))
}

/// Writes a denied payment down and answers its first reason.
fn deny(
    desk: &mut Desk<'_>,
    request: &PayRequest,
    spender: &Spender,
    id: PaymentId,
    reasons: &[Reason],
    wallet_id: WalletId,
    mode: Mode,
) -> Step<Done> {
    let codes = Reason::codes(reasons).into_iter().map(str::to_owned).collect();
    let form = PaymentForm { reasons: codes, ..new_form(desk, request, spender, id, PaymentStatus::Denied, wallet_id, mode) };
    write(desk, &form, &request.merchant.key)?;
    desk.record(Action::PaymentDenied, &id.to_string(), None, &form)?;
    let reason = *reasons.first().ok_or(SqlError::Shape("denied for no reason"))?;
    Err(MoneyRefusal::Spend { reason, requested: request.amount, payment_id: Some(id) }.into())
}

fn new_form(
    desk: &Desk<'_>,
    request: &PayRequest,
    spender: &Spender,
    id: PaymentId,
    status: PaymentStatus,
    wallet_id: WalletId,
    mode: Mode,
) -> PaymentForm {
    PaymentForm {
        id,
        status,
        amount: request.amount,
        currency: Usd,
        merchant: request.merchant.name.clone(),
        description: request.description.clone(),
        metadata: request.metadata.clone(),
        mandate_id: spender.mandate_id,
        agent_id: spender.agent_id,
        wallet_id,
        lease_id: spender.lease_id,
        reservation_id: None,
        approval_id: None,
        reasons: Vec::new(),
        mode,
        created_at: desk.now,
        updated_at: desk.now,
    }
}

fn write(desk: &Desk<'_>, form: &PaymentForm, merchant_key: &str) -> Step<()> {
    desk.sql.run(
        WRITE,
        params![
            form.id.to_string(),
            form.status.as_str(),
            form.amount.get(),
            form.merchant.as_str(),
            form.description.as_deref(),
            serde_json::to_string(&form.metadata)?,
            form.mandate_id.to_string(),
            form.agent_id.to_string(),
            form.wallet_id.to_string(),
            form.lease_id.map(|id| id.to_string()),
            form.reservation_id.map(|id| id.to_string()),
            form.approval_id.map(|id| id.to_string()),
            serde_json::to_string(&form.reasons)?,
            form.mode.as_str(),
            form.updated_at.as_ms(),
            merchant_key,
        ],
    )?;
    Ok(())
}

/// The rules that look at what else the agent does.
fn judge_risk(desk: &Desk<'_>, spender: &Spender) -> Step<Option<Risk>> {
    let since = PaymentId::from_ulid(ulid::Ulid::from_parts(desk.now.minus_ms(MINUTE_MS).as_ms(), 0));
    let row = desk.sql.first(COUNT_SINCE, params![spender.agent_id.to_string(), since.to_string(), PAYMENTS_PER_MINUTE_MAX])?;
    let recent = row.ok_or(SqlError::Shape("no count"))?.unsigned(0)?;
    Ok(Risk::judge(recent, super::super::agent::read_trust_thousandths(desk, spender.agent_id)?))
}

/// What has become of a payment that waited for a human.
pub(super) fn settle(desk: &mut Desk<'_>, id: PaymentId, status: PaymentStatus) -> Step<()> {
    desk.sql.run(SETTLE, params![id.to_string(), status.as_str(), desk.now.as_ms()])?;
    let action = match status {
        PaymentStatus::Succeeded => Action::PaymentSucceeded,
        PaymentStatus::Denied => Action::PaymentDenied,
        PaymentStatus::PendingApproval => Action::PaymentPendingApproval,
        PaymentStatus::Expired => Action::PaymentExpired,
        PaymentStatus::Failed => Action::PaymentFailed,
    };
    let form = read(desk, id)?;
    desk.record(action, &id.to_string(), None, &form)?;
    Ok(())
}

fn done(form: PaymentForm) -> Done {
    MoneyOutcome::Payment(Box::new(form)).into()
}

/// A payment; with a token, one of the token's agent.
pub(super) fn get(desk: &Desk<'_>, id: PaymentId) -> Step<Done> {
    let form = read(desk, id)?;
    if desk.caller.token.as_ref().is_some_and(|rights| rights.agent_id != form.agent_id) {
        return Err(Refusal::NotFound(Thing::Payment).into());
    }
    Ok(Done { keep: Keep::Nothing, ..done(form) })
}

/// Which payments.
pub(super) struct Filter<'a> {
    pub agent_id: Option<AgentId>,
    pub mandate_id: Option<MandateId>,
    pub status: Option<PaymentStatus>,
    pub merchant: Option<&'a str>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
}

pub(super) fn list(desk: &Desk<'_>, page: PageOf<PaymentId>, filter: &Filter<'_>) -> Step<Done> {
    let first_of = |moment: Timestamp| PaymentId::from_ulid(ulid::Ulid::from_parts(moment.as_ms(), 0)).to_string();
    let values = params![
        page.before.map(|id| id.to_string()),
        filter.agent_id.map(|id| id.to_string()),
        filter.mandate_id.map(|id| id.to_string()),
        filter.status.map(PaymentStatus::as_str),
        filter.merchant,
        filter.created_from.map(first_of),
        filter.created_to.map(|to| first_of(to.plus_ms(1))),
        page.limit,
    ];
    let forms = desk.sql.run(LIST, values)?.iter().map(read_form).collect::<Result<_, SqlError>>()?;
    Ok(MoneyOutcome::Payments(forms).into())
}

/// The payment of this id.
pub(super) fn read(desk: &Desk<'_>, id: PaymentId) -> Step<PaymentForm> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Payment))?;
    Ok(read_form(&row)?)
}

fn read_form(row: &Row) -> Result<PaymentForm, SqlError> {
    let mut column = Columns::of(row);
    let id = column.id(PaymentId::parse)?;
    Ok(PaymentForm {
        id,
        status: column.name(PaymentStatus::parse)?,
        amount: column.micros()?,
        currency: Usd,
        merchant: column.text()?,
        description: column.text_or_null()?,
        metadata: column.json()?,
        mandate_id: column.id(MandateId::parse)?,
        agent_id: column.id(AgentId::parse)?,
        wallet_id: column.id(WalletId::parse)?,
        lease_id: column.id_or_null(LeaseId::parse)?,
        reservation_id: column.id_or_null(ReservationId::parse)?,
        approval_id: column.id_or_null(ApprovalId::parse)?,
        reasons: column.json()?,
        mode: column.name(Mode::parse)?,
        created_at: id.born_at(),
        updated_at: column.time()?,
    })
}

/// Forgets the uses of tokens that are over, at most `batch`; answers how many there were.
pub(super) fn forget_tokens(desk: &Desk<'_>, batch: u64) -> Step<u64> {
    Ok(desk.sql.run(FORGET_TOKENS, params![desk.now.as_ms(), batch])?.len() as u64)
}

pub(super) fn next_token_deadline(desk: &Desk<'_>) -> Step<Option<Timestamp>> {
    sweep::deadline(desk, NEXT_TOKEN_DEADLINE)
}
