// kill -9 of workerd under load: customers keep working while the process dies again and again under them.
//   node tests/soak/kill.ts            KILLS=50 CALLERS=8 SEED=1
// After every kill the server answers again within RECOVERY_MS_MAX; in the end each customer's books agree with it:
// nothing acknowledged lost, nothing done or charged twice. Bounded by its count of kills.

import assert from "node:assert/strict";
import { sleep } from "../../scripts/runtime.ts";
import { Server } from "../edge/support/server.ts";
import { randomFrom } from "../support/random.ts";
import { Customer } from "./customer.ts";

const KILLS = Number(process.env["KILLS"] ?? 50);
const CALLERS = Number(process.env["CALLERS"] ?? 8);
const SEED = Number(process.env["SEED"] ?? 1);
const RECOVERY_MS_MAX = 10_000;
const BETWEEN_KILLS_MS = { min: 100, max: 900 };
/** Longer than any hold of a request lives. */
const HOLDS_EXPIRED_S = 3_600;

/** Kills again and again; answers the milliseconds that each recovery took, shortest first. */
async function killRepeatedly(server: Server, customers: Customer[]): Promise<number[]> {
  const random = randomFrom(SEED);
  const recoveries: number[] = [];
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await sleep(BETWEEN_KILLS_MS.min + random() * (BETWEEN_KILLS_MS.max - BETWEEN_KILLS_MS.min));
    const killedMs = performance.now();
    await server.kill();
    const recoveryMs = performance.now() - killedMs;
    assert.ok(recoveryMs <= RECOVERY_MS_MAX, `kill ${kill}: ${recoveryMs.toFixed(0)} ms until it answered again`);
    recoveries.push(recoveryMs);
    if (kill % 10 === 0) console.log(`  ${kill} kills, ${tally(customers)}`);
  }
  return recoveries.sort((a, b) => a - b);
}

function tally(customers: Customer[]): string {
  const acknowledged = customers.reduce((sum, customer) => sum + customer.acknowledged, 0);
  const cut = customers.reduce((sum, customer) => sum + customer.cut, 0);
  return `${acknowledged} effects acknowledged, ${cut} connections cut`;
}

async function main(): Promise<void> {
  console.log(`kill -9 under load: ${KILLS} kills, ${CALLERS} customers, seed ${SEED}`);
  const server = await Server.start({ vars: { RATE_LIMIT_SCALE: "1000" } });
  try {
    const customers: Customer[] = [];
    while (customers.length < CALLERS) customers.push(await Customer.arrive(server));
    let running = true;
    const work = Promise.all(customers.map((customer) => customer.work(() => running)));
    work.catch(() => undefined); // awaited below; a customer that fails early must not end the process
    const recoveries = await killRepeatedly(server, customers);
    running = false;
    await work;
    await server.advance(HOLDS_EXPIRED_S);
    for (const customer of customers) await customer.verify();
    const median = recoveries[Math.floor(recoveries.length / 2)] ?? 0;
    console.log(`  recovery: median ${median.toFixed(0)} ms, slowest ${(recoveries.at(-1) ?? 0).toFixed(0)} ms`);
    console.log(`  ${tally(customers)}: none lost, none doubled`);
  } finally {
    await server.stop();
  }
}

await main();
