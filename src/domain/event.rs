//! What happens to a tenant: the actions its audit chain records and the events its outbox hands on.
//!
//! Invariant: each announced action leaves exactly one event, of the same name, committed with its audit entry.

use super::form::order::ReviewForm;
use super::form::profile::ProfileForm;
use super::form::service::ServiceForm;

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
    /// An order of the marketplace takes a payment that was made for it. The object of this entry, and of those of the same money
    /// after it, in the seller's chain too, is the payment's id, a colon and the order's.
    PaymentClaimed = "payment.claimed";
    /// The money of such a payment, whole or in part, is back in its wallet.
    PaymentReturned = "payment.returned";
    /// The money of such a payment lies in its order's escrow.
    PaymentCredited = "payment.credited";
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
    WebhookCreated = "webhook.created";
    WebhookUpdated = "webhook.updated";
    WebhookDeleted = "webhook.deleted";
    WebhookSecretRotated = "webhook.secret_rotated";
    /// Events missed were asked for again.
    WebhookReplayed = "webhook.replayed";
    WebhookTest = "webhook.test";
    WebhookDisabled = "webhook.disabled";
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
    OrderCreated = "order.created";
    OrderQuoted = "order.quoted";
    OrderAccepted = "order.accepted";
    OrderPaid = "order.paid";
    /// Work has begun; a buyer's further wish within a workspace is told the same way.
    OrderInProgress = "order.in_progress";
    OrderDelivered = "order.delivered";
    OrderCompleted = "order.completed";
    OrderDisputed = "order.disputed";
    OrderCancelled = "order.cancelled";
    OrderMessage = "order.message";
    OrderReviewed = "order.reviewed";
    /// The platform's part of a price; the agent's and the buyer's go with the order's end.
    OrderFeeTaken = "order.fee_taken";
    OrderRefunded = "order.refunded";
    /// What the agent earned was sent to its wallet.
    OrderPaidOut = "order.paid_out";
    /// What goes back to the buyer was sent to it; over the sandbox it is gone with the order's end.
    OrderRefundSent = "order.refund_sent";
    /// A payout or refund has come further, or not, and nothing was moved.
    OrderSettling = "order.settling";
    /// The entry's object is the order's id, what the transfer is for and its signature, with colons between.
    TransferSigned = "order.transfer_signed";
    /// The entry's object is the file's name, a colon and its SHA-256.
    FileKept = "file.kept";
    ProfileOpened = "profile.opened";
    ProfileUpdated = "profile.updated";
    ServiceCreated = "service.created";
    ServiceUpdated = "service.updated";
    ServiceRemoved = "service.removed";
}

/// The events a tenant is told of, by webhook and feed (contract identity-and-money 13, atelier); all others stay inside.
pub const PUBLIC_EVENTS: [&str; 40] = [
    "agent.registered",
    "agent.suspended",
    "agent.activated",
    "agent.revoked",
    "agent.key_rotated",
    "mandate.created",
    "mandate.updated",
    "mandate.exhausted",
    "mandate.expired",
    "mandate.revoked",
    "payment.succeeded",
    "payment.denied",
    "payment.pending_approval",
    "payment.expired",
    "payment.failed",
    "approval.requested",
    "approval.approved",
    "approval.denied",
    "approval.expired",
    "reservation.created",
    "reservation.captured",
    "reservation.released",
    "reservation.expired",
    "lease.created",
    "lease.released",
    "lease.revoked",
    "lease.expired",
    "lease.exhausted",
    "wallet.funded",
    "order.created",
    "order.quoted",
    "order.paid",
    "order.in_progress",
    "order.delivered",
    "order.completed",
    "order.cancelled",
    "order.disputed",
    "order.message",
    "webhook.test",
    "webhook.disabled",
];

/// What buyers list of an order.
const ORDER_MEMBERS: &[&str] = &[
    "id",
    "service_id",
    "service_title",
    "client_wallet",
    "provider_agent_id",
    "provider_name",
    "brief",
    "reference_urls",
    "reference_images",
    "status",
    "quoted_price_usd",
    "platform_fee_usd",
    "payment_method",
    "escrow_tx_hash",
    "payout_tx_hash",
    "deliverable_url",
    "deliverable_media_type",
    "deliverable_sha256",
    "deliverables",
    "quota_total",
    "quota_used",
    "workspace_expires_at",
    "delivered_at",
    "review_deadline",
    "completed_at",
    "dispute_count",
    "auto_action_at",
    "settlement",
    "payout_status",
    "refund_status",
    "refund_tx_hash",
    "created_at",
    "version",
];

impl Action {
    /// Whether the action leaves an event in the outbox.
    pub const fn is_announced(self) -> bool {
        !matches!(
            self,
            Self::QueryHeld
                | Self::QueryRemainderFreed
                | Self::ReservationRemainderFreed
                | Self::TokenGranted
                | Self::WebhookCreated
                | Self::WebhookUpdated
                | Self::WebhookDeleted
                | Self::WebhookSecretRotated
                | Self::WebhookReplayed
                | Self::TrustComputed
                | Self::SessionOpened
                | Self::SessionRefreshed
                | Self::SessionTerminated
                | Self::DelegationOffered
                | Self::DelegationAccepted
                | Self::ReceiptIssued
                | Self::OrderFeeTaken
                | Self::OrderRefunded
                | Self::TransferSigned
                | Self::PaymentClaimed
                | Self::PaymentReturned
                | Self::PaymentCredited
                | Self::FileKept
        )
    }

    /// The members of its event's data that the book of record is made from: of most events none.
    pub const fn projected_members(self) -> &'static [&'static str] {
        match self {
            Self::TenantUpdated => &["name", "plan"],
            Self::AgentRegistered | Self::AgentUpdated | Self::AgentSuspended | Self::AgentActivated | Self::AgentRevoked => {
                &["agt_id", "display_name", "wallet_address", "status", "created_at"]
            }
            Self::PaymentSucceeded => &["id", "merchant"],
            Self::OwnerJoined | Self::MemberAdded => &["user_id", "role", "added_at_ms"],
            Self::MemberRemoved => &["user_id"],
            Self::WebhookDisabled => &["id", "url", "disabled_reason"],
            Self::OrderCreated
            | Self::OrderQuoted
            | Self::OrderAccepted
            | Self::OrderPaid
            | Self::OrderInProgress
            | Self::OrderDelivered
            | Self::OrderCompleted
            | Self::OrderDisputed
            | Self::OrderCancelled
            | Self::OrderPaidOut
            | Self::OrderRefundSent
            | Self::OrderSettling => ORDER_MEMBERS,
            Self::ProfileOpened | Self::ProfileUpdated => ProfileForm::MEMBERS,
            Self::ServiceCreated | Self::ServiceUpdated | Self::ServiceRemoved => ServiceForm::MEMBERS,
            Self::OrderReviewed => ReviewForm::MEMBERS,
            _ => &[],
        }
    }

    /// The action of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }

    /// Whether its event is one a tenant is told of.
    pub fn is_public(self) -> bool {
        self.is_announced() && PUBLIC_EVENTS.contains(&self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_actions_share_a_name() {
        let names: std::collections::BTreeSet<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        let public: std::collections::BTreeSet<_> = PUBLIC_EVENTS.into_iter().collect();
        assert_eq!(public.len(), PUBLIC_EVENTS.len());
    }

    #[test]
    fn what_concerns_only_the_house_is_told_to_nobody() {
        for inside in [Action::TenantCreated, Action::KeyMinted, Action::OwnerInvited, Action::QueryCharged, Action::WebhookCreated] {
            assert!(!inside.is_public(), "{inside:?}");
        }
        assert!(Action::AgentRegistered.is_public() && Action::WalletFunded.is_public() && Action::WebhookTest.is_public());
    }
}
