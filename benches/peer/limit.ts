// Fixed windows: open at the first counted request, refused requests are not counted.

export interface Quota {
  name: string;
  requests: number;
  windowMs: number;
}

export interface Standing {
  isAdmitted: boolean;
  remaining: number;
  resetAtMs: number;
}

export const WALLET_AUTH: Quota = { name: "wallet-auth", requests: 30, windowMs: 60_000 };
export const RUNTIME: Quota = { name: "v2-runtime", requests: 600, windowMs: 60_000 };
export const MONEY: Quota = { name: "money", requests: 60, windowMs: 60_000 };
export const ATELIER_ORDERS: Quota = { name: "atelier-orders", requests: 30, windowMs: 3_600_000 };
export const ATELIER_DELIVER: Quota = { name: "atelier-deliver", requests: 30, windowMs: 3_600_000 };
export const AGENT_EXEC: Quota = { name: "agent-exec", requests: 300, windowMs: 60_000 };

export function scaled(quota: Quota, scale: number): Quota {
  return { ...quota, requests: quota.requests * scale };
}

/** Counts one request, in one statement. */
export function countRequest(sql: SqlStorage, quota: Quota, scope: string, nowMs: number): Standing {
  const [row] = sql
    .exec<{ ends_at_ms: number; count: number }>(
      `INSERT INTO limit_window (class, scope, ends_at_ms, count) VALUES (?1, ?2, ?4, 1)
       ON CONFLICT (class, scope) DO UPDATE SET
         ends_at_ms = CASE WHEN ?3 >= ends_at_ms THEN ?4 ELSE ends_at_ms END,
         count = CASE WHEN ?3 >= ends_at_ms THEN 1 ELSE count + 1 END
       WHERE count < ?5 OR ?3 >= ends_at_ms
       RETURNING ends_at_ms, count`,
      quota.name,
      scope,
      nowMs,
      nowMs + quota.windowMs,
      quota.requests,
    )
    .toArray();
  if (row !== undefined) return { isAdmitted: true, remaining: quota.requests - row.count, resetAtMs: row.ends_at_ms };
  const { ends_at_ms: resetAtMs } = sql
    .exec<{ ends_at_ms: number }>("SELECT ends_at_ms FROM limit_window WHERE class = ? AND scope = ?", quota.name, scope)
    .one();
  return { isAdmitted: false, remaining: 0, resetAtMs };
}
