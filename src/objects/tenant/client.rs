//! The client half of a tenant's object.

use super::call::{TenantCall, TenantReply};
use crate::domain::id::TenantUuid;
use crate::domain::time::Timestamp;
use crate::objects::hop::{Answered, Cost, HopError, ObjectNamespace, Timed, call_object};

/// Asks the object of that tenant.
pub async fn call(
    tenants: &ObjectNamespace,
    tenant: TenantUuid,
    now: Timestamp,
    call: &TenantCall,
    cost: &Cost,
) -> Result<Answered<TenantReply>, HopError> {
    call_object(tenants, &tenant.to_string(), &Timed { now, call }, cost).await
}
