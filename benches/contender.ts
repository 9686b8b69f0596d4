// Who is measured, and how each is set up under workerd.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { builtWorker, bundle, ROOT } from "./build.ts";
import { ask } from "./client.ts";
import { type Module, quote, Server, type ServerPlan, type Toolbox } from "./server.ts";
import { standIns } from "./stand_in.ts";

const COMPATIBILITY_DATE = "2026-11-01";

/** Quotas times this are never reached: the limits count, and refuse nobody. */
const RATE_LIMIT_SCALE = 1_000_000_000;

export interface Ports {
  floor: number;
  hop: number;
  peer: number;
  ours: number;
  oursDatabase: number;
}

function settings(port: number): Record<string, string> {
  // Secrets of a run that nobody else reaches.
  return {
    PUBLIC_ORIGIN: `http://127.0.0.1:${port}`,
    TEST_CLOCK: "true",
    RATE_LIMIT_SCALE: String(RATE_LIMIT_SCALE),
    TOKEN_SIGNING_SEED: "01".repeat(32),
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

/** (b) The peer: Hono, viem, WebCrypto and the same tables. */
export function peer(port: number, toolbox: Toolbox): Server {
  const service = {
    name: "peer",
    modules: bundle("peer", "peer/worker.ts", toolbox.directory),
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["nodejs_compat"],
    objects: [
      { className: "Gate", binding: "GATE" },
    ],
    bindings: textBindings(settings(port)),
  };
  return new Server({ name: "peer", port, service }, toolbox);
}

/** The built Worker with all it is bound to. */
export function ours(port: number, databasePort: number, toolbox: Toolbox): { server: Server; modules: Module[] } {
  const modules = builtWorker(join(ROOT, "build"));
  const locals = standIns(
    { database: "DB", documents: "DOCUMENTS", files: "FILES", events: "EVENTS", queue: "guildhall-events", consumer: "ours" },
    toolbox.directory,
  );
  const plan: ServerPlan = {
    name: "ours",
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
  return { server: new Server(plan, toolbox), modules };
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
