// A flood of events to a receiver that fails 30 % of the time in five ways: none is lost, each has its effect once at a
// receiver that drops what it has seen, and the first attempt comes within a second at the median.
//   node tests/soak/webhook.ts            EVENTS=10000 FUNDERS=8

import { Server } from "../edge/support/server.ts";
import { flood } from "../edge/support/flood.ts";

const EVENTS = Number(process.env["EVENTS"] ?? 10_000);
const FUNDERS = Number(process.env["FUNDERS"] ?? 8);

console.log(`webhooks: ${EVENTS} events by ${FUNDERS} callers, a receiver that fails 30 % of the time in five ways`);
const server = await Server.start({ vars: { RATE_LIMIT_SCALE: "100000" } });
try {
  const { medianMs, p99Ms, attempts, failures, seconds } = await flood(server, EVENTS, FUNDERS);
  console.log(`  first attempt: median ${medianMs} ms, p99 ${p99Ms} ms after the event was answered for`);
  console.log(`  ${attempts} attempts, of which ${failures} failed; all delivered after ${seconds.toFixed(1)} s`);
} finally {
  await server.stop();
}
