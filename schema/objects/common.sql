-- What every object has that counts limits and keeps idempotency records.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

CREATE TABLE schema_version (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL
) STRICT;

-- One row a class and scope, used again for each window: `count` requests counted in the window that ends at
-- `ends_at_ms`. A count of zero is a window that has not opened.
CREATE TABLE limit_window (
  class TEXT NOT NULL,
  scope TEXT NOT NULL,
  ends_at_ms INTEGER NOT NULL,
  count INTEGER NOT NULL CHECK (count >= 0),
  PRIMARY KEY (class, scope)
) STRICT, WITHOUT ROWID;

-- One row a claimed Idempotency-Key. `answer` is null while the first request runs, whose id is `holder`. Rows are
-- purged from the lowest `seq` up, which is the order they run out in, so no index on the time is needed.
CREATE TABLE idempotency (
  seq INTEGER PRIMARY KEY,
  scope_hash BLOB NOT NULL UNIQUE CHECK (length(scope_hash) = 32),
  body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
  holder TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  answer BLOB,
  parts INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The rest of an answer that is too long for one row.
CREATE TABLE idempotency_part (
  scope_hash BLOB NOT NULL REFERENCES idempotency (scope_hash) ON DELETE CASCADE,
  part INTEGER NOT NULL CHECK (part > 0),
  answer BLOB NOT NULL,
  PRIMARY KEY (scope_hash, part)
) STRICT, WITHOUT ROWID;
