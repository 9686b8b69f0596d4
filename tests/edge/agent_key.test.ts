// The keys agents sign with: a chain anyone can check, and a public document (contract identity-and-money 2, 14).

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Client } from "./support/client.ts";
import { newHousehold, type Household } from "./support/household.ts";
import { useServer } from "./support/server.ts";
import { officeOf } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });

type Key = Record<string, any>;

async function newWorld(): Promise<{ house: Household; office: Client; path: string; agtId: string }> {
  const house = await newHousehold(server.current);
  const agtId = house.agent.agentId;
  return { house, office: officeOf(house), path: `/v1/agents/${agtId}/keys`, agtId };
}

/** Holds a history, newest first, against what is said of its hashes. */
function checkChain(agtId: string, keys: Key[]): void {
  let previous = "0".repeat(64);
  for (const [at, key] of [...keys].reverse().entries()) {
    const { key_id, algorithm, created_at, public_key, reason, sequence } = key;
    assert.deepEqual([sequence, key["kid"], key["prev_hash"]], [at + 1, key_id, previous]);
    const entry = JSON.stringify({ agent_id: agtId, algorithm, created_at, key_id, public_key, reason, sequence });
    previous = createHash("sha256").update(Buffer.from(previous, "hex")).update(entry).digest("hex");
    assert.equal(key["entry_hash"], previous);
  }
}

test("a rotation adds an entry to the chain and retires the key before it", async () => {
  const { office, path, agtId, house } = await newWorld();
  const first = (await office.get(path)).json;
  assert.deepEqual([first.agent_id.slice(0, 5), first.keys.length, first.keys[0].status, first.keys[0].sequence], ["maip:", 1, "active", 1]);
  const rotated = await office.post(`${path}/rotate`, { reason: "yearly \"é\" 😀" });
  assert.equal(rotated.status, 201, rotated.text);
  const { keys } = (await office.get(path)).json;
  assert.deepEqual(keys[0], rotated.json);
  assert.deepEqual([keys[1].status, keys[1].retired_at, keys[1].key_id], ["retired", keys[0].created_at, first.keys[0].key_id]);
  checkChain(agtId, keys);
  const agent = (await office.get(`/v1/agents/${agtId}`)).json;
  assert.deepEqual([agent.key_id, agent.public_key, agent.compromised_at], [keys[0].key_id, keys[0].public_key, null]);
  assert.deepEqual(agent.keys.map((key: Key) => key["status"]), ["active", "retired"]);
  assert.ok(!JSON.stringify([agent, keys]).includes("private"), house.tenantId);
});

test("a key in its overlap is active until it is over, and a moment names the one key of its time", async () => {
  const { office, path } = await newWorld();
  await server.current.advance(10);
  const before = (await office.get("/v1/test-clock")).json.now;
  await server.current.advance(10);
  const second = (await office.post(`${path}/rotate`, { overlap_seconds: 100 })).json;
  const statuses = async () => (await office.get(path)).json.keys.map((key: Key) => key["status"]);
  assert.deepEqual(await statuses(), ["active", "active"]);
  await server.current.advance(101);
  assert.deepEqual(await statuses(), ["active", "retired"]);
  const at = async (time: string) => (await office.get(`${path}?at=${encodeURIComponent(time)}`)).json.keys.map((key: Key) => key["sequence"]);
  assert.deepEqual(await at(before), [1]);
  assert.deepEqual(await at(second["created_at"]), [2]);
  assert.deepEqual(await at("2001-01-01T00:00:00Z"), []);
  const refused = await office.get(`${path}?at=yesterday`);
  assert.deepEqual([refused.status, refused.json.details.path], [400, "at"]);
});

test("a compromised key is out at once, and so is every overlap", async () => {
  const { office, path, agtId } = await newWorld();
  await office.post(`${path}/rotate`, { overlap_seconds: 86_400 });
  const refused = await office.post(`${path}/rotate`, { compromised: true, overlap_seconds: 1 });
  assert.deepEqual([refused.status, refused.json.details.path], [400, "$.overlap_seconds"]);
  const rotated = await office.post(`${path}/rotate`, { compromised: true, reason: "left in a cab" });
  assert.equal(rotated.status, 201, rotated.text);
  const { keys } = (await office.get(path)).json;
  assert.deepEqual(keys.map((key: Key) => key["status"]), ["active", "compromised", "retired"]);
  checkChain(agtId, keys);
  assert.equal((await office.get(`/v1/agents/${agtId}`)).json.compromised_at, rotated.json.created_at);
});

test("a rotation keeps to its limits, and a suspended agent may have one", async () => {
  const { office, path, agtId } = await newWorld();
  for (const [body, at] of [
    [{ overlap_seconds: 86_401 }, "$.overlap_seconds"], [{ overlap_seconds: -1 }, "$.overlap_seconds"], [{ overlapSeconds: 1.5 }, "$.overlapSeconds"],
    [{ compromised: "yes" }, "$.compromised"], [{ reason: "x".repeat(1025) }, "$.reason"],
  ] as const) {
    const refused = await office.post(`${path}/rotate`, body);
    assert.deepEqual([refused.status, refused.json.details.path], [400, at], JSON.stringify(body).slice(0, 60));
  }
  assert.equal((await office.post(`/v1/agents/${agtId}/suspend`)).status, 200);
  assert.equal((await office.post(`${path}/rotate`)).status, 201, "an empty body is enough");
});

test("of a crowd of rotations each has its own place in the chain", async () => {
  const { office, path, agtId } = await newWorld();
  const crowd = await Promise.all(Array.from({ length: 16 }, () => office.post(`${path}/rotate`, {})));
  assert.deepEqual(crowd.map((reply) => reply.json.sequence).sort((a, b) => a - b), Array.from({ length: 16 }, (_, at) => at + 2));
  const { keys } = (await office.get(path)).json;
  checkChain(agtId, keys);
  assert.equal(keys.filter((key: Key) => key["status"] === "active").length, 1);
  assert.equal((await office.get(`/v1/agents/${agtId}`)).json.keys.length, 10, "the latest ten");
});

test("anyone reads a new agent's keys by whichever spelling it was shown", async () => {
  const { office } = await newWorld();
  const spellings = async () => {
    const { id, agent_id, agt_id, public_key } = (await office.post("/v1/agents", { display_name: "fresh" })).json;
    return [id, agent_id, agt_id, agt_id.toLowerCase(), agt_id.slice(4), `maip-agent:${agt_id.slice(4)}`].map((spelling) => [spelling, public_key]);
  };
  for (const [spelling, public_key] of (await Promise.all([spellings(), spellings()])).flat()) {
    const shown = await server.client().get(`/.well-known/agents/${encodeURIComponent(spelling)}/jwks.json`);
    assert.deepEqual([shown.status, shown.json.keys?.[0].x], [200, public_key], spelling);
  }
});

test("anyone reads an agent's keys, whole and at once, and is not sent them twice", async () => {
  const { house, office } = await newWorld();
  const made = (await office.post("/v1/agents", { display_name: "fresh" })).json;
  const path = `/.well-known/agents/${encodeURIComponent(made.agent_id)}/jwks.json`;
  const fresh = await server.client().get(path);
  assert.equal(fresh.status, 200, "no projection has to come first");
  assert.deepEqual(fresh.json, {
    keys: [{ kty: "OKP", crv: "Ed25519", x: made.public_key, kid: made.key_id, use: "sig", alg: "EdDSA", status: "active", created_at: made.created_at, retired_at: null }],
  });
  const etag = fresh.headers.get("etag") ?? assert.fail("no ETag");
  assert.equal((await server.client().get(path, { "if-none-match": etag })).status, 304);
  await office.post(`/v1/agents/${made.agt_id}/keys/rotate`, {});
  const rotated = await server.client().get(path, { "if-none-match": etag });
  assert.deepEqual([rotated.status, rotated.json.keys.map((key: Key) => key["status"])], [200, ["active", "retired"]]);
  const { revoked_at } = (await office.delete(`/v1/agents/${made.agt_id}`)).json;
  const ended = (await server.client().get(path)).json.keys;
  assert.deepEqual(ended.map((key: Key) => key["x"]), rotated.json.keys.map((key: Key) => key["x"]), "what it signed is verified after its end");
  assert.deepEqual(ended.map((key: Key) => [key["status"], key["retired_at"]]), [["retired", revoked_at], ["retired", rotated.json.keys[1].retired_at]]);
  const known = await server.client().get(`/.well-known/agents/${house.agent.agentId}/jwks.json`);
  assert.equal(known.status, 200, "an agent of some time is found without its tenant");
  const ulid = made.agt_id.slice(4);
  for (const unknown of [`maip:00000000:${ulid}`, "agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ", made.agent_id.replace(ulid, "01J8ZZZZZZZZZZZZZZZZZZZZZZ")]) {
    const missing = await server.client().get(`/.well-known/agents/${encodeURIComponent(unknown)}/jwks.json`);
    assert.deepEqual([missing.status, missing.json.code], [404, "NOT_FOUND"], unknown);
  }
  assert.equal((await server.client().get("/.well-known/agents/nobody/jwks.json")).status, 400);
});
