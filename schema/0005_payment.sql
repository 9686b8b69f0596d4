-- With whom a /v1 payment to the marketplace lies: whoever pays an order names the payment alone.
CREATE TABLE market_payments (
  payment_id TEXT NOT NULL PRIMARY KEY,
  tenant_uuid TEXT NOT NULL
) STRICT, WITHOUT ROWID;
