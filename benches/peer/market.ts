// Orders as their agent's object keeps them: polled, delivered, ended when their time is up.
import type { Books } from "./books.ts";
import { refuse } from "./call.ts";
import { newId } from "./id.ts";
import type { Credential } from "./key.ts";
import { type DeliverableForm, feeOf, formOf, ORDER, type OrderForm, type OrderRow, REVIEW_MS } from "./order.ts";
import { type Ask, timeOf } from "./outcome.ts";

/** How many orders one sweep ends. */
const SWEEP = 500;
const DELIVERIES_SHOWN = 50;
const MICROS_PER_MINOR = 10_000;
const DELIVERABLE = new Set(["paid", "in_progress", "disputed"]);
const WITH_MONEY = new Set(["paid", "in_progress", "delivered", "disputed"]);

/** The schema of ours but for the endpoints: the peer pushes nothing. */
export function withoutEndpoints(schema: string): string {
  return schema.split("\n\n").filter((statement) => !statement.includes("webhook_endpoint")).join("\n\n");
}

/** An order of a list, as JSON. */
export type ListedOrder = {
  id: string;
  form: string;
};

export interface Delivery {
  url: string;
  mediaType: string;
}

export interface SellerSeed {
  name: string;
  endpointUrl: string;
}

export class Market {
  readonly #sql: SqlStorage;
  readonly #books: Books;
  readonly #wake: (atMs: number) => void;

  constructor(sql: SqlStorage, books: Books, wake: (atMs: number) => void) {
    this.#sql = sql;
    this.#books = books;
    this.#wake = wake;
  }

  list(agentId: string, statuses: string[], limit: number, nowMs: number): OrderForm[] {
    const rows = this.#select<OrderRow>(ORDER, agentId, statuses, limit, nowMs);
    return rows.map((row) => formOf(row));
  }

  /** The same of what awaits its provider, as its rows keep it. */
  listKept(agentId: string, statuses: string[], limit: number, nowMs: number): ListedOrder[] {
    return this.#select<ListedOrder>("id, form", agentId, statuses, limit, nowMs);
  }

  /** Delivers an order of that agent; without a delivery, says no more than what stands in the way. */
  deliver(ask: Ask, agentId: string, orderId: string, delivery: Delivery | undefined): OrderForm | undefined {
    const row = this.#meet(orderId, ask.nowMs);
    if (row === undefined) refuse(404, "NOT_FOUND");
    if (row.agent_id !== agentId) refuse(403, "FORBIDDEN");
    if (!DELIVERABLE.has(row.status)) refuse(400, "INVALID_STATE");
    if (delivery === undefined) return undefined;
    const { nowMs } = ask;
    const id = newId("del", nowMs);
    this.#sql.exec(
      "INSERT INTO market_delivery (id, order_id, url, media_type, sha256, at_ms) VALUES (?, ?, ?, ?, NULL, ?)",
      id,
      orderId,
      delivery.url,
      delivery.mediaType,
      nowMs,
    );
    const newest: DeliverableForm = { id, url: delivery.url, media_type: delivery.mediaType, sha256: null, created_at: timeOf(nowMs) };
    const delivered = this.#change(
      "status = 'delivered', form = NULL, since_ms = ?2, due_at_ms = ?3, deliveries = deliveries + 1, recent_deliveries = ?4, delivered_at_ms = ?2",
      orderId,
      nowMs,
      nowMs + REVIEW_MS,
      JSON.stringify([newest, ...(JSON.parse(row.recent_deliveries) as DeliverableForm[])].slice(0, 3)),
    );
    this.#announce(ask, "order.delivered", delivered);
    this.#wake(nowMs + REVIEW_MS);
    return formOf(delivered, this.#deliverables(orderId));
  }

  /** Ends at most so many of those that are due; when the next one is. */
  sweep(nowMs: number): number {
    if (this.#endDue(nowMs) === SWEEP) return nowMs;
    const { next } = this.#sql.exec<{ next: number | null }>("SELECT min(due_at_ms) AS next FROM market_order WHERE due_at_ms IS NOT NULL").one();
    return next ?? Number.POSITIVE_INFINITY;
  }

  /** Makes an agent that sells, with its key. */
  seed(key: Credential, { name, endpointUrl }: SellerSeed, nowMs: number): { agentId: string } {
    const agentId = newId("agt", nowMs);
    this.#sql.exec("INSERT INTO agent (id, label, login, status, metadata, created_at_ms) VALUES (?, ?, NULL, 'active', '{}', ?)", agentId, name, nowMs);
    this.#sql.exec(
      "INSERT INTO api_key (number, id, kind, agent_id, last4, secret_hash, scopes, created_at_ms) VALUES (?, ?, 'atelier', ?, 'last', ?, '[]', ?)",
      key.number,
      newId("key", nowMs),
      agentId,
      key.secretHash,
      nowMs,
    );
    this.#sql.exec(
      "INSERT INTO market_profile (agent_id, slug, name, description, endpoint_url, capabilities, owner_verified, created_at_ms) VALUES (?, ?, ?, 'bench', ?, '[]', 0, ?)",
      agentId,
      name,
      name,
      endpointUrl,
      nowMs,
    );
    return { agentId };
  }

  #select<T extends { id: string } & Record<string, SqlStorageValue>>(columns: string, agentId: string, statuses: string[], limit: number, nowMs: number): T[] {
    this.#endDue(nowMs);
    // Each state is a stretch of the index, in order.
    const rows = statuses.flatMap((status) =>
      this.#sql
        .exec<T>(
          `SELECT ${columns} FROM market_order WHERE agent_id = +?1 AND status = +?2
             AND (status <> 'in_progress' OR workspace_ends_at_ms IS NULL OR open_requests > 0)
           ORDER BY id DESC LIMIT +?3`,
          agentId,
          status,
          limit,
        )
        .toArray(),
    );
    return rows.sort((one, other) => (one.id < other.id ? 1 : -1)).slice(0, limit);
  }

  #read(orderId: string): OrderRow | undefined {
    return this.#sql.exec<OrderRow>(`SELECT ${ORDER} FROM market_order WHERE id = ?`, orderId).toArray()[0];
  }

  /** An order as it stands now: one whose time is up is ended first. */
  #meet(orderId: string, nowMs: number): OrderRow | undefined {
    const row = this.#read(orderId);
    return row === undefined || row.due_at_ms === null || row.due_at_ms > nowMs ? row : this.#end(row, nowMs);
  }

  #change(set: string, ...values: (string | number | null)[]): OrderRow {
    return this.#sql.exec<OrderRow>(`UPDATE market_order SET version = version + 1, ${set} WHERE id = ?1 RETURNING ${ORDER}`, ...values).one();
  }

  #deliverables(orderId: string): DeliverableForm[] {
    return this.#sql
      .exec<{ id: string; url: string; media_type: string; sha256: string | null; at_ms: number }>(
        "SELECT id, url, media_type, sha256, at_ms FROM market_delivery WHERE order_id = ? ORDER BY id DESC LIMIT +?",
        orderId,
        DELIVERIES_SHOWN,
      )
      .toArray()
      .map(({ at_ms: atMs, ...shown }) => ({ ...shown, created_at: timeOf(atMs) }));
  }

  #announce({ actor, requestId, nowMs }: Ask, type: string, row: OrderRow, transfer: { from?: string; to?: string; amount_micros?: number } = {}): void {
    const seq = this.#books.append(this.#books.head(), { action: type, actor, at: nowMs, object: row.id, request_id: requestId, ...transfer });
    this.#books.emit(seq, type, JSON.stringify(formOf(row)), nowMs);
  }

  #endDue(nowMs: number): number {
    const due = this.#sql.exec<{ id: string }>("SELECT id FROM market_order WHERE due_at_ms IS NOT NULL AND due_at_ms <= ? ORDER BY due_at_ms, id LIMIT +?", nowMs, SWEEP).toArray();
    for (const { id } of due) this.#end(this.#read(id)!, nowMs);
    return due.length;
  }

  /** What was delivered is completed and its price split; all else is cancelled and its price given back. */
  #end(row: OrderRow, nowMs: number): OrderRow {
    const ask = { actor: "house", requestId: newId("req", nowMs), nowMs };
    const micros = (minor: number) => minor * MICROS_PER_MINOR;
    const isCompleted = row.status === "delivered";
    const price = WITH_MONEY.has(row.status) ? (row.price_minor ?? 0) : 0;
    const status = isCompleted ? "completed" : "cancelled";
    const ended = this.#change("status = ?3, form = NULL, since_ms = ?2, due_at_ms = NULL, completed_at_ms = ?4, payout_status = ?5", row.id, nowMs, status, isCompleted ? nowMs : null, isCompleted && price > 0 ? "awaiting_wallet" : "none");
    const fee = feeOf(price);
    const parts = isCompleted ? [["market.payout", price - fee], ["market.fee", fee]] as const : [["outside", price]] as const;
    const [first, ...rest] = parts.filter(([, minor]) => minor > 0);
    this.#announce(ask, `order.${status}`, ended, first === undefined ? {} : { from: row.id, to: first[0], amount_micros: micros(first[1]) });
    for (const [to, minor] of rest) this.#books.append(this.#books.head(), { action: "order.fee_taken", actor: ask.actor, at: nowMs, object: row.id, request_id: ask.requestId, from: row.id, to, amount_micros: micros(minor) });
    return ended;
  }
}
