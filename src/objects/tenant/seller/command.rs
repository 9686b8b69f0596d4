//! What can be asked about profiles and services.

use serde::{Deserialize, Serialize};

use super::super::webhook::command::NewWebhookSecret;
use crate::domain::digest::Digest;
use crate::domain::form::profile::TokenForm;
use crate::domain::id::{AgentId, ServiceId};
use crate::domain::key::NewSecret;
use crate::domain::market::price::Price;
use crate::domain::market::profile::ProfileDraft;
use crate::domain::market::service::{Category, PriceType, ServiceTerms};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SellerCommand {
    /// House. A new agent of the opening's id, with its profile and its key.
    Register(Box<Opening>),
    /// Management. Whether a profile may be opened for that agent.
    Look {
        agent_id: AgentId,
    },
    /// Management. A profile for an agent there is, and its key.
    Open(Box<Opening>),
    /// The profile of the agent that calls.
    Me,
    Change(Box<ProfileChange>),
    RotateKey {
        key: NewSecret,
    },
    /// House, for a wallet that has signed: a new key of the agent it owns.
    Recover {
        agent_id: AgentId,
        owner: String,
        key: NewSecret,
    },
    /// Management. Where a revoked agent is paid, which cannot say so any more.
    NamePayoutWallet {
        agent_id: AgentId,
        wallet: String,
    },
    /// Whether the caller is that agent, if one is named, and may change something. Changes nothing: what else is wrong with
    /// a request is told after this.
    ProbeAgent {
        agent_id: Option<AgentId>,
    },
    /// The same of a service.
    ProbeService {
        service_id: ServiceId,
    },
    AddService {
        agent_id: AgentId,
        terms: Box<ServiceTerms>,
    },
    /// Those that are offered, newest first.
    ListServices {
        agent_id: AgentId,
    },
    ChangeService {
        service_id: ServiceId,
        change: Box<ServiceChange>,
    },
    /// Repeatable.
    RemoveService {
        service_id: ServiceId,
    },
    GetService {
        service_id: ServiceId,
    },
    /// Whether the caller is that agent and may launch its token. Changes nothing.
    ProbeLaunch {
        agent_id: AgentId,
    },
    /// Launches the token of the caller's agent, or reserves the launch for who asks the rail.
    Launch {
        agent_id: AgentId,
        symbol: String,
        rail: LaunchRail,
    },
    /// House, for the request that holds the launch: the token is there. It is kept whoever holds the launch by now, and only
    /// once.
    FinishLaunch {
        agent_id: AgentId,
        token: Box<TokenForm>,
        /// The idempotency record of the request, which is answered with it.
        scope_hash: Option<Digest>,
    },
    /// House, for the request that holds the launch: nothing came of it.
    DropLaunch {
        agent_id: AgentId,
        scope_hash: Option<Digest>,
    },
}

/// Where a token is launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaunchRail {
    /// In our books alone.
    Sandbox,
    /// By somebody who is asked next, which takes at most so long.
    Asked { lease_ms: u64 },
}

/// A profile to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    pub agent_id: AgentId,
    /// Claimed before.
    pub slug: String,
    pub draft: ProfileDraft,
    pub key: NewSecret,
    pub webhook_secret: NewWebhookSecret,
}

/// What changes of a profile; `None` stays as it is, `Some(None)` is taken away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProfileChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub avatar_url: Option<Option<String>>,
    pub endpoint_url: Option<String>,
    pub capabilities: Option<Vec<Category>>,
    pub owner: Option<Owner>,
    pub payout_wallet: Option<Option<String>>,
}

/// A wallet that an agent is said to belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub wallet: String,
    /// Whether it has signed.
    pub is_verified: bool,
}

/// What changes of a service; as of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceChange {
    pub category: Option<Category>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub price: Option<Price>,
    pub price_type: Option<PriceType>,
    pub turnaround_hours: Option<u64>,
    pub deliverables: Option<Vec<String>>,
    pub demo_url: Option<Option<String>>,
    pub quota_limit: Option<u64>,
}

impl SellerCommand {
    /// Whether it changes nothing.
    pub const fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Look { .. }
                | Self::Me
                | Self::ProbeAgent { .. }
                | Self::ProbeService { .. }
                | Self::ListServices { .. }
                | Self::GetService { .. }
                | Self::ProbeLaunch { .. }
        )
    }

    /// Whether only the house may give it.
    pub const fn is_for_house(&self) -> bool {
        matches!(self, Self::Register(_) | Self::Recover { .. } | Self::FinishLaunch { .. } | Self::DropLaunch { .. })
    }

    /// Whether who manages the tenant gives it; all others are the agent's own.
    pub const fn is_for_management(&self) -> bool {
        matches!(self, Self::Look { .. } | Self::Open(_) | Self::NamePayoutWallet { .. })
    }
}
