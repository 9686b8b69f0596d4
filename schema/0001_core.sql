-- The book of record: what is listed and joined across tenants. Balances, keys and limits live in the objects.

-- A slug's row is the claim on it: inserted once, never freed. `state` is 'claimed' until the tenant's object has
-- confirmed its birth. The counters are projections; `projected_seq` is the last outbox row they contain.
CREATE TABLE tenants (
  tenant_uuid TEXT NOT NULL PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  plan TEXT NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'starter', 'professional', 'enterprise')),
  state TEXT NOT NULL CHECK (state IN ('claimed', 'born')),
  claimed_by TEXT NOT NULL,
  wallet_id TEXT,
  created_at_ms INTEGER NOT NULL,
  projected_seq INTEGER NOT NULL DEFAULT 0,
  agents INTEGER NOT NULL DEFAULT 0,
  observations INTEGER NOT NULL DEFAULT 0,
  open_sessions INTEGER NOT NULL DEFAULT 0,
  counted_at_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tenants_claimed ON tenants (created_at_ms) WHERE state = 'claimed';

-- Agents as their tenant's object tells them.
CREATE TABLE agents (
  agent_id TEXT NOT NULL PRIMARY KEY,
  tenant_uuid TEXT NOT NULL,
  label TEXT NOT NULL,
  wallet_address TEXT,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'revoked')),
  created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX agents_by_tenant ON agents (tenant_uuid, agent_id);

-- Sums over all tenants, kept by the projections, so that no figure needs a scan.
CREATE TABLE totals (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  tenants INTEGER NOT NULL,
  agents INTEGER NOT NULL,
  observations INTEGER NOT NULL,
  open_sessions INTEGER NOT NULL,
  users INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0);

-- Queries answered, by the hour since the epoch.
CREATE TABLE query_hours (
  hour INTEGER NOT NULL PRIMARY KEY,
  queries INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
  user_id TEXT NOT NULL PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  email_verified INTEGER NOT NULL DEFAULT 0 CHECK (email_verified IN (0, 1)),
  name TEXT NOT NULL,
  password_hash TEXT,
  wallet_address TEXT UNIQUE,
  role TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
  -- A token or cookie made before this moment is void: set when a password changes.
  sessions_valid_from_ms INTEGER NOT NULL DEFAULT 0,
  created_by TEXT UNIQUE,
  -- What others sign up with, so that both get credits (whole ones).
  referral_code TEXT UNIQUE,
  credits INTEGER NOT NULL DEFAULT 0 CHECK (credits >= 0),
  created_at_ms INTEGER NOT NULL
) STRICT;

-- Cookie sessions, by the hash of their secret.
CREATE TABLE user_sessions (
  session_hash TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (user_id),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX user_sessions_by_user ON user_sessions (user_id);
CREATE INDEX user_sessions_by_expiry ON user_sessions (expires_at_ms);

-- Whose tenants: a projection for lists; whether somebody is a member is decided by the tenant's object.
CREATE TABLE memberships (
  user_id TEXT NOT NULL REFERENCES users (user_id),
  tenant_uuid TEXT NOT NULL REFERENCES tenants (tenant_uuid),
  role TEXT NOT NULL CHECK (role IN ('owner', 'member')),
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (user_id, tenant_uuid)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_tenant ON memberships (tenant_uuid);

-- Mail to be sent. Without a mail upstream it waits here and operators see it.
CREATE TABLE mails (
  mail_id TEXT NOT NULL PRIMARY KEY,
  recipient TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed', 'void')),
  attempts INTEGER NOT NULL DEFAULT 0,
  -- What the mail is about: a later mail of the same subject makes this one void.
  topic TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  sent_at_ms INTEGER
) STRICT;
CREATE INDEX mails_queued ON mails (created_at_ms) WHERE state = 'queued';
CREATE INDEX mails_by_topic ON mails (topic) WHERE state = 'queued';

-- Objects with a deadline: nothing can list objects, so what must be found later stands here.
CREATE TABLE due_objects (
  class TEXT NOT NULL CHECK (class IN ('tenant', 'memory', 'gate')),
  name TEXT NOT NULL,
  due_at_ms INTEGER NOT NULL,
  PRIMARY KEY (class, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX due_objects_by_time ON due_objects (due_at_ms);
