// The Solana rail: what pays for an order, and how agents and buyers get theirs, once, whatever the node and the Worker go through.
// The node is a server of the test's (support/node.ts) that reads transactions with a library that is not ours.

import assert from "node:assert/strict";
import { test } from "node:test";
import { base58 } from "@scure/base";
import { sleep } from "../../scripts/runtime.ts";
import { Buyer, expectData, expectRefusal, type Json } from "./support/buyer.ts";
import { newOperator } from "./support/household.ts";
import { makeSeller, makeService, Wallet, type Seller } from "./support/market.ts";
import { SolanaNode, useSolanaNode, type Mood } from "./support/node.ts";
import { Server, useServer } from "./support/server.ts";

const node = await useSolanaNode();
const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000", ...node.vars }, pushesToNobody: true });
const DELIVERY = { deliverable_url: "https://storage.example.com/result.png", deliverable_media_type: "image" };
const LEASE_S = 90;

type Case = { seller: Seller; buyer: Buyer; service: Json; purse: string };

/** An agent with a purse, and somebody who buys of it. */
async function open(on: Server, more: Json = {}, hasPurse = true): Promise<Case> {
  const seller = await makeSeller(on.client());
  const purse = new Wallet().address;
  if (hasPurse) expectData(await seller.client.patch("/api/agents/me", { payout_wallet: purse }));
  return { seller, buyer: new Buyer(on), service: await makeService(seller, { price_usd: "5.00", ...more }), purse };
}

/** An order that was paid on the chain. */
async function paidOrder({ buyer, service }: Case, micros = 5_000_000n): Promise<Json> {
  const placed = await buyer.order(service["id"], false);
  return expectData(await buyer.pay(placed["id"], node.pay(buyer.wallet, micros)));
}

/** An order whose agent is owed 4.50, or the price less a tenth. */
async function completedOrder(one: Case, micros?: bigint): Promise<Json> {
  const { id } = await paidOrder(one, micros);
  expectData(await one.seller.client.post(`/api/orders/${id}/deliver`, DELIVERY));
  return expectData(await one.buyer.move(id, "approve"));
}

const show = async (buyer: Buyer, id: string): Promise<Json> => expectData(await buyer.get(`/api/orders/${id}`)).order;

/** Waits for something, and lets time pass at the deployment if told so: so many seconds a look. */
async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, advance_s = 0): Promise<T> {
  const deadlineMs = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadlineMs, `never happened: ${what}`);
    if (advance_s > 0) await server.current.advance(advance_s);
    await sleep(100);
  }
}

const orderThat = ({ buyer }: Case, id: string, is: (order: Json) => boolean, advance_s = 0): Promise<Json> =>
  until("an order that is as wanted", async () => {
    const order = await show(buyer, id);
    return is(order) ? order : undefined;
  }, advance_s);
const landed = (one: Case, id: string): Promise<Json> => orderThat(one, id, (order) => order["payout_status"] === "paid", 6);

async function balances(seller: Seller): Promise<Record<string, number>> {
  const ref = { id: server.current.runtime.objectId("Tenant", seller.tenantUuid) };
  const rows = await server.current.runtime.objectRows("Tenant", ref, "SELECT id, balance_micros FROM account WHERE balance_micros <> 0 AND id NOT LIKE 'wal_%' AND id <> 'outside'");
  return Object.fromEntries(rows.map((row) => [row["id"], Number(row["balance_micros"])]));
}

/** Does something while the node is in a mood. */
async function during<T>(mood: (method: string) => Mood, run: () => Promise<T>): Promise<T> {
  node.mood = mood;
  try {
    return await run();
  } finally {
    node.mood = () => "good";
  }
}

const onlyFor = (method: string, mood: Mood) => (called: string): Mood => (called === method ? mood : "good");

test("a rail that is not set up takes no payment, says which setting it is, and leaves everything as it was", async () => {
  const wrong: [string, Record<string, string | null>][] = [
    ["SETTLEMENT_RAIL", { SETTLEMENT_RAIL: "swift" }],
    ["SETTLEMENT_BASE_URL", { SETTLEMENT_BASE_URL: null }],
    ["SETTLEMENT_SECRET_KEY", { SETTLEMENT_SECRET_KEY: base58.encode(new Uint8Array(64).fill(7)) }],
    ["SETTLEMENT_MINT", { SETTLEMENT_MINT: "USDC" }],
  ];
  for (const [setting, vars] of wrong) {
    const other = await Server.start({ vars: { RATE_LIMIT_SCALE: "1000", ...node.vars, ...vars }, pushesToNobody: true });
    try {
      other.expectError(/UPSTREAM_NOT_CONFIGURED|"status":503/);
      const { buyer, service, seller } = await open(other);
      const [free, order] = [await makeService(seller, { price_usd: "0.00" }), await buyer.order(service["id"], false)];
      const [calls, transaction] = [node.calls.length, node.pay(buyer.wallet, 5_000_000n)];
      const refused = await buyer.pay(order["id"], transaction);
      expectRefusal(refused, 503, "UPSTREAM_NOT_CONFIGURED");
      assert.equal(refused.json.upstream, setting);
      assert.deepEqual(await show(buyer, order["id"]), order);
      assert.equal(node.calls.length, calls, "nobody was asked");
      assert.deepEqual((await other.runtime.database().prepare("SELECT * FROM market_transactions").all()).results, []);
      // Nothing costs nothing, and what is missing is told before what is not set up.
      assert.equal(expectData(await buyer.move((await buyer.order(free["id"], false))["id"], "pay"))["status"], "paid");
      expectRefusal(await buyer.move(order["id"], "pay"), 400, "VALIDATION_ERROR", "$.escrow_tx_hash");
    } finally {
      await other.stop();
    }
  }
});

test("only a final transaction that moved the price from the buyer to us pays, and what does not pay is claimed by nobody", async () => {
  const one = await open(server.current);
  const { buyer, service } = one;
  const stranger = new Wallet().address;
  const { id } = await buyer.order(service["id"], false);
  const before = await show(buyer, id);
  const [early, good] = [node.pay(buyer.wallet, 5_000_000n, { final: false }), node.pay(buyer.wallet, 5_000_000n, { closes: true })];
  const bad: Record<string, string> = {
    "no signature": "a-transaction",
    "too short a signature": base58.encode(new Uint8Array(63).fill(1)),
    "of nothing": base58.encode(new Uint8Array(64).fill(1)),
    "not final": early,
    failed: node.pay(buyer.wallet, 5_000_000n, { failed: true }),
    "a cent short": node.pay(buyer.wallet, 4_990_000n),
    "a unit over": node.pay(buyer.wallet, 5_000_001n),
    "another's money": node.pay(stranger, 5_000_000n),
    "to another": node.pay(buyer.wallet, 5_000_000n, { to: stranger }),
    "to another account of ours": node.pay(buyer.wallet, 5_000_000n, { into: new Wallet().address }),
    "to another account of ours, by a table": node.pay(buyer.wallet, 5_000_000n, { into: new Wallet().address, byTable: true }),
    "another token": node.pay(buyer.wallet, 5_000_000n, { mint: "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB" }),
  };
  for (const [what, transaction] of Object.entries(bad)) {
    const reply = await buyer.pay(id, transaction);
    assert.equal(reply.status, 400, `${what}: ${reply.text}`);
    expectRefusal(reply, 400, "PAYMENT_NOT_VERIFIED", "$.escrow_tx_hash");
    assert.deepEqual(await show(buyer, id), before, what);
  }
  const claims = () => server.current.runtime.database().prepare("SELECT tx_hash FROM market_transactions").all();
  assert.deepEqual((await claims()).results, []);
  const paid = expectData(await buyer.pay(id, good));
  assert.deepEqual([paid["status"], paid["escrow_tx_hash"], paid["settlement"], paid["payout_status"]], ["paid", good, null, "none"]);
  assert.deepEqual(await balances(one.seller), { [id]: 5_000_000 });
  // What has paid once pays for nothing else, what was early pays later.
  const other = await buyer.order(service["id"], false);
  expectRefusal(await buyer.pay(other["id"], good), 409, "TX_ALREADY_USED");
  node.settle(early);
  assert.equal(expectData(await buyer.pay(other["id"], early))["status"], "paid");
});

test("a transaction that names our account by a table on the chain pays like any other", async () => {
  const { buyer, service } = await open(server.current);
  const { id } = await buyer.order(service["id"], false);
  const transaction = node.pay(buyer.wallet, 5_000_000n, { byTable: true });
  const paid = expectData(await buyer.pay(id, transaction));
  assert.deepEqual([paid["status"], paid["escrow_tx_hash"]], ["paid", transaction]);
});

test("a node that is down, talks nonsense or says nothing leaves the order as it was, and the transaction to whoever pays with it", async () => {
  const { buyer, service } = await open(server.current);
  server.current.expectError(/UPSTREAM_ERROR|UPSTREAM_TIMEOUT|"status":50[24]|gave no answer|did not answer/);
  const { id } = await buyer.order(service["id"], false);
  const [before, transaction] = [await show(buyer, id), node.pay(buyer.wallet, 5_000_000n)];
  for (const [mood, status, code] of [["down", 502, "UPSTREAM_ERROR"], ["reset", 502, "UPSTREAM_ERROR"], ["nonsense", 502, "UPSTREAM_ERROR"], [{ error: -32_011 }, 502, "UPSTREAM_ERROR"], ["hang", 504, "UPSTREAM_TIMEOUT"]] as const) {
    const reply = await during(() => mood, () => buyer.pay(id, transaction));
    expectRefusal(reply, status, code);
    assert.doesNotMatch(reply.text, /very-secret-key|127\.0\.0\.1/);
    assert.deepEqual(await show(buyer, id), before);
  }
  const other = await buyer.order(service["id"], false);
  assert.equal(expectData(await buyer.pay(other["id"], transaction))["status"], "paid");
});

test("an agent is paid what it earned, in USDC, once, and the books follow the chain", async () => {
  const one = await open(server.current);
  const { id, payout_status: status } = await completedOrder(one);
  assert.equal(status, "pending");
  const order = await landed(one, id);
  const [sent, ...more] = node.sentTo(one.purse);
  assert.deepEqual([sent!.amount, sent!.memo, more], [4_500_000n, `guildhall:payout:${id}`, []]);
  assert.equal(node.received(one.purse), 4_500_000n);
  assert.deepEqual([order["status"], order["settlement"], order["payout_tx_hash"], order["refund_status"]], ["completed", "solana", sent!.signature, "none"]);
  assert.deepEqual(await balances(one.seller), { "market.fee": 500_000 });
  const listed = await until("the buyer's list", async () => (await one.buyer.get("/api/orders")).json.data.find((listed: Json) => listed["payout_status"] === "paid"));
  assert.equal(listed["payout_tx_hash"], sent!.signature);
});

test("two orders of one price to one wallet are two transfers", async () => {
  const one = await open(server.current);
  const orders = [await completedOrder(one), await completedOrder(one)];
  for (const { id } of orders) await landed(one, id);
  assert.deepEqual([node.sentTo(one.purse).length, node.received(one.purse)], [2, 9_000_000n]);
});

test("what is lost is sent again as it was, until no block takes it any more; then it is signed anew, once", async () => {
  const one = await open(server.current);
  server.current.expectError(/"job":"settlement"/);
  node.lands = false;
  const { id } = await completedOrder(one);
  const first = await until("a transfer that is sent", () => node.sentTo(one.purse)[0]);
  const sends = () => node.allSentTo(one.purse).length;
  await until("the same sent again", () => (sends() >= 3 ? true : undefined), 6);
  assert.equal(node.sentTo(one.purse).length, 1);
  // Its last block has passed, and the node has not all the blocks it could stand in: nobody knows, nobody signs.
  node.pass(151);
  node.firstSlot = node.height;
  await orderThat(one, id, (order) => order["payout_status"] === "retrying", 40);
  assert.equal(node.sentTo(one.purse).length, 1);
  node.firstSlot = 0;
  const [, second, ...more] = await until("another transfer", () => (node.sentTo(one.purse).length > 1 ? node.sentTo(one.purse) : undefined), 400);
  assert.deepEqual([more, second!.memo, second!.amount], [[], first.memo, first.amount]);
  node.land(first.signature);
  assert.equal(node.received(one.purse), 0n, "the first is dead");
  node.lands = true;
  node.land(second!.signature);
  const order = await landed(one, id);
  assert.deepEqual([order["payout_tx_hash"], node.received(one.purse), node.sentTo(one.purse).length], [second!.signature, 4_500_000n, 2]);
});

test("a transfer that failed on the chain is signed anew", async () => {
  const one = await open(server.current);
  node.lands = false;
  const { id } = await completedOrder(one);
  const first = await until("a transfer that is sent", () => node.sentTo(one.purse)[0]);
  node.land(first.signature, true);
  node.lands = true;
  const order = await landed(one, id);
  assert.deepEqual([order["payout_tx_hash"] === first.signature, node.received(one.purse), node.sentTo(one.purse).length], [false, 4_500_000n, 2]);
});

test("a node that is down is asked again on the schedule of webhooks, and the order stays completed", async () => {
  const one = await open(server.current);
  server.current.expectError(/"job":"settlement"/);
  await during((method) => (method === "getTransaction" ? "good" : "down"), async () => {
    const { id } = await completedOrder(one);
    const order = await orderThat(one, id, (order) => order["payout_status"] === "retrying");
    assert.deepEqual([order["status"], order["payout_tx_hash"], order["settlement"]], ["completed", null, null]);
    const asked = () => node.calls.length;
    // The second try after 5 s, the third not for 5 min.
    const before = asked();
    await server.current.advance(6);
    await until("the second try", () => (asked() > before ? true : undefined));
    await sleep(300);
    const second = asked();
    await server.current.advance(200);
    await sleep(300);
    assert.equal(asked(), second);
    const listed = await until("the buyer's list", async () => (await one.buyer.get("/api/orders")).json.data.find((listed: Json) => listed["payout_status"] === "retrying"));
    assert.equal(listed["id"], id);
    node.mood = () => "good";
    await server.current.advance(200);
    await landed(one, id);
  });
  assert.deepEqual([node.sentTo(one.purse).length, node.received(one.purse)], [1, 4_500_000n]);
});

test("an answer that is lost on its way back, and a refusal that comes too late, pay nobody twice", async () => {
  server.current.expectError(/"job":"settlement"/);
  for (const mood of [{ afterwards: "reset" }, { afterwards: "hang" }] as const) {
    const one = await open(server.current);
    const { id } = await during(onlyFor("sendTransaction", mood), async () => {
      const order = await completedOrder(one);
      await until("a transfer that landed", () => (node.received(one.purse) > 0n ? true : undefined));
      return order;
    });
    const order = await orderThat(one, id, (order) => order["payout_status"] === "paid", 100);
    assert.deepEqual([node.sentTo(one.purse).length, node.received(one.purse), order["payout_tx_hash"]], [1, 4_500_000n, node.sentTo(one.purse)[0]!.signature]);
  }
  const one = await open(server.current);
  node.refuses = true;
  const { id } = await completedOrder(one);
  await orderThat(one, id, (order) => order["payout_status"] === "retrying");
  assert.equal(node.received(one.purse), 0n);
  node.refuses = false;
  await orderThat(one, id, (order) => order["payout_status"] === "paid", 60);
  assert.deepEqual([node.sentTo(one.purse).length, node.received(one.purse)], [1, 4_500_000n]);
});

test("of two runs at once one signs, and the other sends nothing", async () => {
  const one = await open(server.current);
  server.current.expectError(/"job":"settlement"/);
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  const asked = () => node.calls.filter((method) => method === "getLatestBlockhash").length;
  const before = asked();
  let held = 0;
  const { id } = await during((method) => (method === "getLatestBlockhash" && held++ < 1 ? { hold } : "good"), async () => {
    const order = await completedOrder(one);
    await until("the first run", () => (asked() > before ? true : undefined));
    // Taken for lost, and handed out again.
    await server.current.advance(LEASE_S + 1);
    await until("a transfer by the second", () => node.sentTo(one.purse)[0]);
    return order;
  });
  release();
  await server.current.waitForLine((line) => line["job"] === "settlement" && line["order"] === id && /not kept/.test(String(line["error"])));
  const order = await landed(one, id);
  assert.deepEqual([node.sentTo(one.purse).length, node.received(one.purse), order["payout_tx_hash"]], [1, 4_500_000n, node.sentTo(one.purse)[0]!.signature]);
});

test("a Worker that is killed while it sends finds what it has signed, and sends nothing else", async () => {
  const one = await open(server.current);
  server.current.expectError(/"job":"settlement"/);
  node.lands = false;
  const { id } = await during(onlyFor("sendTransaction", { afterwards: "hang" }), async () => {
    const order = await completedOrder(one);
    await until("a transfer that is sent", () => node.sentTo(one.purse)[0]);
    await server.current.kill();
    return order;
  });
  node.lands = true;
  await orderThat(one, id, (order) => order["payout_status"] === "paid", LEASE_S + 1);
  assert.deepEqual([node.sentTo(one.purse).length, node.received(one.purse)], [1, 4_500_000n]);
});

test("what is cancelled goes back to the buyer the same way, and a split pays both", async () => {
  const [cancelled, split, operator] = [await open(server.current), await open(server.current), await newOperator(server.current)];
  const order = await paidOrder(cancelled);
  const gone = expectData(await cancelled.buyer.move(order["id"], "cancel"));
  assert.deepEqual([gone["status"], gone["refund_status"], gone["payout_status"]], ["cancelled", "pending", "none"]);
  const back = await orderThat(cancelled, order["id"], (order) => order["refund_status"] === "paid", 6);
  const [refund] = node.sentTo(cancelled.buyer.wallet);
  assert.deepEqual([refund!.amount, refund!.memo, back["refund_tx_hash"], back["settlement"]], [5_000_000n, `guildhall:refund:${order["id"]}`, refund!.signature, "solana"]);
  assert.deepEqual(await balances(cancelled.seller), {});

  const { id } = await paidOrder(split);
  expectData(await split.seller.client.post(`/api/orders/${id}/deliver`, DELIVERY));
  expectData(await split.buyer.move(id, "dispute"));
  expectData(await operator.client.post(`/api/orders/${id}/resolve`, { outcome: "split", provider_percent: 30, note: "both were heard" }));
  await orderThat(split, id, (order) => order["refund_status"] === "paid" && order["payout_status"] === "paid", 6);
  // Of 5.00: 1.50 less a tenth, and 3.50.
  assert.deepEqual([node.received(split.purse), node.received(split.buyer.wallet)], [1_350_000n, 3_500_000n]);
  assert.deepEqual(await balances(split.seller), { "market.fee": 150_000 });
});

test("only a payout whose fee covers the rent makes its receiver's account; a smaller one and a refund wait for one", async () => {
  server.current.expectError(/"job":"settlement"/);
  // Of 5.00 the agent gets 4.50, which the account is made for.
  const large = await open(server.current);
  node.withoutAccount.add(large.purse);
  await landed(large, (await completedOrder(large))["id"]);
  assert.deepEqual([node.received(large.purse), node.sentTo(large.purse).map(({ makesAccount }) => makesAccount)], [4_500_000n, [true]]);

  const [small, cancelled] = [await open(server.current, { price_usd: "4.99" }), await open(server.current, { price_usd: "100.00" })];
  for (const wallet of [small.purse, cancelled.buyer.wallet]) node.withoutAccount.add(wallet);
  const [completed, refunded] = [await completedOrder(small, 4_990_000n), await paidOrder(cancelled, 100_000_000n)];
  expectData(await cancelled.buyer.move(refunded["id"], "cancel"));
  await orderThat(small, completed["id"], (order) => order["payout_status"] === "retrying");
  await orderThat(cancelled, refunded["id"], (order) => order["refund_status"] === "retrying");
  assert.deepEqual([node.received(small.purse), node.received(cancelled.buyer.wallet)], [0n, 0n]);
  node.withoutAccount.clear();
  await orderThat(small, completed["id"], (order) => order["payout_status"] === "paid", 60);
  await orderThat(cancelled, refunded["id"], (order) => order["refund_status"] === "paid", 60);
  assert.deepEqual([node.received(small.purse), node.received(cancelled.buyer.wallet)], [4_490_000n, 100_000_000n]);
  for (const wallet of [small.purse, cancelled.buyer.wallet]) assert.ok(node.sentTo(wallet).every(({ makesAccount }) => !makesAccount));
});

test("a payout waits for a wallet, and goes to the one there is when it is signed", async () => {
  const one = await open(server.current, {}, false);
  const { id, payout_status: status } = await completedOrder(one);
  assert.equal(status, "awaiting_wallet");
  const calls = node.calls.length;
  await server.current.advance(60);
  assert.equal(node.calls.length, calls);
  expectData(await one.seller.client.patch("/api/agents/me", { payout_wallet: one.purse }));
  await landed(one, id);
  assert.equal(node.received(one.purse), 4_500_000n);
});

test("what was paid in a sandbox is paid out in the sandbox, whatever the rail is by then", async () => {
  const own = new SolanaNode();
  await own.start();
  const other = await Server.start({ vars: { RATE_LIMIT_SCALE: "1000", ...own.vars }, pushesToNobody: true });
  try {
    other.expectError(/"job":"settlement"/);
    const one = await open(other);
    const placed = await one.buyer.order(one.service["id"], false);
    expectData(await one.buyer.pay(placed["id"], own.pay(one.buyer.wallet, 5_000_000n)));
    expectData(await one.seller.client.post(`/api/orders/${placed["id"]}/deliver`, DELIVERY));
    // As if the setting had been changed since.
    const uuid = one.seller.tenantUuid;
    await other.editObject("Tenant", { id: other.runtime.objectId("Tenant", uuid) }, `UPDATE market_order SET rail = 'sandbox' WHERE id = '${placed["id"]}'`);
    const done = expectData(await one.buyer.move(placed["id"], "approve"));
    assert.deepEqual([done["payout_status"], done["settlement"], own.sent], ["paid", "sandbox", []]);
  } finally {
    await other.stop();
    own.stop();
  }
});

test("no secret of the rail is in a log line", () => {
  for (const { message } of server.current.entries()) {
    assert.doesNotMatch(message, new RegExp(`very-secret-key|${node.secretKey}`));
  }
});
