//! The client half of a memory object.

use worker::ObjectNamespace;

use super::command::{MemoryCall, MemoryReply};
use crate::domain::id::TenantUuid;
use crate::domain::time::Timestamp;
use crate::objects::hop::{Answered, Cost, HopError, Timed, call_object};

/// Asks the memory of that tenant.
pub async fn call(
    memories: &ObjectNamespace,
    tenant: TenantUuid,
    now: Timestamp,
    call: &MemoryCall,
    cost: &Cost,
) -> Result<Answered<MemoryReply>, HopError> {
    let stub = memories.get_by_name(&tenant.to_string()).map_err(|error| HopError::Broken(error.to_string()))?;
    call_object(&stub, &Timed { now, call }, cost).await
}
