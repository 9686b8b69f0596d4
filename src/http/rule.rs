//! Rules over several members of a body, in the words of a schema: which of them go together and which exclude each other.
//! `null` is as good as absent to us (contract README 6), so `required` alone would say too little.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// What one member must be: its name, its schema, and whether it must be there.
pub struct Member(&'static str, Value, bool);

/// It is there.
pub fn given(name: &'static str) -> Member {
    Member(name, json!({"not": {"type": "null"}}), true)
}

/// It is not there.
pub fn absent(name: &'static str) -> Member {
    Member(name, json!({"type": "null"}), false)
}

/// If it is there, it is one of these.
pub fn one_of(name: &'static str, values: &Value) -> Member {
    Member(name, json!({"enum": values}), false)
}

/// It is there, and a text of this form.
pub fn like(name: &'static str, pattern: &str) -> Member {
    Member(name, json!({"type": "string", "pattern": pattern}), true)
}

/// One of these cases holds. A schema may have several such rules.
pub fn either<const CASES: usize>(cases: [Vec<Member>; CASES]) -> impl FnMut(&mut Schema) {
    let cases: Value = cases.into_iter().map(case).collect();
    move |schema| {
        let members = schema.ensure_object();
        if !members.contains_key("anyOf") {
            members.insert("anyOf".to_owned(), cases.clone());
        } else if let Value::Array(rules) = members.entry("allOf").or_insert_with(|| json!([])) {
            rules.push(json!({"anyOf": cases}));
        }
    }
}

/// At least one of these members is there.
pub fn any_given<const CASES: usize>(names: [&'static str; CASES]) -> impl FnMut(&mut Schema) {
    either(names.map(|name| vec![given(name)]))
}

fn case(members: Vec<Member>) -> Value {
    let required: Vec<&str> = members.iter().filter(|Member(.., required)| *required).map(|Member(name, ..)| *name).collect();
    let properties: Map<String, Value> = members.into_iter().map(|Member(name, schema, _)| (name.to_owned(), schema)).collect();
    if required.is_empty() { json!({"properties": properties}) } else { json!({"required": required, "properties": properties}) }
}
