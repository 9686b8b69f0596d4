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

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Rules = Rules { http: false, loopback: false };
    const DEVELOPMENT: Rules = Rules { http: false, loopback: true };

    #[test]
    fn public_hosts_are_taken_under_https() {
        for good in [
            "https://example.com",
            "https://example.com/",
            "https://EXAMPLE.com./hook?a=b#c",
            "https://hooks.example.com:8443/a/b%20c",
            "https://xn--bcher-kva.example/x",
            "https://my_host.example",
            "https://example.com?x=http://10.0.0.1/",
            "https://8.8.8.8/",
            "https://[2606:4700:4700::1111]/x",
            "https://[2606:4700:4700::1111]:443",
            "https://127.0.0.1.example.com/",
            "https://localhost.example.com/",
        ] {
            assert!(check(good, STRICT).is_ok(), "{good}");
        }
        assert_eq!(check("https://EXAMPLE.com./x", STRICT), Ok(Host::Name("example.com".to_owned())));
    }

    #[test]
    fn every_notation_of_an_address_that_is_not_public_is_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "0X7F.0.0.1",
            "0",
            "0.0.0.0",
            "0x",
            "0x0",
            "00",
            "10.0.0.1",
            "10.255.255.255",
            "167772161",
            "0xa.1",
            "012.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0xa9.0xfe.0xa9.0xfe",
            "0251.0376.0251.0376",
            "169.16689662",
            "169.254.43518",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.1",
            "3232235521",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "4294967295",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::8.8.8.8]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[2001::1]",
            "[2001:0:53aa:64c:0:0:0:1]",
            "[2001:2::1]",
            "[2001:10::1]",
            "[2001:20::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[2002:a9fe:a9fe::1]",
            "[3fff::1]",
            "[5f00::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[febf::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[ff0e::1]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "printer.local",
            "a.b.local.",
            "local",
            "internal",
            "x.internal",
            "metadata.google.internal",
            "METADATA.google.internal.",
        ] {
            assert_eq!(check(&format!("https://{host}/x"), STRICT), Err(TargetError::NotPublic), "{host}");
            assert_eq!(check(&format!("https://{host}:8443"), STRICT), Err(TargetError::NotPublic), "{host}");
        }
    }

    #[test]
    fn just_beside_the_refused_networks_is_public() {
        for host in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "[2001:200::1]",
            "[2001:db7:ffff::1]",
            "[2001:db9::1]",
            "[2003::1]",
            "[2000::1]",
            "[3ffe::1]",
            "[3fff:1000::1]",
        ] {
            assert!(check(&format!("https://{host}/"), STRICT).is_ok(), "{host}");
        }
    }

    #[test]
    fn what_readers_understand_differently_is_refused() {
        for bad in [
            "",
            "https",
            "https:",
            "https:/",
            "https:example.com",
            "https:/example.com",
            "https:\\\\example.com",
            "//example.com",
            "ftp://example.com",
            "HTTPS://example.com",
            " https://example.com",
            "javascript://example.com",
            "http://example.com",
            "httpss://example.com",
        ] {
            assert_eq!(check(bad, STRICT), Err(TargetError::Scheme), "{bad}");
        }
        for bad in [
            "https://",
            "https:///x",
            "https://?x",
            "https://#",
            "https://:443",
            "https://.",
            "https://..",
            "https://.example.com",
            "https://a..example.com",
            "https://example.com..",
            "https://exa mple.com",
            "https://example.com\t",
            "https://exam\nple.com",
            "https://example.com/\\x",
            "https://example.com\\@10.0.0.1",
            "https://example\u{3002}com",
            "https://ex\u{ff41}mple.com",
            "https://127\u{3002}0\u{3002}0\u{3002}1",
            "https://①②⑦.0.0.1",
            "https://bücher.example",
            "https://example.com/ü",
            "https://%6cocalhost",
            "https://127.0.0.%31",
            "https://example.com:",
            "https://example.com:0",
            "https://example.com:65536",
            "https://example.com:+80",
            "https://example.com:8a",
            "https://example.com:80:80",
            "https://[::1",
            "https://::1",
            "https://[::1]x",
            "https://[::1]8080",
            "https://[fe80::1%25eth0]",
            "https://[fe80::1%eth0]",
            "https://[::1]]",
            "https://[]",
            "https://[127.0.0.1]",
            "https://256.0.0.1",
            "https://1.2.3.256",
            "https://1.2.3.4.5",
            "https://1.2.65536",
            "https://4294967296",
            "https://0x100000000",
            "https://08.0.0.1",
            "https://1.2.3.09",
            "https://a.0x1",
            "https://example.1",
            "https://1..1",
            "https://-a.example",
            "https://a-.example",
            "https://18446744073709551616",
            "https://a|b.example",
            "https://example.com/<x>",
            "https://example.com/\u{7f}",
        ] {
            assert_eq!(check(bad, STRICT), Err(TargetError::Malformed), "{bad:?}");
        }
        assert_eq!(check(&format!("https://{}.example", "a".repeat(64)), STRICT), Err(TargetError::Malformed));
        assert!(check(&format!("https://{}.example", "a".repeat(63)), STRICT).is_ok());
        for bad in ["https://a@example.com", "https://a:b@example.com", "https://@example.com", "https://example.com@127.0.0.1/"] {
            assert_eq!(check(bad, STRICT), Err(TargetError::UserInfo), "{bad}");
        }
        assert!(check("https://example.com/@a", STRICT).is_ok(), "a sign in the path is none of the host");
    }

    #[test]
    fn a_url_may_have_2048_characters() {
        let url = |length: usize| format!("https://example.com/{}", "a".repeat(length - 20));
        assert!(check(&url(2_048), STRICT).is_ok());
        assert_eq!(check(&url(2_049), STRICT), Err(TargetError::TooLong));
    }

    #[test]
    fn development_reaches_this_machine_and_nothing_else_that_is_not_public() {
        for good in
            ["http://127.0.0.1:8080/x", "http://localhost:1", "http://a.localhost", "https://[::1]/", "http://example.com", "http://127.1"]
        {
            assert!(check(good, DEVELOPMENT).is_ok(), "{good}");
        }
        for bad in [
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://[fe80::1]",
            "http://x.local",
            "http://metadata.google.internal",
            "http://0.0.0.0",
        ] {
            assert_eq!(check(bad, DEVELOPMENT), Err(TargetError::NotPublic), "{bad}");
        }
        assert!(check("http://example.com", Rules { http: true, loopback: false }).is_ok());
        assert_eq!(check("http://127.0.0.1", Rules { http: true, loopback: false }), Err(TargetError::NotPublic));
    }
}
