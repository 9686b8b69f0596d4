// Which answers an Idempotency-Key keeps: what the handler decided on a valid body, and nothing that was refused before.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newSlug, newWallet, signIn, signUp } from "./support/agent.ts";
import type { Client, HeaderMap, Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { newAgentKey, newManager } from "./support/human.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";

// The credit of a new tenant pays for one query.
const server = useServer({ vars: { QUERY_PRICE_USD: "1" } });

const managers = once(() => newManager(server.client()));

function keyed(key: string): HeaderMap {
  return { "idempotency-key": key };
}

function isReplay(reply: Reply): boolean {
  return reply.headers.get("idempotent-replayed") === "true";
}

/** The refusal again, though what caused it has gone; and with a new key what is so now. */
async function expectKept(send: (key: string) => Promise<Reply>, first: Reply, key: string): Promise<void> {
  const again = await send(key);
  const { request_id: _1, ...kept } = first.json;
  const { request_id: _2, ...told } = again.json;
  assert.deepEqual([again.status, told, isReplay(again)], [first.status, kept, true], again.text);
  assert.equal(again.json.request_id, again.headers.get("x-request-id"), "under the repeat's own id");
  assert.notEqual(again.json.request_id, first.json.request_id);
}

test("402 is kept: who has funded since asks with a new key", async () => {
  const manager = await managers();
  const { agentKey } = await newAgentKey(manager);
  const runtime = server.client().with({ "x-tenant-id": manager.tenantId, "x-tenant-token": agentKey });
  const ask = (key: string): Promise<Reply> => runtime.post("/v2/query", { query_text: "rain" }, keyed(key));
  assert.equal((await ask("rich")).status, 200);
  const poor = await ask("poor");
  assert.deepEqual([poor.status, poor.json.code, poor.json.balance], [402, "insufficient_balance", "0"], poor.text);
  assert.equal((await manager.management.post(`/v1/wallets/${manager.walletId}/fund`, { amount: 500 }, keyed("fund"))).status, 201);
  await expectKept(ask, poor, "poor");
  assert.equal((await ask("funded")).json.balance, "4");
});

test("404 and 409 of a session are kept", async () => {
  const { runtime } = await signUp(server.client());
  const append = (key: string): Promise<Reply> => runtime.post("/v2/session/append", { session_id: "s", content: "x" }, keyed(key));
  const missing = await append("missing");
  expectFault(missing, "v2", 404, "session_not_found");
  await runtime.post("/v2/session/open", { session_id: "s" });
  await expectKept(append, missing, "missing");
  await runtime.post("/v2/session/close", { session_id: "s" });
  const closed = await append("closed");
  expectFault(closed, "v2", 409, "session_closed");
  await runtime.post("/v2/session/open", { session_id: "s" });
  await expectKept(append, closed, "closed");
  assert.equal((await append("now")).json.sequence, 1, "nothing was appended before");
});

test("403, 404 and 409 of money are kept", async () => {
  const { management, walletId } = await managers();
  const fund = (wallet: string, body: object) => (key: string): Promise<Reply> => management.post(`/v1/wallets/${wallet}/fund`, body, keyed(key));
  const source = fund(walletId, { amount: 1, source: "provider" });
  const refused = await source("source");
  expectFault(refused, "v1", 403, "funding_source_not_allowed");
  await expectKept(source, refused, "source");
  const unknown = fund("wal_01J8ZZZZZZZZZZZZZZZZZZZZZZ", { amount: 1 });
  const missing = await unknown("unknown");
  expectFault(missing, "v1", 404, "NOT_FOUND");
  await expectKept(unknown, missing, "unknown");
});

test("409 of a name that was taken is kept, for the wallet and for the human", async () => {
  const [wallet, manager] = [await signIn(server.client()), await managers()];
  const { tenantId } = await signUp(server.client());
  for (const [client, path] of [[wallet.client, "/v2/agents/signup"], [manager.client, "/v2/tenants"]] as [Client, string][]) {
    const take = (key: string): Promise<Reply> => client.post(path, { tenant_id: tenantId }, keyed(key));
    const taken = await take("taken");
    expectFault(taken, "v2", 409, "tenant_exists");
    await expectKept(take, taken, "taken");
    const other = await client.post(path, { tenant_id: newSlug() }, keyed("taken"));
    expectFault(other, "v2", 422, "idempotency_conflict");
  }
});

test("what was refused before the handler had its say is not kept", async () => {
  const { runtime, tenantId, client, agentKey } = await signUp(server.client());
  const body = { session_id: "s", content: "x" };
  await runtime.post("/v2/session/open", { session_id: "s" });
  const path = "/v2/session/append";
  const nobody = server.client().with({ "x-tenant-id": tenantId, "x-tenant-token": `${agentKey.slice(0, -4)}0000` });
  const refused: [number, string, Promise<Reply>][] = [
    [400, "invalid_request", runtime.post(path, { ...body, content: 7 }, keyed("k"))],
    [400, "invalid_json", runtime.send("POST", path, { body: "{", headers: { "content-type": "application/json", ...keyed("k") } })],
    [400, "tenant_required", server.client().with({ "x-tenant-token": agentKey }).post(path, body, keyed("k"))],
    [401, "invalid_credentials", nobody.post(path, body, keyed("k"))],
    [401, "invalid_credentials", server.client().post(path, body, keyed("k"))],
    [403, "tenant_mismatch", runtime.post(path, { ...body, tenant_id: newSlug() }, keyed("k"))],
    [415, "unsupported_media_type", runtime.send("POST", path, { body: "{}", headers: { "content-type": "text/plain", ...keyed("k") } })],
  ];
  for (const [status, code, reply] of refused) assert.deepEqual([(await reply).status, (await reply).json.code], [status, code], (await reply).text);
  const first = await runtime.post(path, body, keyed("k"));
  assert.deepEqual([first.status, first.json.sequence, isReplay(first)], [200, 1, false], first.text);

  const name = newSlug();
  assert.equal((await client.post("/v2/agents/signup", { tenant_id: "admin" }, keyed("n"))).status, 400);
  assert.equal((await client.post("/v2/agents/enroll", { enrollment_token: "none" }, keyed("n"))).status, 401);
  const made = await client.post("/v2/agents/signup", { tenant_id: name }, keyed("n"));
  assert.deepEqual([made.status, isReplay(made)], [201, false], made.text);
});

test("a token that was used is looked at after the key", async () => {
  const [manager, wallet] = [await managers(), await signIn(server.client())];
  const { json } = await manager.client.post(`/v2/tenants/${manager.tenantId}/enrollment-tokens`, {});
  const body = { enrollment_token: json.enrollment_token };
  const first = await wallet.client.post("/v2/agents/enroll", body, keyed("k"));
  assert.equal(first.status, 201, first.text);
  const again = await wallet.client.post("/v2/agents/enroll", body, keyed("k"));
  assert.deepEqual([again.status, again.text, isReplay(again)], [201, first.text, true]);
  expectFault(await wallet.client.post("/v2/agents/enroll", body, keyed("other")), "v2", 401, "invalid_enrollment_token");
  expectFault(await wallet.client.post("/v2/agents/enroll", body), "v2", 401, "invalid_enrollment_token");
});

test("at /v1 the key stands in the header, in the body, or in both and equal", async () => {
  const { management, walletId } = await managers();
  const path = `/v1/wallets/${walletId}/fund`;
  const first = await management.post(path, { amount: 3 }, keyed("place"));
  assert.equal(first.status, 201, first.text);
  for (const [body, headers] of [
    [{ amount: 3, idempotency_key: "place" }, {}],
    [{ amount: 3, idempotency_key: "place" }, keyed("place")],
    [{ idempotency_key: "place", amount: 3 }, keyed('"place"')],
    [{ amount: 3, idempotency_key: null }, keyed("place")],
  ] as [object, HeaderMap][]) {
    const again = await management.post(path, body, headers);
    assert.deepEqual([again.status, again.text, isReplay(again)], [201, first.text, true], JSON.stringify(body));
  }
  const differ = await management.post(path, { amount: 3, idempotency_key: "place" }, keyed("other"));
  assert.deepEqual([differ.status, differ.json.code], [400, "idempotency_key_mismatch"], differ.text);
  for (const body of [{ amount: 3 }, { amount: 3, idempotency_key: null }]) {
    expectFault(await management.post(path, body), "v1", 400, "idempotency_key_required");
  }
  const balance = await management.get(`/v1/wallets/${walletId}/balance`);
  assert.equal(balance.json.total % 10, 3, "three minor units, once");
});

test("a challenge and its session are repeated under their key like anything else, for the address that asked", async () => {
  const [client, account] = [server.client(), newWallet()];
  const ask = (key: string, from = client): Promise<Reply> => from.post("/v2/billing/agent/challenge", { wallet_address: account.address }, keyed(key));
  const challenge = await ask("k");
  assert.deepEqual([challenge.status, isReplay(challenge)], [200, false], challenge.text);
  const repeated = await ask("k");
  assert.deepEqual([repeated.status, repeated.text, isReplay(repeated)], [200, challenge.text, true]);
  assert.ok(!isReplay(await ask("k", server.client())), "another address is another caller");
  expectFault(await client.post("/v2/billing/agent/challenge", { wallet_address: newWallet().address }, keyed("k")), "v2", 422, "idempotency_conflict");

  const signature = await account.signMessage({ message: challenge.json.message });
  const body = { challenge_id: challenge.json.challenge_id, signature };
  const path = "/v2/billing/agent/session";
  const session = await client.post(path, body, keyed("k"));
  assert.deepEqual([session.status, isReplay(session)], [200, false], session.text);
  const again = await client.post(path, body, keyed("k"));
  assert.deepEqual([again.status, again.text, isReplay(again)], [200, session.text, true], "the key is looked up before the challenge is used");
  expectFault(await client.post(path, body, keyed("other")), "v2", 401, "invalid_challenge");
  expectFault(await server.client().post(path, body, keyed("k")), "v2", 401, "invalid_challenge");
  for (const bad of ["", "a b", "x".repeat(256)]) {
    expectFault(await client.post(path, body, keyed(bad)), "v2", 400, "invalid_request", { path: "Idempotency-Key" });
    expectFault(await ask(bad), "v2", 400, "invalid_request", { path: "Idempotency-Key" });
  }
});
