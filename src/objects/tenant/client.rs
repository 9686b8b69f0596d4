//! The client half of a tenant's object.

use worker::ObjectNamespace;

use super::call::{TenantCall, TenantReply};
use crate::domain::id::TenantUuid;
use crate::domain::time::Timestamp;
use crate::objects::hop::{Answered, Cost, HopError, Timed, call_object};

/// Asks the object of that tenant.
pub async fn call(
    tenants: &ObjectNamespace,
    tenant: TenantUuid,
    now: Timestamp,
    call: &TenantCall,
    cost: &Cost,
) -> Result<Answered<TenantReply>, HopError> {
    let stub = tenants.get_by_name(&tenant.to_string()).map_err(|error| HopError::Broken(error.to_string()))?;
    call_object(&stub, &Timed { now, call }, cost).await
}
