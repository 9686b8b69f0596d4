//! The deployment's key material, built once per isolate: the ring that signs and verifies tokens costs a scalar
//! multiplication.

use std::cell::RefCell;
use std::rc::Rc;

use super::fault::Fault;
use crate::crypto::key_ring::KeyRing;
use crate::crypto::mac::Secret;
use crate::crypto::origin::Origin;
use crate::crypto::seal::SealKey;
use crate::crypto::signing_key::SigningKey;
use crate::edge::Settings;

/// What the deployment signs, seals and recognizes with.
pub struct Keys {
    pub origin: Origin,
    pub ring: KeyRing,
    /// Authenticates sign-in challenges.
    pub challenge: Secret,
    /// Salts the keys that seal stored replies.
    pub seal: Secret,
    /// Authenticates the forms of our pages.
    pub csrf: Secret,
}

thread_local! {
    static KEYS: RefCell<Option<Rc<Keys>>> = const { RefCell::new(None) };
}

impl Keys {
    /// The keys of this deployment.
    pub fn of(settings: &Settings) -> Result<Rc<Self>, Fault> {
        if let Some(known) = KEYS.with_borrow(Clone::clone) {
            return Ok(known);
        }
        let secrets = &settings.secrets;
        let origin = Origin::parse(&settings.public_origin).map_err(|_| Fault::internal("PUBLIC_ORIGIN is no origin"))?;
        let keys = Rc::new(Self {
            ring: KeyRing::new(origin.as_str(), SigningKey::from_seed(&secrets.token_signing_seed)),
            origin,
            challenge: Secret::from_bytes(secrets.challenge_secret),
            seal: Secret::from_bytes(secrets.seal_secret),
            csrf: Secret::from_bytes(secrets.csrf_secret),
        });
        KEYS.set(Some(Rc::clone(&keys)));
        Ok(keys)
    }

    /// The key that seals the secret in a stored reply: only who sent the Idempotency-Key can open it.
    pub fn reply_seal(&self, idempotency_key: &str) -> SealKey {
        SealKey::derive(&self.seal, idempotency_key.as_bytes(), "stored reply v1")
    }
}
