//! Scopes: what holds for every set, not only for the ones somebody thought of.

use guildhall::domain::scope::{Scope, Scopes};
use proptest::prelude::*;

/// A part from a small alphabet, so that entries meet.
fn part() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["*", "a", "b", "c"])
}

fn entry() -> impl Strategy<Value = Scope> {
    (any::<bool>(), part(), part()).prop_map(|(denies, resource, action)| {
        let bang = if denies { "!" } else { "" };
        Scope::parse(&format!("{bang}{resource}:{action}")).unwrap()
    })
}

fn set() -> impl Strategy<Value = Scopes> {
    prop::collection::btree_set(entry(), 0..8).prop_map(|entries| Scopes::new(entries.into_iter().collect()).unwrap())
}

/// Everything that can be asked for, one name included that no set knows.
fn actions() -> impl Iterator<Item = Scope> {
    let names = ["a", "b", "c", "elsewhere"];
    names.into_iter().flat_map(move |resource| names.map(|action| Scope::parse(&format!("{resource}:{action}")).unwrap()))
}

/// The rule of contract identity-and-money 2, by the letters of the entries.
fn allowed_by_the_letter(entries: &[String], resource: &str, action: &str) -> bool {
    let matches = |entry: &str| {
        let (r, a) = entry.split_once(':').unwrap();
        (r == "*" || r == resource) && (a == "*" || a == action)
    };
    let allowed = entries.iter().filter(|entry| !entry.starts_with('!')).any(|entry| matches(entry));
    let denied = entries.iter().filter_map(|entry| entry.strip_prefix('!')).any(matches);
    allowed && !denied
}

fn texts(scopes: &Scopes) -> Vec<String> {
    serde_json::from_value(serde_json::to_value(scopes).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn what_is_allowed_is_what_the_contract_says(scopes in set()) {
        for action in actions() {
            let text = action.to_string();
            let (resource, name) = text.split_once(':').unwrap();
            prop_assert_eq!(scopes.allows(&action), allowed_by_the_letter(&texts(&scopes), resource, name), "{}", text);
        }
    }

    #[test]
    fn the_order_of_entries_changes_nothing(scopes in set()) {
        let mut reversed = texts(&scopes);
        reversed.reverse();
        let reversed: Scopes = serde_json::from_value(serde_json::to_value(reversed).unwrap()).unwrap();
        for action in actions() {
            prop_assert_eq!(scopes.allows(&action), reversed.allows(&action));
        }
    }

    #[test]
    fn a_covered_set_with_inherited_denials_allows_nothing_its_parent_does_not(parent in set(), child in set()) {
        prop_assume!(child.is_covered_by(&parent));
        let inherited = child.inheriting_denials(&parent).unwrap();
        for action in actions() {
            prop_assert!(!inherited.allows(&action) || parent.allows(&action), "{} widens", action);
        }
        prop_assert!(inherited.is_covered_by(&parent));
    }

    #[test]
    fn a_set_never_outgrows_what_can_be_read_back(child in 100_usize..=128, denials in 0_usize..=128) {
        let entries = |bang: &str, count: usize| -> Vec<Scope> {
            (0..count).map(|n| Scope::parse(&format!("{bang}r:a{n}")).unwrap()).collect()
        };
        let (child, parent) = (Scopes::new(entries("", child)).unwrap(), Scopes::new(entries("!", denials)).unwrap());
        if let Ok(inherited) = child.inheriting_denials(&parent) {
            let again: Scopes = serde_json::from_value(serde_json::to_value(&inherited).unwrap()).unwrap();
            prop_assert_eq!(again, inherited);
        }
    }

    #[test]
    fn everything_covers_every_set(scopes in set()) {
        prop_assert!(scopes.is_covered_by(&Scopes::all()));
    }

    #[test]
    fn reading_never_panics_and_what_reads_is_written_back(text in ".{0,80}") {
        if let Ok(scope) = Scope::parse(&text) {
            prop_assert_eq!(scope.to_string(), text);
        }
    }
}
