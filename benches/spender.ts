// Agents that spend: a tenant with money, a mandate, a token. All of it by the routes of the contract, which the peer
// has as well; only its tenant is made by a private call.
import { createPrivateKey, type JsonWebKey } from "node:crypto";
import { calculateJwkThumbprint, importJWK, type JWTPayload, SignJWT } from "jose";
import { ask, encodeRequest, exchange } from "./client.ts";
import { TOKEN_SIGNING_SEED } from "./contender.ts";
import type { Server } from "./server.ts";
import { type BenchTenant, makeOurManagedTenant, makePeerTenant } from "./tenant.ts";

export const RESERVATIONS = "/v1/spend-guard/reservations";
export const BATCH = `${RESERVATIONS}/batch`;
/** The most one call may hold (contract). */
export const BATCH_ITEMS = 100;

export const ACTION = "token:spend";
/** The smallest amount, so that no wallet runs dry; every limit is set, so that each is looked at. */
export const SPEND = { kind: "token", amount: 1, currency: "usd", resource: "gpt-large" };
const LIMITS = { per_transaction_limit: 1_000, daily_limit: 50_000_000, monthly_limit: 60_000_000, total_limit: 70_000_000 };
const FUNDS = 1_000_000;
/** The longest a token lives (contract): one is made for every round. */
const TOKEN_TTL_S = 900;

export interface Spender {
  port: number;
  liveKey: string;
  walletId: string;
  agentId: string;
  mandateId: string;
}

/** Whether the server has the routes at all: without a credential they refuse, and an unknown path is not found. */
export async function canSpend(server: Server): Promise<boolean> {
  const probes = ["/v1/mandates", RESERVATIONS, BATCH].map((path) => encodeRequest({ method: "POST", path, body: {} }));
  return (await exchange(server.port, probes, 1)).every(({ status }) => status !== 404);
}

export async function makeMandate(spender: Pick<Spender, "port" | "liveKey" | "agentId">, rules: Record<string, unknown> = {}): Promise<string> {
  const body = { agent_id: spender.agentId, currency: "usd", ...LIMITS, name: "bench", ...rules };
  const { id } = await ask<{ id: string }>(spender.port, { method: "POST", path: "/v1/mandates", headers: { "X-API-Key": spender.liveKey }, body }, 201);
  return id;
}

export async function issueToken(spender: Spender, mandateId = spender.mandateId, action = ACTION, audience = "spendguard-actions"): Promise<string> {
  const path = `/v1/agents/${spender.agentId}/execution-tokens`;
  const body = { mandate_id: mandateId, action, audience, ttl_seconds: TOKEN_TTL_S };
  const headers = { "X-API-Key": spender.liveKey };
  const { execution_token: token } = await ask<{ execution_token: string }>(spender.port, { method: "POST", path, headers, body }, 201);
  return token;
}

async function withMandate(port: number, { liveKey, walletId, agentId }: BenchTenant): Promise<Spender> {
  const spender = { port, liveKey, walletId, agentId };
  return { ...spender, mandateId: await makeMandate(spender) };
}

export async function makePeerSpender(port: number, slug: string): Promise<Spender> {
  return withMandate(port, await makePeerTenant(port, slug, []));
}

export async function makeOurSpender(port: number, slug: string): Promise<Spender> {
  const tenant = await makeOurManagedTenant(port, slug);
  const headers = { "X-API-Key": tenant.liveKey, "Idempotency-Key": `${slug}-funds` };
  await ask(port, { method: "POST", path: `/v1/wallets/${tenant.walletId}/fund`, headers, body: { amount: FUNDS } }, 201);
  return withMandate(port, tenant);
}

async function sendAll(port: number, requests: Buffer[], status: number): Promise<void> {
  const wrong = (await exchange(port, requests)).find((reply) => reply.status !== status);
  if (wrong !== undefined) throw new Error(`expected ${status}, got ${wrong.status}: ${wrong.body}`);
}

/** Leaves `count` reservations open for the day, by the route that takes a hundred at a time. */
export async function holdOpen(spender: Spender, count: number): Promise<void> {
  const headers = { Authorization: `Bearer ${await issueToken(spender)}` };
  const body = { items: Array.from({ length: BATCH_ITEMS }, () => ({ ...SPEND, ttl_seconds: 86_400 })), atomic: true };
  const request = encodeRequest({ method: "POST", path: BATCH, headers, body });
  await sendAll(spender.port, Array.from({ length: count / BATCH_ITEMS }, () => request), 200);
}

/** Adds `count` mandates of the same agent. */
export async function addMandates({ port, liveKey, agentId }: Spender, count: number): Promise<void> {
  const body = { agent_id: agentId, currency: "usd", ...LIMITS, name: "bench" };
  const request = encodeRequest({ method: "POST", path: "/v1/mandates", headers: { "X-API-Key": liveKey }, body });
  await sendAll(port, Array.from({ length: count }, () => request), 201);
}

function signingKey(seedHex: string): JsonWebKey {
  const der = Buffer.from(`302e020100300506032b657004220420${seedHex}`, "hex");
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "jwk" });
}

/** A token with these claims, signed as the server signs its own, or by another key under the same name. */
export async function forgeToken(claims: JWTPayload, seedHex = TOKEN_SIGNING_SEED): Promise<string> {
  const jwk = signingKey(TOKEN_SIGNING_SEED);
  const kid = await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x: jwk.x! });
  const key = await importJWK({ ...signingKey(seedHex), kty: "OKP" }, "EdDSA");
  return new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid, typ: "JWT" }).sign(key);
}
