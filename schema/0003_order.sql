-- Orders as their provider's object tells them: found by id and listed for buyers, whose orders lie with many providers.
CREATE TABLE market_orders (
  order_id TEXT NOT NULL PRIMARY KEY,
  tenant_uuid TEXT NOT NULL,
  client_wallet TEXT NOT NULL,
  -- Rises with every change, so that what comes late changes nothing.
  version INTEGER NOT NULL,
  form TEXT NOT NULL
) STRICT;
CREATE INDEX market_orders_by_client ON market_orders (client_wallet, order_id);

-- A transaction pays for one order: its row is the claim, made before the money is counted.
CREATE TABLE market_transactions (
  tx_hash TEXT NOT NULL PRIMARY KEY,
  order_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
