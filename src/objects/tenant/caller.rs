//! Who calls: one statement reads the tenant, the caller and the idempotency record together; then the proof must hold.
//!
//! Invariant: nothing is counted, looked up or changed for a caller whose proof does not hold, and every key that is
//! not good is refused alike.

use std::cell::Cell;

use super::call::{Actor, Caller, CallerKey, CallerSession, ExecutionRights, Proof, TenantCall};
use super::command::Command;
use super::desk::{Desk, Step, read_as, read_json, read_micros, read_optional_as, read_optional_time, read_time, read_wallet_id};
use super::money::books::{mandate_columns, read_mandate};
use super::money::column::Columns;
use super::money::sweep::is_something_due;
use super::refusal::Refusal;
use super::rights;
use crate::crypto::vault::Vault;
use crate::domain::agent::AgentStatus;
use crate::domain::audit::Head;
use crate::domain::digest::Digest;
use crate::domain::entropy::Entropy;
use crate::domain::id::{AgentId, KeyId, Uuid};
use crate::domain::idempotency::Claim;
use crate::domain::key::{KeyKind, KeyNumber, StoredKey};
use crate::domain::lease::LeaseStatus;
use crate::domain::ledger::Balance;
use crate::domain::limit::{LimitClass, LimitScope};
use crate::domain::mandate::MandateStatus;
use crate::domain::member::Role;
use crate::domain::plan::Plan;
use crate::domain::scope::Scopes;
use crate::domain::slug::Slug;
use crate::domain::time::{MINUTE_MS, Timestamp};
use crate::objects::limit::Window;
use crate::objects::sql::{Row, Sql, SqlError};
use crate::{params, statements};

statements! {
    /// Everything a call is judged by. Parameters that do not apply are null and match nothing.
    OPEN = concat!("SELECT t.uuid, t.slug, t.plan, t.default_wallet_id, t.housekeeping_at_ms, head.seq, head.hash,
            (SELECT max(seq) FROM outbox) > t.outbox_acked_seq,
            available.balance_micros,
            (SELECT coalesce(sum(amount_micros), 0) FROM reservation
                WHERE resolved_at_ms IS NULL AND expires_at_ms <= ?5 AND wallet_id = t.default_wallet_id AND lease_id IS NULL),
            k.id, k.kind, k.secret_hash, k.scopes, k.expires_at_ms, k.revoked_at_ms, k.last_used_at_ms,
            a.id, CASE WHEN a.expires_at_ms <= ?5 THEN 'revoked' ELSE a.status END, m.role, t.controller_login = +?2,
            i.body_hash, i.expires_at_ms, i.answer, i.parts,
            (SELECT stopped FROM control), CASE WHEN +?6 THEN ", is_something_due!("?5"), " END
        FROM tenant t
        LEFT JOIN audit head ON head.seq = (SELECT max(seq) FROM audit)
        LEFT JOIN account available ON available.id = t.default_wallet_id
        LEFT JOIN api_key k ON k.number = +?1
        LEFT JOIN agent a ON a.id = coalesce(k.agent_id, (SELECT id FROM agent WHERE login = +?2 AND status <> 'revoked'
            AND coalesce(expires_at_ms > +?5, 1)))
        LEFT JOIN member m ON m.user_id = +?3
        LEFT JOIN idempotency i ON i.scope_hash = +?4");
    /// The same for a caller with an execution token: no key, no member; its agent, mandate and lease instead.
    OPEN_BY_TOKEN = concat!("SELECT t.uuid, t.slug, t.plan, t.default_wallet_id, t.housekeeping_at_ms, head.seq, head.hash,
            (SELECT max(seq) FROM outbox) > t.outbox_acked_seq,
            available.balance_micros, 0,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            a.id, CASE WHEN a.expires_at_ms <= ?5 THEN 'revoked' ELSE a.status END, NULL, NULL,
            i.body_hash, i.expires_at_ms, i.answer, i.parts,
            (SELECT stopped FROM control), CASE WHEN +?6 THEN ", is_something_due!("?5"), " END,
            (SELECT status FROM lease WHERE id = ?3), CASE WHEN a.parent_id IS NULL THEN a.scopes END, ", mandate_columns!(), "
        FROM tenant t
        LEFT JOIN mandate m ON m.id = +?2
        LEFT JOIN wallet w ON w.id = coalesce(m.wallet_id, t.default_wallet_id)
        LEFT JOIN account wa ON wa.id = w.id
        LEFT JOIN audit head ON head.seq = (SELECT max(seq) FROM audit)
        LEFT JOIN account available ON available.id = t.default_wallet_id
        LEFT JOIN agent a ON a.id = +?1
        LEFT JOIN idempotency i ON i.scope_hash = +?4");
    /// The same for a caller with a session's token: its session and the agent of that. Only that agent tells under which
    /// scope a session's record stands; the one looked for here is that of a refresh token.
    OPEN_BY_SESSION = "SELECT t.uuid, t.slug, t.plan, t.default_wallet_id, t.housekeeping_at_ms, head.seq, head.hash,
            (SELECT max(seq) FROM outbox) > t.outbox_acked_seq,
            available.balance_micros, 0,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            a.id, CASE WHEN a.expires_at_ms <= ?3 THEN 'revoked' ELSE a.status END, NULL, NULL,
            i.body_hash, i.expires_at_ms, i.answer, i.parts,
            (SELECT stopped FROM control), NULL,
            x.kind, s.expires_at_ms, s.scopes
        FROM tenant t
        LEFT JOIN audit head ON head.seq = (SELECT max(seq) FROM audit)
        LEFT JOIN account available ON available.id = t.default_wallet_id
        LEFT JOIN agent_session_secret x ON x.hash = +?1
        LEFT JOIN agent_session s ON s.seq = x.session_seq
        LEFT JOIN agent a ON a.id = s.agent_id
        LEFT JOIN idempotency i ON i.scope_hash = +?2";
    NOTE_USE = "UPDATE api_key SET last_used_at_ms = ?2 WHERE number = ?1";
}

/// Where the idempotency record's columns begin in the row of [`OPEN`].
pub(super) const RECORD_COLUMN: usize = 21;

/// Where the mandate's columns begin in the row of [`OPEN_BY_TOKEN`]; its agent's scopes stand before them, if they
/// are all it is judged by: those of an agent that comes from another are not.
const MANDATE_COLUMN: usize = 29;

/// Reads what the call is judged by; `None` when no tenant was born here.
pub(super) fn read(sql: &dyn Sql, now: Timestamp, call: &TenantCall) -> Result<Option<Row>, SqlError> {
    let number = match &call.caller {
        Proof::Key { number, .. } => Some(number.to_string()),
        _ => None,
    };
    let address = match &call.caller {
        Proof::Wallet { address } => Some(address.as_str()),
        _ => None,
    };
    let user = match &call.caller {
        Proof::User { user_id } => Some(user_id.to_string()),
        _ => None,
    };
    let scope_hash = call.idempotency.map(|claim| claim.scope_hash.as_bytes().to_vec());
    if let Proof::Execution(rights) = &call.caller {
        let (agent, mandate) = (rights.agent_id.to_string(), rights.mandate_id.to_string());
        let lease = rights.lease_id.map(|id| id.to_string());
        return sql.first(OPEN_BY_TOKEN, params![agent, mandate, lease, scope_hash, now.as_ms(), call.command.meets_due()]);
    }
    if let Proof::Session { token_hash } | Proof::Refresh { token_hash } = &call.caller {
        let scope_hash = scope_hash.filter(|_| matches!(call.caller, Proof::Refresh { .. }));
        return sql.first(OPEN_BY_SESSION, params![token_hash.as_bytes().to_vec(), scope_hash, now.as_ms()]);
    }
    sql.first(OPEN, params![number, address, user, scope_hash, now.as_ms(), call.command.meets_due()])
}

/// An agent as far as it decides what its caller may do.
type StandingAgent = Option<(AgentId, AgentStatus)>;

/// Checks the proof against the row and opens the desk for the caller.
pub(super) fn admit<'a>(
    sql: &'a dyn Sql,
    now: Timestamp,
    entropy: &'a mut dyn Entropy,
    vault: &'a Vault,
    call: &TenantCall,
    row: &Row,
) -> Step<(Desk<'a>, Option<StoredKey>)> {
    let agent = read_agent(row)?;
    let stored_key = read_key(row)?;
    let actor = check_proof(call, row, now, agent, stored_key.as_ref())?;
    let caller = read_caller(call, row, actor, agent, stored_key.as_ref())?;
    check_standing(call, &caller, agent)?;
    let desk = Desk {
        sql,
        now,
        entropy,
        vault,
        request_id: call.request_id,
        actor: caller.actor.to_string(),
        token_mandate: Cell::new(match &caller.token {
            Some(_) => Some(Box::new(read_mandate(Columns::from(row, MANDATE_COLUMN))?)),
            None => None,
        }),
        token_agent: Cell::new(match (&caller.token, agent) {
            (Some(_), Some((id, status))) if !row.is_null(MANDATE_COLUMN - 1)? => {
                Some((id, status, read_json(row, MANDATE_COLUMN - 1, "not scopes")?))
            }
            _ => None,
        }),
        is_something_due: row.optional_unsigned(26)? == Some(1),
        caller,
        available: read_micros(row, 8)?,
        head: read_head(row)?,
        outbox_pending: row.optional_unsigned(7)? == Some(1),
        next_due: None,
        housekeeping_at: read_optional_time(row, 4)?,
        old_at: None,
    };
    Ok((desk, stored_key.map(|(_, key)| key)))
}

/// Who it is, if the proof holds.
fn check_proof(call: &TenantCall, row: &Row, now: Timestamp, agent: StandingAgent, key: Option<&(KeyId, StoredKey)>) -> Step<Actor> {
    let actor = match &call.caller {
        Proof::Key { kind, secret_hash, .. } => {
            let (id, key) = key.ok_or(Refusal::InvalidCredentials)?;
            let agent_lives = !matches!(agent, Some((_, AgentStatus::Revoked)));
            if !key.is_good(*kind, secret_hash, now) || !agent_lives {
                return Err(Refusal::InvalidCredentials.into());
            }
            Actor::Key(*id)
        }
        Proof::Wallet { address } => {
            let controls = row.optional_unsigned(20)? == Some(1);
            match &call.command {
                Command::Invite(_) if !controls => return Err(Refusal::NotControllingWallet.into()),
                Command::Invite(_) => {}
                _ if agent.is_none() => return Err(Refusal::TenantMismatch.into()),
                _ => {}
            }
            Actor::Wallet(address.clone())
        }
        Proof::User { .. } if row.is_null(19)? => return Err(Refusal::NotMember.into()),
        Proof::User { user_id } => Actor::User(*user_id),
        Proof::Operator { user_id } => Actor::Operator(*user_id),
        Proof::House => Actor::House,
        Proof::Execution(rights) => {
            check_rights(row, rights, agent)?;
            Actor::Agent(rights.agent_id)
        }
        Proof::Session { .. } => Actor::Agent(check_session(row, now, agent, &["access"])?),
        // One that was used is let in as well, for its session to be ended.
        Proof::Refresh { .. } => Actor::Agent(check_session(row, now, agent, &["refresh", "spent"])?),
    };
    Ok(actor)
}

/// What a token is good for, as the row has it.
fn check_rights(row: &Row, rights: &ExecutionRights, agent: StandingAgent) -> Step<()> {
    let mandate = read_optional_as(row, MANDATE_COLUMN + 2, MandateStatus::parse, "not a mandate status")?;
    let lease = read_optional_as(row, 27, LeaseStatus::parse, "not a lease status")?;
    rights::check(rights, agent.map(|(_, status)| status), mandate, lease)
}

/// A session's token is good while it is the newest, the session lasts and its agent is not revoked.
fn check_session(row: &Row, now: Timestamp, agent: StandingAgent, kinds: &[&str]) -> Step<AgentId> {
    let is_known = row.optional_text(27)?.is_some_and(|kind| kinds.contains(&kind));
    match agent {
        Some((id, AgentStatus::Active | AgentStatus::Suspended)) if is_known && read_time(row, 28)? > now => Ok(id),
        Some(_) | None => Err(Refusal::InvalidCredentials.into()),
    }
}

/// The tenant named is this one, the agent may act, and the caller's scopes allow what the route needs.
fn check_standing(call: &TenantCall, caller: &Caller, agent: StandingAgent) -> Step<()> {
    let names_this = |name: &String| name == caller.slug.as_str() || Uuid::parse(name) == Some(caller.tenant_uuid);
    if !call.named_tenant.as_ref().is_none_or(names_this) {
        return Err(Refusal::TenantMismatch.into());
    }
    // What a suspended agent still holds it may give back; that it spends nothing new is decided where it would.
    // At the marketplace it may still look; what it may do is told there.
    let is_at_market = caller.key.as_ref().is_some_and(|key| key.kind == KeyKind::Atelier)
        && matches!(call.command, Command::Admit | Command::Order(_) | Command::Seller(_));
    if matches!(agent, Some((_, AgentStatus::Suspended))) && caller.acts_for().is_none() && !is_at_market {
        return Err(Refusal::AgentNotActive.into());
    }
    match (&call.needs, &caller.key) {
        (Some(needed), Some(key)) if !key.scopes.allows(needed) => Err(Refusal::Forbidden.into()),
        _ => Ok(()),
    }
}

fn read_caller(
    call: &TenantCall,
    row: &Row,
    actor: Actor,
    agent: StandingAgent,
    key: Option<&(KeyId, StoredKey)>,
) -> Result<Caller, SqlError> {
    let key = match key {
        Some((_, key)) => Some(CallerKey { kind: key.kind, scopes: read_json::<Scopes>(row, 13, "not scopes")? }),
        None => None,
    };
    let due = read_micros(row, 9)?;
    Ok(Caller {
        tenant_uuid: read_as(row, 0, Uuid::parse, "not a uuid")?,
        slug: read_as(row, 1, |text| Slug::parse(text).ok(), "not a slug")?,
        plan: read_as(row, 2, Plan::parse, "not a plan")?,
        actor,
        agent_id: agent.map(|(id, _)| id),
        role: read_optional_as(row, 19, Role::parse, "not a role")?,
        key,
        default_wallet: read_wallet_id(row, 3)?,
        // What is due stands in the held account until it is swept; adding it cannot exceed what was funded.
        available_micros: Balance { available: read_micros(row, 8)?, held: due }.freeing(due).available,
        token: match &call.caller {
            Proof::Execution(rights) => Some(rights.clone()),
            _ => None,
        },
        is_stopped: row.unsigned(25)? == 1,
        session: match &call.caller {
            Proof::Session { .. } => Some(CallerSession { scopes: read_json(row, 29, "not scopes")?, renews: false }),
            Proof::Refresh { .. } => Some(CallerSession { scopes: read_json(row, 29, "not scopes")?, renews: true }),
            _ => None,
        },
    })
}

fn read_head(row: &Row) -> Result<Head, SqlError> {
    if row.is_null(5)? {
        return Ok(Head::EMPTY);
    }
    Ok(Head { seq: row.unsigned(5)?, hash: Digest::from_slice(row.blob(6)?).ok_or(SqlError::Shape("not a digest"))? })
}

fn read_agent(row: &Row) -> Result<StandingAgent, SqlError> {
    match read_optional_as(row, 17, |text| AgentId::parse(text).ok(), "not an agent id")? {
        Some(id) => Ok(Some((id, read_as(row, 18, AgentStatus::parse, "not an agent status")?))),
        None => Ok(None),
    }
}

fn read_key(row: &Row) -> Result<Option<(KeyId, StoredKey)>, SqlError> {
    let Some(id) = read_optional_as(row, 10, |text| KeyId::parse(text).ok(), "not a key id")? else {
        return Ok(None);
    };
    let key = StoredKey {
        kind: read_as(row, 11, KeyKind::parse, "not a key kind")?,
        secret_hash: Digest::from_slice(row.blob(12)?).ok_or(SqlError::Shape("not a digest"))?,
        expires_at: read_optional_time(row, 14)?,
        revoked_at: read_optional_time(row, 15)?,
        last_used_at: read_optional_time(row, 16)?,
    };
    Ok(Some((id, key)))
}

/// The claim as the record stands under: a session's is that of its agent, whichever of its tokens it came with.
pub(super) fn claim_of(call: &TenantCall, caller: &Caller) -> Option<Claim> {
    let claim = call.idempotency?;
    match (&call.caller, caller.agent_id) {
        (Proof::Session { .. }, Some(agent_id)) => {
            let scope_hash = Digest::of(&[claim.scope_hash.as_bytes(), agent_id.to_string().as_bytes()]);
            Some(Claim { scope_hash, ..claim })
        }
        _ => Some(claim),
    }
}

/// The windows this call is counted in. A class whose scope is not the tenant's own is counted by whom the object sees.
pub(super) fn windows(call: &TenantCall, caller: &Caller) -> Vec<Window> {
    let window = |class: &LimitClass| {
        let scope = match class.scope() {
            LimitScope::Tenant => String::new(),
            LimitScope::Agent => caller.agent_id.map_or_else(|| caller.actor.to_string(), |id| id.to_string()),
            LimitScope::Caller | LimitScope::User | LimitScope::Ip | LimitScope::IpAndEmail => caller.actor.to_string(),
        };
        Window { class: *class, scope, quota: class.quota(caller.plan, call.limit_scale) }
    };
    call.limits.iter().map(window).collect()
}

/// Notes that a key was used, to the minute: at most one write a minute and key.
pub(super) fn note_use(desk: &Desk<'_>, number: KeyNumber, key: &StoredKey) -> Step<()> {
    if key.is_use_worth_noting(desk.now) {
        let minute_ms = desk.now.as_ms() / MINUTE_MS * MINUTE_MS;
        desk.sql.run(NOTE_USE, params![number.to_string(), minute_ms])?;
    }
    Ok(())
}
