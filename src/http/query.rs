//! What a route reads from its query, as data: the table declares it, the border checks it before the handler runs, the
//! handler reads it, and `/openapi.json` shows it. Parameters nobody declared are ignored (contract README 6).

use super::context::Ctx;
use super::fault::Fault;
use crate::domain::id::is_id;
use crate::domain::time::Timestamp;

/// One parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    pub name: &'static str,
    pub kind: QueryKind,
    pub required: bool,
}

/// What a parameter must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryKind {
    /// A whole number, in decimal digits alone.
    Whole { min: u64, max: u64 },
    /// A whole number, of which as much counts as lies between these.
    Clamped { min: u64, max: u64 },
    /// How many items stand before a page, of a list that is read by number no further than this.
    Offset { max: u64 },
    /// Words to look for; none is as good as absent.
    Search { chars_max: usize },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A text of 1 to so many characters without control characters.
    Text { chars_max: usize },
    /// A moment, with an offset.
    Time,
    /// A thing by its id: this prefix and a ULID. Whether there is such a thing the handler finds out.
    Id(&'static str),
    /// An agent in any of its spellings; the handler reads it.
    Agent,
    /// A merchant's name; the handler reads it.
    Merchant,
    /// One action, such as `data:read`; the handler reads it.
    Action,
    /// Names of events, all of a kind such as `payment.*`, or `*`, parted by commas; the handler reads them.
    Events,
    /// The `next_cursor` of an earlier page; the handler reads it.
    Cursor,
    /// Part of a wallet's signature; the handler reads it.
    Signature,
}

impl Query {
    pub const fn new(name: &'static str, kind: QueryKind) -> Self {
        Self { name, kind, required: false }
    }

    pub const fn whole(name: &'static str, min: u64, max: u64) -> Self {
        Self::new(name, QueryKind::Whole { min, max })
    }

    pub const fn one_of(name: &'static str, words: &'static [&'static str]) -> Self {
        Self::new(name, QueryKind::OneOf(words))
    }

    pub const fn text(name: &'static str, chars_max: usize) -> Self {
        Self::new(name, QueryKind::Text { chars_max })
    }

    pub const fn time(name: &'static str) -> Self {
        Self::new(name, QueryKind::Time)
    }

    pub const fn id(name: &'static str, prefix: &'static str) -> Self {
        Self::new(name, QueryKind::Id(prefix))
    }

    pub const fn agent(name: &'static str) -> Self {
        Self::new(name, QueryKind::Agent)
    }

    /// The same, and it must be there.
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Holds a value against the declaration: 400 with the parameter's name as its path.
    fn check(&self, text: &str) -> Result<(), Fault> {
        let refuse = |rule: &str| Err(Fault::field(self.name, rule));
        match self.kind {
            QueryKind::Whole { min, max } if read_whole(text).is_none_or(|value| !(min..=max).contains(&value)) => {
                refuse(&format!("must be a whole number from {min} to {max}"))
            }
            QueryKind::Clamped { min, max } if read_clamped(text, min, max).is_none() => refuse("must be a whole number"),
            QueryKind::Offset { max } if read_whole(text).is_none_or(|value| value > max) => {
                refuse(&format!("must be a whole number up to {max}; narrow the list to see what lies further on"))
            }
            QueryKind::Search { chars_max } if !text.is_empty() && !is_text(text, chars_max) => {
                refuse(&format!("must have at most {chars_max} characters and no control characters"))
            }
            QueryKind::OneOf(words) if !words.contains(&text) => refuse(&format!("must be one of {}", words.join(", "))),
            QueryKind::Text { chars_max } if !is_text(text, chars_max) => {
                refuse(&format!("must have 1 to {chars_max} characters and no control characters"))
            }
            QueryKind::Time if Timestamp::parse(text).is_err() => refuse("must be an ISO 8601 time with an offset"),
            QueryKind::Id(prefix) if !is_id(text, prefix) => refuse(&format!("must be an id of the form {prefix}<ULID>")),
            _ => Ok(()),
        }
    }
}

/// A whole number as it stands in a query: digits, no sign, no fraction.
fn read_whole(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

/// A whole number brought between two others; below zero is as good as zero.
fn read_clamped(text: &str, min: u64, max: u64) -> Option<u64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = if text.starts_with('-') { 0 } else { digits.parse().unwrap_or(u64::MAX) };
    Some(value.clamp(min, max))
}

fn is_text(text: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&text.chars().count()) && !text.chars().any(|c| c.is_control() && c != '\t' && c != '\n')
}

impl Ctx {
    /// Holds the query against what the route declares of it. Of a repeated parameter the first value counts.
    pub fn check_query(&self) -> Result<(), Fault> {
        self.route.query.iter().try_for_each(|query| self.check_value(query))
    }

    /// Holds one parameter against its declaration.
    pub fn check_value(&self, query: &Query) -> Result<(), Fault> {
        match self.incoming.query_value(query.name) {
            Some(text) => query.check(text),
            None if query.required => Err(Fault::field(query.name, "is required")),
            None => Ok(()),
        }
    }

    /// A whole number of the query that the route declares.
    pub fn query_whole(&self, name: &str) -> Option<u64> {
        self.incoming.query_value(name).and_then(read_whole)
    }

    /// A whole number of the query that the route declares to be clamped.
    pub fn query_clamped(&self, name: &str) -> Option<u64> {
        let kind = self.route.query.iter().find(|query| query.name == name).map(|query| query.kind);
        match kind {
            Some(QueryKind::Clamped { min, max }) => self.incoming.query_value(name).and_then(|text| read_clamped(text, min, max)),
            _ => None,
        }
    }

    /// A moment of the query that the route declares.
    pub fn query_time(&self, name: &str) -> Option<Timestamp> {
        self.incoming.query_value(name).and_then(|text| Timestamp::parse(text).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clamped_number_is_brought_within_its_bounds() {
        for (text, read) in [("0", 1), ("-7", 1), ("1", 1), ("100", 100), ("101", 100), ("99999999999999999999", 100)] {
            assert_eq!(read_clamped(text, 1, 100), Some(read), "{text}");
        }
        for bad in ["", "-", "1.5", "1e2", "+1", " 1", "x", "--1"] {
            assert_eq!(read_clamped(bad, 1, 100), None, "{bad}");
        }
    }

    fn is_refused(query: Query, text: &str) -> bool {
        match query.check(text) {
            Ok(()) => false,
            Err(fault) => {
                assert_eq!(fault.extra["path"], query.name);
                assert!(fault.in_body, "the credential is checked before the query");
                true
            }
        }
    }

    #[test]
    fn a_number_has_digits_alone_and_keeps_its_bounds() {
        let limit = Query::whole("limit", 1, 100);
        for good in ["1", "100", "007"] {
            assert!(!is_refused(limit, good), "{good}");
        }
        for bad in ["0", "101", "", "+1", "-1", "1.0", "1e1", " 1", "１", "18446744073709551616"] {
            assert!(is_refused(limit, bad), "{bad}");
        }
    }

    #[test]
    fn words_times_texts_and_ids_are_what_they_say() {
        let ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        for (query, good, bad) in [
            (Query::one_of("status", &["active", "revoked"]), vec!["active"], vec!["", "Active", "active ", "gone"]),
            (
                Query::time("from"),
                vec!["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+01:00"],
                vec!["", "2026-01-01", "2026-01-01T00:00:00"],
            ),
            (Query::text("merchant", 3), vec!["a", "äöü", "\t"], vec!["", "abcd", "\u{0}"]),
        ] {
            assert!(good.iter().all(|text| !is_refused(query, text)), "{query:?}");
            assert!(bad.iter().all(|text| is_refused(query, text)), "{query:?}");
        }
        let wallet = Query::id("wallet_id", "wal_");
        assert!(!is_refused(wallet, &format!("wal_{ulid}")));
        assert!(!is_refused(wallet, &format!("wal_{}", ulid.to_lowercase())));
        for bad in [
            ulid.to_owned(),
            format!("key_{ulid}"),
            format!("wal_{ulid}0"),
            "wal_8ZZZZZZZZZZZZZZZZZZZZZZZZZ".to_owned(),
            format!("wal_{}", ulid.replace('Z', "U")),
        ] {
            assert!(is_refused(wallet, &bad), "{bad}");
        }
    }
}
