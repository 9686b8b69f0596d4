//! Laws of addresses, signatures and sign-in messages.

use guildhall::crypto::eip191::{Signature, hash_personal_message, recover_from_hash, recover_signer};
use guildhall::crypto::origin::Origin;
use guildhall::crypto::siwe::Message;
use guildhall::crypto::uri;
use guildhall::crypto::wallet::{ChainId, WalletAddress};
use guildhall::domain::time::Timestamp;
use proptest::prelude::*;

fn any_uri() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9+.-]{0,5}:(//([a-z0-9._~-]{1,12}|\\[::1\\])(:[0-9]{0,4})?)?(/[A-Za-z0-9:@!$&'()*+,;=._~-]{1,8}){0,2}(\\?[a-z/?=&]{0,6})?(#[a-z/?]{0,6})?"
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (0_u64..253_402_300_800_000).prop_map(Timestamp::from_ms)
}

prop_compose! {
    fn any_message()(
        scheme in proptest::option::of("[a-zA-Z][a-zA-Z0-9+.-]{0,7}"),
        domain in "([a-z0-9:]{0,4}@)?[a-zA-Z0-9._~-]{1,20}(:[0-9]{0,5})?",
        address in any::<[u8; 20]>().prop_map(WalletAddress::from_bytes),
        statement in proptest::option::of("[A-Za-z0-9 :/?#@!$&'()*+,;=._~\\[\\]-]{0,60}"),
        uri in any_uri(),
        chain_id in (1_u64..(1 << 53)).prop_map(|id| ChainId::new(id).unwrap()),
        nonce in "[A-Za-z0-9]{8,40}",
        times in (any_time(), proptest::option::of(any_time()), proptest::option::of(any_time())),
        request_id in proptest::option::of("[A-Za-z0-9:@!$&'()*+,;=._~-]{0,20}"),
        resources in proptest::collection::vec(any_uri(), 0..4),
    ) -> Message {
        let (issued_at, expiration_time, not_before) = times;
        Message { scheme, domain, address, statement, uri, chain_id, nonce, issued_at, expiration_time, not_before, request_id, resources }
    }
}

proptest! {
    #[test]
    fn every_message_reads_back_as_it_was_written(message in any_message()) {
        let text = message.to_text().unwrap();
        prop_assert_eq!(Message::parse(&text), Ok(message));
    }

    #[test]
    fn one_other_byte_is_another_message_or_none(message in any_message(), at in any::<prop::sample::Index>(), other in 0_u8..128) {
        let text = message.to_text().unwrap();
        let at = at.index(text.len());
        let mut changed = text.clone().into_bytes();
        changed[at] = other;
        let changed = String::from_utf8(changed).unwrap();
        // RFC 3339 lets the T and the Z of a time be small.
        if !changed.eq_ignore_ascii_case(&text) {
            prop_assert_ne!(Message::parse(&changed), Ok(message));
        }
    }

    #[test]
    fn a_field_from_outside_is_read_back_alone_or_not_written(message in any_message(), field in 0_usize..7, value in "\\PC{0,20}|[a-z:/ \n]{0,30}|(\n[A-Z][a-z]+: ?[a-z]*){1,3}") {
        let mut injected = message;
        match field {
            0 => injected.scheme = Some(value),
            1 => injected.domain = value,
            2 => injected.statement = Some(value),
            3 => injected.uri = value,
            4 => injected.nonce = value,
            5 => injected.request_id = Some(value),
            _ => injected.resources = vec![value],
        }
        if let Ok(text) = injected.to_text() {
            prop_assert_eq!(Message::parse(&text), Ok(injected));
        }
    }

    #[test]
    fn no_text_at_all_makes_a_reader_fall_over(text in "(?s).{0,200}", lines in "([ -~]{0,30}\n){0,14}") {
        for text in [&text, &lines] {
            let _ = Message::parse(text);
            let _ = WalletAddress::parse(text);
            let _ = Signature::parse(text);
            let _ = Origin::parse(text);
            let _ = uri::is_uri(text);
        }
    }

    #[test]
    fn an_address_has_one_checksummed_spelling(bytes in any::<[u8; 20]>()) {
        let address = WalletAddress::from_bytes(bytes);
        let text = address.to_string();
        prop_assert_eq!(WalletAddress::parse_checksummed(&text), Ok(address));
        prop_assert_eq!(WalletAddress::parse(&address.to_lower_hex()), Ok(address));
        prop_assert_eq!(text.to_lowercase(), address.to_lower_hex());
    }

    #[test]
    fn a_signature_is_its_signer_s_for_its_message_alone(seed in 1_u8..=254, message in any::<Vec<u8>>(), flip in any::<prop::sample::Index>()) {
        let key = k256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap();
        let signer = WalletAddress::from_public_key(key.verifying_key());
        let (scalars, recovery) = key.sign_prehash_recoverable(&hash_personal_message(&message)).unwrap();
        let mut bytes = scalars.to_bytes().to_vec();
        bytes.push(recovery.to_byte());
        let text = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
        let signature = Signature::parse(&text(&bytes)).unwrap();
        prop_assert_eq!(recover_signer(&message, &signature), Some(signer));
        // Any bit of r, s or v.
        let bit = flip.index(64 * 8 + 1);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let forged = Signature::parse(&text(&bytes)).ok().and_then(|signature| recover_signer(&message, &signature));
        prop_assert_ne!(forged, Some(signer));
    }

    #[test]
    fn recovery_agrees_with_k256_s_own_for_any_numbers(r in any::<[u8; 32]>(), s in any::<[u8; 32]>(), hash in any::<[u8; 32]>(), is_y_odd in any::<bool>()) {
        let scalars: [u8; 64] = [r, s].concat().try_into().unwrap();
        let Ok(plain) = k256::ecdsa::Signature::from_slice(&scalars) else { return Ok(()) };
        let plain = plain.normalize_s().unwrap_or(plain);
        let ours = Signature::from_scalars(&plain.to_bytes().into(), is_y_odd).unwrap();
        let recovery = k256::ecdsa::RecoveryId::new(is_y_odd, false);
        let theirs = k256::ecdsa::VerifyingKey::recover_from_prehash(&hash, &plain, recovery).ok();
        prop_assert_eq!(recover_from_hash(&hash, &ours), theirs.as_ref().map(WalletAddress::from_public_key));
    }
}

/// The nonce point is 5G, s is 3 and the hash is 15, so sR - zG is the point at infinity.
#[test]
fn a_signature_that_leads_to_no_key_recovers_nobody() {
    let five = k256::ecdsa::SigningKey::from_slice(&[&[0; 31][..], &[5]].concat()).unwrap();
    let nonce_point = five.verifying_key().to_encoded_point(true);
    let mut scalars = [0; 64];
    scalars[..32].copy_from_slice(nonce_point.x().unwrap());
    scalars[63] = 3;
    let mut hash = [0; 32];
    hash[31] = 15;
    let is_y_odd = nonce_point.as_bytes()[0] == 3;
    let of_parity = |is_y_odd| recover_from_hash(&hash, &Signature::from_scalars(&scalars, is_y_odd).unwrap());
    assert_eq!(of_parity(is_y_odd), None);
    assert!(of_parity(!is_y_odd).is_some());
}
