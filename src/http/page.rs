//! Lists that are read page by page: `{data,next_cursor}`, newest first (contract README 6).

use serde::Serialize;

use super::context::Ctx;
use super::fault::Fault;
use super::query::{Query, QueryKind};
use crate::crypto::mac;
use crate::domain::id::NotAnId;
use crate::objects::tenant::money::command::PageOf;

/// A page of a list.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Page<T> {
    pub data: Vec<T>,
    /// What the next page is asked for with; null at the end.
    pub next_cursor: Option<String>,
}

/// A page of a list that is read by number: at most `limit`, after `offset` of them (contract README 6, identity).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetPage {
    pub limit: u64,
    pub offset: u64,
}

const LIMIT_MAX: u64 = 100;
const LIMIT_DEFAULT: u64 = 20;
const OFFSET_LIMIT_DEFAULT: u64 = 50;

/// How many items a page may have: a route whose list is read by pages declares it, and [`CURSOR`].
pub const LIMIT: Query = Query::whole("limit", 1, LIMIT_MAX);
/// Where a page begins.
pub const CURSOR: Query = Query::new("cursor", QueryKind::Cursor);
/// How many items a page by number may have: its route declares it, and [`OFFSET`].
pub const OFFSET_LIMIT: Query = Query::whole("limit", 1, 200);
/// How many items stand before it; the largest number a double holds exactly.
pub const OFFSET: Query = Query::whole("offset", 0, 9_007_199_254_740_991);

impl Ctx {
    /// The page by number that is asked for.
    pub fn offset_page(&self) -> OffsetPage {
        OffsetPage {
            limit: self.query_whole(OFFSET_LIMIT.name).unwrap_or(OFFSET_LIMIT_DEFAULT),
            offset: self.query_whole(OFFSET.name).unwrap_or(0),
        }
    }

    /// The `limit` of the query, 1..100.
    pub fn page_limit(&self) -> Result<u64, Fault> {
        self.check_value(&LIMIT)?;
        Ok(self.query_whole(LIMIT.name).unwrap_or(LIMIT_DEFAULT))
    }

    /// The page asked for: its length, and what to ask an object for, which is one more.
    pub fn page_of<I>(&self, parse: impl Fn(&str) -> Result<I, NotAnId>) -> Result<(u64, PageOf<I>), Fault> {
        let limit = self.page_limit()?;
        let before = self.page_cursor(|id| parse(id).ok())?;
        Ok((limit, PageOf { limit: limit + 1, before }))
    }

    /// The id a `cursor` stands for, read by `parse`.
    pub fn page_cursor<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Fault> {
        let Some(cursor) = self.incoming.query_value("cursor") else { return Ok(None) };
        let id = mac::from_base64url(cursor).and_then(|bytes| String::from_utf8(bytes).ok());
        id.as_deref().and_then(parse).map(Some).ok_or_else(|| Fault::field("cursor", "must be the next_cursor of an earlier page"))
    }
}

impl<T> Page<T> {
    /// A page of at most `limit` out of a list that was read with one item more.
    pub fn cut(mut data: Vec<T>, limit: u64, id: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = data.len() > limit;
        data.truncate(limit);
        let next_cursor = data.last().filter(|_| has_more).map(|last| mac::to_base64url(id(last).as_bytes()));
        Self { data, next_cursor }
    }
}
