//! Receipts in the store: issued with the agent's key, chained, anchored in the audit chain, and verified from what stands there.

use super::super::agent;
use super::super::agent_key;
use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::super::refusal::{Refusal, Thing};
use super::check_own;
use super::outcome::{ProofOutcome, ReceiptVerified};
use super::shown;
use crate::crypto::ed25519::PublicKey;
use crate::crypto::{jcs, mac};
use crate::domain::agent::{AgentStatus, spell_maip};
use crate::domain::digest::Digest;
use crate::domain::event::Action;
use crate::domain::form::receipt::{ReceiptForm, ReceiptStatus};
use crate::domain::id::{AgentId, KeyId, ReceiptId};
use crate::domain::receipt::{SigningEnvelope, Statement, Verdict};
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// Of the envelope's form.
const VERSION: u64 = 1;

statements! {
    READ_LAST = "SELECT log_index, chain_hash FROM receipt ORDER BY log_index DESC LIMIT 1";
    WRITE = "INSERT INTO receipt (log_index, id, agent_id, key_id, envelope, signature, chain_hash, created_at_ms, audit_seq)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    READ = "SELECT log_index, agent_id, key_id, envelope, signature, chain_hash, created_at_ms, audit_seq FROM receipt WHERE id = ?1";
    READ_CHAIN_HASH = "SELECT chain_hash FROM receipt WHERE log_index = ?1";
    IS_ANCHORED = "SELECT 1 FROM audit WHERE seq = ?1 AND action = 'receipt.issued' AND object = ?2";
    LIST = "SELECT log_index, agent_id, key_id, envelope, signature, chain_hash, created_at_ms, audit_seq FROM receipt
        WHERE agent_id = +?1 ORDER BY log_index DESC LIMIT +?2 OFFSET +?3";
    COUNT = "SELECT count(*) FROM receipt WHERE agent_id = ?1";
    COUNT_LATEST = "SELECT count(*) FROM (SELECT created_at_ms FROM receipt WHERE agent_id = +?1 ORDER BY log_index DESC LIMIT +?3)
        WHERE created_at_ms >= ?2";
}

/// A receipt as it stands in the store.
struct Stored {
    agent_id: AgentId,
    key_id: KeyId,
    envelope: String,
    signature: Vec<u8>,
    audit_seq: u64,
    form: ReceiptForm,
}

/// Signs what the agent states and links it to the receipt before it.
pub(super) fn issue(desk: &mut Desk<'_>, agent_id: AgentId, statement: &Statement) -> Step<Done> {
    check_own(desk, agent_id)?;
    if agent::read_standing(desk, agent_id)?.0 != AgentStatus::Active {
        return Err(Refusal::TargetAgentNotActive.into());
    }
    let key = agent_key::read_signing(desk, agent_id)?;
    let receipt_id = ReceiptId::new(desk.now, desk.entropy);
    let envelope = SigningEnvelope {
        version: VERSION,
        receipt_id,
        tenant_id: desk.caller.tenant_uuid.to_string(),
        agent_id: spell_maip(agent_id, desk.caller.tenant_uuid),
        key_id: key.key_id,
        receipt_type: statement.receipt_type,
        action: statement.action.clone(),
        purpose: statement.purpose.clone(),
        metadata: statement.metadata.clone(),
        inputs_hash: statement.inputs_hash.clone(),
        outputs_hash: statement.outputs_hash.clone(),
        created_at: desk.now.to_string(),
    };
    let canonical = jcs::to_canonical(&envelope).map_err(|_| SqlError::Shape("an envelope has no canonical form"))?;
    let signature = desk.vault.sign(key.key_id, &key.sealed, &canonical).map_err(|_| SqlError::Shape("a sealed key does not open"))?;
    let last = desk.sql.first(READ_LAST, &[])?;
    let (log_index, previous) = match &last {
        Some(row) => (row.unsigned(0)? + 1, read_digest(row, 1)?),
        None => (0, Digest::ZERO),
    };
    let chain_hash = Digest::of(&[previous.as_bytes(), &canonical]);
    let audit_seq = desk.record(Action::ReceiptIssued, &anchor(receipt_id, &chain_hash), None, &())?;
    desk.sql.run(
        WRITE,
        params![
            log_index,
            receipt_id.to_string(),
            agent_id.to_string(),
            key.key_id.to_string(),
            String::from_utf8(canonical).map_err(|_| SqlError::Shape("an envelope is no text"))?,
            signature.to_vec(),
            chain_hash.as_bytes().to_vec(),
            desk.now.as_ms(),
            audit_seq,
        ],
    )?;
    Ok(ProofOutcome::Receipt(Box::new(find(desk, receipt_id)?.form)).into())
}

/// The object of the audit entry that anchors a receipt.
fn anchor(id: ReceiptId, chain_hash: &Digest) -> String {
    format!("{id}:{chain_hash}")
}

/// One receipt.
pub(super) fn get(desk: &Desk<'_>, id: ReceiptId) -> Step<Done> {
    Ok(shown(ProofOutcome::Receipt(Box::new(find(desk, id)?.form))))
}

/// Verifies a receipt against its agent's keys, the receipt before it and the audit chain.
pub(super) fn verify(desk: &Desk<'_>, id: ReceiptId) -> Step<Done> {
    let Stored { agent_id, key_id, envelope, signature, audit_seq, form } = find(desk, id)?;
    let key = agent_key::read_verifying(desk, agent_id, key_id)?;
    let signature_verified =
        PublicKey::from_bytes(&key.public_key).is_some_and(|public_key| public_key.verifies(envelope.as_bytes(), &signature));
    let previous = match form.log_index.checked_sub(1) {
        None => Some(Digest::ZERO),
        Some(index) => desk.sql.first(READ_CHAIN_HASH, params![index])?.map(|row| read_digest(&row, 0)).transpose()?,
    };
    let chain_verified = previous.is_some_and(|hash| Digest::of(&[hash.as_bytes(), envelope.as_bytes()]) == form.chain_hash);
    let transparency_verified = desk.sql.first(IS_ANCHORED, params![audit_seq, anchor(id, &form.chain_hash)])?.is_some();
    let is_revoked = agent::read_standing(desk, agent_id)?.0 == AgentStatus::Revoked;
    let verdict = Verdict::of(signature_verified, form.created_at, &key.times, is_revoked);
    let verified = ReceiptVerified { receipt: form, verdict, signature_verified, chain_verified, transparency_verified };
    Ok(shown(ProofOutcome::ReceiptVerified(Box::new(verified))))
}

/// An agent's receipts, newest first, and how many there are in all.
pub(super) fn list(desk: &Desk<'_>, agent_id: AgentId, limit: u64, offset: u64) -> Step<Done> {
    agent::read_standing(desk, agent_id)?;
    let id = agent_id.to_string();
    let rows = desk.sql.run(LIST, params![id.as_str(), limit, offset])?;
    let total = desk.sql.first(COUNT, params![id])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?;
    let receipts = rows.iter().map(|row| Ok(read(row)?.form)).collect::<Result<_, SqlError>>()?;
    Ok(shown(ProofOutcome::Receipts { receipts, total }))
}

/// How many of an agent's latest `most` receipts were issued since then.
pub(in super::super) fn count_latest(desk: &Desk<'_>, agent_id: AgentId, since: Timestamp, most: u64) -> Step<u64> {
    let row = desk.sql.first(COUNT_LATEST, params![agent_id.to_string(), since.as_ms(), most])?;
    Ok(row.ok_or(SqlError::Shape("no count"))?.unsigned(0)?)
}

fn find(desk: &Desk<'_>, id: ReceiptId) -> Step<Stored> {
    let row = desk.sql.first(READ, params![id.to_string()])?.ok_or(Refusal::NotFound(Thing::Receipt))?;
    Ok(read(&row)?)
}

fn read_digest(row: &Row, column: usize) -> Result<Digest, SqlError> {
    Digest::from_slice(row.blob(column)?).ok_or(SqlError::Shape("not a digest"))
}

/// What is shown comes from the envelope that was signed.
fn read(row: &Row) -> Result<Stored, SqlError> {
    let mut column = Columns::of(row);
    let log_index = column.number()?;
    let (agent_id, key_id) = (column.id(AgentId::parse)?, column.id(KeyId::parse)?);
    let text = column.text()?;
    let envelope: SigningEnvelope = serde_json::from_str(&text).map_err(|_| SqlError::Shape("not an envelope"))?;
    let (signature, created_at) = (row.blob(4)?.to_vec(), Timestamp::from_ms(row.unsigned(6)?));
    let form = ReceiptForm {
        receipt_id: envelope.receipt_id,
        agent_id: envelope.agent_id.clone(),
        receipt_type: envelope.receipt_type,
        action: envelope.action.clone(),
        purpose: envelope.purpose.clone(),
        status: ReceiptStatus::Valid,
        metadata: envelope.metadata.clone(),
        inputs_hash: envelope.inputs_hash.clone(),
        outputs_hash: envelope.outputs_hash.clone(),
        created_at,
        issued_at: created_at,
        signature: mac::to_base64url(&signature),
        signing_envelope: envelope,
        chain_hash: read_digest(row, 5)?,
        log_index,
    };
    Ok(Stored { agent_id, key_id, envelope: text, signature, audit_seq: row.unsigned(7)?, form })
}
