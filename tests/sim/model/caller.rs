//! Who may do what, and how often.

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::id::{AgentId, Uuid};
use guildhall::domain::key::KeyKind;
use guildhall::domain::lease::LeaseStatus;
use guildhall::domain::limit::{LimitClass, LimitScope, LimitState};
use guildhall::domain::mandate::MandateStatus;
use guildhall::domain::member::Role;
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::{ExecutionRights, Proof, TenantCall, TenantReply};
use guildhall::objects::tenant::command::{Command, Controller};
use guildhall::objects::tenant::money::command::MoneyCommand;
use guildhall::objects::tenant::refusal::Refusal;

use super::state::{Key, State};
use super::{Checked, ensure, limit_state};

/// What an object without a tenant answers.
pub fn unborn(call: &TenantCall) -> Refusal {
    match (&call.caller, &call.command) {
        (Proof::Key { .. } | Proof::Execution(_) | Proof::Session { .. } | Proof::Refresh { .. }, _) => Refusal::InvalidCredentials,
        (Proof::Wallet { .. }, Command::Invite(_)) => Refusal::NotControllingWallet,
        (Proof::Wallet { .. }, _) => Refusal::TenantMismatch,
        (Proof::User { .. }, _) => Refusal::NotMember,
        (Proof::House, Command::RedeemEnrollment(_)) => Refusal::InvalidEnrollmentToken,
        (Proof::Operator { .. } | Proof::House, _) => Refusal::NoTenant,
    }
}

pub fn key_of<'a>(state: &'a State, call: &TenantCall) -> Option<&'a Key> {
    match &call.caller {
        Proof::Key { number, .. } => state.keys.get(number),
        _ => None,
    }
}

pub fn agent_of(state: &State, call: &TenantCall) -> Option<AgentId> {
    match &call.caller {
        Proof::Key { .. } => key_of(state, call).and_then(|key| key.agent),
        Proof::Wallet { address } => state.agent_of_login(address.as_str()),
        Proof::Execution(rights) => state.agents.contains_key(&rights.agent_id).then_some(rights.agent_id),
        _ => None,
    }
}

/// What an execution token is good for.
pub fn token_of(call: &TenantCall) -> Option<&ExecutionRights> {
    match &call.caller {
        Proof::Execution(rights) => Some(rights),
        _ => None,
    }
}

/// A token is dead with its agent, its mandate or its lease.
fn token_lives(state: &State, rights: &ExecutionRights) -> bool {
    let agent_lives = state.agents.get(&rights.agent_id).is_some_and(|agent| agent.status != AgentStatus::Revoked);
    let mandate_lives = state.mandates.get(&rights.mandate_id).is_some_and(|mandate| mandate.status != MandateStatus::Revoked);
    let lease_lives = |id| state.leases.get(&id).is_some_and(|lease| lease.status != LeaseStatus::Revoked);
    agent_lives && mandate_lives && rights.lease_id.is_none_or(lease_lives)
}

fn role_of(state: &State, call: &TenantCall) -> Option<Role> {
    match &call.caller {
        Proof::User { user_id } => state.members.get(user_id).copied(),
        _ => None,
    }
}

fn status_of(state: &State, agent: Option<AgentId>) -> Option<AgentStatus> {
    agent.and_then(|id| state.agents.get(&id)).map(|agent| agent.status)
}

/// The proof, the tenant named, the agent's state, the scope and the kind of caller, in this order.
pub fn admit(state: &State, now: Timestamp, call: &TenantCall) -> Result<(), Refusal> {
    let agent = agent_of(state, call);
    let status = status_of(state, agent);
    match &call.caller {
        Proof::Key { kind, secret_hash, .. } => {
            let key = key_of(state, call).ok_or(Refusal::InvalidCredentials)?;
            let good = key.kind == *kind
                && key.secret_hash == *secret_hash
                && !key.revoked
                && key.expires_at.is_none_or(|at| now < at)
                && status != Some(AgentStatus::Revoked);
            if !good {
                return Err(Refusal::InvalidCredentials);
            }
        }
        Proof::Wallet { address } => match &call.command {
            Command::Invite(_) if state.controller != Controller::Wallet(address.clone()) => return Err(Refusal::NotControllingWallet),
            Command::Invite(_) => {}
            _ if agent.is_none() => return Err(Refusal::TenantMismatch),
            _ => {}
        },
        Proof::User { .. } if role_of(state, call).is_none() => return Err(Refusal::NotMember),
        Proof::Execution(rights) if !token_lives(state, rights) => return Err(Refusal::InvalidCredentials),
        // The model knows no sessions: no token of one is good. How they live is told against the Worker.
        Proof::Session { .. } | Proof::Refresh { .. } => return Err(Refusal::InvalidCredentials),
        Proof::User { .. } | Proof::Operator { .. } | Proof::House | Proof::Execution(_) => {}
    }
    if let Some(name) = &call.named_tenant
        && name != state.slug.as_str()
        && Uuid::parse(name) != Some(state.uuid)
    {
        return Err(Refusal::TenantMismatch);
    }
    if status == Some(AgentStatus::Suspended) && token_of(call).is_none() {
        return Err(Refusal::AgentNotActive);
    }
    if let (Some(needed), Some(key)) = (&call.needs, key_of(state, call))
        && !key.scopes.allows(needed)
    {
        return Err(Refusal::Forbidden);
    }
    if may_command(state, call) { Ok(()) } else { Err(Refusal::Forbidden) }
}

fn may_command(state: &State, call: &TenantCall) -> bool {
    let house = call.caller == Proof::House;
    let operator = house || matches!(call.caller, Proof::Operator { .. });
    let role = role_of(state, call);
    let owner = operator || role == Some(Role::Owner);
    let manages = operator || role.is_some() || key_of(state, call).is_some_and(|key| matches!(key.kind, KeyKind::Live | KeyKind::Test));
    match &call.command {
        Command::Admit => true,
        Command::MeterReserve(_) => agent_of(state, call).is_some() && token_of(call).is_none(),
        Command::Invite(_) => house || matches!(call.caller, Proof::Wallet { .. }),
        Command::Birth(_) | Command::ConfirmBirth | Command::MeterCapture(_) | Command::MeterRelease(_) => house,
        Command::RedeemEnrollment(_) | Command::ShowInvitation { .. } | Command::AcceptInvitation { .. } | Command::RunDue { .. } => house,
        Command::OutboxRead { .. } | Command::OutboxReadAfter { .. } | Command::OutboxAck { .. } => house,
        Command::PutMember { .. } | Command::RemoveMember { .. } => owner,
        Command::UpdateTenant { name, plan } => (name.is_none() || owner) && (plan.is_none() || operator),
        Command::Money(MoneyCommand::PutPacket { .. }) => operator,
        Command::Money(command) => manages || (token_of(call).is_some() && is_for_tokens(command)),
        _ => manages,
    }
}

/// What contract identity-and-money 8-10 lets execution tokens do.
fn is_for_tokens(command: &MoneyCommand) -> bool {
    use MoneyCommand as M;
    let spends = matches!(command, M::Authorize(_) | M::Reserve(_) | M::ReserveBatch { .. } | M::Pay(_) | M::GrantLease(_));
    spends || matches!(command, M::Capture { .. } | M::ReleaseReservation { .. } | M::GetPayment { .. })
}

/// What the reply says about the caller.
pub fn check_shown(state: &State, now: Timestamp, call: &TenantCall, reply: &TenantReply) -> Checked<()> {
    let caller = reply.caller.as_ref().ok_or("the caller was not shown")?;
    ensure!(caller.tenant_uuid == state.uuid && caller.slug == state.slug && caller.plan == state.plan, "another tenant: {caller:?}");
    ensure!(caller.agent_id == agent_of(state, call), "another agent: {caller:?}");
    ensure!(caller.role == role_of(state, call), "another role: {caller:?}");
    ensure!(caller.default_wallet == state.default_wallet, "another wallet: {caller:?}");
    ensure!(caller.is_stopped == state.stopped && caller.token.as_ref() == token_of(call), "stopped or not: {caller:?}");
    if token_of(call).is_some() {
        return Ok(());
    }
    let available = state.available(state.default_wallet, now);
    ensure!(caller.available_micros.get() == available, "available {:?}, expected {available}", caller.available_micros);
    Ok(())
}

/// The caller, as the audit chain names it.
pub fn actor(state: &State, call: &TenantCall) -> String {
    match &call.caller {
        Proof::Key { .. } => key_of(state, call).map(|key| key.id.to_string()).unwrap_or_default(),
        Proof::Wallet { address } => format!("wallet:{address}"),
        Proof::User { user_id } => format!("user:{user_id}"),
        Proof::Operator { user_id } => format!("operator:{user_id}"),
        Proof::House => "house".to_owned(),
        Proof::Execution(rights) => rights.agent_id.to_string(),
        Proof::Session { .. } | Proof::Refresh { .. } => String::new(),
    }
}

/// Counts the call in all its windows or in none.
pub fn count(state: &mut State, now: Timestamp, call: &TenantCall) -> (Vec<LimitState>, bool) {
    let scope = |class: &LimitClass| match class.scope() {
        LimitScope::Tenant => String::new(),
        LimitScope::Agent => agent_of(state, call).map_or_else(|| actor(state, call), |id| id.to_string()),
        _ => actor(state, call),
    };
    let windows: Vec<_> = call.limits.iter().map(|class| (*class, scope(class))).collect();
    let plan = state.plan;
    let standing = |state: &State, window: &(LimitClass, String)| {
        let open = state.windows.get(window).filter(|(ends_at, _)| now < *ends_at);
        open.copied().unwrap_or((now.plus_s(window.0.window_s()), 0))
    };
    let full = windows.iter().any(|window| standing(state, window).1 >= window.0.quota(plan, call.limit_scale));
    if !full {
        for window in &windows {
            let (ends_at, count) = standing(state, window);
            state.windows.insert(window.clone(), (ends_at, count + 1));
        }
    }
    let show = |window: &(LimitClass, String)| {
        let (ends_at, count) = standing(state, window);
        let quota = window.0.quota(plan, call.limit_scale);
        limit_state(window.0, quota, count, ends_at, full && count >= quota)
    };
    (windows.iter().map(show).collect(), full)
}

/// A key's use is noted to the minute.
pub fn note_use(state: &mut State, now: Timestamp, call: &TenantCall) {
    if let Proof::Key { number, .. } = &call.caller
        && let Some(key) = state.keys.get_mut(number)
    {
        let minute = now.as_ms() / 60_000;
        key.last_used_minute = Some(key.last_used_minute.map_or(minute, |last| last.max(minute)));
    }
}
