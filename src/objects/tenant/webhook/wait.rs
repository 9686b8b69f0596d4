//! Requests that wait for an event (the feed's long poll).
//!
//! The object holds them instead of being asked again and again: a held request costs nothing until the alarm hands events
//! on, which wakes all of them to look once more. What wakes them is the alarm and not the recording of an event, so the way
//! of money gains nothing. Nothing crosses from one request to another but the number of a slot, and each is answered by its
//! own task; a request that finds too many waiting is not woken, and looks once more when its time is over.

use std::cell::RefCell;

use worker::wasm_bindgen::JsValue;

use super::command::{Feed, WebhookCommand, WebhookOutcome};
use crate::edge::platform;
use crate::edge::task::Answer;
use crate::objects::tenant::call::{Proof, TenantCall, TenantReply};
use crate::objects::tenant::command::Command;
use crate::objects::tenant::outcome::Outcome;

/// Requests that are woken, in one object: all of them look at once.
const WAITERS_MAX: usize = 32;

/// Who waits, by the slots of their tasks.
#[derive(Debug, Default)]
pub(in crate::objects::tenant) struct Waiters(RefCell<Vec<u32>>);

impl Waiters {
    /// Waits until there may be something new, at most so long.
    pub async fn wait(&self, wait_ms: u64) -> Result<(), JsValue> {
        let mut own = 0;
        let answer = Answer::to(|slot| {
            own = slot;
            platform::pause(u32::try_from(wait_ms).unwrap_or(0), slot);
        });
        if self.0.borrow().len() < WAITERS_MAX {
            self.0.borrow_mut().push(own);
        }
        let woken = answer.await;
        self.0.borrow_mut().retain(|slot| *slot != own);
        woken.map(drop)
    }

    /// Lets everybody look again.
    pub fn wake_all(&self) {
        for slot in self.0.take() {
            platform::pause(0, slot);
        }
    }
}

/// A call of the feed that found nothing and has time.
pub(in crate::objects::tenant) struct Question {
    call: TenantCall,
    wait_ms: u64,
    /// Whether it may have stopped before the end of what there is: one call looks at so much and no more.
    looks_on: bool,
}

impl Question {
    /// What is still to be asked after `reply`; `None` when there is nothing to wait for.
    pub fn after(call: &TenantCall, reply: &TenantReply) -> Option<Self> {
        let Command::Webhook(WebhookCommand::Feed(feed)) = &call.command else { return None };
        if feed.wait_ms == 0 || reply.outcome.is_err() || has_events(reply) {
            return None;
        }
        // It was admitted and counted; what it may see was settled with its command.
        let again = Command::Webhook(WebhookCommand::Feed(Feed { wait_ms: 0, ..feed.clone() }));
        let call = TenantCall::new(call.request_id, Proof::House, again);
        let mut question = Self { call, wait_ms: feed.wait_ms, looks_on: false };
        question.go_on(reply);
        Some(question)
    }

    /// Goes on behind what `reply` has looked at.
    pub fn go_on(&mut self, reply: &TenantReply) {
        if let Command::Webhook(WebhookCommand::Feed(feed)) = &mut self.call.command {
            let reached = next_after(reply).or(feed.after);
            self.looks_on = reached != feed.after;
            feed.after = reached;
        }
    }

    /// Whether it is to be asked again before anything is waited for.
    pub const fn looks_on(&self) -> bool {
        self.looks_on
    }

    pub const fn wait_ms(&self) -> u64 {
        self.wait_ms
    }

    /// The same question, to be asked again.
    pub const fn call(&self) -> &TenantCall {
        &self.call
    }
}

/// Whether an answer of the feed holds events.
pub(in crate::objects::tenant) fn has_events(reply: &TenantReply) -> bool {
    matches!(&reply.outcome, Ok(Outcome::Webhook(WebhookOutcome::Feed { events, .. })) if !events.is_empty())
}

fn next_after(reply: &TenantReply) -> Option<crate::domain::id::EventId> {
    match &reply.outcome {
        Ok(Outcome::Webhook(WebhookOutcome::Feed { next_after, .. })) => *next_after,
        _ => None,
    }
}
