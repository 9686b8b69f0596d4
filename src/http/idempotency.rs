//! `Idempotency-Key` (contract README 7): reading it, and naming the record it stands for. The record itself lives in
//! the object that decides the effect.

use serde_json::Value;

use super::code::Code;
use super::fault::Fault;
use super::route::{Param, Route};
use crate::crypto::jcs;
use crate::domain::agent::read_any_agent_id;
use crate::domain::agent_session::AgentSessionId;
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
    let ids = params.iter().filter_map(|(name, value)| name_of(name, value));
    // Each part tells its length, so that no two lists of parts read alike.
    let named = [caller.to_owned(), route.name.to_owned()].into_iter().chain(ids).chain([key.to_owned()]);
    let scope: String = named.map(|part| format!("{}:{part},", part.len())).collect();
    let mut body = body.clone();
    if let Value::Object(members) = &mut body {
        members.remove("idempotency_key");
    }
    let canonical = jcs::to_canonical(&body).map_err(|_| Fault::new(Code::InvalidJson, "the body has no canonical form").in_body())?;
    Ok(Claim { scope_hash: Digest::of(&[scope.as_bytes()]), body_hash: Digest::of(&[&canonical]) })
}

/// What a path parameter names, the same for every spelling of it. A tenant needs no name: its own object keeps the record.
fn name_of(param: &str, value: &str) -> Option<String> {
    match param {
        "tenant_id" => None,
        // These are no ids of ours: they are what they read.
        "session_id" | "token" | "verb" => Some(value.to_owned()),
        _ => Some(match (read_any_agent_id(value), AgentSessionId::parse(value), value.split_once('_')) {
            (Some((agent_id, _)), ..) => agent_id.to_string(),
            (None, Some(session_id), _) => session_id.to_string(),
            (None, None, Some((prefix, ulid))) => format!("{prefix}_{}", ulid.to_ascii_uppercase()),
            (None, None, None) => value.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_has_several_spellings_has_one_name() {
        let name = |value: &str| name_of("id", value).unwrap();
        let ulid = "01J8ZQ4V9N3W0R6T5Y7X2KD1MA";
        let bytes = crate::domain::id::AgentId::parse(&format!("agt_{ulid}")).unwrap();
        let uuid = crate::domain::agent::spell_uuid(bytes).to_string();
        let spellings = [
            format!("agt_{ulid}"),
            format!("ext_{ulid}"),
            format!("maip:a1b2c3d4:{ulid}"),
            format!("maip-agent:{ulid}"),
            ulid.to_owned(),
            uuid,
        ];
        for spelling in &spellings {
            for spelt in [spelling.clone(), spelling.to_ascii_lowercase(), spelling.to_ascii_uppercase()] {
                assert_eq!(name(&spelt), format!("agt_{ulid}"), "{spelt}");
            }
        }
        assert_eq!(name(&format!("wal_{}", ulid.to_ascii_lowercase())), format!("wal_{ulid}"));
        assert_eq!(name("MAIP-SESS:A1B2C3D4:00112233445566FF"), "maip-sess:a1b2c3d4:00112233445566ff");
        assert_eq!(name("wal_1"), "wal_1");
        assert_ne!(name(&format!("wal_{ulid}")), name(&format!("whk_{ulid}")));
        assert_eq!((name_of("tenant_id", "agent-alpha"), name_of("session_id", "s_a")), (None, Some("s_a".to_owned())));
    }

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
