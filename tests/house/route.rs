//! The route table: every route can be found, is named once and says who may call it.

use std::collections::BTreeSet;

use guildhall::api::TABLE;
use guildhall::http::body::BodyKind;
use guildhall::http::openapi;
use guildhall::http::route::{Access, Map, Matched, Route};
use serde_json::{Value, json};
use worker::Method;

use crate::source;

fn routes() -> Vec<&'static Route> {
    TABLE.iter().copied().flatten().collect()
}

/// Every route anyone may call. A route is added here with a reason, never by default.
const PUBLIC: [&str; 32] = [
    // Documents and health.
    "/healthz",
    "/.well-known/jwks.json",
    "/.well-known/agents/{agent_id}/jwks.json",
    "/.well-known/motecloud-billing.json",
    "/openapi.json",
    "/llms.txt",
    "/skill.md",
    "/",
    "/account/assets/style.css",
    "/account/assets/app.js",
    "/account/assets/icon.svg",
    // Files go to whoever was told their names, which cannot be guessed.
    "/files/{*name}",
    // How an order can go is no secret.
    "/api/orders/lifecycle",
    // Exists only where the clock can be moved.
    "/v1/test-clock",
    // Takes a refresh token, which is its credential.
    "/v1/agent-sessions/refresh",
    // Ways in: they make the credential.
    "/v2/billing/agent/challenge",
    "/v2/billing/agent/session",
    "/api/register",
    // A stranger becomes a market agent; a wallet's signature, its credential, stands in the body.
    "/api/agents/register",
    "/api/agents/recover",
    // What is sold is seen by all.
    "/api/services",
    "/api/services/{id}",
    "/api/auth/callback/credentials",
    "/api/auth/token",
    "/api/auth/csrf",
    "/api/auth/session",
    "/api/auth/signout",
    "/account",
    "/account/register",
    "/account/sign-in",
    "/account/sign-out",
    "/account/invite/{token}",
];

#[test]
fn only_the_routes_listed_are_open_to_anyone() {
    for route in routes().iter().filter(|route| route.access == Access::Public) {
        assert!(PUBLIC.contains(&route.path), "{} {} is open to anyone", route.method, route.path);
    }
}

/// What agents are told to call, in backticks and in links: a method, if one is named, and a path without its query.
fn calls_in(text: &str) -> Vec<(Option<String>, String)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
    let mut calls = Vec::new();
    for words in quoted.chain(linked).map(|part| part.split_whitespace().collect::<Vec<_>>()) {
        let (method, path) = match words[..] {
            [path] => (None, path),
            [method, path, ..] if method.chars().all(|c| c.is_ascii_uppercase()) => (Some(method.to_owned()), path),
            [path, ..] => (None, path),
            [] => continue,
        };
        let path = path.trim_start_matches("{origin}").split('?').next().unwrap_or_default();
        // Shorter ones are the roots: `/v1`, `/api`.
        if path.starts_with('/') && path.len() > 4 {
            calls.push((method, path.to_owned()));
        }
    }
    calls
}

#[test]
fn what_agents_are_told_to_call_is_there() {
    let map = Map::new(TABLE);
    for document in ["skill.md", "llms.txt"] {
        let text = std::fs::read_to_string(format!("src/api/house/{document}")).unwrap();
        let calls = calls_in(&text);
        assert!(calls.len() >= 5, "{document} names {} calls", calls.len());
        for (method, path) in calls {
            let asked: String = path.split('/').map(|part| if part.starts_with('{') { "x1" } else { part }).collect::<Vec<_>>().join("/");
            let methods = method.map_or_else(|| vec!["GET".to_owned(), "POST".to_owned()], |method| vec![method]);
            let is_there = methods.iter().any(|method| matches!(map.find(&Method::from(method.clone()), &asked), Matched::Found(..)));
            assert!(is_there, "{document} tells of {methods:?} {path}, which is no route");
        }
    }
}

#[test]
fn every_route_is_found_by_its_path_and_named_once() {
    let map = Map::new(TABLE);
    let mut names = BTreeSet::new();
    for route in routes() {
        assert!(names.insert(route.name), "two routes are named {}", route.name);
        assert!(!route.summary.is_empty(), "{} has no summary", route.name);
        let path = route.path.replace("{*", "{");
        let path: String = path.split('/').map(|part| if part.starts_with('{') { "x1" } else { part }).collect::<Vec<_>>().join("/");
        match map.find(&route.method, &path) {
            Matched::Found(found, _) => assert_eq!(found.name, route.name, "{path} leads to {}", found.name),
            _ => panic!("{} {path} leads nowhere", route.method),
        }
    }
}

#[test]
fn a_route_that_writes_at_the_console_takes_a_form_and_the_apis_take_json() {
    for route in routes().iter().filter(|route| route.body != BodyKind::None) {
        let is_console = route.path.starts_with("/account");
        let is_right = if is_console { matches!(route.body, BodyKind::Form | BodyKind::Multipart) } else { route.body != BodyKind::Form };
        assert!(is_right, "{} {}", route.method, route.path);
        assert_ne!(route.method, Method::Get, "{} takes a body", route.path);
    }
}

#[test]
fn the_documents_show_v1_and_api_and_leave_v2_out() {
    let document = openapi::document(TABLE, "https://example.test", "0");
    let paths = document["paths"].as_object().unwrap();
    assert!(!paths.is_empty());
    for path in paths.keys() {
        assert!(path.starts_with("/v1/") || path.starts_with("/api/"), "{path} is documented");
    }
    for route in routes()
        .iter()
        .filter(|route| (route.path.starts_with("/v1/") && !route.path.contains("test-clock")) || route.path.starts_with("/api/"))
    {
        assert!(route.documented, "{} {} is not documented", route.method, route.path);
    }
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn the_document_that_is_served_is_the_one_of_this_table() {
    const PATH: &str = "src/api/house/openapi.json";
    let document = openapi::document(TABLE, "{origin}", env!("CARGO_PKG_VERSION"));
    let made = format!("{}\n", document);
    if std::env::var_os("WRITE_DOCUMENTS").is_some() {
        source::write(PATH, &made);
    }
    assert!(source::file(PATH) == made, "{PATH} is behind the route table: make documents");
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document = openapi::document(TABLE, "https://example.test", "0");
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference} is missing");
    }
}

/// The table as the edge tests read it: they knock on every door of it.
const ROUTES_FILE: &str = "tests/edge/support/routes.json";

/// What the edge tests know of a route.
fn describe(route: &Route) -> Value {
    json!({
        "method": route.method.to_string(), "path": route.path, "name": route.name, "access": format!("{:?}", route.access),
        "class": route.class.map(|class| class.as_str()), "body": format!("{:?}", route.body), "status": route.status,
        "metered": route.metered,
    })
}

#[test]
fn the_edge_tests_know_every_route() {
    let table: Vec<Value> = routes().into_iter().map(describe).collect();
    if std::env::var_os("WRITE_DOCUMENTS").is_some() {
        let lines: Vec<String> = table.iter().map(|route| format!("  {route}")).collect();
        source::write(ROUTES_FILE, &format!("[\n{}\n]\n", lines.join(",\n")));
    }
    let known: Vec<Value> = serde_json::from_str(&source::file(ROUTES_FILE)).unwrap();
    assert!(known == table, "{ROUTES_FILE} is stale; write it anew: make documents");
}
