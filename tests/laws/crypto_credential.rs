//! Laws of challenges, tokens and keys: what was made reads back, and one other character is another thing or none.

use guildhall::crypto::api_key::ApiKey;
use guildhall::crypto::challenge::Challenge;
use guildhall::crypto::key_ring::KeyRing;
use guildhall::crypto::mac::{self, Secret};
use guildhall::crypto::opaque_token::OpaqueToken;
use guildhall::crypto::origin::Origin;
use guildhall::crypto::signing_key::SigningKey;
use guildhall::crypto::siwe::Message;
use guildhall::crypto::token::{Claims, HumanRole, HumanSession, WalletSession};
use guildhall::crypto::wallet::{ChainId, WalletAddress};
use guildhall::domain::id::{TenantUuid, UserId};
use guildhall::domain::time::Timestamp;
use proptest::prelude::*;

use crate::entropy::Seeded;

const TEXT_BYTES: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

/// The text with another character of the same alphabet in one place.
fn tamper(text: &str, at: prop::sample::Index, with: prop::sample::Index) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    let others: Vec<u8> = TEXT_BYTES.iter().copied().filter(|byte| *byte != bytes[at]).collect();
    bytes[at] = others[with.index(others.len())];
    String::from_utf8(bytes).unwrap()
}

prop_compose! {
    fn any_challenge()(
        wallet in any::<[u8; 20]>(),
        chain_id in 1_u64..(1 << 53),
        now in 0_u64..4_000_000_000_000,
        seed in any::<u64>(),
    ) -> Challenge {
        let chain_id = ChainId::new(chain_id).unwrap();
        Challenge::issue(WalletAddress::from_bytes(wallet), chain_id, Timestamp::from_ms(now), &mut Seeded(seed))
    }
}

/// A key of some kind: as parsed from what no mint would give out.
fn any_blank_key() -> impl Strategy<Value = ApiKey> {
    let prefixes = ["mtak_", "mten_", "tl_live_", "tl_test_", "sk_", "atelier_", "inv_"];
    prop::sample::select(prefixes.to_vec()).prop_map(|prefix| ApiKey::parse(&format!("{prefix}{}", "0".repeat(96))).unwrap())
}

proptest! {
    #[test]
    fn a_challenge_opens_as_it_was_issued(challenge in any_challenge(), secret in any::<[u8; 32]>(), after_ms in 0_u64..300_000) {
        let secret = Secret::from_bytes(secret);
        let id = challenge.to_id(&secret);
        prop_assert!(id.len() <= 200);
        let now = challenge.issued_at().plus_ms(after_ms);
        prop_assert_eq!(Challenge::open(&id, &secret, now), Ok(challenge));
    }

    #[test]
    fn the_message_of_a_challenge_is_a_sign_in_message_with_its_values(challenge in any_challenge()) {
        let origin = Origin::parse("https://guild.example:8443").unwrap();
        let text = challenge.message(&origin);
        let read = Message::parse(&text).unwrap();
        prop_assert_eq!((read.address, read.chain_id, read.nonce.as_str()), (challenge.wallet(), challenge.chain_id(), challenge.nonce()));
        prop_assert_eq!((read.issued_at, read.expiration_time), (challenge.issued_at(), Some(challenge.expires_at())));
        prop_assert_eq!((read.domain.as_str(), origin.holds(&read.uri)), ("guild.example:8443", true));
        prop_assert_eq!(read.to_text(), Ok(text));
    }

    #[test]
    fn a_tampered_challenge_never_opens(challenge in any_challenge(), at: prop::sample::Index, with: prop::sample::Index, cut in 0_usize..100) {
        let secret = Secret::from_bytes([1; 32]);
        let id = challenge.to_id(&secret);
        prop_assert!(Challenge::open(&tamper(&id, at, with), &secret, challenge.issued_at()).is_err());
        prop_assert!(Challenge::open(&id[..cut], &secret, challenge.issued_at()).is_err());
        let longer = format!("{id}A");
        prop_assert!(Challenge::open(&longer, &secret, challenge.issued_at()).is_err());
    }

    #[test]
    fn nonces_do_not_repeat(seed in any::<u64>()) {
        let mut entropy = Seeded(seed);
        let nonces: std::collections::BTreeSet<String> = (0..100).map(|_| mac::random_alphanumerics(24, &mut entropy)).collect();
        prop_assert_eq!(nonces.len(), 100);
        prop_assert!(nonces.iter().all(|nonce| nonce.len() == 24 && nonce.bytes().all(|b| b.is_ascii_alphanumeric())));
    }

    #[test]
    fn a_key_reads_back_and_one_other_character_is_another_key_or_none(blank in any_blank_key(), tenant in any::<[u8; 16]>(), seed in any::<u64>(), at: prop::sample::Index, with: prop::sample::Index) {
        let key = ApiKey::mint(blank.kind(), TenantUuid::from_bytes(tenant), &mut Seeded(seed));
        let names = |key: &ApiKey| (key.kind(), key.tenant(), key.number(), *key.secret_hash().as_bytes(), key.last4().to_owned());
        let text = key.reveal();
        let read = ApiKey::parse(&text).unwrap();
        prop_assert_eq!(names(&read), names(&key));
        prop_assert_eq!(read.reveal(), text.clone());
        if let Some(other) = ApiKey::parse(&tamper(&text, at, with)) {
            prop_assert_ne!(names(&other), names(&key));
        }
        prop_assert!(ApiKey::parse(&text[..text.len() - 1]).is_none());
        prop_assert!(ApiKey::parse(&(text + "0")).is_none());
    }

    #[test]
    fn no_text_at_all_makes_a_reader_fall_over(text in "(?s).{0,150}", prefix in "(mtak_|sk_|agc_|ags_|inv_)[0-9a-fA-F.é_-]{0,150}") {
        let ring = KeyRing::new("https://guild.example", SigningKey::from_seed(&[1; 32]));
        for text in [&text, &prefix] {
            let now = Timestamp::from_ms(0);
            prop_assert!(Challenge::open(text, &Secret::from_bytes([1; 32]), now).is_err());
            prop_assert!(ring.verify::<WalletSession>(text, now).is_err());
            prop_assert!(ring.verify::<HumanSession>(text, now).is_err());
            if let Some(key) = ApiKey::parse(text) {
                prop_assert_eq!(&key.reveal(), text);
            }
            if let Some(token) = OpaqueToken::parse(text) {
                prop_assert_eq!(token.reveal(), text);
            }
        }
    }

    #[test]
    fn a_tampered_token_never_verifies(seed in any::<[u8; 32]>(), wallet in any::<[u8; 20]>(), ttl_s in 0_u64..604_800, at: prop::sample::Index, with: prop::sample::Index) {
        let ring = KeyRing::new("https://guild.example", SigningKey::from_seed(&seed));
        let now = Timestamp::from_ms(1_770_000_000_999);
        let claims = Claims::lasting(ttl_s, now, WalletSession { wallet: WalletAddress::from_bytes(wallet), chain_id: ChainId::BASE });
        let text = ring.sign(&claims).unwrap();
        prop_assert_eq!(ring.verify::<WalletSession>(&text, now), Ok(claims));
        prop_assert!(ring.verify::<WalletSession>(&tamper(&text, at, with), now).is_err());
        prop_assert!(ring.verify::<HumanSession>(&text["ags_".len()..], now).is_err());
    }

    #[test]
    fn a_human_token_carries_any_address(email in "\\PC{1,60}", user in any::<[u8; 16]>(), admin in any::<bool>()) {
        let ring = KeyRing::new("https://guild.example", SigningKey::from_seed(&[3; 32]));
        let role = if admin { HumanRole::Admin } else { HumanRole::User };
        let now = Timestamp::from_ms(1_770_000_000_000);
        let claims = Claims::lasting(HumanSession::TTL_S, now, HumanSession { user_id: UserId::from_bytes(user), email, role, sessions_from_ms: 0 });
        prop_assert_eq!(ring.verify(&ring.sign(&claims).unwrap(), now), Ok(claims));
    }
}
