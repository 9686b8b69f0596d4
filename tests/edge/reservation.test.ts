// Reservations: held against every limit at once or not at all, resolved once, whoever comes at the same time.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";
import { booksOf, Company, countByStatus, expectRefused, newKey } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const crowd = (count: number, send: (at: number) => Promise<Reply>): Promise<Reply[]> => Promise.all(Array.from({ length: count }, (_, at) => send(at)));
const WALLET = 10_100;

test("a hold may come to what is left of each limit, and not to one more", async () => {
  const limits = [["per_transaction", 50], ["daily", 70], ["monthly", 80], ["total", 90]] as const;
  for (const [limit, most] of limits) {
    const company = await Company.open(server.current, { [`${limit}_limit`]: most });
    expectRefused(await company.reserve(most + 1), 402, "mandate_limit_exceeded", { limit, remaining: most, requested: most + 1 });
    await company.hold(most);
    if (limit !== "per_transaction") expectRefused(await company.reserve(1), 402, "mandate_limit_exceeded", { limit, remaining: 0, requested: 1 });
    assert.deepEqual(await company.balance(), [WALLET - most, most]);
  }
  const company = await Company.open(server.current, { total_limit: 1_000_000 });
  expectRefused(await company.reserve(WALLET + 1), 402, "insufficient_funds", { remaining: WALLET, requested: WALLET + 1 });
  await company.hold(WALLET);
  expectRefused(await company.reserve(900_719_925_474), 402, "mandate_limit_exceeded");
  assert.deepEqual(await company.balance(), [0, WALLET]);
  await booksOf(company.office);
});

test("an amount is whole minor units, or so many at a price each, rounded up", async () => {
  const company = await Company.open(server.current);
  const sums: [object, number][] = [
    [{ quantity: 1, unit_price: "0.000001" }, 1], [{ quantity: 10_000, unit_price: "0.000001" }, 1], [{ quantity: 10_001, unit_price: "0.000001" }, 2],
    [{ quantity: 3, unitPrice: "0.333333" }, 100], [{ quantity: 5, unit_price: "1" }, 500],
  ];
  for (const [sum, amount] of sums) {
    const held = await company.reserve(0, { amount: undefined, ...sum });
    assert.deepEqual([held.status, held.json.amount], [201, amount], held.text);
  }
  const faults: [object, string][] = [
    [{ quantity: 0, unit_price: "5" }, "$.quantity"], [{ quantity: 1, unit_price: "0" }, "$.quantity"], [{ quantity: 1 }, "$.unit_price"], [{ unit_price: "1" }, "$.quantity"], [{}, "$.amount"],
    [{ amount: 1, quantity: 1, unit_price: "1" }, "$.amount"], [{ amount: 1, unit_price: "1" }, "$.amount"], [{ quantity: 9_007_199_254_740_991, unit_price: "0.000002" }, "$.quantity"],
    [{ quantity: 9_007_199_254_740_991, unit_price: "0.000001" }, "$.quantity"], [{ quantity: 9_007_199_254_740_992, unit_price: "0" }, "$.quantity"],
    [{ quantity: 1, unit_price: 1 }, "$.unit_price"], ...["", ".5", "1.", "01", "-1", "+1", "1e3", "0.0000001", "1,0", "10000000000", " 1"].map((unit_price): [object, string] => [{ quantity: 1, unit_price }, "$.unit_price"]),
  ];
  for (const [sum, path] of faults) expectFault(await company.reserve(0, { amount: undefined, ...sum }), "v1", 400, "INVALID_INPUT", { path });
  expectFault(await company.reserve(1, { kind: "payment" }), "v1", 400, "INVALID_INPUT", { path: "$.merchant" });
  expectFault(await company.reserve(1, { currency: "eur" }), "v1", 400, "currency_unsupported", { path: "$.currency" });
  for (const name of ["agent_id", "mandate_id"]) expectFault(await company.reserve(1, { [name]: undefined }), "v1", 400, "INVALID_INPUT", { path: `$.${name}` });
  assert.equal((await company.used())[1], 604);
});

test("a merchant is compared trimmed, composed and without case", async () => {
  const company = await Company.open(server.current, { total_limit: 1_000, allowed_merchants: ["  École ", "STRASSE", "🦀".repeat(128)] });
  const pay = (merchant: string): Promise<Reply> => company.reserve(1, { kind: "payment", merchant });
  for (const merchant of ["école", "E\u0301COLE", " École  ", "straße", "Strasse", "🦀".repeat(128)]) assert.equal((await pay(merchant)).status, 201, merchant);
  for (const merchant of ["Ecole", "École.", "🦀".repeat(127), "É cole"]) expectRefused(await pay(merchant), 403, "merchant_not_allowed");
  assert.equal((await company.reserve(1)).status, 201, "where nobody is paid, nobody is compared");
});

test("a capture takes at most what is held, once; the rest is free", async () => {
  const company = await Company.open(server.current);
  const held = await company.hold(10);
  for (const amount of [0, -1, 1.5, "3", null]) {
    const reply = await company.office.post(`/v1/spend-guard/reservations/${held["id"]}/capture`, { amount });
    if (amount === null) continue;
    expectFault(reply, "v1", 400, "INVALID_INPUT", { path: "$.amount" });
  }
  assert.equal((await company.seeReservation(held["id"]))["captured_amount"], 10, "null is as if nothing were said: all of it");
  const second = await company.hold(10);
  expectRefused(await company.capture(second["id"], 11), 409, "capture_exceeds_reservation");
  assert.equal((await company.seeReservation(second["id"]))["status"], "reserved");
  const captured = (await company.capture(second["id"], 10)).json;
  assert.deepEqual([captured.status, captured.captured_amount, captured.released_amount], ["captured", 10, 0]);
  for (const amount of [10, 1, undefined]) expectRefused(await company.capture(second["id"], amount), 409, "reservation_resolved");
  expectRefused(await company.release(second["id"]), 409, "reservation_resolved");
  const third = await company.hold(10);
  const released = await company.office.post(`/v1/spend-guard/reservations/${third["id"]}/release`, { reason: "🦀".repeat(256) });
  assert.deepEqual([released.json.status, released.json.released_amount, released.json.reason], ["released", 10, "🦀".repeat(256)]);
  const again = await company.release(third["id"]);
  assert.deepEqual([again.status, again.json], [200, released.json], "the same object");
  expectRefused(await company.capture(third["id"]), 409, "reservation_resolved");
  assert.deepEqual([await company.used(), await company.balance()], [[20, 0], [WALLET - 20, 0]]);
  expectFault(await company.capture("rsv_01J8ZZZZZZZZZZZZZZZZZZZZZZ"), "v1", 404, "NOT_FOUND");
  expectFault(await company.capture("x"), "v1", 400, "INVALID_ID");
  await booksOf(company.office);
});

test("what has run out is expired, by whom ever it is met, and by nobody too", async () => {
  const company = await Company.open(server.current, { daily_limit: 10 });
  const [one, two] = [await company.hold(4, { ttl_seconds: 1 }), await company.hold(6, { ttl_seconds: 1 })];
  expectRefused(await company.reserve(1), 402, "mandate_limit_exceeded");
  await server.current.advance(2);
  expectRefused(await company.capture(one["id"]), 409, "reservation_expired");
  const released = await company.release(two["id"]);
  assert.deepEqual([released.status, released.json.status, released.json.released_amount], [200, "expired", 6]);
  assert.deepEqual(await company.balance(), [WALLET, 0]);
  const day = await company.hold(10, { ttl_seconds: 86_400 });
  assert.equal(Date.parse(day["expires_at"]) - Date.parse(day["created_at"]), 86_400_000);
  await booksOf(company.office);
});

test("a hold that has run out stands in nobody's way, though no alarm has come", async () => {
  const company = await Company.open(server.current, { daily_limit: 10 });
  await Promise.all(Array.from({ length: 10 }, () => company.hold(1, { ttl_seconds: 1 })));
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  assert.equal((await company.reserve(10)).status, 201);
  await booksOf(company.office);
});

test("of 64 reservations at once against a limit of 10 exactly 10 are had", async () => {
  for (const terms of [{ daily_limit: 10 }, { monthly_limit: 10 }, { total_limit: 10 }]) {
    const company = await Company.open(server.current, terms);
    assert.deepEqual(countByStatus(await crowd(64, () => company.reserve(1))), { 201: 10, 402: 54 });
    assert.deepEqual([await company.used(), await company.balance()], [[0, 10], [WALLET - 10, 10]]);
  }
  const poor = await Company.open(server.current);
  assert.deepEqual(countByStatus(await crowd(64, () => poor.reserve(1_000))), { 201: 10, 402: 54 });
  assert.deepEqual(await poor.balance(), [100, 10_000]);
  await booksOf(poor.office);
});

test("the same key 64 times at once is one reservation, one capture, one release", async () => {
  const company = await Company.open(server.current);
  const spend = { kind: "tool", amount: 5, agent_id: company.agentId, mandate_id: company.mandate.id };
  const sixtyFour = async (path: string, body: object): Promise<Reply> => {
    const key = newKey();
    const replies = await crowd(64, () => company.office.post(path, body, key));
    assert.equal(new Set(replies.map((reply) => `${reply.status} ${reply.text}`)).size, 1, replies[0]?.text);
    assert.equal(replies.filter((reply) => reply.headers.get("idempotent-replayed") !== "true").length, 1);
    return replies[0]!;
  };
  const held = await sixtyFour("/v1/spend-guard/reservations", spend);
  assert.equal(held.status, 201, held.text);
  assert.deepEqual(await company.used(), [0, 5]);
  const captured = await sixtyFour(`/v1/spend-guard/reservations/${held.json.id}/capture`, { amount: 3 });
  assert.deepEqual([captured.status, captured.json.captured_amount], [200, 3]);
  const key = newKey();
  const refused = await crowd(64, () => company.office.post(`/v1/spend-guard/reservations/${held.json.id}/release`, {}, key));
  assert.deepEqual(countByStatus(refused), { 409: 64 });
  assert.equal(refused.filter((reply) => reply.headers.get("idempotent-replayed") !== "true").length, 1, "a refusal is kept too");
  assert.deepEqual(await company.used(), [3, 0]);
  await booksOf(company.office);
});

test("of many who resolve one hold at once one does", async () => {
  const company = await Company.open(server.current);
  const [captured, mixed] = [await company.hold(10), await company.hold(10)];
  assert.deepEqual(countByStatus(await crowd(64, (at) => company.capture(captured["id"], 1 + (at % 10)))), { 200: 1, 409: 63 });
  const replies = await crowd(32, (at) => (at % 2 === 0 ? company.capture(mixed["id"]) : company.release(mixed["id"])));
  const { status } = await company.seeReservation(mixed["id"]) as { status: string };
  const captures = replies.filter((reply, at) => at % 2 === 0 && reply.status === 200).length;
  assert.deepEqual([captures, ["captured", "released"].includes(status)], [status === "captured" ? 1 : 0, true]);
  await booksOf(company.office);
});

test("where capture and expiry meet one of them wins", async () => {
  const company = await Company.open(server.current);
  const holds = await Promise.all(Array.from({ length: 20 }, () => company.hold(1, { ttl_seconds: 1 })));
  const started = Date.now();
  const ended = await Promise.all(holds.map(async ({ id }, at) => {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 700 + at * 30 - (Date.now() - started))));
    const reply = await company.capture(id);
    const { status } = await company.seeReservation(id);
    if (reply.status !== 200) expectRefused(reply, 409, "reservation_expired");
    assert.equal(status, reply.status === 200 ? "captured" : "expired");
    return reply.status;
  }));
  const spent = ended.filter((status) => status === 200).length;
  assert.deepEqual([await company.used(), await company.balance()], [[spent, 0], [WALLET - spent, 0]]);
  await booksOf(company.office);
});

test("a batch is judged in order, each item as if it came alone, in either spelling; an atomic one is all or nothing", async () => {
  const company = await Company.open(server.current, { daily_limit: 100 });
  const item = { kind: "tool", amount: 60, agentId: company.agentId, mandateId: company.mandate.id };
  const post = (items: unknown, atomic?: boolean): Promise<Reply> => company.office.post("/v1/spend-guard/reservations/batch", { items, ...(atomic === undefined ? {} : { atomic }) });
  const unknown = { ...item, mandateId: "mdt_01J8ZZZZZZZZZZZZZZZZZZZZZZ" };
  const mixed = await post([item, item, unknown, { ...item, amount: 40, ttlSeconds: 1 }]);
  assert.deepEqual(mixed.json.results.map((result: { status: number }) => result.status), [201, 402, 404, 201], mixed.text);
  const [held, refused] = mixed.json.results;
  assert.deepEqual([held.reservation.amount, held.error, refused.reservation], [60, undefined, undefined]);
  assert.deepEqual([refused.error.code, refused.error.details], ["mandate_limit_exceeded", { limit: "daily", remaining: 40, requested: 60 }]);
  await server.current.advance(2);
  assert.deepEqual((await post([{ ...item, amount: 41 }, { ...item, amount: 40 }])).json.results.map((result: { status: number }) => result.status), [402, 201]);
  await company.release(held.reservation.id);
  expectRefused(await post([{ ...item, amount: 1 }, item], true), 402, "mandate_limit_exceeded", { index: 1 });
  expectRefused(await post([{ ...item, amount: 1 }, unknown], true), 404, "NOT_FOUND", { index: 1 });
  assert.equal((await company.used("daily"))[1], 40);
  assert.equal((await post([{ ...item, amount: 59 }, { ...item, amount: 1 }], true)).status, 200);
  const faults: [unknown, string][] = [
    [[item, { ...item, amount: 0 }], "$.items[1].amount"], [[{ ...item, agentId: 7 }], "$.items[0].agentId"], [[{ kind: "tool", amount: 1 }], "$.items[0].agent_id"],
    [[["tool", 1]], "$.items[0]"], [[null], "$.items[0]"], [[item, { ...item, currency: 7 }], "$.items[1].currency"],
  ];
  for (const [items, path] of faults) expectFault(await post(items), "v1", 400, "INVALID_INPUT", { path });
  const hundred = await post(Array(100).fill({ ...item, amount: 1 }));
  assert.ok(hundred.json.results.every((result: { status: number }) => result.status === 402), "nothing is left");
  await booksOf(company.office);
});

test("a suspended agent holds nothing new and keeps what it holds", async () => {
  const company = await Company.open(server.current);
  const held = await company.hold(5);
  await company.setAgentStatus("suspended");
  expectRefused(await company.reserve(1), 403, "agent_not_active");
  assert.equal((await company.seeReservation(held["id"]))["status"], "reserved");
  assert.equal((await company.capture(held["id"])).status, 200);
  await company.setAgentStatus("active");
  assert.equal((await company.reserve(1)).status, 201);
});
