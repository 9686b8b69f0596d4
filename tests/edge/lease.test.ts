// Budget leases: a tree in which nobody lends more than they have, or wider than they may, and every end gives back exactly.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";
import { ACTIONS, booksOf, Company, countByStatus, expectRefused } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const WALLET = 10_100;
const soon = async (seconds: number): Promise<string> => {
  const { now } = (await server.client().get("/v1/test-clock")).json;
  return new Date(Date.parse(now) + seconds * 1_000).toISOString();
};

/** amount = captured + reserved + leased + remaining + returned. */
function expectWhole(lease: Record<string, any>): void {
  const { amount, captured, reserved, leased, remaining, returned_amount } = lease;
  assert.equal(captured + reserved + leased + remaining + returned_amount, amount, JSON.stringify(lease));
}

test("a lease is never wider than its parent, in any field", async () => {
  const expires_at = await soon(1_000);
  const company = await Company.open(server.current, {
    total_limit: 1_000, per_transaction_limit: 50, allowed_merchants: ["Ada", "Bob"], allowed_actions: ["delegation:spend", "tool:spend"], expires_at,
  });
  const [one, two] = await company.agents(2) as [string, string];
  const later = new Date(Date.parse(expires_at) + 1).toISOString();
  const parent = await company.lease(one, 100, { per_transaction_limit: 50, allowed_merchants: ["ada", "BOB"], allowed_actions: ["delegation:spend", "tool:spend"], expires_at });
  const wider: [object, string][] = [
    [{ per_transaction_limit: 51 }, "per_transaction_limit"], [{ allowed_merchants: ["Ada", "Carl"] }, "allowed_merchants"], [{ allowed_merchants: [] }, "allowed_merchants"],
    [{ allowed_actions: ["tool:spend", "token:spend"] }, "allowed_actions"], [{ allowed_actions: [] }, "allowed_actions"], [{ expires_at: later }, "expires_at"], [{ ttl_seconds: 2_000 }, "expires_at"],
  ];
  for (const [terms, field] of wider) {
    expectRefused(await company.lend(one, 10, { ...terms }), 403, "lease_wider_than_parent", { field });
    expectRefused(await company.lend(two, 10, { ...terms, parent_lease_id: parent["id"] }), 403, "lease_wider_than_parent", { field });
  }
  const inherited = await company.lease(two, 10, { parent_lease_id: parent["id"] });
  const { per_transaction_limit, allowed_merchants, allowed_actions, expires_at: ends, depth, parent_agent_id } = inherited;
  assert.deepEqual([per_transaction_limit, allowed_merchants, allowed_actions, ends, depth, parent_agent_id], [50, ["ada", "BOB"], ["tool:spend", "delegation:spend"], expires_at, 2, one]);
  const narrow = await company.lease(two, 10, { parent_lease_id: parent["id"], per_transaction_limit: 5, allowed_merchants: ["Ada"], allowed_actions: ["tool:spend"], ttl_seconds: 60 });
  const spend = { agent_id: two, lease_id: narrow["id"] };
  expectRefused(await company.reserve(6, spend), 402, "mandate_limit_exceeded", { limit: "per_transaction", remaining: 5 });
  expectRefused(await company.reserve(5, { ...spend, merchant: "Bob" }), 403, "merchant_not_allowed");
  expectRefused(await company.reserve(5, { ...spend, kind: "delegated" }), 403, "action_not_allowed");
  expectRefused(await company.lend(one, 1, { parent_lease_id: narrow["id"] }), 400, "INVALID_INPUT", { path: "$.child_agent_id" });
  assert.equal((await company.reserve(5, { ...spend, merchant: "ADA" })).status, 201);
});

test("a lease comes from one source, in usd, for one child that is not among its lenders", async () => {
  const company = await Company.open(server.current);
  const [one, two, three] = await company.agents(3) as [string, string, string];
  const parent = await company.lease(one, 100);
  const leases = "/v1/spend-guard/budget-leases";
  const mandate_id = company.mandate.id;
  const faults: [object, string][] = [
    [{ child_agent_id: one, amount: 1 }, "$.mandate_id"], [{ child_agent_id: one, amount: 1, mandate_id, parent_lease_id: parent["id"] }, "$.parent_lease_id"],
    [{ child_agent_id: one, amount: 1, mandate_id, ttl_seconds: 5, expires_at: await soon(50) }, "$.ttl_seconds"], [{ child_agent_id: one, amount: 1, mandate_id, expires_at: await soon(-1) }, "$.expires_at"],
    [{ child_agent_id: company.agentId, amount: 1, mandate_id }, "$.child_agent_id"], [{ child_agent_id: one, amount: 1, parent_lease_id: parent["id"] }, "$.child_agent_id"],
    [{ child_agent_id: company.agentId, amount: 1, parent_lease_id: parent["id"] }, "$.child_agent_id"],
  ];
  for (const [body, path] of faults) expectFault(await company.office.post(leases, body), "v1", 400, "INVALID_INPUT", { path });
  expectFault(await company.lend(one, 1, { currency: "eur" }), "v1", 400, "currency_unsupported", { path: "$.currency" });
  expectFault(await company.lend("agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ", 1), "v1", 404, "NOT_FOUND");
  await company.setAgentStatus("suspended", two);
  expectRefused(await company.lend(two, 1), 403, "agent_not_active");
  await company.setAgentStatus("suspended", one);
  expectRefused(await company.lend(three, 1, { parent_lease_id: parent["id"] }), 403, "agent_not_active");
  expectWhole(await company.seeLease(parent["id"]));
});

test("leases nest eight deep, and each lends what it has and not one more", async () => {
  const company = await Company.open(server.current, { total_limit: 100 });
  const agents = await company.agents(9) as string[];
  expectRefused(await company.lend(agents[0]!, 101), 402, "mandate_limit_exceeded", { limit: "total", remaining: 100, requested: 101 });
  const chain: string[] = [];
  for (let depth = 1; depth <= 8; depth += 1) {
    const source = depth === 1 ? {} : { parent_lease_id: chain.at(-1) };
    const amount = 101 - depth;
    if (depth > 1) expectRefused(await company.lend(agents[depth - 1]!, amount + 2, source), 402, "lease_exhausted", { remaining: amount + 1, requested: amount + 2 });
    const lease = await company.lease(agents[depth - 1]!, amount, source);
    assert.equal(lease["depth"], depth);
    chain.push(lease["id"]);
  }
  expectRefused(await company.lend(agents[8]!, 1, { parent_lease_id: chain.at(-1) }), 409, "lease_depth_exceeded");
  expectFault(await company.lend(agents[2]!, 1, { parent_lease_id: chain.at(-1) }), "v1", 400, "INVALID_INPUT", { path: "$.child_agent_id" });
  const deep = { agent_id: agents[7], lease_id: chain.at(-1) };
  const held = await company.hold(93, deep);
  expectRefused(await company.reserve(1, deep), 402, "lease_exhausted");
  assert.equal((await company.capture(held["id"], 90)).status, 200);
  assert.deepEqual([await company.used(), await company.balance()], [[90, 10], [WALLET - 100, 10]]);
  const revoked = await company.office.post(`/v1/spend-guard/budget-leases/${chain[0]}/revoke`);
  assert.deepEqual([revoked.json.status, revoked.json.returned_amount, revoked.json.leased, revoked.json.remaining], ["revoked", 10, 90, 0], revoked.text);
  for (const id of chain) {
    const lease = await company.seeLease(id);
    assert.equal(lease["status"], "revoked");
    expectWhole(lease);
  }
  assert.deepEqual([await company.used(), await company.balance()], [[90, 0], [WALLET - 90, 0]]);
  await booksOf(company.office);
});

test("of 64 leases at once against a remainder of 10 exactly 10 are had", async () => {
  const company = await Company.open(server.current, { total_limit: 10 });
  const [one, two] = await company.agents(2) as [string, string];
  const roots = await Promise.all(Array.from({ length: 64 }, () => company.lend(one, 1)));
  assert.deepEqual(countByStatus(roots), { 201: 10, 402: 54 });
  const rich = await Company.open(server.current);
  const [three, four] = await rich.agents(2) as [string, string];
  const parent = await rich.lease(three, 10);
  const below = await Promise.all(Array.from({ length: 64 }, (_, at) => (at % 2 === 0 ? rich.lend(four, 1, { parent_lease_id: parent["id"] }) : rich.reserve(1, { agent_id: three, lease_id: parent["id"] }))));
  assert.deepEqual(countByStatus(below), { 201: 10, 402: 54 });
  expectWhole(await rich.seeLease(parent["id"]));
  assert.equal(two === one, false);
  await booksOf(rich.office);
});

test("revoking cascades through three levels, with holds open and asked about", async () => {
  const company = await Company.open(server.current, { total_limit: 5_000, approval_threshold: 40 });
  const [one, two, three] = await company.agents(3) as [string, string, string];
  const a = await company.lease(one, 1_000);
  const b = await company.lease(two, 500, { parent_lease_id: a["id"] });
  const c = await company.lease(three, 200, { parent_lease_id: b["id"] });
  const holds = [
    await company.hold(10, { agent_id: one, lease_id: a["id"] }), await company.hold(20, { agent_id: two, lease_id: b["id"] }), await company.hold(30, { agent_id: three, lease_id: c["id"] }),
    await company.hold(50, { agent_id: three, lease_id: c["id"] }),
  ];
  assert.equal((await company.capture(holds[2]!["id"], 25)).status, 200);
  expectRefused(await company.office.post(`/v1/spend-guard/budget-leases/${a["id"]}/release`), 409, "lease_has_children");
  const revoked = await company.office.post(`/v1/spend-guard/budget-leases/${b["id"]}/revoke`);
  assert.deepEqual([revoked.json.status, revoked.json.returned_amount, revoked.json.reserved], ["revoked", 475, 0], revoked.text);
  const again = await company.office.post(`/v1/spend-guard/budget-leases/${b["id"]}/revoke`);
  assert.deepEqual([again.status, again.json], [200, revoked.json], "a repeat is the same");
  const below = await company.seeLease(c["id"]);
  assert.deepEqual([below["status"], below["captured"], below["returned_amount"]], ["revoked", 25, 175]);
  const above = await company.seeLease(a["id"]);
  assert.deepEqual([above["status"], above["remaining"], above["reserved"], above["leased"]], ["active", 965, 10, 25]);
  for (const lease of [revoked.json, below, above]) expectWhole(lease);
  const statuses = await Promise.all(holds.map(async ({ id }) => (await company.seeReservation(id))["status"]));
  assert.deepEqual(statuses, ["reserved", "released", "captured", "released"]);
  assert.equal((await company.see(`approvals/${holds[3]!["approval_id"]}`))["status"], "denied");
  assert.deepEqual(await company.used(), [25, 975]);
  expectRefused(await company.reserve(1, { agent_id: two, lease_id: b["id"] }), 402, "lease_exhausted", { remaining: 0 });
  await booksOf(company.office);
});

test("a lease released while its child holds gives back only what is free, and what comes free later goes up", async () => {
  const company = await Company.open(server.current);
  const [one, two] = await company.agents(2) as [string, string];
  const parent = await company.lease(one, 100);
  const child = await company.lease(two, 50, { parent_lease_id: parent["id"] });
  const [held, other] = [await company.hold(10, { agent_id: two, lease_id: child["id"] }), await company.hold(5, { agent_id: two, lease_id: child["id"] })];
  const released = await company.office.post(`/v1/spend-guard/budget-leases/${child["id"]}/release`);
  assert.deepEqual([released.json.status, released.json.returned_amount, released.json.reserved], ["released", 35, 15]);
  assert.deepEqual((await company.office.post(`/v1/spend-guard/budget-leases/${child["id"]}/release`)).json, released.json);
  assert.deepEqual(await company.seeLease(parent["id"]).then(({ remaining, leased }) => [remaining, leased]), [85, 15]);
  assert.equal((await company.capture(held["id"], 4)).status, 200);
  assert.deepEqual(await company.seeLease(parent["id"]).then(({ remaining, leased }) => [remaining, leased]), [91, 9]);
  expectRefused(await company.reserve(1, { agent_id: two, lease_id: child["id"] }), 402, "lease_exhausted");
  // The lender takes it all back: what the released child still holds is over too.
  const revoked = await company.office.post(`/v1/spend-guard/budget-leases/${parent["id"]}/revoke`);
  assert.deepEqual([revoked.json.status, revoked.json.returned_amount, revoked.json.leased], ["revoked", 96, 4], revoked.text);
  assert.equal((await company.seeReservation(other["id"]))["status"], "released");
  expectRefused(await company.capture(other["id"]), 409, "reservation_resolved");
  for (const id of [parent["id"], child["id"]]) expectWhole(await company.seeLease(id));
  assert.deepEqual([await company.used(), await company.balance()], [[4, 0], [WALLET - 4, 0]]);
  await booksOf(company.office);
});

test("expiry ends a lease with all below it, by whomever it is met", async () => {
  const company = await Company.open(server.current);
  const [one, two] = await company.agents(2) as [string, string];
  for (const meet of ["look", "release", "hold"] as const) {
    const parent = await company.lease(one, 100, { ttl_seconds: 60 });
    const child = await company.lease(two, 50, { parent_lease_id: parent["id"] });
    assert.equal(child["expires_at"], parent["expires_at"]);
    const held = await company.hold(10, { agent_id: two, lease_id: child["id"] });
    await server.current.advance(61);
    if (meet === "release") assert.equal((await company.office.post(`/v1/spend-guard/budget-leases/${child["id"]}/release`)).json.status, "expired");
    if (meet === "hold") expectRefused(await company.reserve(1, { agent_id: one, lease_id: parent["id"] }), 402, "lease_exhausted");
    for (const id of [parent["id"], child["id"]]) {
      const lease = await company.seeLease(id);
      assert.deepEqual([lease["status"], lease["remaining"], lease["reserved"]], ["expired", 0, 0], meet);
      expectWhole(lease);
    }
    assert.equal((await company.seeReservation(held["id"]))["status"], "released");
    assert.deepEqual([await company.used(), await company.balance()], [[0, 0], [WALLET, 0]], meet);
  }
  await booksOf(company.office);
});

test("a lease released after its time, before any alarm, ends as one that ran out", async () => {
  const company = await Company.open(server.current);
  const [one] = await company.agents(1) as [string];
  const lease = await company.lease(one, 100, { ttl_seconds: 1 });
  const held = await company.hold(10, { agent_id: one, lease_id: lease["id"] });
  await new Promise((resolve) => setTimeout(resolve, 1_010));
  const released = await company.office.post(`/v1/spend-guard/budget-leases/${lease["id"]}/release`);
  assert.deepEqual([released.json.status, released.json.returned_amount, released.json.reserved], ["expired", 100, 0], released.text);
  assert.equal((await company.seeReservation(held["id"]))["status"], "released");
});

test("a lease whose every unit is spent is exhausted, and so is a parent that lent it all", async () => {
  const company = await Company.open(server.current);
  const [one, two] = await company.agents(2) as [string, string];
  const parent = await company.lease(one, 10);
  const child = await company.lease(two, 10, { parent_lease_id: parent["id"] });
  assert.equal((await company.seeLease(parent["id"]))["status"], "active");
  const held = await company.hold(10, { agent_id: two, lease_id: child["id"] });
  assert.equal((await company.seeLease(child["id"]))["status"], "active");
  assert.equal((await company.capture(held["id"])).status, 200);
  assert.deepEqual([(await company.seeLease(child["id"]))["status"], (await company.seeLease(parent["id"]))["status"]], ["exhausted", "exhausted"]);
  for (const what of ["release", "revoke"]) assert.equal((await company.office.post(`/v1/spend-guard/budget-leases/${child["id"]}/${what}`)).json.status, "exhausted");
});

test("a lease spends from the wallet it was lent from, whatever wallet its mandate has since", async () => {
  const company = await Company.open(server.current);
  const [one] = await company.agents(1) as [string];
  const second = (await company.office.post("/v1/wallets", { currency: "usd" })).json.id;
  const lease = await company.lease(one, 100);
  assert.equal((await company.change({ wallet_id: second })).status, 200);
  const spend = { agent_id: one, lease_id: lease["id"] };
  const [kept, spent] = [await company.hold(30, spend), await company.hold(20, spend)];
  assert.deepEqual([kept["wallet_id"], spent["wallet_id"]], [company.walletId, company.walletId]);
  assert.equal((await company.capture(spent["id"])).status, 200);
  assert.equal((await company.office.post(`/v1/spend-guard/budget-leases/${lease["id"]}/release`)).json.returned_amount, 50);
  assert.equal((await company.release(kept["id"])).status, 200);
  assert.deepEqual([await company.balance(), await company.balance(second)], [[WALLET - 20, 0], [0, 0]]);
  await booksOf(company.office);
});

test("a child lends on with a token for lending, of what it was lent and nothing else", async () => {
  const company = await Company.open(server.current);
  const [one, two] = await company.agents(2) as [string, string];
  const lease = await company.lease(one, 100);
  const lending = { action: "delegation:spend", ...ACTIONS };
  const [root, child] = [await company.bearer(lending), await company.bearer({ ...lending, lease_id: lease["id"] }, one)];
  const post = (agent: typeof root, body: object): Promise<Reply> => agent.post("/v1/spend-guard/budget-leases", { child_agent_id: two, amount: 1, ...body });
  const [ofMandate, ofLease] = [{ mandate_id: company.mandate.id }, { parent_lease_id: lease["id"] }];
  assert.deepEqual([(await post(root, ofMandate)).status, (await post(child, ofLease)).status], [201, 201]);
  expectFault(await post(root, ofLease), "v1", 403, "token_scope_mismatch");
  expectFault(await post(child, ofMandate), "v1", 403, "token_scope_mismatch");
  const ids = async (query: string): Promise<number> => (await company.see(`spend-guard/budget-leases?${query}`))["data"].length;
  assert.deepEqual([await ids(""), await ids(`parent_agent_id=${one}`), await ids(`child_agent_id=${two}`), await ids("status=released"), await ids(`mandate_id=${company.mandate.id}`)], [3, 1, 2, 0, 3]);
});
