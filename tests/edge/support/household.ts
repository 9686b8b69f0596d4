// A tenant with all there is to a tenant: the wallet that controls it, an owner, keys of every kind, an unused token, a
// wallet of money, a memory. Made over HTTP, as its people would.

import assert from "node:assert/strict";
import { newSlug, signUp, type Agent } from "./agent.ts";
import type { Client } from "./client.ts";
import { newEmail, newPerson, type Person } from "./person.ts";
import type { Server } from "./server.ts";

/** A port of this machine that refuses every connection. */
export const NOBODY_LISTENS = "http://127.0.0.1:9/";

export type Household = {
  tenantId: string;
  tenantUuid: string;
  /** A caller with no credential. */
  stranger: Client;
  agent: Agent;
  owner: Person;
  /** The agent's key, by its number. */
  agentKeyId: string;
  /** A `tl_live_` key. */
  apiKey: string;
  apiKeyId: string;
  enrollmentId: string;
  enrollmentToken: string;
  walletId: string;
  /** An endpoint that nothing but tests is sent to, and one delivery to it. */
  webhookId: string;
  deliveryId: string;
  /** An open session with one observation. */
  sessionId: string;
  observation: string;
};

/** The token in the mail that invites `email` to own a tenant. */
export async function invitationFor(server: Server, email: string): Promise<string> {
  const database = server.runtime.database();
  const mail = await database.prepare("SELECT body FROM mails WHERE recipient = ? AND state = 'queued'").bind(email).first<{ body: string }>();
  return /\/account\/invite\/(inv_[0-9a-f]+)/.exec(mail?.body ?? "")?.[1] ?? assert.fail(`no invitation for ${email}`);
}

/** The agent asks somebody to own its tenant; the token of the link it is mailed. */
export async function inviteOwner(server: Server, agent: Agent, email = newEmail()): Promise<string> {
  const invited = await agent.client.post("/v2/agents/owner-bootstrap", { owner_email: email, tenant_id: agent.tenantId });
  assert.equal(invited.status, 202, invited.text);
  return invitationFor(server, email);
}

/** Somebody who may look into everything. */
export async function newOperator(server: Server): Promise<Person> {
  const person = await newPerson(server.client());
  const database = server.runtime.database();
  await database.prepare("UPDATE users SET role = 'admin' WHERE email = ?").bind(person.email).run();
  const token = await person.browser.post("/api/auth/token", {});
  assert.equal(token.status, 200, token.text);
  return { ...person, token: token.json.token, client: server.client().bearer(token.json.token) };
}

export async function newHousehold(server: Server): Promise<Household> {
  const stranger = server.client();
  const [agent, owner] = await Promise.all([signUp(stranger, newSlug("house")), newPerson(stranger)]);
  const { tenantId } = agent;
  const invitation = await inviteOwner(server, agent, owner.email);
  const accepted = await owner.browser.form(`/account/invite/${invitation}`, { csrf: owner.csrf });
  assert.equal(accepted.status, 303, accepted.text);

  const paths = { keys: `/v2/tenants/${tenantId}/agent-keys`, tokens: `/v2/tenants/${tenantId}/enrollment-tokens` };
  const [tenants, keys, token, apiKey, wallets] = await Promise.all([
    owner.client.get("/v2/tenants"),
    owner.client.get(paths.keys),
    owner.client.post(paths.tokens, { label: "spare" }),
    owner.client.post("/v1/api-keys", { label: "office" }, { "x-tenant-id": tenantId }),
    owner.client.get("/v1/wallets", { "x-tenant-id": tenantId }),
  ]);
  const management = stranger.with({ "x-api-key": apiKey.json.key });
  const webhook = await management.post("/v1/webhooks", { url: NOBODY_LISTENS, events: ["order.message"] });
  assert.equal(webhook.status, 201, webhook.text);
  const delivery = await management.post(`/v1/webhooks/${webhook.json.id}/test`, {});
  assert.equal(delivery.status, 202, delivery.text);
  const sessionId = `${tenantId}:diary`;
  const observation = `${tenantId} keeps its silver in the cellar`;
  const opened = await agent.runtime.post("/v2/session/open", { session_id: sessionId });
  assert.equal(opened.status, 200, opened.text);
  const appended = await agent.runtime.post("/v2/session/append", { session_id: sessionId, content: observation });
  assert.equal(appended.status, 200, appended.text);
  return {
    tenantId,
    tenantUuid: tenants.json.tenants.find((tenant: { tenant_id: string }) => tenant.tenant_id === tenantId).tenant_uuid,
    stranger,
    agent,
    owner,
    agentKeyId: keys.json.keys[0].key_id,
    apiKey: apiKey.json.key,
    apiKeyId: apiKey.json.id,
    enrollmentId: token.json.id,
    enrollmentToken: token.json.enrollment_token,
    walletId: wallets.json.data[0].id,
    webhookId: webhook.json.id,
    deliveryId: delivery.json.id,
    sessionId,
    observation,
  };
}
