//! Deliveries: when an event is tried again, and how well an endpoint is (contract README 11).
//!
//! Invariant: the decisions here need nothing but what one attempt came to and what is kept of its delivery and endpoint.
//! An attempt that was sent before the endpoint last answered well, or before its breaker opened, says nothing new about the
//! endpoint's health.

use serde::{Deserialize, Serialize};

use super::entropy::Entropy;
use super::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// Milliseconds between an attempt and the next, after the first one, which is made at once.
const PAUSES_MS: [u64; 9] =
    [5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS];
/// How long a receiver may take.
pub const TIME_LIMIT_MS: u32 = 15_000;
/// How much of an answer is kept.
pub const RESPONSE_BYTES_MAX: u32 = 1_024;
/// An attempt that has not been reported by then is taken for lost and made again.
pub const LEASE_MS: u64 = 90 * SECOND_MS;
/// The longest a receiver may put us off.
const RETRY_AFTER_MS_MAX: u64 = 24 * HOUR_MS;
/// Failures in a row that open the breaker.
pub const BREAKER_FAILURES: u64 = 20;
/// The first pause between two probes of a broken endpoint; it doubles up to the last.
const PROBE_PAUSE_MS: u64 = 30 * SECOND_MS;
const PROBE_PAUSE_MS_MAX: u64 = 30 * MINUTE_MS;
/// An endpoint that has done nothing but fail for so long is disabled.
pub const FAILING_MS_MAX: u64 = 120 * HOUR_MS;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    Pending,
    Delivered,
    Failed,
}

impl DeliveryStatus {
    /// The name the status is stored and shown by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Failed].into_iter().find(|status| status.as_str() == text)
    }
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempted {
    /// When it was sent, by the deployment's clock.
    pub at: Timestamp,
    pub duration_ms: u64,
    /// `None` when there was no answer.
    pub response_status: Option<u16>,
    /// The `Retry-After` header, as sent.
    pub retry_after: Option<String>,
    /// The beginning of the answer's body.
    pub response_body: Option<String>,
    /// Why there was no answer, or why the one there was is a failure.
    pub error: Option<String>,
}

impl Attempted {
    /// One that did not even go out.
    pub fn unsent(at: Timestamp, error: &str) -> Self {
        let error = Some(error.to_owned());
        Self { at, duration_ms: 0, response_status: None, retry_after: None, response_body: None, error }
    }

    pub fn is_delivered(&self) -> bool {
        self.response_status.is_some_and(|status| (200..300).contains(&status))
    }

    /// The receiver is gone for good.
    pub fn is_gone(&self) -> bool {
        self.response_status == Some(410)
    }

    /// How long the receiver asks us to wait: seconds or a date, of 429 and 503 alone.
    fn put_off_ms(&self, now: Timestamp) -> u64 {
        let Some(text) = self.retry_after.as_deref().filter(|_| matches!(self.response_status, Some(429 | 503))) else { return 0 };
        let text = text.trim();
        let is_count = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let wait_ms = if is_count {
            text.parse::<u64>().map_or(RETRY_AFTER_MS_MAX, |s| s.saturating_mul(SECOND_MS))
        } else {
            parse_http_date(text).map_or(0, |at| at.since_ms(now))
        };
        wait_ms.min(RETRY_AFTER_MS_MAX)
    }
}

/// What is kept of an answer's body: its beginning, whole characters. SQLite's texts end at a NUL, so none stands in it.
pub fn cut_response(text: &str) -> Option<String> {
    let mut kept = text.replace('\0', "\u{fffd}");
    kept.truncate(kept.floor_char_boundary(RESPONSE_BYTES_MAX as usize));
    Some(kept).filter(|kept| !kept.is_empty())
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the one form of date that RFC 9110 lets senders write.
fn parse_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let parts: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, time, "GMT"] = parts.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)? + 1;
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

/// When a delivery is tried again after `made` attempts of its schedule; `None` after the last. The pause varies by 10 %
/// either way, so that what failed together does not come back together; a receiver that asks for more time gets it.
pub fn next_attempt(made: u64, last: &Attempted, now: Timestamp, entropy: &mut dyn Entropy) -> Option<Timestamp> {
    let pause_ms = *PAUSES_MS.get(usize::try_from(made.checked_sub(1)?).ok()?)?;
    Some(now.plus_ms(vary(pause_ms, entropy).max(last.put_off_ms(now))))
}

/// The same schedule for what is never given up: after its end, the last pause again and again.
pub fn next_try(made: u64, now: Timestamp, entropy: &mut dyn Entropy) -> Timestamp {
    let last = PAUSES_MS.len() - 1;
    let at = usize::try_from(made.saturating_sub(1)).map_or(last, |at| at.min(last));
    now.plus_ms(vary(PAUSES_MS.get(at).copied().unwrap_or(DAY_MS), entropy))
}

/// Ten per cent more or less.
fn vary(pause_ms: u64, entropy: &mut dyn Entropy) -> u64 {
    let mut drawn = [0; 4];
    entropy.fill(&mut drawn);
    pause_ms - pause_ms / 10 + u64::from(u32::from_be_bytes(drawn)) % (pause_ms / 5 + 1)
}

/// How well an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    pub failures_in_row: u64,
    /// Since when there was nothing but failures.
    pub failing_since: Option<Timestamp>,
    /// Attempts sent no later do not count any more.
    pub counts_from: Option<Timestamp>,
    /// It is not called before.
    pub not_before: Option<Timestamp>,
}

impl Health {
    /// Whether the breaker is open: one probe goes out at a time, and the rest waits for it.
    pub const fn is_broken(&self) -> bool {
        self.failures_in_row >= BREAKER_FAILURES
    }

    /// Whether an attempt sent then says anything new.
    pub fn heeds(&self, sent_at: Timestamp) -> bool {
        self.counts_from.is_none_or(|from| sent_at > from)
    }

    /// The endpoint answered well.
    pub fn succeed(&mut self, now: Timestamp) {
        *self = Self { counts_from: Some(now), ..Self::default() };
    }

    /// An attempt sent at `sent_at` failed. Answers whether the endpoint is to be disabled.
    pub fn fail(&mut self, sent_at: Timestamp, now: Timestamp) -> bool {
        if !self.heeds(sent_at) {
            return false;
        }
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        let since = *self.failing_since.get_or_insert(now);
        if let Some(probes) = self.failures_in_row.checked_sub(BREAKER_FAILURES) {
            let pause_ms = PROBE_PAUSE_MS.checked_shl(u32::try_from(probes.min(16)).unwrap_or(16)).unwrap_or(PROBE_PAUSE_MS_MAX);
            self.counts_from = Some(now);
            self.not_before = Some(now.plus_ms(pause_ms.min(PROBE_PAUSE_MS_MAX)));
        }
        now.since_ms(since) >= FAILING_MS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws the same number again and again.
    struct Fixed(u32);
    impl Entropy for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.copy_from_slice(&self.0.to_be_bytes());
        }
    }

    const NOW: Timestamp = Timestamp::from_ms(1_770_000_000_000);

    fn answered(status: u16, retry_after: Option<&str>) -> Attempted {
        Attempted {
            at: NOW,
            duration_ms: 1,
            response_status: Some(status),
            retry_after: retry_after.map(str::to_owned),
            response_body: None,
            error: None,
        }
    }

    #[test]
    fn ten_attempts_are_made_on_the_contract_s_schedule() {
        let pauses_s = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        for (made, pause_s) in (1..).zip(pauses_s) {
            let pause_ms = pause_s * 1_000;
            let at = |drawn| next_attempt(made, &answered(500, None), NOW, &mut Fixed(drawn)).unwrap().since_ms(NOW);
            let (shortest, longest) = (pause_ms - pause_ms / 10, pause_ms + pause_ms / 10);
            let modulus = u32::try_from(pause_ms / 5 + 1).unwrap();
            assert_eq!((at(0), at(modulus - 1)), (shortest, longest), "{pause_s}");
            for drawn in (0..1_000).map(|n: u32| n.wrapping_mul(2_654_435_761)) {
                assert!((shortest..=longest).contains(&at(drawn)));
            }
        }
        assert_eq!(next_attempt(10, &answered(500, None), NOW, &mut Fixed(0)), None, "the tenth was the last");
        assert_eq!(next_attempt(0, &answered(500, None), NOW, &mut Fixed(0)), None);
    }

    #[test]
    fn what_is_never_given_up_is_tried_on_the_same_schedule_and_then_daily() {
        for made in 1..=9 {
            let attempt = next_attempt(made, &answered(500, None), NOW, &mut Fixed(7)).unwrap();
            assert_eq!(next_try(made, NOW, &mut Fixed(7)), attempt);
        }
        for made in [10, 11, 1_000, u64::MAX] {
            assert_eq!(next_try(made, NOW, &mut Fixed(0)).since_ms(NOW), DAY_MS - DAY_MS / 10);
        }
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_a_day_at_most() {
        let wait_s =
            |status, retry_after| next_attempt(1, &answered(status, Some(retry_after)), NOW, &mut Fixed(0)).unwrap().since_ms(NOW) / 1_000;
        for status in [429, 503] {
            assert_eq!(wait_s(status, "120"), 120);
            assert_eq!(wait_s(status, "1"), 4, "never sooner than the schedule says");
            assert_eq!(wait_s(status, "86400"), 86_400);
            assert_eq!(wait_s(status, "86401"), 86_400);
            assert_eq!(wait_s(status, "99999999999999999999999999"), 86_400);
            assert_eq!(wait_s(status, "Mon, 02 Feb 2026 02:50:00 GMT"), 600);
            assert_eq!(wait_s(status, "Sun, 01 Feb 2026 02:50:00 GMT"), 4, "a date that has passed");
            for bad in ["", "-5", "1.5", "soon", "Mon, 02 Foo 2026 02:50:00 GMT", "2026-02-02T02:50:00Z"] {
                assert_eq!(wait_s(status, bad), 4, "{bad}");
            }
        }
        assert_eq!(wait_s(500, "120"), 4, "only 429 and 503 are asked for their wish");
        assert!(answered(204, None).is_delivered() && !answered(302, None).is_delivered() && !answered(199, None).is_delivered());
    }

    #[test]
    fn of_an_answer_a_kilobyte_is_kept_and_no_character_is_cut() {
        assert_eq!(cut_response(""), None);
        assert_eq!(cut_response("thanks").as_deref(), Some("thanks"));
        assert_eq!(cut_response("a\0b").as_deref(), Some("a\u{fffd}b"));
        for unit in ["\0", "\u{fffd}", "\u{1f980}", "x"] {
            let kept = cut_response(&unit.repeat(4_000)).unwrap();
            let wide = if unit == "\0" { 3 } else { unit.len() };
            assert_eq!(kept.len(), RESPONSE_BYTES_MAX as usize / wide * wide, "{unit:?}");
        }
    }

    #[test]
    fn twenty_failures_in_a_row_open_the_breaker_and_one_success_closes_it() {
        let mut health = Health::default();
        for n in 1..BREAKER_FAILURES {
            assert!(!health.fail(NOW, NOW));
            assert_eq!((health.is_broken(), health.not_before), (false, None), "{n}");
        }
        health.fail(NOW, NOW.plus_ms(5));
        assert!(health.is_broken());
        assert_eq!(health.not_before, Some(NOW.plus_ms(30_005)));
        let open = health;
        health.fail(NOW, NOW.plus_ms(10));
        assert_eq!(health, open, "what was under way when it opened says nothing new");
        let mut now = NOW.plus_ms(30_005);
        for pause_s in [60, 120, 240, 480, 960, 1_800, 1_800, 1_800] {
            health.fail(now, now);
            assert_eq!(health.not_before, Some(now.plus_s(pause_s)));
            now = now.plus_s(pause_s);
        }
        health.succeed(now);
        assert_eq!(health, Health { counts_from: Some(now), ..Health::default() });
        health.fail(now.minus_ms(1), now.plus_ms(9));
        assert_eq!(health.failures_in_row, 0, "an attempt from before the success");
    }

    #[test]
    fn five_days_of_nothing_but_failures_disable() {
        let mut health = Health::default();
        assert!(!health.fail(NOW, NOW));
        assert!(!health.fail(NOW, NOW.plus_ms(FAILING_MS_MAX - 1)));
        assert!(health.fail(NOW, NOW.plus_ms(FAILING_MS_MAX)));
        let mut mended = Health::default();
        mended.fail(NOW, NOW);
        mended.succeed(NOW.plus_ms(1));
        assert!(!mended.fail(NOW.plus_ms(FAILING_MS_MAX), NOW.plus_ms(FAILING_MS_MAX)));
    }
}
