//! Strict JSON in (contract README 5): no duplicate member, no nesting beyond 32, and for whatever is wrong with a
//! field the first fault in document order with its JSON path. Texts never repeat what was sent: it may be a secret.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::code::Code;
use super::fault::Fault;
use super::json_path::find_refused;

/// Objects and arrays may nest this deep.
const DEPTH_MAX: usize = 32;

/// Parses a body, refusing what two readers could understand differently.
pub fn parse(text: &str) -> Result<Value, Fault> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Strict { depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| unparsed(text, &error))
}

/// Reads a request type out of a body that [`parse`] has accepted. A type that reads an object or list by itself must hand
/// on the errors of what it reads from: that the text has ended is one of them.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error: serde_json::Error| {
        let refuses = |beginning: &str| serde_json::from_str::<T>(beginning).is_err_and(|error| !error.is_eof());
        field_fault(&find_refused(text, &refuses), &error.to_string())
    })
}

fn unparsed(text: &str, error: &serde_json::Error) -> Fault {
    let message = error.to_string();
    let what = [DUPLICATE, TOO_DEEP].into_iter().find(|known| message.starts_with(known)).unwrap_or("the body is not valid JSON");
    // A raw line feed in a string counts as read: the place is behind the last character of its line.
    let (line, column) = match (error.line(), error.column()) {
        (line, 0) if line > 1 => (line - 1, text.lines().nth(line - 2).map_or(1, |last| last.len() + 1)),
        place => place,
    };
    syntax_fault(what, line, column)
}

/// A body that is no JSON, and where: counted in bytes, from 1.
pub fn syntax_fault(what: &str, line: usize, column: usize) -> Fault {
    Fault::new(Code::InvalidJson, format!("{what} (line {line}, column {column})"))
        .with("path", "$")
        .with("line", line)
        .with("column", column)
        .in_body()
}

/// Turns serde's words into ours: the path of the field, and what it must be, without the value that was sent.
fn field_fault(at: &str, message: &str) -> Fault {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return Fault::field(&format!("{at}.{missing}"), "is required");
    }
    // What the reader of an enumeration says to anything but a text.
    if message == "expected value" {
        return Fault::field(at, "must be a string");
    }
    let is_serdes_own = ["invalid type", "invalid value", "invalid length", "unknown variant", "data did not match"]
        .iter()
        .any(|own| message.starts_with(own));
    if !is_serdes_own {
        return Fault::field(at, message);
    }
    match message.rsplit_once(", expected ").map(|(_, expected)| expected) {
        None => Fault::field(at, "has an unknown form"),
        Some("u64" | "u32" | "u16" | "u8" | "i64") => Fault::field(at, "must be a whole number in range"),
        Some("f64" | "f32") => Fault::field(at, "must be a number"),
        Some(expected) if expected.starts_with("struct ") || expected == "a map" => Fault::field(at, "must be an object"),
        Some("a sequence") => Fault::field(at, "must be an array"),
        Some("a boolean") => Fault::field(at, "must be true or false"),
        Some(expected) => Fault::field(at, &format!("must be {expected}")),
    }
}

const DUPLICATE: &str = "a member stands twice in one object";
const TOO_DEEP: &str = "the body nests deeper than 32 levels";

/// Builds a value and refuses duplicate members and deep nesting on the way.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX { Err(E::custom(TOO_DEEP)) } else { Ok(Self { depth: self.depth + 1 }) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.deeper()?)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(DUPLICATE));
            }
            let value = access.next_value_seed(self.deeper()?)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    struct Inner {
        count: u64,
    }

    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    struct Sample {
        name: String,
        inner: Option<Inner>,
        list: Option<Vec<u64>>,
    }

    fn path_of(text: &str) -> (String, String) {
        let fault = read::<Sample>(text).unwrap_err();
        (fault.extra["path"].as_str().unwrap().to_owned(), fault.detail.into_owned())
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        for bad in [
            "",
            "{",
            r#"{"a":1,"a":2}"#,
            r#"{"b":{"a":1,"a":1}}"#,
            "NaN",
            r#"{"a":NaN}"#,
            r#"{"a":1e999}"#,
            "{} {}",
            r#"{"a":01}"#,
            "\u{feff}{}",
        ] {
            assert_eq!(parse(bad).unwrap_err().code, Code::InvalidJson, "{bad}");
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(32)).is_ok());
        assert!(parse(&nested(33)).is_err());
        assert!(parse(&nested(100_000)).is_err());
    }

    #[test]
    fn a_fault_names_the_path_and_never_the_value() {
        assert_eq!(path_of("{}"), ("$.name".to_owned(), "name is required".to_owned()));
        assert_eq!(
            path_of(r#"{"name":"x","inner":{"count":"mtak_secret"}}"#),
            ("$.inner.count".to_owned(), "inner.count must be a whole number in range".to_owned())
        );
        assert_eq!(path_of(r#"{"name":"x","list":[1,1.5]}"#).0, "$.list[1]");
        assert_eq!(path_of(r#"{"name":["mtak_secret"]}"#).1, "name must be a string");
        assert_eq!(path_of(r#"["mtak_secret", 1, 2]"#).0, "$[0]".replace("[0]", "[1]"));
        assert_eq!(path_of("3").0, "$");
    }

    #[test]
    fn the_first_fault_in_document_order_is_reported() {
        assert_eq!(path_of(r#"{"list":"x","name":7}"#).0, "$.list");
        assert_eq!(path_of(r#"{"name":7,"list":"x"}"#).0, "$.name");
    }
}
