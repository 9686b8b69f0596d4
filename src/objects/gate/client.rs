//! The client half of a gate.

use super::{Call, Outcome, Reply};
use crate::objects::hop::{Cost, HopError, ObjectNamespace, call_object};

/// Asks the gate of that name.
pub async fn call(gates: &ObjectNamespace, name: &str, call: &Call, cost: &Cost) -> Result<Outcome, HopError> {
    let answered = call_object::<_, Reply>(gates, name, call, cost).await?;
    Ok(answered.reply.outcome)
}
