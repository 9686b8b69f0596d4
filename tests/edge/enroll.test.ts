// Wallets that join a tenant by a one-time token, and the wallet that invites a human to own it.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { newSlug, signIn, signUp, type WalletSession } from "./support/agent.ts";
import type { Reply } from "./support/client.ts";
import { expectAlike, expectFault } from "./support/fault.ts";
import { newAgentKey, newEmail, newManager, type Manager } from "./support/human.ts";
import { useServer } from "./support/server.ts";
import { stateOfBook, stateOfTenant, uuidOfTenant } from "./support/state.ts";

const server = useServer();
const ENROLL = "/v2/agents/enroll";
const BOOTSTRAP = "/v2/agents/owner-bootstrap";

function enroll(session: WalletSession, body: unknown): Promise<Reply> {
  return server.client().bearer(session.sessionToken).post(ENROLL, body);
}

function tokensOf(manager: Manager): string {
  return `/v2/tenants/${manager.tenantId}/enrollment-tokens`;
}

async function mintToken(manager: Manager, body: object = {}): Promise<{ id: string; token: string }> {
  const reply = await manager.client.post(tokensOf(manager), body);
  assert.equal(reply.status, 201, reply.text);
  return { id: reply.json.id, token: reply.json.enrollment_token };
}

function invite(session: WalletSession, body: unknown): Promise<Reply> {
  return server.client().bearer(session.sessionToken).post(BOOTSTRAP, body);
}

/** A token with another character at this place: still lower-case hex. */
function changedAt(token: string, at: number): string {
  const digit = ((Number.parseInt(token.at(at)!, 16) + 1) % 16).toString(16);
  const index = at < 0 ? token.length + at : at;
  return token.slice(0, index) + digit + token.slice(index + 1);
}

test("a token that is no good is refused alike, whatever is wrong with it, and nothing has changed", async () => {
  const [manager, wallet, first] = await Promise.all([newManager(server.client()), signIn(server.client()), signIn(server.client())]);
  const [good, used, revoked, short] = [await mintToken(manager), await mintToken(manager), await mintToken(manager), await mintToken(manager, { ttl_seconds: 60 })];
  const { agentKey } = await newAgentKey(manager);
  assert.equal((await enroll(first, { enrollment_token: used.token })).status, 201);
  assert.equal((await manager.client.delete(`${tokensOf(manager)}/${revoked.id}`)).status, 204);
  await server.current.advance(60);
  const before = [await stateOfTenant(server.current, manager.tenantUuid), await stateOfBook(server.current)];

  const tokens: Record<string, string> = {
    used: used.token,
    revoked: revoked.token,
    expired: short.token,
    "another secret": changedAt(good.token, -1),
    "another number": changedAt(good.token, 5 + 32),
    "another tenant": changedAt(good.token, 5),
    "a tenant that is not there": `mten_${randomBytes(48).toString("hex")}`,
    "an agent's key": agentKey,
    "a management key": manager.managementKey,
    "the wallet's own session": wallet.sessionToken,
    "in capitals": good.token.toUpperCase(),
    "capital digits": `mten_${good.token.slice(5).toUpperCase()}`,
    "without its prefix": good.token.slice(5),
    "another prefix": `mtak_${good.token.slice(5)}`,
    "with a blank": ` ${good.token}`,
    "cut": good.token.slice(0, -1),
    "longer": `${good.token}0`,
    "empty": "",
    "no token at all": "open sesame",
    "very long": "mten_".repeat(20_000),
  };
  const replies = await Promise.all(Object.entries(tokens).map(async ([name, enrollment_token]): Promise<[string, Reply]> => [name, await enroll(wallet, { enrollment_token })]));
  expectAlike(replies, "v2", 401, "invalid_enrollment_token");
  assert.deepEqual([await stateOfTenant(server.current, manager.tenantUuid), await stateOfBook(server.current)], before);
  assert.equal((await enroll(wallet, { enrollment_token: good.token })).status, 201);
});

test("an enrollment without a token, or with something else for one, is refused with its path", async () => {
  const wallet = await signIn(server.client());
  for (const body of [{}, { enrollment_token: null }, { enrollment_token: 7 }, { enrollment_token: ["mten_"] }, { enrollment_token: {} }]) {
    expectFault(await enroll(wallet, body), "v2", 400, "invalid_request", { path: "$.enrollment_token" });
  }
  const manager = await newManager(server.client());
  const { token } = await mintToken(manager);
  for (const metadata of [[], "x", 7, { x: "y".repeat(16_384) }]) {
    expectFault(await enroll(wallet, { enrollment_token: token, metadata }), "v2", 400, "invalid_request", { path: "$.metadata" });
  }
  const reply = await enroll(wallet, { enrollment_token: token, metadata: { label: "Night scout" } });
  assert.equal(reply.status, 201, "a malformed request does not use the token up");
  assert.deepEqual(Object.keys(reply.json).sort(), ["agent_id", "agent_key", "created_at", "tenant_id", "tenant_uuid", "wallet_address"]);
  assert.equal(reply.json.wallet_address, wallet.account.address);
});

test("of 32 wallets with one token one is enrolled", async () => {
  const [manager, ...wallets] = await Promise.all([newManager(server.client()), ...Array.from({ length: 32 }, () => signIn(server.client()))]);
  const { token } = await mintToken(manager);
  const replies = await Promise.all(wallets.map((wallet) => enroll(wallet, { enrollment_token: token })));
  assert.equal(replies.filter((reply) => reply.status === 201).length, 1);
  expectAlike(replies.filter((reply) => reply.status !== 201).map((reply, at) => [`${at}`, reply]), "v2", 401, "invalid_enrollment_token");
  const { tenant } = await stateOfTenant(server.current, manager.tenantUuid);
  assert.deepEqual([tenant["agent"]?.length, tenant["api_key"]?.filter((key) => key["kind"] === "agent").length], [1, 1]);
});

test("a wallet enrolled twice is one agent with two keys, and not the tenant's controller", async () => {
  const [manager, wallet] = await Promise.all([newManager(server.client()), signIn(server.client())]);
  const tokens = [await mintToken(manager), await mintToken(manager)];
  const replies = await Promise.all(tokens.map(({ token }) => enroll(wallet, { enrollment_token: token })));
  const [one, two] = replies.map((reply) => reply.json);
  assert.deepEqual(replies.map((reply) => reply.status), [201, 201]);
  assert.equal(one.agent_id, two.agent_id);
  assert.notEqual(one.agent_key, two.agent_key);
  for (const { agent_key } of [one, two]) {
    const runtime = server.client().with({ "x-tenant-id": manager.tenantId, "x-tenant-token": agent_key });
    assert.equal((await runtime.post("/v2/query", { query_text: "rain" })).status, 200);
  }
  const before = await stateOfTenant(server.current, manager.tenantUuid);
  for (const tenant_id of [manager.tenantId, undefined]) {
    expectFault(await invite(wallet, { owner_email: newEmail(), tenant_id }), "v2", 403, "not_controlling_wallet");
  }
  assert.deepEqual(await stateOfTenant(server.current, manager.tenantUuid), before);
});

test("a full plan refuses a further agent, exactly, and leaves the token unused", async () => {
  const [manager, ...wallets] = await Promise.all([newManager(server.client()), ...Array.from({ length: 8 }, () => signIn(server.client()))]);
  const tokens = await Promise.all(wallets.map(() => mintToken(manager)));
  const replies = await Promise.all(wallets.map((wallet, at) => enroll(wallet, { enrollment_token: tokens[at]!.token })));
  const full = replies.filter((reply) => reply.status !== 201);
  assert.equal(full.length, 3, "a free plan has five agents");
  for (const reply of full) {
    expectFault(reply, "v2", 402, "plan_limit_exceeded", { limit: 5, current: 5, plan: "free", upgrade_url: "/account/billing" });
  }
  const listed = (await manager.client.get(tokensOf(manager))).json.tokens.map((token: { status: string }) => token.status).sort();
  assert.deepEqual(listed, [...Array(3).fill("unused"), ...Array(5).fill("used")]);
  // Who is an agent already takes no room.
  const { token } = await mintToken(manager);
  const enrolled = wallets[replies.findIndex((reply) => reply.status === 201)]!;
  assert.equal((await enroll(enrolled, { enrollment_token: token })).status, 201);
});

test("only the controlling wallet invites an owner, and an unknown tenant looks like a foreign one", async () => {
  const [agent, stranger, other] = await Promise.all([signUp(server.client()), signIn(server.client()), signUp(server.client())]);
  const before = [await stateOfTenant(server.current, await uuidOfTenant(server.current, agent.tenantId)), await stateOfBook(server.current)];
  const named = [agent.tenantId, newSlug(), "nobody's", "00000000-0000-4000-8000-000000000000", await uuidOfTenant(server.current, agent.tenantId), "x".repeat(5_000)];
  const refused: [string, Reply][] = [];
  for (const session of [stranger, other]) {
    for (const tenant_id of named) refused.push([tenant_id, await invite(session, { owner_email: newEmail(), tenant_id })]);
  }
  refused.push(["none at all", await invite(stranger, { owner_email: newEmail() })]);
  expectAlike(refused, "v2", 403, "not_controlling_wallet");
  for (const owner_email of [undefined, null, "", "nobody", 7, "ada@example.org\nBcc: bob@example.org"]) {
    expectFault(await invite(agent, { owner_email }), "v2", 400, "invalid_request", { path: "$.owner_email" });
  }
  for (const tenant_id of [7, [], {}, true]) {
    expectFault(await invite(agent, { owner_email: newEmail(), tenant_id }), "v2", 400, "invalid_request", { path: "$.tenant_id" });
  }
  assert.deepEqual([await stateOfTenant(server.current, await uuidOfTenant(server.current, agent.tenantId)), await stateOfBook(server.current)], before);
});

test("a wallet of several tenants says which, by slug or by uuid", async () => {
  const agent = await signUp(server.client());
  const second = await signUp(server.client(), newSlug(), agent.account);
  for (const tenant_id of [undefined, null, ""]) {
    expectFault(await invite(agent, { owner_email: newEmail(), tenant_id }), "v2", 400, "tenant_required");
  }
  const uuid = await uuidOfTenant(server.current, second.tenantId);
  for (const [tenant_id, slug] of [[agent.tenantId, agent.tenantId], [uuid, second.tenantId]] as const) {
    const reply = await invite(agent, { owner_email: newEmail(), tenant_id });
    assert.equal(reply.status, 202, reply.text);
    assert.equal(reply.json.tenant_id, slug);
  }
});

test("a further address waits until the first invitation has run out; the same one gets a new link and the old is void", async () => {
  const agent = await signUp(server.client());
  const [email, other] = [newEmail(), newEmail()];
  const first = await invite(agent, { owner_email: email });
  assert.deepEqual([first.status, first.json.status, first.json.delivery], [202, "invited", "queued"], first.text);
  const mailsTo = async (): Promise<any[]> => ((await stateOfBook(server.current))["mails"] ?? []).filter((mail) => mail["recipient"] === email);
  const linkIn = (mail: any): string => new URL(/http\S+\/account\/invite\/\S+/.exec(String(mail["body"]))?.[0] ?? "").pathname;
  const [old = ""] = (await mailsTo()).map(linkIn);
  assert.equal((await server.client().get(old)).status, 200);
  const again = await invite(agent, { owner_email: email.toUpperCase() });
  assert.deepEqual([again.status, again.json.owner_email], [202, email], again.text);
  const mails = (await mailsTo()).sort((a, b) => (a["state"] < b["state"] ? -1 : 1));
  assert.deepEqual(mails.map((mail) => mail["state"]), ["queued", "void"]);
  assert.ok(!String(mails[1]["body"]).includes("/account/invite/"), "what is void keeps no link");
  assert.equal((await server.client().get(linkIn(mails[0]))).status, 200);
  assert.equal((await server.client().get(old)).status, 404);
  const before = await stateOfBook(server.current);
  expectFault(await invite(agent, { owner_email: other }), "v2", 409, "owner_exists");
  assert.deepEqual(await stateOfBook(server.current), before);

  await server.current.advance(7 * 86_400);
  const later = await signIn(server.client(), agent.account);
  assert.equal((await invite(later, { owner_email: other })).status, 202);
});
