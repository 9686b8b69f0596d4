// How far an agent is trusted (contract identity-and-money 2).

import assert from "node:assert/strict";
import { test } from "node:test";
import { newHousehold } from "./support/household.ts";
import { useServer } from "./support/server.ts";
import { newSpender, officeOf } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });

test("trust is a half at birth and is then computed from what happened", async () => {
  const house = await newHousehold(server.current);
  const { office, agentId, mandate } = await newSpender(house, { daily_limit: 100 });
  const path = `/v1/agents/${agentId}/trust-score`;
  const born = await office.get(path);
  const { agent_id, ...rest } = born.json;
  assert.match(agent_id, /^maip:/);
  const unknown = { anomaly_rate: null, uptime: null, delegation_depth: null, receipt_count: null };
  assert.deepEqual(rest, {
    score: 0.5, trust_score: 0.5, level: "authenticated", trust_level: "authenticated", factors: unknown, computed_at: null, updated_at: null,
  });
  const compute = async () => {
    const reply = await office.post(`${path}/compute`);
    assert.equal(reply.status, 200, reply.text);
    return reply.json;
  };
  const idle = await compute();
  assert.deepEqual([idle.score, idle.factors], [0.6, { anomaly_rate: 0.5, uptime: 1, delegation_depth: 1, receipt_count: 0 }]);
  const reserve = (amount: number) => office.post("/v1/spend-guard/reservations", { kind: "tool", amount, agent_id: agentId, mandate_id: mandate.id });
  const statuses = [(await reserve(10)).status, (await reserve(10)).status, (await reserve(10)).status, (await reserve(101)).status];
  assert.deepEqual(statuses, [201, 201, 201, 402]);
  const busy = await compute();
  assert.deepEqual([busy.score, busy.factors.anomaly_rate], [0.675, 0.75]);
  assert.equal((await office.get(`/v1/agents/${agentId}`)).json.trust_score, 0.675);
  assert.deepEqual((await office.get(path)).json, busy);

  const history = async (query = "") => (await office.get(`/v1/agents/${agentId}/trust-history${query}`)).json;
  const all = await history();
  assert.deepEqual([all.agent_id, all.total, all.history.map((entry: any) => entry.score)], [agent_id, 2, [0.6, 0.675]]);
  assert.deepEqual(all.history[1], { score: busy.score, factors: busy.factors, computed_at: busy.computed_at });
  const one = await history("?limit=1");
  assert.deepEqual([one.total, one.history.length, one.history[0].score], [2, 1, 0.6]);
  assert.deepEqual((await history(`?from=${busy.computed_at}`)).history.at(-1).score, 0.675);
  assert.equal((await history("?to=2001-01-01T00:00:00Z")).total, 0);
  for (const query of ["limit=0", "limit=1001", "from=x", "to=2026-01-01", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"]) {
    const refused = await office.get(`/v1/agents/${agentId}/trust-history?${query}`);
    assert.deepEqual([refused.status, refused.json.details.path], [400, query.split("=")[0]], query);
  }
});

test("the share of time that an agent was suspended counts against it", async () => {
  const house = await newHousehold(server.current);
  const office = officeOf(house);
  const made = (await office.post("/v1/agents", { display_name: "pauser" })).json;
  const path = `/v1/agents/${made.agt_id}`;
  const uptime = async () => (await office.post(`${path}/trust-score/compute`)).json.factors.uptime;
  await server.current.advance(36_000);
  await office.post(`${path}/suspend`);
  await server.current.advance(12_000);
  assert.equal(await uptime(), 0.75);
  await office.patch(path, { status: "active" });
  await server.current.advance(48_000);
  assert.equal(await uptime(), 0.875);
  await server.current.advance(31 * 86_400);
  assert.equal(await uptime(), 1, "after thirty days it is forgotten");
  await office.delete(path);
  assert.equal((await office.post(`${path}/trust-score/compute`)).status, 200);
});
