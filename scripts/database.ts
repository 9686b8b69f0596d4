// The local D1, asked over HTTP through a small Worker beside ours. Miniflare's own proxy blocks this thread while it asks;
// when the runtime then waits for somebody to read its log, which is this thread too, both wait for ever.

import { randomBytes } from "node:crypto";
import { request } from "node:http";
import type { V4WorkerOptions } from "miniflare";

export const DATABASE_WORKER = "database";

type Value = string | number | null;
type Question = { sql: string; params: Value[] };
type Outcome<Row> = { results: Row[] };

const SCRIPT = `export default {
  async fetch(request, env) {
    if (request.headers.get("authorization") !== env.SECRET) return new Response(null, { status: 403 });
    try {
      const questions = await request.json();
      const outcomes = await env.DB.batch(questions.map(({ sql, params }) => env.DB.prepare(sql).bind(...params)));
      return Response.json(outcomes.map(({ results }) => ({ results })));
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
  },
};`;

/** Statements for the one database, of which a batch is one transaction. */
export class Database {
  readonly #findUrl: () => Promise<URL>;
  readonly #secret = randomBytes(32).toString("hex");

  /** `findUrl` tells where the Worker beside ours listens now. */
  constructor(findUrl: () => Promise<URL>) {
    this.#findUrl = findUrl;
  }

  /** The Worker beside ours, bound to the databases that ours is bound to. */
  worker(d1Databases: unknown): V4WorkerOptions {
    return {
      name: DATABASE_WORKER,
      modules: true,
      script: SCRIPT,
      bindings: { SECRET: this.#secret },
      d1Databases,
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    } as V4WorkerOptions;
  }

  prepare(sql: string): Statement {
    return new Statement(this, { sql, params: [] });
  }

  async batch<Row = Record<string, unknown>>(statements: Statement[]): Promise<Outcome<Row>[]> {
    const { status, text } = await post(await this.#findUrl(), this.#secret, JSON.stringify(statements.map(({ question }) => question)));
    if (status !== 200) throw new Error(text);
    return JSON.parse(text) as Outcome<Row>[];
  }
}

export class Statement {
  readonly #database: Database;
  readonly question: Question;

  constructor(database: Database, question: Question) {
    this.#database = database;
    this.question = question;
  }

  bind(...params: Value[]): Statement {
    return new Statement(this.#database, { ...this.question, params });
  }

  async all<Row = Record<string, unknown>>(): Promise<Outcome<Row>> {
    const [outcome] = await this.#database.batch<Row>([this]);
    if (!outcome) throw new Error("no outcome");
    return outcome;
  }

  async run(): Promise<void> {
    await this.all();
  }

  async first<Row = Record<string, unknown>>(): Promise<Row | null> {
    return (await this.all<Row>()).results[0] ?? null;
  }
}

/** Each request on a connection of its own: one kept open would not outlive a kill of the runtime. */
function post(url: URL, authorization: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((done, reject) => {
    const asked = request(url, { method: "POST", agent: false, headers: { authorization, "content-type": "application/json" } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => done({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
