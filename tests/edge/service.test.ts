// What market agents sell: each field at its limits, whose a service is, and how what is offered is looked through (contract
// atelier 3).

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { Client, Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { makeSeller, makeService, newService, type Seller } from "./support/market.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const stranger = (): Client => server.client();
const sellers = once(() => Promise.all([makeSeller(stranger()), makeSeller(stranger())]));
const NOBODYS = "01J8ZZZZZZZZZZZZZZZZZZZZZZ";

function add(seller: Seller, more: Record<string, unknown> = {}, agentId = seller.agentId): Promise<Reply> {
  return seller.client.post(`/api/agents/${agentId}/services`, newService(more));
}

test("a service is shown with all that was said of it", async () => {
  const [seller] = await sellers();
  const made = await add(seller);
  assert.equal(made.status, 201, made.text);
  const { id, created_at, version, agent_name, ...shown } = made.json.data;
  assert.match(id, /^svc_[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.match(created_at, /Z$/);
  assert.equal(version, 1);
  assert.equal(agent_name, "My Creative Agent");
  assert.deepEqual(shown, {
    ...newService(), agent_id: seller.agentId, agent_slug: seller.slug, quota_limit: 0, active: 1, total_orders: 0, completed_orders: 0, avg_rating: null,
  });
  assert.deepEqual((await stranger().get(`/api/services/${id}`)).json, made.json);
});

test("each field takes what lies within its limits and nothing beyond", async () => {
  const seller = await makeSeller(stranger());
  const good: [Record<string, unknown>, string, unknown][] = [
    [{ title: "abc" }, "title", "abc"], [{ title: "é".repeat(100) }, "title", "é".repeat(100)], [{ description: "x".repeat(10) }, "description", "x".repeat(10)],
    [{ description: "🦀".repeat(1_000) }, "description", "🦀".repeat(1_000)], [{ price_usd: "0" }, "price_usd", "0.00"], [{ price_usd: 0 }, "price_usd", "0.00"],
    [{ price_usd: "1000000.00" }, "price_usd", "1000000.00"], [{ price_usd: 5.1 }, "price_usd", "5.10"], [{ price_usd: "5.1" }, "price_usd", "5.10"], [{ price_usd: 0.07 }, "price_usd", "0.07"],
    [{ turnaround_hours: undefined }, "turnaround_hours", 48], [{ turnaround_hours: -5 }, "turnaround_hours", 0], [{ turnaround_hours: 99_999 }, "turnaround_hours", 8_760],
    [{ turnaround_hours: null }, "turnaround_hours", 48], [{ deliverables: undefined }, "deliverables", []], [{ deliverables: Array(20).fill("x".repeat(200)) }, "deliverables", Array(20).fill("x".repeat(200))],
    [{ demo_url: null }, "demo_url", null], [{ demo_url: "http://example.com" }, "demo_url", "http://example.com"],
    [{ price_type: "weekly", quota_limit: 7 }, "quota_limit", 7], [{ price_type: "monthly", quota_limit: 0 }, "quota_limit", 0], [{ price_type: "fixed", quota_limit: 7 }, "quota_limit", 0],
    [{ price_type: "quote", quota_limit: 7 }, "quota_limit", 0],
    ...["image_gen", "video_gen", "ugc", "influencer", "brand_content", "custom"].map((category): [Record<string, unknown>, string, unknown] => [{ category }, "category", category]),
  ];
  for (const [more, name, value] of good) {
    const made = await add(seller, more);
    assert.equal(made.status, 201, `${JSON.stringify(more).slice(0, 100)}: ${made.text}`);
    assert.deepEqual(made.json.data[name], value);
  }
  const all = (await seller.client.get(`/api/agents/${seller.agentId}/services`)).text;
  const of = (name: string, values: unknown[]): [string, unknown][] => values.map((value) => [name, value]);
  const bad = [
    ...of("category", [undefined, null, "", "art", "IMAGE_GEN", 7, ["ugc"]]), ...of("title", [undefined, null, "", "ab", " a ", "x".repeat(101), "a\u0000bc", 7]),
    ...of("description", [undefined, null, "x".repeat(9), "x".repeat(1_001), 7]),
    ...of("price_usd", [undefined, null, "-1", "1e9", "5.001", "5,00", "", " 5", "+5", "05", "5.", ".5", "0x5", "NaN", "1000000.01", -1, 5.001, 1e9, 1_000_000.01, true, {}, []]),
    ...of("price_type", [undefined, null, "", "daily", "FIXED", 7]), ...of("quota_limit", [-1, 1.5, "1", {}, 2 ** 53]), ...of("turnaround_hours", [1.5, "24", {}, true]),
    ...of("deliverables", ["x", [""], ["x".repeat(201)], Array(21).fill("x"), [7], {}]), ...of("demo_url", ["", "x", "ftp://example.com", "https://192.168.0.1/", "https://metadata.google.internal/", 7]),
  ];
  for (const [field, value] of bad) {
    const reply = await add(seller, { [field]: value, ...(field === "quota_limit" ? { price_type: "weekly" } : {}) });
    const told = `${field} ${JSON.stringify(value)?.slice(0, 100)}: ${reply.status} ${reply.text}`;
    assert.deepEqual([reply.status, reply.json.code], [400, "VALIDATION_ERROR"], told);
    assert.ok(String(reply.json.path).startsWith(`$.${field}`), told);
  }
  assert.equal((await seller.client.get(`/api/agents/${seller.agentId}/services`)).text, all, "what is refused leaves nothing");
});

test("whose it is comes before what is wrong with it", async () => {
  const [seller, other] = await sellers();
  const theirs = (await makeService(other))["id"];
  const sent = [newService(), {}, { price_usd: "x" }];
  for (const body of sent) {
    const post = (id: string): Promise<Reply> => seller.client.post(`/api/agents/${id}/services`, body);
    const mismatch = await post(other.agentId);
    expectFault(mismatch, "api", 403, "FORBIDDEN");
    assert.equal(mismatch.json.error, "Agent ID mismatch");
    for (const id of [`ext_${NOBODYS}`, "nonsense", seller.slug, `maip:00000000:${seller.agentId.slice(4)}`]) {
      const reply = await post(id);
      expectFault(reply, "api", 404, "NOT_FOUND");
      assert.equal(reply.json.error, "Agent not found");
    }
    const patch = (id: string): Promise<Reply> => seller.client.patch(`/api/services/${id}`, body);
    expectFault(await patch(theirs), "api", 403, "FORBIDDEN");
    for (const id of [`svc_${NOBODYS}`, "svc_123", "x"]) {
      const reply = await patch(id);
      expectFault(reply, "api", 404, "NOT_FOUND");
      assert.equal(reply.json.error, "Service not found");
    }
  }
  const broken = { body: "{", headers: { "content-type": "application/json" } };
  assert.equal((await seller.client.send("PATCH", `/api/services/${theirs}`, broken)).status, 403);
  assert.equal((await seller.client.send("POST", `/api/agents/${seller.agentId}/services`, broken)).json.code, "INVALID_JSON");
  assert.equal((await seller.client.get(`/api/agents/${other.agentId}/services`)).status, 403);
  assert.equal((await seller.client.get(`/api/agents/ext_${NOBODYS}/services`)).status, 404);
  assert.equal((await seller.client.delete(`/api/services/${theirs}`)).status, 403);
  assert.equal((await seller.client.delete(`/api/services/svc_${NOBODYS}`)).status, 404);
  assert.equal((await stranger().get(`/api/services/${theirs}`)).json.data.active, 1, "it stands as it stood");
  for (const spelling of [seller.agentId.toLowerCase(), `agt_${seller.agentId.slice(4)}`, seller.agentId.slice(4)]) {
    assert.equal((await seller.client.get(`/api/agents/${spelling}/services`)).status, 200, spelling);
  }
});

test("a service changes in what is named, and everybody sees it at once", async () => {
  const [seller] = await sellers();
  const { id } = await makeService(seller, { price_type: "weekly", quota_limit: 5 });
  const patch = async (body: unknown): Promise<Record<string, any>> => {
    const reply = await seller.client.patch(`/api/services/${id}`, body);
    assert.equal(reply.status, 200, reply.text);
    return reply.json.data;
  };
  const changed = await patch({ price_usd: 7.5, quota_limit: 50, title: "Another title", demo_url: null });
  assert.deepEqual([changed["price_usd"], changed["quota_limit"], changed["title"], changed["demo_url"], changed["version"]], ["7.50", 50, "Another title", null, 2]);
  assert.deepEqual((await stranger().get(`/api/services/${id}`)).json.data, changed);
  assert.equal((await patch({}))["version"], 2);
  assert.equal((await patch({ price_type: "fixed" }))["quota_limit"], 0, "what is sold once has no quota");
  for (const [field, value] of [["title", "x"], ["price_usd", "5.001"], ["category", "x"], ["price_type", "x"], ["deliverables", [""]], ["demo_url", "http://10.0.0.1/"], ["quota_limit", -1], ["turnaround_hours", 0.5]] as const) {
    const reply = await seller.client.patch(`/api/services/${id}`, { [field]: value });
    assert.deepEqual([reply.status, reply.json.code], [400, "VALIDATION_ERROR"], `${field}: ${reply.text}`);
  }
});

test("a withdrawn service is its agent's alone, and stays withdrawn", async () => {
  const [seller, other] = await sellers();
  const { id } = await makeService(seller);
  for (const _ of ["once", "again"]) {
    const gone = await seller.client.delete(`/api/services/${id}`);
    assert.deepEqual([gone.status, gone.json.data], [200, { id, active: 0 }], gone.text);
  }
  for (const caller of [stranger(), other.client, stranger().bearer("nonsense"), stranger().bearer(`atelier_${"0".repeat(96)}`)]) {
    expectFault(await caller.get(`/api/services/${id}`), "api", 404, "NOT_FOUND");
  }
  const own = await seller.client.get(`/api/services/${id}`);
  assert.deepEqual([own.status, own.json.data.active], [200, 0], own.text);
  const listed = await seller.client.get(`/api/agents/${seller.agentId}/services`);
  assert.ok(!listed.text.includes(id));
});

test("an agent has at most a hundred active services, and lists them newest first", async () => {
  const seller = await makeSeller(stranger());
  const made: string[] = [];
  for (let number = 0; number < 100; number += 1) made.push((await makeService(seller))["id"]);
  expectFault(await add(seller), "api", 409, "SERVICE_LIMIT");
  const listed = await seller.client.get(`/api/agents/${seller.agentId}/services`);
  assert.deepEqual(listed.json.data.map((one: { id: string }) => one.id), [...made].reverse());
  await seller.client.delete(`/api/services/${made[0]}`);
  assert.equal((await add(seller)).status, 201);
});

test("what is offered is found by words, category and price, in every order", async () => {
  const tag = `w${randomBytes(5).toString("hex")}`;
  const seller = await makeSeller(stranger(), { name: "Searched" });
  const made: string[] = [];
  const all: [string, string, number][] = [["0", "ugc", 9], ["0.99", "custom", 7], ["1", "ugc", 5], ["5", "ugc", 3], ["5.01", "custom", 1]];
  for (const [price_usd, category, turnaround_hours] of all) made.push((await makeService(seller, { title: `Pictures ${tag}`, price_usd, category, turnaround_hours }))["id"]);
  const list = async (query: string): Promise<number[]> => {
    const reply = await stranger().get(`/api/services?${query}`);
    assert.equal(reply.status, 200, reply.text);
    return reply.json.data.map((one: { id: string }) => made.indexOf(one.id));
  };
  const words = `search=pictures ${tag}`;
  assert.deepEqual(await list(`${words}&sortBy=newest`), [4, 3, 2, 1, 0]);
  assert.deepEqual(await list(`${words}&sortBy=cheapest`), [0, 1, 2, 3, 4]);
  assert.deepEqual(await list(`${words}&sortBy=fastest`), [4, 3, 2, 1, 0]);
  assert.deepEqual(await list(words), [4, 3, 2, 1, 0], "of equals the newest first");
  assert.deepEqual(await list(`${words}&price=free`), [0]);
  assert.deepEqual((await list(`${words}&price=under1`)).sort(), [0, 1]);
  assert.deepEqual((await list(`${words}&price=1to5`)).sort(), [2, 3]);
  assert.deepEqual(await list(`${words}&price=over5`), [4]);
  assert.deepEqual(await list(`${words}&category=ugc&sortBy=cheapest&limit=2&offset=1`), [2, 3]);
  assert.deepEqual((await list("category=custom&sortBy=newest&limit=2")), [4, 1]);
  assert.deepEqual((await list("sortBy=newest&limit=5")), [4, 3, 2, 1, 0]);
  assert.deepEqual(await list("search=%22"), []);
  for (const query of ["sortBy=oldest", "category=art", "price=2", "limit=", "limit=ten", "offset=-1", "offset=10001", "offset=99999999999999999999", "search=%00"]) {
    const reply = await stranger().get(`/api/services?${query}`);
    assert.deepEqual([reply.status, reply.json.code], [400, "VALIDATION_ERROR"], `${query}: ${reply.text}`);
  }
  assert.deepEqual(await list("offset=10000"), []);
  assert.match((await stranger().get("/api/services?offset=10001")).json.error, /narrow the list/);
  // Without words each of them goes by an index of its own; all that is offered here is these and what other tests offer.
  for (const sortBy of ["popular", "newest", "cheapest", "rating", "fastest"]) {
    for (const [price, some] of [["free", [0]], ["under1", [0, 1]], ["1to5", [2, 3]], ["over5", [4]]] as const) {
      const found = (await list(`sortBy=${sortBy}&price=${price}&limit=100`)).filter((at) => at >= 0);
      assert.deepEqual(found.sort(), some, `${sortBy} ${price}`);
      const ugc = (await list(`sortBy=${sortBy}&price=${price}&category=ugc&limit=100`)).filter((at) => at >= 0);
      assert.deepEqual(ugc.sort(), some.filter((at) => all[at]![1] === "ugc"), `${sortBy} ${price} ugc`);
      assert.deepEqual((await list(`${words}&sortBy=${sortBy}&price=${price}&category=ugc`)).sort(), some.filter((at) => all[at]![1] === "ugc"));
    }
  }
  await seller.client.delete(`/api/services/${made[2]}`);
  assert.deepEqual(await list(`${words}&sortBy=cheapest`), [0, 1, 3, 4]);
  await seller.client.patch(`/api/services/${made[0]}`, { title: "Something else", price_usd: "6" });
  assert.deepEqual(await list(`${words}&sortBy=cheapest`), [1, 3, 4]);
});

test("a repeat with the same Idempotency-Key offers nothing twice", async () => {
  const seller = await makeSeller(stranger());
  const send = (more: Record<string, unknown> = {}): Promise<Reply> =>
    seller.client.post(`/api/agents/${seller.agentId}/services`, newService(more), { "idempotency-key": "once" });
  const [first, again] = [await send(), await send()];
  assert.deepEqual([first.status, again.status, again.json, again.headers.get("idempotent-replayed")], [201, 201, first.json, "true"]);
  assert.equal((await send({ title: "Another title" })).status, 422);
  assert.equal((await seller.client.get(`/api/agents/${seller.agentId}/services`)).json.data.length, 1);
});
