//! Prices of the marketplace: whole cents, written as decimal strings with two places.
//!
//! Invariants: fee and payout are the price, to the cent, whatever the price; the parts of a split are what is split.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::money::{Micros, MoneyError};

/// Decimal places of a price.
const PLACES: usize = 2;

/// An amount in whole cents, 0 to 1,000,000.00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Price {
    minor: u64,
}

/// Why there is no such price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceError {
    /// Not a plain decimal with at most two places.
    Malformed,
    /// More than 1,000,000.00.
    TooHigh,
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "must be an amount like \"5.00\", with at most two decimal places",
            Self::TooHigh => "must be at most 1000000.00",
        })
    }
}

/// What lists are narrowed to by price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prices {
    Free,
    /// Less than a dollar, and for nothing.
    UnderOne,
    OneToFive,
    OverFive,
}

impl Prices {
    /// The bands it comes to; see [`Price::band`].
    pub const fn bands(self) -> &'static [u64] {
        match self {
            Self::Free => &[0],
            Self::UnderOne => &[0, 1],
            Self::OneToFive => &[2],
            Self::OverFive => &[3],
        }
    }
}

/// What becomes of a price that is paid out: both parts together are the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub fee: Price,
    pub payout: Price,
}

impl Price {
    pub const ZERO: Self = Self { minor: 0 };
    pub const MAX: Self = Self { minor: 100_000_000 };

    /// A price of so many cents.
    pub const fn from_minor(minor: u64) -> Result<Self, PriceError> {
        if minor > Self::MAX.minor { Err(PriceError::TooHigh) } else { Ok(Self { minor }) }
    }

    /// Reads a decimal such as `5`, `5.0` or `5.00`.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let micros = Micros::parse_decimal(text, PLACES).map_err(|error| match error {
            MoneyError::TooLarge => PriceError::TooHigh,
            MoneyError::Malformed | MoneyError::Negative => PriceError::Malformed,
        })?;
        Self::from_minor(micros.minor())
    }

    pub const fn minor(self) -> u64 {
        self.minor
    }

    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// The number of the band of prices it lies in: nothing, less than a dollar, one to five dollars, more.
    pub const fn band(self) -> u64 {
        match self.minor {
            0 => 0,
            1..=99 => 1,
            100..=500 => 2,
            _ => 3,
        }
    }

    /// The amount as the ledger counts it; the greatest price is far below the greatest amount.
    pub fn micros(self) -> Micros {
        Micros::from_minor(self.minor).unwrap_or(Micros::MAX)
    }

    /// The platform's tenth, half a cent up, and what is left for the agent.
    pub const fn cut(self) -> Cut {
        let fee = (self.minor + 5) / 10;
        Cut { fee: Self { minor: fee }, payout: Self { minor: self.minor - fee } }
    }

    /// Two parts of it, the first `percent` of a hundred: the cent that does not come out goes to the larger remainder, of
    /// equal ones to the first.
    pub const fn split(self, percent: u64) -> (Self, Self) {
        let percent = if percent > 100 { 100 } else { percent };
        let (whole, remainder) = (self.minor * percent / 100, self.minor * percent % 100);
        // Both remainders together are a hundred, or nothing.
        let first = if remainder >= 50 { whole + 1 } else { whole };
        (Self { minor: first }, Self { minor: self.minor - first })
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.minor / 100, self.minor % 100)
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.minor.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Self::from_minor(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom);
        }
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Price {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Price".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": r"^(0|[1-9][0-9]{0,6})\.[0-9]{2}$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_price_lies_in_one_band() {
        for (minor, band) in [(0, 0), (1, 1), (99, 1), (100, 2), (500, 2), (501, 3), (Price::MAX.minor, 3)] {
            assert_eq!(Price::from_minor(minor).unwrap().band(), band, "{minor}");
        }
        let bands: std::collections::BTreeSet<_> =
            [Prices::UnderOne, Prices::OneToFive, Prices::OverFive].into_iter().flat_map(Prices::bands).collect();
        assert!(bands.into_iter().eq(&[0, 1, 2, 3]));
        assert_eq!(Prices::Free.bands(), [0]);
    }

    fn price(text: &str) -> Price {
        Price::parse(text).unwrap()
    }

    #[test]
    fn a_price_is_read_with_up_to_two_places_and_shown_with_two() {
        for (text, shown) in
            [("5", "5.00"), ("5.0", "5.00"), ("5.01", "5.01"), ("0", "0.00"), ("0.1", "0.10"), ("1000000.00", "1000000.00")]
        {
            assert_eq!(price(text).to_string(), shown);
        }
        for bad in ["", "-1", "1e9", "5.001", "5,00", "05", "5.", ".5", " 5", "+5", "1_000", "٥"] {
            assert_eq!(Price::parse(bad), Err(PriceError::Malformed), "{bad}");
        }
        for high in ["1000000.01", "9007199254740993", "99999999999999999999"] {
            assert_eq!(Price::parse(high), Err(PriceError::TooHigh), "{high}");
        }
    }

    #[test]
    fn fee_and_payout_are_the_price_for_every_price() {
        for minor in (0..=20_000).chain([Price::MAX.minor - 1, Price::MAX.minor]) {
            let Cut { fee, payout } = Price { minor }.cut();
            assert_eq!(fee.minor + payout.minor, minor);
            assert!((fee.minor * 10).abs_diff(minor) <= 5, "{minor}");
        }
        let fee = |text: &str| price(text).cut().fee.to_string();
        assert_eq!((fee("5.00"), fee("0.05"), fee("0.04"), fee("0.15")), ("0.50".into(), "0.01".into(), "0.00".into(), "0.02".into()));
    }

    #[test]
    fn the_parts_of_a_split_are_what_was_split() {
        for minor in 0..=1_000 {
            for percent in 1..=99 {
                let (first, second) = Price { minor }.split(percent);
                assert_eq!(first.minor + second.minor, minor);
                assert!((first.minor * 100).abs_diff(minor * percent) <= 50, "{minor} at {percent}");
            }
        }
    }
}
