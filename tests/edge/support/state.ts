// What is stored, to be held against what was stored before: bad input leaves nothing behind.

import type { ObjectClass } from "../../../scripts/runtime.ts";
import type { Server } from "./server.ts";

type Row = Record<string, unknown>;
export type Tables = Record<string, Row[]>;

/** Counters and clocks that any admitted request moves, whatever becomes of it, and deliveries, which go on by themselves. */
const MOVING_TABLES = new Set(["limit_window", "schema_version", "delivery"]);
const MOVING_COLUMNS = new Set([
  ...["last_used_at_ms", "housekeeping_at_ms", "outbox_acked_seq", "fanned_seq", "replay_after_seq", "replay_upto_seq"],
  ...["failures_in_row", "failing_since_ms", "counts_from_ms", "not_before_ms"],
]);
/** The index over the observations is drawn from them. */
const DERIVED = /^(sqlite_|_cf_|word($|_))/;

/** All an object has committed but its counters; nothing when it never stored anything. */
export async function stateOfObject(server: Server, objectClass: ObjectClass, name: string): Promise<Tables> {
  const ref = { id: server.runtime.objectId(objectClass, name) };
  let found: Row[];
  try {
    found = await server.runtime.objectRows(objectClass, ref, "SELECT name FROM sqlite_schema WHERE type = 'table'");
  } catch (error) {
    if (error instanceof Error && error.message === "unable to open database file") return {};
    throw error;
  }
  const names = found.map((row) => String(row["name"])).filter((table) => !DERIVED.test(table) && !MOVING_TABLES.has(table));
  const tables: Tables = {};
  for (const table of names.sort()) {
    tables[table] = (await server.runtime.objectRows(objectClass, ref, `SELECT * FROM "${table}"`)).map(withoutMoving);
  }
  return tables;
}

/** A tenant and its memory: members, keys, tokens, wallets, balances, audit, sessions, observations, idempotency records. */
export async function stateOfTenant(server: Server, tenantUuid: string): Promise<{ tenant: Tables; memory: Tables }> {
  const [tenant, memory] = await Promise.all([
    stateOfObject(server, "Tenant", tenantUuid),
    stateOfObject(server, "Memory", tenantUuid),
  ]);
  return { tenant, memory };
}

/** The book of record: who is there. Projections, which follow in their own time, are left out. */
export async function stateOfBook(server: Server): Promise<Tables> {
  const database = server.runtime.database();
  const queries: Record<string, string> = {
    tenants: "SELECT tenant_uuid, slug, name, plan, state, claimed_by, wallet_id FROM tenants ORDER BY slug",
    users: "SELECT * FROM users ORDER BY user_id",
    sessions: "SELECT * FROM user_sessions ORDER BY session_hash",
    memberships: "SELECT * FROM memberships ORDER BY user_id, tenant_uuid",
    mails: "SELECT * FROM mails ORDER BY mail_id",
  };
  const results = await database.batch<Row>(Object.values(queries).map((query) => database.prepare(query)));
  return Object.fromEntries(Object.keys(queries).map((name, at) => [name, results[at]?.results ?? []]));
}

/** The uuid a tenant's objects are named by. */
export async function uuidOfTenant(server: Server, slug: string): Promise<string> {
  const database = server.runtime.database();
  const row = await database.prepare("SELECT tenant_uuid FROM tenants WHERE slug = ?").bind(slug).first<{ tenant_uuid: string }>();
  if (row === null) throw new Error(`no tenant has the name ${slug}`);
  return row.tenant_uuid;
}

function withoutMoving(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !MOVING_COLUMNS.has(name)));
}
