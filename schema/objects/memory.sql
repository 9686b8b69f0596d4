-- The memory of one tenant. A statement ends with a semicolon at the end of its line, and nowhere else.

-- What is counted once and never by walking: observations kept, sessions open, and the last numbers given.
CREATE TABLE tally (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  observations INTEGER NOT NULL DEFAULT 0 CHECK (observations BETWEEN 0 AND 100000),
  open_sessions INTEGER NOT NULL DEFAULT 0 CHECK (open_sessions >= 0),
  last_session INTEGER NOT NULL DEFAULT 0,
  last_observation INTEGER NOT NULL DEFAULT 0,
  last_observation_id TEXT
) STRICT;

INSERT INTO tally (one) VALUES (1);

-- `sequence` is the last one given; `consolidated_through` and `merged_through` are the sequences a flush and a smart
-- flush have reached. `closed_at_ms` is null exactly while the session is open.
CREATE TABLE session (
  number INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE,
  agent_id TEXT,
  sequence INTEGER NOT NULL,
  consolidated_through INTEGER NOT NULL CHECK (consolidated_through <= sequence),
  merged_through INTEGER NOT NULL CHECK (merged_through <= consolidated_through),
  observations INTEGER NOT NULL CHECK (observations BETWEEN 0 AND sequence),
  tokens INTEGER NOT NULL CHECK (tokens >= observations),
  working_items INTEGER NOT NULL CHECK (working_items BETWEEN 0 AND observations),
  working_tokens INTEGER NOT NULL CHECK (working_tokens BETWEEN working_items AND tokens),
  opened_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  closed_at_ms INTEGER,
  summary_id TEXT,
  metadata TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Numbers rise with time, and ids fall within a millisecond: the order of numbers backwards is "newest first, id".
CREATE TABLE observation (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  session INTEGER NOT NULL,
  working INTEGER NOT NULL CHECK (working IN (0, 1)),
  importance REAL NOT NULL CHECK (importance BETWEEN 0 AND 1),
  tokens INTEGER NOT NULL CHECK (tokens > 0),
  folded TEXT NOT NULL,
  source_id TEXT,
  tags TEXT NOT NULL,
  content TEXT NOT NULL
) STRICT;

-- What a session's context takes first, and what its working set lets go last.
CREATE INDEX observation_by_rank ON observation (session, working DESC, importance DESC, number DESC, tokens);

-- Equal contents of a session.
CREATE INDEX observation_by_folded ON observation (session, folded);

-- The keys a session knows, all its life: they outlast the merging of what they brought.
CREATE TABLE session_key (
  session INTEGER NOT NULL,
  key TEXT NOT NULL,
  id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  content_fingerprint TEXT NOT NULL,
  PRIMARY KEY (session, key)
) STRICT, WITHOUT ROWID;

-- The words of observation n are entry 2n, its empty twin is entry 2n+1, and entry 1 is empty too. FTS5 weighs a word by
-- ln((rows - hits + 0.5) / (hits + 0.5)) and cuts what is not positive to nothing, so that in a memory of few
-- observations every score would be the same; with twins no word is ever in half of the rows, and rarer still means
-- heavier. The words come from our own reading of a text (domain/memory/word.rs); the tokenizer keeps them whole, and
-- takes accents off on both sides.
CREATE VIRTUAL TABLE word USING fts5 (
  words, scope, content = '', contentless_delete = 1,
  tokenize = "unicode61 remove_diacritics 2 categories 'L* N* M* C* S*'"
);

INSERT INTO word (rowid, words, scope) VALUES (1, '', '');
