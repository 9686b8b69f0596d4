// Credentials that are not good here: keys and tenants that do not belong together, and keys that are none. Whatever is
// wrong, the answer is the same, also whether or not the tenant named exists; and nothing is charged or changed.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { newSlug, signIn, signUp } from "./support/agent.ts";
import type { HeaderMap, Reply } from "./support/client.ts";
import { expectAlike, expectFault } from "./support/fault.ts";
import { newAgentKey, newHuman, newManager } from "./support/human.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";
import { stateOfTenant, uuidOfTenant } from "./support/state.ts";

const server = useServer();
const QUERY = "/v2/query";

type Named = [string, Reply];

const managers = once(() => Promise.all([newManager(server.client()), newManager(server.client())]));

/** A query with these headers and this tenant in the body, from an address of its own. */
function query(headers: HeaderMap, tenant_id?: unknown): Promise<Reply> {
  return server.client().post(QUERY, { query_text: "rain", tenant_id }, headers);
}

/** The key with another character at this place: still lower-case hex. */
function changedAt(key: string, at: number): string {
  const index = at < 0 ? key.length + at : at;
  const digit = ((Number.parseInt(key[index]!, 16) + 1) % 16).toString(16);
  return key.slice(0, index) + digit + key.slice(index + 1);
}

/** Texts that look like this key and are not it. */
function spoiled(key: string, prefix: string): Record<string, string> {
  const digits = key.slice(prefix.length);
  return {
    "another tenant": changedAt(key, prefix.length),
    "another number": changedAt(key, prefix.length + 32),
    "another secret": changedAt(key, prefix.length + 48),
    "another end": changedAt(key, -1),
    "a tenant that is not there": prefix + randomBytes(48).toString("hex"),
    "nil throughout": prefix + "0".repeat(96),
    "cut": key.slice(0, -1),
    "longer": `${key}0`,
    "capital digits": prefix + digits.toUpperCase(),
    "capital prefix": prefix.toUpperCase() + digits,
    "no prefix": digits,
    "the prefix alone": prefix,
    "not hex": prefix + "g".repeat(96),
    "not ASCII": prefix + "\u00e9".repeat(96),
    "twice": `${key}, ${key}`,
    "an unknown door's": `xx_${digits}`,
    "nonsense": "hunter2",
    "a quoted one": `"${key}"`,
    "very long": prefix + "a".repeat(8_000),
  };
}

test("a runtime key that is not good is refused alike, in either header, whether or not the tenant named exists", async () => {
  const [manager] = await managers();
  const agent = await signUp(server.client());
  const [revoked, good] = [await newAgentKey(manager, "one"), await newAgentKey(manager, "two")];
  const keys = `/v2/tenants/${manager.tenantId}/agent-keys`;
  const { now } = (await server.client().get("/v1/test-clock")).json;
  const expires_at = new Date(Date.parse(now) + 60_000).toISOString();
  const expired = (await manager.client.post(keys, { agent_id: good.agentId, expires_at })).json.agent_key;
  assert.equal((await query({ "x-tenant-id": manager.tenantId, "x-tenant-token": expired })).status, 200);
  assert.equal((await manager.client.delete(`${keys}/${revoked.keyId}`)).status, 204);
  await server.current.advance(60);
  const token = (await manager.client.post(`/v2/tenants/${manager.tenantId}/enrollment-tokens`, {})).json.enrollment_token;
  const stored = await stateOfTenant(server.current, manager.tenantUuid);

  const digits = good.agentKey.slice("mtak_".length);
  const bad: Record<string, string> = {
    ...spoiled(good.agentKey, "mtak_"),
    revoked: revoked.agentKey,
    expired,
    "a management key": manager.managementKey,
    "an enrollment token": token,
    "a human's token": manager.token,
    ...Object.fromEntries(["mten_", "tl_live_", "tl_test_", "sk_", "atelier_", "inv_"].map((prefix) => [`as ${prefix}`, prefix + digits])),
    "ags_ and the key": `ags_${good.agentKey}`,
    "ags_ and nothing": "ags_",
    "a wallet's session, cut": agent.sessionToken.slice(0, -1),
    "a wallet's session without its prefix": agent.sessionToken.slice(4),
  };
  const tenants = [manager.tenantId, manager.tenantUuid, agent.tenantId, newSlug(), "not a slug"];
  const replies: Named[] = [];
  const attempts = Object.entries(bad).flatMap(([name, key]) => [
    ...tenants.map((tenant) => [`${name}, tenant ${tenant}`, { "x-tenant-id": tenant, "x-tenant-token": key }] as const),
    [`${name}, as bearer`, { "x-tenant-id": manager.tenantId, authorization: `Bearer ${key}` }] as const,
  ]);
  await Promise.all(attempts.map(async ([name, headers]) => replies.push([name, await query(headers)])));
  for (const authorization of ["Bearer", "Bearer ", `Basic ${good.agentKey}`, good.agentKey, `Bearer${good.agentKey}`, "Digest x=y"]) {
    replies.push([authorization, await query({ "x-tenant-id": manager.tenantId, authorization })]);
  }
  expectAlike(replies, "v2", 401, "invalid_credentials");
  assert.deepEqual(await stateOfTenant(server.current, manager.tenantUuid), stored);
  assert.equal((await query({ "x-tenant-id": manager.tenantId, "x-tenant-token": good.agentKey })).status, 200);
});

test("a good key beside another tenant's name is refused alike, whether or not that tenant exists", async () => {
  const [, other] = await managers();
  const agent = await signUp(server.client());
  const uuid = await uuidOfTenant(server.current, agent.tenantId);
  const stored = await stateOfTenant(server.current, uuid);
  const key = { "x-tenant-token": agent.agentKey };
  const foreign = [other.tenantId, other.tenantUuid, newSlug(), "00000000-0000-4000-8000-000000000000", "no slug", agent.tenantId.toUpperCase(), `${agent.tenantId}x`, "é", "x".repeat(5_000)];
  const attempts: [string, Promise<Reply>][] = foreign.flatMap((name) => {
    const header = { ...key, "x-tenant-id": name };
    return [
      [`body ${name}`, query(key, name)], [`header ${name}, body ours`, query(header, agent.tenantId)],
      [`header ours, body ${name}`, query({ ...key, "x-tenant-id": agent.tenantId }, name)],
      [`header ${name}`, query(header)], [`both ${name}`, query(header, name)],
    ];
  });
  attempts.push(["twice in the header", query({ ...key, "x-tenant-id": `${agent.tenantId}, ${agent.tenantId}` })]);
  const replies = await Promise.all(attempts.map(async ([name, reply]): Promise<Named> => [name, await reply]));
  expectAlike(replies, "v2", 403, "tenant_mismatch");
  assert.deepEqual(await stateOfTenant(server.current, uuid), stored, "nothing is charged");
});

test("the tenant is named by slug or uuid, in the header, in the body or in both, and an empty name is none", async () => {
  const agent = await signUp(server.client());
  const uuid = await uuidOfTenant(server.current, agent.tenantId);
  const credentials: HeaderMap[] = [
    { "x-tenant-token": agent.agentKey }, { authorization: `Bearer ${agent.agentKey}` }, { authorization: `bearer  ${agent.agentKey}` },
    { authorization: `Bearer ${agent.sessionToken}` }, { "x-tenant-token": agent.sessionToken },
  ];
  await Promise.all(credentials.flatMap((credential) => [undefined, null, ""].map(async (name) => {
    expectFault(await query(credential, name), "v2", 400, "tenant_required");
    expectFault(await query({ ...credential, "x-tenant-id": "" }, name), "v2", 400, "tenant_required");
  })));
  const names = ["", agent.tenantId, uuid];
  const pairs = names.flatMap((header) => names.map((body) => [header, body] as const)).filter(([header, body]) => header !== "" || body !== "");
  await Promise.all(credentials.flatMap((credential) => pairs.map(async ([header, body]) => {
    const reply = await query({ ...credential, "x-tenant-id": header }, body);
    assert.deepEqual([reply.status, reply.json.tenant_id], [200, agent.tenantId], `${header} ${body}: ${reply.text}`);
  })));
  for (const tenant_id of [7, true, {}, [agent.tenantId]]) {
    expectFault(await query({ "x-tenant-token": agent.agentKey, "x-tenant-id": agent.tenantId }, tenant_id), "v2", 400, "invalid_request", { path: "$.tenant_id" });
  }
});

test("a wallet that is no agent of the tenant is refused alike, whether or not the tenant exists", async () => {
  const [agent, stranger] = await Promise.all([signUp(server.client()), signUp(server.client())]);
  const uuid = await uuidOfTenant(server.current, agent.tenantId);
  const stored = await stateOfTenant(server.current, uuid);
  const bearer = { authorization: `Bearer ${stranger.sessionToken}` };
  const replies: Named[] = [];
  for (const name of [agent.tenantId, uuid, newSlug(), "00000000-0000-4000-8000-000000000000", "no slug"]) {
    replies.push([`header ${name}`, await query({ ...bearer, "x-tenant-id": name })], [`body ${name}`, await query(bearer, name)]);
    replies.push([`header ours, body ${name}`, await query({ ...bearer, "x-tenant-id": stranger.tenantId }, name)]);
    replies.push([`header ${name}, body ours`, await query({ ...bearer, "x-tenant-id": name }, stranger.tenantId)]);
  }
  expectAlike(replies, "v2", 403, "tenant_mismatch");
  assert.deepEqual(await stateOfTenant(server.current, uuid), stored);
});

test("of two credentials the first kind counts, and a good second one does not mend it", async () => {
  const [manager, other] = await managers();
  const [agent, stranger] = await Promise.all([signUp(server.client()), signIn(server.client())]);
  const tenant = { "x-tenant-id": agent.tenantId };
  const wallet = await query({ ...tenant, authorization: `Bearer ${stranger.sessionToken}`, "x-tenant-token": agent.agentKey });
  expectFault(wallet, "v2", 403, "tenant_mismatch");
  const swapped = await query({ ...tenant, authorization: `Bearer ${agent.agentKey}`, "x-tenant-token": stranger.sessionToken });
  expectFault(swapped, "v2", 403, "tenant_mismatch");
  const bad = await query({ ...tenant, authorization: `Bearer ${changedAt(agent.sessionToken.slice(0, -8), -1)}`, "x-tenant-token": agent.agentKey });
  expectFault(bad, "v2", 401, "invalid_credentials");

  const both = await server.client().get(`/v1/wallets/${manager.walletId}`, { "x-api-key": manager.managementKey, authorization: `Bearer ${other.token}` });
  assert.equal(both.status, 200, both.text);
  const broken = await server.client().get(`/v1/wallets/${manager.walletId}`, { "x-api-key": changedAt(manager.managementKey, -1), authorization: `Bearer ${manager.token}` });
  expectFault(broken, "v1", 401, "UNAUTHORIZED");
});

test("a management key that is not good is refused alike, in either header", async () => {
  const [manager] = await managers();
  const agent = await signUp(server.client());
  const { agentKey } = await newAgentKey(manager);
  const mint = async (body: object): Promise<{ id: string; key: string }> => {
    const reply = await manager.client.post("/v1/api-keys", body, { "x-tenant-id": manager.tenantId });
    assert.equal(reply.status, 201, reply.text);
    return reply.json;
  };
  const { now } = (await server.client().get("/v1/test-clock")).json;
  const [revoked, expired, test_] = [await mint({}), await mint({ expires_at: new Date(Date.parse(now) + 60_000).toISOString() }), await mint({ environment: "test" })];
  assert.equal((await manager.management.delete(`/v1/api-keys/${revoked.id}`)).status, 204);
  await server.current.advance(60);
  const stored = await stateOfTenant(server.current, manager.tenantUuid);
  const digits = manager.managementKey.slice("tl_live_".length);
  const bad: Record<string, string> = {
    ...spoiled(manager.managementKey, "tl_live_"),
    revoked: revoked.key,
    expired: expired.key,
    "a live key as a test key": `tl_test_${digits}`,
    "a test key as a live key": test_.key.replace("tl_test_", "tl_live_"),
    "an agent's key": agentKey,
    "a wallet's session": agent.sessionToken,
    ...Object.fromEntries(["mten_", "mtak_", "sk_", "atelier_", "inv_", "tl_", "tl_prod_"].map((prefix) => [`as ${prefix}`, prefix + digits])),
  };
  const replies: Named[] = [];
  await Promise.all(Object.entries(bad).flatMap(([name, key]) =>
    ([["x-api-key", key], ["authorization", `Bearer ${key}`]] as const).flatMap(([header, value]) =>
      [undefined, manager.tenantId, agent.tenantId, newSlug()].map(async (tenant) => {
        const headers: HeaderMap = { [header]: value, ...(tenant === undefined ? {} : { "x-tenant-id": tenant }) };
        replies.push([`${name} in ${header}, tenant ${tenant}`, await server.client().get("/v1/wallets", headers)]);
      }),
    ),
  ));
  expectAlike(replies, "v1", 401, "UNAUTHORIZED");
  assert.deepEqual(await stateOfTenant(server.current, manager.tenantUuid), stored);
  expectFault(await server.client().get("/v1/wallets"), "v1", 401, "UNAUTHORIZED");
  assert.equal((await server.client().get("/v1/wallets", { "x-api-key": test_.key })).status, 200);
});

test("at /v1 the name of another tenant is forbidden alike, and a human with several tenants says which", async () => {
  const [manager, other] = await managers();
  const stored = await stateOfTenant(server.current, other.tenantUuid);
  const replies: Named[] = [];
  for (const [caller, client] of [["key", manager.management], ["human", manager.client]] as const) {
    for (const name of [other.tenantId, other.tenantUuid, newSlug(), "00000000-0000-4000-8000-000000000000", "no slug", "é"]) {
      replies.push([`${caller}, ${name}`, await client.get("/v1/wallets", { "x-tenant-id": name })]);
      replies.push([`${caller} posts, ${name}`, await client.post("/v1/wallets", { currency: "usd" }, { "x-tenant-id": name })]);
    }
  }
  expectAlike(replies, "v1", 403, "FORBIDDEN");
  assert.deepEqual(await stateOfTenant(server.current, other.tenantUuid), stored);
  for (const name of [manager.tenantId, manager.tenantUuid]) {
    for (const client of [manager.management, manager.client]) assert.equal((await client.get("/v1/wallets", { "x-tenant-id": name })).status, 200);
  }
  expectFault(await manager.client.get("/v1/wallets"), "v1", 400, "TENANT_REQUIRED");
  const single = await newHuman(server.client());
  assert.equal((await single.client.get("/v1/wallets")).status, 200, "one tenant needs no name");
});

test("another tenant's wallet and key look like none at all", async () => {
  const [manager, other] = await managers();
  const foreignKey = (await other.management.get("/v1/api-keys")).json.data[0].id;
  const stored = await stateOfTenant(server.current, other.tenantUuid);
  const ulid = "01J8ZZZZZZZZZZZZZZZZZZZZZZ";
  const replies: Named[] = [];
  for (const id of [other.walletId, `wal_${ulid}`]) {
    replies.push([id, await manager.management.get(`/v1/wallets/${id}`)], [id, await manager.management.get(`/v1/wallets/${id}/balance`)]);
    replies.push([id, await manager.management.post(`/v1/wallets/${id}/fund`, { amount: 1 }, { "idempotency-key": randomBytes(8).toString("hex") })]);
  }
  for (const id of [foreignKey, `key_${ulid}`]) replies.push([id, await manager.management.delete(`/v1/api-keys/${id}`)]);
  for (const [name, reply] of replies) assert.equal(reply.status, 404, `${name}: ${reply.text}`);
  for (const [, reply] of replies) expectFault(reply, "v1", 404, "NOT_FOUND");
  for (const id of ["wallet", "wal_", `wal_${ulid}0`, `key_${ulid}`, "..%2f", "%00", "wal_%zz"]) {
    const reply = await manager.management.get(`/v1/wallets/${id}`);
    assert.ok([400, 404].includes(reply.status), `${id}: ${reply.text}`);
    if (reply.status === 400) expectFault(reply, "v1", 400, "INVALID_ID");
  }
  assert.deepEqual(await stateOfTenant(server.current, other.tenantUuid), stored);
});
