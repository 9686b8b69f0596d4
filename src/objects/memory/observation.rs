//! Observations: taking them in, trimming the working set, merging equal ones.
//!
//! Invariants: sequences of a session have no gap; a key is taken once; a row and its words in the index are written and
//! removed together, in the caller's transaction; ids of one millisecond fall, so that "newest first, id" is the order
//! of numbers backwards and a search needs no second sort.
//!
//! Many rows go in as one JSON array a statement, so that a batch of a hundred costs as many statements as one.

use std::collections::HashMap;

use serde_json::{Value, json};
use ulid::Ulid;

use crate::domain::entropy::Entropy;
use crate::domain::id::ObservationId;
use crate::domain::memory::{OBSERVATIONS_MAX, Scope, fingerprint, fold_whitespace, tokens_of, words_of};
use crate::domain::time::Timestamp;
use crate::objects::sql::{Sql, SqlError};
use crate::{params, statements};

use super::Stop;
use super::command::{Draft, Refusal};
use super::record::{Session, Tally, read_id};

/// The observations of a session that have an older one of equal content.
macro_rules! younger_twins {
    ($what:literal) => {
        concat!(
            "(SELECT ",
            $what,
            " FROM (SELECT number, tokens, ROW_NUMBER() OVER (PARTITION BY folded ORDER BY number) AS place \
               FROM observation WHERE session = +?1) WHERE place > 1)"
        )
    };
}

statements! {
    FIND_KEYS = "SELECT key, id, sequence, tokens, content_fingerprint FROM session_key \
                 WHERE session = +?1 AND key IN (SELECT value FROM json_each(?2))";
    INSERT = "INSERT INTO observation (number, id, session, working, importance, tokens, folded, source_id, tags, content) \
              SELECT value ->> 0, value ->> 1, ?1, 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7 \
              FROM json_each(?2)";
    INSERT_WORDS = "INSERT INTO word (rowid, words, scope) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)";
    INSERT_KEYS = "INSERT INTO session_key (session, key, id, sequence, tokens, content_fingerprint) \
                   SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?2)";
    TRIM = "UPDATE observation SET working = 0 WHERE number IN (SELECT number FROM \
            (SELECT number, SUM(tokens) OVER (ORDER BY importance DESC, number DESC) AS kept_tokens \
            FROM observation WHERE session = +?1 AND working = 1) WHERE kept_tokens > ?2) RETURNING tokens";
    COUNT_TWINS = concat!("SELECT COUNT(*), SUM(tokens) FROM ", younger_twins!("tokens"));
    RAISE_ELDEST = "UPDATE observation SET (importance, working) = (SELECT MAX(twin.importance), MAX(twin.working) \
                    FROM observation AS twin WHERE twin.session = +?1 AND twin.folded = observation.folded) \
                    WHERE number IN (SELECT MIN(number) FROM observation WHERE session = +?1 GROUP BY folded HAVING COUNT(*) > 1)";
    DELETE_TWIN_WORDS = concat!(
        "DELETE FROM word WHERE rowid IN (SELECT 2 * number FROM ", younger_twins!("number"),
        " UNION ALL SELECT 2 * number + 1 FROM ", younger_twins!("number"), ")"
    );
    DELETE_TWINS = concat!("DELETE FROM observation WHERE number IN ", younger_twins!("number"));
    COUNT_WORKING = "SELECT COUNT(*), SUM(tokens) FROM observation WHERE session = +?1 AND working = 1";
}

/// An observation taken in, now or the first time its key was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    pub id: ObservationId,
    pub sequence: u64,
    pub tokens: u64,
    pub duplicate: bool,
}

/// Drafts judged against the keys their session knows: nothing is written yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Sorted<'a> {
    places: Vec<Place<'a>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Place<'a> {
    New(&'a Draft),
    /// Taken in before this call.
    Known(Taken),
    /// The same key as an earlier draft of this call, by its position.
    Repeated(usize),
}

impl Sorted<'_> {
    /// How many drafts are to be written.
    pub fn new_count(&self) -> u64 {
        self.places.iter().map(|place| u64::from(matches!(place, Place::New(_)))).sum()
    }
}

/// Sorts drafts into new ones and known ones. One statement, none when no draft has a key.
///
/// # Errors
/// [`Refusal::IdempotencyConflict`] when a key was used with other content, in an earlier call or in this one.
pub fn sort<'a>(sql: &dyn Sql, session: &Session, drafts: &'a [Draft]) -> Result<Sorted<'a>, Stop> {
    let known = find_keys(sql, session, drafts)?;
    let mut first_of: HashMap<&str, (usize, String)> = HashMap::new();
    let mut places = Vec::with_capacity(drafts.len());
    for (position, draft) in drafts.iter().enumerate() {
        let Some(key) = draft.idempotency_key.as_ref().map(|key| key.as_str()) else {
            places.push(Place::New(draft));
            continue;
        };
        let content = fingerprint(draft.content.as_str());
        let place = match (known.get(key), first_of.get(key)) {
            (Some((taken, first)), _) if *first == content => Place::Known(*taken),
            (None, Some((earlier, first))) if *first == content => Place::Repeated(*earlier),
            (None, None) => Place::New(draft),
            (Some(_), _) | (None, Some(_)) => return Err(Refusal::IdempotencyConflict.into()),
        };
        first_of.entry(key).or_insert((position, content));
        places.push(place);
    }
    Ok(Sorted { places })
}

/// The keys of `drafts` the session knows, each with its first observation and the fingerprint of its content.
fn find_keys(sql: &dyn Sql, session: &Session, drafts: &[Draft]) -> Result<HashMap<String, (Taken, String)>, SqlError> {
    let keys: Vec<&str> = drafts.iter().filter_map(|draft| draft.idempotency_key.as_ref().map(|key| key.as_str())).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let mut known = HashMap::new();
    for row in sql.run(FIND_KEYS, params![session.number, json!(keys).to_string()])? {
        let taken = Taken { id: read_id(&row, 1)?, sequence: row.unsigned(2)?, tokens: row.unsigned(3)?, duplicate: true };
        known.insert(row.text(0)?.to_owned(), (taken, row.text(4)?.to_owned()));
    }
    Ok(known)
}

/// Refuses when the memory has no room for `wanted` more.
pub fn check_room(tally: &Tally, wanted: u64) -> Result<(), Refusal> {
    if wanted > 0 && tally.observations.saturating_add(wanted) > OBSERVATIONS_MAX { Err(Refusal::MemoryFull) } else { Ok(()) }
}

/// Writes the new ones of the sorted drafts, gives them sequences and counts them; two statements, three with keys,
/// none when nothing is new. Hands back where each draft is kept, in the drafts' order.
pub fn take_in(
    sql: &dyn Sql,
    now: Timestamp,
    entropy: &mut dyn Entropy,
    tally: &mut Tally,
    session: &mut Session,
    sorted: &Sorted<'_>,
) -> Result<Vec<Taken>, SqlError> {
    let mut taken: Vec<Taken> = Vec::with_capacity(sorted.places.len());
    let mut batch = Batch::default();
    for place in &sorted.places {
        taken.push(match place {
            Place::New(draft) => batch.add(now, entropy, tally, session, draft),
            Place::Known(known) => *known,
            Place::Repeated(earlier) => {
                let first = taken.get(*earlier).ok_or(SqlError::Shape("expected an earlier draft"))?;
                Taken { duplicate: true, ..*first }
            }
        });
    }
    batch.write(sql, session)?;
    Ok(taken)
}

/// Rows to be written, as JSON.
#[derive(Default)]
struct Batch {
    rows: Vec<Value>,
    words: Vec<Value>,
    keys: Vec<Value>,
}

impl Batch {
    fn add(&mut self, now: Timestamp, entropy: &mut dyn Entropy, tally: &mut Tally, session: &mut Session, draft: &Draft) -> Taken {
        let content = draft.content.as_str();
        let source = draft.source_id.as_ref();
        let id = next_id(now, entropy, tally.last_observation_id);
        let tokens = tokens_of(content);
        tally.observations += 1;
        tally.last_observation += 1;
        tally.last_observation_id = Some(id);
        session.sequence += 1;
        session.observations += 1;
        session.tokens += tokens;
        session.working.items += 1;
        session.working.tokens += tokens;
        session.updated_at = now;

        let number = tally.last_observation;
        let folded = fingerprint(&fold_whitespace(content));
        let importance = draft.importance_score.as_f64();
        let source_text = source.map(|source| source.as_str());
        self.rows.push(json!([number, id, importance, tokens, folded, source_text, draft.tags.to_string(), content]));

        let mut words = words_of(content);
        words.extend(source_text.map(words_of).unwrap_or_default());
        let mut scope = Scope::of_session(&session.session_id).as_str().to_owned();
        if let Some(source) = source {
            scope.push(' ');
            scope.push_str(Scope::of_source(source).as_str());
        }
        self.words.push(json!([2 * number, words.join(" "), scope]));
        self.words.push(json!([2 * number + 1, "", ""]));

        if let Some(key) = &draft.idempotency_key {
            self.keys.push(json!([key, id, session.sequence, tokens, fingerprint(content)]));
        }
        Taken { id, sequence: session.sequence, tokens, duplicate: false }
    }

    fn write(self, sql: &dyn Sql, session: &Session) -> Result<(), SqlError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        sql.run(INSERT, params![session.number, Value::from(self.rows).to_string()])?;
        sql.run(INSERT_WORDS, params![Value::from(self.words).to_string()])?;
        if !self.keys.is_empty() {
            sql.run(INSERT_KEYS, params![session.number, Value::from(self.keys).to_string()])?;
        }
        Ok(())
    }
}

/// A fresh id that is not of an earlier millisecond than the last, and within one falls below it.
fn next_id(now: Timestamp, entropy: &mut dyn Entropy, last: Option<ObservationId>) -> ObservationId {
    let fresh = ObservationId::new(now, entropy);
    let Some(last) = last.map(ObservationId::ulid).filter(|last| last.timestamp_ms() >= now.as_ms()) else { return fresh };
    // A step of up to 2^40 out of 2^80: a millisecond holds more ids than a memory holds observations.
    let step = 1 + (fresh.ulid().random() >> 40);
    match last.random().checked_sub(step) {
        Some(random) => ObservationId::from_ulid(Ulid::from_parts(last.timestamp_ms(), random)),
        None => ObservationId::new(Timestamp::from_ms(last.timestamp_ms() + 1), entropy),
    }
}

/// Trims the session's working set to a budget, least important then oldest out; 0 leaves it alone. One statement when
/// there is something to trim. What is trimmed stays searchable.
pub fn trim(sql: &dyn Sql, session: &mut Session, budget_tokens: u64) -> Result<(), SqlError> {
    if budget_tokens == 0 || session.working.tokens <= budget_tokens {
        return Ok(());
    }
    for row in sql.run(TRIM, params![session.number, budget_tokens])? {
        session.working.items = session.working.items.saturating_sub(1);
        session.working.tokens = session.working.tokens.saturating_sub(row.unsigned(0)?);
    }
    Ok(())
}

/// Marks everything consolidated and, if smart, merges equal contents into the oldest with the highest importance; it
/// is in the working set if any of them was. Hands back how many were newly marked and how many merged away. No
/// statement when no merge is due, one when nothing is equal, six otherwise.
pub fn consolidate(sql: &dyn Sql, tally: &mut Tally, session: &mut Session, smart: bool) -> Result<(u64, u64), SqlError> {
    let consolidated = session.sequence - session.consolidated_through;
    session.consolidated_through = session.sequence;
    if !smart || session.merged_through == session.sequence {
        return Ok((consolidated, 0));
    }
    session.merged_through = session.sequence;
    let number = params![session.number];
    let twins = sql.first(COUNT_TWINS, number)?.ok_or(SqlError::Shape("expected a count"))?;
    let merged = twins.unsigned(0)?;
    if merged > 0 {
        sql.run(RAISE_ELDEST, number)?;
        sql.run(DELETE_TWIN_WORDS, number)?;
        sql.run(DELETE_TWINS, number)?;
        let working = sql.first(COUNT_WORKING, number)?.ok_or(SqlError::Shape("expected a count"))?;
        tally.observations = tally.observations.saturating_sub(merged);
        session.observations = session.observations.saturating_sub(merged);
        session.tokens = session.tokens.saturating_sub(twins.unsigned(1)?);
        session.working.items = working.unsigned(0)?;
        session.working.tokens = working.optional_unsigned(1)?.unwrap_or(0);
    }
    Ok((consolidated, merged))
}
