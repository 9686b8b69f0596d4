//! What signs a webhook: Standard Webhooks 1.0, symmetric `v1` and asymmetric `v1a` side by side (contract README 11).
//!
//! Invariant: a secret leaves this module in the one text that is shown once, and else only as a signature.

use std::fmt;

use super::ed25519::PublicKey;
use super::mac;
use super::signing_key::SigningKey;
use crate::domain::entropy::Entropy;

const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_KEY_PREFIX: &str = "whpk_";

/// The secret of an endpoint.
#[derive(Clone)]
pub struct WebhookSecret([u8; 32]);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

impl WebhookSecret {
    pub fn mint(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// The secret that [`Self::as_bytes`] gave.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// To be sealed.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The whole text, to be shown once: `whsec_` and base64.
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", mac::to_base64(&self.0))
    }
}

/// How a receiver is told our public key: `whpk_` and base64.
pub fn show_public_key(key: &PublicKey) -> String {
    format!("{PUBLIC_KEY_PREFIX}{}", mac::to_base64(key.as_bytes()))
}

/// The `webhook-signature` header: one `v1` for each secret, and `v1a` by the platform's key, all over
/// `id.timestamp.body`.
pub fn sign(secrets: &[WebhookSecret], key: &SigningKey, id: &str, timestamp_s: u64, body: &str) -> String {
    let signed = format!("{id}.{timestamp_s}.{body}");
    let mut signatures: Vec<String> =
        secrets.iter().map(|secret| format!("v1,{}", mac::to_base64(&mac::hmac(&secret.0, signed.as_bytes())))).collect();
    signatures.push(format!("v1a,{}", mac::to_base64(&key.sign(signed.as_bytes()))));
    signatures.join(" ")
}

/// The `X-Atelier-Signature` of a push (contract atelier 7): over `t.body`, under the whole text of the secret.
pub fn sign_push(secret: &WebhookSecret, timestamp_s: u64, body: &str) -> String {
    let tag = mac::hmac_under_text(&secret.reveal(), format!("{timestamp_s}.{body}").as_bytes());
    format!("t={timestamp_s},v1={}", hex::encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    struct Sevens;
    impl Entropy for Sevens {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    /// The HMAC of the Standard Webhooks reference example: secret `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`.
    #[test]
    fn the_example_of_standard_webhooks_comes_out_as_printed() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut padded = [0; 32];
        // HMAC pads a short key with zeros, so the example's 24 bytes and these 32 are one key.
        padded[..24].copy_from_slice(&secret);
        let key = SigningKey::from_seed(&[1; 32]);
        let header = sign(&[WebhookSecret(padded)], &key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(header.split(' ').next(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn each_secret_signs_and_the_platform_s_key_signs_beside_them() {
        let key = SigningKey::from_seed(&[1; 32]);
        let secrets = [WebhookSecret([1; 32]), WebhookSecret([2; 32])];
        let header = sign(&secrets, &key, "evt_1", 1_770_000_000, "{}");
        let parts: Vec<&str> = header.split(' ').collect();
        assert_eq!(parts.len(), 3);
        assert_ne!(parts[0], parts[1]);
        let signature = STANDARD.decode(parts[2].strip_prefix("v1a,").unwrap()).unwrap();
        assert!(key.verification().key().verifies(b"evt_1.1770000000.{}", &signature));
        assert!(!key.verification().key().verifies(b"evt_1.1770000001.{}", &signature));
        let public = show_public_key(key.verification().key());
        assert_eq!(STANDARD.decode(public.strip_prefix("whpk_").unwrap()).unwrap(), key.verification().key().as_bytes());
    }

    #[test]
    fn a_secret_is_shown_as_text_alone() {
        let secret = WebhookSecret::mint(&mut Sevens);
        assert_eq!(secret.reveal(), format!("whsec_{}", STANDARD.encode([7; 32])));
        assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
        assert!(WebhookSecret::from_slice(&[1; 31]).is_none());
        assert_eq!(WebhookSecret::from_slice(secret.as_bytes()).unwrap().as_bytes(), secret.as_bytes());
    }
}
