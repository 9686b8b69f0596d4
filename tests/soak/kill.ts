// kill -9 of workerd under load: callers keep asking while the process dies again and again under them.
//   node tests/soak/kill.ts            KILLS=50 CALLERS=16 SEED=1 PATHS=/healthz,/openapi.json
// What it holds the server to: after every kill it answers again within RECOVERY_MS_MAX on the same state, a caller
// sees either a whole answer or a cut connection, and no answer is a 500. Bounded by its count of kills.

import assert from "node:assert/strict";
import { sleep } from "../../scripts/runtime.ts";
import { Client } from "../edge/support/client.ts";
import { Server } from "../edge/support/server.ts";

const KILLS = Number(process.env["KILLS"] ?? 50);
const CALLERS = Number(process.env["CALLERS"] ?? 16);
const SEED = Number(process.env["SEED"] ?? 1);
const PATHS = (process.env["PATHS"] ?? "/healthz,/openapi.json").split(",");
const RECOVERY_MS_MAX = 10_000;
const BETWEEN_KILLS_MS = { min: 100, max: 900 };

type Tally = { answered: number; cut: number; statuses: Map<number, number> };

/** A small generator (mulberry32), so that a seed gives the same kills again. */
function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Asks one path after the other until told to stop. A cut connection is counted, and the caller asks on. */
async function keepAsking(url: string, first: number, running: () => boolean, tally: Tally): Promise<void> {
  for (let turn = first; running(); turn += 1) {
    const path = PATHS[turn % PATHS.length] ?? "/healthz";
    // A new caller each time: the subject is the kill, not the rate limit.
    const client = new Client(url);
    try {
      const { status } = await client.get(path);
      tally.answered += 1;
      tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
    } catch {
      tally.cut += 1;
      await sleep(10);
    }
  }
}

async function main(): Promise<void> {
  console.log(`kill -9 under load: ${KILLS} kills, ${CALLERS} callers, seed ${SEED}, paths ${PATHS.join(" ")}`);
  const random = makeRandom(SEED);
  const server = await Server.start();
  const tally: Tally = { answered: 0, cut: 0, statuses: new Map() };
  let running = true;
  const callers = Array.from({ length: CALLERS }, (_, first) => keepAsking(server.url, first, () => running, tally));
  const recoveries: number[] = [];
  try {
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await sleep(BETWEEN_KILLS_MS.min + random() * (BETWEEN_KILLS_MS.max - BETWEEN_KILLS_MS.min));
      const killedMs = performance.now();
      await server.kill();
      const recoveryMs = performance.now() - killedMs;
      recoveries.push(recoveryMs);
      assert.ok(recoveryMs <= RECOVERY_MS_MAX, `kill ${kill}: ${recoveryMs.toFixed(0)} ms until it answered again`);
      if (kill % 10 === 0) console.log(`  ${kill} kills, ${tally.answered} answers, ${tally.cut} cut off`);
    }
  } finally {
    running = false;
    await Promise.all(callers);
    await server.stop();
  }
  recoveries.sort((a, b) => a - b);
  const median = recoveries[Math.floor(recoveries.length / 2)] ?? 0;
  console.log(`  recovery: median ${median.toFixed(0)} ms, slowest ${(recoveries.at(-1) ?? 0).toFixed(0)} ms`);
  console.log(`  statuses: ${[...tally.statuses].map(([status, count]) => `${status} x ${count}`).join(", ")}`);
  assert.ok(tally.answered > 0, "nobody was answered");
  assert.equal(tally.statuses.get(500) ?? 0, 0, "an answer was a 500");
}

await main();
