// Tenants, made over HTTP as their people would: a home, which can be managed, and a household, which is a home with all
// there is to a tenant: an owner of its own, keys of every kind, an unused token, an endpoint, a memory.

import assert from "node:assert/strict";
import { newSlug, signUp, type Agent } from "./agent.ts";
import type { Client } from "./client.ts";
import { newEmail, newPerson, type Person } from "./person.ts";
import type { Server } from "./server.ts";

/** A port of this machine that refuses every connection. */
export const NOBODY_LISTENS = "http://127.0.0.1:9/";

/** A tenant that can be managed: its agent, its owner, an API key. */
export type Home = {
  tenantId: string;
  tenantUuid: string;
  /** A caller with no credential. */
  stranger: Client;
  agent: Agent;
  owner: Person;
  /** A `tl_live_` key. */
  apiKey: string;
  apiKeyId: string;
  walletId: string;
};

export type Household = Home & {
  /** The agent's key, by its number. */
  agentKeyId: string;
  enrollmentId: string;
  enrollmentToken: string;
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

const operators = new WeakMap<Server, Promise<Person>>();

/** The server's operator, for what nobody else may set up. */
export function operatorOf(server: Server): Promise<Person> {
  const known = operators.get(server) ?? newOperator(server);
  operators.set(server, known);
  return known;
}

const landlords = new WeakMap<Server, Promise<Person>>();

/** Somebody who owns many tenants: an account costs more than all else a tenant is made of. */
async function landlordOf(server: Server): Promise<Person> {
  const known = await landlords.get(server);
  // The clock may have moved past the end of a session.
  if (known !== undefined && (await known.client.get("/v2/tenants?limit=1")).status === 200) return known;
  const landlord = newPerson(server.client());
  landlords.set(server, landlord);
  return landlord;
}

/** The id of the tenant that a key names. */
function tenantOfKey(key: string): string {
  const [, ...parts] = /^mtak_(.{8})(.{4})(.{4})(.{4})(.{12})/.exec(key) ?? assert.fail(key);
  return parts.join("-");
}

/** `owner` is somebody who owns others too, unless one is named. */
export async function newHome(server: Server, owner: Promise<Person> = landlordOf(server)): Promise<Home> {
  const stranger = server.client();
  const [agent, person] = await Promise.all([signUp(stranger, newSlug("house")), owner]);
  const { tenantId, walletId } = agent;
  const invitation = await inviteOwner(server, agent, person.email);
  const accepted = await person.browser.form(`/account/invite/${invitation}`, { csrf: person.csrf });
  assert.equal(accepted.status, 303, accepted.text);
  const key = await person.client.post("/v1/api-keys", { label: "office" }, { "x-tenant-id": tenantId });
  assert.equal(key.status, 201, key.text);
  return { tenantId, tenantUuid: tenantOfKey(agent.agentKey), stranger, agent, owner: person, apiKey: key.json.key, apiKeyId: key.json.id, walletId };
}

/** A tenant with an owner of its own and one of everything. */
export async function newHousehold(server: Server): Promise<Household> {
  const home = await newHome(server, newPerson(server.client()));
  const { tenantId, owner, agent, stranger } = home;
  const [keys, token] = await Promise.all([
    owner.client.get(`/v2/tenants/${tenantId}/agent-keys`),
    owner.client.post(`/v2/tenants/${tenantId}/enrollment-tokens`, { label: "spare" }),
  ]);
  const management = stranger.with({ "x-api-key": home.apiKey });
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
    ...home,
    agentKeyId: keys.json.keys[0].key_id,
    enrollmentId: token.json.id,
    enrollmentToken: token.json.enrollment_token,
    webhookId: webhook.json.id,
    deliveryId: delivery.json.id,
    sessionId,
    observation,
  };
}
