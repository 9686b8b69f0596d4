//! Signing in with a wallet: a challenge that costs us nothing to keep, and the session it is exchanged for.

use serde::{Deserialize, Serialize};

use crate::crypto::challenge::{Challenge, ChallengeError};
use crate::crypto::eip191::{Signature, SignatureError, recover_signer};
use crate::crypto::token::{Claims, WalletSession};
use crate::crypto::wallet::{ChainId, WalletAddress};
use crate::domain::limit::LimitClass;
use crate::edge::PlatformEntropy;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::objects::gate;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v2/billing/agent/challenge" => create_challenge {
        name: "createChallenge", summary: "A text for the wallet to sign", access: Public, class: Some(LimitClass::WalletAuth), body: Json, status: 200,
    }
    Post "/v2/billing/agent/session" => create_session {
        name: "createWalletSession", summary: "A session for a signed challenge", access: Public, class: Some(LimitClass::WalletAuth), body: Json, status: 200,
    }
};

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ChallengeRequest {
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    wallet_address: WalletAddress,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<u64>"))]
    chain_id: Option<ChainId>,
}

#[derive(Serialize)]
struct ChallengeReply {
    challenge_id: String,
    message: String,
    nonce: String,
    wallet_address: WalletAddress,
    chain_id: ChainId,
    issued_at: String,
    expires_at: String,
}

/// 1. Read the wallet: 400. 2. Write the challenge, which nobody stores: 200. Under an Idempotency-Key a repeat gets the
/// same one, which is then kept at the gate of the caller's address.
async fn create_challenge(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: ChallengeRequest = ctx.incoming.body()?;
    let gate_name = gate::name_of_address(&ctx.incoming.address);
    ctx.once_at_gate(&gate_name, &gate_name, async || write_challenge(ctx, request)).await
}

fn write_challenge(ctx: &Ctx, request: ChallengeRequest) -> Result<Reply, Fault> {
    let keys = ctx.keys()?;
    let challenge = Challenge::issue(request.wallet_address, request.chain_id.unwrap_or(ChainId::ETHEREUM), ctx.now, &mut PlatformEntropy);
    let reply = ChallengeReply {
        challenge_id: challenge.to_id(&keys.challenge),
        message: challenge.message(&keys.origin),
        nonce: challenge.nonce().to_owned(),
        wallet_address: challenge.wallet(),
        chain_id: challenge.chain_id(),
        issued_at: challenge.issued_at().to_string(),
        expires_at: challenge.expires_at().to_string(),
    };
    Ok(Reply::json(200, &reply)?.no_store())
}

#[derive(Deserialize)]
struct SessionRequest {
    challenge_id: String,
    signature: String,
}

#[derive(Serialize)]
struct SessionReply {
    session_token: String,
    token_type: &'static str,
    wallet_address: WalletAddress,
    expires_at: String,
    tenant_id: Option<String>,
    tenants: Vec<String>,
}

/// One text for whatever is wrong: which of it, is nobody's business.
fn invalid_challenge() -> Fault {
    Fault::new(Code::InvalidChallenge, "this challenge is unknown, used, expired or signed by another wallet; ask for a new one")
}

/// 1. Read both: 400. 2. Under an Idempotency-Key: 409, 422, or what was answered before. 3. Exchange them: 401, 200.
async fn create_session(ctx: &Ctx) -> Result<Reply, Fault> {
    let request: SessionRequest = ctx.incoming.body()?;
    let gate_name = gate::name_of_address(&ctx.incoming.address);
    ctx.once_at_gate(&gate_name, &gate_name, async || exchange(ctx, &request).await).await
}

/// 1. The challenge is ours and holds: 401. 2. Its wallet signed it: 401. 3. Use it up in the wallet's gate, which answers
/// true to one caller alone: 401. 4. Mint the session: 200.
async fn exchange(ctx: &Ctx, request: &SessionRequest) -> Result<Reply, Fault> {
    let keys = ctx.keys()?;
    let challenge = Challenge::open(&request.challenge_id, &keys.challenge, ctx.now).map_err(|error| match error {
        ChallengeError::Malformed => Fault::field("$.challenge_id", &error.to_string()),
        ChallengeError::Unknown | ChallengeError::Expired => invalid_challenge(),
    })?;
    let signature = Signature::parse(&request.signature).map_err(|error| match error {
        SignatureError::Malformed => Fault::field("$.signature", &error.to_string()),
        _ => invalid_challenge(),
    })?;
    if recover_signer(challenge.message(&keys.origin).as_bytes(), &signature) != Some(challenge.wallet()) {
        return Err(invalid_challenge());
    }
    let wallet = challenge.wallet();
    let marked = ctx
        .call_gate(
            &gate::name_of_wallet(&wallet.to_lower_hex()),
            gate::Command::UseMark { mark: challenge.nonce().to_owned(), expires_at: challenge.expires_at() },
        )
        .await?;
    let gate::Outcome::Marked { first: true, tenants } = marked else { return Err(invalid_challenge()) };
    let claims = Claims::lasting(WalletSession::TTL_S, ctx.now, WalletSession { wallet, chain_id: challenge.chain_id() });
    let session_token = keys.ring.sign(&claims).map_err(|error| Fault::internal(error.to_string()))?;
    let tenants: Vec<String> = tenants.into_iter().map(|tenant| tenant.slug.to_string()).collect();
    let tenant_id = match tenants.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let reply = SessionReply {
        session_token,
        token_type: "Bearer",
        wallet_address: wallet,
        expires_at: claims.expires_at.to_string(),
        tenant_id,
        tenants,
    };
    Ok(Reply::json(200, &reply)?.no_store())
}
