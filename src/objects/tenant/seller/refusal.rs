//! Why nothing was done about a profile or a service: a closed list, each with one meaning.

use serde::{Deserialize, Serialize};

use super::super::desk::Stop;
use super::super::refusal::Refusal;

/// A refusal. The comment gives the status it ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SellerRefusal {
    /// 404. No market agent of this tenant, or none that this wallet owns.
    UnknownAgent,
    /// 404. No service of this tenant.
    UnknownService,
    /// 403. The caller is another agent.
    AnotherAgent,
    /// 403. The service is another agent's.
    AnothersService,
    /// 403. The agent is suspended, or revoked.
    AgentNotActive,
    /// 409.
    ProfileExists,
    /// 409.
    ServiceLimit,
    /// 409. An agent that is not revoked says itself where it is paid.
    AgentNotRevoked,
    /// 401. A wallet that has signed is replaced only by one that has.
    OwnerNotSigned,
    /// 409. The agent has a token.
    TokenExists,
    /// 409. Another request is launching the agent's token; whether it will is not known yet.
    LaunchUnderWay,
    /// 400. A token shows the agent's avatar.
    AvatarRequired,
}

impl SellerRefusal {
    /// Whether an idempotency record keeps it (contract README 7).
    pub const fn is_kept(self) -> bool {
        !matches!(self, Self::OwnerNotSigned | Self::LaunchUnderWay | Self::AvatarRequired)
    }
}

impl From<SellerRefusal> for Stop {
    fn from(refusal: SellerRefusal) -> Self {
        Self::Refused(Refusal::Seller(refusal))
    }
}
