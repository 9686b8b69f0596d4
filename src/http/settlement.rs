//! The rail that this deployment settles over, and a node of its chain (contract README 10, atelier 4).
//!
//! Whatever is set wrong stops payments and payouts, which say which setting it is, and nothing else. What a node is asked for is
//! JSON-RPC 2.0; its address may hold a key, so no error tells it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::code::Code;
use super::context::Ctx;
use super::fault::Fault;
use crate::crypto::solana::SolanaAddress;
use crate::crypto::solana::payment::{self, Expected, NotPaid, Unreadable};
use crate::crypto::solana::transfer::{Payer, Payment, Signed, sign};
use crate::domain::market::price::Price;
use crate::domain::market::settlement::{Known, Purpose, Rail, Sighting};
use crate::domain::money::Micros;
use crate::edge::Settings;
use crate::edge::post::{Post, PostError, Posted};

/// How long a node may take for the answer a buyer waits for.
const BUYER_LIMIT_MS: u32 = 20_000;
/// An answer is no longer.
const ANSWER_BYTES_MAX: u32 = 1_048_576;
/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// A setting without which nothing can be settled, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotConfigured(pub &'static str);

/// What this deployment settles over.
pub enum Settling {
    Sandbox,
    Solana(Box<Solana>),
}

/// The Solana rail: a node, what is paid in, and what pays.
pub struct Solana {
    url: String,
    mint: SolanaAddress,
    payer: Payer,
}

/// What became of a question to a node. The texts are for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeError {
    /// No answer in time.
    Silent,
    /// No answer, or none that can be read.
    Broken(String),
    /// It answered that it did not do it.
    Refused(String),
}

/// As of which block something is signed.
pub struct Block {
    pub hash: [u8; 32],
    pub slot: u64,
    pub last_height: u64,
}

impl Settling {
    /// Reads the settings.
    pub fn of(settings: &Settings) -> Result<Self, NotConfigured> {
        let set = &settings.settlement;
        match set.rail.as_deref() {
            None => return Ok(Self::Sandbox),
            Some(text) => match Rail::parse(text) {
                Some(Rail::Sandbox) => return Ok(Self::Sandbox),
                Some(Rail::Solana) => {}
                None => return Err(NotConfigured("SETTLEMENT_RAIL")),
            },
        }
        let is_url = |url: &&String| url.starts_with("https://") || url.starts_with("http://");
        let url = set.base_url.as_ref().filter(is_url).ok_or(NotConfigured("SETTLEMENT_BASE_URL"))?;
        let payer = settings.secrets.settlement_key.as_deref().and_then(Payer::parse).ok_or(NotConfigured("SETTLEMENT_SECRET_KEY"))?;
        let mint = set.mint.as_deref().and_then(|mint| SolanaAddress::parse(mint).ok()).ok_or(NotConfigured("SETTLEMENT_MINT"))?;
        Ok(Self::Solana(Box::new(Solana { url: url.clone(), mint, payer })))
    }
}

impl Solana {
    /// The answer to one question.
    async fn ask(&self, method: &str, params: Value, limit_ms: u32) -> Result<Value, NodeError> {
        let question = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let head = "content-type\napplication/json\naccept\napplication/json\n";
        let post = Post { url: &self.url, head, body: &question, limit_ms, bytes_max: ANSWER_BYTES_MAX };
        let Posted { status, text, .. } = post.send().await?;
        read_answer(method, status, &text)
    }

    /// The latest block, for what is signed now.
    pub async fn latest_block(&self, limit_ms: u32) -> Result<Block, NodeError> {
        let told = self.ask("getLatestBlockhash", json!([{"commitment": "confirmed"}]), limit_ms).await?;
        let mut hash = [0; 32];
        let read = told.pointer("/value/blockhash").and_then(Value::as_str).and_then(|text| bs58::decode(text).onto(&mut hash).ok());
        let slot = told.pointer("/context/slot").and_then(Value::as_u64);
        let last_height = told.pointer("/value/lastValidBlockHeight").and_then(Value::as_u64);
        match (read, slot, last_height) {
            (Some(32), Some(slot), Some(last_height)) => Ok(Block { hash, slot, last_height }),
            _ => Err(unreadable("getLatestBlockhash")),
        }
    }

    /// Signs a transfer of so much to a wallet; `None` when that is no wallet.
    pub fn sign(&self, wallet: &str, purpose: Purpose, amount: Price, memo: &str, block: &Block) -> Option<Signed> {
        let to = SolanaAddress::parse(wallet).ok()?;
        let payment = Payment {
            mint: &self.mint,
            to: &to,
            amount: amount.micros().get(),
            makes_account: purpose.makes_account(amount),
            memo,
            blockhash: &block.hash,
        };
        sign(&self.payer, &payment)
    }

    /// Sends a signed transaction, base64. Sending it again does nothing more. `is_first`: the node tries it out before it hands it
    /// on, and says so if it cannot work.
    pub async fn send(&self, transaction: &str, is_first: bool, limit_ms: u32) -> Result<(), NodeError> {
        let options = json!({"encoding": "base64", "skipPreflight": !is_first, "preflightCommitment": "confirmed"});
        self.ask("sendTransaction", json!([transaction, options]), limit_ms).await.map(drop)
    }

    /// What the node says of a transaction: the state of the chain first (domain/market/settlement.rs says why).
    pub async fn look_for(&self, signature: &str, limit_ms: impl Fn() -> u32) -> Result<Sighting, NodeError> {
        let chain = self.ask("getEpochInfo", json!([{"commitment": "finalized"}]), limit_ms()).await?;
        let first = self.ask("getFirstAvailableBlock", json!([]), limit_ms()).await?;
        let told = self.ask("getSignatureStatuses", json!([[signature], {"searchTransactionHistory": true}]), limit_ms()).await?;
        let number = |value: Option<&Value>, method| value.and_then(Value::as_u64).ok_or_else(|| unreadable(method));
        let known = match told.pointer("/value/0") {
            Some(Value::Null) => None,
            Some(status) => {
                let commitment =
                    status.get("confirmationStatus").and_then(Value::as_str).ok_or_else(|| unreadable("getSignatureStatuses"))?;
                let error = status.get("err").ok_or_else(|| unreadable("getSignatureStatuses"))?;
                Some(Known { is_final: commitment == "finalized", has_failed: !error.is_null() })
            }
            None => return Err(unreadable("getSignatureStatuses")),
        };
        Ok(Sighting {
            final_height: number(chain.get("blockHeight"), "getEpochInfo")?,
            final_slot: number(chain.get("absoluteSlot"), "getEpochInfo")?,
            first_slot: number(Some(&first), "getFirstAvailableBlock")?,
            looked_slot: number(told.pointer("/context/slot"), "getSignatureStatuses")?,
            known,
        })
    }

    /// Whether a transaction, once final, has paid so much from a wallet to ours.
    async fn check_payment(&self, signature: &str, payer: &str, amount: Micros) -> Result<Result<(), NotPaid>, NodeError> {
        let options = json!({"encoding": "json", "commitment": "finalized", "maxSupportedTransactionVersion": 0});
        let told = self.ask("getTransaction", json!([signature, options]), BUYER_LIMIT_MS).await?;
        let expected = Expected { signature, mint: &self.mint, payer, payee: self.payer.address(), amount: amount.get() };
        payment::judge(&told, &expected).map_err(|Unreadable| unreadable("getTransaction"))
    }
}

/// The result that an answer holds. A node may answer an error with a status of its own, and an `error` that is `null` is none.
fn read_answer(method: &str, status: u16, text: &str) -> Result<Value, NodeError> {
    let told: Option<Value> = serde_json::from_str(text).ok();
    if let Some(error) = told.as_ref().and_then(|told| told.get("error")).filter(|error| !error.is_null()) {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        return Err(NodeError::Refused(format!("{method} was refused: {code}")));
    }
    let result = told.filter(|_| status == 200).and_then(|mut told| told.get_mut("result").map(Value::take));
    result.ok_or_else(|| NodeError::Broken(format!("{method} was answered {status}, and no result")))
}

/// A signed transaction as it is sent.
pub fn to_text(signed: &Signed) -> String {
    STANDARD.encode(&signed.bytes)
}

fn unreadable(method: &str) -> NodeError {
    NodeError::Broken(format!("{method} was answered with something else"))
}

impl From<PostError> for NodeError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Silent => Self::Silent,
            PostError::Broken => Self::Broken("the connection failed".to_owned()),
        }
    }
}

impl From<NodeError> for Fault {
    fn from(error: NodeError) -> Self {
        let (code, detail, cause) = match error {
            NodeError::Silent => (Code::UpstreamTimeout, "the settlement rail did not answer; pay again with the same transaction", None),
            NodeError::Broken(cause) | NodeError::Refused(cause) => (
                Code::UpstreamError,
                "the settlement rail gave no answer that can be used; pay again with the same transaction",
                Some(cause),
            ),
        };
        Self { cause, ..Self::new(code, detail) }
    }
}

impl From<NotConfigured> for Fault {
    fn from(NotConfigured(setting): NotConfigured) -> Self {
        Self::new(Code::UpstreamNotConfigured, "paying needs a settlement rail, and this deployment's is not set up")
            .with("upstream", setting)
    }
}

fn not_verified(detail: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Code::PaymentNotVerified, detail).with("path", "$.escrow_tx_hash")
}

impl Ctx {
    /// The rail that this deployment settles over: 503.
    pub fn settlement_rail(&self) -> Result<Rail, Fault> {
        Ok(match Settling::of(&self.edge.settings)? {
            Settling::Sandbox => Rail::Sandbox,
            Settling::Solana(_) => Rail::Solana,
        })
    }

    /// Makes sure that a transaction has paid a price from a wallet, and over which rail: 400, 502, 503, 504. Changes nothing, and
    /// does not ask whether the transaction has paid for something else.
    pub async fn confirm_payment(&self, wallet: &str, price: Price, tx_hash: &str) -> Result<Rail, Fault> {
        let solana = match Settling::of(&self.edge.settings)? {
            Settling::Sandbox => return Ok(Rail::Sandbox),
            Settling::Solana(solana) => solana,
        };
        let mut bytes = [0; SIGNATURE_BYTES];
        if bs58::decode(tx_hash).onto(&mut bytes).ok() != Some(SIGNATURE_BYTES) {
            return Err(not_verified("escrow_tx_hash must be the signature of a Solana transaction: 64 bytes in base58"));
        }
        match solana.check_payment(tx_hash, wallet, price.micros()).await? {
            Ok(()) => Ok(Rail::Solana),
            Err(NotPaid::Unknown) => {
                Err(not_verified("no final transaction has this signature; one is final some 15 seconds after it was sent"))
            }
            Err(NotPaid::Failed) => Err(not_verified("this transaction failed on the chain and moved nothing")),
            Err(NotPaid::OtherPayer) => Err(not_verified("this transaction was not paid from the order's client_wallet alone")),
            Err(NotPaid::Received(amount)) => {
                let received = Micros::new(amount).unwrap_or(Micros::MAX).to_fixed(6);
                let mint = solana.mint.as_str();
                let own = solana.payer.address().as_str();
                Err(not_verified(format!(
                    "this transaction paid {received} of the token {mint} to {own}, and the order costs exactly {price}"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_null_is_none() {
        let read = |status, text: &str| read_answer("m", status, text);
        let refused = |code: i64| Err(NodeError::Refused(format!("m was refused: {code}")));
        let broken = |status: u16| Err(NodeError::Broken(format!("m was answered {status}, and no result")));
        assert_eq!(read(200, r#"{"jsonrpc":"2.0","id":1,"result":7}"#), Ok(json!(7)));
        assert_eq!(read(200, r#"{"id":1,"error":null,"result":7}"#), Ok(json!(7)));
        assert_eq!(read(200, r#"{"id":1,"error":null,"result":null}"#), Ok(Value::Null));
        assert_eq!(read(200, r#"{"id":1,"error":{"code":-32002},"result":null}"#), refused(-32_002));
        assert_eq!(read(429, r#"{"id":1,"error":{"code":429}}"#), refused(429));
        assert_eq!(read(200, r#"{"id":1,"error":"no"}"#), refused(0));
        for (status, text) in [(200, r#"{"id":1,"error":null}"#), (503, r#"{"id":1,"error":null,"result":7}"#), (200, "no"), (502, "")] {
            assert_eq!(read(status, text), broken(status), "{text}");
        }
    }
}
