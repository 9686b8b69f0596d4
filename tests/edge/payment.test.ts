// Payments: one payment object a token, each denial written down with all that was against it.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";
import { booksOf, Company, countByStatus, expectRefused, newKey, newMandate } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const PAYMENT = { amount: 1, currency: "usd", merchant: "Ada" };
const WALLET = 10_100;
const crowd = (count: number, send: (at: number) => Promise<Reply>): Promise<Reply[]> => Promise.all(Array.from({ length: count }, (_, at) => send(at)));

test("a payment is shown whole, and its reservation is captured", async () => {
  const company = await Company.open(server.current);
  const metadata = { order: [1, "🦀"] };
  const paid = await company.pay(7, { merchant: "  Ada  ", description: "🦀".repeat(1_024), metadata });
  assert.equal(paid.status, 201, paid.text);
  const { id, reservation_id, created_at, updated_at, ...rest } = paid.json;
  assert.equal(paid.headers.get("location"), `/v1/payments/${id}`);
  assert.equal(created_at, updated_at);
  assert.deepEqual(rest, {
    status: "succeeded", amount: 7, currency: "usd", merchant: "Ada", description: "🦀".repeat(1_024), metadata, mandate_id: company.mandate.id, agent_id: company.agentId,
    wallet_id: company.walletId, lease_id: null, approval_id: null, reasons: [], mode: "sandbox",
  });
  const held = await company.seeReservation(reservation_id);
  assert.deepEqual([held["status"], held["captured_amount"], held["payment_id"], held["kind"]], ["captured", 7, id, "payment"]);
  assert.deepEqual([await company.used(), await company.balance()], [[7, 0], [WALLET - 7, 0]]);
});

test("64 payments with one token at once are one payment object", async () => {
  const company = await Company.open(server.current);
  const agent = await company.bearer();
  const replies = await crowd(64, () => agent.post("/v1/payments", PAYMENT, newKey()));
  assert.deepEqual(countByStatus(replies), { 201: 1, 409: 63 });
  assert.ok(replies.every(({ status, json }) => status === 201 || json.code === "token_already_used"));
  const [other, key] = [await company.bearer(), newKey()];
  const repeats = await crowd(64, () => other.post("/v1/payments", PAYMENT, key));
  assert.equal(new Set(repeats.map(({ status, text }) => `${status} ${text}`)).size, 1);
  assert.deepEqual([countByStatus(repeats), (await company.see("payments"))["data"].length], [{ 201: 64 }, 2]);
  const again = await (await company.bearer()).post("/v1/payments", PAYMENT, key);
  assert.deepEqual([again.text, again.headers.get("idempotent-replayed")], [repeats[0]?.text, "true"], "the key is the agent's, whatever its token");
  assert.deepEqual([await company.used(), await company.balance()], [[2, 0], [WALLET - 2, 0]]);
  await booksOf(company.office);
});

test("what is no payment uses no token up; a denied one does", async () => {
  const company = await Company.open(server.current, { per_transaction_limit: 5 });
  const agent = await company.bearer();
  const pay = (body: object, headers = newKey()): Promise<Reply> => agent.post("/v1/payments", body, headers);
  expectFault(await agent.post("/v1/payments", PAYMENT), "v1", 400, "idempotency_key_required");
  expectFault(await pay({ ...PAYMENT, idempotency_key: "other" }), "v1", 400, "idempotency_key_mismatch");
  expectFault(await pay({ ...PAYMENT, currency: "eur" }), "v1", 400, "currency_unsupported", { path: "$.currency" });
  expectFault(await pay({ ...PAYMENT, currency: undefined }), "v1", 400, "INVALID_INPUT", { path: "$.currency" });
  for (const amount of [0, -1, 0.5, "1", 900_719_925_475, 2 ** 53]) expectFault(await pay({ ...PAYMENT, amount }), "v1", 400, "INVALID_INPUT", { path: "$.amount" });
  const denied = await pay({ ...PAYMENT, amount: 6 });
  expectRefused(denied, 402, "mandate_limit_exceeded", { limit: "per_transaction", remaining: 5, requested: 6 });
  expectRefused(await pay(PAYMENT), 409, "token_already_used");
  assert.equal((await company.see("payments"))["data"].length, 1);
  expectFault(await company.office.post("/v1/payments", PAYMENT, newKey()), "v1", 403, "execution_token_required");
  expectFault(await company.house.owner.client.post("/v1/payments", {}, { "x-tenant-id": company.house.tenantId }), "v1", 403, "execution_token_required");
});

test("a denial is told by the first that is against it, and keeps them all, in order, each code once", async () => {
  const company = await Company.open(server.current, { per_transaction_limit: 20_000, daily_limit: 50, total_limit: 60, allowed_merchants: ["Bob"] });
  const deny = async (amount: number, status: number, code: string, reasons: string[]): Promise<void> => {
    const agent = tokens.pop() ?? assert.fail("no token is left");
    const denied = await agent.post("/v1/payments", { ...PAYMENT, amount }, newKey());
    expectRefused(denied, status, code);
    const { status: shown, reasons: kept, amount: asked, reservation_id } = await company.see(`payments/${denied.json.details.payment_id}`);
    assert.deepEqual([shown, kept, asked, reservation_id], ["denied", reasons, amount, null]);
  };
  const tokens = await Promise.all(Array.from({ length: 6 }, () => company.bearer()));
  await deny(20_001, 403, "merchant_not_allowed", ["merchant_not_allowed", "mandate_limit_exceeded", "insufficient_funds"]);
  await deny(51, 403, "merchant_not_allowed", ["merchant_not_allowed", "mandate_limit_exceeded"]);
  const terms = { per_transaction_limit: 20_000, daily_limit: 50, total_limit: 60 };
  assert.equal((await company.change({ ...terms, allowed_actions: ["tool:spend"] })).status, 200);
  await deny(1, 403, "action_not_allowed", ["action_not_allowed"]);
  assert.equal((await company.change({ ...terms, status: "suspended" })).status, 200);
  await deny(61, 403, "mandate_not_active", ["mandate_not_active", "mandate_limit_exceeded"]);
  await company.setAgentStatus("suspended");
  await deny(1, 403, "agent_not_active", ["agent_not_active", "mandate_not_active"]);
  assert.deepEqual([await company.used(), await company.balance()], [[0, 0], [WALLET, 0]]);
  await booksOf(company.office);
});

test("a lease is looked at before the wallet, and the wallet last", async () => {
  const company = await Company.open(server.current);
  const [child] = await company.agents(1);
  const lease = await company.lease(child!, 10);
  const pay = async (amount: number): Promise<Reply> => (await company.bearer({ lease_id: lease["id"] }, child!)).post("/v1/payments", { ...PAYMENT, amount }, newKey());
  expectRefused(await pay(11), 402, "lease_exhausted", { remaining: 10, requested: 11 });
  const paid = await pay(10);
  assert.deepEqual([paid.status, paid.json.lease_id, paid.json.agent_id], [201, lease["id"], child]);
  expectRefused(await company.pay(WALLET - 9), 402, "insufficient_funds", { remaining: WALLET - 10, requested: WALLET - 9 });
  assert.equal((await company.pay(WALLET - 10)).status, 201);
  assert.deepEqual(await company.balance(), [0, 0]);
  await booksOf(company.office);
});

test("an agent's 61st payment in a minute is one too many, and reservations do not count", async () => {
  const company = await Company.open(server.current);
  const tokens = await Promise.all(Array.from({ length: 62 }, () => company.bearer()));
  await company.hold(1);
  const paid = await Promise.all(tokens.slice(0, 60).map((agent) => agent.post("/v1/payments", PAYMENT, newKey())));
  assert.deepEqual(countByStatus(paid), { 201: 60 });
  const refused = await tokens[60]!.post("/v1/payments", PAYMENT, newKey());
  expectRefused(refused, 403, "risk_denied", { rule: "risk_velocity" });
  assert.deepEqual((await company.see(`payments/${refused.json.details.payment_id}`))["reasons"], ["risk_denied"]);
  assert.equal((await company.reserve(1)).status, 201);
  await server.current.advance(61);
  assert.equal((await tokens[61]!.post("/v1/payments", PAYMENT, newKey())).status, 201);
});

test("payments are found by agent, mandate, status, merchant and time", async () => {
  const company = await Company.open(server.current);
  const [child] = await company.agents(1);
  const other = await newMandate(company.office, child!, { per_transaction_limit: 1 });
  const ada = await company.pay(1);
  await server.current.advance(2);
  const denied = await (await company.bearer({ mandate_id: other.id }, child!)).post("/v1/payments", { ...PAYMENT, amount: 2, merchant: "École" }, newKey());
  const ids = async (query: string): Promise<string[]> => (await company.see(`payments?${query}`))["data"].map((payment: { id: string }) => payment.id);
  const [first, second] = [ada.json.id, denied.json.details.payment_id];
  const { created_at } = await company.see(`payments/${second}`) as { created_at: string };
  for (const [query, found] of [
    ["", [second, first]], [`agent_id=${child}`, [second]], [`mandate_id=${company.mandate.id}`, [first]], ["status=denied", [second]], ["status=failed", []],
    ["merchant=ADA", [first]], ["merchant=e%CC%81cole", [second]], [`created_from=${created_at}`, [second]], [`created_to=${ada.json.created_at}`, [first]],
    [`created_from=${ada.json.created_at}&created_to=${created_at}`, [second, first]], ["created_to=1970-01-01T00:00:00Z", []], ["created_from=9999-12-31T23:59:59.999Z", []],
  ] as [string, string[]][]) assert.deepEqual(await ids(query), found, query);
  for (const [query, path] of [["status=gone", "status"], ["created_from=yesterday", "created_from"], ["created_to=2026-01-01", "created_to"], ["merchant=", "merchant"], ["mandate_id=x", "mandate_id"], ["agent_id=x", "agent_id"]]) {
    expectFault(await company.office.get(`/v1/payments?${query}`), "v1", 400, "INVALID_INPUT", { path });
  }
});
