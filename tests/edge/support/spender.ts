// A company's money for tests: an agent, a mandate it spends under, tokens for it.

import assert from "node:assert/strict";
import type { Client } from "./client.ts";
import type { Household } from "./household.ts";

export type Mandate = { id: string; version: number } & Record<string, any>;

export type Spender = {
  /** Who manages the tenant. */
  office: Client;
  agentId: string;
  mandate: Mandate;
  walletId: string;
};

export function officeOf(house: Household): Client {
  return house.stranger.with({ "x-api-key": house.apiKey });
}

/** A further agent of the tenant. */
export async function newAgent(house: Household, label = "scout"): Promise<string> {
  const made = await house.owner.client.post(`/v2/tenants/${house.tenantId}/agent-keys`, { label });
  assert.equal(made.status, 201, made.text);
  return made.json.agent_id;
}

export async function newMandate(office: Client, agentId: string, terms: Record<string, unknown> = { total_limit: 1_000_000 }): Promise<Mandate> {
  const made = await office.post("/v1/mandates", { agent_id: agentId, ...terms });
  assert.equal(made.status, 201, made.text);
  return made.json;
}

/** The household's first agent with a mandate, and a wallet of 100 dollars more. */
export async function newSpender(house: Household, terms?: Record<string, unknown>): Promise<Spender> {
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
