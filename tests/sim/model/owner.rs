//! Births, owners, members, and what the tenant tells about itself.

use guildhall::domain::digest::Digest;
use guildhall::domain::id::UserId;
use guildhall::domain::key::{KeyKind, KeyNumber};
use guildhall::domain::member::Role;
use guildhall::domain::plan::Plan;
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::TenantReply;
use guildhall::objects::tenant::command::{Birth, Controller, Invitation};
use guildhall::objects::tenant::outcome::{ActivityEntry, Outcome, Profile};
use guildhall::objects::tenant::refusal::Refusal;

use super::state::{State, controller_name, entry};
use super::{Expected, Run, Trouble, key, meter};

fn wrong<T>(reply: &TenantReply, expected: &str) -> Result<T, Trouble> {
    Err(Trouble::Wrong(format!("answered {:?}, expected {expected}", reply.outcome)))
}

fn check(holds: bool, reply: &TenantReply, expected: &str) -> Run {
    if holds { Ok(()) } else { wrong(reply, expected) }
}

pub fn repeat_birth(state: &mut State, now: Timestamp, birth: &Birth, reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    let same = birth.uuid == state.uuid && birth.slug == state.slug && birth.controller == state.controller;
    if !same || state.delivered || birth.agent.is_some() != state.first_agent.is_some() {
        return Err(Refusal::TenantExists.into());
    }
    let Ok(Outcome::Born(born)) = &reply.outcome else { return wrong(reply, "the tenant") };
    let right =
        born.resumed && born.tenant_uuid == state.uuid && born.wallet_id == state.default_wallet && born.agent_id == state.first_agent;
    check(right, reply, "the same tenant, agent and wallet")?;
    if let Some(key) = state.undelivered_key.and_then(|number| state.keys.get_mut(&number)).filter(|key| !key.revoked) {
        key.revoked = true;
        entries.push(entry("key.revoked", Some(key.id.to_string())));
    }
    if let Some(agent_id) = state.first_agent {
        let Some(key_id) = born.key_id else { return wrong(reply, "a new first key") };
        state.put_first_key(agent_id, key_id, birth, entries);
    }
    if let (Controller::Wallet(_), Some(invitation), false) = (&birth.controller, &birth.invitation, state.has_owner()) {
        state.invite(now, invitation, entries);
    }
    let actor = controller_name(&birth.controller);
    entries.iter_mut().for_each(|entry| entry.actor = Some(actor.clone()));
    Ok(())
}

pub fn confirm(state: &mut State, reply: &TenantReply) -> Run {
    state.delivered = true;
    state.undelivered_key = None;
    check(reply.outcome == Ok(Outcome::BirthConfirmed), reply, "confirmed")
}

pub fn invite(state: &mut State, now: Timestamp, request: &Invitation, reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    if state.has_owner() {
        return Err(Refusal::OwnerExists.into());
    }
    let pending = state.invitations.iter().find(|one| one.accepted_by.is_none() && !one.void && now < one.expires_at);
    if pending.is_some_and(|one| one.email != request.email) {
        return Err(Refusal::OwnerExists.into());
    }
    state.invite(now, request, entries);
    let Ok(Outcome::Invited(invited)) = &reply.outcome else { return wrong(reply, "an invitation") };
    check(invited.email == request.email && invited.expires_at_ms == now.plus_s(7 * 86_400), reply, "seven days")
}

pub fn accept(
    state: &mut State,
    now: Timestamp,
    number: KeyNumber,
    secret_hash: Digest,
    user_id: UserId,
    reply: &TenantReply,
    entries: &mut Vec<Expected>,
) -> Run {
    let has_owner = state.has_owner();
    let invitation = state.invitations.iter_mut().find(|one| one.number == number).ok_or(Refusal::InvalidInvitation)?;
    let fits = invitation.secret_hash == secret_hash;
    if !(fits && invitation.accepted_by == Some(user_id)) {
        if !fits || invitation.accepted_by.is_some() || invitation.void || now >= invitation.expires_at {
            return Err(Refusal::InvalidInvitation.into());
        }
        if has_owner {
            return Err(Refusal::OwnerExists.into());
        }
        invitation.accepted_by = Some(user_id);
        state.members.insert(user_id, Role::Owner);
        entries.push(Expected { actor: Some(format!("user:{user_id}")), ..entry("owner.joined", Some(user_id.to_string())) });
    }
    check(matches!(reply.outcome, Ok(Outcome::OwnerJoined { .. })), reply, "an owner")
}

pub fn show(state: &State, now: Timestamp, number: KeyNumber, secret_hash: Digest, reply: &TenantReply) -> Run {
    let good = |one: &&super::state::Invitation| {
        one.number == number && one.secret_hash == secret_hash && one.accepted_by.is_none() && !one.void && now < one.expires_at
    };
    let invitation = state.invitations.iter().find(good).filter(|_| !state.has_owner()).ok_or(Refusal::InvalidInvitation)?;
    let Ok(Outcome::Invitation(shown)) = &reply.outcome else { return wrong(reply, "the invitation") };
    check(shown.email == invitation.email && shown.expires_at_ms == invitation.expires_at, reply, "the invitation as it was made")
}

pub fn list_members(state: &State, reply: &TenantReply) -> Run {
    let Ok(Outcome::Members(views)) = &reply.outcome else { return wrong(reply, "members") };
    let shown: std::collections::BTreeMap<_, _> = views.iter().map(|view| (view.user_id, view.role)).collect();
    check(shown == state.members && shown.len() == views.len(), reply, "every member once")
}

pub fn put_member(state: &mut State, user_id: UserId, role: Role, reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    state.members.insert(user_id, role);
    entries.push(entry("member.added", Some(user_id.to_string())));
    let Ok(Outcome::Member(view)) = &reply.outcome else { return wrong(reply, "the member") };
    check(view.user_id == user_id && view.role == role, reply, "the member")
}

pub fn remove_member(state: &mut State, user_id: UserId, reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    if state.members.remove(&user_id).is_some() {
        entries.push(entry("member.removed", Some(user_id.to_string())));
    }
    check(reply.outcome == Ok(Outcome::MemberRemoved), reply, "removed")
}

pub fn profile(state: &State, reply: &TenantReply) -> Run {
    let Ok(Outcome::Profile(profile)) = &reply.outcome else { return wrong(reply, "the profile") };
    check_profile(state, profile, reply)
}

fn check_profile(state: &State, profile: &Profile, reply: &TenantReply) -> Run {
    let right = profile.name == state.name && profile.plan == state.plan && profile.agents == state.agents_alive();
    check(right && profile.tenant_uuid == state.uuid, reply, "the tenant as it is")
}

pub fn overview(state: &State, now: Timestamp, days: u64, latest: (u64, u64), reply: &TenantReply) -> Run {
    let Ok(Outcome::Overview(overview)) = &reply.outcome else { return wrong(reply, "an overview") };
    check_profile(state, &overview.profile, reply)?;
    meter::check_view(state, &overview.wallet, reply)?;
    check(overview.agents.iter().map(|agent| agent.agent_id).eq(state.agents.keys().rev().copied()), reply, "every agent, newest first")?;
    key::check_list(state, &[KeyKind::Agent, KeyKind::Live, KeyKind::Test], &overview.keys, reply)?;
    meter::check_spend(state, now, days, &overview.spend, reply)?;
    let (entries, written) = latest;
    check_activity(state.audit_seq + written, entries, None, &overview.activity, reply)
}

pub fn update(state: &mut State, name: Option<&str>, plan: Option<Plan>, reply: &TenantReply, entries: &mut Vec<Expected>) -> Run {
    if let Some(name) = name {
        name.clone_into(&mut state.name);
    }
    state.plan = plan.unwrap_or(state.plan);
    entries.push(entry("tenant.updated", Some(state.uuid.to_string())));
    profile(state, reply)
}

pub fn activity(state: &State, limit: u64, before: Option<u64>, reply: &TenantReply) -> Run {
    let Ok(Outcome::Activity(shown)) = &reply.outcome else { return wrong(reply, "entries") };
    check_activity(state.audit_seq, limit, before, shown, reply)
}

fn check_activity(last_seq: u64, limit: u64, before: Option<u64>, shown: &[ActivityEntry], reply: &TenantReply) -> Run {
    let end = before.unwrap_or(u64::MAX).min(last_seq + 1);
    let expected = (1..end).rev().take(limit as usize);
    check(shown.iter().map(|entry| entry.entry.seq).eq(expected), reply, "entries, newest first")?;
    let linked = shown.windows(2).all(|pair| pair[0].prev_hash == pair[1].hash);
    check(linked, reply, "each entry after the one before")
}

pub fn read_outbox(state: &State, limit: u64, reply: &TenantReply) -> Run {
    let Ok(Outcome::Events { after_seq, events }) = &reply.outcome else { return wrong(reply, "events") };
    check(*after_seq == state.outbox_acked, reply, "where the last reading ended")?;
    let expected = state.announced.iter().map(|(seq, _)| *seq).filter(|seq| *seq > state.outbox_acked).take(limit as usize);
    check(events.iter().map(|event| event.seq).eq(expected), reply, "the oldest events not acknowledged")
}

pub fn read_outbox_after(state: &State, after_seq: u64, limit: u64, reply: &TenantReply) -> Run {
    let Ok(Outcome::Events { events, .. }) = &reply.outcome else { return wrong(reply, "events") };
    // Those of long ago are purged.
    let newest: Vec<u64> = state.announced.iter().map(|(seq, _)| *seq).filter(|seq| *seq > after_seq).collect();
    let shown: Vec<u64> = events.iter().map(|event| event.seq).collect();
    let begin = newest.iter().position(|seq| Some(seq) == shown.first()).unwrap_or(newest.len());
    let expected: Vec<u64> = newest[begin..].iter().copied().take(limit as usize).collect();
    check(shown == expected, reply, "the events after that one")
}

pub fn acknowledge(state: &mut State, upto_seq: u64, reply: &TenantReply) -> Run {
    let newest = state.announced.last().map_or(0, |(seq, _)| *seq);
    state.outbox_acked = state.outbox_acked.max(upto_seq.min(newest));
    check(reply.outcome == Ok(Outcome::OutboxAcked), reply, "acknowledged")?;
    check(reply.outbox_pending == (state.outbox_acked < newest), reply, "whether more waits")
}

pub fn inspect(state: &State, reply: &TenantReply) -> Run {
    match &reply.outcome {
        Ok(Outcome::AuditVerified(verified)) => {
            check(verified.valid && verified.first_bad_seq.is_none() && verified.head_seq == state.audit_seq, reply, "a valid chain")
        }
        Ok(Outcome::Reconciled(reconciled)) => {
            check(reconciled.equal && reconciled.entries == state.audit_seq, reply, "balances equal to their entries")
        }
        _ => wrong(reply, "an inspection"),
    }
}
