// Two full tenants side by side: what is one's is not there for the other, whoever asks and by whatever name.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";
import { newSlug, newWallet, signIn, signUp } from "./support/agent.ts";
import type { Client, HeaderMap, Reply, Sent } from "./support/client.ts";
import { Buyer, expectData, type Json } from "./support/buyer.ts";
import { openSession, register } from "./support/company.ts";
import { newHousehold, type Household } from "./support/household.ts";
import { makeSeller, makeService, newService, sellerOfHouse, type Seller } from "./support/market.ts";
import { ROUTES, fillPath, type Route } from "./support/route.ts";
import { useServer } from "./support/server.ts";
import { stateOfTenant } from "./support/state.ts";
import { ACTIONS, booksOf, deskOf, newLease, newReservation, type Desk } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });

/** What is theirs to spend, and must stand as it stood. */
async function keysOf(house: Household): Promise<string[]> {
  const keys = await house.owner.client.get(`/v2/tenants/${house.tenantId}/agent-keys`);
  return keys.json.keys.map((key: { key_id: string }) => key.key_id);
}

type Money = { desk: Desk; reservation: string; pending: Record<string, any>; lease: string; session: string; delegation: string; receipt: string; order: string; books: Record<string, number>; keys: string[] };
type Pair = { mine: Household; theirs: Household; myDesk: Desk; mySession: Client; money: Money };
let ready: Promise<Pair> | undefined;
const setUp = (): Promise<Pair> => (ready ??= makePair());

async function newThing(desk: Desk, path: string, body: object): Promise<Record<string, any>> {
  const made = await desk.office.post(`/v1/${path}`, body);
  assert.equal(made.status, 201, made.text);
  return made.json;
}

async function makePair(): Promise<Pair> {
  const [mine, theirs] = await Promise.all([newHousehold(server.current), newHousehold(server.current)]);
  const [myDesk, desk] = await Promise.all([deskOf(mine), deskOf(theirs)]);
  const [reservation, pending, lease] = [await newReservation(desk), await newReservation(desk, true), await newLease(desk)];
  const [session, receipt] = [await openSession(desk.office, desk.agentId), await newThing(desk, "agent-receipts", { agent_id: desk.agentId, action: "x" })];
  const [from_agent_id, to_agent_id] = [await register(desk.office), desk.agentId];
  const delegation = await newThing(desk, "delegations", { from_agent_id, to_agent_id, scopes: ["data:read"] });
  const order = await new Buyer(server.current).order((await makeService(await sellerOfHouse(theirs)))["id"]);
  const proofs = { session: session["id"], delegation: delegation["id"], receipt: receipt["receipt_id"], order: order["id"] };
  const { client: mySession } = await openSession(myDesk.office, myDesk.agentId);
  return { mine, theirs, myDesk, mySession, money: { ...proofs, desk, reservation: reservation["id"], pending, lease: lease["id"], books: await booksOf(desk.office), keys: await keysOf(theirs) } };
}

/** An id of the same kind that nobody has. */
function inventId(known: string): string {
  const ulid = /^([a-z]+_)[0-9A-Z]{26}$/.exec(known);
  if (ulid) return `${ulid[1]}01${randomBytes(12).toString("hex").toUpperCase()}`;
  if (/^[0-9a-f]{8}-/.test(known)) return randomUUID();
  if (known.startsWith("maip-sess:")) return `${known.slice(0, 19)}${randomBytes(8).toString("hex")}`;
  const key = /^(inv_[0-9a-f]{48})[0-9a-f]{48}$/.exec(known);
  if (key) return key[1] + randomBytes(24).toString("hex");
  return newSlug("nobody");
}

const inventIds = (ids: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, name === "verb" ? id : inventId(id)]));

/** One attempt at a thing: who it belongs to is a matter of its ids alone. */
type Attempt = { caller: Client; method: string; path: string; sent: Sent };

/** How an id of somebody else is tried at a route, given ids to try it with. */
type Trial = { ids: Record<string, string>; attempt: (ids: Record<string, string>, route: Route) => Attempt };

const FORM: HeaderMap = { "content-type": "application/x-www-form-urlencoded" };

function formOf(mine: Household, fields: Record<string, string>): Sent {
  return { body: new URLSearchParams({ csrf: mine.owner.csrf, idempotency_key: newSlug("once"), ...fields }).toString(), headers: FORM };
}

/** What is done to a thing at the console, by its noun. */
const VERBS = { mandates: "revoke", leases: "revoke", wallets: "stop", webhooks: "rotate", orders: "cancel" };

/** What a form of the console needs before it looks at an id. */
const FIELDS: Record<string, Record<string, string>> = { accountDecide: { decision: "approve" } };

/** By parameter: the other's id in it. */
function foreignIds({ theirs, money }: Pair, route: Route): Record<string, string> {
  const isKey = route.path.includes("key");
  const byNoun: [string, string][] = [
    ["sessions/{id}", money.session], ["delegations", money.delegation], ["receipts/agent/", theirs.agent.agentId], ["receipts", money.receipt],
    ["wallets", theirs.walletId], ["/v1/agents", theirs.agent.agentId], ["mandates", money.desk.mandate.id], ["payments", money.desk.paymentId],
    ["reservations", money.reservation], ["leases", money.lease], ["approvals", money.pending["approval_id"]], ["orders", money.order],
  ];
  const ofMoney = byNoun.find(([noun]) => route.path.includes(noun))?.[1];
  const verb = Object.entries(VERBS).find(([noun]) => route.path.startsWith(`/account/${noun}`))?.[1];
  const all: Record<string, string> = {
    ...(verb === undefined ? {} : { verb }),
    tenant_id: theirs.tenantId,
    key_id: theirs.agentKeyId,
    delivery_id: theirs.deliveryId,
    id: ofMoney ?? (route.path.includes("webhooks") ? theirs.webhookId : isKey ? theirs.apiKeyId : theirs.enrollmentId),
    session_id: theirs.sessionId,
    agent_id: theirs.agent.agentId,
  };
  const names = [...route.path.matchAll(/\{\*?(\w+)\}/g)].map(([, name = ""]) => name);
  return Object.fromEntries(names.map((name) => [name, all[name] ?? assert.fail(`${route.path}: no id for ${name}`)]));
}

const BODIES: Record<string, object> = {
  createAgentKey: { label: "x" },
  fundWallet: { amount: 1 },
  updateWebhook: { description: "x" },
  replayWebhook: { since: "2026-01-01T00:00:00Z" },
  createExecutionToken: { mandate_id: "mdt_01J8ZZZZZZZZZZZZZZZZZZZZZZ", action: "tool:spend", audience: "spendguard-actions" },
  updateAgent: { display_name: "x" },
  replaceMandate: { version: 1, total_limit: 1 },
};

/** What a route needs in its query before it looks at an id. */
const QUERIES: Record<string, string> = { explainScope: "?action=data:read" };

/** Every way the other's ids are tried at a route. */
function trialsAt(route: Route, pair: Pair): Trial[] {
  const { mine, theirs, myDesk } = pair;
  const ids = foreignIds(pair, route);
  const json = route.body === "Json" ? { json: BODIES[route.name] ?? {} } : {};
  const headers = { "idempotency-key": newSlug("once") };
  const send = (caller: Client) => (ids: Record<string, string>): Attempt => {
    return { caller, method: route.method, path: `${fillPath(route, ids)}${QUERIES[route.name] ?? ""}`, sent: { ...json, headers } };
  };
  switch (route.access) {
    case "Runtime":
      return [{ ids, attempt: send(mine.agent.runtime) }, { ids, attempt: send(mine.agent.client.with({ "x-tenant-id": mine.tenantId })) }];
    case "Spend":
    case "Agent":
    case "SessionOrManagement":
    case "Management": {
      const tokens = { Management: [], SessionOrManagement: [pair.mySession], Spend: [myDesk.tools], Agent: [myDesk.tools, pair.mySession] }[route.access];
      const byKey = mine.stranger.with({ "x-api-key": mine.apiKey });
      const byToken = mine.owner.client.with({ "x-tenant-id": mine.tenantId });
      return [byKey, byToken, ...tokens].map((caller) => ({ ids, attempt: send(caller) }));
    }
    case "Human": {
      const { tenant_id: _, ...rest } = ids;
      const trials: Trial[] = [
        { ids, attempt: send(mine.owner.client) },
        { ids: { ...ids, tenant_id: theirs.tenantUuid }, attempt: send(mine.owner.client) },
        { ids, attempt: send(mine.owner.browser) },
      ];
      // Their key under my tenant's name.
      const mixed = (more: Record<string, string>): Attempt => send(mine.owner.client)({ ...more, tenant_id: mine.tenantId });
      return Object.keys(rest).length > 0 ? [...trials, { ids: rest, attempt: mixed }] : trials;
    }
    case "Console": {
      const attempt = ({ tenant = mine.tenantId, ...ids }: Record<string, string>): Attempt => {
        const path = fillPath(route, ids);
        const sent = route.method === "GET" ? {} : formOf(mine, { tenant, ...FIELDS[route.name] });
        return { caller: mine.owner.browser, method: route.method, path: route.method === "GET" ? `${path}?tenant=${tenant}` : path, sent };
      };
      const atTheirs = { ids: { ...ids, tenant: theirs.tenantId }, attempt };
      // Under my tenant's name only where there is an id of theirs to try.
      return Object.keys(ids).some((name) => name !== "verb") ? [{ ids, attempt }, atTheirs] : [atTheirs];
    }
    default:
      return [];
  }
}

/** All a caller can see of an answer, but for what differs between any two. */
function looksOf(reply: Reply): unknown {
  const differing = new Set(["x-request-id", "date", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit"]);
  const headers = [...reply.headers].filter(([name]) => !differing.has(name)).sort();
  return { status: reply.status, headers, body: reply.text.replaceAll(/req_[0-9A-Z]{26}/g, "req_") };
}

const send = ({ caller, method, path, sent }: Attempt): Promise<Reply> => caller.send(method, path, sent);

// The token of an invitation is what lets somebody in, whoever they are: it is no id of a tenant's thing.
// What is open to anyone is nobody's alone. What is sold is seen by all, and another's is told so (contract README 14): the
// routes of the marketplace have a test of their own below, with an operator's.
const OF_MARKET = ["Seller", "Buyer", "Party", "Owner", "Admin"];
const WITH_ID = ROUTES.filter((route) => /\{/.test(route.path) && !route.path.includes("{token}") && !["Public", "Shared", "OperatorConsole", ...OF_MARKET].includes(route.access));

test("an id of another tenant looks like one that nobody has, at every route with an id", async () => {
  const pair = await setUp();
  const counts = await Promise.all(
    WITH_ID.map(async (route) => {
      const trials = trialsAt(route, pair);
      assert.ok(trials.length > 0, `${route.name}: nobody tried`);
      for (const { ids, attempt } of trials) {
        const foreign = await send(attempt(ids, route));
        const invented = await send(attempt(inventIds(ids), route));
        const told = `${route.method} ${route.path} with ${JSON.stringify(ids)}: ${foreign.text.slice(0, 300)}`;
        assert.ok([403, 404].includes(foreign.status), `${foreign.status} ${told}`);
        assert.deepEqual(looksOf(foreign), looksOf(invented), told);
      }
      return trials.length;
    }),
  );
  assert.ok(counts.length >= 14, `${counts.length} routes have an id`);
  await expectUntouched(pair);
});

test("an id of another tenant in a body or query looks like one that nobody has", async () => {
  const pair = await setUp();
  const { mine, theirs, myDesk, money } = pair;
  const owner = mine.owner.client;
  const { office } = myDesk;
  const [reservations, leases, tokens] = ["/v1/spend-guard/reservations", "/v1/spend-guard/budget-leases", `/v1/agents/${myDesk.agentId}/execution-tokens`];
  const token = { action: "tool:spend", ...ACTIONS };
  const spend = { kind: "tool", amount: 1, agent_id: myDesk.agentId, mandate_id: myDesk.mandate.id };
  const payment = { amount: 1, currency: "usd", merchant: "x" };
  const lease = { child_agent_id: myDesk.childId, mandate_id: myDesk.mandate.id, amount: 1 };
  const keys = `/v2/tenants/${mine.tenantId}/agent-keys`;
  const runtime = { ...mine.agent.runtime.headers };
  const nameless = mine.agent.runtime.with({});
  delete nameless.headers["x-tenant-id"];
  const wallet = mine.agent.client;
  const funding = (wallet_id: string): Sent => formOf(mine, { tenant: mine.tenantId, wallet_id, amount: "1" });
  const trials: [string, number, string, (id: string) => Promise<Reply>][] = [
    ["a key for their agent", 404, theirs.agent.agentId, (id) => owner.post(keys, { agent_id: id })],
    ["flush their session", 404, theirs.sessionId, (session_id) => mine.agent.runtime.post("/v2/session/flush", { session_id })],
    ["close their session", 404, theirs.sessionId, (session_id) => mine.agent.runtime.post("/v2/session/close", { session_id })],
    ["append to their session", 404, theirs.sessionId, (session_id) => mine.agent.runtime.post("/v2/session/append", { session_id, content: "x" })],
    ["name their tenant in the body, with a key", 403, theirs.tenantId, (tenant_id) => nameless.post("/v2/query", { tenant_id, query_text: "silver" })],
    ["name it in the body beside one's own", 403, theirs.tenantId, (tenant_id) => mine.agent.runtime.post("/v2/query", { tenant_id, query_text: "silver" })],
    ["name it by its uuid", 403, theirs.tenantUuid, (tenant_id) => nameless.post("/v2/query", { tenant_id, query_text: "silver" })],
    ["name it with a wallet", 403, theirs.tenantId, (tenant_id) => wallet.post("/v2/query", { tenant_id, query_text: "silver" })],
    ["name it by its uuid with a wallet", 403, theirs.tenantUuid, (tenant_id) => wallet.post("/v2/query", { tenant_id, query_text: "silver" })],
    ["name it in the header, with an API key", 403, theirs.tenantId, (id) => mine.stranger.get("/v1/wallets", { "x-api-key": mine.apiKey, "x-tenant-id": id })],
    ["name it in the header, with a human's token", 403, theirs.tenantId, (id) => owner.get("/v1/wallets", { "x-tenant-id": id })],
    ["invite an owner of theirs", 403, theirs.tenantId, (tenant_id) => wallet.post("/v2/agents/owner-bootstrap", { tenant_id, owner_email: "x@example.org" })],
    ["fund their wallet at the console", 404, theirs.walletId, (id) => mine.owner.browser.send("POST", "/account/billing/fund", funding(id))],
    ["a page of theirs", 404, theirs.tenantId, (id) => mine.owner.browser.get(`/account/billing?tenant=${id}`)],
    ["a mandate for their agent", 404, theirs.agent.agentId, (agent_id) => office.post("/v1/mandates", { agent_id, total_limit: 1 })],
    ["a mandate on their wallet", 404, theirs.walletId, (wallet_id) => office.post("/v1/mandates", { agent_id: myDesk.agentId, total_limit: 1, wallet_id })],
    ["a mandate of mine moved to their wallet", 404, theirs.walletId, (wallet_id) => office.put(`/v1/mandates/${myDesk.mandate.id}`, { version: 1, total_limit: 1_000_000, wallet_id })],
    ["a token under their mandate", 404, money.desk.mandate.id, (mandate_id) => office.post(tokens, { ...token, mandate_id })],
    ["a token under their lease", 404, money.lease, (lease_id) => office.post(tokens, { ...token, mandate_id: myDesk.mandate.id, lease_id })],
    ["their agent's reservation", 404, theirs.agent.agentId, (agent_id) => office.post(reservations, { ...spend, agent_id })],
    ["a reservation under their mandate", 404, money.desk.mandate.id, (mandate_id) => office.post(reservations, { ...spend, mandate_id })],
    ["a reservation under their lease", 404, money.lease, (lease_id) => office.post(reservations, { ...spend, lease_id })],
    ["to authorize under their mandate", 404, money.desk.mandate.id, (mandate_id) => office.post("/v1/spend-guard/authorize", { ...spend, mandate_id })],
    ["their mandate, with my token", 403, money.desk.mandate.id, (mandate_id) => myDesk.tools.post(reservations, { kind: "tool", amount: 1, mandate_id })],
    ["to pay under their mandate", 403, money.desk.mandate.id, (mandate_id) => myDesk.payer.post("/v1/payments", { ...payment, mandate_id }, { "idempotency-key": newSlug("k") })],
    ["a lease to their agent", 404, theirs.agent.agentId, (child_agent_id) => office.post(leases, { ...lease, child_agent_id })],
    ["a lease of their mandate", 404, money.desk.mandate.id, (mandate_id) => office.post(leases, { ...lease, mandate_id })],
    ["a lease of their lease", 404, money.lease, (parent_lease_id) => office.post(leases, { child_agent_id: myDesk.childId, amount: 1, parent_lease_id })],
    ["their mandates, by agent", 200, theirs.agent.agentId, (id) => office.get(`/v1/mandates?agent_id=${id}`)],
    ["their payments, by agent", 200, theirs.agent.agentId, (id) => office.get(`/v1/payments?agent_id=${id}`)],
    ["their payments, by mandate", 200, money.desk.mandate.id, (id) => office.get(`/v1/payments?mandate_id=${id}`)],
    ["their reservations, by lease", 200, money.lease, (id) => office.get(`${reservations}?lease_id=${id}`)],
    ["their leases, by child", 200, money.desk.childId, (id) => office.get(`${leases}?child_agent_id=${id}`)],
    ["a mandate at the console for their agent", 404, theirs.agent.agentId, (agent_id) => mine.owner.browser.send("POST", "/account/mandates", formOf(mine, { tenant: mine.tenantId, agent_id, total_limit: "1" }))],
    ["their delivery, sent again by my endpoint", 404, theirs.deliveryId, (delivery_id) => mine.owner.browser.send("POST", `/account/webhooks/${mine.webhookId}/resend`, formOf(mine, { tenant: mine.tenantId, delivery_id }))],
    ["mint at theirs, at the console", 404, theirs.tenantId, (tenant) => mine.owner.browser.send("POST", "/account/keys/agent", formOf(mine, { tenant, label: "x" }))],
  ];
  assert.ok(runtime["x-tenant-id"], "the household's own caller still names its tenant");
  for (const [what, status, id, attempt] of trials) {
    const [foreign, invented] = [await attempt(id), await attempt(inventId(id))];
    assert.equal(foreign.status, status, `${what}: ${foreign.text.slice(0, 300)}`);
    assert.deepEqual(looksOf(foreign), looksOf(invented), what);
  }
  await expectUntouched(pair);
});

/** Nothing that was tried has moved anything. */
async function expectUntouched({ theirs, money }: Pair): Promise<void> {
  const found = await theirs.agent.runtime.post("/v2/query", { query_text: "silver" });
  assert.deepEqual(found.json.results.map((result: { content: string }) => result.content), [theirs.observation]);
  const status = await theirs.agent.runtime.post(`/v2/session/${theirs.sessionId}/status`);
  assert.deepEqual([status.json.status, status.json.sequence], ["open", 1]);
  const named = { "x-api-key": theirs.apiKey };
  // Their query has just been paid for; what is held and lent has not moved.
  const { [theirs.walletId]: _1, revenue: _2, ...held } = await booksOf(money.desk.office);
  const { [theirs.walletId]: _3, revenue: _4, ...before } = money.books;
  assert.deepEqual(held, before);
  const shown = await Promise.all([
    money.desk.office.get(`/v1/spend-guard/reservations/${money.reservation}`), money.desk.office.get(`/v1/approvals/${money.pending["approval_id"]}`),
    money.desk.office.get(`/v1/spend-guard/budget-leases/${money.lease}`), money.desk.office.get(`/v1/mandates/${money.desk.mandate.id}`),
  ]);
  assert.deepEqual(shown.map(({ json }) => json.status), ["reserved", "pending", "active", "active"]);
  assert.equal(shown[3]?.json.version, 1);
  const wallets = await theirs.stranger.get("/v1/wallets", named);
  assert.deepEqual(wallets.json.data.map((wallet: { id: string }) => wallet.id), [theirs.walletId]);
  const tokens = await theirs.owner.client.get(`/v2/tenants/${theirs.tenantId}/enrollment-tokens`);
  assert.deepEqual(tokens.json.tokens.map((token: { status: string }) => token.status), ["unused"]);
  assert.deepEqual(await keysOf(theirs), money.keys);
}

test("what one tenant remembers is not found, primed or counted for the other", async () => {
  const { mine, theirs } = await setUp();
  const words = `${theirs.tenantId} silver cellar`;
  const found = await mine.agent.runtime.post("/v2/query", { query_text: words, limit: 50 });
  assert.deepEqual(found.json.results.map((result: { content: string }) => result.content), [mine.observation]);
  const narrowed = await mine.agent.runtime.post("/v2/query", { query_text: words, session_id: theirs.sessionId });
  assert.deepEqual(narrowed.json.results, []);
  const primed = await mine.agent.runtime.post("/v2/prime-context", { task_description: words, session_id: theirs.sessionId });
  assert.ok(!primed.text.includes(theirs.observation));
  const opened = await mine.agent.runtime.post("/v2/session/open", { session_id: theirs.sessionId, token_budget: 100 });
  assert.deepEqual([opened.json.resumed, opened.json.context], [false, ""], "the name is free here");
});

test("a wallet that works for both is one agent in each, and each pays for its own", async () => {
  const account = newWallet();
  const [alpha, beta] = [await signUp(server.client(), newSlug("alpha"), account), await signUp(server.client(), newSlug("beta"))];
  const { mine } = await setUp();
  const enrolled = await alpha.client.post("/v2/agents/enroll", { enrollment_token: mine.enrollmentToken });
  assert.equal(enrolled.status, 201, enrolled.text);
  const challenge = await server.client().post("/v2/billing/agent/challenge", { wallet_address: account.address });
  const signature = await account.signMessage({ message: challenge.json.message });
  const session = await server.client().post("/v2/billing/agent/session", { challenge_id: challenge.json.challenge_id, signature });
  assert.deepEqual([session.json.tenant_id, session.json.tenants.sort()], [null, [alpha.tenantId, mine.tenantId].sort()]);
  const wallet = server.client().bearer(session.json.session_token);

  const unnamed = await wallet.post("/v2/query", { query_text: "x" });
  assert.deepEqual([unnamed.status, unnamed.json.code], [400, "tenant_required"]);
  const open = (tenant_id: string): Promise<Reply> => wallet.post("/v2/session/open", { tenant_id, session_id: "diary" });
  assert.deepEqual([(await open(alpha.tenantId)).status, (await open(mine.tenantId)).status, (await open(beta.tenantId)).status], [200, 200, 403]);
  const secret = "the password of the safe is swordfish";
  assert.equal((await wallet.post("/v2/session/append", { tenant_id: alpha.tenantId, session_id: "diary", content: secret })).status, 200);
  const ask = async (tenant_id: string): Promise<[string[], string]> => {
    const reply = await wallet.post("/v2/query", { tenant_id, query_text: "swordfish" });
    return [reply.json.results.map((result: { content: string }) => result.content), reply.json.balance];
  };
  const before = (await ask(mine.tenantId))[1];
  assert.deepEqual(await ask(alpha.tenantId), [[secret], "0.999"]);
  assert.deepEqual(await ask(mine.tenantId), [[], String(Math.round((Number(before) - 0.001) * 1e6) / 1e6)]);

  const foreign = { tenant_id: mine.tenantId, query_text: "x" };
  assert.equal((await alpha.runtime.post("/v2/query", foreign)).status, 403, "a key is of one tenant, whatever its wallet is");
  assert.equal((await wallet.post("/v2/query", foreign, { "x-tenant-id": alpha.tenantId })).status, 403, "header and body disagree");
  const invite = await wallet.post("/v2/agents/owner-bootstrap", { tenant_id: mine.tenantId, owner_email: "x@example.org" });
  assert.deepEqual([invite.status, invite.json.code], [403, "not_controlling_wallet"]);
  // Revoking its key here leaves the other tenant's alone.
  const keys = `/v2/tenants/${mine.tenantId}/agent-keys`;
  const listed = (await mine.owner.client.get(keys)).json.keys as { key_id: string; agent_id: string }[];
  const key = listed.find(({ agent_id }) => agent_id === enrolled.json.agent_id) ?? assert.fail("the key is not listed");
  assert.equal((await mine.owner.client.delete(`${keys}/${key.key_id}`)).status, 204);
  const here = server.client().with({ "x-tenant-id": mine.tenantId, "x-tenant-token": enrolled.json.agent_key });
  assert.equal((await here.post("/v2/query", { query_text: "x" })).status, 401);
  assert.equal((await alpha.runtime.post("/v2/query", { query_text: "x" })).status, 200);
});

test("a revocation holds from the next request on, in the midst of a crowd of them", async () => {
  const { mine } = await setUp();
  const { owner, tenantId } = mine;
  const keys = `/v2/tenants/${tenantId}/agent-keys`;
  const agentKey = (await owner.client.post(keys, { agent_id: mine.agent.agentId })).json;
  const apiKey = (await owner.client.post("/v1/api-keys", {}, { "x-tenant-id": tenantId })).json;
  const token = (await owner.client.post(`/v2/tenants/${tenantId}/enrollment-tokens`, {})).json;
  const named = server.client().with({ "x-tenant-id": tenantId });
  const { client: wallet } = await signIn(server.client());
  const cases: [string, () => Promise<Reply>, () => Promise<Reply>, number[]][] = [
    [
      "an agent's key",
      () => named.post("/v2/prime-context", { task_description: "x" }, { "x-tenant-token": agentKey.agent_key }),
      () => owner.client.delete(`${keys}/${agentKey.key_id}`),
      [200, 401],
    ],
    [
      "an API key",
      () => named.get("/v1/wallets", { "x-api-key": apiKey.key }),
      () => owner.client.delete(`/v1/api-keys/${apiKey.id}`, { "x-tenant-id": tenantId }),
      [200, 401],
    ],
    [
      "an enrollment token",
      () => wallet.post("/v2/agents/enroll", { enrollment_token: token.enrollment_token }),
      () => owner.client.delete(`/v2/tenants/${tenantId}/enrollment-tokens/${token.id}`),
      [201, 401],
    ],
    ["a cookie", () => owner.browser.get("/v2/tenants"), () => owner.browser.post("/api/auth/signout", {}), [200, 401]],
  ];
  for (const [what, use, revoke, statuses] of cases) {
    const crowd = Array.from({ length: 16 }, use);
    const revoked = await revoke();
    assert.ok([200, 204].includes(revoked.status), `${what}: ${revoked.text}`);
    const after = await Promise.all(Array.from({ length: 8 }, use));
    assert.deepEqual(new Set(after.map((reply) => reply.status)), new Set([401]), what);
    for (const reply of await Promise.all(crowd)) assert.ok(statuses.includes(reply.status), `${what}: ${reply.text}`);
  }
});

test("an agent is ours in every spelling, and with another tenant's mark, or another's ULID, there is none", async () => {
  const { mine, theirs, myDesk } = await setUp();
  const { office, agentId, mandate } = myDesk;
  const spellings = (id: string, tenantUuid: string): string[] => {
    const ulid = id.slice(4);
    const hex = BigInt([...ulid].reduce((sum, letter) => sum * 32n + BigInt("0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(letter)), 0n)).toString(16).padStart(32, "0");
    const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    const maip = `maip:${tenantUuid.slice(0, 8)}:${ulid}`;
    return [id, ulid, ulid.toLowerCase(), `ext_${ulid}`, `maip-agent:${ulid}`, maip, maip.toUpperCase(), uuid, uuid.toUpperCase(), `AGT_${ulid}`];
  };
  const attempt = async (id: string): Promise<number[]> => {
    const [inPath, unescaped, inBody, inQuery] = [
      await office.post(`/v1/agents/${encodeURIComponent(id)}/execution-tokens`, { mandate_id: mandate.id, action: "tool:spend", ...ACTIONS }),
      await office.post(`/v1/agents/${id}/execution-tokens`, { mandate_id: mandate.id, action: "tool:spend", ...ACTIONS }),
      await office.post("/v1/spend-guard/reservations", { kind: "tool", amount: 1, agentId: id, mandateId: mandate.id }),
      await office.get(`/v1/mandates?agent_id=${encodeURIComponent(id)}`),
    ];
    if (inQuery.status === 200) assert.equal(inQuery.json.data.some((one: { id: string }) => one.id === mandate.id), inPath.status === 201, id);
    return [inPath, unescaped, inBody].map((reply) => {
      if (reply.status === 201) assert.equal(reply.json.agent_id, agentId);
      return reply.status;
    });
  };
  for (const id of spellings(agentId, mine.tenantUuid)) assert.deepEqual(await attempt(id), [201, 201, 201], id);
  for (const id of [...spellings(theirs.agent.agentId, theirs.tenantUuid), ...spellings(agentId, theirs.tenantUuid).filter((id) => /^maip:/i.test(id))]) {
    assert.deepEqual(await attempt(id), [404, 404, 404], id);
  }
});

/** A seller and a buyer of its, with orders that have come to different places. */
type Stall = { seller: Seller; buyer: Buyer; service: Json; orders: { paid: string; disputed: string; completed: string }; secrets: string[] };

async function makeStall(): Promise<Stall> {
  const [seller, buyer] = [await makeSeller(server.client()), new Buyer(server.current)];
  const [service, brief] = [await makeService(seller), `A ${newSlug("secret")} at dawn`];
  const order = async (...moves: ((id: string) => Promise<Reply>)[]): Promise<string> => {
    const { id } = expectData(await buyer.place(service["id"], { brief }));
    for (const move of moves) expectData(await move(id));
    return id;
  };
  const pay = (id: string): Promise<Reply> => buyer.pay(id);
  const url = `https://example.com/${newSlug("file")}.png`;
  const deliver = (id: string): Promise<Reply> => seller.client.post(`/api/orders/${id}/deliver`, { deliverable_url: url, deliverable_media_type: "image" });
  const move = (action: string) => (id: string): Promise<Reply> => buyer.move(id, action);
  const orders = { paid: await order(pay), disputed: await order(pay, deliver, move("dispute")), completed: await order(pay, deliver, move("approve")) };
  const said = `Between us, ${newSlug("word")}`;
  expectData(await seller.client.post(`/api/orders/${orders.paid}/messages`, { content: said }));
  return { seller, buyer, service, orders, secrets: [brief, url, said, buyer.wallet, `tx-${orders.paid}`] };
}

/** A body that the route would take from whoever may send it. */
const MARKET_BODIES: Record<string, Json> = {
  deliverOrder: { deliverable_url: "https://example.com/mine.png", deliverable_media_type: "image" },
  quoteOrder: { price_usd: "1.00" },
  postMessage: { content: "hello" },
  reviewOrder: { rating: 1 },
  resolveDispute: { outcome: "release", note: "mine" },
  createService: newService(),
  updateService: { price_usd: "0.01" },
};

/** Everybody who is somebody, but a stranger to it: how each sends what the route takes. */
function strangersAt(route: Route, mine: Stall, { mine: house }: Pair): ((path: string) => Promise<Reply>)[] {
  const body = MARKET_BODIES[route.name];
  const bySeller = (action?: string) => (path: string): Promise<Reply> =>
    mine.seller.client.send(route.method, path, route.body === "Json" ? { json: { ...body, ...(action === undefined ? {} : { action }) } } : {});
  const byWallet = (action?: string) => (path: string): Promise<Reply> =>
    route.method === "GET" ? mine.buyer.get(path) : mine.buyer.send(route.method, path, { ...body, ...(action === undefined ? {} : { action }) });
  if (route.access === "Seller") return [bySeller()];
  if (route.access === "Buyer") return [byWallet()];
  if (route.access === "Owner") return [bySeller(), byWallet()];
  if (route.access === "Party") return route.name === "moveOrder" ? [bySeller("start"), ...["approve", "cancel", "dispute", "pay"].map(byWallet)] : [bySeller(), byWallet()];
  // Who runs a tenant, or works or sells in one, is no operator.
  const office = house.stranger.with({ "x-api-key": house.apiKey });
  return [house.owner.client, office, mine.seller.client, house.agent.runtime].map((client) => (path) => client.send(route.method, path, { json: body ?? {} }));
}

test("what a seller and a buyer have between them is nobody else's to see or move, at every route of the marketplace with an id", async () => {
  const pair = await setUp();
  const [mine, theirs] = [await makeStall(), await makeStall()];
  const before = await stateOfTenant(server.current, theirs.seller.tenantUuid);
  const routes = ROUTES.filter((route) => OF_MARKET.includes(route.access) && route.path.includes("{id}"));
  assert.deepEqual(new Set(routes.map(({ access }) => access)), new Set(OF_MARKET));
  for (const route of routes) {
    const ofAgent = route.path.startsWith("/api/agents/");
    const ids = ofAgent ? [theirs.seller.agentId] : route.path.startsWith("/api/services/") ? [theirs.service["id"]] : Object.values(theirs.orders);
    for (const send of strangersAt(route, mine, pair)) {
      const replies = [];
      for (const id of ids) replies.push(await send(fillPath(route, { id })));
      const invented = await send(fillPath(route, { id: inventId(ids[0]) }));
      const told = `${route.method} ${route.path}: ${replies[0]?.text}, ${invented.text}`;
      for (const reply of replies) {
        assert.ok([401, 403].includes(reply.status), `${reply.status} ${told}`);
        assert.deepEqual(looksOf(reply), looksOf(replies[0]!), `${told}: where it stands is not told`);
        for (const secret of theirs.secrets) assert.ok(!reply.text.includes(secret), told);
      }
      // That it is another's is told of what is sold; of a dispute, to somebody who is no operator, nothing is told at all.
      if (route.access === "Admin") assert.deepEqual(looksOf(invented), looksOf(replies[0]!), told);
      else assert.ok(ofAgent ? [403, 404].includes(invented.status) : invented.status === 404, told);
    }
  }
  assert.deepEqual(await stateOfTenant(server.current, theirs.seller.tenantUuid), before);
});

test("a list of orders holds its own, and no other wallet or payment is taken for one's own", async () => {
  const [mine, theirs] = [await makeStall(), await makeStall()];
  const idsOf = (reply: Reply): string[] => expectData(reply).map((one: Json) => one["id"]).sort();
  const own = Object.values(mine.orders).sort();
  assert.deepEqual(idsOf(await mine.buyer.get("/api/orders")), own);
  assert.deepEqual(idsOf(await mine.seller.client.get(`/api/agents/${mine.seller.agentId}/orders`)), own);
  const page = await theirs.buyer.get("/api/orders?limit=1");
  const cursor = encodeURIComponent(page.headers.get("x-next-cursor") ?? assert.fail("there is no second page"));
  assert.deepEqual(idsOf(await mine.buyer.get(`/api/orders?cursor=${cursor}`)), own, "where another stands in its list is a moment and no more");
  const inAnothersName = await mine.buyer.place(theirs.service["id"], { client_wallet: theirs.buyer.wallet });
  assert.deepEqual([inAnothersName.status, inAnothersName.json.code], [403, "FORBIDDEN"]);
  const placed = expectData(await mine.buyer.place(theirs.service["id"]));
  const stolen = await mine.buyer.pay(placed.id, `tx-${theirs.orders.paid}`);
  assert.deepEqual([stolen.status, stolen.json.code], [409, "TX_ALREADY_USED"]);
  for (const secret of theirs.secrets.slice(0, 4)) assert.ok(!stolen.text.includes(secret), stolen.text);
});

test("only an operator looks at the whole house or decides for a tenant, and to others a tenant there is looks like none", async () => {
  const { mine, theirs } = await setUp();
  const office = mine.stranger.with({ "x-api-key": mine.apiKey });
  for (const client of [mine.owner.client, office, mine.agent.runtime]) {
    const stats = await client.get("/v2/admin/stats");
    assert.ok([401, 403].includes(stats.status), stats.text);
    const decide = (tenant: string): Promise<Reply> => client.put("/v1/tenant/go-no-go", { items: [] }, { "x-tenant-id": tenant });
    const [foreign, invented] = [await decide(theirs.tenantId), await decide(newSlug("nobody"))];
    assert.ok([401, 403].includes(foreign.status), foreign.text);
    assert.deepEqual(looksOf(foreign), looksOf(invented));
  }
});
