//! `Idempotency-Key` (contract README 7): reading it, and naming the record it stands for. The record itself lives in
//! the object that decides the effect.

use serde_json::Value;

use super::code::Code;
use super::fault::Fault;
use super::route::{Param, Route};
use crate::crypto::jcs;
use crate::domain::digest::Digest;
use crate::domain::idempotency::Claim;

/// Reads the header: 1..255 visible ASCII characters, bare or as a quoted string.
pub fn read_key(header: Option<&str>) -> Result<Option<String>, Fault> {
    let Some(text) = header.map(str::trim) else { return Ok(None) };
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|_| text.len() >= 2);
    let key = match bare {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => text.to_owned(),
    };
    let legal = (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if legal {
        Ok(Some(key))
    } else {
        Err(Fault::new(Code::InvalidField, "Idempotency-Key must be 1 to 255 visible ASCII characters")
            .with("path", "Idempotency-Key")
            .in_body())
    }
}

/// Reads `idempotency_key` of a body: 1..255 visible ASCII characters.
pub fn read_body_key(value: &Value) -> Result<String, Fault> {
    let key = value.as_str().filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    key.map(str::to_owned).ok_or_else(|| Fault::field("$.idempotency_key", "must be 1 to 255 visible ASCII characters"))
}

/// Names the record of `key` for this caller, route and path ids, and the body it is good for. The key itself is kept
/// only hashed.
pub fn claim(caller: &str, route: &Route, params: &[Param], key: &str, body: &Value) -> Result<Claim, Fault> {
    // Each part tells its length, so that no two lists of parts read alike.
    let named = [caller, route.name].into_iter().chain(params.iter().map(|(_, value)| value.as_str())).chain([key]);
    let scope: String = named.map(|part| format!("{}:{part},", part.len())).collect();
    let mut body = body.clone();
    if let Value::Object(members) = &mut body {
        members.remove("idempotency_key");
    }
    let canonical = jcs::to_canonical(&body).map_err(|_| Fault::new(Code::InvalidJson, "the body has no canonical form").in_body())?;
    Ok(Claim { scope_hash: Digest::of(&[scope.as_bytes()]), body_hash: Digest::of(&[&canonical]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_bare_or_quoted() {
        assert_eq!(read_key(Some("abc")).unwrap().as_deref(), Some("abc"));
        assert_eq!(read_key(Some("\"abc\"")).unwrap().as_deref(), Some("abc"));
        assert_eq!(read_key(None).unwrap(), None);
        for bad in ["", "\"\"", "a b", "ä", &"a".repeat(256), "\"a\u{7f}\""] {
            assert!(read_key(Some(bad)).is_err(), "{bad}");
        }
        assert!(read_key(Some(&"a".repeat(255))).is_ok());
    }
}
