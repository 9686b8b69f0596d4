//! Rate limits: exact counters in fixed windows (contract README 8).
//!
//! Invariant: within a window no more than the quota is counted, and a refused request is not counted. A window opens
//! at the first counted request and lasts its length. Several windows count all together or not at all.

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::time::Timestamp;

/// Seconds in the windows in use.
const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3_600;

/// Whose requests share one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// One client address; IPv6 by /64.
    Ip,
    /// One client address and one e-mail.
    IpAndEmail,
    /// One human.
    User,
    /// The whole tenant.
    Tenant,
    /// One key, or one wallet.
    Caller,
    /// One agent.
    Agent,
}

impl LimitScope {
    /// The name a 429 shows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::IpAndEmail => "ip_and_email",
            Self::User => "user",
            Self::Tenant => "tenant",
            Self::Caller => "caller",
            Self::Agent => "agent",
        }
    }
}

/// The quota of a class: one for all, or by the tenant's plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quota {
    Same(u64),
    ByPlan,
}

macro_rules! limit_classes {
    ($($(#[$doc:meta])* $class:ident = $name:literal, $scope:ident, $quota:expr, $window_s:expr;)*) => {
        /// The named limits, each with its scope, quota and window.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum LimitClass {
            $($(#[$doc])* #[serde(rename = $name)] $class,)*
        }

        impl LimitClass {
            pub const ALL: &[Self] = &[$(Self::$class),*];

            /// The class's name, as headers and bodies show it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$class => $name,)* }
            }

            /// Whose requests share one counter.
            pub const fn scope(self) -> LimitScope {
                match self { $(Self::$class => LimitScope::$scope,)* }
            }

            /// Seconds a window lasts.
            pub const fn window_s(self) -> u64 {
                match self { $(Self::$class => $window_s,)* }
            }

            const fn base_quota(self) -> Quota {
                match self { $(Self::$class => $quota,)* }
            }
        }
    };
}

limit_classes! {
    Identity = "identity", Tenant, Quota::ByPlan, MINUTE_S;
    Money = "money", Tenant, Quota::ByPlan, MINUTE_S;
    Admin = "admin", Tenant, Quota::ByPlan, MINUTE_S;
    AgentExec = "agent-exec", Agent, Quota::Same(300), MINUTE_S;
    WalletAuth = "wallet-auth", Ip, Quota::Same(30), MINUTE_S;
    TenantCreate = "tenant-create", Ip, Quota::Same(20), HOUR_S;
    OwnerInvite = "owner-invite", Tenant, Quota::Same(3), HOUR_S;
    V2Runtime = "v2-runtime", Caller, Quota::Same(600), MINUTE_S;
    AtelierRegister = "atelier-register", Ip, Quota::Same(5), HOUR_S;
    AtelierServices = "atelier-services", Ip, Quota::Same(20), HOUR_S;
    AtelierOrders = "atelier-orders", Ip, Quota::Same(30), HOUR_S;
    AtelierDeliver = "atelier-deliver", Ip, Quota::Same(30), HOUR_S;
    AtelierUpload = "atelier-upload", Ip, Quota::Same(30), HOUR_S;
    AtelierLaunch = "atelier-launch", Ip, Quota::Same(10), HOUR_S;
    AtelierMessages = "atelier-messages", Ip, Quota::Same(60), HOUR_S;
    AtelierQuote = "atelier-quote", Ip, Quota::Same(30), HOUR_S;
    AtelierBuy = "atelier-buy", Ip, Quota::Same(30), HOUR_S;
    AtelierReview = "atelier-review", Ip, Quota::Same(30), HOUR_S;
    AtelierOther = "atelier-other", Ip, Quota::Same(300), MINUTE_S;
    /// Counted by user, or by address when nobody is signed in, as are the other two so marked.
    AbGateway = "ab-gateway", User, Quota::Same(100), MINUTE_S;
    /// User or address.
    AbAgents = "ab-agents", User, Quota::Same(100), MINUTE_S;
    AbChat = "ab-chat", User, Quota::Same(60), MINUTE_S;
    AbInstance = "ab-instance", User, Quota::Same(30), MINUTE_S;
    AbProvision = "ab-provision", Ip, Quota::Same(5), MINUTE_S;
    AbRegister = "ab-register", Ip, Quota::Same(10), HOUR_S;
    AbForgot = "ab-forgot", Ip, Quota::Same(5), HOUR_S;
    AbReset = "ab-reset", Ip, Quota::Same(10), HOUR_S;
    /// Counts failed attempts only.
    AbLogin = "ab-login", IpAndEmail, Quota::Same(5), 900;
    /// User or address.
    AbOther = "ab-other", User, Quota::Same(300), MINUTE_S;
    Public = "public", Ip, Quota::Same(300), MINUTE_S;
}

impl LimitClass {
    /// Requests a window takes under `plan`, multiplied by the deployment's scale (1 but for benchmarks).
    pub const fn quota(self, plan: Plan, scale: u64) -> u64 {
        let base = match (self.base_quota(), plan) {
            (Quota::Same(quota), _) => quota,
            (Quota::ByPlan, Plan::Free) => 60,
            (Quota::ByPlan, Plan::Starter) => 300,
            (Quota::ByPlan, Plan::Professional) => 1_000,
            (Quota::ByPlan, Plan::Enterprise) => 5_000,
        };
        // 2^32: beyond any rate, and far from where the edge's doubles end.
        let scaled = base.saturating_mul(if scale == 0 { 1 } else { scale });
        if scaled > 1 << 32 { 1 << 32 } else { scaled }
    }
}

/// One window as it stands after a request was counted or refused: what the headers and the 429 body say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitState {
    pub class: LimitClass,
    pub quota: u64,
    /// Requests the window still takes.
    pub remaining: u64,
    /// When the window ends and the quota is whole again.
    pub resets_at_ms: Timestamp,
    /// Whether this window refused the request.
    pub refused: bool,
}

impl LimitState {
    /// Milliseconds until a refused request may be repeated; at least 1.
    pub fn retry_after_ms(&self, now: Timestamp) -> u64 {
        self.resets_at_ms.since_ms(now).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_follow_the_contract() {
        assert_eq!(LimitClass::V2Runtime.quota(Plan::Free, 1), 600);
        assert_eq!(Plan::ALL.map(|plan| LimitClass::Money.quota(plan, 1)), [60, 300, 1_000, 5_000]);
        assert_eq!(LimitClass::OwnerInvite.quota(Plan::Enterprise, 1), 3);
        assert_eq!(LimitClass::V2Runtime.quota(Plan::Free, 1_000), 600_000);
        assert_eq!(LimitClass::V2Runtime.quota(Plan::Free, u64::MAX), 1 << 32);
    }

    #[test]
    fn no_two_classes_share_a_name() {
        let names: std::collections::BTreeSet<_> = LimitClass::ALL.iter().map(|class| class.as_str()).collect();
        assert_eq!(names.len(), LimitClass::ALL.len());
        for class in LimitClass::ALL {
            assert_eq!(serde_json::to_string(class).unwrap(), format!("\"{}\"", class.as_str()));
        }
    }
}
