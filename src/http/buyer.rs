//! Buyers at the marketplace: a Solana wallet that signs for itself with each request (contract atelier 1).

use serde_json::Value;

use super::body::BodyKind;
use super::code::Code;
use super::context::Ctx;
use super::credential::{Credential, bad_credential};
use super::fault::Fault;
use super::idempotency;
use super::query::{Query, QueryKind};
use crate::crypto::solana::SolanaAddress;
use crate::domain::idempotency::Claim;
use crate::domain::time::{MINUTE_MS, Timestamp};

/// What a wallet proves itself with; all three are the caller's, not the request's.
const WALLET: &str = "wallet";
const SIGNATURE: &str = "wallet_sig";
const SIGNED_AT: &str = "wallet_sig_ts";

/// One text for all that can be wrong with it.
pub fn wallet_auth_invalid() -> Fault {
    Fault::new(
        Code::WalletAuthInvalid,
        "send wallet, wallet_sig and wallet_sig_ts: base58 of the wallet's Ed25519 signature over atelier:<wallet>:<wallet_sig_ts>, at most a day old",
    )
}

/// A signature as it stands in a query.
pub const IN_QUERY: [Query; 3] =
    [Query::new(WALLET, QueryKind::Signature), Query::new(SIGNATURE, QueryKind::Signature), Query::new(SIGNED_AT, QueryKind::Signature)];

/// The wallet that has signed this request: in the body, if that is JSON, else in the query.
pub fn read(ctx: &Ctx) -> Result<SolanaAddress, Fault> {
    let read = |name: &str| -> Result<Option<String>, Fault> {
        if ctx.route.body != BodyKind::Json {
            return Ok(ctx.incoming.query_value(name).map(str::to_owned));
        }
        Ok(match ctx.incoming.body_value()?.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        })
    };
    let signed = (read(WALLET)?, read(SIGNATURE)?, read(SIGNED_AT)?);
    verify(ctx, signed).ok_or_else(wallet_auth_invalid)
}

/// Whether this GET brings a wallet's signature, good or not.
pub fn is_signed(ctx: &Ctx) -> bool {
    [WALLET, SIGNATURE, SIGNED_AT].into_iter().any(|name| ctx.incoming.query_value(name).is_some())
}

/// How old a signature may be that gives a right for good.
const JUST_SIGNED_MS: u64 = 15 * MINUTE_MS;

/// Whether what was signed at that moment may give a right that stays when the signature is forgotten.
pub fn is_just_signed(ctx: &Ctx, signed_at_ms: u64) -> bool {
    ctx.now.since_ms(Timestamp::from_ms(signed_at_ms)) <= JUST_SIGNED_MS
}

/// The wallet that has signed, out of its text, its signature and when that was made.
pub fn verify(ctx: &Ctx, signed: (Option<String>, Option<String>, Option<String>)) -> Option<SolanaAddress> {
    let (wallet, signature, signed_at) = (signed.0?, signed.1?, signed.2?);
    let is_digits = (1..=16).contains(&signed_at.len()) && signed_at.bytes().all(|b| b.is_ascii_digit());
    let signed_at_ms: u64 = signed_at.parse().ok().filter(|_| is_digits)?;
    let address = SolanaAddress::parse(&wallet).ok()?;
    address.has_signed(&signature, signed_at_ms, ctx.now).then_some(address)
}

impl Ctx {
    /// The wallet of this request.
    pub fn buyer(&self) -> Result<SolanaAddress, Fault> {
        match &*self.credential() {
            Credential::Buyer(wallet) => Ok(wallet.clone()),
            _ => Err(bad_credential()),
        }
    }

    /// The idempotency claim of a wallet's request, when it brought a key. A repeat may be signed anew.
    pub fn claim_of_buyer(&self, wallet: &SolanaAddress) -> Result<Option<Claim>, Fault> {
        let Some(key) = self.idempotency_key()? else { return Ok(None) };
        let mut body = self.incoming.body_value()?.clone();
        if let Value::Object(members) = &mut body {
            members.remove(SIGNATURE);
            members.remove(SIGNED_AT);
        }
        idempotency::claim(&format!("wallet:{}", wallet.as_str()), self.route, self.params(), &key, &body).map(Some)
    }
}
