-- What a mandate allows and how much of it is used: the counters of the day and the month are those of the windows
-- that `day` and `month` name, since no limit looks at an older one.
CREATE TABLE mandate (
  id TEXT PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agent (id),
  wallet_id TEXT NOT NULL REFERENCES wallet (id),
  name TEXT,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'revoked', 'exhausted', 'expired')),
  version INTEGER NOT NULL,
  per_transaction_micros INTEGER,
  daily_micros INTEGER,
  monthly_micros INTEGER,
  total_micros INTEGER,
  approval_threshold_micros INTEGER,
  allowed_merchants TEXT NOT NULL,
  allowed_actions TEXT NOT NULL,
  metadata TEXT NOT NULL,
  expires_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  day INTEGER NOT NULL DEFAULT 0,
  day_spent_micros INTEGER NOT NULL DEFAULT 0 CHECK (day_spent_micros >= 0),
  day_held_micros INTEGER NOT NULL DEFAULT 0 CHECK (day_held_micros >= 0),
  month INTEGER NOT NULL DEFAULT 0,
  month_spent_micros INTEGER NOT NULL DEFAULT 0 CHECK (month_spent_micros >= 0),
  month_held_micros INTEGER NOT NULL DEFAULT 0 CHECK (month_held_micros >= 0),
  total_spent_micros INTEGER NOT NULL DEFAULT 0 CHECK (total_spent_micros >= 0),
  total_held_micros INTEGER NOT NULL DEFAULT 0 CHECK (total_held_micros >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX mandate_of_agent ON mandate (agent_id, id);

-- `seq` is that of the audit entry that held the money; `day` and `month` are the windows it counts in.
CREATE TABLE spend_reservation (
  id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('payment', 'token', 'tool', 'delegated')),
  agent_id TEXT NOT NULL,
  mandate_id TEXT NOT NULL,
  wallet_id TEXT NOT NULL,
  amount_micros INTEGER NOT NULL CHECK (amount_micros >= 0),
  captured_micros INTEGER CHECK (captured_micros BETWEEN 0 AND amount_micros),
  status TEXT NOT NULL CHECK (status IN ('reserved', 'pending_approval', 'captured', 'released', 'expired')),
  merchant TEXT,
  resource TEXT,
  description TEXT,
  metadata TEXT NOT NULL,
  approval_id TEXT,
  day INTEGER NOT NULL,
  month INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  resolved_at_ms INTEGER,
  CHECK ((status = 'captured') = (captured_micros IS NOT NULL)),
  CHECK ((status IN ('reserved', 'pending_approval')) = (resolved_at_ms IS NULL))
) STRICT, WITHOUT ROWID;

-- Open ones by deadline, equal ones by creation. A resolved one leaves the index.
CREATE INDEX spend_reservation_open ON spend_reservation (expires_at_ms, seq) WHERE resolved_at_ms IS NULL;

CREATE INDEX spend_reservation_of_mandate ON spend_reservation (mandate_id, id);

CREATE TRIGGER spend_reservation_is_resolved_once BEFORE UPDATE ON spend_reservation WHEN OLD.resolved_at_ms IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'a resolved reservation never changes');
END;

CREATE TABLE approval (
  id TEXT PRIMARY KEY,
  reservation_id TEXT NOT NULL REFERENCES spend_reservation (id),
  status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'denied', 'expired')),
  requested_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
