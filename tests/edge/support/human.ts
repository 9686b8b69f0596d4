// Humans for tests: an account with a bearer token, and a tenant of theirs with a management key.

import assert from "node:assert/strict";
import { newSlug } from "./agent.ts";
import type { Client } from "./client.ts";
import { newEmail, PASSWORD } from "./person.ts";

export { newEmail, PASSWORD };

export type Human = {
  email: string;
  token: string;
  /** The caller with the human's token as its bearer. */
  client: Client;
};

export type Manager = Human & {
  tenantId: string;
  tenantUuid: string;
  walletId: string;
  /** The text of a `tl_live_` key. */
  managementKey: string;
  /** The caller with that key. */
  management: Client;
};

/** An account and its token. */
export async function newHuman(client: Client): Promise<Human> {
  const email = newEmail();
  const registered = await client.post("/api/register", { email, password: PASSWORD });
  assert.equal(registered.status, 200, registered.text);
  const signedIn = await client.post("/api/auth/token", { email, password: PASSWORD });
  assert.equal(signedIn.status, 200, signedIn.text);
  const token: string = signedIn.json.token;
  return { email, token, client: client.bearer(token) };
}

/** A human with a tenant and a key that manages it. */
export async function newManager(client: Client): Promise<Manager> {
  const human = await newHuman(client);
  const tenantId = newSlug();
  const made = await human.client.post("/v2/tenants", { tenant_id: tenantId });
  assert.equal(made.status, 201, made.text);
  const { tenant_uuid: tenantUuid, wallet_id: walletId } = made.json;
  const minted = await human.client.post("/v1/api-keys", {}, { "x-tenant-id": tenantId });
  assert.equal(minted.status, 201, minted.text);
  const managementKey: string = minted.json.key;
  return { ...human, tenantId, tenantUuid, walletId, managementKey, management: client.with({ "x-api-key": managementKey }) };
}

/** A key of an agent of the human's tenant. */
export async function newAgentKey(manager: Manager, label = "scout"): Promise<{ agentId: string; agentKey: string; keyId: string }> {
  const minted = await manager.client.post(`/v2/tenants/${manager.tenantId}/agent-keys`, { label });
  assert.equal(minted.status, 201, minted.text);
  return { agentId: minted.json.agent_id, agentKey: minted.json.agent_key, keyId: minted.json.key_id };
}
