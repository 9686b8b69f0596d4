// Mandates and what is held against them. A decision is taken in memory over what was read, for one amount or for many,
// and then written: what is refused has written nothing.
import type { Books, Entry, Head } from "./books.ts";
import { newId } from "./id.ts";
import { ACTION_OF, foldMerchant, type MandateAsked, MICROS_PER_MINOR, type Spend } from "./spend_request.ts";

const DAY_MS = 86_400_000;
const APPROVAL_TTL_MS = DAY_MS;
/** How many holds one sweep frees. */
const SWEEP = 500;

type MandateRow = {
  id: string;
  agent_id: string;
  wallet_id: string;
  status: string;
  per_transaction_micros: number | null;
  daily_micros: number | null;
  monthly_micros: number | null;
  total_micros: number | null;
  approval_threshold_micros: number | null;
  allowed_merchants: string;
  allowed_actions: string;
  expires_at_ms: number | null;
  day: number;
  day_spent_micros: number;
  day_held_micros: number;
  month: number;
  month_spent_micros: number;
  month_held_micros: number;
  total_spent_micros: number;
  total_held_micros: number;
  agent_status: string;
  available_micros: number;
};

type ReservationRow = {
  id: string;
  seq: number;
  kind: string;
  agent_id: string;
  mandate_id: string;
  wallet_id: string;
  amount_micros: number;
  captured_micros: number | null;
  status: string;
  merchant: string | null;
  resource: string | null;
  approval_id: string | null;
  day: number;
  month: number;
  created_at_ms: number;
  expires_at_ms: number;
  resolved_at_ms: number | null;
};

/** Whose request this is, and when. */
export interface Ask {
  actor: string;
  requestId: string;
  nowMs: number;
}

/** What a token allows; a key may name any agent and mandate. */
export interface Right {
  agentId: string;
  mandateId: string;
  action: string;
}

/** A status and its JSON: an object, or `{code,details}` from 400 on. */
export interface Outcome {
  status: number;
  body: string;
}

export function denied(status: number, code: string, details?: Record<string, unknown>): Outcome {
  return { status, body: JSON.stringify({ code, details }) };
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

function monthOf(ms: number): number {
  const date = new Date(ms);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

function minorUp(micros: number): number {
  return Math.ceil(micros / MICROS_PER_MINOR);
}

function minorDown(micros: number): number {
  return Math.floor(micros / MICROS_PER_MINOR);
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** A reservation as every reply and event shows it. */
function formOf(row: ReservationRow): string {
  const captured = row.captured_micros ?? 0;
  return JSON.stringify({
    id: row.id,
    status: row.status,
    kind: row.kind,
    amount: minorUp(row.amount_micros),
    captured_amount: minorUp(captured),
    released_amount: row.resolved_at_ms === null ? 0 : minorDown(row.amount_micros - captured),
    currency: "usd",
    agent_id: row.agent_id,
    mandate_id: row.mandate_id,
    lease_id: null,
    wallet_id: row.wallet_id,
    merchant: row.merchant,
    resource: row.resource,
    approval_id: row.approval_id,
    payment_id: null,
    expires_at: timeOf(row.expires_at_ms),
    created_at: timeOf(row.created_at_ms),
    resolved_at: timeOf(row.resolved_at_ms),
  });
}

/** A mandate as it was read, its windows those of now, and what this request makes of it. */
export class Mandate {
  readonly row: MandateRow;

  constructor(row: MandateRow, nowMs: number) {
    this.row = row;
    const [day, month] = [dayOf(nowMs), monthOf(nowMs)];
    if (row.day !== day) Object.assign(row, { day, day_spent_micros: 0, day_held_micros: 0 });
    if (row.month !== month) Object.assign(row, { month, month_spent_micros: 0, month_held_micros: 0 });
  }

  /** Why this may not be spent at all, if it may not. */
  policyOf(spend: Spend, nowMs: number): Outcome | undefined {
    const { row } = this;
    if (row.agent_status !== "active") return denied(403, "agent_not_active");
    if (row.status !== "active" || (row.expires_at_ms !== null && nowMs >= row.expires_at_ms)) return denied(403, "mandate_not_active");
    if (row.allowed_actions !== "[]" && !(JSON.parse(row.allowed_actions) as string[]).includes(ACTION_OF[spend.kind])) return denied(403, "action_not_allowed");
    if (row.allowed_merchants !== "[]" && spend.merchant !== null) {
      const isAllowed = (JSON.parse(row.allowed_merchants) as string[]).includes(foldMerchant(spend.merchant));
      if (!isAllowed) return denied(403, "merchant_not_allowed");
    }
    return undefined;
  }

  /** The first limit the amount would pass, if any. */
  limitOf(amount: number): Outcome | undefined {
    const { row } = this;
    const over = (limit: string, max: number | null, used: number) =>
      max !== null && used + amount > max
        ? denied(402, "mandate_limit_exceeded", { limit, remaining: Math.max(0, minorDown(max - used)), requested: minorUp(amount) })
        : undefined;
    return (
      over("per_transaction", row.per_transaction_micros, 0) ??
      over("daily", row.daily_micros, row.day_spent_micros + row.day_held_micros) ??
      over("monthly", row.monthly_micros, row.month_spent_micros + row.month_held_micros) ??
      over("total", row.total_micros, row.total_spent_micros + row.total_held_micros)
    );
  }

  hold(amount: number): void {
    this.row.day_held_micros += amount;
    this.row.month_held_micros += amount;
    this.row.total_held_micros += amount;
  }

  /** Takes a hold out again, `captured` of it spent, in the windows it counted in. */
  resolve({ day, month, amount_micros: held }: ReservationRow, captured: number): void {
    const { row } = this;
    if (row.day === day) {
      row.day_held_micros -= held;
      row.day_spent_micros += captured;
    }
    if (row.month === month) {
      row.month_held_micros -= held;
      row.month_spent_micros += captured;
    }
    row.total_held_micros -= held;
    row.total_spent_micros += captured;
    if (row.status === "active" && row.total_micros !== null && row.total_spent_micros >= row.total_micros) row.status = "exhausted";
  }
}

interface Held {
  row: ReservationRow;
  spend: Spend;
}

/** What one request has read and decided so far. */
class Session {
  readonly ask: Ask;
  readonly mandates = new Map<string, Mandate>();
  readonly wallets = new Map<string, number>();
  readonly held: Held[] = [];

  constructor(ask: Ask) {
    this.ask = ask;
  }
}

export class Spending {
  readonly #sql: SqlStorage;
  readonly #books: Books;
  readonly #wake: (atMs: number) => void;
  /** When the next hold runs out; undefined until it was looked up. */
  #nextExpiryMs: number | undefined;

  constructor(sql: SqlStorage, books: Books, wake: (atMs: number) => void) {
    this.#sql = sql;
    this.#books = books;
    this.#wake = wake;
  }

  /** The mandate with its agent's status and its wallet's money. Scalar subqueries: a join is planned anew at every run. */
  mandate(id: string, nowMs: number): Mandate | undefined {
    const [row] = this.#sql
      .exec<MandateRow>(
        `SELECT id, agent_id, wallet_id, status, per_transaction_micros, daily_micros, monthly_micros, total_micros, approval_threshold_micros,
           allowed_merchants, allowed_actions, expires_at_ms, day, day_spent_micros, day_held_micros, month, month_spent_micros, month_held_micros,
           total_spent_micros, total_held_micros, (SELECT status FROM agent WHERE agent.id = agent_id) AS agent_status,
           (SELECT balance_micros FROM account WHERE account.id = wallet_id) AS available_micros
         FROM mandate WHERE id = ?`,
        id,
      )
      .toArray();
    return row === undefined ? undefined : new Mandate(row, nowMs);
  }

  /** Holds one amount against every limit at once, or not at all. */
  reserve(ask: Ask, right: Right | undefined, read: Mandate | undefined, spend: Spend): Outcome {
    const session = this.#open(ask, read);
    const outcome = this.#decide(session, right, spend);
    if (!("row" in outcome)) return outcome;
    return { status: statusOf(outcome.row), body: this.#write(session)[0]! };
  }

  /** Holds many, each for itself or all together. */
  reserveAll(ask: Ask, right: Right | undefined, read: Mandate | undefined, spends: Spend[], isAtomic: boolean): Outcome {
    const session = this.#open(ask, read);
    const outcomes: (Held | Outcome)[] = [];
    for (const [index, spend] of spends.entries()) {
      const outcome = this.#decide(session, right, spend);
      if (isAtomic && !("row" in outcome)) {
        const { code, details } = JSON.parse(outcome.body) as { code: string; details?: Record<string, unknown> };
        return denied(outcome.status, code, { ...details, index });
      }
      outcomes.push(outcome);
    }
    const forms = this.#write(session);
    let next = 0;
    const results = outcomes.map((outcome) =>
      "row" in outcome ? `{"status":${statusOf(outcome.row)},"reservation":${forms[next++]}}` : `{"status":${outcome.status},"error":${outcome.body}}`,
    );
    return { status: 200, body: `{"results":[${results.join(",")}]}` };
  }

  #open(ask: Ask, read: Mandate | undefined): Session {
    const session = new Session(ask);
    if (read !== undefined) this.#admit(session, read);
    return session;
  }

  #admit({ mandates, wallets }: Session, mandate: Mandate): void {
    mandates.set(mandate.row.id, mandate);
    const { wallet_id: walletId, available_micros: available } = mandate.row;
    if (!wallets.has(walletId)) wallets.set(walletId, available);
  }

  /** Decides one hold and counts it in what the session has read. */
  #decide(session: Session, right: Right | undefined, spend: Spend): Held | Outcome {
    const { ask, mandates, wallets, held } = session;
    const isForeign =
      right !== undefined &&
      (right.action !== ACTION_OF[spend.kind] || (spend.agentId ?? right.agentId) !== right.agentId || (spend.mandateId ?? right.mandateId) !== right.mandateId);
    if (isForeign) return denied(403, "token_scope_mismatch");
    const mandateId = right?.mandateId ?? spend.mandateId;
    const agentId = right?.agentId ?? spend.agentId;
    if (mandateId === null || agentId === null) return denied(400, "INVALID_INPUT", { path: mandateId === null ? "$.mandate_id" : "$.agent_id" });
    if (!mandates.has(mandateId)) {
      const read = this.mandate(mandateId, ask.nowMs);
      if (read !== undefined) this.#admit(session, read);
    }
    const mandate = mandates.get(mandateId);
    // No lease is ever granted here: every one that is named is unknown.
    if (mandate === undefined || mandate.row.agent_id !== agentId || spend.leaseId !== null) return denied(404, "NOT_FOUND");
    const { wallet_id: walletId, approval_threshold_micros: threshold } = mandate.row;
    const amount = spend.amountMicros;
    const refusal = mandate.policyOf(spend, ask.nowMs) ?? mandate.limitOf(amount);
    if (refusal !== undefined) return refusal;
    const available = wallets.get(walletId)!;
    if (available < amount) return denied(402, "insufficient_funds");
    wallets.set(walletId, available - amount);
    mandate.hold(amount);
    const needsApproval = threshold !== null && amount > threshold;
    const row: ReservationRow = {
      id: newId("rsv", ask.nowMs),
      seq: 0,
      kind: spend.kind,
      agent_id: agentId,
      mandate_id: mandateId,
      wallet_id: walletId,
      amount_micros: amount,
      captured_micros: null,
      status: needsApproval ? "pending_approval" : "reserved",
      merchant: spend.merchant,
      resource: spend.resource,
      approval_id: needsApproval ? newId("apr", ask.nowMs) : null,
      day: mandate.row.day,
      month: mandate.row.month,
      created_at_ms: ask.nowMs,
      expires_at_ms: ask.nowMs + (needsApproval ? APPROVAL_TTL_MS : spend.ttlMs),
      resolved_at_ms: null,
    };
    const decided = { row, spend };
    held.push(decided);
    return decided;
  }

  /** Writes what was decided; the forms of the reservations in their order. */
  #write({ ask, mandates, held }: Session): string[] {
    if (held.length === 0) return [];
    const head = this.#books.head();
    const touched = new Set<string>();
    let soonestMs = Number.POSITIVE_INFINITY;
    const forms = held.map(({ row, spend }) => {
      row.seq = this.#move(head, ask, "reservation.created", row, row.amount_micros, row.wallet_id, `${row.wallet_id}.held`);
      this.#sql.exec(
        `INSERT INTO spend_reservation (id, seq, kind, agent_id, mandate_id, wallet_id, amount_micros, status, merchant, resource, description, metadata,
           approval_id, day, month, created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        row.id,
        row.seq,
        row.kind,
        row.agent_id,
        row.mandate_id,
        row.wallet_id,
        row.amount_micros,
        row.status,
        row.merchant,
        row.resource,
        spend.description,
        spend.metadata,
        row.approval_id,
        row.day,
        row.month,
        row.created_at_ms,
        row.expires_at_ms,
      );
      const form = formOf(row);
      this.#books.emit(row.seq, "reservation.created", form, ask.nowMs);
      if (row.approval_id !== null) this.#requestApproval(head, ask, row);
      touched.add(row.mandate_id);
      soonestMs = Math.min(soonestMs, row.expires_at_ms);
      return form;
    });
    for (const id of touched) this.#save(mandates.get(id)!);
    if (soonestMs < (this.#nextExpiryMs ?? Number.POSITIVE_INFINITY)) this.#nextExpiryMs = soonestMs;
    this.#wake(soonestMs);
    return forms;
  }

  #requestApproval(head: Head, ask: Ask, row: ReservationRow): void {
    this.#sql.exec(
      "INSERT INTO approval (id, reservation_id, status, requested_at_ms, expires_at_ms) VALUES (?, ?, 'pending', ?, ?)",
      row.approval_id,
      row.id,
      ask.nowMs,
      row.expires_at_ms,
    );
    const seq = this.#books.append(head, { action: "approval.requested", actor: ask.actor, at: ask.nowMs, object: row.approval_id!, request_id: ask.requestId });
    const data = { id: row.approval_id, status: "pending", object_type: "reservation", object_id: row.id, amount: minorUp(row.amount_micros), currency: "usd" };
    this.#books.emit(seq, "approval.requested", JSON.stringify(data), ask.nowMs);
  }

  /** An audit entry of a reservation; nothing moves where there is nothing to move. */
  #move(head: Head, ask: Ask, action: string, row: ReservationRow, amount: number, from: string, to: string): number {
    const entry: Entry = { action, actor: ask.actor, at: ask.nowMs, object: row.id, request_id: ask.requestId };
    return this.#books.append(head, amount === 0 ? entry : { ...entry, amount_micros: amount, from, to });
  }

  #save({ row }: Mandate): void {
    this.#sql.exec(
      `UPDATE mandate SET status = ?, day = ?, day_spent_micros = ?, day_held_micros = ?, month = ?, month_spent_micros = ?, month_held_micros = ?,
         total_spent_micros = ?, total_held_micros = ? WHERE id = ?`,
      row.status,
      row.day,
      row.day_spent_micros,
      row.day_held_micros,
      row.month,
      row.month_spent_micros,
      row.month_held_micros,
      row.total_spent_micros,
      row.total_held_micros,
      row.id,
    );
  }

  /** Spends a hold, or part of it; the rest is free again. */
  capture(ask: Ask, right: Right | undefined, id: string, asked: number | null): Outcome {
    const [row] = this.#sql.exec<ReservationRow>(`SELECT ${RESERVATION} FROM spend_reservation WHERE id = ?`, id).toArray();
    const isReached =
      row !== undefined &&
      (right === undefined || (row.agent_id === right.agentId && row.mandate_id === right.mandateId && ACTION_OF[row.kind as Spend["kind"]] === right.action));
    if (!isReached) return denied(404, "NOT_FOUND");
    if (row.status === "pending_approval") return denied(409, "approval_pending");
    if (row.status === "expired" || (row.status === "reserved" && ask.nowMs >= row.expires_at_ms)) return denied(409, "reservation_expired");
    if (row.status !== "reserved") return denied(409, "reservation_resolved");
    const captured = asked ?? row.amount_micros;
    if (captured > row.amount_micros) return denied(409, "capture_exceeds_reservation");
    return { status: 200, body: this.#resolve(ask, row, "captured", captured) };
  }

  /** Ends an open hold: `captured` is spent, the rest goes back. */
  #resolve(ask: Ask, row: ReservationRow, status: "captured" | "expired", captured: number): string {
    const mandate = this.mandate(row.mandate_id, ask.nowMs)!;
    const head = this.#books.head();
    const held = `${row.wallet_id}.held`;
    const freed = row.amount_micros - captured;
    const spentSeq = status === "captured" ? this.#move(head, ask, "reservation.captured", row, captured, held, "outside") : undefined;
    const freedSeq = freed > 0 || spentSeq === undefined ? this.#move(head, ask, `reservation.${status === "captured" ? "freed" : status}`, row, freed, held, row.wallet_id) : 0;
    row.status = status;
    row.captured_micros = status === "captured" ? captured : null;
    row.resolved_at_ms = ask.nowMs;
    this.#sql.exec("UPDATE spend_reservation SET status = ?, captured_micros = ?, resolved_at_ms = ? WHERE id = ?", row.status, row.captured_micros, row.resolved_at_ms, row.id);
    if (row.approval_id !== null) this.#sql.exec("UPDATE approval SET status = 'expired' WHERE id = ? AND status = 'pending'", row.approval_id);
    mandate.resolve(row, captured);
    this.#save(mandate);
    const form = formOf(row);
    this.#books.emit(spentSeq ?? freedSeq, `reservation.${status}`, form, ask.nowMs);
    return form;
  }

  /** Whether a hold has run out, as far as is known: false is certain. */
  isDue(nowMs: number): boolean {
    return this.#nextExpiryMs === undefined || nowMs >= this.#nextExpiryMs;
  }

  /** Frees the holds whose time is over; when the next one's is. */
  sweep(nowMs: number): number {
    for (let next = this.#nextExpiryMs; next === undefined || next <= nowMs; next = this.#nextExpiryMs) {
      const due = this.#sql
        .exec<ReservationRow>(`SELECT ${RESERVATION} FROM spend_reservation WHERE resolved_at_ms IS NULL AND expires_at_ms <= ? ORDER BY expires_at_ms, seq LIMIT +?`, nowMs, SWEEP)
        .toArray();
      for (const row of due) this.#resolve({ actor: "house", requestId: newId("req", nowMs), nowMs }, row, "expired", 0);
      const { soonest } = this.#sql.exec<{ soonest: number | null }>("SELECT min(expires_at_ms) AS soonest FROM spend_reservation WHERE resolved_at_ms IS NULL").one();
      this.#nextExpiryMs = soonest ?? Number.POSITIVE_INFINITY;
    }
    return this.#nextExpiryMs!;
  }

  /** Writes a mandate down. */
  createMandate(ask: Ask, defaultWalletId: string, asked: MandateAsked): Outcome {
    const walletId = asked.walletId ?? defaultWalletId;
    const { agent, wallet } = this.#sql
      .exec<{ agent: string | null; wallet: number }>("SELECT (SELECT status FROM agent WHERE id = ?) AS agent, EXISTS (SELECT 1 FROM wallet WHERE id = ?) AS wallet", asked.agentId, walletId)
      .one();
    if (agent === null || wallet === 0) return denied(404, "NOT_FOUND");
    if (agent !== "active") return denied(409, "agent_inactive");
    const id = newId("mdt", ask.nowMs);
    this.#sql.exec(
      `INSERT INTO mandate (id, agent_id, wallet_id, name, status, version, per_transaction_micros, daily_micros, monthly_micros, total_micros,
         approval_threshold_micros, allowed_merchants, allowed_actions, metadata, expires_at_ms, created_at_ms, updated_at_ms)
       VALUES (?, ?, ?, ?, 'active', 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?14, ?14)`,
      id,
      asked.agentId,
      walletId,
      asked.name,
      asked.perTransactionMicros,
      asked.dailyMicros,
      asked.monthlyMicros,
      asked.totalMicros,
      asked.approvalThresholdMicros,
      JSON.stringify(asked.allowedMerchants),
      JSON.stringify(asked.allowedActions),
      asked.metadata,
      asked.expiresAtMs,
      ask.nowMs,
    );
    const minorOf = (micros: number | null) => (micros === null ? null : minorDown(micros));
    const form = JSON.stringify({
      id,
      agent_id: asked.agentId,
      wallet_id: walletId,
      name: asked.name,
      currency: "usd",
      status: "active",
      version: 1,
      per_transaction_limit: minorOf(asked.perTransactionMicros),
      daily_limit: minorOf(asked.dailyMicros),
      monthly_limit: minorOf(asked.monthlyMicros),
      total_limit: minorOf(asked.totalMicros),
      approval_threshold: minorOf(asked.approvalThresholdMicros),
      allowed_merchants: asked.allowedMerchants,
      allowed_actions: asked.allowedActions,
      expires_at: timeOf(asked.expiresAtMs),
      created_at: timeOf(ask.nowMs),
      updated_at: timeOf(ask.nowMs),
    });
    const seq = this.#books.append(this.#books.head(), { action: "mandate.created", actor: ask.actor, at: ask.nowMs, object: id, request_id: ask.requestId });
    this.#books.emit(seq, "mandate.created", form, ask.nowMs);
    return { status: 201, body: form };
  }

  /** Whether a token for this may be made: the refusal, if not. */
  grant(agentId: string, mandateId: string, action: string, isLeased: boolean, nowMs: number): Outcome | undefined {
    const mandate = this.mandate(mandateId, nowMs);
    if (mandate === undefined || mandate.row.agent_id !== agentId || isLeased) return denied(404, "NOT_FOUND");
    const { agent_status, status, expires_at_ms, allowed_actions } = mandate.row;
    if (agent_status !== "active") return denied(403, "agent_not_active");
    if (status !== "active" || (expires_at_ms !== null && nowMs >= expires_at_ms)) return denied(403, "mandate_not_active");
    if (allowed_actions !== "[]" && !(JSON.parse(allowed_actions) as string[]).includes(action)) return denied(403, "action_not_allowed");
    return undefined;
  }
}

const RESERVATION =
  "id, seq, kind, agent_id, mandate_id, wallet_id, amount_micros, captured_micros, status, merchant, resource, approval_id, day, month, created_at_ms, expires_at_ms, resolved_at_ms";

function statusOf(row: ReservationRow): number {
  return row.approval_id === null ? 201 : 202;
}
