// An agent's token in the sandbox: launched once, under ids anybody can work out, and in an order of checks that tells nobody
// else's state (contract atelier 6).

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { base58 } from "@scure/base";
import type { Client, Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { newManager } from "./support/human.ts";
import { makeSeller, newRegistration, type Seller } from "./support/market.ts";
import { Server, useServer } from "./support/server.ts";
import { stateOfTenant } from "./support/state.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const AVATAR = "https://example.com/avatar.png";
const stranger = (): Client => server.client();
const newSeller = (more: Record<string, unknown> = {}): Promise<Seller> => makeSeller(stranger(), { avatar_url: AVATAR, ...more });
const launch = (seller: Seller, body: unknown = { symbol: "PAINT" }, headers = {}, agentId = seller.agentId): Promise<Reply> =>
  seller.client.post(`/api/agents/${agentId}/token/launch`, body, headers);
const tokenOf = async (seller: Seller): Promise<unknown> => (await seller.client.get("/api/agents/me")).json.data.token;

/** What the sandbox makes of an agent and a symbol, worked out apart from it. */
function idsOf(seller: Seller, symbol: string): { mint: string; tx_signature: string } {
  const hash = (algorithm: string, what: string): string =>
    base58.encode(createHash(algorithm).update(`guildhall-sandbox:${what}:${seller.agentId.slice(4)}:${symbol}`).digest());
  return { mint: hash("sha256", "mint"), tx_signature: hash("sha512", "launch") };
}

test("a token is launched under ids made of the agent and the symbol, and everybody sees it", async () => {
  const seller = await newSeller({ name: "Night Painter" });
  assert.equal(await tokenOf(seller), null);
  const reply = await launch(seller);
  assert.equal(reply.status, 200, reply.text);
  const { mint, tx_signature } = idsOf(seller, "PAINT");
  assert.deepEqual(reply.json, { success: true, data: { mint, tx_signature, sandbox: true } });
  const token = { mint, name: "Night Painter by Atelier", symbol: "PAINT", image_url: AVATAR, mode: "sandbox", tx_hash: tx_signature, creator_fee_share: 90, sandbox: true };
  assert.deepEqual(await tokenOf(seller), token);
  assert.deepEqual((await stranger().get(`/api/agents/${seller.slug}`)).json.data.agent.token, token);
  // What the agent changes later is not the token's.
  await seller.client.patch("/api/agents/me", { name: "Day Painter", avatar_url: null });
  assert.deepEqual(await tokenOf(seller), token);
  expectFault(await launch(seller), "api", 409, "TOKEN_EXISTS");
  expectFault(await launch(seller, { symbol: "OTHER" }), "api", 409, "TOKEN_EXISTS");
});

test("a symbol has one to ten characters, and whatever is no symbol launches nothing", async () => {
  for (const [symbol, kept] of [["P", "P"], ["🦀".repeat(10), "🦀".repeat(10)], ["$é-._ 1", "$é-._ 1"], [" PAINT ", "PAINT"]] as const) {
    const seller = await newSeller();
    const reply = await launch(seller, { symbol, unknown: 1 });
    assert.equal(reply.status, 200, `${symbol}: ${reply.text}`);
    assert.deepEqual([reply.json.data.mint, ((await tokenOf(seller)) as { symbol: string }).symbol], [idsOf(seller, kept).mint, kept]);
  }
  const seller = await newSeller();
  const before = await stateOfTenant(server.current, seller.tenantUuid);
  for (const symbol of [undefined, null, "", "   ", "ELEVENCHARS", "🦀".repeat(11), "A\u0000B", "A\u001bB", 7, true, ["A"], {}]) {
    expectFault(await launch(seller, { symbol }), "api", 400, "VALIDATION_ERROR", { path: "$.symbol" });
  }
  for (const body of ["[]", "null", '"x"', "{", '{"symbol":"A","symbol":"B"}']) {
    const reply = await seller.client.send("POST", `/api/agents/${seller.agentId}/token/launch`, { body, headers: { "content-type": "application/json" } });
    assert.equal(reply.status, 400, `${body}: ${reply.text}`);
  }
  assert.deepEqual(await stateOfTenant(server.current, seller.tenantUuid), before);
});

test("who asks comes before the agent, the agent before its token, the token before the avatar, the avatar before the symbol", async () => {
  const [seller, other, plain] = await Promise.all([newSeller(), newSeller(), newSeller({ avatar_url: null })]);
  const bad = { symbol: "" };
  const path = `/api/agents/${seller.agentId}/token/launch`;
  expectFault(await stranger().post(path, bad), "api", 401, "AUTH_REQUIRED");
  expectFault(await stranger().bearer(`${seller.key.slice(0, -1)}x`).post(path, bad), "api", 401, "TOKEN_INVALID");
  expectFault(await launch(other, bad, {}, seller.agentId), "api", 403, "FORBIDDEN");
  for (const nobody of ["ext_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "nonsense"]) expectFault(await launch(other, bad, {}, nobody), "api", 404, "NOT_FOUND");
  expectFault(await launch(plain, bad), "api", 400, "AVATAR_REQUIRED");
  expectFault(await launch(plain), "api", 400, "AVATAR_REQUIRED");
  expectFault(await launch(seller, bad), "api", 400, "VALIDATION_ERROR", { path: "$.symbol" });
  assert.equal((await launch(seller, { symbol: "PAINT" }, {}, seller.agentId.toLowerCase())).status, 200, "any spelling is the agent");
  expectFault(await launch(seller, bad), "api", 409, "TOKEN_EXISTS");
  await seller.client.patch("/api/agents/me", { avatar_url: null });
  expectFault(await launch(seller, bad), "api", 409, "TOKEN_EXISTS");
  assert.deepEqual([await tokenOf(other), await tokenOf(plain)], [null, null]);
});

test("a suspended agent launches nothing", async () => {
  const manager = await newManager(server.client());
  const made = await manager.management.post("/v1/agents", { display_name: "Painter" });
  const registration = newRegistration({ agent_id: made.json.agt_id, avatar_url: AVATAR });
  const { agent_id: agentId, api_key } = (await manager.management.post("/api/agents/register", registration)).json.data;
  const seller = { agentId, client: stranger().bearer(api_key) } as Seller;
  assert.equal((await manager.management.post(`/v1/agents/${made.json.agt_id}/suspend`, {})).status, 200);
  expectFault(await launch(seller, { symbol: "" }), "api", 403, "AGENT_NOT_ACTIVE");
  expectFault(await launch(seller), "api", 403, "AGENT_NOT_ACTIVE");
  assert.equal(await tokenOf(seller), null);
});

test("of sixteen launches at once one succeeds", async () => {
  const seller = await newSeller();
  const replies = await Promise.all(Array.from({ length: 16 }, (_, n) => launch(seller, { symbol: `S${n}` })));
  const won = replies.filter(({ status }) => status === 200);
  assert.equal(won.length, 1);
  for (const reply of replies) if (reply !== won[0]) expectFault(reply, "api", 409, "TOKEN_EXISTS");
  assert.equal(((await tokenOf(seller)) as { mint: string }).mint, won[0]!.json.data.mint);
});

test("a repeat under an Idempotency-Key is answered alike, and another body is refused", async () => {
  const seller = await newSeller();
  const once = { "idempotency-key": "launch-1" };
  const replies = await Promise.all(Array.from({ length: 16 }, () => launch(seller, { symbol: "PAINT" }, once)));
  for (const reply of replies) assert.deepEqual([reply.status, reply.json], [200, replies[0]!.json], reply.text);
  assert.equal(replies.filter((reply) => reply.headers.get("idempotent-replayed") === "true").length, 15);
  assert.deepEqual((await launch(seller, { symbol: "PAINT" }, once)).json, replies[0]!.json);
  expectFault(await launch(seller, { symbol: "OTHER" }, once), "api", 422, "idempotency_conflict");
  const refused = await launch(seller, { symbol: "PAINT" }, { "idempotency-key": "launch-2" });
  const again = await launch(seller, { symbol: "PAINT" }, { "idempotency-key": "launch-2" });
  assert.deepEqual([again.json, again.headers.get("idempotent-replayed")], [refused.json, "true"]);
  // What lacked an avatar may be sent again under the same key.
  const plain = await newSeller({ avatar_url: null });
  expectFault(await launch(plain, { symbol: "PAINT" }, once), "api", 400, "AVATAR_REQUIRED");
  await plain.client.patch("/api/agents/me", { avatar_url: AVATAR });
  assert.equal((await launch(plain, { symbol: "PAINT" }, once)).status, 200);
});

test("a rail that is not configured is named, and nothing is stored", async () => {
  for (const [vars, upstream] of [[{}, "LAUNCH_BASE_URL"], [{ LAUNCH_BASE_URL: "http://127.0.0.1:9" }, "LAUNCH_SECRET_KEY"]] as const) {
    const bare = await Server.start({ vars: { LAUNCH_RAIL: "solana", ...vars } });
    bare.expectError(/UPSTREAM_NOT_CONFIGURED|"status":503/);
    try {
      const seller = await makeSeller(bare.client(), { avatar_url: AVATAR });
      const before = await stateOfTenant(bare, seller.tenantUuid);
      expectFault(await launch(seller, { symbol: "" }), "api", 400, "VALIDATION_ERROR", { path: "$.symbol" });
      for (const key of ["one", "one"]) expectFault(await launch(seller, { symbol: "PAINT" }, { "idempotency-key": key }), "api", 503, "UPSTREAM_NOT_CONFIGURED", { upstream });
      assert.deepEqual(await stateOfTenant(bare, seller.tenantUuid), before);
      assert.equal(await tokenOf(seller), null);
    } finally {
      await bare.stop();
    }
  }
});
