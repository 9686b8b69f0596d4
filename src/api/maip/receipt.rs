//! Receipts: `/v1/agent-receipts` (contract identity-and-money 4).

use serde::{Deserialize, Serialize};

use super::{proof_of, unexpected_proof};
use crate::domain::form::receipt::ReceiptForm;
use crate::domain::id::ReceiptId;
use crate::domain::limit::LimitClass;
use crate::domain::receipt::{ReceiptType, Statement, Verdict};
use crate::http::context::Ctx;
use crate::http::fault::Fault;
use crate::http::field::{Metadata, Text};
use crate::http::lookup::agent_in;
use crate::http::page;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::Answer;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::proof::command::ProofCommand;
use crate::objects::tenant::proof::outcome::{ProofOutcome, ReceiptVerified};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/v1/agent-receipts" => issue_receipt {
        name: "createAgentReceipt", summary: "What an agent did, signed with its key", access: SessionOrManagement,
        class: Some(LimitClass::Identity), body: Json, documented: true, request: ReceiptRequest, status: 201, response: ReceiptForm, also: [404, 409],
    }
    Get "/v1/agent-receipts/{id}" => show_receipt {
        name: "getAgentReceipt", summary: "One receipt", access: SessionOrManagement, class: Some(LimitClass::Identity), body: None, documented: true,
        status: 200, response: ReceiptForm,
    }
    Get "/v1/agent-receipts/verify/{id}" => verify_receipt {
        name: "verifyAgentReceipt", summary: "Whether a receipt can be believed", access: SessionOrManagement, class: Some(LimitClass::Identity),
        body: None, documented: true, status: 200, response: VerifiedReceipt,
    }
    Get "/v1/agent-receipts/agent/{id}" => list_receipts {
        name: "listAgentReceipts", summary: "An agent's receipts, newest first", access: SessionOrManagement, class: Some(LimitClass::Identity),
        body: None, documented: true, status: 200, response: ReceiptList, query: [page::LIMIT, page::OFFSET],
    }
};

/// How long a page of receipts is when nothing is said.
const LIMIT: u64 = 100;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ReceiptRequest {
    agent_id: String,
    receipt_type: Option<ReceiptType>,
    action: Text<1, 256>,
    purpose: Option<Text<0, 1024>>,
    metadata: Option<Metadata<65_536>>,
    inputs_hash: Option<Text<0, 128>>,
    outputs_hash: Option<Text<0, 128>>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct VerifiedReceipt {
    receipt_id: ReceiptId,
    valid: bool,
    verdict: Verdict,
    reason: &'static str,
    signature_verified: bool,
    chain_verified: bool,
    transparency_verified: bool,
    /// Null when what was signed does not read any more.
    receipt: Option<ReceiptForm>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct ReceiptList {
    receipts: Vec<ReceiptForm>,
    total: u64,
    limit: u64,
    offset: u64,
}

fn form_of(answer: Answer) -> Result<Box<ReceiptForm>, Fault> {
    match proof_of(answer.outcome)? {
        ProofOutcome::Receipt(form) => Ok(form),
        other => Err(unexpected_proof(other)),
    }
}

/// 1. The body: 400, 404. 2. Sign it and link it; a session speaks for its own agent only: 404, the agent not active: 409.
/// 3. Answer: 201.
async fn issue_receipt(ctx: &Ctx) -> Result<Reply, Fault> {
    let body: ReceiptRequest = ctx.incoming.body()?;
    let seat = ctx.agent_seat().await?;
    let agent_id = agent_in(&body.agent_id, "$.agent_id", &seat)?;
    let statement = Statement {
        receipt_type: body.receipt_type.unwrap_or_default(),
        action: body.action.into_string(),
        purpose: body.purpose.map(Text::into_string),
        metadata: body.metadata.unwrap_or_default().into_map(),
        inputs_hash: body.inputs_hash.map(Text::into_string),
        outputs_hash: body.outputs_hash.map(Text::into_string),
    };
    let form = form_of(ctx.call_tenant(&seat, Command::Proof(ProofCommand::IssueReceipt { agent_id, statement })).await?)?;
    let location = format!("/v1/agent-receipts/{}", form.receipt_id);
    Ok(Reply::json(201, &form)?.no_store().with_header("Location", location))
}

/// 1. The id: 400. 2. Read; for a session that of its own agent only: 404. 3. Answer: 200.
async fn show_receipt(ctx: &Ctx) -> Result<Reply, Fault> {
    let receipt_id = ctx.path_id(ReceiptId::parse)?;
    let seat = ctx.agent_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Proof(ProofCommand::GetReceipt { receipt_id })).await?;
    Ok(Reply::json(200, &form_of(answer)?)?.no_store())
}

/// 1. The id: 400. 2. Verify it; for a session that of its own agent only: 404. 3. Answer, whatever the verdict: 200.
async fn verify_receipt(ctx: &Ctx) -> Result<Reply, Fault> {
    let receipt_id = ctx.path_id(ReceiptId::parse)?;
    let seat = ctx.agent_seat().await?;
    let answer = ctx.call_tenant(&seat, Command::Proof(ProofCommand::VerifyReceipt { receipt_id })).await?;
    let (receipt, verdict, signature_verified, chain_verified, transparency_verified) = match proof_of(answer.outcome)? {
        ProofOutcome::ReceiptVerified(verified) => {
            let ReceiptVerified { receipt, verdict, signature_verified, chain_verified, transparency_verified } = *verified;
            (Some(receipt), verdict, signature_verified, chain_verified, transparency_verified)
        }
        ProofOutcome::DamageVerified { chain_verified, transparency_verified } => {
            (None, Verdict::InvalidSignature, false, chain_verified, transparency_verified)
        }
        other => return Err(unexpected_proof(other)),
    };
    let valid = verdict == Verdict::Valid;
    let reason = verdict.reason();
    let reply = VerifiedReceipt { receipt_id, valid, verdict, reason, signature_verified, chain_verified, transparency_verified, receipt };
    Ok(Reply::json(200, &reply)?.no_store())
}

/// 1. The id and the page: 400, 404. 2. Read; for a session those of its own agent only: 404. 3. Answer: 200.
async fn list_receipts(ctx: &Ctx) -> Result<Reply, Fault> {
    let limit = ctx.query_whole(page::LIMIT.name).unwrap_or(LIMIT);
    let offset = ctx.query_whole(page::OFFSET.name).unwrap_or(0);
    let seat = ctx.agent_seat().await?;
    let agent_id = ctx.path_agent(&seat)?;
    let answer = ctx.call_tenant(&seat, Command::Proof(ProofCommand::ListReceipts { agent_id, limit, offset })).await?;
    match proof_of(answer.outcome)? {
        ProofOutcome::Receipts { receipts, total } => Ok(Reply::json(200, &ReceiptList { receipts, total, limit, offset })?.no_store()),
        other => Err(unexpected_proof(other)),
    }
}
