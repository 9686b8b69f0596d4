//! What is answered about profiles and services.

use serde::{Deserialize, Serialize};

use crate::domain::form::profile::{ProfileForm, TokenForm};
use crate::domain::form::service::ServiceForm;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SellerOutcome {
    /// A profile was opened; what is sealed are the texts that are shown once, for a repeat.
    Opened {
        profile: Box<ProfileForm>,
        sealed_key: Option<String>,
        sealed_webhook_secret: Option<String>,
    },
    /// With the last characters of the agent's key.
    Profile {
        profile: Box<ProfileForm>,
        key_last4: String,
    },
    KeyRotated {
        sealed: Option<String>,
    },
    /// Nothing stands in the way.
    Possible,
    Service(Box<ServiceForm>),
    Services(Vec<ServiceForm>),
    /// The profile of an agent that has no key any more.
    Revoked {
        profile: Box<ProfileForm>,
    },
    /// The launch is the caller's: what the rail is to be asked for.
    LaunchBegun {
        agent_name: String,
        avatar_url: String,
    },
    /// The token, and the profile that shows it.
    Launched {
        profile: Box<ProfileForm>,
        token: Box<TokenForm>,
    },
    /// The launch is nobody's any more.
    LaunchDropped,
}
