//! The grammar of RFC 3986, as far as signed messages are written in it. Nothing is decoded or normalized.

use std::net::Ipv6Addr;

const SUB_DELIMS: &[u8] = b"!$&'()*+,;=";
const GEN_DELIMS: &[u8] = b":/?#[]@";

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// `reserved / unreserved` of RFC 3986 section 2: what a URI is written in, but for the percent sign.
pub fn is_reserved_or_unreserved(byte: u8) -> bool {
    is_unreserved(byte) || SUB_DELIMS.contains(&byte) || GEN_DELIMS.contains(&byte)
}

/// Whether a text consists of unreserved characters, sub-delimiters, percent-encoded bytes and the `extra` ones.
fn is_made_of(text: &str, extra: &[u8]) -> bool {
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => tail,
            _ if is_unreserved(byte) || SUB_DELIMS.contains(&byte) || extra.contains(&byte) => tail,
            _ => return false,
        };
    }
    true
}

/// `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`
pub fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// `*pchar`
pub fn is_pchars(text: &str) -> bool {
    is_made_of(text, b":@")
}

/// `authority = [ userinfo "@" ] host [ ":" port ]`; the host may be empty, as in `file:///`.
pub fn is_authority(text: &str) -> bool {
    let host_and_port = match text.split_once('@') {
        Some((userinfo, rest)) if is_made_of(userinfo, b":") => rest,
        Some(_) => return false,
        None => text,
    };
    let port = if let Some(literal) = host_and_port.strip_prefix('[') {
        let Some((address, rest)) = literal.split_once(']') else { return false };
        if !is_ip_literal(address) {
            return false;
        }
        match rest.strip_prefix(':') {
            Some(port) => port,
            None if rest.is_empty() => "",
            None => return false,
        }
    } else {
        let (host, port) = host_and_port.split_once(':').unwrap_or((host_and_port, ""));
        if !is_made_of(host, b"") {
            return false;
        }
        port
    };
    port.bytes().all(|b| b.is_ascii_digit())
}

/// `IPv6address / IPvFuture`
fn is_ip_literal(text: &str) -> bool {
    let Some(future) = text.strip_prefix(['v', 'V']) else { return text.parse::<Ipv6Addr>().is_ok() };
    future.split_once('.').is_some_and(|(version, address)| {
        let is_version = !version.is_empty() && version.bytes().all(|b| b.is_ascii_hexdigit());
        is_version && !address.is_empty() && !address.contains('%') && is_made_of(address, b":")
    })
}

/// `URI = scheme ":" hier-part [ "?" query ] [ "#" fragment ]`
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(rest) => rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, "")),
        None => ("", hierarchy),
    };
    is_scheme(scheme) && is_authority(authority) && is_made_of(path, b":@/") && is_made_of(query, b":@/?") && is_made_of(fragment, b":@/?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_3986_are_uris() {
        for good in [
            "ftp://ftp.is.co.za/rfc/rfc1808.txt",
            "http://www.ietf.org/rfc/rfc2396.txt",
            "ldap://[2001:db8::7]/c=GB?objectClass?one",
            "mailto:John.Doe@example.com",
            "news:comp.infosystems.www.servers.unix",
            "tel:+1-816-555-1212",
            "telnet://192.0.2.16:80/",
            "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
            "foo://example.com:8042/over/there?name=ferret#nose",
            "http://a/b/c/d;p?q",
            "file:///etc/hosts",
            "x:",
            "x:?#",
            "did:key:z6Mk/%41?a=/?#/?",
            "http://user:pa%20ss@[v1.fe:0]:/",
        ] {
            assert!(is_uri(good), "{good}");
        }
    }

    #[test]
    fn what_leaves_the_grammar_is_no_uri() {
        for bad in [
            "",
            "no-scheme",
            ":x",
            "1x:y",
            "http://a b",
            "http://a/b\n",
            "http://a/%4",
            "http://a/%zz",
            "http://a/#b#c",
            "http://a/ü",
            "http://a:8x/",
            "http://a:1:2/",
            "http://a@b@c/",
            "http://[::1/",
            "http://[::1]x/",
            "http://[::g]/",
            "http://[1::2::3]/",
            "http://[v.x]/",
            "http://[vg.x]/",
            "http://a/<b>",
            "http://a/\"b\"",
            "http://a/[b]",
            "http://a\\b/",
        ] {
            assert!(!is_uri(bad), "{bad}");
        }
    }
}
