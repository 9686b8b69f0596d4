// Orders paid by a /v1 payment: whose money pays for what, once, and how it comes back when nothing comes of it, whatever happens
// between the payer's tenant and the seller's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { sleep } from "../../scripts/runtime.ts";
import { Buyer, expectData, expectRefusal, type Json } from "./support/buyer.ts";
import type { Reply } from "./support/client.ts";
import { newOperator } from "./support/household.ts";
import { makeSeller, makeService, type Seller } from "./support/market.ts";
import { Server, useServer } from "./support/server.ts";
import { booksOf, Company, countByStatus, newKey } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });
const DELIVERY = { deliverable_url: "https://storage.example.com/result.png", deliverable_media_type: "image" };
const PAYOUT_WALLET = "So11111111111111111111111111111111111111112";
/** What a company begins with, in cents, and what an order costs. */
const WALLET = 10_100;
const PRICE = 500;
/** How long a try to pay may take, and a handing out. */
const TRY_S = 61;
const LEASE_S = 91;

type Case = { seller: Seller; buyer: Buyer; service: Json; company: Company };

async function open(on: Server = server.current, terms?: Record<string, unknown>): Promise<Case> {
  const seller = await makeSeller(on.client());
  expectData(await seller.client.patch("/api/agents/me", { payout_wallet: PAYOUT_WALLET }));
  const [service, company] = await Promise.all([makeService(seller, { price_usd: "5.00" }), Company.open(on, terms)]);
  return { seller, buyer: new Buyer(on), service, company };
}

const place = ({ buyer, service }: Case): Promise<Json> => buyer.order(service["id"], false);
const forOrder = (id: string, more: Json = {}): Json => ({ merchant: "atelier", metadata: { order_id: id }, ...more });
const payBy = ({ buyer }: Case, id: string, paymentId?: string): Promise<Reply> => buyer.move(id, "pay", { payment_method: "payment", payment_id: paymentId });
const show = async ({ buyer }: Case, id: string): Promise<Json> => expectData(await buyer.get(`/api/orders/${id}`)).order;

/** A payment that is made for an order. */
async function paymentFor({ company }: Case, id: string, amount = PRICE, more: Json = {}): Promise<string> {
  const paid = await company.pay(amount, forOrder(id, more));
  assert.equal(paid.status, 201, paid.text);
  return paid.json.id;
}

/** An order that was paid so, and by which payment. */
async function paidOrder(one: Case): Promise<{ id: string; paymentId: string }> {
  const { id } = await place(one);
  const paymentId = await paymentFor(one, id as string);
  expectData(await payBy(one, id, paymentId));
  return { id, paymentId };
}

/** What an order ended as: paid, or the payment is back. */
async function until<T>(what: string, look: () => Promise<T | undefined>, advance_s = 0, on: Server = server.current): Promise<T> {
  const deadlineMs = Date.now() + 40_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadlineMs, `never happened: ${what}`);
    if (advance_s > 0) await on.advance(advance_s);
    await sleep(100);
  }
}

const orderThat = (one: Case, id: string, is: (order: Json) => boolean, advance_s = 0): Promise<Json> =>
  until("an order that is as wanted", async () => {
    const order = await show(one, id);
    return is(order) ? order : undefined;
  }, advance_s);

/** Waits until a company's wallet holds that much. */
const walletHolds = ({ company }: Case, cents: number, advance_s = 0): Promise<true> =>
  until(`${cents} in the wallet`, async () => ((await company.balance())[0] === cents ? true : undefined), advance_s);

const rowsOf = (tenantUuid: string, sql: string): Promise<Record<string, unknown>[]> =>
  server.current.runtime.objectRows("Tenant", { id: server.current.runtime.objectId("Tenant", tenantUuid) }, sql);

async function balances(seller: Seller): Promise<Record<string, number>> {
  const rows = await rowsOf(seller.tenantUuid, "SELECT id, balance_micros FROM account WHERE balance_micros <> 0 AND id NOT LIKE 'wal_%' AND id <> 'outside'");
  return Object.fromEntries(rows.map((row) => [row["id"], Number(row["balance_micros"])]));
}

/** What a tenant's chain says of the money of a payment: the action, and the amount it moved. */
async function movesOf(tenantUuid: string, name: string): Promise<unknown[][]> {
  const rows = await rowsOf(tenantUuid, `SELECT action, amount_micros FROM audit WHERE object = '${name}' ORDER BY seq`);
  return rows.map((row) => [row["action"], row["amount_micros"] === null ? null : Number(row["amount_micros"])]);
}

/** How the seller's object keeps the payments of an order. */
const statesOf = async ({ seller }: Case, id: string): Promise<unknown[]> =>
  (await rowsOf(seller.tenantUuid, `SELECT state FROM market_payment WHERE order_id = '${id}' ORDER BY payment_id`)).map((row) => row["state"]);

test("an order is paid with a payment of another tenant: its escrow is credited under the payment's name, and its agent is paid out", async () => {
  const one = await open();
  const { id } = await place(one);
  const paymentId = await paymentFor(one, id, PRICE, { merchant: "  Atelier " });
  const paid = expectData(await payBy(one, id, paymentId));
  assert.deepEqual([paid["status"], paid["payment_method"], paid["escrow_tx_hash"], paid["settlement"]], ["paid", "payment", paymentId, null]);
  const name = `${paymentId}:${id}`;
  assert.deepEqual(await movesOf(one.company.house.tenantUuid, name), [["payment.claimed", null]]);
  assert.deepEqual(await movesOf(one.seller.tenantUuid, name), [["payment.credited", 5_000_000]]);
  assert.deepEqual(await balances(one.seller), { [id]: 5_000_000 });
  expectRefusal(await payBy(one, id, paymentId), 400, "INVALID_STATE");
  expectData(await one.seller.client.post(`/api/orders/${id}/deliver`, DELIVERY));
  const done = expectData(await one.buyer.move(id, "approve"));
  assert.deepEqual([done["payout_status"], done["settlement"], done["refund_status"]], ["paid", "sandbox", "none"]);
  await server.current.advance(TRY_S);
  assert.deepEqual([await balances(one.seller), await one.company.balance(), await statesOf(one, id)], [{ "market.fee": 500_000 }, [WALLET - PRICE, 0], ["paid"]]);
  await booksOf(one.company.office);
});

test("what does not pay is told, takes nothing from anybody, and leaves the order and the payment as they were", async () => {
  const one = await open();
  const [{ id }, other] = [await place(one), await place(one)];
  const before = await show(one, id);
  const [good, forOther, short, baker, unnamed] = [
    await paymentFor(one, id), await paymentFor(one, other["id"]), await paymentFor(one, id, PRICE - 1), await paymentFor(one, id, PRICE, { merchant: "The baker" }),
    await paymentFor(one, id, PRICE, { metadata: { order: id } }),
  ];
  const denied = await one.company.pay(WALLET + 1, forOrder(id));
  assert.equal(denied.status, 402, denied.text);
  const unknown = `pay_${"0".repeat(26)}`;
  const replies = await Promise.all([forOther, baker, unnamed, denied.json.details.payment_id, unknown].map((payment) => payBy(one, id, payment)));
  for (const reply of replies) expectRefusal(reply, 400, "PAYMENT_NOT_VERIFIED", "$.payment_id");
  assert.equal(new Set(replies.map(({ json }) => json.error)).size, 1, "another's payment is none, as far as anybody is told");
  const refused = await payBy(one, id, short);
  expectRefusal(refused, 400, "PAYMENT_NOT_VERIFIED", "$.payment_id");
  assert.match(refused.json.error, /4\.99.*5\.00/);
  expectRefusal(await payBy(one, id), 400, "VALIDATION_ERROR", "$.payment_id");
  expectRefusal(await payBy(one, id, "pay_1"), 400, "VALIDATION_ERROR", "$.payment_id");
  expectRefusal(await one.buyer.move(id, "pay", { payment_method: "shells", payment_id: good }), 400, "VALIDATION_ERROR", "$.payment_method");
  expectRefusal(await payBy({ ...one, buyer: new Buyer(server.current) }, id, good), 401, "WALLET_AUTH_INVALID");
  expectData(await one.buyer.move(other["id"], "cancel"));
  for (const payment of [forOther, unknown, undefined]) expectRefusal(await payBy(one, other["id"], payment), 400, "INVALID_STATE");
  assert.deepEqual([await show(one, id), await balances(one.seller)], [before, {}]);
  // Tries that were refused end by themselves; the payment that is right pays then as well. What can never pay is back: the one of
  // another amount, and the one whose order was cancelled.
  await until("tries that have ended", async () => ((await statesOf(one, id)).every((state) => ["unused", "returned"].includes(String(state))) ? true : undefined), TRY_S);
  expectData(await payBy(one, id, good));
  assert.deepEqual(await movesOf(one.company.house.tenantUuid, `${short}:${id}`), [["payment.returned", 4_990_000]]);
  await walletHolds(one, WALLET - 3 * PRICE, LEASE_S);
});

test("what costs nothing is paid with nothing, and a seller's own tenant may pay as well", async () => {
  const one = await open();
  const free = await one.buyer.order((await makeService(one.seller, { price_usd: "0.00" }))["id"], false);
  const paid = expectData(await payBy(one, free["id"]));
  assert.deepEqual([paid["status"], paid["payment_method"], paid["escrow_tx_hash"]], ["paid", "payment", null]);
  const [waiting, unknown] = [await one.buyer.order(free["service_id"], false), `pay_${"0".repeat(26)}`];
  assert.equal(expectData(await payBy(one, waiting["id"], unknown))["status"], "paid");

  const own = await makeSeller(one.company.office, { agent_id: one.company.agentId });
  const mine: Case = { ...one, seller: own, service: await makeService(own, { price_usd: "5.00" }) };
  const { id } = await paidOrder(mine);
  expectData(await mine.buyer.move(id, "cancel"));
  await walletHolds(mine, WALLET);
  await booksOf(one.company.office);
});

test("a payment that waits for a human pays once it is approved", async () => {
  const one = await open(server.current, { total_limit: 1_000_000, approval_threshold: 0 });
  const { id } = await place(one);
  const pending = await one.company.pay(PRICE, forOrder(id));
  assert.equal(pending.status, 202, pending.text);
  expectRefusal(await payBy(one, id, pending.json.id), 400, "PAYMENT_NOT_VERIFIED", "$.payment_id");
  assert.equal((await one.company.office.post(`/v1/approvals/${pending.json.approval_id}/approve`, {})).status, 200);
  const paid = await until("a payment that is known", async () => {
    const reply = await payBy(one, id, pending.json.id);
    return reply.status === 200 ? reply : void expectRefusal(reply, 400, "PAYMENT_NOT_VERIFIED", "$.payment_id");
  });
  assert.equal(expectData(paid)["escrow_tx_hash"], pending.json.id);
});

test("a payment whose place nobody noted is found by its event, and a repeat of it notes it too", async () => {
  const one = await open();
  const { id } = await place(one);
  const [agent, key] = [await one.company.bearer(), newKey()];
  const pay = () => agent.post("/v1/payments", { amount: PRICE, currency: "usd", ...forOrder(id) }, key);
  const { id: paymentId } = (await pay()).json;
  const database = server.current.runtime.database();
  const known = () => database.prepare("SELECT tenant_uuid FROM market_payments WHERE payment_id = ?").bind(paymentId).first();
  assert.deepEqual(await known(), { tenant_uuid: one.company.house.tenantUuid });
  // Once its event is through, only the repeat writes it.
  const applied = () => database.prepare("SELECT projected_seq FROM tenants WHERE tenant_uuid = ?").bind(one.company.house.tenantUuid).first<{ projected_seq: number }>();
  const [{ seq }] = await rowsOf(one.company.house.tenantUuid, "SELECT max(seq) AS seq FROM outbox WHERE type = 'payment.succeeded'") as [{ seq: number }];
  await until("its event", async () => (((await applied())?.projected_seq ?? 0) >= Number(seq) ? true : undefined));
  await database.prepare("DELETE FROM market_payments WHERE payment_id = ?").bind(paymentId).run();
  expectRefusal(await payBy(one, id, paymentId), 400, "PAYMENT_NOT_VERIFIED", "$.payment_id");
  assert.equal((await pay()).json.id, paymentId);
  expectData(await payBy(one, id, paymentId));
});

test("of sixteen who pay an order with one payment at once one does, and of four payments at once one pays and three go back", async () => {
  const one = await open();
  const { id } = await place(one);
  const paymentId = await paymentFor(one, id);
  const replies = await Promise.all(Array.from({ length: 16 }, () => payBy(one, id, paymentId)));
  assert.deepEqual(countByStatus(replies), { 200: 1, 400: 15 });
  for (const reply of replies.filter(({ status }) => status === 400)) expectRefusal(reply, 400, "INVALID_STATE");
  assert.deepEqual([await movesOf(one.seller.tenantUuid, `${paymentId}:${id}`), await balances(one.seller)], [[["payment.credited", 5_000_000]], { [id]: 5_000_000 }]);

  const { id: second } = await place(one);
  const payments = await Promise.all(Array.from({ length: 4 }, () => paymentFor(one, second)));
  const tries = await Promise.all(payments.map((payment) => payBy(one, second, payment)));
  assert.deepEqual(countByStatus(tries), { 200: 1, 400: 3 });
  // Those that did not pay are back, whether or not they were taken: their order takes nothing any more.
  await until("no try that is open", async () => ((await statesOf(one, second)).every((state) => !["open", "returning"].includes(String(state))) ? true : undefined), TRY_S);
  const states = await statesOf(one, second);
  assert.equal(states.filter((state) => state === "paid").length, 1);
  assert.equal(states.filter((state) => state === "returned").length, 3);
  assert.deepEqual([await one.company.balance(), await balances(one.seller)], [[WALLET - 2 * PRICE, 0], { [id]: 5_000_000, [second]: 5_000_000 }]);
  await booksOf(one.company.office);
});

test("an order that is cancelled after it was paid gives the payment back to its wallet, once, however often it is tried", async () => {
  const one = await open();
  const { id, paymentId } = await paidOrder(one);
  const gone = expectData(await one.buyer.move(id, "cancel"));
  assert.deepEqual([gone["status"], gone["refund_status"]], ["cancelled", "pending"]);
  // The same again, if it is still on its way: its lease is over.
  await one.company.server.editObject("Tenant", { name: one.seller.tenantUuid }, "UPDATE market_payment SET next_at_ms = 1 WHERE state = 'returning'");
  const order = await orderThat(one, id, (order) => order["refund_status"] === "paid", LEASE_S);
  assert.deepEqual([order["refund_tx_hash"], order["settlement"], order["payout_status"]], [paymentId, "sandbox", "none"]);
  await server.current.advance(LEASE_S);
  const name = `${paymentId}:${id}`;
  assert.deepEqual([await one.company.balance(), await balances(one.seller), await statesOf(one, id)], [[WALLET, 0], {}, ["returned"]]);
  assert.deepEqual(await movesOf(one.company.house.tenantUuid, name), [["payment.claimed", null], ["payment.returned", 5_000_000]]);
  expectRefusal(await payBy(one, id, paymentId), 400, "INVALID_STATE");
  assert.deepEqual(await one.company.used(), [PRICE, 0], "what came back counts under the mandate all the same");
  assert.equal((await one.company.see(`payments/${paymentId}`))["status"], "succeeded");
  await booksOf(one.company.office);
});

test("an operator's split pays both, to the cent", async () => {
  const [one, operator] = [await open(), await newOperator(server.current)];
  const { id, paymentId } = await paidOrder(one);
  expectData(await one.seller.client.post(`/api/orders/${id}/deliver`, DELIVERY));
  expectData(await one.buyer.move(id, "dispute"));
  const split = expectData(await operator.client.post(`/api/orders/${id}/resolve`, { outcome: "split", provider_percent: 30, note: "both were heard" }));
  assert.deepEqual([split["status"], split["payout_status"]], ["completed", "paid"]);
  await orderThat(one, id, (order) => order["refund_status"] === "paid");
  // Of 5.00: 1.50 less a tenth, and 3.50.
  assert.deepEqual([await one.company.balance(), await balances(one.seller)], [[WALLET - PRICE + 350, 0], { "market.fee": 150_000 }]);
  assert.deepEqual((await movesOf(one.company.house.tenantUuid, `${paymentId}:${id}`)).at(-1), ["payment.returned", 3_500_000]);
});

test("a payment that was taken for an order that then came to nothing comes back by itself, and pays for nothing any more", async () => {
  const one = await open();
  const { id } = await place(one);
  const short = await paymentFor(one, id, PRICE - 1);
  expectRefusal(await payBy(one, id, short), 400, "PAYMENT_NOT_VERIFIED", "$.payment_id");
  // As if its tenant had let it be taken, and the machine had fallen before the order heard of it.
  await one.company.edit("UPDATE payment SET claim = 1 WHERE id = ?", short);
  await walletHolds(one, WALLET, TRY_S);
  await until("the report", async () => ((await statesOf(one, id))[0] === "returned" ? true : undefined), LEASE_S);
  expectRefusal(await payBy(one, id, short), 409, "TX_ALREADY_USED");
  assert.equal((await show(one, id))["status"], "quoted");
  expectData(await payBy(one, id, await paymentFor(one, id)));
  assert.deepEqual([await one.company.balance(), await balances(one.seller)], [[WALLET - PRICE, 0], { [id]: 5_000_000 }]);
});

test("while a try with a payment is called off one is told to pay again soon, and then it pays", async () => {
  const one = await open();
  const { id } = await place(one);
  const paymentId = await paymentFor(one, id);
  expectData(await one.buyer.move(id, "accept"));
  await one.company.edit("UPDATE payment SET mode = 'live' WHERE id = ?", paymentId);
  expectRefusal(await payBy(one, id, paymentId), 400, "PAYMENT_NOT_VERIFIED", "$.payment_id");
  await one.company.edit("UPDATE payment SET mode = 'sandbox' WHERE id = ?", paymentId);
  // As if its tenant had not answered yet.
  const { now } = (await server.client().get("/v1/test-clock")).json;
  const later = `UPDATE market_payment SET state = 'returning', next_at_ms = ${Date.parse(now) + 30_000}`;
  await one.company.server.editObject("Tenant", { name: one.seller.tenantUuid }, later);
  expectRefusal(await payBy(one, id, paymentId), 409, "ORDER_CHANGED");
  await until("a try that has ended", async () => ((await statesOf(one, id))[0] === "unused" ? true : undefined), TRY_S);
  assert.equal(expectData(await payBy(one, id, paymentId))["status"], "paid");
});

test("paid and cancelled at once, an order ends with the money in the wallet it came from", async () => {
  const one = await open();
  const orders = await Promise.all(Array.from({ length: 12 }, () => place(one)));
  const payments = await Promise.all(orders.map(({ id }) => paymentFor(one, id)));
  const replies = await Promise.all(orders.flatMap(({ id }, at) => [payBy(one, id, payments[at]), sleep(at * 4).then(() => one.buyer.move(id, "cancel"))]));
  assert.ok(replies.every((reply, at) => (at % 2 === 0 ? [200, 400].includes(reply.status) : reply.status === 200)), JSON.stringify(countByStatus(replies)));
  const ends = () => Promise.all(orders.map(async ({ id }) => String((await statesOf(one, id))[0] ?? "never begun")));
  const seen = await until("an end of every payment", async () => {
    const states = await ends();
    return states.some((state) => ["open", "returning"].includes(state)) ? undefined : states;
  }, TRY_S);
  assert.deepEqual(seen, seen.map(() => "returned"));
  assert.deepEqual([await one.company.balance(), await balances(one.seller)], [[WALLET, 0], {}]);
  await booksOf(one.company.office);
});

test("a payment that its order takes no more goes back to its wallet when it is named, once, and so does one of another amount", async () => {
  const one = await open();
  const [cancelled, expired, misfit, paid] = [await place(one), await place(one), await place(one), await place(one)];
  const payments = [await paymentFor(one, cancelled["id"]), await paymentFor(one, expired["id"]), await paymentFor(one, paid["id"])];
  const short = await paymentFor(one, misfit["id"], PRICE - 1);
  expectData(await one.buyer.move(cancelled["id"], "cancel"));
  expectData(await one.buyer.move(paid["id"], "pay", { escrow_tx_hash: `tx-${paid["id"]}` }));
  expectRefusal(await payBy(one, misfit["id"], short), 400, "PAYMENT_NOT_VERIFIED", "$.payment_id");
  await walletHolds(one, WALLET - 3 * PRICE, TRY_S);
  await server.current.advance(7 * 86_400);
  // Whoever is not its buyer sends nothing back.
  for (const { id } of [cancelled, expired, paid]) expectRefusal(await payBy({ ...one, buyer: new Buyer(server.current) }, id, payments[0]), 401, "WALLET_AUTH_INVALID");
  for (const _ of [1, 2]) {
    for (const [at, { id }] of [cancelled, expired, paid].entries()) expectRefusal(await payBy(one, id, payments[at]), 400, "INVALID_STATE");
    await walletHolds(one, WALLET, LEASE_S);
  }
  assert.deepEqual(await movesOf(one.company.house.tenantUuid, `${payments[1]}:${expired["id"]}`), [["payment.returned", 5_000_000]]);
  assert.deepEqual(await movesOf(one.seller.tenantUuid, `${payments[1]}:${expired["id"]}`), []);
  await booksOf(one.company.office);
});

test("a machine that falls while orders are paid loses no payment: each pays, comes back, or was never taken", async () => {
  const one = await open();
  let [left, inEscrow] = [WALLET, 0];
  for (const afterMs of [2, 8, 16, 30]) {
    const orders = await Promise.all(Array.from({ length: 3 }, () => place(one)));
    const payments = await Promise.all(orders.map(({ id }) => paymentFor(one, id)));
    const tries = orders.map(({ id }, at) => payBy(one, id, payments[at]).catch(() => undefined));
    await sleep(afterMs);
    await server.current.kill();
    await Promise.all(tries);
    // The first is paid again, if it has to be.
    const [again, status] = [await payBy(one, orders[0]!["id"], payments[0]), async () => (await show(one, orders[0]!["id"]))["status"]];
    assert.ok(again.status === 200 || again.json.code === "INVALID_STATE", again.text);
    assert.equal(await status(), "paid");
    const states = await until("an end of every payment", async () => {
      const states = await Promise.all(orders.map(async ({ id }) => String((await statesOf(one, id))[0] ?? "never begun")));
      return states.some((state) => ["open", "returning"].includes(state)) ? undefined : states;
    }, LEASE_S);
    left -= PRICE * (3 - states.filter((state) => state === "returned").length);
    inEscrow += states.filter((state) => state === "paid").length;
  }
  const escrow = Object.values(await balances(one.seller)).reduce((sum, held) => sum + held, 0);
  assert.deepEqual([await one.company.balance(), escrow], [[left, 0], inEscrow * PRICE * 10_000]);
  await booksOf(one.company.office);
});

test("play money pays in the sandbox alone, and a rail that is not set up takes no payment", async () => {
  const other = await Server.start({ vars: { RATE_LIMIT_SCALE: "1000", SETTLEMENT_RAIL: "swift" }, pushesToNobody: true });
  try {
    other.expectError(/UPSTREAM_NOT_CONFIGURED|"status":503/);
    const one = await open(other);
    const { id } = await place(one);
    const paymentId = await paymentFor(one, id);
    expectRefusal(await payBy(one, id, paymentId), 503, "UPSTREAM_NOT_CONFIGURED");
    assert.equal((await show(one, id))["status"], "quoted");
  } finally {
    await other.stop();
  }
  const one = await open();
  const { id } = await place(one);
  const paymentId = await paymentFor(one, id);
  await one.company.edit("UPDATE payment SET mode = 'live' WHERE id = ?", paymentId);
  const refused = await payBy(one, id, paymentId);
  expectRefusal(refused, 400, "PAYMENT_NOT_VERIFIED", "$.payment_id");
  assert.match(refused.json.error, /sandbox wallet/);
});
