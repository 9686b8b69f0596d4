-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

-- Marks that are used once, until they expire.
CREATE TABLE marks (mark TEXT NOT NULL PRIMARY KEY, expires_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE INDEX marks_by_expiry ON marks (expires_at_ms);

-- The tenants of this gate's wallet or user. A pending row is a sign-up under way since `since_ms`.
CREATE TABLE gate_tenants (
  slug TEXT NOT NULL PRIMARY KEY,
  tenant_uuid TEXT,
  role TEXT NOT NULL CHECK (role IN ('controller', 'agent')),
  state TEXT NOT NULL CHECK (state IN ('pending', 'confirmed')),
  since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
