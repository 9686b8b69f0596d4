//! What is sent beside the body: ids in the path, the query, headers.

use serde_json::{Value, json};

use crate::domain::id::id_pattern;
use crate::domain::scope::action_pattern;
use crate::domain::webhook::{EventFilter, FILTER_ENTRIES_MAX};
use crate::http::body::BodyKind;
use crate::http::money::MERCHANT_PATTERN;
use crate::http::query::{Query, QueryKind};
use crate::http::root::Root;
use crate::http::route::{Access, Need, Route};

/// 26 characters of Crockford's base32, in either case, for a ULID.
const ULID: &str = "[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}";

/// Collections, by the segment that stands before an item's id, and what their ids begin with (contract README 2).
const COLLECTIONS: &[(&str, &str)] = &[
    ("api-keys", "key_"),
    ("wallets", "wal_"),
    ("mandates", "mdt_"),
    ("payments", "pay_"),
    ("reservations", "rsv_"),
    ("budget-leases", "lse_"),
    ("approvals", "apr_"),
    ("webhooks", "whk_"),
    ("deliveries", "dlv_"),
    ("agent-receipts", "rct_"),
    ("verify", "rct_"),
    ("delegations", "dlg_"),
    ("services", "svc_"),
    ("orders", "ord_"),
];

/// An agent's id in every spelling (contract README 2), in any case.
pub fn agent_pattern() -> String {
    let prefixes = ["[Aa][Gg][Tt]_", "[Ee][Xx][Tt]_", "[Mm][Aa][Ii][Pp]:[0-9A-Fa-f]{8}:", "[Mm][Aa][Ii][Pp]-[Aa][Gg][Ee][Nn][Tt]:"];
    format!("^(({})?{ULID}|[0-9A-Fa-f]{{8}}-([0-9A-Fa-f]{{4}}-){{3}}[0-9A-Fa-f]{{12}})$", prefixes.join("|"))
}

/// A MAIP session's id.
const SESSION_PATTERN: &str = "^maip-sess:[0-9a-f]{8}:[0-9a-f]{16}$";

/// Every parameter of a route.
pub fn all(route: &Route) -> Vec<Value> {
    let mut parameters = path(route);
    parameters.extend(route.query.iter().map(query));
    parameters.extend(headers(route));
    parameters
}

fn path(route: &Route) -> Vec<Value> {
    let segments: Vec<&str> = route.path.split('/').collect();
    let pairs = segments.iter().zip(segments.iter().skip(1));
    let named = pairs.filter_map(|(before, segment)| Some((*before, segment.strip_prefix('{')?.strip_suffix('}')?)));
    named
        .map(|(before, name)| {
            let name = name.trim_start_matches('*');
            // The marketplace shows an agent under its slug as well.
            let is_slug_too = route.path == "/api/agents/{id}";
            let pattern = if is_slug_too { Some("^[A-Za-z0-9:_-]+$".to_owned()) } else { item_pattern(before) };
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "pattern": pattern}})
        })
        .collect()
}

/// What the id of an item of `collection` looks like.
fn item_pattern(collection: &str) -> Option<String> {
    match collection {
        "agents" | "agent" => Some(agent_pattern()),
        "agent-sessions" | "sessions" => Some(SESSION_PATTERN.to_owned()),
        _ => COLLECTIONS.iter().find(|(name, _)| *name == collection).map(|(_, prefix)| id_pattern(prefix)),
    }
}

fn query(query: &Query) -> Value {
    let schema = match query.kind {
        QueryKind::Whole { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        QueryKind::Offset { max } => json!({"type": "integer", "minimum": 0, "maximum": max}),
        QueryKind::Clamped { min, max } => json!({"type": "integer", "description": format!("Brought between {min} and {max}.")}),
        QueryKind::Search { chars_max } => {
            json!({"type": "string", "maxLength": chars_max, "pattern": r"^[^\x00-\x08\x0B-\x1F\x7F-\x9F]*$"})
        }
        QueryKind::OneOf(words) => json!({"type": "string", "enum": words}),
        QueryKind::Text { chars_max } => {
            json!({"type": "string", "minLength": 1, "maxLength": chars_max, "pattern": r"^[^\x00-\x08\x0B-\x1F\x7F-\x9F]*$"})
        }
        QueryKind::Time => json!({"type": "string", "format": "date-time"}),
        QueryKind::Id(prefix) => json!({"type": "string", "pattern": id_pattern(prefix)}),
        QueryKind::Agent => json!({"type": "string", "pattern": agent_pattern()}),
        QueryKind::Merchant => json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": MERCHANT_PATTERN}),
        QueryKind::Action => json!({"type": "string", "pattern": action_pattern()}),
        QueryKind::Events => {
            json!({"type": "array", "items": {"enum": EventFilter::vocabulary()}, "minItems": 1, "maxItems": FILTER_ENTRIES_MAX})
        }
        QueryKind::Signature => json!({"type": "string"}),
        QueryKind::Cursor => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "description": "The next_cursor of an earlier page."}),
    };
    let mut parameter = json!({"name": query.name, "in": "query", "required": query.required, "schema": schema});
    if let (QueryKind::Events, Value::Object(parameter)) = (query.kind, &mut parameter) {
        // Parted by commas, and not the parameter once for each.
        parameter.extend([("style".to_owned(), "form".into()), ("explode".to_owned(), false.into())]);
    }
    parameter
}

/// An idempotency key as `http::idempotency` reads it: 1 to 255 visible ASCII characters, bare or quoted.
const KEY_PATTERN: &str = r#"^([!#-~][!-~]{0,254}|"[!-~]{1,255}"|"([!-~]{0,253}[!#-~])?)$"#;

fn headers(route: &Route) -> Vec<Value> {
    let header = |name: &str, required: bool, pattern: Option<&str>, description: &str| {
        let schema = pattern.map_or_else(|| json!({"type": "string"}), |pattern| json!({"type": "string", "pattern": pattern}));
        json!({"name": name, "in": "header", "required": required, "description": description, "schema": schema})
    };
    let mut headers = Vec::new();
    if Root::of(route.path) != Root::V1 {
        return headers;
    }
    if route.access != Access::Public {
        headers.push(header("X-Tenant-ID", false, None, "The tenant's slug or uuid; who has several tenants must name one."));
    }
    let needs_key = route.needs.contains(&Need::IdempotencyKey);
    if route.method == worker::Method::Post && route.body == BodyKind::Json {
        let description = "A repeat with the same key and body has no second effect; idempotency_key in the body is the same.";
        headers.push(header("Idempotency-Key", needs_key, Some(KEY_PATTERN), description));
    }
    if route.needs.contains(&Need::IfMatch) {
        headers.push(header(
            "If-Match",
            false,
            // On the way an empty one is lost.
            Some(r#"^((W/)?"[0-9]{1,19}")?$"#),
            "The version this replaces, as its ETag; version in the body is the same.",
        ));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_path_says_what_its_ids_look_like() {
        for route in crate::api::TABLE.iter().copied().flatten().filter(|route| route.documented) {
            for parameter in path(route) {
                assert!(
                    parameter["schema"]["pattern"].is_string(),
                    "{}: say in COLLECTIONS what its {} looks like",
                    route.path,
                    parameter["name"]
                );
            }
        }
    }
}
