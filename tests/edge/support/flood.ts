// Many events to one receiver that fails in every way, and what became of each.

import assert from "node:assert/strict";
import { sleep } from "../../../scripts/runtime.ts";
import { newManager } from "./human.ts";
import { GOOD, Receiver, type Behaviour } from "./receiver.ts";
import type { Server } from "./server.ts";

/** Three attempts in ten fail, in one of these ways. */
const FAILURES: Behaviour[] = [
  { status: 500 },
  "hang",
  "reset",
  { status: 429, headers: { "retry-after": "1" } },
  { status: 302, headers: { location: "http://127.0.0.1:9/" } },
];
const FAILING_SHARE = 0.3;

/** A number in 0..1 that is always the same for a seed. */
function drawing(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

export type Flooded = { medianMs: number; p99Ms: number; attempts: number; failures: number; seconds: number };

/** Makes so many events with so many callers at once, and waits until each has been delivered. Fails when one is lost. */
export async function flood(server: Server, events: number, callers: number): Promise<Flooded> {
  const startedMs = performance.now();
  const receiver = new Receiver();
  await receiver.start();
  const draw = drawing(Number(process.env["SEED"] ?? 1));
  let failures = 0;
  receiver.behave = () => {
    if (draw() >= FAILING_SHARE) return GOOD;
    failures += 1;
    return FAILURES[Math.floor(draw() * FAILURES.length)] ?? GOOD;
  };
  try {
    const manager = await newManager(server.client());
    const hook = await manager.management.post("/v1/webhooks", { url: receiver.url("/flood"), events: ["wallet.funded"] });
    assert.equal(hook.status, 201, hook.text);
    // By the id of the funding: when it was answered for.
    const fundedMs = new Map<string, number>();
    let left = events;
    await Promise.all(Array.from({ length: callers }, async () => {
      while (left > 0) {
        left -= 1;
        const key = { "idempotency-key": `flood-${left}` };
        const funded = await manager.management.post(`/v1/wallets/${manager.walletId}/fund`, { amount: 1 }, key);
        assert.equal(funded.status, 201, funded.text);
        fundedMs.set(funded.json.id, Date.now());
      }
    }));
    // The effect: what a receiver that drops what it has seen makes of it.
    const effects = (): Set<string> => new Set(receiver.received.map(({ id }) => id));
    const pending = async (): Promise<[open: number, underWay: number]> => {
      const query = "SELECT count(*) AS open, count(claimed_at_ms) AS under_way FROM delivery WHERE status <> 'delivered'";
      const [row] = await server.runtime.objectRows("Tenant", { name: manager.tenantUuid }, query);
      return [Number(row?.["open"]), Number(row?.["under_way"])];
    };
    const deadlineMs = Date.now() + 120_000 + events * 10;
    for (;;) {
      const seen = effects().size;
      const [open, underWay] = await pending();
      if (seen === events && open === 0) break;
      assert.ok(Date.now() < deadlineMs, `${seen} of ${events} came, ${open} are not delivered`);
      // Who failed twice waits five minutes, and longer after that: the clock of the deployment need not.
      if (seen === events && underWay === 0) await server.advance(2_000);
      await sleep(200);
    }
    const first = new Map<string, number>();
    for (const { json, atMs } of receiver.received) {
      const funding = json.data.funding_id ?? json.data.id;
      if (!first.has(funding)) first.set(funding, atMs);
    }
    assert.equal(first.size, events, "every funding came, each under an id of its own");
    assert.deepEqual([...first.keys()].sort(), [...fundedMs.keys()].sort());
    const waits = [...first].map(([funding, atMs]) => atMs - (fundedMs.get(funding) ?? 0)).sort((a, b) => a - b);
    const at = (share: number): number => waits[Math.floor(waits.length * share)] ?? 0;
    return {
      medianMs: at(0.5),
      p99Ms: at(0.99),
      attempts: receiver.received.length,
      failures,
      seconds: (performance.now() - startedMs) / 1_000,
    };
  } finally {
    receiver.stop();
  }
}
