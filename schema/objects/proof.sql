-- What agents prove: sessions that act in their name, delegations between them, and receipts they have signed.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

-- `seq` is that of the audit entry that opened the session. One that was ended has no secrets any more.
CREATE TABLE agent_session (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  agent_id TEXT NOT NULL REFERENCES agent (id),
  scopes TEXT NOT NULL,
  metadata TEXT NOT NULL,
  ttl_s INTEGER NOT NULL CHECK (ttl_s > 0),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  end_reason TEXT
) STRICT;

CREATE INDEX agent_session_by_agent ON agent_session (agent_id, seq);

CREATE INDEX agent_session_by_deadline ON agent_session (expires_at_ms);

-- The hashes of a session's tokens. A refresh token that was used is kept: who brings it again has stolen it, or was
-- stolen from.
CREATE TABLE agent_session_secret (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  session_seq INTEGER NOT NULL REFERENCES agent_session (seq) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('access', 'refresh', 'spent'))
) STRICT, WITHOUT ROWID;

CREATE INDEX agent_session_secret_by_session ON agent_session_secret (session_seq);

CREATE TABLE delegation (
  id TEXT PRIMARY KEY,
  from_agent_id TEXT NOT NULL REFERENCES agent (id),
  to_agent_id TEXT NOT NULL REFERENCES agent (id),
  scopes TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  accepted_at_ms INTEGER,
  CHECK (from_agent_id <> to_agent_id)
) STRICT, WITHOUT ROWID;

-- The receipts of all agents in one chain: `chain_hash` is over the one before it and the envelope, which is the canonical
-- text (RFC 8785) the signature is over. `audit_seq` is the audit entry that names both.
CREATE TABLE receipt (
  log_index INTEGER PRIMARY KEY CHECK (log_index >= 0),
  id TEXT NOT NULL UNIQUE,
  agent_id TEXT NOT NULL REFERENCES agent (id),
  key_id TEXT NOT NULL REFERENCES agent_key (id),
  envelope TEXT NOT NULL,
  signature BLOB NOT NULL CHECK (length(signature) = 64),
  chain_hash BLOB NOT NULL CHECK (length(chain_hash) = 32),
  created_at_ms INTEGER NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE INDEX receipt_by_agent ON receipt (agent_id, log_index);

CREATE TRIGGER receipt_is_final BEFORE UPDATE ON receipt
BEGIN
  SELECT RAISE(ABORT, 'a receipt never changes');
END;

CREATE TRIGGER receipt_stays BEFORE DELETE ON receipt
BEGIN
  SELECT RAISE(ABORT, 'a receipt is never deleted');
END;
