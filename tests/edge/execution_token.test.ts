// Execution tokens: what they say, who is given one, and every token that is not good where it is shown.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLocalJWKSet, jwtVerify } from "jose";
import type { Client, Reply } from "./support/client.ts";
import { expectAlike, expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";
import { ACTIONS, Company, expectRefused, newMandate, newToken } from "./support/spender.ts";
import { claimsOf, Forger, withClaims } from "./support/token.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const RESERVE = "/v1/spend-guard/reservations";
const SPEND = { kind: "tool", amount: 1 };
const TOOLS = { action: "tool:spend", ...ACTIONS };

function holder(token: string): Client {
  return server.client().bearer(token);
}

test("jose verifies a token from our key set, and it says what was asked for", async () => {
  const company = await Company.open(server.current);
  const [child] = await company.agents(1);
  const lease = await company.lease(child!, 10);
  const keys = createLocalJWKSet((await server.client().get("/.well-known/jwks.json")).json);
  for (const [agentId, terms] of [
    [company.agentId, { action: "payment:execute", audience: "spendguard-payments", ttl_seconds: 30 }],
    [company.agentId, { action: "payment:execute", audience: "spendguard-actions", ttl_seconds: 900 }],
    [child!, { action: "tool:spend", audience: "spendguard-actions", lease_id: lease["id"] }],
  ] as [string, { action: string; audience: string; ttl_seconds?: number; lease_id?: string }][]) {
    const made = await company.office.post(`/v1/agents/${agentId}/execution-tokens`, { mandate_id: company.mandate.id, ...terms });
    assert.equal(made.status, 201, made.text);
    const { executionToken, execution_token, token_type, jti, expires_at, ...rest } = made.json;
    assert.deepEqual([executionToken, token_type, made.headers.get("cache-control")], [execution_token, "Bearer", "no-store"]);
    assert.deepEqual(rest, { agent_id: agentId, mandate_id: company.mandate.id, action: terms.action, audience: terms.audience });
    const { payload, protectedHeader } = await jwtVerify(execution_token, keys, { issuer: server.current.url, audience: terms.audience, algorithms: ["EdDSA"] });
    assert.equal(protectedHeader.alg, "EdDSA");
    const { iat, exp, ...claims } = payload;
    assert.equal(exp! - iat!, terms.ttl_seconds ?? 300);
    assert.equal(Date.parse(expires_at), exp! * 1_000);
    const expected = { iss: server.current.url, sub: agentId, aud: terms.audience, tenant: company.house.tenantUuid, mandate_id: company.mandate.id, action: terms.action, jti };
    assert.deepEqual(claims, terms.lease_id === undefined ? expected : { ...expected, lease_id: terms.lease_id });
  }
});

test("a token is given only for what the agent may do", async () => {
  const company = await Company.open(server.current, { total_limit: 100, allowed_actions: ["tool:spend"] });
  const [child] = await company.agents(1);
  const lease = await company.lease(child!, 10).catch(() => undefined);
  assert.equal(lease, undefined, "a mandate without delegation lends nothing");
  const ask = (agentId: string, terms: object): Promise<Reply> =>
    company.office.post(`/v1/agents/${agentId}/execution-tokens`, { mandate_id: company.mandate.id, ...TOOLS, ...terms });
  for (const action of ["payment:execute", "token:spend", "delegation:spend"]) expectRefused(await ask(company.agentId, { action }), 403, "action_not_allowed");
  expectFault(await ask(company.agentId, { audience: "spendguard-payments" }), "v1", 400, "INVALID_INPUT", { path: "$.audience" });
  expectFault(await ask(child!, {}), "v1", 404, "NOT_FOUND");
  const wide = await newMandate(company.office, company.agentId);
  const lent = await company.lease(child!, 10, { mandate_id: wide.id, allowed_actions: ["tool:spend"] });
  const under = { mandate_id: wide.id, lease_id: lent["id"] };
  assert.equal((await ask(child!, under)).status, 201);
  expectRefused(await ask(child!, { ...under, action: "token:spend" }), 403, "action_not_allowed");
  for (const [agentId, terms] of [[company.agentId, under], [child!, { lease_id: lent["id"] }], [child!, { mandate_id: wide.id }]] as const) {
    expectFault(await ask(agentId, terms), "v1", 404, "NOT_FOUND");
  }
  assert.equal((await company.change({ status: "suspended", allowed_actions: ["tool:spend"] })).status, 200);
  expectRefused(await ask(company.agentId, {}), 403, "mandate_not_active");
  await company.setAgentStatus("suspended");
  expectRefused(await ask(company.agentId, {}), 403, "agent_not_active");
});

test("what is no token of ours is refused like any credential that is not good", async () => {
  const company = await Company.open(server.current);
  const forger = await Forger.of(server.current);
  const own = { sub: company.agentId, tenant: company.house.tenantUuid, mandate_id: company.mandate.id, action: "tool:spend", jti: "01J8ZZZZZZZZZZZZZZZZZZZZZZ" };
  assert.equal((await holder(forger.execution(own)).post(RESERVE, SPEND)).status, 201, "the forger writes as the house does");
  const good = await newToken(company.office, company.agentId, { mandate_id: company.mandate.id, ...TOOLS });
  const stranger = await Company.open(server.current);
  const now = Math.floor(Date.now() / 1_000);
  const without = (name: string): object => ({ claims: { [name]: undefined } });
  const tokens: Record<string, string> = {
    "another key's": forger.execution(own, { seed: "12".repeat(32) }),
    unsigned: forger.execution(own, { header: { alg: "none" } }),
    "signed with our public key": forger.execution(own, { header: { alg: "HS256" } }),
    "of an unknown key": forger.execution(own, { header: { kid: "unknown" } }),
    "of no key": forger.execution(own, { header: { kid: undefined } }),
    "ES256 by name": forger.execution(own, { header: { alg: "ES256" } }),
    changed: withClaims(good, { action: "payment:execute" }),
    "for longer": withClaims(good, { exp: now + 86_400 }),
    "of another house": forger.execution(own, { claims: { iss: "https://evil.example" } }),
    "for another audience": forger.execution(own, { claims: { aud: "spendguard" } }),
    "for two audiences": forger.execution(own, { claims: { aud: ["spendguard-actions", "guildhall:api"] } }),
    "for a human": forger.execution(own, { claims: { aud: "guildhall:api" } }),
    over: forger.execution(own, { claims: { iat: now - 400, exp: now - 100 } }),
    "without an end": forger.execution(own, without("exp")),
    "without an id": forger.execution(own, without("jti")),
    "of no agent": forger.execution(own, without("sub")),
    "of no mandate": forger.execution(own, without("mandate_id")),
    "for no action": forger.execution(own, without("action")),
    "for an action nobody has": forger.execution({ ...own, action: "tool:*" }),
    "of an agent nobody has": forger.execution({ ...own, sub: "agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ" }),
    "of a mandate nobody has": forger.execution({ ...own, mandate_id: "mdt_01J8ZZZZZZZZZZZZZZZZZZZZZZ" }),
    "of a lease nobody has": forger.execution({ ...own, lease_id: "lse_01J8ZZZZZZZZZZZZZZZZZZZZZZ" }),
    "of another tenant's mandate": forger.execution({ ...own, mandate_id: stranger.mandate.id }),
    "of another tenant": forger.execution({ ...own, tenant: stranger.house.tenantUuid }),
    "of a tenant nobody has": forger.execution({ ...own, tenant: crypto.randomUUID() }),
    "cut short": good.slice(0, -2),
    "without its signature": good.split(".").slice(0, 2).join("."),
    "twice dotted": `${good}.x`,
  };
  const replies = await Promise.all(Object.entries(tokens).map(async ([name, token]) => [name, await holder(token).post(RESERVE, SPEND)] as [string, Reply]));
  const inKeyHeader = await server.client().with({ "x-api-key": good }).post(RESERVE, SPEND);
  expectAlike([...replies, ["in the place of a key", inKeyHeader]], "v1", 401, "UNAUTHORIZED");
  assert.deepEqual(await company.used(), [0, 1], "the forger's own reservation, and no other");
});

test("a token ends with its time, its agent, its mandate and its lease", async () => {
  const company = await Company.open(server.current);
  const [child] = await company.agents(1);
  const lease = await company.lease(child!, 10);
  const tools = await company.bearer({ ...TOOLS, ttl_seconds: 30 });
  const lent = await company.bearer({ ...TOOLS, lease_id: lease["id"] }, child!);
  assert.deepEqual([(await tools.post(RESERVE, SPEND)).status, (await lent.post(RESERVE, SPEND)).status], [201, 201]);
  await server.current.advance(45);
  assert.equal((await tools.post(RESERVE, SPEND)).status, 201, "clocks may differ by 30 s");
  await server.current.advance(16);
  expectFault(await tools.post(RESERVE, SPEND), "v1", 401, "UNAUTHORIZED");
  assert.equal((await lent.post(RESERVE, SPEND)).status, 201);
  assert.equal((await company.office.post(`/v1/spend-guard/budget-leases/${lease["id"]}/revoke`)).status, 200);
  expectFault(await lent.post(RESERVE, SPEND), "v1", 401, "UNAUTHORIZED");
  const again = await company.bearer(TOOLS);
  await company.setAgentStatus("suspended");
  expectRefused(await again.post(RESERVE, SPEND), 403, "agent_not_active");
  await company.setAgentStatus("revoked");
  expectFault(await again.post(RESERVE, SPEND), "v1", 401, "UNAUTHORIZED");
});

test("a token is for one agent, mandate, action, audience and lease, and manages nothing", async () => {
  const company = await Company.open(server.current);
  const { agentId, office, mandate } = company;
  const [child] = await company.agents(1);
  const [other, lease] = [await newMandate(office, agentId), await company.lease(child!, 10)];
  const [tools, payer, actions] = [await company.bearer(TOOLS), await company.bearer(), await company.bearer({ ...TOOLS, action: "payment:execute" })];
  const mismatch = async (reply: Promise<Reply>): Promise<void> => expectFault(await reply, "v1", 403, "token_scope_mismatch");
  for (const spend of [{ kind: "token" }, { kind: "payment", merchant: "x" }, { kind: "delegated" }, { mandate_id: other.id }, { agent_id: child }, { lease_id: lease["id"] }]) {
    for (const path of [RESERVE, "/v1/spend-guard/authorize"]) await mismatch(tools.post(path, { ...SPEND, ...spend }));
  }
  await mismatch(tools.post("/v1/spend-guard/estimate", { kind: "token", amount: 1 }));
  await mismatch(tools.post("/v1/spend-guard/reservations/batch", { items: [SPEND, { kind: "token", amount: 1 }] }));
  await mismatch(tools.post("/v1/spend-guard/budget-leases", { child_agent_id: child, mandate_id: mandate.id, amount: 1 }));
  for (const path of [RESERVE, "/v1/spend-guard/authorize", "/v1/spend-guard/estimate"]) await mismatch(payer.post(path, { kind: "payment", amount: 1, merchant: "x" }));
  const payment = { amount: 1, currency: "usd", merchant: "x", idempotency_key: crypto.randomUUID() };
  for (const token of [tools, actions]) await mismatch(token.post("/v1/payments", payment));
  await mismatch(payer.post("/v1/payments", { ...payment, mandate_id: other.id }));
  assert.equal((await payer.post("/v1/payments", { ...payment, mandate_id: mandate.id })).status, 201, "a mismatch used nothing up");
  const paths = ["/v1/wallets", "/v1/mandates", `/v1/mandates/${mandate.id}`, "/v1/payments", RESERVE, "/v1/approvals", "/v1/tenant/go-no-go", "/v1/ledger/reconciliation", "/v1/spend-guard/usage/summary"];
  for (const path of paths) expectFault(await tools.get(path), "v1", 403, "FORBIDDEN");
  expectFault(await tools.put("/v1/tenant/kill-switch", { on: true }), "v1", 403, "FORBIDDEN");
  expectFault(await payer.post(`/v1/agents/${agentId}/execution-tokens`, { mandate_id: mandate.id, ...TOOLS }), "v1", 403, "FORBIDDEN");
  assert.equal((await tools.post(RESERVE, { ...SPEND, agentId, mandateId: mandate.id })).status, 201, "it may say what it is");
});

test("a token reaches what was held under it and nothing else", async () => {
  const company = await Company.open(server.current);
  const { agentId, office, mandate } = company;
  const [other] = [await newMandate(office, agentId)];
  const [child] = await company.agents(1);
  const lease = await company.lease(child!, 10);
  const tools = await company.bearer(TOOLS);
  const [mine, tokens, elsewhere, lent] = [
    await company.hold(1), await company.hold(1, { kind: "token" }), await company.hold(1, { mandate_id: other.id }), await company.hold(1, { agent_id: child, lease_id: lease["id"] }),
  ];
  for (const { id } of [tokens, elsewhere, lent] as { id: string }[]) {
    for (const what of ["capture", "release"]) expectFault(await tools.post(`${RESERVE}/${id}/${what}`, {}), "v1", 404, "NOT_FOUND");
  }
  assert.equal((await tools.post(`${RESERVE}/${mine["id"]}/capture`, {})).status, 200);
  const paid = await company.pay(1);
  const childs = await company.bearer({ ...TOOLS, lease_id: lease["id"] }, child!);
  expectFault(await childs.get(`/v1/payments/${paid.json.id}`), "v1", 404, "NOT_FOUND");
  assert.deepEqual((await tools.get(`/v1/payments/${paid.json.id}`)).json, paid.json);
  assert.equal(claimsOf(tools.headers["authorization"]!.slice(7))["mandate_id"], mandate.id);
});

test("a token's requests are its agent's 300 a minute, apart from what management may ask", async () => {
  const company = await Company.open(server.current);
  const tools = await company.bearer(TOOLS);
  const asked = await tools.post("/v1/spend-guard/estimate", SPEND);
  assert.deepEqual([asked.status, asked.headers.get("x-ratelimit-limit")], [200, "300000"], "at this server's scale");
  const before = Number((await company.office.get("/v1/wallets")).headers.get("x-ratelimit-remaining"));
  await Promise.all(Array.from({ length: 5 }, () => tools.post("/v1/spend-guard/estimate", SPEND)));
  const after = Number((await company.office.get("/v1/wallets")).headers.get("x-ratelimit-remaining"));
  assert.equal(before - after, 1, "only management's own");
});
