// What every route of the peer uses: the bindings, the caller, the answer.
import type { Context } from "hono";
import type { Admission, Claim, Refused } from "./call.ts";
import type { Gate } from "./gate.ts";
import { parseKey, sha256 } from "./key.ts";
import { type Quota, scaled, type Standing } from "./limit.ts";
import type { Memory } from "./memory.ts";
import { Refusal } from "./refusal.ts";
import type { Tenant } from "./tenant.ts";
import { importSigner, type Signer } from "./token.ts";

export interface Env {
  GATE: DurableObjectNamespace<Gate>;
  TENANT: DurableObjectNamespace<Tenant>;
  MEMORY: DurableObjectNamespace<Memory>;
  DB: D1Database;
  PUBLIC_ORIGIN: string;
  CHALLENGE_SECRET: string;
  TOKEN_SIGNING_SEED: string;
  RATE_LIMIT_SCALE: string;
}

export interface House {
  Bindings: Env;
  Variables: { requestId: string };
}

const EXPOSED_HEADERS =
  "X-Request-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-RateLimit-Policy, RateLimit, RateLimit-Policy, Idempotent-Replayed, ETag, Location, WWW-Authenticate, Allow";

/** Answers in one go: headers set on an answer that exists already make the framework build it again. */
export function answer(context: Context<House>, status: number, body: unknown, headers?: Record<string, string>): Response {
  return new Response(typeof body === "string" ? body : JSON.stringify(body), {
    status,
    headers: {
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      "X-Request-Id": context.get("requestId"),
      "X-Content-Type-Options": "nosniff",
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Expose-Headers": EXPOSED_HEADERS,
      ...headers,
    },
  });
}

/** The codes of /v1 for what is refused alike at every root. */
const V1_CODES: Record<string, string> = {
  invalid_json: "INVALID_REQUEST",
  invalid_request: "INVALID_INPUT",
  invalid_credentials: "UNAUTHORIZED",
  tenant_mismatch: "FORBIDDEN",
  not_found: "NOT_FOUND",
  rate_limited: "RATE_LIMITED",
  internal_error: "INTERNAL_ERROR",
};

/** A refusal in the shape of its root. */
export function answerRefusal(context: Context<House>, { status, code, details, headers }: Refusal): Response {
  if (context.req.path.startsWith("/api/")) return answer(context, status, { success: false, error: details?.["rule"] ?? code, code, path: details?.["path"] }, headers);
  if (!context.req.path.startsWith("/v1/")) return answer(context, status, { detail: code, code });
  const v1Code = V1_CODES[code] ?? code;
  const body = { code: v1Code, message: v1Code.toLowerCase().replaceAll("_", " "), http_status: status, request_id: context.get("requestId"), details };
  return answer(context, status, body, status === 401 ? { ...headers, "WWW-Authenticate": "Bearer" } : headers);
}

/** The body, an object; an empty one is an empty object. */
export async function readBody(request: Request): Promise<Record<string, unknown>> {
  const text = await request.text();
  if (text === "") return {};
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(400, "invalid_json");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw new Refusal(400, "invalid_request");
  return body as Record<string, unknown>;
}

/** Keys imported once an isolate. */
let keys: Promise<{ challenge: CryptoKey; signer: Signer }> | undefined;

export function importKeys(env: Env): NonNullable<typeof keys> {
  keys ??= (async () => ({
    challenge: await crypto.subtle.importKey("raw", Uint8Array.fromHex(env.CHALLENGE_SECRET), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]),
    signer: await importSigner(env.TOKEN_SIGNING_SEED),
  }))();
  return keys;
}

/** The key of the request, and what its tenant's object must know of it. */
export function admissionOf(context: Context<House>, credential: string | undefined, quota: Quota): Admission {
  return {
    key: parseKey(credential ?? context.req.header("Authorization")?.replace(/^Bearer /, "")),
    quota: scaled(quota, Number(context.env.RATE_LIMIT_SCALE)),
    slug: context.req.header("X-Tenant-ID"),
    nowMs: Date.now(),
    requestId: context.get("requestId"),
  };
}

/** Counts a request of the address it comes from: before anything else is looked at. */
export async function admitAddress({ env, req }: Context<House>, quota: Quota, nowMs: number): Promise<void> {
  const ip = req.header("CF-Connecting-IP") ?? "local";
  const standing = await env.GATE.getByName(`ip:${ip}`).count(scaled(quota, Number(env.RATE_LIMIT_SCALE)), nowMs);
  if (!standing.isAdmitted) throw new Refusal(429, "rate_limited");
}

/** What an Idempotency-Key claims: its caller and route, and the body it came with. */
export function claimOf(context: Context<House>, caller: string, body: Record<string, unknown>): Claim | undefined {
  const key = context.req.header("Idempotency-Key");
  if (key === undefined) return undefined;
  const bare = /^"(.*)"$/.exec(key)?.[1] ?? key;
  if (!/^[\x21-\x7e]{1,255}$/.test(bare)) throw new Refusal(400, "invalid_request");
  return {
    scopeHash: sha256(`${caller}\n${context.req.method} ${context.req.path}\n${bare}`),
    bodyHash: sha256(canonical(body)),
  };
}

/** RFC 8785 for what JSON.parse gives: members in code-unit order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

export function isRefused(reply: object): reply is Refused {
  return "refused" in reply;
}

/** What a refused caller is told: the limit as well, when that is why. */
export function refusalOf(quota: Quota, nowMs: number, { refused: { status, code }, standing }: Refused): Refusal {
  if (standing === undefined) return new Refusal(status, code);
  const retryAfterS = Math.max(1, Math.ceil((standing.resetAtMs - nowMs) / 1000));
  return new Refusal(status, code, undefined, { ...limitHeaders(quota, standing), "Retry-After": String(retryAfterS) });
}

/** Where the caller stands with the limit of the route's class. */
export function limitHeaders(quota: Quota, { remaining, resetAtMs }: Standing): Record<string, string> {
  return {
    "X-RateLimit-Limit": String(quota.requests),
    "X-RateLimit-Remaining": String(remaining),
    "X-RateLimit-Reset": String(Math.ceil(resetAtMs / 1000)),
    "X-RateLimit-Policy": `${quota.requests};w=${quota.windowMs / 1000}`,
  };
}
