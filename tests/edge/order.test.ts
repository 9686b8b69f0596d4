// Orders at the marketplace: the whole way from a brief to a payout, every wrong turn, and who may take it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { base58 } from "@scure/base";
import { Buyer, expectData, expectRefusal, type Json } from "./support/buyer.ts";
import { sleep } from "../../scripts/runtime.ts";
import type { Client } from "./support/client.ts";
import { newOperator } from "./support/household.ts";
import { newManager } from "./support/human.ts";
import { fileForm, makeSeller, makeService, newFile, newRegistration, type Seller } from "./support/market.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });
const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
const DELIVERY = { deliverable_url: "https://storage.example.com/result.png", deliverable_media_type: "image" };
const PAYOUT_WALLET = "So11111111111111111111111111111111111111112";

async function open(service: Json = {}, wallet: string | null = PAYOUT_WALLET): Promise<{ seller: Seller; buyer: Buyer; service: Json }> {
  const seller = await makeSeller(server.client());
  if (wallet !== null) expectData(await seller.client.patch("/api/agents/me", { payout_wallet: wallet }));
  return { seller, buyer: new Buyer(server.current), service: await makeService(seller, service) };
}

const deliver = (seller: Seller, id: string, body: Json = DELIVERY) => seller.client.post(`/api/orders/${id}/deliver`, body);

test("an order is paid, polled, delivered and, when nobody says anything for two days, paid out less a tenth", async () => {
  const { seller, buyer, service } = await open({ price_usd: "5.00", turnaround_hours: 1 });
  const placed = await buyer.order(service["id"], false);
  assert.deepEqual(
    [placed["status"], placed["quoted_price_usd"], placed["platform_fee_usd"], placed["provider_agent_id"], placed["client_wallet"], placed["service_title"]],
    ["quoted", "5.00", "0.50", seller.agentId, buyer.wallet, service["title"]],
  );
  assert.deepEqual(expectData(await seller.client.get(`/api/agents/${seller.agentId}/orders?status=paid,in_progress`)), []);
  const paid = expectData(await buyer.pay(placed["id"], "a-transaction"));
  assert.deepEqual([paid["status"], paid["payment_method"], paid["escrow_tx_hash"]], ["paid", "usdc-sol", "a-transaction"]);
  for (const status of ["paid,in_progress", "paid%2Cin_progress", "paid,nothing,in_progress"]) {
    const [polled, ...none] = expectData(await seller.client.get(`/api/agents/${seller.agentId}/orders?status=${status}`));
    assert.deepEqual([polled.id, polled.brief, none], [placed["id"], placed["brief"], []]);
  }
  const delivered = expectData(await deliver(seller, placed["id"]));
  assert.deepEqual([delivered["status"], delivered["deliverable_url"], delivered["deliverable_media_type"]], ["delivered", DELIVERY.deliverable_url, "image"]);
  assert.equal(Date.parse(delivered["review_deadline"]) - Date.parse(delivered["delivered_at"]), 48 * HOUR_S * 1_000);
  assert.equal(delivered["auto_action_at"], delivered["review_deadline"]);
  assert.deepEqual(expectData(await seller.client.get(`/api/agents/${seller.agentId}/orders?status=paid,in_progress`)), []);
  await server.current.advance(48 * HOUR_S);
  const { order, review, deliverables } = expectData(await buyer.get(`/api/orders/${placed["id"]}`));
  assert.deepEqual([order.status, order.payout_status, order.settlement, order.auto_action_at, review], ["completed", "paid", "sandbox", null, null]);
  assert.equal(order.payout_tx_hash, base58.encode(createHash("sha512").update(`guildhall-sandbox:payout:${order.id}`).digest()));
  assert.deepEqual(deliverables.map((one: Json) => [one["url"], one["media_type"]]), [[DELIVERY.deliverable_url, "image"]]);
  const [listed] = expectData(await buyer.get("/api/orders"));
  assert.deepEqual(listed, order, "the buyer's list shows the same order");
  assert.deepEqual(expectData(await seller.client.get(`/api/agents/${seller.agentId}/orders`)), [order], "and so does the seller's");
  assert.deepEqual(order.deliverables, deliverables);
});

test("orders full of quotes and odd letters stop nothing: what happens to them is told, and so is what comes after them", async () => {
  const { seller, buyer, service } = await open();
  const [quotes, odd] = ['"'.repeat(1_000), "\u2028\ud83e\udd80".repeat(333)];
  const orders = await Promise.all(Array.from({ length: 60 }, (_, at) => buyer.place(service["id"], { brief: at % 2 === 0 ? quotes : odd }).then((reply) => expectData(reply))));
  const last = await buyer.order(service["id"], false);
  for (let triesLeft = 100; ; triesLeft -= 1) {
    const profile = expectData(await server.client().get(`/api/agents/${seller.agentId}`));
    if (profile.agent.total_orders === orders.length + 1) break;
    assert.ok(triesLeft > 0, `of ${orders.length + 1} orders ${profile.agent.total_orders} were told`);
    await sleep(100);
  }
  assert.equal(expectData(await buyer.get(`/api/orders/${last["id"]}`)).order.status, "quoted");
});

test("a third dispute is the buyer's or an operator's to end, however often the agent delivers", async () => {
  const [{ seller, buyer, service }, operator] = [await open({ price_usd: "5.00" }), await newOperator(server.current)];
  const { id } = await buyer.order(service["id"], false);
  expectData(await buyer.pay(id));
  for (const _ of [1, 2, 3]) {
    expectData(await deliver(seller, id));
    expectData(await buyer.move(id, "dispute"));
  }
  expectRefusal(await deliver(seller, id), 409, "DISPUTE_LIMIT");
  await server.current.advance(49 * HOUR_S);
  assert.equal(expectData(await buyer.get(`/api/orders/${id}`)).order.status, "disputed");
  const ended = expectData(await operator.client.post(`/api/orders/${id}/resolve`, { outcome: "refund", note: "nothing that was asked for" }));
  assert.equal(ended["status"], "cancelled");
});

test("a service that was removed is not there, whatever else is wrong with an order of it", async () => {
  const { seller, buyer, service } = await open();
  expectRefusal(await buyer.place(service["id"], { brief: "x" }), 400, "VALIDATION_ERROR", "$.brief");
  expectData(await seller.client.delete(`/api/services/${service["id"]}`));
  expectRefusal(await buyer.place(service["id"]), 404, "NOT_FOUND");
  for (let triesLeft = 100; ; triesLeft -= 1) {
    const refused = await buyer.place(service["id"], { brief: "x" });
    if (refused.status === 404) return expectRefusal(refused, 404, "NOT_FOUND");
    assert.ok(triesLeft > 0, refused.text);
    await sleep(100);
  }
});

test("within a workspace no more is asked for than it still delivers", async () => {
  const { seller, buyer, service } = await open({ price_usd: "5.00", price_type: "weekly", quota_limit: 3 });
  const { id } = await buyer.order(service["id"], false);
  expectData(await buyer.pay(id));
  const ask = () => buyer.move(id, "request", { brief: "Another one, with more neon accents" });
  for (const _ of [1, 2]) expectData(await ask());
  expectRefusal(await ask(), 400, "INVALID_STATE");
  expectData(await deliver(seller, id));
  expectRefusal(await ask(), 400, "INVALID_STATE");
});

test("the table of states is what is published, and from no state does anything happen that it does not name", async () => {
  const { states, transitions } = expectData(await server.client().get("/api/orders/lifecycle"));
  assert.deepEqual(states, ["pending_quote", "quoted", "accepted", "paid", "in_progress", "delivered", "completed", "disputed", "cancelled"]);
  const once = await open({ price_type: "fixed" });
  const quoted = await makeService(once.seller, { price_type: "quote" });
  const { seller, buyer, service } = once;
  const to: Record<string, () => Promise<Json>> = {
    pending_quote: async () => buyer.order(quoted["id"], false),
    quoted: async () => buyer.order(service["id"], false),
    accepted: async () => expectData(await buyer.move((await to["quoted"]!())["id"], "accept")),
    paid: async () => buyer.order(service["id"]),
    in_progress: async () => expectData(await seller.client.patch(`/api/orders/${(await to["paid"]!())["id"]}`, { action: "start" })),
    delivered: async () => expectData(await deliver(seller, (await to["paid"]!())["id"])),
    disputed: async () => expectData(await buyer.move((await to["delivered"]!())["id"], "dispute", { reason: "not neon" })),
    completed: async () => expectData(await buyer.move((await to["delivered"]!())["id"], "approve")),
    cancelled: async () => expectData(await buyer.move((await to["quoted"]!())["id"], "cancel")),
  };
  const acts: Record<string, (id: string) => Promise<any>> = {
    quote: (id) => seller.client.post(`/api/orders/${id}/quote`, { price_usd: "15.00" }),
    accept: (id) => buyer.move(id, "accept"),
    pay: (id) => buyer.pay(id),
    start: (id) => seller.client.patch(`/api/orders/${id}`, { action: "start" }),
    deliver: (id) => deliver(seller, id),
    approve: (id) => buyer.move(id, "approve"),
    dispute: (id) => buyer.move(id, "dispute"),
    cancel: (id) => buyer.move(id, "cancel"),
  };
  for (const [state, reach] of Object.entries(to)) {
    for (const [event, act] of Object.entries(acts)) {
      const order = await reach();
      assert.equal(order["status"], state);
      const reply = await act(order["id"]);
      const row = transitions.find((one: Json) => one["from"] === state && one["event"] === event && !(one["from"] === "in_progress" && one["to"] !== "delivered"));
      if (row === undefined) {
        expectRefusal(reply, 400, "INVALID_STATE");
        assert.equal(expectData(await buyer.get(`/api/orders/${order["id"]}`)).order.status, state);
      } else assert.equal(expectData(reply)["status"], row["to"], `${state} ${event}`);
    }
  }
});

test("a transaction pays for one order, also when two are paid with it at once", async () => {
  const { buyer, service } = await open();
  const other = new Buyer(server.current);
  const orders = [await buyer.order(service["id"], false), await other.order(service["id"], false)] as const;
  const replies = await Promise.all([buyer.pay(orders[0]["id"], "one-for-two"), other.pay(orders[1]["id"], "one-for-two")]);
  assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 409]);
  const lost = replies[0]!.status === 409 ? 0 : 1;
  expectRefusal(replies[lost]!, 409, "TX_ALREADY_USED");
  expectData(await [buyer, other][lost]!.pay(orders[lost]!["id"], "another"));
});

test("a claim on a transaction that came to nothing holds no other order up, and one that may still pay does", async () => {
  const { buyer, service } = await open();
  const [gone, open_, paid, mine] = [
    await buyer.order(service["id"], false), await buyer.order(service["id"], false), await buyer.order(service["id"]), await buyer.order(service["id"], false),
  ] as const;
  // What is left of a payment that was on its way when its order was cancelled, paid otherwise, or when the machine fell.
  const claim = server.current.runtime.database().prepare("INSERT INTO market_transactions (tx_hash, order_id) VALUES (?, ?)");
  for (const [hash, holder] of [["of-a-cancelled", gone], ["of-an-open", open_], ["of-a-paid", paid]] as const) await claim.bind(hash, holder["id"]).run();
  const pay = (hash: string) => buyer.pay(mine["id"], hash);
  expectRefusal(await pay("of-a-cancelled"), 409, "TX_ALREADY_USED");
  expectData(await buyer.move(gone["id"], "cancel"));
  expectRefusal(await pay("of-an-open"), 409, "TX_ALREADY_USED");
  expectRefusal(await pay(paid["escrow_tx_hash"]), 409, "TX_ALREADY_USED");
  const other = await buyer.order(service["id"], false);
  const replies = await Promise.all([mine, other].map((order) => buyer.pay(order["id"], "of-a-cancelled")));
  assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 409]);
  expectData(await buyer.pay([mine, other].find((_, index) => replies[index]?.status === 409)?.["id"], "of-a-paid"));
});

test("of deliver, approve, dispute and cancel at once one wins at a time, and money moves once", async () => {
  const { seller, buyer, service } = await open({ price_usd: "10.00" });
  const order = await buyer.order(service["id"]);
  expectData(await deliver(seller, order["id"]));
  const replies = await Promise.all(Array.from({ length: 8 }, (_, at) => (at % 2 === 0 ? buyer.move(order["id"], "approve") : buyer.move(order["id"], "dispute"))));
  const won = replies.filter(({ status }) => status === 200).length;
  // A dispute may win first; approving ends it then.
  assert.ok(won === 1 || won === 2, replies.map(({ status }) => status).join(" "));
  for (const reply of replies.filter(({ status }) => status !== 200)) expectRefusal(reply, 400, "INVALID_STATE");
  const { order: after } = expectData(await buyer.get(`/api/orders/${order["id"]}`));
  assert.deepEqual([after.status, after.payout_status], ["completed", "paid"]);
});

test("an order is paid once, and placed once for an Idempotency-Key, which a repeat signed anew brings again", async () => {
  const { buyer, service } = await open();
  const order = await buyer.order(service["id"], false);
  const pay = () => buyer.send("PATCH", `/api/orders/${order["id"]}`, { action: "pay", escrow_tx_hash: `once-${order["id"]}` });
  expectData(await pay());
  expectRefusal(await pay(), 400, "INVALID_STATE");
  const keyed = { "idempotency-key": "place-1" };
  const place = () => buyer.send("POST", "/api/orders", { service_id: service["id"], brief: "once and only once", client_wallet: buyer.wallet }, keyed);
  const [first, again] = [await place(), await place()];
  assert.deepEqual(expectData(again), expectData(first));
  assert.equal(again.headers.get("idempotent-replayed"), "true");
});

test("a weekly workspace lasts seven days, answers one wish at a time, and ends with its quota", async () => {
  const { seller, buyer, service } = await open({ price_type: "weekly", quota_limit: 2, price_usd: "25.00" });
  const paid = await buyer.order(service["id"]);
  assert.deepEqual([paid["status"], paid["quota_total"], paid["quota_used"]], ["in_progress", 2, 0]);
  const { now } = (await server.client().get("/v1/test-clock")).json;
  assert.ok(Math.abs(Date.parse(paid["workspace_expires_at"]) - Date.parse(now) - 7 * DAY_S * 1_000) < 60_000);
  const poll = async (): Promise<number> => expectData(await seller.client.get(`/api/agents/${seller.agentId}/orders?status=in_progress`)).length;
  assert.equal(await poll(), 1, "paying is the first wish");
  expectData(await deliver(seller, paid["id"]));
  assert.equal(await poll(), 0);
  expectRefusal(await deliver(seller, paid["id"]), 400, "INVALID_STATE");
  expectRefusal(await buyer.move(paid["id"], "request"), 400, "VALIDATION_ERROR", "$.brief");
  expectData(await buyer.move(paid["id"], "request", { brief: "The same, but at night" }));
  assert.equal(await poll(), 1);
  const done = expectData(await deliver(seller, paid["id"]));
  assert.deepEqual([done["status"], done["quota_used"], done["payout_status"], done["deliverables"].length], ["completed", 2, "paid", 2]);
});

test("an order in a workspace says what is wanted now, and lists carry what was delivered last", async () => {
  const { seller, buyer, service } = await open({ price_type: "weekly" });
  const order = await buyer.order(service["id"]);
  const poll = async (): Promise<Json> => expectData(await seller.client.get(`/api/agents/${seller.agentId}/orders?status=in_progress`))[0];
  assert.equal((await poll())["brief"], order["brief"], "paying is the first wish");
  for (const brief of ["The same, but at night", "And one more by the sea"]) expectData(await buyer.move(order["id"], "request", { brief }));
  const briefs: string[] = [];
  for (const name of ["1", "2", "3"]) {
    briefs.push((await poll())["brief"]);
    expectData(await deliver(seller, order["id"], { ...DELIVERY, deliverable_url: `https://a.example/${name}.png` }));
  }
  assert.deepEqual(briefs, [order["brief"], "The same, but at night", "And one more by the sea"]);
  assert.equal(await poll(), undefined);
  expectData(await buyer.move(order["id"], "request", { brief: "The fourth and last one" }));
  const [polled, [listed]] = [await poll(), expectData(await buyer.get("/api/orders"))];
  for (const seen of [polled, listed]) {
    assert.equal(seen["brief"], "The fourth and last one");
    assert.deepEqual(seen["deliverables"].map((one: Json) => one["url"]), [3, 2, 1].map((name) => `https://a.example/${name}.png`));
  }
  expectData(await deliver(seller, order["id"]));
  const { deliverables } = expectData(await buyer.get(`/api/orders/${order["id"]}`));
  assert.deepEqual([deliverables.length, expectData(await buyer.get("/api/orders"))[0].deliverables.length], [4, 3]);
});

test("an agent's orders are its own to list, and its proven owner's", async () => {
  const owner = new Buyer(server.current);
  const { wallet: owner_wallet, wallet_sig, wallet_sig_ts } = await owner.proof();
  const seller = await makeSeller(server.client(), { owner_wallet, wallet_sig, wallet_sig_ts });
  const service = await makeService(seller);
  const buyer = new Buyer(server.current);
  const order = await buyer.order(service["id"]);
  const path = `/api/agents/${seller.agentId}/orders`;
  assert.deepEqual(expectData(await owner.get(`${path}?status=paid,in_progress`)), expectData(await seller.client.get(path)));
  assert.deepEqual(expectData(await owner.get(path)).map((one: Json) => one["id"]), [order["id"]]);
  expectRefusal(await buyer.get(path), 403, "FORBIDDEN");
  expectRefusal(await (await makeSeller(server.client())).client.get(path), 403, "FORBIDDEN");
  for (const nobody of ["ext_01J8ZQ4V9N3W0R6T5Y7X2KD1MA", "nonsense"]) {
    expectRefusal(await owner.get(`/api/agents/${nobody}/orders`), 404, "NOT_FOUND");
    expectRefusal(await seller.client.get(`/api/agents/${nobody}/orders`), 404, "NOT_FOUND");
  }
  expectRefusal(await server.client().get(path), 401, "AUTH_REQUIRED");
  const stale = new URLSearchParams({ ...owner.prove(1), wallet_sig_ts: "1" }).toString();
  expectRefusal(await server.client().get(`${path}?${stale}`), 401, "WALLET_AUTH_INVALID");
  // A wallet that was named and has not signed is paid, and owns nothing.
  const unproven = await makeSeller(server.client(), { owner_wallet });
  expectRefusal(await owner.get(`/api/agents/${unproven.agentId}/orders`), 403, "FORBIDDEN");
});

test("who comes, and where the order stands, is told before what is wrong with the fields", async () => {
  const { seller, buyer, service } = await open();
  const stranger = new Buyer(server.current);
  const [quoted, paid] = [await buyer.order(service["id"], false), await buyer.order(service["id"])] as const;
  const path = `/api/orders/${quoted["id"]}`;
  expectRefusal(await buyer.move(quoted["id"], "dispute", { reason: 5 }), 400, "INVALID_STATE");
  expectRefusal(await buyer.move(quoted["id"], "request"), 400, "INVALID_STATE");
  expectRefusal(await buyer.move(paid["id"], "pay", { payment_method: "shells" }), 400, "INVALID_STATE");
  expectRefusal(await buyer.send("POST", `${path}/review`, { rating: 9 }), 400, "INVALID_STATE");
  expectRefusal(await buyer.send("POST", `${path}/messages`, { content: "" }), 400, "INVALID_STATE");
  expectRefusal(await stranger.send("POST", `${path}/review`, { rating: 9 }), 403, "FORBIDDEN");
  expectRefusal(await stranger.send("POST", `${path}/messages`, { content: "" }), 403, "FORBIDDEN");
  expectRefusal(await stranger.move(quoted["id"], "explode"), 401, "WALLET_AUTH_INVALID");
  expectRefusal(await stranger.move(quoted["id"], "pay", { payment_method: "shells" }), 401, "WALLET_AUTH_INVALID");
  expectRefusal(await stranger.place(service["id"], { client_wallet: buyer.wallet, brief: "" }), 403, "FORBIDDEN");
  // What buyers do needs a buyer's signature; what the agent does, the agent.
  expectRefusal(await seller.client.patch(path, { action: "accept" }), 401, "WALLET_AUTH_INVALID");
  expectRefusal(await seller.client.patch("/api/orders/ord_01J8ZQ4V9N3W0R6T5Y7X2KD1MA", { action: "accept" }), 404, "NOT_FOUND");
  expectRefusal(await buyer.move(paid["id"], "start"), 403, "FORBIDDEN");
});

test("a period that is over is paid out if something was delivered in it, and given back if nothing was", async () => {
  const used = await open({ price_type: "monthly" });
  const unused = await open({ price_type: "monthly" });
  const orders = [await used.buyer.order(used.service["id"]), await unused.buyer.order(unused.service["id"])] as const;
  expectData(await deliver(used.seller, orders[0]["id"]));
  await server.current.advance(30 * DAY_S);
  assert.equal(expectData(await used.buyer.get(`/api/orders/${orders[0]["id"]}`)).order.status, "completed");
  assert.equal(expectData(await unused.buyer.get(`/api/orders/${orders[1]["id"]}`)).order.status, "cancelled");
});

test("what an agent earns before it names a wallet is sent once it does", async () => {
  const { seller, buyer, service } = await open({}, null);
  const order = await buyer.order(service["id"]);
  expectData(await deliver(seller, order["id"]));
  const done = expectData(await buyer.move(order["id"], "approve"));
  assert.deepEqual([done["payout_status"], done["payout_tx_hash"], done["settlement"]], ["awaiting_wallet", null, null]);
  expectData(await seller.client.patch("/api/agents/me", { payout_wallet: PAYOUT_WALLET }));
  assert.equal(expectData(await buyer.get(`/api/orders/${order["id"]}`)).order.payout_status, "paid");
  const deadlineMs = Date.now() + 10_000;
  for (;;) {
    const [listed] = expectData(await buyer.get("/api/orders"));
    if (listed.payout_status === "paid") break;
    assert.ok(Date.now() < deadlineMs, `the buyer's list shows ${listed.payout_status} for ever`);
    await sleep(50);
  }
});

test("what a revoked agent has earned goes where its tenant says", async () => {
  const manager = await newManager(server.client());
  const made = await manager.management.post("/v1/agents", { display_name: "Painter" });
  assert.equal(made.status, 201, made.text);
  const agent_id = made.json.agt_id;
  const opened = await manager.management.post("/api/agents/register", newRegistration({ agent_id }));
  assert.equal(opened.status, 201, opened.text);
  const seller = { ...(await makeSeller(server.client())), agentId: opened.json.data.agent_id, client: server.client().bearer(opened.json.data.api_key) };
  const [service, buyer] = [await makeService(seller), new Buyer(server.current)];
  const order = await buyer.order(service["id"]);
  expectData(await deliver(seller, order["id"]));
  assert.equal(expectData(await buyer.move(order["id"], "approve"))["payout_status"], "awaiting_wallet");
  const path = `/api/agents/${seller.agentId}/payout-wallet`;
  const name = (by: Client, wallet: unknown = PAYOUT_WALLET) => by.put(path, { payout_wallet: wallet });
  expectRefusal(await name(manager.management), 409, "CONFLICT");
  assert.equal((await manager.management.post(`/v1/agents/${agent_id}/revoke`, {})).status, 200);
  expectRefusal(await seller.client.patch("/api/agents/me", { payout_wallet: PAYOUT_WALLET }), 401, "TOKEN_INVALID");
  expectRefusal(await name(manager.management, "0x00"), 400, "VALIDATION_ERROR", "$.payout_wallet");
  expectRefusal(await name((await newManager(server.client())).management), 404, "NOT_FOUND");
  assert.deepEqual(expectData(await name(manager.management)), { agent_id: seller.agentId, payout_wallet: PAYOUT_WALLET });
  assert.equal(expectData(await buyer.get(`/api/orders/${order["id"]}`)).order.payout_status, "paid");
});

test("a wallet's signature holds for a day, for itself, and for nobody else's order", async () => {
  const { buyer, service } = await open();
  const now = Date.parse((await server.client().get("/v1/test-clock")).json.now);
  const order = { service_id: service["id"], brief: "something nice", client_wallet: buyer.wallet };
  const post = (proof: Json) => buyer.client.post("/api/orders", { ...order, ...proof });
  const good = buyer.prove(now);
  for (const bad of [
    {}, { ...good, wallet_sig: undefined }, { ...good, wallet_sig_ts: now + 1 }, { ...good, wallet_sig_ts: "soon" }, { ...good, wallet: "0x00" }, { ...good, wallet: PAYOUT_WALLET },
    { ...good, wallet_sig: "1111" }, { ...good, wallet_sig: Buffer.alloc(64, 1).toString("base64") }, buyer.prove(now - 25 * HOUR_S * 1_000), buyer.prove(now + 120_000),
  ]) expectRefusal(await post(bad), 401, "WALLET_AUTH_INVALID");
  expectData(await post({ ...good, wallet_sig_ts: String(now) }));
  expectData(await post(buyer.prove(now - 23 * HOUR_S * 1_000)));
  const stranger = new Buyer(server.current);
  expectRefusal(await stranger.place(service["id"], { client_wallet: buyer.wallet }), 403, "FORBIDDEN");
  const paid = await buyer.order(service["id"]);
  expectRefusal(await stranger.get(`/api/orders/${paid["id"]}`), 403, "FORBIDDEN");
  for (const action of ["approve", "cancel", "dispute", "accept", "pay"]) {
    expectRefusal(await stranger.move(paid["id"], action, { escrow_tx_hash: "x" }), 401, "WALLET_AUTH_INVALID");
  }
  expectRefusal(await stranger.get(`/api/orders/${paid["id"]}/messages`), 403, "FORBIDDEN");
  expectRefusal(await buyer.get("/api/orders/ord_01J8ZQ4V9N3W0R6T5Y7X2KD1MA"), 404, "NOT_FOUND");
});

test("another agent's order is told to be another's, and one that is not is not found", async () => {
  const { buyer, service } = await open();
  const other = await makeSeller(server.client());
  const order = await buyer.order(service["id"]);
  const nowhere = "ord_01J8ZQ4V9N3W0R6T5Y7X2KD1MA";
  for (const [id, status, code] of [[order["id"], 403, "FORBIDDEN"], [nowhere, 404, "NOT_FOUND"], ["nonsense", 404, "NOT_FOUND"]] as const) {
    expectRefusal(await deliver(other, id), status, code);
    // Whose it is, is told before what is wrong with the rest.
    expectRefusal(await deliver(other, id, {}), status, code);
    expectRefusal(await other.client.post(`/api/orders/${id}/quote`, { price_usd: "-1" }), status, code);
    expectRefusal(await other.client.patch(`/api/orders/${id}`, { action: "start" }), status, code);
    expectRefusal(await other.client.get(`/api/orders/${id}`), status, code);
    expectRefusal(await other.client.post(`/api/orders/${id}/messages`, { content: "hello" }), status, code);
  }
});

test("a field that does not fit is refused with its path, once the order is ours and stands right", async () => {
  const { seller, buyer, service } = await open({ price_type: "quote" });
  const pending = await buyer.order(service["id"], false);
  for (const price_usd of ["0", "0.00", "-1", "1e9", "5.001", "5,00", "", "1000000.01", 15, null]) {
    expectRefusal(await seller.client.post(`/api/orders/${pending["id"]}/quote`, { price_usd }), 400, "VALIDATION_ERROR", "$.price_usd");
  }
  assert.equal(expectData(await seller.client.post(`/api/orders/${pending["id"]}/quote`, { price_usd: "1000000.00" }))["quoted_price_usd"], "1000000.00");
  expectRefusal(await seller.client.post(`/api/orders/${pending["id"]}/quote`, { price_usd: "-1" }), 400, "INVALID_STATE");
  expectData(await buyer.pay(pending["id"]));
  for (const deliverable_url of ["", "nothing", "ftp://a.example/1", "http://10.0.0.1/x", "http://169.254.169.254/", `https://a.example/${"x".repeat(2_048)}`, 5]) {
    expectRefusal(await deliver(seller, pending["id"], { ...DELIVERY, deliverable_url }), 400, "VALIDATION_ERROR", "$.deliverable_url");
  }
  expectRefusal(await deliver(seller, pending["id"], { ...DELIVERY, deliverable_media_type: "audio" }), 400, "VALIDATION_ERROR", "$.deliverable_media_type");
  for (const [field, values] of Object.entries({
    brief: ["short", "x".repeat(1_001), 5, null], reference_urls: [["ftp://x"], Array(6).fill("https://a.example"), "https://a.example"], reference_images: [["https://a.example/1.png"], "x"],
  })) {
    for (const value of values as unknown[]) {
      const reply = await buyer.place(service["id"], { [field]: value });
      assert.deepEqual([reply.status, reply.json.code], [400, "VALIDATION_ERROR"], `${field} ${JSON.stringify(value)}: ${reply.text}`);
      assert.ok(reply.json.path.startsWith(`$.${field}`), reply.text);
    }
  }
  expectRefusal(await buyer.place("svc_01J8ZQ4V9N3W0R6T5Y7X2KD1MA", { brief: "" }), 404, "NOT_FOUND");
  expectRefusal(await buyer.move(pending["id"], "explode"), 400, "VALIDATION_ERROR", "$.action");
});

test("what begins like the URL of a file here is one to the letter, in a brief and as a delivery", async () => {
  const { seller, buyer, service } = await open();
  const files = `${server.current.url}/files/`;
  const [file, query] = [newFile("image/png"), new URLSearchParams(Object.entries(await buyer.proof()).map(([name, value]) => [name, String(value)]))];
  const uploaded = expectData(await seller.client.send("POST", "/api/upload", fileForm(file, "image/png"))).url;
  const shown = expectData(await buyer.client.send("POST", `/api/orders/brief-images?${query}`, fileForm(file, "image/png"))).url;
  const references = { reference_urls: [shown, uploaded, "https://a.example/1.png"], reference_images: [shown, uploaded] };
  const placed = expectData(await buyer.place(service["id"], references));
  assert.deepEqual([placed.reference_urls, placed.reference_images], [references.reference_urls, references.reference_images]);
  expectData(await buyer.pay(placed["id"]));
  const others = ['"><img src=x>\n', "", "atelier/x.png", "atelier/../x.png"].map((rest) => `${files}${rest}`);
  for (const url of [...others, `${shown}?x`, `${shown}#x`, `${shown}\n`, `${shown}"><img src=x>`, shown.replace("/files/", "/files//"), shown.replace(".png", ".svg")]) {
    for (const field of ["reference_urls", "reference_images"]) {
      expectRefusal(await buyer.place(service["id"], { [field]: [shown, url] }), 400, "VALIDATION_ERROR", `$.${field}[1]`);
    }
    expectRefusal(await deliver(seller, placed["id"], { ...DELIVERY, deliverable_url: url }), 400, "VALIDATION_ERROR", "$.deliverable_url");
  }
  const delivered = expectData(await deliver(seller, placed["id"], { ...DELIVERY, deliverable_url: uploaded }));
  assert.deepEqual([delivered["deliverable_url"], delivered["deliverable_sha256"]], [uploaded, createHash("sha256").update(file).digest("hex")]);
});

test("messages go both ways from payment on, at most 2000 characters long", async () => {
  const { seller, buyer, service } = await open();
  const order = await buyer.order(service["id"], false);
  const path = `/api/orders/${order["id"]}/messages`;
  expectRefusal(await seller.client.post(path, { content: "too early" }), 400, "INVALID_STATE");
  expectData(await buyer.pay(order["id"]));
  for (const content of ["", "   ", "x".repeat(2_001), 5]) expectRefusal(await seller.client.post(path, { content }), 400, "VALIDATION_ERROR", "$.content");
  const longest = "😀".repeat(2_000);
  const sent = expectData(await seller.client.post(path, { content: `  ${longest} ` }));
  assert.deepEqual([sent["sender_type"], sent["sender_id"], sent["content"]], ["agent", seller.agentId, longest]);
  const answered = expectData(await buyer.send("POST", path, { content: "thank you" }));
  assert.deepEqual([answered["sender_type"], answered["sender_id"]], ["client", buyer.wallet]);
  for (const read of [await seller.client.get(path), await buyer.get(path)]) assert.deepEqual(expectData(read).map((one: Json) => one["id"]), [sent["id"], answered["id"]]);
  assert.deepEqual(expectData(await seller.client.get(`${path}?after=${sent["id"]}`)).map((one: Json) => one["content"]), ["thank you"]);
});

test("a completed order is reviewed by its buyer, once", async () => {
  const { seller, buyer, service } = await open();
  const order = await buyer.order(service["id"]);
  const review = (body: Json) => buyer.send("POST", `/api/orders/${order["id"]}/review`, body);
  expectRefusal(await review({ rating: 5 }), 400, "INVALID_STATE");
  expectData(await deliver(seller, order["id"]));
  expectData(await buyer.move(order["id"], "approve"));
  for (const rating of [0, 6, 4.5, "5", null]) expectRefusal(await review({ rating }), 400, "VALIDATION_ERROR", "$.rating");
  expectRefusal(await review({ rating: 5, comment: "x".repeat(501) }), 400, "VALIDATION_ERROR", "$.comment");
  expectRefusal(await new Buyer(server.current).send("POST", `/api/orders/${order["id"]}/review`, { rating: 1 }), 403, "FORBIDDEN");
  const kept = expectData(await review({ rating: 4, comment: "neon indeed" }));
  assert.deepEqual([kept["rating"], kept["comment"], kept["order_id"], kept["service_id"]], [4, "neon indeed", order["id"], service["id"]]);
  expectRefusal(await review({ rating: 5 }), 409, "ALREADY_REVIEWED");
  assert.equal(expectData(await buyer.get(`/api/orders/${order["id"]}`)).review.rating, 4);
});

test("what was not looked at, answered or delivered ends by itself", async () => {
  const { seller, buyer, service } = await open({ turnaround_hours: 24 });
  const asked = await makeService(seller, { price_type: "quote" });
  const [waiting, quoted, paid, disputed] = [
    await buyer.order(asked["id"], false), await buyer.order(service["id"], false), await buyer.order(service["id"]), await buyer.order(service["id"]),
  ] as const;
  expectData(await deliver(seller, disputed["id"]));
  expectData(await buyer.move(disputed["id"], "dispute"));
  const status = async (order: Json): Promise<string> => expectData(await buyer.get(`/api/orders/${order["id"]}`)).order.status;
  await server.current.advance(7 * DAY_S);
  assert.deepEqual([await status(waiting), await status(quoted), await status(paid), await status(disputed)], ["cancelled", "cancelled", "paid", "disputed"]);
  await server.current.advance(DAY_S);
  assert.deepEqual([await status(paid), await status(disputed)], ["cancelled", "disputed"]);
  await server.current.advance(6 * DAY_S);
  assert.equal(await status(disputed), "cancelled");
});

test("an operator ends a dispute with a note: for the agent, for the buyer, or between them, and every cent is somewhere", async () => {
  const [{ seller, buyer, service }, operator] = [await open({ price_usd: "5.00" }), await newOperator(server.current)];
  const disputed = async (): Promise<string> => {
    const { id } = await buyer.order(service["id"]);
    expectData(await deliver(seller, id));
    expectData(await buyer.move(id, "dispute"));
    return id;
  };
  const [released, refunded, split, open_] = [await disputed(), await disputed(), await disputed(), await buyer.order(service["id"])];
  const resolve = (id: string, body: Json, by = operator.client) => by.post(`/api/orders/${id}/resolve`, body);
  const note = "both were heard";
  for (const [path, body] of [
    ["$.outcome", { note }], ["$.outcome", { outcome: "burn", note }], ["$.note", { outcome: "release" }], ["$.note", { outcome: "release", note: "" }],
    ["$.provider_percent", { outcome: "split", note }], ...[0, 100, 1.5, "30"].map((provider_percent) => ["$.provider_percent", { outcome: "split", note, provider_percent }] as const),
  ] as const) {
    expectRefusal(await resolve(split, body), 400, "VALIDATION_ERROR", path);
  }
  expectRefusal(await resolve(open_["id"], { outcome: "burn" }), 400, "INVALID_STATE");
  expectRefusal(await resolve("ord_01J8ZQ4V9N3W0R6T5Y7X2KD1MA", { outcome: "release", note }), 404, "NOT_FOUND");
  expectRefusal(await resolve(split, { outcome: "release", note }, seller.client), 401, "TOKEN_INVALID");

  const status = async (id: string, body: Json): Promise<string[]> => {
    const order = expectData(await resolve(id, { note, ...body }));
    return [order["status"], order["payout_status"], order["platform_fee_usd"]];
  };
  assert.deepEqual(await status(released, { outcome: "release" }), ["completed", "paid", "0.50"]);
  assert.deepEqual(await status(refunded, { outcome: "refund" }), ["cancelled", "none", "0.00"]);
  assert.deepEqual(await status(split, { outcome: "split", provider_percent: 30 }), ["completed", "paid", "0.15"]);
  expectRefusal(await resolve(split, { outcome: "refund", note }), 400, "INVALID_STATE");
  const ref = { id: server.current.runtime.objectId("Tenant", seller.tenantUuid) };
  const accounts = await server.current.runtime.objectRows("Tenant", ref, "SELECT id, balance_micros FROM account WHERE balance_micros <> 0 AND id NOT LIKE 'wal_%' ORDER BY balance_micros");
  // 0.50 of the first and 0.15 of the third are ours; the fourth's 5.00 are held, and the wallet every tenant is born with has 1.00.
  assert.deepEqual(accounts.map((row) => [row["id"], Number(row["balance_micros"])]), [["outside", -6_650_000], ["market.fee", 650_000], [open_["id"], 5_000_000]]);
});
