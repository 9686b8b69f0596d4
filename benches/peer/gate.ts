// One object an address or wallet: what must be counted or used once for callers without a tenant.
import { DurableObject } from "cloudflare:workers";
import { countRequest, type Quota, type Standing } from "./limit.ts";

export class Gate extends DurableObject<unknown> {
  readonly #sql: SqlStorage;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS rate_windows (class TEXT NOT NULL PRIMARY KEY, opened_at_ms INTEGER NOT NULL, counted INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS marks (mark TEXT NOT NULL PRIMARY KEY, expires_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS marks_by_expiry ON marks (expires_at_ms);
      CREATE TABLE IF NOT EXISTS tenants (slug TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
    `);
  }

  /** Counts a request of this address. */
  count(quota: Quota, nowMs: number): Standing {
    return countRequest(this.#sql, quota.name, quota, nowMs);
  }

  /** Uses the mark up and tells the wallet's tenants; undefined if it was used before. */
  use(mark: string, expiresAtMs: number, nowMs: number): string[] | undefined {
    this.#sql.exec("DELETE FROM marks WHERE expires_at_ms <= ?", nowMs);
    const inserted = this.#sql.exec("INSERT INTO marks (mark, expires_at_ms) VALUES (?, ?) ON CONFLICT DO NOTHING", mark, expiresAtMs);
    if (inserted.rowsWritten === 0) return undefined;
    return this.#sql
      .exec<{ slug: string }>("SELECT slug FROM tenants ORDER BY slug")
      .toArray()
      .map(({ slug }) => slug);
  }
}
