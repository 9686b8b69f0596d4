// The routes an agent works by: it polls and delivers. The address is counted by its gate, the rest is one hop to the tenant;
// what is delivered is written to the list that buyers read before it is answered.
import type { Context, Hono } from "hono";
import type { Admission, Refused } from "./call.ts";
import { admissionOf, admitAddress, answer, type House, isRefused, readBody, refusalOf } from "./house.ts";
import { parseKey } from "./key.ts";
import { ATELIER_DELIVER, ATELIER_ORDERS, type Quota } from "./limit.ts";
import type { Delivery, SellerSeed } from "./market.ts";
import { type OrderForm, putOrder } from "./order.ts";
import { Refusal } from "./refusal.ts";
import type { Tenant } from "./tenant.ts";

const STATUSES = new Set(["pending_quote", "quoted", "accepted", "paid", "in_progress", "delivered", "completed", "disputed", "cancelled"]);
const PAGE = 100;
const ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}";
const AGENT_ID = new RegExp(`^(?:ext|agt)_(${ULID})$`);
const ORDER_ID = new RegExp(`^ord_${ULID}$`);
const URL_CHARS_MAX = 2_048;
/** The networks that are not public, as the URL's parser writes their addresses and names. */
const NOT_PUBLIC =
  /^(localhost|.*\.(localhost|local|internal)|0\..*|10\..*|127\..*|169\.254\..*|172\.(1[6-9]|2\d|3[01])\..*|192\.168\..*|192\.0\.[02]\..*|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\..*|198\.1[89]\..*|198\.51\.100\..*|203\.0\.113\..*|(22[4-9]|23\d|24\d|25[0-5])\..*|\[(::.*|f[cdef].*|64:ff9b:.*|2001:db8:.*)\])$/;

async function admit(context: Context<House>, quota: Quota): Promise<{ admission: Admission; tenant: DurableObjectStub<Tenant> }> {
  await admitAddress(context, quota, Date.now());
  const admission = admissionOf(context, undefined, quota);
  if (admission.key.kind !== "atelier") throw new Refusal(401, "TOKEN_INVALID");
  return { admission, tenant: context.env.TENANT.getByName(admission.key.tenantUuid) };
}

function expectDone<T extends object>(admission: Admission, reply: T): Exclude<T, Refused> {
  if (isRefused(reply)) throw refusalOf(admission.quota, admission.nowMs, reply);
  return reply as Exclude<T, Refused>;
}

function wrong(path: string, rule: string): Refusal {
  return new Refusal(400, "VALIDATION_ERROR", { path, rule });
}

function parseDelivery(body: Record<string, unknown>, origin: string): Delivery {
  const { deliverable_url: url, deliverable_media_type: mediaType } = body;
  if (typeof url !== "string" || url.length > URL_CHARS_MAX) throw wrong("$.deliverable_url", "must be a URL");
  if (!url.startsWith(`${origin}/files/`)) {
    const parsed = URL.parse(url);
    if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username !== "" || parsed.password !== "") throw wrong("$.deliverable_url", "must be a URL");
    if (NOT_PUBLIC.test(parsed.hostname)) throw wrong("$.deliverable_url", "must name a host of the public internet");
  }
  if (mediaType !== "image" && mediaType !== "video") throw wrong("$.deliverable_media_type", "must be image or video");
  return { url, mediaType };
}

function parseList({ req }: Context<House>): { agentId: string; statuses: string[]; limit: number } {
  const [, ulid] = AGENT_ID.exec(req.param("id") ?? "") ?? [];
  if (ulid === undefined) throw new Refusal(404, "NOT_FOUND");
  const limit = Number(req.query("limit") ?? PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE) throw wrong("$.limit", "must be 1 to 100");
  const statuses = (req.query("status") ?? [...STATUSES].join(",")).split(",").filter((word) => STATUSES.has(word));
  return { agentId: `agt_${ulid}`, statuses, limit };
}

function next(orders: { id: string }[], limit: number): Record<string, string> {
  return orders.length > limit ? { "X-Next-Cursor": orders[limit - 1]!.id } : {};
}

export function addMarketRoutes(app: Hono<House>): void {
  app.get("/api/agents/:id/orders", async (context) => {
    const { admission, tenant } = await admit(context, ATELIER_ORDERS);
    const { agentId, statuses, limit } = parseList(context);
    const { orders } = expectDone(admission, await tenant.listOrders(admission, agentId, statuses, limit + 1));
    return answer(context, 200, { success: true, data: orders.slice(0, limit) }, next(orders, limit));
  });

  // Not part of the contract: the same poll, if the peer kept how an order is listed in its row as ours does.
  app.get("/kept/agents/:id/orders", async (context) => {
    const { admission, tenant } = await admit(context, ATELIER_ORDERS);
    const { agentId, statuses, limit } = parseList(context);
    const { orders } = expectDone(admission, await tenant.listKeptOrders(admission, agentId, statuses, limit + 1));
    const data = orders.slice(0, limit).map(({ form }) => form);
    return answer(context, 200, `{"success":true,"data":[${data.join(",")}]}`, next(orders, limit));
  });

  app.post("/api/orders/:id/deliver", async (context) => {
    const { admission, tenant } = await admit(context, ATELIER_DELIVER);
    const id = context.req.param("id");
    if (!ORDER_ID.test(id)) throw new Refusal(404, "NOT_FOUND");
    let delivery: Delivery;
    try {
      delivery = parseDelivery(await readBody(context.req.raw), context.env.PUBLIC_ORIGIN);
    } catch (error) {
      // The order and where it stands are told before what is wrong with the fields.
      expectDone(admission, await tenant.deliverOrder(admission, id, undefined));
      throw error;
    }
    const { order } = expectDone(admission, await tenant.deliverOrder(admission, id, delivery)) as { order: OrderForm };
    await putOrder(context.env.DB, admission.key.tenantUuid, order).run();
    return answer(context, 200, { success: true, data: order });
  });

  // Not part of the contract: makes the seller the benchmark asks about.
  app.post("/seed-seller", async (context) => {
    const { key: text, ...seed } = await context.req.json<SellerSeed & { key: string }>();
    const key = parseKey(text);
    const { agentId } = await context.env.TENANT.getByName(key.tenantUuid).seedSeller(key, seed, Date.now());
    return context.json({ agent_id: `ext_${agentId.slice(4)}` });
  });
}
