//! Delegations: an agent offers another part of what it may do; who accepts becomes its child.
//!
//! Invariant: parents form trees at most [`DEPTH_MAX`] deep, and no child is allowed what its parent is not: what is given
//! is held by the giver, and what the receiver brought with it is cut to what the giver holds, all the way down.

use serde::{Deserialize, Serialize};

use super::time::Timestamp;
use super::trust::DEPTH_MAX;

/// Where a delegation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DelegationStatus {
    Offered,
    Accepted,
    /// Nobody accepted it in time.
    Expired,
}

impl DelegationStatus {
    /// An offer runs out; what was accepted stays.
    pub fn of(accepted_at: Option<Timestamp>, expires_at: Option<Timestamp>, now: Timestamp) -> Self {
        match (accepted_at, expires_at) {
            (Some(_), _) => Self::Accepted,
            (None, Some(at)) if at <= now => Self::Expired,
            (None, _) => Self::Offered,
        }
    }
}

/// Why a receiver cannot become the giver's child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceError {
    /// The giver stands below the receiver.
    Cycle,
    /// The receiver, or an agent below it, would stand too deep.
    TooDeep,
}

/// The receiver's depth under a giver at `giver_depth`; `levels_below` generations stand under the receiver and move with it.
///
/// # Errors
/// [`PlaceError`]: a cycle before a depth.
pub const fn place_under(giver_depth: u64, levels_below: u64, giver_is_below: bool) -> Result<u64, PlaceError> {
    let depth = giver_depth.saturating_add(1);
    if giver_is_below {
        Err(PlaceError::Cycle)
    } else if depth.saturating_add(levels_below) > DEPTH_MAX {
        Err(PlaceError::TooDeep)
    } else {
        Ok(depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_moves_with_all_below_it_and_never_under_itself() {
        assert_eq!(place_under(0, 0, false), Ok(1));
        assert_eq!(place_under(7, 0, false), Ok(8));
        assert_eq!(place_under(8, 0, false), Err(PlaceError::TooDeep));
        assert_eq!(place_under(6, 1, false), Ok(7));
        assert_eq!(place_under(6, 2, false), Err(PlaceError::TooDeep));
        assert_eq!(place_under(8, 8, true), Err(PlaceError::Cycle));
    }

    #[test]
    fn an_offer_runs_out_and_what_was_accepted_stays() {
        let at = Timestamp::from_ms;
        assert_eq!(DelegationStatus::of(None, Some(at(10)), at(9)), DelegationStatus::Offered);
        assert_eq!(DelegationStatus::of(None, Some(at(10)), at(10)), DelegationStatus::Expired);
        assert_eq!(DelegationStatus::of(Some(at(9)), Some(at(10)), at(10)), DelegationStatus::Accepted);
        assert_eq!(DelegationStatus::of(None, None, at(10)), DelegationStatus::Offered);
    }
}
