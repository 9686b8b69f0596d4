// Accounts of humans, their sign-in, and the tenants they own: /api/register, /api/auth/*, /v2/tenants.

import assert from "node:assert/strict";
import { test } from "node:test";
import { signIn, newSlug } from "./support/agent.ts";
import type { Client, Reply } from "./support/client.ts";
import { newEmail, PASSWORD } from "./support/person.ts";
import { useServer } from "./support/server.ts";

const server = useServer();
async function register(client: Client, email = newEmail(), body: Record<string, unknown> = {}): Promise<{ email: string; id: string }> {
  const reply = await client.post("/api/register", { email, password: PASSWORD, ...body });
  assert.equal(reply.status, 200, reply.text);
  return { email, id: reply.json.id };
}

/** A human with a bearer token. */
async function newHuman(): Promise<{ client: Client; email: string }> {
  const client = server.client();
  const { email } = await register(client);
  const token = await client.post("/api/auth/token", { email, password: PASSWORD });
  assert.equal(token.status, 200, token.text);
  return { client: client.bearer(token.json.token), email };
}

function cookieOf(reply: Reply, name = "next-auth.session-token"): string {
  const found = reply.headers.getSetCookie().find((cookie) => cookie.startsWith(`${name}=`));
  assert.ok(found, `no ${name} in ${reply.headers.getSetCookie()}`);
  return found;
}

async function signInWithCookie(client: Client, email: string): Promise<{ cookie: string; browser: Client }> {
  const reply = await client.send("POST", "/api/auth/callback/credentials", { json: { email, password: PASSWORD }, headers: { accept: "application/json" } });
  assert.equal(reply.status, 200, reply.text);
  const cookie = cookieOf(reply);
  return { cookie, browser: client.with({ cookie: cookie.split(";")[0]! }) };
}

test("an account is opened once for an address, whatever its case", async () => {
  const client = server.client();
  const email = newEmail();
  const reply = await client.post("/api/register", { email, password: PASSWORD, name: "Ada" });
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(Object.keys(reply.json).sort(), ["email", "id", "name"]);
  assert.equal(reply.headers.get("cache-control"), "no-store");
  const again = await client.post("/api/register", { email: email.toUpperCase(), password: PASSWORD });
  assert.equal(again.status, 409);
  assert.equal(again.json.code, "USER_EXISTS");
});

test("of 8 registrations of one address at once exactly one wins", async () => {
  const email = newEmail();
  const replies = await Promise.all(Array.from({ length: 8 }, () => server.client().post("/api/register", { email, password: PASSWORD })));
  assert.deepEqual(replies.map((reply) => reply.status).sort(), [200, 409, 409, 409, 409, 409, 409, 409]);
});

test("bad registrations say what is wrong and change nothing", async () => {
  const good = { email: newEmail(), password: PASSWORD };
  for (const [body, path] of [
    [{ ...good, email: "nobody" }, "$.email"],
    [{ ...good, email: 7 }, "$.email"],
    [{ password: PASSWORD }, "$.email"],
    [{ ...good, password: "1234567" }, "$.password"],
    [{ ...good, password: "x".repeat(257) }, "$.password"],
    [{ ...good, name: "" }, "$.name"],
    [{ ...good, referralCode: "no spaces" }, "$.referralCode"],
  ] as const) {
    const reply = await server.client().post("/api/register", body);
    assert.equal(reply.status, 400, reply.text);
    assert.equal(reply.json.path, path);
    assert.equal(reply.json.code, "VALIDATION_ERROR");
    assert.ok(!reply.text.includes("1234567"), "a password came back");
  }
  assert.equal((await server.client().post("/api/register", good)).status, 200);
});

test("a wrong password and an unknown address look alike, and five failures are enough", async () => {
  const client = server.client();
  const { email } = await register(client);
  const attempt = (from: Client, address: string, password: string): Promise<Reply> =>
    from.send("POST", "/api/auth/callback/credentials", { json: { email: address, password }, headers: { accept: "application/json" } });
  const wrong = await attempt(client, email, "not the password");
  const unknown = await attempt(server.client(), newEmail(), "not the password");
  assert.deepEqual([wrong.status, wrong.json], [401, unknown.json]);
  assert.equal(wrong.json.code, "INVALID_CREDENTIALS");
  // A success does not count.
  assert.equal((await attempt(client, email, PASSWORD)).status, 200);
  const rest = await Promise.all(Array.from({ length: 8 }, () => attempt(client, email, "not the password")));
  assert.deepEqual(rest.map((reply) => reply.status).sort(), [401, 401, 401, 401, 429, 429, 429, 429]);
  const full = await attempt(client, email, PASSWORD);
  assert.equal(full.status, 429);
  assert.ok(Number(full.headers.get("retry-after")) > 0);
  assert.equal(full.json.limit.class, "ab-login");
  // Another client's attempts on the same account are counted apart.
  assert.equal((await attempt(server.client(), email, PASSWORD)).status, 200);
});

test("a cookie session is shown, proves itself by origin or token, and ends", async () => {
  const client = server.client();
  const { email, id } = await register(client);
  const { cookie, browser } = await signInWithCookie(client, email);
  assert.match(cookie, /; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax$/);
  const session = await browser.get("/api/auth/session");
  assert.deepEqual(session.json.user, { id, email, name: email });
  assert.ok(Date.parse(session.json.expires) > Date.now());
  assert.deepEqual((await client.get("/api/auth/session")).json, {});

  const bare = await browser.post("/v2/tenants", { tenant_id: newSlug() });
  assert.deepEqual([bare.status, bare.json.code], [403, "csrf_invalid"]);
  const foreign = await browser.with({ origin: "https://evil.example" }).post("/v2/tenants", { tenant_id: newSlug() });
  assert.equal(foreign.status, 403);
  const { csrfToken } = (await browser.get("/api/auth/csrf")).json;
  const byToken = await browser.with({ "x-csrf-token": csrfToken }).post("/v2/tenants", { tenant_id: newSlug() });
  assert.equal(byToken.status, 201, byToken.text);
  const byOrigin = await browser.with({ origin: server.current.url }).post("/v2/tenants", { tenant_id: newSlug() });
  assert.equal(byOrigin.status, 201, byOrigin.text);

  assert.equal((await browser.post("/api/auth/signout", {})).status, 403);
  const out = await browser.with({ origin: server.current.url }).post("/api/auth/signout", {});
  assert.deepEqual(out.json, { ok: true });
  assert.match(cookieOf(out), /Max-Age=0/);
  assert.deepEqual((await browser.get("/api/auth/session")).json, {});
  assert.equal((await browser.get("/v2/tenants")).status, 401);
});

test("a form signs in too, but not one from another site", async () => {
  const client = server.client();
  const { email } = await register(client);
  const form = { body: new URLSearchParams({ email, password: PASSWORD, csrfToken: "x" }).toString(), headers: { "content-type": "application/x-www-form-urlencoded" } };
  const reply = await client.send("POST", "/api/auth/callback/credentials", form);
  assert.deepEqual([reply.status, reply.headers.get("location")], [302, "/account"]);
  cookieOf(reply);
  const foreign = await client.with({ origin: "https://evil.example" }).send("POST", "/api/auth/callback/credentials", form);
  assert.deepEqual([foreign.status, foreign.json.code], [403, "CSRF_INVALID"]);
});

test("a bearer token comes for a password or a cookie, and no other way", async () => {
  const client = server.client();
  const { email } = await register(client);
  const { browser } = await signInWithCookie(client, email);
  assert.equal((await browser.post("/api/auth/token", {})).status, 403);
  const token = await browser.with({ origin: server.current.url }).post("/api/auth/token", {});
  assert.equal(token.status, 200, token.text);
  assert.ok(Date.parse(token.json.expiresAt) > Date.now() + 6 * 86_400_000);
  assert.equal((await client.bearer(token.json.token).get("/v2/tenants")).status, 200);
  assert.equal((await client.post("/api/auth/token", {})).json.code, "AUTH_REQUIRED");
  assert.equal((await client.post("/api/auth/token", { email })).json.path, "$.password");
  assert.equal((await client.bearer(`${token.json.token}x`).get("/v2/tenants")).json.code, "invalid_credentials");
});

test("a human has a tenant of their own and makes more", async () => {
  const { client } = await newHuman();
  const own = (await client.get("/v2/tenants")).json.tenants;
  assert.equal(own.length, 1);
  assert.match(own[0].tenant_id, /^u-[0-9a-z]{10}$/);
  assert.deepEqual([own[0].role, own[0].plan], ["owner", "free"]);
  const slug = newSlug();
  const made = await client.post("/v2/tenants", { tenant_id: slug, name: "Research" });
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(Object.keys(made.json).sort(), ["created_at", "tenant_id", "tenant_uuid", "wallet_id"]);
  const listed = (await client.get("/v2/tenants")).json.tenants;
  assert.deepEqual(listed.map((tenant: { name: string }) => tenant.name), ["My tenant", "Research"]);
  assert.equal((await client.post("/v2/tenants", { tenant_id: slug })).json.code, "tenant_exists");
  assert.equal((await client.post("/v2/tenants", { tenant_id: "guildhall" })).json.path, "$.tenant_id");
  for (const bad of ["", "ab", "Abc", "a--b", "a".repeat(41)]) {
    assert.equal((await client.post("/v2/tenants", { tenant_id: bad })).status, 400, bad);
  }
});

test("a tenant is made once for its Idempotency-Key", async () => {
  const { client } = await newHuman();
  const slug = newSlug();
  const once = client.with({ "idempotency-key": "make-it" });
  const first = await once.post("/v2/tenants", { tenant_id: slug });
  const second = await once.post("/v2/tenants", { tenant_id: slug });
  assert.deepEqual([second.status, second.text, second.headers.get("idempotent-replayed")], [201, first.text, "true"]);
  assert.equal((await once.post("/v2/tenants", { tenant_id: newSlug() })).json.code, "idempotency_conflict");
});

test("of 6 humans who want one name at once exactly one gets it", async () => {
  const humans = await Promise.all(Array.from({ length: 6 }, newHuman));
  const slug = newSlug();
  const replies = await Promise.all(humans.map(({ client }) => client.post("/v2/tenants", { tenant_id: slug })));
  assert.deepEqual(replies.map((reply) => reply.status).sort(), [201, 409, 409, 409, 409, 409]);
});

test("an agent's key is shown once, works, is listed without its secret, and dies when revoked", async () => {
  const { client } = await newHuman();
  const slug = newSlug();
  await client.post("/v2/tenants", { tenant_id: slug });
  const keys = `/v2/tenants/${slug}/agent-keys`;
  const unnamed = await client.post(keys, {});
  assert.deepEqual([unnamed.status, unnamed.json.path], [400, "$.label"]);
  const once = client.with({ "idempotency-key": "k1" });
  const made = await once.post(keys, { label: "Night scout" });
  assert.equal(made.status, 201, made.text);
  assert.match(made.json.agent_key, /^mtak_[0-9a-f]{96}$/);
  assert.deepEqual((await once.post(keys, { label: "Night scout" })).json, made.json, "a repeat shows the same key");
  const ulid = made.json.agent_id.slice(4);
  const further = await client.post(keys, { agent_id: `EXT_${ulid.toLowerCase()}`, expires_at: new Date(Date.now() + 3_600_000).toISOString() });
  assert.deepEqual([further.status, further.json.agent_id], [201, made.json.agent_id], further.text);
  assert.equal((await client.post(keys, { agent_id: `agt_${"0".repeat(26)}` })).status, 404);
  assert.equal((await client.post(keys, { label: "x", expires_at: "2020-01-01T00:00:00Z" })).json.path, "$.expires_at");

  const listed = await client.get(keys);
  assert.equal(listed.json.keys.length, 2);
  assert.ok(!listed.text.includes(made.json.agent_key.slice(-48)), "the secret is listed");
  const runtime = server.client().with({ "x-tenant-id": slug, "x-tenant-token": made.json.agent_key });
  assert.equal((await runtime.post("/v2/query", { query_text: "anything" })).status, 200);
  for (const _ of ["once", "again"]) assert.equal((await client.send("DELETE", `${keys}/${made.json.key_id}`)).status, 204);
  assert.equal((await runtime.post("/v2/query", { query_text: "anything" })).status, 401);
});

test("an enrollment token lets one wallet in, once", async () => {
  const { client } = await newHuman();
  const slug = newSlug();
  await client.post("/v2/tenants", { tenant_id: slug });
  const tokens = `/v2/tenants/${slug}/enrollment-tokens`;
  assert.equal((await client.post(tokens, { ttl_seconds: 59 })).json.path, "$.ttl_seconds");
  const made = await client.post(tokens, { label: "for the scout", ttl_seconds: 600 });
  assert.match(made.json.enrollment_token, /^mten_[0-9a-f]{96}$/);
  const revoked = await client.post(tokens, {});
  assert.equal((await client.send("DELETE", `${tokens}/${revoked.json.id}`)).status, 204);
  const wallet = await signIn(server.client());
  const enrolled = await wallet.client.post("/v2/agents/enroll", { enrollment_token: made.json.enrollment_token });
  assert.equal(enrolled.status, 201, enrolled.text);
  for (const spent of [made, revoked]) {
    const again = await wallet.client.post("/v2/agents/enroll", { enrollment_token: spent.json.enrollment_token });
    assert.equal(again.json.code, "invalid_enrollment_token");
  }
  const listed = (await client.get(tokens)).json.tokens;
  assert.deepEqual(listed.map((token: { status: string }) => token.status), ["revoked", "used"]);
  assert.equal(listed[1].used_by, enrolled.json.agent_id);
});

test("another human's tenant is not there", async () => {
  const [owner, stranger] = await Promise.all([newHuman(), newHuman()]);
  const slug = newSlug();
  await owner.client.post("/v2/tenants", { tenant_id: slug });
  for (const name of [slug, newSlug(), "00000000-0000-4000-8000-000000000000"]) {
    for (const path of ["agent-keys", "enrollment-tokens"]) {
      const replies = await Promise.all([stranger.client.get(`/v2/tenants/${name}/${path}`), stranger.client.post(`/v2/tenants/${name}/${path}`, { label: "x" })]);
      for (const reply of replies) assert.deepEqual([reply.status, reply.json.code], [404, "not_found"], `${name} ${path}`);
    }
  }
});
