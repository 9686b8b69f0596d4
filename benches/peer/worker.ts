// The peer: the routes the benchmark asks for, as a good TypeScript developer would write them for the same contract,
// the same tables and one hop a route.
import { Hono } from "hono";
import { expiryMs, messageOf, newChallenge, openChallenge, parseAddress, sealChallenge, verifySignature } from "./challenge.ts";
import type { Gate } from "./gate.ts";
import { scaled, WALLET_AUTH } from "./limit.ts";
import { Refusal } from "./refusal.ts";
import { importSigner, mintSession, type Signer } from "./token.ts";

export { Gate } from "./gate.ts";

interface Env {
  GATE: DurableObjectNamespace<Gate>;
  PUBLIC_ORIGIN: string;
  CHALLENGE_SECRET: string;
  TOKEN_SIGNING_SEED: string;
  RATE_LIMIT_SCALE: string;
}

/** Keys imported once an isolate. */
let keys: Promise<{ challenge: CryptoKey; signer: Signer }> | undefined;

function importKeys(env: Env): NonNullable<typeof keys> {
  keys ??= (async () => ({
    challenge: await crypto.subtle.importKey("raw", Uint8Array.fromHex(env.CHALLENGE_SECRET), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]),
    signer: await importSigner(env.TOKEN_SIGNING_SEED),
  }))();
  return keys;
}

async function admitAddress(env: Env, request: Request, nowMs: number): Promise<void> {
  const ip = request.headers.get("CF-Connecting-IP") ?? "local";
  const standing = await env.GATE.getByName(`ip:${ip}`).count(scaled(WALLET_AUTH, Number(env.RATE_LIMIT_SCALE)), nowMs);
  if (!standing.isAdmitted) throw new Refusal(429, "rate_limited");
}

async function readBody(request: Request): Promise<Record<string, unknown>> {
  try {
    return await request.json();
  } catch {
    throw new Refusal(400, "invalid_json");
  }
}

const app = new Hono<{ Bindings: Env }>();

app.use(async (context, next) => {
  await next();
  context.header("X-Request-Id", `req_${crypto.randomUUID()}`);
  context.header("X-Content-Type-Options", "nosniff");
  context.header("Access-Control-Allow-Origin", "*");
});

app.onError((error, context) => {
  if (error instanceof Refusal) return context.json({ detail: error.code, code: error.code }, error.status);
  console.error(error);
  return context.json({ detail: "our fault", code: "internal_error" }, 500);
});

app.post("/v2/billing/agent/challenge", async (context) => {
  const nowMs = Date.now();
  await admitAddress(context.env, context.req.raw, nowMs);
  const body = await readBody(context.req.raw);
  const chainId = body["chain_id"] ?? 1;
  if (!Number.isSafeInteger(chainId) || (chainId as number) < 1) throw new Refusal(400, "invalid_request");
  const challenge = newChallenge(parseAddress(body["wallet_address"]), chainId as number, nowMs);
  const { challenge: key } = await importKeys(context.env);
  return context.json({
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
  await admitAddress(env, context.req.raw, nowMs);
  const body = await readBody(context.req.raw);
  const { challenge: key, signer } = await importKeys(env);
  const challenge = await openChallenge(body["challenge_id"], key, nowMs);
  await verifySignature(challenge, body["signature"], env.PUBLIC_ORIGIN);
  const tenants = await env.GATE.getByName(`wallet:${challenge.address}`).use(challenge.nonce, expiryMs(challenge), nowMs);
  if (tenants === undefined) throw new Refusal(401, "invalid_challenge");
  const { token, expiresAtMs } = await mintSession(signer, env.PUBLIC_ORIGIN, challenge.address, nowMs);
  context.header("Cache-Control", "no-store");
  return context.json({
    session_token: token,
    token_type: "Bearer",
    wallet_address: challenge.address,
    expires_at: new Date(expiresAtMs).toISOString(),
    tenant_id: tenants.length === 1 ? tenants[0] : null,
    tenants,
  });
});

export default app;
