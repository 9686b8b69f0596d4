//! The platform's doorway: bindings by name, settings, the clock and the entropy. No other file names a binding, reads
//! a clock or draws randomness.

pub mod file;
pub mod platform;
pub mod post;
pub mod task;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use worker::js_sys::Reflect;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::DurableObjectNamespace;
use worker::{D1Database, Env, KvStore, MessageBuilder, Queue, QueueContentType, SendMessage};

use crate::domain::entropy::Entropy;
use crate::domain::market::launch::SANDBOX;
use crate::domain::time::Timestamp;

/// Settings of this deployment (contract README 10), read once per isolate.
#[derive(Clone)]
pub struct Settings {
    /// Scheme and host of every origin, issuer and link we write; the `Host` header never is.
    pub public_origin: String,
    /// Whether the clock of this deployment can be moved: local development and tests only.
    pub test_clock: bool,
    /// Multiplies every rate-limit quota; 1 unless the test clock is on.
    pub rate_limit_scale: u64,
    /// What one `/v2/query` costs, in micro-units.
    pub query_price_micros: u64,
    /// Addresses that are operators once verified by a mailed link.
    pub admin_emails: Vec<String>,
    /// Whether requests that others name may go to this machine, and by plain http: local development only.
    pub allow_loopback_targets: bool,
    /// Where names of targets are looked up before they are called (DNS over HTTPS, JSON), beside the runtime's own rule.
    pub doh_url: Option<String>,
    pub settlement: Settlement,
    pub secrets: Rc<Secrets>,
}

/// How the marketplace settles, as it was set; what it comes to is read where it is used, so that a mistake here stops payments
/// and nothing else.
#[derive(Clone)]
pub struct Settlement {
    /// `SETTLEMENT_RAIL`.
    pub rail: Option<String>,
    /// `SETTLEMENT_BASE_URL`: a node of the chain, which is asked in JSON-RPC.
    pub base_url: Option<String>,
    /// `SETTLEMENT_MINT`: the token that is paid in.
    pub mint: Option<String>,
}

/// Key material from the environment. `Debug` shows nothing.
pub struct Secrets {
    /// Ed25519 seed of the key that signs our tokens.
    pub token_signing_seed: [u8; 32],
    pub challenge_secret: [u8; 32],
    pub seal_secret: [u8; 32],
    pub csrf_secret: [u8; 32],
    /// `SETTLEMENT_SECRET_KEY`: what pays agents and gives back to buyers.
    pub settlement_key: Option<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// A setting that is missing or malformed, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSetting(pub &'static str);

thread_local! {
    static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
    /// How far the test clock stands ahead, once the clock object has told.
    static CLOCK_OFFSET_MS: Cell<Option<u64>> = const { Cell::new(None) };
}

fn variable(env: &Env, name: &str) -> Option<String> {
    env.var(name).ok().map(|value| value.to_string()).filter(|value| !value.is_empty())
}

fn seed(env: &Env, name: &'static str) -> Result<[u8; 32], BadSetting> {
    let mut bytes = [0; 32];
    let text = variable(env, name).ok_or(BadSetting(name))?;
    hex::decode_to_slice(text, &mut bytes).map_err(|_| BadSetting(name))?;
    Ok(bytes)
}

impl Settings {
    fn read(env: &Env) -> Result<Self, BadSetting> {
        let test_clock = variable(env, "TEST_CLOCK").is_some_and(|value| value == "true");
        let scale = match variable(env, "RATE_LIMIT_SCALE") {
            None => 1,
            Some(text) => {
                text.parse().ok().filter(|scale| *scale == 1 || (*scale > 1 && test_clock)).ok_or(BadSetting("RATE_LIMIT_SCALE"))?
            }
        };
        let price = variable(env, "QUERY_PRICE_USD").unwrap_or_else(|| "0.001".to_owned());
        let origin = variable(env, "PUBLIC_ORIGIN").ok_or(BadSetting("PUBLIC_ORIGIN"))?;
        let origin_is_bare = (origin.starts_with("https://") || origin.starts_with("http://")) && origin.matches('/').count() == 2;
        if !origin_is_bare {
            return Err(BadSetting("PUBLIC_ORIGIN"));
        }
        Ok(Self {
            public_origin: origin,
            test_clock,
            rate_limit_scale: scale,
            query_price_micros: crate::domain::money::Micros::parse_decimal(&price, 6).map_err(|_| BadSetting("QUERY_PRICE_USD"))?.get(),
            admin_emails: variable(env, "ADMIN_EMAILS")
                .map(|list| list.split(',').map(|mail| mail.trim().to_ascii_lowercase()).filter(|mail| !mail.is_empty()).collect())
                .unwrap_or_default(),
            allow_loopback_targets: variable(env, "ALLOW_LOOPBACK_TARGETS").is_some_and(|value| value == "true"),
            doh_url: variable(env, "DOH_URL"),
            settlement: Settlement {
                rail: variable(env, "SETTLEMENT_RAIL"),
                base_url: variable(env, "SETTLEMENT_BASE_URL"),
                mint: variable(env, "SETTLEMENT_MINT"),
            },
            secrets: Rc::new(Secrets {
                token_signing_seed: seed(env, "TOKEN_SIGNING_SEED")?,
                challenge_secret: seed(env, "CHALLENGE_SECRET")?,
                seal_secret: seed(env, "SEAL_SECRET")?,
                csrf_secret: seed(env, "CSRF_SECRET")?,
                settlement_key: variable(env, "SETTLEMENT_SECRET_KEY"),
            }),
        })
    }

    /// The settings of this isolate, read at its first request.
    pub fn of(env: &Env) -> Result<Rc<Self>, BadSetting> {
        if let Some(known) = SETTINGS.with_borrow(Clone::clone) {
            return Ok(known);
        }
        let read = Rc::new(Self::read(env)?);
        SETTINGS.set(Some(Rc::clone(&read)));
        Ok(read)
    }

    /// A mail or other upstream's `<name>_BASE_URL` and its secret, when configured.
    pub fn upstream(env: &Env, name: &str) -> Option<(String, Option<String>)> {
        variable(env, &format!("{name}_BASE_URL")).map(|base| (base, variable(env, &format!("{name}_API_KEY"))))
    }
}

/// What a rail runs over (contract README 10).
pub enum Rail {
    /// Our books alone.
    Sandbox,
    /// Somebody outside.
    Outside(OutsideRail),
}

/// A rail that is reached over HTTP.
pub struct OutsideRail {
    /// As the deployment names it.
    pub name: String,
    pub base_url: String,
    pub secret_key: String,
}

impl Rail {
    /// The rail `<name>_RAIL` names: the sandbox when it is unset.
    ///
    /// # Errors
    /// The name of the setting that a real rail lacks.
    pub fn of(env: &Env, name: &str) -> Result<Self, String> {
        let Some(rail) = variable(env, &format!("{name}_RAIL")).filter(|rail| rail != SANDBOX) else { return Ok(Self::Sandbox) };
        let needed = |setting: &str| {
            let setting = format!("{name}_{setting}");
            variable(env, &setting).ok_or(setting)
        };
        Ok(Self::Outside(OutsideRail { name: rail, base_url: needed("BASE_URL")?, secret_key: needed("SECRET_KEY")? }))
    }
}

/// The bindings of this deployment.
#[derive(Clone)]
pub struct Edge {
    env: Env,
    pub settings: Rc<Settings>,
}

impl Edge {
    pub fn new(env: Env) -> Result<Self, BadSetting> {
        let settings = Settings::of(&env)?;
        Ok(Self { env, settings })
    }

    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The book of record.
    pub fn database(&self) -> worker::Result<D1Database> {
        self.env.d1("DB")
    }

    /// Public documents, which may be a minute stale.
    pub fn documents(&self) -> worker::Result<KvStore> {
        self.env.kv("DOCUMENTS")
    }

    pub fn events(&self) -> worker::Result<Queue> {
        self.env.queue("EVENTS")
    }

    /// A message as it travels: as the text it is. Unless told so the platform writes it as JSON once more, in which every quote of it
    /// takes twice the room, and what was cut to the queue's measure is beyond it.
    pub fn message(text: String) -> SendMessage<String> {
        MessageBuilder::new(text).content_type(QueueContentType::Text).build()
    }

    /// One crossing; the worker crate would ask for the name of the binding's class as well.
    fn binding(&self, name: &'static str) -> worker::Result<JsValue> {
        let env: &JsValue = self.env.as_ref();
        Ok(Reflect::get(env, &JsValue::from_str(name))?)
    }

    fn objects(&self, name: &'static str) -> worker::Result<DurableObjectNamespace> {
        Ok(self.binding(name)?.unchecked_into())
    }

    /// The bucket of files; `edge::file` puts them in and takes them out.
    pub fn files(&self) -> worker::Result<JsValue> {
        self.binding("FILES")
    }

    pub fn tenants(&self) -> worker::Result<DurableObjectNamespace> {
        self.objects("TENANT")
    }

    pub fn gates(&self) -> worker::Result<DurableObjectNamespace> {
        self.objects("GATE")
    }

    pub fn memories(&self) -> worker::Result<DurableObjectNamespace> {
        self.objects("MEMORY")
    }

    pub fn clocks(&self) -> worker::Result<DurableObjectNamespace> {
        self.objects("CLOCK")
    }
}

/// The platform's clock, without the test clock's offset: for alarms, which the platform fires by it.
#[allow(clippy::disallowed_methods, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn platform_ms() -> u64 {
    worker::js_sys::Date::now() as u64
}

/// The test clock's offset as this isolate knows it; `None` until the clock object was asked.
pub fn known_clock_offset_ms() -> Option<u64> {
    CLOCK_OFFSET_MS.get()
}

/// Remembers the test clock's offset. It never moves back.
pub fn set_clock_offset_ms(offset_ms: u64) {
    let known = CLOCK_OFFSET_MS.get().unwrap_or(0);
    CLOCK_OFFSET_MS.set(Some(known.max(offset_ms)));
}

/// The time of this deployment.
pub fn now() -> Timestamp {
    Timestamp::from_ms(platform_ms().saturating_add(known_clock_offset_ms().unwrap_or(0)))
}

/// The platform's randomness.
pub struct PlatformEntropy;

impl Entropy for PlatformEntropy {
    #[allow(clippy::disallowed_methods)]
    fn fill(&mut self, buffer: &mut [u8]) {
        // The platform's source does not fail; were it ever to, an abort beats a guessable secret.
        if getrandom::fill(buffer).is_err() {
            std::process::abort();
        }
    }
}
