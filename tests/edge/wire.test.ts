// Requests that no HTTP library sends: written to the socket as they are.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { signUp } from "./support/agent.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";

const server = useServer();
const agents = once(() => signUp(server.client()));

type Answer = { status: number; headers: Map<string, string>; body: string };

/** Sends the text, then nothing more, and reads what comes until the end. */
function sendRaw(text: string): Promise<Answer> {
  const { hostname, port } = new URL(server.current.url);
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () => socket.end(text));
    socket.setEncoding("utf8").on("data", (part: string) => (received += part));
    socket.once("error", reject).once("end", () => resolve(readAnswer(received)));
  });
}

function readAnswer(text: string): Answer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [first = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
  return { status: Number(first.split(" ")[1]), headers: new Map(headers), body: rest.join("\r\n\r\n") };
}

function writeHead(method: string, path: string, headers: Record<string, string>): string {
  const all = { host: "x", connection: "close", "cf-connecting-ip": server.client().ip, ...headers };
  return `${method} ${path} HTTP/1.1\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

test("a body on a request that has none is not looked at", async () => {
  for (const body of ["{}", "{", "\u0000"]) {
    const answer = await sendRaw(writeHead("GET", "/healthz", { "content-length": `${Buffer.byteLength(body)}`, "content-type": "application/json" }) + body);
    assert.equal(answer.status, 200, answer.body);
  }
});

test("a body of no length at all is told by its end", async () => {
  const { runtime } = await agents();
  const head = writeHead("POST", "/v2/query", { ...runtime.headers, "content-type": "application/json", "transfer-encoding": "chunked" });
  const answer = await sendRaw(`${head}9\r\n{"query_t\r\nc\r\next":"rain"}\r\n0\r\n\r\n`);
  assert.equal(answer.status, 200, answer.body);
});
