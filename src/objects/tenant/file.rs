//! How much a tenant keeps in the store of files (contract atelier 5). The store itself is the border's business.
//!
//! Invariant: a file that was named to anybody is counted, and what is counted never exceeds the quota. Of a request that
//! dies between storing and counting a file is left that nobody was told of.

use serde::{Deserialize, Serialize};

use super::desk::{Desk, Done, Keep, Step};
use super::outcome::Outcome;
use super::refusal::Refusal;
use crate::domain::digest::Digest;
use crate::domain::event::Action;
use crate::{params, statements};

/// All files of a tenant together: 5 GB.
pub const TENANT_BYTES_MAX: u64 = 5 << 30;

statements! {
    READ = "SELECT bytes FROM file_usage";
    ADD = "INSERT INTO file_usage (one, bytes) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET bytes = bytes + ?1";
}

/// What can be asked about files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileCommand {
    /// Whether there is room for anything at all. Changes nothing.
    Admit,
    /// Counts a file that is stored.
    Keep { name: String, bytes: u64, sha256: Digest },
}

/// Carries a command out.
pub(super) fn execute(desk: &mut Desk<'_>, command: &FileCommand) -> Step<Done> {
    let used_bytes = desk.sql.first(READ, &[])?.map_or(Ok(0), |row| row.unsigned(0))?;
    match command {
        FileCommand::Admit if used_bytes < TENANT_BYTES_MAX => {}
        FileCommand::Keep { name, bytes, sha256 } if used_bytes.saturating_add(*bytes) <= TENANT_BYTES_MAX => {
            desk.sql.run(ADD, params![*bytes])?;
            desk.record(Action::FileKept, &format!("{name}:{sha256}"), None, &())?;
        }
        FileCommand::Admit | FileCommand::Keep { .. } => {
            return Err(Refusal::StorageFull { limit_bytes: TENANT_BYTES_MAX, used_bytes }.into());
        }
    }
    Ok(Done { outcome: Outcome::FileAdmitted, keep: Keep::Nothing })
}
