import assert from "node:assert/strict";
import { test } from "node:test";
import { useServer } from "./support/server.ts";

const server = useServer();

test("the built Worker says that it is well", async () => {
  const reply = await server.client().get("/healthz");
  assert.equal(reply.status, 200, reply.text);
  assert.equal(reply.json.status, "ok");
  assert.equal(reply.headers.get("cache-control"), "no-store");
});

test("it is well again after workerd was killed", async () => {
  await server.current.kill();
  const reply = await server.client().get("/healthz");
  assert.equal(reply.status, 200, reply.text);
});
