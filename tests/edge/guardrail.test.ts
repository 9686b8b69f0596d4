// Guardrails: what stands against an action before it is tried (contract identity-and-money 3 and 14).

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "./support/client.ts";
import { newCompany, openSession, register, type Company } from "./support/company.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";
import { newMandate } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });

let ready: Promise<Company> | undefined;
const setUp = (): Promise<Company> => (ready ??= newCompany(server.current));

async function check(caller: Client, agent_id: string, action: string, more: object = {}): Promise<[boolean, string[]]> {
  const reply = await caller.post("/v1/guardrails/check", { agent_id, action, ...more });
  assert.equal(reply.status, 200, reply.text);
  assert.match(reply.json.checked_at, /^\d{4}-.*Z$/);
  for (const { message } of reply.json.violations) assert.ok(message.length > 0);
  return [reply.json.allowed, reply.json.violations.map(({ rule, severity }: Record<string, string>) => `${rule} ${severity}`)];
}

const NO_SCOPE: [boolean, string[]] = [false, ["scope critical"]];
const GOOD: [boolean, string[]] = [true, []];

test("an action needs a scope, of its own name or of the resource it is about", async () => {
  const { office } = await setUp();
  const agent = await register(office, ["data:*", "!data:delete", "inv-7:pay"]);
  assert.deepEqual(await check(office, agent, "data:read"), GOOD);
  assert.deepEqual(await check(office, agent, "data:read", { resourceId: "whatever it is: 😀", context: { why: "because" } }), GOOD);
  assert.deepEqual(await check(office, agent, "read", { resource_id: "data" }), GOOD);
  assert.deepEqual(await check(office, agent, "pay", { resource_id: "inv-7" }), GOOD);
  assert.deepEqual(await check(office, agent, "data:delete"), NO_SCOPE);
  assert.deepEqual(await check(office, agent, "pay", { resource_id: "inv-8" }), NO_SCOPE);
});

test("a session is judged within its own scopes", async () => {
  const { office } = await setUp();
  const agent = await register(office, ["data:*"]);
  const { client } = await openSession(office, agent, { scopes: ["data:read"] });
  assert.deepEqual(await check(client, agent, "data:read"), GOOD);
  assert.deepEqual(await check(client, agent, "data:write"), NO_SCOPE);
  assert.deepEqual(await check(office, agent, "data:write"), GOOD);
});

test("an agent that may not act and a tenant that is stopped are told, and all at once", async () => {
  const { office } = await newCompany(server.current);
  const agent = await register(office, ["data:*"]);
  await office.post(`/v1/agents/${agent}/suspend`, {});
  assert.deepEqual(await check(office, agent, "data:read"), [false, ["agent_status critical"]]);
  await office.put("/v1/tenant/kill-switch", { on: true });
  assert.deepEqual(await check(office, agent, "tool:spend"), [
    false, ["scope critical", "agent_status critical", "kill_switch critical", "mandate_missing warning"],
  ]);
  await office.put("/v1/tenant/kill-switch", { on: false });
  await office.post(`/v1/agents/${agent}/revoke`, {});
  assert.deepEqual(await check(office, agent, "data:read"), [false, ["agent_status critical"]]);
});

test("an action that spends is warned of when no mandate allows it, and stays allowed", async () => {
  const { office } = await setUp();
  const agent = await register(office, ["*:spend", "payment:execute"]);
  const warned: [boolean, string[]] = [true, ["mandate_missing warning"]];
  for (const action of ["payment:execute", "token:spend", "tool:spend", "delegation:spend"]) assert.deepEqual(await check(office, agent, action), warned, action);
  assert.deepEqual(await check(office, agent, "other:spend"), GOOD);
  const { now } = (await office.get("/v1/test-clock")).json;
  const expires_at = new Date(Date.parse(now) + 60_000).toISOString();
  await newMandate(office, agent, { total_limit: 100, allowed_actions: ["tool:spend"], expires_at });
  assert.deepEqual([await check(office, agent, "tool:spend"), await check(office, agent, "token:spend")], [GOOD, warned]);
  await server.current.advance(60);
  assert.deepEqual(await check(office, agent, "tool:spend"), warned, "it has expired");
  const mandate = await newMandate(office, agent);
  assert.deepEqual(await check(office, agent, "token:spend"), GOOD, "no actions listed are all");
  await office.put(`/v1/mandates/${mandate.id}`, { version: 1, total_limit: 100, status: "suspended" });
  assert.deepEqual(await check(office, agent, "token:spend"), warned);
});

test("a lease is as good as a mandate", async () => {
  const { office, house } = await newCompany(server.current);
  const [parent, child] = [house.agent.agentId, await register(office, ["tool:spend"])];
  await office.post(`/v1/wallets/${house.walletId}/fund`, { amount: 1_000 }, { "idempotency-key": crypto.randomUUID() });
  const mandate = await newMandate(office, parent);
  const lease = await office.post("/v1/spend-guard/budget-leases", { child_agent_id: child, mandate_id: mandate.id, amount: 10 });
  assert.equal(lease.status, 201, lease.text);
  assert.deepEqual(await check(office, child, "tool:spend"), GOOD);
  await office.post(`/v1/spend-guard/budget-leases/${lease.json.id}/revoke`, {});
  assert.deepEqual(await check(office, child, "tool:spend"), [true, ["mandate_missing warning"]]);
});

test("what names no action is refused at its path", async () => {
  const { office, house } = await setUp();
  const agent_id = house.agent.agentId;
  const bad: [object, string][] = [
    [{}, "$.action"], [{ action: "" }, "$.action"], [{ action: 7 }, "$.action"], [{ action: "read" }, "$.resource_id"], [{ action: "data:*" }, "$.action"],
    [{ action: "!data:read" }, "$.action"], [{ action: "a:b:c" }, "$.action"], [{ action: `${"a".repeat(65)}:b` }, "$.action"], [{ action: "x".repeat(257) }, "$.action"],
    [{ action: "read", resource_id: "a b" }, "$.resource_id"], [{ action: "read", resource_id: "*" }, "$.resource_id"], [{ action: "read", resource_id: "" }, "$.resource_id"],
    [{ action: "data:read", agent_id: "x" }, "$.agent_id"], [{ action: "data:read", context: [] }, "$.context"],
  ];
  for (const [body, path] of bad) expectFault(await office.post("/v1/guardrails/check", { agent_id, ...body }), "v1", 400, "INVALID_INPUT", { path });
  assert.equal((await office.post("/v1/guardrails/check", { agent_id, action: `${"a".repeat(64)}:${"b".repeat(64)}` })).status, 200);
  expectFault(await office.post("/v1/guardrails/check", { agent_id: "agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ", action: "data:read" }), "v1", 404, "NOT_FOUND");
});
