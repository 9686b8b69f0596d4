// A reservation: its row, and how every reply and event shows it.
import { minorDown, minorUp, timeOf } from "./outcome.ts";

export type ReservationRow = {
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

export const RESERVATION =
  "id, seq, kind, agent_id, mandate_id, wallet_id, amount_micros, captured_micros, status, merchant, resource, approval_id, day, month, created_at_ms, expires_at_ms, resolved_at_ms";

/** A reservation as every reply and event shows it. */
export function formOf(row: ReservationRow): string {
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
