//! What happens to a tenant: the actions its audit chain records and the events its outbox hands on.
//!
//! Invariant: each announced action leaves exactly one event, of the same name, committed with its audit entry.

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $name:literal;)*) => {
        /// An action, as the audit chain names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$doc])* $action,)*
        }

        impl Action {
            pub const ALL: &[Self] = &[$(Self::$action),*];

            /// The name in the chain and, when announced, of the event.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$action => $name,)* }
            }
        }
    };
}

actions! {
    TenantCreated = "tenant.created";
    TenantUpdated = "tenant.updated";
    AgentRegistered = "agent.registered";
    AgentSuspended = "agent.suspended";
    AgentActivated = "agent.activated";
    AgentRevoked = "agent.revoked";
    KeyMinted = "key.minted";
    KeyRevoked = "key.revoked";
    EnrollmentMinted = "enrollment.minted";
    EnrollmentRevoked = "enrollment.revoked";
    EnrollmentRedeemed = "enrollment.redeemed";
    OwnerInvited = "owner.invited";
    OwnerJoined = "owner.joined";
    MemberAdded = "member.added";
    MemberRemoved = "member.removed";
    WalletCreated = "wallet.created";
    WalletFunded = "wallet.funded";
    /// Money of a metered request was held; what becomes of it is announced, not this.
    QueryHeld = "query.held";
    /// The rest of a hold that was captured in part went back.
    QueryRemainderFreed = "query.remainder_freed";
    QueryReleased = "query.released";
    QueryExpired = "query.expired";
    /// A metered request was paid for.
    QueryCharged = "query.charged";
    MandateCreated = "mandate.created";
    MandateUpdated = "mandate.updated";
    MandateExhausted = "mandate.exhausted";
    MandateExpired = "mandate.expired";
    MandateRevoked = "mandate.revoked";
    /// An execution token was given out; what it is used for is announced, not this.
    TokenGranted = "execution_token.granted";
    ReservationCreated = "reservation.created";
    ReservationCaptured = "reservation.captured";
    /// The rest of a hold that was captured in part went back.
    ReservationRemainderFreed = "reservation.remainder_freed";
    ReservationReleased = "reservation.released";
    ReservationExpired = "reservation.expired";
    PaymentSucceeded = "payment.succeeded";
    PaymentDenied = "payment.denied";
    PaymentPendingApproval = "payment.pending_approval";
    PaymentExpired = "payment.expired";
    PaymentFailed = "payment.failed";
    ApprovalRequested = "approval.requested";
    ApprovalApproved = "approval.approved";
    ApprovalDenied = "approval.denied";
    ApprovalExpired = "approval.expired";
    LeaseCreated = "lease.created";
    LeaseReleased = "lease.released";
    LeaseRevoked = "lease.revoked";
    LeaseExpired = "lease.expired";
    LeaseExhausted = "lease.exhausted";
    PacketUpdated = "tenant.packet_updated";
    TenantStopped = "tenant.stopped";
    TenantResumed = "tenant.resumed";
    AgentUpdated = "agent.updated";
    AgentKeyRotated = "agent.key_rotated";
    /// An agent's trust was computed; what it comes to stands in its own history.
    TrustComputed = "agent.trust_computed";
    SessionOpened = "agent_session.opened";
    SessionRefreshed = "agent_session.refreshed";
    SessionTerminated = "agent_session.terminated";
    DelegationOffered = "delegation.offered";
    DelegationAccepted = "delegation.accepted";
    /// The entry's object is the receipt's id, a colon and its chain hash.
    ReceiptIssued = "receipt.issued";
}

impl Action {
    /// Whether the action leaves an event in the outbox.
    pub const fn is_announced(self) -> bool {
        !matches!(
            self,
            Self::QueryHeld
                | Self::QueryRemainderFreed
                | Self::ReservationRemainderFreed
                | Self::TokenGranted
                | Self::TrustComputed
                | Self::SessionOpened
                | Self::SessionRefreshed
                | Self::SessionTerminated
                | Self::DelegationOffered
                | Self::DelegationAccepted
                | Self::ReceiptIssued
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_actions_share_a_name() {
        let names: std::collections::BTreeSet<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names.len(), Action::ALL.len());
    }
}
