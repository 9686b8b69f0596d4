// A load generator over bare sockets: keep-alive HTTP/1.1, one request in flight a connection, no pipelining. It
// writes buffers prepared beforehand and parses no more of an answer than its end, so that on one core it asks
// several times faster than a Durable Object can answer.
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";

export interface Reply {
  status: number;
  /** Status line and headers, where somebody wants to read the answer. */
  head: string;
  body: string;
}

export interface RequestParts {
  method: "GET" | "POST" | "PATCH";
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** The bytes of one request, ready to be written. */
export function encodeRequest(parts: RequestParts): Buffer {
  const body = parts.body === undefined ? "" : JSON.stringify(parts.body);
  const lines = [`${parts.method} ${parts.path} HTTP/1.1`, "Host: 127.0.0.1"];
  if (parts.method !== "GET") {
    lines.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`);
  }
  for (const [name, value] of Object.entries(parts.headers ?? {})) lines.push(`${name}: ${value}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

const HEAD_END = Buffer.from("\r\n\r\n");
const CHUNKS_END = Buffer.from("0\r\n\r\n");

/** Reads the answers of one connection, one at a time. */
class AnswerReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** The answer, once the bytes so far hold all of it. `text` is cut out only where somebody wants to read it. */
  push(bytes: Buffer, wantsBody: boolean): Reply | undefined {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    const headEnd = this.#bytes.indexOf(HEAD_END);
    if (headEnd < 0) return undefined;
    const head = this.#bytes.toString("latin1", 0, headEnd);
    const status = Number(head.slice(9, 12));
    const start = headEnd + HEAD_END.length;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    let body = "";
    if (length !== null) {
      const end = start + Number(length[1]);
      if (this.#bytes.length < end) return undefined;
      if (wantsBody) body = this.#bytes.toString("utf8", start, end);
    } else if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      if (!this.#bytes.subarray(Math.max(start, this.#bytes.length - CHUNKS_END.length)).equals(CHUNKS_END)) return undefined;
      if (wantsBody) body = joinChunks(this.#bytes.subarray(start));
    }
    this.#bytes = Buffer.alloc(0);
    return { status, head: wantsBody ? head : "", body };
  }
}

function joinChunks(bytes: Buffer): string {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (!(size > 0)) return Buffer.concat(parts).toString("utf8");
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

/** A connection that asks one thing after another. */
class Connection {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  readonly #opened: Promise<void>;
  #settle: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | undefined;
  #wantsBody = false;

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#opened = new Promise((resolve, reject) => {
      this.#socket.once("connect", resolve);
      this.#socket.once("error", reject);
    });
    this.#socket.on("data", (bytes) => {
      const reply = this.#reader.push(bytes, this.#wantsBody);
      if (reply === undefined) return;
      const settle = this.#settle;
      this.#settle = undefined;
      settle?.resolve(reply);
    });
    this.#socket.on("close", () => this.#settle?.reject(new Error("the server closed the connection")));
  }

  opened(): Promise<void> {
    return this.#opened;
  }

  ask(request: Buffer, wantsBody: boolean): Promise<Reply> {
    this.#wantsBody = wantsBody;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Sends every request once over `connections` sockets and returns the answers in the order of the requests. */
export async function exchange(port: number, requests: Buffer[], connections = 8): Promise<Reply[]> {
  const replies: Reply[] = new Array(requests.length);
  let next = 0;
  const ask = async () => {
    const connection = new Connection(port);
    await connection.opened();
    while (next < requests.length) {
      const index = next++;
      replies[index] = await connection.ask(requests[index]!, true);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: Math.min(connections, requests.length) }, ask));
  return replies;
}

/** One request that must be answered with `status`; its JSON. */
export async function ask<T>(port: number, parts: RequestParts, status = 200): Promise<T> {
  const [reply] = await exchange(port, [encodeRequest(parts)], 1);
  if (reply?.status !== status) throw new Error(`${parts.method} ${parts.path}: ${reply?.status} ${reply?.body}`);
  return JSON.parse(reply.body) as T;
}

export interface Load {
  port: number;
  connections: number;
  seconds: number;
  status: number;
  /** The next request; `undefined` ends the run early, when single-use requests run out. */
  next: () => Buffer | undefined;
}

export interface Figures {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  requests: number;
}

/** Keeps every connection busy for `seconds`. An answer of another status than expected ends the benchmark. */
export async function runLoad(load: Load): Promise<Figures> {
  const connections = Array.from({ length: load.connections }, () => new Connection(load.port));
  await Promise.all(connections.map((connection) => connection.opened()));
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const untilMs = startedMs + load.seconds * 1000;
  const drive = async (connection: Connection) => {
    for (let nowMs = performance.now(); nowMs < untilMs; ) {
      const request = load.next();
      if (request === undefined) return;
      const reply = await connection.ask(request, false);
      const doneMs = performance.now();
      if (reply.status !== load.status) throw new Error(`expected ${load.status}, got ${reply.status}: ${request.toString().slice(0, 200)}`);
      latenciesMs.push(doneMs - nowMs);
      nowMs = doneMs;
    }
  };
  await Promise.all(connections.map(drive));
  const elapsedMs = performance.now() - startedMs;
  for (const connection of connections) connection.close();
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? Number.NaN;
  return { perSecond: (latenciesMs.length * 1000) / elapsedMs, p50Ms: at(0.5), p99Ms: at(0.99), requests: latenciesMs.length };
}
