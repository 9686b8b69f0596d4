-- Governed money: mandates, what is held and paid under them, budget leases, approvals, and the tenant's brakes.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

-- `merchants` as they were written, `merchant_keys` as they are compared. The windows count what is held and spent on
-- `day` (days since the epoch), in its month, and in all; a limit is never below what is used.
CREATE TABLE mandate (
  id TEXT PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agent (id),
  wallet_id TEXT REFERENCES wallet (id),
  name TEXT,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'revoked', 'exhausted', 'expired')),
  version INTEGER NOT NULL CHECK (version > 0),
  per_transaction_micros INTEGER,
  daily_micros INTEGER,
  monthly_micros INTEGER,
  total_micros INTEGER,
  merchants TEXT NOT NULL,
  merchant_keys TEXT NOT NULL,
  actions TEXT NOT NULL,
  approval_threshold_micros INTEGER,
  expires_at_ms INTEGER,
  metadata TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  day INTEGER NOT NULL DEFAULT 0,
  day_held INTEGER NOT NULL DEFAULT 0 CHECK (day_held >= 0),
  day_spent INTEGER NOT NULL DEFAULT 0 CHECK (day_spent >= 0),
  month_held INTEGER NOT NULL DEFAULT 0 CHECK (month_held >= 0),
  month_spent INTEGER NOT NULL DEFAULT 0 CHECK (month_spent >= 0),
  total_held INTEGER NOT NULL DEFAULT 0 CHECK (total_held >= 0),
  total_spent INTEGER NOT NULL DEFAULT 0 CHECK (total_spent >= 0),
  CHECK (day_held + day_spent <= daily_micros),
  CHECK (month_held + month_spent <= monthly_micros),
  CHECK (total_held + total_spent <= total_micros),
  CHECK (coalesce(per_transaction_micros, daily_micros, monthly_micros, total_micros) IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX mandate_by_agent ON mandate (agent_id, id);

CREATE INDEX mandate_by_deadline ON mandate (expires_at_ms)
  WHERE expires_at_ms IS NOT NULL AND status IN ('active', 'suspended', 'exhausted');

-- What a lease has left stands in its account, not here.
CREATE TABLE lease (
  id TEXT PRIMARY KEY,
  parent_id TEXT REFERENCES lease (id),
  parent_agent_id TEXT NOT NULL,
  child_agent_id TEXT NOT NULL,
  mandate_id TEXT NOT NULL REFERENCES mandate (id),
  wallet_id TEXT NOT NULL REFERENCES wallet (id),
  depth INTEGER NOT NULL CHECK (depth BETWEEN 1 AND 8),
  day INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'exhausted', 'released', 'revoked', 'expired')),
  amount_micros INTEGER NOT NULL CHECK (amount_micros > 0),
  captured_micros INTEGER NOT NULL DEFAULT 0 CHECK (captured_micros >= 0),
  reserved_micros INTEGER NOT NULL DEFAULT 0 CHECK (reserved_micros >= 0),
  leased_micros INTEGER NOT NULL DEFAULT 0 CHECK (leased_micros >= 0),
  returned_micros INTEGER NOT NULL DEFAULT 0 CHECK (returned_micros >= 0),
  per_transaction_micros INTEGER,
  merchants TEXT NOT NULL,
  merchant_keys TEXT NOT NULL,
  actions TEXT NOT NULL,
  expires_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  CHECK ((status = 'active') = (ended_at_ms IS NULL)),
  CHECK (captured_micros + reserved_micros + leased_micros + returned_micros <= amount_micros)
) STRICT, WITHOUT ROWID;

-- Those below a lease that it takes along when it ends: active ones, and ended ones that wait for something yet.
CREATE INDEX lease_open_by_parent ON lease (parent_id) WHERE status = 'active' OR reserved_micros > 0 OR leased_micros > 0;

CREATE INDEX lease_active_by_mandate ON lease (mandate_id) WHERE status = 'active';

CREATE INDEX lease_active_by_wallet ON lease (wallet_id) WHERE status = 'active';

CREATE INDEX lease_by_deadline ON lease (expires_at_ms) WHERE status = 'active' AND expires_at_ms IS NOT NULL;

-- Reservations of all kinds in one table: those of metered requests name no mandate. `ends_as` is what an open one becomes
-- at its deadline; a revoked mandate's holds are due at once, and end as released.
CREATE TABLE reservation_next (
  id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  wallet_id TEXT NOT NULL,
  amount_micros INTEGER NOT NULL CHECK (amount_micros > 0),
  captured_micros INTEGER CHECK (captured_micros BETWEEN 1 AND amount_micros),
  status TEXT NOT NULL CHECK (status IN ('reserved', 'pending_approval', 'captured', 'released', 'expired')),
  purpose TEXT NOT NULL,
  caller TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  resolved_at_ms INTEGER,
  ends_as TEXT NOT NULL DEFAULT 'expired' CHECK (ends_as IN ('expired', 'released')),
  mandate_id TEXT,
  agent_id TEXT,
  lease_id TEXT,
  approval_id TEXT,
  payment_id TEXT,
  day INTEGER,
  ttl_s INTEGER,
  merchant TEXT,
  resource TEXT,
  description TEXT,
  metadata TEXT,
  reason TEXT,
  CHECK ((status = 'captured') = (captured_micros IS NOT NULL)),
  CHECK ((status IN ('reserved', 'pending_approval')) = (resolved_at_ms IS NULL)),
  CHECK ((mandate_id IS NULL) = (agent_id IS NULL)),
  CHECK ((mandate_id IS NULL) = (day IS NULL)),
  CHECK ((mandate_id IS NULL) = (metadata IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO reservation_next (id, seq, wallet_id, amount_micros, captured_micros, status, purpose, caller, expires_at_ms, resolved_at_ms)
  SELECT id, seq, wallet_id, amount_micros, captured_micros, status, purpose, caller, expires_at_ms, resolved_at_ms FROM reservation;

DROP TABLE reservation;

ALTER TABLE reservation_next RENAME TO reservation;

-- Open reservations by deadline, equal ones by creation. A resolved one leaves the index.
CREATE INDEX reservation_open ON reservation (expires_at_ms, seq) WHERE resolved_at_ms IS NULL;

CREATE TRIGGER reservation_is_resolved_once BEFORE UPDATE ON reservation WHEN OLD.resolved_at_ms IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'a resolved reservation never changes');
END;

-- Of one that pays for an order of the marketplace: `claim` is the latest try of the order's to pay with it that was let in, tries up to
-- `closed_claims` are let in no more, and `returned_micros` is what went back to its wallet when nothing came of it, or not all.
CREATE TABLE payment (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL CHECK (status IN ('succeeded', 'denied', 'pending_approval', 'expired', 'failed')),
  amount_micros INTEGER NOT NULL CHECK (amount_micros > 0),
  merchant TEXT NOT NULL,
  merchant_key TEXT NOT NULL,
  description TEXT,
  metadata TEXT NOT NULL,
  mandate_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  wallet_id TEXT NOT NULL,
  lease_id TEXT,
  reservation_id TEXT,
  approval_id TEXT,
  reasons TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('sandbox', 'live')),
  updated_at_ms INTEGER NOT NULL,
  claim INTEGER CHECK (claim > closed_claims),
  closed_claims INTEGER NOT NULL DEFAULT 0,
  returned_micros INTEGER CHECK (returned_micros BETWEEN 1 AND amount_micros),
  CHECK (status = 'denied' OR reservation_id IS NOT NULL),
  CHECK (claim IS NULL OR status = 'succeeded'),
  CHECK (returned_micros IS NULL OR status = 'succeeded')
) STRICT, WITHOUT ROWID;

-- An agent's latest payments: how many in the last minute.
CREATE INDEX payment_by_agent ON payment (agent_id, id);

-- A token's id serves one payment object.
CREATE TABLE token_use (
  jti TEXT PRIMARY KEY,
  payment_id TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX token_use_by_deadline ON token_use (expires_at_ms);

CREATE TABLE approval (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'denied', 'expired')),
  object_type TEXT NOT NULL CHECK (object_type IN ('payment', 'reservation')),
  object_id TEXT NOT NULL,
  reservation_id TEXT NOT NULL,
  amount_micros INTEGER NOT NULL,
  agent_id TEXT NOT NULL,
  mandate_id TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  decided_by TEXT,
  decided_at_ms INTEGER,
  reason TEXT,
  CHECK ((status = 'pending') = (decided_at_ms IS NULL))
) STRICT, WITHOUT ROWID;

-- How many approvals wait is asked at every look at the console.
CREATE INDEX approval_pending ON approval (expires_at_ms) WHERE status = 'pending';

-- What was decided without a reservation or payment to show for it, by the minute since the epoch: refusals, and what
-- `authorize` answered.
CREATE TABLE decision_count (
  minute INTEGER NOT NULL,
  agent_id TEXT NOT NULL,
  mandate_id TEXT NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('allow', 'deny', 'approval_required')),
  count INTEGER NOT NULL,
  PRIMARY KEY (minute, agent_id, mandate_id, decision)
) STRICT, WITHOUT ROWID;

-- The brakes: while `stopped` nothing new is spent; until the packet is complete no live money moves.
CREATE TABLE control (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
  stop_reason TEXT,
  stop_changed_by TEXT,
  stop_changed_at_ms INTEGER,
  packet TEXT NOT NULL DEFAULT '{}',
  packet_is_complete INTEGER NOT NULL DEFAULT 0 CHECK (packet_is_complete IN (0, 1)),
  packet_version INTEGER NOT NULL DEFAULT 0,
  packet_updated_by TEXT,
  packet_updated_at_ms INTEGER
) STRICT;

INSERT INTO control (one) VALUES (1);
