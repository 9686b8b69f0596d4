//! What a refusal of the tenant's object is to the client: its code, what is wrong, and what to do next.

use std::borrow::Cow;

use serde_json::json;

use super::buyer;
use super::code::Code;
use super::credential;
use super::fault::Fault;
use super::root::Root;
use crate::domain::id::PaymentId;
use crate::domain::mandate::LimitKind;
use crate::domain::money::Micros;
use crate::domain::spend::{Reason, Risk};
use crate::domain::wallet::Mode;
use crate::objects::tenant::money::refusal::MoneyRefusal;
use crate::objects::tenant::order::refusal::OrderRefusal;
use crate::objects::tenant::proof::refusal::ProofRefusal;
use crate::objects::tenant::refusal::Refusal;
use crate::objects::tenant::seller::refusal::SellerRefusal;

/// The tenant named is not the credential's: alike whether it exists.
pub fn tenant_mismatch() -> Fault {
    Fault::new(Code::TenantMismatch, "the tenant named is not this credential's; name its own, or use another credential")
}

/// What a refusal of the tenant's object is to the client.
pub fn fault_of(refusal: Refusal, root: Root) -> Fault {
    match refusal {
        Refusal::InvalidCredentials => credential::bad_credential(),
        Refusal::TenantMismatch => tenant_mismatch(),
        Refusal::NotMember | Refusal::NoTenant if root == Root::V1 => tenant_mismatch(),
        Refusal::NotMember if root == Root::Api => tenant_mismatch(),
        Refusal::NotMember | Refusal::NoTenant | Refusal::NotFound(_) | Refusal::InvalidInvitation => Fault::not_found(),
        Refusal::AgentNotActive => {
            Fault::new(Code::AgentSuspended, "this agent is suspended or revoked; its tenant can activate a suspended one")
        }
        Refusal::Forbidden | Refusal::ScopeNotHeld => Fault::new(Code::Forbidden, "this credential may not do that"),
        Refusal::LiveModeForbidden => Fault::new(Code::LiveModeForbidden, "a test key may not touch live wallets"),
        Refusal::RateLimited => Fault::internal("a refused limit was not told"),
        Refusal::IdempotencyConflict => {
            Fault::new(Code::IdempotencyConflict, "this Idempotency-Key was used with another body; take a new key")
        }
        Refusal::IdempotencyInFlight => {
            Fault::new(Code::IdempotencyInFlight, "the first request with this Idempotency-Key is still running; repeat it in a second")
                .with_header("Retry-After", "1")
        }
        Refusal::InsufficientBalance { available_micros, price_micros, wallet_id } => {
            Fault::new(Code::InsufficientBalance, "the balance does not cover the price; fund the wallet and ask again")
                .with("balance", available_micros.to_string())
                .with("price", price_micros.to_string())
                .with("currency", "USD")
                .with("fund", json!({"wallet_id": wallet_id}))
        }
        Refusal::PlanLimitExceeded { limit, current, plan } => {
            Fault::new(Code::PlanLimitExceeded, "the plan allows no further agent; revoke one, or take a larger plan")
                .with("limit", limit)
                .with("current", current)
                .with("plan", json!(plan))
                .with("upgrade_url", "/account/billing")
        }
        Refusal::InvalidEnrollmentToken => Fault::new(
            Code::InvalidEnrollmentToken,
            "this enrollment token is unknown, used, expired or revoked; ask the owner for a new one",
        ),
        Refusal::NotControllingWallet => Fault::new(Code::NotControllingWallet, "only the wallet that controls the tenant may do that"),
        Refusal::OwnerExists => Fault::new(Code::OwnerExists, "the tenant has an owner, or another address is invited"),
        Refusal::TenantExists => Fault::new(Code::TenantExists, "this name is taken; choose another"),
        Refusal::TargetAgentNotActive => Fault::new(Code::AgentNotActive, "that agent is suspended or revoked"),
        Refusal::ReservationResolved => Fault::new(Code::ReservationResolved, "it was captured, or released, before"),
        Refusal::ReservationExpired => Fault::new(Code::ReservationExpired, "it ran out before; reserve again"),
        Refusal::CaptureExceedsReservation => Fault::new(Code::CaptureExceedsReservation, "a capture takes at most what was reserved"),
        Refusal::AgentRevoked => Fault::new(Code::Conflict, "the state does not allow that any more"),
        Refusal::Unsettled { cause } => Fault::busy(cause),
        Refusal::WalletLimit => Fault::new(Code::WalletLimit, "a tenant has at most 100 wallets"),
        Refusal::WebhookLimit => Fault::new(Code::WebhookLimit, "a tenant has at most 20 webhook endpoints; delete one"),
        Refusal::WebhookDisabled => {
            Fault::new(Code::WebhookDisabled, "this endpoint is disabled; enable it with PATCH and status enabled, then ask again")
        }
        Refusal::WalletCap => Fault::new(Code::WalletCap, "a wallet holds at most 100,000,000 minor units"),
        Refusal::FundingSourceNotAllowed => Fault::new(Code::FundingSourceNotAllowed, "this wallet does not take money from that source"),
        Refusal::GoNoGoIncomplete => {
            Fault::new(Code::GoNoGoIncomplete, "live money waits for a complete go/no-go packet: GET /v1/tenant/go-no-go")
        }
        Refusal::Money(refusal) => fault_of_money(refusal, root),
        Refusal::Proof(refusal) => fault_of_proof(refusal),
        Refusal::Order(refusal) => fault_of_order(refusal),
        Refusal::StorageFull { limit_bytes, used_bytes } => {
            Fault::new(Code::StorageLimitExceeded, "the tenant's files may have 5 GB together, and this one would exceed it")
                .with("limit_bytes", limit_bytes)
                .with("used_bytes", used_bytes)
        }
        Refusal::Seller(refusal) => fault_of_seller(refusal),
        Refusal::KeyLimit => Fault::new(Code::KeyLimit, "an agent has at most 4096 keys in its life; register another"),
    }
}

/// No payment of that id has been made for the order: alike whether there is one.
pub fn unknown_market_payment() -> Fault {
    payment_not_verified(
        "no /v1 payment of this id has succeeded for this order; pay the merchant atelier the order's price, with the order's id as \
         metadata.order_id, and send the payment's id",
    )
}

fn payment_not_verified(detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(Code::PaymentNotVerified, detail).with("path", "$.payment_id")
}

fn payment_returned() -> Fault {
    Fault::new(Code::TxAlreadyUsed, "this payment goes back to its wallet and pays for nothing any more; make another one")
}

fn fault_of_order(refusal: OrderRefusal) -> Fault {
    match refusal {
        OrderRefusal::UnknownOrder => Fault::new(Code::NotFound, "Order not found"),
        OrderRefusal::UnknownService => service_not_found(),
        OrderRefusal::NotParty => Fault::new(Code::Forbidden, "this order is not yours"),
        OrderRefusal::AgentNotActive => Fault::new(Code::AgentSuspended, "this agent is suspended or revoked"),
        OrderRefusal::InvalidState { status } => {
            Fault::new(Code::InvalidState, format!("that does not happen to an order that is {}", status.as_str()))
                .with("status", status.as_str())
        }
        OrderRefusal::NothingRequested => {
            Fault::new(Code::InvalidState, "nothing is asked for in this workspace; wait for the buyer's next request")
        }
        OrderRefusal::RequestLimit => {
            Fault::new(Code::InvalidState, "as much is asked for already as this workspace still delivers; wait for a delivery")
        }
        OrderRefusal::DisputeLimit => {
            Fault::new(Code::DisputeLimit, "an order is disputed at most three times: then the buyer approves it, or an operator ends it")
        }
        OrderRefusal::PaymentMissing => Fault::new(Code::PaymentNotVerified, "nothing was named that has paid for this order"),
        OrderRefusal::PaymentReturned => payment_returned(),
        OrderRefusal::PaymentBusy => {
            Fault::new(Code::OrderChanged, "an earlier try with this payment is being called off; pay again in a minute, with the same")
        }
        OrderRefusal::AlreadyReviewed => Fault::new(Code::AlreadyReviewed, "this order has its review"),
    }
}

fn fault_of_seller(refusal: SellerRefusal) -> Fault {
    match refusal {
        SellerRefusal::UnknownAgent => agent_not_found(),
        SellerRefusal::UnknownService => service_not_found(),
        SellerRefusal::AnotherAgent => agent_id_mismatch(),
        SellerRefusal::AnothersService => anothers_service(),
        SellerRefusal::AgentNotActive => {
            Fault::new(Code::AgentSuspended, "this agent is suspended or revoked; it changes nothing meanwhile")
        }
        SellerRefusal::ProfileExists => Fault::new(Code::ProfileExists, "this agent has a profile: PATCH /api/agents/me"),
        SellerRefusal::ServiceLimit => {
            Fault::new(Code::ServiceLimit, "an agent has at most 100 active services; delete one: DELETE /api/services/{id}")
        }
        SellerRefusal::AgentNotRevoked => {
            Fault::new(Code::Conflict, "this agent is not revoked and names its wallet itself: PATCH /api/agents/me")
        }
        SellerRefusal::OwnerNotSigned => buyer::wallet_auth_invalid(),
        SellerRefusal::TokenExists => Fault::new(Code::TokenExists, "this agent has its token: GET /api/agents/me"),
        SellerRefusal::LaunchUnderWay => {
            Fault::new(Code::Conflict, "a launch of this agent's token is under way; GET /api/agents/me tells whether it came to be")
                .with_header("Retry-After", "1")
        }
        SellerRefusal::AvatarRequired => {
            Fault::new(Code::AvatarRequired, "a token shows its agent's avatar; set avatar_url first: PATCH /api/agents/me")
        }
    }
}

pub fn agent_not_found() -> Fault {
    Fault::new(Code::NotFound, "Agent not found")
}

pub fn service_not_found() -> Fault {
    Fault::new(Code::NotFound, "Service not found")
}

/// Another agent's path.
pub fn agent_id_mismatch() -> Fault {
    Fault::new(Code::Forbidden, "Agent ID mismatch")
}

/// Another agent's service.
pub fn anothers_service() -> Fault {
    Fault::new(Code::Forbidden, "this service is another agent's")
}

fn fault_of_proof(refusal: ProofRefusal) -> Fault {
    match refusal {
        ProofRefusal::AgentNotActive => Fault::new(Code::AgentSuspended, "that agent is suspended or revoked: no session in its name"),
        ProofRefusal::ScopeNotHeld => {
            Fault::new(Code::ScopeNotHeld, "an agent gives no more than it holds, in at most 128 entries: GET /v1/agents/{id}")
        }
        ProofRefusal::DelegationDepthExceeded => {
            Fault::new(Code::DelegationDepthExceeded, "the receiver, or an agent below it, would stand more than 8 levels deep")
        }
        ProofRefusal::DelegationCycle => Fault::new(Code::DelegationCycle, "the giver comes from the receiver"),
        ProofRefusal::DelegationExpired => Fault::new(Code::DelegationExpired, "nobody accepted it in time; offer it again"),
        ProofRefusal::ReceiptDamaged => Fault::internal("a receipt's envelope does not read"),
    }
}

fn fault_of_money(refusal: MoneyRefusal, root: Root) -> Fault {
    match refusal {
        MoneyRefusal::Spend { reason, requested, payment_id } => fault_of_spend(reason, requested, payment_id),
        MoneyRefusal::BatchRefused { index, refusal } => fault_of(*refusal, root).with("index", index),
        MoneyRefusal::TokenScopeMismatch => token_scope_mismatch(),
        MoneyRefusal::ExecutionTokenRequired => execution_token_required(),
        MoneyRefusal::TokenAlreadyUsed => Fault::new(Code::TokenAlreadyUsed, "this token has served a payment; ask for a new one"),
        MoneyRefusal::TenantStopped => tenant_stopped(),
        MoneyRefusal::ApprovalPending => Fault::new(Code::ApprovalPending, "a human has to decide first: GET /v1/approvals"),
        MoneyRefusal::ApprovalDecided => Fault::new(Code::ApprovalDecided, "this was decided otherwise, or too late to decide"),
        MoneyRefusal::AgentInactive => Fault::new(Code::AgentInactive, "that agent is revoked; a mandate needs one that is not"),
        MoneyRefusal::VersionMismatch { version } => {
            Fault::new(Code::VersionMismatch, "somebody changed it since; read it again and send the version you read")
                .with("version", version)
        }
        MoneyRefusal::ImmutableField => {
            Fault::new(Code::ImmutableField, "agent_id is fixed; make a new mandate for another agent").with("path", "$.agent_id")
        }
        MoneyRefusal::MandateRevoked => Fault::new(Code::MandateRevoked, "revoked is final; make a new mandate"),
        MoneyRefusal::LimitBelowUsage { limit } => {
            Fault::new(Code::LimitBelowUsage, "that limit lies below what is spent and held in its window").with("limit", limit.as_str())
        }
        MoneyRefusal::LeaseWider { field } => {
            Fault::new(Code::LeaseWider, "a lease is never wider than what it is lent from").with("field", field.as_str())
        }
        MoneyRefusal::LeaseDepthExceeded => Fault::new(Code::LeaseDepthExceeded, "budgets are lent on eight times at most"),
        MoneyRefusal::LeaseCycle => Fault::field("$.child_agent_id", "must not be one of those the budget comes from"),
        MoneyRefusal::LeaseHasChildren => Fault::new(Code::LeaseHasChildren, "part of it is lent on; release or revoke those leases first"),
        MoneyRefusal::UpstreamNotConfigured => {
            Fault::new(Code::UpstreamNotConfigured, "live money needs a payment provider, and none is configured")
                .with("upstream", "FUNDING_BASE_URL")
        }
        MoneyRefusal::UnknownMarketPayment => unknown_market_payment(),
        MoneyRefusal::MarketPaymentAmount { paid, price } => {
            let (paid, price) = (paid.to_fixed(2), price.to_fixed(2));
            payment_not_verified(format!("this payment is of {paid}, and the order costs exactly {price}; make one of that amount"))
        }
        MoneyRefusal::MarketPaymentMode { mode: Mode::Sandbox } => {
            payment_not_verified("this payment is play money, and this marketplace settles in real money; pay from a live wallet")
        }
        MoneyRefusal::MarketPaymentMode { mode: Mode::Live } => {
            payment_not_verified("this payment is real money, and this marketplace settles in the sandbox; pay from a sandbox wallet")
        }
        MoneyRefusal::MarketPaymentReturned => payment_returned(),
        MoneyRefusal::MarketClaimLate => {
            Fault::new(Code::OrderChanged, "this took longer than a payment may take and was called off; pay again with the same payment")
        }
    }
}

fn tenant_stopped() -> Fault {
    Fault::new(Code::TenantStopped, "the tenant's kill switch is on: PUT /v1/tenant/kill-switch")
}

/// A token that is good, for something else than it was shown for.
pub fn token_scope_mismatch() -> Fault {
    Fault::new(Code::TokenScopeMismatch, "this token is for another audience, action, mandate or lease; ask for one that fits")
}

/// Management where an agent's token is due.
pub fn execution_token_required() -> Fault {
    Fault::new(Code::ExecutionTokenRequired, "payments take an execution token: POST /v1/agents/{id}/execution-tokens")
}

fn fault_of_spend(reason: Reason, requested: Micros, payment_id: Option<PaymentId>) -> Fault {
    let short = |code: Code, what: &'static str, remaining: Micros| {
        Fault::new(code, what).with("remaining", remaining.minor()).with("requested", requested.minor())
    };
    let fault = match reason {
        Reason::TenantStopped => tenant_stopped(),
        Reason::AgentNotActive => Fault::new(Code::AgentSuspended, "this agent is suspended or revoked"),
        Reason::MandateNotActive => Fault::new(Code::MandateNotActive, "this mandate is suspended, used up, expired or revoked"),
        Reason::ActionNotAllowed => {
            Fault::new(Code::ActionNotAllowed, "the mandate, the lease or the agent's scopes do not allow this action")
        }
        Reason::MerchantNotAllowed => Fault::new(Code::MerchantNotAllowed, "this merchant is not among those allowed"),
        Reason::RiskVelocity => Fault::new(Code::RiskDenied, "too many payments in a minute; wait").with("rule", Risk::Velocity.as_str()),
        Reason::RiskTrust => Fault::new(Code::RiskDenied, "the agent's trust score is too low").with("rule", Risk::Trust.as_str()),
        Reason::MandateLimit { limit, remaining } => {
            short(Code::MandateLimitExceeded, limit_text(limit), remaining).with("limit", limit.as_str())
        }
        Reason::LeaseExhausted { remaining } => {
            short(Code::LeaseExhausted, "the lease does not cover it; ask its lender for more", remaining)
        }
        Reason::InsufficientFunds { available } => {
            short(Code::InsufficientFunds, "the wallet does not cover it; fund it and ask again", available)
        }
    };
    match payment_id {
        Some(id) => fault.with("payment_id", id.to_string()),
        None => fault,
    }
}

const fn limit_text(limit: LimitKind) -> &'static str {
    match limit {
        LimitKind::PerTransaction => "more than one transaction may come to; ask for less",
        LimitKind::Daily => "more than is left for today; ask for less, or tomorrow",
        LimitKind::Monthly => "more than is left for this month; ask for less, or next month",
        LimitKind::Total => "more than is left of the mandate; ask for less, or for a higher limit",
    }
}
