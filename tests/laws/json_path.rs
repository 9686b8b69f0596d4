//! The path a fault names is the one that following the reader step by step gives.

use guildhall::domain::memory::{Content, Importance, Metadata, SourceId, Tags};
use guildhall::domain::slug::Slug;
use guildhall::http::field::{Text, Whole};
use guildhall::http::json;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[allow(dead_code)]
struct Item {
    content: Content,
    source_id: Option<SourceId>,
    importance_score: Option<Importance>,
    tags: Option<Tags>,
    inner: Option<Box<Item>>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
#[serde(rename_all = "snake_case")]
enum Choice {
    First,
    Second { number: u64 },
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Sample {
    name: Slug,
    label: Option<Text<1, 8>>,
    count: Whole<1, 10>,
    metadata: Option<Metadata>,
    items: Vec<Item>,
    item: Option<Item>,
    flags: Option<Vec<bool>>,
    choice: Option<Choice>,
    pair: Option<(u64, String)>,
}

/// Values that some member takes and others do not.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_i64..14).prop_map(Value::from),
        (0.0_f64..1.5).prop_map(Value::from),
        prop_oneof!["[a-z]{1,4}", "[a-z\"\\\\\u{e9}\u{1}]{0,10}", Just("first".to_owned())].prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        8 => proptest::sample::select(vec!["content", "source_id", "importance_score", "tags", "inner", "number", "second"]).prop_map(str::to_owned),
        1 => "[a-z]{1,3}",
    ];
    leaf().prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((names.clone(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A document that is right but for what some of its members were replaced by.
fn document() -> impl Strategy<Value = Value> {
    let right = serde_json::json!({
        "name": "agent-alpha", "label": "x", "count": 3, "metadata": {"a": [1, {"b": null}]},
        "items": [{"content": "one"}, {"content": "two", "tags": [1, "x"], "inner": {"content": "three"}}],
        "item": {"content": "four", "importance_score": 0.5}, "flags": [true, false], "choice": {"second": {"number": 7}}, "pair": [1, "b"],
    });
    let wrong = proptest::collection::vec((0_usize..64, value(), any::<bool>()), 0..3);
    wrong.prop_map(move |wrong| {
        let mut document = right.clone();
        for (place, value, removed) in wrong {
            let mut places = Vec::new();
            list_places(&document, String::new(), &mut places);
            let pointer = places[place % places.len()].clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            match document.pointer_mut(parent) {
                Some(Value::Object(members)) if removed => drop(members.remove(name)),
                _ => *document.pointer_mut(&pointer).unwrap() = value,
            }
        }
        document
    })
}

fn list_places(value: &Value, at: String, places: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => return,
    };
    for (name, value) in members {
        let at = format!("{at}/{name}");
        list_places(value, at.clone(), places);
        places.push(at);
    }
}

/// The path the reader took, by the crate that follows it.
fn expected_path(text: &str) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let error = serde_path_to_error::deserialize::<_, Sample>(&mut reader).err()?;
    let missing = error.inner().to_string().strip_prefix("missing field `").and_then(|rest| rest.split('`').next().map(str::to_owned));
    let path = match error.path().to_string().as_str() {
        "." => "$".to_owned(),
        path if path.starts_with('[') => format!("${path}"),
        path => format!("$.{path}"),
    };
    Some(missing.map_or(path.clone(), |missing| format!("{path}.{missing}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_fault_names_the_value_the_reader_stopped_at(document in document(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
        let named = json::read::<Sample>(&text).err().map(|fault| fault.extra["path"].as_str().unwrap().to_owned());
        prop_assert_eq!(named, expected_path(&text));
    }
}

#[test]
fn a_wrong_member_at_the_end_of_a_large_body_is_found_at_once() {
    let mut members = Map::new();
    members.insert("name".to_owned(), "agent-alpha".into());
    members.insert("count".to_owned(), 1.into());
    let item = serde_json::json!({"content": "x", "tags": [1, 2, 3]});
    let mut items = vec![item; 20_000];
    items.push(serde_json::json!({"content": 1}));
    members.insert("items".to_owned(), items.into());
    let text = Value::Object(members).to_string();
    let fault = json::read::<Sample>(&text).err().unwrap();
    assert_eq!(fault.extra["path"], "$.items[20000].content");
}
