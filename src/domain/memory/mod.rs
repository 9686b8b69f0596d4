//! What an agent remembers: the texts and numbers of the memory routes as types that cannot hold anything illegal,
//! the words a search matches by, and the arithmetic of token budgets (contract motecloud 5, 6, 7).
//!
//! A request turns into these types once, at the border; [`Malformed`] says what is allowed.

pub mod budget;
pub mod text;
pub mod value;
pub mod word;

use std::fmt;

pub use budget::{Filling, SEPARATOR, TokenBudget, tokens_of};
pub use text::{AgentLabel, Content, OnceKey, QueryText, SessionId, SourceId, Summary, TaskText, optional};
pub use value::{Importance, Metadata, MetadataFull, ResultLimit, Tags};
pub use word::{MatchText, Scope, Wanted, fingerprint, fold_whitespace, words_of};

/// The most observations one tenant's memory holds (contract motecloud 7).
pub const OBSERVATIONS_MAX: u64 = 100_000;
/// The most observations one finalize brings (contract motecloud 7).
pub const FINALIZE_OBSERVATIONS_MAX: usize = 100;
/// The source under which a closing summary is remembered (contract motecloud 7).
pub const SUMMARY_SOURCE: &str = "session:summary";

/// An input of a memory route that is not what it must be; the text says what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    SessionId,
    Content,
    SourceId,
    Summary,
    QueryText,
    TaskText,
    OnceKey,
    AgentLabel,
    Importance,
    Tags,
    Metadata,
    TokenBudget,
    ResultLimit,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SessionId => "must be 1 to 200 visible ASCII characters without ?, # and %",
            Self::Content => "must be 1 to 65536 characters without control characters but tab and newline",
            Self::SourceId => "must be 1 to 200 characters without control characters but tab and newline",
            Self::Summary => "must be 1 to 16384 characters without control characters but tab and newline",
            Self::QueryText | Self::TaskText => "must be 1 to 4096 characters without control characters but tab and newline",
            Self::OnceKey => "must be 1 to 255 characters without control characters but tab and newline",
            Self::AgentLabel => "must be 1 to 200 characters without control characters but tab and newline",
            Self::Importance => "must be a number from 0 to 1",
            Self::Tags => "must be an object or a list of at most 32 texts, numbers, booleans or nulls, at most 16384 bytes in all",
            Self::Metadata => "must be an object of at most 16384 bytes",
            Self::TokenBudget => "must be an integer from 0 to 32000",
            Self::ResultLimit => "must be an integer from 1 to 50",
        })
    }
}
