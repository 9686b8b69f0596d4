// The routes of mandates and spending: the caller, the body, one hop, the answer.
import type { Context, Hono } from "hono";
import type { Admission, Refused, Spender, Told } from "./call.ts";
import { admissionOf, answer, answerRefusal, claimOf, type House, importKeys, isRefused, limitHeaders, readBody, refusalOf } from "./house.ts";
import { AGENT_EXEC, MONEY, scaled } from "./limit.ts";
import { Refusal } from "./refusal.ts";
import { parseAgentId, parseBatch, parseCapture, parseMandate, parseSpend, parseTokenAsked } from "./spend_request.ts";
import type { Tenant } from "./tenant.ts";
import { mintExecution, verifyExecution } from "./token.ts";

interface Caller<Who extends Spender = Spender> {
  spender: Who;
  /** The caller's name in the scope of an Idempotency-Key. */
  name: string;
  tenantUuid: string;
}

/** Whoever manages the tenant. */
function managerOf(context: Context<House>): Caller<Admission> {
  const admission = admissionOf(context, context.req.header("X-API-Key"), MONEY);
  return { spender: admission, name: admission.key.number, tenantUuid: admission.key.tenantUuid };
}

/** Whoever may spend: an execution token by its shape, else a key. */
async function callerOf(context: Context<House>): Promise<Caller> {
  const { env, req } = context;
  const bearer = req.header("Authorization");
  const token = bearer?.startsWith("Bearer eyJ") === true ? bearer.slice(7) : undefined;
  const apiKey = req.header("X-API-Key");
  if (token === undefined || apiKey !== undefined) return managerOf(context);
  const nowMs = Date.now();
  const { signer } = await importKeys(env);
  const { tenantUuid, agentId, mandateId, action, audience } = await verifyExecution(signer, env.PUBLIC_ORIGIN, token, nowMs);
  if (audience !== "spendguard-actions") throw new Refusal(403, "token_scope_mismatch");
  const quota = scaled(AGENT_EXEC, Number(env.RATE_LIMIT_SCALE));
  return { spender: { right: { agentId, mandateId, action }, quota, nowMs, requestId: context.get("requestId") }, name: agentId, tenantUuid };
}

function objectOf(context: Context<House>, { tenantUuid }: Caller): DurableObjectStub<Tenant> {
  return context.env.TENANT.getByName(tenantUuid);
}

/** What the object told, with where the caller stands now. */
function tell(context: Context<House>, { spender: { quota, nowMs } }: Caller, told: Told | Refused): Response {
  if (isRefused(told)) throw refusalOf(quota, nowMs, told);
  const headers = limitHeaders(quota, told.standing);
  if (told.isReplayed) headers["Idempotent-Replayed"] = "true";
  if (told.status < 400) return answer(context, told.status, told.body, headers);
  const { code, details } = JSON.parse(told.body) as { code: string; details?: Record<string, unknown> };
  return answerRefusal(context, new Refusal(told.status, code, details, headers));
}

export function addSpendRoutes(app: Hono<House>): void {
  app.post("/v1/mandates", async (context) => {
    const caller = managerOf(context);
    const body = await readBody(context.req.raw);
    const asked = parseMandate(body, caller.spender.nowMs);
    const claim = claimOf(context, caller.name, body);
    return tell(context, caller, await objectOf(context, caller).createMandate(caller.spender, claim, asked));
  });

  app.post("/v1/agents/:id/execution-tokens", async (context) => {
    const caller = managerOf(context);
    const agentId = parseAgentId(context.req.param("id"), "$.agent_id");
    const asked = parseTokenAsked(await readBody(context.req.raw));
    const told = await objectOf(context, caller).grantToken(caller.spender, agentId, asked);
    if (isRefused(told) || told.status !== 201) return tell(context, caller, told);
    const right = { tenantUuid: caller.tenantUuid, agentId, mandateId: asked.mandateId, action: asked.action, audience: asked.audience };
    const { signer } = await importKeys(context.env);
    const { token, jti, expiresAtMs } = await mintExecution(signer, context.env.PUBLIC_ORIGIN, right, asked.ttlS, caller.spender.nowMs);
    const form = {
      executionToken: token,
      execution_token: token,
      token_type: "Bearer",
      jti,
      agent_id: agentId,
      mandate_id: asked.mandateId,
      action: asked.action,
      audience: asked.audience,
      expires_at: new Date(expiresAtMs).toISOString(),
    };
    return answer(context, 201, form, limitHeaders(caller.spender.quota, told.standing));
  });

  app.post("/v1/spend-guard/reservations", async (context) => {
    const caller = await callerOf(context);
    const body = await readBody(context.req.raw);
    const spend = parseSpend(body);
    return tell(context, caller, await objectOf(context, caller).reserve(caller.spender, claimOf(context, caller.name, body), spend));
  });

  app.post("/v1/spend-guard/reservations/batch", async (context) => {
    const caller = await callerOf(context);
    const body = await readBody(context.req.raw);
    const { items, isAtomic } = parseBatch(body);
    return tell(context, caller, await objectOf(context, caller).reserveAll(caller.spender, claimOf(context, caller.name, body), items, isAtomic));
  });

  app.post("/v1/spend-guard/reservations/:id/capture", async (context) => {
    const caller = await callerOf(context);
    const body = await readBody(context.req.raw);
    const amount = parseCapture(body);
    const id = context.req.param("id");
    return tell(context, caller, await objectOf(context, caller).captureSpend(caller.spender, claimOf(context, caller.name, body), id, amount));
  });
}
