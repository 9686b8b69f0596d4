// Every field of every route against values that do not fit it: each is refused with the path of the field, and nothing is
// done. What is refused follows from what a field is; see support/field.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newSlug, signIn, signUp } from "./support/agent.ts";
import { Buyer, expectData, type Json } from "./support/buyer.ts";
import type { Client, Reply } from "./support/client.ts";
import { expectFault, type FaultRoot } from "./support/fault.ts";
import { fit, unfit, type Field, type Kind } from "./support/field.ts";
import { newAgentKey, newEmail, newManager, PASSWORD } from "./support/human.ts";
import { newOperator } from "./support/household.ts";
import { makeSeller, makeService } from "./support/market.ts";
import { once } from "./support/once.ts";
import { ROUTES, type Route } from "./support/route.ts";
import { useServer } from "./support/server.ts";
import { newMandate, newToken, packetOf } from "./support/spender.ts";
import { stateOfBook, stateOfTenant, uuidOfTenant } from "./support/state.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });

type Form = {
  root: FaultRoot;
  client: Client;
  path: string;
  /** A body that is taken, once at least. */
  good: Record<string, unknown>;
  fields: Record<string, Field>;
  /** Whether it is taken as often as one likes. */
  repeatable: boolean;
  /** POST, if nothing is said. */
  method?: string;
};

const text = (min: number, max: number): Kind => ({ is: "text", min, max });
const id = (max: number): Kind => ({ is: "text", min: 1, max, emptyIsNone: true });
const req = (kind: Kind): Field => ({ kind, required: true });
const opt = (kind: Kind): Field => ({ kind });
const count: Kind = { is: "whole", min: 0, max: Number.MAX_SAFE_INTEGER };
const sessionId: Kind = { is: "form", bad: ["", " ", "a b", "a?b", "a#b", "a%3Ab", "é", "a\n", "\u007f", "x".repeat(201)] };
const optionalSessionId: Kind = { is: "form", bad: [" ", "a b", "a?b", "a#b", "a%3Ab", "é", "a\n", "\u007f", "x".repeat(201)] };
const email: Kind = { is: "form", bad: ["", "nobody", "@example.org", "ada@", "ada@localhost", "a b@example.org", "ada@example.org\n", `${"a".repeat(255)}@example.org`] };
const slug: Kind = { is: "form", bad: ["", "ab", "Abc", "a--b", "-ab", "ab-", "a_b", "x".repeat(41), "аbc", "admin"] };

/** Who asks, and a session to ask about. */
const people = once(async () => {
  const [agent, manager, wallet] = await Promise.all([signUp(server.client()), newManager(server.client()), signIn(server.client())]);
  const open = await agent.runtime.post("/v2/session/open", { session_id: "s", metadata: { a: 1 } });
  assert.equal(open.status, 200, open.text);
  const append = await agent.runtime.post("/v2/session/append", { session_id: "s", content: "once", idempotency_key: "k" });
  assert.equal(append.status, 200, append.text);
  const { agentId } = await newAgentKey(manager);
  const token = await manager.client.post(`/v2/tenants/${manager.tenantId}/enrollment-tokens`, {});
  return { agent, manager, wallet, agentId, enrollmentToken: token.json.enrollment_token };
});

/** A company that spends: an agent with a mandate and a token, a child with a lease, a hold, a question to a human. */
const spenders = once(async () => {
  const { manager, agentId } = await people();
  const { management } = manager;
  const funded = await management.post(`/v1/wallets/${manager.walletId}/fund`, { amount: 1_000_000 }, { "idempotency-key": "capital" });
  assert.equal(funded.status, 201, funded.text);
  const [mandate, strict, other, child, operator] = await Promise.all([
    newMandate(management, agentId, { per_transaction_limit: 100_000_000 }),
    newMandate(management, agentId, { total_limit: 100_000, approval_threshold: 0 }),
    newMandate(management, agentId),
    newAgentKey(manager, "child"),
    newOperator(server.current),
  ]);
  const spend = { kind: "tool", amount: 1, agent_id: agentId, mandate_id: mandate.id, merchant: "Ada" };
  const hold = async (mandate_id: string): Promise<Record<string, any>> => {
    const held = await management.post("/v1/spend-guard/reservations", { ...spend, mandate_id, ttl_seconds: 86_400 });
    assert.ok(held.status === 201 || held.status === 202, held.text);
    return held.json;
  };
  const payer = server.client().bearer(await newToken(management, agentId, { mandate_id: mandate.id, ttl_seconds: 900 }));
  const lease = { child_agent_id: child.agentId, mandate_id: mandate.id, amount: 1 };
  const lent = await Promise.all([management.post("/v1/spend-guard/budget-leases", lease), management.post("/v1/spend-guard/budget-leases", lease)]);
  const holds = await Promise.all([hold(mandate.id), hold(mandate.id), hold(strict.id), hold(strict.id)]);
  return { manager, agentId, mandate, other, spend, payer, lease, lent: lent.map(({ json }) => json), holds, operator };
});

const metadata = opt({ is: "object", bytes: 16_384 });
const flag = opt({ is: "flag" });
const anyText: Kind = { is: "form", bad: [] };

type Fields = Record<string, Field>;

const OBSERVATION: Fields = {
  source_id: opt(id(200)),
  importance_score: opt({ is: "number", min: 0, max: 1 }),
  tags: opt({ is: "tags" }),
  idempotency_key: opt(id(255)),
};

function runtimeForms(client: Client): Form[] {
  const form = (name: string, good: object, fields: Fields, repeatable = true): Form => ({
    root: "v2", client, path: `/v2/${name}`, good: { ...good }, fields: { tenant_id: opt(anyText), ...fields }, repeatable,
  });
  const session = (name: string, good: object, fields: Fields, repeatable = true): Form =>
    form(`session/${name}`, { session_id: "s", ...good }, { session_id: req(sessionId), ...fields }, repeatable);
  return [
    form("query", { query_text: "rain" }, {
      query_text: req(text(1, 4_096)), limit: opt({ is: "whole", min: 1, max: 50 }), session_id: opt(optionalSessionId), source_id: opt(id(200)),
    }),
    form("prime-context", { task_description: "rain" }, {
      task_description: req(text(1, 4_096)), token_budget: opt({ is: "whole", min: 0, max: 32_000 }), agent_id: opt(id(200)), session_id: opt(optionalSessionId),
    }),
    session("open", {}, { agent_id: opt(id(200)), token_budget: opt(count), metadata }),
    session("append", { content: "x" }, { content: req(text(1, 65_536)), ...OBSERVATION, working_memory_budget_tokens: opt(count) }),
    session("flush", {}, { smart_consolidation: flag }),
    session("finalize", { observations: [] }, {
      agent_id: opt(id(200)), token_budget: opt(count), metadata, summary: opt(id(16_384)), smart_consolidation: flag, working_memory_budget_tokens: opt(count),
    }, false),
    session("close", {}, { summary: opt(id(16_384)), smart_consolidation: flag, min_sequence: opt(count) }, false),
    form("session/s/status", {}, {}),
  ];
}

/** The most minor units there can be: 2^53-1 micro-units. */
const MINOR_MAX = 900_719_925_474;
const whole = (min: number, max: number): Kind => ({ is: "whole", min, max });
const amount = whole(1, MINOR_MAX);
const limit = opt(whole(0, MINOR_MAX));
const currency = opt({ is: "form", bad: ["", "x".repeat(17), "a\u0000"] });
const action: Kind = { is: "one of", values: ["payment:execute", "token:spend", "tool:spend", "delegation:spend"] };
const merchant: Kind = { is: "form", bad: ["", "   ", "\t", "a\nb", "a\tb", "a\u0000b", "x".repeat(129), "🦀".repeat(129)] };
const key = opt({ is: "form", bad: ["", "a b", "é", "a\n", "x".repeat(256)] });
const idOf = (kind: string): Kind => ({ is: "form", bad: ["", "x", `${kind}_`, `${kind}_8ZZZZZZZZZZZZZZZZZZZZZZZZZ`, `key_01J8ZZZZZZZZZZZZZZZZZZZZZZ`, ` ${kind}_01J8ZZZZZZZZZZZZZZZZZZZZZZ`] });
const agentName: Kind = { is: "form", bad: ["", "x", "agt_", "agt_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "key_01J8ZZZZZZZZZZZZZZZZZZZZZZ"] };
/** A moment, or a date. */
const expiry = opt({ is: "form", bad: ["", "now", "2099", "2099-01-01T00:00:00", "2099-02-30", "2099-13-01", "2099-1-1", "2020-01-01", "2020-01-01T00:00:00Z", "99999-01-01"] });
const listOf = (bad: string[]): Kind => ({ is: "list", bad });

async function moneyForms(): Promise<Form[]> {
  const { manager, agentId, mandate, other, spend, payer, lease, lent, holds, operator } = await spenders();
  const { management } = manager;
  const form = (path: string, good: object, fields: Fields, repeatable = true, client = management, method = "POST"): Form =>
    ({ root: "v1", client, path: `/v1/${path}`, good: { ...good }, fields, repeatable, method });
  const terms: Fields = {
    currency, name: opt(text(1, 128)), per_transaction_limit: limit, daily_limit: limit, monthly_limit: limit, approval_threshold: limit,
    allowed_merchants: opt(listOf([JSON.stringify(Array.from({ length: 201 }, (_, at) => `${at}`))])),
    allowed_actions: opt(listOf([])), expires_at: expiry, wallet_id: opt(idOf("wal")), metadata,
  };
  const money: Fields = { kind: req({ is: "one of", values: ["payment", "token", "tool", "delegated"] }), amount: req(amount), currency, merchant: opt(merchant), resource: opt(text(1, 256)) };
  const what: Fields = {
    ...money, agent_id: req(agentName), mandate_id: req(idOf("mdt")), lease_id: opt(idOf("lse")), ttl_seconds: opt(whole(1, 86_400)),
    description: opt(text(0, 1_024)), metadata,
  };
  const reason = opt(text(0, 1_024));
  const packet = packetOf("pending", null);
  const approvalOf = (at: number): string => `approvals/${String(holds[at]?.["approval_id"])}`;
  return [
    form("mandates", { agent_id: agentId, total_limit: 5 }, { agent_id: req(agentName), ...terms, total_limit: req(whole(0, MINOR_MAX)) }),
    form(`mandates/${other.id}`, { version: 1, total_limit: 5 }, {
      version: { kind: whole(1, Number.MAX_SAFE_INTEGER) }, ...terms, total_limit: req(whole(0, MINOR_MAX)), agent_id: opt(agentName), status: opt({ is: "one of", values: ["active", "suspended", "revoked"] }),
    }, false, management, "PUT"),
    form(`agents/${agentId}/execution-tokens`, { mandate_id: mandate.id, action: "tool:spend", audience: "spendguard-actions" }, {
      mandate_id: req(idOf("mdt")), action: req(action), audience: req({ is: "one of", values: ["spendguard-actions"] }), ttl_seconds: opt(whole(30, 900)), lease_id: opt(idOf("lse")),
    }),
    form("payments", { amount: 1, currency: "usd", merchant: "Ada" }, {
      amount: req(amount), currency: { ...currency, required: true }, merchant: req(merchant), mandate_id: opt(idOf("mdt")), description: opt(text(0, 1_024)), metadata, idempotency_key: key,
    }, false, payer.with({ "idempotency-key": "fields" })),
    form("spend-guard/estimate", { kind: "tool", amount: 1 }, { ...money, amount: req(whole(0, MINOR_MAX)) }),
    form("spend-guard/authorize", spend, what),
    form("spend-guard/reservations", spend, what, false),
    form("spend-guard/reservations/batch", { items: [spend] }, { items: req(listOf(["[]", JSON.stringify(Array(101).fill(spend))])), atomic: flag }),
    form(`spend-guard/reservations/${holds[0]?.["id"]}/capture`, {}, { amount: opt(amount) }, false),
    form(`spend-guard/reservations/${holds[1]?.["id"]}/release`, {}, { reason: opt(text(0, 256)) }),
    form("spend-guard/budget-leases", lease, {
      child_agent_id: req(agentName), mandate_id: opt(idOf("mdt")), amount: req(amount), currency, per_transaction_limit: limit, ttl_seconds: opt(whole(1, 315_360_000)),
      allowed_merchants: terms["allowed_merchants"]!, allowed_actions: terms["allowed_actions"]!, expires_at: expiry,
    }, false),
    form(`spend-guard/budget-leases/${lent[0]?.["id"]}/release`, {}, {}),
    form(`spend-guard/budget-leases/${lent[1]?.["id"]}/revoke`, {}, {}),
    form(`${approvalOf(2)}/approve`, {}, { reason }),
    form(`${approvalOf(3)}/deny`, {}, { reason }),
    form("tenant/kill-switch", { on: false }, { on: req({ is: "flag" }), reason }, false, management, "PUT"),
    form("tenant/go-no-go", packet, { items: req({ is: "list", bad: [] }) }, false, operator.client.with({ "x-tenant-id": manager.tenantId }), "PUT"),
  ];
}

async function agentForms(): Promise<Form[]> {
  const { management, tenantUuid } = (await people()).manager;
  await server.current.editObject("Tenant", { name: tenantUuid }, "UPDATE tenant SET plan = 'professional'");
  const made = await Promise.all([management.post("/v1/agents", { name: "suspended" }), management.post("/v1/agents", { name: "changed" })]);
  assert.deepEqual(made.map(({ status }) => status), [201, 201], made[0]?.text);
  const [suspended, changed] = made.map(({ json }) => `/v1/agents/${json.agt_id}`);
  const form = (path: string, good: object, fields: Fields, repeatable = true, method = "POST"): Form =>
    ({ root: "v1", client: management, path, good: { ...good }, fields, repeatable, method });
  const name: Kind = { is: "form", bad: ["", "  ", "\t\n", "\u3000", "a\u0000b", "a\u0085b", "x".repeat(257), "🦀".repeat(257)] };
  // What is wrong with one entry is told at its own path: agent.test.ts.
  const scopes = ['["a:b","a:b"]', JSON.stringify(Array.from({ length: 129 }, (_, at) => `r:a${at}`))];
  const description = opt(text(0, 2_048));
  const reason = opt(text(0, 1_024));
  return [
    form("/v1/agents", { display_name: "scout" }, {
      display_name: req(name), agent_type: opt({ is: "one of", values: ["orchestrator", "worker", "inference", "pipeline", "service", "bot", "llm"] }),
      description, scopes: opt(listOf(scopes)), scope: opt(listOf(['{"actions":["a:b"],"resources":["c"]}'])), metadata, expires_at: opt({ is: "time" }),
    }, false),
    form(changed!, { display_name: "other", description: "x" }, {
      display_name: opt(name), description, metadata, status: opt({ is: "one of", values: ["active", "suspended"] }), scopes: opt(listOf(["[]"])), scope: opt(listOf(["{}"])),
    }, true, "PATCH"),
    form(`${changed}/keys/rotate`, {}, { reason, compromised: flag, overlap_seconds: opt(whole(0, 86_400)) }),
    form(`${suspended}/suspend`, {}, { reason }, false),
    form(`${suspended}/revoke`, {}, { reason }, false),
  ];
}

async function proofForms(): Promise<Form[]> {
  const { management } = (await people()).manager;
  const post = async (path: string, body: object): Promise<Record<string, any>> => {
    const made = await management.post(path, body);
    assert.equal(made.status, 201, made.text);
    return made.json;
  };
  const [giver, receiver] = await Promise.all([post("/v1/agents", { name: "giver", scopes: ["data:*"] }), post("/v1/agents", { name: "receiver" })]);
  const offer = { from_agent_id: giver["agt_id"], to_agent_id: receiver["agt_id"], scopes: ["data:read"] };
  const session = { agent_id: giver["agt_id"] };
  const [one, other, third, offered] = await Promise.all([
    post("/v1/sessions", session), post("/v1/sessions", session), post("/v1/sessions", session), post("/v1/delegations", offer),
  ]);
  const form = (path: string, good: object, fields: Fields, repeatable = true, method = "POST"): Form =>
    ({ root: "v1", client: management, path, good: { ...good }, fields, repeatable, method });
  const lists = ['["a:b","a:b"]', JSON.stringify(Array.from({ length: 129 }, (_, at) => `r:a${at}`))];
  const scopes: Fields = { scopes: opt(listOf(lists)), scope: opt(listOf(['{"actions":["a:b"],"resources":["c"]}'])) };
  const terms: Fields = { agent_id: req(agentName), ...scopes, ttl_minutes: opt(whole(1, 1_440)), ttl_seconds: opt(whole(60, 86_400)), metadata };
  const reason = opt(text(0, 1_024));
  const hash = opt(text(0, 128));
  return [
    form("/v1/agent-sessions", session, terms),
    form("/v1/sessions", session, terms),
    { ...form("/v1/agent-sessions/refresh", { refresh_token: one["refresh_token"] }, { refresh_token: req(anyText) }, false), client: server.client() },
    form(`/v1/sessions/${other["id"]}/terminate`, {}, { reason }),
    form(`/v1/agent-sessions/${third["id"]}`, {}, { reason }, true, "DELETE"),
    form("/v1/delegations", offer, { from_agent_id: req(agentName), to_agent_id: req(agentName), scopes: scopes["scopes"]!, scope: opt(listOf([])), ttl_seconds: opt(whole(1, 31_536_000)) }),
    form(`/v1/delegations/${offered["id"]}/accept`, {}, {}),
    form("/v1/guardrails/check", { ...session, action: "data:read" }, {
      agent_id: req(agentName), action: req({ is: "form", bad: ["", "*:*", "!a:b", "a:*", "a:b:c", "a b:c", "x".repeat(257)] }), resource_id: opt(text(1, 256)), context: metadata,
    }),
    form("/v1/agent-receipts", { ...session, action: "data:read" }, {
      agent_id: req(agentName), action: req(text(1, 256)), purpose: opt(text(0, 1_024)), metadata: opt({ is: "object", bytes: 65_536 }), inputs_hash: hash, outputs_hash: hash,
      receipt_type: opt({
        is: "one of",
        values: ["genesis", "delegation", "action", "revocation", "data.attestation", "model.attestation", "compliance", "truth.claim", "truth.verification"],
      }),
    }),
  ];
}

const DELIVERY = { deliverable_url: "https://storage.example.com/result.png", deliverable_media_type: "image" };

/** A seller and a buyer, with an order in each state in which a body is read. */
const market = once(async () => {
  const seller = await makeSeller(server.client());
  const [fixed, quoted, weekly] = [await makeService(seller), await makeService(seller, { price_type: "quote" }), await makeService(seller, { price_type: "weekly" })];
  const buyer = new Buyer(server.current);
  const newOrder = async (service: Json, ...moves: ((id: string) => Promise<Reply>)[]): Promise<string> => {
    const { id } = await buyer.order(service["id"], false);
    for (const move of moves) expectData(await move(id));
    return id;
  };
  const pay = (id: string): Promise<Reply> => buyer.pay(id);
  const deliver = (id: string): Promise<Reply> => seller.client.post(`/api/orders/${id}/deliver`, DELIVERY);
  const [dispute, approve] = ["dispute", "approve"].map((action) => (id: string) => buyer.move(id, action)) as [typeof pay, typeof pay];
  const orders = {
    asked: await newOrder(quoted),
    unpaid: await newOrder(fixed),
    paid: await newOrder(fixed, pay),
    delivered: await newOrder(fixed, pay, deliver),
    disputed: await newOrder(fixed, pay, deliver, dispute),
    completed: await newOrder(fixed, pay, deliver, approve),
    workspace: await newOrder(weekly, pay),
  };
  return { seller, buyer, service: fixed, quoted, newOrder, moves: { pay, deliver, dispute, approve }, orders, proof: await buyer.proof() };
});

async function orderForms(): Promise<Form[]> {
  const [{ operator }, { seller, buyer, service, orders, proof }] = [await spenders(), await market()];
  const form = (client: Client, path: string, good: object, fields: Fields, repeatable = false, method = "POST"): Form =>
    ({ root: "api", client, path: `/api/orders${path}`, good: { ...good }, fields, repeatable, method });
  const buyers = (path: string, good: object, ...rest: [Fields, boolean?, string?]): Form => form(buyer.client, path, { ...proof, ...good }, ...rest);
  const action = req({ is: "one of", values: ["accept", "pay", "approve", "cancel", "dispute", "request", "start"] });
  const move = (id: string, good: object, fields: Fields): Form => buyers(`/${id}`, good, { action, ...fields }, false, "PATCH");
  const brief = text(10, 1_000);
  // Another service is not found, another wallet is not let in: what is told of these two is what they are not even shaped like.
  const anyService: Kind = { is: "form", bad: [] };
  const url: Kind = {
    is: "form",
    bad: ["", "x", "example.com/x", "ftp://example.com/x", "https://", "https://user@example.com/x", "https://exa mple.com/x", "http://10.0.0.1/x", "http://[fd00::1]/x",
      "http://metadata.google.internal/x", `https://example.com/${"x".repeat(2_048)}`],
  };
  const price: Kind = { is: "form", bad: ["", "x", "0", "0.00", "-1", "+1", "1.001", "1e3", "5,00", " 5.00", "1000000.01", "NaN", "1".repeat(17)] };
  return [
    buyers("", { service_id: service["id"], brief: "A harbour at night", client_wallet: buyer.wallet }, {
      service_id: req(anyService), brief: req(brief), client_wallet: req({ is: "form", bad: [] }),
      // What is wrong with one entry is told at its own path: order.test.ts.
      reference_urls: opt(listOf([JSON.stringify(Array(6).fill("https://example.com/x"))])), reference_images: opt(listOf([JSON.stringify(Array(4).fill("https://example.com/x"))])),
    }, true),
    move(orders.unpaid, { action: "pay", escrow_tx_hash: "fields" }, {
      payment_method: opt({ is: "form", bad: ["", "usdc", "USDC-SOL", "x".repeat(33)] }), escrow_tx_hash: req(text(1, 128)),
    }),
    move(orders.delivered, { action: "dispute" }, { reason: opt(text(0, 1_000)) }),
    move(orders.workspace, { action: "request", brief: "The same, but by day" }, { brief: req(brief) }),
    form(operator.client, `/${orders.disputed}/resolve`, { outcome: "release", note: "as delivered" }, {
      outcome: req({ is: "one of", values: ["release", "refund", "split"] }), provider_percent: opt(whole(1, 99)), note: req(text(1, 1_000)),
    }),
    form(seller.client, `/${orders.paid}/deliver`, DELIVERY, { deliverable_url: req(url), deliverable_media_type: req({ is: "one of", values: ["image", "video"] }) }),
    form(seller.client, `/${orders.asked}/quote`, { price_usd: "15.00" }, { price_usd: req(price) }),
    form(seller.client, `/${orders.paid}/messages`, { content: "On my way" }, { content: req({ is: "form", bad: ["", " ", "\t\n", "a\u0000b", "x".repeat(2_001), "🦀".repeat(2_001)] }) }, true),
    buyers(`/${orders.completed}/review`, { rating: 5 }, { rating: req(whole(1, 5)), comment: opt(text(0, 500)) }),
  ];
}

const forms = once(async (): Promise<Form[]> => {
  const { agent, manager, wallet, enrollmentToken } = await people();
  const form = (root: FaultRoot, client: Client, path: string, good: object, fields: Fields, repeatable = false): Form =>
    ({ root, client, path, good: { ...good }, fields, repeatable });
  const tenants = `/v2/tenants/${manager.tenantId}`;
  const fund = `/v1/wallets/${manager.walletId}/fund`;
  const credentials = { email: manager.email, password: PASSWORD };
  return [
    ...runtimeForms(agent.runtime),
    ...(await moneyForms()),
    ...(await agentForms()),
    ...(await proofForms()),
    ...(await orderForms()),
    form("v2", server.client(), "/v2/billing/agent/challenge", { wallet_address: agent.account.address }, {
      wallet_address: req({ is: "form", bad: ["", "0x", "0x1"] }), chain_id: opt({ is: "whole", min: 1, max: Number.MAX_SAFE_INTEGER }),
    }, true),
    form("v2", wallet.client, "/v2/agents/signup", { tenant_id: newSlug() }, { tenant_id: req(slug), owner_email: opt(email), metadata }),
    form("v2", wallet.client, "/v2/agents/enroll", { enrollment_token: enrollmentToken }, { enrollment_token: req(anyText), metadata }),
    form("v2", agent.client, "/v2/agents/owner-bootstrap", { owner_email: newEmail() }, { owner_email: req(email), tenant_id: opt(anyText) }),
    form("v2", manager.client, "/v2/tenants", { tenant_id: newSlug() }, { tenant_id: req(slug), name: opt(text(1, 128)) }),
    form("v2", manager.client, `${tenants}/enrollment-tokens`, {}, { label: opt(text(1, 64)), ttl_seconds: opt({ is: "whole", min: 60, max: 86_400 }) }, true),
    form("v2", manager.client, `${tenants}/agent-keys`, { label: "scout" }, { agent_id: opt(anyText), label: opt(text(1, 64)), expires_at: opt({ is: "time" }) }),
    form("v1", manager.management, "/v1/wallets", { currency: "usd" }, {
      currency: req({ is: "form", bad: ["", "x".repeat(17), "a\u0000"] }), name: opt(text(1, 128)), mode: opt({ is: "one of", values: ["sandbox", "live"] }), metadata,
    }),
    form("v1", manager.management.with({ "idempotency-key": "fields" }), fund, { amount: 1 }, {
      amount: req({ is: "whole", min: 1, max: 1_000_000 }), currency: opt({ is: "form", bad: ["", "x".repeat(17)] }),
      source: opt({ is: "one of", values: ["sandbox", "provider"] }), idempotency_key: opt({ is: "form", bad: ["", "a b", "é", "a\n", "x".repeat(256)] }),
    }),
    form("v1", manager.management, "/v1/api-keys", {}, {
      label: opt(text(1, 64)), environment: opt({ is: "one of", values: ["live", "test"] }), expires_at: opt({ is: "time" }),
    }, true),
    form("api", server.client(), "/api/register", { email: newEmail(), password: PASSWORD }, {
      email: req(email), password: req(text(8, 256)), name: opt(text(1, 128)), referralCode: opt({ is: "form", bad: ["no spaces", "x".repeat(21), "é", "a_b"] }),
    }),
    form("api", server.client(), "/api/auth/token", credentials, { email: req(email), password: req(text(1, 256)) }),
    form("api", server.client().with({ accept: "application/json" }), "/api/auth/callback/credentials", credentials, { email: req(email), password: req(text(1, 256)) }),
  ];
});

/** Routes that read no field, and those whose fields have a file of their own. */
const ELSEWHERE = new Set([
  ...["signOut", "createWalletSession", "advanceTestClock", "rotateWebhookSecret", "testWebhook", "replayWebhookDelivery", "computeTrustScore"],
  // webhook.test.ts and event.test.ts
  ...["createWebhook", "updateWebhook", "replayWebhook", "updateTenant"],
  // seller.test.ts and service.test.ts
  ...["registerSeller", "recoverSeller", "updateSeller", "rotateSellerKey", "createService", "updateService"],
  // launch.test.ts and order.test.ts
  "launchToken",
  "namePayoutWallet",
]);

const FIELD_CODE: Record<FaultRoot, string> = { v1: "INVALID_INPUT", v2: "invalid_request", api: "VALIDATION_ERROR" };

async function stateOfAll(): Promise<unknown> {
  const [{ agent, manager }, { seller }] = [await people(), await market()];
  const uuids = [await uuidOfTenant(server.current, agent.tenantId), manager.tenantUuid, seller.tenantUuid];
  const database = server.current.runtime.database();
  const claims = await database.batch(["market_orders", "market_transactions"].map((table) => database.prepare(`SELECT * FROM ${table} ORDER BY 1`)));
  return [await stateOfBook(server.current), claims.map(({ results }) => results), await Promise.all(uuids.map((uuid) => stateOfTenant(server.current, uuid)))];
}

/** The good body with one member written as this JSON text. */
function bodyWith(good: Record<string, unknown>, name: string, value: string): string {
  const others = Object.entries(good).filter(([known]) => known !== name);
  return `{${[...others.map(([known, member]) => `${JSON.stringify(known)}:${JSON.stringify(member)}`), `${JSON.stringify(name)}:${value}`].join(",")}}`;
}

function send(form: Form, body: string): Promise<Reply> {
  return form.client.send(form.method ?? "POST", form.path, { body, headers: { "content-type": "application/json" } });
}

/** So many at once: a crowd in one burst would only wait in line. */
async function eachOf<T>(items: T[], work: (item: T) => Promise<void>, width = 16): Promise<void> {
  const left = [...items];
  await Promise.all(Array.from({ length: width }, async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  }));
}

test("every route that reads JSON stands in this file", async () => {
  const patterns = ROUTES.filter((route) => route.body.startsWith("Json") && !ELSEWHERE.has(route.name)).map((route) => [route, patternOf(route)] as const);
  const paths = (await forms()).map(({ path }) => path);
  assert.ok(patterns.length > 15);
  assert.deepEqual(patterns.filter(([, pattern]) => !paths.some((path) => pattern.test(path))).map(([route]) => route.name), []);
});

test("a value that does not fit is refused with the path of its field, at every field of every route, and nothing is done", async () => {
  const all = await forms();
  const before = await stateOfAll();
  const cases = all.flatMap((form) => Object.entries(form.fields).flatMap(([name, field]) => unfit(field).map((value) => ({ form, name, value }))));
  assert.ok(cases.length > 600, `${cases.length} cases`);
  const wrong: string[] = [];
  await eachOf(cases, async ({ form, name, value }) => {
    const reply = await send(form, bodyWith(form.good, name, value));
    try {
      expectFault(reply, form.root, 400, FIELD_CODE[form.root], { path: `$.${name}` });
      if (value.length > 12) assert.ok(!reply.text.includes(value), "the value came back");
    } catch {
      wrong.push(`${form.path} ${name}=${value.slice(0, 40)}: ${reply.status} ${reply.text.slice(0, 200)}`);
    }
  });
  assert.deepEqual(wrong, []);
  assert.deepEqual(await stateOfAll(), before);
});

test("a required field that is not there is named, at every route", async () => {
  const all = await forms();
  const before = await stateOfAll();
  const cases = all.filter(({ path }) => path !== "/api/auth/token").flatMap((form) => Object.entries(form.fields).filter(([, field]) => field.required).map(([name]) => ({ form, name })));
  await eachOf(cases, async ({ form, name }) => {
    const { [name]: _, ...rest } = form.good;
    expectFault(await send(form, JSON.stringify(rest)), form.root, 400, FIELD_CODE[form.root], { path: `$.${name}` });
  });
  assert.deepEqual(await stateOfAll(), before);
});

test("of two faults the first in the document is told, whichever fields they are in", async () => {
  const all = await forms();
  const before = await stateOfAll();
  const wrong: string[] = [];
  const pairs = all.flatMap((form) => {
    // The key of idempotency is looked at apart from the fields.
    const names = Object.keys(form.fields).filter((name) => form.root === "v2" || name !== "idempotency_key");
    return names.flatMap((one) => names.filter((other) => other !== one).map((other) => ({ form, one, other })));
  });
  assert.ok(pairs.length > 100);
  await eachOf(pairs, async ({ form, one, other }) => {
    const others = Object.entries(form.good).filter(([name]) => name !== one && name !== other).map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`);
    const reply = await send(form, `{"${one}":[["no"]],"${other}":[["no"]]${others.join("")}}`);
    const path = form.root === "v1" ? reply.json.details?.path : reply.json.path;
    // An array of an array is a fault in any field but tags, where it is one too.
    if (reply.status !== 400 || ![`$.${one}`, `$.${one}[0]`].includes(path)) wrong.push(`${form.path} ${one}, ${other}: ${reply.status} ${reply.text.slice(0, 200)}`);
  });
  assert.deepEqual(wrong, []);
  assert.deepEqual(await stateOfAll(), before);
});

test("null in an optional field is as if it were not there, and an empty optional id is none", async () => {
  const all = await forms();
  const wrong: string[] = [];
  for (const form of all) {
    const names = Object.entries(form.fields).filter(([, field]) => !field.required);
    const nulls = Object.fromEntries(names.map(([name]) => [name, null]));
    const empties = Object.fromEntries(names.filter(([, { kind }]) => kind.is === "text" && kind.emptyIsNone).map(([name]) => [name, ""]));
    const reply = await send(form, JSON.stringify({ ...nulls, ...empties, ...form.good }));
    if (reply.status >= 300) wrong.push(`${form.path}: ${reply.status} ${reply.text}`);
  }
  assert.deepEqual(wrong, []);
});

test("a value at the end of its range is taken", async () => {
  const { agent } = await people();
  assert.equal((await agent.runtime.post("/v2/session/open", { session_id: "s" })).status, 200, "closed by the test before");
  const all = (await forms()).filter((form) => form.repeatable);
  const cases = all.flatMap((form) => Object.entries(form.fields).flatMap(([name, field]) => fit(field).map((value) => ({ form, name, value }))));
  const wrong: string[] = [];
  await eachOf(cases, async ({ form, name, value }) => {
    // A session keeps its metadata and keys: one of its own for each.
    const good = { ...form.good };
    if (form.path.startsWith("/v2/session/") && form.path !== "/v2/session/flush") {
      good["session_id"] = newSlug();
      if (form.path === "/v2/session/append") await agent.runtime.post("/v2/session/open", { session_id: good["session_id"] });
    }
    const reply = await send(form, bodyWith(good, name, value));
    if (reply.status >= 300) wrong.push(`${form.path} ${name}=${value.slice(0, 40)}: ${reply.status} ${reply.text.slice(0, 200)}`);
  });
  assert.deepEqual(wrong, []);
});

test("a value at the end of its range is taken of an order, which moves with it", async () => {
  const { seller, buyer, service, quoted, newOrder, moves, orders } = await market();
  const { operator } = await spenders();
  const { pay, deliver, dispute, approve } = moves;
  const long = (length: number): string => "🦀".repeat(length);
  const fileUrl = `${server.current.url}/files/atelier/briefs/${buyer.wallet}/${"0".repeat(42)}.png`;
  const references = { reference_urls: Array(5).fill("https://example.com/x"), reference_images: Array(3).fill(fileUrl) };
  const placed = expectData(await buyer.place(service["id"], references));
  assert.deepEqual([placed.reference_urls, placed.reference_images], [references.reference_urls, references.reference_images]);
  for (const [price_usd, shown] of [["0.01", "0.01"], ["5", "5.00"], ["5.0", "5.00"], ["1000000.00", "1000000.00"]]) {
    const reply = await seller.client.post(`/api/orders/${await newOrder(quoted)}/quote`, { price_usd });
    assert.equal(expectData(reply).quoted_price_usd, shown);
  }
  for (const escrow_tx_hash of ["x", long(128)]) {
    const paid = expectData(await buyer.move(await newOrder(service), "pay", { escrow_tx_hash, payment_method: "usdc-sol" }));
    assert.deepEqual([paid.status, paid.escrow_tx_hash], ["paid", escrow_tx_hash]);
  }
  for (const [path, deliverable_media_type] of [["", "image"], ["x".repeat(2_048 - "https://example.com/".length), "video"]] as const) {
    const delivery = { deliverable_url: `https://example.com/${path}`, deliverable_media_type };
    const delivered = expectData(await seller.client.post(`/api/orders/${await newOrder(service, pay)}/deliver`, delivery));
    assert.deepEqual([delivered.deliverable_url, delivered.deliverable_media_type], [delivery.deliverable_url, deliverable_media_type]);
  }
  for (const reason of ["", long(1_000)]) expectData(await buyer.move(await newOrder(service, pay, deliver), "dispute", { reason }));
  for (const brief of [long(10), long(1_000)]) expectData(await buyer.move(orders.workspace, "request", { brief }));
  for (const [provider_percent, note] of [[1, "x"], [99, long(1_000)]] as const) {
    const disputed = await newOrder(service, pay, deliver, dispute);
    const resolved = await operator.client.post(`/api/orders/${disputed}/resolve`, { outcome: "split", provider_percent, note });
    assert.equal(expectData(resolved).status, "completed");
  }
  for (const [rating, comment] of [[1, ""], [5, long(500)]] as const) {
    const review = expectData(await buyer.send("POST", `/api/orders/${await newOrder(service, pay, deliver, approve)}/review`, { rating, comment }));
    assert.equal(review.rating, rating);
  }
  for (const content of ["x", long(2_000), ` ${long(2_000)}\n`]) {
    assert.equal(expectData(await seller.client.post(`/api/orders/${orders.paid}/messages`, { content })).content, content.trim());
  }
});

test("a field of /v1 may be spelled in camelCase, and snake_case wins where both stand", async () => {
  const { manager } = await people();
  const [near, far] = ["2098-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"];
  for (const [body, expires_at] of [[{ expiresAt: far }, far], [{ expiresAt: far, expires_at: near }, near], [{ expires_at: near, expiresAt: far }, near], [{ expires_at: near, expiresAt: 7 }, near]] as const) {
    const made = await manager.management.post("/v1/api-keys", body);
    assert.deepEqual([made.status, made.json.expires_at], [201, expires_at], made.text);
  }
  const past = await manager.management.post("/v1/api-keys", { expiresAt: "2020-01-01T00:00:00Z" });
  expectFault(past, "v1", 400, "INVALID_INPUT", { path: "$.expiresAt" });

  const fund = `/v1/wallets/${manager.walletId}/fund`;
  const one = await manager.management.post(fund, { amount: 7, idempotencyKey: "camel" });
  assert.equal(one.status, 201, one.text);
  const again = await manager.management.post(fund, { amount: 7, idempotency_key: "camel" });
  assert.deepEqual([again.status, again.json.id, again.headers.get("idempotent-replayed")], [201, one.json.id, "true"]);
});

function patternOf(route: Route): RegExp {
  return new RegExp(`^${route.path.replaceAll(/\{\*?\w+\}/g, "[^/]+")}$`);
}
