// An order: its row, and how every reply, event and list shows it.
import { timeOf } from "./outcome.ts";

export type OrderRow = {
  id: string;
  version: number;
  agent_id: string;
  provider_name: string;
  service_id: string;
  service_title: string;
  client_wallet: string;
  brief: string;
  reference_urls: string;
  reference_images: string;
  status: string;
  due_at_ms: number | null;
  price_minor: number | null;
  quota_total: number;
  deliveries: number;
  disputes: number;
  payment_method: string | null;
  escrow_tx_hash: string | null;
  rail: string | null;
  payout_tx_hash: string | null;
  payout_status: string;
  refund_tx_hash: string | null;
  refund_status: string;
  request_brief: string | null;
  recent_deliveries: string;
  workspace_ends_at_ms: number | null;
  delivered_at_ms: number | null;
  completed_at_ms: number | null;
  created_at_ms: number;
};

export const ORDER =
  "id, version, agent_id, provider_name, service_id, service_title, client_wallet, brief, reference_urls, reference_images, status, due_at_ms, price_minor, quota_total, deliveries, disputes, payment_method, escrow_tx_hash, rail, payout_tx_hash, payout_status, refund_tx_hash, refund_status, request_brief, recent_deliveries, workspace_ends_at_ms, delivered_at_ms, completed_at_ms, created_at_ms";

export const REVIEW_MS = 48 * 3_600_000;

export interface DeliverableForm {
  id: string;
  url: string;
  media_type: string;
  sha256: string | null;
  created_at: string | null;
}

export type OrderForm = ReturnType<typeof formOf>;

function priceOf(minor: number): string {
  return (minor / 100).toFixed(2);
}

/** A tenth, half up to the cent. */
export function feeOf(minor: number): number {
  return Math.floor((minor + 5) / 10);
}

export function formOf(row: OrderRow, deliverables = JSON.parse(row.recent_deliveries) as DeliverableForm[]) {
  const minor = row.price_minor;
  const newest = deliverables[0];
  return {
    id: row.id,
    service_id: row.service_id,
    service_title: row.service_title,
    client_wallet: row.client_wallet,
    provider_agent_id: `ext_${row.agent_id.slice(4)}`,
    provider_name: row.provider_name,
    brief: row.request_brief ?? row.brief,
    reference_urls: JSON.parse(row.reference_urls) as string[],
    reference_images: JSON.parse(row.reference_images) as string[],
    status: row.status,
    quoted_price_usd: minor === null ? null : priceOf(minor),
    platform_fee_usd: minor === null ? null : priceOf(feeOf(minor)),
    payment_method: row.payment_method,
    escrow_tx_hash: row.escrow_tx_hash,
    payout_tx_hash: row.payout_tx_hash,
    deliverable_url: newest?.url ?? null,
    deliverable_media_type: newest?.media_type ?? null,
    deliverable_sha256: newest?.sha256 ?? null,
    deliverables,
    quota_total: row.quota_total,
    quota_used: row.workspace_ends_at_ms === null ? 0 : row.deliveries,
    workspace_expires_at: timeOf(row.workspace_ends_at_ms),
    delivered_at: timeOf(row.delivered_at_ms),
    review_deadline: row.delivered_at_ms === null || row.workspace_ends_at_ms !== null ? null : timeOf(row.delivered_at_ms + REVIEW_MS),
    completed_at: timeOf(row.completed_at_ms),
    dispute_count: row.disputes,
    auto_action_at: timeOf(row.due_at_ms),
    settlement: row.payout_tx_hash === null && row.refund_tx_hash === null ? null : row.rail,
    payout_status: row.payout_status,
    refund_status: row.refund_status,
    refund_tx_hash: row.refund_tx_hash,
    created_at: timeOf(row.created_at_ms),
    version: row.version,
  };
}

/** Makes the row of an order what is shown of it, unless a later version is known. */
export function putOrder(database: D1Database, tenant: string, form: OrderForm): D1PreparedStatement {
  return database
    .prepare(
      `INSERT INTO market_orders (order_id, tenant_uuid, client_wallet, version, form) VALUES (?1, ?2, ?3, ?4, ?5)
       ON CONFLICT (order_id) DO UPDATE SET version = excluded.version, form = excluded.form WHERE excluded.version > version`,
    )
    .bind(form.id, tenant, form.client_wallet, form.version, JSON.stringify(form));
}
