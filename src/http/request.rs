//! What was asked: method, path, headers, address and body, read once and capped.

use std::net::{IpAddr, Ipv6Addr};

use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use worker::{Headers, Method};

use super::code::Code;
use super::fault::Fault;
use super::json;

/// A JSON body may have this many bytes (contract README 5).
pub const BODY_BYTES_MAX: usize = 1_048_576;

const FORM: &str = "application/x-www-form-urlencoded";

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// Nothing; what is sent is not read.
    None,
    /// JSON, or nothing at all, which counts as `{}`.
    Json,
    /// `application/x-www-form-urlencoded`, from a page of ours.
    Form,
    /// Either of the two.
    JsonOrForm,
}

/// A request as the handlers see it.
pub struct Incoming {
    pub method: Method,
    /// The path as sent, not decoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    headers: Headers,
    /// The client's address; IPv6 by its /64.
    pub address: String,
    body: Result<String, Fault>,
}

impl Incoming {
    /// Takes a platform request over; the body is read later, by [`Self::read_body`].
    pub fn new(request: &worker::Request) -> Self {
        // The platform has parsed the URL already; the url crate would bring its tables of names into the bundle.
        let url = request.inner().url();
        let query = url.split_once('?').map_or("", |(_, rest)| rest.split_once('#').map_or(rest, |(query, _)| query));
        let query = worker::url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let headers = request.headers().clone();
        let address = headers.get("CF-Connecting-IP").ok().flatten();
        Self {
            method: request.method(),
            path: request.path(),
            query,
            address: address_bucket(address.as_deref()),
            headers,
            body: Ok(String::new()),
        }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).ok().flatten()
    }

    /// The first query parameter of that name.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads and checks the body. What is wrong with it is kept and told only once the handler asks for it, since who
    /// asks is checked first.
    pub async fn read_body(&mut self, request: &mut worker::Request, kind: BodyKind) {
        if kind != BodyKind::None {
            self.body = self.take_body(request, kind).await;
        }
    }

    async fn take_body(&self, request: &mut worker::Request, kind: BodyKind) -> Result<String, Fault> {
        let too_large = || Fault::new(Code::PayloadTooLarge, format!("the body may have {BODY_BYTES_MAX} bytes")).in_body();
        let declared = self.header("Content-Length").and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
            return Err(too_large());
        }
        let bytes = if declared.is_some() {
            request.bytes().await.map_err(|error| Fault::internal(error.to_string()))?
        } else {
            read_capped(request, BODY_BYTES_MAX).await?.ok_or_else(too_large)?
        };
        if bytes.is_empty() {
            return Ok(String::new());
        }
        self.check_type(kind)?;
        String::from_utf8(bytes).map_err(|_| Fault::new(Code::InvalidJson, "the body is not UTF-8").in_body())
    }

    fn check_type(&self, kind: BodyKind) -> Result<(), Fault> {
        let unsupported = |what: &'static str| Fault::new(Code::UnsupportedMediaType, what).in_body();
        if self.header("Content-Encoding").is_some_and(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")) {
            return Err(unsupported("compressed bodies are not taken; send it as it is"));
        }
        let content_type = self.header("Content-Type").unwrap_or_default();
        let (media, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
        let media = media.trim().to_ascii_lowercase();
        let charset_is_utf8 = parameters.split(';').all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
        let fits = match kind {
            BodyKind::None => true,
            BodyKind::Json => media == "application/json" || (media.starts_with("application/") && media.ends_with("+json")),
            BodyKind::Form => media == FORM,
            BodyKind::JsonOrForm => media == "application/json" || media == FORM,
        };
        match (fits && charset_is_utf8, kind) {
            (true, _) => Ok(()),
            (false, BodyKind::Form) => Err(unsupported("send Content-Type: application/x-www-form-urlencoded")),
            (false, _) => Err(unsupported("send Content-Type: application/json")),
        }
    }

    /// The body's text; an empty one is `{}`.
    pub fn body_text(&self) -> Result<&str, Fault> {
        match &self.body {
            Ok(text) if text.is_empty() => Ok("{}"),
            Ok(text) => Ok(text),
            Err(fault) => Err(fault.clone()),
        }
    }

    /// The body as a value, strictly parsed.
    pub fn body_value(&self) -> Result<Value, Fault> {
        json::parse(self.body_text()?)
    }

    /// The body as a request type.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let text = self.body_text()?;
        match json::parse(text)? {
            Value::Object(_) => json::read(text),
            _ => Err(Fault::field("$", "must be an object")),
        }
    }

    /// Whether the body came as a form.
    pub fn is_form(&self) -> bool {
        self.header("Content-Type").is_some_and(|media| media.trim_start().to_ascii_lowercase().starts_with(FORM))
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

    /// The fields of a form.
    pub fn form(&self) -> Result<Vec<(String, String)>, Fault> {
        let text = match &self.body {
            Ok(text) => text,
            Err(fault) => return Err(fault.clone()),
        };
        Ok(worker::url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }
}

/// Reads a body of undeclared length; `None` when it exceeds the cap.
async fn read_capped(request: &mut worker::Request, bytes_max: usize) -> Result<Option<Vec<u8>>, Fault> {
    if request.inner().body().is_none() {
        return Ok(Some(Vec::new()));
    }
    let mut stream = request.stream().map_err(|error| Fault::internal(error.to_string()))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Fault::internal(error.to_string()))?;
        if bytes.len().saturating_add(chunk.len()) > bytes_max {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
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
