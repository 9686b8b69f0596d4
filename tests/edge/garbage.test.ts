// Ids, queries, forms, headers and bodies that nobody sends by intention, at every route of the table: never our fault, always
// an answer in the shape of its root. What is random follows from SEED; a failure names it.

import assert from "node:assert/strict";
import { request } from "node:http";
import { text as readText } from "node:stream/consumers";
import { test } from "node:test";
import { Buyer } from "./support/buyer.ts";
import { callerAt, prepareAsk } from "./support/ask.ts";
import type { Client, HeaderMap, Reply, Sent } from "./support/client.ts";
import { newHousehold, newOperator } from "./support/household.ts";
import { sellerOfHouse } from "./support/market.ts";
import { once } from "./support/once.ts";
import { fillPath, ROUTES, rootOf } from "./support/route.ts";
import { randomFrom } from "../support/random.ts";
import { useServer } from "./support/server.ts";
import { deskOf } from "./support/spender.ts";
import { stateOfBook, stateOfTenant } from "./support/state.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });
const SEED = Number(process.env["SEED"] ?? 1);
/** Bodies by chance for each route. */
const BODIES = Number(process.env["BODIES"] ?? 15);
/** Ids, and values of a field, that are tried at one place; the next place goes on where it left off. */
const TRIED = Number(process.env["TRIED"] ?? 12);

const world = once(async () => {
  const [house, operator] = await Promise.all([newHousehold(server.current), newOperator(server.current)]);
  // Before any agent that comes by chance fills the plan.
  await deskOf(house);
  await sellerOfHouse(house);
  return { house, operator };
});

/** No fault of ours, and a fault of the sender's in the shape of its root. */
function expectShape(reply: Reply, path: string, told: string): void {
  const whole = `${told}: ${reply.status} ${reply.text.slice(0, 300)}`;
  assert.ok(reply.status < 500, whole);
  assert.match(reply.headers.get("x-request-id") ?? "", /^req_/, whole);
  if (reply.status < 400) return;
  const type = reply.headers.get("content-type") ?? "";
  const root = rootOf(path);
  if (root === "account") return assert.match(type, /^text\/html/, whole);
  assert.equal(type, "application/json", whole);
  const members = { v1: ["code", "message", "http_status", "request_id"], v2: ["code", "detail", "request_id"], api: ["success", "error", "code"] }[root];
  for (const member of members) assert.ok(member in reply.json, whole);
}

async function eachOf<T>(items: T[], work: (item: T) => Promise<void>, width = 16): Promise<void> {
  const left = [...items];
  await Promise.all(Array.from({ length: width }, async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  }));
}

/** Takes some of many, each time the next ones. */
function inTurn<T>(all: readonly T[]): (count: number) => T[] {
  let taken = SEED;
  return (count) => Array.from({ length: Math.min(count, all.length) }, () => all[taken++ % all.length]!);
}

async function stateOfHouse(): Promise<unknown> {
  const { house } = await world();
  return [await stateOfBook(server.current), await stateOfTenant(server.current, house.tenantUuid)];
}

const NIL_ULID = "01J8ZZZZZZZZZZZZZZZZZZZZZZ";
const GARBAGE_IDS = [
  "x", "-1", "null", "{id}", "%27%20OR%20%271%27=%271", "%00", "a%00b", "%0d%0aX:%20y", "%2f..%2f..", "%5c", "%zz", "%", "%ff", "%c3%28", "%e2%80%ae", "é",
  "a%20b", "%2525", ";a=b", "<script>", "a".repeat(6_000), "%41".repeat(2_000), "wal_", `wal_${NIL_ULID}`, `key_${NIL_ULID}`, "wal_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
  NIL_ULID, "00000000-0000-0000-0000-000000000000", `maip:00000000:${NIL_ULID}`, `maip%3A00000000%3A${NIL_ULID}`, ...["agt", "mdt", "pay", "rsv", "lse", "apr"].map((kind) => `${kind}_${NIL_ULID}`), `inv_${"0".repeat(96)}`,
];

test("an id of no known spelling, or of nothing there, is refused, and nothing is done", async () => {
  const { house, operator } = await world();
  const before = await stateOfHouse();
  const routes = ROUTES.filter((route) => route.path.includes("{"));
  assert.ok(routes.length >= 14);
  const nextId = inTurn(GARBAGE_IDS);
  const cases = routes.flatMap((route) => {
    const names = [...route.path.matchAll(/\{\*?(\w+)\}/g)].map(([, name]) => name);
    const fill = (at: string | undefined, id: string): string =>
      route.path.replaceAll(/\{\*?(\w+)\}/g, (_, name: string) => (name === at ? id : name === "tenant_id" ? house.tenantId : "x1"));
    return names.flatMap((name) => nextId(TRIED).map((id) => ({ route, path: fill(name, id) })));
  });
  const form = new URLSearchParams({ csrf: house.owner.csrf, tenant: house.tenantId }).toString();
  const proof = await new Buyer(server.current).proof();
  const bodies: Record<string, Sent> = {
    Json: { json: { label: "x", amount: 1, version: 1, total_limit: 1, mandate_id: `mdt_${NIL_ULID}`, action: "tool:spend", audience: "spendguard-actions" } }, Form: { body: form, headers: { "content-type": "application/x-www-form-urlencoded" } }, None: {},
  };
  await eachOf(cases, async ({ route, path }) => {
    const sent = route.access === "Buyer" ? { json: proof } : (bodies[route.body] ?? {});
    const reply = await (await callerAt(route, house, operator)).send(route.method, path, sent);
    const told = `${route.method} ${path.slice(0, 200)}`;
    expectShape(reply, route.path, told);
    assert.ok([400, 403, 404].includes(reply.status), `${told}: ${reply.status} ${reply.text.slice(0, 200)}`);
  });
  assert.deepEqual(await stateOfHouse(), before);
});

test("a list's limit and cursor are refused by name when they are none", async () => {
  const { house, operator } = await world();
  for (const name of ["listWallets", "listApiKeys", "listMandates", "listPayments", "listReservations", "listBudgetLeases", "listApprovals"]) {
    const route = ROUTES.find((route) => route.name === name)!;
    const caller = await callerAt(route, house, operator);
    const get = (query: string): Promise<Reply> => caller.get(`${route.path}?${query}`);
    for (const limit of ["", "0", "101", "-1", "+1", "1.0", "1e1", "x", "%20", "%201", "1%00", "%D9%A1", "99999999999999999999", "0x10", "null"]) {
      const reply = await get(`limit=${limit}`);
      assert.deepEqual([reply.status, reply.json.code, reply.json.details?.path], [400, "INVALID_INPUT", "limit"], `${name} limit=${limit}: ${reply.text}`);
    }
    const other = Buffer.from("wal_nothing").toString("base64url");
    for (const cursor of ["", "x", "%00", "=", "%ff", other, `${other}=`, "a".repeat(6_000), Buffer.from("'; DROP TABLE wallet; --").toString("base64url")]) {
      const reply = await get(`cursor=${cursor}`);
      assert.deepEqual([reply.status, reply.json.code, reply.json.details?.path], [400, "INVALID_INPUT", "cursor"], `${name} cursor=${cursor}: ${reply.text}`);
    }
    for (const query of ["limit=1", "limit=100", "limit=007", "unknown=x", "&&&", "=", "limit=1&limit=2", "%zz=%zz"]) assert.equal((await get(query)).status, 200, query);
  }
});

test("the console's pages stand whatever their address says", async () => {
  const { house, operator } = await world();
  const pages = ROUTES.filter((route) => route.method === "GET" && rootOf(route.path) === "account" && !route.path.includes("{"));
  const queries = [
    "tenant=", "tenant=nobody-s", "tenant=%00", `tenant=${"x".repeat(5_000)}`, "tenant=<script>", "tenant=a&tenant=b", "next=https://evil.example", "next=//evil.example", "next=%00",
    "page=-1", "before=x", "cursor=x", "notice=<b>", "%zz", "&=&", "?",
  ];
  await eachOf(pages.flatMap((route) => queries.map((query) => ({ route, query }))), async ({ route, query }) => {
    const reply = await (await callerAt(route, house, operator)).get(`${route.path}?${query}`);
    expectShape(reply, route.path, `${route.path}?${query}`);
    assert.ok(!reply.text.includes("<script>") && !reply.text.includes("<b>"), `${route.path}?${query} stands in the page as it came`);
    assert.ok(!(reply.headers.get("location") ?? "").includes("evil"), `${route.path}?${query} leads away`);
  });
});

const GARBAGE_VALUES = ["", "\u0000", "a\r\nb", "🦀".repeat(2_000), "x".repeat(50_000), "-1", "NaN", "<script>alert(1)</script>"];

test("a form with a field that nobody fills in so is refused or taken, and never our fault", async () => {
  const { house, operator } = await world();
  const forms = ROUTES.filter((route) => route.body === "Form" && route.method === "POST");
  assert.ok(forms.length >= 12);
  await eachOf(forms, async (route) => {
    const ask = await prepareAsk(server.current, house, route);
    const caller: Client = ask.by ?? (await callerAt(route, house, operator));
    const good = new URLSearchParams(String(ask.sent.body));
    const headers = ask.sent.headers ?? {};
    const nextValue = inTurn(GARBAGE_VALUES);
    const bodies: string[] = ["", "&&&", "=", "%zz", "csrf", `csrf=${house.owner.csrf}`, "a".repeat(10_000), "csrf=%00&csrf=x"];
    for (const name of good.keys()) {
      for (const value of nextValue(TRIED / 3)) {
        const changed = new URLSearchParams(good);
        changed.set(name, value);
        bodies.push(changed.toString());
      }
      const without = new URLSearchParams(good);
      without.delete(name);
      bodies.push(without.toString(), `${good.toString()}&${name}=twice`, `${name}=first&${good.toString()}`);
    }
    for (const body of bodies) {
      const reply = await caller.send("POST", ask.path, { body, headers });
      expectShape(reply, route.path, `${route.path} ${body.slice(0, 120)}`);
      assert.ok(!reply.text.includes("<script>alert"), `${route.path}: what was sent stands in the page as it came`);
    }
  });
});

test("headers that say nothing sensible change nothing", async () => {
  const { house } = await world();
  const weird = ["", "\u00ff\u00fe", "x".repeat(8_000), "Bearer \u00e9", "Bearer ags_a.b.c", `Bearer ${"a.".repeat(2_000)}`, "\"", ",,,;;;=", "*/*;q=x", "-1"];
  const names = [
    "authorization", "x-tenant-token", "x-tenant-id", "x-api-key", "cookie", "accept", "if-none-match", "origin", "x-csrf-token", "cf-connecting-ip", "range", "x-request-id",
  ];
  const asks: [Client, string, string, object | undefined][] = [
    [house.stranger, "GET", "/llms.txt", undefined], [house.stranger, "GET", "/account", undefined], [house.stranger, "GET", "/v1/wallets", undefined],
    [house.agent.runtime, "POST", "/v2/prime-context", { task_description: "x" }], [house.owner.browser, "POST", "/v2/tenants", {}],
  ];
  await eachOf(asks.flatMap((ask) => names.flatMap((name) => weird.map((value) => ({ ask, name, value })))), async ({ ask: [client, method, path, json], name, value }) => {
    const headers: HeaderMap = { [name]: value };
    const reply = await client.send(method, path, { headers, ...(json === undefined ? {} : { json }) });
    const told = `${path} ${name}: ${value.slice(0, 60)}`;
    expectShape(reply, path, told);
    assert.notEqual(reply.headers.get("x-request-id"), value, told);
  });
});

test("a path with dots or escapes leads nowhere unexpected", async () => {
  const send = (path: string): Promise<[number, string]> => new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.current.url);
    const options = { hostname, port, path, headers: { "cf-connecting-ip": server.client().ip } };
    const sent = request(options, async (response) => resolve([response.statusCode ?? 0, await readText(response)]));
    sent.once("error", reject);
    sent.end();
  });
  const paths = [
    "/v1/wallets/../test-clock", "/v1/./test-clock", "/v2/../healthz", "//healthz", "/v1//test-clock", "/account/%2e%2e/healthz", "/v1/wallets/..%2ftest-clock",
    "/healthz%00", "/healthz;x", "/%68ealthz", "/HEALTHZ", "/v1/test-clock%20",
  ];
  for (const path of paths) {
    const [status, text] = await send(path);
    assert.ok(status < 500 && status !== 301 && status !== 302, `${path}: ${status} ${text}`);
  }
});

/** A JSON text, deep and wide by chance, of the names the route knows and of others. */
function randomJson(random: () => number, names: string[], depth = 0): string {
  const pick = <T>(items: T[]): T => items[Math.floor(random() * items.length)]!;
  const leaves = [
    "null", "true", "false", "0", "-0", "1", "-1", "0.5", "1.0", "1e308", "9007199254740993", "18446744073709551616",
    '""', '"x"', '"s"', '"usd"', '"\\u0000"', '"🦀"', `"${"y".repeat(300)}"`, '"2099-01-01T00:00:00Z"', '"ada@example.org"',
  ];
  const kind = random();
  if (depth >= 4 || kind < 0.55) return pick(leaves);
  const size = Math.floor(random() * 4);
  if (kind < 0.75) return `[${Array.from({ length: size }, () => randomJson(random, names, depth + 1)).join(",")}]`;
  return randomObject(random, names, depth, size);
}

function randomObject(random: () => number, names: string[], depth: number, size: number): string {
  const chosen = new Set(Array.from({ length: size }, () => (random() < 0.85 ? names[Math.floor(random() * names.length)]! : `k${Math.floor(random() * 5)}`)));
  return `{${[...chosen].map((name) => `"${name}":${randomJson(random, names, depth + 1)}`).join(",")}}`;
}

const NAMES = [
  "tenant_id session_id content query_text task_description limit token_budget agent_id metadata tags importance_score source_id idempotency_key observations",
  "summary min_sequence smart_consolidation working_memory_budget_tokens wallet_address chain_id challenge_id signature owner_email enrollment_token label name",
  "ttl_seconds expires_at currency mode amount source environment email password referralCode",
  "mandate_id lease_id parent_lease_id child_agent_id kind quantity unit_price merchant resource description action audience items atomic version status",
  "per_transaction_limit daily_limit monthly_limit total_limit allowed_merchants allowed_actions approval_threshold wallet_id on reason",
].flatMap((line) => line.split(" "));

test("a body by chance is answered, whatever stands in it", async () => {
  const { house, operator } = await world();
  const routes = ROUTES.filter((route) => route.body.startsWith("Json") && !["advanceTestClock", "rotateSellerKey"].includes(route.name));
  const random = randomFrom(SEED);
  const cases = routes.flatMap((route) => Array.from({ length: BODIES }, () => {
    const good = /session\/(append|flush|close|open|finalize)/.test(route.path) && random() < 0.5 ? `"session_id":"${house.sessionId}",` : "";
    const body = randomObject(random, NAMES.filter((name) => good === "" || name !== "session_id"), 0, 1 + Math.floor(random() * 8));
    return { route, body: `{${good}${body.slice(1)}`.replace(/,}$/, "}") };
  }));
  await eachOf(cases, async ({ route, body }) => {
    const path = fillPath(route, { tenant_id: house.tenantId, id: house.walletId, session_id: house.sessionId });
    const headers: HeaderMap = { "content-type": "application/json" };
    if (route.name === "fundWallet") headers["idempotency-key"] = body.slice(0, 200).replaceAll(/[^!-~]/g, "_");
    const reply = await (await callerAt(route, house, operator)).send(route.method, path, { body, headers });
    expectShape(reply, path, `SEED=${SEED} ${route.name} ${body.slice(0, 300)}`);
  });
});
