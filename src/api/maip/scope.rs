//! Scopes as requests spell them: a list, or every action on every resource.

use serde::Deserialize;

use crate::domain::scope::{SCOPES_MAX, Scope, ScopeError, Scopes};
use crate::http::fault::Fault;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct ScopePairs {
    #[cfg_attr(not(target_arch = "wasm32"), schemars(inner(regex(pattern = r"^(\*|[A-Za-z0-9_.-]{1,64})$")), length(max = SCOPES_MAX), extend("uniqueItems" = true)))]
    actions: Vec<String>,
    /// With `!` in front, every action on it is denied.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(inner(regex(pattern = r"^!?(\*|[A-Za-z0-9_.-]{1,64})$")), length(max = SCOPES_MAX), extend("uniqueItems" = true)))]
    resources: Vec<String>,
}

impl ScopePairs {
    fn into_scopes(self) -> Result<Scopes, ScopeError> {
        let read = |texts: &mut dyn Iterator<Item = String>| Scopes::new(texts.map(|text| Scope::parse(&text)).collect::<Result<_, _>>()?);
        // Each list by itself: beside an empty one there is no pair to show what is wrong with it.
        read(&mut self.resources.iter().map(|resource| format!("{resource}:*")))?;
        read(&mut self.actions.iter().map(|action| format!("*:{action}")))?;
        if self.actions.len().saturating_mul(self.resources.len()) > SCOPES_MAX {
            return Err(ScopeError::TooMany);
        }
        read(&mut self.resources.iter().flat_map(|resource| self.actions.iter().map(move |action| format!("{resource}:{action}"))))
    }
}

/// The scopes of a body by either of its two members, `scopes` before `scope`; what is wrong with either is told.
pub(super) fn read_scopes(scopes: Option<Scopes>, pairs: Option<ScopePairs>) -> Result<Option<Scopes>, Fault> {
    let pairs = pairs.map(ScopePairs::into_scopes).transpose().map_err(|error| Fault::field("$.scope", &error.to_string()))?;
    Ok(scopes.or(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(resources: &[&str], actions: &[&str]) -> Result<Vec<String>, ScopeError> {
        let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let scopes = ScopePairs { actions: own(actions), resources: own(resources) }.into_scopes()?;
        Ok(serde_json::from_value(serde_json::to_value(scopes).unwrap()).unwrap())
    }

    #[test]
    fn pairs_are_every_action_on_every_resource() {
        assert_eq!(pairs(&["data", "!mail"], &["read", "*"]).unwrap(), ["data:read", "data:*", "!mail:read", "!mail:*"]);
        assert_eq!(pairs(&["data"], &[]).unwrap(), [""; 0]);
        assert_eq!(pairs(&["a:b"], &["read"]), Err(ScopeError::Malformed));
        assert_eq!(pairs(&["a:b"], &[]), Err(ScopeError::Malformed));
        assert_eq!(pairs(&[], &["!read"]), Err(ScopeError::Malformed));
        assert_eq!(pairs(&[], &["read", "read"]), Err(ScopeError::Repeated));
        assert_eq!(pairs(&["a", "a"], &["read"]), Err(ScopeError::Repeated));
        let many: Vec<String> = (0..129).map(|at| format!("r{at}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(pairs(&many, &["read"]), Err(ScopeError::TooMany));
        assert_eq!(pairs(many.get(..128).unwrap(), &["read"]).unwrap().len(), 128);
    }
}
