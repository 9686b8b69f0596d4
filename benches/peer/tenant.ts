// One object a tenant: its keys, limits, money, idempotency records, outbox and, in the one-hop variant, its memory.
// Every command is one synchronous transaction: it commits whole or not at all.
import { DurableObject } from "cloudflare:workers";
import commonSchema from "../../schema/objects/common.sql";
import memorySchema from "../../schema/objects/memory.sql";
import marketSchema from "../../schema/objects/market.sql";
import tenantSchema from "../../schema/objects/tenant.sql";
import { Books, type Head } from "./books.ts";
import { type Admission, type Caller, type Charged, type Claim, type Events, type Refused, type Replayed, type Reserved, refuse, type Spender, type Told, Undone } from "./call.ts";
import { newId } from "./id.ts";
import type { Credential } from "./key.ts";
import { countRequest, type Standing } from "./limit.ts";
import { type Found, type Memory, remember, type Search, search } from "./memory.ts";
import { type Delivery, type ListedOrder, Market, type SellerSeed, withoutEndpoints } from "./market.ts";
import { migrate } from "./migrate.ts";
import { createMandate, grantToken, type Mandate, readMandate } from "./mandate.ts";
import type { OrderForm } from "./order.ts";
import type { Ask, Outcome } from "./outcome.ts";
import { type Seeded, seedTenant } from "./seed.ts";
import { type Right, Spending } from "./spend.ts";
import spendSchema from "./spend.sql";
import type { MandateAsked, Spend, TokenAsked } from "./spend_request.ts";

const RESERVATION_TTL_MS = 60_000;
/** How many events are handed on at a time. */
const OUTBOX_BATCH = 100;

export interface TenantEnv {
  EVENTS: Queue<Events>;
  MEMORY: DurableObjectNamespace<Memory>;
}

type KeyRow = {
  id: string;
  agent_id: string | null;
  kind: string;
  secret_hash: ArrayBuffer;
  expires_at_ms: number | null;
  revoked_at_ms: number | null;
  last_used_at_ms: number | null;
  agent_status: string | null;
};

function rightOf(spender: Spender): Right | undefined {
  return "right" in spender ? spender.right : undefined;
}

export class Tenant extends DurableObject<TenantEnv> {
  readonly #sql: SqlStorage;
  readonly #books: Books;
  readonly #spending: Spending;
  readonly #market: Market;
  #tenant: { slug: string; walletId: string } | undefined;
  /** When the alarm stands, as far as this instance knows: never later than the next thing due. */
  #alarmAtMs = Number.POSITIVE_INFINITY;

  constructor(state: DurableObjectState, env: TenantEnv) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#books = new Books(this.#sql, (atMs) => this.#wake(atMs));
    this.#spending = new Spending(this.#sql, this.#books, (atMs) => this.#wake(atMs));
    this.#market = new Market(this.#sql, this.#books, (atMs) => this.#wake(atMs));
    migrate(state.storage, [commonSchema, tenantSchema, memorySchema, spendSchema, withoutEndpoints(marketSchema)]);
  }

  /** The query with the memory in an object of its own: the price held, the memory asked, the price taken. */
  async ask(admission: Admission, claim: Claim | undefined, priceMicros: number, asked: Search): Promise<{ slug: string; found: Found; balanceMicros: number } | Replayed | Refused> {
    const held = this.#reserve(admission, claim, priceMicros);
    if (!("reservationId" in held)) return held;
    let found: Found;
    try {
      found = await this.env.MEMORY.getByName(admission.key.tenantUuid).search(asked);
    } catch (error) {
      this.#release(held.reservationId, claim, admission.requestId, Date.now());
      throw error;
    }
    const kept = JSON.stringify({ slug: held.slug, found });
    const charged = this.#capture(held.reservationId, claim, kept, admission.requestId, Date.now());
    return "refused" in charged ? charged : { slug: held.slug, found, balanceMicros: charged.balanceMicros };
  }

  /** Admits the caller and holds `priceMicros`: before the work. */
  #reserve(admission: Admission, claim: Claim | undefined, priceMicros: number): Reserved | Replayed | Refused {
    return this.#transact(() => {
      const caller = this.#admit(admission);
      const answer = this.#books.recorded(claim, admission.nowMs);
      if (answer !== undefined) return { replayed: answer };
      const reservationId = this.#hold(caller, this.#books.head(), admission, priceMicros);
      this.#books.hold(claim, admission.requestId, admission.nowMs + RESERVATION_TTL_MS);
      return { reservationId, slug: caller.slug };
    });
  }

  /** Captures what was held and keeps the answer: after the work. */
  #capture(reservationId: string, claim: Claim | undefined, answer: string, requestId: string, nowMs: number): Charged | Refused {
    return this.#transact(() => {
      const [row] = this.#sql
        .exec<{ wallet_id: string; amount_micros: number; status: string; expires_at_ms: number; caller: string }>(
          "SELECT wallet_id, amount_micros, status, expires_at_ms, caller FROM reservation WHERE id = ?",
          reservationId,
        )
        .toArray();
      if (row === undefined) refuse(404, "not_found");
      if (row.status !== "reserved") refuse(409, "reservation_resolved");
      if (nowMs >= row.expires_at_ms) refuse(409, "reservation_expired");
      this.#sql.exec("UPDATE reservation SET status = 'captured', captured_micros = amount_micros, resolved_at_ms = ? WHERE id = ?", nowMs, reservationId);
      const seq = this.#books.append(
        this.#books.head(),
        { action: "reservation.captured", actor: row.caller, amount_micros: row.amount_micros, at: nowMs, from: `${row.wallet_id}.held`, object: reservationId, request_id: requestId, to: "revenue" },
      );
      this.#books.emit(seq, "query.charged", JSON.stringify({ wallet_id: row.wallet_id, amount_micros: row.amount_micros, reservation_id: reservationId }), nowMs);
      this.#books.fulfil(claim, requestId, answer, nowMs);
      return { balanceMicros: this.#balance(row.wallet_id) };
    });
  }

  /** Frees what was held: the work failed. */
  #release(reservationId: string, claim: Claim | undefined, requestId: string, nowMs: number): void {
    this.#transact(() => {
      this.#free(reservationId, "released", requestId, nowMs);
      this.#books.drop(claim, requestId);
      return {};
    });
  }

  /** The whole query in one hop: the memory lives here, so it is admitted, searched and charged in one transaction. */
  query(admission: Admission, claim: Claim | undefined, priceMicros: number, asked: Search): { slug: string; found: Found; balanceMicros: number } | Replayed | Refused {
    return this.#transact(() => {
      const caller = this.#admit(admission);
      const answer = this.#books.recorded(claim, admission.nowMs);
      if (answer !== undefined) return { replayed: answer };
      const found = search(this.#sql, asked);
      const head = this.#books.head();
      const reservationId = this.#hold(caller, head, admission, priceMicros, admission.nowMs);
      const seq = this.#books.append(head, {
        action: "reservation.captured",
        actor: caller.keyId,
        amount_micros: priceMicros,
        at: admission.nowMs,
        from: `${caller.walletId}.held`,
        object: reservationId,
        request_id: admission.requestId,
        to: "revenue",
      });
      this.#books.emit(seq, "query.charged", JSON.stringify({ wallet_id: caller.walletId, amount_micros: priceMicros, reservation_id: reservationId }), admission.nowMs);
      const reply = { slug: caller.slug, found, balanceMicros: this.#balance(caller.walletId) };
      this.#books.keep(claim, admission.requestId, JSON.stringify(reply), admission.nowMs);
      return reply;
    });
  }

  /** A wallet's balance. */
  balance(admission: Admission, walletId: string): { availableMicros: number; heldMicros: number; standing: Standing } | Refused {
    return this.#answer(() => {
      const { standing } = this.#admit(admission);
      const rows = this.#sql
        .exec<{ id: string; balance_micros: number }>("SELECT id, balance_micros FROM account WHERE id IN (?1, ?1 || '.held') ORDER BY id", walletId)
        .toArray();
      if (rows.length !== 2) refuse(404, "NOT_FOUND", standing);
      return { availableMicros: rows[0]!.balance_micros, heldMicros: rows[1]!.balance_micros, standing };
    });
  }

  createMandate(admission: Admission, claim: Claim | undefined, asked: MandateAsked): Told | Refused {
    return this.#spend(admission, claim, (ask) => createMandate(this.#sql, this.#books, ask, this.#constants().walletId, asked));
  }

  /** Whether a token may be made; the Worker makes it, since signing cannot stand inside a transaction. */
  grantToken(admission: Admission, agentId: string, asked: TokenAsked): Told | Refused {
    return this.#spend(admission, undefined, ({ nowMs }) => grantToken(this.#sql, agentId, asked, nowMs) ?? { status: 201, body: "" });
  }

  reserve(spender: Spender, claim: Claim | undefined, spend: Spend): Told | Refused {
    return this.#spend(spender, claim, (ask, mandate) => this.#spending.reserve(ask, rightOf(spender), mandate, spend));
  }

  reserveAll(spender: Spender, claim: Claim | undefined, spends: Spend[], isAtomic: boolean): Told | Refused {
    return this.#spend(spender, claim, (ask, mandate) => this.#spending.reserveAll(ask, rightOf(spender), mandate, spends, isAtomic));
  }

  captureSpend(spender: Spender, claim: Claim | undefined, reservationId: string, amountMicros: number | null): Told | Refused {
    return this.#spend(spender, claim, (ask) => this.#spending.capture(ask, rightOf(spender), reservationId, amountMicros));
  }

  /** One command of /v1: admitted, answered from memory or done, and its answer kept, refusals included. */
  #spend(spender: Spender, claim: Claim | undefined, command: (ask: Ask, mandate: Mandate | undefined) => Outcome): Told | Refused {
    const { nowMs, requestId } = spender;
    if (this.#spending.isDue(nowMs)) this.ctx.storage.transactionSync(() => this.#spending.sweep(nowMs));
    return this.#transact(() => {
      const { actor, standing, mandate } = "right" in spender ? this.#admitToken(spender) : this.#admitKey(spender);
      const kept = this.#books.recorded(claim, nowMs);
      if (kept !== undefined) return { status: Number(kept.slice(0, 3)), body: kept.slice(3), standing, isReplayed: true };
      const outcome = command({ actor, requestId, nowMs }, mandate);
      if (outcome.status !== 400) this.#books.keep(claim, requestId, `${outcome.status}${outcome.body}`, nowMs);
      return { ...outcome, standing, isReplayed: false };
    });
  }

  /** What an agent polls: its orders of these states, newest first. */
  listOrders(admission: Admission, agentId: string, statuses: string[], limit: number): { orders: OrderForm[] } | Refused {
    return this.#transact(() => {
      this.#admitAgent(admission, agentId);
      return { orders: this.#market.list(agentId, statuses, limit, admission.nowMs) };
    });
  }

  /** The same as its rows keep it. */
  listKeptOrders(admission: Admission, agentId: string, statuses: string[], limit: number): { orders: ListedOrder[] } | Refused {
    return this.#transact(() => {
      this.#admitAgent(admission, agentId);
      return { orders: this.#market.listKept(agentId, statuses, limit, admission.nowMs) };
    });
  }

  /** Delivers an order; undefined `delivery` says no more than what stands in the way. */
  deliverOrder({ key, nowMs, requestId }: Admission, orderId: string, delivery: Delivery | undefined): { order: OrderForm | undefined } | Refused {
    return this.#transact(() => {
      const { id, agent_id: agentId, agent_status: status } = this.#authenticate(key, nowMs);
      if (status !== "active") refuse(403, "AGENT_NOT_ACTIVE");
      return { order: this.#market.deliver({ actor: id, requestId, nowMs }, agentId!, orderId, delivery) };
    });
  }

  /** Makes the seller the benchmark asks for. */
  seedSeller(key: Credential, seed: SellerSeed, nowMs: number): { agentId: string } {
    return this.ctx.storage.transactionSync(() => this.#market.seed(key, seed, nowMs));
  }

  #admitAgent({ key, nowMs }: Admission, agentId: string): void {
    if (this.#authenticate(key, nowMs).agent_id !== agentId) refuse(403, "FORBIDDEN");
  }

  #admitKey(admission: Admission): { actor: string; standing: Standing; mandate: undefined } {
    const { keyId, standing } = this.#admit(admission);
    return { actor: keyId, standing, mandate: undefined };
  }

  /** A token dies with its agent and its mandate. The mandate is read here once, for the command as well. */
  #admitToken({ right, quota, nowMs }: Exclude<Spender, Admission>): { actor: string; standing: Standing; mandate: Mandate } {
    const mandate = readMandate(this.#sql, right.mandateId, nowMs);
    const isGood = mandate !== undefined && mandate.row.agent_id === right.agentId && mandate.row.agent_status !== "revoked" && mandate.row.status !== "revoked";
    if (!isGood) refuse(401, "UNAUTHORIZED");
    const standing = countRequest(this.#sql, quota, right.agentId, nowMs);
    if (!standing.isAdmitted) refuse(429, "rate_limited", standing);
    return { actor: right.agentId, standing, mandate };
  }

  /** Makes the tenant the benchmark asks for: keys, a wallet with money, memories. */
  seed(uuid: string, slug: string, keys: Credential[], fundsMicros: number, contents: string[], nowMs: number): Seeded {
    const seeded = this.ctx.storage.transactionSync(() => seedTenant(this.#sql, this.#books, { uuid, slug, keys, fundsMicros }, nowMs));
    if (contents.length > 0) remember(this.ctx.storage, "s1", contents, nowMs);
    return seeded;
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    for (const { id } of this.#sql.exec<{ id: string }>("SELECT id FROM reservation WHERE status = 'reserved' AND expires_at_ms <= ? ORDER BY expires_at_ms, seq", nowMs).toArray()) {
      this.#transact(() => {
        this.#free(id, "expired", newId("req", nowMs), nowMs);
        return {};
      });
    }
    const { next } = this.#sql.exec<{ next: number | null }>("SELECT min(expires_at_ms) AS next FROM reservation WHERE status = 'reserved'").one();
    if (next !== null) this.#wake(next);
    this.#wake(this.ctx.storage.transactionSync(() => this.#spending.sweep(nowMs)));
    this.#wake(this.ctx.storage.transactionSync(() => this.#market.sweep(nowMs)));
    if (await this.#handOutboxOn()) this.#wake(Date.now());
  }

  /** Sends the oldest events and forgets them once the queue has them; whether more wait. */
  async #handOutboxOn(): Promise<boolean> {
    const { uuid, outbox_acked_seq: afterSeq } = this.#sql.exec<{ uuid: string; outbox_acked_seq: number }>("SELECT uuid, outbox_acked_seq FROM tenant").one();
    const events = this.#sql
      .exec<Events["events"][number]>("SELECT seq, type, at_ms, data FROM outbox WHERE seq > ? ORDER BY seq LIMIT +?", afterSeq, OUTBOX_BATCH)
      .toArray();
    const last = events.at(-1);
    if (last === undefined) return false;
    await this.env.EVENTS.send({ tenant: uuid, afterSeq, events });
    this.#sql.exec("UPDATE tenant SET outbox_acked_seq = max(outbox_acked_seq, ?)", last.seq);
    return events.length === OUTBOX_BATCH;
  }

  #transact<T>(command: () => T): T | Refused {
    return this.#answer(() => this.ctx.storage.transactionSync(command));
  }

  /** For a command of which no write has to be undone when it is refused. */
  #answer<T>(command: () => T): T | Refused {
    try {
      return command();
    } catch (error) {
      if (error instanceof Undone) return error.answer;
      throw error;
    }
  }

  /** The key's row, if it is good, with the time it was used. */
  #authenticate(key: Credential, nowMs: number): KeyRow {
    // A scalar subquery: SQLite here plans a join with parameters anew at every run.
    const [row] = this.#sql
      .exec<KeyRow>(
        `SELECT id, agent_id, kind, secret_hash, expires_at_ms, revoked_at_ms, last_used_at_ms, (SELECT status FROM agent WHERE agent.id = agent_id) AS agent_status
         FROM api_key WHERE number = ?`,
        key.number,
      )
      .toArray();
    const isGood =
      row !== undefined &&
      crypto.subtle.timingSafeEqual(row.secret_hash, key.secretHash) &&
      row.kind === key.kind &&
      row.revoked_at_ms === null &&
      (row.expires_at_ms === null || nowMs < row.expires_at_ms) &&
      row.agent_status !== "revoked";
    if (!isGood) refuse(401, "invalid_credentials");
    if (row.last_used_at_ms === null || Math.floor(row.last_used_at_ms / 60_000) < Math.floor(nowMs / 60_000)) {
      this.#sql.exec("UPDATE api_key SET last_used_at_ms = ? WHERE number = ?", nowMs, key.number);
    }
    return row;
  }

  /** Authenticates the key and counts its limit. */
  #admit({ key, quota, slug, nowMs }: Admission): Caller {
    const row = this.#authenticate(key, nowMs);
    const tenant = this.#constants();
    if (slug !== undefined && slug !== tenant.slug) refuse(403, "tenant_mismatch");
    const standing = countRequest(this.#sql, quota, quota.name === "v2-runtime" ? row.id : "", nowMs);
    if (!standing.isAdmitted) refuse(429, "rate_limited", standing);
    if (row.agent_status === "suspended") refuse(403, "agent_not_active");
    return { keyId: row.id, slug: tenant.slug, walletId: tenant.walletId, standing };
  }

  /** What of the tenant never changes, read once. */
  #constants(): { slug: string; walletId: string } {
    if (this.#tenant === undefined) {
      const { slug, default_wallet_id: walletId } = this.#sql.exec<{ slug: string; default_wallet_id: string }>("SELECT slug, default_wallet_id FROM tenant").one();
      this.#tenant = { slug, walletId };
    }
    return this.#tenant;
  }

  #balance(walletId: string): number {
    return this.#sql.exec<{ balance_micros: number }>("SELECT balance_micros FROM account WHERE id = ?", walletId).one().balance_micros;
  }

  /** Holds money in a reservation; captured at once when `capturedAtMs` is given. */
  #hold(caller: Caller, head: Head, { nowMs, requestId }: Admission, amountMicros: number, capturedAtMs?: number): string {
    if (this.#balance(caller.walletId) < amountMicros) refuse(402, "insufficient_balance");
    const id = newId("rsv", nowMs);
    const expiresAtMs = nowMs + RESERVATION_TTL_MS;
    const seq = this.#books.append(head, {
      action: "reservation.held",
      actor: caller.keyId,
      amount_micros: amountMicros,
      at: nowMs,
      from: caller.walletId,
      object: id,
      request_id: requestId,
      to: `${caller.walletId}.held`,
    });
    const isCaptured = capturedAtMs !== undefined;
    this.#sql.exec(
      `INSERT INTO reservation (id, seq, wallet_id, amount_micros, status, captured_micros, resolved_at_ms, purpose, caller, expires_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, 'query', ?, ?)`,
      id,
      seq,
      caller.walletId,
      amountMicros,
      isCaptured ? "captured" : "reserved",
      isCaptured ? amountMicros : null,
      capturedAtMs ?? null,
      caller.keyId,
      expiresAtMs,
    );
    if (!isCaptured) this.#wake(expiresAtMs);
    return id;
  }

  #free(id: string, status: "released" | "expired", requestId: string, nowMs: number): void {
    const [row] = this.#sql
      .exec<{ wallet_id: string; amount_micros: number; caller: string }>(
        `UPDATE reservation SET status = ?2, resolved_at_ms = ?3 WHERE id = ?1 AND status = 'reserved' RETURNING wallet_id, amount_micros, caller`,
        id,
        status,
        nowMs,
      )
      .toArray();
    if (row === undefined) return;
    const seq = this.#books.append(
      this.#books.head(),
      { action: `reservation.${status}`, actor: row.caller, amount_micros: row.amount_micros, at: nowMs, from: `${row.wallet_id}.held`, object: id, request_id: requestId, to: row.wallet_id },
    );
    this.#books.emit(seq, `reservation.${status}`, JSON.stringify({ wallet_id: row.wallet_id, amount_micros: row.amount_micros, reservation_id: id }), nowMs);
  }

  #wake(atMs: number): void {
    if (atMs >= this.#alarmAtMs) return;
    this.#alarmAtMs = atMs;
    void this.ctx.storage.setAlarm(atMs);
  }
}
