//! What the field types look like in the OpenAPI document.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{Email, Metadata, Name, Text, Time, Whole};
use crate::domain::target::URL_CHARS_MAX;

impl<const MIN: usize, const MAX: usize> JsonSchema for Text<MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("Text_{MIN}_{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": MIN, "maxLength": MAX, "pattern": r"^[^\x00-\x08\x0B-\x1F\x7F-\x9F]*$"})
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Whole<MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("Whole_{MIN}_{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

impl<const BYTES: usize> JsonSchema for Metadata<BYTES> {
    fn schema_name() -> Cow<'static, str> {
        format!("Metadata_{BYTES}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "description": format!("At most {BYTES} bytes of compact JSON.")})
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time", "description": "With an offset, from 1970 to 9999."})
    }
}

impl JsonSchema for Email {
    fn schema_name() -> Cow<'static, str> {
        "Email".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "format": "email", "maxLength": 254,
            "description": "1 to 64 letters, digits and !#$%&'*+/=?^_`{|}~.- before the @, a name of two labels or more behind it.",
        })
    }
}

impl<const MAX: usize, const MIN: usize> JsonSchema for Name<MAX, MIN> {
    fn schema_name() -> Cow<'static, str> {
        format!("Name_{MIN}_{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        const PATTERN: &str = r"^[^\s\x00-\x1F\x7F-\x9F]([^\x00-\x08\x0B-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F])?$";
        json_schema!({"type": "string", "minLength": MIN, "maxLength": MAX, "pattern": PATTERN})
    }
}

/// A text of which at most so many characters are left without the white space around it, and one at least.
pub struct Trimmed<const MAX: usize, const WITH_SPACE: usize>;

impl<const MAX: usize, const WITH_SPACE: usize> JsonSchema for Trimmed<MAX, WITH_SPACE> {
    fn schema_name() -> Cow<'static, str> {
        format!("Trimmed_{MAX}_{WITH_SPACE}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        const SPACE: &str = r"[^\S\x0B-\x1F\x85]*";
        const INK: &str = r"[^\s\x00-\x1F\x7F-\x9F]";
        let inner = MAX.saturating_sub(2);
        let pattern = format!(r"^{SPACE}{INK}([^\x00-\x08\x0B-\x1F\x7F-\x9F]{{0,{inner}}}{INK})?{SPACE}$");
        json_schema!({"type": "string", "minLength": 1, "maxLength": WITH_SPACE, "pattern": pattern})
    }
}

/// A URL that we are to send something to, as `domain::target` reads it.
pub struct TargetUrl;

impl JsonSchema for TargetUrl {
    fn schema_name() -> Cow<'static, str> {
        "TargetUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        const EDGE: &str = "[A-Za-z0-9_]";
        const INNER: &str = "([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
        const BYTE: &str = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
        const PORT: &str = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
        const REST: &str = r"[!#-;=?-\[\]_a-z~]*";
        // A name whose last label begins with a digit may be an address in another notation: more of them are taken than this says.
        let name = format!(r"({EDGE}{INNER}\.){{0,8}}[A-Za-z_]{INNER}\.?");
        let (v4, v6) = (format!(r"{BYTE}(\.{BYTE}){{3}}"), r"\[([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\]");
        let pattern = format!("^https?://({name}|{v4}|{v6})(:{PORT})?([/?#]{REST})?$");
        json_schema!({
            "type": "string", "maxLength": URL_CHARS_MAX, "pattern": pattern,
            "description": "https, without user name or password, of a host of the public internet. http where a deployment allows this machine itself, for development.",
        })
    }
}
