// A wallet's signup: which names are to be had, who gets one that many want, and that a refused one leaves nothing behind.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { newSlug, newWallet, signIn, signUp, type WalletSession } from "./support/agent.ts";
import type { Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";
import { stateOfBook, stateOfObject, stateOfTenant, type Tables } from "./support/state.ts";

const server = useServer();
const PATH = "/v2/agents/signup";
const RESERVED = "admin api account www root system platform guildhall motecloud truthlocks agentbot atelier spendguard".split(" ");

function signUpFrom(session: WalletSession, body: unknown): Promise<Reply> {
  // An address of its own, for the limit of signups is the address's.
  return server.client().bearer(session.sessionToken).post(PATH, body);
}

function gateOf(session: WalletSession): Promise<Tables> {
  return stateOfObject(server.current, "Gate", `wallet:${session.account.address.toLowerCase()}`);
}

/** All that a signup could have written. */
async function stateOfSignups(session: WalletSession): Promise<{ book: Tables; gate: Tables; tenants: string[] }> {
  const { runtime } = server.current;
  return { book: await stateOfBook(server.current), gate: await gateOf(session), tenants: (await runtime.objectIds("Tenant")).sort() };
}

function countByStatus(replies: Reply[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, json } of replies) {
    const key = status < 300 ? `${status}` : `${status} ${json.code}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

test("a name has 3 to 40 of a-z, 0-9 and single inner hyphens, and is not the house's", async () => {
  const session = await signIn(server.client());
  const before = await stateOfSignups(session);
  const bad: unknown[] = [
    undefined, null, 7, true, [], {}, ["abc"],
    "", "a", "ab", "a".repeat(41), "a".repeat(4_000),
    "Abc", "ABC", "aBc", "-abc", "abc-", "-", "---", "a--b", "a---b",
    "a_b", "a.b", "a b", " abc", "abc ", "abc\n", "a\tb", "a/b", "a\\b", "a%62c", "a\u0000b", "a+b", "a@b", "a'b", "a;b", "../abc",
    "\u0430bc", "ab\u0441", "\uff41bc", "\u212ailo", "\u0131bc", "\u017fbc", "a\u0301bc", "a\u200dbc", "a\u00adbc", "\u202eabc",
    "abc\ufeff", "\ud835\udc1abc", "a\u2010b", "a\u2013b", "\u0661bc", "caf\u00e9", "🦀🦀🦀", "xn--bcher-kva",
    ...RESERVED, ...RESERVED.map((name) => name.toUpperCase()),
  ];
  const replies = await Promise.all(bad.map((tenant_id) => signUpFrom(session, { tenant_id })));
  replies.forEach((reply, at) => {
    assert.equal(reply.status, 400, `${JSON.stringify(bad[at])}: ${reply.text}`);
    expectFault(reply, "v2", 400, "invalid_request", { path: "$.tenant_id" });
  });
  assert.deepEqual(await stateOfSignups(session), before);

  const random = (length: number): string => randomBytes(40).toString("hex").slice(0, length);
  for (const name of [random(3), random(40), `${random(1)}-${random(1)}`, "007", `guildhall-${random(6)}`, `a-${random(2)}-${random(2)}-9`]) {
    const reply = await signUpFrom(session, { tenant_id: name });
    assert.deepEqual([reply.status, reply.json.tenant_id], [201, name], reply.text);
  }
});

test("of 64 wallets that want one name at once one gets it, and the others have lost nothing", async () => {
  const sessions = await Promise.all(Array.from({ length: 64 }, () => signIn(server.client())));
  const tenantId = newSlug();
  const replies = await Promise.all(sessions.map((session) => signUpFrom(session, { tenant_id: tenantId })));
  assert.deepEqual(countByStatus(replies), { "201": 1, "409 tenant_exists": 63 });
  replies.filter((reply) => reply.status === 409).forEach((reply) => expectFault(reply, "v2", 409, "tenant_exists"));

  const winner = replies.findIndex((reply) => reply.status === 201);
  const { agent_key: key, tenant_uuid: uuid } = replies[winner]!.json;
  const runtime = server.client().with({ "x-tenant-id": tenantId, "x-tenant-token": key });
  assert.equal((await runtime.post("/v2/query", { query_text: "rain" })).json.balance, "0.999");
  const database = server.current.runtime.database();
  const { results } = await database.prepare("SELECT tenant_uuid, state, claimed_by FROM tenants WHERE slug = ?").bind(tenantId).all();
  assert.deepEqual(results, [{ tenant_uuid: uuid, state: "born", claimed_by: sessions[winner]!.account.address.toLowerCase() }]);
  const { tenant } = await stateOfTenant(server.current, uuid);
  assert.deepEqual([tenant["agent"]?.length, tenant["api_key"]?.length, tenant["wallet"]?.length], [1, 1, 1]);

  const losers = sessions.filter((_, at) => at !== winner);
  const gates = await Promise.all(losers.map(gateOf));
  for (const gate of gates) assert.deepEqual(gate["gate_tenants"] ?? [], [], "a signup is still under way for a loser");
  const own = await Promise.all(losers.slice(0, 8).map((session) => signUpFrom(session, { tenant_id: newSlug() })));
  assert.deepEqual(countByStatus(own), { "201": 8 });
});

test("of 32 signups of one wallet for one name at once one is the tenant", async () => {
  const session = await signIn(server.client());
  const tenantId = newSlug();
  const replies = await Promise.all(Array.from({ length: 32 }, () => signUpFrom(session, { tenant_id: tenantId })));
  assert.deepEqual(countByStatus(replies), { "201": 1, "409 tenant_exists": 31 });
  expectFault(await signUpFrom(session, { tenant_id: tenantId }), "v2", 409, "tenant_exists");
  const again = await signIn(server.client(), session.account);
  assert.equal((await again.client.post("/v2/agents/owner-bootstrap", { owner_email: "ada@example.org" })).json.tenant_id, tenantId);
});

test("a name that is taken is not had by asking again, in another door or another case", async () => {
  const { tenantId } = await signUp(server.client());
  const session = await signIn(server.client());
  const before = await stateOfSignups(session);
  for (let n = 0; n < 3; n += 1) expectFault(await signUpFrom(session, { tenant_id: tenantId }), "v2", 409, "tenant_exists");
  assert.equal((await signUpFrom(session, { tenant_id: tenantId.toUpperCase() })).status, 400);
  assert.deepEqual(await stateOfSignups(session), before);
});

test("a wallet controls ten tenants, however many it asks for at once", async () => {
  const session = await signIn(server.client());
  const replies = await Promise.all(Array.from({ length: 20 }, () => signUpFrom(session, { tenant_id: newSlug() })));
  assert.deepEqual(countByStatus(replies), { "201": 10, "409 tenant_limit": 10 });
  const before = await stateOfSignups(session);
  expectFault(await signUpFrom(session, { tenant_id: newSlug() }), "v2", 409, "tenant_limit");
  assert.deepEqual(await stateOfSignups(session), before);
  assert.equal(before.gate["gate_tenants"]?.length, 10);
});

test("metadata is an object of at most 16,384 bytes of compact JSON", async () => {
  const session = await signIn(server.client());
  const filled = (bytes: number, letter = "y"): object => ({ x: letter.repeat((bytes - '{"x":""}'.length) / Buffer.byteLength(letter)) });
  const before = await stateOfSignups(session);
  const nested = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
  const bad: unknown[] = [filled(16_385), { x: "é".repeat(8_189) }, [], [1], "text", 7, true];
  for (const metadata of bad) {
    expectFault(await signUpFrom(session, { tenant_id: newSlug(), metadata }), "v2", 400, "invalid_request", { path: "$.metadata" });
  }
  const tooDeep = await signUpFrom(session, { tenant_id: newSlug(), metadata: nested(32) });
  assert.deepEqual([tooDeep.status, tooDeep.json.code], [400, "invalid_json"], "33 levels with the body itself");
  assert.deepEqual(await stateOfSignups(session), before);

  for (const metadata of [filled(16_384), filled(16_384, "é"), nested(31), {}, null]) {
    const reply = await signUpFrom(session, { tenant_id: newSlug(), metadata });
    assert.equal(reply.status, 201, reply.text);
    const { tenant } = await stateOfTenant(server.current, reply.json.tenant_uuid);
    assert.deepEqual(JSON.parse(String(tenant["agent"]?.[0]?.["metadata"])), metadata ?? {});
  }
  // What is written with room between counts by its compact form.
  const spaced = `{"tenant_id":"${newSlug()}","metadata":${" ".repeat(20_000)}{ "a" : 1 }}`;
  const reply = await server.client().bearer(session.sessionToken).send("POST", PATH, { body: spaced, headers: { "content-type": "application/json" } });
  assert.equal(reply.status, 201, reply.text);
});

test("the label in the metadata names the agent, the name of the tenant when there is none that could", async () => {
  const session = await signIn(server.client());
  const labels: [unknown, string | null][] = [
    ["Night scout", "Night scout"], ["  padded ", "padded"], ["x".repeat(65), "x".repeat(64)], ["a\u0000b", "ab"],
    ["", null], [" ", null], [7, null], [{}, null],
  ];
  await Promise.all(labels.map(async ([label, expected]) => {
    const tenantId = newSlug();
    const reply = await signUpFrom(session, { tenant_id: tenantId, metadata: { label } });
    assert.equal(reply.status, 201, reply.text);
    const { tenant } = await stateOfTenant(server.current, reply.json.tenant_uuid);
    assert.equal(tenant["agent"]?.[0]?.["label"], expected ?? tenantId);
  }));
});

test("an owner's address that is none is refused, and a good one gets one mail", async () => {
  const session = await signIn(server.client());
  const before = await stateOfSignups(session);
  const long = `${"a".repeat(64)}@${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.${"e".repeat(7)}`;
  assert.equal(long.length, 255);
  const bad: unknown[] = [
    "", "nobody", "@example.org", "ada@", "ada@localhost", "ada@example..org", "a b@example.org", "ada@example.org\n",
    "ada@example.org,bob@example.org", "Ada <ada@example.org>", "ada@exa\u0000mple.org", "ada\r\nBcc: bob@example.org", long, 7, {}, [],
  ];
  for (const owner_email of bad) {
    expectFault(await signUpFrom(session, { tenant_id: newSlug(), owner_email }), "v2", 400, "invalid_request", { path: "$.owner_email" });
  }
  assert.deepEqual(await stateOfSignups(session), before);

  const tenantId = newSlug();
  const owner_email = `Ada-${randomBytes(4).toString("hex")}@Example.org`;
  const reply = await signUpFrom(session, { tenant_id: tenantId, owner_email });
  assert.deepEqual([reply.status, reply.json.owner], [201, { email: owner_email.toLowerCase(), status: "invited" }], reply.text);
  const mails = (await stateOfBook(server.current))["mails"] ?? [];
  assert.deepEqual(mails.filter((mail) => String(mail["body"]).includes(tenantId)).map((mail) => mail["recipient"]), [owner_email.toLowerCase()]);
  const longest = await signUpFrom(session, { tenant_id: newSlug(), owner_email: long.slice(0, -1) });
  assert.equal(longest.status, 201, longest.text);
  assert.equal((await signUpFrom(await signIn(server.client()), { tenant_id: newSlug(), owner_email: null })).json.owner, null);
});

test("a signup answers whole, and what it gives works", async () => {
  const account = newWallet();
  const session = await signIn(server.client(), account);
  const tenantId = newSlug();
  const reply = await signUpFrom(session, { tenant_id: tenantId, unknown_field: { is: "ignored" } });
  assert.equal(reply.status, 201, reply.text);
  assert.equal(reply.headers.get("cache-control"), "no-store");
  const { tenant_uuid, agent_id, agent_key, wallet_id, created_at, ...rest } = reply.json;
  assert.deepEqual(rest, { tenant_id: tenantId, wallet_address: account.address, owner: null, credit: { amount: "1.00", currency: "USD", kind: "sandbox" } });
  assert.match(tenant_uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(agent_id, /^agt_[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.match(wallet_id, /^wal_[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.match(agent_key, new RegExp(`^mtak_${tenant_uuid.replaceAll("-", "")}[0-9a-f]{64}$`));
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const stored = JSON.stringify(await stateOfTenant(server.current, tenant_uuid));
  assert.ok(!stored.includes(agent_key.slice(-48)), "the key's secret is stored");
});
