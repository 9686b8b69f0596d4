//! Guardrails: what stands against an action of an agent before it is tried (contract identity-and-money 3 and 14).

use serde::{Deserialize, Serialize};

use super::agent::AgentStatus;

/// How much a violation weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    /// From here on the action is not allowed.
    Error,
    Critical,
}

/// A rule that can be violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    Scope,
    AgentStatus,
    KillSwitch,
    MandateMissing,
}

impl Rule {
    pub const fn severity(self) -> Severity {
        match self {
            Self::Scope | Self::AgentStatus | Self::KillSwitch => Severity::Critical,
            Self::MandateMissing => Severity::Warning,
        }
    }

    /// What is wrong, and what to do about it.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Scope => "no scope allows this action, or one denies it: GET /v1/agents/{id}/scopes/explain",
            Self::AgentStatus => "the agent is suspended or revoked",
            Self::KillSwitch => "the tenant's kill switch is on: PUT /v1/tenant/kill-switch",
            Self::MandateMissing => "this action spends, and no active mandate or lease of the agent allows it: POST /v1/mandates",
        }
    }
}

/// What an action is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub agent: AgentStatus,
    /// Whether the scopes of the agent, of those it comes from and of the session that asks all allow it.
    pub scopes_allow: bool,
    pub is_stopped: bool,
    /// For an action that spends, whether a mandate or a lease allows it.
    pub is_mandated: Option<bool>,
}

/// Every rule the action violates.
pub fn judge(facts: &Facts) -> Vec<Rule> {
    let violated = [
        (!facts.scopes_allow, Rule::Scope),
        (facts.agent != AgentStatus::Active, Rule::AgentStatus),
        (facts.is_stopped, Rule::KillSwitch),
        (facts.is_mandated == Some(false), Rule::MandateMissing),
    ];
    violated.into_iter().filter_map(|(is_violated, rule)| is_violated.then_some(rule)).collect()
}

/// Whether an action may be tried that violates these rules.
pub fn is_allowed(violated: &[Rule]) -> bool {
    violated.iter().all(|rule| rule.severity() < Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts = Facts { agent: AgentStatus::Active, scopes_allow: true, is_stopped: false, is_mandated: None };

    #[test]
    fn every_rule_is_told_and_only_a_warning_leaves_the_action_allowed() {
        let judged = |facts: Facts| {
            let violated = judge(&facts);
            (is_allowed(&violated), violated)
        };
        assert_eq!(judged(GOOD), (true, vec![]));
        assert_eq!(judged(Facts { is_mandated: Some(true), ..GOOD }), (true, vec![]));
        assert_eq!(judged(Facts { is_mandated: Some(false), ..GOOD }), (true, vec![Rule::MandateMissing]));
        assert_eq!(judged(Facts { scopes_allow: false, ..GOOD }), (false, vec![Rule::Scope]));
        assert_eq!(judged(Facts { agent: AgentStatus::Suspended, ..GOOD }), (false, vec![Rule::AgentStatus]));
        assert_eq!(judged(Facts { agent: AgentStatus::Revoked, ..GOOD }), (false, vec![Rule::AgentStatus]));
        assert_eq!(judged(Facts { is_stopped: true, ..GOOD }), (false, vec![Rule::KillSwitch]));
        let worst = Facts { agent: AgentStatus::Revoked, scopes_allow: false, is_stopped: true, is_mandated: Some(false) };
        assert_eq!(judged(worst), (false, vec![Rule::Scope, Rule::AgentStatus, Rule::KillSwitch, Rule::MandateMissing]));
    }
}
