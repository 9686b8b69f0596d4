// Every limit class in use: so many requests a window and not one more, told right at each step (contract README 8).

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObjectClass } from "../../scripts/runtime.ts";
import { newSlug, signIn, signUp } from "./support/agent.ts";
import { Client, type Reply } from "./support/client.ts";
import { newAgentKey, newEmail, newManager, PASSWORD } from "./support/human.ts";
import { once } from "./support/once.ts";
import { ROUTES, rootOf } from "./support/route.ts";
import { useServer } from "./support/server.ts";
import { uuidOfTenant } from "./support/state.ts";

const server = useServer();

type Limit = { name: string; scope: string; quota: number; windowS: number };

const LIMITS: Record<string, Limit> = Object.fromEntries([
  ["wallet-auth", "ip", 30, 60], ["tenant-create", "ip", 20, 3_600], ["owner-invite", "tenant", 3, 3_600], ["v2-runtime", "caller", 600, 60],
  ["identity", "tenant", 60, 60], ["money", "tenant", 60, 60], ["admin", "tenant", 60, 60], ["atelier-register", "ip", 5, 3_600], ["atelier-services", "ip", 20, 3_600], ["atelier-launch", "ip", 10, 3_600], ["atelier-other", "ip", 300, 60], ["atelier-upload", "ip", 30, 3_600],
  ["atelier-orders", "ip", 30, 3_600], ["atelier-deliver", "ip", 30, 3_600], ["atelier-messages", "ip", 60, 3_600], ["atelier-quote", "ip", 30, 3_600], ["atelier-buy", "ip", 30, 3_600], ["atelier-review", "ip", 30, 3_600],
  ["ab-register", "ip", 10, 3_600], ["ab-login", "ip_and_email", 5, 900], ["public", "ip", 300, 60],
].map(([name, scope, quota, windowS]) => [name, { name, scope, quota, windowS } as Limit]));

const managers = once(() => Promise.all([newManager(server.client()), newManager(server.client())]));

async function clock(): Promise<number> {
  return Date.parse((await server.client().get("/v1/test-clock")).json.now);
}

/** Sends that many at once and counts the refused. */
async function countRefused(count: number, send: () => Promise<Reply>): Promise<number> {
  const replies = await Promise.all(Array.from({ length: count }, send));
  return replies.filter((reply) => reply.status === 429).length;
}

/** A 429 that says all there is to say about its window, which opened at a moment between these two. */
function expectRefused(reply: Reply, path: string, limit: Limit, openedMs: [number, number], nowMs: number): void {
  const told = `${path}: ${reply.status} ${reply.text}`;
  const root = rootOf(path);
  assert.equal(reply.status, 429, told);
  assert.equal(reply.json.code, root === "v2" ? "rate_limited" : "RATE_LIMITED", told);
  const header = (name: string): string => reply.headers.get(name) ?? "";
  const { name, scope, quota, windowS } = limit;
  const waitS = Number(header("retry-after"));
  const [earliest, latest] = openedMs.map((ms) => (ms + windowS * 1_000 - nowMs) / 1_000) as [number, number];
  assert.ok(Number.isInteger(waitS) && waitS >= 1 && waitS >= Math.floor(earliest) - 1 && waitS <= Math.ceil(latest) + 1, `wait ${waitS}, ${earliest}..${latest}; ${told}`);
  assert.deepEqual([header("x-ratelimit-limit"), header("x-ratelimit-remaining")], [`${quota}`, "0"], told);
  const resetS = Number(header("x-ratelimit-reset"));
  assert.ok(resetS >= Math.floor(openedMs[0] / 1_000) + windowS && resetS <= Math.ceil(openedMs[1] / 1_000) + windowS, `reset ${resetS}; ${told}`);
  assert.equal(header("ratelimit-policy"), `"${name}";q=${quota};w=${windowS}`, told);
  assert.equal(header("ratelimit"), `"${name}";r=0;t=${waitS}`, told);
  assert.equal(reply.headers.get("x-ratelimit-policy"), root === "v1" ? `${quota};w=${windowS}` : null, told);
  const { retry_after_ms, ...rest } = root === "v1" ? reply.json.details.limit : reply.json.limit;
  assert.deepEqual(rest, { class: name, scope, quota, window_seconds: windowS }, told);
  assert.equal(Math.ceil(retry_after_ms / 1_000), waitS, told);
}

type Filling = {
  /** The caller again, when its credential does not outlive the window. */
  renewed?: () => Promise<() => Promise<Reply>>;
  /** Where the window is kept: a large one is run up there to its last requests, which are then sent. */
  keeper?: [ObjectClass, string];
};

/** Requests of a large window that are sent. */
const LAST = 30;

async function runUp(limit: Limit, keeper: Filling["keeper"]): Promise<number> {
  if (keeper === undefined) return limit.quota;
  const [objectClass, name] = keeper;
  const counted = limit.quota - LAST;
  await server.current.editObject(objectClass, { name }, "UPDATE limit_window SET count = count + ? WHERE class = ?", counted, limit.name);
  return LAST;
}

/** Fills a window and overfills it, waits almost until its end, and finds it whole again after it. */
async function fill(limit: Limit, path: string, send: () => Promise<Reply>, filling: Filling = {}): Promise<void> {
  const { renewed = async () => send, keeper } = filling;
  const before = await clock();
  const first = await send();
  assert.notEqual(first.status, 429, first.text);
  const opened: [number, number] = [before, await clock()];
  const left = (await runUp(limit, keeper)) - 1;
  const spare = Math.min(limit.quota, 10);
  assert.equal(await countRefused(left + spare, send), spare, "what is over is refused, and no other");
  expectRefused(await send(), path, limit, opened, await clock());

  await server.current.advance(limit.windowS - 15);
  let ask = await renewed();
  assert.equal(await countRefused(3, ask), 3, "refused requests do not let others in");
  expectRefused(await ask(), path, limit, opened, await clock());
  await server.current.advance(16);
  ask = await renewed();
  const [earliest, reopened] = [await clock(), await ask()];
  assert.notEqual(reopened.status, 429, "a new window after the old one");
  const anew: [number, number] = [earliest, await clock()];
  assert.equal(await countRefused(await runUp(limit, keeper), ask), 1, "with its whole quota");
  expectRefused(await ask(), path, limit, anew, await clock());
}

test("every class in use is tried here", () => {
  assert.deepEqual([...new Set(ROUTES.flatMap((route) => route.class ?? []))].sort(), Object.keys(LIMITS).sort());
});

test("wallet-auth: 30 a minute, challenges and sessions together, whoever they are for", async () => {
  const client = server.client();
  let turn = 0;
  await fill(LIMITS["wallet-auth"]!, "/v2/billing/agent/challenge", () => {
    turn += 1;
    const wallet_address = `0x${turn.toString(16).padStart(40, "0")}`;
    return turn % 2 === 0 ? client.post("/v2/billing/agent/challenge", { wallet_address }) : client.post("/v2/billing/agent/session", { challenge_id: "agc_AAAA" });
  });
});

test("tenant-create: 20 an hour, signups, enrollments and a human's tenants together, counted before anybody is known", async () => {
  const client = server.client();
  const paths = ["/v2/agents/signup", "/v2/agents/enroll", "/v2/tenants"];
  let turn = 0;
  await fill(LIMITS["tenant-create"]!, paths[0]!, () => client.post(paths[(turn += 1) % 3]!, {}));
});

test("ab-register: 10 an hour", async () => {
  const client = server.client();
  await fill(LIMITS["ab-register"]!, "/api/register", () => client.post("/api/register", { email: "nobody" }));
});

test("atelier-upload: 30 an hour, files and brief images together, counted before anybody is known", async () => {
  const client = server.client();
  const paths = ["/api/upload", "/api/orders/brief-images"];
  let turn = 0;
  await fill(LIMITS["atelier-upload"]!, paths[0]!, () => client.send("POST", paths[(turn += 1) % 2]!));
});

test("atelier-register: 5 an hour, registrations and recoveries together", async () => {
  const client = server.client();
  let turn = 0;
  await fill(LIMITS["atelier-register"]!, "/api/agents/register", () => client.post(`/api/agents/${(turn += 1) % 2 === 0 ? "recover" : "register"}`, { name: "x" }));
});

test("atelier-services: 20 an hour, counted before anybody is known", async () => {
  const client = server.client();
  await fill(LIMITS["atelier-services"]!, "/api/agents/x1/services", () => client.post("/api/agents/x1/services", {}));
});

test("atelier-buy: 30 an hour, calls and forms together, counted before anybody is known", async () => {
  const client = server.client();
  let turn = 0;
  await fill(LIMITS["atelier-buy"]!, "/api/orders", () => ((turn += 1) % 2 === 1 ? client.post("/api/orders", {}) : client.form("/account/orders", {})));
});

for (const [name, path, method] of [
  ["atelier-launch", "/api/agents/none/token/launch", "POST"],
  ["atelier-orders", "/api/agents/none/orders", "GET"],
  ["atelier-quote", "/api/orders/none/quote", "POST"],
  ["atelier-deliver", "/api/orders/none/deliver", "POST"],
  ["atelier-messages", "/api/orders/none/messages", "POST"],
  ["atelier-review", "/api/orders/none/review", "POST"],
] as const) {
  test(`${name}: ${LIMITS[name]!.quota} an hour, counted before anybody is known`, async () => {
    const client = server.client();
    await fill(LIMITS[name]!, path, () => client.send(method, path, method === "GET" ? {} : { json: {} }));
  });
}

test("atelier-other: 300 a minute", async () => {
  const client = server.client();
  await fill(LIMITS["atelier-other"]!, "/api/agents/me", () => client.get("/api/agents/me"), { keeper: ["Gate", `ip:${client.ip}`] });
});

test("public: 300 a minute, documents and pages together", async () => {
  const client = server.client();
  const paths = ["/openapi.json", "/.well-known/jwks.json"];
  let turn = 0;
  await fill(LIMITS["public"]!, "/.well-known/jwks.json", () => client.get(paths[(turn += 1) % 2]!), { keeper: ["Gate", `ip:${client.ip}`] });
  assert.equal((await client.get("/account")).status, 429, "and the console's pages");
  assert.equal((await client.get("/.well-known/motecloud-billing.json")).status, 429);
  assert.equal((await client.get("/healthz")).status, 200, "health is nobody's class");
});

test("v2-runtime: 600 a minute for a key, and for a wallet apart", async () => {
  const agent = await signUp(server.client());
  const ask = (client: Client) => (): Promise<Reply> => client.post("/v2/session/none/status", {});
  await fill(LIMITS["v2-runtime"]!, "/v2/session/none/status", ask(agent.runtime), { keeper: ["Tenant", await uuidOfTenant(server.current, agent.tenantId)] });
  assert.equal((await ask(server.client().with(agent.runtime.headers))()).status, 429, "wherever the key comes from");
  const { client } = await signIn(server.client(), agent.account);
  assert.equal((await client.post("/v2/session/none/status", { tenant_id: agent.tenantId })).status, 404, "the wallet has its own");
  assert.equal((await client.post("/v2/agents/owner-bootstrap", { owner_email: newEmail() })).status, 202, "another class is another window");
});

test("owner-invite: 3 an hour for a tenant, and a refused one is not kept under its key", async () => {
  const agent = await signUp(server.client());
  const owner_email = newEmail();
  const invite = (client: Client, key?: string): Promise<Reply> =>
    client.post("/v2/agents/owner-bootstrap", { owner_email }, key === undefined ? {} : { "idempotency-key": key });
  const renewed = async (): Promise<() => Promise<Reply>> => {
    const { client } = await signIn(server.client(), agent.account);
    return () => invite(client);
  };
  await fill(LIMITS["owner-invite"]!, "/v2/agents/owner-bootstrap", () => invite(agent.client), { renewed });
  const { client } = await signIn(server.client(), agent.account);
  assert.equal((await invite(client, "later")).status, 429);
  await server.current.advance(3_600);
  const later = await signIn(server.client(), agent.account);
  const reply = await invite(later.client, "later");
  assert.deepEqual([reply.status, reply.headers.get("idempotent-replayed")], [202, null], reply.text);
});

test("identity, money and admin: 60 a minute each for a free tenant, all its keys and humans together", async () => {
  const [manager] = await managers();
  const second = await manager.management.post("/v1/api-keys", {});
  const callers = [manager.management, server.client().with({ "x-api-key": second.json.key }), manager.client.with({ "x-tenant-id": manager.tenantId })];
  await server.current.advance(60);
  let turn = 0;
  const next = (path: string) => (): Promise<Reply> => callers[(turn += 1) % callers.length]!.get(path);
  await fill(LIMITS["money"]!, "/v1/wallets", next("/v1/wallets"));
  assert.notEqual((await manager.management.get("/v1/api-keys")).status, 429, "admin is another class");
  assert.notEqual((await manager.management.get("/v1/agents")).status, 429, "identity too");
  await server.current.advance(60);
  await fill(LIMITS["identity"]!, "/v1/agents", next("/v1/agents"));
  await server.current.advance(60);
  await fill(LIMITS["admin"]!, "/v1/api-keys", next("/v1/api-keys"));
  assert.equal((await manager.client.get(`/v2/tenants/${manager.tenantId}/agent-keys`)).status, 429, "also at /v2");
});

test("at /v1 each reply says how the window stands, whatever becomes of the request", async () => {
  const [, manager] = await managers();
  await server.current.advance(60);
  const before = await clock();
  const path = `/v1/wallets/${manager.walletId}`;
  const key = { "idempotency-key": "once" };
  const steps: [number, () => Promise<Reply>][] = [
    [200, () => manager.management.get(path)],
    [201, () => manager.management.post("/v1/wallets", { currency: "usd" })],
    [201, () => manager.management.post(`${path}/fund`, { amount: 1 }, key)],
    [201, () => manager.management.post(`${path}/fund`, { amount: 1 }, key)],
    [422, () => manager.management.post(`${path}/fund`, { amount: 2 }, key)],
    [400, () => manager.management.post(`${path}/fund`, { amount: 0 }, key)],
    [400, () => manager.management.post(`${path}/fund`, { amount: 1 })],
    [400, () => manager.management.send("POST", "/v1/wallets", { body: "{", headers: { "content-type": "application/json" } })],
    [415, () => manager.management.send("POST", "/v1/wallets", { body: "{}", headers: { "content-type": "text/plain" } })],
    [403, () => manager.management.post("/v1/wallets", { currency: "usd", mode: "live" })],
    [404, () => manager.management.get("/v1/wallets/wal_01J8ZZZZZZZZZZZZZZZZZZZZZZ")],
    [400, () => manager.management.get("/v1/wallets/none")],
    [400, () => manager.management.get("/v1/wallets?limit=0")],
    [200, () => manager.management.send("HEAD", path)],
  ];
  let remaining = 60;
  for (const [status, send] of steps) {
    const reply = await send();
    remaining -= 1;
    const told = `${status}: ${reply.status} ${reply.text}`;
    assert.equal(reply.status, status, told);
    const header = (name: string): string | null => reply.headers.get(name);
    assert.deepEqual([header("x-ratelimit-limit"), header("x-ratelimit-remaining"), header("x-ratelimit-policy")], ["60", `${remaining}`, "60;w=60"], told);
    assert.equal(header("ratelimit-policy"), '"money";q=60;w=60', told);
    const [, left, waitS] = /^"money";r=(\d+);t=(\d+)$/.exec(header("ratelimit") ?? "") ?? [];
    assert.ok(Number(left) === remaining && Number(waitS) >= 1 && Number(waitS) <= 60, told);
    const resetMs = Number(header("x-ratelimit-reset")) * 1_000;
    assert.ok(resetMs >= before + 59_000 && resetMs <= before + 65_000, told);
    assert.equal(header("retry-after"), null, told);
  }
  const nobody = await server.client().get(path, { "x-api-key": `${manager.managementKey.slice(0, -1)}z` });
  assert.equal(nobody.status, 401);
  const after = await manager.management.get(path);
  assert.equal(after.headers.get("x-ratelimit-remaining"), `${remaining - 1}`, "who is nobody is not counted to the tenant");
});

test("a larger plan has a larger quota from the next request on", async () => {
  const [, manager] = await managers();
  for (const [plan, quota] of [["starter", 300], ["professional", 1_000], ["enterprise", 5_000], ["free", 60]] as const) {
    await server.current.editObject("Tenant", { name: manager.tenantUuid }, "UPDATE tenant SET plan = ?", plan);
    const reply = await manager.management.get("/v1/wallets");
    assert.deepEqual([reply.headers.get("x-ratelimit-limit"), reply.headers.get("x-ratelimit-policy")], [`${quota}`, `${quota};w=60`], plan);
  }
});

test("ab-login: 5 failures a quarter of an hour for an address and an e-mail; what succeeds is not counted", async () => {
  const [{ email }] = await managers();
  const client = server.client();
  const attempt = (password: string, from = client, address = email): Promise<Reply> => from.post("/api/auth/token", { email: address, password });
  for (let n = 0; n < 6; n += 1) assert.equal((await attempt(PASSWORD)).status, 200);
  await fill(LIMITS["ab-login"]!, "/api/auth/token", () => attempt("wrong"));
  assert.equal((await attempt(PASSWORD)).status, 429, "nor is the right one looked at then");
  assert.equal((await attempt(PASSWORD, client, email.toUpperCase())).status, 429, "in whatever case");
  assert.equal((await attempt("wrong", client, newEmail())).status, 401, "another address is another window");
  assert.equal((await attempt(PASSWORD, server.client())).status, 200, "so is another client");
  const nobody = newEmail();
  assert.equal(await countRefused(7, () => attempt("wrong", client, nobody)), 2, "an account that is not there is counted alike");
});

test("an address of IPv6 is counted by its network of 64 bits, and what else a client says of itself does not count", async () => {
  const { url } = server.current;
  const from = (ip: string, headers = {}): Promise<Reply> => new Client(url, { ip, headers }).post("/api/register", {});
  const network = "2001:db8:77:1";
  let host = 0;
  assert.equal(await countRefused(12, () => from(`${network}::${(host += 1).toString(16)}`)), 2);
  for (const same of [`${network}:ffff:ffff:ffff:ffff`, `${network}::`, `${network.toUpperCase()}::1`, "2001:0db8:0077:0001:0:0:0:9"]) assert.equal((await from(same)).status, 429, same);
  for (const other of ["2001:db8:77:2::1", "2001:db8:78:1::1", "2001:db8:77::1", "2001:db8::77:1:1"]) assert.equal((await from(other)).status, 400, other);

  const ip = server.client().ip;
  let turn = 0;
  const lie = (): Promise<Reply> => {
    turn += 1;
    const forged = `203.0.113.${turn}`;
    return from(ip, { "x-forwarded-for": forged, "x-real-ip": forged, "true-client-ip": forged, forwarded: `for=${forged}`, "user-agent": forged });
  };
  assert.equal(await countRefused(12, lie), 2);
  assert.equal((await from(`::ffff:${ip}`)).status, 429, "an IPv4 address written as IPv6 is the same");
  const nameless = (): Promise<Reply> => from("nonsense");
  assert.equal(await countRefused(12, nameless), 2, "who has no address shares one");
});

test("a limit that is full does nothing: no account, no tenant, no charge", async () => {
  const client = server.client();
  await Promise.all(Array.from({ length: 10 }, () => client.post("/api/register", {})));
  const email = newEmail();
  assert.equal((await client.post("/api/register", { email, password: PASSWORD })).status, 429);
  const database = server.current.runtime.database();
  assert.equal(await database.prepare("SELECT email FROM users WHERE email = ?").bind(email).first(), null);

  const { sessionToken } = await signIn(server.client());
  const crowded = server.client();
  await Promise.all(Array.from({ length: 20 }, () => crowded.post("/v2/agents/signup", {})));
  const tenantId = newSlug();
  assert.equal((await crowded.bearer(sessionToken).post("/v2/agents/signup", { tenant_id: tenantId })).status, 429);
  assert.equal(await database.prepare("SELECT slug FROM tenants WHERE slug = ?").bind(tenantId).first(), null);

  const [manager] = await managers();
  const { agentKey } = await newAgentKey(manager);
  const runtime = server.client().with({ "x-tenant-id": manager.tenantId, "x-tenant-token": agentKey });
  assert.equal((await runtime.post("/v2/session/none/status", {})).status, 404);
  await server.current.editObject("Tenant", { name: manager.tenantUuid }, "UPDATE limit_window SET count = 600 WHERE class = 'v2-runtime'");
  assert.equal((await runtime.post("/v2/query", { query_text: "rain" })).status, 429);
  await server.current.advance(60);
  assert.equal((await runtime.post("/v2/query", { query_text: "rain" })).json.balance, "0.999");
});
