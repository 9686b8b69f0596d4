//! Scopes: what a key, an agent or a session may do (contract identity-and-money 2).
//!
//! Invariant: an action is allowed exactly when an entry matches it and no `!` entry does. Deny wins, whatever the
//! order. What is inherited is never wider than where it came from.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// At most so many entries in one set.
pub const SCOPES_MAX: usize = 128;
/// The longest part before or after the colon.
const PART_CHARS_MAX: usize = 64;

/// What stands before or behind the colon of one action, as a regular expression.
#[cfg(not(target_arch = "wasm32"))]
const PART: &str = "[A-Za-z0-9_.-]{1,64}";

/// The same, as a whole text.
#[cfg(not(target_arch = "wasm32"))]
pub fn part_pattern() -> String {
    format!("^{PART}$")
}

/// One action without `!` or `*`, as a regular expression.
#[cfg(not(target_arch = "wasm32"))]
pub fn action_pattern() -> String {
    format!("^{PART}:{PART}$")
}

/// What [`Scope::parse`] takes, as a regular expression.
#[cfg(not(target_arch = "wasm32"))]
pub fn scope_pattern() -> String {
    format!(r"^!?(\*|{PART}):(\*|{PART})$")
}

/// A text or list that is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeError {
    /// Not of the form `!?part:part`, part `*` or `[A-Za-z0-9_.-]{1,64}`.
    Malformed,
    /// More than [`SCOPES_MAX`] entries.
    TooMany,
    /// An entry stands there twice.
    Repeated,
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "must be a scope such as data:read, data:* or !data:delete",
            Self::TooMany => "must be at most 128 scopes",
            Self::Repeated => "must not repeat a scope",
        })
    }
}

/// One entry: `resource:action`, either part possibly `*`, denied when it begins with `!`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    denies: bool,
    resource: String,
    action: String,
}

impl Scope {
    /// Reads `!?part:part`.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let (denies, body) = match text.strip_prefix('!') {
            Some(body) => (true, body),
            None => (false, text),
        };
        let (resource, action) = body.split_once(':').ok_or(ScopeError::Malformed)?;
        if is_part(resource) && is_part(action) {
            Ok(Self { denies, resource: resource.to_owned(), action: action.to_owned() })
        } else {
            Err(ScopeError::Malformed)
        }
    }

    /// Whether it names one action, without `!` or `*`.
    pub fn is_one_action(&self) -> bool {
        !self.denies && self.resource != "*" && self.action != "*"
    }

    /// What two entries that allow both name.
    fn shared_with(&self, other: &Self) -> Option<Self> {
        let shared = |one: &str, other: &str| match (one, other) {
            ("*", part) | (part, "*") => Some(part.to_owned()),
            (one, other) => (one == other).then(|| one.to_owned()),
        };
        let (resource, action) = (shared(&self.resource, &other.resource)?, shared(&self.action, &other.action)?);
        Some(Self { denies: false, resource, action })
    }

    /// Whether every action this entry names is also named by `wider`, leaving aside whether either denies.
    fn is_named_by(&self, wider: &Self) -> bool {
        let covers = |wide: &str, narrow: &str| wide == "*" || wide == narrow;
        covers(&wider.resource, &self.resource) && covers(&wider.action, &self.action)
    }
}

fn is_part(part: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    part == "*" || ((1..=PART_CHARS_MAX).contains(&part.len()) && part.bytes().all(plain))
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}", if self.denies { "!" } else { "" }, self.resource, self.action)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Where the entry stands that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScopeSource {
    Own,
    /// An agent it comes from.
    Parent,
    /// Nowhere: nothing matched.
    Default,
}

/// Why an action is allowed or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub allowed: bool,
    /// The entry that decided.
    pub rule: Option<Scope>,
    pub source: ScopeSource,
}

/// A set of scopes in the order its owner wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Scope>);

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Scopes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scopes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let scope = schemars::json_schema!({"type": "string", "pattern": scope_pattern()});
        schemars::json_schema!({"type": "array", "items": scope, "maxItems": SCOPES_MAX, "uniqueItems": true})
    }
}

impl Scopes {
    /// A set of at most [`SCOPES_MAX`] different entries.
    pub fn new(entries: Vec<Scope>) -> Result<Self, ScopeError> {
        if entries.len() > SCOPES_MAX {
            return Err(ScopeError::TooMany);
        }
        let distinct: std::collections::BTreeSet<&Scope> = entries.iter().collect();
        if distinct.len() == entries.len() { Ok(Self(entries)) } else { Err(ScopeError::Repeated) }
    }

    /// `*:*`: everything.
    pub fn all() -> Self {
        Self(vec![Scope { denies: false, resource: "*".to_owned(), action: "*".to_owned() }])
    }

    /// Whether `action` is allowed: some entry matches it and no `!` entry does.
    pub fn allows(&self, action: &Scope) -> bool {
        let matching = |denies: bool| self.0.iter().any(|entry| entry.denies == denies && action.is_named_by(entry));
        matching(false) && !matching(true)
    }

    /// Whether a `!` entry forbids `action`.
    pub fn denies(&self, action: &Scope) -> bool {
        self.0.iter().any(|entry| entry.denies && action.is_named_by(entry))
    }

    /// The first `!` entry that forbids `action`.
    fn denial_of(&self, action: &Scope) -> Option<&Scope> {
        self.0.iter().find(|entry| entry.denies && action.is_named_by(entry))
    }

    /// Why `action` is allowed or not: by this set, and by the denials of those it comes from, the nearest first.
    pub fn explain(&self, parents: &[Self], action: &Scope) -> Explanation {
        let decided = |allowed: bool, rule: &Scope, source: ScopeSource| Explanation { allowed, rule: Some(rule.clone()), source };
        if let Some(rule) = self.denial_of(action) {
            return decided(false, rule, ScopeSource::Own);
        }
        if let Some(rule) = parents.iter().find_map(|parent| parent.denial_of(action)) {
            return decided(false, rule, ScopeSource::Parent);
        }
        match self.0.iter().find(|entry| !entry.denies && action.is_named_by(entry)) {
            Some(rule) => decided(true, rule, ScopeSource::Own),
            None => Explanation { allowed: false, rule: None, source: ScopeSource::Default },
        }
    }

    /// Whether every entry that allows is named by an entry of `parent` that allows. A set so covered, with the
    /// parent's denials added ([`Self::inheriting_denials`]), allows nothing that the parent does not.
    pub fn is_covered_by(&self, parent: &Self) -> bool {
        self.0.iter().filter(|entry| !entry.denies).all(|entry| parent.0.iter().any(|wide| !wide.denies && entry.is_named_by(wide)))
    }

    /// Whether all of it is `holder`'s to give: [`Self::is_covered_by`], and nothing that allows is denied as a whole by
    /// `holder` or by one of those it comes from. What they deny in part is inherited.
    pub fn is_held_by(&self, holder: &Self, parents: &[Self]) -> bool {
        let is_denied = |entry: &Scope| holder.denies(entry) || parents.iter().any(|parent| parent.denies(entry));
        self.is_covered_by(holder) && !self.0.iter().any(|entry| !entry.denies && is_denied(entry))
    }

    /// This set cut to what `parent` covers: of its entries that allow, the part that `parent` names too. Denials stay.
    pub fn cut_to(&self, parent: &Self) -> Result<Self, ScopeError> {
        let mut kept: Vec<Scope> = Vec::new();
        let mut keep = |entry: Scope| {
            if !kept.contains(&entry) {
                kept.push(entry);
            }
        };
        for entry in &self.0 {
            if entry.denies {
                keep(entry.clone());
            } else {
                parent.0.iter().filter(|wide| !wide.denies).filter_map(|wide| entry.shared_with(wide)).for_each(&mut keep);
            }
        }
        Self::new(kept)
    }

    /// This set and the entries of `other` that are not in it.
    pub fn joined_with(&self, other: &Self) -> Result<Self, ScopeError> {
        let mut entries = self.0.clone();
        entries.extend(other.0.iter().filter(|entry| !self.0.contains(entry)).cloned());
        Self::new(entries)
    }

    /// This set under a new parent: what it shares with that one, what it is given, and the denials it was under until now
    /// which it would shed. `givers`: the new parent, and after it those that one comes from; `left_behind`: the old ones.
    pub fn moved_under(&self, givers: &[Self], given: &Self, left_behind: &[Self]) -> Result<Self, ScopeError> {
        let kept = match givers.first() {
            Some(parent) => self.cut_to(parent)?,
            None => self.clone(),
        };
        let mut entries = kept.joined_with(given)?.0;
        for denial in left_behind.iter().flat_map(|scopes| &scopes.0).filter(|entry| entry.denies) {
            let stands_above = givers.iter().any(|giver| giver.denies(denial));
            if !stands_above && !entries.contains(denial) {
                entries.push(denial.clone());
            }
        }
        Self::new(entries)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This set and every denial of `parent`; too many entries together are refused.
    pub fn inheriting_denials(&self, parent: &Self) -> Result<Self, ScopeError> {
        let mut entries = self.0.clone();
        entries.extend(parent.0.iter().filter(|entry| entry.denies && !self.0.contains(entry)).cloned());
        Self::new(entries)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(entries: &[&str]) -> Scopes {
        Scopes::new(entries.iter().map(|text| Scope::parse(text).unwrap()).collect()).unwrap()
    }

    fn allowed(entries: &[&str], action: &str) -> bool {
        scopes(entries).allows(&Scope::parse(action).unwrap())
    }

    #[test]
    fn an_action_needs_a_match_and_no_denial() {
        assert!(allowed(&["data:read"], "data:read"));
        assert!(allowed(&["*:*"], "data:read"));
        assert!(allowed(&["data:*"], "data:read"));
        assert!(allowed(&["*:read"], "data:read"));
        assert!(!allowed(&["data:read"], "data:write"));
        assert!(!allowed(&[], "data:read"));
        assert!(!allowed(&["!data:read"], "data:write"));
    }

    #[test]
    fn deny_wins_in_any_order() {
        for entries in [["*:*", "!data:delete"], ["!data:delete", "*:*"]] {
            assert!(!allowed(&entries, "data:delete"));
            assert!(allowed(&entries, "data:read"));
        }
        assert!(!allowed(&["data:delete", "!*:delete"], "data:delete"));
    }

    #[test]
    fn only_the_grammar_is_read() {
        let long = "a".repeat(65);
        for bad in ["", "data", "data:", ":read", "data:read:more", "!!data:read", "da ta:read", "dätä:read", &format!("{long}:read")] {
            assert_eq!(Scope::parse(bad), Err(ScopeError::Malformed), "{bad}");
        }
        assert_eq!(Scope::parse("!a.b-c_d:*").unwrap().to_string(), "!a.b-c_d:*");
        assert!(serde_json::from_str::<Scopes>(r#"["a:b","a:b"]"#).is_err());
    }

    #[test]
    fn what_decides_is_named_and_agrees_with_what_is_allowed() {
        let own = scopes(&["data:*", "!data:delete"]);
        let parents = [scopes(&["*:*"]), scopes(&["!*:write"])];
        let explain = |action: &str| {
            let Explanation { allowed, rule, source } = own.explain(&parents, &Scope::parse(action).unwrap());
            (allowed, rule.map(|rule| rule.to_string()), source)
        };
        assert_eq!(explain("data:read"), (true, Some("data:*".to_owned()), ScopeSource::Own));
        assert_eq!(explain("data:delete"), (false, Some("!data:delete".to_owned()), ScopeSource::Own));
        assert_eq!(explain("data:write"), (false, Some("!*:write".to_owned()), ScopeSource::Parent));
        assert_eq!(explain("mail:read"), (false, None, ScopeSource::Default));
        for action in ["data:read", "data:delete", "mail:read"].map(|action| Scope::parse(action).unwrap()) {
            assert_eq!(own.explain(&[], &action).allowed, own.allows(&action), "{action}");
            assert!(action.is_one_action());
        }
        for wide in ["*:read", "data:*", "!data:read"] {
            assert!(!Scope::parse(wide).unwrap().is_one_action());
        }
    }

    #[test]
    fn what_is_given_is_held_and_not_denied_as_a_whole() {
        let holder = scopes(&["data:*", "!data:delete"]);
        for (given, is_held) in [
            (&["data:read"][..], true),
            (&["data:*"], true),
            (&["data:*", "!mail:read"], true),
            (&["data:delete"], false),
            (&["*:read"], false),
            (&["data:write"], false),
            (&[], true),
        ] {
            assert_eq!(scopes(given).is_held_by(&holder, &[scopes(&["*:*"]), scopes(&["!data:write"])]), is_held, "{given:?}");
        }
    }

    #[test]
    fn a_set_that_is_cut_keeps_what_both_name_and_its_denials() {
        let parent = scopes(&["data:*", "*:read", "!mail:send"]);
        assert_eq!(
            scopes(&["data:write", "mail:*", "chat:open", "!data:x"]).cut_to(&parent),
            Ok(scopes(&["data:write", "mail:read", "!data:x"]))
        );
        let all = scopes(&["*:*"]).cut_to(&parent).unwrap();
        assert_eq!(all, scopes(&["data:*", "*:read"]));
        assert!(all.is_covered_by(&parent));
        assert_eq!(scopes(&["data:read"]).cut_to(&parent), Ok(scopes(&["data:read"])));
        assert!(scopes(&["a:b"]).cut_to(&Scopes::default()).unwrap().is_empty());
        let wide = Scopes::new((0..128).map(|at| Scope::parse(&format!("r{at}:*")).unwrap()).collect()).unwrap();
        assert_eq!(scopes(&["*:a", "*:b"]).cut_to(&wide), Err(ScopeError::TooMany));
        assert_eq!(scopes(&["a:b"]).joined_with(&scopes(&["a:b", "c:d"])), Ok(scopes(&["a:b", "c:d"])));
    }

    #[test]
    fn a_set_that_moves_keeps_the_denials_it_was_under() {
        let (old, above) = (scopes(&["data:*", "!data:delete", "!mail:*"]), scopes(&["*:*", "!a:b"]));
        let givers = [scopes(&["*:*", "!mail:*"]), scopes(&["*:*", "!a:b"])];
        let moved = scopes(&["data:*"]).moved_under(&givers, &scopes(&["chat:open"]), &[old, above]);
        assert_eq!(moved, Ok(scopes(&["data:*", "chat:open", "!data:delete"])), "what denies above it still does so there");
    }

    #[test]
    fn a_covered_set_with_inherited_denials_is_never_wider() {
        let parent = scopes(&["data:*", "!data:delete"]);
        let child = scopes(&["data:read", "data:delete"]);
        assert!(child.is_covered_by(&parent));
        assert!(!scopes(&["*:read"]).is_covered_by(&parent));
        let inherited = child.inheriting_denials(&parent).unwrap();
        assert!(inherited.allows(&Scope::parse("data:read").unwrap()));
        assert!(!inherited.allows(&Scope::parse("data:delete").unwrap()));
    }
}
