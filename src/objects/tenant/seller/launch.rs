//! Launching an agent's token. In the sandbox it is written down at once; over a rail the launch is reserved first, then the
//! rail is asked, then the token is kept.
//!
//! Invariants: 1. Of all requests at most one holds an agent's launch, and none for longer than its lease. 2. A token once kept
//! is never replaced. What a rail has launched is kept even when the lease is over, since it is there; whoever asks the rail
//! again does so under the same key, and is answered with the same token.

use super::super::call::Answer;
use super::super::desk::{Desk, Done, Keep, Step};
use super::super::outcome::Outcome;
use super::command::LaunchRail;
use super::outcome::SellerOutcome;
use super::profile;
use super::refusal::SellerRefusal;
use super::{check_active, check_own};
use crate::crypto::solana;
use crate::domain::digest::Digest;
use crate::domain::event::Action;
use crate::domain::form::profile::{ProfileForm, TokenForm};
use crate::domain::id::AgentId;
use crate::domain::market::launch::{Launch, SANDBOX};
use crate::objects::{idempotency, wire};
use crate::{params, statements};

statements! {
    READ_HOLDER = "SELECT 1 FROM market_profile WHERE agent_id = ?1 AND launch_ends_at_ms > ?2";
    HOLD = "UPDATE market_profile SET launch_holder = ?2, launch_ends_at_ms = ?3 WHERE agent_id = ?1";
    LET_GO = "UPDATE market_profile SET launch_holder = NULL, launch_ends_at_ms = NULL WHERE agent_id = ?1 AND launch_holder = +?2";
    KEEP = "UPDATE market_profile SET token = ?2, version = ?3, launch_holder = NULL, launch_ends_at_ms = NULL WHERE agent_id = ?1";
}

/// The caller's profile and its avatar, if its token can be launched.
pub(super) fn check_possible(desk: &Desk<'_>, agent_id: AgentId) -> Step<(ProfileForm, String)> {
    check_own(desk, agent_id)?;
    check_active(desk, agent_id)?;
    let profile = profile::find(desk, agent_id)?.ok_or(SellerRefusal::UnknownAgent)?;
    if profile.token.is_some() {
        return Err(SellerRefusal::TokenExists.into());
    }
    if desk.sql.first(READ_HOLDER, params![agent_id.to_string(), desk.now.as_ms()])?.is_some() {
        return Err(SellerRefusal::LaunchUnderWay.into());
    }
    let avatar_url = profile.avatar_url.clone().ok_or(SellerRefusal::AvatarRequired)?;
    Ok((profile, avatar_url))
}

/// Launches the token, or reserves the launch.
pub(super) fn launch(desk: &mut Desk<'_>, agent_id: AgentId, symbol: &str, rail: LaunchRail) -> Step<Done> {
    let (profile, avatar_url) = check_possible(desk, agent_id)?;
    match rail {
        LaunchRail::Sandbox => {
            let thing = format!("{}:{symbol}", agent_id.ulid());
            let (mint, tx_hash) =
                (solana::sandbox_address(&format!("mint:{thing}")), solana::sandbox_signature(&format!("launch:{thing}")));
            let token = Launch::new(&profile.name, symbol, &avatar_url).into_token(SANDBOX, mint, tx_hash);
            Ok(keep(desk, profile, token)?.into())
        }
        LaunchRail::Asked { lease_ms } => {
            let ends_at = desk.now.plus_ms(lease_ms);
            desk.sql.run(HOLD, params![agent_id.to_string(), desk.request_id.to_string(), ends_at.as_ms()])?;
            let outcome = SellerOutcome::LaunchBegun { agent_name: profile.name, avatar_url };
            Ok(Done { outcome: Outcome::Seller(outcome), keep: Keep::InFlight(ends_at) })
        }
    }
}

/// Keeps what a rail has launched, unless a token is kept: that one is answered then. The request's idempotency record, if it
/// is still its own, keeps the answer.
pub(super) fn finish(desk: &mut Desk<'_>, agent_id: AgentId, token: &TokenForm, scope_hash: Option<&Digest>) -> Step<Done> {
    desk.actor = agent_id.to_string();
    let profile = profile::find(desk, agent_id)?.ok_or(SellerRefusal::UnknownAgent)?;
    let outcome = match profile.token.clone() {
        Some(kept) => SellerOutcome::Launched { profile: Box::new(profile), token: Box::new(kept) },
        None => keep(desk, profile, token.clone())?,
    };
    let outcome = Outcome::Seller(outcome);
    if let Some(scope_hash) = scope_hash {
        let answer = wire::write(&Answer::Outcome(outcome.clone()))?;
        idempotency::finish(desk.sql, scope_hash, desk.request_id, desk.now, &answer)?;
    }
    Ok(Done { outcome, keep: Keep::Nothing })
}

/// Gives the launch back, if the request still holds it, and lets a repeat run anew. Repeatable.
pub(super) fn drop_claim(desk: &mut Desk<'_>, agent_id: AgentId, scope_hash: Option<&Digest>) -> Step<Done> {
    desk.sql.run(LET_GO, params![agent_id.to_string(), desk.request_id.to_string()])?;
    if let Some(scope_hash) = scope_hash {
        idempotency::forget(desk.sql, scope_hash, desk.request_id)?;
    }
    Ok(Done { outcome: Outcome::Seller(SellerOutcome::LaunchDropped), keep: Keep::Nothing })
}

fn keep(desk: &mut Desk<'_>, mut profile: ProfileForm, token: TokenForm) -> Step<SellerOutcome> {
    let id = profile.id.to_string();
    profile.token = Some(token.clone());
    profile.version += 1;
    desk.sql.run(KEEP, params![id.as_str(), serde_json::to_string(&token)?, profile.version])?;
    desk.record(Action::ProfileUpdated, &id, None, &profile)?;
    Ok(SellerOutcome::Launched { profile: Box::new(profile), token: Box::new(token) })
}
