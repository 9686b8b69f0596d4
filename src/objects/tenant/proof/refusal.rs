//! Why a session, a delegation or a receipt was not to be had: a closed list, each with one meaning.

use serde::{Deserialize, Serialize};

use super::super::desk::Stop;
use super::super::refusal::Refusal;
use crate::domain::delegation::PlaceError;

/// A refusal. The comment gives the status it ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofRefusal {
    /// 403. No session for an agent that is suspended or revoked.
    AgentNotActive,
    /// 403. More was asked for than the agent holds, or more entries than a set takes with the denials it is under.
    ScopeNotHeld,
    /// 409.
    DelegationDepthExceeded,
    /// 409.
    DelegationCycle,
    /// 409.
    DelegationExpired,
    /// 500. The envelope that was signed does not read any more; verifying tells.
    ReceiptDamaged,
}

impl From<PlaceError> for ProofRefusal {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Cycle => Self::DelegationCycle,
            PlaceError::TooDeep => Self::DelegationDepthExceeded,
        }
    }
}

impl From<ProofRefusal> for Stop {
    fn from(refusal: ProofRefusal) -> Self {
        Self::Refused(Refusal::Proof(refusal))
    }
}
