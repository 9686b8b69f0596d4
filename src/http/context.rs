//! What a handler works with: the request, its caller, the bindings, and what the request has cost so far.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;

use super::body::BodyKind;
use super::code::Code;
use super::credential::Credential;
use super::fault::Fault;
use super::keys::Keys;
use super::reply::{Body, Reply};
use super::request::Incoming;
use super::root::Root;
use super::route::{Param, Route};
use super::{idempotency, limit};
use crate::crypto::mac;
use crate::domain::id::RequestId;
use crate::domain::limit::{LimitClass, LimitState};
use crate::domain::time::Timestamp;
use crate::edge::Edge;
use crate::objects::hop::{Answered, Cost, HopError};
use crate::store::due::{self, ObjectClass};
use crate::store::{Database, StoreError};

/// One request in the hands of its handler.
pub struct Ctx {
    pub edge: Edge,
    /// The time of this request, read once.
    pub now: Timestamp,
    pub incoming: Incoming,
    pub request_id: RequestId,
    pub route: &'static Route,
    params: Vec<Param>,
    pub cost: Cost,
    credential: RefCell<Rc<Credential>>,
    limits: RefCell<Vec<LimitState>>,
    admitted: Cell<bool>,
    replayed: Cell<bool>,
    tenant: RefCell<Option<String>>,
    cause: RefCell<Option<String>>,
}

impl Ctx {
    pub fn new(edge: Edge, now: Timestamp, incoming: Incoming, request_id: RequestId, route: &'static Route, params: Vec<Param>) -> Self {
        Self {
            edge,
            now,
            incoming,
            request_id,
            route,
            params,
            cost: Cost::default(),
            credential: RefCell::new(Rc::new(Credential::None)),
            limits: RefCell::default(),
            admitted: Cell::new(false),
            replayed: Cell::new(false),
            tenant: RefCell::default(),
            cause: RefCell::default(),
        }
    }

    /// A path parameter, decoded. The route's own pattern names it.
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
    }

    /// Every path parameter, in order.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Who calls, as far as it can be told without asking an object.
    pub fn credential(&self) -> Rc<Credential> {
        Rc::clone(&self.credential.borrow())
    }

    pub fn set_credential(&self, credential: Credential) {
        *self.credential.borrow_mut() = Rc::new(credential);
    }

    /// What we sign, seal and recognize with.
    pub fn keys(&self) -> Result<Rc<Keys>, Fault> {
        Keys::of(&self.edge.settings)
    }

    /// Runs `work` on the book of record, counting its queries.
    pub async fn with_database<T>(&self, work: impl AsyncFnOnce(Database<'_>) -> Result<T, StoreError>) -> Result<T, Fault> {
        let database = self.edge.database().map_err(|error| Fault::internal(error.to_string()))?;
        let count = || self.cost.count_query();
        Ok(work(Database::new(&database, &count)).await?)
    }

    /// Takes what an object answered; when it has set its alarm anew, the due index learns of it. That write follows
    /// the object's clock, not the request, and is not counted to it. Nor does it undo what the object has done: the alarm
    /// is set, and the index is there for repairs.
    pub async fn take_answer<R>(&self, class: ObjectClass, name: &str, answered: Answered<R>) -> R {
        if let Some(due_at_ms) = answered.due_at_ms {
            let noted = match self.edge.database() {
                Ok(database) => {
                    due::note(Database::new(&database, &|| ()), class, name, due_at_ms).await.map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = noted {
                self.note_cause(&format!("the due index was not told: {error}"));
            }
        }
        answered.reply
    }

    /// Remembers how the buckets stand that this request was counted in; a full one ends it.
    pub fn note_limits(&self, states: &[LimitState]) -> Result<(), Fault> {
        self.limits.borrow_mut().extend(states);
        match states.iter().find(|state| state.refused) {
            Some(full) => Err(limit::fault(full, self.now, self.root())),
            None => Ok(()),
        }
    }

    /// The rate-limit headers of this request's own class.
    pub fn limit_headers(&self, root: Root, now: Timestamp) -> Vec<(&'static str, String)> {
        let limits = self.limits.borrow();
        // A request with an execution token is counted by its agent, whatever the route's class.
        let counts = |state: &&LimitState| Some(state.class) == self.route.class || state.class == LimitClass::AgentExec;
        match limits.iter().find(counts) {
            Some(state) if root == Root::V1 => limit::headers(state, now, root),
            _ => Vec::new(),
        }
    }

    pub fn root(&self) -> Root {
        Root::of(&self.incoming.path)
    }

    /// Notes that the tenant's object (or the gate) has seen this request's credential and counted it.
    pub fn set_admitted(&self) {
        self.admitted.set(true);
    }

    pub fn is_admitted(&self) -> bool {
        self.admitted.get()
    }

    pub fn set_replayed(&self, replayed: bool) {
        self.replayed.set(replayed);
    }

    pub fn is_replayed(&self) -> bool {
        self.replayed.get()
    }

    pub fn set_tenant(&self, slug: &str) {
        *self.tenant.borrow_mut() = Some(slug.to_owned());
    }

    pub fn tenant_for_log(&self) -> Option<String> {
        self.tenant.borrow().clone()
    }

    /// Keeps the cause of a fault for the log line.
    pub fn note_cause(&self, cause: &impl Display) {
        *self.cause.borrow_mut() = Some(cause.to_string());
    }

    pub fn cause_for_log(&self) -> Option<String> {
        self.cause.borrow().clone()
    }

    /// The caller's `Idempotency-Key`, if it sent one with a JSON POST; to any other request it is nothing (contract
    /// README 7). At `/v1` the body may hold it too; then both are equal.
    pub fn idempotency_key(&self) -> Result<Option<String>, Fault> {
        if self.route.body != BodyKind::Json || self.route.method != worker::Method::Post {
            return Ok(None);
        }
        let header = idempotency::read_key(self.incoming.header("Idempotency-Key"))?;
        if self.root() != Root::V1 {
            return Ok(header);
        }
        let body = self.incoming.body_value()?;
        let Some(text) = body.get("idempotency_key").filter(|value| !value.is_null()) else { return Ok(header) };
        let body = idempotency::read_body_key(text)?;
        match header {
            Some(header) if header != body => Err(Fault::new(
                Code::IdempotencyKeyMismatch,
                "the Idempotency-Key header and idempotency_key in the body differ; send one of them",
            )
            .in_body()),
            _ => Ok(Some(body)),
        }
    }

    /// What a repeat of this request is known by: its `Idempotency-Key`, or the key that a page of ours gave to the form it is.
    pub fn repeat_key(&self) -> Result<Option<String>, Fault> {
        if !self.incoming.is_form() {
            return self.idempotency_key();
        }
        let key = self.incoming.form()?.into_iter().find(|(name, _)| name == "idempotency_key");
        key.map(|(_, key)| idempotency::read_body_key(&serde_json::Value::from(key))).transpose()
    }

    /// A public document: five minutes fresh, and not sent again to who has it (contract README 1).
    pub fn publish(&self, reply: Reply) -> Reply {
        let text = match &reply.body {
            Body::Json(text) | Body::Html(text) | Body::Text(_, text) => text.as_str(),
            Body::Empty | Body::Stream(_) => "",
        };
        let tag = format!("\"{}\"", mac::to_base64url(mac::sha256(text.as_bytes()).get(..18).unwrap_or_default()));
        let reply = if self.has_tag(&tag) { Reply::empty(304) } else { reply };
        reply.with_header("ETag", tag).with_header("Cache-Control", "public, max-age=300")
    }

    /// Whether who asks has what that tag stands for.
    pub fn has_tag(&self, tag: &str) -> bool {
        let known = |known: &str| matches!(known.trim().trim_start_matches("W/"), known if known == "*" || known == tag);
        self.incoming.header("If-None-Match").is_some_and(|tags| tags.split(',').any(known))
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(cause) => Self::busy(cause),
            StoreError::Taken(cause) | StoreError::Broken(cause) => Self::internal(cause),
        }
    }
}

impl From<HopError> for Fault {
    fn from(error: HopError) -> Self {
        match error {
            HopError::Overloaded(cause) | HopError::Broken(cause) => Self::busy(cause),
        }
    }
}
