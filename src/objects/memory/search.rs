//! Finding observations by their words: search, priming, and a session's own context (contract motecloud 5, 6, 7).
//!
//! Invariant: an answer depends on the memory and the question alone. Scores are rounded before they are compared, and
//! equal ones go newest first, then by id, which is the order of observation numbers backwards.

use std::collections::HashSet;

use serde_json::json;

use crate::domain::id::ObservationId;
use crate::domain::memory::{Filling, SEPARATOR, Scope, TokenBudget, Wanted, tokens_of};
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, Sql, SqlError};
use crate::{params, statements};

use super::command::{Context, Found, Hit, Prime, Primed, PrimedItem, Search};
use super::record::{Session, read_id};

/// How many observations are weighed for one context: the best by their words, or the first of a session.
const CANDIDATES_MAX: u64 = 1_000;
/// How many matches are scored one by one. Of more, those that hold the rarer words are scored, and the newest of the
/// rest: words that so many observations hold tell little, and a question of them alone is not to keep a memory busy.
const SCORED_MAX: u64 = 5_000;

/// The best matches of ?1, at most ?2: entries and scores. The second column of the index narrows and weighs nothing.
macro_rules! best {
    () => {
        "(SELECT rowid AS entry, ROUND(-bm25(word, 1.0, 0.0), 6) AS score FROM word WHERE word MATCH ?1 \
         ORDER BY score DESC, rowid DESC LIMIT +?2)"
    };
}

/// The same where too many match: those with rare words (?1, and with common words too ?3), and the newest ?5 of those
/// with common words (?4). One that is scored twice counts by the score of all its words, which is the higher.
macro_rules! best_of_many {
    () => {
        "(SELECT entry, ROUND(MAX(part), 6) AS score FROM (\
           SELECT rowid AS entry, -bm25(word, 1.0, 0.0) AS part FROM word WHERE word MATCH ?1 \
           UNION ALL SELECT rowid, -bm25(word, 1.0, 0.0) FROM word WHERE word MATCH ?3 \
           UNION ALL SELECT entry, part FROM (SELECT rowid AS entry, -bm25(word, 1.0, 0.0) AS part FROM word WHERE word MATCH ?4 \
             ORDER BY rowid DESC LIMIT +?5)) \
         GROUP BY entry ORDER BY score DESC, entry DESC LIMIT +?2)"
    };
}

macro_rules! read_hits {
    ($best:expr) => {
        concat!(
            "SELECT o.id, o.content, hit.score, o.source_id, s.session_id, o.importance, o.tags FROM ",
            $best,
            " AS hit JOIN observation AS o ON o.number = hit.entry / 2 JOIN session AS s ON s.number = o.session \
             ORDER BY hit.score DESC, o.number DESC"
        )
    };
}

macro_rules! weigh_hits {
    ($best:expr) => {
        concat!(
            "SELECT o.number, o.tokens, ROUND(hit.score * (0.5 + o.importance), 6) AS weight FROM ",
            $best,
            " AS hit JOIN observation AS o ON o.number = hit.entry / 2 ORDER BY weight DESC, o.number DESC"
        )
    };
}

statements! {
    COUNT_MATCHES = "SELECT COUNT(*) FROM word WHERE word MATCH ?1";
    COUNT_EACH = "SELECT (SELECT COUNT(*) FROM word WHERE word MATCH each.value) FROM json_each(?1) AS each ORDER BY each.key";
    SEARCH = read_hits!(best!());
    SEARCH_MANY = read_hits!(best_of_many!());
    WEIGH = weigh_hits!(best!());
    WEIGH_MANY = weigh_hits!(best_of_many!());
    RANK_SESSION = "SELECT number, tokens FROM observation WHERE session = +?1 \
                    ORDER BY working DESC, importance DESC, number DESC LIMIT +?2";
    READ = "SELECT o.id, o.content, o.source_id, s.session_id FROM json_each(?1) AS pick \
            JOIN observation AS o ON o.number = pick.value JOIN session AS s ON s.number = o.session ORDER BY pick.key";
}

/// Finds the best matches of a query: none for a text without words, two statements, three where many match.
pub fn search(sql: &dyn Sql, search: &Search) -> Result<Found, SqlError> {
    let session = search.session_id.as_ref().map(Scope::of_session);
    let source = search.source_id.as_ref().map(Scope::of_source);
    let Some(wanted) = Wanted::new(search.query_text.as_str(), session.into_iter().chain(source).collect()) else {
        return Ok(Found { results: Vec::new(), total: 0 });
    };
    let total = count_matches(sql, &wanted)?;
    let rows = run_best(sql, &wanted, total, search.limit.as_u64(), (SEARCH, SEARCH_MANY))?;
    let results = rows.iter().map(read_hit).collect::<Result<Vec<Hit>, SqlError>>()?;
    Ok(Found { results, total })
}

fn count_matches(sql: &dyn Sql, wanted: &Wanted) -> Result<u64, SqlError> {
    sql.first(COUNT_MATCHES, params![wanted.any().as_str()])?.ok_or(SqlError::Shape("expected a count"))?.unsigned(0)
}

/// Runs the statement for few matches or the one for many, whichever `total` asks for; none when nothing matches.
fn run_best(
    sql: &dyn Sql,
    wanted: &Wanted,
    total: u64,
    limit: u64,
    (few, many): (&'static str, &'static str),
) -> Result<Vec<Row>, SqlError> {
    if total == 0 {
        return Ok(Vec::new());
    }
    if total <= SCORED_MAX {
        return sql.run(few, params![wanted.any().as_str(), limit]);
    }
    let each: Vec<String> = wanted.each().iter().map(|text| text.as_str().to_owned()).collect();
    let rows = sql.run(COUNT_EACH, params![json!(each).to_string()])?;
    let counts = rows.iter().map(|row| row.unsigned(0)).collect::<Result<Vec<_>, _>>()?;
    let parted = wanted.part(&counts, SCORED_MAX);
    sql.run(many, params![parted.rare.as_str(), limit, parted.both.as_str(), parted.common.as_str(), SCORED_MAX])
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
/// (0.5 + importance). What does not fit is passed over. Three statements, five with a session named, two more where
/// many match.
pub fn prime(sql: &dyn Sql, prime: &Prime) -> Result<Primed, SqlError> {
    let task = prime.task_description.as_str();
    let scope = prime.session_id.as_ref().map(Scope::of_session);
    let own = scope.and_then(|scope| Wanted::new(task, vec![scope]));
    let (mut candidates, mut total) = (Vec::new(), 0);
    // What matches anywhere comes last, so the total left is its.
    for wanted in own.into_iter().chain(Wanted::new(task, Vec::new())) {
        total = count_matches(sql, &wanted)?;
        for row in run_best(sql, &wanted, total, CANDIDATES_MAX, (WEIGH, WEIGH_MANY))? {
            candidates.push(Candidate { number: row.unsigned(0)?, tokens: row.unsigned(1)?, weight: row.real(2)? });
        }
    }
    let mut seen = HashSet::new();
    candidates.retain(|candidate| seen.insert(candidate.number));

    let budget = prime.token_budget.as_tokens();
    let picked = pick(&candidates, budget);
    let rows = read_picked(sql, &picked)?;
    let items = picked.iter().zip(&rows).map(|(candidate, row)| read_item(candidate, row)).collect::<Result<Vec<_>, _>>()?;
    let context = join_context(items.iter().map(|item| item.content.as_str()));
    Ok(Primed { context, token_budget: budget, truncated: count(&items) < total, items })
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
