//! The keys agents sign with: one that signs, and the history of all that did (contract identity-and-money 2).
//!
//! Invariant: an agent's keys form a chain, each entry hashed over the one before it; entries are only ever added, and
//! retiring a key changes when it signed, never what it was.

use serde::Serialize;

use super::desk::{Desk, Step};
use crate::domain::digest::Digest;
use crate::domain::id::{AgentId, KeyId};
use crate::objects::sql::SqlError;
use crate::{params, statements};

statements! {
    WRITE = "INSERT INTO agent_key (id, agent_id, sequence, public_key, sealed, created_at_ms, prev_hash, entry_hash)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
}

/// What an entry of the history is hashed over, in the order JCS writes it.
#[derive(Serialize)]
struct Entry<'a> {
    agent_id: AgentId,
    algorithm: &'static str,
    created_at: String,
    key_id: KeyId,
    public_key: &'a str,
    sequence: u64,
}

/// Makes an agent's first key.
pub(super) fn begin(desk: &mut Desk<'_>, agent_id: AgentId) -> Step<KeyId> {
    add(desk, agent_id, 1, &Digest::ZERO)
}

/// Makes a key and adds it to the history after the entry of that hash.
fn add(desk: &mut Desk<'_>, agent_id: AgentId, sequence: u64, previous: &Digest) -> Step<KeyId> {
    let key_id = KeyId::new(desk.now, desk.entropy);
    let pair = desk.vault.make(key_id, desk.entropy).map_err(|_| SqlError::Shape("a key does not seal"))?;
    let public_key = crate::crypto::mac::to_base64url(&pair.public_key);
    let entry = Entry { agent_id, algorithm: "Ed25519", created_at: desk.now.to_string(), key_id, public_key: &public_key, sequence };
    let hash = Digest::of(&[previous.as_bytes(), &serde_json::to_vec(&entry)?]);
    desk.sql.run(
        WRITE,
        params![
            key_id.to_string(),
            agent_id.to_string(),
            sequence,
            pair.public_key.to_vec(),
            pair.sealed,
            desk.now.as_ms(),
            previous.as_bytes().to_vec(),
            hash.as_bytes().to_vec(),
        ],
    )?;
    Ok(key_id)
}
