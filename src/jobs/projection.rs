//! The queue's consumer: events of the objects become rows of the book of record. A message is acknowledged or retried
//! by itself; a body that is no message is left to the dead-letter queue. What was lost there is fetched from its object
//! with the next message of the same tenant.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::event::Action;
use crate::domain::form::order::OrderForm;
use crate::domain::id::{MailId, RequestId, TenantUuid};
use crate::domain::payment::is_for_market;
use crate::domain::time::Timestamp;
use crate::edge::{self, Edge, PlatformEntropy};
use crate::objects::clock;
use crate::objects::hop::{Cost, HopError};
use crate::objects::message::{MemoryCounts, Message, TenantEvents};
use crate::objects::tenant::call::{Proof, TenantCall};
use crate::objects::tenant::client;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::{Event, Outcome};
use crate::store::projection::{Applied, Change, apply, count_memory};
use crate::store::{Database, StoreError, mail};

/// Events fetched at once of those a message shows to be missing, and how often for one message.
const FETCH_BATCH: u64 = 100;
const FETCH_ROUNDS: u32 = 20;

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
        Message::TenantEvents(events) => project(edge, database, events).await,
        // Not a projection; its own consumer takes it.
        Message::WebhookAttempt(_) | Message::Transfer(_) | Message::Return(_) => return Verdict::Retry,
        Message::MemoryCounts(MemoryCounts { tenant, observations, open_sessions, at }) => {
            count_memory(database, &tenant, observations, open_sessions, at.as_ms()).await.map(|()| Applied::Done).map_err(Failure::from)
        }
    };
    match result {
        Ok(Applied::Done) => Verdict::Acknowledge,
        Ok(Applied::TooEarly { .. }) => Verdict::Retry,
        Err(error) => {
            worker::console_error!("{}", serde_json::json!({"job": "projection", "error": error.to_string()}));
            Verdict::Retry
        }
    }
}

/// Why events were not applied.
#[derive(Debug)]
enum Failure {
    Store(StoreError),
    Hop(HopError),
    /// The object is nobody's, or answered something else than was asked.
    Misanswered,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<HopError> for Failure {
    fn from(error: HopError) -> Self {
        Self::Hop(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Hop(error) => error.fmt(f),
            Self::Misanswered => f.write_str("the object told no events"),
        }
    }
}

/// Applies a message. What comes before it and is missing, be it late or lost, is fetched from the object, which keeps it.
async fn project(edge: &Edge, database: Database<'_>, message: TenantEvents) -> Result<Applied, Failure> {
    let mut applied = apply_events(database, &message).await?;
    let mut rounds = 0;
    while let Applied::TooEarly { projected_seq: Some(after_seq) } = applied
        && rounds < FETCH_ROUNDS
    {
        let events = fetch_events(edge, &message.tenant, after_seq).await?;
        if events.is_empty() {
            break;
        }
        apply_events(database, &TenantEvents { tenant: message.tenant.clone(), after_seq, events }).await?;
        applied = apply_events(database, &message).await?;
        rounds += 1;
    }
    Ok(applied)
}

async fn apply_events(database: Database<'_>, message: &TenantEvents) -> Result<Applied, StoreError> {
    let Some(upto_seq) = message.events.last().map(|event| event.seq) else { return Ok(Applied::Done) };
    let applied = apply(database, &message.tenant, message.after_seq, upto_seq, changes_of(&message.events)).await?;
    if applied == Applied::Done {
        for event in &message.events {
            tell_owners(database, &message.tenant, event).await?;
        }
    }
    Ok(applied)
}

/// The events a tenant's object keeps after that one, oldest first.
async fn fetch_events(edge: &Edge, tenant: &str, after_seq: u64) -> Result<Vec<Event>, Failure> {
    let uuid = TenantUuid::parse(tenant).ok_or(Failure::Misanswered)?;
    let tenants = edge.tenants().map_err(|error| HopError::Broken(error.to_string()))?;
    clock::learn(edge).await?;
    let now = edge::now();
    let command = Command::OutboxReadAfter { after_seq, limit: FETCH_BATCH };
    let call = TenantCall::new(RequestId::new(now, &mut PlatformEntropy), Proof::House, command);
    match client::call(&tenants, uuid, now, &call, &Cost::default()).await?.reply.outcome {
        Ok(Outcome::Events { events, .. }) => Ok(events),
        _ => Err(Failure::Misanswered),
    }
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
        match Action::parse(&event.kind) {
            Some(Action::TenantCreated) => changes.push(Change::Tenant),
            Some(Action::TenantUpdated) => changes.extend(tenant_change(&event.data)),
            Some(
                action @ (Action::AgentRegistered
                | Action::AgentUpdated
                | Action::AgentSuspended
                | Action::AgentActivated
                | Action::AgentRevoked),
            ) => {
                changes.extend(agent_change(action, &event.data));
            }
            Some(
                Action::OrderCreated
                | Action::OrderQuoted
                | Action::OrderAccepted
                | Action::OrderPaid
                | Action::OrderInProgress
                | Action::OrderDelivered
                | Action::OrderCompleted
                | Action::OrderDisputed
                | Action::OrderCancelled
                | Action::OrderPaidOut
                | Action::OrderRefundSent
                | Action::OrderSettling,
            ) => {
                changes.extend(order_change(&event.data));
                changes.extend(count_of_service(&event.kind, &event.data));
            }
            Some(Action::PaymentSucceeded) => changes.extend(market_payment(&event.data)),
            Some(Action::QueryCharged) => *queries.entry(event.at_ms.as_s() / 3600).or_default() += 1,
            Some(Action::OwnerJoined | Action::MemberAdded) => changes.extend(member_change(&event.data)),
            Some(Action::ProfileOpened | Action::ProfileUpdated) => changes.extend(read(&event.data).map(Change::Profile)),
            Some(Action::ServiceCreated | Action::ServiceUpdated | Action::ServiceRemoved) => {
                changes.extend(read(&event.data).map(Change::Service));
            }
            Some(Action::OrderReviewed) => changes.extend(read(&event.data).map(Change::Reviewed)),
            Some(Action::MemberRemoved) => changes.extend(text(&event.data, "user_id").map(|user_id| Change::MemberGone { user_id })),
            _ => {}
        }
    }
    changes.extend(queries.into_iter().map(|(hour, count)| Change::Queries { hour, count }));
    changes
}

fn read<T: DeserializeOwned>(data: &Value) -> Option<T> {
    T::deserialize(data).ok()
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

/// A payment that may pay for an order.
fn market_payment(data: &Value) -> Option<Change> {
    let merchant = text(data, "merchant").filter(|merchant| is_for_market(merchant));
    merchant.and_then(|_| Some(Change::MarketPayment { payment_id: text(data, "id")? }))
}

/// What buyers list is kept as they are shown it, member by member: what an event holds beyond that, and in which order, is left behind.
fn order_change(data: &Value) -> Option<Change> {
    let order: OrderForm = read(data)?;
    let form = serde_json::to_string(&order).ok()?;
    Some(Change::Order { order_id: order.id.to_string(), version: order.version, client_wallet: order.client_wallet, form })
}

/// What an order's beginning and its end add to the figures of its service.
fn count_of_service(kind: &str, data: &Value) -> Option<Change> {
    let service_id = text(data, "service_id")?;
    match Action::parse(kind) {
        Some(Action::OrderCreated) => Some(Change::Ordered { service_id }),
        Some(Action::OrderCompleted) => Some(Change::Completed { service_id }),
        _ => None,
    }
}

fn tenant_change(data: &Value) -> Option<Change> {
    Some(Change::TenantProfile { name: text(data, "name")?, plan: text(data, "plan")? })
}

fn member_change(data: &Value) -> Option<Change> {
    Some(Change::Member { user_id: text(data, "user_id")?, role: text(data, "role")?, added_at_ms: data.get("added_at_ms")?.as_u64()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::EventId;
    use serde_json::json;

    #[test]
    fn what_the_marketplace_is_told_is_read_whole() {
        let service = json!({
            "id": "svc_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "agent_id": "ext_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "agent_name": "A", "agent_slug": "a",
            "category": "ugc", "title": "t", "description": "d", "price_usd": "5.00", "price_type": "fixed", "turnaround_hours": 1,
            "deliverables": ["x"], "demo_url": null, "quota_limit": 0, "active": 1, "total_orders": 0, "completed_orders": 0,
            "avg_rating": 4.67, "created_at": "2026-02-02T02:40:00.123Z", "version": 1,
        });
        let profile = json!({
            "id": "ext_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "slug": "a", "name": "A", "description": "d", "avatar_url": null,
            "endpoint_url": "https://a.example", "capabilities": ["ugc"], "verified": 1, "total_orders": 0, "completed_orders": 0,
            "avg_rating": null, "owner_wallet": "w", "owner_wallet_verified": true, "payout_wallet": null, "maip_id": "maip:0:1",
            "token": null, "created_at": "2026-02-02T02:40:00.123Z", "version": 1,
        });
        let review = json!({
            "id": "rev_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "order_id": "ord_01J8ZZZZZZZZZZZZZZZZZZZZZZ",
            "service_id": "svc_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "reviewer_name": "w", "rating": 5, "comment": null,
            "created_at": "2026-02-02T02:40:00.123Z",
        });
        let order = json!({
            "id": "ord_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "service_id": "svc_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "service_title": "t",
            "client_wallet": "w", "provider_agent_id": "ext_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "provider_name": "A", "brief": "b",
            "reference_urls": [], "reference_images": [], "status": "completed", "quoted_price_usd": "5.00", "platform_fee_usd": "0.50",
            "payment_method": "usdc-sol", "escrow_tx_hash": "x", "payout_tx_hash": "y", "deliverable_url": null,
            "deliverable_media_type": null, "deliverable_sha256": null, "deliverables": [], "quota_total": 0, "quota_used": 0,
            "workspace_expires_at": null, "delivered_at": null, "review_deadline": null, "completed_at": null, "dispute_count": 0,
            "auto_action_at": null, "settlement": "sandbox", "payout_status": "paid", "refund_status": "none", "refund_tx_hash": null,
            "created_at": "2026-02-02T02:40:00.123Z", "version": 9, "wallet": "purse", "amount_usd": "4.50",
        });
        let payment = json!({"id": "pay_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "merchant": "Atelier", "metadata": {"order_id": "x"}});
        for (action, data) in [
            (Action::ProfileOpened, &profile),
            (Action::ProfileUpdated, &profile),
            (Action::ServiceCreated, &service),
            (Action::ServiceUpdated, &service),
            (Action::ServiceRemoved, &service),
            (Action::OrderPaidOut, &order),
            (Action::OrderRefundSent, &order),
            (Action::OrderSettling, &order),
            (Action::OrderReviewed, &review),
            (Action::PaymentSucceeded, &payment),
        ] {
            let (seq, event_id, at_ms) = (1, EventId::from_ulid(1_u128.into()), Timestamp::from_ms(1_770_000_000_000));
            let event = Event { seq, event_id, kind: action.as_str().to_owned(), at_ms, data: data.clone() };
            let sent = TenantEvents::cut("t".to_owned(), 0, vec![event.clone()]).unwrap().events;
            assert_eq!(changes_of(&sent), changes_of(&[event]), "{action:?}");
            assert_eq!(changes_of(&sent).len(), 1, "{action:?}");
            if let [Change::Order { form, .. }] = changes_of(&sent).as_slice() {
                let shown = serde_json::to_string(&read::<OrderForm>(&order).unwrap()).unwrap();
                assert_eq!(*form, shown, "{action:?}");
            }
        }
    }

    #[test]
    fn what_a_message_leaves_out_changes_nothing() {
        let data = json!({
            "agt_id": "agt_1", "display_name": "a", "wallet_address": "0x1", "status": "active", "created_at": "2026-02-02T02:40:00.123Z",
            "name": "n", "plan": "free", "user_id": "u", "role": "owner", "added_at_ms": 7, "id": "whk_1", "url": "https://a.example",
            "disabled_reason": "failing", "metadata": {"m": "x"},
        });
        for (seq, action) in (1..).zip(Action::ALL) {
            let at_ms = Timestamp::from_ms(1_770_000_000_000);
            let event = Event {
                seq,
                event_id: EventId::from_ulid(u128::from(seq).into()),
                kind: action.as_str().to_owned(),
                at_ms,
                data: data.clone(),
            };
            let sent = TenantEvents::cut("t".to_owned(), 0, vec![event.clone()]).unwrap().events;
            assert_eq!(changes_of(&sent), changes_of(&[event]), "{action:?}");
            if *action == Action::WebhookDisabled {
                assert!(
                    ["id", "url", "disabled_reason"].into_iter().all(|name| text(&sent[0].data, name).is_some()),
                    "its mail names them"
                );
            }
        }
    }
}
