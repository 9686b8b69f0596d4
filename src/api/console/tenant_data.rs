//! A tenant as its object tells it, put into the words of the pages.

use std::collections::HashMap;

use super::view::agent::AgentStatus as ShownStatus;
use super::view::billing::{Activity, Flow};
use super::view::key::KeyRow;
use super::view::plot::{DAYS, DaySum};
use crate::domain::agent::AgentStatus;
use crate::domain::event::Action;
use crate::domain::id::AgentId;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::tenant::unexpected;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::{ActivityEntry, KeyView, Outcome, Overview};

/// Entries of the audit chain a page reads; holds that are settled fall out of them.
const ENTRIES: u64 = 60;

/// The tenant of that name, if the signed-in human is a member: 404 otherwise.
pub async fn load_overview(ctx: &Ctx, tenant: &str) -> Result<Overview, Fault> {
    let seat = ctx.member_seat(tenant).await?;
    let answer = ctx.call_tenant(&seat, Command::Overview { days: DAYS, entries: ENTRIES }).await?;
    match answer.outcome {
        Outcome::Overview(overview) => Ok(*overview),
        other => Err(unexpected(&other)),
    }
}

/// What an agent is called.
pub fn find_agent_label(overview: &Overview, agent_id: AgentId) -> Option<String> {
    overview.agents.iter().find(|agent| agent.agent_id == agent_id).map(|agent| agent.label.clone())
}

pub const fn show_status(status: AgentStatus) -> ShownStatus {
    match status {
        AgentStatus::Active => ShownStatus::Active,
        AgentStatus::Suspended => ShownStatus::Suspended,
        AgentStatus::Revoked => ShownStatus::Revoked,
    }
}

/// A key as a row: prefix and last four, never more.
pub fn show_key(overview: &Overview, key: &KeyView) -> KeyRow {
    KeyRow {
        key_id: key.key_id.to_string(),
        label: key.label.clone(),
        preview: format!("{}...{}", key.kind.prefix(), key.last4),
        agent_label: key.agent_id.and_then(|id| find_agent_label(overview, id)),
        created_at: key.created_at_ms,
        expires_at: key.expires_at_ms,
        last_used_at: key.last_used_at_ms,
    }
}

/// The days of spend, for the plot.
pub fn show_spend(overview: &Overview) -> Vec<DaySum> {
    let read = |date: &str| Timestamp::parse(&format!("{date}T00:00:00Z")).ok();
    overview.spend.iter().filter_map(|row| Some(DaySum { day: read(&row.date)?, amount: row.spent_micros })).collect()
}

/// The latest entries in words, newest first. A hold that was settled since is told by its end alone, and its end by
/// whoever held it.
pub fn show_activity(overview: &Overview, viewer: &str) -> Vec<Activity> {
    let action_of = |entry: &ActivityEntry| Action::ALL.iter().copied().find(|action| action.as_str() == entry.entry.action);
    let objects_of = |wanted: &[Action]| -> HashMap<&str, &str> {
        let entries = overview.activity.iter().filter(|entry| action_of(entry).is_some_and(|action| wanted.contains(&action)));
        entries.map(|entry| (entry.entry.object.as_str(), entry.entry.actor.as_str())).collect()
    };
    let holders = objects_of(&[Action::QueryHeld]);
    let settled = objects_of(&[Action::QueryCharged, Action::QueryReleased, Action::QueryExpired]);
    let rows = overview.activity.iter().filter_map(|row| {
        let entry = &row.entry;
        let action = action_of(row)?;
        if action == Action::QueryHeld && settled.contains_key(entry.object.as_str()) {
            return None;
        }
        let actor = holders.get(entry.object.as_str()).copied().unwrap_or(&entry.actor);
        Some(Activity {
            at: entry.at,
            tenant: overview.profile.slug.to_string(),
            what: name_action(action),
            agent_label: name_actor(overview, actor, viewer),
            flow: flow_of(action),
            amount: entry.amount_micros.unwrap_or_default(),
        })
    });
    rows.collect()
}

/// Whose doing it was: an agent's, a human's; nobody's when the house did it by itself.
pub fn name_actor(overview: &Overview, actor: &str, viewer: &str) -> Option<String> {
    if let Some(address) = actor.strip_prefix("wallet:") {
        let agent = overview.agents.iter().find(|agent| agent.address.as_ref().is_some_and(|known| known.as_str() == address));
        return Some(agent.map_or_else(|| address.to_owned(), |agent| agent.label.clone()));
    }
    if let Some(user) = actor.strip_prefix("user:") {
        return Some(if user == viewer { "you".to_owned() } else { "another member".to_owned() });
    }
    if actor.starts_with("operator:") {
        return Some("an operator".to_owned());
    }
    if let Some(agent) = overview.agents.iter().find(|agent| agent.agent_id.to_string() == actor) {
        return Some(agent.label.clone());
    }
    let key = overview.keys.iter().find(|key| key.key_id.to_string() == actor)?;
    key.agent_id.and_then(|id| find_agent_label(overview, id)).or_else(|| key.label.clone())
}

const fn flow_of(action: Action) -> Flow {
    match action {
        Action::WalletFunded => Flow::In,
        Action::QueryCharged | Action::ReservationCaptured => Flow::Out,
        Action::QueryHeld | Action::ReservationCreated | Action::LeaseCreated => Flow::Held,
        Action::QueryRemainderFreed
        | Action::QueryReleased
        | Action::QueryExpired
        | Action::ReservationRemainderFreed
        | Action::ReservationReleased
        | Action::ReservationExpired
        | Action::LeaseReleased
        | Action::LeaseRevoked
        | Action::LeaseExpired => Flow::Released,
        _ => Flow::None,
    }
}

/// An action in words: its own where its name would say too little, else its name.
pub fn name_action(action: Action) -> String {
    let own = match action {
        Action::TenantUpdated => "Tenant changed",
        Action::EnrollmentMinted => "Enrollment token made",
        Action::EnrollmentRevoked => "Enrollment token revoked",
        Action::EnrollmentRedeemed => "Agent enrolled",
        Action::WalletCreated => "Wallet opened",
        Action::QueryHeld => "Query, in progress",
        Action::QueryRemainderFreed | Action::ReservationRemainderFreed => "Rest of a hold returned",
        Action::QueryReleased => "Query failed, money returned",
        Action::QueryExpired => "Hold ran out, money returned",
        Action::QueryCharged => "Query",
        Action::PacketUpdated => "Go/no-go packet changed",
        _ => "",
    };
    if !own.is_empty() {
        return own.to_owned();
    }
    let words = action.as_str().replace(['.', '_'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What happened to an order, in words.
pub fn name_order_step(action: &str, is_by_buyer: bool, has_moved_money: bool) -> String {
    let words = match (Action::parse(action), has_moved_money) {
        (Some(Action::OrderCreated), _) => "Ordered",
        (Some(Action::OrderQuoted), _) => "Price named",
        (Some(Action::OrderAccepted), _) => "Price accepted",
        (Some(Action::OrderPaid), _) => "Paid into escrow",
        (Some(Action::OrderInProgress), _) if is_by_buyer => "More asked for in the workspace",
        (Some(Action::OrderInProgress), _) => "Work begun",
        (Some(Action::OrderDelivered), _) => "Delivered",
        (Some(Action::OrderCompleted), true) => "Completed, the agent has earned",
        (Some(Action::OrderCompleted), false) => "Completed",
        (Some(Action::OrderDisputed), _) => "Disputed",
        (Some(Action::OrderCancelled), true) => "Cancelled, the buyer is refunded",
        (Some(Action::OrderCancelled), false) => "Cancelled",
        (Some(Action::OrderReviewed), _) => "Reviewed",
        (Some(Action::OrderFeeTaken), _) => "The platform's tenth",
        (Some(Action::OrderRefunded), _) => "Refunded to the buyer",
        (Some(Action::OrderPaidOut), _) => "Paid out to the agent",
        (Some(other), _) => return name_action(other),
        (None, _) => return action.to_owned(),
    };
    words.to_owned()
}

/// The tenant's name, when it says more than its slug.
pub fn show_name(name: &str, slug: &Slug) -> Option<String> {
    (name != slug.as_str()).then(|| name.to_owned())
}
