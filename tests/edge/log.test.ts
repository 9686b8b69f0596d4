// What is written down of a request: one line, and nothing in it that lets anybody in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newSlug, signIn, signUp } from "./support/agent.ts";
import { inviteOwner, newHousehold } from "./support/household.ts";
import { PASSWORD } from "./support/person.ts";
import { useServer } from "./support/server.ts";

const server = useServer();

test("every answer has one line with its id, route, status and cost", async () => {
  const { runtime, tenantId } = await signUp(server.client());
  const asked = await runtime.post("/v2/query", { query_text: "anything" });
  const line = await server.current.lineOf(asked);
  const { ms, ...rest } = line;
  assert.ok(typeof ms === "number" && ms >= 0);
  assert.deepEqual(rest, {
    request_id: asked.headers.get("x-request-id"),
    method: "POST",
    path: "/v2/query",
    route: "query",
    status: 200,
    hops: rest["hops"],
    statements: rest["statements"],
    queries: 0,
    tenant: tenantId,
    cause: null,
  });
  const missing = await server.client().get("/nowhere?x=1");
  const none = await server.current.lineOf(missing);
  assert.deepEqual([none["path"], none["route"], none["status"], none["tenant"]], ["/nowhere", null, 404, null]);
  const ids = server.current.lines().map((entry) => entry["request_id"]);
  assert.equal(new Set(ids).size, ids.length, "one line a request");
});

test("no credential is ever written to the log or told in an error, wherever it was put", async () => {
  const house = await newHousehold(server.current);
  const agent = await signUp(server.client());
  const invitation = await inviteOwner(server.current, agent);
  const session = await signIn(server.client());
  const secrets: string[] = [
    house.agent.agentKey,
    house.apiKey,
    house.enrollmentToken,
    house.owner.token,
    house.owner.cookie.split("=")[1] ?? "",
    house.owner.csrf,
    session.sessionToken,
    invitation,
    PASSWORD,
  ];
  const client = server.client();
  const replies = await Promise.all(
    secrets.flatMap((secret) => {
      const inPath = encodeURIComponent(secret);
      const problem = { accept: "application/problem+json" };
      return [
        ...["DELETE", "PUT", "GET"].map((method) => client.send(method, `/account/invite/${secret === invitation ? inPath : newSlug()}`, { headers: problem })),
        client.get(`/account/invite/${secret === invitation ? inPath : newSlug()}/`, problem),
        client.get(`/v1/wallets?key=${inPath}`),
        client.post("/v2/query", { tenant_id: secret, query_text: secret }, { "x-tenant-id": secret, "x-tenant-token": `${secret}x` }),
        client.post("/v2/agents/enroll", { enrollment_token: `${secret}x` }, { authorization: `Bearer ${session.sessionToken}` }),
        client.post("/v2/tenants", { tenant_id: secret }, { authorization: `Bearer ${house.owner.token}` }),
        client.post("/api/register", { email: secret, password: secret }),
        client.post("/api/auth/token", { email: house.owner.email, password: secret === PASSWORD ? `${PASSWORD}x` : secret }),
        client.send("POST", "/v2/query", { body: `{"query_text":"${secret}`, headers: { "content-type": "application/json" } }),
      ];
    }),
  );
  for (const reply of replies.filter(({ status }) => status >= 400)) {
    // The page of a good invitation holds its token: its form needs it.
    for (const secret of secrets) assert.ok(!reply.text.includes(secret.slice(-24)), `${reply.status} tells a secret: ${reply.text.slice(0, 300)}`);
  }
  const last = await client.get("/healthz");
  await server.current.lineOf(last);
  for (const { message } of server.current.entries()) {
    for (const secret of secrets) assert.ok(!message.includes(secret.slice(-24)), `a secret is logged: ${message}`);
  }
});
