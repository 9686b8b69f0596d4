// The benchmark's driver: starts every contender under bare workerd, lets the scenes run, prints the table.
//   node benches/run.ts [--seconds 3] [--rounds 7] [--quick] [--only hops,session]
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./build.ts";
import { floor, hop, peer } from "./contender.ts";
import { measure, type SceneResult } from "./measure.ts";
import { type Fact, render } from "./report.ts";
import * as scenes from "./scene.ts";
import type { Toolbox } from "./server.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "7" },
    port: { type: "string", default: "9310" },
    only: { type: "string" },
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

function workerdBinary(): string {
  const require = createRequire(import.meta.url);
  const platform = `@cloudflare/workerd-${process.platform}-${process.arch === "arm64" ? "arm64" : "64"}`;
  const path: string = createRequire(require.resolve("workerd/package.json")).resolve(`${platform}/bin/workerd`);
  return path;
}

const results = join(ROOT, "bench-results");
const directory = join(results, "run");
mkdirSync(directory, { recursive: true });
const core = pinCores();
const toolbox: Toolbox = { workerdPath: workerdBinary(), directory, ...(core === undefined ? {} : { core }) };
const port = Number(options.port);
const pace = options.quick ? { warmUpS: 0.3, seconds: 1, rounds: 3 } : { warmUpS: 2, seconds: Number(options.seconds), rounds: Number(options.rounds) };

const contenders = { floor: floor(port, toolbox), hop: hop(port + 1, toolbox), peer: peer(port + 2, toolbox), ours: undefined };
const servers = Object.values(contenders).filter((server) => server !== undefined);
const measured: SceneResult[] = [];
const facts: Fact[] = [];
try {
  for (const server of servers) await server.start();
  const chosen = options.only?.split(",");
  for (const [name, scene] of Object.entries(scenes)) {
    if (chosen !== undefined && !chosen.includes(name)) continue;
    process.stderr.write(`${name} ...\n`);
    measured.push(await measure(scene(contenders), pace));
  }
} finally {
  for (const server of servers) await server.stop();
}
const conditions = [
  `${pace.rounds} interleaved rounds of ${pace.seconds} s a lane; each figure is the median of its rounds, each ratio the median of the ratios within a round (lowest-highest).`,
  core === undefined ? "Load and server shared the cores." : "The load ran on core 0, workerd on core 1.",
];
const table = render(measured, facts, conditions);
writeFileSync(join(results, "table.md"), `${table}\n`);
writeFileSync(
  join(results, "rounds.json"),
  JSON.stringify(measured.map(({ title, rounds }) => ({ title, rounds: Object.fromEntries(rounds) })), undefined, 1),
);
process.stdout.write(`${table}\n`);
