//! Moments: milliseconds since the Unix epoch, read once a request and passed as values.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds in a second, minute, hour and day.
pub const SECOND_MS: u64 = 1_000;
pub const MINUTE_MS: u64 = 60 * SECOND_MS;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// The last moment that can be written with a four-digit year: 9999-12-31T23:59:59.999Z.
const LAST_MS: u64 = 253_402_300_799_999;

/// A moment, in milliseconds since 1970-01-01T00:00:00Z. Displayed as ISO 8601 UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

/// A text that is no moment we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an ISO 8601 time with an offset, such as 2026-01-31T12:00:00Z")
    }
}

impl Timestamp {
    /// The moment `ms` milliseconds after the epoch, capped at the end of the year 9999.
    pub const fn from_ms(ms: u64) -> Self {
        Self(if ms > LAST_MS { LAST_MS } else { ms })
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_s(self) -> u64 {
        self.0 / SECOND_MS
    }

    /// The moment `ms` later.
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// The moment `s` seconds later.
    pub const fn plus_s(self, s: u64) -> Self {
        self.plus_ms(s.saturating_mul(SECOND_MS))
    }

    /// The moment `ms` earlier, not before the epoch.
    pub const fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds from `earlier` until this moment; 0 when `earlier` is later.
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Days since the epoch: the UTC day this moment falls on.
    pub const fn utc_day(self) -> u64 {
        self.0 / DAY_MS
    }

    /// Minutes since the epoch.
    pub const fn minute(self) -> u64 {
        self.0 / MINUTE_MS
    }

    /// Year and month (1 to 12) of the UTC day.
    pub const fn utc_month(self) -> (u64, u64) {
        let (year, month, _) = civil_from_days(self.utc_day());
        (year, month)
    }

    /// Reads `YYYY-MM-DD` as the last moment of that UTC day.
    pub fn parse_end_of_date(text: &str) -> Result<Self, NotATime> {
        let is_date = text.len() == 10;
        let day = Self::parse(&format!("{text}T00:00:00Z")).ok().filter(|_| is_date).ok_or(NotATime)?;
        Ok(Self::from_ms((day.utc_day() + 1) * DAY_MS - 1))
    }

    /// `YYYY-MM-DD` of the UTC day.
    pub fn date_text(self) -> String {
        let (year, month, day) = civil_from_days(self.utc_day());
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Parses an RFC 3339 time; the offset (`Z` or `±hh:mm`) is required, fractions beyond milliseconds are cut.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        parse_rfc3339(text).ok_or(NotATime)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.utc_day());
        let ms_of_day = self.0 % DAY_MS;
        let (hour, minute) = (ms_of_day / HOUR_MS, ms_of_day / MINUTE_MS % 60);
        let (second, ms) = (ms_of_day / SECOND_MS % 60, ms_of_day % SECOND_MS);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// Year, month and day of a count of days since the epoch (proleptic Gregorian; Hinnant's era arithmetic).
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Days since the epoch of a civil date on or after 1970-01-01.
const fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

const fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let rest = text;
    let (year, rest) = take_digits(rest, 4)?;
    let (month, rest) = take_digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = take_digits(rest.strip_prefix('-')?, 2)?;
    let (hour, rest) = take_digits(rest.strip_prefix(['T', 't'])?, 2)?;
    let (minute, rest) = take_digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = take_digits(rest.strip_prefix(':')?, 2)?;
    let (ms, rest) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => take_fraction(rest)?,
    };
    let legal = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 59;
    if !legal {
        return None;
    }
    let local_ms = days_from_civil(year, month, day) * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + ms;
    let utc_ms = match rest {
        "Z" | "z" => local_ms,
        _ => {
            let behind = rest.strip_prefix('-');
            let (hours, rest) = take_digits(behind.or(rest.strip_prefix('+'))?, 2)?;
            let (minutes, rest) = take_digits(rest.strip_prefix(':')?, 2)?;
            if hours > 23 || minutes > 59 || !rest.is_empty() {
                return None;
            }
            let offset_ms = hours * HOUR_MS + minutes * MINUTE_MS;
            if behind.is_some() { local_ms + offset_ms } else { local_ms.checked_sub(offset_ms)? }
        }
    };
    (utc_ms <= LAST_MS).then_some(Timestamp(utc_ms))
}

fn take_digits(text: &str, count: usize) -> Option<(u64, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| all_digits)?, rest))
}

fn take_fraction(text: &str) -> Option<(u64, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let ms = digits.bytes().chain([b'0', b'0']).take(3).fold(0, |ms, digit| ms * 10 + u64::from(digit - b'0'));
    Some((ms, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_milliseconds_and_read_back() {
        let moment = Timestamp::from_ms(1_770_000_000_123);
        assert_eq!(moment.to_string(), "2026-02-02T02:40:00.123Z");
        assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        assert_eq!(Timestamp::from_ms(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn offsets_are_applied_and_required() {
        let noon = Timestamp::parse("2026-02-02T12:00:00Z").unwrap();
        assert_eq!(Timestamp::parse("2026-02-02T14:00:00+02:00"), Ok(noon));
        assert_eq!(Timestamp::parse("2026-02-02T10:30:00.000-01:30"), Ok(noon));
        for bad in [
            "2026-02-02T12:00:00",
            "2026-02-30T12:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-02-02 12:00:00Z",
            "2026-02-02T24:00:00Z",
            "+026-02-02T12:00:00Z",
            "2026-02-02T12:00:00.Z",
            "",
        ] {
            assert_eq!(Timestamp::parse(bad), Err(NotATime), "{bad}");
        }
        assert!(Timestamp::parse("2024-02-29T00:00:00Z").is_ok());
    }

    #[test]
    fn a_date_ends_with_its_last_millisecond() {
        assert_eq!(Timestamp::parse_end_of_date("2024-02-29").unwrap().to_string(), "2024-02-29T23:59:59.999Z");
        for bad in ["2025-02-29", "2024-2-29", "2024-02-29Z", "", "2024-02-29T00:00:00Z"] {
            assert_eq!(Timestamp::parse_end_of_date(bad), Err(NotATime), "{bad}");
        }
    }
}
