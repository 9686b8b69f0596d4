//! The client half of a memory object.

use super::command::{MemoryCall, MemoryReply};
use crate::domain::id::TenantUuid;
use crate::domain::time::Timestamp;
use crate::objects::hop::{Answered, Cost, HopError, ObjectNamespace, Timed, call_object};

/// Asks the memory of that tenant.
pub async fn call(
    memories: &ObjectNamespace,
    tenant: TenantUuid,
    now: Timestamp,
    call: &MemoryCall,
    cost: &Cost,
) -> Result<Answered<MemoryReply>, HopError> {
    call_object(memories, &tenant.to_string(), &Timed { now, call }, cost).await
}
