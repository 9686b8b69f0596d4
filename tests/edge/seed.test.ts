// The published quickstart for agents, its calls as they stand on the page, run by curl. Only the host and the values
// that the page leaves open are put in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newSlug, newWallet, signIn, signUp } from "./support/agent.ts";
import { runCurl, type Answer } from "./support/curl.ts";
import { newPerson } from "./support/person.ts";
import { useServer } from "./support/server.ts";

const server = useServer();

/** "Signup, then query with the returned agent key". */
const CHALLENGE = String.raw`curl -sS /v2/billing/agent/challenge \
-H 'content-type: application/json' \
-d '{"wallet_address":"0xabc123abc123abc123abc123abc123abc123abc1"}'`;
const SESSION = String.raw`curl -sS -X POST /v2/billing/agent/session \
-H 'content-type: application/json' \
-d '{"challenge_id":"agc_...","signature":"0x..."}'`;
const SIGNUP = String.raw`curl -sS -X POST /v2/agents/signup \
-H 'content-type: application/json' \
-H 'Authorization: Bearer ags_...' \
-d '{"tenant_id":"agent-alpha","owner_email":"[email protected]","metadata":{"label":"alpha"}}'`;
const QUERY = String.raw`curl -sS -X POST /v2/query \
-H 'content-type: application/json' \
-H 'X-Tenant-ID: agent-alpha' \
-H 'X-Tenant-Token: mtak_...' \
-d '{"tenant_id":"agent-alpha","query_text":"what do I know so far?"}'`;

/** Runs a call of the page with its open values put in. */
async function call(printed: string, values: Record<string, string> = {}): Promise<Answer> {
  let command = printed.replace(" /", ` ${server.current.url}/`);
  for (const [open, value] of Object.entries(values)) {
    assert.ok(command.includes(open), `the call has no ${open}`);
    command = command.replace(open, () => value);
  }
  return runCurl(command);
}

/** The first two calls of the page, for a wallet. */
async function signInByCurl(account = newWallet()): Promise<string> {
  const challenge = await call(CHALLENGE, { "0xabc123abc123abc123abc123abc123abc123abc1": account.address });
  assert.equal(challenge.status, 200, challenge.text);
  const signature = await account.signMessage({ message: challenge.json.message });
  const session = await call(SESSION, { "agc_...": challenge.json.challenge_id, "0x...": signature });
  assert.equal(session.status, 200, session.text);
  return session.json.session_token;
}

test("the page's challenge is answered just as it is printed", async () => {
  const challenge = await call(CHALLENGE);
  assert.equal(challenge.status, 200, challenge.text);
  assert.deepEqual(Object.keys(challenge.json).sort(), ["chain_id", "challenge_id", "expires_at", "issued_at", "message", "nonce", "wallet_address"]);
  const { host } = new URL(server.current.url);
  assert.ok(challenge.json.message.startsWith(`${host} wants you to sign in with your Ethereum account:\n`), "a SIWE message");
  assert.match(challenge.json.challenge_id, /^agc_/);
});

test("an agent signs in, signs up and queries with the returned key, and an existing tenant is rejected", async () => {
  const account = newWallet();
  const sessionToken = await signInByCurl(account);
  assert.match(sessionToken, /^ags_/);
  const signup = await call(SIGNUP, { "ags_...": sessionToken, "[email protected]": "owner@example.org" });
  assert.equal(signup.status, 201, signup.text);
  const { tenant_id, agent_key, wallet_address, owner } = signup.json;
  assert.deepEqual([tenant_id, wallet_address, owner], ["agent-alpha", account.address, { email: "owner@example.org", status: "invited" }]);
  assert.match(agent_key, /^mtak_/);

  const query = await call(QUERY, { "mtak_...": agent_key });
  assert.equal(query.status, 200, query.text);
  const { query_id, ...rest } = query.json;
  assert.match(query_id, /^qry_/);
  const expected = { tenant_id: "agent-alpha", results: [], total: 0, cost: { amount: "0.001", currency: "USD" }, balance: "0.999" };
  assert.deepEqual(rest, expected, "a new agent knows nothing yet, and has asked once");

  const runtime = server.client().with({ "x-tenant-id": "agent-alpha", "x-tenant-token": agent_key });
  assert.equal((await runtime.post("/v2/session/open", { session_id: "first" })).status, 200);
  assert.equal((await runtime.post("/v2/session/append", { session_id: "first", content: "so far I know the way to the harbour" })).status, 200);
  const knows = await call(QUERY, { "mtak_...": agent_key });
  assert.deepEqual(knows.json.results.map((result: { content: string }) => result.content), ["so far I know the way to the harbour"]);

  const again = await call(SIGNUP, { "ags_...": sessionToken, "[email protected]": "owner@example.org" });
  assert.deepEqual([again.status, again.json.code], [409, "tenant_exists"]);
  const another = await call(SIGNUP, { "ags_...": await signInByCurl(), "[email protected]": "other@example.org" });
  assert.deepEqual([another.status, another.json.code], [409, "tenant_exists"]);
});

test("the wallet session itself is good on every wallet-safe route", async () => {
  const agent = await signUp(server.client());
  const billing = (await server.client().get("/.well-known/motecloud-billing.json")).json;
  assert.deepEqual(billing.wallet_safe_routes, ["/v2/query", "/v2/prime-context", "/v2/session/*"]);
  const { client, tenantId: tenant_id } = agent;
  for (const [path, body] of [
    ["/v2/session/open", { session_id: "s" }],
    ["/v2/session/append", { session_id: "s", content: "x" }],
    ["/v2/session/flush", { session_id: "s" }],
    ["/v2/session/s/status", {}],
    ["/v2/query", { query_text: "x" }],
    ["/v2/prime-context", { task_description: "x" }],
    ["/v2/session/close", { session_id: "s" }],
    ["/v2/session/finalize", { session_id: "t" }],
  ] as const) {
    const reply = await client.post(path, { tenant_id, ...body });
    assert.equal(reply.status, 200, `${path}: ${reply.text}`);
  }
});

test("discovery names the endpoints of the whole journey, and each is there", async () => {
  const discovery = await call("curl -sS /.well-known/motecloud-billing.json");
  assert.equal(discovery.status, 200);
  assert.deepEqual(discovery.json.auth, {
    challenge: "/v2/billing/agent/challenge",
    session: "/v2/billing/agent/session",
    signup: "/v2/agents/signup",
    enroll: "/v2/agents/enroll",
    owner_bootstrap: "/v2/agents/owner-bootstrap",
  });
  for (const path of Object.values<string>(discovery.json.auth)) {
    const reply = await server.client().get(path);
    assert.deepEqual([reply.status, reply.headers.get("allow")], [405, "POST, OPTIONS"], path);
  }
});

test("into a tenant that a human created, an agent enrolls with a token minted in /account", async () => {
  const human = await newPerson(server.client());
  const tenantId = newSlug("crew");
  const created = await human.browser.form("/account/tenants", { csrf: human.csrf, tenant_id: tenantId });
  assert.equal(created.status, 303, created.text);
  const minted = await human.browser.form("/account/enrollment", { csrf: human.csrf, tenant: tenantId, label: "for the scout", idempotency_key: newSlug("once") });
  assert.equal(minted.status, 303, minted.text);
  // What was minted is shown once, on the page that follows: its cookie brings it there.
  const flash = minted.headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
  const page = await human.browser.get(minted.headers.get("location") ?? "", { cookie: [human.cookie, ...flash].join("; ") });
  const token = /mten_[0-9a-f]{96}/.exec(page.text)?.[0] ?? assert.fail("the page shows no token");

  const account = newWallet();
  const sessionToken = await signInByCurl(account);
  const enroll = (): Promise<Answer> =>
    call(
      SIGNUP.replace("/v2/agents/signup", "/v2/agents/enroll").replace(/-d .*/, `-d '{"enrollment_token":"${token}"}'`),
      { "ags_...": sessionToken },
    );
  const enrolled = await enroll();
  assert.equal(enrolled.status, 201, enrolled.text);
  assert.deepEqual(Object.keys(enrolled.json).sort(), ["agent_id", "agent_key", "created_at", "tenant_id", "tenant_uuid", "wallet_address"]);
  assert.equal(enrolled.json.tenant_id, tenantId);
  const query = await call(QUERY.replaceAll("agent-alpha", tenantId), { "mtak_...": enrolled.json.agent_key });
  assert.deepEqual([query.status, query.json.balance], [200, "0.999"], query.text);
  const spent = await enroll();
  assert.deepEqual([spent.status, spent.json.code], [401, "invalid_enrollment_token"]);

  // It works for the tenant, but does not control it.
  const invite = await server.client().bearer(sessionToken).post("/v2/agents/owner-bootstrap", { owner_email: "me@example.org", tenant_id: tenantId });
  assert.deepEqual([invite.status, invite.json.code], [403, "not_controlling_wallet"]);
});

test("only the wallet that controls a tenant adds its human owner", async () => {
  const [agent, stranger] = [await signUp(server.client()), await signIn(server.client())];
  const body = { owner_email: "owner@example.org", tenant_id: agent.tenantId };
  for (const foreign of [body, { ...body, tenant_id: newSlug() }]) {
    const refused = await stranger.client.post("/v2/agents/owner-bootstrap", foreign);
    assert.deepEqual([refused.status, refused.json.code], [403, "not_controlling_wallet"]);
  }
  const { tenant_id: _, ...unnamed } = body;
  const invited = await agent.client.post("/v2/agents/owner-bootstrap", unnamed);
  assert.deepEqual([invited.status, invited.json.status, invited.json.tenant_id], [202, "invited", agent.tenantId], invited.text);
});

test("what operators alone may do is not for agents, and there is no Swagger", async () => {
  const agent = await signUp(server.client());
  for (const client of [agent.client, agent.runtime]) {
    for (const [method, path] of [
      ["GET", "/v2/admin/stats"],
      ["POST", "/v2/tenants"],
      ["GET", `/v2/tenants/${agent.tenantId}/agent-keys`],
      ["POST", `/v2/tenants/${agent.tenantId}/agent-keys`],
      ["POST", `/v2/tenants/${agent.tenantId}/enrollment-tokens`],
    ] as const) {
      const reply = await client.send(method, path, method === "POST" ? { json: { tenant_id: newSlug(), label: "x" } } : {});
      assert.deepEqual([reply.status, reply.json.code], [401, "invalid_credentials"], `${method} ${path}`);
    }
  }
  for (const path of ["/v2/docs", "/v2/openapi.json", "/v2/swagger", "/v2/redoc", "/docs"]) {
    assert.equal((await server.client().get(path)).status, 404, path);
  }
  const document = (await server.client().get("/openapi.json")).text;
  assert.ok(!document.includes("/v2/") && !document.includes("mtak_"), "MoteCloud is left out of the document");
});

test("admin routes take an operator's token and nothing else", async () => {
  const human = await newPerson(server.client());
  const stats = "/v2/admin/stats";
  const refused = await human.client.get(stats);
  assert.deepEqual([refused.status, refused.json.code], [403, "forbidden"]);
  const database = server.current.runtime.database();
  await database.prepare("UPDATE users SET role = 'admin' WHERE email = ?").bind(human.email).run();
  assert.equal((await human.client.get(stats)).status, 403, "a token made before says what it said");
  assert.equal((await human.browser.get(stats)).status, 401, "a cookie is not enough");
  const token = (await human.browser.post("/api/auth/token", {})).json.token;
  const granted = await server.client().bearer(token).get(stats);
  assert.equal(granted.status, 200, granted.text);
  assert.deepEqual(Object.keys(granted.json).sort(), ["agents", "observations", "open_sessions", "queries_24h", "tenants"]);
  await database.prepare("UPDATE users SET role = 'user' WHERE email = ?").bind(human.email).run();
  assert.equal((await server.client().bearer(token).get(stats)).status, 403, "taken back from the next request on");
});
