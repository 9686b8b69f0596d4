//! The gate objects as handlers use them: limits of addresses, and idempotency of callers without a tenant.

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::context::Ctx;
use super::fault::Fault;
use super::reply::{Body, Reply};
use crate::crypto::solana::SolanaAddress;
use crate::domain::idempotency::{Claim, Verdict};
use crate::domain::limit::LimitClass;
use crate::domain::plan::Plan;
use crate::edge::PlatformEntropy;
use crate::objects::gate::{self, Call, Command, Outcome, client};
use crate::objects::wire;

/// A request in flight holds its record this long; a repeat after that runs anew.
const IN_FLIGHT_MS: u64 = 20_000;

/// A stored answer: sealed, since it may hold a secret, under a key that only the caller's Idempotency-Key yields.
#[derive(Serialize, Deserialize)]
struct SealedReply {
    status: u16,
    sealed: Vec<u8>,
}

impl Ctx {
    /// Asks a gate.
    pub async fn call_gate(&self, name: &str, command: Command) -> Result<Outcome, Fault> {
        let gates = self.edge.gates().map_err(|error| Fault::internal(error.to_string()))?;
        let call = Call { now: self.now, request_id: self.request_id, command };
        Ok(client::call(&gates, name, &call, &self.cost).await?)
    }

    /// Counts this request against the limit of the caller's address: 429 when it is full.
    pub async fn count_address(&self, class: LimitClass) -> Result<(), Fault> {
        let quota = class.quota(Plan::Free, self.edge.settings.rate_limit_scale);
        match self.call_gate(&gate::name_of_address(&self.incoming.address), Command::Count { class, quota }).await? {
            Outcome::Counted(state) => self.note_limits(&[state]),
            _ => Err(Fault::internal("a gate did not count")),
        }
    }

    /// Runs `work` once for its Idempotency-Key: a repeat gets the same bytes, another body 422, a repeat while the
    /// first runs 409. Without a key it just runs. The record lives in the gate `name`; `caller` names its owner.
    pub async fn once_at_gate(&self, name: &str, caller: &str, work: impl AsyncFnOnce() -> Result<Reply, Fault>) -> Result<Reply, Fault> {
        let Some(key) = self.idempotency_key()? else { return work().await };
        let claim = super::idempotency::claim(caller, self.route, self.params(), &key, self.incoming.body_value()?)?;
        match self.call_gate(name, Command::Begin { claim, in_flight_ms: IN_FLIGHT_MS }).await? {
            Outcome::Judged(Verdict::Run) => {}
            Outcome::Judged(verdict) => return self.answer_verdict(verdict, &key, &claim),
            _ => return Err(Fault::internal("a gate did not judge")),
        }
        let result = work().await;
        let kept = match &result {
            Ok(Reply { status, body: Body::Json(text), .. }) => Some(self.sealed(*status, text, &key, &claim)?),
            Err(fault) if is_kept(fault.code) => Some(self.sealed(fault.code.status(), &fault.to_kept(), &key, &claim)?),
            Ok(_) | Err(_) => None,
        };
        let command = match kept {
            Some(answer) => Command::Finish { claim, answer },
            None => Command::Forget { claim },
        };
        self.call_gate(name, command).await?;
        result
    }

    /// Binds the Idempotency-Key of a wallet's request to its body, before whoever decides the effect is asked: what that is, the
    /// body says, so that another body would find another place, which knows nothing of the first. 422 for another body. One
    /// hop, for who sends a key.
    pub async fn bind_key_of_wallet(&self, wallet: &SolanaAddress, claim: Option<Claim>) -> Result<(), Fault> {
        let Some(claim) = claim else { return Ok(()) };
        match self.call_gate(&gate::name_of_wallet(wallet.as_str()), Command::BindKey { claim }).await? {
            Outcome::Judged(Verdict::Run) => Ok(()),
            Outcome::Judged(verdict @ (Verdict::Conflict | Verdict::InFlight)) => self.answer_verdict(verdict, "", &claim).map(drop),
            _ => Err(Fault::internal("a gate did not bind a key")),
        }
    }

    fn answer_verdict(&self, verdict: Verdict, key: &str, claim: &Claim) -> Result<Reply, Fault> {
        match verdict {
            Verdict::Run => Err(Fault::internal("a request to be run was answered")),
            Verdict::Conflict => {
                Err(Fault::new(Code::IdempotencyConflict, "this Idempotency-Key was used with another body; take a new key"))
            }
            Verdict::InFlight => {
                let fault = Fault::new(
                    Code::IdempotencyInFlight,
                    "the first request with this Idempotency-Key is still running; repeat it in a second",
                );
                Err(fault.with_header("Retry-After", "1"))
            }
            Verdict::Replay(answer) => self.unsealed(&answer, key, claim),
        }
    }

    fn sealed(&self, status: u16, text: &str, key: &str, claim: &Claim) -> Result<Vec<u8>, Fault> {
        let seal = self.keys()?.reply_seal(key);
        let sealed = seal
            .seal(text.as_bytes(), claim.scope_hash.as_bytes(), &mut PlatformEntropy)
            .map_err(|error| Fault::internal(error.to_string()))?;
        let stored = SealedReply { status, sealed };
        wire::write(&stored).map_err(|error| Fault::internal(error.to_string()))
    }

    fn unsealed(&self, answer: &[u8], key: &str, claim: &Claim) -> Result<Reply, Fault> {
        let damaged = || Fault::internal("a stored answer does not open");
        let stored: SealedReply = wire::read(answer).map_err(|_| damaged())?;
        let opened = self.keys()?.reply_seal(key).open(&stored.sealed, claim.scope_hash.as_bytes()).map_err(|_| damaged())?;
        let text = String::from_utf8(opened).map_err(|_| damaged())?;
        self.set_replayed(true);
        if stored.status >= 400 {
            return Err(Fault::from_kept(&text).ok_or_else(damaged)?);
        }
        Ok(Reply::json_text(stored.status, text).no_store())
    }
}

/// Which refusals are kept for a repeat: what the handler decided on a valid body (contract README 7).
pub fn is_kept(code: Code) -> bool {
    matches!(code.status(), 402 | 403 | 404 | 409) && code != Code::IdempotencyInFlight
}
