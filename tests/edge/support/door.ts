// One route of each root that reads JSON, for anyone, for agents and for managers: what holds for bodies holds at all of them.

import assert from "node:assert/strict";
import { signUp } from "./agent.ts";
import type { Client, HeaderMap, Reply } from "./client.ts";
import type { FaultRoot } from "./fault.ts";
import { newEmail, newManager, PASSWORD } from "./human.ts";
import type { Server } from "./server.ts";
import { stateOfBook, stateOfTenant } from "./state.ts";

export type Door = {
  root: FaultRoot;
  client: Client;
  path: string;
  /** A body that is taken. */
  good: Record<string, unknown>;
  /** What the root calls what is wrong with a body. */
  codes: { json: string; field: string; large: string; type: string };
};

const CODES: Record<FaultRoot, Door["codes"]> = {
  v1: { json: "INVALID_REQUEST", field: "INVALID_INPUT", large: "PAYLOAD_TOO_LARGE", type: "UNSUPPORTED_MEDIA_TYPE" },
  v2: { json: "invalid_json", field: "invalid_request", large: "payload_too_large", type: "unsupported_media_type" },
  api: { json: "INVALID_JSON", field: "VALIDATION_ERROR", large: "PAYLOAD_TOO_LARGE", type: "UNSUPPORTED_MEDIA_TYPE" },
};

export class House {
  readonly #server: Server;
  readonly doors: Door[];

  private constructor(server: Server, doors: Door[]) {
    this.#server = server;
    this.doors = doors;
  }

  static async open(server: Server): Promise<House> {
    const [agent, manager] = await Promise.all([signUp(server.client()), newManager(server.client())]);
    const door = (root: FaultRoot, client: Client, path: string, good: Record<string, unknown>): Door => ({ root, client, path, good, codes: CODES[root] });
    return new House(server, [
      door("v2", agent.runtime, "/v2/query", { query_text: "rain" }),
      door("v2", server.client(), "/v2/billing/agent/challenge", { wallet_address: agent.account.address }),
      door("v2", manager.client, "/v2/tenants", { tenant_id: "body-test" }),
      door("v1", manager.management, "/v1/wallets", { currency: "usd" }),
      door("api", server.client(), "/api/register", { email: newEmail(), password: PASSWORD }),
      door("api", server.client(), "/api/auth/token", { email: newEmail(), password: PASSWORD }),
      door("api", server.client(), "/api/auth/callback/credentials", { email: newEmail(), password: PASSWORD }),
    ]);
  }

  /** The query of a tenant's memory: a door that may be asked often. */
  get query(): Door {
    return this.at("/v2/query");
  }

  at(path: string): Door {
    const door = this.doors.find((door) => door.path === path);
    assert.ok(door, path);
    return door;
  }

  /** Fails when the work leaves anything behind at any door. */
  async unchanged(work: (doors: Door[]) => Promise<void>): Promise<void> {
    const before = await this.#state();
    await work(this.doors);
    assert.deepEqual(await this.#state(), before);
  }

  async #state(): Promise<unknown> {
    const book = await stateOfBook(this.#server);
    const uuids = (book["tenants"] ?? []).map((row) => String(row["tenant_uuid"]));
    return [book, await Promise.all(uuids.map((uuid) => stateOfTenant(this.#server, uuid)))];
  }
}

/** Sends a text as JSON. */
export function sendText(door: Door, body: string | Uint8Array<ArrayBuffer>, headers: HeaderMap = {}): Promise<Reply> {
  return door.client.send("POST", door.path, { body, headers: { "content-type": "application/json", ...headers } });
}
