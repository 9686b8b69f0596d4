// A company's money for tests: an agent, a mandate it spends under, tokens for it.

import assert from "node:assert/strict";
import type { Client, Reply } from "./client.ts";
import { newHome, type Home, type Household } from "./household.ts";
import type { Server } from "./server.ts";

export type Mandate = { id: string; version: number } & Record<string, any>;

export type Spender = {
  /** Who manages the tenant. */
  office: Client;
  agentId: string;
  mandate: Mandate;
  walletId: string;
};

export function officeOf(house: Home): Client {
  return house.stranger.with({ "x-api-key": house.apiKey });
}

/** A further agent of the tenant. */
export async function newAgent(house: Home, label = "scout"): Promise<string> {
  const made = await officeOf(house).post("/v1/agents", { display_name: label });
  assert.equal(made.status, 201, made.text);
  return made.json.agt_id;
}

export async function newMandate(office: Client, agentId: string, terms: Record<string, unknown> = { total_limit: 1_000_000 }): Promise<Mandate> {
  const made = await office.post("/v1/mandates", { agent_id: agentId, ...terms });
  assert.equal(made.status, 201, made.text);
  return made.json;
}

/** The tenant's first agent with a mandate, and a wallet of 100 dollars more. */
export async function newSpender(house: Home, terms?: Record<string, unknown>): Promise<Spender> {
  const office = officeOf(house);
  const funded = await office.post(`/v1/wallets/${house.walletId}/fund`, { amount: 10_000 }, { "idempotency-key": crypto.randomUUID() });
  assert.equal(funded.status, 201, funded.text);
  const mandate = await newMandate(office, house.agent.agentId, terms);
  return { office, agentId: house.agent.agentId, mandate, walletId: house.walletId };
}

export type TokenTerms = { mandate_id: string; action?: string; audience?: string; ttl_seconds?: number; lease_id?: string };

/** An execution token's text. */
export async function newToken(office: Client, agentId: string, terms: TokenTerms): Promise<string> {
  const made = await office.post(`/v1/agents/${agentId}/execution-tokens`, {
    action: "payment:execute",
    audience: "spendguard-payments",
    ...terms,
  });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.executionToken, made.json.execution_token);
  return made.json.execution_token;
}

/** What the books say of the tenant: equal, and how every account stands. */
export async function booksOf(office: Client): Promise<Record<string, number>> {
  const found = await office.get("/v1/ledger/reconciliation");
  assert.equal(found.status, 200, found.text);
  assert.equal(found.json.equal, true, found.text);
  const accounts: Record<string, number> = {};
  for (const { account, recorded_micros, recomputed_micros } of found.json.accounts) {
    assert.equal(recorded_micros, recomputed_micros, account);
    accounts[account] = recorded_micros;
  }
  assert.equal(Object.values(accounts).reduce((sum, balance) => sum + balance, 0), 0);
  return accounts;
}

/** What a household needs to ask everything about money: a mandate, a stricter one, a child, a payment, tokens of each kind. */
export type Desk = Spender & {
  house: Household;
  /** Under this one every amount waits for a human. */
  strict: Mandate;
  childId: string;
  paymentId: string;
  /** The agent with a token for tools, for lending, and for paying; the last has served `paymentId`. */
  tools: Client;
  lender: Client;
  payer: Client;
  /** The agent with a token whose mandate was revoked. */
  revoked: Client;
};

const desks = new WeakMap<Household, Promise<Desk>>();

/** The household's desk, set up at the first asking. */
export function deskOf(house: Household): Promise<Desk> {
  const known = desks.get(house) ?? newDesk(house);
  desks.set(house, known);
  return known;
}

export const ACTIONS = { audience: "spendguard-actions", ttl_seconds: 900 };

async function newDesk(house: Household): Promise<Desk> {
  const spender = await newSpender(house);
  const { office, agentId, mandate } = spender;
  const [strict, childId, gone] = await Promise.all([
    newMandate(office, agentId, { total_limit: 1_000_000, approval_threshold: 0 }),
    newAgent(house, "child"),
    newMandate(office, agentId),
  ]);
  const named = house.stranger.with({ "x-tenant-id": house.tenantId });
  const bearer = async (terms: TokenTerms): Promise<Client> => named.bearer(await newToken(office, agentId, { ttl_seconds: 900, ...terms }));
  const [tools, lender, payer, revoked] = await Promise.all([
    bearer({ mandate_id: mandate.id, action: "tool:spend", ...ACTIONS }),
    bearer({ mandate_id: mandate.id, action: "delegation:spend", ...ACTIONS }),
    bearer({ mandate_id: mandate.id }),
    bearer({ mandate_id: gone.id, action: "tool:spend", ...ACTIONS }),
  ]);
  const ended = await office.put(`/v1/mandates/${gone.id}`, { total_limit: 1_000_000, status: "revoked", version: 1 });
  assert.equal(ended.status, 200, ended.text);
  const paid = await payer.post("/v1/payments", { amount: 1, currency: "usd", merchant: "The baker" }, { "idempotency-key": crypto.randomUUID() });
  assert.equal(paid.status, 201, paid.text);
  return { ...spender, house, strict, childId, paymentId: paid.json.id, tools, lender, payer, revoked };
}

/** A reservation of one minor unit for tools; under the strict mandate it waits for a human. */
export async function newReservation({ office, agentId, mandate, strict }: Desk, isStrict = false): Promise<Record<string, any>> {
  const spend = { kind: "tool", amount: 1, agent_id: agentId, mandate_id: (isStrict ? strict : mandate).id };
  const held = await office.post("/v1/spend-guard/reservations", spend);
  assert.equal(held.status, isStrict ? 202 : 201, held.text);
  return held.json;
}

/** A lease of one minor unit. */
export async function newLease({ office, mandate, childId }: Desk): Promise<Record<string, any>> {
  const lent = await office.post("/v1/spend-guard/budget-leases", { child_agent_id: childId, mandate_id: mandate.id, amount: 1 });
  assert.equal(lent.status, 201, lent.text);
  return lent.json;
}

/** A token that has served nothing yet. */
export async function freshPayer({ house, office, agentId, mandate }: Desk): Promise<Client> {
  const token = await newToken(office, agentId, { mandate_id: mandate.id });
  return house.stranger.with({ "x-tenant-id": house.tenantId }).bearer(token);
}

/** A packet of that status throughout. */
export function packetOf(status: string, evidence: string | null = "seen"): Record<string, unknown> {
  const names = ["hosted_health", "hosted_activation", "provider", "webhook", "reconciliation", "support", "rollback"];
  return { items: Object.fromEntries(names.map((name) => [name, { status, evidence }])) };
}

/** Headers with a key nobody has used. */
export const newKey = (): { "idempotency-key": string } => ({ "idempotency-key": crypto.randomUUID() });

/** A tenant of its own with a mandate and 101 dollars, and short ways to spend them. */
export class Company {
  readonly server: Server;
  readonly house: Home;
  readonly office: Client;
  readonly agentId: string;
  readonly mandate: Mandate;
  readonly walletId: string;

  private constructor(server: Server, house: Home, { office, agentId, mandate, walletId }: Spender) {
    this.server = server;
    this.house = house;
    this.office = office;
    this.agentId = agentId;
    this.mandate = mandate;
    this.walletId = walletId;
  }

  static async open(server: Server, terms?: Record<string, unknown>, home?: Home): Promise<Company> {
    const house = home ?? (await newHome(server));
    return new Company(server, house, await newSpender(house, terms));
  }

  /** Asks for a reservation as management; `more` says what differs. */
  reserve(amount: number, more: Record<string, unknown> = {}): Promise<Reply> {
    const spend = { kind: "tool", amount, agent_id: this.agentId, mandate_id: this.mandate.id, ...more };
    return this.office.post("/v1/spend-guard/reservations", spend);
  }

  /** A reservation that must be had. */
  async hold(amount: number, more: Record<string, unknown> = {}): Promise<Record<string, any>> {
    const held = await this.reserve(amount, more);
    assert.ok(held.status === 201 || held.status === 202, held.text);
    return held.json;
  }

  capture(id: string, amount?: number): Promise<Reply> {
    return this.office.post(`/v1/spend-guard/reservations/${id}/capture`, amount === undefined ? {} : { amount });
  }

  release(id: string): Promise<Reply> {
    return this.office.post(`/v1/spend-guard/reservations/${id}/release`, {});
  }

  /** The agent with a token of these terms. */
  async bearer(terms: Partial<TokenTerms> = {}, agentId = this.agentId): Promise<Client> {
    return this.server.client().bearer(await newToken(this.office, agentId, { mandate_id: this.mandate.id, ttl_seconds: 900, ...terms }));
  }

  /** A payment with a token of its own. */
  async pay(amount: number, more: Record<string, unknown> = {}, terms: Partial<TokenTerms> = {}): Promise<Reply> {
    return (await this.bearer(terms)).post("/v1/payments", { amount, currency: "usd", merchant: "Ada", ...more }, newKey());
  }

  /** Asks for a lease; of the mandate unless `more` names a parent. */
  lend(child: string, amount: number, more: Record<string, unknown> = {}): Promise<Reply> {
    const source = "parent_lease_id" in more ? {} : { mandate_id: this.mandate.id };
    return this.office.post("/v1/spend-guard/budget-leases", { child_agent_id: child, amount, ...source, ...more });
  }

  /** A lease that must be had. */
  async lease(child: string, amount: number, more: Record<string, unknown> = {}): Promise<Record<string, any>> {
    const lent = await this.lend(child, amount, more);
    assert.equal(lent.status, 201, lent.text);
    return lent.json;
  }

  /** Replaces terms of the mandate as it stands. */
  async change(terms: Record<string, unknown>): Promise<Reply> {
    const { json } = await this.office.get(`/v1/mandates/${this.mandate.id}`);
    return this.office.put(`/v1/mandates/${this.mandate.id}`, { total_limit: json.total_limit, version: json.version, ...terms });
  }

  /** What the thing of that path is now. */
  async see(path: string): Promise<Record<string, any>> {
    const found = await this.office.get(`/v1/${path}`);
    assert.equal(found.status, 200, found.text);
    return found.json;
  }

  seeLease(id: string): Promise<Record<string, any>> {
    return this.see(`spend-guard/budget-leases/${id}`);
  }

  seeReservation(id: string): Promise<Record<string, any>> {
    return this.see(`spend-guard/reservations/${id}`);
  }

  /** [available, reserved] of the wallet, in minor units. */
  async balance(walletId = this.walletId): Promise<[number, number]> {
    const { available, reserved } = await this.see(`wallets/${walletId}/balance`);
    return [available, reserved];
  }

  /** What is [spent, held] under the mandate in that window. */
  async used(window: "daily" | "monthly" | "total" = "total"): Promise<[number, number]> {
    const { usage } = await this.see(`mandates/${this.mandate.id}`);
    return [usage[window].spent, usage[window].held];
  }

  /** So many agents more, whatever the plan. */
  async agents(count: number): Promise<string[]> {
    const { tenantId } = this.house;
    await this.server.runtime.database().prepare("UPDATE tenants SET plan = 'enterprise' WHERE slug = ?").bind(tenantId).run();
    await this.edit("UPDATE tenant SET plan = 'enterprise'");
    return Promise.all(Array.from({ length: count }, (_, at) => newAgent(this.house, `agent ${at}`)));
  }

  /** Changes what the tenant's object has stored. */
  edit(sql: string, ...params: string[]): Promise<void> {
    return this.server.editObject("Tenant", { name: this.house.tenantUuid }, sql, ...params);
  }

  setAgentStatus(status: string, agentId = this.agentId): Promise<void> {
    return this.edit("UPDATE agent SET status = ? WHERE id = ?", status, agentId);
  }
}

/** Fails unless the reply is that refusal, with these details at least. */
export function expectRefused(reply: Reply, status: number, code: string, details: Record<string, unknown> = {}): void {
  assert.deepEqual([reply.status, reply.json.code], [status, code], reply.text);
  for (const [name, value] of Object.entries(details)) assert.deepEqual(reply.json.details?.[name], value, `${name}: ${reply.text}`);
}

/** How often each status was answered. */
export function countByStatus(replies: Reply[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
