//! Webhooks: which events an endpoint wants, and what is sent of one (contract README 11, identity-and-money 13).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::PUBLIC_EVENTS;
use super::time::{DAY_MS, Timestamp};

/// Endpoints of a tenant.
pub const ENDPOINTS_MAX: u64 = 20;
/// Entries of a filter.
pub const FILTER_ENTRIES_MAX: usize = 64;
/// How long a secret goes on signing once another has followed it.
pub const ROTATION_MS: u64 = DAY_MS;
/// How long deliveries and events are kept.
pub const KEPT_MS: u64 = 30 * DAY_MS;
/// Bytes a body has at most.
pub const BODY_BYTES_MAX: usize = 20_000;
/// The member that names what a body leaves out.
const OMITTED: &str = "_omitted";

/// Which events are wanted: `*`, names, or all of a kind such as `payment.*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFilter(Vec<String>);

impl EventFilter {
    /// Every public event.
    pub fn all() -> Self {
        Self(vec!["*".to_owned()])
    }

    /// Reads the entries; what stands twice counts once. `Err` is the place of the first that matches no event there is.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, usize> {
        let mut kept: Vec<String> = Vec::new();
        for (at, entry) in entries.into_iter().enumerate() {
            if !PUBLIC_EVENTS.into_iter().any(|event| matches(entry, event)) {
                return Err(at);
            }
            if !kept.iter().any(|known| known == entry) {
                kept.push(entry.to_owned());
            }
        }
        Ok(Self(kept))
    }

    /// Every entry there can be: everything, all of a kind, and each name.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn vocabulary() -> Vec<String> {
        let kinds = PUBLIC_EVENTS.into_iter().filter_map(|event| event.split_once('.')).map(|(kind, _)| format!("{kind}.*"));
        let mut entries: Vec<String> = std::iter::once("*".to_owned()).chain(kinds).collect();
        entries.dedup();
        entries.extend(PUBLIC_EVENTS.map(str::to_owned));
        entries
    }

    /// The entries as they were given.
    pub fn entries(&self) -> &[String] {
        &self.0
    }

    /// Whether an event of that name is wanted.
    pub fn wants(&self, event: &str) -> bool {
        PUBLIC_EVENTS.contains(&event) && self.0.iter().any(|entry| matches(entry, event))
    }

    /// The names of all events that are wanted.
    pub fn names(&self) -> Vec<&'static str> {
        PUBLIC_EVENTS.into_iter().filter(|event| self.wants(event)).collect()
    }
}

fn matches(entry: &str, event: &str) -> bool {
    entry == "*" || entry == event || entry.strip_suffix('*').is_some_and(|kind| kind.ends_with('.') && event.starts_with(kind))
}

/// The body of an event: `{"type","timestamp","data"}`, the same at every attempt. A body beyond the limit leaves out the
/// largest members of `data`, one by one, and names them in `_omitted`; GET shows them.
pub fn body(event: &str, at: Timestamp, data: &Value) -> String {
    // In the order the contract names them; serde_json would sort a map.
    fit(data, |data| format!("{{\"type\":{},\"timestamp\":\"{at}\",\"data\":{data}}}", Value::from(event)))
}

/// The body of a push to a seller (contract atelier 7): `{"event","order_id","data"}`, no longer than any other.
pub fn push_body(event: &str, order_id: &str, data: &Value) -> String {
    fit(data, |data| format!("{{\"event\":{},\"order_id\":{},\"data\":{data}}}", Value::from(event), Value::from(order_id)))
}

/// The text of a body that is not too long.
fn fit(data: &Value, write: impl Fn(&Value) -> String) -> String {
    let whole = write(data);
    let Value::Object(members) = data else { return if whole.len() <= BODY_BYTES_MAX { whole } else { write(&Value::Null) } };
    let (mut text, mut left, mut omitted) = (whole, members.clone(), Vec::new());
    while text.len() > BODY_BYTES_MAX
        && let Some(largest) = largest_of(&left)
    {
        left.remove(&largest);
        omitted.push(Value::String(largest));
        let mut shown = left.clone();
        shown.insert(OMITTED.to_owned(), Value::Array(omitted.clone()));
        text = write(&Value::Object(shown));
    }
    text
}

fn largest_of(members: &Map<String, Value>) -> Option<String> {
    members.iter().max_by_key(|(_, value)| value.to_string().len()).map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_filter_takes_names_kinds_and_everything_and_refuses_what_there_is_not() {
        let filter = EventFilter::parse(["payment.*", "wallet.funded", "payment.*"]).unwrap();
        assert_eq!(filter.entries(), ["payment.*", "wallet.funded"]);
        assert!(filter.wants("payment.denied") && filter.wants("wallet.funded"));
        for entry in EventFilter::vocabulary() {
            assert!(EventFilter::parse([entry.as_str()]).is_ok(), "{entry}");
        }
        assert!(!filter.wants("agent.registered") && !filter.wants("payment.unheard_of"));
        assert_eq!(filter.names().len(), 6);
        assert_eq!(EventFilter::all().names().len(), PUBLIC_EVENTS.len());
        assert!(!EventFilter::all().wants("key.minted"), "what stays inside is not part of everything");
        for bad in [
            "",
            "payment",
            "payment.",
            "pay*",
            "p*",
            ".*",
            "**",
            "*.*",
            "payment.**",
            "Payment.denied",
            "key.minted",
            "query.charged",
            " *",
        ] {
            assert_eq!(EventFilter::parse(["*", bad]), Err(1), "{bad:?}");
        }
    }

    #[test]
    fn a_body_holds_type_timestamp_and_data_in_this_order() {
        let at = Timestamp::from_ms(1_770_000_000_123);
        let text = body("wallet.funded", at, &json!({"b": 1, "a": "\u{e9}\n"}));
        assert_eq!(text, r#"{"type":"wallet.funded","timestamp":"2026-02-02T02:40:00.123Z","data":{"a":"é\n","b":1}}"#);
    }

    #[test]
    fn a_body_never_exceeds_its_limit_and_says_what_it_leaves_out() {
        let at = Timestamp::from_ms(0);
        let around = body("wallet.funded", at, &json!({"id": "x", "metadata": ""})).len();
        let of = |length: usize| body("wallet.funded", at, &json!({"id": "x", "metadata": "m".repeat(length)}));
        let fits = of(BODY_BYTES_MAX - around);
        assert_eq!(fits.len(), BODY_BYTES_MAX);
        assert!(!fits.contains(OMITTED));
        assert_eq!(
            serde_json::from_str::<Value>(&of(BODY_BYTES_MAX - around + 1)).unwrap()["data"],
            json!({"id": "x", "_omitted": ["metadata"]})
        );
        let two = json!({"id": "x", "description": "d".repeat(15_000), "metadata": {"m": "é".repeat(10_000)}});
        assert_eq!(
            serde_json::from_str::<Value>(&body("wallet.funded", at, &two)).unwrap()["data"],
            json!({"id": "x", "description": "d".repeat(15_000), "_omitted": ["metadata"]})
        );
        let bare = body("wallet.funded", at, &json!("y".repeat(30_000)));
        assert!(bare.len() <= BODY_BYTES_MAX && bare.ends_with("\"data\":null}"));
    }
}
