// Receipts: signed with the agent's key, chained, anchored in the audit chain; verified here without the Worker's help
// (contract identity-and-money 4 and 14).

import assert from "node:assert/strict";
import { createHash, createPublicKey, verify, type JsonWebKey } from "node:crypto";
import { test } from "node:test";
import type { Client } from "./support/client.ts";
import { newCompany, openSession, register, type Company } from "./support/company.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });

let ready: Promise<Company> | undefined;
const setUp = (): Promise<Company> => (ready ??= newCompany(server.current));

type Receipt = Record<string, any>;

/** RFC 8785, for what JSON.parse gives: members by UTF-16 units, and numbers as ECMAScript writes them. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

async function issue(caller: Client, agent_id: string, body: object = {}): Promise<Receipt> {
  const made = await caller.post("/v1/agent-receipts", { agent_id, action: "data:read", ...body });
  assert.equal(made.status, 201, made.text);
  return made.json;
}

const verdictOf = async (office: Client, receipt: Receipt) => (await office.get(`/v1/agent-receipts/verify/${receipt["receipt_id"]}`)).json;

/** Whether the signature is that of the key the envelope names, as the agent's public document has it. */
async function holdsOffLine(receipt: Receipt): Promise<boolean> {
  const jwks = await server.client().get(`/.well-known/agents/${encodeURIComponent(receipt["agent_id"])}/jwks.json`);
  const jwk = jwks.json.keys.find((key: { kid: string }) => key.kid === receipt["signing_envelope"].key_id) as JsonWebKey;
  const key = createPublicKey({ key: jwk, format: "jwk" });
  return verify(null, Buffer.from(canonical(receipt["signing_envelope"])), key, Buffer.from(receipt["signature"], "base64url"));
}

function chainHash(previous: string, receipt: Receipt): string {
  return createHash("sha256").update(Buffer.from(previous, "hex")).update(canonical(receipt["signing_envelope"])).digest("hex");
}

test("a receipt is signed over its envelope, which says all that is shown, and verifies off-line", async () => {
  const { house, office } = await setUp();
  const agent = await register(office);
  const body = {
    receiptType: "data.attestation", action: "data:read", purpose: "to \"show\" 😀 \u2028", inputsHash: "a".repeat(128), outputs_hash: "",
    metadata: { n: 1e21, small: 1e-7, one: 1.0, big: 9007199254740993, deep: { "\u20ac": [null, true, "é", "\u007f"], "\ud83d\ude00": 1, "\ufb33": 2 } },
  };
  const made = await office.post("/v1/agent-receipts", { agent_id: agent, ...body });
  assert.equal(made.status, 201, made.text);
  const receipt: Receipt = made.json;
  assert.equal(made.headers.get("location"), `/v1/agent-receipts/${receipt["receipt_id"]}`);
  assert.match(receipt["receipt_id"], /^rct_[0-9A-Z]{26}$/);
  assert.match(receipt["signature"], /^[A-Za-z0-9_-]{86}$/);
  assert.match(receipt["chain_hash"], /^[0-9a-f]{64}$/);
  const { signature, signing_envelope, chain_hash, log_index, status, issued_at, ...shown } = receipt;
  const { version, tenant_id, key_id, ...signed } = signing_envelope;
  assert.deepEqual(signed, shown);
  assert.deepEqual([version, tenant_id, status, issued_at], [1, house.tenantUuid, "valid", receipt["created_at"]]);
  assert.equal(key_id, (await office.get(`/v1/agents/${agent}`)).json.key_id);
  assert.deepEqual([shown["receipt_type"], shown["purpose"], shown["metadata"]], [body.receiptType, body.purpose, JSON.parse(JSON.stringify(body.metadata))]);
  assert.ok(await holdsOffLine(receipt));
  assert.ok(!(await holdsOffLine({ ...receipt, signing_envelope: { ...signing_envelope, action: "data:write" } })));
  assert.deepEqual((await office.get(`/v1/agent-receipts/${receipt["receipt_id"]}`)).json, receipt);
});

test("absent values are null, and what is never null is not", async () => {
  const { office } = await setUp();
  const receipt = await issue(office, await register(office));
  const { receipt_type, purpose, metadata, inputs_hash, outputs_hash, status } = receipt;
  assert.deepEqual([receipt_type, purpose, metadata, inputs_hash, outputs_hash, status], ["action", null, {}, null, null, "valid"]);
  const { receipt: shown, reason, ...verified } = await verdictOf(office, receipt);
  assert.deepEqual(verified, {
    receipt_id: receipt["receipt_id"], valid: true, verdict: "VALID", signature_verified: true, chain_verified: true, transparency_verified: true,
  });
  assert.ok(reason.length > 0);
  assert.deepEqual(shown, receipt);
});

test("the receipts of a tenant are one chain, whoever issues them and however many at once", async () => {
  const { office } = await newCompany(server.current);
  const agents = await Promise.all(Array.from({ length: 4 }, () => register(office)));
  const sessions = await Promise.all(agents.map((agent) => openSession(office, agent)));
  await Promise.all(Array.from({ length: 48 }, (_, at) => issue(at % 2 ? office : sessions[at % 4]!.client, agents[at % 4]!, { metadata: { at } })));
  const pages = await Promise.all(agents.map((agent) => office.get(`/v1/agent-receipts/agent/${agent}`)));
  assert.ok(pages.every((page) => page.json.total === 12));
  const all: Receipt[] = pages.flatMap((page) => page.json.receipts).sort((one: Receipt, other: Receipt) => one["log_index"] - other["log_index"]);
  assert.deepEqual(all.map((receipt) => receipt["log_index"]), Array.from({ length: 48 }, (_, at) => at));
  let previous = "0".repeat(64);
  for (const receipt of all) {
    previous = chainHash(previous, receipt);
    assert.equal(receipt["chain_hash"], previous);
  }
  assert.ok((await Promise.all(all.slice(0, 8).map(holdsOffLine))).every(Boolean));
  const audit = (await office.get("/v1/audit?limit=100")).json.data.filter((entry: Receipt) => entry["action"] === "receipt.issued");
  assert.deepEqual(new Set(audit.map((entry: Receipt) => entry["object"])), new Set(all.map((one) => `${one["receipt_id"]}:${one["chain_hash"]}`)));
  assert.equal((await office.get("/v1/audit/verify")).json.valid, true);
});

test("a list is newest first, by page", async () => {
  const { office } = await setUp();
  const agent = await register(office);
  const ids: string[] = [];
  for (let at = 0; at < 3; at += 1) ids.unshift((await issue(office, agent))["receipt_id"]);
  const list = async (query = "") => {
    const { json } = await office.get(`/v1/agent-receipts/agent/${agent}${query}`);
    return [json.receipts.map((one: Receipt) => one["receipt_id"]), json.total, json.limit, json.offset];
  };
  assert.deepEqual(await list(), [ids, 3, 100, 0]);
  assert.deepEqual(await list("?limit=1&offset=1"), [[ids[1]], 3, 1, 1]);
  assert.deepEqual(await list("?offset=3"), [[], 3, 100, 3]);
  for (const [query, path] of [["limit=0", "limit"], ["limit=101", "limit"], ["offset=x", "offset"]]) {
    expectFault(await office.get(`/v1/agent-receipts/agent/${agent}?${query}`), "v1", 400, "INVALID_INPUT", { path });
  }
  expectFault(await office.get("/v1/agent-receipts/agent/agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ"), "v1", 404, "NOT_FOUND");
  expectFault(await office.get("/v1/agent-receipts/agent/x"), "v1", 400, "INVALID_ID");
});

test("what a retired key signed stays valid, and what a key in the wrong hands signed does not", async () => {
  const { office } = await setUp();
  const agent = await register(office);
  const first = await issue(office, agent);
  await office.post(`/v1/agents/${agent}/keys/rotate`, {});
  const second = await issue(office, agent);
  assert.notEqual(first["signing_envelope"].key_id, second["signing_envelope"].key_id);
  for (const receipt of [first, second]) {
    assert.deepEqual([(await verdictOf(office, receipt)).verdict, await holdsOffLine(receipt)], ["VALID", true]);
  }
  await office.post(`/v1/agents/${agent}/keys/rotate`, { compromised: true });
  const { valid, verdict, signature_verified, reason } = await verdictOf(office, second);
  assert.deepEqual([valid, verdict, signature_verified, typeof reason], [false, "KEY_COMPROMISED", true, "string"]);
  assert.equal((await verdictOf(office, first)).verdict, "VALID");
});

test("no receipt for an agent that may not act, and those of a revoked one are told so", async () => {
  const { office } = await setUp();
  const agent = await register(office);
  const { client } = await openSession(office, agent);
  const receipt = await issue(client, agent);
  await office.post(`/v1/agents/${agent}/suspend`, {});
  for (const caller of [office, client]) expectFault(await caller.post("/v1/agent-receipts", { agent_id: agent, action: "x" }), "v1", 409, "agent_not_active");
  assert.equal((await verdictOf(office, receipt)).verdict, "VALID");
  await office.post(`/v1/agents/${agent}/revoke`, {});
  expectFault(await office.post("/v1/agent-receipts", { agent_id: agent, action: "x" }), "v1", 409, "agent_not_active");
  const { valid, verdict, signature_verified } = await verdictOf(office, receipt);
  assert.deepEqual([valid, verdict, signature_verified], [false, "REVOKED", true]);
});

test("an edit of a receipt's signature, envelope, place or anchor shows, and stored receipts refuse edits", async () => {
  const { office, house } = await newCompany(server.current);
  const agent = await register(office);
  const [first, second] = [await issue(office, agent), await issue(office, agent)];
  const ref = { name: house.tenantUuid };
  const edit = (sql: string) => server.current.editObject("Tenant", ref, sql);
  await assert.rejects(edit("UPDATE receipt SET created_at_ms = 0"), /never changes/);
  await assert.rejects(edit("DELETE FROM receipt"), /never deleted/);
  await edit("DROP TRIGGER receipt_is_final");
  const flags = async (receipt: Receipt) => {
    const { valid, verdict, signature_verified, chain_verified, transparency_verified } = await verdictOf(office, receipt);
    return [valid, verdict, signature_verified, chain_verified, transparency_verified];
  };
  await edit(`UPDATE receipt SET chain_hash = zeroblob(32) WHERE id = '${first["receipt_id"]}'`);
  assert.deepEqual(await flags(first), [true, "VALID", true, false, false]);
  assert.deepEqual(await flags(second), [true, "VALID", true, false, true]);
  await edit(`UPDATE receipt SET envelope = replace(envelope, '"action":"data:read"', '"action":"data:copy"') WHERE id = '${second["receipt_id"]}'`);
  assert.deepEqual(await flags(second), [false, "INVALID_SIGNATURE", false, false, true]);
  await edit(`UPDATE receipt SET created_at_ms = 1 WHERE id = '${first["receipt_id"]}'`);
  assert.deepEqual((await flags(first)).slice(0, 3), [true, "VALID", true], "its time is the one that was signed");
  assert.equal((await verdictOf(office, first)).receipt.created_at, first["created_at"]);
});

test("a receipt that does not read any more is told so, and hides no other", async () => {
  const { office, house } = await newCompany(server.current);
  const agent = await register(office);
  const [first, second] = [await issue(office, agent), await issue(office, agent)];
  const ref = { name: house.tenantUuid };
  await server.current.editObject("Tenant", ref, "DROP TRIGGER receipt_is_final");
  await server.current.editObject("Tenant", ref, `UPDATE receipt SET envelope = substr(envelope, 2) WHERE id = '${first["receipt_id"]}'`);
  const { valid, verdict, receipt } = await verdictOf(office, first);
  assert.deepEqual([valid, verdict, receipt], [false, "INVALID_SIGNATURE", null]);
  const listed = (await office.get(`/v1/agent-receipts/agent/${agent}`)).json;
  assert.deepEqual([listed.total, listed.receipts], [2, [second]]);
  server.current.expectError(/envelope does not read/);
  server.current.expectError(/"status":500/);
  expectFault(await office.get(`/v1/agent-receipts/${first["receipt_id"]}`), "v1", 500, "INTERNAL_ERROR");
});

test("every field of a receipt holds to its limit, and one beyond is refused at its path", async () => {
  const { office } = await setUp();
  const agent = await register(office);
  const metadata = (bytes: number) => ({ m: "x".repeat(bytes - 8) });
  const types = ["genesis", "delegation", "action", "revocation", "data.attestation", "model.attestation", "compliance", "truth.claim", "truth.verification"];
  const good: object[] = [
    ...types.map((receipt_type) => ({ receipt_type })), { action: "😀".repeat(256) }, { purpose: "ß".repeat(1024) }, { metadata: metadata(65_536) },
    { inputs_hash: "é".repeat(128) }, { outputs_hash: "é".repeat(128) }, { purpose: null, metadata: null, receipt_type: null, inputs_hash: null },
    { metadata: { u: 18446744073709551615, i: -9223372036854775808, f: 1.7976931348623157e308 } },
  ];
  for (const body of good) assert.ok(await holdsOffLine(await issue(office, agent, body)), JSON.stringify(body).slice(0, 80));
  const bad: [object, string][] = [
    [{ action: null }, "$.action"], [{ action: "" }, "$.action"], [{ action: "x".repeat(257) }, "$.action"], [{ action: "a\u0000" }, "$.action"],
    [{ receipt_type: "Action" }, "$.receipt_type"], [{ receipt_type: "data_attestation" }, "$.receipt_type"], [{ receipt_type: 7 }, "$.receipt_type"],
    [{ purpose: "x".repeat(1025) }, "$.purpose"], [{ metadata: metadata(65_537) }, "$.metadata"], [{ metadata: "x" }, "$.metadata"],
    [{ inputs_hash: "x".repeat(129) }, "$.inputs_hash"], [{ outputs_hash: "x".repeat(129) }, "$.outputs_hash"], [{ agent_id: "x" }, "$.agent_id"],
  ];
  for (const [body, path] of bad) {
    expectFault(await office.post("/v1/agent-receipts", { agent_id: agent, action: "x", ...body }), "v1", 400, "INVALID_INPUT", { path });
  }
});

test("a repeat under its Idempotency-Key is the same receipt", async () => {
  const { office } = await setUp();
  const agent = await register(office);
  const once = { "idempotency-key": crypto.randomUUID() };
  const ask = () => office.post("/v1/agent-receipts", { agent_id: agent, action: "x" }, once);
  const [made, again] = [await ask(), await ask()];
  assert.deepEqual([again.status, again.text], [201, made.text]);
  assert.equal((await office.get(`/v1/agent-receipts/agent/${agent}`)).json.total, 1);
});

test("another tenant's receipts are not there, and receipts count for trust", async () => {
  const [{ office }, theirs] = await Promise.all([setUp(), newCompany(server.current)]);
  const agent = await register(theirs.office);
  const receipt = await issue(theirs.office, agent);
  for (const id of [receipt["receipt_id"], "rct_01J8ZZZZZZZZZZZZZZZZZZZZZZ"]) {
    for (const path of [`/v1/agent-receipts/${id}`, `/v1/agent-receipts/verify/${id}`]) expectFault(await office.get(path), "v1", 404, "NOT_FOUND");
  }
  for (const path of ["/v1/agent-receipts/x", "/v1/agent-receipts/verify/x"]) expectFault(await office.get(path), "v1", 400, "INVALID_ID");
  expectFault(await office.post("/v1/agent-receipts", { agent_id: agent, action: "x" }), "v1", 404, "NOT_FOUND");
  const factor = async () => (await theirs.office.post(`/v1/agents/${agent}/trust-score/compute`, {})).json.factors.receipt_count;
  assert.equal(await factor(), 0.01);
  await Promise.all(Array.from({ length: 101 }, () => issue(theirs.office, agent)));
  assert.equal(await factor(), 1);
});
