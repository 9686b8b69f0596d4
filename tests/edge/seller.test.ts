// Market agents: who becomes one, what each field takes, who may change what, and how a lost key is replaced (contract
// atelier 2).

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { base58 } from "@scure/base";
import { newAgentKey, newManager } from "./support/human.ts";
import type { Client, Reply } from "./support/client.ts";
import { runCurl } from "./support/curl.ts";
import { expectFault } from "./support/fault.ts";
import { Wallet, makeSeller, makeService, newRegistration, type Seller } from "./support/market.ts";
import { useServer } from "./support/server.ts";
import { stateOfBook, stateOfTenant } from "./support/state.ts";

const server = useServer();
/** Each registration comes from an address of its own: five an hour are an address's. */
const stranger = (): Client => server.client();
const register = (more: Record<string, unknown> = {}): Promise<Reply> => stranger().post("/api/agents/register", newRegistration(more));
const me = async (seller: Seller): Promise<Record<string, any>> => {
  const reply = await seller.client.get("/api/agents/me");
  assert.equal(reply.status, 200, reply.text);
  return reply.json.data;
};
/** Waits for what the queue brings. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await holds()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail("the queue has not brought it within ten seconds");
}
/** The characters of an agent's tenant, as its MAIP spelling begins. */
const tenantOf = (profile: Record<string, any>): string => /^maip:([0-9a-f]{8}):/.exec(profile["maip_id"])?.[1] ?? assert.fail(profile["maip_id"]);

test("a stranger registers and reads itself", async () => {
  const reply = await register();
  assert.equal(reply.status, 201, reply.text);
  assert.equal(reply.json.success, true);
  const { agent_id, api_key, slug, protocol_spec, webhook_secret, ...rest } = reply.json.data;
  assert.deepEqual(rest, {});
  assert.match(agent_id, /^ext_[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.match(api_key, /^atelier_[0-9a-f]{96}$/);
  assert.match(webhook_secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.equal(protocol_spec.required_endpoints.length, 4);
  assert.equal(reply.headers.get("cache-control"), "no-store");
  const profile = (await stranger().bearer(api_key).get("/api/agents/me")).json.data;
  const { created_at, maip_id, version, ...shown } = profile;
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.match(maip_id, new RegExp(`^maip:[0-9a-f]{8}:${agent_id.slice(4)}$`));
  assert.equal(version, 1);
  const { name, description, endpoint_url, capabilities } = newRegistration();
  assert.deepEqual(shown, {
    id: agent_id, slug, name, description, endpoint_url, capabilities, avatar_url: null, api_key: `atelier_...${api_key.slice(-4)}`, verified: 0,
    total_orders: 0, completed_orders: 0, avg_rating: null, owner_wallet: null, owner_wallet_verified: false, payout_wallet: null, token: null,
  });
});

test("the commands of the page work as they are printed", async () => {
  const { url } = server.current;
  const seller = await makeSeller(stranger());
  const run = (printed: string) => runCurl(printed.replaceAll("https://atelierai.xyz", url).replaceAll("YOUR_KEY", seller.key.slice(8)).replaceAll("YOUR_AGENT_ID", seller.agentId));
  const get = await run(String.raw`curl -sS https://atelierai.xyz/api/agents/me \
-H "Authorization: Bearer atelier_YOUR_KEY"`);
  assert.equal(get.status, 200, get.text);
  const wallet = new Wallet().address;
  const patch = await run(String.raw`curl -sS -X PATCH https://atelierai.xyz/api/agents/me \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{"payout_wallet": "${wallet}"}'`);
  assert.deepEqual([patch.status, patch.json.data.payout_wallet], [200, wallet], patch.text);
  const reset = await run(String.raw`curl -sS -X PATCH https://atelierai.xyz/api/agents/me \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{"payout_wallet": null}'`);
  assert.deepEqual([reset.status, reset.json.data.payout_wallet], [200, null], reset.text);
  const service = await run(String.raw`curl -sS -X POST https://atelierai.xyz/api/agents/YOUR_AGENT_ID/services \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{
"category": "image_gen",
"title": "Weekly Avatar Subscription",
"description": "Unlimited avatar generations for 7 days. Same style consistency across all outputs.",
"price_usd": "25.00",
"price_type": "weekly",
"quota_limit": 0,
"deliverables": ["unlimited avatars"]
}'`);
  assert.deepEqual([service.status, service.json.data.price_usd], [201, "25.00"], service.text);
  const list = await run(String.raw`curl -sS https://atelierai.xyz/api/agents/YOUR_AGENT_ID/services \
-H "Authorization: Bearer atelier_YOUR_KEY"`);
  assert.deepEqual(list.json.data.map((one: { id: string }) => one.id), [service.json.data.id], list.text);
  const change = await run(String.raw`curl -sS -X PATCH https://atelierai.xyz/api/services/svc_123 \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{"price_usd": "7.50", "quota_limit": 50}'`.replace("svc_123", service.json.data.id));
  assert.deepEqual([change.status, change.json.data.price_usd, change.json.data.quota_limit], [200, "7.50", 50], change.text);
  const gone = await run(String.raw`curl -sS -X DELETE https://atelierai.xyz/api/services/svc_123 \
-H "Authorization: Bearer atelier_YOUR_KEY"`.replace("svc_123", service.json.data.id));
  assert.deepEqual([gone.status, gone.json.data], [200, { id: service.json.data.id, active: 0 }], gone.text);
});

const BAD_URLS = [
  "", "example.com", "ftp://example.com/a", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "http://localhost/", "https://LOCALHOST./x", "https://a.local/", "https://db.internal/",
  "http://127.0.0.1/", "http://0x7f.1/", "http://2130706433/", "http://[::1]/", "https://10.0.0.1/", "https://172.16.3.4/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data",
  "https://metadata.google.internal/", "https://100.64.0.1/", "https://224.0.0.1/", "https://0.0.0.0/", "https://[fe80::1]/", "https://[fd00::1]/", "https://[::ffff:10.0.0.1]/",
  "https://user:pass@example.com/", "https://example.com/a b", "https://exämple.com/", `https://example.com/${"x".repeat(2_030)}`,
];
/** Local development reaches this machine, on purpose; nothing else of these. */
const LOOPBACK = ["http://localhost/", "https://LOCALHOST./x", "http://127.0.0.1/", "http://0x7f.1/", "http://2130706433/", "http://[::1]/"];

test("each field takes what lies within its limits and nothing beyond", async () => {
  const good: Record<string, unknown>[] = [
    { name: "ab" }, { name: "🦀".repeat(50) }, { name: "  padded  " }, { description: "x".repeat(10) }, { description: "é".repeat(500) },
    { capabilities: [] }, { capabilities: ["image_gen", "video_gen", "ugc", "influencer", "brand_content", "custom"] }, { capabilities: null },
    { endpoint_url: "http://example.com" }, { endpoint_url: `https://example.com/${"x".repeat(2_028)}` }, { avatar_url: "https://example.com/a.png" }, { avatar_url: null },
    { owner_wallet: new Wallet().address }, { owner_wallet: null }, { owner_wallet: "11111111111111111111111111111111" }, { unknown: { a: 1 } },
  ];
  for (const more of good) {
    const reply = await register(more);
    assert.equal(reply.status, 201, `${JSON.stringify(more).slice(0, 100)}: ${reply.text}`);
  }
  const before = await stateOfBook(server.current);
  const bad: [string, unknown][] = [
    ...[undefined, null, "", "a", " a ", "x".repeat(51), "a\u0000b", "a\rb", 7, ["ab"], {}].map((value): [string, unknown] => ["name", value]),
    ...[undefined, null, "", "x".repeat(9), "x".repeat(501), `${"x".repeat(10)}\u001b`, 7].map((value): [string, unknown] => ["description", value]),
    ...[undefined, null, 7, {}, ...BAD_URLS.filter((url) => !LOOPBACK.includes(url))].map((value): [string, unknown] => ["endpoint_url", value]),
    ...[7, {}, ...BAD_URLS.filter((url) => !LOOPBACK.includes(url))].map((value): [string, unknown] => ["avatar_url", value]),
    ...["image_gen", ["image"], ["IMAGE_GEN"], ["ugc", "ugc"], [1], {}, 7, ""].map((value): [string, unknown] => ["capabilities", value]),
    ...["", "x", "0x52908400098527886E0F7030069857D2E4169EE7", new Wallet().address.slice(4), `${new Wallet().address}1111`, "0OIl".repeat(10), 7, {}].map((value): [string, unknown] => ["owner_wallet", value]),
    ...[7, {}, ["x"]].map((value): [string, unknown] => ["agent_id", value]),
  ];
  for (const [field, value] of bad) {
    const reply = await register({ [field]: value });
    const told = `${field} ${JSON.stringify(value)?.slice(0, 100)}: ${reply.status} ${reply.text}`;
    assert.deepEqual([reply.status, reply.json.code], [400, "VALIDATION_ERROR"], told);
    assert.ok(reply.json.path === `$.${field}` || reply.json.path.startsWith(`$.${field}[`), told);
    if (field.endsWith("_url") && typeof value === "string") assert.match(reply.json.error, new RegExp(`^Invalid ${field}: `), told);
  }
  assert.deepEqual(await stateOfBook(server.current), before, "a refused registration leaves no tenant");
  for (const body of ["", "[]", "null", '"x"', "{", '{"name":1,"name":2}']) {
    const reply = await stranger().send("POST", "/api/agents/register", { body, headers: { "content-type": "application/json" } });
    assert.equal(reply.status, 400, `${body}: ${reply.text}`);
  }
});

test("of equal names each is found under a slug of its own", async () => {
  const name = `Twin ${randomBytes(4).toString("hex")}`;
  const base = name.toLowerCase().replace(" ", "-");
  const sellers: Seller[] = [];
  for (const _ of [1, 2, 3]) sellers.push(await makeSeller(stranger(), { name }));
  assert.deepEqual(sellers.map(({ slug }) => slug), [base, `${base}-1`, `${base}-2`]);
  // Another name that makes the same text steps aside.
  assert.equal((await makeSeller(stranger(), { name: `${name} 3` })).slug, `${base}-3`);
  assert.equal((await makeSeller(stranger(), { name })).slug, `${base}-4`);
  for (const reserved of ["Me", "register", "Recover!", "provision"]) {
    assert.match((await makeSeller(stranger(), { name: reserved })).slug, /^(me|register|recover|provision)-\d+$/);
  }
  // Nobody's name is another's id, in whichever spelling.
  const ulid = sellers[0]!.agentId.slice(4);
  assert.match((await makeSeller(stranger(), { name: ulid })).slug, new RegExp(`^agent-${ulid.toLowerCase()}$`));
  for (const { agentId, slug } of sellers) {
    const shown = await stranger().get(`/api/agents/${slug}`);
    assert.deepEqual([shown.status, shown.json.data.agent.id], [200, agentId], shown.text);
  }
});

test("sixty-four registrations at once are sixty-four agents, each with a slug and a tenant of its own", async () => {
  const name = `Crowd ${randomBytes(4).toString("hex")}`;
  const sellers = await Promise.all(Array.from({ length: 64 }, () => makeSeller(stranger(), { name })));
  assert.equal(new Set(sellers.map(({ slug }) => slug)).size, 64);
  const profiles = await Promise.all(sellers.map(me));
  assert.equal(new Set(profiles.map(tenantOf)).size, 64);
  assert.deepEqual(profiles.map(({ slug }) => slug), sellers.map(({ slug }) => slug));
});

test("five registrations an hour are an address's, and the sixth is told when to come again", async () => {
  const client = stranger();
  const replies: Reply[] = [];
  for (const _ of [1, 2, 3, 4, 5, 6]) replies.push(await client.post("/api/agents/register", newRegistration()));
  assert.deepEqual(replies.map((reply) => reply.status), [201, 201, 201, 201, 201, 429]);
  const refused = replies[5]!;
  assert.equal(refused.json.error, "Too many requests. Please try again later.");
  assert.deepEqual([refused.json.success, refused.json.code], [false, "RATE_LIMITED"]);
  const [wait, limit, remaining, reset] = ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"].map((name) => Number(refused.headers.get(name)));
  assert.ok(wait! > 3_500 && wait! <= 3_600 && limit === 5 && remaining === 0 && Math.abs(reset! - Date.now() / 1_000 - 3_600) < 60, JSON.stringify([wait, limit, remaining, reset]));
  assert.equal((await client.get("/api/agents/me")).status, 401, "other routes do not draw on it");
});

test("a wallet that signs owns the tenant, and all it registers at once lands there", async () => {
  const wallet = new Wallet();
  const sellers = await Promise.all([1, 2, 3, 4].map(() => makeSeller(stranger(), wallet.asOwner())));
  const profiles = await Promise.all(sellers.map(me));
  assert.equal(new Set(profiles.map(tenantOf)).size, 1);
  assert.ok(profiles.every(({ verified, owner_wallet_verified, owner_wallet }) => verified === 1 && owner_wallet_verified && owner_wallet === wallet.address));
  const unsigned = await me(await makeSeller(stranger(), { owner_wallet: wallet.address }));
  assert.deepEqual([unsigned["verified"], unsigned["owner_wallet_verified"], unsigned["owner_wallet"]], [0, false, wallet.address]);
  assert.notEqual(tenantOf(unsigned), tenantOf(profiles[0]!));
  // The free plan has room for five.
  await makeSeller(stranger(), wallet.asOwner());
  const full = await register(wallet.asOwner());
  assert.deepEqual([full.status, full.json.code, full.json.limit], [402, "PLAN_LIMIT_EXCEEDED", 5], full.text);
});

test("a signature that does not hold is refused, and so is half of one", async () => {
  const [wallet, other] = [new Wallet(), new Wallet()];
  const now = Date.now();
  const good = wallet.sign(now);
  const bad: Record<string, unknown>[] = [
    { wallet_sig: good.wallet_sig }, { wallet_sig_ts: now }, other.sign(now), { ...good, wallet_sig_ts: now + 1 }, wallet.sign(now - 86_400_000 - 60_000), wallet.sign(now + 120_000),
    { ...good, wallet_sig: "" }, { ...good, wallet_sig: `${good.wallet_sig}1` }, { ...good, wallet_sig: base58.encode(randomBytes(64)) },
  ];
  for (const more of bad) {
    const reply = await register({ owner_wallet: wallet.address, ...more });
    expectFault(reply, "api", 401, "WALLET_AUTH_INVALID");
  }
  for (const ts of [String(now), now]) {
    assert.equal((await register({ owner_wallet: wallet.address, wallet_sig: good.wallet_sig, wallet_sig_ts: ts })).status, 201);
  }
  for (const ts of ["x", "1.5", -1, 1.5, null, {}]) {
    const { status } = await register({ owner_wallet: wallet.address, wallet_sig: good.wallet_sig, wallet_sig_ts: ts });
    assert.equal(status, ts === null ? 401 : 400, String(ts));
  }
});

test("an agent there is gets a profile by its tenant's credential, once, and is one agent at all doors", async () => {
  const manager = await newManager(stranger());
  const { agentId, agentKey } = await newAgentKey(manager);
  const open = (caller: Client, agent_id = agentId, more = {}): Promise<Reply> => caller.post("/api/agents/register", newRegistration({ agent_id, ...more }));
  expectFault(await open(stranger()), "api", 401, "AUTH_REQUIRED");
  expectFault(await open(stranger().with({ "x-api-key": "tl_live_nonsense" })), "api", 401, "TOKEN_INVALID");
  expectFault(await open(stranger().bearer(agentKey)), "api", 401, "TOKEN_INVALID");
  const another = await newManager(stranger());
  assert.equal((await open(server.client().with({ "x-api-key": another.managementKey }))).status, 404);
  const office = () => server.client().with({ "x-api-key": manager.managementKey });
  assert.equal((await open(office(), agentId, { name: "x" })).status, 400);
  assert.equal((await open(office(), "agt_01J8ZZZZZZZZZZZZZZZZZZZZZZ", { name: "x" })).status, 404, "the agent is looked at before the name");
  const once = { "idempotency-key": "open" };
  const before = await office().get(`/v1/agents/${agentId}`);
  assert.equal(before.json.ext_id, null);
  const opened = await open(office().with(once), `ext_${agentId.slice(4).toLowerCase()}`);
  assert.equal(opened.status, 201, opened.text);
  const { agent_id, api_key } = opened.json.data;
  assert.equal(agent_id, `ext_${agentId.slice(4)}`);
  const again = await open(office().with(once), `ext_${agentId.slice(4).toLowerCase()}`);
  assert.deepEqual([again.status, again.json, again.headers.get("idempotent-replayed")], [201, opened.json, "true"]);
  expectFault(await open(office()), "api", 409, "PROFILE_EXISTS");
  expectFault(await open(office(), agentId, { name: "x" }), "api", 409, "PROFILE_EXISTS");
  const profile = await me({ client: stranger().bearer(api_key) } as Seller);
  assert.equal(profile["maip_id"], before.json.agent_id);
  assert.equal((await office().get(`/v1/agents/${agentId}`)).json.ext_id, agent_id);
  // With its tenant's human as well.
  const second = (await newAgentKey(manager, "second")).agentId;
  assert.equal((await open(manager.client.with({ "x-tenant-id": manager.tenantId }), second)).status, 201);
  // A suspended agent looks and changes nothing.
  assert.equal((await office().post(`/v1/agents/${agentId}/suspend`, {})).status, 200);
  const suspended = stranger().bearer(api_key);
  assert.equal((await suspended.get("/api/agents/me")).status, 200);
  expectFault(await suspended.patch("/api/agents/me", { name: "Another" }), "api", 403, "AGENT_NOT_ACTIVE");
  expectFault(await suspended.patch("/api/agents/me", { name: "x" }), "api", 403, "AGENT_NOT_ACTIVE");
  expectFault(await suspended.post("/api/agents/me/api-key/rotate", {}), "api", 403, "AGENT_NOT_ACTIVE");
  assert.equal((await office().post(`/v1/agents/${agentId}/revoke`, {})).status, 200);
  expectFault(await suspended.get("/api/agents/me"), "api", 401, "TOKEN_INVALID");
  // Nobody is shown whom nobody can order from, once the queue has told so.
  await until(async () => (await stranger().get(`/api/agents/${agent_id}`)).status === 404);
});

test("a profile changes in what is named, and everybody sees it at once", async () => {
  const seller = await makeSeller(stranger(), { name: "Before the change" });
  const patch = (body: unknown): Promise<Reply> => seller.client.patch("/api/agents/me", body);
  const changed = await patch({ name: "After the change", avatar_url: "https://example.com/a.png", capabilities: ["ugc"] });
  assert.equal(changed.status, 200, changed.text);
  assert.deepEqual(changed.json.data, await me(seller));
  const { name, slug, description, avatar_url, capabilities, version } = changed.json.data;
  assert.deepEqual([name, slug, description, avatar_url, capabilities, version], ["After the change", seller.slug, newRegistration()["description"], "https://example.com/a.png", ["ugc"], 2]);
  const shown = (await stranger().get(`/api/agents/${seller.slug}`)).json.data.agent;
  assert.deepEqual([shown.name, shown.avatar_url, shown.capabilities], [name, avatar_url, capabilities]);
  for (const hidden of ["endpoint_url", "payout_wallet", "api_key"]) assert.ok(!(hidden in shown), hidden);
  assert.equal((await patch({ avatar_url: null })).json.data.avatar_url, null);
  assert.equal((await patch({})).json.data.version, 3, "nothing named is nothing changed");
  assert.equal((await patch({ name: null, description: null, owner_wallet: null })).json.data.version, 3);
  for (const [field, value] of [["name", "x"], ["description", "short"], ["endpoint_url", "http://10.0.0.1"], ["avatar_url", "ftp://x.example"], ["capabilities", ["paint"]], ["payout_wallet", "x"], ["owner_wallet", "x"]] as const) {
    const reply = await patch({ [field]: value });
    assert.deepEqual([reply.status, reply.json.code], [400, "VALIDATION_ERROR"], `${field}: ${reply.text}`);
  }
  assert.equal((await me(seller))["version"], 3);
});

test("an owner that has signed is replaced only by one that signs", async () => {
  const [first, second] = [new Wallet(), new Wallet()];
  const seller = await makeSeller(stranger(), { owner_wallet: first.address });
  const patch = (body: unknown): Promise<Reply> => seller.client.patch("/api/agents/me", body);
  assert.equal((await patch({ owner_wallet: second.address })).json.data.owner_wallet, second.address, "unsigned it is a place to be paid at");
  expectFault(await patch({ owner_wallet: first.address, ...second.sign() }), "api", 401, "WALLET_AUTH_INVALID");
  assert.equal((await patch(first.asOwner())).json.data.verified, 1);
  expectFault(await patch({ owner_wallet: second.address }), "api", 401, "WALLET_AUTH_INVALID");
  assert.deepEqual((await patch({ owner_wallet: first.address })).json.data.verified, 1, "the same wallet stays");
  const moved = await patch(second.asOwner());
  assert.deepEqual([moved.json.data.owner_wallet, moved.json.data.verified], [second.address, 1]);
});

test("a rotated key is dead, and its successor speaks for the agent", async () => {
  const seller = await makeSeller(stranger());
  const rotated = await seller.client.post("/api/agents/me/api-key/rotate", {});
  assert.equal(rotated.status, 200, rotated.text);
  assert.deepEqual(Object.keys(rotated.json.data), ["agent_id", "api_key"]);
  assert.equal(rotated.json.data.agent_id, seller.agentId);
  expectFault(await seller.client.get("/api/agents/me"), "api", 401, "TOKEN_INVALID");
  const shown = await me({ ...seller, client: stranger().bearer(rotated.json.data.api_key) });
  assert.equal(shown["api_key"], `atelier_...${rotated.json.data.api_key.slice(-4)}`);
});

test("a lost key is replaced by the wallet that has signed for the agent, and by no other", async () => {
  const [owner, thief] = [new Wallet(), new Wallet()];
  const seller = await makeSeller(stranger(), owner.asOwner());
  const recover = (body: unknown, client = stranger()): Promise<Reply> => client.post("/api/agents/recover", body);
  const agent_id = seller.agentId;
  assert.equal((await recover({ agent_id })).status, 400);
  expectFault(await recover({ agent_id, owner_wallet: owner.address }), "api", 401, "WALLET_AUTH_INVALID");
  expectFault(await recover({ agent_id, owner_wallet: owner.address, ...thief.sign() }), "api", 401, "WALLET_AUTH_INVALID");
  expectFault(await recover({ agent_id, ...thief.asOwner() }), "api", 404, "NOT_FOUND");
  // What its owner signed a while ago, to look at orders for instance, gives nobody a key, and nobody an agent in its name.
  expectFault(await register(owner.asOwner(Date.now() - 16 * 60_000)), "api", 401, "WALLET_AUTH_INVALID");
  expectFault(await recover({ agent_id, ...owner.asOwner(Date.now() - 16 * 60_000) }), "api", 401, "WALLET_AUTH_INVALID");
  expectFault(await recover({ agent_id: "ext_01J8ZZZZZZZZZZZZZZZZZZZZZZ", ...owner.asOwner() }), "api", 404, "NOT_FOUND");
  expectFault(await recover({ agent_id: "nonsense", ...owner.asOwner() }), "api", 404, "NOT_FOUND");
  const unsigned = await makeSeller(stranger(), { owner_wallet: owner.address });
  expectFault(await recover({ agent_id: unsigned.agentId, ...owner.asOwner() }), "api", 404, "NOT_FOUND");
  assert.equal((await seller.client.get("/api/agents/me")).status, 200, "nothing has happened so far");
  const once = { "idempotency-key": "lost" };
  const body = { agent_id, ...owner.asOwner() };
  const recovered = await recover(body, stranger().with(once));
  assert.equal(recovered.status, 200, recovered.text);
  const again = await recover(body, stranger().with(once));
  assert.deepEqual([again.status, again.json, again.headers.get("idempotent-replayed")], [200, recovered.json, "true"], again.text);
  expectFault(await seller.client.get("/api/agents/me"), "api", 401, "TOKEN_INVALID");
  assert.equal((await stranger().bearer(recovered.json.data.api_key).get("/api/agents/me")).json.data.id, agent_id);
});

test("nobody else's credential is good, and what is missing is told from what is wrong", async () => {
  const seller = await makeSeller(stranger());
  const manager = await newManager(stranger());
  expectFault(await stranger().get("/api/agents/me"), "api", 401, "AUTH_REQUIRED");
  const off = seller.key.slice(0, -1) + (seller.key.endsWith("0") ? "1" : "0");
  for (const token of ["", "x", "atelier_", off, `${seller.key}0`, seller.key.toUpperCase(), manager.token, manager.managementKey]) {
    const reply = await stranger().with({ authorization: `Bearer ${token}` }).get("/api/agents/me");
    assert.deepEqual([reply.status, reply.json.code], [401, "TOKEN_INVALID"], token);
  }
  const elsewhere = stranger().bearer(seller.key);
  assert.equal((await elsewhere.get("/v1/agents")).status, 401);
  assert.equal((await elsewhere.post("/v2/query", { query_text: "x" })).status, 401);
});

test("everybody sees an agent by its id or slug; the list is for market agents", async () => {
  const tag = `q${randomBytes(5).toString("hex")}`;
  const sellers: Seller[] = [];
  for (const capability of ["ugc", "custom", "ugc"]) sellers.push(await makeSeller(stranger(), { name: `Agent ${tag}`, capabilities: [capability] }));
  const [first, second, third] = sellers as [Seller, Seller, Seller];
  const service = await makeService(first);
  const shown = await stranger().get(`/api/agents/${first.agentId}`);
  assert.equal(shown.status, 200, shown.text);
  assert.deepEqual(shown.json.data.services.map((one: { id: string }) => one.id), [service["id"]]);
  assert.deepEqual([shown.json.data.stats, shown.json.data.reviews], [{ completed_orders: 0, avg_rating: null, services_count: 1 }, []]);
  assert.deepEqual((await stranger().get(`/api/agents/${first.slug}`)).json, shown.json);
  for (const id of [`agt_${first.agentId.slice(4)}`, first.agentId.slice(4), "nobody-here", "ext_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "x"]) {
    expectFault(await stranger().get(`/api/agents/${id}`), "api", 404, "NOT_FOUND");
  }
  assert.equal((await second.client.get(`/api/agents/agt_${first.agentId.slice(4)}`)).json.data.agent.id, first.agentId, "a market agent uses every spelling");
  assert.deepEqual((await stranger().get("/api/agents")).json, { success: true, data: [] });
  expectFault(await stranger().bearer(`atelier_${"0".repeat(96)}`).get("/api/agents"), "api", 401, "TOKEN_INVALID");
  expectFault(await stranger().bearer(`atelier_${"0".repeat(96)}`).get(`/api/agents/${first.slug}`), "api", 401, "TOKEN_INVALID");
  const list = async (query: string): Promise<string[]> => {
    const reply = await second.client.get(`/api/agents?${query}`);
    assert.equal(reply.status, 200, reply.text);
    return reply.json.data.map((agent: { id: string }) => agent.id);
  };
  const [a, b, c] = [first.agentId, second.agentId, third.agentId];
  assert.deepEqual(await list(`search=${tag}&sortBy=newest`), [c, b, a]);
  assert.deepEqual(await list(`search=${tag}&sortBy=newest&category=ugc`), [c, a]);
  assert.deepEqual(await list(`search=agent ${tag.slice(0, 8)}&sortBy=newest&limit=1&offset=1`), [b], "each word from its beginning");
  assert.deepEqual((await list("category=custom&sortBy=newest"))[0], b);
  assert.equal((await list(`search=${tag}&limit=0`)).length, 1, "brought to the least");
  assert.equal((await list(`search=${tag}&limit=9999`)).length, 3);
  assert.deepEqual(await list("search=%22%20OR%20%2A"), [], "no operator of the index");
  assert.ok((await list("search=")).length >= 3);
  for (const query of ["sortBy=price", "category=art", "limit=x", "limit=1.5", "offset=-1", "offset=x", `search=${"x".repeat(101)}`, "search=%00"]) {
    const reply = await second.client.get(`/api/agents?${query}`);
    assert.deepEqual([reply.status, reply.json.code], [400, "VALIDATION_ERROR"], `${query}: ${reply.text}`);
  }
});

test("what a crash has kept from the book of record, the queue brings", async () => {
  const database = server.current.runtime.database();
  /** A seller of whom the book has forgotten all, before the queue has told it anything. */
  const forgotten = async (): Promise<[Seller, Record<string, any>]> => {
    const seller = await makeSeller(stranger());
    const service = await makeService(seller);
    await database.batch([
      database.prepare("UPDATE market_agents SET version = 0, name = NULL, form = NULL WHERE agent_id = ?").bind(`agt_${seller.agentId.slice(4)}`),
      database.prepare("DELETE FROM market_services WHERE service_id = ?").bind(service["id"]),
    ]);
    const row = await database.prepare("SELECT projected_seq FROM tenants WHERE tenant_uuid = ?").bind(seller.tenantUuid).first<{ projected_seq: number }>();
    return row?.projected_seq === 0 ? [seller, service] : forgotten();
  };
  const [seller, service] = await forgotten();
  assert.equal((await stranger().get(`/api/agents/${seller.slug}`)).status, 404);
  await until(async () => (await stranger().get(`/api/services/${service["id"]}`)).status === 200);
  assert.equal((await stranger().get(`/api/agents/${seller.slug}`)).status, 200);
});

test("a secret is shown once and kept in no readable form", async () => {
  const seller = await makeSeller(stranger());
  const { maip_id } = await me(seller);
  const database = server.current.runtime.database();
  const row = await database.prepare("SELECT tenant_uuid FROM market_agents WHERE agent_id = ?").bind(`agt_${seller.agentId.slice(4)}`).first<{ tenant_uuid: string }>();
  assert.ok(row?.tenant_uuid.startsWith(/^maip:(\w+):/.exec(maip_id)?.[1] ?? "-"));
  const kept = JSON.stringify(await stateOfTenant(server.current, row!.tenant_uuid));
  assert.ok(kept.includes(seller.slug));
  for (const secret of [seller.key.slice(-48), seller.webhookSecret, seller.webhookSecret.slice(6)]) assert.ok(!kept.includes(secret));
});
