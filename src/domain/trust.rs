//! How far an agent is trusted: a score from 0 to 1, kept in thousandths (contract identity-and-money 2).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::DAY_MS;

/// How far back the factors look.
pub const TRUST_WINDOW_MS: u64 = 30 * DAY_MS;
/// As deep as delegation goes.
pub const DEPTH_MAX: u64 = 8;
/// So many receipts are as good as any more.
pub const RECEIPTS_FULL: u64 = 100;

/// A share from 0 to 1: a number in JSON, whole thousandths everywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thousandths(u16);

impl Thousandths {
    const FULL: u16 = 1000;

    /// At most 1000 of them.
    pub const fn new(count: u64) -> Option<Self> {
        if count <= Self::FULL as u64 { Some(Self(count as u16)) } else { None }
    }

    /// `part` of `whole`, rounded half up, and at most all of it; all of nothing.
    fn share(part: u64, whole: u64) -> Self {
        let full = u128::from(Self::FULL);
        let rounded = (u128::from(part) * full * 2 + u128::from(whole)).checked_div(u128::from(whole) * 2).unwrap_or(full);
        Self(u16::try_from(rounded).map_or(Self::FULL, |count| count.min(Self::FULL)))
    }

    /// What is left of all.
    const fn rest(self) -> Self {
        Self(Self::FULL - self.0)
    }

    pub fn get(self) -> u64 {
        u64::from(self.0)
    }

    fn as_number(self) -> f64 {
        f64::from(self.0) / f64::from(Self::FULL)
    }
}

impl Serialize for Thousandths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.serialize_f64(self.as_number()) } else { serializer.serialize_u16(self.0) }
    }
}

impl<'de> Deserialize<'de> for Thousandths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = if deserializer.is_human_readable() {
            let number = f64::deserialize(deserializer)?;
            (0..=Self::FULL).map(Self).find(|known| (known.as_number() - number).abs() < f64::EPSILON)
        } else {
            Self::new(u16::deserialize(deserializer)?.into())
        };
        read.ok_or_else(|| serde::de::Error::custom("must be thousandths from 0 to 1"))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Thousandths {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

/// What a score is made of, each from 0, the worst, to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Factors {
    /// The share of decisions about its spending that were not denials; a half while there are none.
    pub anomaly_rate: Thousandths,
    /// The share of the time it was not suspended.
    pub uptime: Thousandths,
    /// How near it stands to who registered it.
    pub delegation_depth: Thousandths,
    /// How much it has put on record.
    pub receipt_count: Thousandths,
}

/// What is known of an agent's last thirty days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    pub decisions: u64,
    /// Among those.
    pub denied: u64,
    /// How long the time looked at is, in milliseconds.
    pub span_ms: u64,
    /// For how much of it the agent was suspended.
    pub suspended_ms: u64,
    pub depth: u64,
    pub receipts: u64,
}

impl Evidence {
    pub fn factors(&self) -> Factors {
        let anomaly_rate = match self.decisions {
            0 => Thousandths(Thousandths::FULL / 2),
            decisions => Thousandths::share(self.denied, decisions).rest(),
        };
        let uptime = match self.span_ms {
            0 => Thousandths(Thousandths::FULL),
            span_ms => Thousandths::share(self.suspended_ms, span_ms).rest(),
        };
        Factors {
            anomaly_rate,
            uptime,
            delegation_depth: Thousandths::share(self.depth, DEPTH_MAX).rest(),
            receipt_count: Thousandths::share(self.receipts, RECEIPTS_FULL),
        }
    }
}

impl Factors {
    /// Their weighted sum, rounded half up.
    pub fn score(&self) -> Thousandths {
        let weighted =
            30 * self.anomaly_rate.get() + 25 * self.uptime.get() + 20 * self.delegation_depth.get() + 25 * self.receipt_count.get();
        Thousandths::share(weighted, 100 * u64::from(Thousandths::FULL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Evidence = Evidence { decisions: 0, denied: 0, span_ms: 0, suspended_ms: 0, depth: 0, receipts: 0 };

    #[test]
    fn an_agent_that_has_done_nothing_is_trusted_a_little() {
        let factors = NOTHING.factors();
        assert_eq!(
            [factors.anomaly_rate, factors.uptime, factors.delegation_depth, factors.receipt_count].map(Thousandths::get),
            [500, 1000, 1000, 0]
        );
        assert_eq!(factors.score().get(), 600);
        assert_eq!(serde_json::to_string(&factors.score()).unwrap(), "0.6");
    }

    #[test]
    fn each_factor_moves_the_score_by_its_weight_and_none_beyond_its_end() {
        let best = Evidence { decisions: 1, span_ms: 1, receipts: 100, ..NOTHING };
        assert_eq!(best.factors().score().get(), 1000);
        let lose = |worse: Evidence| 1000 - worse.factors().score().get();
        assert_eq!(lose(Evidence { denied: 1, ..best }), 300);
        assert_eq!(lose(Evidence { suspended_ms: 1, ..best }), 250);
        assert_eq!(lose(Evidence { depth: 8, ..best }), 200);
        assert_eq!(lose(Evidence { depth: 9, ..best }), 200);
        assert_eq!(lose(Evidence { receipts: 0, ..best }), 250);
        assert_eq!(lose(Evidence { receipts: u64::MAX, ..best }), 0);
        assert_eq!(Evidence { decisions: 3, denied: 1, ..NOTHING }.factors().anomaly_rate.get(), 667);
    }

    #[test]
    fn every_share_is_read_back_from_its_number() {
        for count in 0..=1000 {
            let share = Thousandths::new(count).unwrap();
            let text = serde_json::to_string(&share).unwrap();
            assert_eq!(serde_json::from_str::<Thousandths>(&text).unwrap(), share, "{text}");
        }
        assert_eq!(Thousandths::new(1001), None);
        assert!(serde_json::from_str::<Thousandths>("0.0005").is_err());
    }
}
