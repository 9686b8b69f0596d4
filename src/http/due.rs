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
use crate::objects::tenant::outcome::Outcome;
use crate::store::Database;
use crate::store::due::{self, DueObject, ObjectClass};

/// One run visits at most this many objects.
const OBJECTS_MAX: u64 = 1_000;
/// How much one call of an object takes on of each kind of work.
const BATCH: u64 = 500;
/// One visit calls an object at most so often.
const CALLS_MAX: u32 = 20;

/// Runs what has come due by `now`. Answers how many objects are left when there were too many for one run.
pub async fn run_all(edge: &Edge, now: Timestamp) -> Result<u64, Fault> {
    let database = edge.database().map_err(|error| Fault::internal(error.to_string()))?;
    let database = Database::new(&database, &|| ());
    for object in due::list(database, now, OBJECTS_MAX).await? {
        let visited = visit_all(edge, &object, now).await?;
        // What else is due at once, such as an attempt to be sent, the object's alarm sees to.
        let next_due_at_ms = if visited.may_be_more { Some(now.as_ms()) } else { visited.next_due_at_ms.map(|at| at.max(now.as_ms() + 1)) };
        due::settle(database, &object, next_due_at_ms).await?;
    }
    Ok(due::count(database, now).await?)
}

/// What a visit came to.
#[derive(Default)]
struct Visited {
    next_due_at_ms: Option<u64>,
    /// It took on as much as one call does, so that as much may be left.
    may_be_more: bool,
}

/// Tells one object to run its due work until there is none left, or it was told often enough: then it stays due, and a
/// later run goes on.
async fn visit_all(edge: &Edge, object: &DueObject, now: Timestamp) -> Result<Visited, Fault> {
    let mut visited = visit(edge, object, now).await?;
    for _ in 1..CALLS_MAX {
        if !visited.may_be_more {
            break;
        }
        visited = visit(edge, object, now).await?;
    }
    Ok(visited)
}

/// Tells one object once.
async fn visit(edge: &Edge, object: &DueObject, now: Timestamp) -> Result<Visited, Fault> {
    let Some(uuid) = TenantUuid::parse(&object.name) else { return Ok(Visited::default()) };
    let namespace = |result: worker::Result<ObjectNamespace>| result.map_err(|error| HopError::Broken(error.to_string()));
    match object.class {
        ObjectClass::Tenant => {
            let call = TenantCall::new(RequestId::new(now, &mut PlatformEntropy), Proof::House, Command::RunDue { batch: BATCH });
            let answered = tenant_client::call(&namespace(edge.tenants())?, uuid, now, &call, &Cost::default()).await?;
            let may_be_more = matches!(&answered.reply.outcome, Ok(Outcome::Due(due)) if due.expired >= BATCH || due.purged >= BATCH);
            Ok(Visited { next_due_at_ms: answered.reply.next_due_at_ms.map(Timestamp::as_ms), may_be_more })
        }
        ObjectClass::Memory => {
            let call = MemoryCall { command: MemoryCommand::RunDue, idempotency: None };
            let answered = memory_client::call(&namespace(edge.memories())?, uuid, now, &call, &Cost::default()).await?;
            Ok(Visited { next_due_at_ms: answered.reply.next_due_at_ms, may_be_more: false })
        }
        // Gates are due only to forget, which their own alarms see to; they never stand in the index.
        ObjectClass::Gate => Ok(Visited::default()),
    }
}
