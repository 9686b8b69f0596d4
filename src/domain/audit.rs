//! The audit chain: every change of a tenant, each entry bound to all before it.
//!
//! Invariant: an entry's hash is SHA-256 of the hash before it and the JCS (RFC 8785) text of the entry, so an edit
//! anywhere breaks every link after it. The first entry follows 32 zero bytes.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::ledger::{Account, Transfer};
use super::money::Micros;
use super::time::Timestamp;

/// One entry, its fields in the order JCS writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was done, such as `wallet.funded`.
    pub action: String,
    /// Who did it: a key's id, `wallet:0x…`, `user:<uuid>`, `operator:<uuid>` or `house`.
    pub actor: String,
    /// Money moved, with `from` and `to`; all three null in an entry that moves none.
    pub amount_micros: Option<Micros>,
    #[serde(with = "iso")]
    pub at: Timestamp,
    pub from: Option<Account>,
    /// The id of what it was done to.
    pub object: String,
    pub request_id: String,
    /// 1 for the tenant's first entry, then without gaps.
    pub seq: u64,
    pub to: Option<Account>,
}

/// The end of the chain: where the next entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub seq: u64,
    pub hash: Digest,
}

impl Head {
    /// Before the first entry.
    pub const EMPTY: Self = Self { seq: 0, hash: Digest::ZERO };
}

impl Entry {
    /// The transfer's fields, or three nulls.
    pub fn with_transfer(mut self, transfer: Option<Transfer>) -> Self {
        self.amount_micros = transfer.map(|transfer| transfer.amount());
        self.from = transfer.map(|transfer| transfer.from());
        self.to = transfer.map(|transfer| transfer.to());
        self
    }

    /// The entry's canonical text. Its fields stand in code-unit order, its numbers are whole and its strings are
    /// escaped alike by serde_json and JCS, so the plain serialization is the canonical one.
    pub fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The hash of this entry after `previous`.
    pub fn hash_after(&self, previous: &Digest) -> Result<Digest, serde_json::Error> {
        Ok(Digest::of(&[previous.as_bytes(), &self.canonical()?]))
    }
}

/// Moments as the API shows them: what is hashed is what a reader sees.
mod iso {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::time::Timestamp;

    pub fn serialize<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(moment)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            action: "wallet.funded".to_owned(),
            actor: "user:\u{1}\"é\u{2028}😀\u{7f}\u{8}".to_owned(),
            amount_micros: None,
            at: Timestamp::from_ms(1_770_000_000_123),
            from: None,
            object: "fnd_1".to_owned(),
            request_id: "req_1".to_owned(),
            seq: 1,
            to: None,
        }
        .with_transfer(Transfer::new(Account::Outside, Account::Revenue, Micros::MAX).ok())
    }

    #[test]
    fn the_plain_serialization_is_the_canonical_one() {
        assert_eq!(entry().canonical().unwrap(), serde_json_canonicalizer::to_vec(&entry()).unwrap());
        let unmoved = entry().with_transfer(None);
        assert_eq!(unmoved.canonical().unwrap(), serde_json_canonicalizer::to_vec(&unmoved).unwrap());
        assert_eq!(serde_json::from_slice::<Entry>(&entry().canonical().unwrap()).unwrap(), entry());
    }

    #[test]
    fn any_edit_changes_the_hash() {
        let hash = entry().hash_after(&Digest::ZERO).unwrap();
        assert_ne!(entry().hash_after(&hash).unwrap(), hash);
        assert_ne!(Entry { object: "fnd_2".to_owned(), ..entry() }.hash_after(&Digest::ZERO).unwrap(), hash);
        assert_ne!(entry().with_transfer(None).hash_after(&Digest::ZERO).unwrap(), hash);
    }
}
