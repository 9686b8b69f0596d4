// One effect for one Idempotency-Key, at every route that takes one, wherever its record lives: the tenant's object, its
// memory, or the gate of a wallet or human (contract README 7).

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newSlug, signIn, signUp } from "./support/agent.ts";
import { Client, type Reply, type Sent } from "./support/client.ts";
import { expectFault, type FaultRoot } from "./support/fault.ts";
import { NOBODY_LISTENS } from "./support/household.ts";
import { newAgentKey, newManager, type Manager } from "./support/human.ts";
import { once } from "./support/once.ts";
import { ROUTES } from "./support/route.ts";
import { useServer } from "./support/server.ts";
import { newMandate, newToken } from "./support/spender.ts";
import { stateOfBook, stateOfTenant, uuidOfTenant } from "./support/state.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const DAY_S = 86_400;

type Json = Record<string, unknown>;
type Deed = {
  /** The route's name in the table. */
  name: string;
  root: FaultRoot;
  client: Client;
  path: string;
  status: number;
  /** A new effect each time it is called. */
  body: () => Promise<Json> | Json;
  /** Another body for the same key: as good as the first. */
  other: (body: Json) => Json;
  /** The member of the answer that holds a secret. */
  secret?: string;
};

/** An agent that pays: a token serves one payment, so that each merchant, who is paid once here, has a token of its own. */
class Payer extends Client {
  readonly #token: () => Promise<string>;
  readonly #tokens: Map<string, string>;

  constructor(url: string, token: () => Promise<string>, tokens = new Map<string, string>()) {
    super(url);
    this.#token = token;
    this.#tokens = tokens;
  }

  /** A merchant nobody has paid. */
  async merchant(): Promise<string> {
    const merchant = fresh();
    this.#tokens.set(merchant, await this.#token());
    return merchant;
  }

  /** The same agent when its tokens have run out: who repeats needs another. */
  async renewed(): Promise<Payer> {
    const tokens = [...this.#tokens.keys()].map(async (merchant) => [merchant, await this.#token()] as const);
    return new Payer(this.url, this.#token, new Map(await Promise.all(tokens)));
  }

  override async send(method: string, path: string, sent: Sent = {}): Promise<Reply> {
    const { merchant } = (sent.json ?? JSON.parse(String(sent.body))) as Json;
    const headers = { ...sent.headers, authorization: `Bearer ${this.#tokens.get(String(merchant))}` };
    return super.send(method, path, { ...sent, headers });
  }
}

const people = once(async () => {
  const [agent, manager, wallet] = await Promise.all([signUp(server.client()), newManager(server.client()), signIn(server.client())]);
  const professional = "UPDATE tenants SET plan = 'professional' WHERE slug = ?";
  await server.current.runtime.database().prepare(professional).bind(manager.tenantId).run();
  await server.current.editObject("Tenant", { name: manager.tenantUuid }, "UPDATE tenant SET plan = 'professional'");
  return { agent, manager, wallet };
});

async function openSession(runtime: Client): Promise<string> {
  const session_id = newSlug("s");
  const opened = await runtime.post("/v2/session/open", { session_id });
  assert.equal(opened.status, 200, opened.text);
  return session_id;
}

async function mintToken(manager: Manager): Promise<string> {
  const minted = await manager.client.post(`/v2/tenants/${manager.tenantId}/enrollment-tokens`, {});
  assert.equal(minted.status, 201, minted.text);
  return minted.json.enrollment_token;
}

let count = 0;
/** A text nobody has used. */
function fresh(): string {
  count += 1;
  return `n${count}`;
}

/** What a manager lets agents spend, and ways to new things of each kind. */
const spenders = once(async () => {
  const { manager } = await people();
  const { management, walletId } = manager;
  const [{ agentId }, { agentId: childId }] = [await newAgentKey(manager), await newAgentKey(manager, "child")];
  const funded = await management.post(`/v1/wallets/${walletId}/fund`, { amount: 100_000 }, { "idempotency-key": "capital" });
  assert.equal(funded.status, 201, funded.text);
  const mandate = await newMandate(management, agentId);
  const strict = await newMandate(management, agentId, { total_limit: 1_000_000, approval_threshold: 0 });
  const payer = new Payer(server.current.url, () => newToken(management, agentId, { mandate_id: mandate.id, ttl_seconds: 900 }));
  const spend = { kind: "tool", amount: 2, agent_id: agentId, mandate_id: mandate.id };
  const lease = { child_agent_id: childId, mandate_id: mandate.id, amount: 2 };
  const make = async (path: string, body: Json): Promise<any> => {
    const made = await management.post(`/v1/spend-guard/${path}`, body);
    assert.ok(made.status < 300, made.text);
    return made.json;
  };
  return {
    agentId, mandate, payer, spend, lease,
    reservation: async () => (await make("reservations", { ...spend, ttl_seconds: 86_400 })).id,
    approval: async () => (await make("reservations", { ...spend, mandate_id: strict.id })).approval_id,
    lent: async () => (await make("budget-leases", lease)).id,
  };
});

/** The deed at the route of this name; `path` fills the route's parameters. */
function deedAt(name: string, client: Client, path: string, body: Deed["body"], other: (body: Json) => Json, secret?: string): Deed {
  const route = ROUTES.find((route) => route.name === name);
  assert.ok(route, name);
  const root = path.startsWith("/v1/") ? "v1" : "v2";
  return { name, root, client, path, status: route.status, body, other, ...(secret === undefined ? {} : { secret }) };
}

/** A URL nobody listens at; of the twenty endpoints a tenant has, old ones make room. */
async function webhookUrl(manager: Manager): Promise<string> {
  const { data } = (await manager.management.get("/v1/webhooks?limit=20")).json;
  for (const { id, url } of data.slice(10)) if (url !== NOBODY_LISTENS) await manager.management.delete(`/v1/webhooks/${id}`);
  return `${NOBODY_LISTENS}${fresh()}`;
}

const deeds = once(async (): Promise<Deed[]> => {
  const { agent, manager, wallet } = await people();
  const { runtime } = agent;
  const tenants = `/v2/tenants/${manager.tenantId}`;
  const withSession = (more: () => Json) => async (): Promise<Json> => ({ session_id: await openSession(runtime), ...more() });
  const but = (change: Json) => (body: Json): Json => ({ ...body, ...change });
  const token = async (): Promise<Json> => ({ enrollment_token: await mintToken(manager) });
  const status = `/v2/session/${await openSession(runtime)}/status`;
  const label = (): Json => ({ label: fresh() });
  const made = await manager.management.post("/v1/webhooks", { url: NOBODY_LISTENS, events: ["order.message"] });
  assert.equal(made.status, 201, made.text);
  const hook = `/v1/webhooks/${made.json.id}`;
  const delivery = (await manager.management.post(`${hook}/test`, {})).json;
  const { agentId, mandate, payer, spend, lease, reservation, approval, lent } = await spenders();
  /** `about` is no field of any route: it says in the path what the deed is about. */
  const about = (make: () => Promise<string>) => async (): Promise<Json> => ({ about: await make() });
  const registered = async (): Promise<string> => {
    const made = await manager.management.post("/v1/agents", { display_name: fresh() });
    assert.equal(made.status, 201, made.text);
    return made.json.agt_id;
  };
  const guard = "/v1/spend-guard";
  const post = async (path: string, body: Json): Promise<any> => {
    const made = await manager.management.post(path, body);
    assert.equal(made.status, 201, made.text);
    return made.json;
  };
  const ofAgent = (): Json => ({ agent_id: agentId, metadata: { note: fresh() } });
  const session = () => post("/v1/agent-sessions", { agent_id: agentId, ttl_seconds: 86_400 });
  const [giver, receiver] = [await post("/v1/agents", { name: "giver", scopes: ["data:*"] }), await post("/v1/agents", { name: "receiver" })];
  const offer = { from_agent_id: giver.agt_id, to_agent_id: receiver.agt_id, scopes: ["data:read"] };
  const rights = { mandate_id: mandate.id, action: "tool:spend", audience: "spendguard-actions" };
  return [
    deedAt("query", runtime, "/v2/query", () => ({ query_text: fresh() }), but({ limit: 2 })),
    deedAt("primeContext", runtime, "/v2/prime-context", () => ({ task_description: fresh() }), but({ token_budget: 9 })),
    deedAt("openSession", runtime, "/v2/session/open", () => ({ session_id: newSlug() }), but({ session_id: "other" })),
    deedAt("appendToSession", runtime, "/v2/session/append", withSession(() => ({ content: fresh() })), but({ content: "other" })),
    deedAt("flushSession", runtime, "/v2/session/flush", withSession(() => ({})), but({ smart_consolidation: true })),
    deedAt("closeSession", runtime, "/v2/session/close", withSession(() => ({ summary: fresh() })), but({ summary: "other" })),
    deedAt("finalizeSession", runtime, "/v2/session/finalize", withSession(() => ({ observations: [{ content: fresh() }] })), but({ observations: [] })),
    deedAt("sessionStatus", runtime, status, () => ({}), but({ tenant_id: agent.tenantId })),
    deedAt("signUpAgent", wallet.client, "/v2/agents/signup", () => ({ tenant_id: newSlug() }), but({ metadata: { a: 1 } }), "agent_key"),
    deedAt("enrollAgent", wallet.client, "/v2/agents/enroll", token, but({ metadata: { a: 1 } }), "agent_key"),
    deedAt("bootstrapOwner", agent.client, "/v2/agents/owner-bootstrap", () => ({ owner_email: "ada@example.org" }), but({ owner_email: "bob@example.org" })),
    deedAt("createTenant", manager.client, "/v2/tenants", () => ({ tenant_id: newSlug() }), but({ name: "other" })),
    deedAt("createEnrollmentToken", manager.client, `${tenants}/enrollment-tokens`, label, but({ label: "other" }), "enrollment_token"),
    deedAt("createAgentKey", manager.client, `${tenants}/agent-keys`, label, but({ label: "other" }), "agent_key"),
    deedAt("createWallet", manager.management, "/v1/wallets", () => ({ currency: "usd", name: fresh() }), but({ name: "other" })),
    deedAt("fundWallet", manager.management, `/v1/wallets/${manager.walletId}/fund`, () => ({ amount: (count += 1) }), but({ amount: 999_999 })),
    deedAt("createApiKey", manager.management, "/v1/api-keys", label, but({ label: "other" }), "key"),
    deedAt("createWebhook", manager.management, "/v1/webhooks", async () => ({ url: await webhookUrl(manager), events: ["order.message"] }), but({ description: "other" }), "secret"),
    deedAt("rotateWebhookSecret", manager.management, `${hook}/rotate-secret`, () => ({}), but({ other: 1 }), "secret"),
    deedAt("testWebhook", manager.management, `${hook}/test`, () => ({}), but({ other: 1 })),
    deedAt("replayWebhook", manager.management, `${hook}/replay`, () => ({ since: "2026-01-01T00:00:00Z" }), but({ since: "2026-01-02T00:00:00Z" })),
    deedAt("replayWebhookDelivery", manager.management, `${hook}/deliveries/${delivery.id}/replay`, () => ({}), but({ other: 1 })),
    deedAt("createAgentSession", manager.management, "/v1/agent-sessions", ofAgent, but({ ttl_minutes: 1 }), "token"),
    deedAt("createSession", manager.management, "/v1/sessions", ofAgent, but({ ttl_minutes: 1 }), "refresh_token"),
    deedAt("refreshAgentSession", server.client(), "/v1/agent-sessions/refresh", async () => ({ refresh_token: (await session()).refresh_token }), but({ note: 1 }), "token"),
    deedAt("terminateSession", manager.management, "/v1/sessions/{about}/terminate", about(async () => (await session()).id), but({ reason: "other" })),
    deedAt("offerDelegation", manager.management, "/v1/delegations", () => ({ ...offer, note: fresh() }), but({ ttl_seconds: 9 })),
    deedAt("acceptDelegation", manager.management, "/v1/delegations/{about}/accept", about(async () => (await post("/v1/delegations", offer)).id), but({ note: 1 })),
    deedAt("checkGuardrails", manager.management, "/v1/guardrails/check", () => ({ agent_id: agentId, action: "data:read", context: { note: fresh() } }), but({ context: {} })),
    deedAt("createAgentReceipt", manager.management, "/v1/agent-receipts", () => ({ agent_id: agentId, action: fresh() }), but({ action: "other" })),
    deedAt("registerAgent", manager.management, "/v1/agents", () => ({ display_name: fresh() }), but({ display_name: "other" })),
    deedAt("suspendAgent", manager.management, "/v1/agents/{about}/suspend", about(registered), but({ reason: "other" })),
    deedAt("revokeAgent", manager.management, "/v1/agents/{about}/revoke", about(registered), but({ reason: "other" })),
    deedAt("rotateAgentSigningKey", manager.management, `/v1/agents/${agentId}/keys/rotate`, () => ({ reason: fresh() }), but({ reason: "other" })),
    deedAt("computeTrustScore", manager.management, `/v1/agents/${agentId}/trust-score/compute`, () => ({ note: fresh() }), but({ note: "other" })),
    deedAt("createMandate", manager.management, "/v1/mandates", () => ({ agent_id: agentId, total_limit: 5, name: fresh() }), but({ name: "other" })),
    deedAt("createExecutionToken", manager.management, `/v1/agents/${agentId}/execution-tokens`, () => ({ ...rights, note: fresh() }), but({ ttl_seconds: 30 })),
    deedAt("createPayment", payer, "/v1/payments", async () => ({ amount: 1, currency: "usd", merchant: await payer.merchant() }), but({ amount: 2 })),
    deedAt("estimateSpend", manager.management, `${guard}/estimate`, () => ({ kind: "tool", amount: 1, resource: fresh() }), but({ amount: 2 })),
    deedAt("authorizeSpend", manager.management, `${guard}/authorize`, () => ({ ...spend, resource: fresh() }), but({ amount: 3 })),
    deedAt("createReservation", manager.management, `${guard}/reservations`, () => ({ ...spend, resource: fresh() }), but({ amount: 3 })),
    deedAt("createReservations", manager.management, `${guard}/reservations/batch`, () => ({ items: [{ ...spend, resource: fresh() }] }), but({ atomic: true })),
    deedAt("captureReservation", manager.management, `${guard}/reservations/{about}/capture`, about(reservation), but({ amount: 1 })),
    deedAt("releaseReservation", manager.management, `${guard}/reservations/{about}/release`, about(reservation), but({ reason: "other" })),
    deedAt("createBudgetLease", manager.management, `${guard}/budget-leases`, () => ({ ...lease, note: fresh() }), but({ amount: 1 })),
    deedAt("releaseBudgetLease", manager.management, `${guard}/budget-leases/{about}/release`, about(lent), but({ note: "other" })),
    deedAt("revokeBudgetLease", manager.management, `${guard}/budget-leases/{about}/revoke`, about(lent), but({ note: "other" })),
    deedAt("approve", manager.management, "/v1/approvals/{about}/approve", about(approval), but({ reason: "other" })),
    deedAt("deny", manager.management, "/v1/approvals/{about}/deny", about(approval), but({ reason: "other" })),
  ];
});

/** Anonymous ones; their records would be those of an address. */
const ANONYMOUS = new Set(["createChallenge", "createWalletSession", "advanceTestClock"]);

function ask(deed: Deed, body: Json, key: string, client = deed.client): Promise<Reply> {
  return client.post(pathOf(deed, body), body, { "idempotency-key": key });
}

function pathOf(deed: Deed, body: Json): string {
  return deed.path.replace("{about}", String(body["about"]));
}

function isReplay(reply: Reply): boolean {
  return reply.headers.get("idempotent-replayed") === "true";
}

async function stateOfAll(): Promise<unknown> {
  const { agent, manager } = await people();
  const uuids = [await uuidOfTenant(server.current, agent.tenantId), manager.tenantUuid];
  return [await stateOfBook(server.current), await Promise.all(uuids.map((uuid) => stateOfTenant(server.current, uuid)))];
}

type Done = { deed: Deed; body: Json; first: Reply };

/** Every deed done once under this key. */
async function doAll(key: string): Promise<Done[]> {
  return Promise.all((await deeds()).map(async (deed) => {
    const body = await deed.body();
    const first = await ask(deed, body, key);
    assert.equal(first.status, deed.status, `${deed.name}: ${first.text}`);
    assert.ok(!isReplay(first), deed.name);
    return { deed, body, first };
  }));
}

/** The members in another order, with room between and an escape that need not be. */
function respelled(body: Json): string {
  const escape = (name: string): string => `\\u${name.charCodeAt(0).toString(16).padStart(4, "0")}${name.slice(1)}`;
  const members = Object.entries(body).reverse().map(([name, value]) => ` "${escape(name)}" :\n ${JSON.stringify(value)}`);
  return `{${members.join(",")}}`;
}

test("every POST of /v1 and /v2 that has a caller stands in this file", async () => {
  const posts = ROUTES.filter(({ method, path, name }) => method === "POST" && /^\/v[12]\//.test(path) && !ANONYMOUS.has(name));
  assert.deepEqual(posts.map(({ name }) => name).sort(), (await deeds()).map(({ name }) => name).sort());
});

test("a repeat is answered with the same status and body, secrets too, whatever way the key and the body are spelled", async () => {
  const done = await doAll('"repeat"');
  const before = await stateOfAll();
  await Promise.all(done.map(async ({ deed, body, first }) => {
    for (const spelling of ['"repeat"', "repeat", "  repeat "]) {
      const again = await ask(deed, body, spelling);
      assert.deepEqual([again.status, again.text, isReplay(again)], [first.status, first.text, true], deed.name);
      assert.notEqual(again.headers.get("x-request-id"), first.headers.get("x-request-id"));
      if (first.headers.has("cache-control")) assert.equal(again.headers.get("cache-control"), "no-store");
    }
    const headers = { "content-type": "application/json", "idempotency-key": "repeat" };
    const again = await deed.client.send("POST", pathOf(deed, body), { body: respelled(body), headers });
    assert.deepEqual([again.status, again.text, isReplay(again)], [first.status, first.text, true], deed.name);
    if (deed.secret !== undefined) assert.match(first.json[deed.secret], /([0-9a-f]{64}|whsec_[A-Za-z0-9+/]{43}=)$/);
  }));
  assert.deepEqual(await stateOfAll(), before, "a repeat has no effect");
});

test("the key with another body is a conflict and does nothing; the first answer stands", async () => {
  const done = await doAll("conflict");
  const before = await stateOfAll();
  await Promise.all(done.map(async ({ deed, body, first }) => {
    const other = deed.other(body);
    assert.notDeepEqual(other, body);
    for (let n = 0; n < 2; n += 1) {
      const reply = await ask(deed, other, "conflict");
      assert.equal(reply.status, 422, `${deed.name}: ${reply.text}`);
      expectFault(reply, deed.root, 422, "idempotency_conflict");
      assert.ok(!isReplay(reply));
    }
    assert.equal((await ask(deed, body, "conflict")).text, first.text);
  }));
  assert.deepEqual(await stateOfAll(), before);
});

test("of many requests with one key at once one has the effect; the others get its answer or are told to wait", async () => {
  await Promise.all((await deeds()).map(async (deed) => {
    const [body, key] = [await deed.body(), "crowd"];
    const replies = await Promise.all(Array.from({ length: 12 }, () => ask(deed, body, key)));
    const done = replies.filter((reply) => reply.status === deed.status);
    assert.equal(new Set(done.map((reply) => reply.text)).size, 1, replies.map((reply) => reply.text.slice(0, 150)).join("\n"));
    assert.equal(done.filter((reply) => !isReplay(reply)).length, 1, "one ran");
    for (const reply of replies.filter((reply) => !done.includes(reply))) {
      expectFault(reply, deed.root, 409, "idempotency_in_flight");
      assert.equal(reply.headers.get("retry-after"), "1");
    }
    assert.equal((await ask(deed, body, key)).text, done[0]?.text);
  }));
});

test("of 64 requests with one key at once one wallet is funded, once, and one query charged, once", async () => {
  const { agent, manager } = await people();
  const balance = async (): Promise<number> => (await manager.management.get(`/v1/wallets/${manager.walletId}/balance`)).json.available;
  const [funds, fund] = [await balance(), `/v1/wallets/${manager.walletId}/fund`];
  const funded = await Promise.all(Array.from({ length: 64 }, () => manager.management.post(fund, { amount: 250 }, { "idempotency-key": "64" })));
  assert.equal(new Set(funded.filter((reply) => reply.status === 201).map((reply) => reply.json.id)).size, 1);
  assert.equal(await balance(), funds + 250);
  const asked = await Promise.all(Array.from({ length: 64 }, () => agent.runtime.post("/v2/query", { query_text: "rain" }, { "idempotency-key": "64" })));
  const [first] = asked.filter((reply) => reply.status === 200);
  const next = await agent.runtime.post("/v2/query", { query_text: "rain" });
  assert.equal((Number(first?.json.balance) - Number(next.json.balance)).toFixed(3), "0.001", "between the two only the second was charged");
});

test("a key is its caller's, its route's and its path's own", async () => {
  const { agent, manager } = await people();
  const key = { "idempotency-key": "mine" };
  const body = { query_text: "rain" };
  const first = await agent.runtime.post("/v2/query", body, key);
  assert.ok(first.status === 200 && !isReplay(first));
  const stranger = await signUp(server.client());
  const others: [string, Promise<Reply>][] = [
    ["the same agent as a wallet", server.client().bearer(agent.sessionToken).post("/v2/query", { ...body, tenant_id: agent.tenantId }, key)],
    ["another tenant", stranger.runtime.post("/v2/query", body, key)],
    ["another route", agent.runtime.post("/v2/prime-context", { task_description: "rain" }, key)],
    ["another session's status", agent.runtime.post(`/v2/session/${await openSession(agent.runtime)}/status`, {}, key)],
    ["and another's", agent.runtime.post(`/v2/session/${await openSession(agent.runtime)}/status`, {}, key)],
  ];
  for (const [name, reply] of others) assert.deepEqual([(await reply).status, isReplay(await reply)], [200, false], name);
  const elsewhere = server.client().with(agent.runtime.headers);
  assert.equal((await elsewhere.post("/v2/query", body, key)).text, first.text, "an address is no caller");

  const second = await manager.management.post("/v1/wallets", { currency: "usd" });
  const key2 = await manager.management.post("/v1/api-keys", {});
  const management2 = server.client().with({ "x-api-key": key2.json.key });
  const funded = [
    await manager.management.post(`/v1/wallets/${manager.walletId}/fund`, { amount: 5 }, key),
    await manager.management.post(`/v1/wallets/${second.json.id}/fund`, { amount: 5 }, key),
    await management2.post(`/v1/wallets/${manager.walletId}/fund`, { amount: 5 }, key),
    await manager.client.post(`/v1/wallets/${manager.walletId}/fund`, { amount: 5 }, { ...key, "x-tenant-id": manager.tenantId }),
  ];
  assert.deepEqual(funded.map((reply) => [reply.status, isReplay(reply)]), Array(4).fill([201, false]));
  assert.equal(new Set(funded.map((reply) => reply.json.id)).size, 4);
});

test("whatever the path names is the same in every spelling of it", async () => {
  const { manager } = await people();
  const { management: office, client: human } = manager;
  const agent = (await office.post("/v1/agents", { display_name: "spelt" })).json;
  const wallet = (await office.post("/v1/wallets", { currency: "usd" })).json;
  const ulid = agent.agt_id.slice(4);
  const same: [Client, Json, (spelling: string) => string, string[]][] = [
    [office, {}, (id) => `/v1/agents/${encodeURIComponent(id)}/keys/rotate`,
      [agent.agt_id, agent.agt_id.toLowerCase(), agent.agent_id, agent.id, agent.id.toUpperCase(), ulid, `ext_${ulid}`, `maip-agent:${ulid}`]],
    [office, { amount: 7, currency: "usd" }, (id) => `/v1/wallets/${id}/fund`, [wallet.id, `wal_${wallet.id.slice(4).toLowerCase()}`]],
    [human, {}, (id) => `/v2/tenants/${id}/enrollment-tokens`, [manager.tenantId, manager.tenantUuid, manager.tenantUuid.toUpperCase()]],
  ];
  for (const [client, body, path, [first, ...others]] of same) {
    const key = { "idempotency-key": crypto.randomUUID() };
    const made = await client.post(path(first!), body, key);
    assert.equal(made.status, 201, made.text);
    for (const spelling of others) {
      const again = await client.post(path(spelling), body, key);
      assert.deepEqual([again.status, again.text, again.headers.get("idempotent-replayed")], [201, made.text, "true"], spelling);
    }
  }
  const another = (await office.post("/v1/agents", { display_name: "another" })).json;
  const key = { "idempotency-key": crypto.randomUUID() };
  const rotated = await Promise.all([agent, another].map(({ agt_id }) => office.post(`/v1/agents/${agt_id}/keys/rotate`, {}, key)));
  assert.notEqual(rotated[0]!.json.key_id, rotated[1]!.json.key_id);
});

test("a key is 1 to 255 visible ASCII characters; with another nothing is done", async () => {
  const asked = await Promise.all((await deeds()).map(async (deed) => ({ deed, body: await deed.body() })));
  const before = await stateOfAll();
  await Promise.all(asked.map(async ({ deed, body }) => {
    for (const key of ["", " ", '""', "a b", "é", "\u00a0", "a\tb", "x".repeat(256), `"${"x".repeat(256)}"`]) {
      expectFault(await ask(deed, body, key), deed.root, 400, deed.root === "v1" ? "INVALID_INPUT" : "invalid_request", { path: "Idempotency-Key" });
    }
  }));
  assert.deepEqual(await stateOfAll(), before);
  const { agent } = await people();
  for (const key of ["!", "~", "x".repeat(255), `"${"y".repeat(255)}"`, "a,b;c=d/e?f", "\\", "'"]) {
    const reply = await agent.runtime.post("/v2/query", { query_text: "rain" }, { "idempotency-key": key });
    assert.deepEqual([reply.status, isReplay(reply)], [200, false], `${key}: ${reply.text}`);
    assert.ok(isReplay(await agent.runtime.post("/v2/query", { query_text: "rain" }, { "idempotency-key": key })));
  }
});

test("a key that a route cannot do without is asked for after the credential and the body's form, and before its fields", async () => {
  const { manager } = await people();
  const fund = `/v1/wallets/${manager.walletId}/fund`;
  const funds = async (): Promise<number> => (await manager.management.get(`/v1/wallets/${manager.walletId}/balance`)).json.total;
  const before = await funds();
  for (const body of [{ amount: 1 }, { amount: "x" }, {}, { amount: 1, idempotency_key: null }]) {
    expectFault(await manager.management.post(fund, body), "v1", 400, "idempotency_key_required");
  }
  expectFault(await manager.management.post("/v1/wallets/x/fund", { amount: 1 }), "v1", 400, "idempotency_key_required");
  expectFault(await server.client().post(fund, { amount: 1 }), "v1", 401, "UNAUTHORIZED");
  expectFault(await manager.management.send("POST", fund, { body: "{", headers: { "content-type": "application/json" } }), "v1", 400, "INVALID_REQUEST", { path: "$", line: 1, column: 1 });
  expectFault(await manager.management.send("POST", fund, { body: "{}", headers: { "content-type": "text/plain" } }), "v1", 415, "UNSUPPORTED_MEDIA_TYPE");
  assert.equal(await funds(), before);
});

test("a repeat is answered after the process was killed, and neither key nor secret stands on the disk", async () => {
  const key = "a-key-that-is-kept-only-hashed";
  const told = await doAll(key);
  await server.current.kill();
  for (const { deed, body, first } of told) {
    const again = await ask(deed, body, key);
    assert.deepEqual([again.status, again.text, isReplay(again)], [first.status, first.text, true], deed.name);
  }
  const secrets = told.flatMap(({ deed, first }) => (deed.secret === undefined ? [] : [first.json[deed.secret].slice(-48)]));
  assert.equal(secrets.length, 10);
  const folder = server.current.persist;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.ok(files.length > 5);
  for (const file of files) {
    const bytes = readFileSync(join(file.parentPath, file.name));
    for (const text of [key, ...secrets]) assert.ok(!bytes.includes(text), `${text} stands in ${file.name}`);
  }
});

test("a key is good for 24 hours, and then for a new request", async () => {
  // A wallet's session does not last that long: it is the wallet that is the caller, by whatever session.
  const { wallet, agent } = await people();
  const kept = await doAll("day");
  const renewed = async ({ client }: Deed): Promise<Client> => {
    if (client instanceof Payer) return client.renewed();
    const owner = [wallet, agent].find((each) => each.client === client);
    return owner === undefined ? client : (await signIn(server.client(), owner.account)).client;
  };
  await server.current.advance(DAY_S - 60);
  for (const { deed, body, first } of kept) {
    const again = await ask(deed, body, "day", await renewed(deed));
    assert.deepEqual([again.text, isReplay(again)], [first.text, true], deed.name);
  }
  await server.current.advance(60);
  for (const { deed, body } of kept) {
    const anew = await ask(deed, body, "day", await renewed(deed));
    assert.ok(!isReplay(anew), `${deed.name}: ${anew.text}`);
    // What was used up or taken is so still; all else is done again, and kept anew.
    const spent: Json = { signUpAgent: "tenant_exists", createTenant: "tenant_exists", enrollAgent: "invalid_enrollment_token", finalizeSession: "session_closed", captureReservation: "reservation_resolved", refreshAgentSession: "UNAUTHORIZED" };
    assert.equal(anew.status < 300 ? undefined : anew.json.code, spent[deed.name], `${deed.name}: ${anew.text}`);
    if (anew.status < 300) assert.equal((await ask(deed, deed.other(body), "day", await renewed(deed))).status, 422, deed.name);
  }
});
