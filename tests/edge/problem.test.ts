// Problem details (RFC 9457) for those who prefer them, at every root and for every kind of fault, with the same members.

import assert from "node:assert/strict";
import { test } from "node:test";
import { signUp } from "./support/agent.ts";
import type { Client, Reply } from "./support/client.ts";
import { newEmail, newManager, PASSWORD } from "./support/human.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { QUERY_PRICE_USD: "1" } });
const PROBLEM = "application/problem+json";
const TITLES: Record<number, string> = {
  400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
  413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests",
};

type Case = [status: number, code: string, send: (accept: string) => Promise<Reply>];

/** A fault of each kind at each root, as often as one likes. */
const cases = once(async (): Promise<Case[]> => {
  const [agent, manager] = await Promise.all([signUp(server.client()), newManager(server.client())]);
  const { runtime } = agent;
  const post = (client: Client, path: string, json: unknown, headers = {}) => (accept: string): Promise<Reply> => client.post(path, json, { accept, ...headers });
  const text = (client: Client, path: string, body: string, type = "application/json") => (accept: string): Promise<Reply> =>
    client.send("POST", path, { body, headers: { accept, "content-type": type } });
  const get = (path: string, client = server.client()) => (accept: string): Promise<Reply> => client.get(path, { accept });

  const key = { "idempotency-key": "conflict" };
  assert.equal((await runtime.post("/v2/query", { query_text: "one" }, key)).status, 200);
  await Promise.all(Array.from({ length: 3 }, () => agent.client.post("/v2/agents/owner-bootstrap", { owner_email: "ada@example.org" })));
  const poor = await signUp(server.client());
  assert.equal((await poor.runtime.post("/v2/query", { query_text: "all the money" })).status, 200);
  return [
    [400, "invalid_request", post(runtime, "/v2/query", { query_text: 7 })],
    [400, "invalid_json", text(runtime, "/v2/query", '{"a":1,"a":2}')],
    [400, "tenant_required", post(runtime.with({ "x-tenant-id": "" }), "/v2/query", { query_text: "rain" })],
    [401, "invalid_credentials", post(server.client(), "/v2/query", {})],
    [401, "invalid_challenge", post(server.client(), "/v2/billing/agent/session", { challenge_id: "agc_AAAA", signature: `0x${"1".repeat(128)}1b` })],
    [402, "insufficient_balance", post(poor.runtime, "/v2/query", { query_text: "rain" })],
    [403, "tenant_mismatch", post(runtime, "/v2/query", { query_text: "rain", tenant_id: "other" })],
    [404, "session_not_found", post(runtime, "/v2/session/none/status", {})],
    [405, "method_not_allowed", get("/v2/query")],
    [409, "tenant_exists", post(agent.client, "/v2/agents/signup", { tenant_id: agent.tenantId })],
    [415, "unsupported_media_type", text(runtime, "/v2/query", "{}", "text/plain")],
    [422, "idempotency_conflict", post(runtime, "/v2/query", { query_text: "two" }, key)],
    [429, "rate_limited", post(agent.client, "/v2/agents/owner-bootstrap", { owner_email: "ada@example.org" })],
    [400, "INVALID_INPUT", post(manager.management, "/v1/wallets", {})],
    [400, "INVALID_REQUEST", text(manager.management, "/v1/wallets", "{")],
    [400, "INVALID_ID", get("/v1/wallets/nothing", manager.management)],
    [400, "idempotency_key_required", post(manager.management, `/v1/wallets/${manager.walletId}/fund`, { amount: 1 })],
    [401, "UNAUTHORIZED", get("/v1/wallets")],
    [403, "FORBIDDEN", get("/v1/wallets", manager.management.with({ "x-tenant-id": "other" }))],
    [403, "go_no_go_incomplete", post(manager.management, "/v1/wallets", { currency: "usd", mode: "live" })],
    [404, "NOT_FOUND", get("/v1/wallets/wal_01J8ZZZZZZZZZZZZZZZZZZZZZZ", manager.management)],
    [405, "METHOD_NOT_ALLOWED", post(server.client(), "/openapi.json", {})],
    [400, "VALIDATION_ERROR", post(server.client(), "/api/register", { email: "x" })],
    [401, "INVALID_CREDENTIALS", post(server.client(), "/api/auth/token", { email: newEmail(), password: PASSWORD })],
    [401, "AUTH_REQUIRED", post(server.client(), "/api/auth/token", {})],
    [405, "METHOD_NOT_ALLOWED", get("/api/register")],
    [409, "USER_EXISTS", post(server.client(), "/api/register", { email: manager.email, password: PASSWORD })],
  ];
});

test("a problem says what the root's own body says, in the members of RFC 9457", async () => {
  for (const [status, code, send] of await cases()) {
    const [problem, plain] = [await send(PROBLEM), await send("application/json")];
    const told = `${status} ${code}: ${problem.status} ${problem.text}`;
    assert.deepEqual([problem.status, plain.status], [status, status], `${told} ${plain.text}`);
    assert.equal(problem.headers.get("content-type"), PROBLEM, told);
    assert.equal(plain.headers.get("content-type"), "application/json", told);
    const { type, title, status: told_, detail, instance, code: coded, request_id, ...extra } = problem.json;
    const body = plain.json;
    assert.deepEqual([title, told_, coded, body.code], [TITLES[status], status, code, code], told);
    assert.equal(type.split("/problems/")[1], code.toLowerCase(), told);
    assert.equal(request_id, problem.headers.get("x-request-id"), told);
    assert.ok(instance.startsWith("/"), told);
    assert.equal(detail, body.message ?? body.detail ?? body.error, told);
    const { code: _1, message: _2, detail: _3, error: _4, http_status: _5, request_id: _6, success: _7, details, ...top } = body;
    if (status !== 429) assert.deepEqual(extra, details ?? top, told);
    assert.equal(problem.headers.get("www-authenticate"), plain.headers.get("www-authenticate"), told);
    assert.equal(problem.headers.get("allow"), plain.headers.get("allow"), told);
  }
});

test("a problem's type stands under our origin and its instance is the path", async () => {
  for (const [, code, send] of await cases()) {
    const { type, instance } = (await send(PROBLEM)).json;
    assert.equal(type, `${server.current.url}/problems/${code.toLowerCase()}`);
    assert.ok(!instance.includes("?"));
  }
  for (const path of ["/nowhere", "/v1/nowhere", "/v2/nowhere", "/api/nowhere", "/account/nowhere"]) {
    const { type, instance } = (await server.client().get(path, { accept: PROBLEM })).json;
    assert.deepEqual([type, instance], [`${server.current.url}/problems/not_found`, path]);
  }
  const asked = await server.client().get("/v1/wallets?limit=7", { accept: PROBLEM });
  assert.equal(asked.json.instance, "/v1/wallets");
});

test("who prefers JSON, or does not say, gets the root's own body", async () => {
  const plain = [
    "", "*/*", "application/*", "application/json", "text/html", "text/html, */*;q=0.8", "application/json, application/problem+json;q=0.9",
    "application/problem+json;q=0", "application/problem+json; q=0.0, application/json;q=0", "application/problem+xml", "problem+json", "application/problem+jsonx",
  ];
  const problem = [
    PROBLEM, "Application/Problem+JSON", `${PROBLEM}, application/json`, `application/json, ${PROBLEM}`, `${PROBLEM};q=0.1`, `text/html, ${PROBLEM};q=0.5, */*;q=0.1`,
    `application/json;q=0.5,${PROBLEM};q=0.5`, `${PROBLEM} ; q=0.3 , application/json ; q=0.2`, `${PROBLEM}; charset=utf-8`,
  ];
  for (const [accepts, type] of [[plain, "application/json"], [problem, PROBLEM]] as const) {
    for (const accept of accepts) {
      for (const path of ["/v1/wallets", "/v2/tenants"]) {
        const reply = await server.client().get(path, accept === "" ? {} : { accept });
        assert.deepEqual([reply.status, reply.headers.get("content-type")], [401, type], `${accept} at ${path}`);
      }
    }
  }
});

test("a page's fault is a problem too for who asks so, and what goes well is never one", async () => {
  const page = await server.client().get("/account/invite/nothing-at-all/more", { accept: PROBLEM });
  assert.deepEqual([page.status, page.headers.get("content-type"), page.json.status], [404, PROBLEM, 404], page.text);
  const health = await server.client().get("/healthz", { accept: PROBLEM });
  assert.deepEqual([health.status, health.headers.get("content-type")], [200, "application/json"]);
  const challenge = await server.client().post("/v2/billing/agent/challenge", { wallet_address: `0x${"1".repeat(40)}` }, { accept: PROBLEM });
  assert.deepEqual([challenge.status, challenge.headers.get("content-type")], [200, "application/json"]);
});
