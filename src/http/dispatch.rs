//! One request from its first byte to its last header. The order of checks is contract README 5's: route, method, IP
//! limit, credential, tenant or key limit, content type and size, JSON, idempotency, fields, object, state, effect.

use std::rc::Rc;

use serde::Serialize;
use serde_json::json;
use worker::Method;
use worker::web_sys::{Request, Response};

use super::body::{self, BodyKind};
use super::code::Code;
use super::context::Ctx;
use super::credential;
use super::fault::Fault;
use super::reply::{Body, Reply};
use super::request::Incoming;
use super::root::Root;
use super::route::{Map, Matched, Need, Route};
use crate::domain::id::RequestId;
use crate::domain::key::KeyKind;
use crate::domain::limit::LimitScope;
use crate::domain::time::Timestamp;
use crate::edge::{Edge, PlatformEntropy, platform};
use crate::objects::clock;

/// How a handler that renders HTML wants its faults shown.
pub type FaultPage = fn(&Fault, &str) -> String;

/// Answers one request.
pub async fn dispatch(request: Request, edge: Edge, map: &Map, fault_page: FaultPage) -> worker::Result<Response> {
    let started_ms = crate::edge::platform_ms();
    clock::learn(&edge).await.map_err(|error| worker::Error::RustError(error.to_string()))?;
    let now = crate::edge::now();
    let request_id = RequestId::new(now, &mut PlatformEntropy);
    let mut incoming = Incoming::new(&request);
    let (method, path) = (incoming.method.clone(), incoming.path.clone());
    let root = Root::of(&path);
    let accept = incoming.header("Accept").unwrap_or_default().to_owned();
    let settings = Rc::clone(&edge.settings);

    let (result, ctx, route) = match map.find(&method, &path) {
        _ if method == Method::Options => (Ok(preflight(map, &path)), None, None),
        Matched::Nothing => (Err(Fault::not_found()), None, None),
        Matched::OtherMethods(allowed) => {
            let fault = Fault::new(Code::MethodNotAllowed, "this path does not take that method; see Allow")
                .with_header("Allow", allowed.join(", "));
            (Err(fault), None, None)
        }
        Matched::Found(route, params) => {
            incoming.read_body(&request, route.body).await;
            let ctx = Ctx::new(edge, now, incoming, request_id, route, params);
            let result = run(&ctx, route).await;
            if route.body == BodyKind::Multipart && result.as_ref().map_or(true, |reply| reply.status >= 400) {
                body::drain_whole(&request).await;
            }
            (result, Some(ctx), Some(route))
        }
    };

    let path = redact(&path);
    let asked = Asked { root, request_id, path: &path, accept: &accept, origin: &settings.public_origin };
    let mut reply = result.unwrap_or_else(|fault| render_fault(fault, &asked, ctx.as_ref(), fault_page));
    add_common_headers(&mut reply, root, method == Method::Options, request_id, now, ctx.as_ref());
    log_line(&reply, &method, &path, route, request_id, ctx.as_ref(), started_ms);
    respond(reply, &method)
}

/// Runs a route: limit of the address, credential, then the handler. A fault of the body waits until the tenant's
/// object has seen the credential and counted the limit.
async fn run(ctx: &Ctx, route: &'static Route) -> Result<Reply, Fault> {
    if let Some(class) = route.class.filter(|class| class.scope() == LimitScope::Ip) {
        ctx.count_address(class).await?;
    }
    let checked = match credential::check(ctx, route.access).await {
        Ok(()) => check_declared(ctx, route),
        Err(fault) => Err(fault),
    };
    let outcome = match checked {
        Ok(()) => (route.handler)(ctx).await,
        Err(fault) => Err(fault),
    };
    match outcome {
        Err(fault) if fault.in_body => {
            ctx.admit_before_refusal().await?;
            Err(fault)
        }
        outcome => outcome,
    }
    .map_err(|fault| ctx.incoming.spell_as_sent(fault))
}

/// What the table declares of a request and needs no handler to tell: the key it cannot do without, and its query.
fn check_declared(ctx: &Ctx, route: &Route) -> Result<(), Fault> {
    if route.needs.contains(&Need::IdempotencyKey) && ctx.idempotency_key()?.is_none() {
        return Err(Fault::new(Code::IdempotencyKeyRequired, "send an Idempotency-Key, so that a repeat has no second effect").in_body());
    }
    ctx.check_query()
}

/// The path with every key in it cut to its prefix, for the log and for problems: an invitation stands in its link, also
/// when the link is mistyped or asked for by another method.
fn redact(path: &str) -> String {
    let shown = |segment: &str| match KeyKind::ALL.into_iter().find(|kind| segment.starts_with(kind.prefix())) {
        Some(kind) => format!("{}...", kind.prefix()),
        None => segment.to_owned(),
    };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

fn preflight(map: &Map, path: &str) -> Reply {
    // A method no route has lists those it does have.
    let allow = match map.find(&Method::Trace, path) {
        Matched::OtherMethods(methods) => methods.join(", "),
        _ => "OPTIONS".to_owned(),
    };
    Reply::empty(204).with_header("Allow", allow)
}

fn wants_problem(accept: &str) -> bool {
    let quality = |media: &str| {
        accept
            .split(',')
            .filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let matches = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media));
                let q = parts.find_map(|parameter| parameter.strip_prefix("q=")).map_or(1000, parse_quality);
                matches.then_some(q)
            })
            .max()
            .unwrap_or(0)
    };
    let problem = quality("application/problem+json");
    problem > 0 && problem >= quality("application/json")
}

/// A weight of RFC 9110 section 12.4.2 in thousandths; what is none weighs nothing. Not by way of a float: its reader alone
/// is 10 KB of tables.
fn parse_quality(text: &str) -> u16 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_weight = matches!(whole, "0" | "1") && part.len() <= 3 && part.bytes().all(|digit| digit.is_ascii_digit());
    let thousandths = format!("{whole}{part:0<3}").parse().unwrap_or(0);
    if is_weight && thousandths <= 1000 { thousandths } else { 0 }
}

/// What a fault's answer depends on beside the fault.
struct Asked<'a> {
    root: Root,
    request_id: RequestId,
    /// The path, without any secret in it.
    path: &'a str,
    /// The `Accept` header.
    accept: &'a str,
    /// Our own origin.
    origin: &'a str,
}

fn render_fault(fault: Fault, asked: &Asked<'_>, ctx: Option<&Ctx>, fault_page: FaultPage) -> Reply {
    let Asked { root, request_id, path, accept, origin } = *asked;
    if let Some(reply) = credential::redirect_to_sign_in(&fault, root) {
        return reply;
    }
    if let (Some(cause), Some(ctx)) = (&fault.cause, ctx) {
        ctx.note_cause(cause);
    }
    let status = fault.code.status();
    let mut reply = if root == Root::Account && !wants_problem(accept) {
        Reply::html(status, fault_page(&fault, &request_id.to_string()))
    } else if wants_problem(accept) {
        let code = fault.code.spelled(root);
        let mut problem = json!({
            "type": format!("{origin}/problems/{}", code.to_ascii_lowercase()), "title": title(status), "status": status,
            "detail": fault.detail, "instance": path, "code": code, "request_id": request_id,
        });
        if let Some(problem) = problem.as_object_mut() {
            for (name, value) in &fault.extra {
                problem.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Reply { status, headers: Vec::new(), body: Body::Text("application/problem+json", problem.to_string()) }
    } else {
        Reply::json_text(status, root.error_body(fault.code, &fault.detail, &fault.extra, &request_id.to_string()).to_string())
    };
    if status == 401 && matches!(root, Root::V1 | Root::V2) {
        reply = reply.with_header("WWW-Authenticate", "Bearer");
    }
    reply.headers.extend(fault.headers);
    reply
}

/// The title of a problem: the status in the words of RFC 9110.
pub(super) fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        422 => "Unprocessable Content",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Internal Server Error",
    }
}

/// Every header a client may send or wants to read (contract README 6).
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Accept, X-API-Key, X-Tenant-ID, X-Tenant-Token, Idempotency-Key, If-Match, If-None-Match, If-Range, Range, X-CSRF-Token, X-XSRF-Token";
const RESPONSE_HEADERS: &str = "X-Request-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-RateLimit-Policy, RateLimit, RateLimit-Policy, Idempotent-Replayed, Accept-Ranges, Content-Range, ETag, Location, Server-Timing, WWW-Authenticate, Allow";

/// No page of ours runs or loads anything but its own files.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

fn add_common_headers(reply: &mut Reply, root: Root, is_preflight: bool, request_id: RequestId, now: Timestamp, ctx: Option<&Ctx>) {
    let mut add = |name: &'static str, value: String| reply.headers.push((name, value));
    add("X-Request-Id", request_id.to_string());
    add("X-Content-Type-Options", "nosniff".to_owned());
    if matches!(root, Root::V1 | Root::V2 | Root::Api) {
        add("Access-Control-Allow-Origin", "*".to_owned());
        if is_preflight {
            add("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned());
            add("Access-Control-Allow-Headers", REQUEST_HEADERS.to_owned());
            add("Access-Control-Max-Age", "86400".to_owned());
        } else {
            add("Access-Control-Expose-Headers", RESPONSE_HEADERS.to_owned());
        }
    }
    if root == Root::Account {
        add("Content-Security-Policy", CONTENT_SECURITY_POLICY.to_owned());
        add("Referrer-Policy", "same-origin".to_owned());
        add("X-Frame-Options", "DENY".to_owned());
    }
    let Some(ctx) = ctx else { return };
    if ctx.is_replayed() {
        reply.headers.push(("Idempotent-Replayed", "true".to_owned()));
    }
    for (name, value) in ctx.limit_headers(root, now) {
        if !reply.headers.iter().any(|(known, _)| *known == name) {
            reply.headers.push((name, value));
        }
    }
    // Whom a refusal has asked would tell a stranger what there is.
    if matches!(reply.status, 401 | 403 | 404) {
        return;
    }
    let cost = &ctx.cost;
    let timing = format!("hop;desc=\"{}\", sql;desc=\"{}\", d1;desc=\"{}\"", cost.hops.get(), cost.statements.get(), cost.queries.get());
    reply.headers.push(("Server-Timing", timing));
}

/// What the log says of a request, in one line.
#[derive(Serialize)]
struct LogLine<'a> {
    request_id: RequestId,
    method: &'a str,
    path: &'a str,
    route: Option<&'static str>,
    status: u16,
    ms: u64,
    hops: Option<u64>,
    statements: Option<u64>,
    queries: Option<u64>,
    tenant: Option<String>,
    cause: Option<String>,
}

fn log_line(reply: &Reply, method: &Method, path: &str, route: Option<&Route>, request_id: RequestId, ctx: Option<&Ctx>, started_ms: u64) {
    let line = LogLine {
        request_id,
        method: method.as_ref(),
        path,
        route: route.map(|route| route.name),
        status: reply.status,
        ms: crate::edge::platform_ms().saturating_sub(started_ms),
        hops: ctx.map(|ctx| ctx.cost.hops.get()),
        statements: ctx.map(|ctx| ctx.cost.statements.get()),
        queries: ctx.map(|ctx| ctx.cost.queries.get()),
        tenant: ctx.and_then(Ctx::tenant_for_log),
        cause: ctx.and_then(Ctx::cause_for_log),
    };
    let line = serde_json::to_string(&line).unwrap_or_default();
    if reply.status >= 500 {
        worker::console_error!("{line}");
    } else {
        worker::console_log!("{line}");
    }
}

fn respond(reply: Reply, method: &Method) -> worker::Result<Response> {
    let (content_type, text) = match reply.body {
        Body::Stream(stream) => {
            return Ok(platform::respond_with(reply.status, &write_head(None, &reply.headers), &stream)?);
        }
        Body::Empty => (None, None),
        Body::Json(text) => (Some("application/json"), Some(text)),
        Body::Html(text) => (Some("text/html; charset=utf-8"), Some(text)),
        Body::Text(content_type, text) => (Some(content_type), Some(text)),
    };
    let head = write_head(content_type, &reply.headers);
    let body = text.filter(|_| *method != Method::Head);
    Ok(platform::respond(reply.status, &head, body.is_some(), body.unwrap_or_default().as_bytes())?)
}

/// The headers as `platform.js` takes them: a line for each name, and then one for its value. Of a name that stands twice
/// the last value counts, but each cookie is a header of its own.
fn write_head(content_type: Option<&str>, headers: &[(&'static str, String)]) -> String {
    let is_last =
        |at: usize, name: &str| name == "Set-Cookie" || !headers.iter().skip(at + 1).any(|(later, _)| later.eq_ignore_ascii_case(name));
    let mut head = String::with_capacity(512);
    let mut add = |name: &str, value: &str| {
        for line in [name, value] {
            if line.bytes().any(|byte| byte.is_ascii_control()) {
                // No value of ours holds a line's end; were one to, it must not become a header.
                head.extend(line.chars().filter(|c| !c.is_ascii_control()));
            } else {
                head.push_str(line);
            }
            head.push('\n');
        }
    };
    if let Some(content_type) = content_type {
        add("Content-Type", content_type);
    }
    for (at, (name, value)) in headers.iter().enumerate() {
        if is_last(at, name) {
            add(name, value);
        }
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_sent_once_and_a_cookie_as_often_as_it_is_set() {
        let headers = [("Cache-Control", "no-store".to_owned()), ("Set-Cookie", "a=1".to_owned()), ("Set-Cookie", "b=2".to_owned())];
        let more = [headers.as_slice(), &[("cache-control", "public".to_owned())]].concat();
        let head = write_head(Some("text/plain"), &more);
        assert_eq!(head, "Content-Type\ntext/plain\nSet-Cookie\na=1\nSet-Cookie\nb=2\ncache-control\npublic\n");
    }

    #[test]
    fn a_line_feed_in_a_value_makes_no_header() {
        assert_eq!(write_head(None, &[("Location", "/a\r\nSet-Cookie\nx=1".to_owned())]), "Location\n/aSet-Cookiex=1\n");
    }

    #[test]
    fn a_key_in_a_path_is_not_shown() {
        for (path, shown) in [
            ("/account/invite/inv_00ff", "/account/invite/inv_..."),
            ("/account/invite/inv_00ff/", "/account/invite/inv_.../"),
            ("/v2/mtak_1/tl_live_2", "/v2/mtak_.../tl_live_..."),
            ("/v2/session/my-agent:pr-123/status", "/v2/session/my-agent:pr-123/status"),
            ("/", "/"),
        ] {
            assert_eq!(redact(path), shown);
        }
    }

    #[test]
    fn a_problem_is_sent_only_to_those_who_prefer_it() {
        for (accept, wanted) in [
            ("application/problem+json", true),
            ("application/problem+json, application/json", true),
            ("application/json, application/problem+json;q=0.5", false),
            ("application/problem+json;q=0", false),
            ("application/problem+json;q=0.5, application/json;q=0.49", true),
            ("application/problem+json;q=0.49, application/json;q=0.5", false),
            ("application/problem+json;q=0.001", true),
            ("application/problem+json;q=1.000, application/json;q=1", true),
            ("application/problem+json;q=1.001", false),
            ("application/problem+json;q=.5", false),
            ("application/problem+json;q=0.1234", false),
            ("application/problem+json;q=ä", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(wants_problem(accept), wanted, "{accept}");
        }
    }
}
