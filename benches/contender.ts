// Who is measured, and how each is set up under workerd.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { builtWorker, bundle, ROOT } from "./build.ts";
import { ask } from "./client.ts";
import { type Module, quote, Server, type ServerPlan, type Toolbox } from "./server.ts";
import { type StandIns, standIns } from "./stand_in.ts";

const COMPATIBILITY_DATE = "2026-11-01";

/** Quotas times this are never reached: the limits count, and refuse nobody. */
const RATE_LIMIT_SCALE = 1_000_000_000;

/** What every contender signs its tokens with; the benchmark forges with it. */
export const TOKEN_SIGNING_SEED = "01".repeat(32);

function settings(port: number): Record<string, string> {
  // Secrets of a run that nobody else reaches.
  return {
    PUBLIC_ORIGIN: `http://127.0.0.1:${port}`,
    TEST_CLOCK: "true",
    RATE_LIMIT_SCALE: String(RATE_LIMIT_SCALE),
    // A query costs something, and the credit of a new tenant lasts for the whole run.
    QUERY_PRICE_USD: "0.000001",
    TOKEN_SIGNING_SEED,
    CHALLENGE_SECRET: "02".repeat(32),
    SEAL_SECRET: "03".repeat(32),
    CSRF_SECRET: "04".repeat(32),
  };
}

function textBindings(values: Record<string, string>): string[] {
  return Object.entries(values).map(([name, text]) => `(name = ${quote(name)}, text = ${quote(text)})`);
}

/** (a) The floor: Rust, one hop, one row. */
export function floor(port: number, toolbox: Toolbox): Server {
  const modules = builtWorker(join(ROOT, "benches/floor/build"));
  const service = { name: "floor", modules, compatibilityDate: COMPATIBILITY_DATE, objects: [{ className: "Hop", binding: "HOP" }] };
  return new Server({ name: "floor", port, service }, toolbox);
}

/** The bare JavaScript hop the peer is held to. */
export function hop(port: number, toolbox: Toolbox): Server {
  const modules = bundle("hop", "hop/worker.ts", toolbox.directory);
  const service = { name: "hop", modules, compatibilityDate: COMPATIBILITY_DATE, objects: [{ className: "Hop", binding: "HOP" }] };
  return new Server({ name: "hop", port, service }, toolbox);
}

/** (b) The peer: Hono, viem, jose, WebCrypto and the same tables; its D1 takes migrations at `databasePort`. */
export function peer(port: number, databasePort: number, toolbox: Toolbox): Server {
  const locals = standInsOf("peer", toolbox);
  return new Server(
    {
      name: "peer",
      port,
      service: {
        name: "peer",
        modules: bundle("peer", "peer/worker.ts", toolbox.directory),
        compatibilityDate: COMPATIBILITY_DATE,
        objects: [
          { className: "Tenant", binding: "TENANT" },
          { className: "Gate", binding: "GATE" },
          { className: "Memory", binding: "MEMORY" },
        ],
        bindings: [...textBindings(settings(port)), ...locals.bindings],
      },
      helpers: locals.services,
      extensions: locals.extensions,
      sockets: [{ port: databasePort, service: locals.databaseService }],
    },
    toolbox,
  );
}

/** The bare upload into the same bucket. */
export function bucket(port: number, toolbox: Toolbox): Server {
  const locals = standInsOf("bucket", toolbox);
  const modules = bundle("bucket", "bucket/worker.ts", toolbox.directory);
  const service = { name: "bucket", modules, compatibilityDate: COMPATIBILITY_DATE, bindings: locals.bindings };
  return new Server({ name: "bucket", port, service, helpers: locals.services, extensions: locals.extensions }, toolbox);
}

function standInsOf(consumer: string, toolbox: Toolbox): StandIns {
  const names = { database: "DB", documents: "DOCUMENTS", files: "FILES", events: "EVENTS", queue: "guildhall-events", consumer };
  return standIns(names, toolbox.directory);
}

/** The bundle of our Worker. */
function ourModules(): Module[] {
  return builtWorker(join(ROOT, "build"));
}

/** The same behind a path that tells of its memory. */
export function watchedModules(): Module[] {
  const watch = ["worker.js", "memory.js"].map((name) => ({ name, path: join(ROOT, "benches/watch", name), kind: "esModule" as const }));
  return [...watch, ...ourModules()];
}

/** The built Worker with all it is bound to; its D1 takes migrations at `databasePort`. */
export function ours(name: string, port: number, databasePort: number, toolbox: Toolbox, modules = ourModules()): Server {
  const locals = standInsOf("ours", toolbox);
  const plan: ServerPlan = {
    name,
    port,
    service: {
      name: "ours",
      modules,
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: ["global_fetch_strictly_public"],
      objects: [
        { className: "Tenant", binding: "TENANT" },
        { className: "Gate", binding: "GATE" },
        { className: "Memory", binding: "MEMORY" },
        { className: "Clock", binding: "CLOCK" },
      ],
      bindings: [...textBindings(settings(port)), ...locals.bindings],
    },
    helpers: locals.services,
    extensions: locals.extensions,
    sockets: [{ port: databasePort, service: locals.databaseService }],
  };
  return new Server(plan, toolbox);
}

/** Applies the D1 migrations of `schema/`, in the order of their names. */
export async function migrate(databasePort: number): Promise<void> {
  const directory = join(ROOT, "schema");
  const files = readdirSync(directory).filter((name) => name.endsWith(".sql"));
  for (const file of files.sort()) {
    for (const sql of splitStatements(readFileSync(join(directory, file), "utf8"))) {
      await ask(databasePort, { method: "POST", path: "/execute", body: { sql } });
    }
  }
}

/** The statements of a migration. Ours hold no trigger, and no semicolon in a text. */
function splitStatements(text: string): string[] {
  return text
    .replaceAll(/--[^\n]*/g, "")
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}
