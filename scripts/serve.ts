// Serves the built Worker on this machine: D1, KV, R2, Queue, cron and objects are local, their state is kept.
//   node scripts/serve.ts [--port 8787] [--persist .wrangler/state/v3] [--worker build] [--var NAME=VALUE]... [--watch]
// Settings come from .dev.vars. Prints what the Worker logs. With --watch it builds and starts anew when a source changes.
// Ends on Ctrl-C.

import { spawnSync } from "node:child_process";
import { watch } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, Runtime, readDevVars, sleep, type LogEntry } from "./runtime.ts";

const CRON_EVERY_MS = 60_000;
const DEFAULT_PORT = "8787"; // the one of PUBLIC_ORIGIN in .dev.vars
const SETTLE_MS = 200; // an editor writes a file in several steps

const { values } = parseArgs({
  options: {
    port: { type: "string", default: DEFAULT_PORT },
    // Where wrangler keeps local state: `wrangler d1 execute DB --local` sees the same data.
    persist: { type: "string", default: ".wrangler/state/v3" },
    worker: { type: "string", default: "build" },
    var: { type: "string", multiple: true, default: [] },
    watch: { type: "boolean", default: false },
  },
});

/** How the runtime says that a call went to a name that stands for no address, before a line with addresses inside itself. */
const NO_ADDRESS = /^e = .*failed to lookup address information/;
let wasNoAddress = false;

/**
 * The agents of the examples live at names that nobody keeps. Of each push to one the runtime writes two lines that read like a
 * crash of its own: one that says what has happened stands for both. The attempt itself is written down with its delivery.
 */
function show({ level, message }: LogEntry): void {
  const isItsStack = wasNoAddress && message.startsWith("stack: ");
  wasNoAddress = NO_ADDRESS.test(message);
  if (isItsStack) return;
  if (wasNoAddress) console.log("  A call went to a name that stands for no address.");
  else (level === "error" ? process.stderr : process.stdout).write(`${message}\n`);
}

function readVars(): Record<string, string> {
  const vars = readDevVars();
  if (values.port !== DEFAULT_PORT) vars["PUBLIC_ORIGIN"] = `http://127.0.0.1:${values.port}`;
  for (const setting of values.var) {
    const [name, ...rest] = setting.split("=");
    if (name) vars[name] = rest.join("=");
  }
  return vars;
}

/** The runtime's own advice names an option that `make dev` does not have. */
function failToStart(error: unknown): never {
  if ((error as { code?: unknown }).code !== "ERR_ADDRESS_IN_USE") throw error;
  console.error(`  Port ${values.port} is taken. Another one: PORT=${Number(values.port) + 1} make dev`);
  process.exit(1);
}

async function start(): Promise<Runtime> {
  const startedMs = performance.now();
  const runtime = await Runtime.start({
    worker: values.worker,
    persist: values.persist,
    port: Number(values.port),
    vars: readVars(),
    onLog: show,
  }).catch(failToStart);
  const applied = await runtime.applyMigrations();
  if (applied.length > 0) console.log(`  D1 migrations applied: ${applied.join(", ")}`);
  console.log(`  Guildhall answers at ${runtime.url} after ${((performance.now() - startedMs) / 1000).toFixed(1)} s. Ctrl-C ends it.`);
  return runtime;
}

/** Resolves when something the Worker is made of has changed, and no more. */
function sourceChanged(): Promise<void> {
  return new Promise((done) => {
    const watchers = ["src", "schema"].map((folder) =>
      watch(join(ROOT, folder), { recursive: true }, () => {
        for (const watcher of watchers) watcher.close();
        setTimeout(done, SETTLE_MS);
      }),
    );
  });
}

/** Builds and starts anew after every change; a build that fails leaves the last good one serving. */
async function restartOnChange(current: () => Runtime, replace: (runtime: Runtime) => void): Promise<never> {
  for (;;) {
    await sourceChanged();
    const build = spawnSync(join(ROOT, "scripts", "build.sh"), { stdio: "inherit" });
    if (build.status !== 0) continue;
    await current().stop();
    replace(await start());
  }
}

async function main(): Promise<void> {
  let runtime = await start();
  const stop = (): void => {
    void runtime.stop().finally(() => process.exit(0));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  if (values.watch) {
    void restartOnChange(
      () => runtime,
      (next) => {
        runtime = next;
      },
    );
  }
  for (;;) {
    await sleep(CRON_EVERY_MS);
    await runtime.runCron().catch((error: unknown) => console.error(`the cron failed: ${String(error)}`));
  }
}

await main();
