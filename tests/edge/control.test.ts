// The tenant's brakes: the kill switch, and the packet that keeps it in the sandbox.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client, Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { newOperator } from "./support/household.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";
import { ACTIONS, booksOf, Company, expectRefused, newKey, packetOf } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const operators = once(() => newOperator(server.current));

async function operatorOf(company: Company): Promise<Client> {
  return (await operators()).client.with({ "x-tenant-id": company.house.tenantId });
}

test("while the kill switch is on nothing new is had, and what is held can be let go", async () => {
  const company = await Company.open(server.current, { total_limit: 1_000, approval_threshold: 50 });
  const { office, agentId, mandate, house } = company;
  const [child] = await company.agents(1);
  const [tools, payer] = [await company.bearer({ action: "tool:spend", ...ACTIONS }), await company.bearer()];
  const lease = await company.lease(child!, 10);
  const [one, two, pending, paying] = [await company.hold(1), await company.hold(2), await company.hold(60), (await company.pay(70)).json];
  const on = await office.put("/v1/tenant/kill-switch", { on: true, reason: "🦀".repeat(1_024) });
  assert.deepEqual([on.status, on.json.on, on.json.reason], [200, true, "🦀".repeat(1_024)], on.text);
  assert.match(on.json.changed_by, /key_/);
  const again = await office.put("/v1/tenant/kill-switch", { on: true, reason: "other" });
  assert.deepEqual(again.json, on.json, "it stands already");
  const spend = { kind: "tool", amount: 1, agent_id: agentId, mandate_id: mandate.id };
  const stopped: [string, Promise<Reply>][] = [
    ["a token", office.post(`/v1/agents/${agentId}/execution-tokens`, { mandate_id: mandate.id, action: "tool:spend", ...ACTIONS })],
    ["a reservation", office.post("/v1/spend-guard/reservations", spend)],
    ["an agent's reservation", tools.post("/v1/spend-guard/reservations", { kind: "tool", amount: 1 })],
    ["a batch", office.post("/v1/spend-guard/reservations/batch", { items: [spend] })],
    ["a payment", payer.post("/v1/payments", { amount: 1, currency: "usd", merchant: "Ada" }, newKey())],
    ["a lease", company.lend(child!, 1)],
    ["a lease of a lease", company.lend(agentId, 1, { parent_lease_id: lease["id"] })],
    ["an approved reservation", office.post(`/v1/approvals/${pending["approval_id"]}/approve`, {})],
    ["an approved payment", office.post(`/v1/approvals/${paying.approval_id}/approve`, {})],
    ["a query", house.agent.runtime.post("/v2/query", { query_text: "silver" })],
  ];
  const asked = (await tools.post("/v1/spend-guard/authorize", { kind: "tool", amount: 1 })).json;
  assert.deepEqual([asked.decision, asked.reasons], ["deny", ["tenant_stopped"]]);
  for (const [what, reply] of stopped) assert.deepEqual([what, (await reply).status, (await reply).json.code], [what, 403, "tenant_stopped"]);
  assert.deepEqual([(await company.release(one["id"])).status, (await company.capture(two["id"])).status], [200, 200]);
  assert.equal((await office.post(`/v1/spend-guard/budget-leases/${lease["id"]}/release`)).json.status, "released");
  assert.equal((await office.post(`/v1/approvals/${pending["approval_id"]}/deny`, {})).json.status, "denied");
  assert.equal((await office.get("/v1/mandates")).status, 200);
  const off = await house.owner.client.put("/v1/tenant/kill-switch", { on: false }, { "x-tenant-id": house.tenantId });
  assert.deepEqual([off.json.on, off.json.reason], [false, null]);
  const paid = await payer.post("/v1/payments", { amount: 1, currency: "usd", merchant: "Ada" }, newKey());
  assert.equal(paid.status, 201, "the refusal used no token up");
  assert.equal((await office.post(`/v1/approvals/${paying.approval_id}/approve`, {})).json.payment.status, "succeeded");
  await booksOf(office);
});

test("a tenant that never switched is not stopped, and an operator may stop it", async () => {
  const company = await Company.open(server.current);
  const operator = await operatorOf(company);
  const untouched = await company.office.put("/v1/tenant/kill-switch", { on: false });
  assert.deepEqual(untouched.json, { on: false, reason: null, changed_by: null, changed_at: null });
  assert.equal((await operator.put("/v1/tenant/kill-switch", { on: true })).status, 200);
  expectRefused(await company.reserve(1), 403, "tenant_stopped");
});

test("the packet is an operator's to fill, all seven items and no other", async () => {
  const company = await Company.open(server.current);
  const operator = await operatorOf(company);
  const path = "/v1/tenant/go-no-go";
  const empty = await company.see("tenant/go-no-go");
  const names = ["hosted_activation", "hosted_health", "provider", "reconciliation", "rollback", "support", "webhook"];
  assert.deepEqual([empty["status"], Object.keys(empty["items"]).sort(), empty["version"], empty["updated_by"], empty["tenant_id"]], ["incomplete", names, 0, null, company.house.tenantUuid]);
  const good = packetOf("go") as { items: Record<string, any> };
  expectFault(await company.office.put(path, good), "v1", 403, "FORBIDDEN");
  expectFault(await company.office.put(path, {}), "v1", 403, "FORBIDDEN");
  const { stranger, tenantId, apiKey } = company.house;
  const wrong = apiKey.slice(0, -1) + (apiKey.endsWith("0") ? "1" : "0");
  for (const nobody of [stranger.with({ "x-tenant-id": tenantId }), stranger.with({ "x-api-key": wrong }), stranger.with({ "x-api-key": "tl_live_x" })]) {
    expectFault(await nobody.put(path, good), "v1", 401, "UNAUTHORIZED");
  }
  expectFault(await (await company.bearer()).put(path, good), "v1", 403, "FORBIDDEN");
  expectFault(await company.house.owner.client.put(path, good, { "x-tenant-id": company.house.tenantId }), "v1", 403, "FORBIDDEN");
  const { rollback, ...six } = good.items;
  const faults: [unknown, string][] = [
    [{}, "$.items"], [{ items: [] }, "$.items"], [{ items: six }, "$.items.rollback"], [{ items: { ...six, rollback: { status: "maybe" } } }, "$.items.rollback.status"],
    [{ items: { ...six, rollback: { evidence: "x" } } }, "$.items.rollback.status"], [{ items: { ...six, rollback: ["go"] } }, "$.items.rollback"], [{ items: { ...six, rollback: null } }, "$.items.rollback"],
    [{ items: { ...six, rollback: { status: "go", evidence: "x".repeat(2_049) } } }, "$.items.rollback.evidence"], [{ items: { ...six, rollback: { status: "go", evidence: 7 } } }, "$.items.rollback.evidence"],
  ];
  for (const [body, at] of faults) expectFault(await operator.put(path, body), "v1", 400, "INVALID_INPUT", { path: at });
  const extra = await operator.put(path, { items: { ...good.items, luck: rollback } });
  assert.deepEqual([extra.status, extra.json.code], [400, "INVALID_INPUT"], extra.text);
  for (const [items, status] of [
    [good.items, "complete"], [{ ...six, rollback: { status: "go", evidence: "🦀".repeat(2_048), note: "n" } }, "complete"], [{ ...six, rollback: { status: "go" } }, "incomplete"],
    [{ ...six, rollback: { status: "go", evidence: "" } }, "incomplete"], [{ ...six, rollback: { status: "no_go", evidence: "seen" } }, "incomplete"], [{ ...six, rollback: { status: "pending", evidence: "seen" } }, "incomplete"],
  ] as const) {
    const put = await operator.put(path, { items });
    assert.deepEqual([put.status, put.json.status], [200, status], put.text);
    assert.deepEqual(await company.see("tenant/go-no-go"), put.json);
  }
  assert.equal((await company.see("tenant/go-no-go"))["version"], 6);
});

test("live money waits for the packet, and then for a provider", async () => {
  const company = await Company.open(server.current);
  const { office } = company;
  const operator = await operatorOf(company);
  const live = (): Promise<Reply> => office.post("/v1/wallets", { currency: "usd", mode: "live" });
  expectFault(await live(), "v1", 403, "go_no_go_incomplete");
  assert.equal((await operator.put("/v1/tenant/go-no-go", packetOf("go"))).json.status, "complete");
  const made = await live();
  assert.deepEqual([made.status, made.json.mode], [201, "live"], made.text);
  const fund = (body: object): Promise<Reply> => office.post(`/v1/wallets/${made.json.id}/fund`, body, newKey());
  server.current.expectError(/UPSTREAM_NOT_CONFIGURED|"status":503/);
  expectFault(await fund({ amount: 1, source: "provider" }), "v1", 503, "UPSTREAM_NOT_CONFIGURED", { upstream: "FUNDING_BASE_URL" });
  expectFault(await fund({ amount: 1, source: "sandbox" }), "v1", 403, "funding_source_not_allowed");
  expectFault(await office.post(`/v1/wallets/${company.walletId}/fund`, { amount: 1, source: "provider" }, newKey()), "v1", 403, "funding_source_not_allowed");
  const mandate = (await office.post("/v1/mandates", { agent_id: company.agentId, total_limit: 100, wallet_id: made.json.id })).json;
  const [child] = await company.agents(1);
  const payer = await company.bearer({ mandate_id: mandate.id });
  const pay = (headers = newKey()): Promise<Reply> => payer.post("/v1/payments", { amount: 1, currency: "usd", merchant: "Ada" }, headers);
  const spend = { kind: "tool", amount: 1, agent_id: company.agentId, mandate_id: mandate.id };
  const [key, batchKey] = [newKey(), newKey()];
  for (let turn = 0; turn < 2; turn += 1) {
    const replies = [
      await pay(key), await company.reserve(1, { mandate_id: mandate.id }), await company.lend(child!, 1, { mandate_id: mandate.id }), await office.post("/v1/spend-guard/authorize", spend),
      await office.post("/v1/spend-guard/reservations/batch", { items: [spend], atomic: true }, batchKey),
    ];
    for (const reply of replies) {
      expectRefused(reply, 503, "UPSTREAM_NOT_CONFIGURED", { upstream: "FUNDING_BASE_URL" });
      assert.equal(reply.headers.get("idempotent-replayed"), null, "what a provider would change is not kept");
    }
  }
  assert.equal((await operator.put("/v1/tenant/go-no-go", packetOf("go", null))).json.status, "incomplete");
  expectFault(await live(), "v1", 403, "go_no_go_incomplete");
  expectFault(await fund({ amount: 1, source: "provider" }), "v1", 403, "go_no_go_incomplete");
  expectFault(await pay(), "v1", 503, "UPSTREAM_NOT_CONFIGURED", { upstream: "FUNDING_BASE_URL" });
  assert.equal((await company.see("payments"))["data"].length, 0);
  const test = (await office.post("/v1/api-keys", { environment: "test" })).json.key;
  const tester = server.client().with({ "x-api-key": test });
  const touched = [
    await tester.get(`/v1/wallets/${made.json.id}`), await tester.post(`/v1/wallets/${made.json.id}/fund`, { amount: 1, source: "provider" }, newKey()),
    await tester.post("/v1/mandates", { agent_id: company.agentId, total_limit: 1, wallet_id: made.json.id }), await tester.post("/v1/spend-guard/reservations", spend),
    await tester.post("/v1/spend-guard/authorize", spend), await tester.post("/v1/spend-guard/budget-leases", { child_agent_id: child, mandate_id: mandate.id, amount: 1 }),
  ];
  touched.push(
    await tester.put(`/v1/mandates/${mandate.id}`, { total_limit: 100, version: 1 }), await tester.put(`/v1/mandates/${mandate.id}`, { total_limit: 100, version: 1, status: "revoked" }),
    await tester.post(`/v1/agents/${company.agentId}/execution-tokens`, { mandate_id: mandate.id, action: "tool:spend", ...ACTIONS }),
  );
  for (const reply of touched) expectFault(reply, "v1", 403, "live_mode_forbidden");
  const shown = (await tester.get("/v1/wallets")).json.data.map(({ id }: { id: string }) => id);
  assert.deepEqual(shown, [company.walletId], "nor is it told of any");
  await booksOf(office);
});
