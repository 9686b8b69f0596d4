//! Visiting the objects whose deadlines have passed: cron repairs with it what an alarm has missed, and the test clock
//! runs what it has made due.

use super::fault::Fault;
use crate::domain::id::{RequestId, TenantUuid};
use crate::domain::time::Timestamp;
use crate::edge::{Edge, PlatformEntropy};
use crate::objects::hop::{Cost, HopError, ObjectNamespace};
use crate::objects::memory::client as memory_client;
use crate::objects::memory::command::{Command as MemoryCommand, MemoryCall};
use crate::objects::tenant::call::{Proof, TenantCall};
use crate::objects::tenant::client as tenant_client;
use crate::objects::tenant::command::Command;
use crate::store::Database;
use crate::store::due::{self, DueObject, ObjectClass};

/// One run visits at most this many objects.
const OBJECTS_MAX: u64 = 1_000;
/// How much one visit takes on.
const BATCH: u64 = 500;

/// Runs what has come due by `now`. Answers how many objects are left when there were too many for one run.
pub async fn run_all(edge: &Edge, now: Timestamp) -> Result<u64, Fault> {
    let database = edge.database().map_err(|error| Fault::internal(error.to_string()))?;
    let database = Database::new(&database, &|| ());
    for object in due::list(database, now, OBJECTS_MAX).await? {
        let next_due_at_ms = visit(edge, &object, now).await?;
        // What is due again at once waits for the next run, or one object could hold a run for ever.
        due::settle(database, &object, next_due_at_ms.map(|at| at.max(now.as_ms() + 1))).await?;
    }
    Ok(due::count(database, now).await?)
}

/// Tells one object to run its due work; answers when it is due next.
async fn visit(edge: &Edge, object: &DueObject, now: Timestamp) -> Result<Option<u64>, Fault> {
    let Some(uuid) = TenantUuid::parse(&object.name) else { return Ok(None) };
    let namespace = |result: worker::Result<ObjectNamespace>| result.map_err(|error| HopError::Broken(error.to_string()));
    match object.class {
        ObjectClass::Tenant => {
            let call = TenantCall::new(RequestId::new(now, &mut PlatformEntropy), Proof::House, Command::RunDue { batch: BATCH });
            let answered = tenant_client::call(&namespace(edge.tenants())?, uuid, now, &call, &Cost::default()).await?;
            Ok(answered.reply.next_due_at_ms.map(Timestamp::as_ms))
        }
        ObjectClass::Memory => {
            let call = MemoryCall { command: MemoryCommand::RunDue, idempotency: None };
            let answered = memory_client::call(&namespace(edge.memories())?, uuid, now, &call, &Cost::default()).await?;
            Ok(answered.reply.next_due_at_ms)
        }
        // Gates are due only to forget, which their own alarms see to; they never stand in the index.
        ObjectClass::Gate => Ok(None),
    }
}
