//! Secrets of webhooks at the border: made here, sealed for the store, shown once.

use super::context::Ctx;
use super::fault::Fault;
use super::keys::Keys;
use crate::crypto::seal::SealKey;
use crate::crypto::webhook::{WebhookSecret, show_public_key};
use crate::domain::id::TenantUuid;
use crate::domain::target::Rules;
use crate::edge::{PlatformEntropy, Settings};
use crate::objects::tenant::webhook::command::NewWebhookSecret;

impl Keys {
    /// The key that seals a tenant's webhook secrets at rest: who signs must read them, so it hangs on the deployment's secret
    /// alone.
    pub fn webhook_seal(&self, tenant: TenantUuid) -> SealKey {
        SealKey::derive(&self.seal, tenant.as_bytes(), "webhook secret v1")
    }

    /// The secrets that sign, as they were sealed; one that does not open is left out.
    pub fn open_webhook_secrets(&self, tenant: TenantUuid, sealed: &[String]) -> Vec<WebhookSecret> {
        let seal = self.webhook_seal(tenant);
        let open = |text: &String| WebhookSecret::from_slice(&seal.open(&hex::decode(text).ok()?, AT_REST_PLACE).ok()?);
        sealed.iter().filter_map(open).collect()
    }

    /// The platform's public key, as receivers are told it.
    pub fn webhook_public_key(&self) -> String {
        show_public_key(self.ring.current().verification().key())
    }
}

/// What a secret at rest is sealed for.
const AT_REST_PLACE: &[u8] = b"webhook secret";
/// What a secret in a stored answer is sealed for.
pub const SHOWN_PLACE: &[u8] = b"shown webhook secret";

impl Ctx {
    /// Makes a secret of a tenant: its text, to be shown once, and what the object keeps of it.
    pub fn mint_webhook_secret(&self, tenant: TenantUuid) -> Result<(String, NewWebhookSecret), Fault> {
        let secret = WebhookSecret::mint(&mut PlatformEntropy);
        let seal = self.keys()?.webhook_seal(tenant);
        let at_rest =
            seal.seal(secret.as_bytes(), AT_REST_PLACE, &mut PlatformEntropy).map_err(|error| Fault::internal(error.to_string()))?;
        let text = secret.reveal();
        let for_repeat = self.seal_for_repeat(&text, SHOWN_PLACE)?;
        Ok((text, NewWebhookSecret { at_rest, for_repeat }))
    }
}

/// What this deployment allows of the URLs of webhooks: https, and no more but in local development.
pub fn target_rules(settings: &Settings) -> Rules {
    Rules { http: false, loopback: settings.allow_loopback_targets }
}
