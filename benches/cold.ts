// The first request of a fresh process, and how long a process takes until it has answered one.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeRequest, exchange, type RequestParts } from "./client.ts";
import { median } from "./measure.ts";
import type { Server } from "./server.ts";

export interface Cold {
  /** From the start of the process to its first answer, asked as soon as it listens: stand-ins load in it as well. */
  bootMs: number;
  /** The first request of an isolate whose scripts are loaded: instance, settings, keys, objects. */
  firstMs: number;
}

/** workerd listens before it has loaded every script. */
const LOADING_MS = 1_000;

/** Restarts the server, its stored state kept, and times the first request each time; medians of `times`. */
export async function coldStart(server: Server, parts: RequestParts, times: number): Promise<Cold> {
  const request = encodeRequest(parts);
  const timedAsk = async () => {
    const askedMs = performance.now();
    const [reply] = await exchange(server.port, [request], 1);
    if (reply?.status !== 200) throw new Error(`${parts.path}: ${reply?.status} ${reply?.body}`);
    return performance.now() - askedMs;
  };
  const boot: number[] = [];
  const first: number[] = [];
  for (let time = 0; time < times; time++) {
    await server.stop();
    const listenMs = await server.start(false);
    boot.push(listenMs + (await timedAsk()));
    await server.stop();
    await server.start(false);
    await sleep(LOADING_MS);
    first.push(await timedAsk());
  }
  return { bootMs: median(boot), firstMs: median(first) };
}
