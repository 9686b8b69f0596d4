// What every path of the table does beside its own methods: 405, HEAD, OPTIONS, a slash too many (contract README 5, 6).

import assert from "node:assert/strict";
import { test } from "node:test";
import { callerAt, prepareAsk } from "./support/ask.ts";
import type { Reply } from "./support/client.ts";
import { newHousehold, newOperator } from "./support/household.ts";
import { ROUTES, fillPath, rootOf, type Root, type Route } from "./support/route.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const CODES: Record<Exclude<Root, "account">, { missing: string; method: string }> = {
  v1: { missing: "NOT_FOUND", method: "METHOD_NOT_ALLOWED" },
  v2: { missing: "not_found", method: "method_not_allowed" },
  api: { missing: "NOT_FOUND", method: "METHOD_NOT_ALLOWED" },
};

/** Paths with the methods each takes. */
const PATHS: [string, Set<string>][] = [...new Set(ROUTES.map((route) => route.path))].map((path) => [
  path,
  new Set(ROUTES.filter((route) => route.path === path).map((route) => route.method)),
]);

function pathOf(template: string): string {
  return fillPath({ path: template } as Route);
}

function allowOf(methods: Set<string>): string[] {
  return [...methods, ...(methods.has("GET") ? ["HEAD"] : []), "OPTIONS"].sort();
}

function readAllow(reply: Reply): string[] {
  return (reply.headers.get("allow") ?? "").split(", ").sort();
}

/** The error in the shape of its root; the console's is a page. */
function expectError(reply: Reply, path: string, status: number, kind: "missing" | "method"): void {
  const told = `${path}: ${reply.status} ${reply.text.slice(0, 200)}`;
  const root = rootOf(path);
  assert.equal(reply.status, status, told);
  assert.match(reply.headers.get("x-request-id") ?? "", /^req_[0-9A-HJKMNP-TV-Z]{26}$/, told);
  if (root === "account") assert.match(reply.text, /^<!DOCTYPE html>/i, told);
  else assert.equal(reply.json.code, CODES[root][kind], told);
}

test("a method that a path does not take is 405 and told which it does take, before anybody is asked who they are", async () => {
  await Promise.all(
    PATHS.map(async ([template, methods]) => {
      const path = pathOf(template);
      for (const method of METHODS.filter((method) => !methods.has(method))) {
        const reply = await server.client().send(method, path);
        expectError(reply, path, 405, "method");
        assert.deepEqual(readAllow(reply), allowOf(methods), `${method} ${path}`);
      }
    }),
  );
});

test("OPTIONS is 204 on every path, and only the APIs invite other sites", async () => {
  const preflight = { origin: "https://app.example", "access-control-request-method": "POST", "access-control-request-headers": "x-tenant-token" };
  await Promise.all(
    PATHS.map(async ([template, methods]) => {
      const path = pathOf(template);
      const reply = await server.client().send("OPTIONS", path, { headers: preflight });
      assert.deepEqual([reply.status, reply.text], [204, ""], path);
      assert.deepEqual(readAllow(reply), allowOf(methods), path);
      assert.ok(reply.headers.has("x-request-id"), path);
      const isApi = /^\/(v1|v2|api)\//.test(path);
      const cors = ["origin", "methods", "headers"].map((name) => reply.headers.get(`access-control-allow-${name}`) ?? "");
      if (isApi) {
        assert.equal(cors[0], "*", path);
        for (const method of methods) assert.ok(cors[1]?.includes(method), `${path}: ${cors[1]}`);
        for (const name of ["authorization", "content-type", "idempotency-key", "x-api-key", "x-tenant-id", "x-tenant-token"]) {
          assert.ok(cors[2]?.toLowerCase().includes(name), `${path}: ${cors[2]}`);
        }
        assert.equal(reply.headers.get("access-control-allow-credentials"), null, "a cookie is never invited");
      } else if (rootOf(path) === "account") {
        assert.deepEqual(cors, ["", "", ""], path);
      }
    }),
  );
});

test("HEAD is answered as GET, without the body", async () => {
  const [house, operator] = await Promise.all([newHousehold(server.current), newOperator(server.current)]);
  const kept = ["content-type", "cache-control", "etag", "access-control-allow-origin", "content-security-policy", "x-content-type-options"];
  await Promise.all(
    ROUTES.filter((route) => route.method === "GET").map(async (route) => {
      const ask = await prepareAsk(server.current, house, route);
      const caller = ask.by ?? (await callerAt(route, house, operator));
      const [get, head] = [await caller.send("GET", ask.path, ask.sent), await caller.send("HEAD", ask.path, ask.sent)];
      assert.equal(get.status, route.status, `${route.path}: ${get.text.slice(0, 200)}`);
      assert.deepEqual([head.status, head.text], [get.status, ""], route.path);
      for (const name of kept) assert.equal(head.headers.get(name), get.headers.get(name), `${name} of ${route.path}`);
      assert.ok(head.headers.has("x-request-id"));
    }),
  );
});

test("an Idempotency-Key is nothing to what is no JSON POST: it is done again, each time anew", async () => {
  const [house, operator] = await Promise.all([newHousehold(server.current), newOperator(server.current)]);
  const once = { "idempotency-key": "once" };
  await Promise.all(
    ROUTES.filter((route) => route.body !== "Json" || route.method !== "POST").map(async (route) => {
      for (const _ of ["once", "again"]) {
        const ask = await prepareAsk(server.current, house, route);
        const caller = (ask.by ?? (await callerAt(route, house, operator))).with(once);
        const reply = await caller.send(ask.method, ask.path, ask.sent);
        assert.equal(reply.status, route.status, `${route.method} ${route.path}: ${reply.text.slice(0, 200)}`);
        assert.equal(reply.headers.get("idempotent-replayed"), null, route.path);
      }
    }),
  );
  const manager = house.stranger.with({ "x-api-key": house.apiKey, ...once });
  const balance = async (): Promise<number> => (await manager.get(`/v1/wallets/${house.walletId}/balance`)).json.available;
  const before = await balance();
  assert.equal((await manager.post(`/v1/wallets/${house.walletId}/fund`, { amount: 7 })).status, 201);
  assert.equal(await balance(), before + 7, "a read is of now");
});

test("a slash too many is another path, and there is none", async () => {
  await Promise.all(
    PATHS.filter(([template]) => template !== "/").map(async ([template, methods]) => {
      const path = `${pathOf(template)}/`;
      for (const method of methods) expectError(await server.client().send(method, path), path, 404, "missing");
    }),
  );
});

test("a path nobody has is 404 in the shape of its root", async () => {
  for (const path of ["/v1", "/v1/nothing", "/v2", "/v2/nothing", "/api", "/api/nothing", "/files/nothing", "/account/nothing", "/nothing", "/v3/query"]) {
    expectError(await server.client().get(path), path, 404, "missing");
  }
});
