//! Sign-in messages (EIP-4361): written, and read by exactly the grammar of the standard.
//!
//! Invariant: a text is handed out only if the reader finds in it what the writer put in, so that no field can pose
//! as another. Two readings narrow the standard: chain ids end at 2^53-1, and times are those `Timestamp` holds (years
//! 1970 to 9999, no leap second, at most nine fractional digits, kept to the millisecond).

use std::fmt;
use std::str::Split;

use super::origin::Origin;
use super::uri;
use super::wallet::{ChainId, WalletAddress};
use crate::domain::time::{SECOND_MS, Timestamp};

const PREAMBLE: &str = " wants you to sign in with your Ethereum account:";

/// How far a signer's clock may run ahead of ours.
const CLOCK_SKEW_MS: u64 = 30 * SECOND_MS;

/// A sign-in message. Its version is 1, the only one there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The scheme of the asking origin; https is meant where none is given.
    pub scheme: Option<String>,
    /// The asking origin's authority: host, and port where it is not the default.
    pub domain: String,
    pub address: WalletAddress,
    /// One line for the human; none and an empty one are two spellings.
    pub statement: Option<String>,
    /// What is signed in to.
    pub uri: String,
    pub chain_id: ChainId,
    /// At least eight letters and digits.
    pub nonce: String,
    pub issued_at: Timestamp,
    pub expiration_time: Option<Timestamp>,
    pub not_before: Option<Timestamp>,
    pub request_id: Option<String>,
    pub resources: Vec<String>,
}

/// The first line of a text that is not as EIP-4361 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiweError {
    Preamble,
    Address,
    Statement,
    Uri,
    Version,
    ChainId,
    Nonce,
    IssuedAt,
    ExpirationTime,
    NotBefore,
    RequestId,
    Resources,
    /// Something follows that belongs to no field, or a field out of its order.
    Rest,
}

impl fmt::Display for SiweError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preamble => "the first line is not that of a sign-in message",
            Self::Address => "the address is not in its EIP-55 spelling",
            Self::Statement => "the statement is not one line of plain characters between empty lines",
            Self::Uri => "URI is missing or no RFC 3986 URI",
            Self::Version => "Version is missing or not 1",
            Self::ChainId => "Chain ID is missing or no chain id",
            Self::Nonce => "Nonce is missing or not at least 8 letters and digits",
            Self::IssuedAt => "Issued At is missing or no RFC 3339 time",
            Self::ExpirationTime => "Expiration Time is no RFC 3339 time",
            Self::NotBefore => "Not Before is no RFC 3339 time",
            Self::RequestId => "Request ID holds characters it may not",
            Self::Resources => "Resources is not a list of RFC 3986 URIs",
            Self::Rest => "a line is unknown or out of order",
        })
    }
}

/// What a message written by the client must agree with.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    pub origin: &'a Origin,
    pub chain_id: ChainId,
    /// How long ago the message may have been issued.
    pub age_ms_max: u64,
}

/// In what a well-formed message does not agree with what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    Scheme,
    Domain,
    Uri,
    ChainId,
    /// Issued too long ago, or in the future.
    IssuedAt,
    Expired,
    NotYetValid,
}

impl Message {
    /// The text to sign, or the first field that would not read back as it is.
    pub fn to_text(&self) -> Result<String, SiweError> {
        let text = self.write();
        match Self::parse(&text) {
            Ok(read) if read == *self => Ok(text),
            // A line feed within one field shows as an error in, or another value of, a later one.
            Ok(_) => Err(SiweError::Rest),
            Err(error) => Err(error),
        }
    }

    /// The text, unchecked: for fields that cannot leave the grammar.
    pub(super) fn write(&self) -> String {
        let mut lines = Vec::with_capacity(16);
        let scheme = self.scheme.as_ref().map(|scheme| format!("{scheme}://")).unwrap_or_default();
        lines.push(format!("{scheme}{}{PREAMBLE}", self.domain));
        lines.extend([self.address.to_string(), String::new()]);
        lines.extend(self.statement.clone());
        lines.push(String::new());
        lines.push(format!("URI: {}", self.uri));
        lines.push("Version: 1".to_owned());
        lines.push(format!("Chain ID: {}", self.chain_id));
        lines.push(format!("Nonce: {}", self.nonce));
        lines.push(format!("Issued At: {}", self.issued_at));
        lines.extend(self.expiration_time.map(|time| format!("Expiration Time: {time}")));
        lines.extend(self.not_before.map(|time| format!("Not Before: {time}")));
        lines.extend(self.request_id.as_ref().map(|id| format!("Request ID: {id}")));
        if !self.resources.is_empty() {
            lines.push("Resources:".to_owned());
            lines.extend(self.resources.iter().map(|resource| format!("- {resource}")));
        }
        lines.join("\n")
    }

    /// Reads a text that is an EIP-4361 message from its first byte to its last.
    pub fn parse(text: &str) -> Result<Self, SiweError> {
        let mut lines = Lines::of(text);
        let first = lines.take_next().and_then(|line| line.strip_suffix(PREAMBLE)).ok_or(SiweError::Preamble)?;
        let (scheme, domain) = parse_asker(first).ok_or(SiweError::Preamble)?;
        let address = lines.take_next().and_then(|line| WalletAddress::parse_checksummed(line).ok()).ok_or(SiweError::Address)?;
        let statement = parse_statement(&mut lines).ok_or(SiweError::Statement)?;
        let uri = lines.take_field("URI: ").filter(|uri| uri::is_uri(uri)).ok_or(SiweError::Uri)?;
        lines.take_field("Version: ").filter(|version| *version == "1").ok_or(SiweError::Version)?;
        let chain_id = lines.take_field("Chain ID: ").and_then(parse_chain_id).ok_or(SiweError::ChainId)?;
        let nonce = lines.take_field("Nonce: ").filter(|nonce| is_nonce(nonce)).ok_or(SiweError::Nonce)?;
        let issued_at = lines.take_time("Issued At: ").flatten().ok_or(SiweError::IssuedAt)?;
        let expiration_time = lines.take_time("Expiration Time: ").map(|time| time.ok_or(SiweError::ExpirationTime)).transpose()?;
        let not_before = lines.take_time("Not Before: ").map(|time| time.ok_or(SiweError::NotBefore)).transpose()?;
        let request_id = lines.take_field("Request ID: ");
        if !request_id.is_none_or(uri::is_pchars) {
            return Err(SiweError::RequestId);
        }
        let resources = parse_resources(&mut lines)?;
        if lines.next.is_some() {
            return Err(SiweError::Rest);
        }
        Ok(Self {
            scheme: scheme.map(str::to_owned),
            domain: domain.to_owned(),
            address,
            statement: statement.map(str::to_owned),
            uri: uri.to_owned(),
            chain_id,
            nonce: nonce.to_owned(),
            issued_at,
            expiration_time,
            not_before,
            request_id: request_id.map(str::to_owned),
            resources,
        })
    }

    /// Whether the message is meant for us and holds now. Its nonce and its signer are the caller's to check.
    pub fn check(&self, expected: &Expectation<'_>, now: Timestamp) -> Result<(), Mismatch> {
        let scheme_agrees = self.scheme.as_deref().is_none_or(|scheme| scheme.eq_ignore_ascii_case(expected.origin.scheme()));
        let too_old = now.since_ms(self.issued_at) > expected.age_ms_max;
        let from_the_future = self.issued_at.since_ms(now) > CLOCK_SKEW_MS;
        let faults = [
            (!scheme_agrees, Mismatch::Scheme),
            (!self.domain.eq_ignore_ascii_case(expected.origin.domain()), Mismatch::Domain),
            (!expected.origin.holds(&self.uri), Mismatch::Uri),
            (self.chain_id != expected.chain_id, Mismatch::ChainId),
            (too_old || from_the_future, Mismatch::IssuedAt),
            (self.expiration_time.is_some_and(|time| now >= time), Mismatch::Expired),
            (self.not_before.is_some_and(|time| now < time), Mismatch::NotYetValid),
        ];
        faults.into_iter().find(|(at_fault, _)| *at_fault).map_or(Ok(()), |(_, mismatch)| Err(mismatch))
    }
}

/// The lines of a text, one ahead.
struct Lines<'a> {
    next: Option<&'a str>,
    rest: Split<'a, char>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let mut rest = text.split('\n');
        Self { next: rest.next(), rest }
    }

    fn take_next(&mut self) -> Option<&'a str> {
        std::mem::replace(&mut self.next, self.rest.next())
    }

    /// The value of the next line, if that is the field of this name; else the line stays.
    fn take_field(&mut self, name: &str) -> Option<&'a str> {
        let value = self.next?.strip_prefix(name)?;
        self.take_next();
        Some(value)
    }

    /// As `take_field`; within it, none means that the value is no time.
    fn take_time(&mut self, name: &str) -> Option<Option<Timestamp>> {
        self.take_field(name).map(|text| Timestamp::parse(text).ok())
    }
}

/// `[ scheme "://" ] domain`
fn parse_asker(text: &str) -> Option<(Option<&str>, &str)> {
    let (scheme, domain) = text.split_once("://").map_or((None, text), |(scheme, domain)| (Some(scheme), domain));
    let host = domain.rsplit('@').next().unwrap_or_default();
    let has_host = !host.is_empty() && !host.starts_with(':');
    (scheme.is_none_or(uri::is_scheme) && has_host && uri::is_authority(domain)).then_some((scheme, domain))
}

/// `LF [ statement LF ] LF`: an empty line, perhaps a statement (itself perhaps empty), an empty line.
fn parse_statement<'a>(lines: &mut Lines<'a>) -> Option<Option<&'a str>> {
    lines.take_next().filter(|line| line.is_empty())?;
    let statement = lines.take_next()?;
    let none_given = statement.is_empty() && lines.next.is_none_or(|line| !line.is_empty());
    if none_given {
        return Some(None);
    }
    let plain = statement.bytes().all(|b| b == b' ' || uri::is_reserved_or_unreserved(b));
    let closed = lines.take_next().is_some_and(str::is_empty);
    (plain && closed).then_some(Some(statement))
}

fn parse_chain_id(text: &str) -> Option<ChainId> {
    let digits_only = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits_only).and_then(|id| ChainId::new(id).ok())
}

fn is_nonce(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn parse_resources(lines: &mut Lines<'_>) -> Result<Vec<String>, SiweError> {
    if lines.next != Some("Resources:") {
        return Ok(Vec::new());
    }
    lines.take_next();
    let mut resources = Vec::new();
    while let Some(line) = lines.take_next() {
        let resource = line.strip_prefix("- ").filter(|resource| uri::is_uri(resource)).ok_or(SiweError::Resources)?;
        resources.push(resource.to_owned());
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            scheme: None,
            domain: "example.com".to_owned(),
            address: WalletAddress::parse("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2").unwrap(),
            statement: Some("I accept the ExampleOrg Terms of Service: https://example.com/tos".to_owned()),
            uri: "https://example.com/login".to_owned(),
            chain_id: ChainId::ETHEREUM,
            nonce: "32891756".to_owned(),
            issued_at: Timestamp::parse("2021-09-30T16:25:24Z").unwrap(),
            expiration_time: None,
            not_before: None,
            request_id: None,
            resources: Vec::new(),
        }
    }

    #[test]
    fn a_field_that_poses_as_another_is_never_written() {
        let injected = |change: fn(&mut Message)| {
            let mut message = message();
            change(&mut message);
            message.to_text()
        };
        assert!(injected(|_| {}).is_ok());
        for text in [
            injected(|m| m.statement = Some("yes\n\nURI: https://evil.example".to_owned())),
            injected(|m| m.statement = Some("ümlaut".to_owned())),
            injected(|m| m.nonce = "12345678\nIssued At: 2021-09-30T16:25:24Z".to_owned()),
            injected(|m| m.nonce = "short".to_owned()),
            injected(|m| m.domain = "evil.example\n".to_owned()),
            injected(|m| m.domain = String::new()),
            injected(|m| m.uri = "https://example.com/\nVersion: 1".to_owned()),
            injected(|m| m.request_id = Some("a\nResources:\n- x:y".to_owned())),
            injected(|m| m.resources = vec!["x:y\n- z:w".to_owned()]),
            injected(|m| m.scheme = Some("https://evil.example wants".to_owned())),
        ] {
            assert!(text.is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_message_must_agree_with_what_we_expect() {
        let origin = Origin::parse("https://example.com").unwrap();
        let expected = Expectation { origin: &origin, chain_id: ChainId::ETHEREUM, age_ms_max: 600_000 };
        let issued_at = message().issued_at;
        let verdict = |change: fn(&mut Message), at: Timestamp| {
            let mut message = message();
            change(&mut message);
            message.check(&expected, at)
        };
        assert_eq!(verdict(|_| {}, issued_at), Ok(()));
        assert_eq!(verdict(|_| {}, issued_at.plus_ms(600_000)), Ok(()));
        assert_eq!(verdict(|_| {}, issued_at.plus_ms(600_001)), Err(Mismatch::IssuedAt));
        assert_eq!(verdict(|_| {}, issued_at.minus_ms(30_000)), Ok(()));
        assert_eq!(verdict(|_| {}, issued_at.minus_ms(30_001)), Err(Mismatch::IssuedAt));
        assert_eq!(verdict(|m| m.scheme = Some("https".to_owned()), issued_at), Ok(()));
        assert_eq!(verdict(|m| m.scheme = Some("http".to_owned()), issued_at), Err(Mismatch::Scheme));
        assert_eq!(verdict(|m| m.domain = "example.com.evil".to_owned(), issued_at), Err(Mismatch::Domain));
        assert_eq!(verdict(|m| m.uri = "https://example.com.evil".to_owned(), issued_at), Err(Mismatch::Uri));
        assert_eq!(verdict(|m| m.chain_id = ChainId::BASE, issued_at), Err(Mismatch::ChainId));
        assert_eq!(verdict(|m| m.expiration_time = Some(m.issued_at), issued_at), Err(Mismatch::Expired));
        assert_eq!(verdict(|m| m.not_before = Some(m.issued_at.plus_ms(1)), issued_at), Err(Mismatch::NotYetValid));
        assert_eq!(verdict(|m| m.not_before = Some(m.issued_at), issued_at), Ok(()));
    }
}
