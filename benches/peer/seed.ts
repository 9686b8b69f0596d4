// The tenant the benchmark asks for.
import type { Books } from "./books.ts";
import { newId } from "./id.ts";
import type { Credential } from "./key.ts";

export interface TenantSeed {
  uuid: string;
  slug: string;
  keys: Credential[];
  fundsMicros: number;
}

export interface Seeded {
  walletId: string;
  agentId: string;
}

/** Writes a tenant with keys and a wallet with money. */
export function seedTenant(sql: SqlStorage, books: Books, { uuid, slug, keys, fundsMicros }: TenantSeed, nowMs: number): Seeded {
  const walletId = newId("wal", nowMs);
  const agentId = newId("agt", nowMs);
  sql.exec(
    "INSERT INTO tenant (one, uuid, slug, name, plan, controller_login, default_wallet_id, created_at_ms) VALUES (1, ?, ?, ?, 'free', 'bench', ?, ?)",
    uuid,
    slug,
    slug,
    walletId,
    nowMs,
  );
  sql.exec("INSERT INTO agent (id, label, login, status, metadata, created_at_ms) VALUES (?, 'bench', NULL, 'active', '{}', ?)", agentId, nowMs);
  sql.exec("INSERT INTO wallet (id, mode, metadata, created_at_ms) VALUES (?, 'sandbox', '{}', ?)", walletId, nowMs);
  for (const account of ["outside", "revenue", walletId, `${walletId}.held`]) sql.exec("INSERT INTO account (id) VALUES (?)", account);
  for (const key of keys) {
    const isAgent = key.kind === "agent";
    sql.exec(
      "INSERT INTO api_key (number, id, kind, agent_id, last4, secret_hash, scopes, created_at_ms) VALUES (?, ?, ?, ?, 'last', ?, '[\"*:*\"]', ?)",
      key.number,
      newId("key", nowMs),
      key.kind,
      isAgent ? agentId : null,
      key.secretHash,
      nowMs,
    );
  }
  books.append(
    { seq: 0, hash: new Uint8Array(32) },
    { action: "wallet.funded", actor: "house", amount_micros: fundsMicros, at: nowMs, from: "outside", object: walletId, request_id: newId("req", nowMs), to: walletId },
  );
  return { walletId, agentId };
}
