// A wallet's Idempotency-Key is the wallet's: it stands for one request, whichever seller's object that would have come to
// (contract README 7).

import assert from "node:assert/strict";
import { test } from "node:test";
import { Buyer, expectData, type Json } from "./support/buyer.ts";
import type { Client, Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { Wallet, makeSeller, makeService } from "./support/market.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });
const stranger = (): Client => server.client();
const service = async (): Promise<string> => (await makeService(await makeSeller(stranger())))["id"];
const place = (buyer: Buyer, serviceId: string, key: string, more: Json = {}): Promise<Reply> =>
  buyer.send("POST", "/api/orders", { service_id: serviceId, brief: "once and only once", client_wallet: buyer.wallet, ...more }, { "idempotency-key": key });
const ordersOf = async (buyer: Buyer): Promise<Json[]> => expectData(await buyer.get("/api/orders"));

test("one key places one order, also with two sellers", async () => {
  const [one, other] = [await service(), await service()];
  const buyer = new Buyer(server.current);
  const first = await place(buyer, one, "k");
  expectData(first);
  expectFault(await place(buyer, other, "k"), "api", 422, "idempotency_conflict");
  expectFault(await place(buyer, one, "k", { brief: "another brief entirely" }), "api", 422, "idempotency_conflict");
  const again = await place(buyer, one, "k");
  assert.deepEqual([again.json, again.headers.get("idempotent-replayed")], [first.json, "true"]);
  assert.equal((await ordersOf(buyer)).length, 1);
  // Another wallet's key of the same name is another key, and another key of this wallet's is free.
  expectData(await place(new Buyer(server.current), other, "k"));
  expectData(await place(buyer, other, "k2"));
  assert.equal((await ordersOf(buyer)).length, 2);
});

test("sixteen at once under one key, with two sellers, are one order", async () => {
  const services = [await service(), await service()];
  const buyer = new Buyer(server.current);
  const replies = await Promise.all(Array.from({ length: 16 }, (_, n) => place(buyer, services[n % 2]!, "k")));
  const placed = replies.filter(({ status }) => status === 200);
  assert.equal(placed.length, 8);
  assert.equal(new Set(placed.map(({ json }) => json.data.id)).size, 1);
  for (const reply of replies.filter(({ status }) => status !== 200)) expectFault(reply, "api", 422, "idempotency_conflict");
  assert.equal((await ordersOf(buyer)).length, 1);
});

test("a request that was at fault leaves its key free, and a day later the key is free again", async () => {
  const [one, other] = [await service(), await service()];
  const buyer = new Buyer(server.current);
  expectFault(await place(buyer, one, "k", { brief: "short" }), "api", 400, "VALIDATION_ERROR", { path: "$.brief" });
  expectFault(await place(buyer, "svc_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "k"), "api", 404, "NOT_FOUND");
  expectData(await place(buyer, other, "k"));
  await server.current.advance(86_400);
  expectData(await place(buyer, one, "k"));
});

test("one key gives one lost key back, also of agents of two tenants", async () => {
  const signed = new Wallet().asOwner(Date.parse((await stranger().get("/v1/test-clock")).json.now));
  const sellers = [await makeSeller(stranger(), signed), await makeSeller(stranger())];
  expectData(await sellers[1]!.client.patch("/api/agents/me", signed));
  const recover = (n: number): Promise<Reply> => stranger().post("/api/agents/recover", { agent_id: sellers[n]!.agentId, ...signed }, { "idempotency-key": "k" });
  const recovered = await recover(0);
  expectData(recovered);
  expectFault(await recover(1), "api", 422, "idempotency_conflict");
  assert.equal((await sellers[1]!.client.get("/api/agents/me")).status, 200, "its key is the one it had");
  const again = await recover(0);
  assert.deepEqual([again.json, again.headers.get("idempotent-replayed")], [recovered.json, "true"]);
});
