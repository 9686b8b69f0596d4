//! A metered request as the object runs it: its price held in one transaction, the tenant's memory asked, the price taken
//! or given back in another.
//!
//! Invariant: nothing is awaited inside either transaction, and the second reads anew what it depends on. What dies between
//! the two leaves a hold that runs out by itself, and an idempotency record in flight as long as that.

use worker::Env;

use super::call::{Proof, TenantCall, TenantReply};
use super::command::{Command, MeterCapture, MeterRelease, MeterReserve};
use super::outcome::{Answered, Outcome, Reserved};
use crate::domain::digest::Digest;
use crate::domain::id::{RequestId, TenantUuid};
use crate::domain::time::Timestamp;
use crate::edge::{BadSetting, Edge};
use crate::objects::hop::{Cost, HopError};
use crate::objects::memory::client;
use crate::objects::memory::command::MemoryCall;
use crate::objects::wire;

/// A request that was admitted, with its price held.
pub(super) struct Errand {
    request_id: RequestId,
    scope_hash: Option<Digest>,
    request: MeterReserve,
    reserved: Reserved,
    tenant: TenantUuid,
}

impl Errand {
    /// What is still to be done after `reply`; `None` when the call is none of the kind, was refused or answered before.
    pub(super) fn after(call: TenantCall, reply: &TenantReply) -> Option<Self> {
        let (Command::MeterReserve(request), Ok(Outcome::Reserved(reserved)), Some(caller)) = (call.command, &reply.outcome, &reply.caller)
        else {
            return None;
        };
        let scope_hash = call.idempotency.map(|claim| claim.scope_hash);
        Some(Self { request_id: call.request_id, scope_hash, request, reserved: reserved.clone(), tenant: caller.tenant_uuid })
    }

    /// Asks the memory what the request was for. A memory that refuses is not paid for.
    pub(super) async fn ask(&self, env: &Env, now: Timestamp, cost: &Cost) -> Result<Answered, HopError> {
        let broken = |what: String| HopError::Broken(what);
        let edge = Edge::new(env.clone()).map_err(|BadSetting(name)| broken(format!("setting {name}")))?;
        let memories = edge.memories().map_err(|error| broken(error.to_string()))?;
        let command = wire::read(&self.request.question).map_err(|error| broken(error.to_string()))?;
        // A question changes nothing there, so no alarm of the memory comes with the answer.
        let asked = client::call(&memories, self.tenant, now, &MemoryCall { command, idempotency: None }, cost).await?;
        let outcome = asked.reply.outcome.map_err(|refusal| broken(format!("the memory refused: {refusal:?}")))?;
        Ok(Answered {
            query_id: self.request.query_id,
            price_micros: self.request.price_micros,
            available_micros: self.reserved.available_micros,
            answer: wire::write(&outcome).map_err(|error| broken(error.to_string()))?,
        })
    }

    /// The call that takes the price and keeps the answer; none when nothing was held and no key was sent.
    pub(super) fn capture(&self, answered: &Answered) -> Option<TenantCall> {
        let is_needed = self.reserved.reservation_id.is_some() || self.scope_hash.is_some();
        is_needed.then(|| {
            self.second(Command::MeterCapture(MeterCapture {
                reservation_id: self.reserved.reservation_id,
                amount_micros: None,
                scope_hash: self.scope_hash,
                answer: self.scope_hash.map(|_| answered.clone()),
            }))
        })
    }

    /// The call that gives the price back and lets a repeat run anew.
    pub(super) fn release(&self) -> TenantCall {
        self.second(Command::MeterRelease(MeterRelease { reservation_id: self.reserved.reservation_id, scope_hash: self.scope_hash }))
    }

    fn second(&self, command: Command) -> TenantCall {
        TenantCall::new(self.request_id, Proof::House, command)
    }
}
