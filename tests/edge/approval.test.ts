// Approvals: what waits for a human is held, decided once, and given back when nobody decides.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";
import { ACTIONS, booksOf, Company, countByStatus, expectRefused } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const WALLET = 10_100;
const open = (): Promise<Company> => Company.open(server.current, { total_limit: 1_000, approval_threshold: 10 });
const decide = (company: Company, id: string, what: "approve" | "deny", body: object = {}): Promise<Reply> => company.office.post(`/v1/approvals/${id}/${what}`, body);

test("an amount above the threshold waits, one that reaches it does not, and what waits is held", async () => {
  const company = await open();
  assert.equal((await company.reserve(10)).status, 201);
  const held = await company.reserve(11);
  assert.deepEqual([held.status, held.json.status], [202, "pending_approval"]);
  const { requested_at, expires_at, ...approval } = await company.see(`approvals/${held.json.approval_id}`);
  assert.deepEqual(approval, {
    id: held.json.approval_id, status: "pending", object_type: "reservation", object_id: held.json.id, amount: 11, currency: "usd", agent_id: company.agentId,
    mandate_id: company.mandate.id, decided_by: null, decided_at: null, reason: null,
  });
  assert.equal(Date.parse(expires_at) - Date.parse(requested_at), 86_400_000);
  assert.deepEqual([await company.used(), await company.balance()], [[0, 21], [WALLET - 21, 21]]);
  expectRefused(await company.capture(held.json.id), 409, "approval_pending");
  const none = await Company.open(server.current, { total_limit: 1_000, approval_threshold: 0 });
  assert.equal((await none.reserve(1)).status, 202);
});

test("an approved reservation lives its own time from then on; a denied one is given back", async () => {
  const company = await open();
  const [yes, no] = [await company.hold(11, { ttl_seconds: 60 }), await company.hold(12)];
  await server.current.advance(3_600);
  const approved = await decide(company, yes["approval_id"], "approve", { reason: "🦀".repeat(1_024) });
  assert.deepEqual([approved.status, approved.json.status, approved.json.reservation.status, approved.json.payment], [200, "approved", "reserved", undefined], approved.text);
  assert.ok(Math.abs(Date.parse(approved.json.reservation.expires_at) - Date.parse(approved.json.decided_at) - 60_000) < 10);
  assert.match(approved.json.decided_by, /key_/);
  const denied = await decide(company, no["approval_id"], "deny");
  assert.deepEqual([denied.json.status, denied.json.reservation.status, denied.json.reservation.released_amount], ["denied", "released", 12]);
  const [again, denies] = [await decide(company, yes["approval_id"], "approve", { reason: "other" }), await decide(company, no["approval_id"], "deny")];
  assert.deepEqual([again.json, denies.json], [approved.json, denied.json], "the same decision is answered the same");
  for (const [id, what] of [[yes, "deny"], [no, "approve"]] as const) expectRefused(await decide(company, id["approval_id"], what), 409, "approval_decided");
  assert.equal((await company.capture(yes["id"], 11)).status, 200);
  assert.deepEqual(await company.used(), [11, 0]);
  await booksOf(company.office);
});

test("an approved payment succeeds in that moment; a denied one, or one nobody decides, costs nothing", async () => {
  const company = await open();
  const [yes, no, late] = [(await company.pay(11)).json, (await company.pay(12)).json, (await company.pay(13)).json];
  assert.deepEqual([yes.status, (await company.see(`approvals/${yes.approval_id}`))["object_type"]], ["pending_approval", "payment"]);
  const approved = await decide(company, yes.approval_id, "approve");
  assert.deepEqual([approved.json.payment.status, approved.json.payment.id, approved.json.reservation], ["succeeded", yes.id, undefined]);
  assert.deepEqual((await company.see(`payments/${yes.id}`)), approved.json.payment);
  const denied = await decide(company, no.approval_id, "deny", { reason: "no" });
  assert.deepEqual([denied.json.reason, denied.json.payment.status], ["no", "denied"]);
  await server.current.advance(86_401);
  expectRefused(await decide(company, late.approval_id, "approve"), 409, "approval_decided");
  assert.deepEqual([(await company.see(`approvals/${late.approval_id}`))["status"], (await company.see(`payments/${late.id}`))["status"]], ["expired", "expired"]);
  assert.deepEqual([await company.used(), await company.balance()], [[11, 0], [WALLET - 11, 0]]);
  await booksOf(company.office);
});

test("of many decisions at once one is made", async () => {
  const company = await open();
  for (let turn = 0; turn < 3; turn += 1) {
    const paid = (await company.pay(11)).json;
    const replies = await Promise.all(Array.from({ length: 32 }, (_, at) => decide(company, paid.approval_id, at % 2 === 0 ? "approve" : "deny")));
    assert.deepEqual(countByStatus(replies), { 200: 16, 409: 16 });
    assert.equal(new Set(replies.filter(({ status }) => status === 200).map(({ text }) => text)).size, 1);
  }
  await booksOf(company.office);
});

test("what is released before it was decided is denied, and its payment has failed", async () => {
  const company = await open();
  const [paid, held] = [(await company.pay(11)).json, await company.hold(12)];
  assert.equal((await company.release(paid.reservation_id)).json.status, "released");
  assert.equal((await company.release(held["id"])).status, 200);
  assert.deepEqual([(await company.see(`payments/${paid.id}`))["status"], (await company.see(`approvals/${paid.approval_id}`))["status"]], ["failed", "denied"]);
  expectRefused(await decide(company, held["approval_id"], "approve"), 409, "approval_decided");
  assert.deepEqual(await company.used(), [0, 0]);
});

test("nothing is approved for an agent that may not act, and no token decides", async () => {
  const company = await open();
  const held = await company.hold(11);
  const token = await company.bearer({ action: "tool:spend", ...ACTIONS });
  expectFault(await token.post(`/v1/approvals/${held["approval_id"]}/approve`, {}), "v1", 403, "FORBIDDEN");
  expectFault(await token.get(`/v1/approvals/${held["approval_id"]}`), "v1", 403, "FORBIDDEN");
  await company.setAgentStatus("suspended");
  expectRefused(await decide(company, held["approval_id"], "approve"), 403, "agent_not_active");
  assert.equal((await company.see(`approvals/${held["approval_id"]}`))["status"], "pending");
  assert.equal((await decide(company, held["approval_id"], "deny")).json.status, "denied");
  const ids = async (query: string): Promise<number> => (await company.see(`approvals?${query}`))["data"].length;
  assert.deepEqual([await ids(""), await ids("status=denied"), await ids("status=pending")], [1, 1, 0]);
  expectFault(await company.office.get("/v1/approvals?status=open"), "v1", 400, "INVALID_INPUT", { path: "status" });
  expectFault(await decide(company, "apr_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "approve"), "v1", 404, "NOT_FOUND");
  expectFault(await decide(company, held["id"], "approve"), "v1", 400, "INVALID_ID");
});
