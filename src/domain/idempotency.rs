//! Idempotency: one effect per caller, route and key (contract README 7).
//!
//! Invariant: while a record stands, a request of its scope either gets the stored answer or is refused; it never runs
//! again. A record stands until its `expires_at`: 24 h for an answer, the deadline of the work for one in flight.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::time::{DAY_MS, Timestamp};

/// How long an answer is kept, in milliseconds.
pub const RECORD_TTL_MS: u64 = DAY_MS;

/// What a request claims: its scope (caller, method, route, path ids and key, hashed) and its body (JCS, hashed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub scope_hash: Digest,
    pub body_hash: Digest,
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub body_hash: Digest,
    pub expires_at: Timestamp,
    /// The answer; `None` while the first request is still running.
    pub answer: Option<Vec<u8>>,
}

/// What a request has to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing stands in the way: run, and leave a record.
    Run,
    /// The same request was answered so before.
    Replay(Vec<u8>),
    /// The key was used with another body: 422 `idempotency_conflict`.
    Conflict,
    /// The first request is still running: 409 `idempotency_in_flight`.
    InFlight,
}

/// Judges a claim against what is stored under its scope. A record whose time is over does not count, whether or not
/// it has been purged.
pub fn judge(claim: &Claim, stored: Option<Record>, now: Timestamp) -> Verdict {
    match stored.filter(|record| now < record.expires_at) {
        None => Verdict::Run,
        Some(record) if record.body_hash != claim.body_hash => Verdict::Conflict,
        Some(Record { answer: None, .. }) => Verdict::InFlight,
        Some(Record { answer: Some(answer), .. }) => Verdict::Replay(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_answers_conflicts_or_stands_in_flight_until_its_time_is_over() {
        let claim = Claim { scope_hash: Digest::of(&[b"scope"]), body_hash: Digest::of(&[b"body"]) };
        let expires_at = Timestamp::from_ms(100);
        let record = |body: &[u8], answer: Option<&str>| {
            Some(Record { body_hash: Digest::of(&[body]), expires_at, answer: answer.map(|answer| answer.as_bytes().to_vec()) })
        };
        let (before, at) = (Timestamp::from_ms(99), Timestamp::from_ms(100));
        assert_eq!(judge(&claim, None, before), Verdict::Run);
        assert_eq!(judge(&claim, record(b"body", Some("a")), before), Verdict::Replay(b"a".to_vec()));
        assert_eq!(judge(&claim, record(b"body", None), before), Verdict::InFlight);
        assert_eq!(judge(&claim, record(b"other", Some("a")), before), Verdict::Conflict);
        assert_eq!(judge(&claim, record(b"other", None), before), Verdict::Conflict);
        assert_eq!(judge(&claim, record(b"other", Some("a")), at), Verdict::Run);
    }
}
