// Crowds at one thing: money for k pays for exactly k, and equal requests have one effect.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newSlug, signIn, signUp } from "./support/agent.ts";
import type { Reply } from "./support/client.ts";
import { newHousehold } from "./support/household.ts";
import { useServer } from "./support/server.ts";

const CALLERS = 64;

// A new tenant's dollar pays for ten queries.
const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000", QUERY_PRICE_USD: "0.1" } });

function together(body: (caller: number) => Promise<Reply>): Promise<Reply[]> {
  return Promise.all(Array.from({ length: CALLERS }, (_, caller) => body(caller)));
}

/** How many answers had each status. */
function tally(replies: Reply[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

test("of 64 queries at once on money for 10 exactly 10 succeed, by key and wallet alike, and nothing is left", async () => {
  const house = await newHousehold(server.current);
  const { runtime, client } = house.agent;
  const replies = await together((caller) => {
    const body = { tenant_id: house.tenantId, query_text: "silver" };
    return (caller % 2 === 0 ? runtime : client).post("/v2/query", body);
  });
  assert.deepEqual(tally(replies), { 200: 10, 402: 54 });
  const balances = replies.filter(({ status }) => status === 200).map(({ json }) => json.balance);
  assert.deepEqual(balances.sort(), ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]);
  const wallet = await house.stranger.get(`/v1/wallets/${house.walletId}/balance`, { "x-api-key": house.apiKey });
  const { available_micros, reserved_micros, total_micros } = wallet.json;
  assert.deepEqual([available_micros, reserved_micros, total_micros], [0, 0, 0], "nothing is left and nothing is held");
});

test("money that comes in amid the crowd is spent to the last cent, and no further", async () => {
  const house = await newHousehold(server.current);
  const manager = house.stranger.with({ "x-api-key": house.apiKey });
  const query = (): Promise<Reply> => house.agent.runtime.post("/v2/query", { query_text: "silver" });
  const fund = (): Promise<Reply> =>
    manager.post(`/v1/wallets/${house.walletId}/fund`, { amount: 25 }, { "idempotency-key": newSlug("once") });
  const replies = await together((caller) => (caller % 16 === 8 ? fund() : query()));
  assert.equal(tally(replies)[201], 4);
  let paid = replies.filter(({ status }) => status === 200).length;
  for (let reply = await query(); reply.status === 200; reply = await query()) paid += 1;
  assert.equal(paid, 20, "1.00 and four times 0.25 pay for 20 queries");
  const { json } = await manager.get(`/v1/wallets/${house.walletId}/balance`);
  assert.deepEqual([json.available_micros, json.reserved_micros], [0, 0]);
});

test("64 equal queries at once run and cost once", async () => {
  const agent = await signUp(server.client());
  const replies = await together(() => agent.runtime.post("/v2/query", { query_text: "silver" }, { "idempotency-key": "one" }));
  assert.deepEqual(Object.keys(tally(replies)).filter((status) => !["200", "409"].includes(status)), []);
  for (const reply of replies.filter(({ status }) => status === 409)) {
    assert.deepEqual([reply.json.code, reply.headers.get("retry-after")], ["idempotency_in_flight", "1"]);
  }
  const answered = replies.filter(({ status }) => status === 200);
  assert.equal(new Set(answered.map(({ text }) => text)).size, 1, "one answer for all");
  assert.equal(answered.filter(({ headers }) => headers.get("idempotent-replayed") === null).length, 1, "one of them ran");
  const again = await agent.runtime.post("/v2/query", { query_text: "silver" }, { "idempotency-key": "one" });
  assert.deepEqual([again.text, again.headers.get("idempotent-replayed")], [answered[0]?.text, "true"]);
  assert.equal((await agent.runtime.post("/v2/query", { query_text: "silver" })).json.balance, "0.8", "two were paid for");
});

test("64 equal fundings, observations, keys and tenants at once are one of each", async () => {
  const house = await newHousehold(server.current);
  const once = { "idempotency-key": newSlug("once") };
  const manager = house.stranger.with({ "x-api-key": house.apiKey, ...once });
  const { runtime } = house.agent;
  const owner = house.owner.client;
  const wallet = await signIn(server.client());
  const slug = newSlug();
  const append = { session_id: house.sessionId, content: "the cat is out", idempotency_key: "cat" };
  const [fundings, observations, keys, tenants] = await Promise.all([
    together(() => manager.post(`/v1/wallets/${house.walletId}/fund`, { amount: 500 })),
    together(() => runtime.post("/v2/session/append", append)),
    together(() => owner.post(`/v2/tenants/${house.tenantId}/agent-keys`, { label: "twin" }, once)),
    together(() => wallet.client.post("/v2/agents/signup", { tenant_id: slug }, once)),
  ]);
  for (const [replies, status] of [
    [fundings, 201],
    [observations, 200],
    [keys, 201],
    [tenants, 201],
  ] as const) {
    const done = replies.filter((reply) => reply.status === status);
    assert.ok(done.length >= 1, replies[0]?.text);
    assert.ok(replies.every((reply) => reply.status === status || reply.json.code === "idempotency_in_flight"), JSON.stringify(tally(replies)));
    if (status === 201) assert.equal(new Set(done.map(({ text }) => text)).size, 1, "one answer, its secret too");
  }
  assert.deepEqual(new Set(observations.map(({ json }) => `${json.id} ${json.sequence}`)).size, 1);
  assert.equal(observations.filter(({ json }) => json.duplicate === false).length, 1);
  const balance = await house.stranger.get(`/v1/wallets/${house.walletId}/balance`, { "x-api-key": house.apiKey });
  assert.equal(balance.json.available, 600);
  const listed = (await owner.get(`/v2/tenants/${house.tenantId}/agent-keys`)).json.keys as { label: string | null }[];
  assert.equal(listed.filter(({ label }) => label === "twin").length, 1);
  assert.equal((await runtime.post(`/v2/session/${house.sessionId}/status`)).json.sequence, 2);
  const born = tenants.find(({ status }) => status === 201) ?? assert.fail("no tenant was born");
  const agent = server.client().with({ "x-tenant-id": slug, "x-tenant-token": born.json.agent_key });
  assert.equal((await agent.post("/v2/query", { query_text: "x" })).status, 200);
});
