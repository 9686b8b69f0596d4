// Sessions of agents: opened, used, renewed, ended (contract identity-and-money 3 and 14).

import assert from "node:assert/strict";
import { test } from "node:test";
import { newCompany, openSession, register, type Company } from "./support/company.ts";
import { expectAlike, expectFault, looksOf } from "./support/fault.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });

let ready: Promise<Company> | undefined;
const setUp = (): Promise<Company> => (ready ??= newCompany(server.current));

const SESSION = /^maip-sess:[0-9a-f]{8}:[0-9a-f]{16}$/;
const renew = (refresh_token: string, headers = {}) => server.client().post("/v1/agent-sessions/refresh", { refresh_token }, headers);

test("a session is opened with all the contract shows, by either path, and its tokens are shown once", async () => {
  const { house, office } = await setUp();
  const agent = await register(office, ["data:*", "!data:delete"]);
  for (const path of ["/v1/agent-sessions", "/v1/sessions"]) {
    const made = await office.post(path, { agentId: agent, ttlMinutes: 5, metadata: { run: "😀" } });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.headers.get("cache-control"), "no-store");
    const { token, refresh_token, session, ...shown } = made.json;
    for (const text of [token, refresh_token]) assert.match(text, new RegExp(`^${house.tenantUuid.replaceAll("-", "")}[0-9a-f]{32}$`));
    assert.notEqual(token, refresh_token);
    assert.deepEqual(session, shown);
    assert.match(shown.session_id, SESSION);
    assert.equal(shown.id, shown.session_id);
    assert.equal(shown.session_id.slice(10, 18), house.tenantUuid.slice(0, 8));
    assert.equal(Date.parse(shown.expires_at) - Date.parse(shown.created_at), 300_000);
    assert.deepEqual([shown.agent_id, shown.status, shown.scopes, shown.metadata, shown.terminated_at, shown.reason], [
      `maip:${house.tenantUuid.slice(0, 8)}:${agent.slice(4)}`, "active", ["data:*", "!data:delete"], { run: "😀" }, null, null,
    ]);
    const listed = await office.get(`/v1/agent-sessions?agent_id=${agent}&limit=1`);
    assert.deepEqual(listed.json.sessions, [session]);
    assert.ok(!listed.text.includes(token) && !listed.text.includes(refresh_token));
  }
  assert.equal((await office.get(`/v1/agents/${agent}`)).json.session_count, 2);
});

test("a session has no more than its agent holds, and every denial its agent is under", async () => {
  const { office } = await setUp();
  const agent = await register(office, ["data:*", "!data:delete"]);
  const narrow = await openSession(office, agent, { scopes: ["data:read"] });
  assert.deepEqual(narrow["scopes"], ["data:read", "!data:delete"]);
  const pairs = await openSession(office, agent, { scope: { actions: ["read", "write"], resources: ["data"] } });
  assert.deepEqual(pairs["scopes"], ["data:read", "data:write", "!data:delete"]);
  for (const scopes of [["mail:read"], ["*:*"], ["*:read"], ["data:read", "mail:read"], ["data:delete"]]) {
    expectFault(await office.post("/v1/agent-sessions", { agent_id: agent, scopes }), "v1", 403, "scope_not_held");
  }
});

test("every field of a new session holds to its limit, and one beyond is refused at its path", async () => {
  const { office } = await setUp();
  const agent_id = await register(office);
  const metadata = (bytes: number) => ({ m: "x".repeat(bytes - 8) });
  const good: [object, number][] = [
    [{ ttl_minutes: 1 }, 60], [{ ttl_minutes: 1_440 }, 86_400], [{ ttl_seconds: 60 }, 60], [{ ttl_seconds: 86_400 }, 86_400], [{}, 3_600],
    [{ ttl_seconds: 90, ttl_minutes: 9 }, 90], [{ metadata: metadata(16_384) }, 3_600], [{ scopes: [] }, 3_600], [{ scopes: null, metadata: null }, 3_600],
  ];
  for (const [body, ttl] of good) {
    const { expires_at, created_at } = await openSession(office, agent_id, body);
    assert.equal(Date.parse(expires_at) - Date.parse(created_at), ttl * 1000, JSON.stringify(body));
  }
  const bad: [object, string][] = [
    [{ agent_id: null }, "$.agent_id"], [{ agent_id: 7 }, "$.agent_id"], [{ agent_id: "agent-1" }, "$.agent_id"], [{ ttl_minutes: 0 }, "$.ttl_minutes"],
    [{ ttl_minutes: 1_441 }, "$.ttl_minutes"], [{ ttl_seconds: 59 }, "$.ttl_seconds"], [{ ttl_seconds: 86_401 }, "$.ttl_seconds"],
    [{ ttl_seconds: 60.5 }, "$.ttl_seconds"], [{ ttl_seconds: "60" }, "$.ttl_seconds"], [{ metadata: metadata(16_385) }, "$.metadata"],
    [{ metadata: { m: "é".repeat(8_189) } }, "$.metadata"], [{ metadata: [] }, "$.metadata"], [{ scopes: "data:read" }, "$.scopes"],
    [{ scopes: Array.from({ length: 129 }, (_, at) => `data:r${at}`) }, "$.scopes"], [{ scope: { actions: ["a:b"], resources: ["data"] } }, "$.scope"],
  ];
  for (const [body, path] of bad) {
    const reply = await office.post("/v1/agent-sessions", { agent_id, ...body });
    expectFault(reply, "v1", 400, "INVALID_INPUT", { path });
  }
  expectFault(await office.post("/v1/agent-sessions", { agent_id, scopes: ["data"] }), "v1", 400, "INVALID_INPUT", { path: "$.scopes[0]" });
});

test("a session reaches its own agent, whose id may be spelled in any way, and nothing else", async () => {
  const { house, office } = await setUp();
  const [own, other] = [await register(office), await register(office)];
  const { client } = await openSession(office, own);
  const maip = `maip:${house.tenantUuid.slice(0, 8)}:${own.slice(4)}`;
  for (const id of [own, encodeURIComponent(maip)]) assert.equal((await client.get(`/v1/agents/${id}`)).status, 200);
  assert.equal((await client.post("/v1/guardrails/check", { agent_id: maip, action: "data:read" })).json.allowed, true);
  const nobody = "agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ";
  for (const ask of [
    (id: string) => client.get(`/v1/agents/${id}`),
    (id: string) => client.post("/v1/guardrails/check", { agent_id: id, action: "data:read" }),
    (id: string) => client.post("/v1/agent-receipts", { agent_id: id, action: "x" }),
  ]) {
    expectAlike([["another", await ask(other)], ["nobody", await ask(nobody)]], "v1", 404, "NOT_FOUND");
  }
  for (const path of ["/v1/agents", "/v1/agent-sessions", `/v1/agents/${own}/keys`, "/v1/wallets", "/v1/mandates", "/v1/payments"]) {
    expectFault(await client.get(path), "v1", 401, "UNAUTHORIZED");
  }
  expectFault(await client.with({ "x-tenant-id": "somebody-else" }).get(`/v1/agents/${own}`), "v1", 403, "FORBIDDEN");
  assert.equal((await client.with({ "x-tenant-id": house.tenantId }).get(`/v1/agents/${own}`)).status, 200);
});

test("a session reads its own agent's receipts, and another's are not there", async () => {
  const { office } = await setUp();
  const [own, other] = [await register(office), await register(office)];
  const { client } = await openSession(office, own);
  const receipt = (await client.post("/v1/agent-receipts", { agent_id: own, action: "x" })).json;
  const theirs = (await office.post("/v1/agent-receipts", { agent_id: other, action: "x" })).json;
  assert.deepEqual((await client.get(`/v1/agent-receipts/${receipt.receipt_id}`)).json, receipt);
  assert.equal((await client.get(`/v1/agent-receipts/verify/${receipt.receipt_id}`)).json.verdict, "VALID");
  assert.deepEqual((await client.get(`/v1/agent-receipts/agent/${own}`)).json.receipts, [receipt]);
  const paths = (id: string, agent: string) => [`/v1/agent-receipts/${id}`, `/v1/agent-receipts/verify/${id}`, `/v1/agent-receipts/agent/${agent}`];
  const nobody = paths("rct_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ");
  for (const [at, path] of paths(theirs.receipt_id, other).entries()) {
    expectAlike([["another's", await client.get(path)], ["nobody's", await client.get(nobody[at]!)]], "v1", 404, "NOT_FOUND");
  }
});

test("an Idempotency-Key is the agent's, whichever of its session's tokens it comes with", async () => {
  const { office } = await setUp();
  const [agent, other] = [await register(office), await register(office)];
  const [first, others] = [await openSession(office, agent), await openSession(office, other)];
  const key = { "idempotency-key": crypto.randomUUID() };
  const issue = (client: typeof first.client, agent_id: string) => client.post("/v1/agent-receipts", { agent_id, action: "x" }, key);
  const made = await issue(first.client, agent);
  const renewed = (await renew(first["refresh_token"])).json;
  const again = await issue(first.client.bearer(renewed.token), agent);
  assert.deepEqual([again.status, again.text, again.headers.get("idempotent-replayed")], [201, made.text, "true"]);
  const theirs = await issue(others.client, other);
  assert.deepEqual([theirs.status, theirs.headers.get("idempotent-replayed")], [201, null], "another agent's key is another key");
});

test("tokens that are not good look alike, and nothing is stored for a tenant that never was", async () => {
  const { office, house } = await setUp();
  const { token, refresh_token, client } = await openSession(office, house.agent.agentId);
  const off = (text: string) => text.slice(0, -1) + (text.endsWith("0") ? "1" : "0");
  const ask = (text: string) => client.bearer(text).get(`/v1/agents/${house.agent.agentId}`);
  const before = await server.current.runtime.objectIds("Tenant");
  const stranger = "0123456789ab4def8123456789abcdef".padEnd(64, "0");
  const texts: [string, string][] = [["off", off(token)], ["refresh", refresh_token], ["stranger", stranger], ["upper", token.toUpperCase()], ["short", token.slice(1)]];
  expectAlike(await Promise.all(texts.map(async ([name, text]) => [name, await ask(text)] as [string, Awaited<ReturnType<typeof ask>>])), "v1", 401, "UNAUTHORIZED");
  const renewals: [string, string][] = [["off", off(refresh_token)], ["access", token], ["stranger", stranger], ["upper", refresh_token.toUpperCase()], ["none", ""]];
  expectAlike(await Promise.all(renewals.map(async ([name, text]) => [name, await renew(text)] as [string, Awaited<ReturnType<typeof renew>>])), "v1", 401, "UNAUTHORIZED");
  for (const refresh_token of [7, null, {}]) {
    expectFault(await server.client().post("/v1/agent-sessions/refresh", { refresh_token }), "v1", 400, "INVALID_INPUT", { path: "$.refresh_token" });
  }
  const asked = (await server.current.runtime.objectIds("Tenant")).filter((id) => !before.includes(id));
  assert.equal(asked.length, 1, "the object that a token names is asked");
  for (const id of asked) assert.deepEqual(await server.current.runtime.objectRows("Tenant", { id }, "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'"), []);
  assert.equal((await ask(token)).status, 200, "guesses end no session");
});

test("a refresh gives a new pair, from now on again, and the old pair is dead at once", async () => {
  const { office, house } = await setUp();
  const first = await openSession(office, house.agent.agentId, { ttl_seconds: 600 });
  await server.current.advance(500);
  const renewed = await renew(first["refresh_token"]);
  assert.equal(renewed.status, 200, renewed.text);
  const { token, refresh_token, session, ...shown } = renewed.json;
  assert.deepEqual([session, shown.session_id, shown.created_at], [shown, first["session_id"], first["created_at"]]);
  assert.ok(Date.parse(shown.expires_at) >= Date.parse(first["expires_at"]) + 500_000);
  assert.ok(![first["token"], first["refresh_token"]].includes(token) && token !== refresh_token);
  const path = `/v1/agents/${house.agent.agentId}`;
  assert.equal((await first.client.get(path)).status, 401);
  await server.current.advance(500);
  assert.equal((await first.client.bearer(token).get(path)).status, 200, "its time was counted anew");
  await server.current.advance(100);
  assert.equal((await first.client.bearer(token).get(path)).status, 401, "expired");
  assert.equal((await renew(refresh_token)).status, 401, "an expired session is not renewed");
  const listed = await office.get("/v1/agent-sessions?status=expired");
  assert.equal(listed.json.sessions.find((one: any) => one.id === first["session_id"]).status, "expired");
});

test("a refresh token that comes a second time ends the session", async () => {
  const { office, house } = await setUp();
  const first = await openSession(office, house.agent.agentId);
  const second = (await renew(first["refresh_token"])).json;
  const path = `/v1/agents/${house.agent.agentId}`;
  assert.equal((await first.client.bearer(second.token).get(path)).status, 200);
  expectFault(await renew(first["refresh_token"]), "v1", 401, "UNAUTHORIZED");
  assert.equal((await first.client.bearer(second.token).get(path)).status, 401);
  assert.equal((await renew(second.refresh_token)).status, 401);
  const [ended] = (await office.get("/v1/agent-sessions?status=terminated&limit=1")).json.sessions;
  assert.deepEqual([ended.id, ended.reason], [first["session_id"], "a refresh token was used twice"]);
});

test("of 64 refreshes at once with one token at most one wins", async () => {
  const { office, house } = await setUp();
  const { refresh_token, session_id } = await openSession(office, house.agent.agentId);
  const replies = await Promise.all(Array.from({ length: 64 }, () => renew(refresh_token)));
  const won = replies.filter((reply) => reply.status === 200);
  assert.ok(won.length <= 1, `${won.length} won`);
  assert.ok(replies.every((reply) => [200, 401].includes(reply.status)));
  for (const reply of won) assert.equal((await renew(reply.json.refresh_token)).status, 401);
  const listed = await office.get("/v1/agent-sessions?status=terminated&limit=200");
  assert.ok(listed.json.sessions.some((one: any) => one.id === session_id));
});

test("an opening and a refresh are repeated to the byte under their Idempotency-Key, and what is stored does not tell the tokens", async () => {
  const { office, house } = await setUp();
  const key = () => ({ "idempotency-key": crypto.randomUUID() });
  const [opening, refreshing] = [key(), key()];
  const open = () => office.post("/v1/agent-sessions", { agent_id: house.agent.agentId }, opening);
  const made = await open();
  assert.equal(made.status, 201, made.text);
  const again = await open();
  assert.deepEqual([again.status, again.text, again.headers.get("idempotent-replayed")], [201, made.text, "true"]);
  const renewed = await renew(made.json.refresh_token, refreshing);
  const repeated = await renew(made.json.refresh_token, refreshing);
  assert.deepEqual([repeated.status, repeated.text, repeated.headers.get("idempotent-replayed")], [200, renewed.text, "true"]);
  assert.equal((await office.bearer(renewed.json.token).with({ "x-api-key": "" }).get(`/v1/agents/${house.agent.agentId}`)).status, 200);
  const ref = { name: house.tenantUuid };
  for (const table of ["agent_session", "agent_session_secret", "idempotency", "audit", "outbox"]) {
    const stored = JSON.stringify(await server.current.runtime.objectRows("Tenant", ref, `SELECT * FROM ${table}`), (_, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value);
    for (const text of [made.json.token, made.json.refresh_token, renewed.json.token, renewed.json.refresh_token]) {
      assert.ok(!stored.includes(text) && !stored.includes(text.slice(32)), table);
    }
  }
});

test("a session is terminated by either path, and a repeat answers the same", async () => {
  const { office, house } = await setUp();
  const path = `/v1/agents/${house.agent.agentId}`;
  const ends: [string, (id: string) => ReturnType<typeof office.get>][] = [
    ["DELETE", (id) => office.delete(`/v1/agent-sessions/${id}`)],
    ["DELETE with a reason", (id) => office.send("DELETE", `/v1/agent-sessions/${id}`, { json: { reason: "over" } })],
    ["POST", (id) => office.post(`/v1/sessions/${id}/terminate`, { reason: "x".repeat(1024) })],
    ["POST without a body", (id) => office.send("POST", `/v1/sessions/${id}/terminate`)],
  ];
  for (const [name, end] of ends) {
    const { session_id, client, refresh_token } = await openSession(office, house.agent.agentId);
    assert.equal((await client.get(path)).status, 200);
    const id = encodeURIComponent(session_id);
    const ended = await end(id);
    assert.deepEqual([ended.status, ended.json], [200, { status: "terminated", session_id }], name);
    assert.deepEqual((await end(id.toUpperCase().replaceAll("%3A", "%3a"))).json, ended.json, name);
    assert.deepEqual([(await client.get(path)).status, (await renew(refresh_token)).status], [401, 401], name);
  }
  expectFault(await office.post("/v1/sessions/maip-sess:00000000:0000000000000000/terminate", { reason: "x".repeat(1025) }), "v1", 400, "INVALID_INPUT", { path: "$.reason" });
  expectFault(await office.delete("/v1/agent-sessions/session-1"), "v1", 400, "INVALID_ID");
  expectFault(await office.delete("/v1/agent-sessions/maip-sess:00000000:0000000000000000"), "v1", 404, "NOT_FOUND");
});

test("a list is read by status, agent and page, newest first", async () => {
  const { office } = await setUp();
  const agent = await register(office);
  const ids: string[] = [];
  for (let at = 0; at < 3; at += 1) ids.unshift((await openSession(office, agent, { ttl_seconds: at === 0 ? 60 : 3_600 }))["session_id"]);
  await office.delete(`/v1/agent-sessions/${ids[0]}`);
  await server.current.advance(60);
  const list = async (query: string) => {
    const { json } = await office.get(`/v1/agent-sessions?agent_id=${agent}&${query}`);
    return [json.sessions.map((one: any) => one.session_id), json.total];
  };
  assert.deepEqual(await list(""), [ids, 3]);
  assert.deepEqual(await list("limit=1&offset=1"), [[ids[1]], 3]);
  assert.deepEqual(await list("status=terminated"), [[ids[0]], 1]);
  assert.deepEqual(await list("status=active"), [[ids[1]], 1]);
  assert.deepEqual(await list("status=expired"), [[ids[2]], 1]);
  for (const [query, path] of [["status=gone", "status"], ["limit=0", "limit"], ["limit=201", "limit"], ["offset=-1", "offset"], ["agent_id=x", "agent_id"]]) {
    expectFault(await office.get(`/v1/agent-sessions?${query}`), "v1", 400, "INVALID_INPUT", { path });
  }
});

test("a suspended agent gets no new session, and a revoked one's are dead", async () => {
  const { office } = await setUp();
  const agent = await register(office);
  const { client, refresh_token, session_id } = await openSession(office, agent);
  await office.post(`/v1/agents/${agent}/suspend`, {});
  expectFault(await office.post("/v1/agent-sessions", { agent_id: agent }), "v1", 403, "agent_not_active");
  expectFault(await renew(refresh_token), "v1", 403, "agent_not_active");
  assert.equal((await client.get(`/v1/agents/${agent}`)).json.status, "suspended");
  await office.patch(`/v1/agents/${agent}`, { status: "active" });
  assert.equal((await renew(refresh_token)).status, 200, "the refused refresh spent nothing");
  const revoked = await office.post(`/v1/agents/${agent}/revoke`, {});
  assert.equal(revoked.json.session_count, 0);
  assert.equal((await client.get(`/v1/agents/${agent}`)).status, 401);
  const [ended] = (await office.get(`/v1/agent-sessions?agent_id=${agent}`)).json.sessions;
  assert.deepEqual([ended.session_id, ended.status, ended.reason], [session_id, "terminated", "the agent is revoked"]);
  expectFault(await office.post("/v1/agent-sessions", { agent_id: agent }), "v1", 403, "agent_not_active");
});

test("an agent whose time is over has no session, whether or not anybody has ended it yet", async () => {
  const { office } = await setUp();
  const { now } = (await office.get("/v1/test-clock")).json;
  const made = await office.post("/v1/agents", { name: "brief", expires_at: new Date(Date.parse(now) + 60_000).toISOString() });
  const { client, refresh_token } = await openSession(office, made.json.agt_id);
  await server.current.advance(61);
  assert.equal((await client.get(`/v1/agents/${made.json.agt_id}`)).status, 401);
  assert.equal((await renew(refresh_token)).status, 401);
});

test("another tenant's sessions and agents are not there", async () => {
  const [mine, theirs] = await Promise.all([setUp(), newCompany(server.current)]);
  const { session_id, agent_id } = await openSession(theirs.office, theirs.house.agent.agentId);
  const nobody = "maip-sess:01234567:0123456789abcdef";
  const end = (id: string) => mine.office.delete(`/v1/agent-sessions/${encodeURIComponent(id)}`);
  assert.deepEqual(looksOf(await end(session_id)), looksOf(await end(nobody)));
  expectFault(await end(session_id), "v1", 404, "NOT_FOUND");
  for (const agent of [agent_id, theirs.house.agent.agentId, "agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ"]) {
    expectFault(await mine.office.post("/v1/agent-sessions", { agent_id: agent }), "v1", 404, "NOT_FOUND");
  }
  assert.equal((await theirs.office.get("/v1/agent-sessions")).json.sessions[0].status, "active");
});

test("sessions long over are purged", async () => {
  const company = await newCompany(server.current);
  const { office, house } = company;
  await openSession(office, house.agent.agentId, { ttl_seconds: 60 });
  const count = async () =>
    (await server.current.runtime.objectRows("Tenant", { name: house.tenantUuid }, "SELECT (SELECT count(*) FROM agent_session) + (SELECT count(*) FROM agent_session_secret) AS n"))[0]?.["n"];
  assert.equal(await count(), 3);
  await server.current.advance(30 * 86_400 + 7_200);
  for (let tries = 0; tries < 50 && (await count()) !== 0; tries += 1) {
    await office.post("/v1/agents", { name: "wakes it" });
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.equal(await count(), 0);
});
