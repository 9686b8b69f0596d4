// The built Worker in local workerd, with every binding of wrangler.toml: the one way it is run on this machine.
// Invariant: what is bound is read from wrangler.toml and nowhere else; state lives under `persist` and survives a kill.

import { createHash, createHmac } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { parseEnv } from "node:util";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions, type V4WorkerOptions } from "miniflare";
import type { SourcelessWorkerOptions } from "wrangler";
import { Database, DATABASE_WORKER } from "./database.ts";

export const ROOT = resolve(import.meta.dirname, "..");
const SCRIPT_NAME = "guildhall";
const MIGRATION_TABLE = "d1_migrations"; // the table wrangler keeps, so that its own commands agree with this one

/** The Worker that carries outgoing calls, and the little it does. */
const OUTWARD_WORKER = "outward";
const OUTWARD_SCRIPT = "export default { fetch: (request, env) => env.NETWORK.fetch(request) };";

/**
 * What outgoing calls go through. The platform refuses names that resolve to addresses that are not public; this runtime would
 * call them, unless its network is told not to.
 */
function outward(allowsLoopback: boolean): V4WorkerOptions {
  const allow = allowsLoopback ? ["public", "local"] : ["public"];
  return {
    name: OUTWARD_WORKER,
    modules: true,
    script: OUTWARD_SCRIPT,
    serviceBindings: { NETWORK: { network: { allow, tlsOptions: { trustBrowserCas: true } } } },
  } as V4WorkerOptions;
}

/** One line the runtime wrote: `message` is what the Worker gave to the console. */
export type LogEntry = { timestamp: number; level: string; message: string };

export type RuntimeOptions = {
  /** Folder with index.js and index_bg.wasm. */
  worker: string;
  /** Folder of the local D1, KV, R2, Queue and object state. */
  persist: string;
  port: number;
  /** Settings and secrets, as text. */
  vars: Record<string, string>;
  onLog?: (entry: LogEntry) => void;
};

export type ObjectClass = "Tenant" | "Gate" | "Memory" | "Clock";
/** An object by the name it was made from, or by its id in hex. */
export type ObjectRef = { name: string } | { id: string };

type BoundOptions = Omit<SourcelessWorkerOptions, "bindings" | "modulesRules" | "rootPath">;

/** What wrangler.toml binds, as the local runtime wants it. Reading it costs a second, so the answer is kept. */
async function readBoundOptions(): Promise<BoundOptions> {
  const configPath = join(ROOT, "wrangler.toml");
  const key = createHash("sha256")
    .update(readFileSync(configPath))
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
  const cachePath = join(ROOT, ".test", `bindings-${key.slice(0, 16)}.json`);
  if (existsSync(cachePath)) return JSON.parse(readFileSync(cachePath, "utf8")) as BoundOptions;

  process.env["WRANGLER_LOG"] = "none";
  const { unstable_getMiniflareWorkerOptions } = await import("wrangler");
  const { workerOptions } = unstable_getMiniflareWorkerOptions(configPath);
  const { bindings: _settings, modulesRules: _rules, rootPath: _root, ...options } = workerOptions;
  mkdirSync(dirname(cachePath), { recursive: true });
  writeFileSync(cachePath, JSON.stringify(options));
  return options;
}

/** A TCP port that is free now. */
export async function findFreePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (address && typeof address === "object" ? resolvePort(address.port) : reject(new Error("no port"))));
    });
  });
}

/** The settings of .dev.vars. */
export function readDevVars(): Record<string, string> {
  const path = join(ROOT, ".dev.vars");
  if (!existsSync(path)) throw new Error(".dev.vars is missing: run scripts/setup.sh");
  return parseEnv(readFileSync(path, "utf8")) as Record<string, string>;
}

/** Quiet, but for what the runtime itself says when it is in trouble. */
class QuietLog extends Log {
  constructor() {
    super(LogLevel.ERROR);
  }
}

export class Runtime {
  readonly url: string;
  readonly #miniflare: Miniflare;
  readonly #persist: string;
  readonly #database: Database;

  private constructor(miniflare: Miniflare, url: string, persist: string, database: Database) {
    this.#miniflare = miniflare;
    this.#persist = persist;
    this.#database = database;
    this.url = url;
  }

  /** Starts workerd and waits until it answers. Migrations are not applied: see `applyMigrations`. */
  static async start(options: RuntimeOptions): Promise<Runtime> {
    const bound = await readBoundOptions();
    const worker = resolve(ROOT, options.worker);
    const persist = resolve(ROOT, options.persist);
    const database = new Database(() => miniflare.unsafeGetDirectURL(DATABASE_WORKER));
    const miniflare: Miniflare = new Miniflare(
      convertV4MiniflareOptions({
        host: "127.0.0.1",
        log: new QuietLog(),
        logRequests: false,
        cf: false,
        resourcePersistencePath: persist,
        handleStructuredLogs: (entry) => options.onLog?.(entry),
        workers: [
          {
            ...bound,
            name: SCRIPT_NAME,
            bindings: options.vars,
            outboundService: OUTWARD_WORKER,
            // Callers speak to the Worker itself. Before its other door Miniflare puts a Worker of its own, which takes as long
            // as ours to answer and writes into the headers what the platform does not.
            unsafeDirectSockets: [{ host: "127.0.0.1", port: options.port }],
            modulesRoot: worker,
            modules: [
              { type: "ESModule", path: join(worker, "index.js") },
              { type: "CompiledWasm", path: join(worker, "index_bg.wasm") },
            ],
          } as V4WorkerOptions,
          outward(options.vars["ALLOW_LOOPBACK_TARGETS"] === "true"),
          database.worker(bound.d1Databases),
        ],
      }),
    );
    await miniflare.ready;
    const url = await miniflare.unsafeGetDirectURL(SCRIPT_NAME);
    return new Runtime(miniflare, url.origin, persist, database);
  }

  /** Applies the files of schema/ that D1 has not seen yet, in order of name. Returns their names. */
  async applyMigrations(): Promise<string[]> {
    const db = this.database();
    await db
      .prepare(
        `CREATE TABLE IF NOT EXISTS ${MIGRATION_TABLE}(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
      )
      .run();
    const { results } = await db.prepare(`SELECT name FROM ${MIGRATION_TABLE}`).all<{ name: string }>();
    const applied = new Set(results.map((row) => row.name));
    const folder = join(ROOT, "schema");
    const pending = readdirSync(folder)
      .filter((name) => name.endsWith(".sql") && !applied.has(name))
      .sort();
    for (const name of pending) {
      const statements = splitStatements(readFileSync(join(folder, name), "utf8")).map((sql) => db.prepare(sql));
      await db.batch([...statements, db.prepare(`INSERT INTO ${MIGRATION_TABLE} (name) VALUES (?)`).bind(name)]);
    }
    return pending;
  }

  /** The D1 database, for looking and for making an operator: never for what a route can do. */
  database(): Database {
    return this.#database;
  }

  /** Fires the cron, as the platform does once a minute. */
  async runCron(): Promise<void> {
    const worker = await this.#miniflare.getWorker();
    await worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
  }

  /** Drops an object from memory, if it is there; what it stored stays. */
  async evictObject(objectClass: ObjectClass, ref: ObjectRef): Promise<void> {
    try {
      await this.#miniflare.unsafeEvictDurableObject(SCRIPT_NAME, objectClass, ref);
    } catch (error) {
      if (!String(error).includes("not currently running")) throw error;
    }
  }

  /** Rows of a query over what an object has stored, read from its file: committed state and nothing else. */
  async objectRows(objectClass: ObjectClass, ref: ObjectRef, sql: string, ...params: SQLInputValue[]): Promise<Record<string, unknown>[]> {
    const file = new DatabaseSync(this.#objectFile(objectClass, ref), { readOnly: true });
    try {
      return file.prepare(sql).all(...params);
    } finally {
      file.close();
    }
  }

  /** Changes what an object has stored behind its back, as a fault or an intruder would. */
  async editObject(objectClass: ObjectClass, ref: ObjectRef, sql: string, ...params: SQLInputValue[]): Promise<void> {
    await this.evictObject(objectClass, ref);
    const file = new DatabaseSync(this.#objectFile(objectClass, ref), { timeout: 2_000 });
    try {
      file.prepare(sql).run(...params);
    } finally {
      file.close();
    }
  }

  #objectFile(objectClass: ObjectClass, ref: ObjectRef): string {
    const id = "id" in ref ? ref.id : this.objectId(objectClass, ref.name);
    return join(this.#persist, "do", `${SCRIPT_NAME}-${objectClass}`, `${id}.sqlite`);
  }

  /** The id, in hex, of the object of that name: the name's mark under the class's key, and the mark of that mark. */
  objectId(objectClass: ObjectClass, name: string): string {
    const key = createHash("sha256").update(`${SCRIPT_NAME}-${objectClass}`).digest();
    const mark = (of: string | Buffer): Buffer => createHmac("sha256", key).update(of).digest().subarray(0, 16);
    const base = mark(name);
    return Buffer.concat([base, mark(base)]).toString("hex");
  }

  /** What the bucket of files holds: the keys of its objects. */
  async fileKeys(): Promise<string[]> {
    const bucket = await this.#miniflare.getR2Bucket("FILES", SCRIPT_NAME);
    return (await bucket.list()).objects.map((object) => object.key);
  }

  /** Ids, in hex, of the objects of a class that have stored something. */
  async objectIds(objectClass: ObjectClass): Promise<string[]> {
    return this.#miniflare.listDurableObjectIds(objectClass, SCRIPT_NAME);
  }

  /** The process id of the running workerd. */
  workerdPid(): number {
    const pids = childrenOf(process.pid).filter((pid) => commandOf(pid) === "workerd");
    const [pid] = pids;
    if (pid === undefined || pids.length !== 1) throw new Error(`expected one workerd below process ${process.pid}, found ${pids.length}`);
    return pid;
  }

  /** Kills workerd as a power cut would and waits until its successor answers on the same port with the same state. */
  async kill(): Promise<void> {
    const pid = this.workerdPid();
    process.kill(pid, "SIGKILL");
    const deadlineMs = Date.now() + 30_000;
    while (existsSync(`/proc/${pid}/stat`) && Date.now() < deadlineMs) await sleep(5);
    await this.ready();
  }

  /** Waits until the Worker answers. */
  async ready(): Promise<void> {
    const deadlineMs = Date.now() + 30_000;
    for (;;) {
      try {
        await this.#miniflare.ready;
        const response = await fetch(`${this.url}/healthz`);
        await response.arrayBuffer();
        return;
      } catch (error) {
        if (Date.now() > deadlineMs) throw error;
        await sleep(20);
      }
    }
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return ""; // it ended while we looked
  }
}

/** Splits a migration into statements: at a `;` outside quotes, comments and trigger bodies. */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let current = "";
  const token = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\b(?:BEGIN|CASE|END)\b|;|[\s\S]/gi;
  let depth = 0;
  for (const [text] of sql.matchAll(token)) {
    if (text.startsWith("--") || text.startsWith("/*")) continue;
    if (/^(?:BEGIN|CASE)$/i.test(text)) depth += 1;
    if (/^END$/i.test(text)) depth -= 1;
    if (text === ";" && depth === 0) {
      if (current.trim()) statements.push(current.trim());
      current = "";
    } else {
      current += text;
    }
  }
  if (current.trim()) statements.push(current.trim());
  return statements;
}
