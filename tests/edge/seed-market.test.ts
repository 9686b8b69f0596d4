// The marketplace's page for autonomous agents: its script, run by Python with nothing changed but its base URL, its generator
// and its interval, and its calls as they stand on the page, run by curl. Only the host and the values that the page leaves
// open are put in.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ROOT, sleep } from "../../scripts/runtime.ts";
import { Buyer, expectData, type Json } from "./support/buyer.ts";
import { runCurl, runShell, type Answer } from "./support/curl.ts";
import { newFile } from "./support/market.ts";
import { once } from "./support/once.ts";
import { useServer, type LogLine } from "./support/server.ts";

const server = useServer({ pushesToNobody: true });
const REVIEW_S = 48 * 3_600;
const PAYOUT_WALLET = "So11111111111111111111111111111111111111112";
const home = mkdtempSync(join(tmpdir(), "guildhall-seed-"));
after(() => rmSync(home, { recursive: true, force: true }));

/** The text with each of these put in place of what stands there once. */
function fill(text: string, values: Record<string, string>): string {
  let filled = text;
  for (const [open, value] of Object.entries(values)) {
    assert.equal(filled.split(open).length, 2, `${open} stands once`);
    filled = filled.replace(open, () => value);
  }
  return filled;
}

/** The script with its owner's details: where it runs, what it makes, how often it looks, who is paid. */
function writeScript(): string {
  const path = join(home, "agent.py");
  const published = readFileSync(join(ROOT, "tests/edge/support/seed_agent.py"), "utf8");
  writeFileSync(join(home, "made.png"), newFile("image/png"));
  const script = fill(published, {
    'BASE = "https://atelierai.xyz/api"': `BASE = "${server.current.url}/api"`,
    "POLL_INTERVAL = 120 #": "POLL_INTERVAL = 1 #",
    'PAYOUT_WALLET = "YOUR_SOLANA_WALLET_ADDRESS" #': `PAYOUT_WALLET = "${PAYOUT_WALLET}" #`,
    'raise NotImplementedError("Replace generate_content() with your actual generation logic")': 'return open("made.png", "rb").read()',
  });
  writeFileSync(path, script);
  return path;
}

/** Runs the script until `work` is done; what it logged. */
async function whileItRuns(work: () => Promise<void>): Promise<string> {
  // Not by scripts/python.sh, which goes to the project's folder: the script keeps its credentials where it runs.
  const child = spawn(join(ROOT, ".venv/bin/python"), [writeScript()], { stdio: ["ignore", "pipe", "pipe"], cwd: home });
  const ended = new Promise((done) => child.once("close", done));
  let logged = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (logged += chunk.toString()));
  try {
    await work();
  } catch (error) {
    throw new Error(`while the script ran: ${(error as Error).message}\n${logged}`, { cause: error });
  } finally {
    child.kill();
    await ended;
  }
  assert.doesNotMatch(logged, /\[(WARNING|ERROR)\]|Traceback/, logged);
  return logged;
}

/** Waits for a call of the script to be answered. */
const answered = (route: string, status: number): Promise<LogLine> =>
  server.current.waitForLine((line) => line["route"] === route && line["status"] === status, 20_000);

/** The calls of the script so far, one after the other. The buyer's and the clock's are other routes. */
function callsOfScript(): string[] {
  const routes = new Set(["registerSeller", "updateSeller", "listOwnServices", "createService", "listAgentsOrders", "uploadFile", "deliverOrder"]);
  const lines = server.current.lines().filter((line) => routes.has(String(line["route"])));
  // An id is of the moment its request came, and the script asks for one thing at a time.
  const inTime = lines.sort((one, other) => (String(one["request_id"]) < String(other["request_id"]) ? -1 : 1));
  return inTime.map(({ method, path, status }) => `${method} ${path} ${status}`);
}

const orderOf = async (buyer: Buyer, id: string): Promise<Json> => expectData(await buyer.get(`/api/orders/${id}`)).order;

test("the page's script registers, names its wallet, lists a service, polls, uploads, delivers, and is paid two days later", async () => {
  const buyer = new Buyer(server.current);
  let ordered: Json = {};
  const first = await whileItRuns(async () => {
    await answered("listAgentsOrders", 200);
    const [service] = expectData(await server.client().get("/api/services"));
    assert.deepEqual([service.title, service.price_usd, service.price_type, service.turnaround_hours, service.agent_name], ["AI Image Generation", "5.00", "fixed", 1, "My Creative Agent"]);
    ordered = await buyer.order(service.id);
    await answered("deliverOrder", 200);
    // Once more round the loop: what is delivered is not offered to it again.
    const polls = (): number => callsOfScript().filter((call) => call.includes("/orders ")).length;
    for (const known = polls(); polls() === known; ) await sleep(50);
  });
  const delivered = await orderOf(buyer, ordered["id"]);
  assert.deepEqual([delivered["status"], delivered["deliverable_media_type"]], ["delivered", "image"]);
  const { agent_id: agentId } = JSON.parse(readFileSync(join(home, "atelier_credentials.json"), "utf8"));
  const poll = `GET /api/agents/${agentId}/orders 200`;
  const calls = callsOfScript();
  const [before, atWork] = [calls.indexOf(poll), calls.indexOf("POST /api/upload 200")];
  assert.deepEqual(calls.slice(0, before), [
    "POST /api/agents/register 201",
    "PATCH /api/agents/me 200",
    `GET /api/agents/${agentId}/services 200`,
    `POST /api/agents/${agentId}/services 201`,
  ]);
  assert.deepEqual(new Set(calls.slice(before, atWork)), new Set([poll]));
  assert.deepEqual(calls.slice(atWork, atWork + 2), ["POST /api/upload 200", `POST /api/orders/${ordered["id"]}/deliver 200`]);
  assert.deepEqual(new Set(calls.slice(atWork + 2)), new Set([poll]));
  assert.match(first, new RegExp(`Order ${ordered["id"]} delivered successfully`));
  const file = await fetch(delivered["deliverable_url"]);
  assert.deepEqual(Buffer.from(await file.arrayBuffer()), readFileSync(join(home, "made.png")));

  await server.current.advance(REVIEW_S);
  const paid = await orderOf(buyer, ordered["id"]);
  assert.deepEqual([paid["status"], paid["payout_status"], paid["settlement"]], ["completed", "paid", "sandbox"]);

  // Started again it is the same agent, and has nothing to do.
  const again = await whileItRuns(async () => {
    const known = callsOfScript().length;
    // At its second poll it has written what it made of the first.
    while (callsOfScript().length < known + 4) await sleep(50);
  });
  assert.match(again, new RegExp(`Loaded existing credentials for agent ${agentId}[\\s\\S]*already has 1 service`));
  assert.match(again, /No pending orders/);
  assert.equal(callsOfScript().filter((call) => call.startsWith("POST")).length, 4, "nothing was registered, listed or delivered a second time");
});

/** "OpenClaw Agents — Quick Path", steps 1 and 2. */
const QUICK_PATH = String.raw`# Register
RESPONSE=$(curl -s -X POST https://atelierai.xyz/api/agents/register \
-H "Content-Type: application/json" \
-d '{
"name": "YOUR_AGENT_NAME",
"description": "YOUR_AGENT_DESCRIPTION",
"endpoint_url": "YOUR_PUBLIC_URL",
"capabilities": ["image_gen"]
}')
# Extract and save credentials
AGENT_ID=$(echo $RESPONSE | python3 -c "import sys,json; print(json.load(sys.stdin)['data']['agent_id'])")
API_KEY=$(echo $RESPONSE | python3 -c "import sys,json; print(json.load(sys.stdin)['data']['api_key'])")
# Persist — CRITICAL: do this immediately, the key is issued only once
echo "ATELIER_AGENT_ID=$AGENT_ID" >> ~/.env
echo "ATELIER_API_KEY=$API_KEY" >> ~/.env
# Set wallet
curl -s -X PATCH https://atelierai.xyz/api/agents/me \
-H "Authorization: Bearer $API_KEY" \
-H "Content-Type: application/json" \
-d '{"payout_wallet": "YOUR_SOLANA_WALLET"}'
# Create service
curl -s -X POST "https://atelierai.xyz/api/agents/$AGENT_ID/services" \
-H "Authorization: Bearer $API_KEY" \
-H "Content-Type: application/json" \
-d '{
"category": "image_gen",
"title": "AI Image Generation",
"description": "High-quality AI images from text prompts. Fast delivery.",
"price_usd": "5.00",
"price_type": "fixed",
"turnaround_hours": 1,
"deliverables": ["1 high-quality image"]
}'`;

const ME = String.raw`curl https://atelierai.xyz/api/agents/me \
-H "Authorization: Bearer atelier_YOUR_KEY"`;
const SET_WALLET = String.raw`curl -X PATCH https://atelierai.xyz/api/agents/me \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{"payout_wallet": "YOUR_SOLANA_WALLET_ADDRESS"}'`;
const RESET_WALLET = String.raw`curl -X PATCH https://atelierai.xyz/api/agents/me \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{"payout_wallet": null}'`;
const CREATE_SERVICE = String.raw`curl -X POST https://atelierai.xyz/api/agents/YOUR_AGENT_ID/services \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{
"category": "image_gen",
"title": "Custom Avatar Generation",
"description": "Professional AI-generated avatars in any style. Includes 3 variations and source files.",
"price_usd": "5.00",
"price_type": "fixed",
"turnaround_hours": 24,
"deliverables": ["3 avatar variations", "source files"],
"demo_url": "https://example.com/portfolio"
}'`;
const CREATE_SUBSCRIPTION = String.raw`curl -X POST https://atelierai.xyz/api/agents/YOUR_AGENT_ID/services \
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
}'`;
const LIST_SERVICES = String.raw`curl https://atelierai.xyz/api/agents/YOUR_AGENT_ID/services \
-H "Authorization: Bearer atelier_YOUR_KEY"`;
const UPDATE_SERVICE = String.raw`curl -X PATCH https://atelierai.xyz/api/services/svc_123 \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{"price_usd": "7.50", "quota_limit": 50}'`;
const DELETE_SERVICE = String.raw`curl -X DELETE https://atelierai.xyz/api/services/svc_123 \
-H "Authorization: Bearer atelier_YOUR_KEY"`;
const UPLOAD = String.raw`curl -X POST https://atelierai.xyz/api/upload \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-F "file=@result.png"`;
const LIST_ORDERS = String.raw`curl "https://atelierai.xyz/api/agents/YOUR_AGENT_ID/orders?status=paid,in_progress" \
-H "Authorization: Bearer atelier_YOUR_KEY"`;
const DELIVER = String.raw`curl -X POST https://atelierai.xyz/api/orders/ord_123/deliver \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{
"deliverable_url": "https://storage.example.com/result.png",
"deliverable_media_type": "image"
}'`;
const QUOTE = String.raw`curl -X POST https://atelierai.xyz/api/orders/ord_123/quote \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{"price_usd": "15.00"}'`;
const READ_MESSAGES = String.raw`curl https://atelierai.xyz/api/orders/ord_123/messages \
-H "Authorization: Bearer atelier_YOUR_KEY"`;
const SEND_MESSAGE = String.raw`curl -X POST https://atelierai.xyz/api/orders/ord_123/messages \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{"content": "Working on your order now. Should be ready in 10 minutes."}'`;
const LAUNCH_TOKEN = String.raw`curl -X POST https://atelierai.xyz/api/agents/YOUR_AGENT_ID/token/launch \
-H "Authorization: Bearer atelier_YOUR_KEY" \
-H "Content-Type: application/json" \
-d '{"symbol": "TICKER"}'`;

const HOST = "https://atelierai.xyz";

/** The agent that the quick path makes, as the page saves it. */
const agent = once(async () => {
  const script = fill(QUICK_PATH.replaceAll(HOST, server.current.url), { YOUR_PUBLIC_URL: "https://my-agent.example.com", YOUR_SOLANA_WALLET: PAYOUT_WALLET });
  const printed = await runShell(script, { HOME: home, PATH: `${join(ROOT, ".venv/bin")}:${process.env["PATH"]}` });
  const [, agentId = "", key = ""] = /^ATELIER_AGENT_ID=(.*)\nATELIER_API_KEY=(.*)\n$/.exec(readFileSync(join(home, ".env"), "utf8")) ?? [];
  return { agentId, key, printed };
});

/** Runs a call of the page as that agent, with its other open values put in. */
async function call(printed: string, values: Record<string, string> = {}): Promise<Answer> {
  const { agentId, key } = await agent();
  const own = printed.includes("YOUR_AGENT_ID") ? { YOUR_AGENT_ID: agentId } : {};
  const command = fill(printed, { [HOST]: server.current.url, atelier_YOUR_KEY: key, ...own, ...values });
  // Without a terminal curl draws its progress, which is nothing the page shows.
  return runCurl(`cd '${home}'; ${command.replace("curl ", "curl -sS ")}`);
}

/** The `data` of an answer that is as the page has it. */
function dataOf(answer: Answer, status = 200): any {
  assert.equal(answer.status, status, answer.text);
  const { success, data, ...rest } = answer.json;
  assert.deepEqual([success, rest], [true, {}]);
  return data;
}

test("the quick path leaves an agent with its credentials in a file, its wallet set and a service listed", async () => {
  const { agentId, key, printed } = await agent();
  assert.match(agentId, /^ext_/);
  assert.match(key, /^atelier_[0-9a-f]+$/);
  const [me, service] = printed.split(/(?<=\})(?=\{)/).map((text) => JSON.parse(text).data);
  assert.deepEqual([me.id, me.payout_wallet], [agentId, PAYOUT_WALLET]);
  assert.deepEqual([service.agent_id, service.title, service.price_usd, service.deliverables], [agentId, "AI Image Generation", "5.00", ["1 high-quality image"]]);
});

test("every call of the page about an agent and its services is answered as the page says", async () => {
  const { agentId, key } = await agent();
  const me = dataOf(await call(ME));
  assert.deepEqual([me.id, me.api_key], [agentId, `atelier_...${key.slice(-4)}`], "the key is masked");
  const wallet = "4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T";
  assert.equal(dataOf(await call(SET_WALLET, { YOUR_SOLANA_WALLET_ADDRESS: wallet })).payout_wallet, wallet);
  assert.equal(dataOf(await call(RESET_WALLET)).payout_wallet, null);
  const service = dataOf(await call(CREATE_SERVICE), 201);
  assert.match(service.id, /^svc_/);
  assert.deepEqual([service.turnaround_hours, service.demo_url, service.active], [24, "https://example.com/portfolio", 1]);
  const weekly = dataOf(await call(CREATE_SUBSCRIPTION), 201);
  assert.deepEqual([weekly.price_type, weekly.quota_limit, weekly.price_usd], ["weekly", 0, "25.00"]);
  const updated = dataOf(await call(UPDATE_SERVICE, { svc_123: weekly.id }));
  assert.deepEqual([updated.price_usd, updated.quota_limit], ["7.50", 50]);
  assert.deepEqual(dataOf(await call(LIST_SERVICES)).map((one: Json) => one["id"]).slice(0, 2), [weekly.id, service.id]);
  dataOf(await call(DELETE_SERVICE, { svc_123: service.id }));
  assert.ok(!dataOf(await call(LIST_SERVICES)).some((one: Json) => one["id"] === service.id), "a service that was deleted is no longer listed");
});

test("every call of the page about an order is answered as the page says", async () => {
  const { agentId } = await agent();
  const buyer = new Buyer(server.current);
  const [fixed] = dataOf(await call(LIST_SERVICES)).filter((one: Json) => one["price_type"] === "fixed");
  const quoted = dataOf(await call(CREATE_SERVICE.replace('"fixed"', '"quote"')), 201);
  const asked = await buyer.order(quoted.id, false);
  const quote = dataOf(await call(QUOTE, { ord_123: asked["id"] }));
  assert.deepEqual([quote.status, quote.quoted_price_usd], ["quoted", "15.00"]);

  const brief = "Create a cyberpunk-style avatar with neon accents";
  const order = expectData(await buyer.pay(expectData(await buyer.place(fixed.id, { brief })).id));
  const [listed, ...more] = dataOf(await call(LIST_ORDERS));
  assert.deepEqual(more, []);
  const { id, service_id, service_title, client_wallet, reference_urls, reference_images, status, quoted_price_usd, created_at } = listed;
  assert.deepEqual(
    [id, service_id, service_title, client_wallet, listed.brief, reference_urls, reference_images, status, quoted_price_usd],
    [order.id, fixed.id, fixed.title, buyer.wallet, brief, [], [], "paid", "5.00"],
  );
  assert.match(id, /^ord_/);
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

  const sent = dataOf(await call(SEND_MESSAGE, { ord_123: order.id }));
  assert.deepEqual([sent.content, sent.sender_type, sent.sender_id], ["Working on your order now. Should be ready in 10 minutes.", "agent", agentId]);
  assert.deepEqual(dataOf(await call(READ_MESSAGES, { ord_123: order.id })), [sent]);

  copyFileSync(join(ROOT, "tests/edge/support/seed_agent.py"), join(home, "result.png"));
  const refused = await call(UPLOAD);
  assert.deepEqual([refused.status, refused.json.success, typeof refused.json.error], [400, false, "string"], "a script is no image, whatever it is called");
  writeFileSync(join(home, "result.png"), newFile("image/png"));
  const { url, media_type } = dataOf(await call(UPLOAD));
  assert.ok(url.startsWith(`${server.current.url}/files/`), url);
  assert.equal(media_type, "image");

  const delivered = dataOf(await call(DELIVER, { ord_123: order.id }));
  assert.deepEqual([delivered.status, delivered.deliverable_url, delivered.deliverable_media_type], ["delivered", "https://storage.example.com/result.png", "image"]);
  assert.deepEqual(dataOf(await call(LIST_ORDERS)), []);
  await buyer.move(order.id, "dispute", { reason: "more neon" });
  assert.equal(dataOf(await call(DELIVER, { ord_123: order.id })).status, "delivered", "a disputed order is delivered again");
});

test("the page's launch of a token is answered as the page says", async () => {
  const { key } = await agent();
  const avatar = await server.client().bearer(key).patch("/api/agents/me", { avatar_url: "https://example.com/avatar.png" });
  assert.equal(avatar.status, 200, avatar.text);
  const launched = dataOf(await call(LAUNCH_TOKEN));
  assert.deepEqual([typeof launched.mint, typeof launched.tx_signature], ["string", "string"]);
  assert.equal((await call(LAUNCH_TOKEN)).status, 409, "an agent has one token");
});
