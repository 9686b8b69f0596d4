// One object an address or wallet: what must be counted or used once for callers without a tenant.
import { DurableObject } from "cloudflare:workers";
import commonSchema from "../../schema/objects/common.sql";
import gateSchema from "../../schema/objects/gate.sql";
import { countRequest, type Quota, type Standing } from "./limit.ts";
import { migrate } from "./migrate.ts";

export class Gate extends DurableObject<unknown> {
  readonly #sql: SqlStorage;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    this.#sql = state.storage.sql;
    migrate(state.storage, [commonSchema, gateSchema]);
  }

  /** Counts a request of this address. */
  count(quota: Quota, nowMs: number): Standing {
    return countRequest(this.#sql, quota, "", nowMs);
  }

  /** Uses the mark up and tells the wallet's tenants; undefined if it was used before. */
  async use(mark: string, expiresAtMs: number): Promise<string[] | undefined> {
    const isFirst = this.#sql.exec("INSERT INTO marks (mark, expires_at_ms) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1", mark, expiresAtMs).toArray().length > 0;
    if (!isFirst) return undefined;
    const tenants = this.#sql.exec<{ slug: string }>("SELECT slug FROM gate_tenants WHERE state = 'confirmed' ORDER BY since_ms, slug").toArray();
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(expiresAtMs);
    return tenants.map(({ slug }) => slug);
  }

  override async alarm(): Promise<void> {
    this.#sql.exec("DELETE FROM marks WHERE expires_at_ms <= ?", Date.now());
    const { next } = this.#sql.exec<{ next: number | null }>("SELECT MIN(expires_at_ms) AS next FROM marks").one();
    if (next !== null) await this.ctx.storage.setAlarm(next);
  }
}
