//! Finding observations by their words: search, priming, and a session's own context (contract motecloud 5, 6, 7).
//!
//! Invariant: an answer depends on the memory and the question alone. Scores are rounded before they are compared, and
//! equal ones go newest first, then by id, which is the order of observation numbers backwards.

use std::collections::HashSet;

use serde_json::json;

use crate::domain::id::ObservationId;
use crate::domain::memory::{Filling, MatchText, SEPARATOR, Scope, TokenBudget, tokens_of};
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, Sql, SqlError};
use crate::{params, statements};

use super::command::{Context, Found, Hit, Prime, Primed, PrimedItem, Search};
use super::record::{Session, read_id};

/// How many observations are weighed for one context: the best by their words, or the first of a session.
const CANDIDATES_MAX: u64 = 1_000;

statements! {
    /// The second column of the index holds scopes, which narrow and weigh nothing.
    SEARCH = "SELECT o.id, o.content, hit.score, o.source_id, s.session_id, o.importance, o.tags \
              FROM (SELECT rowid AS entry, ROUND(-bm25(word, 1.0, 0.0), 6) AS score FROM word WHERE word MATCH ?1 \
              ORDER BY score DESC, rowid DESC LIMIT ?2) AS hit \
              JOIN observation AS o ON o.number = hit.entry / 2 JOIN session AS s ON s.number = o.session \
              ORDER BY hit.score DESC, o.number DESC";
    COUNT_MATCHES = "SELECT COUNT(*) FROM word WHERE word MATCH ?1";
    WEIGH = "SELECT o.number, o.tokens, ROUND(hit.score * (0.5 + o.importance), 6) AS weight \
             FROM (SELECT rowid AS entry, -bm25(word, 1.0, 0.0) AS score FROM word WHERE word MATCH ?1 \
             ORDER BY score DESC, rowid DESC LIMIT ?2) AS hit \
             JOIN observation AS o ON o.number = hit.entry / 2 ORDER BY weight DESC, o.number DESC";
    RANK_SESSION = "SELECT number, tokens FROM observation WHERE session = ?1 \
                    ORDER BY working DESC, importance DESC, number DESC LIMIT ?2";
    READ = "SELECT o.id, o.content, o.source_id, s.session_id FROM json_each(?1) AS pick \
            JOIN observation AS o ON o.number = pick.value JOIN session AS s ON s.number = o.session ORDER BY pick.key";
}

/// Finds the best matches of a query. Two statements at most; none for a text without words.
pub fn search(sql: &dyn Sql, search: &Search) -> Result<Found, SqlError> {
    let session = search.session_id.as_ref().map(Scope::of_session);
    let source = search.source_id.as_ref().map(Scope::of_source);
    let scopes: Vec<Scope> = session.into_iter().chain(source).collect();
    let Some(text) = MatchText::new(search.query_text.as_str(), &scopes) else {
        return Ok(Found { results: Vec::new(), total: 0 });
    };
    let limit = search.limit.as_u64();
    let rows = sql.run(SEARCH, params![text.as_str(), limit])?;
    let results = rows.iter().map(read_hit).collect::<Result<Vec<Hit>, SqlError>>()?;
    let shown = count(&results);
    // Fewer than asked for are all there are.
    let total = if shown < limit { shown } else { count_matches(sql, &text)? };
    Ok(Found { results, total })
}

fn count_matches(sql: &dyn Sql, text: &MatchText) -> Result<u64, SqlError> {
    sql.first(COUNT_MATCHES, params![text.as_str()])?.ok_or(SqlError::Shape("expected a count"))?.unsigned(0)
}

fn read_hit(row: &Row) -> Result<Hit, SqlError> {
    let id = read_id(row, 0)?;
    Ok(Hit {
        id,
        content: row.text(1)?.to_owned(),
        score: row.real(2)?,
        source_id: row.optional_text(3)?.map(str::to_owned),
        session_id: row.text(4)?.to_owned(),
        importance_score: row.real(5)?,
        tags: serde_json::from_str(row.text(6)?).map_err(|_| SqlError::Shape("expected tags"))?,
        created_at: born_at(id),
    })
}

/// When an observation was made: its id says so.
const fn born_at(id: ObservationId) -> Timestamp {
    Timestamp::from_ms(id.ulid().timestamp_ms())
}

/// Fills a context for a task: what matches in the named session first, then what matches anywhere, each by BM25 times
/// (0.5 + importance). What does not fit is passed over. Three statements at most.
pub fn prime(sql: &dyn Sql, prime: &Prime) -> Result<Primed, SqlError> {
    let task = prime.task_description.as_str();
    let scope = prime.session_id.as_ref().map(Scope::of_session);
    let own = scope.and_then(|scope| MatchText::new(task, &[scope]));
    let mut candidates = Vec::new();
    for text in own.into_iter().chain(MatchText::new(task, &[])) {
        for row in sql.run(WEIGH, params![text.as_str(), CANDIDATES_MAX])? {
            candidates.push(Candidate { number: row.unsigned(0)?, tokens: row.unsigned(1)?, weight: row.real(2)? });
        }
    }
    let is_cut = count(&candidates) >= CANDIDATES_MAX;
    let mut seen = HashSet::new();
    candidates.retain(|candidate| seen.insert(candidate.number));

    let budget = prime.token_budget.as_tokens();
    let picked = pick(&candidates, budget);
    let rows = read_picked(sql, &picked)?;
    let items = picked.iter().zip(&rows).map(|(candidate, row)| read_item(candidate, row)).collect::<Result<Vec<_>, _>>()?;
    let context = join_context(items.iter().map(|item| item.content.as_str()));
    Ok(Primed { context, token_budget: budget, truncated: is_cut || items.len() < candidates.len(), items })
}

/// The context of a session for its agent to resume with: its working set first, then what was trimmed, each by
/// importance, newest first. Two statements at most.
pub fn session_context(sql: &dyn Sql, session: &Session, budget_tokens: u64) -> Result<Context, SqlError> {
    let budget = budget_tokens.min(TokenBudget::MAX);
    let rows = sql.run(RANK_SESSION, params![session.number, CANDIDATES_MAX.min(budget)])?;
    let read = |row: &Row| Ok(Candidate { number: row.unsigned(0)?, tokens: row.unsigned(1)?, weight: 0.0 });
    let candidates = rows.iter().map(read).collect::<Result<Vec<_>, SqlError>>()?;
    let rows = read_picked(sql, &pick(&candidates, budget))?;
    let contents = rows.iter().map(|row| row.text(1)).collect::<Result<Vec<_>, _>>()?;
    Ok(join_context(contents.into_iter()))
}

/// An observation that may stand in a context.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    number: u64,
    tokens: u64,
    weight: f64,
}

/// Those that fit, in their order.
fn pick(candidates: &[Candidate], budget_tokens: u64) -> Vec<Candidate> {
    let mut filling = Filling::new(budget_tokens);
    candidates.iter().copied().filter(|candidate| filling.admit(candidate.tokens)).collect()
}

/// The rows of picked observations, in the order picked.
fn read_picked(sql: &dyn Sql, picked: &[Candidate]) -> Result<Vec<Row>, SqlError> {
    if picked.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<u64> = picked.iter().map(|candidate| candidate.number).collect();
    sql.run(READ, params![json!(numbers).to_string()])
}

fn read_item(candidate: &Candidate, row: &Row) -> Result<PrimedItem, SqlError> {
    Ok(PrimedItem {
        id: read_id(row, 0)?,
        content: row.text(1)?.to_owned(),
        score: candidate.weight,
        tokens: candidate.tokens,
        source_id: row.optional_text(2)?.map(str::to_owned),
        session_id: row.text(3)?.to_owned(),
    })
}

fn join_context<'a>(contents: impl Iterator<Item = &'a str>) -> Context {
    let text = contents.collect::<Vec<_>>().join(SEPARATOR);
    let tokens_used = tokens_of(&text);
    Context { text, tokens_used }
}

fn count<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}
