// Money under rules, from a mandate to a captured payment, against the running Worker.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newHousehold } from "./support/household.ts";
import { useServer } from "./support/server.ts";
import { booksOf, newAgent, newMandate, newSpender, newToken } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const key = () => ({ "idempotency-key": crypto.randomUUID() });

test("a payment is made under a mandate, by a token, once", async () => {
  const house = await newHousehold(server.current);
  const { office, agentId, mandate, walletId } = await newSpender(house, { total_limit: 10_000, daily_limit: 6_000 });
  const token = await newToken(office, agentId, { mandate_id: mandate.id });
  const agent = server.client().bearer(token);
  const once = key();
  const paid = await agent.post("/v1/payments", { amount: 4_900, currency: "usd", merchant: "OpenAI" }, once);
  assert.equal(paid.status, 201, paid.text);
  assert.equal(paid.json.status, "succeeded");
  assert.equal(paid.json.amount, 4_900);
  const again = await agent.post("/v1/payments", { amount: 4_900, currency: "usd", merchant: "OpenAI" }, once);
  assert.deepEqual([again.status, again.text, again.headers.get("idempotent-replayed")], [201, paid.text, "true"]);
  const used = await agent.post("/v1/payments", { amount: 1, currency: "usd", merchant: "OpenAI" }, key());
  assert.deepEqual([used.status, used.json.code], [409, "token_already_used"]);
  const read = await office.get(`/v1/payments/${paid.json.id}`);
  assert.deepEqual(read.json, paid.json);
  const shown = await office.get(`/v1/mandates/${mandate.id}`);
  assert.deepEqual([shown.json.usage.daily.spent, shown.json.usage.daily.remaining, shown.json.usage.total.spent], [4_900, 1_100, 4_900]);
  const balance = await office.get(`/v1/wallets/${walletId}/balance`);
  assert.deepEqual([balance.json.available, balance.json.reserved], [5_200, 0]);
  await booksOf(office);
});

test("a payment over a limit is denied, written down, and told with what is left", async () => {
  const house = await newHousehold(server.current);
  const { office, agentId, mandate } = await newSpender(house, { per_transaction_limit: 100 });
  const agent = server.client().bearer(await newToken(office, agentId, { mandate_id: mandate.id }));
  const denied = await agent.post("/v1/payments", { amount: 101, currency: "usd", merchant: "OpenAI" }, key());
  assert.equal(denied.status, 402, denied.text);
  const { payment_id, ...details } = denied.json.details;
  assert.deepEqual([denied.json.code, details], ["mandate_limit_exceeded", { limit: "per_transaction", remaining: 100, requested: 101 }]);
  const read = await office.get(`/v1/payments/${payment_id}`);
  assert.deepEqual([read.json.status, read.json.reasons], ["denied", ["mandate_limit_exceeded"]]);
});

test("a reservation is captured in part, and the rest goes back", async () => {
  const house = await newHousehold(server.current);
  const { office, agentId, mandate, walletId } = await newSpender(house);
  const token = await newToken(office, agentId, { mandate_id: mandate.id, action: "tool:spend", audience: "spendguard-actions" });
  const agent = server.client().bearer(token);
  const held = await agent.post("/v1/spend-guard/reservations", { kind: "tool", quantity: 3, unit_price: "0.123456" }, key());
  assert.equal(held.status, 201, held.text);
  assert.equal(held.json.amount, 38);
  const before = await office.get(`/v1/wallets/${walletId}/balance`);
  assert.equal(before.json.reserved, 38);
  const captured = await agent.post(`/v1/spend-guard/reservations/${held.json.id}/capture`, { amount: 30 }, key());
  assert.equal(captured.status, 200, captured.text);
  assert.deepEqual([captured.json.status, captured.json.captured_amount, captured.json.released_amount], ["captured", 30, 8]);
  const twice = await agent.post(`/v1/spend-guard/reservations/${held.json.id}/capture`, { amount: 30 }, key());
  assert.deepEqual([twice.status, twice.json.code], [409, "reservation_resolved"]);
  const shown = await office.get(`/v1/mandates/${mandate.id}`);
  assert.deepEqual([shown.json.usage.total.spent, shown.json.usage.total.held], [30, 0]);
  await booksOf(office);
});

test("a lease is spent by a child and returns exactly what is free", async () => {
  const house = await newHousehold(server.current);
  const { office, agentId, mandate, walletId } = await newSpender(house, { total_limit: 5_000 });
  const child = await newAgent(house);
  const lent = await office.post("/v1/spend-guard/budget-leases", { child_agent_id: child, mandate_id: mandate.id, amount: 1_000 }, key());
  assert.equal(lent.status, 201, lent.text);
  assert.deepEqual([lent.json.parent_agent_id, lent.json.depth, lent.json.remaining], [agentId, 1, 1_000]);
  const terms = { mandate_id: mandate.id, lease_id: lent.json.id, action: "token:spend", audience: "spendguard-actions" };
  const agent = server.client().bearer(await newToken(office, child, terms));
  const held = await agent.post("/v1/spend-guard/reservations", { kind: "token", amount: 400 }, key());
  assert.equal(held.status, 201, held.text);
  const tooMuch = await agent.post("/v1/spend-guard/reservations", { kind: "token", amount: 601 }, key());
  assert.deepEqual([tooMuch.status, tooMuch.json.code], [402, "lease_exhausted"]);
  const released = await office.post(`/v1/spend-guard/budget-leases/${lent.json.id}/release`);
  assert.equal(released.status, 200, released.text);
  assert.deepEqual([released.json.status, released.json.returned_amount, released.json.reserved], ["released", 600, 400]);
  const captured = await office.post(`/v1/spend-guard/reservations/${held.json.id}/capture`, { amount: 100 }, key());
  assert.equal(captured.status, 200, captured.text);
  const after = await office.get(`/v1/spend-guard/budget-leases/${lent.json.id}`);
  assert.deepEqual([after.json.captured, after.json.reserved, after.json.returned_amount], [100, 0, 900]);
  const shown = await office.get(`/v1/mandates/${mandate.id}`);
  assert.deepEqual([shown.json.usage.total.spent, shown.json.usage.total.held], [100, 0]);
  const balance = await office.get(`/v1/wallets/${walletId}/balance`);
  assert.deepEqual([balance.json.available, balance.json.reserved], [10_000, 0]);
  await booksOf(office);
});

test("an amount above the threshold waits for a human, who lets it go ahead or gives it back", async () => {
  const house = await newHousehold(server.current);
  const { office, agentId, mandate } = await newSpender(house, { total_limit: 5_000, approval_threshold: 100 });
  const pay = async (amount: number) => {
    const agent = server.client().bearer(await newToken(office, agentId, { mandate_id: mandate.id }));
    return agent.post("/v1/payments", { amount, currency: "usd", merchant: "Büro" }, key());
  };
  const [small, large, other] = [await pay(100), await pay(101), await pay(200)];
  assert.deepEqual([small.status, large.status, large.json.status], [201, 202, "pending_approval"]);
  const approved = await office.post(`/v1/approvals/${large.json.approval_id}/approve`, { reason: "yes" });
  assert.equal(approved.status, 200, approved.text);
  assert.deepEqual([approved.json.status, approved.json.payment.status], ["approved", "succeeded"]);
  const denied = await office.post(`/v1/approvals/${other.json.approval_id}/deny`, {});
  assert.deepEqual([denied.json.status, denied.json.payment.status], ["denied", "denied"]);
  const late = await office.post(`/v1/approvals/${other.json.approval_id}/approve`, {});
  assert.deepEqual([late.status, late.json.code], [409, "approval_decided"]);
  const third = await pay(300);
  await server.current.advance(24 * 3_600 + 1);
  const expired = await office.get(`/v1/payments/${third.json.id}`);
  assert.equal(expired.json.status, "expired");
  const shown = await office.get(`/v1/mandates/${mandate.id}`);
  assert.deepEqual([shown.json.usage.total.spent, shown.json.usage.total.held], [201, 0]);
  await booksOf(office);
});

test("the kill switch stops what is new and lets go of what is held", async () => {
  const house = await newHousehold(server.current);
  const { office, agentId, mandate } = await newSpender(house);
  const spend = { kind: "tool", amount: 10, agent_id: agentId, mandate_id: mandate.id };
  const held = await office.post("/v1/spend-guard/reservations", spend);
  assert.equal(held.status, 201, held.text);
  const on = await office.put("/v1/tenant/kill-switch", { on: true, reason: "a fire" });
  assert.deepEqual([on.status, on.json.on], [200, true]);
  const stopped = await office.post("/v1/spend-guard/reservations", spend);
  assert.deepEqual([stopped.status, stopped.json.code], [403, "tenant_stopped"]);
  const query = await house.agent.runtime.post("/v2/query", { query_text: "silver" });
  assert.deepEqual([query.status, query.json.code], [403, "tenant_stopped"]);
  const released = await office.post(`/v1/spend-guard/reservations/${held.json.id}/release`, {});
  assert.deepEqual([released.status, released.json.status], [200, "released"]);
  await office.put("/v1/tenant/kill-switch", { on: false });
  assert.equal((await office.post("/v1/spend-guard/reservations", spend)).status, 201);
});

test("a batch is judged in order, and an atomic one is all or nothing", async () => {
  const house = await newHousehold(server.current);
  const { office, agentId, mandate } = await newSpender(house, { daily_limit: 100 });
  const item = (amount: number) => ({ kind: "tool", amount, agent_id: agentId, mandate_id: mandate.id });
  const mixed = await office.post("/v1/spend-guard/reservations/batch", { items: [item(60), item(60), item(40)] });
  assert.deepEqual(mixed.json.results.map((result: { status: number }) => result.status), [201, 402, 201]);
  const second = await newMandate(office, agentId, { daily_limit: 100 });
  const of = (amount: number) => ({ ...item(amount), mandate_id: second.id });
  const atomic = await office.post("/v1/spend-guard/reservations/batch", { items: [of(60), of(60)], atomic: true });
  assert.deepEqual([atomic.status, atomic.json.code, atomic.json.details.index], [402, "mandate_limit_exceeded", 1]);
  assert.equal((await office.get(`/v1/mandates/${second.id}`)).json.usage.daily.held, 0);
  assert.equal((await office.post("/v1/spend-guard/reservations/batch", { items: [of(60), of(40)], atomic: true })).status, 200);
  await booksOf(office);
});
