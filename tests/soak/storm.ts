// Storms: many callers want the one thing that only one may have, round after round.
//   node tests/soak/storm.ts            ROUNDS=20 CALLERS=64
// A challenge gives one session, a name one tenant, an idempotency key one effect, and money for k pays for exactly k.
// Bounded by its rounds. Every caller has an address of its own and the quotas are scaled up: limits are not the subject.

import assert from "node:assert/strict";
import { newSlug, newWallet, signIn, signUp } from "../edge/support/agent.ts";
import type { Reply } from "../edge/support/client.ts";
import { Server } from "../edge/support/server.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 20);
const CALLERS = Number(process.env["CALLERS"] ?? 64);
const CREDIT_MICROS = 1_000_000;
const QUERY_PRICE_MICROS = 1_000;
const AFFORDABLE = CREDIT_MICROS / QUERY_PRICE_MICROS;

function together<T>(body: (caller: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: CALLERS }, (_, caller) => body(caller)));
}

function countStatus(replies: Reply[], status: number): number {
  return replies.filter((reply) => reply.status === status).length;
}

/** Fails when a status is there that the storm cannot explain. */
function allowOnly(replies: Reply[], statuses: number[]): void {
  const other = replies.find(({ status }) => !statuses.includes(status));
  assert.equal(other, undefined, `${other?.status}: ${other?.text}`);
}

async function stormChallenge(server: Server): Promise<void> {
  const account = newWallet();
  const challenge = await server.client().post("/v2/billing/agent/challenge", { wallet_address: account.address });
  assert.equal(challenge.status, 200, challenge.text);
  const signature = await account.signMessage({ message: challenge.json.message });
  const body = { challenge_id: challenge.json.challenge_id, signature };
  const replies = await together(() => server.client().post("/v2/billing/agent/session", body));
  allowOnly(replies, [200, 401]);
  assert.equal(countStatus(replies, 200), 1, "one challenge gives one session");
}

async function stormName(server: Server): Promise<void> {
  const sessions = await together(() => signIn(server.client()));
  const slug = newSlug();
  const replies = await Promise.all(sessions.map(({ client }) => client.post("/v2/agents/signup", { tenant_id: slug })));
  allowOnly(replies, [201, 409]);
  assert.equal(countStatus(replies, 201), 1, "one name gives one tenant");
}

async function stormKey(server: Server): Promise<void> {
  const agent = await signUp(server.client());
  const ask = (key: string): Promise<Reply> =>
    agent.runtime.post("/v2/query", { tenant_id: agent.tenantId, query_text: "rain" }, { "idempotency-key": key });
  const replies = await together(() => ask("storm"));
  allowOnly(replies, [200, 409]);
  const bodies = new Set(replies.filter(({ status }) => status === 200).map(({ text }) => text));
  assert.equal(bodies.size, 1, "one key gives one answer");
  const next = await ask("after");
  assert.equal(next.json.balance, decimal(CREDIT_MICROS - 2 * QUERY_PRICE_MICROS), "one key is charged once");
}

async function stormMoney(server: Server): Promise<void> {
  const agent = await signUp(server.client());
  let asked = 0;
  const replies: Reply[] = [];
  await together(async () => {
    while (asked < AFFORDABLE + CALLERS) {
      asked += 1;
      replies.push(await agent.runtime.post("/v2/query", { tenant_id: agent.tenantId, query_text: "rain" }));
    }
  });
  allowOnly(replies, [200, 402]);
  assert.equal(countStatus(replies, 200), AFFORDABLE, `money for ${AFFORDABLE} pays for exactly ${AFFORDABLE}`);
}

/** Micro-units as the decimal text of the API. */
function decimal(micros: number): string {
  return `${Math.floor(micros / 1e6)}.${String(micros % 1e6).padStart(6, "0")}`.replace(/0+$/, "").replace(/\.$/, "");
}

async function main(): Promise<void> {
  console.log(`storms: ${ROUNDS} rounds of ${CALLERS} callers`);
  const server = await Server.start({ vars: { RATE_LIMIT_SCALE: "1000" } });
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const startedMs = performance.now();
      await stormChallenge(server);
      await stormName(server);
      await stormKey(server);
      if (round % 5 === 1) await stormMoney(server);
      console.log(`  round ${round}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    }
  } finally {
    await server.stop();
  }
  console.log("  one challenge, one name, one key, exactly the money there was: held in every round");
}

await main();
