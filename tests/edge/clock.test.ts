// The clock that tests move, and that a deployment does not have.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newCompany } from "./support/company.ts";
import { expectFault } from "./support/fault.ts";
import { Server, useServer } from "./support/server.ts";

const server = useServer();
const PATH = "/v1/test-clock";

test("without its setting there is no test clock, and no quota grows", async () => {
  const [deployed, scaled] = await Promise.all([
    Server.start({ vars: { TEST_CLOCK: null } }),
    Server.start({ vars: { TEST_CLOCK: null, RATE_LIMIT_SCALE: "2" } }),
  ]);
  scaled.expectError(/a setting is missing or malformed/);
  try {
    expectFault(await deployed.client().get(PATH), "v1", 404, "NOT_FOUND");
    expectFault(await deployed.client().post(PATH, { advance_seconds: 60 }), "v1", 404, "NOT_FOUND");
    expectFault(await deployed.client().post(PATH, { advance_seconds: "x" }), "v1", 404, "NOT_FOUND");
    const time = Date.parse((await deployed.client().get("/healthz")).json.time);
    assert.ok(Math.abs(time - Date.now()) < 5_000);
    assert.equal((await scaled.client().get("/healthz")).status, 503);
  } finally {
    await Promise.all([deployed.stop(), scaled.stop()]);
  }
});

test("the clock moves ahead by whole seconds, for every part of the deployment, and never back", async () => {
  const before = (await server.client().get(PATH)).json;
  assert.equal(before.offset_seconds, 0);
  const moved = await server.client().post(PATH, { advance_seconds: 3_600 });
  assert.deepEqual([moved.status, moved.json.offset_seconds], [200, 3_600], moved.text);
  const time = Date.parse((await server.client().get("/healthz")).json.time);
  assert.ok(time - Date.now() > 3_590_000 && time - Date.now() < 3_610_000);

  for (const advance_seconds of [undefined, null, 0, -1, 1.5, 63_072_001, "60", true, {}]) {
    expectFault(await server.client().post(PATH, { advance_seconds }), "v1", 400, "INVALID_INPUT", { path: "$.advance_seconds" });
  }
  assert.equal((await server.client().get(PATH)).json.offset_seconds, 3_600);
  await server.current.kill();
  assert.equal((await server.client().get(PATH)).json.offset_seconds, 3_600, "it outlives the process");
});

test("when the clock has moved, what came due of one tenant is done, however much it is", async () => {
  const { house, office } = await newCompany(server.current);
  const expires_at = new Date(Date.parse((await server.client().get(PATH)).json.now) + 300_000).toISOString();
  assert.equal((await office.post("/v1/agents", { name: "brief", expires_at })).status, 201);
  const crowd = `INSERT INTO agent (id, label, status, metadata, created_at_ms, expires_at_ms)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1600)
    SELECT printf('agt_%026d', i), 'crowd', 'active', '{}', 1, ${Date.parse(expires_at)} FROM n`;
  await server.current.editObject("Tenant", { name: house.tenantUuid }, crowd);
  const moved = await server.client().post(PATH, { advance_seconds: 301 });
  assert.deepEqual([moved.status, moved.json.pending], [200, undefined]);
  const left = "SELECT count(*) AS n FROM agent WHERE status = 'active' AND expires_at_ms IS NOT NULL";
  assert.equal((await server.current.runtime.objectRows("Tenant", { name: house.tenantUuid }, left))[0]?.["n"], 0);
});

test("of movements at once each counts", async () => {
  const before = (await server.client().get(PATH)).json.offset_seconds;
  await Promise.all(Array.from({ length: 8 }, () => server.client().post(PATH, { advance_seconds: 1 })));
  assert.equal((await server.client().get(PATH)).json.offset_seconds, before + 8);
});
