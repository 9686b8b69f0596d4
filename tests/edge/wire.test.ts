// Requests that no HTTP library sends: written to the socket as they are.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { signUp } from "./support/agent.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";
import { stateOfTenant, uuidOfTenant } from "./support/state.ts";

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

test("a method nobody has heard of is no GET: 405 and told what the path takes", async () => {
  for (const method of ["PROPFIND", "PURGE", "SEARCH", "QUERY", "REPORT", "COPY", "LOCK", "TRACE"]) {
    for (const [path, allow, code] of [["/healthz", "GET, HEAD, OPTIONS", "METHOD_NOT_ALLOWED"], ["/v2/tenants", "POST, GET, HEAD, OPTIONS", "method_not_allowed"]] as const) {
      const answer = await sendRaw(writeHead(method, path, {}));
      assert.deepEqual([answer.status, answer.headers.get("allow")], [405, allow], `${method} ${path}: ${answer.body}`);
      assert.equal(JSON.parse(answer.body).code, code);
    }
  }
});

test("a body that breaks off is the sender's fault, and has done nothing", async () => {
  const { runtime, tenantId } = await agents();
  const uuid = await uuidOfTenant(server.current, tenantId);
  const before = await stateOfTenant(server.current, uuid);
  const whole = '{"query_text":"rain"}';
  const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n`;
  const broken: [string, Record<string, string>, string][] = [
    ["shorter than told", { "content-length": "1000" }, whole],
    ["nothing of what was told", { "content-length": "7" }, ""],
    ["without its last chunk", { "transfer-encoding": "chunked" }, chunked(whole)],
    ["within a chunk", { "transfer-encoding": "chunked" }, `ff\r\n${whole}`],
    ["with a length that is no number", { "transfer-encoding": "chunked" }, `zz\r\n${whole}`],
    ["shorter than told, and too large", { "content-length": "2000000" }, whole],
  ];
  for (const [name, framing, body] of broken) {
    const answer = await sendRaw(writeHead("POST", "/v2/query", { ...runtime.headers, "content-type": "application/json", ...framing }) + body);
    const expected = name.includes("large") ? [413, "payload_too_large"] : [400, "invalid_json"];
    assert.deepEqual([answer.status, JSON.parse(answer.body || "{}").code], expected, `${name}: ${answer.body}`);
  }
  assert.deepEqual(await stateOfTenant(server.current, uuid), before);
});
