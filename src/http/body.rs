//! A request's body: read once, capped, of the type the route takes, and parsed (contract README 5, 6).

use futures_util::StreamExt;
use serde_json::{Map, Value};
use worker::ByteStream;
use worker::js_sys::Uint8Array;
use worker::web_sys::Request;

use super::code::Code;
use super::fault::Fault;
use super::json;
use super::json_path::respell_members;
use crate::edge::task::Answer;
use crate::edge::{file, platform};

/// A JSON body may have this many bytes (contract README 5).
pub const BODY_BYTES_MAX: usize = 1_048_576;

/// An uploaded file may have this many bytes (contract atelier 5).
pub const FILE_BYTES_MAX: usize = 52_428_800;

/// Bytes of a body that is too large that are read and dropped: who is still sending when the connection closes may never
/// see the answer.
const DRAINED_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

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
    /// `multipart/form-data` with a file in it, which is read as it is stored: see [`super::file`].
    Multipart,
}

/// What tells how a body is to be read.
pub struct Framing {
    pub length: Option<usize>,
    pub encoding: Option<String>,
    pub content_type: Option<String>,
    /// Whether members may be spelled in camelCase (contract identity-and-money 1).
    pub takes_camel_case: bool,
}

/// A body that was read.
#[derive(Debug)]
pub enum Body {
    Json(JsonBody),
    Form(String),
    Multipart(MultipartBody),
}

/// A form that has not been read.
#[derive(Debug, Clone)]
pub struct MultipartBody {
    pub request: Request,
    /// What parts its fields.
    pub boundary: String,
}

/// A JSON body that was parsed.
#[derive(Debug)]
pub struct JsonBody {
    /// The text, its members, and those of its `items`, in snake_case.
    pub text: String,
    pub value: Value,
    /// Paths of members that came in another spelling, without the leading `$.`: ours, and theirs.
    respelled: Vec<(String, String)>,
}

impl JsonBody {
    /// The body of a request without one.
    fn empty() -> Self {
        Self { text: "{}".to_owned(), value: Value::Object(Map::new()), respelled: Vec::new() }
    }

    /// Parses a body strictly.
    fn parse(text: String, takes_camel_case: bool) -> Result<Self, Fault> {
        let value = json::parse(&text)?;
        // The fields of a body, and of each of those that a batch is made of.
        let fields_of = |index: Option<usize>| match index {
            None => value.as_object(),
            Some(index) => value.get("items").and_then(|items| items.get(index)).and_then(Value::as_object),
        };
        let mut respelled = Vec::new();
        if !takes_camel_case || !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self { text, value, respelled });
        }
        let spelled = respell_members(&text, |index, name| {
            let ours = to_snake_case(name).filter(|ours| fields_of(index).is_some_and(|known| !known.contains_key(ours)))?;
            let at = index.map_or_else(String::new, |index| format!("items[{index}]."));
            respelled.push((format!("{at}{ours}"), format!("{at}{name}")));
            Some(ours)
        });
        if respelled.is_empty() {
            return Ok(Self { text, value, respelled });
        }
        let text = spelled;
        Ok(Self { value: json::parse(&text)?, text, respelled })
    }

    /// A fault's path as the client spelled it.
    pub fn path_as_sent(&self, path: &str) -> Option<String> {
        let at = |ours: &str| path.strip_prefix("$.")?.strip_prefix(ours).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        self.respelled.iter().find_map(|(ours, theirs)| at(ours).map(|rest| format!("$.{theirs}{rest}")))
    }
}

/// `displayName` as `display_name`; `None` for a name without capitals.
fn to_snake_case(name: &str) -> Option<String> {
    let is_camel = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().any(|b| b.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric());
    is_camel.then(|| {
        let mut ours = String::with_capacity(name.len() + 4);
        for c in name.chars() {
            if c.is_ascii_uppercase() {
                ours.push('_');
            }
            ours.push(c.to_ascii_lowercase());
        }
        ours
    })
}

/// Reads the body of a request: 413, 415, 400.
pub async fn read(request: &Request, kind: BodyKind, framing: &Framing) -> Result<Body, Fault> {
    if kind == BodyKind::Multipart {
        check_encoding(framing)?;
        let boundary = boundary_of(framing.content_type.as_deref().unwrap_or_default());
        let boundary = boundary.ok_or_else(|| unsupported("send Content-Type: multipart/form-data with its boundary"))?;
        return Ok(Body::Multipart(MultipartBody { request: Clone::clone(request), boundary }));
    }
    let too_large = || Fault::new(Code::PayloadTooLarge, format!("the body may have {BODY_BYTES_MAX} bytes")).in_body();
    let bytes = match framing.length {
        Some(bytes) if bytes > BODY_BYTES_MAX => {
            drain(&mut stream_of(request)?).await;
            return Err(too_large());
        }
        Some(_) => {
            let buffer = Answer::to(|slot| platform::read_body(request, slot)).await.map_err(|_| broken_off())?;
            Uint8Array::new(&buffer).to_vec()
        }
        None if request.body().is_none() => Vec::new(),
        None => read_capped(&mut stream_of(request)?).await?.ok_or_else(too_large)?,
    };
    if bytes.is_empty() {
        return Ok(if kind == BodyKind::Form { Body::Form(String::new()) } else { Body::Json(JsonBody::empty()) });
    }
    let is_form = check_type(kind, framing)?;
    let text = String::from_utf8(bytes).map_err(|error| not_utf8(&error))?;
    if is_form { Ok(Body::Form(text)) } else { JsonBody::parse(text, framing.takes_camel_case).map(Body::Json) }
}

fn unsupported(what: &'static str) -> Fault {
    Fault::new(Code::UnsupportedMediaType, what).in_body()
}

fn check_encoding(framing: &Framing) -> Result<(), Fault> {
    match framing.encoding.as_deref() {
        None | Some("") => Ok(()),
        Some(encoding) if encoding.eq_ignore_ascii_case("identity") => Ok(()),
        Some(_) => Err(unsupported("compressed bodies are not taken; send it as it is")),
    }
}

/// What parts the fields of a `multipart/form-data` body (RFC 2046 section 5.1.1); `None` for every other type.
fn boundary_of(content_type: &str) -> Option<String> {
    let (media, parameters) = content_type.split_once(';')?;
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    let is_boundary = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    (media.trim().eq_ignore_ascii_case("multipart/form-data") && is_boundary).then(|| boundary.to_owned())
}

/// Checks encoding and type; answers whether it is a form.
fn check_type(kind: BodyKind, framing: &Framing) -> Result<bool, Fault> {
    check_encoding(framing)?;
    let content_type = framing.content_type.as_deref().unwrap_or_default();
    let (media, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let media = media.trim().to_ascii_lowercase();
    let charset_is_utf8 = parameters.split(';').all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    let is_json = media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"));
    let is_form = media == FORM;
    let fits = match kind {
        BodyKind::None | BodyKind::Multipart => true,
        BodyKind::Json => is_json,
        BodyKind::Form => is_form,
        BodyKind::JsonOrForm => is_json || is_form,
    };
    match (fits && charset_is_utf8, kind) {
        (true, _) => Ok(is_form),
        (false, BodyKind::Form) => Err(unsupported("send Content-Type: application/x-www-form-urlencoded")),
        (false, _) => Err(unsupported("send Content-Type: application/json")),
    }
}

fn not_utf8(error: &std::string::FromUtf8Error) -> Fault {
    let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + good.iter().rev().take_while(|byte| **byte != b'\n').count();
    json::syntax_fault("the body is not UTF-8", line, column)
}

/// The sender's connection or framing broke: there is no whole body to judge.
fn broken_off() -> Fault {
    Fault::new(Code::InvalidJson, "the body broke off before its end; send it again").with("path", "$").in_body()
}

fn stream_of(request: &Request) -> Result<ByteStream, Fault> {
    worker::Request::from(Clone::clone(request)).stream().map_err(|_| broken_off())
}

/// Reads a body of undeclared length; `None` when it exceeds the cap.
async fn read_capped(stream: &mut ByteStream) -> Result<Option<Vec<u8>>, Fault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| broken_off())?;
        if bytes.len().saturating_add(chunk.len()) > BODY_BYTES_MAX {
            drain(stream).await;
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// The same of a body nobody is reading, as much as it may hold a file.
pub async fn drain_whole(request: &Request) {
    let bytes_max = u32::try_from(FILE_BYTES_MAX + DRAINED_BYTES_MAX).unwrap_or(u32::MAX);
    // A body that somebody still reads, or that breaks off, is not for us to drain.
    let _ = Answer::to(|slot| file::drain_body(request, bytes_max, slot)).await;
}

/// Reads on and drops, within a bound. A client that breaks off is no fault of ours.
async fn drain(stream: &mut ByteStream) {
    let mut left = DRAINED_BYTES_MAX;
    while let Some(Ok(chunk)) = stream.next().await {
        left = left.saturating_sub(chunk.len());
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_in_camel_case_is_ours_unless_ours_is_there_too() {
        let body = JsonBody::parse(r#"{"displayName":{"aB":1},"ttlSeconds":2,"ttl_seconds":3,"X":4,"a-B":5}"#.to_owned(), true).unwrap();
        assert_eq!(body.text, r#"{"display_name":{"aB":1},"ttlSeconds":2,"ttl_seconds":3,"X":4,"a-B":5}"#);
        assert_eq!(body.value["display_name"]["aB"], 1);
        assert_eq!(body.path_as_sent("$.display_name.aB").as_deref(), Some("$.displayName.aB"));
        assert_eq!(body.path_as_sent("$.display_name").as_deref(), Some("$.displayName"));
        assert_eq!(body.path_as_sent("$.display_names"), None);
        assert_eq!(body.path_as_sent("$.ttl_seconds"), None);
        let plain = JsonBody::parse(r#"{"displayName":1}"#.to_owned(), false).unwrap();
        assert_eq!(plain.text, r#"{"displayName":1}"#);
    }

    #[test]
    fn members_of_items_are_ours_in_either_spelling_too() {
        let body =
            JsonBody::parse(r#"{"items":[7,{"agentId":1,"metadata":{"aB":2}},{"agentId":3,"agent_id":4}]}"#.to_owned(), true).unwrap();
        assert_eq!(body.text, r#"{"items":[7,{"agent_id":1,"metadata":{"aB":2}},{"agentId":3,"agent_id":4}]}"#);
        assert_eq!(body.path_as_sent("$.items[1].agent_id").as_deref(), Some("$.items[1].agentId"));
        assert_eq!(body.path_as_sent("$.items[2].agent_id"), None);
    }

    #[test]
    fn two_spellings_of_one_name_stay_two_members() {
        // Neither stands for the other: the second would make a member that is there twice.
        assert!(JsonBody::parse(r#"{"aBc":1,"a_bc":2}"#.to_owned(), true).is_ok());
        assert_eq!(to_snake_case("aBCd").as_deref(), Some("a_b_cd"));
        assert_eq!(to_snake_case("abc"), None);
        assert_eq!(to_snake_case("Abc"), None);
        assert_eq!(to_snake_case("a.Bc"), None);
    }

    #[test]
    fn a_form_with_files_says_what_parts_its_fields() {
        for good in ["multipart/form-data; boundary=a-1", "Multipart/Form-Data;charset=utf-8; Boundary=\"a-1\""] {
            assert_eq!(boundary_of(good).as_deref(), Some("a-1"), "{good}");
        }
        let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        for bad in
            ["", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=a", "text/plain; boundary=a", &long]
        {
            assert_eq!(boundary_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_told_with_its_place() {
        let fault = not_utf8(&String::from_utf8(b"{\n \"a\xff".to_vec()).unwrap_err());
        assert_eq!((&fault.extra["line"], &fault.extra["column"]), (&2.into(), &4.into()));
    }
}
