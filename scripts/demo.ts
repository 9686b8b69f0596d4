// Two journeys. An agent with nothing but a key pair reads the prices, signs in, signs up, remembers, and pays for its
// first query. A company registers an agent, gives it a mandate and a token, and lets it pay and reserve; then it proves
// where every cent went.
//   node scripts/demo.ts [http://127.0.0.1:8787]
// Prints every request and its answer; long secrets are shortened. Stops at the first answer that is not the expected one.

import { randomBytes } from "node:crypto";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

const SHOWN_CHARS_MAX = 60;
const ORIGIN = new URL(process.argv[2] ?? "http://127.0.0.1:8787").origin;

type Json = Record<string, unknown>;
type Ask = { headers?: Record<string, string>; body?: Json };

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

  const startedMs = performance.now();
  let response: Response;
  try {
    response = await fetch(ORIGIN + path, { method, headers, ...(ask.body ? { body: JSON.stringify(ask.body) } : {}) });
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

await walkAsAgent();
await walkAsCompany();
