// The peer: the routes the benchmark asks for, as a good TypeScript developer would write them for the same contract,
// the same tables and one hop a route.
import { type Context, Hono } from "hono";
import type { Admission, Claim, Events } from "./call.ts";
import { expiryMs, messageOf, newChallenge, openChallenge, parseAddress, sealChallenge, verifySignature } from "./challenge.ts";
import { admissionOf, admitAddress, answer, answerRefusal, claimOf, type Env, type House, importKeys, isRefused, limitHeaders, readBody, refusalOf } from "./house.ts";
import { newId } from "./id.ts";
import { parseKey } from "./key.ts";
import { MONEY, RUNTIME, WALLET_AUTH } from "./limit.ts";
import { addMarketRoutes } from "./market_route.ts";
import type { Found, Search } from "./memory.ts";
import { project } from "./projection.ts";
import { Refusal } from "./refusal.ts";
import { addSpendRoutes } from "./spend_route.ts";
import type { Tenant } from "./tenant.ts";
import { mintSession } from "./token.ts";

export { Gate } from "./gate.ts";
export { Memory } from "./memory.ts";
export { Tenant } from "./tenant.ts";

const PRICE_MICROS = 1000;

const app = new Hono<House>();

app.use(async (context, next) => {
  const startedMs = Date.now();
  context.set("requestId", newId("req", startedMs));
  await next();
  const { method, path } = context.req;
  console.log(JSON.stringify({ request_id: context.get("requestId"), method, path, status: context.res.status, ms: Date.now() - startedMs }));
});

app.onError((error, context) => {
  if (error instanceof Refusal) return answerRefusal(context, error);
  console.error(error);
  return answerRefusal(context, new Refusal(500, "internal_error"));
});

app.post("/v2/billing/agent/challenge", async (context) => {
  const nowMs = Date.now();
  await admitAddress(context, WALLET_AUTH, nowMs);
  const body = await readBody(context.req.raw);
  const chainId = body["chain_id"] ?? 1;
  if (!Number.isSafeInteger(chainId) || (chainId as number) < 1) throw new Refusal(400, "invalid_request");
  const challenge = newChallenge(parseAddress(body["wallet_address"]), chainId as number, nowMs);
  const { challenge: key } = await importKeys(context.env);
  return answer(context, 200, {
    challenge_id: await sealChallenge(challenge, key),
    message: messageOf(challenge, context.env.PUBLIC_ORIGIN),
    nonce: challenge.nonce,
    wallet_address: challenge.address,
    chain_id: challenge.chainId,
    issued_at: new Date(challenge.issuedAtMs).toISOString(),
    expires_at: new Date(expiryMs(challenge)).toISOString(),
  });
});

app.post("/v2/billing/agent/session", async (context) => {
  const { env } = context;
  const nowMs = Date.now();
  await admitAddress(context, WALLET_AUTH, nowMs);
  const body = await readBody(context.req.raw);
  const { challenge: key, signer } = await importKeys(env);
  const challenge = await openChallenge(body["challenge_id"], key, nowMs);
  await verifySignature(challenge, body["signature"], env.PUBLIC_ORIGIN);
  const tenants = await env.GATE.getByName(`wallet:${challenge.address}`).use(challenge.nonce, expiryMs(challenge));
  if (tenants === undefined) throw new Refusal(401, "invalid_challenge");
  const { token, expiresAtMs } = await mintSession(signer, env.PUBLIC_ORIGIN, challenge.address, nowMs);
  return answer(context, 200, {
    session_token: token,
    token_type: "Bearer",
    wallet_address: challenge.address,
    expires_at: new Date(expiresAtMs).toISOString(),
    tenant_id: tenants.length === 1 ? tenants[0] : null,
    tenants,
  });
});

function parseSearch(body: Record<string, unknown>): Search {
  const { query_text: text, limit = 10 } = body;
  if (typeof text !== "string" || text.length === 0 || text.length > 4096) throw new Refusal(400, "invalid_request");
  if (!Number.isInteger(limit) || (limit as number) < 1 || (limit as number) > 50) throw new Refusal(400, "invalid_request");
  return { text, limit: limit as number };
}

function decimalOf(micros: number): string {
  const cents = (micros / 1_000_000).toFixed(6);
  return cents.replace(/0{1,4}$/, "");
}

function queryReply(slug: string, found: Found, balanceMicros: number, nowMs: number): Record<string, unknown> {
  return {
    tenant_id: slug,
    query_id: newId("qry", nowMs),
    ...found,
    cost: { amount: "0.001", currency: "USD" },
    balance: decimalOf(balanceMicros),
  };
}

/** A query the way `ask` puts it to the tenant's object. */
async function query(
  context: Context<House>,
  ask: (tenant: DurableObjectStub<Tenant>, admission: Admission, claim: Claim | undefined, asked: Search) => Promise<Awaited<ReturnType<Tenant["ask"]>>>,
): Promise<Response> {
  const admission = admissionOf(context, context.req.header("X-Tenant-Token"), RUNTIME);
  const body = await readBody(context.req.raw);
  const tenant = context.env.TENANT.getByName(admission.key.tenantUuid);
  const reply = await ask(tenant, admission, claimOf(context, admission.key.number, body), parseSearch(body));
  if (isRefused(reply)) throw refusalOf(admission.quota, admission.nowMs, reply);
  if ("replayed" in reply) return answer(context, 200, reply.replayed, { "Idempotent-Replayed": "true" });
  return answer(context, 200, queryReply(reply.slug, reply.found, reply.balanceMicros, admission.nowMs));
}

// One hop: the memory lives with the money.
app.post("/v2/query", (context) => query(context, async (tenant, admission, claim, asked) => tenant.query(admission, claim, PRICE_MICROS, asked)));

// Two hops: the tenant's object holds the price, asks the memory's own object and takes the price.
app.post("/two-hops/v2/query", (context) => query(context, async (tenant, admission, claim, asked) => tenant.ask(admission, claim, PRICE_MICROS, asked)));

app.get("/v1/wallets/:id/balance", async (context) => {
  const admission = admissionOf(context, context.req.header("X-API-Key"), MONEY);
  const walletId = context.req.param("id");
  if (!/^wal_[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(walletId)) throw new Refusal(400, "INVALID_ID");
  const reply = await context.env.TENANT.getByName(admission.key.tenantUuid).balance(admission, walletId);
  if (isRefused(reply)) throw refusalOf(admission.quota, admission.nowMs, reply);
  const { availableMicros, heldMicros } = reply;
  const totalMicros = availableMicros + heldMicros;
  const body = {
    wallet_id: walletId,
    currency: "usd",
    available: Math.floor(availableMicros / 10_000),
    reserved: Math.floor(heldMicros / 10_000),
    total: Math.floor(totalMicros / 10_000),
    available_micros: availableMicros,
    reserved_micros: heldMicros,
    total_micros: totalMicros,
    as_of: new Date(admission.nowMs).toISOString(),
  };
  return answer(context, 200, body, limitHeaders(admission.quota, reply.standing));
});

addSpendRoutes(app);
addMarketRoutes(app);

// Not part of the contract: makes what the benchmark asks about.
app.post("/seed", async (context) => {
  const { uuid, slug, keys, contents } = await context.req.json<{ uuid: string; slug: string; keys: string[]; contents: string[] }>();
  const nowMs = Date.now();
  const { walletId, agentId } = await context.env.TENANT.getByName(uuid).seed(uuid, slug, keys.map(parseKey), 1e12, contents, nowMs);
  if (contents.length > 0) await context.env.MEMORY.getByName(uuid).remember("s1", contents, nowMs);
  await context.env.DB.prepare("INSERT INTO tenants (tenant_uuid, slug, name, state, claimed_by, wallet_id, created_at_ms) VALUES (?1, ?2, ?2, 'born', 'bench', ?3, ?4)")
    .bind(uuid, slug, walletId, nowMs)
    .run();
  return context.json({ wallet_id: walletId, agent_id: agentId });
});

export default {
  fetch: app.fetch,
  async queue(batch, env) {
    for (const message of batch.messages) {
      if (await project(env.DB, message.body)) message.ack();
      else message.retry();
    }
  },
} satisfies ExportedHandler<Env, Events>;
