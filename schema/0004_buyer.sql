-- Solana wallets that humans have proved to be theirs. Without a user nobody's: the row stays, so that no signature from before
-- proves the wallet again.
CREATE TABLE user_wallets (
  wallet TEXT NOT NULL PRIMARY KEY,
  user_id TEXT REFERENCES users (user_id),
  -- When the wallet signed; of one that was given up, when that was.
  signed_at_ms INTEGER NOT NULL,
  proved_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX user_wallets_by_user ON user_wallets (user_id, proved_at_ms) WHERE user_id IS NOT NULL;

-- Orders an operator has to judge, those first that end by themselves first.
CREATE INDEX market_orders_disputed ON market_orders (form ->> '$.auto_action_at', order_id) WHERE form ->> '$.status' = 'disputed';
