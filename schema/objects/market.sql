-- The marketplace: profiles, services, orders and what belongs to an order.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

-- Ratings are sums, so that no figure needs a scan. `version` rises with what its owner changes. While a rail is asked to launch
-- the agent's token, `launch_holder` is the request that asks, until `launch_ends_at_ms` at the latest.
CREATE TABLE market_profile (
  agent_id TEXT PRIMARY KEY REFERENCES agent (id),
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  endpoint_url TEXT NOT NULL,
  avatar_url TEXT,
  capabilities TEXT NOT NULL,
  owner_wallet TEXT,
  owner_verified INTEGER NOT NULL CHECK (owner_verified IN (0, 1)),
  payout_wallet TEXT,
  token TEXT,
  launch_holder TEXT,
  launch_ends_at_ms INTEGER,
  orders INTEGER NOT NULL DEFAULT 0,
  completed INTEGER NOT NULL DEFAULT 0,
  ratings INTEGER NOT NULL DEFAULT 0,
  rating_sum INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL DEFAULT 1,
  created_at_ms INTEGER NOT NULL,
  CHECK (owner_wallet IS NOT NULL OR owner_verified = 0),
  CHECK ((launch_holder IS NULL) = (launch_ends_at_ms IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE market_service (
  id TEXT PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES market_profile (agent_id),
  category TEXT NOT NULL,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  price_minor INTEGER NOT NULL CHECK (price_minor BETWEEN 0 AND 100000000),
  price_type TEXT NOT NULL CHECK (price_type IN ('fixed', 'quote', 'weekly', 'monthly')),
  turnaround_hours INTEGER NOT NULL CHECK (turnaround_hours BETWEEN 0 AND 8760),
  deliverables TEXT NOT NULL,
  demo_url TEXT,
  quota_limit INTEGER NOT NULL CHECK (quota_limit >= 0),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
  orders INTEGER NOT NULL DEFAULT 0,
  completed INTEGER NOT NULL DEFAULT 0,
  ratings INTEGER NOT NULL DEFAULT 0,
  rating_sum INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL DEFAULT 1,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX market_service_of_agent ON market_service (agent_id, id) WHERE active = 1;

-- The terms are those the order was placed under. `version` rises with every change. `due_at_ms` is when the clock ends it
-- where it stands; the price of one that is paid and not ended lies in the account that is named after the order. `rail` is the
-- one it was paid over, which is the one that pays for it whatever the deployment's is by then. The newest deliveries, and what is
-- asked for now, stand in the row too: lists and events tell of them without another look. While it is the provider's turn, `form`
-- is what lists show of it, whole: it is asked for all day long and changes seldom. A row may be longer than a page's share of
-- WITHOUT ROWID, so the table has rowids.
CREATE TABLE market_order (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  agent_id TEXT NOT NULL REFERENCES market_profile (agent_id),
  provider_name TEXT NOT NULL,
  service_id TEXT NOT NULL,
  service_title TEXT NOT NULL,
  client_wallet TEXT NOT NULL,
  brief TEXT NOT NULL,
  reference_urls TEXT NOT NULL,
  reference_images TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending_quote', 'quoted', 'accepted', 'paid', 'in_progress', 'delivered', 'completed',
    'disputed', 'cancelled')),
  since_ms INTEGER NOT NULL,
  due_at_ms INTEGER,
  price_type TEXT NOT NULL CHECK (price_type IN ('fixed', 'quote', 'weekly', 'monthly')),
  price_minor INTEGER CHECK (price_minor BETWEEN 0 AND 100000000),
  turnaround_hours INTEGER NOT NULL,
  quota_total INTEGER NOT NULL,
  deliveries INTEGER NOT NULL DEFAULT 0,
  disputes INTEGER NOT NULL DEFAULT 0,
  open_requests INTEGER NOT NULL DEFAULT 0 CHECK (open_requests >= 0),
  payment_method TEXT,
  escrow_tx_hash TEXT,
  rail TEXT CHECK (rail IN ('sandbox', 'solana')),
  payout_tx_hash TEXT,
  payout_status TEXT NOT NULL DEFAULT 'none' CHECK (payout_status IN ('none', 'awaiting_wallet', 'pending', 'retrying', 'paid')),
  payout_minor INTEGER,
  fee_minor INTEGER,
  refund_tx_hash TEXT,
  refund_status TEXT NOT NULL DEFAULT 'none' CHECK (refund_status IN ('none', 'pending', 'retrying', 'paid')),
  recent_deliveries TEXT NOT NULL DEFAULT '[]',
  request_brief TEXT,
  dispute_reason TEXT,
  paid_at_ms INTEGER,
  workspace_ends_at_ms INTEGER,
  delivered_at_ms INTEGER,
  completed_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  form TEXT,
  CHECK (status IN ('pending_quote', 'cancelled') OR price_minor IS NOT NULL),
  CHECK ((status IN ('completed', 'cancelled')) = (due_at_ms IS NULL)),
  CHECK ((status IN ('pending_quote', 'paid', 'in_progress', 'disputed')) = (form IS NOT NULL))
) STRICT;

-- An agent asks for its open orders all day long: by status, newest first.
CREATE INDEX market_order_of_agent ON market_order (agent_id, status, id);

-- What an agent is asked for among what it works on: a workspace lies still between two requests, most of them most of the time.
CREATE INDEX market_order_asked_for ON market_order (agent_id, id)
  WHERE status = 'in_progress' AND (workspace_ends_at_ms IS NULL OR open_requests > 0);

CREATE INDEX market_order_by_birth ON market_order (agent_id, id);

CREATE INDEX market_order_by_deadline ON market_order (due_at_ms, id) WHERE due_at_ms IS NOT NULL;

CREATE INDEX market_order_to_pay_out ON market_order (agent_id, id) WHERE payout_status = 'awaiting_wallet';

-- What leaves over a rail that moves real money: an order's payout, and its refund, each once. `signed` is the transaction as
-- it is sent, base64; while it stands here nothing else is signed. It is taken by no block higher than `last_height`, and was
-- signed as of `signed_slot`. `claim` counts how often the transfer was handed out, `failures` the steps of its schedule, and
-- `next_at_ms` is when it is handed out next: for one under way, when that is taken for lost.
CREATE TABLE market_transfer (
  order_id TEXT NOT NULL REFERENCES market_order (id),
  purpose TEXT NOT NULL CHECK (purpose IN ('payout', 'refund')),
  amount_minor INTEGER NOT NULL CHECK (amount_minor BETWEEN 1 AND 100000000),
  claim INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  next_at_ms INTEGER,
  wallet TEXT,
  signature TEXT UNIQUE,
  signed TEXT,
  signed_slot INTEGER,
  last_height INTEGER,
  signed_at_ms INTEGER,
  landed_at_ms INTEGER,
  PRIMARY KEY (order_id, purpose),
  CHECK ((signature IS NULL) = (signed IS NULL)),
  CHECK ((signature IS NULL) = (wallet IS NULL)),
  CHECK ((signature IS NULL) = (signed_slot IS NULL)),
  CHECK ((signature IS NULL) = (last_height IS NULL)),
  CHECK ((signature IS NULL) = (signed_at_ms IS NULL)),
  CHECK (landed_at_ms IS NULL OR signature IS NOT NULL),
  CHECK ((landed_at_ms IS NULL) = (next_at_ms IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX market_transfer_due ON market_transfer (next_at_ms, order_id) WHERE next_at_ms IS NOT NULL;

-- A /v1 payment that is to pay for an order, or has. `number` counts the buyer's tries with it. An open one has until `next_at_ms`; then
-- it goes back to its wallet, as what an order that has ended gives back of it does: `refund_minor`, or all there is. `claim` counts how
-- often that was handed out, `failures` the steps of its schedule, and `next_at_ms` is when it is handed out next. An unused one had
-- not been taken from its tenant, and may pay yet.
CREATE TABLE market_payment (
  order_id TEXT NOT NULL REFERENCES market_order (id),
  payment_id TEXT NOT NULL,
  tenant_uuid TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'paid', 'returning', 'returned', 'unused')),
  number INTEGER NOT NULL DEFAULT 1,
  refund_minor INTEGER CHECK (refund_minor BETWEEN 1 AND 100000000),
  claim INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  next_at_ms INTEGER,
  PRIMARY KEY (order_id, payment_id),
  CHECK ((state IN ('open', 'returning')) = (next_at_ms IS NOT NULL)),
  CHECK (refund_minor IS NULL OR state IN ('returning', 'returned'))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX market_payment_that_paid ON market_payment (order_id) WHERE state = 'paid' OR refund_minor IS NOT NULL;

CREATE INDEX market_payment_due ON market_payment (next_at_ms, order_id) WHERE next_at_ms IS NOT NULL;

-- An endpoint of a seller gets what happens to its orders, in the marketplace's own words; management does not see it.
ALTER TABLE webhook_endpoint ADD COLUMN seller_id TEXT;

CREATE UNIQUE INDEX webhook_endpoint_of_seller ON webhook_endpoint (seller_id) WHERE seller_id IS NOT NULL;

-- A market agent has one living key.
CREATE INDEX market_key_of_agent ON api_key (agent_id) WHERE kind = 'atelier' AND revoked_at_ms IS NULL;

-- What a buyer asks for within a workspace; paying is the first request.
CREATE TABLE market_request (
  order_id TEXT NOT NULL REFERENCES market_order (id),
  number INTEGER NOT NULL,
  brief TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  answered_by TEXT,
  PRIMARY KEY (order_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX market_request_open ON market_request (order_id, number) WHERE answered_by IS NULL;

CREATE TABLE market_delivery (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES market_order (id),
  url TEXT NOT NULL,
  media_type TEXT NOT NULL CHECK (media_type IN ('image', 'video')),
  sha256 TEXT,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX market_delivery_of_order ON market_delivery (order_id, id);

CREATE TABLE market_message (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES market_order (id),
  sender_type TEXT NOT NULL CHECK (sender_type IN ('agent', 'client')),
  sender_id TEXT NOT NULL,
  sender_name TEXT NOT NULL,
  content TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX market_message_of_order ON market_message (order_id, id);

CREATE TABLE market_review (
  order_id TEXT PRIMARY KEY REFERENCES market_order (id),
  id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  service_id TEXT NOT NULL,
  reviewer_name TEXT NOT NULL,
  rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
  comment TEXT,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX market_review_of_agent ON market_review (agent_id, id);

-- A human looks through all orders of the tenant, or those that stand alike.
CREATE INDEX market_order_by_status ON market_order (status, id);

-- What has happened to an order, but for what was written about it, which is shown for itself.
CREATE INDEX audit_of_order ON audit (object, seq) WHERE substr(object, 1, 4) = 'ord_' AND action <> 'order.message';

-- How many orders stand alike and what they cost together, so that no figure needs a scan: by their state, and by how far what
-- they have earned has come.
CREATE TABLE market_standing (
  kind TEXT NOT NULL CHECK (kind IN ('order', 'payout')),
  name TEXT NOT NULL,
  orders INTEGER NOT NULL DEFAULT 0 CHECK (orders >= 0),
  sum_minor INTEGER NOT NULL DEFAULT 0 CHECK (sum_minor >= 0),
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER market_order_is_counted AFTER INSERT ON market_order
BEGIN
  INSERT INTO market_standing (kind, name, orders, sum_minor) VALUES ('order', NEW.status, 1, coalesce(NEW.price_minor, 0))
  ON CONFLICT (kind, name) DO UPDATE SET orders = orders + 1, sum_minor = sum_minor + excluded.sum_minor;
END;

CREATE TRIGGER market_order_is_counted_anew AFTER UPDATE ON market_order
  WHEN OLD.status <> NEW.status OR OLD.price_minor IS NOT NEW.price_minor
BEGIN
  UPDATE market_standing SET orders = orders - 1, sum_minor = sum_minor - coalesce(OLD.price_minor, 0) WHERE kind = 'order' AND name = OLD.status;
  INSERT INTO market_standing (kind, name, orders, sum_minor) VALUES ('order', NEW.status, 1, coalesce(NEW.price_minor, 0))
  ON CONFLICT (kind, name) DO UPDATE SET orders = orders + 1, sum_minor = sum_minor + excluded.sum_minor;
END;

CREATE TRIGGER market_payout_is_counted AFTER UPDATE ON market_order
  WHEN NEW.payout_minor IS NOT NULL AND (OLD.payout_status <> NEW.payout_status OR OLD.payout_minor IS NOT NEW.payout_minor)
BEGIN
  UPDATE market_standing SET orders = orders - 1, sum_minor = sum_minor - OLD.payout_minor
  WHERE OLD.payout_minor IS NOT NULL AND kind = 'payout' AND name = OLD.payout_status;
  INSERT INTO market_standing (kind, name, orders, sum_minor) VALUES ('payout', NEW.payout_status, 1, NEW.payout_minor)
  ON CONFLICT (kind, name) DO UPDATE SET orders = orders + 1, sum_minor = sum_minor + excluded.sum_minor;
END;

-- What agents have earned, by the day: what went from an order's escrow to them.
CREATE TABLE market_earning (
  day INTEGER PRIMARY KEY,
  earned_micros INTEGER NOT NULL,
  orders INTEGER NOT NULL
) STRICT;

CREATE TRIGGER audit_counts_earnings AFTER INSERT ON audit WHEN NEW.to_account = 'market.payout' AND NEW.action = 'order.completed'
BEGIN
  INSERT INTO market_earning (day, earned_micros, orders) VALUES (NEW.at_ms / 86400000, NEW.amount_micros, 1)
  ON CONFLICT (day) DO UPDATE SET earned_micros = earned_micros + NEW.amount_micros, orders = orders + 1;
END;
