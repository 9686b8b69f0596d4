-- What an agent's trust is computed from, and what it came to.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

-- Suspensions that are over; one that lasts stands with its agent.
CREATE TABLE agent_pause (
  agent_id TEXT NOT NULL REFERENCES agent (id),
  from_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (agent_id, until_ms, seq)
) STRICT, WITHOUT ROWID;

-- In thousandths. `seq` is that of the audit entry: the order of computing.
CREATE TABLE trust_score (
  agent_id TEXT NOT NULL REFERENCES agent (id),
  at_ms INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  score INTEGER NOT NULL CHECK (score BETWEEN 0 AND 1000),
  anomaly_rate INTEGER NOT NULL CHECK (anomaly_rate BETWEEN 0 AND 1000),
  uptime INTEGER NOT NULL CHECK (uptime BETWEEN 0 AND 1000),
  delegation_depth INTEGER NOT NULL CHECK (delegation_depth BETWEEN 0 AND 1000),
  receipt_count INTEGER NOT NULL CHECK (receipt_count BETWEEN 0 AND 1000),
  PRIMARY KEY (agent_id, at_ms, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservation_by_agent ON reservation (agent_id, id) WHERE agent_id IS NOT NULL;

-- For lists: by the filters that are asked for most.
CREATE INDEX agent_by_status ON agent (status, id);
