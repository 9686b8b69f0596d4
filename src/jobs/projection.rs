//! The queue's consumer: events of the objects become rows of the book of record. A message is acknowledged or retried
//! by itself; a body that is no message is left to the dead-letter queue.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::event::Action;
use crate::domain::id::MailId;
use crate::domain::time::Timestamp;
use crate::edge::Edge;
use crate::objects::message::{MemoryCounts, Message, TenantEvents};
use crate::objects::tenant::outcome::Event;
use crate::store::projection::{Applied, Change, apply, count_memory};
use crate::store::{Database, StoreError, mail};

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
        // Not a projection; its own consumer takes it.
        Message::WebhookAttempt(_) => return Verdict::Retry,
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
    let applied = apply(database, &message.tenant, message.after_seq, upto_seq, changes_of(&message.events)).await?;
    if applied == Applied::Done {
        for event in &message.events {
            tell_owners(database, &message.tenant, event).await?;
        }
    }
    Ok(applied)
}

/// Mails the owners of a tenant that one of its webhooks was given up. A message that comes again finds the mail queued.
async fn tell_owners(database: Database<'_>, tenant: &str, event: &Event) -> Result<(), StoreError> {
    let is_given_up = event.kind == Action::WebhookDisabled.as_str() && text(&event.data, "disabled_reason").as_deref() == Some("failing");
    if !is_given_up {
        return Ok(());
    }
    let (webhook_id, url) = (text(&event.data, "id").unwrap_or_default(), text(&event.data, "url").unwrap_or_default());
    let body = format!(
        "Your webhook {webhook_id} ({url}) has failed at every attempt for five days, so it was disabled.\n\nOnce it answers again, \
         enable it and replay what it has missed: the events of the last 30 days are kept.\n"
    );
    for (number, recipient) in mail::list_owners(database, tenant).await?.into_iter().enumerate() {
        let ulid = u128::from(event.event_id.ulid()).wrapping_add(number as u128);
        let topic = format!("webhook:{webhook_id}:{}:{recipient}", event.event_id);
        let mail = mail::NewMail { recipient: &recipient, subject: "A webhook of yours was disabled", body: &body, topic: &topic };
        match mail::queue(database, MailId::from_ulid(ulid.into()), &mail, event.at_ms).await {
            Ok(()) | Err(StoreError::Taken(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What the events change; queries are summed by the hour first, so that a busy tenant costs one row.
pub fn changes_of(events: &[Event]) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut queries: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events {
        let kind = Action::ALL.iter().find(|action| action.as_str() == event.kind);
        match kind {
            Some(Action::TenantCreated) => changes.push(Change::Tenant),
            Some(Action::TenantUpdated) => changes.extend(tenant_change(&event.data)),
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

fn tenant_change(data: &Value) -> Option<Change> {
    Some(Change::TenantProfile { name: text(data, "name")?, plan: text(data, "plan")? })
}

fn member_change(data: &Value) -> Option<Change> {
    Some(Change::Member { user_id: text(data, "user_id")?, role: text(data, "role")?, added_at_ms: data.get("added_at_ms")?.as_u64()? })
}
