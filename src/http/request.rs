//! What was asked: method, path, headers, address and body, read once and capped.

use std::net::{IpAddr, Ipv6Addr};

use serde::de::DeserializeOwned;
use serde_json::Value;
use worker::Method;
use worker::web_sys::Request;

use super::body::{self, Body, BodyKind, Framing, JsonBody, MultipartBody};
use super::fault::Fault;
use super::json;
use super::root::Root;
use crate::edge::platform;

/// A request as the handlers see it.
pub struct Incoming {
    pub method: Method,
    /// The path as sent, not decoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    /// The client's address; IPv6 by its /64.
    pub address: String,
    body: Result<Body, Fault>,
}

impl Incoming {
    /// Takes a platform request over; the body is read later, by [`Self::read_body`].
    pub fn new(request: &Request) -> Self {
        let head = platform::read_head(request);
        let mut lines = head.split('\n');
        let (method, url) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let mut headers = Vec::new();
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            headers.push((name.to_owned(), value.to_owned()));
        }
        // The platform has parsed the URL already; the url crate would bring its tables of names into the bundle.
        let from_path = url.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..))).unwrap_or("/");
        let without_fragment = from_path.split_once('#').map_or(from_path, |(before, _)| before);
        let (path, query) = without_fragment.split_once('?').unwrap_or((without_fragment, ""));
        let query = worker::url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut incoming = Self {
            method: method_of(method),
            path: path.to_owned(),
            query,
            headers,
            address: String::new(),
            body: Err(Fault::internal("a body was asked for that was not read")),
        };
        incoming.address = address_bucket(incoming.header("CF-Connecting-IP"));
        incoming
    }

    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first query parameter of that name.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads, checks and parses the body. What is wrong with it is kept and told only once the handler asks for it, since
    /// who asks is checked first.
    pub async fn read_body(&mut self, request: &Request, kind: BodyKind) {
        if kind == BodyKind::None {
            return;
        }
        let framing = Framing {
            length: self.header("Content-Length").and_then(|length| length.parse().ok()),
            encoding: self.header("Content-Encoding").map(str::to_owned),
            content_type: self.header("Content-Type").map(str::to_owned),
            takes_camel_case: Root::of(&self.path) == Root::V1,
        };
        self.body = body::read(request, kind, &framing).await;
    }

    fn json_body(&self) -> Result<&JsonBody, Fault> {
        match &self.body {
            Ok(Body::Json(body)) => Ok(body),
            Ok(Body::Form(_) | Body::Multipart(_)) => Err(Fault::internal("a form was read as JSON")),
            Err(fault) => Err(fault.clone()),
        }
    }

    /// The body as a value.
    pub fn body_value(&self) -> Result<&Value, Fault> {
        self.json_body().map(|body| &body.value)
    }

    /// The body as a request type.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let body = self.json_body()?;
        if body.value.is_object() { json::read(&body.text) } else { Err(Fault::field("$", "must be an object")) }
    }

    /// A fault with its path as the client spelled it.
    pub fn spell_as_sent(&self, fault: Fault) -> Fault {
        let Ok(Body::Json(body)) = &self.body else { return fault };
        let path = fault.extra.get("path").and_then(Value::as_str).and_then(|path| body.path_as_sent(path));
        match path {
            Some(path) => fault.with("path", path),
            None => fault,
        }
    }

    /// A form with a file in it, not read yet.
    pub fn multipart(&self) -> Result<&MultipartBody, Fault> {
        match &self.body {
            Ok(Body::Multipart(body)) => Ok(body),
            Ok(Body::Json(_) | Body::Form(_)) => Err(Fault::internal("a body was read that was to be streamed")),
            Err(fault) => Err(fault.clone()),
        }
    }

    /// Whether the body came as a form.
    pub const fn is_form(&self) -> bool {
        matches!(self.body, Ok(Body::Form(_)))
    }

    /// A form as a request type: every value a text, an empty one as if it were not there. Of a repeated name the first
    /// value counts.
    pub fn form_body<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let mut members = serde_json::Map::new();
        for (name, value) in self.form()?.into_iter().filter(|(_, value)| !value.is_empty()) {
            members.entry(name).or_insert(Value::String(value));
        }
        json::read(&Value::Object(members).to_string())
    }

    /// The fields of a form. The end of a line, which a browser sends as two characters, is a newline again.
    pub fn form(&self) -> Result<Vec<(String, String)>, Fault> {
        let text = match &self.body {
            Ok(Body::Form(text)) => text,
            Ok(Body::Json(_) | Body::Multipart(_)) => "",
            Err(fault) => return Err(fault.clone()),
        };
        let fields = worker::url::form_urlencoded::parse(text.as_bytes());
        Ok(fields.map(|(name, value)| (name.into_owned(), value.replace("\r\n", "\n"))).collect())
    }
}

/// The method. The crate takes every name it does not know for GET; here it is TRACE, which no route has.
fn method_of(name: &str) -> Method {
    match Method::from(name.to_owned()) {
        Method::Get if name != "GET" => Method::Trace,
        method => method,
    }
}

/// The bucket of an address: an IPv4 address itself, an IPv6 network of 64 bits.
fn address_bucket(address: Option<&str>) -> String {
    match address.and_then(|text| text.trim().parse::<IpAddr>().ok()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(mapped) => mapped.to_string(),
            None => {
                let [a, b, c, d, ..] = address.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        },
    }
}

/// Decodes `%XX` once. `None` when an escape is broken or the result is not UTF-8.
pub fn decode_percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let (escape, after) = after.split_at_checked(2)?;
            let mut decoded = [0];
            hex::decode_to_slice(escape, &mut decoded).ok()?;
            bytes.extend_from_slice(&decoded);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_share_a_bucket_by_their_network() {
        assert_eq!(address_bucket(Some("203.0.113.7")), "203.0.113.7");
        assert_eq!(address_bucket(Some("::ffff:203.0.113.7")), "203.0.113.7");
        assert_eq!(address_bucket(Some("2001:db8:1:2:3:4:5:6")), address_bucket(Some("2001:db8:1:2::9")));
        assert_ne!(address_bucket(Some("2001:db8:1:2::9")), address_bucket(Some("2001:db8:1:3::9")));
        assert_eq!(address_bucket(None), "unknown");
    }

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(decode_percent("maip%3Aa%253A").as_deref(), Some("maip:a%3A"));
        assert_eq!(decode_percent("%zz"), None);
        assert_eq!(decode_percent("%2"), None);
        assert_eq!(decode_percent("%ff"), None);
    }
}
