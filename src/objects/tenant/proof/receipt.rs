//! Receipts in the store: issued with the agent's key, chained, anchored in the audit chain, and verified from what stands there.

use super::super::agent;
use super::super::agent_key;
use super::super::desk::{Desk, Done, Step};
use super::super::money::column::Columns;
use super::super::refusal::{Refusal, Thing};
use super::check_own;
use super::outcome::{ProofOutcome, ReceiptVerified};
use super::refusal::ProofRefusal;
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
    READ = "SELECT log_index, agent_id, key_id, envelope, signature, chain_hash, audit_seq FROM receipt WHERE id = ?1";
    READ_CHAIN_HASH = "SELECT chain_hash FROM receipt WHERE log_index = ?1";
    IS_ANCHORED = "SELECT 1 FROM audit WHERE seq = ?1 AND action = 'receipt.issued' AND object = ?2";
    LIST = "SELECT log_index, agent_id, key_id, envelope, signature, chain_hash, audit_seq FROM receipt
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
    chain_hash: Digest,
    log_index: u64,
    audit_seq: u64,
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
    let form = find(desk, receipt_id)?.shown().ok_or(SqlError::Shape("an envelope does not read"))?;
    Ok(ProofOutcome::Receipt(Box::new(form)).into())
}

/// The object of the audit entry that anchors a receipt.
fn anchor(id: ReceiptId, chain_hash: &Digest) -> String {
    format!("{id}:{chain_hash}")
}

/// One receipt; with a session, one of its agent.
pub(super) fn get(desk: &Desk<'_>, id: ReceiptId) -> Step<Done> {
    let form = find_own(desk, id)?.shown().ok_or(ProofRefusal::ReceiptDamaged)?;
    Ok(shown(ProofOutcome::Receipt(Box::new(form))))
}

/// Verifies a receipt against its agent's keys, the receipt before it and the audit chain. It is judged by the text that
/// stands there, whether or not that still reads.
pub(super) fn verify(desk: &Desk<'_>, id: ReceiptId) -> Step<Done> {
    let stored = find_own(desk, id)?;
    let Stored { agent_id, key_id, envelope, signature, chain_hash, log_index, audit_seq } = &stored;
    let key = agent_key::find_verifying(desk, *agent_id, *key_id)?;
    let public_key = key.as_ref().and_then(|key| PublicKey::from_bytes(&key.public_key));
    let signature_verified = public_key.is_some_and(|public_key| public_key.verifies(envelope.as_bytes(), signature));
    let previous = match log_index.checked_sub(1) {
        None => Some(Digest::ZERO),
        Some(index) => desk.sql.first(READ_CHAIN_HASH, params![index])?.map(|row| read_digest(&row, 0)).transpose()?,
    };
    let chain_verified = previous.is_some_and(|hash| Digest::of(&[hash.as_bytes(), envelope.as_bytes()]) == *chain_hash);
    let transparency_verified = desk.sql.first(IS_ANCHORED, params![*audit_seq, anchor(id, chain_hash)])?.is_some();
    let is_revoked = agent::read_standing(desk, *agent_id)?.0 == AgentStatus::Revoked;
    let Some(receipt) = stored.shown() else {
        return Ok(shown(ProofOutcome::DamageVerified { chain_verified, transparency_verified }));
    };
    let verdict = match key {
        Some(key) => Verdict::of(signature_verified, receipt.created_at, &key.times, is_revoked),
        None => Verdict::InvalidSignature,
    };
    let verified = ReceiptVerified { receipt, verdict, signature_verified, chain_verified, transparency_verified };
    Ok(shown(ProofOutcome::ReceiptVerified(Box::new(verified))))
}

/// An agent's receipts, newest first, and how many there are in all. One whose envelope does not read is counted and not
/// shown: verifying tells of it.
pub(super) fn list(desk: &Desk<'_>, agent_id: AgentId, limit: u64, offset: u64) -> Step<Done> {
    check_own(desk, agent_id)?;
    agent::read_standing(desk, agent_id)?;
    let id = agent_id.to_string();
    let rows = desk.sql.run(LIST, params![id.as_str(), limit, offset])?;
    let total = desk.sql.first(COUNT, params![id])?.ok_or(SqlError::Shape("no count"))?.unsigned(0)?;
    let stored = rows.iter().map(read).collect::<Result<Vec<_>, SqlError>>()?;
    let receipts = stored.iter().filter_map(Stored::shown).collect();
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

/// Another agent's is not there for who comes in the name of one.
fn find_own(desk: &Desk<'_>, id: ReceiptId) -> Step<Stored> {
    let stored = find(desk, id)?;
    check_own(desk, stored.agent_id).map_err(|_| Refusal::NotFound(Thing::Receipt))?;
    Ok(stored)
}

fn read_digest(row: &Row, column: usize) -> Result<Digest, SqlError> {
    Digest::from_slice(row.blob(column)?).ok_or(SqlError::Shape("not a digest"))
}

fn read(row: &Row) -> Result<Stored, SqlError> {
    let mut column = Columns::of(row);
    let log_index = column.number()?;
    let (agent_id, key_id) = (column.id(AgentId::parse)?, column.id(KeyId::parse)?);
    Ok(Stored {
        agent_id,
        key_id,
        envelope: column.text()?,
        signature: row.blob(4)?.to_vec(),
        chain_hash: read_digest(row, 5)?,
        log_index,
        audit_seq: row.unsigned(6)?,
    })
}

impl Stored {
    /// The receipt as it is shown, which is what its envelope says: that was signed. `None` when it does not read.
    fn shown(&self) -> Option<ReceiptForm> {
        let envelope: SigningEnvelope = serde_json::from_str(&self.envelope).ok()?;
        let created_at = Timestamp::parse(&envelope.created_at).ok()?;
        Some(ReceiptForm {
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
            signature: mac::to_base64url(&self.signature),
            signing_envelope: envelope,
            chain_hash: self.chain_hash,
            log_index: self.log_index,
        })
    }
}
