//! Keys, agents and enrollment tokens.

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::enrollment::TokenStatus;
use guildhall::domain::id::{AgentId, EnrollmentId, KeyId};
use guildhall::domain::key::{KeyKind, NewSecret};
use guildhall::domain::scope::Scopes;
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::{TenantCall, TenantReply};
use guildhall::objects::tenant::command::{KeyHolder, MintEnrollment, MintKey, RedeemEnrollment};
use guildhall::objects::tenant::outcome::{KeyView, Outcome};
use guildhall::objects::tenant::refusal::{Refusal, Thing};

use super::caller::key_of;
use super::money::hold;
use super::state::{Agent, Enrollment, Key, State, entry};
use super::{Expected, Run, Trouble};

fn wrong<T>(reply: &TenantReply, expected: &str) -> Result<T, Trouble> {
    Err(Trouble::Wrong(format!("answered {:?}, expected {expected}", reply.outcome)))
}

fn check(holds: bool, reply: &TenantReply, expected: &str) -> Run {
    if holds { Ok(()) } else { wrong(reply, expected) }
}

pub fn admit(reply: &TenantReply) -> Run {
    check(reply.outcome == Ok(Outcome::Admitted), reply, "admitted")
}

fn check_room(state: &State) -> Result<(), Refusal> {
    let current = state.agents_alive();
    match state.plan.agents_max() {
        Some(limit) if current >= limit => Err(Refusal::PlanLimitExceeded { limit, current, plan: state.plan }),
        _ => Ok(()),
    }
}

fn put_key(
    state: &mut State,
    id: KeyId,
    kind: KeyKind,
    agent: Option<AgentId>,
    secret: &NewSecret,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
) {
    let secret_hash = secret.secret_hash;
    state.keys.insert(secret.number, Key { id, kind, agent, secret_hash, scopes, expires_at, revoked: false, last_used_minute: None });
}

pub fn mint(
    state: &mut State,
    _: Timestamp,
    call: &TenantCall,
    request: &MintKey,
    reply: &TenantReply,
    entries: &mut Vec<Expected>,
) -> Run {
    let mut scopes = request.scopes.clone();
    if let Some(minter) = key_of(state, call) {
        if minter.kind == KeyKind::Test && request.holder == (KeyHolder::Management { live: true }) {
            return Err(Refusal::LiveModeForbidden.into());
        }
        if !scopes.is_covered_by(&minter.scopes) {
            return Err(Refusal::ScopeNotHeld.into());
        }
        scopes = scopes.inheriting_denials(&minter.scopes).map_err(|_| Refusal::ScopeNotHeld)?;
    }
    let minted = match &reply.outcome {
        Ok(Outcome::KeyMinted(minted)) => Some(&minted.key),
        _ => None,
    };
    let (kind, agent) = match &request.holder {
        KeyHolder::Management { live: true } => (KeyKind::Live, None),
        KeyHolder::Management { live: false } => (KeyKind::Test, None),
        KeyHolder::Agent(id) => {
            let agent = state.agents.get(id).ok_or(Refusal::NotFound(Thing::Agent))?;
            if agent.status != AgentStatus::Active {
                return Err(Refusal::TargetAgentNotActive.into());
            }
            (KeyKind::Agent, Some(*id))
        }
        KeyHolder::NewAgent { label } => {
            check_room(state)?;
            let Some(id) = minted.and_then(|key| key.agent_id) else { return wrong(reply, "a new agent's key") };
            let is_new = state.agents.insert(id, Agent { label: label.clone(), login: None, status: AgentStatus::Active }).is_none();
            check(is_new, reply, "a new agent")?;
            entries.push(entry("agent.registered", Some(id.to_string())));
            (KeyKind::Agent, Some(id))
        }
    };
    let Some(key) = minted else { return wrong(reply, "a key") };
    let right = key.kind == kind
        && key.agent_id == agent
        && key.scopes == scopes
        && key.label == request.label
        && key.last4 == request.secret.last4;
    check(right && key.expires_at_ms == request.expires_at_ms, reply, "the key asked for")?;
    put_key(state, key.key_id, kind, agent, &request.secret, scopes, request.expires_at_ms);
    entries.push(entry("key.minted", Some(key.key_id.to_string())));
    Ok(())
}

pub fn list(state: &State, kinds: &[KeyKind], reply: &TenantReply) -> Run {
    let Ok(Outcome::Keys(views)) = &reply.outcome else { return wrong(reply, "keys") };
    check_list(state, kinds, views, reply)
}

pub fn check_list(state: &State, kinds: &[KeyKind], views: &[KeyView], reply: &TenantReply) -> Run {
    let mut expected: Vec<_> = state.keys.values().filter(|key| !key.revoked && kinds.contains(&key.kind)).collect();
    expected.sort_by_key(|key| std::cmp::Reverse(key.id));
    let same = views.len() == expected.len()
        && views.iter().zip(expected).all(|(view, key)| {
            view.key_id == key.id
                && view.agent_id == key.agent
                && view.scopes == key.scopes
                && view.last_used_at_ms.map(|at| at.as_ms()) == key.last_used_minute.map(|minute| minute * 60_000)
        });
    check(same, reply, "every living key of these kinds, newest first")
}

pub fn revoke(state: &mut State, _: Timestamp, key_id: KeyId, kinds: &[KeyKind], reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    let key = state.keys.values_mut().find(|key| key.id == key_id && kinds.contains(&key.kind));
    let key = key.ok_or(Refusal::NotFound(Thing::Key))?;
    if !key.revoked {
        key.revoked = true;
        entries.push(entry("key.revoked", Some(key_id.to_string())));
    }
    check(reply.outcome == Ok(Outcome::KeyRevoked), reply, "revoked")
}

pub fn set_agent_status(
    state: &mut State,
    now: Timestamp,
    id: AgentId,
    status: AgentStatus,
    reply: &TenantReply,
    entries: &mut Vec<Expected>,
) -> Run {
    let agent = state.agents.get_mut(&id).ok_or(Refusal::NotFound(Thing::Agent))?;
    if agent.status == AgentStatus::Revoked && status != AgentStatus::Revoked {
        return Err(Refusal::AgentRevoked.into());
    }
    if agent.status != status {
        agent.status = status;
        let action = match status {
            AgentStatus::Active => "agent.activated",
            AgentStatus::Suspended => "agent.suspended",
            AgentStatus::Revoked => "agent.revoked",
        };
        entries.push(entry(action, Some(id.to_string())));
        if status == AgentStatus::Revoked {
            hold::end_agent(state, now, id, entries);
        }
    }
    let label = &state.agents[&id].label;
    let Ok(Outcome::Agent(view)) = &reply.outcome else { return wrong(reply, "the agent") };
    check(view.agent_id == id && view.status == status && view.label == *label, reply, "the agent as it is now")
}

fn token_status(token: &Enrollment, now: Timestamp) -> TokenStatus {
    if token.used_by.is_some() {
        TokenStatus::Used
    } else if token.revoked {
        TokenStatus::Revoked
    } else if now >= token.expires_at {
        TokenStatus::Expired
    } else {
        TokenStatus::Unused
    }
}

pub fn mint_enrollment(
    state: &mut State,
    now: Timestamp,
    request: &MintEnrollment,
    reply: &TenantReply,
    entries: &mut Vec<Expected>,
) -> Run {
    let Ok(Outcome::EnrollmentMinted(minted)) = &reply.outcome else { return wrong(reply, "a token") };
    let expires_at = now.plus_s(request.ttl_s);
    check(minted.token.expires_at_ms == expires_at && minted.token.status == TokenStatus::Unused, reply, "an unused token")?;
    let token = Enrollment {
        id: minted.token.id,
        label: request.label.clone(),
        secret_hash: request.secret.secret_hash,
        expires_at,
        used_by: None,
        revoked: false,
    };
    entries.push(entry("enrollment.minted", Some(token.id.to_string())));
    state.enrollments.insert(request.secret.number, token);
    Ok(())
}

pub fn list_enrollments(state: &State, now: Timestamp, reply: &TenantReply) -> Run {
    let Ok(Outcome::Enrollments(views)) = &reply.outcome else { return wrong(reply, "tokens") };
    let mut expected: Vec<_> = state.enrollments.values().collect();
    expected.sort_by_key(|token| std::cmp::Reverse(token.id));
    let same = views.len() == expected.len()
        && views
            .iter()
            .zip(expected)
            .all(|(view, token)| view.id == token.id && view.status == token_status(token, now) && view.used_by == token.used_by);
    check(same, reply, "every token, newest first")
}

pub fn revoke_enrollment(state: &mut State, now: Timestamp, id: EnrollmentId, reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    let token = state.enrollments.values_mut().find(|token| token.id == id).ok_or(Refusal::NotFound(Thing::Enrollment))?;
    if token_status(token, now) == TokenStatus::Unused {
        token.revoked = true;
        entries.push(entry("enrollment.revoked", Some(id.to_string())));
    }
    check(reply.outcome == Ok(Outcome::EnrollmentRevoked), reply, "revoked")
}

pub fn redeem(state: &mut State, now: Timestamp, request: &RedeemEnrollment, reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    let token = state.enrollments.get(&request.number).ok_or(Refusal::InvalidEnrollmentToken)?.clone();
    if token.secret_hash != request.secret_hash || token_status(&token, now) != TokenStatus::Unused {
        return Err(Refusal::InvalidEnrollmentToken.into());
    }
    let enrolled = match &reply.outcome {
        Ok(Outcome::Enrolled(enrolled)) => Some(enrolled),
        _ => None,
    };
    let agent_id = match state.agent_of_login(request.address.as_str()) {
        Some(id) if state.agents[&id].status == AgentStatus::Active => id,
        Some(_) => return Err(Refusal::AgentNotActive.into()),
        None => {
            check_room(state)?;
            let Some(enrolled) = enrolled else { return wrong(reply, "a new agent") };
            let label = request.label.clone().or(token.label.clone()).unwrap_or_else(|| state.slug.to_string());
            let agent = Agent { label, login: Some(request.address.to_string()), status: AgentStatus::Active };
            check(state.agents.insert(enrolled.agent_id, agent).is_none(), reply, "a new agent")?;
            entries.push(entry("agent.registered", Some(enrolled.agent_id.to_string())));
            enrolled.agent_id
        }
    };
    let Some(enrolled) = enrolled else { return wrong(reply, "an enrollment") };
    check(enrolled.agent_id == agent_id && enrolled.tenant_uuid == state.uuid, reply, "the wallet's agent")?;
    put_key(state, enrolled.key_id, KeyKind::Agent, Some(agent_id), &request.key, Scopes::all(), None);
    entries.push(entry("key.minted", Some(enrolled.key_id.to_string())));
    entries.push(entry("enrollment.redeemed", Some(token.id.to_string())));
    let actor = format!("wallet:{}", request.address);
    entries.iter_mut().for_each(|entry| entry.actor = Some(actor.clone()));
    if let Some(token) = state.enrollments.get_mut(&request.number) {
        token.used_by = Some(agent_id);
    }
    Ok(())
}
