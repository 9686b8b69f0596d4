// Agents that sell and wallets that buy: made by the routes of the contract, at the peer by a private call. Orders by the
// hundred thousand are written straight into the tables, while the server is down: nobody waits for what took a year.
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { base58 } from "@scure/base";
import { ask } from "./client.ts";
import type { Server } from "./server.ts";
import { makePeerTenant } from "./tenant.ts";

export interface BenchSeller {
  server: Server;
  /** As its orders name it: `agt_...`. */
  agentId: string;
  /** As the marketplace spells it: `ext_...`. */
  extId: string;
  key: string;
  /** The name of its tenant's object. */
  tenant: string;
}

export const bearer = ({ key }: BenchSeller): Record<string, string> => ({ Authorization: `Bearer ${key}` });

const ENDPOINT = "https://my-agent.example.com";
const PAYOUT_WALLET = "So11111111111111111111111111111111111111112";

interface Data<T> {
  data: T;
}

/** An agent with a payout wallet. */
export async function makeOurSeller(server: Server, name = "bench"): Promise<BenchSeller> {
  const profile = { name, description: "It sells what the benchmark orders", endpoint_url: ENDPOINT };
  const { data } = await ask<Data<{ agent_id: string; api_key: string }>>(server.port, { method: "POST", path: "/api/agents/register", body: profile }, 201);
  const [, ...uuid] = /^atelier_(.{8})(.{4})(.{4})(.{4})(.{12})/.exec(data.api_key) ?? [];
  const seller = { server, agentId: data.agent_id.replace("ext_", "agt_"), extId: data.agent_id, key: data.api_key, tenant: uuid.join("-") };
  await ask(server.port, { method: "PATCH", path: "/api/agents/me", headers: bearer(seller), body: { payout_wallet: PAYOUT_WALLET } });
  return seller;
}

export async function makePeerSeller(server: Server, name = "bench"): Promise<BenchSeller> {
  const { agentKey } = await makePeerTenant(server.port, name, []);
  const tenant = agentKey.slice("mtak_".length, "mtak_".length + 32);
  const key = `atelier_${tenant}${randomBytes(8).toString("hex")}${randomBytes(24).toString("hex")}`;
  const { agent_id: extId } = await ask<{ agent_id: string }>(server.port, { method: "POST", path: "/seed-seller", body: { key, name, endpointUrl: ENDPOINT } });
  return { server, agentId: extId.replace("ext_", "agt_"), extId, key, tenant };
}

/** A service that costs 5 dollars. */
export async function makeService(seller: BenchSeller): Promise<string> {
  const body = { category: "image_gen", title: "A picture", description: "One picture, by what the brief says", price_usd: "5.00", price_type: "fixed" };
  const path = `/api/agents/${seller.extId}/services`;
  const { data } = await ask<Data<{ id: string }>>(seller.server.port, { method: "POST", path, headers: bearer(seller), body }, 201);
  return data.id;
}

/** A wallet, and what proves it for a day. */
export class BenchBuyer {
  readonly wallet: string;
  readonly #key: KeyObject;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.wallet = base58.encode(publicKey.export({ type: "spki", format: "der" }).subarray(-32));
    this.#key = privateKey;
  }

  prove(atMs = Date.now()): { wallet: string; wallet_sig: string; wallet_sig_ts: number } {
    const signature = sign(null, Buffer.from(`atelier:${this.wallet}:${atMs}`), this.#key);
    return { wallet: this.wallet, wallet_sig: base58.encode(signature), wallet_sig_ts: atMs };
  }
}

export interface Shelf {
  /** A digit that tells its ids from those of other shelves in the same database. */
  mark: number;
  /** How many orders are written. */
  orders: number;
  /** Every so-many-th is the seller's; the rest are other agents' of the same tenant. */
  ownEvery: number;
  /** Of its own every so-many-th waits to be delivered; the others are completed. */
  openEvery: number;
}

/** Other agents of the tenant, among whom the rest of the orders lie. */
const OTHERS = 100;
const DAY_MS = 86_400_000;

/** Ids of 26 digits are ULIDs, of long ago. */
const NUMBERED = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :orders)";
const ORDER_ID = "printf('ord_0%d%024d', :mark, i)";
const SERVICE_ID = `svc_01${"0".repeat(24)}`;

/** The id of the `index`-th order of a shelf. */
export function numberedOrder({ mark }: Shelf, index: number): string {
  return `ord_0${mark}${String(index).padStart(24, "0")}`;
}

/** Edits a file of tables that no server has open. */
function edit(path: string, work: (file: DatabaseSync) => void): void {
  const file = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  try {
    file.exec("BEGIN");
    work(file);
    file.exec("COMMIT");
  } finally {
    file.close();
  }
}

/** How an open order of a shelf is listed; `#id` and `#number` stand for its own. */
function listedForm(extId: string, nowMs: number, dueMs: number): string {
  return JSON.stringify({
    id: "#id",
    service_id: SERVICE_ID,
    service_title: "A picture",
    client_wallet: PAYOUT_WALLET,
    provider_agent_id: extId,
    provider_name: "bench",
    brief: "A cyberpunk avatar with neon accents, number #number",
    reference_urls: [],
    reference_images: [],
    status: "paid",
    quoted_price_usd: "5.00",
    platform_fee_usd: "0.50",
    payment_method: "usdc-sol",
    escrow_tx_hash: "tx-#number",
    payout_tx_hash: null,
    deliverable_url: null,
    deliverable_media_type: null,
    deliverable_sha256: null,
    deliverables: [],
    quota_total: 0,
    quota_used: 0,
    workspace_expires_at: null,
    delivered_at: null,
    review_deadline: null,
    completed_at: null,
    dispute_count: 0,
    auto_action_at: new Date(dueMs).toISOString(),
    settlement: null,
    payout_status: "none",
    refund_status: "none",
    refund_tx_hash: null,
    created_at: new Date(nowMs).toISOString(),
    version: 3,
  });
}

/** Writes orders into the object of the seller's tenant, whose server is down. */
export function fillObject({ server, agentId, extId, tenant }: BenchSeller, { mark, orders, ownEvery, openEvery }: Shelf, nowMs = Date.now()): void {
  const dueMs = nowMs + 30 * DAY_MS;
  edit(server.objectFile("Tenant", tenant), (file) => {
    const { count } = file.prepare("SELECT count(*) AS count FROM market_profile").get() as { count: number };
    if (count === 1 && ownEvery > 1) addOthers(file, agentId, nowMs);
    file
      .prepare(
        `${NUMBERED}, o AS (SELECT i, i % :ownEvery = 0 AS own, CASE WHEN i % :ownEvery = 0 THEN (i / :ownEvery) % :openEvery = 0 ELSE i % 10 = 0 END AS open FROM n)
         INSERT INTO market_order (id, version, agent_id, provider_name, service_id, service_title, client_wallet, brief, reference_urls, reference_images,
           status, since_ms, due_at_ms, price_type, price_minor, turnaround_hours, quota_total, payment_method, escrow_tx_hash, payout_tx_hash, payout_status,
           payout_minor, paid_at_ms, delivered_at_ms, completed_at_ms, created_at_ms, form)
         SELECT ${ORDER_ID}, 3, CASE WHEN own THEN :agent ELSE printf('agt_00%024d', i % ${OTHERS}) END, 'bench', '${SERVICE_ID}', 'A picture',
           '${PAYOUT_WALLET}', 'A cyberpunk avatar with neon accents, number ' || i, '[]', '[]',
           CASE WHEN open THEN 'paid' ELSE 'completed' END, :now, CASE WHEN open THEN :due END, 'fixed', 500, 48, 0, 'usdc-sol', 'tx-' || i,
           CASE WHEN open THEN NULL ELSE 'payout-' || i END, CASE WHEN open THEN 'none' ELSE 'paid' END, CASE WHEN open THEN NULL ELSE 450 END, :now,
           CASE WHEN open THEN NULL ELSE :now END, CASE WHEN open THEN NULL ELSE :now END, :now,
           CASE WHEN open THEN replace(replace(:form, '#id', ${ORDER_ID}), '#number', i) END FROM o`,
      )
      .run({ mark, orders, ownEvery, openEvery, agent: agentId, now: nowMs, due: dueMs, form: listedForm(extId, nowMs, dueMs) });
  });
}

/** Copies of the seller under other ids. */
function addOthers(file: DatabaseSync, agentId: string, nowMs: number): void {
  for (let index = 0; index < OTHERS; index++) {
    const id = `agt_00${String(index).padStart(24, "0")}`;
    file.prepare("INSERT INTO agent (id, label, login, status, metadata, created_at_ms) VALUES (?, 'other', NULL, 'active', '{}', ?)").run(id, nowMs);
    file
      .prepare(
        `INSERT INTO market_profile (agent_id, slug, name, description, endpoint_url, capabilities, owner_verified, created_at_ms)
         SELECT ?, slug || ?, name, description, endpoint_url, capabilities, 0, created_at_ms FROM market_profile WHERE agent_id = ?`,
      )
      .run(id, `-${index}`, agentId);
  }
}

/** Writes rows for buyers' lists into the database of a server that is down: each as the form of one order that is there. */
export function fillDatabase(server: Server, tenant: string, form: { id: string; client_wallet: string }, { mark, orders, ownEvery }: Shelf): void {
  edit(server.databaseFile(), (file) => {
    file
      .prepare(
        `${NUMBERED} INSERT INTO market_orders (order_id, tenant_uuid, client_wallet, version, form)
         SELECT ${ORDER_ID}, :tenant, CASE WHEN i % :ownEvery = 0 THEN :wallet ELSE 'wallet-' || (i % 100000) END, 3, replace(:form, :id, ${ORDER_ID}) FROM n`,
      )
      .run({ mark, orders, ownEvery, tenant, wallet: form.client_wallet, form: JSON.stringify(form), id: form.id });
  });
}

/** Nobody is pushed to any more: the endpoint of every seller of the tenant, whose server is down, is off. */
export function silence({ server, tenant }: BenchSeller): void {
  edit(server.objectFile("Tenant", tenant), (file) => {
    const off = "UPDATE webhook_endpoint SET status = 'disabled', disabled_reason = 'gone', disabled_at_ms = ? WHERE seller_id IS NOT NULL";
    file.prepare(off).run(Date.now());
  });
}

/** Does something to a server's files while it is down. */
export async function whileDown(server: Server, work: () => void): Promise<void> {
  await server.stop();
  work();
  await server.start();
}
