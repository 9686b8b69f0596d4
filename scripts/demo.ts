// Three journeys. An agent with nothing but a key pair reads the prices, signs in, signs up, remembers, and pays for its
// first query. A company registers an agent, gives it a mandate and a token, and lets it pay and reserve; then it proves
// where every cent went. An agent at the marketplace lists a service; a wallet orders and pays; the agent polls, uploads,
// delivers, and is paid when two days have passed, or the buyer has approved where the clock cannot be moved.
//   node scripts/demo.ts [http://127.0.0.1:8787]
// Prints every request and its answer; long secrets are shortened. Stops at the first answer that is not the expected one.

import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { base58 } from "@scure/base";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

/** No address or id is longer, and every credential is. */
const SHOWN_CHARS_MAX = 48;
const ORIGIN = new URL(process.argv[2] ?? "http://127.0.0.1:8787").origin;

type Json = Record<string, unknown>;
type Ask = { headers?: Record<string, string>; body?: Json; form?: FormData };

function fail(text: string): never {
  console.error(`\n${text}`);
  process.exit(1);
}

/** A credential stays recognizable and cannot be used from the screen. */
function shorten(_key: string, value: unknown): unknown {
  if (typeof value !== "string" || value.includes("\n") || value.includes(" ") || value.length <= SHOWN_CHARS_MAX) return value;
  return `${value.slice(0, 24)}...${value.slice(-4)}`;
}

async function call(expected: number, method: string, path: string, ask: Ask = {}): Promise<Json> {
  const headers: Record<string, string> = { ...ask.headers };
  if (ask.body) headers["content-type"] = "application/json";
  console.log(`\n> ${method} ${path}`);
  for (const [name, value] of Object.entries(headers)) console.log(`> ${name}: ${String(shorten(name, value.split(" ").at(-1)))}`);
  if (ask.body) console.log(`> ${JSON.stringify(ask.body, shorten)}`);
  if (ask.form) console.log(`> a form with ${[...ask.form.keys()].join(", ")}`);

  const startedMs = performance.now();
  let response: Response;
  try {
    const body = ask.form ?? (ask.body ? JSON.stringify(ask.body) : undefined);
    response = await fetch(ORIGIN + path, { method, headers, ...(body === undefined ? {} : { body }) });
  } catch {
    fail(`${ORIGIN} does not answer: run make dev in another terminal.`);
  }
  const text = await response.text();
  console.log(`< ${response.status} in ${(performance.now() - startedMs).toFixed(0)} ms`);
  let reply: Json;
  try {
    reply = JSON.parse(text) as Json;
  } catch {
    fail(`The answer is not JSON: ${text.slice(0, 500)}`);
  }
  for (const line of JSON.stringify(reply, shorten, 2).split("\n")) console.log(`< ${line}`);
  if (response.status !== expected) fail(`Expected ${expected}.`);
  return reply;
}

function text(reply: Json, field: string): string {
  const value = reply[field];
  return typeof value === "string" ? value : fail(`The answer has no ${field}.`);
}

/** From a wallet to a query that is paid for. */
async function walkAsAgent(): Promise<void> {
  const account = privateKeyToAccount(generatePrivateKey());
  const tenantId = `demo-${randomBytes(5).toString("hex")}`;
  console.log(`The agent has a key pair and nothing else: ${account.address}`);

  await call(200, "GET", "/.well-known/motecloud-billing.json");

  const challenge = await call(200, "POST", "/v2/billing/agent/challenge", { body: { wallet_address: account.address } });
  const signature = await account.signMessage({ message: text(challenge, "message") });
  const session = await call(200, "POST", "/v2/billing/agent/session", {
    body: { challenge_id: text(challenge, "challenge_id"), signature },
  });

  const signup = await call(201, "POST", "/v2/agents/signup", {
    headers: { authorization: `Bearer ${text(session, "session_token")}` },
    body: { tenant_id: tenantId, metadata: { label: "demo" } },
  });
  const headers = { "x-tenant-id": tenantId, "x-tenant-token": text(signup, "agent_key") };

  const working = { tenant_id: tenantId, session_id: "first-day" };
  await call(200, "POST", "/v2/session/open", { headers, body: working });
  const memories = ["The customer in Lyon wants invoices on the first of the month.", "The staging database is rebuilt every Sunday night."];
  for (const content of memories) {
    await call(200, "POST", "/v2/session/append", { headers, body: { ...working, content, importance_score: 0.8 } });
  }
  await call(200, "POST", "/v2/prime-context", {
    headers,
    body: { tenant_id: tenantId, task_description: "prepare the invoices", token_budget: 200 },
  });
  const query = await call(200, "POST", "/v2/query", {
    headers,
    body: { tenant_id: tenantId, query_text: "when does the customer want invoices?" },
  });
  await call(200, "POST", "/v2/session/close", { headers, body: working });
  console.log(`\nThe query cost ${JSON.stringify(query["cost"])} and left ${String(query["balance"])}.`);
}

const once = (): { "idempotency-key": string } => ({ "idempotency-key": randomBytes(8).toString("hex") });

/** From a password to a payment that was captured, and to books that are equal. */
async function walkAsCompany(): Promise<void> {
  console.log("\nA company lets an agent spend, under rules.");
  const person = { email: `demo-${randomBytes(6).toString("hex")}@example.com`, password: randomBytes(12).toString("hex") };
  await call(200, "POST", "/api/register", { body: person });
  const signedIn = await call(200, "POST", "/api/auth/token", { body: person });
  const key = await call(201, "POST", "/v1/api-keys", { headers: { authorization: `Bearer ${text(signedIn, "token")}` }, body: { label: "demo" } });
  const headers = { "x-api-key": text(key, "key") };

  const agent = await call(201, "POST", "/v1/agents", { headers, body: { display_name: "Buyer", agent_type: "bot" } });
  const agentId = text(agent, "agt_id");
  const wallets = await call(200, "GET", "/v1/wallets", { headers });
  const [wallet] = wallets["data"] as Json[];
  const walletId = text(wallet ?? {}, "id");
  await call(201, "POST", `/v1/wallets/${walletId}/fund`, { headers: { ...headers, ...once() }, body: { amount: 10_000 } });
  const rules = { per_transaction_limit: 5_000, daily_limit: 8_000, allowed_merchants: ["OpenAI"] };
  const mandate = await call(201, "POST", "/v1/mandates", { headers, body: { agent_id: agentId, ...rules } });
  const mandateId = text(mandate, "id");
  const grant = async (action: string, audience: string): Promise<Record<string, string>> => {
    const body = { mandate_id: mandateId, action, audience };
    const granted = await call(201, "POST", `/v1/agents/${agentId}/execution-tokens`, { headers, body });
    return { authorization: `Bearer ${text(granted, "execution_token")}` };
  };

  const toPay = await grant("payment:execute", "spendguard-payments");
  await call(201, "POST", "/v1/payments", {
    headers: { ...toPay, ...once() },
    body: { amount: 4_900, currency: "usd", merchant: "OpenAI", description: "tokens for July" },
  });
  const toSpend = await grant("tool:spend", "spendguard-actions");
  const held = await call(201, "POST", "/v1/spend-guard/reservations", {
    headers: { ...toSpend, ...once() },
    body: { kind: "tool", quantity: 250, unit_price: "0.0123", resource: "ocr" },
  });
  await call(200, "POST", `/v1/spend-guard/reservations/${text(held, "id")}/capture`, { headers: toSpend, body: { amount: 200 } });
  await call(200, "GET", `/v1/mandates/${mandateId}`, { headers });
  const books = await call(200, "GET", "/v1/ledger/reconciliation", { headers });
  console.log(`\nThe company spent 51.00 of its 101.00 dollars; its books are ${books["equal"] === true ? "equal" : "not equal"}.`);
}

/** What a call of the marketplace answers. */
async function callMarket(expected: number, method: string, path: string, ask: Ask = {}): Promise<any> {
  return (await call(expected, method, path, ask))["data"];
}

const REVIEW_S = 48 * 3_600;
/** A picture of one pixel. */
const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

/** The time of the deployment, which is another than ours once its clock was moved; undefined where no clock can be. */
async function readTestClock(): Promise<number | undefined> {
  const reply = await fetch(`${ORIGIN}/v1/test-clock`);
  if (!reply.ok) return undefined;
  return Date.parse(text((await reply.json()) as Json, "now"));
}

/** A Solana wallet: its address, and how it signs what it sends. */
function newBuyer(): { wallet: string; sign: (body: Json) => Promise<Json> } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const wallet = base58.encode(publicKey.export({ type: "spki", format: "der" }).subarray(-32));
  const prove = async (body: Json): Promise<Json> => {
    const atMs = (await readTestClock()) ?? Date.now();
    return { ...body, wallet, wallet_sig: base58.encode(sign(null, Buffer.from(`atelier:${wallet}:${atMs}`), privateKey)), wallet_sig_ts: atMs };
  };
  return { wallet, sign: prove };
}

/** From a service on offer to an order that is paid out. */
async function walkAsSeller(): Promise<void> {
  console.log("\nAn agent sells pictures, and a wallet buys one.");
  const profile = { name: "Neon Studio", description: "Pictures from a sentence", endpoint_url: "https://studio.example.com" };
  const { agent_id: agentId, api_key: key } = await callMarket(201, "POST", "/api/agents/register", { body: profile });
  const headers = { authorization: `Bearer ${key}` };
  await callMarket(200, "PATCH", "/api/agents/me", { headers, body: { payout_wallet: newBuyer().wallet } });
  const offer = { category: "image_gen", title: "A picture", description: "Of what the brief says", price_usd: "5.00", price_type: "fixed" };
  const service = await callMarket(201, "POST", `/api/agents/${agentId}/services`, { headers, body: offer });

  const buyer = newBuyer();
  const brief = { service_id: service.id, brief: "A fox in neon light", client_wallet: buyer.wallet };
  const { id } = await callMarket(200, "POST", "/api/orders", { body: await buyer.sign(brief) });
  await callMarket(200, "PATCH", `/api/orders/${id}`, { body: await buyer.sign({ action: "pay", escrow_tx_hash: `tx-${id}` }) });

  const [order] = await callMarket(200, "GET", `/api/agents/${agentId}/orders?status=paid,in_progress`, { headers });
  const form = new FormData();
  form.set("file", new Blob([PICTURE], { type: "image/png" }), "fox.png");
  const file = await callMarket(200, "POST", "/api/upload", { headers, form });
  await callMarket(200, "POST", `/api/orders/${order.id}/deliver`, { headers, body: { deliverable_url: file.url, deliverable_media_type: file.media_type } });

  if ((await readTestClock()) === undefined) await callMarket(200, "PATCH", `/api/orders/${id}`, { body: await buyer.sign({ action: "approve" }) });
  else await call(200, "POST", "/v1/test-clock", { body: { advance_seconds: REVIEW_S } });
  const [done] = await callMarket(200, "GET", `/api/agents/${agentId}/orders?status=completed`, { headers });
  console.log(`\nThe order of ${done.quoted_price_usd} dollars is ${done.status}; its agent's part, less ${done.platform_fee_usd}, is ${done.payout_status}.`);
}

await walkAsAgent();
await walkAsCompany();
await walkAsSeller();
