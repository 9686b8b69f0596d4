//! The client half of a gate.

use worker::ObjectNamespace;

use super::{Call, Outcome, Reply};
use crate::objects::hop::{Cost, HopError, call_object};

/// Asks the gate of that name.
pub async fn call(gates: &ObjectNamespace, name: &str, call: &Call, cost: &Cost) -> Result<Outcome, HopError> {
    let stub = gates.get_by_name(name).map_err(|error| HopError::Broken(error.to_string()))?;
    let answered = call_object::<_, Reply>(&stub, call, cost).await?;
    Ok(answered.reply.outcome)
}
