// What is held against mandates and wallets. A decision is taken in memory over what was read, for one amount or for many,
// and then written: what is refused has written nothing.
import type { Books, Entry, Head } from "./books.ts";
import { newId } from "./id.ts";
import { type Mandate, readMandate } from "./mandate.ts";
import { type Ask, denied, minorUp, type Outcome } from "./outcome.ts";
import { formOf, RESERVATION, type ReservationRow } from "./reservation.ts";
import { ACTION_OF, type Spend } from "./spend_request.ts";

const APPROVAL_TTL_MS = 86_400_000;
/** How many holds one sweep frees. */
const SWEEP = 500;

/** What a token allows; a key may name any agent and mandate. */
export interface Right {
  agentId: string;
  mandateId: string;
  action: string;
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
      const read = readMandate(this.#sql, mandateId, ask.nowMs);
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
    const mandate = readMandate(this.#sql, row.mandate_id, ask.nowMs)!;
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
}

function statusOf(row: ReservationRow): number {
  return row.approval_id === null ? 201 : 202;
}
