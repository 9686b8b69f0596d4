// Where webhooks may go: what was stored is judged anew before each call, names are looked up when there is a resolver, and a
// deployment without the setting calls no machine of its own (contract README 10, 11). All notations: domain/target.rs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createListener } from "node:net";
import { after, test } from "node:test";
import { sleep } from "../../scripts/runtime.ts";
import { expectFault } from "./support/fault.ts";
import { newManager, type Manager } from "./support/human.ts";
import { useReceiver } from "./support/receiver.ts";
import { Server, useServer } from "./support/server.ts";

/** What each name stands for. */
const NAMES: Record<string, string[]> = {
  "private.example": ["10.0.0.7"],
  "half.example": ["93.184.215.14", "169.254.169.254"],
  "machine.example": ["127.0.0.1"],
  "six.example": ["fd00::1"],
};
const asked: string[] = [];
const resolver = createServer((request, response) => {
  const query = new URL(request.url ?? "", "http://resolver").searchParams;
  const [name, type] = [query.get("name") ?? "", query.get("type") ?? ""];
  asked.push(`${name} ${type}`);
  if (name === "broken.example") return void response.writeHead(500).end();
  const is = (address: string): boolean => address.includes(":") === (type === "AAAA");
  const Answer = (NAMES[name] ?? []).filter(is).map((data) => ({ name, type: type === "AAAA" ? 28 : 1, data }));
  response.writeHead(200, { "content-type": "application/dns-json" }).end(JSON.stringify({ Status: 0, Answer }));
});
await new Promise<void>((done) => resolver.listen(0, "127.0.0.1", done));
after(() => resolver.close());
const address = resolver.address();
assert.ok(address && typeof address === "object");

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000", DOH_URL: `http://127.0.0.1:${address.port}/dns-query` } });
const receiver = await useReceiver();

/** The delivery of a test, once it has ended. */
async function tryOut(manager: Manager, id: string): Promise<any> {
  assert.equal((await manager.management.post(`/v1/webhooks/${id}/test`)).status, 202);
  for (let n = 0; n < 300; n += 1) {
    const [delivery] = (await manager.management.get(`/v1/webhooks/${id}/deliveries`)).json.data;
    if (delivery?.status !== "pending") return delivery;
    await sleep(30);
  }
  return assert.fail("the test has not ended");
}

test("a name is called only when every address it stands for is public", async () => {
  const manager = await newManager(server.client());
  const made = await manager.management.post("/v1/webhooks", { url: "https://private.example/x", events: ["order.message"] });
  assert.equal(made.status, 201, made.text);
  const cases = [
    ["https://private.example/x", /not public/],
    ["https://half.example/x", /not public/],
    ["http://machine.example/x", /not public/],
    ["https://six.example/x", /not public/],
    ["https://nowhere.example/x", /has no address/],
    ["https://broken.example/x", /could not be looked up/],
  ] as const;
  for (const [url, error] of cases) {
    assert.equal((await manager.management.patch(`/v1/webhooks/${made.json.id}`, { url })).status, 200);
    const delivery = await tryOut(manager, made.json.id);
    assert.deepEqual([delivery.status, delivery.response_status], ["failed", null], url);
    assert.match(delivery.error, error, url);
  }
  assert.ok(asked.includes("six.example A") && asked.includes("six.example AAAA"));
});

test("what was stored is judged anew before each call", async () => {
  const manager = await newManager(server.client());
  const made = await manager.management.post("/v1/webhooks", { url: receiver.url("/moved"), events: ["order.message"] });
  assert.equal((await tryOut(manager, made.json.id)).status, "delivered");
  await server.current.editObject("Tenant", { name: manager.tenantUuid }, "UPDATE webhook_endpoint SET url = 'http://10.0.0.1/moved'");
  const delivery = await tryOut(manager, made.json.id);
  assert.equal(delivery.status, "failed");
  assert.match(delivery.error, /must name a host of the public internet/);
});

test("a deployment without the setting takes neither http nor its own machine", async () => {
  const deployed = await Server.start({ vars: { ALLOW_LOOPBACK_TARGETS: null } });
  try {
    const manager = await newManager(deployed.client());
    for (const url of ["http://example.com/x", "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x", receiver.url("/x")]) {
      expectFault(await manager.management.post("/v1/webhooks", { url }), "v1", 400, "INVALID_INPUT", { path: "$.url" });
    }
    assert.equal((await manager.management.post("/v1/webhooks", { url: "https://example.com/x", events: ["order.message"] })).status, 201);
  } finally {
    await deployed.stop();
  }
});

/** Names, but for localhost, that this machine's hosts file says are itself. */
function ownNames(): string[] {
  const lines = readFileSync("/etc/hosts", "utf8").split("\n").map((line) => line.replace(/#.*/, "").trim().split(/\s+/));
  return lines.filter(([ip]) => ip?.startsWith("127.")).flatMap(([, ...names]) => names).filter((name) => !/^(localhost.*|.*\.(local|internal|localdomain))$/.test(name));
}

test("the network of such a deployment is the public one: neither a name of this machine nor a resolver on it is reached", async () => {
  let connections = 0;
  const listener = createListener((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((done) => listener.listen(0, "0.0.0.0", done));
  const port = (listener.address() as { port: number }).port;
  const [plain, resolving] = await Promise.all([
    Server.start({ vars: { RATE_LIMIT_SCALE: "1000", ALLOW_LOOPBACK_TARGETS: null } }),
    Server.start({ vars: { RATE_LIMIT_SCALE: "1000", ALLOW_LOOPBACK_TARGETS: null, DOH_URL: `http://127.0.0.1:${port}/dns-query` } }),
  ]);
  for (const deployed of [plain, resolving]) deployed.expectError(/connecting to \S+ is not allowed/);
  try {
    const tries: [Server, string, RegExp][] = [[resolving, "https://somewhere.example/x", /could not be looked up/]];
    for (const name of ownNames()) tries.push([plain, `https://${name}:${port}/x`, /the connection failed/]);
    for (const [deployed, url, error] of tries) {
      const manager = await newManager(deployed.client());
      const made = await manager.management.post("/v1/webhooks", { url, events: ["order.message"] });
      assert.equal(made.status, 201, made.text);
      const delivery = await tryOut(manager, made.json.id);
      assert.deepEqual([delivery.status, delivery.response_status], ["failed", null], url);
      assert.match(delivery.error, error, url);
    }
    assert.equal(connections, 0);
  } finally {
    listener.close();
    await Promise.all([plain.stop(), resolving.stop()]);
  }
});
