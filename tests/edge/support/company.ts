// A tenant with room for any number of agents, registered at `/v1`, for tests of what agents are to each other.

import assert from "node:assert/strict";
import type { Client } from "./client.ts";
import { newHome, operatorOf, type Home } from "./household.ts";
import type { Server } from "./server.ts";
import { officeOf } from "./spender.ts";

export type Company = { server: Server; house: Home; office: Client };

export async function newCompany(server: Server): Promise<Company> {
  const [house, operator] = await Promise.all([newHome(server), operatorOf(server)]);
  const plan = await operator.client.patch("/v1/tenant", { plan: "enterprise" }, { "x-tenant-id": house.tenantId });
  assert.equal(plan.status, 200, plan.text);
  return { server, house, office: officeOf(house) };
}

/** A registered agent's id. */
export async function register(office: Client, scopes: string[] = ["data:*"]): Promise<string> {
  const made = await office.post("/v1/agents", { display_name: "scout", scopes });
  assert.equal(made.status, 201, made.text);
  return made.json.agt_id;
}

export async function agentOf(office: Client, id: string): Promise<Record<string, any>> {
  const shown = await office.get(`/v1/agents/${id}`);
  assert.equal(shown.status, 200, shown.text);
  return shown.json;
}

/** A session of the agent: its answer, and the caller with its token. */
export async function openSession(office: Client, agent_id: string, body: object = {}): Promise<Record<string, any> & { client: Client }> {
  const made = await office.post("/v1/agent-sessions", { agent_id, ...body });
  assert.equal(made.status, 201, made.text);
  return { ...made.json, client: office.with({ "x-api-key": "" }).bearer(made.json.token) };
}
