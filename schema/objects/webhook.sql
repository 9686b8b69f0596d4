-- Webhooks: where events are sent, what signs them, and how each delivery went.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

-- `fanned_seq` is the last event that was looked at for this endpoint; a replay looks again at those after
-- `replay_after_seq` up to `replay_upto_seq`. The last four figures are the endpoint's health (domain/delivery.rs).
CREATE TABLE webhook_endpoint (
  id TEXT PRIMARY KEY,
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  description TEXT,
  status TEXT NOT NULL CHECK (status IN ('enabled', 'disabled', 'deleted')),
  disabled_reason TEXT CHECK (disabled_reason IN ('request', 'gone', 'failing')),
  disabled_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  fanned_seq INTEGER NOT NULL,
  replay_after_seq INTEGER,
  replay_upto_seq INTEGER,
  failures_in_row INTEGER NOT NULL DEFAULT 0,
  failing_since_ms INTEGER,
  counts_from_ms INTEGER,
  not_before_ms INTEGER,
  CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL)),
  CHECK ((status = 'disabled') = (disabled_at_ms IS NOT NULL)),
  CHECK ((replay_after_seq IS NULL) = (replay_upto_seq IS NULL))
) STRICT, WITHOUT ROWID;

-- Sealed. The one without an end signs; those that it replaced sign beside it until `ends_at_ms`.
CREATE TABLE webhook_secret (
  endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
  number INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  ends_at_ms INTEGER,
  PRIMARY KEY (endpoint_id, number)
) STRICT, WITHOUT ROWID;

-- One event on its way to one endpoint. `step` counts the attempts of its schedule, `attempts` all that were reported,
-- `claim` all that were handed out. While `claimed_at_ms` is set one is under way, and `next_attempt_at_ms` is when it is
-- taken for lost. `is_single` marks one that was asked for by hand: no schedule follows it.
CREATE TABLE delivery (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
  event_seq INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
  is_single INTEGER NOT NULL DEFAULT 0 CHECK (is_single IN (0, 1)),
  step INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  claim INTEGER NOT NULL DEFAULT 0,
  claimed_at_ms INTEGER,
  next_attempt_at_ms INTEGER,
  delivered_at_ms INTEGER,
  response_status INTEGER,
  response_body TEXT,
  error TEXT,
  attempt_log TEXT NOT NULL DEFAULT '[]',
  created_at_ms INTEGER NOT NULL,
  UNIQUE (endpoint_id, event_seq),
  CHECK ((status = 'pending') = (next_attempt_at_ms IS NOT NULL)),
  CHECK (status = 'pending' OR claimed_at_ms IS NULL)
) STRICT;

CREATE INDEX delivery_of_endpoint ON delivery (endpoint_id, id);

CREATE INDEX delivery_due ON delivery (endpoint_id, next_attempt_at_ms) WHERE status = 'pending';

CREATE INDEX delivery_under_way ON delivery (endpoint_id, next_attempt_at_ms) WHERE claimed_at_ms IS NOT NULL;
