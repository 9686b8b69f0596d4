//! Where we send requests that somebody else named: webhooks, profiles (contract README 11).
//!
//! Invariant: what is checked is what is fetched. A URL is taken only if it is written in a way that every reader
//! understands alike: plain ASCII, `scheme://host[:port]` and a path; no user info, backslash, blank or escape before the
//! path. A host that ends in a number is an address (WHATWG URL, "ends in a number checker"), in whichever notation, and is
//! judged as one; whatever the URL's reader would make of a name, it makes nothing of letters, digits, `-`, `_` and dots.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Characters a URL may have.
pub const URL_CHARS_MAX: usize = 2_048;

/// What a deployment and a use allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// `http` as well as `https`.
    pub http: bool,
    /// `ALLOW_LOOPBACK_TARGETS`: `http` and this machine itself, for development. Every other refusal stays.
    pub loopback: bool,
}

/// Why a URL is no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetError {
    TooLong,
    Scheme,
    /// Not a URL in the one way we read them.
    Malformed,
    UserInfo,
    /// A name or an address of a network that is not public.
    NotPublic,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "must have at most 2048 characters",
            Self::Scheme => "must begin with https://",
            Self::Malformed => "must be a URL in ASCII: https://, a host name or address, and a path; write other names in punycode",
            Self::UserInfo => "must not hold a user name or password",
            Self::NotPublic => "must name a host of the public internet",
        })
    }
}

/// The host of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// In lower case, without a final dot.
    Name(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// Reads a URL and judges its host. The text itself is what is fetched later.
pub fn check(url: &str, rules: Rules) -> Result<Host, TargetError> {
    if url.len() > URL_CHARS_MAX {
        return Err(TargetError::TooLong);
    }
    let rest = match url.split_once("://") {
        Some(("https", rest)) => rest,
        Some(("http", rest)) if rules.http || rules.loopback => rest,
        _ => return Err(TargetError::Scheme),
    };
    // One quotation mark or bracket more would do no harm, but RFC 3986 has none of them.
    let is_legal = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b);
    if !rest.bytes().all(is_legal) {
        return Err(TargetError::Malformed);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(TargetError::UserInfo);
    }
    let host = parse_host(split_port(authority)?)?;
    if is_refused(&host, rules) { Err(TargetError::NotPublic) } else { Ok(host) }
}

/// The host as written, once its port has been found to be one.
fn split_port(authority: &str) -> Result<&str, TargetError> {
    let (host, port) = match authority.rfind(']') {
        Some(at) => authority.split_at_checked(at + 1).ok_or(TargetError::Malformed)?,
        None => authority.find(':').and_then(|at| authority.split_at_checked(at)).unwrap_or((authority, "")),
    };
    if !port.is_empty() {
        let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|digits| digits.parse::<u16>().ok()).filter(|port| *port != 0).ok_or(TargetError::Malformed)?;
    }
    Ok(host)
}

fn parse_host(text: &str) -> Result<Host, TargetError> {
    if let Some(inside) = text.strip_prefix('[') {
        // No zone: what stands behind a `%` is no part of an address.
        return inside.strip_suffix(']').and_then(|inside| inside.parse().ok()).map(Host::V6).ok_or(TargetError::Malformed);
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(TargetError::Malformed);
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let ends_in_number = last.bytes().all(|b| b.is_ascii_digit()) || parse_number(last).is_some();
    if ends_in_number { parse_v4(&name).map(Host::V4).ok_or(TargetError::Malformed) } else { Ok(Host::Name(name)) }
}

/// One part of an IPv4 address: decimal, octal with a leading 0, hexadecimal with a leading 0x.
fn parse_number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        // `0x` alone is zero.
        Some("") => return Some(0),
        Some(digits) => (digits, 16),
        None => match text.strip_prefix('0').filter(|digits| !digits.is_empty()) {
            Some(digits) => (digits, 8),
            None => (text, 10),
        },
    };
    // `from_str_radix` takes a sign.
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_alphanumeric()) { None } else { u64::from_str_radix(digits, radix).ok() }
}

/// An IPv4 address of one to four parts, of which the last fills what is left.
fn parse_v4(name: &str) -> Option<Ipv4Addr> {
    let parts = name.split('.').map(parse_number).collect::<Option<Vec<u64>>>()?;
    let (last, first) = parts.split_last()?;
    let left = 4_usize.checked_sub(first.len()).filter(|left| *left > 0)?;
    if first.iter().any(|part| *part > 255) || *last >= 1 << (8 * left) {
        return None;
    }
    let high = first.iter().fold(0, |address, part| address << 8 | part) << (8 * left);
    u32::try_from(high | last).ok().map(Ipv4Addr::from)
}

fn is_refused(host: &Host, rules: Rules) -> bool {
    if rules.loopback && is_loopback(host) {
        return false;
    }
    match host {
        Host::Name(name) => is_private_name(name),
        Host::V4(address) => !is_public_v4(*address),
        Host::V6(address) => !is_public_v6(*address),
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::V4(address) => address.is_loopback(),
        Host::V6(address) => address.is_loopback() || address.to_ipv4_mapped().is_some_and(|mapped| mapped.is_loopback()),
    }
}

fn is_private_name(name: &str) -> bool {
    let is_or_under = |zone: &str| name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    // `metadata.google.internal` is one of the last.
    ["localhost", "local", "internal"].into_iter().any(is_or_under)
}

/// Whether an address is one of the public internet, by the special-purpose registry of IANA (RFC 6890).
pub fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |net: [u8; 4], bits: u32| u32::from(address) >> (32 - bits) == u32::from(Ipv4Addr::from(net)) >> (32 - bits);
    let special = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        // Multicast, reserved and broadcast.
        ([224, 0, 0, 0], 3),
    ];
    !special.into_iter().any(|(net, bits)| within(net, bits))
}

/// The same of IPv6: global unicast, and of that nothing that stands for another address or for no host at all. Mapped,
/// translated and local addresses all lie outside of it.
pub fn is_public_v6(address: Ipv6Addr) -> bool {
    let within = |net: u128, bits: u32| u128::from(address) >> (128 - bits) == net >> (128 - bits);
    let global = within(0x2000 << 112, 3);
    let special = [
        // Protocol assignments: Teredo, benchmarking, ORCHID.
        (0x2001 << 112, 23),
        (0x2001_0db8 << 96, 32),
        // 6to4 carries an IPv4 address.
        (0x2002 << 112, 16),
        (0x3fff << 112, 20),
    ];
    global && !special.into_iter().any(|(net, bits)| within(net, bits))
}
