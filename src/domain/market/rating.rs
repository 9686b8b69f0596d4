//! What buyers think on average, to the hundredth.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An average of ratings, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rating(u16);

/// Hundredths of the worst and of the best.
const RANGE: std::ops::RangeInclusive<u16> = 100..=500;

impl Rating {
    /// The average of so many ratings, rounded half up; none of none.
    pub fn average(sum: u64, count: u64) -> Option<Self> {
        let rounded = sum.checked_mul(200)?.checked_add(count)?.checked_div(count.checked_mul(2)?)?;
        u16::try_from(rounded).ok().filter(|hundredths| RANGE.contains(hundredths)).map(Self)
    }
}

impl Serialize for Rating {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.serialize_f64(f64::from(self.0) / 100.0) } else { serializer.serialize_u16(self.0) }
    }
}

impl<'de> Deserialize<'de> for Rating {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = if deserializer.is_human_readable() {
            let number = f64::deserialize(deserializer)?;
            RANGE.map(Self).find(|known| (f64::from(known.0) / 100.0 - number).abs() < 0.001)
        } else {
            Some(u16::deserialize(deserializer)?).filter(|hundredths| RANGE.contains(hundredths)).map(Self)
        };
        read.ok_or_else(|| serde::de::Error::custom("must be an average of ratings from 1 to 5"))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Rating {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rating".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 1, "maximum": 5 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_rounded_to_the_hundredth_and_reads_back() {
        for (sum, count, shown) in [(5, 1, "5.0"), (9, 2, "4.5"), (14, 3, "4.67"), (13, 3, "4.33"), (1, 1, "1.0")] {
            let average = Rating::average(sum, count).unwrap();
            let text = serde_json::to_string(&average).unwrap();
            assert_eq!(text, shown);
            assert_eq!(serde_json::from_str::<Rating>(&text).unwrap(), average);
        }
        assert_eq!(Rating::average(0, 0), None);
    }
}
