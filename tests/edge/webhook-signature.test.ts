// What signs a webhook: the official verifiers of Standard Webhooks and Svix accept it, and so does node:crypto with our
// public key (contract README 11).

import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
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

/** Both official verifiers' verdict. */
function accepts(secret: string, { text, headers }: Received): boolean {
  const verdicts = [new StandardWebhook(secret), new SvixWebhook(secret)].map((verifier) => {
    try {
      verifier.verify(text, headers);
      return true;
    } catch {
      return false;
    }
  });
  assert.equal(verdicts[0], verdicts[1]);
  return verdicts[0]!;
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
  assert.ok(accepts(hook.secret, received));
  assert.ok(!accepts(hook.secret, { ...received, text: `${received.text} ` }));
  assert.ok(!accepts(hook.secret, { ...received, headers: { ...received.headers, "webhook-id": "evt_other" } }));
  assert.ok(!accepts(`whsec_${Buffer.alloc(32, 7).toString("base64")}`, received));
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
  assert.ok(accepts(hook.secret, both) && accepts(rotated.json.secret, both));
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
