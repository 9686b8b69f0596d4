// Who is let in where: every route of the table is knocked on with every credential there is (contract README 3, 4, 5).

import assert from "node:assert/strict";
import { test } from "node:test";
import { signIn } from "./support/agent.ts";
import { prepareAsk, type Ask } from "./support/ask.ts";
import type { Client, Reply } from "./support/client.ts";
import { newHousehold, newOperator, type Household } from "./support/household.ts";
import { openSession } from "./support/company.ts";
import { sellerOfHouse, type Seller } from "./support/market.ts";
import { newPerson, type Person } from "./support/person.ts";
import { deskOf, officeOf, type Desk } from "./support/spender.ts";
import { ROUTES, rootOf, type Access, type Route } from "./support/route.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });

/** How a route takes a credential. */
type Verdict =
  /** The route's own success. */
  | "in"
  /** 401 in the shape of its root, as if nothing had been sent. */
  | "nobody"
  /** 401, the same for everything that is wrong with a credential. */
  | "bad"
  /** 401: no wallet has signed. */
  | "unsigned"
  /** 403. */
  | "forbidden"
  /** 403: the token is for something else. */
  | "mismatch"
  /** 403: management where an agent's token is due. */
  | "no token"
  /** 404: not within the token's reach. */
  | "out of reach"
  /** 403: our own page did not send it. */
  | "cross-site"
  /** 303 to the way in. */
  | "sign in"
  /** Let in, as somebody else than the household: what is not theirs is not there. */
  | "as another";

/** Every way to knock. */
const KEYS = [
  "nothing",
  "nonsense",
  "another scheme",
  "a key cut short",
  "a key one character off",
  "a wallet session",
  "an agent's key",
  "an agent's key as bearer",
  "a revoked agent's key",
  "a market agent's key",
  "an API key",
  "an API key as bearer",
  "a revoked API key",
  "an enrollment token",
  "a token for tools",
  "a token for lending",
  "a token for paying",
  "a token of a revoked mandate",
  "an agent's session",
  "an ended session",
  "a human's token",
  "a human's token of before the sign-out",
  "an operator's token",
  "a human's cookie",
  "a human's cookie from another site",
  "a cookie of before the sign-out",
  "a cookie nobody was given",
  "an operator's cookie",
] as const;
type Key = (typeof KEYS)[number];

let house: Household;
let other: Household;
let operator: Person;
let callers: Record<Key, Client>;

let ready: Promise<void> | undefined;
/** Two households and every way to knock, made once. */
const setUp = (): Promise<void> => (ready ??= makeWorld());

async function makeWorld(): Promise<void> {
  [house, other] = await Promise.all([newHousehold(server.current), newHousehold(server.current)]);
  const [boss, gone] = await Promise.all([newOperator(server.current), newPerson(server.client())]);
  operator = boss;
  const out = await gone.browser.form("/account/settings/sign-out-everywhere", { csrf: gone.csrf });
  assert.equal(out.status, 303, out.text);
  callers = await makeCallers(gone);
}

async function revokedKeys(): Promise<{ agentKey: string; apiKey: string }> {
  const { tenantId, owner, agent } = house;
  const keys = `/v2/tenants/${tenantId}/agent-keys`;
  const [agentKey, apiKey] = [
    await owner.client.post(keys, { agent_id: agent.agentId }),
    await owner.client.post("/v1/api-keys", {}, { "x-tenant-id": tenantId }),
  ];
  const revoked = await Promise.all([
    owner.client.delete(`${keys}/${agentKey.json.key_id}`),
    owner.client.delete(`/v1/api-keys/${apiKey.json.id}`, { "x-tenant-id": tenantId }),
  ]);
  assert.deepEqual(revoked.map((reply) => reply.status), [204, 204]);
  return { agentKey: agentKey.json.agent_key, apiKey: apiKey.json.key };
}

/** All of them name the household's tenant. */
async function makeCallers(gone: Person): Promise<Record<Key, Client>> {
  const { tenantId, agent, owner, apiKey, enrollmentToken } = house;
  const nobody = server.client().with({ "x-tenant-id": tenantId });
  const byToken = (token: string): Client => nobody.with({ "x-tenant-token": token });
  const byApiKey = (key: string): Client => nobody.with({ "x-api-key": key });
  const everywhere = (text: string): Client =>
    nobody.with({ authorization: `Bearer ${text}`, "x-tenant-token": text, "x-api-key": text });
  const byCookie = (cookie: string, origin = server.current.url): Client => nobody.with({ cookie, origin });
  const [revoked, desk] = [await revokedKeys(), await deskOf(house)];
  const [session, ended] = await Promise.all([1, 2].map(() => openSession(desk.office, agent.agentId)));
  assert.ok(session && ended);
  assert.equal((await desk.office.delete(`/v1/agent-sessions/${ended["id"]}`)).status, 200);
  const off = (key: string): string => key.slice(0, -1) + (key.endsWith("0") ? "1" : "0");
  return {
    nothing: nobody,
    nonsense: everywhere("nonsense").with({ cookie: "next-auth.session-token=nonsense" }),
    "another scheme": nobody.with({ authorization: "Basic YWRhOnBhc3N3b3Jk" }),
    "a key cut short": everywhere(agent.agentKey.slice(0, -1)),
    "a key one character off": nobody.with({ "x-tenant-token": off(agent.agentKey), "x-api-key": off(apiKey) }),
    "a wallet session": nobody.bearer(agent.sessionToken),
    "an agent's key": byToken(agent.agentKey),
    "an agent's key as bearer": nobody.bearer(agent.agentKey),
    "a revoked agent's key": byToken(revoked.agentKey),
    "a market agent's key": nobody.bearer((await sellerOfHouse(house)).key),
    "an API key": byApiKey(apiKey),
    "an API key as bearer": nobody.bearer(apiKey),
    "a revoked API key": byApiKey(revoked.apiKey),
    "an enrollment token": everywhere(enrollmentToken),
    "a token for tools": desk.tools,
    "a token for lending": desk.lender,
    "a token for paying": desk.payer,
    "a token of a revoked mandate": desk.revoked,
    "an agent's session": nobody.bearer(session["token"]),
    "an ended session": nobody.bearer(ended["token"]),
    "a human's token": nobody.bearer(owner.token),
    "a human's token of before the sign-out": nobody.bearer(gone.token),
    "an operator's token": nobody.bearer(operator.token),
    "a human's cookie": byCookie(owner.cookie),
    "a human's cookie from another site": byCookie(owner.cookie, "https://evil.example"),
    "a cookie of before the sign-out": byCookie(gone.cookie),
    "a cookie nobody was given": byCookie(`next-auth.session-token=${"0".repeat(64)}`),
    "an operator's cookie": byCookie(operator.cookie),
  };
}

/** What a door looks at; whatever stands elsewhere is nothing to it. */
const BEARER_KEYS: Key[] = [
  ...(["nonsense", "another scheme", "a key cut short", "a wallet session", "an agent's key as bearer"] as const),
  ...(["a market agent's key", "an API key as bearer", "an enrollment token", "a human's token"] as const),
  ...(["a token for tools", "a token for lending", "a token for paying", "a token of a revoked mandate"] as const),
  ...(["an agent's session", "an ended session", "a human's token of before the sign-out", "an operator's token"] as const),
];
const TENANT_TOKEN_KEYS: Key[] = ["a key one character off", "an agent's key", "a revoked agent's key"];
const API_KEY_KEYS: Key[] = ["a key one character off", "an API key", "a revoked API key"];

type Verdicts = Partial<Record<Key, Verdict>>;

/** What a credential gets that is nothing to a door is `unseen`; a wrong one that the door looks at is bad. */
function verdicts(seen: readonly Key[], unseen: Verdict, told: Verdicts): Verdicts {
  return Object.fromEntries(KEYS.map((key) => [key, told[key] ?? (seen.includes(key) ? "bad" : unseen)]));
}

/** The console looks at its cookie alone: nothing that a header can hold opens it. */
const WITHOUT_COOKIE: Verdicts = {
  nothing: "sign in",
  nonsense: "sign in",
  "a wallet session": "sign in",
  "an API key": "sign in",
  "a human's token": "sign in",
  "an operator's token": "sign in",
  "a cookie of before the sign-out": "sign in",
  "a cookie nobody was given": "sign in",
};

/** Who manages. */
const MANAGERS: Verdicts = { "an API key": "in", "an API key as bearer": "in", "a human's token": "in", "an operator's token": "in" };
/** The tokens that are good somewhere. */
const TOKENS = (verdict: Verdict): Verdicts => ({ "a token for tools": verdict, "a token for lending": verdict, "a token for paying": verdict });
/** A token is good for its own action; what was made under another is not within its reach. */
const SPENDERS: Record<"tools" | "tools' own" | "lending" | "any", Verdicts> = {
  tools: { ...TOKENS("mismatch"), "a token for tools": "in" },
  "tools' own": { "a token for tools": "in", "a token for lending": "out of reach", "a token for paying": "mismatch" },
  lending: { ...TOKENS("mismatch"), "a token for lending": "in" },
  any: TOKENS("in"),
};
const SPENDING: Record<string, keyof typeof SPENDERS> = {
  captureReservation: "tools' own", releaseReservation: "tools' own", createBudgetLease: "lending", getPayment: "any", listEvents: "any",
};

/** Every access there is. A route of another one has no case here, and fails. */
const CASES: Record<Access, (route: Route) => Verdicts> = {
  // What nobody asks for does no harm.
  Public: () => ({ nothing: "in", nonsense: "in" }),
  WalletSession: () => verdicts(BEARER_KEYS, "nobody", { "a wallet session": "in" }),
  Runtime: () =>
    verdicts([...BEARER_KEYS, ...TENANT_TOKEN_KEYS], "nobody", {
      "a wallet session": "in",
      "an agent's key": "in",
      "an agent's key as bearer": "in",
    }),
  Management: () =>
    // Whatever became of the token: it manages nothing.
    verdicts([...BEARER_KEYS, ...API_KEY_KEYS], "nobody", { ...MANAGERS, ...TOKENS("forbidden"), "a token of a revoked mandate": "forbidden" }),
  Spend: (route) => verdicts([...BEARER_KEYS, ...API_KEY_KEYS], "nobody", { ...MANAGERS, ...SPENDERS[SPENDING[route.name] ?? "tools"] }),
  SessionOrManagement: () =>
    verdicts([...BEARER_KEYS, ...API_KEY_KEYS], "nobody", {
      ...MANAGERS, ...TOKENS("forbidden"), "a token of a revoked mandate": "forbidden", "an agent's session": "in",
    }),
  Agent: () => verdicts([...BEARER_KEYS, ...API_KEY_KEYS], "nobody", { ...MANAGERS, ...SPENDERS.any, "an agent's session": "in" }),
  // Management is told what to bring instead.
  Execution: () =>
    verdicts([...BEARER_KEYS, ...API_KEY_KEYS], "nobody", {
      ...TOKENS("mismatch"),
      "a token for paying": "in",
      "an API key": "no token",
      "an API key as bearer": "no token",
      "a human's token": "no token",
      "an operator's token": "no token",
    }),
  Seller: () => verdicts(BEARER_KEYS, "nobody", { "a market agent's key": "in" }),
  Owner: () => verdicts(BEARER_KEYS, "nobody", { "a market agent's key": "in" }),
  // A wallet signs in the request itself: what stands in the headers is nothing to it.
  Buyer: () => verdicts([], "in", {}),
  Party: () => verdicts(BEARER_KEYS, "unsigned", { "a market agent's key": "in" }),
  // Nobody is let in, and shown what is for everybody.
  Shared: () => verdicts(BEARER_KEYS, "in", { "a market agent's key": "in" }),
  // A cookie is not enough for a write that another site could have made.
  Human: (route) =>
    verdicts(BEARER_KEYS, "nobody", {
      "a human's token": "in",
      "a human's cookie": "in",
      "a human's cookie from another site": route.method === "GET" ? "in" : "cross-site",
      "an operator's token": "as another",
      "an operator's cookie": "as another",
    }),
  // Where keys manage, one that is good is told that it is not enough.
  Admin: (route) => {
    const told: Verdicts = { "a human's token": "forbidden", "an operator's token": "in" };
    if (rootOf(route.path) !== "v1") return verdicts(BEARER_KEYS, "nobody", told);
    const known: Verdicts = { ...TOKENS("forbidden"), "a token of a revoked mandate": "forbidden", "an API key": "forbidden", "an API key as bearer": "forbidden" };
    return verdicts([...BEARER_KEYS, ...API_KEY_KEYS], "nobody", { ...known, ...told });
  },
  // A page may be opened from anywhere; its forms carry a token of their own, which only our pages know.
  Console: () => ({
    ...WITHOUT_COOKIE,
    "a human's cookie": "in",
    "a human's cookie from another site": "in",
    "an operator's cookie": "as another",
  }),
  OperatorConsole: () => ({
    ...WITHOUT_COOKIE,
    "a human's cookie": "forbidden",
    "a human's cookie from another site": "forbidden",
    "an operator's cookie": "in",
  }),
};

/** What every answer has, whoever asked. */
function expectCommon(reply: Reply, told: string): void {
  assert.match(reply.headers.get("x-request-id") ?? "", /^req_[0-9A-HJKMNP-TV-Z]{26}$/, told);
  assert.equal(reply.headers.get("x-content-type-options"), "nosniff", told);
}

function expectFault(reply: Reply, route: Route, status: number, codes: { v1: string; v2: string; api: string }, told: string): void {
  const root = rootOf(route.path);
  assert.equal(reply.status, status, told);
  if (root === "account") {
    assert.match(reply.headers.get("content-type") ?? "", /^text\/html/, told);
    return;
  }
  assert.equal(reply.json.code, codes[root], told);
  if (root !== "api") assert.equal(reply.json.request_id, reply.headers.get("x-request-id"), told);
  if (root !== "api" && status === 401) assert.equal(reply.headers.get("www-authenticate"), "Bearer", told);
}

const NO_CREDENTIAL = { v1: "UNAUTHORIZED", v2: "invalid_credentials", api: "AUTH_REQUIRED" };
const BAD_CREDENTIAL = { ...NO_CREDENTIAL, api: "TOKEN_INVALID" };
const UNSIGNED = { v1: "", v2: "", api: "WALLET_AUTH_INVALID" };
const FORBIDDEN = { v1: "FORBIDDEN", v2: "forbidden", api: "ADMIN_REQUIRED" };
const CROSS_SITE = { v1: "CSRF_INVALID", v2: "csrf_invalid", api: "CSRF_INVALID" };
const TOKEN_MISMATCH = { v1: "token_scope_mismatch", v2: "", api: "" };
const NO_TOKEN = { v1: "execution_token_required", v2: "", api: "" };
const MISMATCH = { v1: "FORBIDDEN", v2: "tenant_mismatch", api: "FORBIDDEN" };
const NOT_FOUND = { v1: "NOT_FOUND", v2: "not_found", api: "NOT_FOUND" };

function expectVerdict(reply: Reply, route: Route, verdict: Verdict, told: string): void {
  const location = reply.headers.get("location") ?? "";
  switch (verdict) {
    case "in":
      assert.equal(reply.status, route.status, told);
      assert.ok(!location.startsWith("/account?next="), told);
      return;
    case "as another":
      assert.ok([route.status, 403, 404].includes(reply.status) && !location.startsWith("/account?next="), told);
      return;
    case "sign in":
      assert.equal(reply.status, 303, told);
      assert.match(location, /^\/account\?next=%2Faccount/, told);
      return;
    case "nobody":
      return expectFault(reply, route, 401, NO_CREDENTIAL, told);
    case "bad":
      return expectFault(reply, route, 401, BAD_CREDENTIAL, told);
    case "unsigned":
      return expectFault(reply, route, 401, UNSIGNED, told);
    case "forbidden":
      return expectFault(reply, route, 403, route.access === "Management" ? { ...FORBIDDEN, api: "FORBIDDEN" } : FORBIDDEN, told);
    case "mismatch":
      return expectFault(reply, route, 403, TOKEN_MISMATCH, told);
    case "no token":
      return expectFault(reply, route, 403, NO_TOKEN, told);
    case "out of reach":
      return expectFault(reply, route, 404, NOT_FOUND, told);
    case "cross-site":
      return expectFault(reply, route, 403, CROSS_SITE, told);
  }
}

/** A request that is good for one caller only is that caller's, with what else was sent beside it. */
function senderOf(ask: Ask, caller: Client): Client {
  if (ask.by === undefined) return caller;
  const cookies = [ask.by.headers["cookie"], caller.headers["cookie"]].filter((cookie) => cookie !== undefined);
  return ask.by.with({ ...caller.headers, ...ask.by.headers, ...(cookies.length > 0 ? { cookie: cookies.join("; ") } : {}) });
}

async function knock(route: Route): Promise<void> {
  const cases = CASES[route.access as Access];
  assert.ok(cases, `${route.name} asks for ${route.access}, of which this test knows nothing`);
  // Whoever is refused leaves it as it was, so one request does for all of them.
  const refused = await prepareAsk(server.current, house, route);
  const texts = new Map<Verdict, string>();
  let entered = false;
  for (const [key, verdict] of Object.entries(cases(route)) as [Key, Verdict][]) {
    const leavesATrace = verdict === "in" || verdict === "as another";
    // Where a request makes its own caller, one is enough.
    if (leavesATrace && entered && refused.by !== undefined) continue;
    const ask = leavesATrace ? await prepareAsk(server.current, house, route) : refused;
    entered ||= verdict === "in";
    const caller = verdict === "in" ? senderOf(ask, callers[key]) : callers[key];
    const reply = await caller.send(ask.method, ask.path, ask.sent);
    const told = `${route.method} ${route.path} with ${key}: ${reply.status} ${reply.text.slice(0, 300)}`;
    expectCommon(reply, told);
    expectVerdict(reply, route, verdict, told);
    if (verdict !== "nobody" && verdict !== "bad") continue;
    const { request_id: _, ...body } = reply.json;
    const text = JSON.stringify(body);
    assert.equal(text, texts.get(verdict) ?? text, `${told}: what is wrong with a credential shows`);
    texts.set(verdict, text);
  }
}

test("every route lets in who may enter and nobody else", async () => {
  await setUp();
  await Promise.all(ROUTES.map(knock));
});

test("the table has every access there is a case for", () => {
  assert.deepEqual([...new Set(ROUTES.map((route) => route.access))].sort(), Object.keys(CASES).sort());
});

/** The other household's ways to a route that this one's request is made for. */
function strangersAt(route: Route, tokensOf: Desk, session: Client, seller: Seller): Client[] {
  const named = server.client().with({ "x-tenant-id": house.tenantId });
  const cookie = other.owner.browser;
  switch (route.access as Access) {
    case "WalletSession":
      return [named.bearer(other.agent.sessionToken)];
    case "Runtime":
      return [named.bearer(other.agent.sessionToken), named.with({ "x-tenant-token": other.agent.agentKey })];
    case "Management":
      return [named.bearer(other.owner.token), named.with({ "x-api-key": other.apiKey })];
    case "SessionOrManagement":
      return [named.bearer(other.owner.token), named.with({ "x-api-key": other.apiKey }), session.with(named.headers)];
    case "Agent": {
      const tokens = [tokensOf.tools, session];
      return [named.bearer(other.owner.token), named.with({ "x-api-key": other.apiKey }), ...tokens.map((token) => token.with(named.headers))];
    }
    case "Spend": {
      const tokens = [tokensOf.tools, tokensOf.lender];
      return [named.bearer(other.owner.token), named.with({ "x-api-key": other.apiKey }), ...tokens.map((token) => token.with(named.headers))];
    }
    case "Execution":
      return [named.bearer(other.owner.token), named.with({ "x-api-key": other.apiKey }), tokensOf.payer.with(named.headers)];
    case "Seller":
    case "Shared":
    case "Party":
    case "Owner":
      return [seller.client.with(named.headers)];
    case "Human":
      return [named.bearer(other.owner.token), cookie];
    case "Console":
      return [cookie];
    case "Public":
    case "Buyer":
    case "Admin":
    case "OperatorConsole":
      return [];
  }
}

test("a good credential of another tenant is refused wherever this one is named", async () => {
  await setUp();
  const desk = await deskOf(other);
  const { client: session } = await openSession(officeOf(other), other.agent.agentId);
  const seller = await sellerOfHouse(other);
  const tenantIsNamed = (route: Route): boolean => ["Runtime", "Management", "Spend", "SessionOrManagement", "Agent", "Execution", "Seller", "Owner", "Shared"].includes(route.access);
  const refusals = await Promise.all(
    ROUTES.map(async (route) => {
      const ask = await prepareAsk(server.current, house, route, other.owner.csrf);
      const names = tenantIsNamed(route) || `${ask.path} ${ask.sent.body ?? ""}`.includes(house.tenantId);
      if (!names) return 0;
      const callers = strangersAt(route, desk, session, seller);
      for (const caller of callers) {
        const reply = await caller.send(ask.method, ask.path, ask.sent);
        const told = `${route.method} ${route.path}: ${reply.status} ${reply.text.slice(0, 300)}`;
        const mismatch = tenantIsNamed(route);
        expectFault(reply, route, mismatch ? 403 : 404, mismatch ? MISMATCH : NOT_FOUND, told);
      }
      return callers.length;
    }),
  );
  assert.equal(refusals.filter((count) => count > 0).length, 150, "routes that name a tenant");
});

test("a credential that has run out is a bad one", async () => {
  await setUp();
  const keys = `/v2/tenants/${house.tenantId}/agent-keys`;
  const expires_at = new Date(Date.now() + 86_400_000).toISOString();
  const { session, runtime, management } = {
    session: await signIn(server.client()),
    runtime: await house.owner.client.post(keys, { agent_id: house.agent.agentId, expires_at }),
    management: await house.owner.client.post("/v1/api-keys", { expires_at }, { "x-tenant-id": house.tenantId }),
  };
  const named = server.client().with({ "x-tenant-id": house.tenantId });
  const outdated: [Client, string, string][] = [
    [session.client, "POST", "/v2/agents/signup"],
    [named.with({ "x-tenant-token": runtime.json.agent_key }), "POST", "/v2/prime-context"],
    [named.with({ "x-api-key": management.json.key }), "GET", "/v1/wallets"],
    [named.bearer(house.owner.token), "GET", "/v2/tenants"],
    [house.owner.browser, "GET", "/v2/tenants"],
  ];
  const ask = (): Promise<Reply[]> =>
    Promise.all(
      outdated.map(([caller, method, path]) =>
        caller.send(method, path, method === "POST" ? { json: { tenant_id: house.tenantId, task_description: "x" } } : {}),
      ),
    );
  assert.deepEqual((await ask()).map((reply) => reply.status), [409, 200, 200, 200, 200], "each is good before");
  await server.current.advance(31 * 86_400);
  const replies = await ask();
  assert.deepEqual(replies.map((reply) => reply.status), [401, 401, 401, 401, 401]);
  assert.deepEqual(replies.map((reply) => reply.json.code), ["invalid_credentials", "invalid_credentials", "UNAUTHORIZED", "invalid_credentials", "invalid_credentials"]);
  const out = await house.owner.browser.get("/account/settings");
  assert.deepEqual([out.status, out.headers.get("location")], [303, "/account?next=%2Faccount%2Fsettings"]);
});
