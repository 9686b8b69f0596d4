//! Webhooks: endpoints, their deliveries, and the feed of events (contract README 11, identity-and-money 13 and 14).
//!
//! The outbox row is the event, committed with what caused it; nothing here runs on that way. The object's alarm looks at
//! the events after each endpoint's own cursor ([`fan`]) and writes a delivery for those the endpoint wants. Deliveries that
//! are due are claimed ([`attempt`]) and go to the queue, one message each; its consumer makes the attempt and reports what
//! came of it, and the report decides what is next.
//!
//! Invariant: every wanted event ends delivered or failed. A claim is a lease: what dies between claim and report is due
//! again when the lease is over, under the next number, and only the report of the latest number counts. So a message that
//! comes twice, or a report that comes late, changes nothing; the receiver may see an event twice, under the same id.
//!
//! The breaker: once an endpoint has failed twenty times in a row it gets one attempt at a time, what was asked for by hand
//! first and then its oldest due delivery, after pauses that grow from half a minute to half an hour. Its other deliveries
//! stay due and use no attempt of their schedule up. The first success closes the breaker, and all of them go out.

pub(super) mod attempt;
pub mod command;
pub(super) mod delivery;
pub(super) mod endpoint;
pub(super) mod fan;
pub(super) mod feed;
pub(super) mod wait;

use command::{WebhookCommand, WebhookOutcome};

use super::desk::{Desk, Done, Keep, Step};
use super::outcome::Outcome;

/// Runs a command.
pub(super) fn execute(desk: &mut Desk<'_>, command: &WebhookCommand) -> Step<Done> {
    let outcome = match command {
        WebhookCommand::Create(request) => endpoint::create(desk, request)?,
        WebhookCommand::List => endpoint::list(desk)?,
        WebhookCommand::Get { webhook_id } => WebhookOutcome::Endpoint(endpoint::find(desk, *webhook_id)?),
        WebhookCommand::Update { webhook_id, change } => endpoint::update(desk, *webhook_id, change)?,
        WebhookCommand::Delete { webhook_id } => endpoint::delete(desk, *webhook_id)?,
        WebhookCommand::RotateSecret { webhook_id, secret } => endpoint::rotate_secret(desk, *webhook_id, secret)?,
        WebhookCommand::Test { webhook_id } => delivery::send_test(desk, *webhook_id)?,
        WebhookCommand::Deliveries { webhook_id, status, event, limit, before } => {
            delivery::list(desk, *webhook_id, *status, event.as_deref(), *limit, *before)?
        }
        WebhookCommand::ReplayOne { webhook_id, delivery_id } => delivery::replay(desk, *webhook_id, *delivery_id)?,
        WebhookCommand::ReplaySince { webhook_id, since } => fan::replay_since(desk, *webhook_id, *since)?,
        WebhookCommand::Feed(feed) => feed::read(desk, feed)?,
        WebhookCommand::Claim { limit } => attempt::claim(desk, *limit)?,
        WebhookCommand::Report { delivery_id, claim, attempted } => attempt::report(desk, *delivery_id, *claim, attempted)?,
    };
    let keep = if command.only_reads() || command.is_of_house() { Keep::Nothing } else { Keep::Outcome };
    Ok(Done { outcome: Outcome::Webhook(outcome), keep })
}
