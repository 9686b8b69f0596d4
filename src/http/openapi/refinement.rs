//! What the names of the house say about a schema that its type does not: a member `..._at` is a time, `wallet_id` the
//! id of a wallet, `currency` the one there is. And bounds every number here has.

use serde_json::{Map, Value, json};

use super::{answer, parameter};
use crate::domain::id::id_pattern;

/// The largest number every reader of JSON takes for itself (contract README 9).
const WHOLE_MAX: u64 = (1 << 53) - 1;

/// Members that name a thing by its id, and what the id begins with (contract README 2).
const IDS: &[(&str, &str)] = &[
    ("wallet_id", "wal_"),
    ("mandate_id", "mdt_"),
    ("payment_id", "pay_"),
    ("reservation_id", "rsv_"),
    ("lease_id", "lse_"),
    ("parent_lease_id", "lse_"),
    ("approval_id", "apr_"),
    ("event_id", "evt_"),
    ("receipt_id", "rct_"),
    ("key_id", "key_"),
];

/// Members that name an agent, in any spelling.
const AGENTS: &[&str] = &["agent_id", "child_agent_id", "parent_agent_id", "from_agent_id", "to_agent_id"];

/// Members that are times without saying so at their end.
const TIMES: &[&str] = &["as_of", "expires", "timestamp"];

/// The schemas of requests and answers, each in a folder of its own until [`name_schemas`] has told them apart, and those
/// of errors.
pub fn merge(requests: Map<String, Value>, answers: Map<String, Value>) -> Value {
    let mut schemas = answer::errors();
    schemas.insert("request".to_owned(), Value::Object(requests));
    schemas.insert("answer".to_owned(), Value::Object(answers));
    Value::Object(schemas)
}

/// Gives every schema its own name. A type that looks the same both ways stands once; one that does not is `...Input` as a
/// request.
pub fn name_schemas(document: &mut Value) {
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else { return };
    let mut take = |folder: &str| match schemas.remove(folder) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let (requests, answers) = (take("request"), take("answer"));
    let bare = |schema: &Value| schema.to_string().replace("/schemas/request/", "/schemas/").replace("/schemas/answer/", "/schemas/");
    let mut names = Vec::new();
    for (name, schema) in requests {
        let is_alike = answers.get(&name).is_none_or(|answer| bare(answer) == bare(&schema));
        let own = if is_alike { name.clone() } else { format!("{name}Input") };
        names.push((format!("#/components/schemas/request/{name}"), format!("#/components/schemas/{own}")));
        schemas.insert(own, schema);
    }
    for (name, schema) in answers {
        names.push((format!("#/components/schemas/answer/{name}"), format!("#/components/schemas/{name}")));
        schemas.entry(name).or_insert(schema);
    }
    rename(document, &names);
}

fn rename(value: &mut Value, names: &[(String, String)]) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some((_, new)) = names.iter().find(|(old, _)| old == reference)
            {
                reference.clone_from(new);
            }
            members.values_mut().for_each(|member| rename(member, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}

/// Goes over every schema of the document.
pub fn refine(value: &mut Value) {
    match value {
        Value::Object(members) => {
            bound_number(members);
            if let Some(Value::Object(properties)) = members.get_mut("properties") {
                for (name, schema) in properties.iter_mut() {
                    if let Value::Object(schema) = schema {
                        refine_member(name, schema);
                    }
                }
            }
            members.values_mut().for_each(refine);
        }
        Value::Array(items) => items.iter_mut().for_each(refine),
        _ => {}
    }
}

/// The formats of Rust's own integers are bounds here.
fn bound_number(schema: &mut Map<String, Value>) {
    let max = match schema.get("format").and_then(Value::as_str) {
        Some("uint64" | "int64" | "uint") => WHOLE_MAX,
        Some("uint32") => u32::MAX.into(),
        Some("uint16") => u16::MAX.into(),
        Some("uint8") => u8::MAX.into(),
        _ => return,
    };
    schema.remove("format");
    schema.entry("maximum").or_insert_with(|| max.into());
}

fn allows(schema: &Map<String, Value>, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == wanted,
        Some(Value::Array(names)) => names.iter().any(|name| name == wanted),
        _ => false,
    }
}

fn refine_member(name: &str, schema: &mut Map<String, Value>) {
    if !allows(schema, "string") {
        return;
    }
    let is_nullable = allows(schema, "null");
    if name == "currency" {
        let enumeration = if is_nullable { json!(["usd", null]) } else { json!(["usd"]) };
        schema.retain(|keyword, _| matches!(keyword.as_str(), "type" | "description"));
        schema.insert("enum".to_owned(), enumeration);
        return;
    }
    // What a type says of itself counts.
    if ["pattern", "format", "enum", "const", "minLength"].iter().any(|keyword| schema.contains_key(*keyword)) {
        return;
    }
    if name.ends_with("_at") || name.ends_with("At") || TIMES.contains(&name) {
        schema.insert("format".to_owned(), "date-time".into());
    } else if AGENTS.contains(&name) {
        schema.insert("pattern".to_owned(), parameter::agent_pattern().into());
    } else if let Some((_, prefix)) = IDS.iter().find(|(known, _)| *known == name) {
        schema.insert("pattern".to_owned(), id_pattern(prefix).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_its_type_does_not() {
        let mut schema = json!({"properties": {
            "created_at": {"type": "string"}, "wallet_id": {"type": ["string", "null"]}, "currency": {"type": ["string", "null"], "maxLength": 16},
            "made_at": {"type": "string", "pattern": "^x$"}, "amount": {"type": "integer", "format": "uint64", "minimum": 0},
        }});
        refine(&mut schema);
        assert_eq!(schema["properties"]["created_at"]["format"], "date-time");
        assert_eq!(schema["properties"]["wallet_id"]["pattern"], id_pattern("wal_"));
        assert_eq!(schema["properties"]["currency"], json!({"type": ["string", "null"], "enum": ["usd", null]}));
        assert_eq!(schema["properties"]["made_at"], json!({"type": "string", "pattern": "^x$"}));
        assert_eq!(schema["properties"]["amount"], json!({"type": "integer", "minimum": 0, "maximum": WHOLE_MAX}));
    }

    #[test]
    fn a_type_that_differs_both_ways_has_two_names() {
        let mut document = json!({
            "paths": {"request": {"$ref": "#/components/schemas/request/Kind"}, "answer": {"$ref": "#/components/schemas/answer/Kind"}},
            "components": {"schemas": {
                "request": {"Kind": {"type": "object"}, "Same": {"type": "string"}},
                "answer": {"Kind": {"type": "object", "required": ["a"]}, "Same": {"type": "string"}},
            }},
        });
        name_schemas(&mut document);
        assert_eq!(document["paths"]["request"]["$ref"], "#/components/schemas/KindInput");
        assert_eq!(document["paths"]["answer"]["$ref"], "#/components/schemas/Kind");
        let names: Vec<&String> = document["components"]["schemas"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["Kind", "KindInput", "Same"]);
    }
}
