// A good request for every route: what a household can ask, each time about something of its own that nobody used yet.

import assert from "node:assert/strict";
import { inviteOwner, newOperator, NOBODY_LISTENS, type Household } from "./household.ts";
import { newSlug, newWallet, signIn, signUp } from "./agent.ts";
import { Buyer, expectData } from "./buyer.ts";
import type { Client, HeaderMap, Sent } from "./client.ts";
import { openSession, register } from "./company.ts";
import { Wallet, fileForm, formOf as fileFormOf, makeSeller, makeService, newFile, newRegistration, newService, proofOf, sellerOfHouse } from "./market.ts";
import { PASSWORD, newEmail, newPerson, openForms, type Person } from "./person.ts";
import { fillPath, type Access, type Route } from "./route.ts";
import { deskOf, freshPayer, newLease, newMandate, newReservation, officeOf, packetOf, type Desk } from "./spender.ts";
import type { Server } from "./server.ts";

/** What a request asks, without who asks. */
type Wish = {
  params?: Record<string, string>;
  query?: string;
  json?: unknown;
  /** Sent as it stands. */
  body?: Sent;
  /** Fields of a form; the token of the caller's browser and a key that makes it done once are added. */
  form?: Record<string, string>;
  headers?: HeaderMap;
  /** The one caller it is good for, where that is not the household's own. */
  by?: Client;
};

export type Ask = { method: string; path: string; sent: Sent; by: Client | undefined };

type World = { server: Server; house: Household };

const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** Who controls the tenant signs in with the same wallet again and again; each challenge is good once. */
async function freshChallenge({ house }: World): Promise<{ challenge_id: string; signature: string }> {
  const { account } = house.agent;
  const challenge = await house.stranger.post("/v2/billing/agent/challenge", { wallet_address: account.address });
  return { challenge_id: challenge.json.challenge_id, signature: await account.signMessage({ message: challenge.json.message }) };
}

async function freshToken({ house }: World): Promise<{ id: string; enrollment_token: string }> {
  const made = await house.owner.client.post(`/v2/tenants/${house.tenantId}/enrollment-tokens`, {});
  assert.equal(made.status, 201, made.text);
  return made.json;
}

async function freshAgentKey({ house }: World): Promise<string> {
  const made = await house.owner.client.post(`/v2/tenants/${house.tenantId}/agent-keys`, { agent_id: house.agent.agentId });
  assert.equal(made.status, 201, made.text);
  return made.json.key_id;
}

async function freshApiKey({ house }: World): Promise<string> {
  const made = await house.owner.client.post("/v1/api-keys", {}, { "x-tenant-id": house.tenantId });
  assert.equal(made.status, 201, made.text);
  return made.json.id;
}

/** An endpoint of its own; a tenant has room for twenty, so whoever asked before makes room. */
async function freshWebhook({ house }: World): Promise<string> {
  const management = house.stranger.with({ "x-api-key": house.apiKey });
  const { data } = (await management.get("/v1/webhooks?limit=20")).json;
  for (const { id } of data.slice(10)) if (id !== house.webhookId) await management.delete(`/v1/webhooks/${id}`);
  const made = await management.post("/v1/webhooks", { url: NOBODY_LISTENS, events: ["order.message"] });
  assert.equal(made.status, 201, made.text);
  return made.json.id;
}

/** Tenants that were given room for any number of agents. */
const roomy = new WeakMap<Household, Promise<void>>();

async function makeRoom({ server, house }: World): Promise<void> {
  const operator = await newOperator(server);
  const made = await operator.client.patch("/v1/tenant", { plan: "enterprise" }, { "x-tenant-id": house.tenantId });
  assert.equal(made.status, 200, made.text);
}

async function withRoom(world: World): Promise<void> {
  if (!roomy.has(world.house)) roomy.set(world.house, makeRoom(world));
  await roomy.get(world.house);
}

async function freshAgent(world: World): Promise<string> {
  await withRoom(world);
  const made = await officeOf(world.house).post("/v1/agents", { display_name: "spare" });
  assert.equal(made.status, 201, made.text);
  return made.json.agt_id;
}

/** A market agent of the household that is revoked, and has never said where it is paid. */
async function revokedSeller(world: World): Promise<string> {
  const agent_id = await freshAgent(world);
  const office = world.server.client().with({ "x-api-key": world.house.apiKey });
  const opened = await office.post("/api/agents/register", newRegistration({ agent_id }));
  assert.equal(opened.status, 201, opened.text);
  const revoked = await office.post(`/v1/agents/${agent_id}/revoke`, {});
  assert.equal(revoked.status, 200, revoked.text);
  return agent_id;
}

/** A session of the household's agent. */
async function freshAgentSession({ house }: World): Promise<Record<string, any>> {
  return openSession(officeOf(house), house.agent.agentId);
}

/** An offer of one fresh agent to another. */
async function freshOffer(world: World): Promise<object> {
  await withRoom(world);
  const [from_agent_id, to_agent_id] = await Promise.all([register(officeOf(world.house)), register(officeOf(world.house))]);
  return { from_agent_id, to_agent_id, scopes: ["data:read"] };
}

async function freshDelegation(world: World): Promise<string> {
  const made = await officeOf(world.house).post("/v1/delegations", await freshOffer(world));
  assert.equal(made.status, 201, made.text);
  return made.json.id;
}

async function freshReceipt({ house }: World): Promise<string> {
  const made = await officeOf(house).post("/v1/agent-receipts", { agent_id: house.agent.agentId, action: "polish" });
  assert.equal(made.status, 201, made.text);
  return made.json.receipt_id;
}

/** What the household's agent has uploaded: its name below /files/. */
async function freshFile({ house }: World): Promise<string> {
  const made = await (await sellerOfHouse(house)).client.send("POST", "/api/upload", fileForm(newFile("image/png"), "image/png"));
  assert.equal(made.status, 200, made.text);
  return new URL(made.json.data.url).pathname.slice("/files/".length);
}

async function freshInvitation({ server }: World): Promise<string> {
  return inviteOwner(server, await signUp(server.client()));
}

async function freshSession({ house }: World): Promise<string> {
  const session_id = newSlug("session");
  const opened = await house.agent.runtime.post("/v2/session/open", { session_id });
  assert.equal(opened.status, 200, opened.text);
  return session_id;
}

/** A form of somebody who is not signed in. */
async function strangersForm({ server }: World, form: Record<string, string>): Promise<Wish> {
  const { csrf, browser } = await openForms(server.client());
  return { form: { csrf, ...form }, by: browser };
}

/** One operator a server, whose forms are their own. */
const operators = new WeakMap<Server, Promise<Person>>();

async function operatorsForm({ server }: World, form: Record<string, string>): Promise<Wish> {
  const operator = operators.get(server) ?? newOperator(server);
  operators.set(server, operator);
  const { csrf, browser } = await operator;
  return { form: { csrf, ...form }, by: browser };
}

/** A form that changes what its sender signs in with, so nobody else may be at it. */
async function newcomersForm({ server }: World, form: Record<string, string>): Promise<Wish> {
  const { csrf, browser } = await newPerson(server.client());
  return { form: { csrf, ...form }, by: browser };
}

const nothing = (): Wish => ({});
const inTenant = ({ house }: World): Wish => ({ params: { tenant_id: house.tenantId } });
const inTenantWith = (json: unknown) => (world: World): Wish => ({ ...inTenant(world), json });
const ofTenant = ({ house }: World): Wish => ({ query: `?tenant=${house.tenantId}` });
const formOfTenant = (form: Record<string, string>) => ({ house }: World): Wish => ({ form: { tenant: house.tenantId, ...form } });
const ofWebhook = ({ house }: World): Wish => ({ params: { id: house.webhookId } });
const ofWallet = ({ house }: World): Wish => ({ params: { id: house.walletId } });

/** About money: what the desk of the household knows. */
const atDesk = (wish: (desk: Desk) => Wish | Promise<Wish>) => async ({ house }: World): Promise<Wish> => wish(await deskOf(house));
const spend = ({ agentId, mandate }: Desk) => ({ kind: "tool", amount: 1, agent_id: agentId, mandate_id: mandate.id });
const ofReservation = atDesk(async (desk) => ({ params: { id: (await newReservation(desk)).id }, json: {} }));
const ofLease = atDesk(async (desk) => ({ params: { id: (await newLease(desk)).id }, json: {} }));
const ofApproval = atDesk(async (desk) => ({ params: { id: (await newReservation(desk, true)).approval_id }, json: {} }));
const without = (wish: (world: World) => Promise<Wish>) => async (world: World): Promise<Wish> => ({ params: (await wish(world)).params ?? {} });

/** A page or a form of the console about something whose path a `/v1` wish knows how to make. */
const pageOf = (wish: (world: World) => Wish | Promise<Wish>, params: Record<string, string> = {}) => async (world: World): Promise<Wish> => ({
  ...ofTenant(world), params: { ...(await wish(world)).params, ...params },
});
const formOf = (wish: (world: World) => Wish | Promise<Wish>, params: Record<string, string>, form: Record<string, string> = {}) => async (world: World): Promise<Wish> => ({
  ...formOfTenant(form)(world), params: { ...(await wish(world)).params, ...params },
});
const ofMandate = atDesk(async ({ office, agentId }) => ({ params: { id: (await newMandate(office, agentId)).id } }));

const ofAgent = ({ house }: World): Wish => ({ params: { id: house.agent.agentId } });
const aboutAgent = (more: object) => ({ house }: World): Wish => ({ json: { agent_id: house.agent.agentId, ...more } });
const ofAgentSession = (json: object) => async (world: World): Promise<Wish> => ({ params: { id: (await freshAgentSession(world))["id"] }, json });
const ofReceipt = async (world: World): Promise<Wish> => ({ params: { id: await freshReceipt(world) } });
const ofFreshAgent = (json?: object) => async (world: World): Promise<Wish> => {
  const params = { id: await freshAgent(world) };
  return json === undefined ? { params } : { params, json };
};

type Market = { buyer: Buyer; proof: Record<string, string>; service: string; quoted: string };
const markets = new WeakMap<Household, Promise<Market>>();

async function openMarket({ server, house }: World): Promise<Market> {
  const seller = await sellerOfHouse(house);
  const buyer = new Buyer(server);
  const proof = Object.fromEntries(Object.entries(await buyer.proof()).map(([name, value]) => [name, String(value)]));
  const [service, quoted] = [await makeService(seller), await makeService(seller, { price_type: "quote" })];
  return { buyer, proof, service: service["id"], quoted: quoted["id"] };
}

/** Somebody who buys from the household's agent. */
function marketOf(world: World): Promise<Market> {
  const known = markets.get(world.house);
  if (known !== undefined) return known;
  const made = openMarket(world);
  markets.set(world.house, made);
  return made;
}

/** An order of the household's agent that stands so. */
const ofOrder = (status: string, json?: object) => async (world: World): Promise<Wish> => {
  const [{ buyer, service, quoted }, seller] = [await marketOf(world), await sellerOfHouse(world.house)];
  const { id } = await buyer.order(status === "pending_quote" ? quoted : service, status !== "pending_quote");
  if (["disputed", "completed"].includes(status)) {
    expectData(await seller.client.post(`/api/orders/${id}/deliver`, { deliverable_url: "https://a.example/1.png", deliverable_media_type: "image" }));
    expectData(await buyer.move(id, status === "disputed" ? "dispute" : "approve"));
  }
  return { params: { id }, ...(json === undefined ? {} : { json }) };
};

/** Households whose owner has proved the wallet that buys from it. */
const proved = new WeakMap<Household, Promise<void>>();

async function proveWallet(world: World): Promise<void> {
  const { csrf, browser } = world.house.owner;
  const proof = await (await marketOf(world)).buyer.proof();
  const made = await browser.form("/account/orders/wallets", { csrf, ...Object.fromEntries(Object.entries(proof).map(([name, value]) => [name, String(value)])) });
  assert.equal(made.status, 303, made.text);
}

/** What the household's owner has bought, from their own agent. */
async function asBuyer<T>(world: World, wish: (world: World) => T | Promise<T>): Promise<T> {
  if (!proved.has(world.house)) proved.set(world.house, proveWallet(world));
  await proved.get(world.house);
  return wish(world);
}

const ofPurchase = (status: string) => (world: World): Promise<Wish> => asBuyer(world, ofOrder(status));

/** The form that proves a wallet nobody has proved. */
async function freshProof({ server }: World): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(await new Buyer(server).proof()).map(([name, value]) => [name, String(value)]));
}

const ofSeller = async ({ house }: World): Promise<Wish> => ({ params: { id: (await sellerOfHouse(house)).agentId } });
const ofService = async (world: World): Promise<Wish> => ({ params: { id: await freshService(world) } });

/** A service of the household's seller, who has room for a hundred. */
async function freshService({ house }: World): Promise<string> {
  return (await makeService(await sellerOfHouse(house)))["id"];
}

/** By the route's name. A route without a wish here fails every test that goes through the table. */
const WISHES: Record<string, (world: World) => Wish | Promise<Wish>> = {
  register: () => ({ json: { email: newEmail(), password: PASSWORD } }),
  signIn: ({ house }) => ({ json: { email: house.owner.email, password: PASSWORD }, headers: { accept: "application/json" } }),
  createToken: ({ house }) => ({ json: { email: house.owner.email, password: PASSWORD } }),
  showCsrf: nothing,
  showSession: nothing,
  signOut: nothing,

  placeOrder: async (world) => {
    const { buyer, service } = await marketOf(world);
    return { json: { ...(await buyer.proof()), service_id: service, brief: "something nice to look at", client_wallet: buyer.wallet } };
  },
  listBuyersOrders: async (world) => ({ query: `?${new URLSearchParams((await marketOf(world)).proof)}` }),
  getOrderLifecycle: nothing,
  getOrder: ofOrder("paid"),
  moveOrder: ofOrder("paid", { action: "start" }),
  resolveDispute: ofOrder("disputed", { outcome: "release", note: "both were heard" }),
  listAgentsOrders: ofSeller,
  deliverOrder: ofOrder("paid", { deliverable_url: "https://a.example/1.png", deliverable_media_type: "image" }),
  quoteOrder: ofOrder("pending_quote", { price_usd: "15.00" }),
  listMessages: ofOrder("paid"),
  postMessage: ofOrder("paid", { content: "on its way" }),
  reviewOrder: async (world) => {
    const wish = await ofOrder("completed", { rating: 5 })(world);
    return { ...wish, json: { ...(wish.json as object), ...(await (await marketOf(world)).buyer.proof()) } };
  },
  uploadFile: () => ({ body: fileForm(newFile("image/png"), "image/png") }),
  uploadBriefImage: () => ({ query: `?${new URLSearchParams(proofOf(new Wallet()))}`, body: fileForm(newFile("image/jpeg"), "image/jpeg") }),
  showFile: async (world) => ({ params: { name: await freshFile(world) } }),

  front: nothing,
  style: nothing,
  script: nothing,
  icon: nothing,
  account: nothing,
  accountSignIn: (world) => strangersForm(world, { email: world.house.owner.email, password: PASSWORD }),
  accountSignInAgain: nothing,
  accountSignOut: () => ({ form: {} }),
  accountSignOutAgain: nothing,
  accountRegistration: nothing,
  accountRegister: (world) => strangersForm(world, { email: newEmail(), password: PASSWORD }),
  accountInvitation: async (world) => ({ params: { token: await freshInvitation(world) } }),
  accountAcceptInvitation: async (world) => ({ params: { token: await freshInvitation(world) }, form: {} }),
  accountTenants: nothing,
  accountCreateTenant: () => ({ form: { tenant_id: newSlug() } }),
  accountAgents: ofTenant,
  accountKeys: ofTenant,
  accountMintAgentKey: formOfTenant({ label: "scout" }),
  accountMintApiKey: formOfTenant({ label: "office" }),
  accountEnrollment: ofTenant,
  accountMintToken: formOfTenant({ label: "for a scout" }),
  accountAskRevokeKey: async (world) => ({ ...ofTenant(world), params: { key_id: await freshAgentKey(world) } }),
  accountRevokeKey: async (world) => ({ ...formOfTenant({})(world), params: { key_id: await freshAgentKey(world) } }),
  accountAskRevokeToken: async (world) => ({ ...ofTenant(world), params: { id: (await freshToken(world)).id } }),
  accountRevokeToken: async (world) => ({ ...formOfTenant({})(world), params: { id: (await freshToken(world)).id } }),
  accountBilling: ofTenant,
  accountFund: (world) => formOfTenant({ wallet_id: world.house.walletId, amount: "5" })(world),
  accountSettings: nothing,
  accountRename: () => ({ form: { name: "Ada" } }),
  accountPassword: (world) => newcomersForm(world, { current_password: PASSWORD, new_password: "another long sentence" }),
  accountSignOutEverywhere: (world) => newcomersForm(world, {}),
  accountOperator: nothing,
  accountPacket: ofTenant,
  accountPutPacket: async (world) => {
    const { items } = packetOf("pending", null);
    const statuses = Object.keys(items as object).map((name) => [`${name}_status`, "pending"]);
    return operatorsForm(world, { tenant: world.house.tenantId, ...Object.fromEntries(statuses) });
  },
  // With something that waits, so that the page has all of its parts.
  accountApprovals: async (world) => {
    await ofApproval(world);
    return ofTenant(world);
  },
  accountDecide: formOf(ofApproval, {}, { decision: "approve" }),
  accountMandates: ofTenant,
  accountNewMandate: ofTenant,
  accountCreateMandate: (world) => formOfTenant({ agent_id: world.house.agent.agentId, total_limit: "5" })(world),
  accountMandate: pageOf(atDesk(({ mandate }) => ({ params: { id: mandate.id } }))),
  accountAskChangeMandate: pageOf(atDesk(({ mandate }) => ({ params: { id: mandate.id } })), { verb: "suspend" }),
  accountChangeMandate: formOf(ofMandate, { verb: "suspend" }),
  accountPayments: ofTenant,
  accountLeases: ofTenant,
  accountAskEndLease: pageOf(ofLease, { verb: "release" }),
  accountEndLease: formOf(ofLease, { verb: "release" }),
  accountWallets: ofTenant,
  accountAskSwitch: (world) => ({ ...ofTenant(world), params: { verb: "stop" } }),
  // It runs already: whoever spends beside this goes on.
  accountSwitch: (world) => ({ ...formOfTenant({})(world), params: { verb: "resume" } }),
  accountWebhooks: ofTenant,
  accountCreateWebhook: async (world) => {
    await freshWebhook(world);
    return formOfTenant({ url: NOBODY_LISTENS, events: "order.message" })(world);
  },
  accountWebhook: pageOf(ofWebhook),
  accountAskChangeWebhook: pageOf(ofWebhook, { verb: "rotate" }),
  accountChangeWebhook: formOf(ofWebhook, { verb: "test" }),
  accountAudit: ofTenant,
  accountOrders: ofTenant,
  accountOrder: pageOf(ofPurchase("paid")),
  accountAskChangeOrder: pageOf(ofPurchase("paid"), { verb: "cancel" }),
  accountChangeOrder: formOf(ofPurchase("paid"), { verb: "cancel" }),
  accountBought: (world) => asBuyer(world, ofTenant),
  accountServices: ofTenant,
  accountNewOrder: (world) => asBuyer(world, async () => ({ query: `?tenant=${world.house.tenantId}&service=${(await marketOf(world)).service}` })),
  accountPlaceOrder: (world) =>
    asBuyer(world, async () => {
      const { buyer, service } = await marketOf(world);
      return formOfTenant({ wallet: buyer.wallet, service_id: service, brief: "something nice to look at" })(world);
    }),
  accountUploadImage: (world) =>
    asBuyer(world, async ({ house }) => {
      const { buyer, service } = await marketOf(world);
      const fields = { csrf: house.owner.csrf, tenant: house.tenantId, service_id: service, images: "", wallet: buyer.wallet };
      const parts = Object.entries(fields).map(([name, body]) => ({ name, body }));
      return { body: fileFormOf(...parts, { name: "file", body: newFile("image/png"), type: "image/png", filename: "a.png" }) };
    }),
  accountBuyerWallets: (world) => asBuyer(world, ofTenant),
  accountProveWallet: async (world) => newcomersForm(world, await freshProof(world)),
  accountAskRemoveWallet: (world) => asBuyer(world, async () => ({ query: `?tenant=${world.house.tenantId}&wallet=${(await marketOf(world)).buyer.wallet}` })),
  accountRemoveWallet: async (world) => ({ ...formOfTenant({})(world), query: `?wallet=${new Wallet().address}` }),
  accountDispute: ofOrder("disputed"),
  accountAskResolve: async (world) => ({ ...(await ofOrder("disputed")(world)), query: "?outcome=release" }),
  accountResolve: async (world) => ({
    ...(await operatorsForm(world, { outcome: "release", note: "both were heard" })), ...(await ofOrder("disputed")(world)),
  }),

  health: nothing,
  jwks: nothing,
  openapi: nothing,
  llms: nothing,
  skill: nothing,
  readTestClock: nothing,
  advanceTestClock: () => ({ json: { advance_seconds: 1 } }),

  billing: nothing,
  createChallenge: () => ({ json: { wallet_address: newWallet().address } }),
  createWalletSession: async (world) => ({ json: await freshChallenge(world) }),
  createTenant: () => ({ json: { tenant_id: newSlug() } }),
  listTenants: nothing,
  createEnrollmentToken: inTenantWith({}),
  listEnrollmentTokens: inTenant,
  revokeEnrollmentToken: async (world) => ({ params: { tenant_id: world.house.tenantId, id: (await freshToken(world)).id } }),
  createAgentKey: (world) => inTenantWith({ agent_id: world.house.agent.agentId })(world),
  listAgentKeys: inTenant,
  revokeAgentKey: async (world) => ({ params: { tenant_id: world.house.tenantId, key_id: await freshAgentKey(world) } }),
  signUpAgent: async ({ server }) => ({ json: { tenant_id: newSlug() }, by: (await signIn(server.client())).client }),
  enrollAgent: async (world) => ({ json: { enrollment_token: (await freshToken(world)).enrollment_token } }),
  bootstrapOwner: async ({ server }) => {
    const agent = await signUp(server.client());
    return { json: { owner_email: newEmail(), tenant_id: agent.tenantId }, by: agent.client };
  },
  query: () => ({ json: { query_text: "where is the silver?" } }),
  primeContext: () => ({ json: { task_description: "polish the silver", token_budget: 100 } }),
  openSession: () => ({ json: { session_id: newSlug("session") } }),
  appendToSession: async (world) => ({ json: { session_id: await freshSession(world), content: "the cook is new" } }),
  flushSession: async (world) => ({ json: { session_id: await freshSession(world) } }),
  closeSession: async (world) => ({ json: { session_id: await freshSession(world) } }),
  sessionStatus: ({ house }) => ({ params: { session_id: house.sessionId } }),
  finalizeSession: () => ({ json: { session_id: newSlug("session"), observations: [{ content: "the coachman left" }] } }),
  adminStats: nothing,

  createWallet: () => ({ json: { currency: "usd", name: "petty cash" } }),
  listWallets: nothing,
  getWallet: ofWallet,
  getWalletBalance: ofWallet,
  fundWallet: (world) => ({ ...ofWallet(world), json: { amount: 100 }, headers: { "idempotency-key": newSlug("once") } }),
  createApiKey: () => ({ json: { label: "spare" } }),
  listApiKeys: nothing,
  revokeApiKey: async (world) => ({ params: { id: await freshApiKey(world) } }),

  createWebhook: async (world) => {
    await freshWebhook(world);
    return { json: { url: NOBODY_LISTENS, events: ["order.message"] } };
  },
  listWebhooks: nothing,
  getWebhook: ofWebhook,
  updateWebhook: (world) => ({ ...ofWebhook(world), json: { description: "what the butler hears" } }),
  deleteWebhook: async (world) => ({ params: { id: await freshWebhook(world) } }),
  rotateWebhookSecret: (world) => ({ ...ofWebhook(world), json: {} }),
  testWebhook: (world) => ({ ...ofWebhook(world), json: {} }),
  listWebhookDeliveries: ofWebhook,
  replayWebhookDelivery: ({ house }) => ({ params: { id: house.webhookId, delivery_id: house.deliveryId }, json: {} }),
  replayWebhook: (world) => ({ ...ofWebhook(world), json: { since: "2026-01-01T00:00:00Z" } }),
  listEvents: nothing,
  getTenant: nothing,
  updateTenant: ({ house }) => ({ json: { name: "The house" }, by: house.owner.client.with({ "x-tenant-id": house.tenantId, "x-api-key": "" }) }),
  listAudit: nothing,
  verifyAudit: nothing,
  registerAgent: async (world) => {
    await withRoom(world);
    return { json: { display_name: "spare" } };
  },
  listAgents: nothing,
  getAgent: ofAgent,
  updateAgent: ofFreshAgent({ display_name: "scout" }),
  suspendAgent: ofFreshAgent({}),
  revokeAgent: ofFreshAgent({}),
  deleteAgent: ofFreshAgent(),
  listAgentSigningKeys: ofAgent,
  rotateAgentSigningKey: ofFreshAgent({}),
  agentJwks: ({ house }) => ({ params: { agent_id: house.agent.agentId } }),
  getTrustScore: ofAgent,
  computeTrustScore: (world) => ({ ...ofAgent(world), json: {} }),
  listTrustHistory: ofAgent,
  createAgentSession: aboutAgent({}),
  createSession: aboutAgent({}),
  refreshAgentSession: async (world) => ({ json: { refresh_token: (await freshAgentSession(world))["refresh_token"] } }),
  listAgentSessions: nothing,
  terminateAgentSession: ofAgentSession({}),
  terminateSession: ofAgentSession({ reason: "over" }),
  offerDelegation: async (world) => ({ json: await freshOffer(world) }),
  acceptDelegation: async (world) => ({ params: { id: await freshDelegation(world) }, json: {} }),
  checkGuardrails: aboutAgent({ action: "data:read" }),
  createAgentReceipt: aboutAgent({ action: "polish" }),
  getAgentReceipt: ofReceipt,
  verifyAgentReceipt: ofReceipt,
  listAgentReceipts: ofAgent,
  explainScope: (world) => ({ ...ofAgent(world), query: "?action=data:read" }),
  createExecutionToken: atDesk(({ agentId, mandate }) => ({
    params: { id: agentId }, json: { mandate_id: mandate.id, action: "tool:spend", audience: "spendguard-actions" },
  })),
  createMandate: atDesk(({ agentId }) => ({ json: { agent_id: agentId, total_limit: 100 } })),
  listMandates: nothing,
  getMandate: atDesk(({ mandate }) => ({ params: { id: mandate.id } })),
  replaceMandate: atDesk(async ({ office, agentId }) => ({ params: { id: (await newMandate(office, agentId)).id }, json: { version: 1, total_limit: 7 } })),
  createPayment: atDesk(async (desk) => ({
    json: { amount: 1, currency: "usd", merchant: "The baker" }, headers: { "idempotency-key": newSlug("once") }, by: await freshPayer(desk),
  })),
  listPayments: nothing,
  getPayment: atDesk(({ paymentId }) => ({ params: { id: paymentId } })),
  estimateSpend: () => ({ json: { kind: "tool", amount: 1 } }),
  authorizeSpend: atDesk((desk) => ({ json: spend(desk) })),
  createReservation: atDesk((desk) => ({ json: spend(desk) })),
  createReservations: atDesk((desk) => ({ json: { items: [spend(desk), spend(desk)] } })),
  listReservations: nothing,
  getReservation: without(ofReservation),
  captureReservation: ofReservation,
  releaseReservation: ofReservation,
  createBudgetLease: atDesk(({ childId, mandate }) => ({ json: { child_agent_id: childId, mandate_id: mandate.id, amount: 1 } })),
  listBudgetLeases: nothing,
  getBudgetLease: without(ofLease),
  releaseBudgetLease: ofLease,
  revokeBudgetLease: ofLease,
  listApprovals: nothing,
  getApproval: without(ofApproval),
  approve: ofApproval,
  deny: ofApproval,
  summarizeUsage: nothing,
  reconcileLedger: nothing,
  getGoNoGo: nothing,
  replaceGoNoGo: () => ({ json: packetOf("pending", null) }),
  setKillSwitch: () => ({ json: { on: false } }),

  registerSeller: () => ({ json: newRegistration() }),
  recoverSeller: async ({ server }) => {
    const wallet = new Wallet();
    const { agentId } = await makeSeller(server.client(), wallet.asOwner());
    return { json: { agent_id: agentId, ...wallet.asOwner() } };
  },
  namePayoutWallet: async (world) => ({ params: { id: await revokedSeller(world) }, json: { payout_wallet: new Wallet().address } }),
  getSeller: nothing,
  updateSeller: () => ({ json: { description: "I paint what you tell me to paint" } }),
  // Of a tenant of its own, whichever is named beside.
  rotateSellerKey: async ({ server }) => ({ json: {}, by: (await makeSeller(server.client())).client.with({ "x-tenant-id": "" }) }),
  listSellers: nothing,
  getSellerProfile: ofSeller,
  createService: async (world) => {
    // Whoever asked before makes room.
    const { client } = await sellerOfHouse(world.house);
    await client.delete(`/api/services/${await freshService(world)}`);
    return { ...(await ofSeller(world)), json: newService() };
  },
  listOwnServices: ofSeller,
  // An agent has one token: each launch is another's.
  launchToken: async ({ server }) => {
    const { agentId, client } = await makeSeller(server.client(), { avatar_url: "https://example.com/avatar.png" });
    return { params: { id: agentId }, json: { symbol: "PAINT" }, by: client.with({ "x-tenant-id": "" }) };
  },
  updateService: async (world) => ({ ...(await ofService(world)), json: { price_usd: "7.50" } }),
  deleteService: ofService,
  getService: ofService,
  listServices: nothing,
};

/** A request that succeeds when who may make it makes it. `csrf` is that of the browser it will be sent from. */
export async function prepareAsk(server: Server, house: Household, route: Route, csrf = house.owner.csrf): Promise<Ask> {
  const wish = WISHES[route.name];
  assert.ok(wish, `no test knows a good request for ${route.name}: add one to support/ask.ts`);
  const { params, query = "", json, body: raw, form, headers = {}, by } = await wish({ server, house });
  const body = form && { body: new URLSearchParams({ csrf, idempotency_key: newSlug("once"), ...form }).toString(), headers: { ...FORM, ...headers } };
  const sent: Sent = raw ?? body ?? { headers, ...(json === undefined ? {} : { json }) };
  return { method: route.method, path: `${fillPath(route, params)}${query}`, sent, by };
}

/** Who may make the household's request at a route. */
export async function callerAt(route: Route, house: Household, operator: Person): Promise<Client> {
  const named = { "x-tenant-id": house.tenantId };
  const office = house.stranger.with({ ...named, "x-api-key": house.apiKey });
  const callers: Record<Access, () => Client | Promise<Client>> = {
    Public: () => house.stranger,
    WalletSession: () => house.agent.client,
    Runtime: () => house.agent.runtime,
    Management: () => office,
    Spend: () => office,
    SessionOrManagement: () => office,
    Agent: () => office,
    Execution: async () => (await deskOf(house)).payer,
    Seller: async () => (await sellerOfHouse(house)).client,
    Shared: () => house.stranger,
    Buyer: () => house.stranger,
    Party: async () => (await sellerOfHouse(house)).client,
    Owner: async () => (await sellerOfHouse(house)).client,
    Human: () => house.owner.client,
    Admin: () => operator.client.with(named),
    Console: () => house.owner.browser,
    OperatorConsole: () => operator.browser,
  };
  return callers[route.access as Access]();
}
