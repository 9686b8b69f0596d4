// A customer that goes on working while the server dies under it, and keeps its own books of what was acknowledged.
// Afterwards the books are held against the server: nothing acknowledged is lost, nothing happened twice.

import assert from "node:assert/strict";
import { sleep } from "../../scripts/runtime.ts";
import { signUp, type Agent } from "../edge/support/agent.ts";
import type { Reply } from "../edge/support/client.ts";
import type { Server } from "../edge/support/server.ts";

const CREDIT_MICROS = 1_000_000;
const QUERY_PRICE_MICROS = 1_000;
/** Room for the questions of the check itself. */
const QUERIES_MAX = CREDIT_MICROS / QUERY_PRICE_MICROS - 10;
const ANSWER_DEADLINE_MS = 120_000;
const REPLAYS_MAX = 5;

type Append = { key: string; content: string; sequence: number; id: string };
type Query = { key: string; text: string };

export class Customer {
  readonly #agent: Agent;
  readonly #appends: Append[] = [];
  readonly #queries: Query[] = [];
  /** Keys of queries that broke off while they ran. Each is held until its hold runs out, and asked again in the end. */
  readonly #brokenOff: string[] = [];
  /** Connections that broke before the answer was whole; each was followed by a retry with the same key. */
  cut = 0;

  private constructor(agent: Agent) {
    this.#agent = agent;
  }

  static async arrive(server: Server): Promise<Customer> {
    const customer = new Customer(await signUp(server.client()));
    const opened = await customer.#post("/v2/session/open", {});
    assert.equal(opened.status, 200, opened.text);
    return customer;
  }

  get acknowledged(): number {
    return this.#appends.length + this.#queries.length;
  }

  /** Appends and queries in turn until told to stop. */
  async work(running: () => boolean): Promise<void> {
    for (let turn = 0; running(); turn += 1) {
      if (turn % 3 === 2 && this.#queries.length + this.#brokenOff.length < QUERIES_MAX) await this.#query(`q-${turn}`);
      else await this.#append(`a-${turn}`);
    }
  }

  async #append(key: string): Promise<void> {
    const content = `note ${key}: it rained on day ${this.#appends.length}`;
    const reply = await this.#untilAnswered(() => this.#post("/v2/session/append", { content, idempotency_key: key }));
    assert.equal(reply.status, 200, reply.text);
    this.#appends.push({ key, content, sequence: reply.json.sequence, id: reply.json.id });
  }

  async #query(key: string): Promise<void> {
    const reply = await this.#untilAnswered(() => this.#ask(key));
    if (isInFlight(reply)) {
      this.#brokenOff.push(key);
      return;
    }
    assert.equal(reply.status, 200, reply.text);
    this.#queries.push({ key, text: reply.text });
  }

  #ask(key: string): Promise<Reply> {
    return this.#post("/v2/query", { query_text: "rained" }, { "idempotency-key": key });
  }

  #post(path: string, body: object, headers: Record<string, string> = {}): Promise<Reply> {
    const { tenantId, runtime } = this.#agent;
    return runtime.post(path, { tenant_id: tenantId, session_id: "soak", ...body }, headers);
  }

  /** Repeats a request, its key included, until it is answered: what the API asks of its clients. */
  async #untilAnswered(ask: () => Promise<Reply>): Promise<Reply> {
    const deadlineMs = performance.now() + ANSWER_DEADLINE_MS;
    for (;;) {
      try {
        const reply = await ask();
        if (reply.status < 500) return reply;
      } catch {
        this.cut += 1;
      }
      assert.ok(performance.now() < deadlineMs, `no answer within ${ANSWER_DEADLINE_MS / 1000} s`);
      await sleep(50);
    }
  }

  /** Holds the books against the server. Holds that a kill orphaned have expired by now: the caller moved the clock. */
  async verify(): Promise<void> {
    for (const key of this.#brokenOff.splice(0)) await this.#query(key);
    assert.deepEqual(this.#brokenOff, [], "a hold that ran out frees its key");
    const count = this.#appends.length;
    const sequences = this.#appends.map(({ sequence }) => sequence).sort((a, b) => a - b);
    assert.deepEqual(
      sequences,
      Array.from({ length: count }, (_, index) => index + 1),
      "acknowledged appends are numbered from 1 without a gap or a double",
    );
    const status = await this.#post("/v2/session/soak/status", {});
    assert.equal(status.json.observations, count, `observations kept: ${status.text}`);

    for (const { key, content, id } of this.#appends.slice(-REPLAYS_MAX)) {
      const again = await this.#post("/v2/session/append", { content, idempotency_key: key });
      assert.equal(again.json.id, id, "an append is known by its key");
      assert.equal(again.json.duplicate, true);
    }
    for (const { key, text } of this.#queries.slice(-REPLAYS_MAX)) {
      const again = await this.#ask(key);
      assert.equal(again.text, text, "a query is answered again as it was");
    }
    const last = await this.#ask("the-last-one");
    const spentMicros = (this.#queries.length + 1) * QUERY_PRICE_MICROS;
    assert.equal(Math.round(Number(last.json.balance) * 1e6), CREDIT_MICROS - spentMicros, "every query was charged once");
  }
}

function isInFlight(reply: Reply): boolean {
  return reply.status === 409 && reply.json.code === "idempotency_in_flight";
}
