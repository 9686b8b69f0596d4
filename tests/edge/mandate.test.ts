// Mandates: their terms to the edge, their versions, their windows by the UTC day and month, and what their end ends.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";
import { booksOf, Company, countByStatus, expectRefused, newMandate, newToken } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const DAY_MS = 86_400_000;

async function clock(): Promise<number> {
  return Date.parse((await server.client().get("/v1/test-clock")).json.now);
}

/** Moves on to this many seconds before a moment. */
async function advanceTo(momentMs: number, secondsBefore: number): Promise<void> {
  const seconds = Math.floor((momentMs - (await clock())) / 1_000) - secondsBefore;
  assert.ok(seconds > 0, `${seconds} s`);
  await server.current.advance(seconds);
}

test("a mandate is shown as it was written, with what is left of each limit, and its version is its tag", async () => {
  const company = await Company.open(server.current);
  const made = await company.office.post("/v1/mandates", {
    agentId: company.agentId, perTransactionLimit: 5, dailyLimit: 7, totalLimit: 0, approvalThreshold: 0, allowedMerchants: ["  Ada ", "ada", "É"],
    allowedActions: ["tool:spend", "payment:execute", "tool:spend"], expiresAt: "2098-12-31", walletId: company.walletId, name: "🦀", metadata: { a: [1] },
  });
  assert.equal(made.status, 201, made.text);
  const { id, usage, created_at, updated_at, ...rest } = made.json;
  assert.deepEqual(rest, {
    agent_id: company.agentId, name: "🦀", status: "exhausted", version: 1, currency: "usd", per_transaction_limit: 5, daily_limit: 7, monthly_limit: null, total_limit: 0,
    allowed_merchants: ["Ada", "É"], allowed_actions: ["payment:execute", "tool:spend"], approval_threshold: 0, wallet_id: company.walletId, metadata: { a: [1] },
    expires_at: "2098-12-31T23:59:59.999Z",
  });
  assert.equal(updated_at, created_at);
  assert.deepEqual([usage.daily.remaining, usage.monthly.remaining, usage.total], [7, null, { spent: 0, held: 0, remaining: 0, resets_at: null }]);
  const now = await clock();
  assert.equal(Date.parse(usage.daily.resets_at), (Math.floor(now / DAY_MS) + 1) * DAY_MS);
  const [year, month] = [new Date(now).getUTCFullYear(), new Date(now).getUTCMonth()];
  assert.equal(Date.parse(usage.monthly.resets_at), Date.UTC(year, month + 1, 1));
  assert.deepEqual([made.headers.get("etag"), made.headers.get("location"), made.headers.get("cache-control")], ['"1"', `/v1/mandates/${id}`, "no-store"]);
  const read = await company.office.get(`/v1/mandates/${id}`);
  assert.deepEqual([read.json, read.headers.get("etag")], [made.json, '"1"']);
});

test("one limit at least is a number, and a currency is usd", async () => {
  const { office, agentId, mandate } = await Company.open(server.current);
  const none = { per_transaction_limit: null, daily_limit: null, monthly_limit: null, total_limit: null };
  for (const terms of [{}, none, { approval_threshold: 1 }]) {
    expectFault(await office.post("/v1/mandates", { agent_id: agentId, ...terms }), "v1", 400, "INVALID_INPUT", { path: "$.total_limit" });
    expectFault(await office.put(`/v1/mandates/${mandate.id}`, { version: 1, ...terms }), "v1", 400, "INVALID_INPUT", { path: "$.total_limit" });
  }
  for (const currency of ["eur", "USD", "usdc", "x"]) {
    expectFault(await office.post("/v1/mandates", { agent_id: agentId, total_limit: 1, currency }), "v1", 400, "currency_unsupported", { path: "$.currency" });
  }
  for (const name of ["per_transaction_limit", "daily_limit", "monthly_limit", "total_limit"]) {
    assert.equal((await office.post("/v1/mandates", { agent_id: agentId, [name]: 0, currency: "usd" })).status, 201);
  }
  const faults: [object, string][] = [
    [{ allowed_merchants: ["x", 7] }, "$.allowed_merchants[1]"], [{ allowed_merchants: [" "] }, "$.allowed_merchants[0]"],
    [{ allowed_merchants: ["x".repeat(129)] }, "$.allowed_merchants[0]"], [{ allowed_actions: ["tool:spend", "tool:*"] }, "$.allowed_actions[1]"],
    [{ allowedActions: ["TOOL:SPEND"] }, "$.allowedActions[0]"], [{ expires_at: new Date(await clock()).toISOString() }, "$.expires_at"],
  ];
  for (const [terms, path] of faults) expectFault(await office.post("/v1/mandates", { agent_id: agentId, total_limit: 1, ...terms }), "v1", 400, "INVALID_INPUT", { path });
  const many = Array.from({ length: 200 }, (_, at) => `${"🦀".repeat(125)}${at}`.slice(0, 256));
  assert.equal((await office.post("/v1/mandates", { agent_id: agentId, total_limit: 1, allowed_merchants: many })).status, 201);
  const today = new Date(await clock()).toISOString().slice(0, 10);
  assert.equal((await office.post("/v1/mandates", { agent_id: agentId, total_limit: 1, expires_at: today })).status, 201, "today is not over");
  await expectRefusedAgents(office, agentId);
});

async function expectRefusedAgents(office: Company["office"], agentId: string): Promise<void> {
  const nobody = "agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ";
  expectFault(await office.post("/v1/mandates", { agent_id: nobody, total_limit: 1 }), "v1", 404, "NOT_FOUND");
  expectFault(await office.post("/v1/mandates", { agent_id: agentId, total_limit: 1, wallet_id: "wal_01J8ZZZZZZZZZZZZZZZZZZZZZZ" }), "v1", 404, "NOT_FOUND");
}

test("a revoked agent is given no mandate, a suspended one is", async () => {
  const company = await Company.open(server.current);
  await company.setAgentStatus("suspended");
  assert.equal((await company.office.post("/v1/mandates", { agent_id: company.agentId, total_limit: 1 })).status, 201);
  await company.setAgentStatus("revoked");
  expectFault(await company.office.post("/v1/mandates", { agent_id: company.agentId, total_limit: 1 }), "v1", 409, "agent_inactive");
});

test("a change says which version it is based on, and replaces all", async () => {
  const company = await Company.open(server.current, { total_limit: 100, name: "first", allowed_merchants: ["Ada"], metadata: { a: 1 }, approval_threshold: 3 });
  const path = `/v1/mandates/${company.mandate.id}`;
  const put = (body: object, headers = {}): Promise<Reply> => company.office.put(path, body, headers);
  expectFault(await put({ total_limit: 1 }), "v1", 428, "precondition_required");
  expectFault(await put({ total_limit: 1, version: 2 }), "v1", 412, "version_mismatch", { version: 1 });
  expectFault(await put({ total_limit: 1 }, { "if-match": '"2"' }), "v1", 412, "version_mismatch", { version: 1 });
  // A tag that is weak, or names no version, matches none.
  for (const tag of ['W/"1"', '"x"', '""', '"1.0"', '"01"', '"99999999999999999999"']) {
    expectFault(await put({ total_limit: 1 }, { "if-match": tag }), "v1", 412, "version_mismatch", { version: 1 });
  }
  expectFault(await put({ total_limit: 1, version: 1 }, { "if-match": '"2"' }), "v1", 400, "INVALID_INPUT", { path: "$.version" });
  expectFault(await put({ total_limit: 1, version: 1 }, { "if-match": 'W/"1"' }), "v1", 412, "version_mismatch", { version: 1 });
  for (const tag of ["x", "*", "1", "-1", '"1', '"""1"""', '"1", "2"', "W/1"]) {
    expectFault(await put({ total_limit: 1 }, { "if-match": tag }), "v1", 400, "INVALID_INPUT", { path: "If-Match" });
  }
  const first = await put({ total_limit: 200, version: 1 }, { "if-match": '"1"' });
  assert.deepEqual([first.status, first.headers.get("etag"), first.json.version], [200, '"2"', 2], first.text);
  const { name, allowed_merchants, metadata, approval_threshold, status, total_limit } = first.json;
  assert.deepEqual([name, allowed_merchants, metadata, approval_threshold, status, total_limit], [null, [], {}, null, "active", 200]);
  const second = await put({ totalLimit: 300, version: 2, status: "suspended", agentId: company.agentId });
  assert.deepEqual([second.json.version, second.json.status], [3, "suspended"]);
  assert.equal((await put({ total_limit: 300, version: 3 })).json.status, "suspended", "absent, it stays");
  const child = (await company.agents(1))[0];
  expectFault(await put({ total_limit: 300, version: 4, agent_id: child }), "v1", 409, "immutable_field", { path: "$.agent_id" });
  const { problem } = { problem: await company.office.put(path, { total_limit: 1 }, { accept: "application/problem+json" }) };
  assert.deepEqual([problem.json.status, problem.json.title], [428, "Precondition Required"]);
  const stale = await company.office.put(path, { total_limit: 1, version: 1 }, { accept: "application/problem+json" });
  assert.deepEqual([stale.json.status, stale.json.title], [412, "Precondition Failed"]);
});

test("merchants are compared as Unicode folds their case, and no further", async () => {
  const company = await Company.open(server.current, { total_limit: 1_000, allowed_merchants: ["Wise", "STRA\u1e9eE", "\u03a3\u03bf\u03c6\u03cc\u03c2", "K\u0131l\u0131\u00e7"] });
  const reserve = (merchant: string): Promise<Reply> => company.reserve(1, { kind: "payment", merchant });
  for (const merchant of ["W\u0131se", "W\u0130se", "Kilic", "K\u0131l\u0131c", "KILI\u00c7"]) expectRefused(await reserve(merchant), 403, "merchant_not_allowed");
  const same = ["wISE", "Stra\u00dfe", "strasse", "STRASSE", "\u03a3\u039f\u03a6\u038c\u03a3", "k\u0131l\u0131\u00c7", "K\u0131l\u0131c\u0327"];
  for (const merchant of same) assert.equal((await reserve(merchant)).status, 201, merchant);
});

test("of 64 changes of one version at once exactly one is made, and an Idempotency-Key is nothing to them", async () => {
  const company = await Company.open(server.current);
  const path = `/v1/mandates/${company.mandate.id}`;
  const replies = await Promise.all(Array.from({ length: 64 }, (_, at) => company.office.put(path, { total_limit: 1_000 + at, version: 1 }, { "idempotency-key": "k" })));
  assert.deepEqual(countByStatus(replies), { 200: 1, 412: 63 });
  assert.equal((await company.see(`mandates/${company.mandate.id}`))["version"], 2);
});

test("no limit is put below what is spent and held in its window", async () => {
  const company = await Company.open(server.current, { daily_limit: 100, monthly_limit: 100, total_limit: 100, per_transaction_limit: 60 });
  await company.capture((await company.hold(40))["id"], 30);
  await company.hold(20);
  for (const [name, limit] of [["daily_limit", "daily"], ["monthly_limit", "monthly"], ["total_limit", "total"]] as const) {
    const terms = { daily_limit: 50, monthly_limit: 50, total_limit: 50, per_transaction_limit: 1 };
    expectRefused(await company.change({ ...terms, [name]: 49 }), 409, "limit_below_usage", { limit });
  }
  const exact = await company.change({ daily_limit: 50, monthly_limit: 50, total_limit: 50, per_transaction_limit: 1 });
  assert.deepEqual([exact.status, exact.json.usage.total], [200, { spent: 30, held: 20, remaining: 0, resets_at: null }], exact.text);
  expectRefused(await company.reserve(1), 402, "mandate_limit_exceeded", { limit: "daily", remaining: 0, requested: 1 });
});

test("a mandate that is used up, over or suspended holds nothing new, lets go what is held, and lives again when that is over", async () => {
  const company = await Company.open(server.current, { total_limit: 100 });
  const [one, two] = [await company.hold(60), await company.hold(40)];
  assert.equal((await company.change({ status: "suspended" })).json.status, "suspended");
  expectRefused(await company.reserve(1), 403, "mandate_not_active");
  assert.equal((await company.capture(one["id"])).status, 200);
  assert.equal((await company.change({ status: "active" })).json.status, "active");
  assert.equal((await company.capture(two["id"])).status, 200);
  const shown = await company.see(`mandates/${company.mandate.id}`);
  assert.deepEqual([shown["status"], shown["usage"].total.remaining], ["exhausted", 0]);
  expectRefused(await company.reserve(1), 403, "mandate_not_active");
  assert.equal((await company.change({ total_limit: 100 })).json.status, "exhausted", "nothing was raised");
  const expires_at = new Date((await clock()) + 60_000).toISOString();
  assert.equal((await company.change({ total_limit: 150, expires_at })).json.status, "active");
  const held = await company.hold(10);
  await server.current.advance(61);
  expectRefused(await company.reserve(1), 403, "mandate_not_active");
  assert.equal((await company.see(`mandates/${company.mandate.id}`))["status"], "expired");
  assert.equal((await company.capture(held["id"])).status, 200, "what is held may be captured");
  assert.equal((await company.change({ total_limit: 150, expires_at: null })).json.status, "active");
  await company.hold(40);
  assert.deepEqual(await company.used(), [110, 40]);
  await booksOf(company.office);
});

test("revoking a mandate is final: holds are released, questions denied, leases revoked, tokens dead", async () => {
  const company = await Company.open(server.current, { total_limit: 1_000, approval_threshold: 100 });
  const [child] = await company.agents(1);
  const token = await company.bearer({ action: "tool:spend", audience: "spendguard-actions" });
  const [held, pending] = [await company.hold(10), await company.hold(101)];
  const lease = await company.lease(child!, 50);
  const under = await company.hold(5, { agent_id: child, lease_id: lease["id"] });
  assert.deepEqual(await company.balance(), [10_100 - 161, 161], "what is lent counts as reserved, and what is held under it does not count twice");
  const revoked = await company.change({ status: "revoked" });
  assert.deepEqual([revoked.status, revoked.json.status, revoked.json.usage.total.held], [200, "revoked", 0], revoked.text);
  for (const { id } of [held, pending, under] as { id: string }[]) assert.equal((await company.seeReservation(id))["status"], "released");
  assert.equal((await company.see(`approvals/${pending["approval_id"]}`))["status"], "denied");
  const ended = await company.seeLease(lease["id"]);
  assert.deepEqual([ended["status"], ended["returned_amount"], ended["remaining"], ended["reserved"]], ["revoked", 50, 0, 0]);
  assert.deepEqual(await company.balance(), [10_100, 0]);
  expectFault(await token.post("/v1/spend-guard/reservations", { kind: "tool", amount: 1 }), "v1", 401, "UNAUTHORIZED");
  expectFault(await token.post(`/v1/spend-guard/reservations/${held["id"]}/release`, {}), "v1", 401, "UNAUTHORIZED");
  expectRefused(await company.reserve(1), 403, "mandate_not_active");
  expectRefused(await company.capture(held["id"]), 409, "reservation_resolved");
  expectRefused(await company.change({ status: "active" }), 409, "mandate_revoked");
  await booksOf(company.office);
});

test("an amount counts in the UTC day and month of its hold, to the edge of it", async () => {
  const company = await Company.open(server.current, { daily_limit: 100, monthly_limit: 150 });
  // The first day of a month that is followed by another of the same.
  const now = new Date(await clock());
  const first = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
  await advanceTo(first, 20);
  const late = await company.hold(100);
  expectRefused(await company.reserve(1), 402, "mandate_limit_exceeded", { limit: "daily" });
  await advanceTo(first, -1);
  assert.deepEqual([await company.used("daily"), await company.used("monthly"), await company.used()], [[0, 0], [0, 0], [0, 100]]);
  const early = await company.hold(100);
  assert.equal((await company.capture(late["id"])).status, 200, "it counts in the day of its hold");
  assert.deepEqual([await company.used("daily"), await company.used("monthly"), await company.used()], [[0, 100], [0, 100], [100, 100]]);
  await advanceTo(first + DAY_MS, -1);
  assert.deepEqual([await company.used("daily"), await company.used("monthly")], [[0, 0], [0, 0]], "the hold ran out within its day");
  assert.equal((await company.seeReservation(early["id"]))["status"], "expired");
  await company.capture((await company.hold(90))["id"]);
  await advanceTo(first + 2 * DAY_MS, -1);
  expectRefused(await company.reserve(61), 402, "mandate_limit_exceeded", { limit: "monthly", remaining: 60, requested: 61 });
  await company.hold(60);
  await booksOf(company.office);
});

test("a list is filtered by agent and status, and an unknown status is told by name", async () => {
  const company = await Company.open(server.current);
  const [child] = await company.agents(1);
  const other = await newMandate(company.office, child!);
  await company.change({ status: "suspended" });
  const ids = async (query: string): Promise<string[]> => (await company.see(`mandates?${query}`))["data"].map((mandate: { id: string }) => mandate.id);
  assert.deepEqual(await ids(""), [other.id, company.mandate.id]);
  assert.deepEqual(await ids(`agent_id=${child}`), [other.id]);
  assert.deepEqual(await ids("status=suspended"), [company.mandate.id]);
  assert.deepEqual(await ids(`status=suspended&agent_id=${child}`), []);
  for (const status of ["", "ACTIVE", "gone"]) {
    expectFault(await company.office.get(`/v1/mandates?status=${status}`), "v1", 400, "INVALID_INPUT", { path: "status" });
  }
  await newToken(company.office, child!, { mandate_id: other.id });
});
