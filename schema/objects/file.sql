-- What the tenant keeps in the store of files: how much of it there is. The files themselves are named in the audit chain.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

CREATE TABLE file_usage (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;
