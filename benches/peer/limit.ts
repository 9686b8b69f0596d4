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

export function scaled(quota: Quota, scale: number): Quota {
  return { ...quota, requests: quota.requests * scale };
}

/** Counts one request in `bucket`, in one statement. */
export function countRequest(sql: SqlStorage, bucket: string, quota: Quota, nowMs: number): Standing {
  const [row] = sql
    .exec<{ opened_at_ms: number; counted: number }>(
      `INSERT INTO rate_windows (class, opened_at_ms, counted) VALUES (?1, ?2, 1)
       ON CONFLICT (class) DO UPDATE SET
         counted = CASE WHEN opened_at_ms + ?3 <= ?2 THEN 1 ELSE counted + 1 END,
         opened_at_ms = CASE WHEN opened_at_ms + ?3 <= ?2 THEN ?2 ELSE opened_at_ms END
       WHERE opened_at_ms + ?3 <= ?2 OR counted < ?4
       RETURNING opened_at_ms, counted`,
      bucket,
      nowMs,
      quota.windowMs,
      quota.requests,
    )
    .toArray();
  if (row === undefined) {
    const { opened_at_ms: openedAtMs } = sql.exec<{ opened_at_ms: number }>("SELECT opened_at_ms FROM rate_windows WHERE class = ?", bucket).one();
    return { isAdmitted: false, remaining: 0, resetAtMs: openedAtMs + quota.windowMs };
  }
  return { isAdmitted: true, remaining: quota.requests - row.counted, resetAtMs: row.opened_at_ms + quota.windowMs };
}
