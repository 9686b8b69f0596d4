//! The keys agents sign with: one that signs, and the history of all that did (contract identity-and-money 2).
//!
//! Invariant: an agent's keys form a chain, each entry hashed over the one before it; entries are only ever added, and
//! retiring a key changes when it signed, never what it was.

use serde::Serialize;

use super::desk::{Desk, Step};
use super::money::column::Columns;
use super::refusal::Refusal;
use crate::crypto::mac;
use crate::domain::digest::Digest;
use crate::domain::form::agent_key::{AgentKeyForm, Algorithm, KeyStatus};
use crate::domain::id::{AgentId, KeyId};
use crate::domain::receipt::KeyTimes;
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// As many keys as an agent may have had: its history is shown whole.
const KEYS_MAX: u64 = 4096;

statements! {
    WRITE = "INSERT INTO agent_key (id, agent_id, sequence, public_key, sealed, created_at_ms, reason, prev_hash, entry_hash)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    LIST = "SELECT id, sequence, created_at_ms, retired_at_ms, compromised, reason, public_key, prev_hash, entry_hash FROM agent_key
        WHERE agent_id = +?1 ORDER BY sequence DESC";
    FIND_AT = "SELECT id, sequence, created_at_ms, retired_at_ms, compromised, reason, public_key, prev_hash, entry_hash FROM agent_key
        WHERE agent_id = +?1 AND created_at_ms <= ?2 AND (retired_at_ms IS NULL OR retired_at_ms > ?2) ORDER BY sequence DESC LIMIT 1";
    READ_SIGNING = "SELECT id, sealed FROM agent_key WHERE agent_id = +?1 ORDER BY sequence DESC LIMIT 1";
    READ_VERIFYING = "SELECT public_key, created_at_ms, retired_at_ms, compromised FROM agent_key WHERE id = ?1 AND agent_id = +?2";
    READ_LAST = "SELECT sequence, entry_hash FROM agent_key WHERE agent_id = +?1 ORDER BY sequence DESC LIMIT 1";
    RETIRE = "UPDATE agent_key SET retired_at_ms = ?3, compromised = ?4 WHERE agent_id = ?1 AND sequence = ?2";
    RETIRE_ALL = "UPDATE agent_key SET retired_at_ms = ?2 WHERE agent_id = ?1 AND (retired_at_ms IS NULL OR retired_at_ms > ?2)";
    /// What is still in its overlap when a compromise is told ends with it.
    END_OVERLAPS = "UPDATE agent_key SET retired_at_ms = ?2 WHERE agent_id = ?1 AND retired_at_ms > ?2";
}

/// What an entry of the history is hashed over, in the order JCS writes it.
#[derive(Serialize)]
struct Entry<'a> {
    agent_id: AgentId,
    algorithm: Algorithm,
    created_at: String,
    key_id: KeyId,
    public_key: &'a str,
    reason: Option<&'a str>,
    sequence: u64,
}

/// Why a key takes the place of another, and what becomes of that one.
pub(super) struct Rotation<'a> {
    pub reason: Option<&'a str>,
    /// The old key is in the wrong hands.
    pub compromised: bool,
    /// For how long the old key may still sign.
    pub overlap_s: u64,
}

/// Makes an agent's first key.
pub(super) fn begin(desk: &mut Desk<'_>, agent_id: AgentId) -> Step<AgentKeyForm> {
    add(desk, agent_id, 1, &Digest::ZERO, None)
}

/// Makes a key and retires the one that signs.
pub(super) fn rotate(desk: &mut Desk<'_>, agent_id: AgentId, rotation: &Rotation<'_>) -> Step<AgentKeyForm> {
    let id = agent_id.to_string();
    let Some(row) = desk.sql.first(READ_LAST, params![id.as_str()])? else {
        return begin(desk, agent_id);
    };
    let (last, previous) = (row.unsigned(0)?, read_digest(&row, 1)?);
    if last >= KEYS_MAX {
        return Err(Refusal::KeyLimit.into());
    }
    if rotation.compromised {
        desk.sql.run(END_OVERLAPS, params![id.as_str(), desk.now.as_ms()])?;
    }
    let retired_at = desk.now.plus_s(rotation.overlap_s);
    desk.sql.run(RETIRE, params![id, last, retired_at.as_ms(), rotation.compromised])?;
    add(desk, agent_id, last + 1, &previous, rotation.reason)
}

/// Retires whatever an agent could still sign with: its end is that of its keys. What they have signed is verified as before.
pub(super) fn retire_all(desk: &Desk<'_>, agent_id: AgentId, at: Timestamp) -> Step<()> {
    desk.sql.run(RETIRE_ALL, params![agent_id.to_string(), at.as_ms()])?;
    Ok(())
}

/// Makes a key and adds it to the history after the entry of that hash.
fn add(desk: &mut Desk<'_>, agent_id: AgentId, sequence: u64, previous: &Digest, reason: Option<&str>) -> Step<AgentKeyForm> {
    let key_id = KeyId::new(desk.now, desk.entropy);
    let pair = desk.vault.make(key_id, desk.entropy).map_err(|_| SqlError::Shape("a key does not seal"))?;
    let public_key = mac::to_base64url(&pair.public_key);
    let (algorithm, created_at) = (Algorithm::Ed25519, desk.now.to_string());
    let entry = Entry { agent_id, algorithm, created_at, key_id, public_key: &public_key, reason, sequence };
    let entry_hash = Digest::of(&[previous.as_bytes(), &serde_json::to_vec(&entry)?]);
    desk.sql.run(
        WRITE,
        params![
            key_id.to_string(),
            agent_id.to_string(),
            sequence,
            pair.public_key.to_vec(),
            pair.sealed,
            desk.now.as_ms(),
            reason,
            previous.as_bytes().to_vec(),
            entry_hash.as_bytes().to_vec(),
        ],
    )?;
    Ok(AgentKeyForm {
        key_id,
        kid: key_id,
        algorithm,
        public_key,
        status: KeyStatus::Active,
        sequence,
        created_at: desk.now,
        retired_at: None,
        reason: reason.map(str::to_owned),
        prev_hash: *previous,
        entry_hash,
    })
}

/// An agent's keys, newest first; with a moment only the one that signed then.
pub(super) fn list(desk: &Desk<'_>, agent_id: AgentId, at: Option<Timestamp>) -> Step<Vec<AgentKeyForm>> {
    let id = agent_id.to_string();
    let rows = match at {
        None => desk.sql.run(LIST, params![id])?,
        Some(at) => desk.sql.run(FIND_AT, params![id, at.as_ms()])?,
    };
    Ok(rows.iter().map(|row| read(row, desk.now)).collect::<Result<_, SqlError>>()?)
}

/// The key an agent signs with now.
pub(super) struct SealedKey {
    pub key_id: KeyId,
    /// Its private half.
    pub sealed: Vec<u8>,
}

/// A key that has signed.
pub(super) struct VerifyingKey {
    pub public_key: [u8; 32],
    pub times: KeyTimes,
}

/// The key an agent signs with: its newest.
pub(super) fn read_signing(desk: &Desk<'_>, agent_id: AgentId) -> Step<SealedKey> {
    let row = desk.sql.first(READ_SIGNING, params![agent_id.to_string()])?.ok_or(SqlError::Shape("an agent without a key"))?;
    Ok(SealedKey { key_id: Columns::of(&row).id(KeyId::parse)?, sealed: row.blob(1)?.to_vec() })
}

/// A key of an agent's history, if it is one.
pub(super) fn find_verifying(desk: &Desk<'_>, agent_id: AgentId, key_id: KeyId) -> Step<Option<VerifyingKey>> {
    let Some(row) = desk.sql.first(READ_VERIFYING, params![key_id.to_string(), agent_id.to_string()])? else { return Ok(None) };
    let public_key = row.blob(0)?.try_into().map_err(|_| SqlError::Shape("not a public key"))?;
    let retired_at = row.optional_unsigned(2)?.map(Timestamp::from_ms);
    let times = KeyTimes { created_at: Timestamp::from_ms(row.unsigned(1)?), retired_at, is_compromised: row.unsigned(3)? == 1 };
    Ok(Some(VerifyingKey { public_key, times }))
}

fn read(row: &Row, now: Timestamp) -> Result<AgentKeyForm, SqlError> {
    let mut column = Columns::of(row);
    let key_id = column.id(KeyId::parse)?;
    let (sequence, created_at, retired_at) = (column.number()?, column.time()?, column.time_or_null()?);
    let is_compromised = column.number()? == 1;
    Ok(AgentKeyForm {
        key_id,
        kid: key_id,
        algorithm: Algorithm::Ed25519,
        public_key: mac::to_base64url(row.blob(6)?),
        status: KeyStatus::of(retired_at, is_compromised, now),
        sequence,
        created_at,
        retired_at,
        reason: column.text_or_null()?,
        prev_hash: read_digest(row, 7)?,
        entry_hash: read_digest(row, 8)?,
    })
}

fn read_digest(row: &Row, column: usize) -> Result<Digest, SqlError> {
    Digest::from_slice(row.blob(column)?).ok_or(SqlError::Shape("not a digest"))
}
