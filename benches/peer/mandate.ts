// A mandate: what it allows, how much of it is used, and what one request makes of it.
import type { Books } from "./books.ts";
import { newId } from "./id.ts";
import { type Ask, denied, minorDown, minorUp, type Outcome, timeOf } from "./outcome.ts";
import type { ReservationRow } from "./reservation.ts";
import { ACTION_OF, foldMerchant, type MandateAsked, type Spend, type TokenAsked } from "./spend_request.ts";

const DAY_MS = 86_400_000;

export type MandateRow = {
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

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

function monthOf(ms: number): number {
  const date = new Date(ms);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
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

/** The mandate with its agent's status and its wallet's money. Scalar subqueries: a join is planned anew at every run. */
export function readMandate(sql: SqlStorage, id: string, nowMs: number): Mandate | undefined {
  const [row] = sql
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

/** Writes a mandate down. */
export function createMandate(sql: SqlStorage, books: Books, ask: Ask, defaultWalletId: string, asked: MandateAsked): Outcome {
  const walletId = asked.walletId ?? defaultWalletId;
  const { agent, wallet } = sql
    .exec<{ agent: string | null; wallet: number }>("SELECT (SELECT status FROM agent WHERE id = ?) AS agent, EXISTS (SELECT 1 FROM wallet WHERE id = ?) AS wallet", asked.agentId, walletId)
    .one();
  if (agent === null || wallet === 0) return denied(404, "NOT_FOUND");
  if (agent !== "active") return denied(409, "agent_inactive");
  const id = newId("mdt", ask.nowMs);
  sql.exec(
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
  const seq = books.append(books.head(), { action: "mandate.created", actor: ask.actor, at: ask.nowMs, object: id, request_id: ask.requestId });
  books.emit(seq, "mandate.created", form, ask.nowMs);
  return { status: 201, body: form };
}

/** Whether a token for this may be made: the refusal, if not. */
export function grantToken(sql: SqlStorage, agentId: string, { mandateId, action, leaseId }: TokenAsked, nowMs: number): Outcome | undefined {
  const mandate = readMandate(sql, mandateId, nowMs);
  if (mandate === undefined || mandate.row.agent_id !== agentId || leaseId !== null) return denied(404, "NOT_FOUND");
  const { agent_status, status, expires_at_ms, allowed_actions } = mandate.row;
  if (agent_status !== "active") return denied(403, "agent_not_active");
  if (status !== "active" || (expires_at_ms !== null && nowMs >= expires_at_ms)) return denied(403, "mandate_not_active");
  if (allowed_actions !== "[]" && !(JSON.parse(allowed_actions) as string[]).includes(action)) return denied(403, "action_not_allowed");
  return undefined;
}
