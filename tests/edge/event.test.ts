// The feed of events, and the tenant's own routes: profile and audit chain (contract identity-and-money 13 and 14).

import assert from "node:assert/strict";
import { test } from "node:test";
import { expectFault } from "./support/fault.ts";
import { newOperator } from "./support/household.ts";
import { newManager, type Manager } from "./support/human.ts";
import { useServer } from "./support/server.ts";
import { Company, newKey, newMandate } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });

async function happen(manager: Manager): Promise<void> {
  const key = `fund-${Math.random()}`;
  const funded = await manager.management.post(`/v1/wallets/${manager.walletId}/fund`, { amount: 1 }, { "idempotency-key": key });
  assert.equal(funded.status, 201, funded.text);
}

async function read(manager: Manager, query = ""): Promise<{ data: any[]; next_after: string | null }> {
  const reply = await manager.management.get(`/v1/events${query}`);
  assert.equal(reply.status, 200, reply.text);
  return reply.json;
}

/** The end of what there is. */
async function endOf(manager: Manager): Promise<string> {
  return (await read(manager, "?limit=100")).next_after ?? "";
}

test("events are read page by page, oldest first, none twice and none skipped", async () => {
  const manager = await newManager(server.client());
  const start = await endOf(manager);
  for (let n = 0; n < 7; n += 1) await happen(manager);
  const seen: string[] = [];
  for (let after = start; ; ) {
    const page = await read(manager, `?limit=3&after=${after}`);
    seen.push(...page.data.map(({ id }) => id));
    for (const event of page.data) {
      assert.deepEqual(Object.keys(event), ["id", "type", "timestamp", "data"]);
      assert.equal(event.type, "wallet.funded");
    }
    if (page.data.length < 3) break;
    after = page.next_after!;
  }
  assert.equal(seen.length, 7);
  assert.deepEqual(seen, [...new Set(seen)].sort());
});

test("a question waits for the next event, answers as soon as there is one, and in time when there is none", async () => {
  const manager = await newManager(server.client());
  const after = await endOf(manager);
  const askedMs = performance.now();
  const waiting = Array.from({ length: 5 }, () => read(manager, `?wait_s=25&after=${after}`));
  const uninterested = read(manager, `?wait_s=2&types=payment.*&after=${after}`);
  await new Promise((done) => setTimeout(done, 300));
  await happen(manager);
  const answered = await Promise.all(waiting);
  const tookMs = performance.now() - askedMs;
  assert.ok(tookMs > 300 && tookMs < 2_500, `${tookMs} ms`);
  assert.ok(answered.every(({ data }) => data.length === 1 && data[0].type === "wallet.funded"));
  assert.deepEqual((await uninterested).data, []);
  const waitedMs = performance.now() - askedMs;
  assert.ok(waitedMs > 1_900 && waitedMs < 6_000, `${waitedMs} ms`);
});

test("of too many that wait the last look once more when their time is over", async () => {
  const manager = await newManager(server.client());
  const after = await endOf(manager);
  const startedMs = performance.now();
  const asked = Array.from({ length: 40 }, async () => {
    const { data } = await read(manager, `?wait_s=3&after=${after}`);
    return { found: data.length, ms: performance.now() - startedMs };
  });
  await new Promise((done) => setTimeout(done, 1_000));
  await happen(manager);
  const answers = await Promise.all(asked);
  assert.ok(answers.every(({ found, ms }) => found === 1 && ms > 1_000), JSON.stringify(answers));
  assert.equal(answers.filter(({ ms }) => ms > 2_900).length, 8, JSON.stringify(answers));
});

/** The id of the event of that sequence: 48 bits of time, 27 that are drawn, 53 of the sequence. */
function eventId(seq: number): string {
  let bits = (BigInt(Date.now()) << 80n) | BigInt(seq);
  let text = "";
  for (let n = 0; n < 26; n += 1, bits >>= 5n) text = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[Number(bits & 31n)] + text;
  return `evt_${text}`;
}

test("an event is found behind more than one look takes in, and is not waited for", async () => {
  const manager = await newManager(server.client());
  const after = await endOf(manager);
  const tenant = { name: manager.tenantUuid };
  await new Promise((done) => setTimeout(done, 500));
  const [row] = await server.current.runtime.objectRows("Tenant", tenant, "SELECT max(seq) AS seq FROM audit");
  const begin = Number(row?.["seq"]);
  const count = 45_000;
  const events = Array.from({ length: count }, (_, n) => [begin + n + 1, eventId(begin + n + 1), n + 1 === count ? "payment.denied" : "wallet.funded"]);
  await server.current.editObject("Tenant", tenant,
    "INSERT INTO outbox (seq, event_id, type, data, at_ms) SELECT value ->> 0, value ->> 1, value ->> 2, '{}', ? FROM json_each(?)", Date.now(), JSON.stringify(events));
  const startedMs = performance.now();
  const page = await read(manager, `?types=payment.*&wait_s=20&after=${after}`);
  const tookMs = performance.now() - startedMs;
  assert.deepEqual(page.data.map(({ id, type }) => [id, type]), [[events.at(-1)![1], "payment.denied"]]);
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
});

test("a feed tells what concerns its tenant, and nothing that stays inside", async () => {
  const [manager, stranger] = [await newManager(server.client()), await newManager(server.client())];
  await happen(manager);
  await manager.client.post("/v1/api-keys", {}, { "x-tenant-id": manager.tenantId });
  const types = new Set((await read(manager, "?limit=100")).data.map(({ type }) => type));
  assert.ok(types.has("wallet.funded"));
  assert.ok(!types.has("key.minted") && !types.has("tenant.created") && !types.has("wallet.created"));
  const theirs = (await read(stranger)).data;
  assert.deepEqual((await read(manager, `?after=${await endOf(stranger)}`)).data.length, (await read(manager)).data.length, "another's event is none: from the oldest");
  assert.ok(!(await read(manager)).data.some(({ id }) => theirs.some((event) => event.id === id)));
  assert.deepEqual((await read(manager, "?types=agent.*,payment.denied")).data, []);
});

/** Everything that happens to money, once. */
async function liveThrough(company: Company): Promise<void> {
  const { office, agentId } = company;
  const [child, brief] = [(await company.agents(1))[0]!, (await office.post("/v1/agents", { display_name: "brief" })).json.agt_id];
  await company.hold(1, { ttl_seconds: 1 });
  await company.capture((await company.hold(2))["id"], 1);
  await company.release((await company.hold(3))["id"]);
  const approvals = await Promise.all([51, 52, 53].map((amount) => company.hold(amount)));
  await office.post(`/v1/approvals/${approvals[0]!["approval_id"]}/approve`, {});
  await office.post(`/v1/approvals/${approvals[1]!["approval_id"]}/deny`, { reason: "no" });
  await company.pay(4);
  await company.pay(54);
  await company.pay(2_000);
  const [given, ends, , spent] = [await company.lease(child, 10), await company.lease(child, 10, { ttl_seconds: 1 }), await company.lease(child, 10), await company.lease(child, 5)];
  await office.post(`/v1/spend-guard/budget-leases/${given["id"]}/release`, {});
  await company.capture((await company.hold(5, { agent_id: child, lease_id: spent["id"] }))["id"]);
  const theirs = await newMandate(office, brief, { total_limit: 9 });
  const [whole] = [await company.hold(9, { agent_id: brief, mandate_id: theirs.id })];
  await company.capture(whole["id"]);
  await newMandate(office, agentId, { total_limit: 9, expires_at: new Date(Date.parse(ends["created_at"]) + 3_000).toISOString() });
  for (const status of ["suspended", "active"]) await office.patch(`/v1/agents/${brief}`, { status });
  await office.post(`/v1/agents/${brief}/keys/rotate`, {});
  await server.current.advance(4);
  // A day on, nobody has decided.
  await server.current.advance(86_400);
  await company.change({ name: "other" });
  const [lent, held] = [await company.lease(child, 10), await company.hold(6)];
  assert.equal((await company.change({ status: "revoked" })).json.status, "revoked");
  assert.deepEqual([(await company.seeLease(lent["id"]))["status"], (await company.seeReservation(held["id"]))["status"]], ["revoked", "released"]);
  await office.post(`/v1/agents/${brief}/revoke`, { reason: "over" });
}

test("an event says of a thing what its own page says at that moment", async () => {
  const company = await Company.open(server.current, { total_limit: 1_000, approval_threshold: 50 });
  const { office } = company;
  await liveThrough(company);
  const latest = new Map<string, { type: string; data: any }>();
  const types = new Set<string>();
  for (let after = ""; ; ) {
    const page = (await office.get(`/v1/events?limit=100${after && `&after=${after}`}`)).json;
    for (const { type, data } of page.data) {
      types.add(type);
      if (!/^(wallet|webhook)\./.test(type)) latest.set(data.agt_id ?? data.id, { type, data });
    }
    if (page.data.length < 100) break;
    after = page.next_after;
  }
  const kinds = "agent.registered agent.suspended agent.activated agent.revoked agent.key_rotated mandate.created mandate.updated mandate.exhausted mandate.expired mandate.revoked payment.succeeded payment.denied payment.pending_approval payment.expired approval.requested approval.approved approval.denied approval.expired reservation.created reservation.captured reservation.released reservation.expired lease.created lease.released lease.revoked lease.expired lease.exhausted wallet.funded";
  assert.deepEqual(kinds.split(" ").filter((kind) => !types.has(kind)), []);
  const pages: Record<string, string> = {
    agt: "agents", mdt: "mandates", pay: "payments", apr: "approvals", rsv: "spend-guard/reservations", lse: "spend-guard/budget-leases",
  };
  // What moves without an event of its own: a mandate's windows until it ends for good, a lease's sums, a confirmed hold's end.
  const moving = ["captured", "reserved", "leased", "remaining", "returned_amount", "expires_at"];
  for (const [id, { type, data }] of latest) {
    assert.ok(id?.slice(0, 3) in pages, `${type}: ${JSON.stringify(data).slice(0, 400)}`);
    const shown = await company.see(`${pages[id.slice(0, 3)]}/${id}`);
    const ended = !/created|requested|updated|approved|registered/.test(type);
    const told = (thing: Record<string, any>): Record<string, any> => Object.fromEntries(Object.entries(thing).filter(([name]) => (name === "usage" ? type === "mandate.revoked" : ended || !moving.includes(name))));
    assert.deepEqual(told(data), told(shown), type);
  }
  const funding = await office.post(`/v1/wallets/${company.walletId}/fund`, { amount: 7 }, newKey());
  const [event] = (await office.get("/v1/events?types=wallet.funded&limit=100")).json.data.slice(-1);
  assert.deepEqual(event.data, funding.json);
});

test("the query is read strictly", async () => {
  const manager = await newManager(server.client());
  for (const [query, path] of [["wait_s=26", "wait_s"], ["wait_s=-1", "wait_s"], ["wait_s=1.5", "wait_s"], ["wait_s=", "wait_s"], ["limit=0", "limit"], ["limit=101", "limit"],
    ["types=payment", "types"], ["types=key.minted", "types"], ["types=payment.*,", "types"], ["types=", "types"], ["after=", "after"], ["after=x", "after"], [`after=${manager.walletId}`, "after"]] as const) {
    expectFault(await manager.management.get(`/v1/events?${query}`), "v1", 400, "INVALID_INPUT", { path });
  }
  assert.equal((await manager.management.get("/v1/events?wait_s=0&limit=100&types=*")).status, 200);
});

test("events are kept thirty days", async () => {
  const manager = await newManager(server.client());
  await happen(manager);
  assert.ok((await read(manager)).data.length > 0);
  await server.current.advance(30 * 86_400 + 3_700);
  const deadlineMs = Date.now() + 10_000;
  while ((await read(manager)).data.length > 0) {
    assert.ok(Date.now() < deadlineMs);
    await server.current.advance(3_700);
  }
});

test("a tenant shows itself; its owner renames it, an operator sets its plan, a key does neither", async () => {
  const manager = await newManager(server.client());
  const operator = await newOperator(server.current);
  const shown = (await manager.management.get("/v1/tenant")).json;
  assert.deepEqual([shown.tenant_id, shown.slug, shown.plan, shown.usage], [manager.tenantUuid, manager.tenantId, "free", { agents: 0 }]);
  const owner = manager.client.with({ "x-tenant-id": manager.tenantId });
  assert.equal((await owner.patch("/v1/tenant", { name: "Ada's 🦀" })).json.name, "Ada's 🦀");
  expectFault(await owner.patch("/v1/tenant", { plan: "starter" }), "v1", 403, "FORBIDDEN");
  expectFault(await manager.management.patch("/v1/tenant", { name: "x" }), "v1", 403, "FORBIDDEN");
  expectFault(await manager.management.patch("/v1/tenant", { plan: "starter" }), "v1", 403, "FORBIDDEN");
  const set = await operator.client.patch("/v1/tenant", { plan: "starter" }, { "x-tenant-id": manager.tenantId });
  assert.equal(set.json.plan, "starter", set.text);
  for (const [body, path] of [[{}, "$"], [{ name: "" }, "$.name"], [{ name: "x".repeat(129) }, "$.name"], [{ plan: "gold" }, "$.plan"], [{ plan: 1 }, "$.plan"]] as const) {
    expectFault(await owner.patch("/v1/tenant", body), "v1", 400, "INVALID_INPUT", { path });
  }
  assert.equal((await owner.patch("/v1/tenant", { name: "x".repeat(128) })).status, 200);
  await waitForRecord(manager, (row) => row.name === "x".repeat(128) && row.plan === "starter");
});

/** Waits until the book of record shows the tenant as wanted. */
async function waitForRecord(manager: Manager, is: (row: any) => boolean): Promise<void> {
  const deadlineMs = Date.now() + 15_000;
  for (;;) {
    const row = (await manager.client.get("/v2/tenants")).json.tenants.find((tenant: { tenant_id: string }) => tenant.tenant_id === manager.tenantId);
    if (is(row)) return;
    assert.ok(Date.now() < deadlineMs, `the book of record learns of it: ${JSON.stringify(row)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

test("however much changes at once, the book of record learns of it", async () => {
  const manager = await newManager(server.client());
  const agent = await manager.management.post("/v1/agents", { display_name: "much" });
  assert.equal(agent.status, 201, agent.text);
  const changes = Array.from({ length: 24 }, (_, n) => ({ metadata: { n, m: "x".repeat(15_500) } }));
  const changed = await Promise.all(changes.map((change) => manager.management.patch(`/v1/agents/${agent.json.agt_id}`, change)));
  for (const reply of changed) assert.equal(reply.status, 200, reply.text);
  const owner = manager.client.with({ "x-tenant-id": manager.tenantId });
  assert.equal((await owner.patch("/v1/tenant", { name: "afterwards" })).status, 200);
  await waitForRecord(manager, (row) => row.name === "afterwards");
});

test("what the queue has lost for good the book of record learns with the next event", async () => {
  const manager = await newManager(server.client());
  const database = server.current.runtime.database();
  const readSeq = async () => (await database.prepare("SELECT projected_seq AS seq FROM tenants WHERE tenant_uuid = ?").bind(manager.tenantUuid).first<{ seq: number }>())!.seq;
  const owner = manager.client.with({ "x-tenant-id": manager.tenantId });
  assert.equal((await owner.patch("/v1/tenant", { name: "first" })).status, 200);
  await waitForRecord(manager, (row) => row.name === "first");
  const before = await readSeq();
  assert.equal((await owner.patch("/v1/tenant", { name: "second" })).status, 200);
  await waitForRecord(manager, (row) => row.name === "second");
  // As if the message that told of it had ended among the dead letters.
  await database.prepare("UPDATE tenants SET name = 'first', projected_seq = ? WHERE tenant_uuid = ?").bind(before, manager.tenantUuid).run();
  await happen(manager);
  await waitForRecord(manager, (row) => row.name === "second");
});

test("the audit chain is listed page by page and verifies, until somebody edits it", async () => {
  const manager = await newManager(server.client());
  for (let n = 0; n < 5; n += 1) await happen(manager);
  const entries: any[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: any = (await manager.management.get(`/v1/audit?limit=4${cursor ? `&cursor=${cursor}` : ""}`)).json;
    entries.push(...page.data);
    cursor = page.next_cursor;
  }
  assert.deepEqual(entries.map(({ seq }) => seq), Array.from({ length: entries.length }, (_, n) => entries.length - n));
  for (const [n, entry] of entries.slice(0, -1).entries()) assert.equal(entry.prev_hash, entries[n + 1].hash);
  const good = (await manager.management.get("/v1/audit/verify")).json;
  assert.deepEqual(good, { valid: true, entries: entries.length, head_hash: entries[0].hash, first_bad_seq: null, verified_seq: entries.length, complete: true });
  for (const bad of ["x", String(entries.length + 1), "999999999999999"]) {
    expectFault(await manager.management.get(`/v1/audit/verify?after_seq=${bad}`), "v1", 400, "INVALID_INPUT", { path: "after_seq" });
  }
  const atEnd = (await manager.management.get(`/v1/audit/verify?after_seq=${entries.length}`)).json;
  assert.deepEqual([atEnd.valid, atEnd.entries, atEnd.verified_seq, atEnd.complete], [true, 0, entries.length, true]);
  const tenant = { name: manager.tenantUuid };
  await server.current.editObject("Tenant", tenant, "DROP TRIGGER audit_entry_is_final");
  assert.equal((await manager.management.get("/v1/audit/verify")).json.valid, true);
  await server.current.editObject("Tenant", tenant, "UPDATE audit SET actor = 'nobody' WHERE seq = 3");
  const bad = (await manager.management.get("/v1/audit/verify")).json;
  assert.deepEqual([bad.valid, bad.first_bad_seq], [false, 3]);
});
