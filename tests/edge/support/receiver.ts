// A receiver of webhooks: a real HTTP server that keeps what it gets and behaves as it is told.

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";
import { after } from "node:test";
import { sleep } from "../../../scripts/runtime.ts";

/** One request as it came. */
export type Received = {
  path: string;
  /** `webhook-id`: equal on every retry. */
  id: string;
  headers: Record<string, string>;
  /** The body as it was signed. */
  text: string;
  json: any;
  atMs: number;
};

/** What the receiver does with a request. `hang` never answers, `reset` tears the connection down, `holds` never ends its body. */
export type Behaviour = { status: number; headers?: Record<string, string>; body?: string | Buffer; holds?: boolean } | "hang" | "reset";

export type Behave = (received: Received, nth: number) => Behaviour;

export const GOOD: Behaviour = { status: 200, body: "thanks" };

export class Receiver {
  readonly received: Received[] = [];
  behave: Behave = () => GOOD;
  #server: HttpServer | undefined;
  #port = 0;

  async start(): Promise<void> {
    this.#server = createServer((request, response) => void this.#take(request, response));
    await new Promise<void>((done) => this.#server?.listen(0, "127.0.0.1", done));
    const address = this.#server.address();
    assert.ok(address && typeof address === "object");
    this.#port = address.port;
  }

  /** Where to send webhooks to; each path is a mailbox of its own. */
  url(path = "/"): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  /** What came to a path, oldest first. */
  at(path: string): Received[] {
    return this.received.filter((received) => received.path === path);
  }

  /** Waits until so many have come to a path; then all that have. */
  async wait(path: string, count: number, timeoutMs = 10_000): Promise<Received[]> {
    const deadlineMs = Date.now() + timeoutMs;
    while (this.at(path).length < count) {
      assert.ok(Date.now() < deadlineMs, `${this.at(path).length} of ${count} came to ${path} within ${timeoutMs} ms`);
      await sleep(10);
    }
    return this.at(path);
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const atMs = Date.now();
    let text = "";
    request.setEncoding("utf8");
    try {
      for await (const part of request) text += part;
    } catch {
      return;
    }
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const received: Received = { path: request.url ?? "", id: headers["webhook-id"] ?? "", headers, text, json: JSON.parse(text), atMs };
    this.received.push(received);
    const behaviour = this.behave(received, this.received.filter(({ id, path }) => id === received.id && path === received.path).length);
    if (behaviour === "hang") return;
    if (behaviour === "reset") return void request.socket.resetAndDestroy();
    response.writeHead(behaviour.status, behaviour.headers);
    if (behaviour.holds) response.write(behaviour.body ?? "");
    else response.end(behaviour.body);
  }
}

/** A receiver for this test file, stopped after its last test. */
export async function useReceiver(): Promise<Receiver> {
  const receiver = new Receiver();
  await receiver.start();
  after(() => receiver.stop());
  return receiver;
}
