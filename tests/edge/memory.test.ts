// Remembering and finding, over HTTP against the built Worker (contract motecloud 5, 6, 7). What a session may and may
// not do is held in full by the native laws; here it is that the routes say so.

import assert from "node:assert/strict";
import { test } from "node:test";
import { signUp } from "./support/agent.ts";
import type { Client } from "./support/client.ts";
import { useServer } from "./support/server.ts";

const server = useServer();

async function open(client: Client, session_id: string, more: object = {}): Promise<any> {
  const reply = await client.post("/v2/session/open", { session_id, ...more });
  assert.equal(reply.status, 200, reply.text);
  return reply.json;
}

async function append(client: Client, session_id: string, content: string, more: object = {}): Promise<any> {
  const reply = await client.post("/v2/session/append", { session_id, content, ...more });
  assert.equal(reply.status, 200, reply.text);
  return reply.json;
}

async function contents(client: Client, query_text: string, more: object = {}): Promise<string[]> {
  const reply = await client.post("/v2/query", { query_text, ...more });
  assert.equal(reply.status, 200, reply.text);
  return reply.json.results.map((result: any) => result.content);
}

test("an agent opens, appends, finds at once, flushes, closes and resumes", async () => {
  const { runtime, tenantId } = await signUp(server.client());
  const opened = await open(runtime, "my-agent:pr-123", { agent_id: "me", metadata: { a: 1 } });
  assert.deepEqual(
    { ...opened, opened_at: undefined },
    { tenant_id: tenantId, session_id: "my-agent:pr-123", status: "open", resumed: false, sequence: 0, agent_id: "me", opened_at: undefined },
  );
  const first = await append(runtime, "my-agent:pr-123", "The gateway is deployed on Mondays", { source_id: "runbook", tags: { kind: "fact" } });
  assert.match(first.id, /^obs_[0-9A-Z]{26}$/);
  assert.deepEqual([first.sequence, first.duplicate, first.tokens, first.working_memory], [1, false, 9, { items: 1, tokens: 9 }]);
  await append(runtime, "my-agent:pr-123", "the  gateway is deployed on Mondays");
  await append(runtime, "my-agent:pr-123", "The gateway is  deployed on Mondays");

  const found = await runtime.post("/v2/query", { tenant_id: tenantId, query_text: "When is the GATEWAY deployed?", source_id: "runbook" });
  assert.equal(found.status, 200, found.text);
  assert.equal(found.json.total, 1);
  const [hit] = found.json.results;
  assert.deepEqual([hit.id, hit.source_id, hit.session_id, hit.importance_score, hit.tags], [first.id, "runbook", "my-agent:pr-123", 0.5, { kind: "fact" }]);
  assert.ok(hit.score > 0 && Number.isInteger(Math.round(hit.score * 1e6)));

  const flushed = await runtime.post("/v2/session/flush", { session_id: "my-agent:pr-123", smart_consolidation: true });
  assert.deepEqual([flushed.json.status, flushed.json.sequence, flushed.json.consolidated, flushed.json.merged], ["open", 3, 3, 1]);
  const behind = await runtime.post("/v2/session/close", { session_id: "my-agent:pr-123", min_sequence: 4 });
  assert.deepEqual([behind.status, behind.json.code], [409, "sequence_behind"]);
  const close = { session_id: "my-agent:pr-123", summary: "all about gateways", min_sequence: 3 };
  const closed = await runtime.post("/v2/session/close", close);
  assert.deepEqual([closed.status, closed.json.status, closed.json.sequence], [200, "closed", 4]);
  assert.deepEqual((await runtime.post("/v2/session/close", close)).json, closed.json);
  const late = await runtime.post("/v2/session/append", { session_id: "my-agent:pr-123", content: "late" });
  assert.deepEqual([late.status, late.json.code], [409, "session_closed"]);

  const resumed = await open(runtime, "my-agent:pr-123", { token_budget: 100, metadata: { b: 2 } });
  assert.equal(resumed.resumed, true);
  assert.ok(resumed.context.startsWith("all about gateways\n\n"));
  assert.equal(resumed.tokens_used, Math.ceil(Buffer.byteLength(resumed.context) / 4));
});

test("the status of a session is read under its id, with slashes and encoded too", async () => {
  const { runtime } = await signUp(server.client());
  for (const id of ["a/b:c", "status", "x/status", "it's-~!$&()*+,;=@"]) {
    await open(runtime, id, { metadata: { id } });
    await append(runtime, id, "twelve bytes");
    for (const path of [`/v2/session/${id}/status`, `/v2/session/${encodeURIComponent(id)}/status`]) {
      const status = await runtime.post(path);
      assert.equal(status.status, 200, `${path}: ${status.text}`);
      const { session_id, sequence, observations, tokens, metadata, closed_at, agent_id } = status.json;
      assert.deepEqual([session_id, sequence, observations, tokens, metadata, closed_at, agent_id], [id, 1, 1, 3, { id }, null, null]);
    }
  }
  assert.equal((await runtime.get("/v2/session/a%2Fb:c/status")).status, 405);
  for (const path of ["/v2/session/none/status", "/v2/session/a%20b/status", `/v2/session/${"x".repeat(201)}/status`]) {
    const missing = await runtime.post(path);
    assert.deepEqual([missing.status, missing.json.code], [404, "session_not_found"], path);
  }
});

test("a key of a session is good all its life, and a header's for a day", async () => {
  const { runtime } = await signUp(server.client());
  await open(runtime, "s");
  const first = await append(runtime, "s", "once", { idempotency_key: "k" });
  await server.current.advance(2 * 86_400);
  const again = await append(runtime, "s", "once", { idempotency_key: "k" });
  assert.deepEqual([again.id, again.sequence, again.duplicate], [first.id, 1, true]);
  const other = await runtime.post("/v2/session/append", { session_id: "s", content: "twice", idempotency_key: "k" });
  assert.deepEqual([other.status, other.json.code], [422, "idempotency_conflict"]);
  const both = { session_id: "s", content: "once", idempotency_key: "k" };
  const differ = await runtime.post("/v2/session/append", both, { "idempotency-key": "another" });
  assert.deepEqual([differ.status, differ.json.code], [400, "idempotency_key_mismatch"]);
  assert.equal((await runtime.post("/v2/session/append", both, { "idempotency-key": '"k"' })).json.duplicate, true);

  const body = { session_id: "s", content: "by header" };
  const header = { "idempotency-key": "h" };
  const one = await runtime.post("/v2/session/append", body, header);
  const two = await runtime.post("/v2/session/append", body, header);
  assert.deepEqual([one.headers.get("idempotent-replayed"), two.headers.get("idempotent-replayed")], [null, "true"]);
  assert.deepEqual(two.json, one.json);
  const changed = await runtime.post("/v2/session/append", { ...body, content: "other" }, header);
  assert.deepEqual([changed.status, changed.json.code], [422, "idempotency_conflict"]);
  await server.current.advance(86_400);
  assert.equal((await runtime.post("/v2/session/append", body, header)).json.sequence, 3);
});

test("finalize opens, appends all or nothing, and closes", async () => {
  const { runtime } = await signUp(server.client());
  const observations = [{ content: "one", idempotency_key: "a" }, { content: "two", importance_score: 1, tags: ["x"] }, { content: "one", idempotency_key: "a" }];
  const done = await runtime.post("/v2/session/finalize", { session_id: "f", observations, summary: "both", token_budget: 0 });
  assert.equal(done.status, 200, done.text);
  assert.deepEqual([done.json.status, done.json.appended, done.json.duplicates, done.json.sequence], ["closed", 2, 1, 3]);
  assert.match(done.json.summary_id, /^obs_/);
  const unknown = await runtime.post("/v2/session/finalize", { session_id: "f", observations: [{ content: "three" }] });
  assert.deepEqual([unknown.status, unknown.json.code], [409, "session_closed"]);
  const hundred = Array.from({ length: 100 }, (_, n) => ({ content: `number ${n}`, idempotency_key: `${n}` }));
  const large = await runtime.post("/v2/session/finalize", { session_id: "g", observations: hundred });
  assert.equal(large.json.appended, 100, large.text);
  const tooMany = await runtime.post("/v2/session/finalize", { session_id: "h", observations: [...hundred, { content: "x" }] });
  assert.deepEqual([tooMany.status, tooMany.json.path], [400, "$.observations"]);
  const bad = await runtime.post("/v2/session/finalize", { session_id: "h", observations: [{ content: "x" }, { content: "" }] });
  assert.deepEqual([bad.status, bad.json.path], [400, "$.observations[1].content"]);
  assert.equal((await runtime.post("/v2/session/h/status")).status, 404);
});

test("a context keeps within its budget and puts the named session first", async () => {
  const { runtime, tenantId } = await signUp(server.client());
  for (const id of ["s", "t"]) {
    await open(runtime, id);
    for (let n = 0; n < 10; n += 1) await append(runtime, id, `deploy note ${n} of ${id}, ééé`, { importance_score: n / 10 });
  }
  for (const token_budget of [1, 8, 9, 17, 50, 300]) {
    const primed = await runtime.post("/v2/prime-context", { task_description: "how do I deploy?", token_budget, agent_id: "", session_id: "s" });
    assert.equal(primed.status, 200, primed.text);
    const { context, items, tokens_used, truncated, tenant_id } = primed.json;
    assert.deepEqual([tenant_id, primed.json.token_budget], [tenantId, token_budget]);
    assert.equal(tokens_used, Math.ceil(Buffer.byteLength(context) / 4));
    assert.ok(tokens_used <= token_budget, `${tokens_used} of ${token_budget}`);
    assert.equal(context, items.map((item: any) => item.content).join("\n\n"));
    assert.equal(truncated, items.length < 20);
    assert.ok(items.slice(0, 10).every((item: any) => item.session_id === "s"));
  }
  const nothing = await runtime.post("/v2/prime-context", { task_description: "!!!", session_id: "" });
  assert.deepEqual([nothing.status, nothing.json.context, nothing.json.items, nothing.json.token_budget], [200, "", [], 2000]);
});

test("every text is a legal query, and one tenant's memory is its own", async () => {
  const [mine, other] = [await signUp(server.client()), await signUp(server.client())];
  await open(mine.runtime, "s");
  await append(mine.runtime, "s", "Café near the harbour 東京");
  const texts = ['"', "'", "*", "caf*", "NEAR(a b)", "words:x", "a AND", "NOT NOT", "(((", "^a", "🦀", "!!!", "\t\n", "%_", "a\u{200d}b", "x".repeat(4096)];
  for (const text of texts) {
    const reply = await mine.runtime.post("/v2/query", { query_text: text });
    assert.equal(reply.status, 200, `${text}: ${reply.text}`);
  }
  assert.deepEqual(await contents(mine.runtime, "CAFE"), ["Café near the harbour 東京"]);
  assert.deepEqual(await contents(mine.runtime, "京"), ["Café near the harbour 東京"]);
  assert.deepEqual(await contents(other.runtime, "CAFE"), []);
  assert.equal((await other.runtime.post("/v2/session/s/status")).status, 404);
  const foreign = await mine.runtime.post("/v2/session/open", { session_id: "s", tenant_id: other.tenantId });
  assert.deepEqual([foreign.status, foreign.json.code], [403, "tenant_mismatch"]);
});

test("what is wrong with a field is said with its path, and nothing is remembered", async () => {
  const { runtime } = await signUp(server.client());
  await open(runtime, "s");
  const bad: [object, string][] = [
    [{ session_id: "a b", content: "x" }, "$.session_id"],
    [{ session_id: "s" }, "$.content"],
    [{ session_id: "s", content: "" }, "$.content"],
    [{ session_id: "s", content: "x".repeat(65_537) }, "$.content"],
    [{ session_id: "s", content: "a\u0000b" }, "$.content"],
    [{ session_id: "s", content: "x", importance_score: 1.01 }, "$.importance_score"],
    [{ session_id: "s", content: "x", importance_score: "1" }, "$.importance_score"],
    [{ session_id: "s", content: "x", tags: { a: { b: 1 } } }, "$.tags"],
    [{ session_id: "s", content: "x", tags: Array(33).fill(1) }, "$.tags"],
    [{ session_id: "s", content: "x", source_id: "x".repeat(201) }, "$.source_id"],
    [{ session_id: "s", content: "x", idempotency_key: "k".repeat(256) }, "$.idempotency_key"],
    [{ session_id: "s", content: "x", working_memory_budget_tokens: -1 }, "$.working_memory_budget_tokens"],
  ];
  for (const [body, path] of bad) {
    const reply = await runtime.post("/v2/session/append", body);
    assert.deepEqual([reply.status, reply.json.code, reply.json.path], [400, "invalid_request", path], reply.text);
  }
  const metadata = await runtime.post("/v2/session/open", { session_id: "s", metadata: { x: "y".repeat(16_384) } });
  assert.deepEqual([metadata.status, metadata.json.path], [400, "$.metadata"]);
  const status = await runtime.post("/v2/session/s/status");
  assert.deepEqual([status.json.sequence, status.json.metadata], [0, {}]);
});

test("what was remembered is there after workerd was killed", async () => {
  const { runtime } = await signUp(server.client());
  await open(runtime, "s");
  for (let n = 0; n < 20; n += 1) await append(runtime, "s", `lasting ${n}`);
  await server.current.kill();
  assert.equal((await runtime.post("/v2/session/s/status")).json.sequence, 20);
  assert.equal((await contents(runtime, "lasting", { limit: 50 })).length, 20);
});

test("a request of a session is two hops and few statements", async () => {
  const { runtime } = await signUp(server.client());
  await open(runtime, "s");
  const reply = await runtime.post("/v2/session/append", { session_id: "s", content: "counted" });
  const line = await server.current.lineOf(reply);
  assert.equal(line["hops"], 2, JSON.stringify(line));
});
