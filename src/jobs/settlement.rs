//! Transfers over a settlement rail: the queue's consumer signs, has it kept, sends, looks for what was sent, and reports to the
//! tenant's object, which decides what follows (contract atelier 4).
//!
//! Invariant: nothing is sent that the object has not said it keeps, and what it keeps is what is sent (see
//! objects/tenant/order/transfer.rs).

use serde_json::json;

use super::lane;
use crate::crypto::solana::transfer::Signed;
use crate::domain::delivery::TIME_LIMIT_MS;
use crate::domain::market::settlement::{Landing, judge};
use crate::edge::{self, Edge};
use crate::http::settlement::{NodeError, NotConfigured, Settling, Solana, to_text};
use crate::objects::clock;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::{OrderCommand, SignedTransfer, TransferAttempt, TransferReport};
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::outcome::Outcome;

/// Sees to one transfer and reports it.
pub(super) async fn attempt(edge: &Edge, attempt: &TransferAttempt) {
    let TransferAttempt { tenant, order_id, purpose, claim, .. } = *attempt;
    let log =
        |error: String| worker::console_error!("{}", json!({"job": "settlement", "order": order_id, "purpose": purpose, "error": error}));
    if let Err(error) = clock::learn(edge).await {
        return log(error.to_string());
    }
    let seen = match Settling::of(&edge.settings) {
        Ok(Settling::Solana(solana)) => see_to(edge, &solana, attempt).await,
        // What was paid over one rail is not given out over another.
        Ok(Settling::Sandbox) => Err(Stop::Unconfigured("SETTLEMENT_RAIL")),
        Err(NotConfigured(setting)) => Err(Stop::Unconfigured(setting)),
    };
    let report = match seen {
        Ok(report) => report,
        Err(stop) => {
            log(stop.to_string());
            match stop {
                Stop::NotKept => return,
                Stop::Unconfigured(_) => TransferReport::Unconfigured,
                Stop::Node(_) | Stop::Blind | Stop::NoWallet => TransferReport::Failed,
            }
        }
    };
    lane::report(edge, tenant, &Command::Order(OrderCommand::ReportTransfer { order_id, purpose, claim, report }), log).await;
}

/// Why a transfer has come no further.
enum Stop {
    Unconfigured(&'static str),
    Node(NodeError),
    /// A node that cannot say whether it has landed: it has not the blocks, or lags behind itself.
    Blind,
    /// What is named as the receiver's wallet is none.
    NoWallet,
    /// The object keeps something else, or has not said what it keeps: it hands the transfer out again.
    NotKept,
}

impl From<NodeError> for Stop {
    fn from(error: NodeError) -> Self {
        Self::Node(error)
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unconfigured(setting) => write!(f, "setting {setting}"),
            Self::Node(NodeError::Silent) => f.write_str("the node did not answer"),
            Self::Node(NodeError::Broken(what) | NodeError::Refused(what)) => f.write_str(what),
            Self::Blind => f.write_str("the node has not all the blocks a transfer could stand in: it takes one that keeps its history"),
            Self::NoWallet => f.write_str("the receiver's wallet is no address"),
            Self::NotKept => f.write_str("what was signed was not kept, and was not sent"),
        }
    }
}

/// All questions of one attempt together take as long as one delivery may.
fn clock_of_attempt() -> impl Fn() -> u32 {
    let started_ms = edge::platform_ms();
    move || TIME_LIMIT_MS.saturating_sub(u32::try_from(edge::platform_ms().saturating_sub(started_ms)).unwrap_or(u32::MAX)).max(1)
}

async fn see_to(edge: &Edge, solana: &Solana, attempt: &TransferAttempt) -> Result<TransferReport, Stop> {
    let left_ms = clock_of_attempt();
    match &attempt.signed {
        None => begin(edge, solana, attempt, left_ms).await,
        Some(signed) => pursue(solana, signed, left_ms).await,
    }
}

/// 1. A block. 2. Sign. 3. The object keeps it. 4. Send.
async fn begin(edge: &Edge, solana: &Solana, attempt: &TransferAttempt, left_ms: impl Fn() -> u32) -> Result<TransferReport, Stop> {
    let TransferAttempt { tenant, order_id, purpose, claim, amount, .. } = *attempt;
    let block = solana.latest_block(left_ms()).await?;
    let memo = format!("guildhall:{}:{order_id}", purpose.as_str());
    let signed: Signed = solana.sign(&attempt.wallet, purpose, amount, &memo, &block).ok_or(Stop::NoWallet)?;
    let text = to_text(&signed);
    let kept = SignedTransfer {
        wallet: attempt.wallet.clone(),
        signature: signed.signature,
        text: text.clone(),
        slot: block.slot,
        last_height: block.last_height,
        at: edge::now(),
    };
    let command = Command::Order(OrderCommand::KeepSigned { order_id, purpose, claim, signed: kept });
    let reply = lane::tell(edge, tenant, command).await.map_err(|_| Stop::NotKept)?;
    let Ok(Outcome::Order(OrderOutcome::Signed { is_kept: true })) = reply.outcome else { return Err(Stop::NotKept) };
    solana.send(&text, true, left_ms()).await?;
    Ok(TransferReport::Open)
}

/// 1. Look for it. 2. It has landed, or cannot any more. 3. Else send it again, unless it stands in a block already.
async fn pursue(solana: &Solana, signed: &SignedTransfer, left_ms: impl Fn() -> u32) -> Result<TransferReport, Stop> {
    let seen = solana.look_for(&signed.signature, &left_ms).await?;
    match judge(signed.slot, signed.last_height, &seen) {
        Landing::Landed => Ok(TransferReport::Landed { signature: signed.signature.clone() }),
        Landing::Dead => Ok(TransferReport::Dead { signature: signed.signature.clone() }),
        Landing::Open if seen.known.is_some() => Ok(TransferReport::Open),
        Landing::Open if seen.final_height <= signed.last_height => {
            solana.send(&signed.text, false, left_ms()).await?;
            Ok(TransferReport::Open)
        }
        Landing::Open => Err(Stop::Blind),
    }
}
