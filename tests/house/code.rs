//! Error codes: one meaning and one status for each root and code.

use std::collections::BTreeMap;

use guildhall::http::code::Code;
use guildhall::http::root::Root;

/// Where the contract itself gives one code to two: the generic spellings of contract README 5, and `agent_not_active`,
/// which is 403 for a suspended caller and 409 for a suspended target (motecloud 8).
const SHARED: [(&str, u16); 6] = [
    ("UNAUTHORIZED", 401),
    ("invalid_credentials", 401),
    ("FORBIDDEN", 403),
    ("forbidden", 403),
    ("agent_not_active", 403),
    ("agent_not_active", 409),
];

#[test]
fn a_code_has_one_meaning_and_one_status_at_a_root() {
    for root in [Root::V1, Root::V2, Root::Api] {
        let mut known: BTreeMap<&str, (Code, u16)> = BTreeMap::new();
        for code in Code::ALL {
            let spelled = code.spelled(root);
            if SHARED.contains(&(spelled, code.status())) {
                continue;
            }
            if let Some((other, status)) = known.insert(spelled, (*code, code.status())) {
                panic!("{spelled} at {root:?} is {other:?} ({status}) and {code:?} ({})", code.status());
            }
        }
    }
}

#[test]
fn codes_are_spelled_as_their_root_spells() {
    for code in Code::ALL {
        let spelled = code.spelled(Root::V2);
        assert!(spelled.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{spelled} at /v2");
        for root in [Root::V1, Root::Api] {
            let spelled = code.spelled(root);
            let upper = spelled.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            let lower = spelled.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(upper || lower, "{spelled} at {root:?}");
        }
        assert!((400..=599).contains(&code.status()), "{code:?}");
    }
}
