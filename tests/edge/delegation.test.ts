// Delegations: what is offered, who becomes whose child, and what that leaves everybody (contract identity-and-money 3).

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "./support/client.ts";
import { agentOf, newCompany, openSession, register, type Company } from "./support/company.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });

let ready: Promise<Company> | undefined;
const setUp = (): Promise<Company> => (ready ??= newCompany(server.current));

const offer = (office: Client, from_agent_id: string, to_agent_id: string, scopes: string[], more: object = {}) =>
  office.post("/v1/delegations", { from_agent_id, to_agent_id, scopes, ...more });
const accept = (office: Client, id: string) => office.post(`/v1/delegations/${id}/accept`, {});

async function delegate(office: Client, from: string, to: string, scopes: string[]): Promise<void> {
  const offered = await offer(office, from, to, scopes);
  assert.equal(offered.status, 201, offered.text);
  const accepted = await accept(office, offered.json.id);
  assert.equal(accepted.status, 200, accepted.text);
}

async function allows(office: Client, agent_id: string, action: string): Promise<boolean> {
  const checked = await office.post("/v1/guardrails/check", { agent_id, action });
  const explained = await office.get(`/v1/agents/${agent_id}/scopes/explain?action=${action}`);
  assert.equal(checked.json.allowed, explained.json.allowed, `${action}: ${explained.text}`);
  return checked.json.allowed;
}

test("an offer that is accepted makes the receiver the giver's child, with what was offered", async () => {
  const { house, office } = await setUp();
  const [giver, receiver] = [await register(office, ["data:*", "!data:delete"]), await register(office, ["data:write", "mail:*"])];
  const offered = await office.post("/v1/delegations", {
    fromAgentId: giver, toAgentId: receiver, scope: { actions: ["read"], resources: ["data"] }, ttlSeconds: 600,
  });
  assert.equal(offered.status, 201, offered.text);
  const maip = (id: string) => `maip:${house.tenantUuid.slice(0, 8)}:${id.slice(4)}`;
  const { id, created_at, expires_at, ...rest } = offered.json;
  assert.match(id, /^dlg_[0-9A-Z]{26}$/);
  assert.equal(Date.parse(expires_at) - Date.parse(created_at), 600_000);
  assert.deepEqual(rest, { from_agent_id: maip(giver), to_agent_id: maip(receiver), scopes: ["data:read"], status: "offered", accepted_at: null });
  assert.equal((await agentOf(office, receiver))["delegation_depth"], 0, "an offer changes nothing yet");
  const accepted = await accept(office, id);
  assert.deepEqual([accepted.status, accepted.json.status, accepted.json.id], [200, "accepted", id]);
  assert.deepEqual((await accept(office, id.toLowerCase().replace("dlg_", "dlg_"))).json, accepted.json, "a repeat answers the same");
  const child = await agentOf(office, receiver);
  assert.deepEqual([child["parent_agent_id"], child["delegation_depth"], child["scopes"]], [maip(giver), 1, ["data:write", "data:read"]]);
  assert.deepEqual(
    await Promise.all(["data:read", "data:write", "mail:send", "data:delete"].map((action) => allows(office, receiver, action))),
    [true, true, false, false],
  );
  const session = await openSession(office, receiver);
  assert.deepEqual(session["scopes"], ["data:write", "data:read", "!data:delete"], "denials are inherited");
});

test("only what the giver holds can be offered, and only while it still does", async () => {
  const { office } = await setUp();
  const [top, giver, receiver] = [await register(office, ["data:*"]), await register(office, ["data:*", "mail:*", "!data:delete"]), await register(office, [])];
  for (const scopes of [["chat:open"], ["*:*"], ["*:read"], ["data:read", "chat:open"], ["data:delete"]]) {
    expectFault(await offer(office, giver, receiver, scopes), "v1", 403, "scope_not_held");
  }
  const offered = await offer(office, giver, receiver, ["mail:send"]);
  assert.equal(offered.status, 201, offered.text);
  await delegate(office, top, giver, ["data:read"]);
  assert.deepEqual((await agentOf(office, giver))["scopes"], ["data:*", "!data:delete", "data:read"]);
  expectFault(await accept(office, offered.json.id), "v1", 403, "scope_not_held");
});

test("a receiver takes all below it along, each cut to what its parent then holds", async () => {
  const { house, office } = await setUp();
  const [top, middle, leaf] = [await register(office, ["data:read", "chat:*"]), await register(office, ["data:*", "mail:*"]), await register(office, [])];
  await delegate(office, middle, leaf, ["data:*", "mail:send"]);
  await delegate(office, top, middle, ["chat:open"]);
  const [second, third] = [await agentOf(office, middle), await agentOf(office, leaf)];
  assert.deepEqual([second["delegation_depth"], second["scopes"]], [1, ["data:read", "chat:open"]]);
  assert.deepEqual([third["delegation_depth"], third["scopes"]], [2, ["data:read"]]);
  assert.equal(third["parent_agent_id"], `maip:${house.tenantUuid.slice(0, 8)}:${middle.slice(4)}`);
  assert.deepEqual([await allows(office, leaf, "data:read"), await allows(office, leaf, "mail:send")], [true, false]);
});

test("nobody stands more than eight deep, with all below it counted", async () => {
  const { office } = await setUp();
  const line = await Promise.all(Array.from({ length: 9 }, () => register(office, ["data:read"])));
  for (let at = 1; at < line.length; at += 1) await delegate(office, line[at - 1]!, line[at]!, ["data:read"]);
  assert.equal((await agentOf(office, line[8]!))["delegation_depth"], 8);
  const [extra, above] = [await register(office, []), await register(office, ["data:read"])];
  const [deeper, higher] = [await offer(office, line[8]!, extra, ["data:read"]), await offer(office, above, line[0]!, ["data:read"])];
  for (const offered of [deeper, higher]) expectFault(await accept(office, offered.json.id), "v1", 409, "delegation_depth_exceeded");
  assert.deepEqual([(await agentOf(office, extra))["delegation_depth"], (await agentOf(office, line[0]!))["parent_agent_id"]], [0, null]);
  await delegate(office, above, line[1]!, ["data:read"]);
  assert.equal((await agentOf(office, line[8]!))["delegation_depth"], 8);
});

test("nobody comes from those that come from it", async () => {
  const { office } = await setUp();
  const [first, second, third] = await Promise.all(Array.from({ length: 3 }, () => register(office, ["data:read"])));
  await delegate(office, first!, second!, ["data:read"]);
  await delegate(office, second!, third!, ["data:read"]);
  for (const giver of [second!, third!]) {
    const offered = await offer(office, giver, first!, ["data:read"]);
    expectFault(await accept(office, offered.json.id), "v1", 409, "delegation_cycle");
  }
  expectFault(await offer(office, first!, first!, ["data:read"]), "v1", 400, "INVALID_INPUT", { path: "$.to_agent_id" });
});

test("of a crowd of crossing acceptances no cycle comes", async () => {
  const { office } = await setUp();
  const ring = await Promise.all(Array.from({ length: 6 }, () => register(office, ["data:read"])));
  const offers = await Promise.all(ring.map((from, at) => offer(office, from, ring[(at + 1) % ring.length]!, ["data:read"])));
  const accepted = await Promise.all(offers.map((offered) => accept(office, offered.json.id)));
  assert.deepEqual(accepted.map((reply) => reply.status).sort(), [200, 200, 200, 200, 200, 409]);
  const depths = await Promise.all(ring.map(async (id) => (await agentOf(office, id))["delegation_depth"]));
  assert.deepEqual(depths.sort(), [0, 1, 2, 3, 4, 5]);
});

test("an offer is accepted in time, by agents that may act", async () => {
  const { office } = await setUp();
  const [giver, receiver] = [await register(office), await register(office)];
  const [late, open] = [await offer(office, giver, receiver, ["data:read"], { ttl_seconds: 60 }), await offer(office, giver, receiver, ["data:read"])];
  assert.equal(open.json.expires_at, null);
  await server.current.advance(60);
  expectFault(await accept(office, late.json.id), "v1", 409, "delegation_expired");
  for (const suspended of [giver, receiver]) {
    await office.post(`/v1/agents/${suspended}/suspend`, {});
    expectFault(await accept(office, open.json.id), "v1", 409, "agent_not_active");
    expectFault(await offer(office, giver, receiver, ["data:read"]), "v1", 409, "agent_not_active");
    await office.patch(`/v1/agents/${suspended}`, { status: "active" });
  }
  assert.equal((await accept(office, open.json.id)).status, 200);
});

test("every field of an offer is checked, and what is another tenant's is not there", async () => {
  const [{ office }, theirs] = await Promise.all([setUp(), newCompany(server.current)]);
  const [from_agent_id, to_agent_id] = [await register(office), await register(office)];
  const good = { from_agent_id, to_agent_id, scopes: ["data:read"] };
  const bad: [object, string][] = [
    [{ from_agent_id: null }, "$.from_agent_id"], [{ to_agent_id: 7 }, "$.to_agent_id"], [{ to_agent_id: "x" }, "$.to_agent_id"], [{ scopes: null }, "$.scopes"],
    [{ scopes: [] }, "$.scopes"], [{ scopes: ["data"] }, "$.scopes[0]"], [{ ttl_seconds: 0 }, "$.ttl_seconds"], [{ ttl_seconds: 31_536_001 }, "$.ttl_seconds"],
  ];
  for (const [body, path] of bad) expectFault(await office.post("/v1/delegations", { ...good, ...body }), "v1", 400, "INVALID_INPUT", { path });
  for (const ttl_seconds of [1, 31_536_000]) assert.equal((await office.post("/v1/delegations", { ...good, ttl_seconds })).status, 201);
  for (const id of [theirs.house.agent.agentId, "agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ"]) {
    for (const body of [{ from_agent_id: id }, { to_agent_id: id }]) expectFault(await office.post("/v1/delegations", { ...good, ...body }), "v1", 404, "NOT_FOUND");
  }
  const offered = await office.post("/v1/delegations", good);
  expectFault(await accept(theirs.office, offered.json.id), "v1", 404, "NOT_FOUND");
  expectFault(await accept(office, "dlg_01J8ZZZZZZZZZZZZZZZZZZZZZZ"), "v1", 404, "NOT_FOUND");
  expectFault(await accept(office, "dlg-1"), "v1", 400, "INVALID_ID");
});
