// A buyer at the marketplace: a Solana wallet that signs for itself, by a library that is not ours.

import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { base58 } from "@scure/base";
import type { Client, Reply } from "./client.ts";
import type { Server } from "./server.ts";

export type Json = Record<string, any>;

export class Buyer {
  readonly wallet: string;
  readonly client: Client;
  readonly server: Server;
  readonly #key: KeyObject;

  constructor(server: Server) {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.wallet = base58.encode(publicKey.export({ type: "spki", format: "der" }).subarray(-32));
    this.server = server;
    this.client = server.client();
    this.#key = privateKey;
  }

  /** What proves the wallet at a moment. */
  prove(atMs: number, wallet = this.wallet): Json {
    const signature = sign(null, Buffer.from(`atelier:${wallet}:${atMs}`), this.#key);
    return { wallet, wallet_sig: base58.encode(signature), wallet_sig_ts: atMs };
  }

  /** The same now, by the clock of the deployment. */
  async proof(): Promise<Json> {
    const { now } = (await this.client.get("/v1/test-clock")).json;
    return this.prove(Date.parse(now));
  }

  async send(method: string, path: string, body: Json = {}, headers: Record<string, string> = {}): Promise<Reply> {
    return this.client.send(method, path, { json: { ...(await this.proof()), ...body }, headers });
  }

  async get(path: string): Promise<Reply> {
    const query = new URLSearchParams(Object.entries(await this.proof()).map(([name, value]) => [name, String(value)]));
    return this.client.get(`${path}${path.includes("?") ? "&" : "?"}${query}`);
  }

  place(serviceId: string, more: Json = {}): Promise<Reply> {
    return this.send("POST", "/api/orders", { service_id: serviceId, brief: "A cyberpunk avatar with neon accents", client_wallet: this.wallet, ...more });
  }

  move(orderId: string, action: string, more: Json = {}): Promise<Reply> {
    return this.send("PATCH", `/api/orders/${orderId}`, { action, ...more });
  }

  pay(orderId: string, txHash = `tx-${orderId}`): Promise<Reply> {
    return this.move(orderId, "pay", { escrow_tx_hash: txHash });
  }

  /** An order of a service, as far along as this. */
  async order(serviceId: string, paid = true): Promise<Json> {
    const placed = expectData(await this.place(serviceId));
    return paid ? expectData(await this.pay(placed["id"])) : placed;
  }
}

/** The `data` of an answer that succeeded. */
export function expectData(reply: Reply, status = 200): any {
  assert.equal(reply.status, status, reply.text);
  assert.equal(reply.json.success, true, reply.text);
  return reply.json.data;
}

/** A refusal in the marketplace's own words. */
export function expectRefusal(reply: Reply, status: number, code: string, path?: string): void {
  assert.equal(reply.status, status, reply.text);
  const { success, error, code: found, path: foundPath } = reply.json;
  assert.deepEqual([success, found, foundPath], [false, code, path], reply.text);
  assert.equal(typeof error, "string");
}
