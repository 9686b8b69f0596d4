//! Money: whole micro-units of one currency (USD), never a float, never negative, never beyond what a double holds.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Micro-units in one unit and in one minor unit (cent).
pub const MICROS_PER_UNIT: u64 = 1_000_000;
pub const MICROS_PER_MINOR: u64 = 10_000;

/// An amount in millionths of a dollar, 0..=2^53-1: both SQLite backends hand numbers on as doubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Micros(u64);

/// Why an amount cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyError {
    /// The result would exceed 2^53-1 micro-units.
    TooLarge,
    /// The result would be below zero.
    Negative,
    /// The text is no plain decimal number with at most the allowed decimal places.
    Malformed,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "amount is too large",
            Self::Negative => "amount would be negative",
            Self::Malformed => "must be a plain decimal number",
        })
    }
}

impl Micros {
    pub const ZERO: Self = Self(0);
    /// 2^53-1 micro-units.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// An amount of `micros` millionths.
    pub const fn new(micros: u64) -> Result<Self, MoneyError> {
        if micros > Self::MAX.0 { Err(MoneyError::TooLarge) } else { Ok(Self(micros)) }
    }

    /// An amount of `minor` cents.
    pub const fn from_minor(minor: u64) -> Result<Self, MoneyError> {
        match minor.checked_mul(MICROS_PER_MINOR) {
            Some(micros) => Self::new(micros),
            None => Err(MoneyError::TooLarge),
        }
    }

    /// The number of millionths.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whole cents, rounded down.
    pub const fn minor(self) -> u64 {
        self.0 / MICROS_PER_MINOR
    }

    /// The least whole number of cents that is not less.
    ///
    /// # Errors
    /// `TooLarge` when that is beyond 2^53-1 micro-units.
    pub const fn rounded_up_to_minor(self) -> Result<Self, MoneyError> {
        Self::from_minor(self.0.div_ceil(MICROS_PER_MINOR))
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub const fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        Self::new(self.0 + other.0)
    }

    pub const fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        match self.0.checked_sub(other.0) {
            Some(micros) => Ok(Self(micros)),
            None => Err(MoneyError::Negative),
        }
    }

    /// Reads a decimal such as `0.001` with at most `places` (<= 6) decimal places.
    pub fn parse_decimal(text: &str, places: usize) -> Result<Self, MoneyError> {
        let (whole, fraction) = match text.split_once('.') {
            None => (text, ""),
            Some((_, "")) => return Err(MoneyError::Malformed),
            Some(parts) => parts,
        };
        let digits_only = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let well_formed = !whole.is_empty()
            && digits_only(whole)
            && digits_only(fraction)
            && fraction.len() <= places.min(6)
            && (whole == "0" || !whole.starts_with('0'));
        if !well_formed {
            return Err(MoneyError::Malformed);
        }
        let whole: u64 = whole.parse().map_err(|_| MoneyError::TooLarge)?;
        let fraction = fraction.bytes().chain(std::iter::repeat(b'0')).take(6).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        whole.checked_mul(MICROS_PER_UNIT).and_then(|micros| micros.checked_add(fraction)).ok_or(MoneyError::TooLarge).and_then(Self::new)
    }

    /// A decimal text with exactly `places` (<= 6) places; digits beyond are cut.
    pub fn to_fixed(self, places: usize) -> String {
        let (whole, fraction) = (self.0 / MICROS_PER_UNIT, format!("{:06}", self.0 % MICROS_PER_UNIT));
        match fraction.get(..places.min(6)) {
            None | Some("") => whole.to_string(),
            Some(kept) => format!("{whole}.{kept}"),
        }
    }
}

/// The shortest exact decimal, as MoteCloud writes amounts: `1`, `0.001`, `0.999`.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixed = self.to_fixed(6);
        f.write_str(fixed.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_written_exactly() {
        for (text, micros, shown) in [
            ("0.001", 1_000, "0.001"),
            ("1", 1_000_000, "1"),
            ("1.00", 1_000_000, "1"),
            ("10.5", 10_500_000, "10.5"),
            ("0", 0, "0"),
            ("100", 100_000_000, "100"),
        ] {
            let amount = Micros::parse_decimal(text, 6).unwrap();
            assert_eq!((amount.get(), amount.to_string().as_str()), (micros, shown));
        }
        assert_eq!(Micros(1_999_999).to_fixed(2), "1.99");
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for bad in ["", "-1", "+1", "1e9", "5,00", ".5", "5.", "01", "0.0000001", "١", " 1", "NaN"] {
            assert!(Micros::parse_decimal(bad, 6).is_err(), "{bad}");
        }
        assert_eq!(Micros::parse_decimal("5.001", 2), Err(MoneyError::Malformed));
        assert_eq!(Micros::parse_decimal("9007199254.740991", 6), Ok(Micros::MAX));
        assert_eq!(Micros::parse_decimal("9007199254.740992", 6), Err(MoneyError::TooLarge));
        assert_eq!(Micros::parse_decimal("99999999999999999999999", 6), Err(MoneyError::TooLarge));
    }
}
