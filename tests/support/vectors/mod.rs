//! Published vectors through our crypto: the same checks run natively and inside wasm32.

mod sign_in;
mod wycheproof;

use guildhall::crypto::eip191::{Signature, hash_personal_message, recover_signer};
use guildhall::crypto::mac;
use guildhall::crypto::password::{PasswordHash, verify_password};
use guildhall::crypto::signing_key::SigningKey;
use guildhall::crypto::wallet::{AddressError, WalletAddress};

pub use sign_in::*;
pub use wycheproof::*;

/// Hands the names of all checks to a macro, so that no binary can leave one out.
#[macro_export]
macro_rules! for_each_vector_check {
    ($run:ident) => {
        $run! {
            wycheproof_s_secp256k1_signatures_recover_to_their_key_or_to_none
            wycheproof_s_ed25519_signatures_verify_as_they_should
            the_addresses_of_eip_55_keep_their_checksum
            a_published_personal_signature_recovers_to_its_signer
            the_examples_of_eip_4361_read_and_write_back
            every_optional_field_of_eip_4361_reads
            a_text_that_breaks_one_rule_of_eip_4361_is_refused
            a_sign_in_message_signed_elsewhere_is_verified_as_a_whole
            the_key_of_rfc_8037_signs_and_is_named_as_printed
            the_reference_argon2id_s_hashes_verify
        }
    };
}

pub fn the_addresses_of_eip_55_keep_their_checksum() {
    let addresses = [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];
    for text in addresses {
        let address = WalletAddress::parse_checksummed(text).unwrap();
        assert_eq!(address.to_string(), text);
        for (at, letter) in text.char_indices().skip(2).filter(|(_, character)| character.is_ascii_alphabetic()) {
            let flipped = if letter.is_ascii_uppercase() { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() };
            let wrong = format!("{}{flipped}{}", &text[..at], &text[at + 1..]);
            assert_eq!(WalletAddress::parse_checksummed(&wrong), Err(AddressError::Checksum), "{wrong}");
            let one_case = wrong[2..] == wrong[2..].to_lowercase() || wrong[2..] == wrong[2..].to_uppercase();
            assert_eq!(WalletAddress::parse(&wrong).is_ok(), one_case, "{wrong}");
        }
    }
}

/// The example of web3.js's documentation of `eth.accounts.sign`.
pub fn a_published_personal_signature_recovers_to_its_signer() {
    let hash = "1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655";
    let signature = "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c";
    let signer = WalletAddress::parse("0x2c7536E3605D9C16a7a3D7b1898e529396a65c23").unwrap();
    assert_eq!(hex::encode(hash_personal_message(b"Some data")), hash);
    assert_eq!(recover_signer(b"Some data", &Signature::parse(signature).unwrap()), Some(signer));
}

/// RFC 8037, appendices A.1 to A.4.
pub fn the_key_of_rfc_8037_signs_and_is_named_as_printed() {
    let key = SigningKey::parse("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let jwk = key.verification().to_jwk();
    assert_eq!(jwk.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert_eq!(jwk.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(mac::to_base64url(&key.sign(signed.as_bytes())), signature);
    assert!(key.verification().key().verifies(signed.as_bytes(), &mac::from_base64url(signature).unwrap()));
}

/// Written by the reference implementation in C (PHC winner's repository, as packaged for Python).
pub fn the_reference_argon2id_s_hashes_verify() {
    for (password, text) in [
        (
            "correct horse battery staple",
            "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU",
        ),
        ("pässwörd 🔑", "$argon2id$v=19$m=19456,t=2,p=1$/////////////////////w$Py7nzzUujH8+u9j6YuW8gnB9rlG0CUJet9wT2svAmJ4"),
    ] {
        let stored = PasswordHash::parse(text).unwrap();
        assert_eq!(stored.to_string(), text);
        assert_eq!(verify_password(password, Some(&stored)), Ok(true));
        assert_eq!(verify_password(&password[1..].replace('ä', "a"), Some(&stored)), Ok(false));
    }
}
