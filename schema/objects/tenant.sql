-- One tenant: who may act for it, its money and its audit chain.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

CREATE TABLE tenant (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  uuid TEXT NOT NULL,
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  plan TEXT NOT NULL CHECK (plan IN ('free', 'starter', 'professional', 'enterprise')),
  controller_login TEXT,
  controller_user TEXT,
  default_wallet_id TEXT NOT NULL,
  first_agent_id TEXT,
  -- The first key until somebody confirms that it arrived.
  undelivered_key TEXT,
  delivered INTEGER NOT NULL DEFAULT 0 CHECK (delivered IN (0, 1)),
  created_at_ms INTEGER NOT NULL,
  outbox_acked_seq INTEGER NOT NULL DEFAULT 0,
  housekeeping_at_ms INTEGER,
  CHECK ((controller_login IS NULL) <> (controller_user IS NULL))
) STRICT;

CREATE TABLE agent (
  id TEXT PRIMARY KEY,
  label TEXT NOT NULL,
  login TEXT,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'revoked')),
  metadata TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A wallet is one agent; once that agent is revoked it may become another.
CREATE UNIQUE INDEX agent_login ON agent (login) WHERE login IS NOT NULL AND status <> 'revoked';

CREATE TABLE member (
  user_id TEXT PRIMARY KEY,
  role TEXT NOT NULL CHECK (role IN ('owner', 'member')),
  added_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
  number TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('agent', 'live', 'test', 'agentbot', 'atelier')),
  agent_id TEXT REFERENCES agent (id),
  label TEXT,
  last4 TEXT NOT NULL,
  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
  scopes TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  revoked_at_ms INTEGER,
  last_used_at_ms INTEGER,
  CHECK ((kind IN ('agent', 'atelier')) = (agent_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE enrollment_token (
  number TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  label TEXT,
  last4 TEXT NOT NULL,
  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  used_by TEXT REFERENCES agent (id),
  revoked_at_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE invitation (
  number TEXT PRIMARY KEY,
  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
  email TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  accepted_by TEXT,
  voided_at_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE wallet (
  id TEXT PRIMARY KEY,
  name TEXT,
  mode TEXT NOT NULL CHECK (mode IN ('sandbox', 'live')),
  metadata TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- 'outside', 'revenue', and for each wallet what is available ('wal_…') and what is held ('wal_….held').
CREATE TABLE account (
  id TEXT PRIMARY KEY,
  balance_micros INTEGER NOT NULL DEFAULT 0
    CHECK (balance_micros BETWEEN -9007199254740991 AND 9007199254740991)
    CHECK (id = 'outside' OR balance_micros >= 0)
) STRICT, WITHOUT ROWID;

-- The audit chain, which is the ledger's journal as well: an entry that moves money names both accounts.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  request_id TEXT NOT NULL,
  from_account TEXT REFERENCES account (id),
  to_account TEXT REFERENCES account (id),
  amount_micros INTEGER CHECK (amount_micros > 0),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  CHECK ((amount_micros IS NULL) = (from_account IS NULL)),
  CHECK ((amount_micros IS NULL) = (to_account IS NULL)),
  CHECK (from_account <> to_account)
) STRICT;

CREATE TRIGGER audit_entry_is_final BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'an audit entry never changes');
END;

CREATE TRIGGER audit_entry_stays BEFORE DELETE ON audit
BEGIN
  SELECT RAISE(ABORT, 'an audit entry is never deleted');
END;

-- Balances follow from entries and from nothing else.
CREATE TRIGGER audit_moves_money AFTER INSERT ON audit WHEN NEW.amount_micros IS NOT NULL
BEGIN
  UPDATE account SET balance_micros = balance_micros - NEW.amount_micros WHERE id = NEW.from_account;
  UPDATE account SET balance_micros = balance_micros + NEW.amount_micros WHERE id = NEW.to_account;
END;

-- What left the tenant's wallets by the day: what it paid the house, and what it paid to others.
CREATE TABLE daily_spend (
  day INTEGER PRIMARY KEY,
  spent_micros INTEGER NOT NULL,
  charges INTEGER NOT NULL
) STRICT;

-- Both leave a wallet's held account. What an order pays out or gives back goes outside as well, but was never a wallet's.
CREATE TRIGGER audit_counts_spend AFTER INSERT ON audit
WHEN NEW.to_account IN ('revenue', 'outside') AND NEW.from_account GLOB 'wal_*'
BEGIN
  INSERT INTO daily_spend (day, spent_micros, charges) VALUES (NEW.at_ms / 86400000, NEW.amount_micros, 1)
  ON CONFLICT (day) DO UPDATE SET spent_micros = spent_micros + NEW.amount_micros, charges = charges + 1;
END;

-- `seq` is that of the audit entry that held the money: the order of creation.
CREATE TABLE reservation (
  id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  wallet_id TEXT NOT NULL,
  amount_micros INTEGER NOT NULL CHECK (amount_micros > 0),
  captured_micros INTEGER CHECK (captured_micros BETWEEN 1 AND amount_micros),
  status TEXT NOT NULL CHECK (status IN ('reserved', 'captured', 'released', 'expired')),
  purpose TEXT NOT NULL,
  caller TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  resolved_at_ms INTEGER,
  CHECK ((status = 'captured') = (captured_micros IS NOT NULL)),
  CHECK ((status = 'reserved') = (resolved_at_ms IS NULL))
) STRICT, WITHOUT ROWID;

-- Open reservations by deadline, equal ones by creation. A resolved one leaves the index.
CREATE INDEX reservation_open ON reservation (expires_at_ms, seq) WHERE status = 'reserved';

CREATE TRIGGER reservation_is_resolved_once BEFORE UPDATE ON reservation WHEN OLD.status <> 'reserved'
BEGIN
  SELECT RAISE(ABORT, 'a resolved reservation never changes');
END;

-- Events not yet handed on, and those of the last 30 days. `seq` is that of the audit entry that caused the event.
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
