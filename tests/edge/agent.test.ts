// Agents as identities: registered, shown, changed, suspended, revoked, expired (contract identity-and-money 2, 14).

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "./support/client.ts";
import { newHousehold, newOperator, type Household } from "./support/household.ts";
import { useServer } from "./support/server.ts";
import { booksOf, newMandate, newToken, officeOf } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });

type Agent = Record<string, any>;

async function register(office: Client, body: object = {}): Promise<Agent> {
  const made = await office.post("/v1/agents", { display_name: "Support Bot", ...body });
  assert.equal(made.status, 201, made.text);
  return made.json;
}

let ready: Promise<{ house: Household; office: Client }> | undefined;
/** A household with room for every agent of these tests. */
const setUp = (): Promise<{ house: Household; office: Client }> => (ready ??= makeWorld());

async function makeWorld(): Promise<{ house: Household; office: Client }> {
  const [house, operator] = await Promise.all([newHousehold(server.current), newOperator(server.current)]);
  const plan = await operator.client.patch("/v1/tenant", { plan: "enterprise" }, { "x-tenant-id": house.tenantId });
  assert.equal(plan.status, 200, plan.text);
  return { house, office: officeOf(house) };
}

test("an agent is registered with all the contract shows, and nulls where there is nothing", async () => {
  const { house, office } = await setUp();
  const made = await office.post("/v1/agents", {
    displayName: "  Support Bot 😀 ", agentType: "llm", description: "answers", scopes: ["data:read", "!data:delete"], metadata: { tier: 1 },
    publicKey: "ignored", expiresAt: "2099-01-01T00:00:00+01:00",
  });
  assert.equal(made.status, 201, made.text);
  const agent: Agent = made.json;
  const ulid = agent["agt_id"].slice(4);
  assert.match(agent["agt_id"], /^agt_[0-9A-Z]{26}$/);
  assert.equal(agent["agent_id"], `maip:${house.tenantUuid.slice(0, 8)}:${ulid}`);
  assert.match(agent["id"], /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  assert.match(agent["public_key"], /^[A-Za-z0-9_-]{43}$/);
  assert.match(agent["key_id"], /^key_/);
  assert.equal(made.headers.get("location"), `/v1/agents/${agent["agt_id"]}`);
  const { id, agent_id, agt_id, public_key, key_id, created_at, updated_at, ...rest } = agent;
  assert.equal(created_at, updated_at);
  assert.deepEqual(rest, {
    ext_id: null, tenant_id: house.tenantUuid, agent_type: "llm", display_name: "Support Bot 😀", name: "Support Bot 😀", description: "answers",
    trust_level: "authenticated", trust_score: 0.5, status: "active", status_reason: null,
    keys: [{ kid: key_id, algorithm: "Ed25519", public_key, status: "active" }], scopes: ["data:read", "!data:delete"], metadata: { tier: 1 },
    session_count: 0, delegation_depth: 0, parent_agent_id: null, created_by_user_id: null, wallet_address: null, expires_at: "2098-12-31T23:00:00.000Z",
    compromised_at: null, suspended_at: null, revoked_at: null,
  });
  for (const spelling of [id, agent_id, agt_id, ulid, ulid.toLowerCase(), `ext_${ulid}`, `maip-agent:${ulid}`]) {
    const shown = await office.get(`/v1/agents/${encodeURIComponent(spelling)}`);
    assert.deepEqual([shown.status, shown.json], [200, agent], spelling);
  }
  const foreign = await office.get(`/v1/agents/maip%3A00000000%3A${ulid}`);
  assert.deepEqual([foreign.status, foreign.json.code], [404, "NOT_FOUND"]);
  const unknown = await office.get("/v1/agents/agent-1");
  assert.deepEqual([unknown.status, unknown.json.code], [400, "INVALID_ID"]);
});

test("a human who registers an agent stands in it, and a bare name is enough", async () => {
  const { house } = await setUp();
  const made = await house.owner.client.post("/v1/agents", { name: "a" }, { "x-tenant-id": house.tenantId });
  assert.equal(made.status, 201, made.text);
  assert.match(made.json.created_by_user_id, /^[0-9a-f-]{36}$/);
  assert.deepEqual([made.json.agent_type, made.json.description, made.json.scopes, made.json.metadata], ["worker", null, [], {}]);
});

test("every field holds to its limit, and one beyond is refused at its path", async () => {
  const { office } = await setUp();
  const many = (count: number) => Array.from({ length: count }, (_, at) => `r${at}:a`);
  const metadata = (bytes: number) => ({ m: "x".repeat(bytes - 8) });
  const good: object[] = [
    { display_name: "😀".repeat(256) }, { description: "ß".repeat(2048) }, { description: "" }, { scopes: many(128) }, { scopes: [`${"a".repeat(64)}:*`] },
    { metadata: metadata(16_384) }, { scopes: null, metadata: null, agent_type: null, expires_at: null, description: null },
    { scope: { actions: ["read", "write"], resources: ["data", "!mail"] } },
  ];
  for (const body of good) await register(office, body);
  const paired = await register(office, { scope: { actions: ["read", "*"], resources: ["data", "!mail"] } });
  assert.deepEqual(paired["scopes"], ["data:read", "data:*", "!mail:read", "!mail:*"]);
  const bad: [object, string][] = [
    [{ display_name: undefined }, "$.display_name"],
    [{ display_name: null }, "$.display_name"],
    [{ display_name: " \u3000 " }, "$.display_name"],
    [{ display_name: "😀".repeat(257) }, "$.display_name"],
    [{ display_name: "a\u0007" }, "$.display_name"],
    [{ display_name: 7 }, "$.display_name"],
    [{ display_name: undefined, name: "" }, "$.name"],
    [{ agent_type: "robot" }, "$.agent_type"],
    [{ description: "ß".repeat(2049) }, "$.description"],
    [{ scopes: many(129) }, "$.scopes"],
    [{ scopes: ["a:b", "a:b"] }, "$.scopes"],
    [{ scopes: ["a:b", "data"] }, "$.scopes[1]"],
    [{ scopes: [`${"a".repeat(65)}:b`] }, "$.scopes[0]"],
    [{ scopes: "a:b" }, "$.scopes"],
    [{ scope: { actions: ["a:b"], resources: ["c"] } }, "$.scope"],
    [{ scope: { actions: many(129), resources: ["c"] } }, "$.scope"],
    [{ scope: { actions: [], resources: ["c", "c"] } }, "$.scope"],
    [{ scope: { actions: [], resources: ["c:d"] } }, "$.scope"],
    [{ scope: { actions: ["!a"], resources: [] } }, "$.scope"],
    [{ scopes: ["a:b"], scope: { actions: ["!a"], resources: ["c"] } }, "$.scope"],
    [{ scope: { actions: ["a"] } }, "$.scope.resources"],
    [{ metadata: metadata(16_385) }, "$.metadata"],
    [{ metadata: [] }, "$.metadata"],
    [{ expires_at: "2020-01-01T00:00:00Z" }, "$.expires_at"],
    [{ expires_at: "2099-01-01" }, "$.expires_at"],
  ];
  for (const [body, path] of bad) {
    const refused = await office.post("/v1/agents", { display_name: "x", ...body });
    assert.deepEqual([refused.status, refused.json.code, refused.json.details?.path], [400, "INVALID_INPUT", path], JSON.stringify(body).slice(0, 80));
  }
});

test("a list is paged by number, counts exactly, and is filtered", async () => {
  const house = await newHousehold(server.current);
  const office = officeOf(house);
  const made = [await register(office, { agent_type: "bot" }), await register(office), await register(office, { agent_type: "bot" })];
  assert.equal((await office.post(`/v1/agents/${made[2]?.["id"]}/suspend`)).status, 200);
  const list = async (query: string) => {
    const reply = await office.get(`/v1/agents${query}`);
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(reply.json.items, reply.json.agents);
    return [reply.json.agents.map((agent: Agent) => agent["agt_id"]), reply.json.total, reply.json.limit, reply.json.offset];
  };
  const [first, second, third] = made.map((agent) => agent["agt_id"]);
  const own = house.agent.agentId;
  assert.deepEqual(await list(""), [[third, second, first, own], 4, 50, 0]);
  assert.deepEqual(await list("?limit=2&offset=1"), [[second, first], 4, 2, 1]);
  assert.deepEqual(await list("?offset=4"), [[], 4, 50, 4]);
  assert.deepEqual(await list("?agent_type=bot"), [[third, first], 2, 50, 0]);
  assert.deepEqual(await list("?agent_type=bot&status=active&trust_level=authenticated"), [[first], 1, 50, 0]);
  assert.deepEqual(await list("?trust_level=anonymous&limit=200"), [[], 0, 200, 0]);
  for (const query of ["limit=0", "limit=201", "limit=x", "offset=-1", "offset=1.0", "status=gone", "agent_type=robot", "trust_level=high"]) {
    const refused = await office.get(`/v1/agents?${query}`);
    assert.deepEqual([refused.status, refused.json.details.path], [400, query.split("=")[0]], query);
  }
});

test("a change touches what it names, and scopes stay", async () => {
  const { office } = await setUp();
  const before = await register(office, { scopes: ["a:b"], metadata: { a: 1, b: 2 }, description: "old" });
  const path = `/v1/agents/${before["agt_id"]}`;
  const changed = await office.patch(path, { displayName: "Other", metadata: { c: 3 } });
  assert.equal(changed.status, 200, changed.text);
  const after = { ...before, display_name: "Other", name: "Other", metadata: { c: 3 }, updated_at: changed.json.updated_at };
  assert.deepEqual(changed.json, after);
  assert.deepEqual((await office.get(path)).json, after);
  for (const [body, at] of [[{}, "$"], [{ scopes: [] }, "$.scopes"], [{ scope: {}, name: "x" }, "$.scope"], [{ status: "revoked" }, "$.status"], [{ name: " " }, "$.name"]] as const) {
    const refused = await office.patch(path, body);
    assert.deepEqual([refused.status, refused.json.details.path], [400, at], JSON.stringify(body));
  }
  const suspended = await office.patch(path, { status: "suspended" });
  assert.deepEqual([suspended.json.status, suspended.json.suspended_at], ["suspended", suspended.json.updated_at]);
  const active = await office.patch(path, { status: "active" });
  assert.deepEqual([active.json.status, active.json.suspended_at, active.json.status_reason], ["active", null, null]);
});

test("an agent is suspended and revoked once, and revoked is final", async () => {
  const { office } = await setUp();
  const agent = await register(office);
  const path = `/v1/agents/${encodeURIComponent(agent["agent_id"])}`;
  const suspended = await office.post(`${path}/suspend`, { reason: "odd" });
  assert.deepEqual([suspended.status, suspended.json.status, suspended.json.status_reason], [200, "suspended", "odd"]);
  assert.equal((await office.post(`${path}/suspend`)).text, suspended.text, "a repeat is the same, with or without a body");
  const long = await office.post(`${path}/revoke`, { reason: "ß".repeat(1025) });
  assert.deepEqual([long.status, long.json.details.path], [400, "$.reason"]);
  const revoked = await office.post(`${path}/revoke`, { reason: "ß".repeat(1024) });
  assert.deepEqual([revoked.status, revoked.json.status, revoked.json.revoked_at], [200, "revoked", revoked.json.updated_at]);
  assert.equal((await office.post(`${path}/revoke`, {})).text, revoked.text);
  const { id, agent_id, agt_id, status, revoked_at } = revoked.json;
  const deleted = await office.delete(path);
  assert.deepEqual([deleted.status, deleted.json], [200, { id, agent_id, agt_id, status, revoked_at }]);
  for (const late of [office.post(`${path}/suspend`), office.patch(path, { name: "x" }), office.patch(path, { status: "active" }), office.post(`${path}/keys/rotate`)]) {
    const refused = await late;
    assert.deepEqual([refused.status, refused.json.code], [409, "CONFLICT"], refused.text);
  }
  assert.deepEqual((await office.get(path)).json, revoked.json);
});

test("of a crowd exactly as many agents are registered as the plan allows, and a revoked one makes room", async () => {
  const house = await newHousehold(server.current);
  const office = officeOf(house);
  const crowd = await Promise.all(Array.from({ length: 64 }, (_, at) => office.post("/v1/agents", { display_name: `agent ${at}` })));
  const made = crowd.filter((reply) => reply.status === 201);
  assert.equal(made.length, 4, "the household's first agent is the fifth");
  for (const refused of crowd.filter((reply) => reply.status !== 201)) {
    assert.deepEqual([refused.status, refused.json.code], [402, "PLAN_LIMIT_EXCEEDED"], refused.text);
    const { limit, current, plan, upgrade_url } = refused.json.details;
    assert.deepEqual([limit, current, plan, typeof upgrade_url], [5, 5, "free", "string"]);
  }
  assert.equal((await office.get("/v1/agents?status=active")).json.total, 5);
  const again = () => office.post("/v1/agents", { display_name: "next" });
  assert.equal((await office.post(`/v1/agents/${made[0]?.json.id}/suspend`)).status, 200);
  assert.equal((await again()).status, 402, "a suspended agent counts");
  assert.equal((await office.delete(`/v1/agents/${made[0]?.json.id}`)).status, 200);
  assert.deepEqual((await Promise.all([again(), again()])).map((reply) => reply.status).sort(), [201, 402]);
});

test("a registration under an idempotency key is made once", async () => {
  const { office } = await setUp();
  const once = { "idempotency-key": crypto.randomUUID() };
  const ask = (name: string) => office.post("/v1/agents", { display_name: name }, once);
  const [first, second] = [await ask("Once"), await ask("Once")];
  assert.deepEqual([second.status, second.text, second.headers.get("idempotent-replayed")], [201, first.text, "true"]);
  assert.deepEqual([(await ask("Twice")).status], [422]);
});

test("a token reads its own agent and no other", async () => {
  const { office } = await setUp();
  const [own, other] = [await register(office), await register(office)];
  const mandate = await newMandate(office, own["agt_id"]);
  const agent = server.client().bearer(await newToken(office, own["agt_id"], { mandate_id: mandate.id }));
  assert.deepEqual((await agent.get(`/v1/agents/${own["id"]}`)).json, own);
  const foreign = await agent.get(`/v1/agents/${other["id"]}`);
  assert.deepEqual([foreign.status, foreign.json.code], [404, "NOT_FOUND"]);
  assert.equal((await agent.get("/v1/agents")).status, 403);
  assert.equal((await agent.patch(`/v1/agents/${own["id"]}`, { name: "x" })).status, 403);
});

test("an agent's end is the end of its keys, tokens and money", async () => {
  const { house, office } = await setUp();
  await office.post(`/v1/wallets/${house.walletId}/fund`, { amount: 10_000 }, { "idempotency-key": crypto.randomUUID() });
  const ends: [string, object, (id: string) => Promise<unknown>][] = [
    ["revoked", {}, (id) => office.post(`/v1/agents/${id}/revoke`)],
    ["expired", { expires_at: new Date(Date.parse((await office.get("/v1/test-clock")).json.now) + 400_000).toISOString() }, () => server.current.advance(401)],
  ];
  for (const [how, body, end] of ends) {
    const id = (await register(office, body))["agt_id"];
    const mandate = await newMandate(office, id);
    const token = server.client().bearer(await newToken(office, id, { mandate_id: mandate.id, ttl_seconds: 900 }));
    const key = (await house.owner.client.post(`/v2/tenants/${house.tenantId}/agent-keys`, { agent_id: id })).json.agent_key;
    const runtime = server.client().with({ "x-tenant-id": house.tenantId, "x-tenant-token": key });
    const held = await office.post("/v1/spend-guard/reservations", { kind: "tool", amount: 10, agent_id: id, mandate_id: mandate.id, ttl_seconds: 86_400 });
    assert.equal(held.status, 201, held.text);
    assert.equal((await runtime.post("/v2/prime-context", { task_description: "x" })).status, 200);
    await end(id);
    assert.equal((await token.get(`/v1/agents/${id}`)).status, 401, how);
    assert.equal((await runtime.post("/v2/prime-context", { task_description: "x" })).status, 401, how);
    assert.equal((await office.get(`/v1/mandates/${mandate.id}`)).json.status, "revoked", how);
    assert.equal((await office.get(`/v1/spend-guard/reservations/${held.json.id}`)).json.status, "released", how);
    const { status, status_reason, revoked_at, expires_at } = (await office.get(`/v1/agents/${id}`)).json;
    assert.deepEqual([status, status_reason], ["revoked", how === "expired" ? "expired" : null]);
    if (how === "expired") assert.equal(revoked_at, expires_at);
    assert.equal((await office.post("/v1/mandates", { agent_id: id, total_limit: 1 })).json.code, "agent_inactive");
  }
  await booksOf(office);
});

test("what happens to an agent is told as the agent is shown", async () => {
  const house = await newHousehold(server.current);
  const office = officeOf(house);
  const told: [string, Agent][] = [["agent.registered", await register(office)]];
  const path = `/v1/agents/${told[0]?.[1]["id"]}`;
  const note = async (event: string, asked: Promise<unknown>) => {
    await asked;
    told.push([event, (await office.get(path)).json]);
  };
  await note("agent.suspended", office.post(`${path}/suspend`, { reason: "odd" }));
  await note("agent.activated", office.patch(path, { status: "active" }));
  await note("agent.key_rotated", office.post(`${path}/keys/rotate`, {}));
  await note("agent.revoked", office.delete(path));
  const events = await office.get("/v1/events?limit=100");
  assert.equal(events.status, 200, events.text);
  const ours = events.json.data.filter((event: any) => event.data.id === told[0]?.[1]["id"]);
  assert.deepEqual(ours.map((event: any) => [event.type, event.data]), told);
  assert.equal((await office.get("/v1/audit/verify")).json.valid, true);
});

test("why an action is allowed or not is told by the entry that decides", async () => {
  const { office } = await setUp();
  const agent = await register(office, { scopes: ["data:*", "!data:delete", "*:list"] });
  const explain = async (action: string) => (await office.get(`/v1/agents/${agent["id"]}/scopes/explain?action=${encodeURIComponent(action)}`)).json;
  for (const [action, allowed, rule, source] of [
    ["data:read", true, "data:*", "own"],
    ["data:delete", false, "!data:delete", "own"],
    ["mail:list", true, "*:list", "own"],
    ["mail:read", false, null, "default"],
  ] as const) {
    const { reason, ...told } = await explain(action);
    assert.deepEqual(told, { action, allowed, rule, source });
    assert.equal(typeof reason, "string");
  }
  for (const action of ["", "data", "data:*", "!data:read", "a:b:c"]) {
    const refused = await explain(action);
    assert.deepEqual([refused.http_status, refused.details.path], [400, "action"], action);
  }
  assert.equal((await office.get(`/v1/agents/${agent["id"]}/scopes/explain`)).status, 400);
});
