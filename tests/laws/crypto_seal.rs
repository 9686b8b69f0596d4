//! Laws of seals, MACs and canonical JSON.

use guildhall::crypto::jcs;
use guildhall::crypto::mac::Secret;
use guildhall::crypto::seal::{SealError, SealKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::entropy::Seeded;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|flag| json!(flag)),
        (-(1_i64 << 53)..(1 << 53)).prop_map(|number| json!(number)),
        any::<f64>().prop_filter("JSON has finite numbers only", |number| number.is_finite()).prop_map(|number| json!(number)),
        "\\PC{0,12}|[\u{0}-\u{ff}]{0,6}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::btree_map("\\PC{0,6}", inner, 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_sealed_opens_and_one_changed_bit_does_not(secret in any::<[u8; 32]>(), material in any::<Vec<u8>>(), plaintext in any::<Vec<u8>>(), place in any::<Vec<u8>>(), seed in any::<u64>(), flip: prop::sample::Index) {
        let key = SealKey::derive(&Secret::from_bytes(secret), &material, "law");
        let mut sealed = key.seal(&plaintext, &place, &mut Seeded(seed)).unwrap();
        prop_assert_eq!(key.open(&sealed, &place), Ok(plaintext));
        for end in 0..sealed.len() {
            prop_assert_eq!(key.open(&sealed[..end], &place), Err(SealError::Damaged));
        }
        let bit = flip.index(sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(key.open(&sealed, &place), Err(SealError::Damaged));
    }

    #[test]
    fn a_mac_knows_its_parts_and_their_borders(secret in any::<[u8; 32]>(), parts in proptest::collection::vec(any::<Vec<u8>>(), 1..4), cut: prop::sample::Index) {
        let secret = Secret::from_bytes(secret);
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let tag = secret.mac("law", &parts);
        prop_assert!(secret.verify_mac("law", &parts, &tag));
        let (first, rest) = parts.split_first().unwrap();
        let (left, right) = first.split_at(cut.index(first.len() + 1));
        let mut moved = vec![left, right];
        moved.extend_from_slice(rest);
        prop_assert!(!secret.verify_mac("law", &moved, &tag));
        let glued = parts.concat();
        prop_assert_eq!(secret.verify_mac("law", &[&glued], &tag), parts.len() == 1);
    }

    #[test]
    fn canonical_json_is_one_text_for_one_value(value in any_json()) {
        let canonical = jcs::to_canonical(&value).unwrap();
        let read: Value = serde_json::from_slice(&canonical).unwrap();
        prop_assert_eq!(&jcs::to_canonical(&read).unwrap(), &canonical);
        let spelled: Value = serde_json::from_str(&serde_json::to_string_pretty(&value).unwrap()).unwrap();
        prop_assert_eq!(jcs::to_canonical(&spelled).unwrap(), canonical);
    }
}
