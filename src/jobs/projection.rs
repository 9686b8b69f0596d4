//! The queue's consumer: events of the objects become rows of the book of record. A message is acknowledged or retried
//! by itself; a body that is no message is left to the dead-letter queue.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::event::Action;
use crate::domain::time::Timestamp;
use crate::edge::Edge;
use crate::objects::message::{MemoryCounts, Message, TenantEvents};
use crate::objects::tenant::outcome::Event;
use crate::store::projection::{Applied, Change, apply, count_memory};
use crate::store::{Database, StoreError};

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Acknowledge,
    Retry,
}

/// Handles one message.
pub async fn consume(edge: &Edge, message: Message) -> Verdict {
    let Ok(database) = edge.database() else { return Verdict::Retry };
    let database = Database::new(&database, &|| ());
    let result = match message {
        Message::TenantEvents(events) => project(database, events).await,
        Message::MemoryCounts(MemoryCounts { tenant, observations, open_sessions, at }) => {
            count_memory(database, &tenant, observations, open_sessions, at.as_ms()).await.map(|()| Applied::Done)
        }
    };
    match result {
        Ok(Applied::Done) => Verdict::Acknowledge,
        Ok(Applied::TooEarly) => Verdict::Retry,
        Err(error) => {
            worker::console_error!("{}", serde_json::json!({"job": "projection", "error": error.to_string()}));
            Verdict::Retry
        }
    }
}

async fn project(database: Database<'_>, message: TenantEvents) -> Result<Applied, StoreError> {
    let Some(upto_seq) = message.events.last().map(|event| event.seq) else { return Ok(Applied::Done) };
    apply(database, &message.tenant, message.after_seq, upto_seq, changes_of(&message.events)).await
}

/// What the events change; queries are summed by the hour first, so that a busy tenant costs one row.
pub fn changes_of(events: &[Event]) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut queries: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events {
        let kind = Action::ALL.iter().find(|action| action.as_str() == event.kind);
        match kind {
            Some(Action::TenantCreated) => changes.push(Change::Tenant),
            Some(
                action @ (Action::AgentRegistered
                | Action::AgentUpdated
                | Action::AgentSuspended
                | Action::AgentActivated
                | Action::AgentRevoked),
            ) => {
                changes.extend(agent_change(*action, &event.data));
            }
            Some(Action::QueryCharged) => *queries.entry(event.at_ms.as_s() / 3600).or_default() += 1,
            Some(Action::OwnerJoined | Action::MemberAdded) => changes.extend(member_change(&event.data)),
            Some(Action::MemberRemoved) => changes.extend(text(&event.data, "user_id").map(|user_id| Change::MemberGone { user_id })),
            _ => {}
        }
    }
    changes.extend(queries.into_iter().map(|(hour, count)| Change::Queries { hour, count }));
    changes
}

fn text(data: &Value, name: &str) -> Option<String> {
    data.get(name)?.as_str().map(str::to_owned)
}

fn agent_change(action: Action, data: &Value) -> Option<Change> {
    Some(Change::Agent {
        agent_id: text(data, "agt_id")?,
        label: text(data, "display_name")?,
        wallet_address: text(data, "wallet_address"),
        status: text(data, "status")?,
        created_at_ms: Timestamp::parse(data.get("created_at")?.as_str()?).ok()?.as_ms(),
        is_new: action == Action::AgentRegistered,
        is_revoked: action == Action::AgentRevoked,
    })
}

fn member_change(data: &Value) -> Option<Change> {
    Some(Change::Member { user_id: text(data, "user_id")?, role: text(data, "role")?, added_at_ms: data.get("added_at_ms")?.as_u64()? })
}
