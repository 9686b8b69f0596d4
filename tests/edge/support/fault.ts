// Error bodies, exactly in the shape of their root (contract README 1, 5).

import assert from "node:assert/strict";
import type { Reply } from "./client.ts";

export type FaultRoot = "v1" | "v2" | "api";

/** The members every error body of a root has. */
const MEMBERS: Record<FaultRoot, string[]> = {
  v1: ["code", "http_status", "message", "request_id"],
  v2: ["code", "detail", "request_id"],
  api: ["code", "error", "success"],
};

/** What a fault says beside its code: at `/v1` in `details`, elsewhere at the top level. */
export type FaultExtra = Record<string, unknown>;

/** Fails unless this is the root's error body with that status and code and exactly those further members. */
export function expectFault(reply: Reply, root: FaultRoot, status: number, code: string, extra: FaultExtra = {}): void {
  const told = `${reply.status}: ${reply.text.slice(0, 400)}`;
  assert.equal(reply.status, status, told);
  assert.equal(reply.headers.get("content-type"), "application/json", told);
  const body = reply.json;
  assert.equal(body.code, code, told);
  const further = root === "v1" ? (Object.keys(extra).length > 0 ? ["details"] : []) : Object.keys(extra);
  assert.deepEqual(Object.keys(body).sort(), [...MEMBERS[root], ...further].sort(), told);
  assert.deepEqual(root === "v1" ? (body.details ?? {}) : pick(body, Object.keys(extra)), extra, told);
  const text = root === "v1" ? body.message : root === "v2" ? body.detail : body.error;
  assert.ok(typeof text === "string" && text.length > 0, told);
  if (root === "v1") assert.equal(body.http_status, status);
  if (root === "api") assert.equal(body.success, false);
  else assert.equal(body.request_id, reply.headers.get("x-request-id"));
  assert.match(reply.headers.get("x-request-id") ?? "", /^req_[0-9A-HJKMNP-TV-Z]{26}$/);
  if (root !== "api") assert.equal(reply.headers.get("www-authenticate"), status === 401 ? "Bearer" : null, told);
}

/** All that a caller can tell one refusal from another by, but for the request id, what a request cost and how many it has left. */
export function looksOf(reply: Reply): { status: number; headers: [string, string][]; body: unknown } {
  const differing = new Set(["x-request-id", "server-timing", "date", "content-length"]);
  const counting = new Set(["ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"]);
  const headers = [...reply.headers]
    .filter(([name]) => !differing.has(name))
    .map(([name, value]): [string, string] => [name, counting.has(name) ? "" : value])
    .sort();
  const { request_id: _, ...body } = reply.json;
  return { status: reply.status, headers, body };
}

/** Fails unless all refusals look alike, and as expected. The names tell which one does not. */
export function expectAlike(replies: [string, Reply][], root: FaultRoot, status: number, code: string): void {
  const [first] = replies;
  assert.ok(first, "nothing was refused");
  for (const [name, reply] of replies) {
    assert.equal(reply.status, status, `${name}: ${reply.status} ${reply.text}`);
    expectFault(reply, root, status, code);
    assert.deepEqual(looksOf(reply), looksOf(first[1]), `${name} is told from ${first[0]}`);
  }
}

function pick(body: Record<string, unknown>, names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => name in body).map((name) => [name, body[name]]));
}
