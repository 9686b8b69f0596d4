//! The memory object as handlers use it.

use super::code::Code;
use super::context::Ctx;
use super::fault::Fault;
use crate::domain::id::TenantUuid;
use crate::domain::idempotency::Claim;
use crate::objects::memory::client;
use crate::objects::memory::command::{Command, MemoryCall, Outcome, Refusal};
use crate::store::due::ObjectClass;

impl Ctx {
    /// Asks the memory of a tenant that has admitted this request. With a claim, the record and the effect are one
    /// commit there.
    pub async fn call_memory(&self, tenant: TenantUuid, idempotency: Option<Claim>, command: Command) -> Result<Outcome, Fault> {
        let namespace = self.edge.memories().map_err(|error| Fault::internal(error.to_string()))?;
        let answered = client::call(&namespace, tenant, self.now, &MemoryCall { command, idempotency }, &self.cost).await?;
        let reply = self.take_answer(ObjectClass::Memory, &tenant.to_string(), answered).await;
        self.set_replayed(reply.replayed || self.is_replayed());
        reply.outcome.map_err(fault_of_refusal)
    }
}

/// What a refusal of the memory is to the client.
fn fault_of_refusal(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::SessionNotFound => {
            Fault::new(Code::SessionNotFound, "no such session in this tenant; open it first: POST /v2/session/open")
        }
        Refusal::SessionClosed => {
            Fault::new(Code::SessionClosed, "the session is closed; open it again to resume it: POST /v2/session/open")
        }
        Refusal::SequenceBehind { sequence } => {
            Fault::new(Code::SequenceBehind, "the session has not come as far as min_sequence; append what is missing, or lower it")
                .with("sequence", sequence)
        }
        Refusal::MemoryFull => Fault::new(Code::MemoryFull, "this tenant remembers as much as it may: 100,000 observations"),
        Refusal::IdempotencyConflict => {
            Fault::new(Code::IdempotencyConflict, "this idempotency key was used with something else; take a new one")
        }
        Refusal::MetadataTooLarge => Fault::field("$.metadata", "is too large together with what the session has"),
    }
}

/// An outcome of another kind than the command asked for: a fault of ours.
pub fn unexpected_memory() -> Fault {
    Fault::internal("the memory answered something else than it was asked")
}
