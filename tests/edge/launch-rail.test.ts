// An agent's token over a rail outside: asked under one key for ever, so that a launch whose answer was lost is found again and
// never made twice; whatever fails leaves nothing behind (contract atelier 6, README 10).

import assert from "node:assert/strict";
import { test } from "node:test";
import { sleep } from "../../scripts/runtime.ts";
import type { Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { makeSeller, type Seller } from "./support/market.ts";
import { useReceiver, type Behaviour, type Received } from "./support/receiver.ts";
import { useServer } from "./support/server.ts";

const AVATAR = "https://example.com/avatar.png";
const SECRET = "rail-secret-0123456789";
const LEASE_S = 60;

/** A rail that keeps its word: a key it knows is answered with what was launched under it. */
const rail = await useReceiver();
const launched = new Map<string, { mint: string; tx_signature: string; symbol: string }>();
/** What it does beside launching, by symbol. */
let tricks: Record<string, Behaviour> = {};
rail.behave = ({ json, headers }) => {
  const trick = tricks[json.symbol];
  const key = headers["idempotency-key"]!;
  const isRefused = typeof trick === "object" && trick.status !== 200;
  if (!isRefused && trick !== "hang") launched.set(key, launched.get(key) ?? { mint: `mint-${launched.size}`, tx_signature: `tx-${launched.size}`, symbol: json.symbol });
  if (typeof trick === "object" || trick === "hang" || trick === "reset") return trick;
  return { status: 200, body: JSON.stringify(launched.get(key)) };
};

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000", LAUNCH_RAIL: "pumpfun", LAUNCH_BASE_URL: rail.url("/launch"), LAUNCH_SECRET_KEY: SECRET } });
const newSeller = (): Promise<Seller> => makeSeller(server.client(), { name: "Painter", avatar_url: AVATAR });
const launch = (seller: Seller, symbol: string, headers = {}): Promise<Reply> => seller.client.post(`/api/agents/${seller.agentId}/token/launch`, { symbol }, headers);
const tokenOf = async (seller: Seller): Promise<any> => (await seller.client.get("/api/agents/me")).json.data.token;
const askedBy = (seller: Seller): Received[] => rail.received.filter(({ json }) => json.agent_id === seller.agentId);
const expectFailures = (): void => server.current.expectError(/"status":50[24]/);

test("a rail is asked once, with its key and the token's terms, and what it launched is shown", async () => {
  const seller = await newSeller();
  const reply = await launch(seller, "PAINT");
  assert.equal(reply.status, 200, reply.text);
  const [asked, ...more] = askedBy(seller);
  assert.deepEqual(more, []);
  assert.deepEqual(asked!.json, { agent_id: seller.agentId, name: "Painter by Atelier", symbol: "PAINT", image_url: AVATAR, creator_fee_share: 90 });
  assert.deepEqual([asked!.headers["authorization"], asked!.headers["content-type"], asked!.headers["idempotency-key"]], [`Bearer ${SECRET}`, "application/json", `launch-${seller.agentId}`]);
  const { mint, tx_signature } = launched.get(`launch-${seller.agentId}`)!;
  assert.deepEqual(reply.json, { success: true, data: { mint, tx_signature, sandbox: false } });
  assert.deepEqual(await tokenOf(seller), { mint, name: "Painter by Atelier", symbol: "PAINT", image_url: AVATAR, mode: "pumpfun", tx_hash: tx_signature, creator_fee_share: 90, sandbox: false });
  expectFault(await launch(seller, "PAINT"), "api", 409, "TOKEN_EXISTS");
  assert.equal(askedBy(seller).length, 1);
});

test("a rail that fails is 502, tells nobody why, and leaves nothing behind", async () => {
  expectFailures();
  const failures: Behaviour[] = [
    { status: 500, body: SECRET }, { status: 400, body: "no" }, { status: 302, headers: { location: rail.url("/elsewhere") } }, { status: 200, body: "" }, { status: 200, body: "{}" },
    { status: 200, body: '{"mint":"","tx_signature":"x"}' }, { status: 200, body: '{"mint":7,"tx_signature":"x"}' }, { status: 200, body: `{"mint":"${"m".repeat(129)}","tx_signature":"x"}` },
    { status: 200, body: "[".repeat(100_000) }, { status: 200, body: Buffer.alloc(200_000, 0x20) }, "reset",
  ];
  for (const [n, failure] of failures.entries()) {
    const seller = await newSeller();
    tricks = { PAINT: failure };
    for (const headers of [{}, { "idempotency-key": "one" }, { "idempotency-key": "one" }]) {
      const reply = await launch(seller, "PAINT", headers);
      expectFault(reply, "api", 502, "UPSTREAM_ERROR");
      assert.ok(!reply.text.includes(SECRET) && !reply.text.includes("127.0.0.1") && reply.headers.get("idempotent-replayed") === null, reply.text);
    }
    assert.equal(await tokenOf(seller), null);
    assert.equal(askedBy(seller).length, 3, `failure ${n}: each attempt asks`);
    tricks = {};
    assert.equal((await launch(seller, "PAINT", { "idempotency-key": "one" })).status, 200, "nothing is held after a failure");
  }
  assert.deepEqual(rail.at("/elsewhere"), []);
});

test("a rail that is silent is 504 after twenty seconds, whether it sends nothing or never ends", async () => {
  expectFailures();
  tricks = { QUIET: "hang", ENDLESS: { status: 200, body: '{"mint":', holds: true } };
  const began = Date.now();
  const sellers = await Promise.all([newSeller(), newSeller()]);
  const replies = await Promise.all(sellers.map((seller, n) => launch(seller, ["QUIET", "ENDLESS"][n]!)));
  for (const reply of replies) expectFault(reply, "api", 504, "UPSTREAM_TIMEOUT");
  const took = Date.now() - began;
  assert.ok(took >= 20_000 && took < 30_000, `${took} ms`);
  for (const seller of sellers) assert.equal(await tokenOf(seller), null);
  tricks = {};
  for (const seller of sellers) assert.equal((await launch(seller, "PAINT")).status, 200);
});

test("a launch whose answer was lost is found again, not made again, whatever symbol is asked for then", async () => {
  expectFailures();
  const [same, other] = [await newSeller(), await newSeller()];
  tricks = { PAINT: "reset" };
  for (const seller of [same, other]) expectFault(await launch(seller, "PAINT"), "api", 502, "UPSTREAM_ERROR");
  tricks = {};
  for (const [seller, symbol] of [[same, "PAINT"], [other, "OTHER"]] as const) {
    const first = launched.get(`launch-${seller.agentId}`)!;
    const reply = await launch(seller, symbol);
    assert.deepEqual([reply.status, reply.json.data.mint], [200, first.mint], reply.text);
    const token = await tokenOf(seller);
    assert.deepEqual([token.mint, token.symbol], [first.mint, "PAINT"], "the token is the one there is");
  }
});

test("of sixteen launches at once the rail is asked for one, and the rest are told so", async () => {
  const seller = await newSeller();
  const replies = await Promise.all(Array.from({ length: 16 }, (_, n) => launch(seller, `S${n}`)));
  assert.equal(replies.filter(({ status }) => status === 200).length, 1);
  for (const reply of replies.filter(({ status }) => status !== 200)) assert.ok(reply.status === 409 && ["CONFLICT", "TOKEN_EXISTS"].includes(reply.json.code), reply.text);
  assert.equal(askedBy(seller).length, 1);
});

test("sixteen repeats under one key are one launch, and one answer once it is there", async () => {
  const seller = await newSeller();
  const once = { "idempotency-key": "launch-1" };
  const replies = await Promise.all(Array.from({ length: 16 }, () => launch(seller, "PAINT", once)));
  const [first] = replies.filter(({ status }) => status === 200);
  for (const reply of replies.filter(({ status }) => status !== 200)) expectFault(reply, "api", 409, "idempotency_in_flight");
  const again = await launch(seller, "PAINT", once);
  assert.deepEqual([again.status, again.json, again.headers.get("idempotent-replayed")], [200, first!.json, "true"]);
  expectFault(await launch(seller, "OTHER", once), "api", 422, "idempotency_conflict");
  assert.equal(askedBy(seller).length, 1);
});

test("who dies while the rail is asked blocks the agent no longer than its lease, and its launch is not lost", async () => {
  const seller = await newSeller();
  const once = { "idempotency-key": "launch-1" };
  // The rail has launched it and hangs, and workerd dies.
  tricks = { PAINT: { status: 200, body: "{", holds: true } };
  const cut = launch(seller, "PAINT", once).catch(() => undefined);
  while (askedBy(seller).length === 0) await sleep(10);
  await server.current.kill();
  await cut;
  tricks = {};
  expectFault(await launch(seller, "OTHER"), "api", 409, "CONFLICT");
  expectFault(await launch(seller, "PAINT", once), "api", 409, "idempotency_in_flight");
  assert.equal(await tokenOf(seller), null);
  assert.equal(askedBy(seller).length, 1);
  await server.current.advance(LEASE_S);
  const reply = await launch(seller, "PAINT", once);
  assert.deepEqual([reply.status, reply.json.data.mint], [200, launched.get(`launch-${seller.agentId}`)!.mint], reply.text);
  assert.deepEqual((await launch(seller, "PAINT", once)).json, reply.json);
});
