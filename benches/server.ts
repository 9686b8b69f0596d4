// A Worker under bare `workerd serve`: its config written out, its objects on local disk, nothing in between.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { cpus } from "node:os";
import { basename, join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

/** USER_HZ, which Linux fixes at 100 on every machine this runs on. */
const MS_PER_TICK = 10;

export interface Module {
  name: string;
  path: string;
  kind: "esModule" | "wasm";
}

export interface ObjectClass {
  className: string;
  binding?: string;
  /** Objects of a stand-in that no alarm touches may say false. */
  isSqlite?: boolean;
}

export interface Service {
  name: string;
  modules: Module[];
  compatibilityDate: string;
  compatibilityFlags?: string[];
  objects?: ObjectClass[];
  /** Bindings in workerd's own notation, such as `(name = "A", text = "b")`. */
  bindings?: string[];
}

export interface ServerPlan {
  name: string;
  port: number;
  service: Service;
  /** Services the first one is bound to. */
  helpers?: Service[];
  /** Modules given to helpers by name, in workerd's notation of an extension. */
  extensions?: { name: string; path: string }[];
  /** Further doors, for setting up only. */
  sockets?: { port: number; service: string }[];
}

export interface Toolbox {
  workerdPath: string;
  /** Where configs, copies of the bundles and the objects' files go. Emptied at every start. */
  directory: string;
  /** The core workerd is pinned to; undefined leaves it to the kernel. */
  core?: number;
}

/** Text in capnp's notation. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

function writeService(service: Service, directory: string): string {
  const modules = service.modules.map(({ name, path, kind }) => {
    const copy = `${service.name}-${basename(path)}`.replaceAll(/[^\w.-]/g, "_");
    copyFileSync(path, join(directory, copy));
    return `(name = ${quote(name)}, ${kind} = embed ${quote(copy)})`;
  });
  const objects = service.objects ?? [];
  const namespaces = objects.map(
    ({ className, isSqlite }) =>
      `(className = ${quote(className)}, uniqueKey = ${quote(`${service.name}-${className}`)}, enableSql = ${isSqlite ?? true})`,
  );
  const bindings = [
    ...objects
      .filter(({ binding }) => binding !== undefined)
      .map(({ className, binding }) => `(name = ${quote(binding!)}, durableObjectNamespace = ${quote(className)})`),
    ...(service.bindings ?? []),
  ];
  const flags = (service.compatibilityFlags ?? []).map(quote).join(", ");
  return `(name = ${quote(service.name)}, worker = (
      compatibilityDate = ${quote(service.compatibilityDate)},
      compatibilityFlags = [${flags}],
      modules = [${modules.join(", ")}],
      bindings = [${bindings.join(",\n        ")}],
      durableObjectNamespaces = [${namespaces.join(", ")}]${objects.length > 0 ? `,\n      durableObjectStorage = (localDisk = "disk")` : ""}
    ))`;
}

function writeConfig(plan: ServerPlan, directory: string): string {
  rmSync(directory, { recursive: true, force: true });
  const disk = join(directory, "objects");
  mkdirSync(disk, { recursive: true });
  const services = [plan.service, ...(plan.helpers ?? [])].map((service) => writeService(service, directory));
  const extensions = (plan.extensions ?? []).map(({ name, path }) => {
    const copy = `extension-${basename(path)}`;
    copyFileSync(path, join(directory, copy));
    return `(name = ${quote(name)}, esModule = embed ${quote(copy)})`;
  });
  const sockets = [{ port: plan.port, service: plan.service.name }, ...(plan.sockets ?? [])].map(
    ({ port, service }) => `(name = "http-${port}", address = "127.0.0.1:${port}", http = (), service = ${quote(service)})`,
  );
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${services.join(",\n    ")},
    (name = "disk", disk = (path = ${quote(disk)}, writable = true)),
    (name = "internet", network = (allow = ["local"]))
  ],
  sockets = [${sockets.join(", ")}],
  extensions = [(modules = [${extensions.join(", ")}])]
);
`;
  const path = join(directory, "config.capnp");
  writeFileSync(path, config);
  return path;
}

/** A running workerd. */
export class Server {
  readonly name: string;
  readonly port: number;
  readonly #service: string;
  readonly #directory: string;
  readonly #configPath: string;
  readonly #logPath: string;
  readonly #toolbox: Toolbox;
  #process: ChildProcess | undefined;

  constructor(plan: ServerPlan, toolbox: Toolbox) {
    this.name = plan.name;
    this.port = plan.port;
    this.#toolbox = toolbox;
    const directory = join(toolbox.directory, plan.name);
    this.#service = plan.service.name;
    this.#directory = directory;
    this.#configPath = writeConfig(plan, directory);
    this.#logPath = join(directory, "log.txt");
  }

  /** Starts workerd, pinned unless told otherwise, and waits until it accepts connections; the milliseconds that took. */
  async start(isPinned = true): Promise<number> {
    const { workerdPath } = this.#toolbox;
    const core = isPinned ? this.#toolbox.core : undefined;
    const command = [workerdPath, "serve", this.#configPath, "--experimental"];
    // A child inherits the core of the load; without one of its own it gets all of them back.
    if (this.#toolbox.core !== undefined) command.unshift("taskset", "-c", core === undefined ? `0-${cpus().length - 1}` : String(core));
    const startedMs = performance.now();
    // To a file, so that nobody has to read along while the load runs.
    const log = openSync(this.#logPath, "a");
    const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", log, log] });
    closeSync(log);
    this.#process = child;
    while (!(await accepts(this.port))) {
      if (child.exitCode !== null) throw new Error(`${this.name} did not start:\n${this.log()}`);
      if (performance.now() - startedMs > 30_000) throw new Error(`${this.name} does not listen:\n${this.log()}`);
      await sleep(2);
    }
    return performance.now() - startedMs;
  }

  /** Processor time workerd has used so far, all threads. Steadier than a clock where others share the machine. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.#process!.pid}/stat`, "latin1");
    const [userTicks, systemTicks] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
    return (Number(userTicks) + Number(systemTicks)) * MS_PER_TICK;
  }

  /** Where an object of the Worker keeps its tables: the name's mark under its class's key, and the mark of that mark. */
  objectFile(className: string, name: string): string {
    const folder = `${this.#service}-${className}`;
    const key = createHash("sha256").update(folder).digest();
    const mark = (of: string | Buffer): Buffer => createHmac("sha256", key).update(of).digest().subarray(0, 16);
    const base = mark(name);
    return join(this.#directory, "objects", folder, `${Buffer.concat([base, mark(base)]).toString("hex")}.sqlite`);
  }

  /** Where the one database keeps its tables. */
  databaseFile(): string {
    const folder = join(this.#directory, "objects", "d1-object-D1DatabaseObject");
    const files = readdirSync(folder).filter((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite");
    if (files.length !== 1) throw new Error(`${this.name} has ${files.length} databases`);
    return join(folder, files[0]!);
  }

  /** What the server said last, for a report of what went wrong. */
  log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, "utf8").slice(-2000) : "";
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
