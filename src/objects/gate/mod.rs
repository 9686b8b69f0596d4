//! The Gate object: one an address, wallet or user. It keeps what callers without a tenant need kept exactly: their
//! limits, single-use marks, idempotency records, and the tenants of a wallet.
//!
//! Invariants: a mark is used once; of several sign-ups for one name at one gate at most one is under way; a wallet
//! controls at most as many tenants as the caller allows; a key that is bound stands for one body.

use serde::{Deserialize, Serialize};

use super::limit::Window;
use super::schema::{self, Version};
use super::sql::{Sql, SqlError};
use super::{idempotency, limit};
use crate::domain::id::{RequestId, TenantUuid};
use crate::domain::idempotency::{Claim, RECORD_TTL_MS, Verdict};
use crate::domain::limit::{LimitClass, LimitState};
use crate::domain::slug::Slug;
use crate::domain::time::{MINUTE_MS, Timestamp};
use crate::{params, statements};

pub mod client;
pub mod object;

/// The gate of an address.
pub fn name_of_address(address: &str) -> String {
    format!("ip:{address}")
}

/// The gate of a wallet, by its address in lower case.
pub fn name_of_wallet(address: &str) -> String {
    format!("wallet:{address}")
}

/// The gate of a user.
pub fn name_of_user(user: &str) -> String {
    format!("user:{user}")
}

/// The gate of sign-in attempts from one address for one e-mail.
pub fn name_of_login(address: &str, email: &str) -> String {
    format!("login:{address}|{email}")
}

/// One call of a gate.
#[derive(Debug, Serialize, Deserialize)]
pub struct Call {
    pub now: Timestamp,
    /// The request this call belongs to: what it holds in flight is its own.
    pub request_id: RequestId,
    pub command: Command,
}

/// What a gate can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// Count a request in this gate's bucket of the class.
    Count { class: LimitClass, quota: u64 },
    /// Take a counted request back: it was not of the kind that counts.
    Uncount { class: LimitClass },
    /// Use a mark up. Answers true once, and with it the wallet's tenants.
    UseMark { mark: String, expires_at: Timestamp },
    /// Look a request up before it runs, and note that it does.
    Begin { claim: Claim, in_flight_ms: u64 },
    /// Keep the answer of a request that ran.
    Finish { claim: Claim, answer: Vec<u8> },
    /// Forget a request that failed: a repeat runs it anew.
    Forget { claim: Claim },
    /// Note that a sign-up for `slug` is under way; at most `count_max` controlled tenants.
    BeginTenant { slug: Slug, count_max: Option<u64> },
    /// A sign-up did not come to be.
    DropTenant { slug: Slug },
    /// A tenant of this wallet or user.
    AddTenant { slug: Slug, tenant: TenantUuid, is_controller: bool },
    /// The tenants of this wallet or user.
    ListTenants,
    /// Remove what has expired, a batch at a time.
    RunDue,
    /// Bind an idempotency key to the body it comes with, for as long as answers are kept. The record that answers a repeat lies
    /// where the effect is decided; which place that is, the body says.
    BindKey { claim: Claim },
}

/// A tenant of the gate's wallet or user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GateTenant {
    pub slug: Slug,
    pub tenant: TenantUuid,
    pub is_controller: bool,
}

/// What a gate answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Outcome {
    Done,
    Counted(LimitState),
    Marked {
        first: bool,
        tenants: Vec<GateTenant>,
    },
    Judged(Verdict),
    Tenants(Vec<GateTenant>),
    /// The sign-up may go on.
    Begun,
    /// This gate's caller has that tenant already, or a sign-up for it is under way.
    Exists,
    /// The caller controls as many tenants as it may.
    Full,
}

/// What the shell needs beside the outcome.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    pub outcome: Outcome,
    /// When something stored here expires next.
    pub next_due_at_ms: Option<u64>,
}

/// A sign-up under way holds its name this long; then a repeat takes it over.
const SIGN_UP_LEASE_MS: u64 = 5_000;
/// A sign-up that never ended stops counting after this long; the sweep finishes those that were claimed.
const PENDING_MS: u64 = 10 * MINUTE_MS;
/// What stands for the answer of a key that is bound and answered elsewhere.
const BOUND: &[u8] = b"bound";
/// How many expired rows one pass removes.
const BATCH: u64 = 500;

statements! {
    USE_MARK = "INSERT INTO marks (mark, expires_at_ms) VALUES (?1, ?2) ON CONFLICT (mark) DO NOTHING RETURNING 1";
    PURGE_MARKS = "DELETE FROM marks WHERE mark IN (SELECT mark FROM marks WHERE expires_at_ms <= ?1 LIMIT +?2)";
    NEXT_MARK = "SELECT MIN(expires_at_ms) FROM marks";
    NEXT_WINDOW = "SELECT MIN(ends_at_ms) FROM limit_window";
    LIST_TENANTS = "SELECT slug, tenant_uuid, role FROM gate_tenants WHERE state = 'confirmed' ORDER BY since_ms, slug";
    FIND_TENANT = "SELECT state, since_ms FROM gate_tenants WHERE slug = ?1";
    COUNT_CONTROLLED = "SELECT COUNT(*) FROM gate_tenants WHERE role = 'controller' AND slug <> ?1 AND (state = 'confirmed' OR since_ms > ?2)";
    BEGIN_TENANT = "INSERT INTO gate_tenants (slug, role, state, since_ms) VALUES (?1, 'controller', 'pending', ?2) ON CONFLICT (slug) DO UPDATE SET since_ms = excluded.since_ms WHERE state = 'pending'";
    DROP_TENANT = "DELETE FROM gate_tenants WHERE slug = ?1 AND state = 'pending'";
    ADD_TENANT = "INSERT INTO gate_tenants (slug, tenant_uuid, role, state, since_ms) VALUES (?1, ?2, ?3, 'confirmed', ?4) ON CONFLICT (slug) DO UPDATE SET tenant_uuid = excluded.tenant_uuid, role = CASE WHEN role = 'controller' THEN role ELSE excluded.role END, state = 'confirmed'";
}

/// The versions of a gate's tables.
pub const VERSIONS: &[Version] = &[&[include_str!("../../../schema/objects/common.sql"), include_str!("../../../schema/objects/gate.sql")]];

/// Brings the tables to this build's version: before the first call an instance runs.
pub fn migrate(sql: &dyn Sql) -> Result<(), SqlError> {
    schema::migrate(sql, VERSIONS)
}

/// Runs one call inside the transaction its shell opened.
pub fn run(sql: &dyn Sql, call: &Call) -> Result<Reply, SqlError> {
    let (now, holder) = (call.now, call.request_id);
    let outcome = match &call.command {
        Command::Count { class, quota } => Outcome::Counted(count(sql, *class, *quota, now)?),
        Command::Uncount { class } => done(limit::uncount(sql, &bucket(*class, 0)))?,
        Command::UseMark { mark, expires_at } => {
            let first = sql.first(USE_MARK, params![mark.as_str(), expires_at.as_ms()])?.is_some();
            Outcome::Marked { first, tenants: if first { list_tenants(sql)? } else { Vec::new() } }
        }
        Command::Begin { claim, in_flight_ms } => Outcome::Judged(begin(sql, claim, holder, now.plus_ms(*in_flight_ms), now)?),
        Command::Finish { claim, answer } => {
            idempotency::finish(sql, &claim.scope_hash, holder, now, answer)?;
            Outcome::Done
        }
        Command::Forget { claim } => done(idempotency::forget(sql, &claim.scope_hash, holder))?,
        Command::BindKey { claim } => Outcome::Judged(bind_key(sql, claim, holder, now)?),
        Command::BeginTenant { slug, count_max } => begin_tenant(sql, slug, *count_max, now)?,
        Command::DropTenant { slug } => done(sql.run(DROP_TENANT, params![slug.as_str()]).map(drop))?,
        Command::AddTenant { slug, tenant, is_controller } => {
            let role = if *is_controller { "controller" } else { "agent" };
            done(sql.run(ADD_TENANT, params![slug.as_str(), tenant.to_string(), role, now.as_ms()]).map(drop))?
        }
        Command::ListTenants => Outcome::Tenants(list_tenants(sql)?),
        Command::RunDue => {
            sql.run(PURGE_MARKS, params![now.as_ms(), BATCH])?;
            idempotency::purge(sql, now, BATCH)?;
            limit::purge(sql, now, BATCH)?;
            Outcome::Done
        }
    };
    let next_due_at_ms = match (&outcome, &call.command) {
        (Outcome::Counted(state), _) => Some(state.resets_at_ms.as_ms()),
        (_, Command::UseMark { expires_at, .. }) => Some(expires_at.as_ms()),
        (_, Command::Finish { .. } | Command::BindKey { .. }) => Some(now.plus_ms(RECORD_TTL_MS).as_ms()),
        (_, Command::RunDue) => next_due(sql)?,
        _ => None,
    };
    Ok(Reply { outcome, next_due_at_ms })
}

fn done(result: Result<(), SqlError>) -> Result<Outcome, SqlError> {
    result.map(|()| Outcome::Done)
}

/// A gate belongs to one address, wallet or user, so its buckets need no scope.
fn bucket(class: LimitClass, quota: u64) -> Window {
    Window { class, scope: String::new(), quota }
}

fn count(sql: &dyn Sql, class: LimitClass, quota: u64, now: Timestamp) -> Result<LimitState, SqlError> {
    let states = limit::count(sql, now, &[bucket(class, quota)])?;
    states.into_iter().next().ok_or(SqlError::Shape("a counted window has a state"))
}

fn begin(sql: &dyn Sql, claim: &Claim, holder: RequestId, deadline: Timestamp, now: Timestamp) -> Result<Verdict, SqlError> {
    let verdict = idempotency::look_up(sql, claim, now)?;
    if verdict == Verdict::Run {
        idempotency::keep_in_flight(sql, claim, holder, deadline)?;
    }
    Ok(verdict)
}

/// `Run` for the body the key is bound to, now or before.
fn bind_key(sql: &dyn Sql, claim: &Claim, holder: RequestId, now: Timestamp) -> Result<Verdict, SqlError> {
    match idempotency::look_up(sql, claim, now)? {
        Verdict::Run => {
            idempotency::keep_answer(sql, claim, holder, now, BOUND)?;
            Ok(Verdict::Run)
        }
        Verdict::Replay(_) => Ok(Verdict::Run),
        verdict @ (Verdict::Conflict | Verdict::InFlight) => Ok(verdict),
    }
}

fn begin_tenant(sql: &dyn Sql, slug: &Slug, count_max: Option<u64>, now: Timestamp) -> Result<Outcome, SqlError> {
    if let Some(row) = sql.first(FIND_TENANT, params![slug.as_str()])? {
        let is_under_way = now.since_ms(Timestamp::from_ms(row.unsigned(1)?)) < SIGN_UP_LEASE_MS;
        if row.text(0)? == "confirmed" || is_under_way {
            return Ok(Outcome::Exists);
        }
    }
    if let Some(count_max) = count_max {
        let row = sql.first(COUNT_CONTROLLED, params![slug.as_str(), now.minus_ms(PENDING_MS).as_ms()])?;
        if row.map_or(Ok(0), |row| row.unsigned(0))? >= count_max {
            return Ok(Outcome::Full);
        }
    }
    sql.run(BEGIN_TENANT, params![slug.as_str(), now.as_ms()])?;
    Ok(Outcome::Begun)
}

fn list_tenants(sql: &dyn Sql) -> Result<Vec<GateTenant>, SqlError> {
    let read = |row: &super::sql::Row| {
        let slug = Slug::parse(row.text(0)?).map_err(|_| SqlError::Shape("a slug"))?;
        let tenant = TenantUuid::parse(row.text(1)?).ok_or(SqlError::Shape("a uuid"))?;
        Ok(GateTenant { slug, tenant, is_controller: row.text(2)? == "controller" })
    };
    sql.run(LIST_TENANTS, &[])?.iter().map(read).collect()
}

fn next_due(sql: &dyn Sql) -> Result<Option<u64>, SqlError> {
    let first = |statement| sql.first(statement, &[])?.map_or(Ok(None), |row: super::sql::Row| row.optional_unsigned(0));
    let record = idempotency::oldest_expires_at(sql)?.map(Timestamp::as_ms);
    Ok([first(NEXT_MARK)?, first(NEXT_WINDOW)?, record].into_iter().flatten().min())
}
