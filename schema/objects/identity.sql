-- Agents as identities: what they are, what they may, how far they are trusted, and the keys they sign with.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

ALTER TABLE agent ADD COLUMN agent_type TEXT NOT NULL DEFAULT 'worker'
  CHECK (agent_type IN ('orchestrator', 'worker', 'inference', 'pipeline', 'service', 'bot', 'llm'));

ALTER TABLE agent ADD COLUMN description TEXT;

ALTER TABLE agent ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';

ALTER TABLE agent ADD COLUMN trust_level TEXT NOT NULL DEFAULT 'authenticated'
  CHECK (trust_level IN ('platform_root', 'verified_org', 'verified_individual', 'authenticated', 'self_asserted', 'anonymous'));

ALTER TABLE agent ADD COLUMN trust_thousandths INTEGER NOT NULL DEFAULT 500 CHECK (trust_thousandths BETWEEN 0 AND 1000);

ALTER TABLE agent ADD COLUMN trust_computed_at_ms INTEGER;

ALTER TABLE agent ADD COLUMN parent_id TEXT;

ALTER TABLE agent ADD COLUMN delegation_depth INTEGER NOT NULL DEFAULT 0 CHECK (delegation_depth BETWEEN 0 AND 8);

ALTER TABLE agent ADD COLUMN created_by TEXT;

ALTER TABLE agent ADD COLUMN expires_at_ms INTEGER;

ALTER TABLE agent ADD COLUMN updated_at_ms INTEGER;

ALTER TABLE agent ADD COLUMN suspended_at_ms INTEGER;

ALTER TABLE agent ADD COLUMN revoked_at_ms INTEGER;

ALTER TABLE agent ADD COLUMN status_reason TEXT;

ALTER TABLE agent ADD COLUMN compromised_at_ms INTEGER;

CREATE INDEX agent_by_deadline ON agent (expires_at_ms) WHERE expires_at_ms IS NOT NULL AND status <> 'revoked';

CREATE INDEX agent_by_parent ON agent (parent_id) WHERE parent_id IS NOT NULL;

-- Every key an agent ever signed with, as a chain of its own: an entry is hashed over the one before it. The private half
-- is sealed. `retired_at_ms` is null for the key that signs; one in its overlap signs no more once that moment has come.
CREATE TABLE agent_key (
  id TEXT PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agent (id),
  sequence INTEGER NOT NULL CHECK (sequence > 0),
  public_key BLOB NOT NULL CHECK (length(public_key) = 32),
  sealed BLOB NOT NULL,
  created_at_ms INTEGER NOT NULL,
  retired_at_ms INTEGER,
  compromised INTEGER NOT NULL DEFAULT 0 CHECK (compromised IN (0, 1)),
  reason TEXT,
  prev_hash BLOB NOT NULL CHECK (length(prev_hash) = 32),
  entry_hash BLOB NOT NULL CHECK (length(entry_hash) = 32),
  UNIQUE (agent_id, sequence)
) STRICT, WITHOUT ROWID;
