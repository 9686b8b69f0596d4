//! The keys that sign our tokens, and the tokens they sign: JWTs with EdDSA (contract README 3).
//!
//! Invariant: claims leave this module only from a token signed by a published key of ours, with our `iss`, the
//! asked-for `aud`, and an `iat` and `exp` that hold now. Everything else is refused: other algorithms, none at all,
//! unknown keys, missing claims.
//!
//! Nobody but us signs with these keys, so a header is not read but compared: it is the one text of one of our keys, or it
//! is not ours. What a stranger writes there (`alg`, `jku`, `jwk`, `crit`, RFC 8725 section 2.1) decides nothing.

use std::borrow::Cow;

use jwt_compact::{Algorithm, AlgorithmExt, Header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ed25519::PublicKey;
use super::mac;
use super::seen_signature::{SeenSignatures, SignedMessage};
use super::signing_key::{Jwks, SigningKey, VerificationKey};
use super::token::{Claims, TOKEN_TTL_MS_MAX, TokenError, TokenKind};
use crate::domain::time::{DAY_MS, SECOND_MS, Timestamp};

/// How far clocks may disagree.
const LEEWAY_MS: u64 = 30 * SECOND_MS;

/// A retired key stays published until its last token has expired, plus a day.
const RETIRED_KEY_MS: u64 = TOKEN_TTL_MS_MAX + DAY_MS;

/// A key that no longer signs but still verifies.
#[derive(Debug, Clone)]
struct OlderKey {
    key: VerificationKey,
    retired_at: Option<Timestamp>,
}

impl OlderKey {
    fn is_published(&self, now: Timestamp) -> bool {
        self.retired_at.is_none_or(|retired_at| now < retired_at.plus_ms(RETIRED_KEY_MS))
    }
}

/// The keys of one deployment: the one that signs, and those that signed before. Building one costs a scalar
/// multiplication: keep it for the life of the instance.
#[derive(Debug, Clone)]
pub struct KeyRing {
    issuer: String,
    current: SigningKey,
    older: Vec<OlderKey>,
    seen: SeenSignatures,
}

impl KeyRing {
    /// A ring with one key; `issuer` is `PUBLIC_ORIGIN`.
    pub fn new(issuer: &str, current: SigningKey) -> Self {
        Self { issuer: issuer.to_owned(), current, older: Vec::new(), seen: SeenSignatures::default() }
    }

    /// Adds a key that was rotated out; without a moment it stays published.
    #[must_use]
    pub fn with_older(mut self, key: VerificationKey, retired_at: Option<Timestamp>) -> Self {
        self.older.push(OlderKey { key, retired_at });
        self
    }

    /// The key that signs now.
    pub const fn current(&self) -> &SigningKey {
        &self.current
    }

    /// All keys by which tokens are verified at this moment.
    pub fn to_jwks(&self, now: Timestamp) -> Jwks {
        Jwks { keys: self.published(now).map(VerificationKey::to_jwk).collect() }
    }

    fn published(&self, now: Timestamp) -> impl Iterator<Item = &VerificationKey> {
        let older = self.older.iter().filter(move |older| older.is_published(now)).map(|older| &older.key);
        std::iter::once(self.current.verification()).chain(older)
    }

    /// Signs the claims: prefix and JWT.
    pub fn sign<T: TokenKind>(&self, claims: &Claims<T>) -> Result<String, TokenError> {
        Ok(format!("{}{}", T::PREFIX, self.sign_for(T::AUDIENCE, claims)?))
    }

    /// Signs the claims for an audience.
    pub fn sign_for<T: Serialize>(&self, audience: &'static str, claims: &Claims<T>) -> Result<String, TokenError> {
        let payload = SignedPayload {
            iss: &self.issuer,
            aud: audience,
            iat: claims.issued_at.as_s(),
            exp: claims.expires_at.as_s(),
            jti: claims.token_id.as_deref(),
            custom: &claims.custom,
        };
        let header = Header::empty().with_key_id(self.current.verification().id()).with_token_type("JWT");
        EdDsa.token(&header, &jwt_compact::Claims::new(payload), &self.current).map_err(|_| TokenError::Unwritable)
    }

    /// The claims of a token of this kind, if it holds now. A token of another kind is `Audience`, so a caller that
    /// takes several kinds can try them in turn.
    pub fn verify<T: TokenKind>(&self, text: &str, now: Timestamp) -> Result<Claims<T>, TokenError> {
        let jwt = text.strip_prefix(T::PREFIX).ok_or(TokenError::Malformed)?;
        self.open(&self.read(jwt, now)?, now, &[T::AUDIENCE])?.claims()
    }

    /// Takes a JWT apart that stands under the header of a key of ours. Nothing in it is believed yet.
    pub fn read<'a>(&'a self, jwt: &'a str, now: Timestamp) -> Result<Unverified<'a>, TokenError> {
        let (message, signature) = jwt.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let key = self.published(now).find(|key| key.jws_header() == header).ok_or(TokenError::UnknownKey)?;
        let signature = mac::from_base64url(signature).and_then(|bytes| bytes.try_into().ok()).ok_or(TokenError::Signature)?;
        Ok(Unverified { signed: SignedMessage::new(key, message.as_bytes(), signature), payload })
    }

    /// Whether the signature is still to be verified: something faster than this module may do it before it opens the token.
    pub fn is_new(&self, token: &Unverified<'_>) -> bool {
        !self.seen.knows(&token.signed)
    }

    /// Takes somebody's word that this signature is good.
    pub fn take_as_verified(&self, token: &Unverified<'_>) {
        self.seen.remember(&token.signed);
    }

    /// Opens a JWT of ours that holds now and is for one of these audiences. One signature is verified, whichever it is.
    pub fn open(&self, token: &Unverified<'_>, now: Timestamp, audiences: &[&'static str]) -> Result<Opened, TokenError> {
        if !self.seen.verifies(&token.signed) {
            return Err(TokenError::Signature);
        }
        let payload = mac::from_base64url(token.payload).ok_or(TokenError::Claims)?;
        let registered: RegisteredClaims<'_> = serde_json::from_slice(&payload).map_err(|_| TokenError::Claims)?;
        if registered.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        let audience = audiences.iter().copied().find(|audience| registered.aud == *audience).ok_or(TokenError::Audience)?;
        let moment = |seconds: u64| Timestamp::from_ms(0).plus_s(seconds);
        let (issued_at, expires_at) = (moment(registered.iat), moment(registered.exp));
        if now >= expires_at.plus_ms(LEEWAY_MS) {
            return Err(TokenError::Expired);
        }
        if issued_at.max(moment(registered.nbf)) > now.plus_ms(LEEWAY_MS) {
            return Err(TokenError::NotYetValid);
        }
        let token_id = registered.jti.map(Cow::into_owned);
        Ok(Opened { audience, issued_at, expires_at, token_id, payload })
    }
}

/// A JWT under the header of a key of ours, of which nothing is believed yet.
#[derive(Debug)]
pub struct Unverified<'a> {
    signed: SignedMessage<'a>,
    payload: &'a str,
}

impl Unverified<'_> {
    pub const fn key(&self) -> &VerificationKey {
        self.signed.key
    }

    pub const fn signature(&self) -> &[u8; 64] {
        &self.signed.signature
    }

    pub const fn message(&self) -> &[u8] {
        self.signed.message
    }
}

/// A token that holds: whom it is for, and what it says.
#[derive(Debug)]
pub struct Opened {
    pub audience: &'static str,
    issued_at: Timestamp,
    expires_at: Timestamp,
    token_id: Option<String>,
    payload: Vec<u8>,
}

impl Opened {
    /// What it says as a token of this kind. The signature holds, so what is missing now was signed by us without it.
    pub fn claims<T: DeserializeOwned>(self) -> Result<Claims<T>, TokenError> {
        let custom = serde_json::from_slice(&self.payload).map_err(|_| TokenError::Claims)?;
        Ok(Claims { issued_at: self.issued_at, expires_at: self.expires_at, token_id: self.token_id, custom })
    }
}

#[derive(Serialize)]
struct SignedPayload<'a, T> {
    iss: &'a str,
    aud: &'static str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(flatten)]
    custom: &'a T,
}

/// Times are whole seconds (RFC 7519 section 2 would allow fractions, which we never write).
#[derive(Deserialize)]
struct RegisteredClaims<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    iat: u64,
    exp: u64,
    #[serde(default)]
    nbf: u64,
    #[serde(borrow, default)]
    jti: Option<Cow<'a, str>>,
}

/// `EdDSA` of RFC 8037, with our strict verification.
struct EdDsa;

impl Algorithm for EdDsa {
    type SigningKey = SigningKey;
    type VerifyingKey = PublicKey;
    type Signature = ed25519_dalek::Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("EdDSA")
    }

    fn sign(&self, key: &SigningKey, message: &[u8]) -> Self::Signature {
        ed25519_dalek::Signature::from_bytes(&key.sign(message))
    }

    fn verify_signature(&self, signature: &Self::Signature, key: &PublicKey, message: &[u8]) -> bool {
        key.verifies(message, &signature.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::token::{HumanRole, HumanSession, WalletSession};
    use crate::crypto::wallet::{ChainId, WalletAddress};
    use crate::domain::id::UserId;
    use jwt_compact::UntrustedToken;
    use serde_json::{Value, json};

    const ORIGIN: &str = "http://127.0.0.1:8787";

    fn ring() -> KeyRing {
        KeyRing::new(ORIGIN, SigningKey::from_seed(&[1; 32]))
    }

    fn now() -> Timestamp {
        Timestamp::from_ms(1_770_000_000_500)
    }

    fn session() -> WalletSession {
        let wallet = WalletAddress::parse("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2").unwrap();
        WalletSession { wallet, chain_id: ChainId::ETHEREUM }
    }

    fn verify(text: &str) -> Result<Claims<WalletSession>, TokenError> {
        ring().verify(text, now())
    }

    /// A token signed by the ring's own key, whatever it says.
    fn forge(header: Value, claims: Value) -> String {
        let part = |value: &Value| mac::to_base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = SigningKey::from_seed(&[1; 32]).sign(signed.as_bytes());
        format!("ags_{signed}.{}", mac::to_base64url(&signature))
    }

    fn good_header() -> Value {
        json!({"alg": "EdDSA", "kid": ring().current().verification().id(), "typ": "JWT"})
    }

    fn good_claims() -> Value {
        json!({
            "iss": ORIGIN, "aud": "guildhall:v2", "iat": 1_770_000_000, "exp": 1_770_001_800,
            "wallet": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "chain_id": 1
        })
    }

    fn without(mut value: Value, member: &str) -> Value {
        value.as_object_mut().unwrap().remove(member);
        value
    }

    fn with(mut value: Value, member: &str, is: Value) -> Value {
        value[member] = is;
        value
    }

    #[test]
    fn a_token_reads_back_until_its_leeway_is_over() {
        let claims = Claims { token_id: Some("exe_1".to_owned()), ..Claims::lasting(WalletSession::TTL_S, now(), session()) };
        let text = ring().sign(&claims).unwrap();
        assert!(text.starts_with("ags_eyJ"), "{text}");
        assert_eq!(verify(&text), Ok(claims.clone()));
        let last = claims.expires_at.plus_ms(LEEWAY_MS - 1);
        assert_eq!(ring().verify(&text, last), Ok(claims.clone()));
        assert_eq!(ring().verify::<WalletSession>(&text, last.plus_ms(1)), Err(TokenError::Expired));
        let early = claims.issued_at.minus_ms(LEEWAY_MS);
        assert!(ring().verify::<WalletSession>(&text, early).is_ok());
        assert_eq!(ring().verify::<WalletSession>(&text, early.minus_ms(1)), Err(TokenError::NotYetValid));
    }

    #[test]
    fn a_signature_is_asked_for_once_and_only_for_a_key_of_ours() {
        let ring = ring();
        let forged = forge(good_header(), good_claims());
        let jwt = forged.strip_prefix("ags_").unwrap();
        let token = ring.read(jwt, now()).unwrap();
        assert!(ring.is_new(&token));
        assert!(token.key().key().verifies(token.message(), token.signature()));
        ring.take_as_verified(&token);
        assert!(!ring.is_new(&ring.read(jwt, now()).unwrap()));
        assert!(ring.verify::<WalletSession>(&forged, now()).is_ok());
        // A word for one token says nothing of another, nor of its times and audience.
        let altered = forge(good_header(), with(good_claims(), "chain_id", json!(10)));
        let (altered, _) = altered.rsplit_once('.').unwrap();
        let mixed = format!("{altered}.{}", jwt.rsplit_once('.').unwrap().1);
        assert!(ring.is_new(&ring.read(mixed.strip_prefix("ags_").unwrap(), now()).unwrap()));
        assert_eq!(ring.verify::<WalletSession>(&mixed, now()), Err(TokenError::Signature));
        assert_eq!(ring.verify::<WalletSession>(&forged, now().plus_ms(DAY_MS)), Err(TokenError::Expired));
        assert!(ring.open(&token, now(), &["guildhall:api"]).is_err());
        // What was opened was verified on the way.
        let another = forge(good_header(), with(good_claims(), "chain_id", json!(137)));
        assert!(ring.verify::<WalletSession>(&another, now()).is_ok());
        assert!(!ring.is_new(&ring.read(another.strip_prefix("ags_").unwrap(), now()).unwrap()));
    }

    #[test]
    fn a_token_is_three_parts_of_base64url_under_the_one_header_of_its_key() {
        let text = ring().sign(&Claims::lasting(60, now(), session())).unwrap();
        let parts: Vec<Vec<u8>> = text["ags_".len()..].split('.').map(|part| mac::from_base64url(part).unwrap()).collect();
        assert_eq!(serde_json::from_slice::<Value>(&parts[0]).unwrap(), good_header());
        assert_eq!((parts.len(), parts[2].len()), (3, 64));
        let token = UntrustedToken::new(&text["ags_".len()..]).unwrap();
        let by_library = EdDsa.validator::<WalletSession>(ring().current().verification().key()).validate(&token).unwrap();
        assert_eq!(by_library.claims().custom, session());
        // The same header in other words, and signed by the key itself, is no header of ours.
        for header in [
            with(good_header(), "crit", json!(["exp"])),
            with(good_header(), "jku", json!("https://a.example/keys")),
            with(good_header(), "typ", json!("at+jwt")),
            without(good_header(), "typ"),
        ] {
            assert_eq!(verify(&forge(header.clone(), good_claims())), Err(TokenError::UnknownKey), "{header}");
        }
    }

    #[test]
    fn a_human_token_is_the_contract_s() {
        let user_id = UserId::from_bytes([7; 16]);
        let custom = HumanSession { user_id, email: "a@b.example".to_owned(), role: HumanRole::Admin, sessions_from_ms: 5 };
        let text = ring().sign(&Claims::lasting(HumanSession::TTL_S, now(), custom.clone())).unwrap();
        let payload = mac::from_base64url(text.split('.').nth(1).unwrap()).unwrap();
        let expected = json!({
            "iss": ORIGIN, "aud": "guildhall:api", "iat": 1_770_000_000, "exp": 1_770_604_800,
            "userId": "07070707-0707-0707-0707-070707070707", "email": "a@b.example", "role": "admin",
            "sessionsFromMs": 5
        });
        assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap(), expected);
        assert_eq!(ring().verify::<HumanSession>(&text, now()).unwrap().custom, custom);
        assert_eq!(verify(&format!("ags_{text}")), Err(TokenError::Audience));
        assert_eq!(verify(&text), Err(TokenError::Malformed));
    }

    #[test]
    fn only_our_algorithm_and_our_published_keys_count() {
        assert!(verify(&forge(good_header(), good_claims())).is_ok());
        for alg in ["none", "None", "HS256", "ES256", "Ed25519", "eddsa", ""] {
            assert_eq!(verify(&forge(with(good_header(), "alg", json!(alg)), good_claims())), Err(TokenError::UnknownKey), "{alg}");
        }
        for header in [without(good_header(), "kid"), with(good_header(), "kid", json!("other")), without(good_header(), "alg")] {
            assert_eq!(verify(&forge(header.clone(), good_claims())), Err(TokenError::UnknownKey), "{header}");
        }
        let unsigned = forge(good_header(), good_claims());
        let unsigned = unsigned.rsplit_once('.').unwrap().0;
        assert_eq!(verify(&format!("{unsigned}.")), Err(TokenError::Signature));
        let stranger = KeyRing::new(ORIGIN, SigningKey::from_seed(&[2; 32]));
        let foreign = stranger.sign(&Claims::lasting(60, now(), session())).unwrap();
        assert_eq!(verify(&foreign), Err(TokenError::UnknownKey));
        let (_, signature) = foreign.rsplit_once('.').unwrap();
        assert_eq!(verify(&format!("{unsigned}.{signature}")), Err(TokenError::Signature));
    }

    #[test]
    fn every_registered_claim_is_required_and_checked() {
        for member in ["iss", "aud", "iat", "exp", "wallet", "chain_id"] {
            assert_eq!(verify(&forge(good_header(), without(good_claims(), member))), Err(TokenError::Claims), "{member}");
            assert_eq!(verify(&forge(good_header(), with(good_claims(), member, Value::Null))), Err(TokenError::Claims), "{member}");
        }
        for (member, value, error) in [
            ("iss", json!("http://127.0.0.1"), TokenError::Issuer),
            ("aud", json!("guildhall:api"), TokenError::Audience),
            ("aud", json!(["guildhall:v2"]), TokenError::Claims),
            ("exp", json!(1_769_999_970), TokenError::Expired),
            ("exp", json!(-1), TokenError::Claims),
            ("exp", json!("1770001800"), TokenError::Claims),
            ("exp", json!(1e300), TokenError::Claims),
            ("iat", json!(1_770_000_031), TokenError::NotYetValid),
            ("nbf", json!(1_770_000_031), TokenError::NotYetValid),
            ("wallet", json!("0x"), TokenError::Claims),
        ] {
            assert_eq!(verify(&forge(good_header(), with(good_claims(), member, value.clone()))), Err(error), "{member} {value}");
        }
    }

    #[test]
    fn garbage_with_dots_is_refused() {
        for bad in ["", "ags_", "ags_a", "ags_a.b", "ags_eyJ"] {
            assert_eq!(verify(bad), Err(TokenError::Malformed), "{bad}");
        }
        let unsecured = format!("ags_{}.e30.", mac::to_base64url(br#"{"alg":"none"}"#));
        for bad in ["ags_..", "ags_a.b.c", "ags_e30.e30.e30", "ags_eyJ.eyJ.", "ags_e30.e30.e30.e30", &unsecured] {
            assert_eq!(verify(bad), Err(TokenError::UnknownKey), "{bad}");
        }
    }

    #[test]
    fn a_rotated_key_verifies_until_its_last_token_is_a_day_gone() {
        let old = SigningKey::from_seed(&[1; 32]);
        let retired_at = now();
        let rotated = KeyRing::new(ORIGIN, SigningKey::from_seed(&[2; 32])).with_older(old.verification().clone(), Some(retired_at));
        let text = ring().sign(&Claims::lasting(RETIRED_KEY_MS / SECOND_MS + 60, now(), session())).unwrap();
        let last = retired_at.plus_ms(8 * DAY_MS - 1);
        assert!(rotated.verify::<WalletSession>(&text, last).is_ok());
        assert_eq!(rotated.verify::<WalletSession>(&text, last.plus_ms(1)), Err(TokenError::UnknownKey));
        assert_eq!((rotated.to_jwks(last).keys.len(), rotated.to_jwks(last.plus_ms(1)).keys.len()), (2, 1));
        let document = serde_json::to_value(rotated.to_jwks(now())).unwrap();
        let ours = &document["keys"][1];
        assert_eq!(
            (&ours["kty"], &ours["crv"], &ours["use"], &ours["alg"]),
            (&json!("OKP"), &json!("Ed25519"), &json!("sig"), &json!("EdDSA"))
        );
        assert_eq!(ours["kid"], json!(old.verification().id()));
        assert_eq!(ours.as_object().unwrap().len(), 6);
    }
}
