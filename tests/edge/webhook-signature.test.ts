// What signs a webhook: the official verifiers of Standard Webhooks and Svix accept it, those of npm and those of PyPI, and
// so does node:crypto with our public key (contract README 11).

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { ROOT } from "../../scripts/runtime.ts";
import { newManager, type Manager } from "./support/human.ts";
import { useReceiver, type Received } from "./support/receiver.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const receiver = await useReceiver();

async function newHook(manager: Manager, path: string): Promise<{ id: string; secret: string; public_key: string }> {
  const made = await manager.management.post("/v1/webhooks", { url: receiver.url(path) });
  assert.equal(made.status, 201, made.text);
  return made.json;
}

async function testHook(manager: Manager, id: string, path: string, count: number): Promise<Received> {
  assert.equal((await manager.management.post(`/v1/webhooks/${id}/test`)).status, 202);
  return (await receiver.wait(path, count))[count - 1]!;
}

/** A webhook as it came, or changed, and a secret it may be signed with. */
type Claim = Pick<Received, "text" | "headers"> & { secret: string };

/** The npm verifiers' verdicts of a claim. */
function verdictsOfNode({ secret, text, headers }: Claim): Record<string, boolean> {
  const accepts = (verifier: { verify(text: string, headers: Record<string, string>): unknown }): boolean => {
    try {
      verifier.verify(text, headers);
      return true;
    } catch {
      return false;
    }
  };
  return { standardwebhooks: accepts(new StandardWebhook(secret)), svix: accepts(new SvixWebhook(secret)) };
}

/** The PyPI verifiers' verdicts of each claim. */
function verdictsOfPython(claims: Claim[]): Record<string, boolean>[] {
  const input = claims.map(({ secret, text, headers }) => `${JSON.stringify({ secret, text, headers })}\n`).join("");
  const python = join(ROOT, "scripts", "python.sh");
  const { status, stdout, stderr, error } = spawnSync(python, ["tests/edge/support/verify_webhook.py"], { input, encoding: "utf8" });
  assert.equal(status, 0, error?.message ?? stderr);
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

/** Every official verifier says the same of a claim, and it is this. */
function expectVerdicts(expected: [boolean, Claim][]): void {
  const claims = expected.map(([, claim]) => claim);
  const inPython = verdictsOfPython(claims);
  for (const [at, [verdict, claim]] of expected.entries()) {
    const both = { standardwebhooks: verdict, svix: verdict };
    assert.deepEqual([verdictsOfNode(claim), inPython[at]], [both, both], `claim ${at}`);
  }
}

function isSignedBy(publicKey: string, { text, headers }: Received): boolean {
  const x = Buffer.from(publicKey.replace("whpk_", ""), "base64").toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const [signature] = (headers["webhook-signature"] ?? "").split(" ").filter((part) => part.startsWith("v1a,"));
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`;
  return verify(null, Buffer.from(signed), key, Buffer.from(signature!.slice(4), "base64"));
}

test("the official verifiers accept what is sent, and nothing that was changed", async () => {
  const manager = await newManager(server.client());
  const hook = await newHook(manager, "/signed");
  const received = await testHook(manager, hook.id, "/signed", 1);
  const claim = { ...received, secret: hook.secret };
  expectVerdicts([
    [true, claim],
    [false, { ...claim, text: `${received.text} ` }],
    [false, { ...claim, headers: { ...received.headers, "webhook-id": "evt_other" } }],
    [false, { ...claim, secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}` }],
  ]);
  assert.ok(Math.abs(Number(received.headers["webhook-timestamp"]) - Date.now() / 1_000) < 60);

  assert.ok(isSignedBy(hook.public_key, received));
  assert.ok(!isSignedBy(hook.public_key, { ...received, text: `${received.text} ` }));
  const { keys } = (await server.client().get("/.well-known/jwks.json")).json;
  const x = Buffer.from(hook.public_key.replace("whpk_", ""), "base64").toString("base64url");
  assert.ok(keys.some((key: { x: string }) => key.x === x), "the key is one of the JWKS");
});

test("for a day after a rotation both secrets verify, then the new one alone", async () => {
  const manager = await newManager(server.client());
  const hook = await newHook(manager, "/rotated");
  const rotated = await manager.management.post(`/v1/webhooks/${hook.id}/rotate-secret`);
  assert.equal(rotated.status, 200, rotated.text);
  assert.notEqual(rotated.json.secret, hook.secret);
  const both = await testHook(manager, hook.id, "/rotated", 1);
  assert.equal(both.headers["webhook-signature"]!.split(" ").filter((part) => part.startsWith("v1,")).length, 2);
  expectVerdicts([hook.secret, rotated.json.secret].map((secret) => [true, { ...both, secret }]));
  const listed = await manager.management.get("/v1/webhooks");
  assert.ok(!listed.text.includes("whsec_"), "a secret is shown once");
  await server.current.advance(86_400);
  const one = await testHook(manager, hook.id, "/rotated", 2);
  assert.equal(one.headers["webhook-signature"]!.split(" ").length, 2, "one v1 and one v1a");
  assert.ok(isSignedBy(hook.public_key, one));
});

test("a repeat under the same Idempotency-Key shows the same secret again, and no store can be read for it", async () => {
  const manager = await newManager(server.client());
  const create = () => manager.management.post("/v1/webhooks", { url: receiver.url("/repeat") }, { "idempotency-key": "webhook" });
  const [first, again] = [await create(), await create()];
  assert.deepEqual([again.status, again.text, again.headers.get("idempotent-replayed")], [201, first.text, "true"]);
  const rotate = () => manager.management.post(`/v1/webhooks/${first.json.id}/rotate-secret`, {}, { "idempotency-key": "rotate" });
  const [rotated, repeated] = [await rotate(), await rotate()];
  assert.equal(repeated.json.secret, rotated.json.secret);
  const rows = await server.current.runtime.objectRows("Tenant", { name: manager.tenantUuid }, "SELECT hex(sealed) AS sealed FROM webhook_secret");
  assert.equal(rows.length, 2);
  for (const secret of [first.json.secret, rotated.json.secret]) {
    const bytes = Buffer.from(secret.replace("whsec_", ""), "base64").toString("hex").toUpperCase();
    assert.ok(rows.every((row) => !String(row["sealed"]).includes(bytes)), "sealed at rest");
  }
});
