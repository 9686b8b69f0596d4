// What the tenants' events make of the book of record: each batch applied once and in order, whatever the queue does.
import type { Events } from "./call.ts";
import { type OrderForm, putOrder } from "./order.ts";

const HOUR_MS = 3_600_000;

/** Applies one batch; false if an earlier one is missing and it has to come again. */
export async function project(database: D1Database, { tenant, afterSeq, events }: Events): Promise<boolean> {
  const upToSeq = events.at(-1)?.seq;
  if (upToSeq === undefined) return true;
  const row = await database.prepare("SELECT projected_seq FROM tenants WHERE tenant_uuid = ?").bind(tenant).first<{ projected_seq: number }>();
  if (row === null) return false;
  if (row.projected_seq >= upToSeq) return true;
  if (row.projected_seq !== afterSeq) return false;
  const hours = new Map<number, number>();
  for (const { type, at_ms: atMs } of events) {
    const hour = Math.floor(atMs / HOUR_MS);
    if (type === "query.charged") hours.set(hour, (hours.get(hour) ?? 0) + 1);
  }
  const counts = [...hours].map(([hour, queries]) =>
    database
      .prepare(
        `INSERT INTO query_hours (hour, queries) SELECT ?3, ?4 WHERE EXISTS (SELECT 1 FROM tenants WHERE tenant_uuid = ?1 AND projected_seq = ?2)
         ON CONFLICT (hour) DO UPDATE SET queries = queries + excluded.queries`,
      )
      .bind(tenant, afterSeq, hour, queries),
  );
  // An order's row knows its version, so it may be written before the batch counts.
  const orders = events.filter(({ type }) => type.startsWith("order.")).map(({ data }) => putOrder(database, tenant, JSON.parse(data) as OrderForm));
  const move = database.prepare("UPDATE tenants SET projected_seq = ?3 WHERE tenant_uuid = ?1 AND projected_seq = ?2").bind(tenant, afterSeq, upToSeq);
  await database.batch([...orders, ...counts, move]);
  return true;
}
