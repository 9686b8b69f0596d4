// The bare JavaScript hop: what a Durable Object costs before a TypeScript developer writes a line of business.
// The peer must keep 70 % of it per hop, or it is no peer. `/write` goes by RPC and `/write-by-fetch` by HTTP, so
// that the peer can be held to the faster one.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

interface Env {
  HOP: DurableObjectNamespace<Hop>;
}

export class Hop extends DurableObject<Env> {
  readonly #sql: SqlStorage;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS hop (id INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT");
  }

  write(): number {
    const row = this.#sql
      .exec("INSERT INTO hop (id, count) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1 RETURNING count")
      .one();
    return Number(row["count"]);
  }

  read(): number {
    return Number(this.#sql.exec("SELECT coalesce(max(count), 0) AS count FROM hop").one()["count"]);
  }

  /** The shape of a metered query: a durable write, another object asked, a durable write. */
  async metering(): Promise<number> {
    this.write();
    await this.env.HOP.getByName("two").read();
    return this.write();
  }

  override async fetch(): Promise<Response> {
    return new Response(String(this.write()));
  }
}

export default class extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    const one = this.env.HOP.getByName("one");
    switch (new URL(request.url).pathname) {
      case "/write":
        return new Response(String(await one.write()));
      case "/write-by-fetch":
        return one.fetch("https://object/");
      case "/read":
        return new Response(String(await one.read()));
      case "/metering":
        return new Response(String(await one.metering()));
      default:
        return new Response("not found", { status: 404 });
    }
  }
}
