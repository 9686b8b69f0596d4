import assert from "node:assert/strict";
import { test } from "node:test";
import { Customer } from "../soak/customer.ts";
import { sleep } from "../../scripts/runtime.ts";
import { PANIC_WORKER, Server, useServer } from "./support/server.ts";

const CUSTOMERS = 4;
const PANICS = 5;

const server = useServer({ worker: PANIC_WORKER, vars: { RATE_LIMIT_SCALE: "100" } });

test("after a panic the next request works", async () => {
  expectPanics(server.current);
  const panicked = await server.client().post("/v1/test-panic");
  assert.equal(panicked.status, 500);
  const next = await server.client().get("/healthz");
  assert.equal(next.status, 200, next.text);
});

for (const after of ["object", "database"]) {
  test(`a panic in a request that an answer of the ${after} has woken ends it, and whoever waits beside it, at once`, async () => {
    expectPanics(server.current);
    const startedMs = performance.now();
    const neighbours = Array.from({ length: 8 }, () => server.client().get("/healthz"));
    const panicked = await server.client().post(`/v1/test-panic?after=${after}`);
    assert.equal(panicked.status, 500);
    for (const neighbour of await Promise.all(neighbours)) assert.ok([200, 500, 503].includes(neighbour.status), neighbour.text);
    assert.ok(performance.now() - startedMs < 5_000, "somebody waited for an answer that could not come");
    const next = await server.client().get("/healthz");
    assert.equal(next.status, 200, next.text);
  });
}

test("panics beside customers at work lose and double nothing that was acknowledged", async () => {
  expectPanics(server.current);
  const customers = await Promise.all(Array.from({ length: CUSTOMERS }, () => Customer.arrive(server.current)));
  let running = true;
  const work = Promise.all(customers.map((customer) => customer.work(() => running)));
  work.catch(() => undefined); // awaited below
  for (let panic = 0; panic < PANICS; panic += 1) {
    await sleep(300);
    await server.client().send("POST", "/v1/test-panic");
  }
  running = false;
  await work;
  await server.current.advance(3_600);
  for (const customer of customers) {
    assert.ok(customer.acknowledged > 0);
    await customer.verify();
  }
});

test("a deployed build has no route that panics", async () => {
  const deployed = await Server.start();
  try {
    const reply = await deployed.client().post("/v1/test-panic");
    assert.equal(reply.status, 404, reply.text);
  } finally {
    await deployed.stop();
  }
});

/** What the runtime and the panic hook write, and what the requests in flight beside it run into. */
function expectPanics(current: Server): void {
  current.expectError(/panic|RuntimeError|unreachable|code had hung|aborted|reset|instance that ran this has ended/i);
}
