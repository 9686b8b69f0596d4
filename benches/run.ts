// The benchmark's driver: starts every contender under bare workerd, lets the scenes run, prints the table.
//   node benches/run.ts [--seconds 3] [--rounds 7] [--quick] [--only hops,session,reservation,cold] [--directory DIR] [--port 9310]
// A scene is named by its function in scene.ts and market_scene.ts; beside them are `bundle`, `cold`, `wasm` and `completion`.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BUNDLE_GZIP_BYTES_MAX, sizeOfBundle } from "../scripts/bundle.ts";
import { ROOT } from "./build.ts";
import { coldStart } from "./cold.ts";
import { measureCompletion } from "./completion.ts";
import { bucket, floor, hop, migrate, ours, peer, watchedModules } from "./contender.ts";
import * as marketScenes from "./market_scene.ts";
import { measure, type Pace, type SceneResult } from "./measure.ts";
import { type Fact, render } from "./report.ts";
import * as scenes from "./scene.ts";
import type { Toolbox } from "./server.ts";
import { makeOurTenant, RARE_WORD } from "./tenant.ts";
import { measureUploadMemory } from "./upload.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "7" },
    port: { type: "string", default: "9310" },
    only: { type: "string" },
    directory: { type: "string" },
    quick: { type: "boolean", default: false },
  },
});

/** One core for the load, another for workerd, where there are two and `taskset`. */
function pinCores(): number | undefined {
  if (cpus().length < 2) return undefined;
  try {
    execFileSync("taskset", ["-a", "-c", "-p", "0", String(process.pid)], { stdio: "ignore" });
    return 1;
  } catch {
    return undefined;
  }
}

/** The binary itself: the package's own command is a script that starts it as a child. */
function workerdBinary(): string {
  const require = createRequire(import.meta.url);
  const platform = `@cloudflare/workerd-${process.platform}-${process.arch === "arm64" ? "arm64" : "64"}`;
  return createRequire(require.resolve("workerd/package.json")).resolve(`${platform}/bin/workerd`);
}

const results = join(ROOT, "bench-results");
const directory = options.directory ?? join(results, "run");
mkdirSync(results, { recursive: true });
mkdirSync(directory, { recursive: true });
const core = pinCores();
const toolbox: Toolbox = { workerdPath: workerdBinary(), directory, ...(core === undefined ? {} : { core }) };
const port = Number(options.port);
const pace: Pace = options.quick ? { warmUpS: 1, seconds: 1, rounds: 3 } : { warmUpS: 5, seconds: Number(options.seconds), rounds: Number(options.rounds) };
const COLD_STARTS = options.quick ? 5 : 21;

const databasePorts = [port + 5, port + 6, port + 7];
const watchedDatabasePort = port + 9;

const contenders = {
  floor: floor(port, toolbox),
  hop: hop(port + 1, toolbox),
  peer: peer(port + 2, databasePorts[0]!, toolbox),
  ours: ours("ours", port + 3, databasePorts[1]!, toolbox),
  crowded: ours("crowded", port + 4, databasePorts[2]!, toolbox),
  bucket: bucket(port + 8, toolbox),
};
const isChosen = (name: string) => options.only?.split(",").includes(name) ?? true;

async function measureScenes(): Promise<SceneResult[]> {
  const measured: SceneResult[] = [];
  for (const [name, scene] of Object.entries({ ...scenes, ...marketScenes })) {
    if (!isChosen(name)) continue;
    process.stderr.write(`${name} ...\n`);
    measured.push(await measure(await scene(contenders), pace));
  }
  return measured;
}

/** Restarts are measured on all cores: the platform compiles on more than one. */
async function measureColdStarts(): Promise<Fact[]> {
  const document = { method: "GET" as const, path: "/.well-known/motecloud-billing.json" };
  const tenant = await makeOurTenant(contenders.ours.port, "bench-cold", [], 3);
  const headers = { "X-Tenant-ID": tenant.slug, "X-Tenant-Token": tenant.agentKey };
  const query = { method: "POST" as const, path: "/v2/query", headers, body: { tenant_id: tenant.slug, query_text: RARE_WORD } };
  const facts: Fact[] = [];
  const bare = await coldStart(contenders.floor, { method: "GET", path: "/hello" }, COLD_STARTS);
  facts.push({ text: "first request of a fresh isolate: floor, no hop", value: bare.firstMs, unit: "ms", digits: 1 });
  for (const [what, parts] of [["billing document", document], ["metered query, its objects woken", query]] as const) {
    const { bootMs, firstMs } = await coldStart(contenders.ours, parts, COLD_STARTS);
    facts.push({ text: `first request of a fresh isolate: ${what}`, value: firstMs, unit: "ms", digits: 1, atMost: 50 });
    facts.push({ text: `the same from the start of the process on (floor ${bare.bootMs.toFixed(0)} ms)`, value: bootMs, unit: "ms" });
  }
  return facts;
}

/** The built Worker once more, behind a path that tells of its memory. */
async function measureMemory(): Promise<Fact[]> {
  const watched = ours("watched", port + 10, watchedDatabasePort, toolbox, watchedModules());
  await watched.start();
  try {
    await migrate(watchedDatabasePort);
    return await measureUploadMemory(watched);
  } finally {
    await watched.stop();
  }
}

/** What is uploaded: script and wasm, compressed together as scripts/bundle.ts counts it. */
function measureBundle(): Fact {
  return { text: "bundle, gzip", value: sizeOfBundle(join(ROOT, "build")).gzipBytes / 1000, unit: "KB", atMost: BUNDLE_GZIP_BYTES_MAX / 1000 };
}

let measured: SceneResult[] = [];
const facts: Fact[] = [];
try {
  for (const server of Object.values(contenders)) await server.start();
  for (const databasePort of databasePorts) await migrate(databasePort);
  measured = await measureScenes();
  if (isChosen("wasm")) facts.push(...(await measureMemory()));
  if (isChosen("completion")) facts.push(...(await measureCompletion(contenders.ours)));
  if (isChosen("bundle")) facts.push(measureBundle());
  if (isChosen("cold")) facts.push(...(await measureColdStarts()));
} finally {
  for (const server of Object.values(contenders)) await server.stop();
}
const conditions = [
  `${pace.rounds} interleaved rounds of ${pace.seconds} s a lane after ${pace.warmUpS} s of warming up; each figure is the median of its rounds, each ratio the median of the ratios within a round (lowest-highest).`,
  core === undefined ? "Load and server shared the cores." : "The load ran on core 0, workerd on core 1.",
];
const table = render(measured, facts, conditions);
writeFileSync(join(results, "table.md"), `${table}\n`);
writeFileSync(
  join(results, "rounds.json"),
  JSON.stringify(measured.map(({ title, rounds }) => ({ title, rounds: Object.fromEntries(rounds) })), undefined, 1),
);
process.stdout.write(`${table}\n`);
