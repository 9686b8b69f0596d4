//! What a tenant's object can be asked about webhooks and events, and what it answers.

use serde::{Deserialize, Serialize};

use crate::domain::bytes;
use crate::domain::delivery::{Attempted, DeliveryStatus};
use crate::domain::form;
use crate::domain::id::{AgentId, DeliveryId, EventId, TenantUuid, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::EventFilter;
use crate::objects::tenant::outcome::Event;

/// A command and its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookCommand {
    Create(NewEndpoint),
    /// All there are, newest first.
    List,
    Get {
        webhook_id: WebhookId,
    },
    Update {
        webhook_id: WebhookId,
        change: EndpointChange,
    },
    /// Not repeatable: what is deleted is unknown.
    Delete {
        webhook_id: WebhookId,
    },
    RotateSecret {
        webhook_id: WebhookId,
        secret: NewWebhookSecret,
    },
    /// Sends `webhook.test` to this endpoint, whatever it has asked for.
    Test {
        webhook_id: WebhookId,
    },
    /// Newest first, those older than `before`.
    Deliveries {
        webhook_id: WebhookId,
        status: Option<DeliveryStatus>,
        event: Option<String>,
        limit: u64,
        before: Option<DeliveryId>,
    },
    /// One attempt now.
    ReplayOne {
        webhook_id: WebhookId,
        delivery_id: DeliveryId,
    },
    /// Every event since then that was not delivered.
    ReplaySince {
        webhook_id: WebhookId,
        since: Timestamp,
    },
    Feed(Feed),
    /// House. Attempts that are due, at most `limit`, each to be made once and reported.
    Claim {
        limit: u64,
    },
    /// House. What an attempt came to. Of the same attempt only the first report counts.
    Report {
        delivery_id: DeliveryId,
        claim: u64,
        attempted: Attempted,
    },
}

impl WebhookCommand {
    /// Whether it changes nothing.
    pub const fn only_reads(&self) -> bool {
        matches!(self, Self::List | Self::Get { .. } | Self::Deliveries { .. } | Self::Feed(_))
    }

    /// Whether only the house may give it; all others are for management.
    pub const fn is_of_house(&self) -> bool {
        matches!(self, Self::Claim { .. } | Self::Report { .. })
    }
}

/// The events after one, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// `None`, an event that was purged and one that never was: from the oldest kept.
    pub after: Option<EventId>,
    pub events: EventFilter,
    pub limit: u64,
    /// How long the object's shell may wait for an event when there is none.
    pub wait_ms: u64,
    /// Only events about this agent: what a token of its own may see.
    pub agent_id: Option<AgentId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEndpoint {
    /// Checked where it enters.
    pub url: String,
    pub events: EventFilter,
    pub description: Option<String>,
    pub secret: NewWebhookSecret,
}

/// What changes of an endpoint; `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointChange {
    pub url: Option<String>,
    pub events: Option<EventFilter>,
    pub enabled: Option<bool>,
    /// `Some(None)` takes it away.
    pub description: Option<Option<String>>,
}

/// A fresh secret, readable in neither form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWebhookSecret {
    /// Sealed for whoever makes the attempts.
    #[serde(with = "bytes")]
    pub at_rest: Vec<u8>,
    /// Its text sealed under the caller's Idempotency-Key, kept with the answer so that a replay can show it again.
    pub for_repeat: Option<String>,
}

/// The answer to each command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookOutcome {
    /// Made, or with a new secret.
    Made {
        endpoint: EndpointView,
        for_repeat: Option<String>,
    },
    Endpoint(EndpointView),
    Endpoints(Vec<EndpointView>),
    Deleted,
    Delivery(DeliveryView),
    Deliveries(Vec<DeliveryView>),
    Queued {
        events: u64,
    },
    /// Oldest first. `next_after` is what the next question follows: the last event looked at.
    Feed {
        events: Vec<Event>,
        next_after: Option<EventId>,
    },
    /// `more` when others are due at once.
    Claimed {
        attempts: Vec<Attempt>,
        more: bool,
    },
    Reported,
}

/// Whether an endpoint gets events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointStatus {
    Enabled,
    Disabled,
}

/// Why an endpoint gets none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    Request,
    Gone,
    Failing,
}

impl DisabledReason {
    /// The name it is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Request, Self::Gone, Self::Failing].into_iter().find(|reason| reason.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointView {
    pub webhook_id: WebhookId,
    pub url: String,
    pub events: EventFilter,
    pub description: Option<String>,
    /// `None` while it is enabled.
    pub disabled: Option<(DisabledReason, Timestamp)>,
    pub created_at_ms: Timestamp,
    pub updated_at_ms: Timestamp,
}

impl EndpointView {
    pub const fn status(&self) -> EndpointStatus {
        if self.disabled.is_none() { EndpointStatus::Enabled } else { EndpointStatus::Disabled }
    }

    /// How `/v1` shows it, with the key that its signatures verify with.
    pub fn form(&self, public_key: String) -> form::webhook::Webhook {
        form::webhook::Webhook {
            id: self.webhook_id.to_string(),
            url: self.url.clone(),
            events: self.events.entries().to_vec(),
            status: match self.status() {
                EndpointStatus::Enabled => "enabled",
                EndpointStatus::Disabled => "disabled",
            },
            description: self.description.clone(),
            disabled_reason: self.disabled.map(|(reason, _)| reason.as_str()),
            disabled_at: self.disabled.map(|(_, at)| at.to_string()),
            public_key,
            created_at: self.created_at_ms.to_string(),
            updated_at: self.updated_at_ms.to_string(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    pub delivery_id: DeliveryId,
    pub event_id: EventId,
    pub event: String,
    pub status: DeliveryStatus,
    pub attempts: u64,
    pub next_attempt_at_ms: Option<Timestamp>,
    pub response_status: Option<u16>,
    pub response_body: Option<String>,
    pub error: Option<String>,
    pub created_at_ms: Timestamp,
    pub attempt_log: Vec<LoggedAttempt>,
}

/// One attempt, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedAttempt {
    pub attempt: u64,
    pub at_ms: Timestamp,
    pub duration_ms: u64,
    pub response_status: Option<u16>,
    pub error: Option<String>,
}

impl DeliveryView {
    /// How `/v1` shows it.
    pub fn form(&self) -> form::delivery::Delivery {
        let shown = |attempt: &LoggedAttempt| form::delivery::Attempt {
            attempt: attempt.attempt,
            at: attempt.at_ms.to_string(),
            duration_ms: attempt.duration_ms,
            response_status: attempt.response_status,
            error: attempt.error.clone(),
        };
        form::delivery::Delivery {
            id: self.delivery_id.to_string(),
            event_id: self.event_id.to_string(),
            event: self.event.clone(),
            status: self.status,
            attempts: self.attempts,
            next_attempt_at: self.next_attempt_at_ms.map(|at| at.to_string()),
            response_status: self.response_status,
            response_body: self.response_body.clone(),
            error: self.error.clone(),
            created_at: self.created_at_ms.to_string(),
            attempt_log: self.attempt_log.iter().map(shown).collect(),
        }
    }
}

/// An attempt to be made: all the queue's consumer needs to make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub tenant: TenantUuid,
    pub delivery_id: DeliveryId,
    /// Which handing out of the delivery this is: the report names it.
    pub claim: u64,
    pub event_id: EventId,
    pub url: String,
    /// The secrets that sign, sealed, in hex.
    pub secrets: Vec<String>,
    pub body: String,
    /// Set for a seller, who is told in the marketplace's own words.
    pub push: Option<Push>,
}

/// What stands in the headers of a push to a seller (contract atelier 7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    pub seller: AgentId,
    pub event: String,
}
