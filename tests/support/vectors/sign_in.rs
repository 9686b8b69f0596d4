//! Sign-in messages. No package registry ships the vectors kept beside EIP-4361's implementations, so these are our own,
//! written from the text of the standard: its examples word for word, a good message with one thing changed for each
//! rule of its grammar, and one message signed by another library.

use guildhall::crypto::eip191::{Signature, recover_signer};
use guildhall::crypto::origin::Origin;
use guildhall::crypto::siwe::{Expectation, Message, Mismatch, SiweError};
use guildhall::crypto::wallet::{ChainId, WalletAddress};
use guildhall::domain::time::Timestamp;

const EXAMPLE: &str = "example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json";

fn example() -> Message {
    Message {
        scheme: None,
        domain: "example.com".to_owned(),
        address: WalletAddress::parse("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2").unwrap(),
        statement: Some("I accept the ExampleOrg Terms of Service: https://example.com/tos".to_owned()),
        uri: "https://example.com/login".to_owned(),
        chain_id: ChainId::ETHEREUM,
        nonce: "32891756".to_owned(),
        issued_at: Timestamp::parse("2021-09-30T16:25:24Z").unwrap(),
        expiration_time: None,
        not_before: None,
        request_id: None,
        resources: vec![
            "ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/".to_owned(),
            "https://example.com/my-web2-claim.json".to_owned(),
        ],
    }
}

pub fn the_examples_of_eip_4361_read_and_write_back() {
    let explicit_port = Message { domain: "example.com:3388".to_owned(), ..example() };
    let explicit_scheme = Message { scheme: Some("https".to_owned()), ..example() };
    for (text, message) in [
        (EXAMPLE.to_owned(), example()),
        (EXAMPLE.replace("example.com wants", "example.com:3388 wants"), explicit_port),
        (EXAMPLE.replace("example.com wants", "https://example.com wants"), explicit_scheme),
    ] {
        assert_eq!(Message::parse(&text).as_ref(), Ok(&message));
        // We write the same moment with its milliseconds.
        assert_eq!(message.to_text(), Ok(text.replace("16:25:24Z", "16:25:24.000Z")));
    }
}

pub fn every_optional_field_of_eip_4361_reads() {
    let statement = "\nI accept the ExampleOrg Terms of Service: https://example.com/tos\n";
    let times = "Issued At: 2021-09-30T16:25:24Z\nExpiration Time: 2021-10-01T16:25:24.5+02:00\nNot Before: 2021-09-30t16:25:24.123456789z\nRequest ID: a%20b:@!$&'()*+,;=-._~";
    let full = EXAMPLE.replace("Issued At: 2021-09-30T16:25:24Z", times);
    let read = Message::parse(&full).unwrap();
    assert_eq!(read.expiration_time, Timestamp::parse("2021-10-01T14:25:24.500Z").ok());
    assert_eq!(read.not_before, Timestamp::parse("2021-09-30T16:25:24.123Z").ok());
    assert_eq!(read.request_id.as_deref(), Some("a%20b:@!$&'()*+,;=-._~"));
    type Change = fn(&mut Message);
    let variants: [(String, Change); 9] = [
        (EXAMPLE.replace(statement, "\n"), |m| m.statement = None),
        (EXAMPLE.replace(statement, "\n\n"), |m| m.statement = Some(String::new())),
        (EXAMPLE.replace(statement, "\nURI: x [a] #?/@ ~_.-\n"), |m| m.statement = Some("URI: x [a] #?/@ ~_.-".to_owned())),
        (EXAMPLE.split("\nResources").next().unwrap().to_owned(), |m| m.resources.clear()),
        (EXAMPLE.split("\n- ").next().unwrap().to_owned(), |m| m.resources.clear()),
        (EXAMPLE.replace("Nonce: 32891756", "Nonce: aZ0aZ0aZ0"), |m| m.nonce = "aZ0aZ0aZ0".to_owned()),
        (EXAMPLE.replace("Chain ID: 1", "Chain ID: 8453"), |m| m.chain_id = ChainId::BASE),
        (EXAMPLE.replace("example.com wants", "user:pw@[2001:db8::1]:8080 wants"), |m| m.domain = "user:pw@[2001:db8::1]:8080".to_owned()),
        (EXAMPLE.replace("\nResources", "\nRequest ID: \nResources"), |m| m.request_id = Some(String::new())),
    ];
    for (text, change) in variants {
        let mut expected = example();
        change(&mut expected);
        assert_eq!(Message::parse(&text), Ok(expected), "{text}");
    }
}

pub fn a_text_that_breaks_one_rule_of_eip_4361_is_refused() {
    use SiweError::{
        Address, ChainId, ExpirationTime, IssuedAt, Nonce, NotBefore, Preamble, RequestId, Resources, Rest, Statement, Uri, Version,
    };
    let cases: &[(&str, &str, SiweError)] = &[
        ("example.com wants", " wants", Preamble),
        ("example.com wants", "exa mple.com wants", Preamble),
        ("example.com wants", "example.com/path wants", Preamble),
        ("example.com wants", "example.com?query wants", Preamble),
        ("example.com wants", "example.com#fragment wants", Preamble),
        ("example.com wants", "example.com:port wants", Preamble),
        ("example.com wants", ":3388 wants", Preamble),
        ("example.com wants", "user@ wants", Preamble),
        ("example.com wants", "[::1 wants", Preamble),
        ("example.com wants", "1https://example.com wants", Preamble),
        ("example.com wants", "://example.com wants", Preamble),
        ("example.com wants", "exämple.com wants", Preamble),
        ("example.com wants", "\nexample.com wants", Preamble),
        ("wants you", "Wants you", Preamble),
        ("account:\n", "account\n", Preamble),
        ("account:\n", "account: \n", Preamble),
        ("account:\n", "account:\r\n", Preamble),
        ("account:\n", "account:\n\n", Address),
        ("0xC02aaA39", "0xc02aaA39", Address),
        ("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", Address),
        ("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "0XC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", Address),
        ("56Cc2\n", "56Cc\n", Address),
        ("56Cc2\n", "56Cc2 \n", Address),
        ("56Cc2\n\n", "56Cc2\n", Statement),
        ("56Cc2\n\n", "56Cc2\n\n\n", Uri),
        ("56Cc2\n\n", "56Cc2\n \n", Statement),
        ("tos\n\n", "tos\n", Statement),
        ("tos\n\n", "tos\nmore\n\n", Statement),
        ("tos\n\n", "tos\n\n\n", Uri),
        ("I accept", "I \"accept\"", Statement),
        ("I accept", "I accépt", Statement),
        ("I accept", "100% accept", Statement),
        ("I accept", "I\taccept", Statement),
        ("URI: https://example.com/login", "URI: ", Uri),
        ("URI: https://example.com/login", "URI: example.com/login", Uri),
        ("URI: https://example.com/login", "URI: https://example.com/log in", Uri),
        ("URI: https://example.com/login", "URI: https://example.com/%zz", Uri),
        ("URI: https://example.com/login", "URI:https://example.com/login", Uri),
        ("URI: https://example.com/login", "uri: https://example.com/login", Uri),
        ("URI: https://example.com/login\nVersion: 1", "Version: 1\nURI: https://example.com/login", Uri),
        ("Version: 1", "Version: 2", Version),
        ("Version: 1", "Version: 01", Version),
        ("Version: 1", "Version: ", Version),
        ("Version: 1\n", "", Version),
        ("Chain ID: 1", "Chain ID: ", ChainId),
        ("Chain ID: 1", "Chain ID: one", ChainId),
        ("Chain ID: 1", "Chain ID: -1", ChainId),
        ("Chain ID: 1", "Chain ID: +1", ChainId),
        ("Chain ID: 1", "Chain ID: 1.0", ChainId),
        ("Chain ID: 1", "Chain ID: 0x1", ChainId),
        ("Chain ID: 1", "Chain ID: 0", ChainId),
        ("Chain ID: 1", "Chain ID: 9007199254740992", ChainId),
        ("Chain ID: 1", "Chain ID: 99999999999999999999999", ChainId),
        ("Nonce: 32891756", "Nonce: 3289175", Nonce),
        ("Nonce: 32891756", "Nonce: 3289-1756", Nonce),
        ("Nonce: 32891756", "Nonce: 32891756 ", Nonce),
        ("Nonce: 32891756", "Nonce: ３２８９１７５６", Nonce),
        ("Nonce: 32891756\n", "", Nonce),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30", IssuedAt),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30T16:25:24", IssuedAt),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-31T16:25:24Z", IssuedAt),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30T24:25:24Z", IssuedAt),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: Wed Oct 05 2011 16:48:00 GMT+0200", IssuedAt),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 1633019124", IssuedAt),
        ("\nIssued At: 2021-09-30T16:25:24Z", "", IssuedAt),
        ("24Z\n", "24Z\nExpiration Time: \n", ExpirationTime),
        ("24Z\n", "24Z\nExpiration Time: never\n", ExpirationTime),
        ("24Z\n", "24Z\nNot Before: 2021-13-01T00:00:00Z\n", NotBefore),
        ("24Z\n", "24Z\nRequest ID: a/b\n", RequestId),
        ("24Z\n", "24Z\nRequest ID: a b\n", RequestId),
        ("24Z\n", "24Z\nRequest ID: %4\n", RequestId),
        ("24Z\n", "24Z\nNot Before: 2021-09-30T16:25:24Z\nExpiration Time: 2021-09-30T16:25:24Z\n", Rest),
        ("24Z\n", "24Z\nExpiration Time: 2021-09-30T16:25:24Z\nExpiration Time: 2021-09-30T16:25:24Z\n", Rest),
        ("24Z\n", "24Z\nexpiration time: 2021-09-30T16:25:24Z\n", Rest),
        ("24Z\n", "24Z\n\n", Rest),
        ("24Z\n", "24Z\nRequest ID: a\nNot Before: 2021-09-30T16:25:24Z\n", Rest),
        ("24Z\n", "24Z\nRequest ID: a\nRequest ID: b\n", Rest),
        ("Chain ID: 1\nNonce: 32891756", "Nonce: 32891756\nChain ID: 1", ChainId),
        ("Nonce: 32891756\nIssued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30T16:25:24Z\nNonce: 32891756", Nonce),
        ("24Z\n", "24Z\nResources:\n- x:y\nNot Before: 2021-09-30T16:25:24Z\n", Resources),
        ("24Z\n", "24Z\r\n", IssuedAt),
        ("Resources:\n", "Resources: \n", Rest),
        ("Resources:\n", "Resources:\n\n", Resources),
        ("Resources:\n- ", "Resources:\n-", Resources),
        ("Resources:\n- ", "Resources:\n* ", Resources),
        ("- https://example.com/my-web2-claim.json", "- /my-web2-claim.json", Resources),
        ("- https://example.com/my-web2-claim.json", "- ", Resources),
        ("claim.json", "claim.json\n", Resources),
        ("claim.json", "claim.json\nRequest ID: a", Resources),
        ("claim.json", "claim.json ", Resources),
    ];
    for (from, to, error) in cases {
        let text = EXAMPLE.replacen(from, to, 1);
        assert_ne!(text, EXAMPLE, "{from:?} is not in the example");
        assert_eq!(Message::parse(&text), Err(*error), "{from:?} -> {to:?}");
    }
    assert_eq!(Message::parse(""), Err(Preamble));
}

/// Signed with eth-account, the library of web3.py, under the key of 32 bytes 0x2a.
const SIGNED: &str = "example.com wants you to sign in with your Ethereum account:
0xB0E5863D0DDf7e105e409Fee0eCC0123a362e14B

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Expiration Time: 2021-09-30T16:30:24Z
Not Before: 2021-09-30T16:25:00Z
Request ID: some-request
Resources:
- https://example.com/my-web2-claim.json";
const SIGNATURE: &str =
    "0x9b925edca56adf3e04a4db911176e4e5d51cebffa53952b5de7442e5a81d3ad92e78b27660e689fe70f93154eea0b754692e44e76c29d1c58621ce9f0e0d2b6f1c";
const SIGNATURE_OF_UNICODE: &str =
    "0xe3088d14a907d29728100e7b99145086e4a081cc97bf7872a2849c6e7db435093654a2a7e825893355a6136e7fbcbb10f918db168de2d770d2fedb225afb96f71c";

pub fn a_sign_in_message_signed_elsewhere_is_verified_as_a_whole() {
    let message = Message::parse(SIGNED).unwrap();
    let signature = Signature::parse(SIGNATURE).unwrap();
    assert_eq!(recover_signer(SIGNED.as_bytes(), &signature), Some(message.address));
    let from_zero = SIGNATURE.replace("6f1c", "6f01");
    assert_eq!(Signature::parse(&from_zero), Ok(signature), "v counted from 0");
    let other_v = Signature::parse(&SIGNATURE.replace("6f1c", "6f1b")).unwrap();
    assert_ne!(recover_signer(SIGNED.as_bytes(), &other_v), Some(message.address));
    assert_eq!(recover_signer("Grüße, 世界 🔑".as_bytes(), &Signature::parse(SIGNATURE_OF_UNICODE).unwrap()), Some(message.address));
    for (from, to) in [
        ("example.com wants", "evil.example wants"),
        ("Nonce: 32891756", "Nonce: 32891757"),
        ("Chain ID: 1", "Chain ID: 8453"),
        ("https://example.com/login", "https://evil.example/login"),
        ("16:25:24Z", "16:25:25Z"),
        ("16:30:24Z", "17:30:24Z"),
        ("some-request", "some-requesu"),
        ("I accept", "I refuse"),
        ("16:25:24Z", "16:25:24.000Z"),
    ] {
        let changed = SIGNED.replacen(from, to, 1);
        assert!(Message::parse(&changed).is_ok(), "{from}");
        assert_ne!(recover_signer(changed.as_bytes(), &signature), Some(message.address), "{from}");
    }
    let check = |origin: &str, chain_id: ChainId, at: &str| {
        let origin = Origin::parse(origin).unwrap();
        message.check(&Expectation { origin: &origin, chain_id, age_ms_max: 600_000 }, Timestamp::parse(at).unwrap())
    };
    assert_eq!(check("https://example.com", ChainId::ETHEREUM, "2021-09-30T16:25:24Z"), Ok(()));
    assert_eq!(check("https://example.com:8443", ChainId::ETHEREUM, "2021-09-30T16:25:24Z"), Err(Mismatch::Domain));
    assert_eq!(check("https://example.org", ChainId::ETHEREUM, "2021-09-30T16:25:24Z"), Err(Mismatch::Domain));
    assert_eq!(check("https://example.com", ChainId::BASE, "2021-09-30T16:25:24Z"), Err(Mismatch::ChainId));
    assert_eq!(check("https://example.com", ChainId::ETHEREUM, "2021-09-30T16:30:24Z"), Err(Mismatch::Expired));
    assert_eq!(check("https://example.com", ChainId::ETHEREUM, "2021-09-30T16:24:59.999Z"), Err(Mismatch::NotYetValid));
    assert_eq!(check("https://example.com", ChainId::ETHEREUM, "2021-09-30T16:20:00Z"), Err(Mismatch::IssuedAt));
    assert_eq!(check("https://example.com", ChainId::ETHEREUM, "2021-09-30T17:25:24Z"), Err(Mismatch::IssuedAt));
}
