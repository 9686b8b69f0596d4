// What was asked, decided and spent adds up; asking changes nothing; the books are right after all of it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";
import { stateOfObject } from "./support/state.ts";
import { ACTIONS, booksOf, Company, newKey, newMandate } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });

/** A hash over all that money is: ledger, mandates, leases, holds, payments, approvals, audit, events. */
async function hashOfMoney(company: Company): Promise<string> {
  const tables = await stateOfObject(server.current, "Tenant", company.house.tenantUuid);
  const names = ["account", "approval", "audit", "control", "lease", "mandate", "outbox", "payment", "reservation", "token_use", "wallet"];
  for (const name of names) assert.ok(name in tables, `${name} is a table`);
  return createHash("sha256").update(JSON.stringify(names.map((name) => [name, tables[name]]))).digest("hex");
}

test("estimate and authorize change nothing, whatever they are asked", async () => {
  const company = await Company.open(server.current, { total_limit: 100, approval_threshold: 50 });
  const [child] = await company.agents(1);
  const lease = await company.lease(child!, 10);
  const tools = await company.bearer({ action: "tool:spend", ...ACTIONS });
  await company.hold(5);
  const narrow = await newMandate(company.office, company.agentId, { per_transaction_limit: 10, daily_limit: 10, monthly_limit: 10, total_limit: 10 });
  const before = await hashOfMoney(company);
  const spend = { kind: "tool", amount: 1, agent_id: company.agentId, mandate_id: company.mandate.id };
  const decisions: [object, string, string[]][] = [
    [{}, "allow", []], [{ amount: 50 }, "allow", []], [{ amount: 51 }, "approval_required", []], [{ amount: 85 }, "approval_required", []], [{ amount: 86 }, "deny", ["mandate_limit_exceeded"]],
    [{ amount: 900_719_925_474 }, "deny", ["mandate_limit_exceeded", "insufficient_funds"]], [{ agent_id: child, lease_id: lease["id"], amount: 11 }, "deny", ["lease_exhausted"]],
    [{ mandate_id: narrow.id, amount: 11 }, "deny", ["mandate_limit_exceeded"]],
  ];
  for (const [terms, decision, reasons] of decisions) {
    const asked = await company.office.post("/v1/spend-guard/authorize", { ...spend, ...terms }, newKey());
    assert.deepEqual([asked.status, asked.json.decision, asked.json.reasons], [200, decision, reasons], asked.text);
  }
  const asked = (await tools.post("/v1/spend-guard/authorize", { kind: "tool", quantity: 3, unit_price: "0.004" })).json;
  assert.deepEqual(asked, {
    decision: "allow", reasons: [], mandate_version: 1, remaining: { per_transaction: null, daily: null, monthly: null, total: 85, lease: null, wallet: 10_085 },
  });
  const estimate = await tools.post("/v1/spend-guard/estimate", { kind: "tool", quantity: 3, unit_price: "0.004", merchant: " Ada ", resource: "gpu" });
  assert.deepEqual(estimate.json, {
    kind: "tool", currency: "usd", merchant: "Ada", resource: "gpu", estimated_amount: 2, estimated_micros: 12_000, breakdown: [{ quantity: 3, unit_price: "0.004000", amount_micros: 12_000 }],
  });
  assert.deepEqual((await tools.post("/v1/spend-guard/estimate", { kind: "tool", amount: 0 })).json.estimated_amount, 0);
  await Promise.all(Array.from({ length: 32 }, () => tools.post("/v1/spend-guard/authorize", { kind: "tool", amount: 7 })));
  assert.equal(await hashOfMoney(company), before);
  const { decisions: counted } = await company.see("spend-guard/usage/summary");
  assert.deepEqual(counted, { allow: 2 + 1 + 32 + 1, deny: 4, approval_required: 2 }, "each was counted, and the one hold");
});

test("the summary adds up: by time, agent, mandate and kind", async () => {
  const company = await Company.open(server.current, { total_limit: 10_000, approval_threshold: 500 });
  const [child] = await company.agents(1);
  const other = await newMandate(company.office, child!, { per_transaction_limit: 10 });
  await company.capture((await company.hold(100, { kind: "token" }))["id"], 60);
  await company.capture((await company.hold(10))["id"]);
  await company.release((await company.hold(20))["id"]);
  await company.hold(30);
  await company.hold(501);
  await company.pay(7);
  assert.equal((await company.pay(10_001)).status, 402);
  const childs = { agent_id: child, mandate_id: other.id };
  await company.hold(9, { ...childs, ttl_seconds: 1 });
  assert.equal((await company.reserve(11, childs)).status, 402);
  await server.current.advance(2);
  const whole = await company.see("spend-guard/usage/summary");
  const { from, to, ...sums } = whole;
  assert.equal(Date.parse(to) - Date.parse(from), 30 * 86_400_000);
  assert.deepEqual(sums, {
    currency: "usd", decisions: { allow: 6, deny: 2, approval_required: 1 }, reservations: { reserved: 2, captured: 3, released: 1, expired: 1 }, payments: 1,
    amounts: { reserved: 531, captured: 77, released: 40 + 20 + 9 }, by_kind: { payment: { count: 1, amount: 7 }, token: { count: 1, amount: 60 }, tool: { count: 1, amount: 10 } },
  });
  const of = async (query: string): Promise<Record<string, any>> => company.see(`spend-guard/usage/summary?${query}`);
  const [childs1, childs2, mandates] = [await of(`agent_id=${child}`), await of(`mandate_id=${other.id}`), await of(`mandate_id=${company.mandate.id}`)];
  assert.deepEqual([childs1["decisions"], childs1["reservations"].expired, childs1["amounts"]], [{ allow: 1, deny: 1, approval_required: 0 }, 1, { reserved: 0, captured: 0, released: 9 }]);
  assert.deepEqual({ ...childs2, from, to }, { ...childs1, from, to });
  assert.deepEqual([mandates["decisions"], mandates["amounts"]], [{ allow: 5, deny: 1, approval_required: 1 }, { reserved: 531, captured: 77, released: 60 }]);
  const past = await of("from=2020-01-01T00:00:00Z&to=2020-12-31T00:00:00%2B00:00");
  assert.deepEqual([past["decisions"], past["payments"], past["by_kind"]], [{ allow: 0, deny: 0, approval_required: 0 }, 0, {}]);
  const [spent] = await company.used();
  assert.equal(spent, mandates["amounts"].captured, "as the mandate counts it");
});

test("a summary is of a time of at most 366 days", async () => {
  const { office } = await Company.open(server.current);
  const get = (query: string): ReturnType<typeof office.get> => office.get(`/v1/spend-guard/usage/summary?${query}`);
  assert.equal((await get("from=2026-01-01T00:00:00Z&to=2027-01-02T00:00:00Z")).status, 200);
  assert.equal((await get("from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z")).status, 200);
  assert.equal((await get("to=9999-12-31T23:59:59.999Z")).status, 200);
  assert.equal((await get("to=1970-01-01T00:00:00Z")).status, 200);
  expectFault(await get("from=2026-01-01T00:00:00Z&to=2027-01-02T00:00:00.001Z"), "v1", 400, "INVALID_INPUT", { path: "from" });
  expectFault(await get("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"), "v1", 400, "INVALID_INPUT", { path: "from" });
  for (const [query, path] of [["from=x", "from"], ["to=2026-01-01", "to"], ["from=", "from"], ["agent_id=x", "agent_id"], ["mandate_id=x", "mandate_id"], ["mandate_id=agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "mandate_id"]]) {
    expectFault(await get(query!), "v1", 400, "INVALID_INPUT", { path });
  }
});

test("the books name an account that does not add up", async () => {
  const company = await Company.open(server.current);
  await company.capture((await company.hold(10))["id"]);
  const before = await booksOf(company.office);
  const reconciled = await company.see("ledger/reconciliation");
  assert.deepEqual(Object.keys(reconciled).sort(), ["accounts", "as_of", "entries", "equal", "head_hash"]);
  assert.match(reconciled["head_hash"], /^[0-9a-f]{64}$/);
  await company.edit("UPDATE account SET balance_micros = balance_micros + 1 WHERE id = ?", company.walletId);
  const wrong = await company.see("ledger/reconciliation");
  const account = wrong["accounts"].find((one: { account: string }) => one.account === company.walletId);
  assert.deepEqual([wrong["equal"], account.recorded_micros - account.recomputed_micros, account.recomputed_micros], [false, 1, before[company.walletId]]);
  await company.edit("UPDATE account SET balance_micros = balance_micros - 1 WHERE id = ?", company.walletId);
  assert.deepEqual(await booksOf(company.office), before);
});

test("lists are read page by page: nothing twice, nothing left out, while more is added", async () => {
  const company = await Company.open(server.current, { total_limit: 1_000, approval_threshold: 1 });
  const [child] = await company.agents(1);
  const add: Record<string, () => Promise<unknown>> = {
    mandates: () => newMandate(company.office, company.agentId),
    payments: () => company.pay(1),
    "spend-guard/reservations": () => company.hold(1),
    "spend-guard/budget-leases": () => company.lease(child!, 1),
    approvals: () => company.hold(2),
  };
  for (const [path, more] of Object.entries(add)) {
    await Promise.all(Array.from({ length: 7 }, more));
    const known = ((await company.see(`${path}?limit=100`))["data"] as { id: string }[]).map(({ id }) => id);
    assert.deepEqual(known, [...known].sort().reverse(), `${path}: newest first`);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Record<string, any> = await company.see(`${path}?limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...page["data"].map(({ id }: { id: string }) => id));
      assert.ok(page["data"].length <= 3);
      cursor = page["next_cursor"];
      await more();
    }
    assert.deepEqual(seen, known, path);
    const exact = await company.see(`${path}?limit=${Math.min(100, known.length)}`);
    assert.ok(exact["next_cursor"] !== null, `${path}: there is more by now`);
  }
  await booksOf(company.office);
});
