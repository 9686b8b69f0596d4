//! Every error code there is: its status and how each root spells it (contract README 5). A code has one meaning and
//! one status at a root; a test keeps that.

use super::root::Root;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $v1:literal, $v2:literal, $api:literal;)*) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, for the tests and the problem pages.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// How `root` spells it.
            pub const fn spelled(self, root: Root) -> &'static str {
                match (self, root) {
                    $((Self::$name, Root::V2) => $v2,
                      (Self::$name, Root::Api) => $api,
                      (Self::$name, Root::V1 | Root::Account) => $v1,)*
                }
            }
        }
    };
}

codes! {
    /// The body is no JSON, repeats a member or nests too deep.
    InvalidJson = 400, "INVALID_REQUEST", "invalid_json", "INVALID_JSON";
    /// A field is missing, of another type or out of range.
    InvalidField = 400, "INVALID_INPUT", "invalid_request", "VALIDATION_ERROR";
    /// A path id of no known spelling.
    InvalidId = 400, "INVALID_ID", "invalid_id", "INVALID_ID";
    /// No credential was sent.
    Unauthenticated = 401, "UNAUTHORIZED", "invalid_credentials", "AUTH_REQUIRED";
    /// The credential is not good here.
    BadCredential = 401, "UNAUTHORIZED", "invalid_credentials", "TOKEN_INVALID";
    /// Known, but not allowed.
    Forbidden = 403, "FORBIDDEN", "forbidden", "FORBIDDEN";
    /// For administrators alone.
    AdminRequired = 403, "FORBIDDEN", "forbidden", "ADMIN_REQUIRED";
    /// A write that rides on a cookie without proof that our own page made it.
    CsrfInvalid = 403, "CSRF_INVALID", "csrf_invalid", "CSRF_INVALID";
    /// Unknown, or another tenant's.
    NotFound = 404, "NOT_FOUND", "not_found", "NOT_FOUND";
    MethodNotAllowed = 405, "METHOD_NOT_ALLOWED", "method_not_allowed", "METHOD_NOT_ALLOWED";
    Conflict = 409, "CONFLICT", "conflict", "CONFLICT";
    /// A range that begins behind the end of a file.
    RangeNotSatisfiable = 416, "RANGE_NOT_SATISFIABLE", "range_not_satisfiable", "RANGE_NOT_SATISFIABLE";
    PayloadTooLarge = 413, "PAYLOAD_TOO_LARGE", "payload_too_large", "PAYLOAD_TOO_LARGE";
    UnsupportedMediaType = 415, "UNSUPPORTED_MEDIA_TYPE", "unsupported_media_type", "UNSUPPORTED_MEDIA_TYPE";
    RateLimited = 429, "RATE_LIMITED", "rate_limited", "RATE_LIMITED";
    Internal = 500, "INTERNAL_ERROR", "internal_error", "INTERNAL_ERROR";
    UpstreamError = 502, "UPSTREAM_ERROR", "upstream_error", "UPSTREAM_ERROR";
    UpstreamNotConfigured = 503, "UPSTREAM_NOT_CONFIGURED", "upstream_not_configured", "UPSTREAM_NOT_CONFIGURED";
    ServiceUnavailable = 503, "SERVICE_UNAVAILABLE", "service_unavailable", "SERVICE_UNAVAILABLE";
    UpstreamTimeout = 504, "UPSTREAM_TIMEOUT", "upstream_timeout", "UPSTREAM_TIMEOUT";

    IdempotencyKeyRequired = 400, "idempotency_key_required", "idempotency_key_required", "idempotency_key_required";
    IdempotencyKeyMismatch = 400, "idempotency_key_mismatch", "idempotency_key_mismatch", "idempotency_key_mismatch";
    IdempotencyInFlight = 409, "idempotency_in_flight", "idempotency_in_flight", "idempotency_in_flight";
    IdempotencyConflict = 422, "idempotency_conflict", "idempotency_conflict", "idempotency_conflict";

    /// Nobody said which tenant.
    TenantRequired = 400, "TENANT_REQUIRED", "tenant_required", "TENANT_REQUIRED";
    /// The tenant named is not the credential's.
    TenantMismatch = 403, "FORBIDDEN", "tenant_mismatch", "FORBIDDEN";
    TenantExists = 409, "tenant_exists", "tenant_exists", "TENANT_EXISTS";
    TenantLimit = 409, "tenant_limit", "tenant_limit", "TENANT_LIMIT";
    InvalidChallenge = 401, "invalid_challenge", "invalid_challenge", "invalid_challenge";
    InvalidEnrollmentToken = 401, "invalid_enrollment_token", "invalid_enrollment_token", "invalid_enrollment_token";
    NotControllingWallet = 403, "not_controlling_wallet", "not_controlling_wallet", "not_controlling_wallet";
    OwnerExists = 409, "owner_exists", "owner_exists", "owner_exists";
    /// The agent is suspended.
    AgentSuspended = 403, "agent_not_active", "agent_not_active", "AGENT_NOT_ACTIVE";
    /// The agent named is suspended or revoked: a key for it is not to be had.
    AgentNotActive = 409, "agent_not_active", "agent_not_active", "agent_not_active";
    PlanLimitExceeded = 402, "PLAN_LIMIT_EXCEEDED", "plan_limit_exceeded", "PLAN_LIMIT_EXCEEDED";
    InsufficientBalance = 402, "insufficient_balance", "insufficient_balance", "insufficient_balance";
    SessionNotFound = 404, "session_not_found", "session_not_found", "session_not_found";
    SessionClosed = 409, "session_closed", "session_closed", "session_closed";
    SequenceBehind = 409, "sequence_behind", "sequence_behind", "sequence_behind";
    MemoryFull = 409, "memory_full", "memory_full", "memory_full";

    CurrencyUnsupported = 400, "currency_unsupported", "currency_unsupported", "currency_unsupported";
    WalletLimit = 409, "wallet_limit", "wallet_limit", "wallet_limit";
    WalletCap = 409, "wallet_cap", "wallet_cap", "wallet_cap";
    GoNoGoIncomplete = 403, "go_no_go_incomplete", "go_no_go_incomplete", "go_no_go_incomplete";
    FundingSourceNotAllowed = 403, "funding_source_not_allowed", "funding_source_not_allowed", "funding_source_not_allowed";
    LiveModeForbidden = 403, "live_mode_forbidden", "live_mode_forbidden", "live_mode_forbidden";

    UserExists = 409, "USER_EXISTS", "user_exists", "USER_EXISTS";
    InvalidCredentials = 401, "UNAUTHORIZED", "invalid_credentials", "INVALID_CREDENTIALS";
    /// The token is for another audience, action, mandate or lease.
    TokenScopeMismatch = 403, "token_scope_mismatch", "token_scope_mismatch", "token_scope_mismatch";
    /// Management where an agent's token is due.
    ExecutionTokenRequired = 403, "execution_token_required", "execution_token_required", "execution_token_required";
    TokenAlreadyUsed = 409, "token_already_used", "token_already_used", "token_already_used";
    TenantStopped = 403, "tenant_stopped", "tenant_stopped", "tenant_stopped";
    MandateNotActive = 403, "mandate_not_active", "mandate_not_active", "mandate_not_active";
    ActionNotAllowed = 403, "action_not_allowed", "action_not_allowed", "action_not_allowed";
    MerchantNotAllowed = 403, "merchant_not_allowed", "merchant_not_allowed", "merchant_not_allowed";
    RiskDenied = 403, "risk_denied", "risk_denied", "risk_denied";
    MandateLimitExceeded = 402, "mandate_limit_exceeded", "mandate_limit_exceeded", "mandate_limit_exceeded";
    LeaseExhausted = 402, "lease_exhausted", "lease_exhausted", "lease_exhausted";
    InsufficientFunds = 402, "insufficient_funds", "insufficient_funds", "insufficient_funds";
    /// The agent named is revoked: no mandate for it.
    AgentInactive = 409, "agent_inactive", "agent_inactive", "agent_inactive";
    PreconditionRequired = 428, "precondition_required", "precondition_required", "precondition_required";
    VersionMismatch = 412, "version_mismatch", "version_mismatch", "version_mismatch";
    ImmutableField = 409, "immutable_field", "immutable_field", "immutable_field";
    MandateRevoked = 409, "mandate_revoked", "mandate_revoked", "mandate_revoked";
    LimitBelowUsage = 409, "limit_below_usage", "limit_below_usage", "limit_below_usage";
    CaptureExceedsReservation = 409, "capture_exceeds_reservation", "capture_exceeds_reservation", "capture_exceeds_reservation";
    ReservationResolved = 409, "reservation_resolved", "reservation_resolved", "reservation_resolved";
    ReservationExpired = 409, "reservation_expired", "reservation_expired", "reservation_expired";
    ApprovalPending = 409, "approval_pending", "approval_pending", "approval_pending";
    ApprovalDecided = 409, "approval_decided", "approval_decided", "approval_decided";
    LeaseWider = 403, "lease_wider_than_parent", "lease_wider_than_parent", "lease_wider_than_parent";
    LeaseDepthExceeded = 409, "lease_depth_exceeded", "lease_depth_exceeded", "lease_depth_exceeded";
    LeaseHasChildren = 409, "lease_has_children", "lease_has_children", "lease_has_children";

    /// A key where only a signed-in human will do.
    SessionRequired = 403, "SESSION_REQUIRED", "session_required", "SESSION_REQUIRED";

    WebhookLimit = 409, "webhook_limit", "webhook_limit", "webhook_limit";
    /// A disabled endpoint is sent nothing.
    WebhookDisabled = 409, "webhook_disabled", "webhook_disabled", "webhook_disabled";
    /// An agent has had as many keys as one may.
    KeyLimit = 409, "key_limit", "key_limit", "key_limit";
    /// More was asked for than the agent holds.
    ScopeNotHeld = 403, "scope_not_held", "scope_not_held", "scope_not_held";
    DelegationDepthExceeded = 409, "delegation_depth_exceeded", "delegation_depth_exceeded", "delegation_depth_exceeded";
    DelegationCycle = 409, "delegation_cycle", "delegation_cycle", "delegation_cycle";
    DelegationExpired = 409, "delegation_expired", "delegation_expired", "delegation_expired";

    /// A wallet's signature is missing, stale or false, or another wallet's.
    WalletAuthInvalid = 401, "WALLET_AUTH_INVALID", "wallet_auth_invalid", "WALLET_AUTH_INVALID";
    /// Where it stands, that does not happen to it.
    InvalidState = 400, "INVALID_STATE", "invalid_state", "INVALID_STATE";
    /// Another request moved the order meanwhile.
    OrderChanged = 409, "ORDER_CHANGED", "order_changed", "ORDER_CHANGED";
    DisputeLimit = 409, "DISPUTE_LIMIT", "dispute_limit", "DISPUTE_LIMIT";
    AlreadyReviewed = 409, "ALREADY_REVIEWED", "already_reviewed", "ALREADY_REVIEWED";
    /// The transaction has paid for another order.
    TxAlreadyUsed = 409, "TX_ALREADY_USED", "tx_already_used", "TX_ALREADY_USED";
    PaymentNotVerified = 400, "PAYMENT_NOT_VERIFIED", "payment_not_verified", "PAYMENT_NOT_VERIFIED";
    ServiceLimit = 409, "SERVICE_LIMIT", "service_limit", "SERVICE_LIMIT";
    ProfileExists = 409, "PROFILE_EXISTS", "profile_exists", "PROFILE_EXISTS";
    FileRequired = 400, "FILE_REQUIRED", "file_required", "FILE_REQUIRED";
    FileEmpty = 400, "FILE_EMPTY", "file_empty", "FILE_EMPTY";
    /// No type that may be uploaded.
    FileTypeInvalid = 400, "FILE_TYPE_INVALID", "file_type_invalid", "FILE_TYPE_INVALID";
    /// What the file holds is not what it was declared to be.
    FileTypeMismatch = 400, "FILE_TYPE_MISMATCH", "file_type_mismatch", "FILE_TYPE_MISMATCH";
    FileTooLarge = 400, "FILE_TOO_LARGE", "file_too_large", "FILE_TOO_LARGE";
    StorageLimitExceeded = 402, "STORAGE_LIMIT_EXCEEDED", "storage_limit_exceeded", "STORAGE_LIMIT_EXCEEDED";
    /// The agent has launched its token before.
    TokenExists = 409, "TOKEN_EXISTS", "token_exists", "TOKEN_EXISTS";
    /// A token shows its agent's avatar, and there is none.
    AvatarRequired = 400, "AVATAR_REQUIRED", "avatar_required", "AVATAR_REQUIRED";
}
