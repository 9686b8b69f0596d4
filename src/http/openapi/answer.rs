//! What a route can answer: its success, and every refusal that follows from its path, access, class and body. A
//! refusal has one form a root and status, with every code that status has there (contract README 5).

use std::collections::BTreeSet;

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};
use worker::Method;

use crate::domain::id::{RequestId, id_pattern};
use crate::http::body::BodyKind;
use crate::http::code::Code;
use crate::http::root::Root;
use crate::http::route::{Access, Route};

/// The headers of a reply that tell how the bucket of the route's class stands.
const LIMIT_HEADERS: [&str; 6] =
    ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Policy", "RateLimit", "RateLimit-Policy"];

/// Every header an answer may be documented with; those that are required always stand there.
pub fn headers() -> Value {
    let header = |required: bool, schema: Value| json!({"required": required, "schema": schema});
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    let count = || header(true, json!({"type": "integer", "minimum": 0}));
    json!({
        "X-Request-Id": header(true, text(&id_pattern(RequestId::PREFIX))),
        "X-RateLimit-Limit": count(),
        "X-RateLimit-Remaining": count(),
        "X-RateLimit-Reset": count(),
        "X-RateLimit-Policy": header(true, text("^[0-9]+;w=[0-9]+$")),
        "RateLimit": header(true, text(r#"^"[a-z0-9-]+";r=[0-9]+;t=[0-9]+$"#)),
        "RateLimit-Policy": header(true, text(r#"^"[a-z0-9-]+";q=[0-9]+;w=[0-9]+$"#)),
        "Retry-After": header(true, json!({"type": "integer", "minimum": 1})),
        "Retry-After-Maybe": header(false, json!({"type": "integer", "minimum": 1})),
        "WWW-Authenticate": header(true, json!({"type": "string", "const": "Bearer"})),
        "Idempotent-Replayed": header(false, json!({"type": "string", "const": "true"})),
        "Location": header(false, json!({"type": "string", "format": "uri-reference"})),
        "ETag": header(false, text(r#"^"[^"]+"$"#)),
    })
}

fn header(name: &str) -> (String, Value) {
    (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}))
}

/// The answers of a route.
pub fn all(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut answers = Map::from_iter([(route.status.to_string(), success(route, generator))]);
    let root = Root::of(route.path);
    for status in statuses(route) {
        let answer = match (root, status) {
            // 202 where something has still to be decided: the thing as it would be made.
            (_, 200..=299) => success(route, generator),
            (_, 300..=399) => {
                json!({"description": "Elsewhere; see Location", "headers": Map::from_iter([header("X-Request-Id"), header("Location")])})
            }
            _ => json!({"$ref": format!("#/components/responses/{}", refusal_name(root, status))}),
        };
        answers.insert(status.to_string(), answer);
    }
    Value::Object(answers)
}

/// Whether requests of this route are looked up by their idempotency key.
fn takes_key(route: &Route) -> bool {
    route.method == Method::Post && route.body == BodyKind::Json && Root::of(route.path) == Root::V1
}

/// The statuses a route can end in beside its success.
fn statuses(route: &Route) -> BTreeSet<u16> {
    let is_guarded = route.access != Access::Public;
    let takes_body = route.body != BodyKind::None;
    let has_id = route.path.contains('{');
    let follows: [(bool, &[u16]); 7] = [
        (true, &[500, 503]),
        (is_guarded, &[401, 403]),
        (takes_body, &[400, 413, 415]),
        // Who names no tenant of several is told so: 400.
        (is_guarded || has_id || !route.query.is_empty(), &[400]),
        (has_id, &[404]),
        (takes_key(route), &[409, 422]),
        (route.class.is_some(), &[429]),
    ];
    let also = route.also.iter().filter(|status| **status != route.status);
    follows.iter().filter(|(holds, _)| *holds).flat_map(|(_, statuses)| statuses.iter()).chain(also).copied().collect()
}

fn success(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut headers = Map::from_iter([header("X-Request-Id")]);
    if Root::of(route.path) == Root::V1 && route.class.is_some() {
        headers.extend(LIMIT_HEADERS.map(header));
    }
    if takes_key(route) {
        headers.extend([header("Idempotent-Replayed")]);
    }
    if route.status == 201 {
        headers.extend([header("Location")]);
    }
    if route.response.is_some() && Root::of(route.path) == Root::V1 {
        headers.extend([header("ETag")]);
    }
    let mut answer = json!({"description": "Done", "headers": headers});
    if let (Some(schema), Value::Object(answer)) = (route.response, &mut answer) {
        answer.insert("content".to_owned(), json!({"application/json": {"schema": schema(generator)}}));
    }
    answer
}

fn refusal_name(root: Root, status: u16) -> String {
    let root = if root == Root::Api { "Api" } else { "V1" };
    format!("{root}{status}")
}

/// Every refusal there is at the documented roots, by [`refusal_name`].
pub fn refusals() -> Value {
    let statuses: BTreeSet<u16> = Code::ALL.iter().map(|code| code.status()).collect();
    let all = [Root::V1, Root::Api].into_iter().flat_map(|root| statuses.iter().map(move |status| (root, *status)));
    Value::Object(all.map(|(root, status)| (refusal_name(root, status), refusal(root, status))).collect())
}

/// The codes that have this status at this root.
fn codes(root: Root, status: u16) -> BTreeSet<&'static str> {
    Code::ALL.iter().filter(|code| code.status() == status).map(|code| code.spelled(root)).collect()
}

fn refusal(root: Root, status: u16) -> Value {
    let mut headers = Map::from_iter([header("X-Request-Id")]);
    if status == 429 {
        let policy = if root == Root::V1 { LIMIT_HEADERS.as_slice() } else { &LIMIT_HEADERS[..3] };
        headers.extend(policy.iter().map(|name| header(name)));
        headers.extend([header("Retry-After")]);
    }
    if status == 503 || status == 409 {
        let (_, reference) = header("Retry-After-Maybe");
        headers.insert("Retry-After".to_owned(), reference);
    }
    if status == 401 && root == Root::V1 {
        headers.extend([header("WWW-Authenticate")]);
    }
    let code = json!({"enum": codes(root, status)});
    let (base, members) = match root {
        Root::Api => ("ApiError", json!({"code": code})),
        _ => ("Error", json!({"code": code, "http_status": {"const": status}})),
    };
    let error = json!({"allOf": [{"$ref": format!("#/components/schemas/{base}")}], "properties": members});
    let problem = json!({"allOf": [{"$ref": "#/components/schemas/Problem"}], "properties": {"code": code, "status": {"const": status}}});
    json!({
        "description": format!("{}; the code says why", title(status)),
        "headers": headers,
        "content": {"application/json": {"schema": error}, "application/problem+json": {"schema": problem}},
    })
}

fn title(status: u16) -> &'static str {
    crate::http::dispatch::title(status)
}

/// How an error looks at each documented root (contract README 5), and as RFC 9457 to who asks for that.
pub fn errors() -> Map<String, Value> {
    let text = || json!({"type": "string"});
    let request_id = || json!({"type": "string", "pattern": id_pattern(RequestId::PREFIX)});
    let error = json!({
        "type": "object", "required": ["code", "message", "http_status", "request_id"], "additionalProperties": false,
        "properties": {
            "code": text(), "message": text(), "http_status": {"type": "integer"}, "request_id": request_id(),
            "details": {"type": "object", "properties": {"path": {"type": "string", "description": "The JSON path of what is wrong."}}},
        },
    });
    let api = json!({
        "type": "object", "required": ["success", "error", "code"],
        "properties": {"success": {"const": false}, "error": text(), "code": text(), "path": text()},
    });
    let problem = json!({
        "type": "object", "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri"}, "title": text(), "status": {"type": "integer"}, "detail": text(),
            "instance": text(), "code": text(), "request_id": request_id(),
        },
    });
    Map::from_iter([("Error".to_owned(), error), ("ApiError".to_owned(), api), ("Problem".to_owned(), problem)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limit::LimitClass;
    use crate::http::context::Ctx;
    use crate::http::fault::Fault;
    use crate::http::page;
    use crate::http::reply::Reply;
    use crate::routes;

    async fn nothing(_: &Ctx) -> Result<Reply, Fault> {
        Ok(Reply::empty(204))
    }

    static TABLE: &[Route] = routes! {
        Get "/api/open" => nothing { name: "open", summary: "", access: Public, class: None, body: None, status: 200 }
        Get "/v1/list" => nothing { name: "list", summary: "", access: Public, class: None, body: None, status: 200, query: [page::LIMIT, page::CURSOR] }
        Get "/v1/wallets/{id}" => nothing { name: "get", summary: "", access: Management, class: Some(LimitClass::Money), body: None, status: 200 }
        Post "/v1/wallets" => nothing { name: "make", summary: "", access: Management, class: Some(LimitClass::Money), body: Json, status: 201, needs: [IdempotencyKey], also: [202, 402], }
        Put "/v1/wallets/{id}" => nothing { name: "put", summary: "", access: Management, class: None, body: Json, status: 200, also: [409, 412] }
    };

    #[test]
    fn the_statuses_of_a_route_follow_from_its_row() {
        let of = |name: &str| {
            TABLE.iter().find(|route| route.name == name).map(|route| statuses(route).into_iter().collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(of("open"), [500, 503]);
        assert_eq!(of("list"), [400, 500, 503]);
        assert_eq!(of("get"), [400, 401, 403, 404, 429, 500, 503]);
        assert_eq!(of("make"), [202, 400, 401, 402, 403, 409, 413, 415, 422, 429, 500, 503]);
        assert_eq!(of("put"), [400, 401, 403, 404, 409, 412, 413, 415, 500, 503]);
    }

    #[test]
    fn a_refusal_of_a_status_has_the_codes_of_that_status() {
        assert_eq!(codes(Root::V1, 422), BTreeSet::from(["idempotency_conflict"]));
        assert!(codes(Root::V1, 401).contains("UNAUTHORIZED") && codes(Root::Api, 401).contains("AUTH_REQUIRED"));
    }

    #[test]
    fn a_second_success_looks_like_the_first() {
        let mut generator = SchemaGenerator::default();
        let answers = all(TABLE.iter().find(|route| route.name == "make").unwrap(), &mut generator);
        assert_eq!(answers["202"], answers["201"]);
        assert_eq!(answers["402"]["$ref"], "#/components/responses/V1402");
    }
}
