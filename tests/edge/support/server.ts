// The built Worker for one test file: its own port, its own state, its own clock, gone at the end.
// A server that stops checks that nothing went wrong behind the answers: no panic, no 5xx, no error line unasked for.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { Runtime, findFreePort, sleep, type LogEntry } from "../../../scripts/runtime.ts";
import { Client, type Reply } from "./client.ts";

/** A structured line of the Worker: one JSON object. */
export type LogLine = Record<string, unknown>;

export type ServerOptions = {
  /** Settings on top of those of `testVars`; null takes one away. */
  vars?: Record<string, string | null>;
  /** Folder of the build to run; by default the very one that is deployed. */
  worker?: string;
  /**
   * Whether orders are placed with agents whose endpoint is a name nobody keeps, as the published examples have it: each push
   * to one ends in the platform saying that it found no such name. Anywhere else that is a call nobody should have made.
   */
  pushesToNobody?: boolean;
};

/** The build with the route that panics on purpose. */
export const PANIC_WORKER = ".test/worker";

/** The seed of the key that signs a test server's tokens, in hex. */
export const TOKEN_SIGNING_SEED = "11".repeat(32);

/** Settings of a test run. The secrets are fixed, so that a failure can be replayed byte for byte. */
function testVars(url: string): Record<string, string> {
  return {
    PUBLIC_ORIGIN: url,
    TEST_CLOCK: "true",
    ALLOW_LOOPBACK_TARGETS: "true",
    TOKEN_SIGNING_SEED,
    CHALLENGE_SECRET: "22".repeat(32),
    SEAL_SECRET: "33".repeat(32),
    CSRF_SECRET: "44".repeat(32),
  };
}

const MEMORY_DIR = "/dev/shm";
const MEMORY_BYTES_MIN = 2 * 2 ** 30;

/** Where servers keep their state: in memory where there is plenty of it, for nobody reads it after the test. */
function stateFolder(): string {
  if (!existsSync(MEMORY_DIR)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY_DIR);
  return bavail * bsize >= MEMORY_BYTES_MIN ? MEMORY_DIR : tmpdir();
}

export class Server {
  readonly url: string;
  readonly runtime: Runtime;
  /** Folder of this server's state. */
  readonly persist: string;
  readonly #entries: LogEntry[];
  readonly #expected: RegExp[] = [];

  private constructor(runtime: Runtime, persist: string, entries: LogEntry[]) {
    this.runtime = runtime;
    this.url = runtime.url;
    this.persist = persist;
    this.#entries = entries;
  }

  static async start(options: ServerOptions = {}): Promise<Server> {
    const port = await findFreePort();
    const persist = mkdtempSync(join(stateFolder(), "guildhall-test-"));
    const entries: LogEntry[] = [];
    const vars = testVars(`http://127.0.0.1:${port}`);
    for (const [name, value] of Object.entries(options.vars ?? {})) {
      if (value === null) delete vars[name];
      else vars[name] = value;
    }
    const worker = options.worker ?? process.env["WORKER_DIR"] ?? "build";
    const runtime = await Runtime.start({ worker, persist, port, vars, onLog: (entry) => entries.push(entry) });
    const server = new Server(runtime, persist, entries);
    if (options.pushesToNobody) server.expectError(/failed to lookup address information/);
    try {
      await runtime.applyMigrations();
    } catch (error) {
      await server.#discard();
      throw error;
    }
    return server;
  }

  /** A new caller from an address of its own. */
  client(): Client {
    return new Client(this.url);
  }

  /** Every line the Worker and the runtime have written. */
  entries(): readonly LogEntry[] {
    return this.#entries;
  }

  /** The structured lines, oldest first. */
  lines(): LogLine[] {
    return this.#entries.flatMap(({ message }) => {
      const line = parseLine(message);
      return line === undefined ? [] : [line];
    });
  }

  /** Waits for a structured line: the Worker writes it after the answer has gone. */
  async waitForLine(matches: (line: LogLine) => boolean, timeoutMs = 5_000): Promise<LogLine> {
    const deadlineMs = Date.now() + timeoutMs;
    for (;;) {
      const line = this.lines().find(matches);
      if (line !== undefined) return line;
      assert.ok(Date.now() < deadlineMs, `no such log line within ${timeoutMs} ms`);
      await sleep(10);
    }
  }

  /** The structured line of the request that this is the answer to. */
  async lineOf(reply: Reply): Promise<LogLine> {
    const requestId = reply.headers.get("x-request-id");
    return this.waitForLine((line) => line["request_id"] === requestId);
  }

  /** Moves every clock of the deployment on and runs all that has come due. */
  async advance(seconds: number): Promise<{ now: string; offset_seconds: number }> {
    let reply = await this.client().post("/v1/test-clock", { advance_seconds: seconds });
    assert.equal(reply.status, 200, reply.text);
    while (reply.json.pending) {
      reply = await this.client().post("/v1/test-clock", { advance_seconds: 1 });
      assert.equal(reply.status, 200, reply.text);
    }
    return reply.json;
  }

  /**
   * Kills workerd and waits for its successor on the same state: what was acknowledged must still be there. Messages that
   * wait in the local queue die with it, so whatever is owed must be found again in an object's outbox.
   */
  async kill(): Promise<void> {
    this.expectError(/disconnected|Network connection lost|broken pipe|premature EOF/i);
    await this.runtime.kill();
  }

  /** Changes what an object has stored. An alarm that comes in that moment finds the file locked, says so and comes again. */
  async editObject(...edit: Parameters<Runtime["editObject"]>): Promise<void> {
    this.expectError(/SQLITE_BUSY/);
    await this.runtime.editObject(...edit);
  }

  /** Lets error lines that match be: the test caused them on purpose. */
  expectError(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  /** Error lines and answers of 500 that no test asked for. */
  unexpectedErrors(): string[] {
    return this.#entries
      .filter(({ level, message }) => level === "error" || isFailedRequest(message))
      .map(({ message }) => message)
      .filter((message) => !this.#expected.some((pattern) => pattern.test(message)));
  }

  async stop(): Promise<void> {
    await this.#discard();
    assert.deepEqual(this.unexpectedErrors(), [], "the Worker wrote errors that no test asked for");
  }

  async #discard(): Promise<void> {
    await this.runtime.stop();
    rmSync(this.persist, { recursive: true, force: true });
  }
}

function parseLine(message: string): LogLine | undefined {
  if (!message.startsWith("{")) return undefined;
  try {
    return JSON.parse(message) as LogLine;
  } catch {
    return undefined;
  }
}

function isFailedRequest(message: string): boolean {
  const status = parseLine(message)?.["status"];
  return status === 500;
}

/** A server for this test file: started before its first test, stopped and checked after its last. */
export function useServer(options: ServerOptions = {}): { readonly current: Server; readonly client: () => Client } {
  let server: Server | undefined;
  before(async () => {
    server = await Server.start(options);
  });
  after(async () => {
    await server?.stop();
  });
  const current = (): Server => {
    assert.ok(server, "the server runs inside tests only");
    return server;
  };
  return {
    get current() {
      return current();
    },
    client: () => current().client(),
  };
}
