// What each route costs: hops to objects, statements they run, queries of D1. A figure that moves is moved here on
// purpose, by whoever moved it; a route without one fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import { callerAt, prepareAsk } from "./support/ask.ts";
import { Buyer } from "./support/buyer.ts";
import type { Client, Reply } from "./support/client.ts";
import { newHousehold, newOperator, type Household } from "./support/household.ts";
import { makeService, sellerOfHouse } from "./support/market.ts";
import type { Person } from "./support/person.ts";
import { ROUTES, type Route } from "./support/route.ts";
import { useServer } from "./support/server.ts";
import { deskOf, freshPayer } from "./support/spender.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" }, pushesToNobody: true });

type Cost = readonly [hops: number, statements: number, queries: number];

/** By the route's name, for a request that succeeds and is not the first of its kind. */
const BUDGET: Record<string, Cost> = {
  // A public page costs the counting of its address.
  front: [1, 1, 0],
  style: [1, 1, 0],
  script: [1, 1, 0],
  icon: [1, 1, 0],
  jwks: [1, 1, 0],
  openapi: [1, 1, 0],
  llms: [1, 1, 0],
  skill: [1, 1, 0],
  billing: [1, 1, 0],
  health: [0, 0, 1],
  readTestClock: [0, 0, 0],
  advanceTestClock: [0, 0, 0],

  // Accounts. A registration bears a tenant: its objects make their tables.
  register: [5, 152, 5],
  signIn: [2, 2, 2],
  createToken: [2, 2, 1],
  showCsrf: [1, 1, 0],
  showSession: [1, 1, 0],
  signOut: [1, 1, 0],

  // A file is counted twice at its tenant: whether there is room, and how much it took. What is shown asks the bucket alone.
  uploadFile: [3, 7, 0],
  uploadBriefImage: [1, 1, 0],
  showFile: [1, 1, 0],

  // Wallets.
  createChallenge: [1, 1, 0],
  createWalletSession: [2, 3, 0],
  signUpAgent: [5, 148, 3],
  enrollAgent: [3, 11, 0],
  bootstrapOwner: [2, 9, 1],

  // What agents do all day touches no D1. A metered query goes to its tenant, which asks the memory.
  query: [2, 11, 0],
  primeContext: [2, 5, 0],
  openSession: [2, 5, 0],
  appendToSession: [2, 7, 0],
  flushSession: [2, 3, 0],
  closeSession: [2, 5, 0],
  sessionStatus: [2, 4, 0],
  finalizeSession: [2, 7, 0],

  // A human's token costs the query that asks whether it still holds.
  createTenant: [5, 142, 5],
  listTenants: [1, 1, 2],
  createEnrollmentToken: [1, 5, 1],
  listEnrollmentTokens: [1, 3, 1],
  revokeEnrollmentToken: [1, 6, 1],
  createAgentKey: [1, 6, 1],
  listAgentKeys: [1, 3, 1],
  revokeAgentKey: [1, 6, 1],
  adminStats: [0, 0, 2],

  // A key's proof, its limit and its work are one hop.
  createWallet: [1, 7, 0],
  listWallets: [1, 3, 0],
  getWallet: [1, 3, 0],
  getWalletBalance: [1, 3, 0],
  fundWallet: [1, 6, 0],
  createApiKey: [1, 5, 0],
  listApiKeys: [1, 3, 0],
  revokeApiKey: [1, 6, 0],
  createWebhook: [1, 6, 0],
  listWebhooks: [1, 3, 0],
  getWebhook: [1, 3, 0],
  updateWebhook: [1, 5, 0],
  deleteWebhook: [1, 6, 0],
  rotateWebhookSecret: [1, 8, 0],
  testWebhook: [1, 8, 0],
  listWebhookDeliveries: [1, 4, 0],
  replayWebhookDelivery: [1, 8, 0],
  replayWebhook: [1, 7, 0],
  listEvents: [1, 4, 0],
  getTenant: [1, 4, 0],
  updateTenant: [1, 7, 1],
  listAudit: [1, 3, 0],
  verifyAudit: [1, 3, 0],

  // So is all of governed money, a payment too; whether anything has run out is told with the caller. Only an operator's token asks D1.
  registerAgent: [1, 6, 0],
  listAgents: [1, 5, 0],
  getAgent: [1, 3, 0],
  updateAgent: [1, 6, 0],
  suspendAgent: [1, 6, 0],
  revokeAgent: [1, 13, 0],
  deleteAgent: [1, 13, 0],
  listAgentSigningKeys: [1, 4, 0],
  rotateAgentSigningKey: [1, 10, 0],
  agentJwks: [2, 4, 1],
  getTrustScore: [1, 4, 0],
  computeTrustScore: [1, 9, 0],
  listTrustHistory: [1, 5, 0],
  explainScope: [1, 3, 0],
  createAgentSession: [1, 6, 0],
  createSession: [1, 6, 0],
  refreshAgentSession: [1, 9, 0],
  listAgentSessions: [1, 4, 0],
  terminateAgentSession: [1, 6, 0],
  terminateSession: [1, 6, 0],
  offerDelegation: [1, 7, 0],
  acceptDelegation: [1, 13, 0],
  checkGuardrails: [1, 3, 0],
  createAgentReceipt: [1, 8, 0],
  getAgentReceipt: [1, 3, 0],
  verifyAgentReceipt: [1, 7, 0],
  listAgentReceipts: [1, 5, 0],
  createExecutionToken: [1, 5, 0],
  createMandate: [1, 7, 0],
  listMandates: [1, 3, 0],
  getMandate: [1, 3, 0],
  replaceMandate: [1, 7, 0],
  createPayment: [1, 16, 0],
  listPayments: [1, 3, 0],
  getPayment: [1, 3, 0],
  estimateSpend: [1, 2, 0],
  authorizeSpend: [1, 5, 0],
  createReservation: [1, 8, 0],
  createReservations: [1, 11, 0],
  listReservations: [1, 3, 0],
  getReservation: [1, 3, 0],
  captureReservation: [1, 8, 0],
  releaseReservation: [1, 8, 0],
  createBudgetLease: [1, 13, 0],
  listBudgetLeases: [1, 3, 0],
  getBudgetLease: [1, 3, 0],
  releaseBudgetLease: [1, 11, 0],
  revokeBudgetLease: [1, 15, 0],
  listApprovals: [1, 3, 0],
  getApproval: [1, 3, 0],
  approve: [1, 9, 0],
  deny: [1, 13, 0],
  summarizeUsage: [1, 5, 0],
  reconcileLedger: [1, 5, 0],
  getGoNoGo: [1, 3, 0],
  replaceGoNoGo: [1, 6, 1],
  setKillSwitch: [1, 3, 0],

  // The marketplace counts the address first. What a seller changes is written to D1 at once; what everybody reads stands there
  // alone.
  registerSeller: [4, 151, 6],
  recoverSeller: [2, 11, 1],
  getSeller: [2, 4, 0],
  updateSeller: [2, 5, 1],
  namePayoutWallet: [2, 8, 1],
  rotateSellerKey: [2, 11, 0],
  createService: [2, 8, 1],
  listOwnServices: [2, 3, 0],
  launchToken: [2, 9, 1],
  updateService: [2, 7, 1],
  deleteService: [2, 7, 1],
  getService: [1, 1, 1],
  listSellers: [1, 1, 0],
  getSellerProfile: [1, 1, 3],
  listServices: [1, 1, 1],

  // Orders lie with the agent that does them: a buyer's request asks D1 where; what moved is shown there for the buyer's list.
  placeOrder: [2, 9, 2],
  listBuyersOrders: [1, 1, 1],
  getOrderLifecycle: [1, 1, 0],
  getOrder: [2, 4, 0],
  moveOrder: [2, 7, 1],
  resolveDispute: [2, 10, 3],
  listAgentsOrders: [2, 4, 0],
  deliverOrder: [2, 8, 1],
  quoteOrder: [2, 7, 1],
  listMessages: [2, 4, 0],
  postMessage: [2, 7, 0],
  reviewOrder: [2, 9, 1],

  // The console: the address, the cookie, the tenants, and what the page shows.
  account: [1, 1, 0],
  accountSignIn: [3, 13, 2],
  accountSignInAgain: [1, 1, 0],
  accountSignOut: [1, 1, 0],
  accountSignOutAgain: [1, 1, 0],
  accountRegistration: [1, 1, 0],
  accountRegister: [5, 152, 6],
  accountInvitation: [2, 4, 0],
  accountAcceptInvitation: [2, 8, 3],
  accountTenants: [1, 1, 2],
  accountCreateTenant: [5, 142, 5],
  accountAgents: [2, 10, 2],
  accountKeys: [2, 10, 2],
  accountMintAgentKey: [2, 11, 1],
  accountMintApiKey: [2, 6, 1],
  accountEnrollment: [3, 12, 2],
  accountMintToken: [2, 6, 1],
  accountAskRevokeKey: [2, 10, 2],
  accountRevokeKey: [2, 6, 1],
  accountAskRevokeToken: [2, 3, 2],
  accountRevokeToken: [2, 6, 1],
  accountBilling: [2, 10, 2],
  accountFund: [2, 6, 1],
  accountSettings: [1, 1, 4],
  accountRename: [1, 1, 2],
  accountPassword: [3, 13, 4],
  accountSignOutEverywhere: [1, 1, 3],
  accountOperator: [1, 1, 6],

  // Of governed money: what every page shows, then what it is about. A form that does its work once keeps a record of it.
  accountApprovals: [5, 16, 2],
  accountDecide: [2, 9, 1],
  accountMandates: [3, 12, 2],
  accountNewMandate: [2, 10, 2],
  accountCreateMandate: [2, 8, 1],
  accountMandate: [3, 12, 2],
  accountAskChangeMandate: [3, 12, 2],
  accountChangeMandate: [3, 9, 1],
  accountPayments: [3, 12, 2],
  accountLeases: [3, 12, 2],
  accountAskEndLease: [3, 12, 2],
  accountEndLease: [2, 11, 1],
  accountWallets: [3, 12, 2],
  accountAskSwitch: [2, 10, 2],
  accountSwitch: [2, 3, 1],
  accountWebhooks: [3, 12, 2],
  accountCreateWebhook: [2, 7, 1],
  accountWebhook: [4, 15, 2],
  accountAskChangeWebhook: [3, 12, 2],
  accountChangeWebhook: [2, 9, 1],
  accountAudit: [5, 18, 2],
  accountPacket: [2, 3, 2],
  accountPutPacket: [2, 7, 1],

  // Of orders: a seller's are read at its tenant, a buyer's wherever they lie.
  accountOrders: [3, 15, 2],
  accountOrder: [3, 16, 3],
  accountAskChangeOrder: [3, 16, 3],
  accountChangeOrder: [2, 7, 4],
  accountBought: [1, 1, 3],
  accountServices: [1, 1, 3],
  accountNewOrder: [1, 1, 4],
  accountUploadImage: [1, 1, 3],
  accountPlaceOrder: [2, 10, 5],
  accountBuyerWallets: [1, 1, 3],
  accountProveWallet: [1, 1, 4],
  accountAskRemoveWallet: [1, 1, 3],
  accountRemoveWallet: [1, 1, 3],
  accountDispute: [2, 7, 3],
  accountAskResolve: [2, 7, 3],
  accountResolve: [2, 11, 3],
};

type World = { house: Household; operator: Person };
let ready: Promise<World> | undefined;
const setUp = (): Promise<World> => (ready ??= makeWorld());

async function makeWorld(): Promise<World> {
  const [house, operator] = await Promise.all([newHousehold(server.current), newOperator(server.current)]);
  // A key's last use is noted once a minute: none may end while the figures are taken.
  const { now } = (await house.stranger.get("/v1/test-clock")).json;
  await server.current.advance(61 - new Date(now).getUTCSeconds());
  return { house, operator };
}

/** What an answer cost, as the log is told, and the client too unless it would learn from it what there is. */
async function costOf(reply: Reply): Promise<Cost> {
  const line = await server.current.lineOf(reply);
  const cost = [Number(line["hops"]), Number(line["statements"]), Number(line["queries"])] as const;
  const told = `hop;desc="${cost[0]}", sql;desc="${cost[1]}", d1;desc="${cost[2]}"`;
  assert.equal(reply.headers.get("server-timing"), [401, 403, 404].includes(reply.status) ? null : told);
  return cost;
}

async function measure(route: Route, { house, operator }: World): Promise<Cost> {
  const ask = await prepareAsk(server.current, house, route);
  const reply = await (ask.by ?? (await callerAt(route, house, operator))).send(ask.method, ask.path, ask.sent);
  assert.equal(reply.status, route.status, `${route.name}: ${reply.text.slice(0, 300)}`);
  return costOf(reply);
}

test("every route keeps to its budget of hops, statements and queries", async () => {
  const world = await setUp();
  const astray = await Promise.all(
    ROUTES.map(async (route) => {
      await measure(route, world);
      const spent = (await measure(route, world)).join(", ");
      const budget = BUDGET[route.name]?.join(", ") ?? "none";
      return spent === budget ? [] : [`${route.name}: spent ${spent}; its budget: ${budget}`];
    }),
  );
  assert.deepEqual(astray.flat(), []);
  const known = new Set(ROUTES.map((route) => route.name));
  assert.deepEqual(Object.keys(BUDGET).filter((name) => !known.has(name)), [], "a budget of a route that is gone");
});

test("an agent with a token touches no D1, and its one hop proves, counts, judges, holds and announces", async () => {
  const { house } = await setUp();
  const desk = await deskOf(house);
  const once = (): { "idempotency-key": string } => ({ "idempotency-key": crypto.randomUUID() });
  const spend = { kind: "tool", amount: 1 };
  const reserve = (headers = {}): Promise<Reply> => desk.tools.post("/v1/spend-guard/reservations", spend, headers);
  const [plain, keyed, settled, estimated, authorized] = [
    await reserve(), await reserve(once()), await reserve(), await desk.tools.post("/v1/spend-guard/estimate", spend), await desk.tools.post("/v1/spend-guard/authorize", spend),
  ];
  const of = (reply: Reply): string => `/v1/spend-guard/reservations/${reply.json.id}`;
  const captured = await desk.tools.post(`${of(plain)}/capture`, {});
  const released = await desk.tools.post(`${of(settled)}/release`, {});
  const batch = await desk.tools.post("/v1/spend-guard/reservations/batch", { items: Array(100).fill(spend) });
  const lent = await desk.lender.post("/v1/spend-guard/budget-leases", { child_agent_id: desk.childId, mandate_id: desk.mandate.id, amount: 1 });
  const paid = await (await freshPayer(desk)).post("/v1/payments", { amount: 1, currency: "usd", merchant: "Ada" }, once());
  const denied = await desk.tools.post("/v1/spend-guard/reservations", { kind: "tool", amount: 900_000_000 });
  const replies = [plain, keyed, settled, estimated, authorized, captured, released, batch, lent, paid, denied];
  assert.deepEqual(replies.map((reply) => reply.status), [201, 201, 201, 200, 200, 200, 200, 200, 201, 201, 402]);
  const costs = await Promise.all(replies.map(costOf));
  assert.deepEqual(costs.map(([hops, , queries]) => [hops, queries]), replies.map(() => [1, 0]));
  const [[, one], [, withKey]] = [costs[0]!, costs[1]!];
  assert.deepEqual([one, withKey - one], [6, 1], "what a reservation runs, and the record of its key");
  assert.ok(costs[7]![1] < 100 * 4, `a batch reads its books once: ${costs[7]![1]}`);
});

test("a wallet's order under an Idempotency-Key asks the wallet's gate whose the key is: a hop more", async () => {
  const { house } = await setUp();
  const seller = await sellerOfHouse(house);
  const service = await makeService(seller);
  const buyer = new Buyer(server.current);
  const body = { service_id: service["id"], brief: "A cyberpunk avatar with neon accents", client_wallet: buyer.wallet };
  const once = { "idempotency-key": "once" };
  const replies: Reply[] = [];
  for (const headers of [{}, once, once]) replies.push(await buyer.send("POST", "/api/orders", body, headers));
  assert.deepEqual(replies.map((reply) => [reply.status, reply.headers.get("idempotent-replayed")]), [[200, null], [200, null], [200, "true"]]);
  const costs = await Promise.all(replies.map(costOf));
  assert.deepEqual(costs.map(([hops, , queries]) => [hops, queries]), [[2, 2], [3, 2], [3, 2]]);
});

test("an order is paid with a payment in three hops, each to who decides, and a payment to the marketplace writes down where it lies", async () => {
  const { house } = await setUp();
  const [desk, seller, buyer] = [await deskOf(house), await sellerOfHouse(house), new Buyer(server.current)];
  const service = await makeService(seller);
  const pay = async (): Promise<[Reply, Reply]> => {
    const { id } = await buyer.order(service["id"], false);
    const order = { amount: 500, currency: "usd", merchant: "atelier", metadata: { order_id: id } };
    const paid = await (await freshPayer(desk)).post("/v1/payments", order, { "idempotency-key": crypto.randomUUID() });
    assert.equal(paid.status, 201, paid.text);
    const moved = await buyer.move(id, "pay", { payment_method: "payment", payment_id: paid.json.id });
    assert.equal(moved.status, 200, moved.text);
    return [paid, moved];
  };
  await pay();
  const [paid, moved] = await Promise.all((await pay()).map(costOf));
  assert.deepEqual([paid, moved], [[1, 16, 1], [4, 16, 3]], "the address is counted first");
});

test("a metered query is one hop to its tenant, which asks the memory and settles; a repeat asks no memory", async () => {
  const { house } = await setUp();
  const { runtime } = house.agent;
  const once = { "idempotency-key": "once" };
  const query = () => runtime.post("/v2/query", { query_text: "silver" }, once);
  const [first, firstStatements] = await costOf(await query());
  const [replayed, replayedStatements] = await costOf(await query());
  assert.deepEqual([first, replayed], [2, 1]);
  assert.ok(replayedStatements < firstStatements);
  // Free of charge and without a key there is nothing to settle.
  const [, settled] = await costOf(await runtime.post("/v2/prime-context", { task_description: "silver" }, { "idempotency-key": "free" }));
  const [hops, unsettled] = await costOf(await runtime.post("/v2/prime-context", { task_description: "silver" }));
  assert.equal(hops, 2);
  assert.ok(unsettled < settled);
});

test("a refusal costs less than what it refuses", async () => {
  const { house } = await setUp();
  const named = house.stranger.with({ "x-tenant-id": house.tenantId });
  const off = house.agent.agentKey.slice(0, -1) + (house.agent.agentKey.endsWith("0") ? "1" : "0");
  const refused: [number, Client, Cost][] = [
    [401, named, [0, 0, 0]],
    [401, named.with({ "x-tenant-token": "mtak_short" }), [0, 0, 0]],
    [401, named.with({ "x-tenant-token": off }), [1, 1, 0]],
    [403, house.agent.runtime.with({ "x-tenant-id": "somebody-else" }), [1, 1, 0]],
  ];
  for (const [status, caller, cost] of refused) {
    const reply = await caller.post("/v2/query", { query_text: "silver" });
    assert.equal(reply.status, status, reply.text);
    assert.deepEqual(await costOf(reply), cost, `${status} ${reply.text}`);
  }
});
