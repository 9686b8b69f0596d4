// What the spending routes are sent, read once at the border. Any field may be spelt in camelCase; snake_case wins.
import { Refusal } from "./refusal.ts";

export const MICROS_PER_MINOR = 10_000;
const MICROS_MAX = Number.MAX_SAFE_INTEGER;
const METADATA_BYTES_MAX = 16_384;
export const BATCH_MAX = 100;

/** What each kind of spending needs a right to. */
export const ACTION_OF = {
  payment: "payment:execute",
  token: "token:spend",
  tool: "tool:spend",
  delegated: "delegation:spend",
} as const;

export type Kind = keyof typeof ACTION_OF;

export const ACTIONS: readonly string[] = Object.values(ACTION_OF);

type Body = Record<string, unknown>;

/** One amount to hold. */
export interface Spend {
  kind: Kind;
  amountMicros: number;
  merchant: string | null;
  resource: string | null;
  ttlMs: number;
  description: string | null;
  metadata: string;
  leaseId: string | null;
  agentId: string | null;
  mandateId: string | null;
}

export interface MandateAsked {
  agentId: string;
  walletId: string | null;
  name: string | null;
  perTransactionMicros: number | null;
  dailyMicros: number | null;
  monthlyMicros: number | null;
  totalMicros: number | null;
  approvalThresholdMicros: number | null;
  allowedMerchants: string[];
  allowedActions: string[];
  metadata: string;
  expiresAtMs: number | null;
}

export interface TokenAsked {
  mandateId: string;
  action: string;
  audience: string;
  ttlS: number;
  leaseId: string | null;
}

function invalid(path: string): Refusal {
  return new Refusal(400, "INVALID_INPUT", { path });
}

function field(body: Body, name: string, camel: string = name): unknown {
  return body[name] ?? body[camel] ?? null;
}

const CONTROLS = /[\0-\x08\x0b-\x1f\x7f]/;

function text(value: unknown, max: number, path: string): string | null {
  if (value === null) return null;
  if (typeof value !== "string" || CONTROLS.test(value)) throw invalid(path);
  // A text has no more characters than UTF-16 units: counting is seldom needed.
  if (value.length > max && [...value].length > max) throw invalid(path);
  return value;
}

function required<T>(value: T | null, path: string): T {
  if (value === null) throw invalid(path);
  return value;
}

function integer(value: unknown, min: number, max: number, path: string): number | null {
  if (value === null) return null;
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) throw invalid(path);
  return value as number;
}

const MINOR_MAX = Math.floor(MICROS_MAX / MICROS_PER_MINOR);

/** Minor units as micro-units. */
function minor(value: unknown, min: number, path: string): number | null {
  const amount = integer(value, min, MINOR_MAX, path);
  return amount === null ? null : amount * MICROS_PER_MINOR;
}

function metadataOf(body: Body): string {
  const value = body["metadata"] ?? {};
  if (typeof value !== "object" || Array.isArray(value)) throw invalid("$.metadata");
  const json = JSON.stringify(value);
  if (json.length * 3 > METADATA_BYTES_MAX && new TextEncoder().encode(json).length > METADATA_BYTES_MAX) throw invalid("$.metadata");
  return json;
}

/** Any spelling of an agent's id, as the one we keep. */
export function parseAgentId(value: unknown, path: string): string {
  const match = typeof value === "string" ? /^(?:agt_|ext_|maip-agent:|maip:[0-9a-f]{8}:)?([0-7][0-9A-HJKMNP-TV-Z]{25})$/i.exec(value) : null;
  if (match === null) throw invalid(path);
  return `agt_${match[1]!.toUpperCase()}`;
}

function idOf(value: unknown, prefix: string, path: string): string | null {
  if (value === null) return null;
  if (typeof value !== "string" || !value.startsWith(prefix) || !/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(value.slice(prefix.length))) throw invalid(path);
  return value;
}

function checkCurrency(body: Body, isRequired: boolean): void {
  const currency = field(body, "currency");
  if (currency === null && !isRequired) return;
  if (typeof currency !== "string") throw invalid("$.currency");
  if (currency !== "usd") throw new Refusal(400, "currency_unsupported", { path: "$.currency" });
}

/** `amount`, or `quantity` times `unit_price` rounded up. */
function amountOf(body: Body, path: string): number {
  const amount = minor(field(body, "amount"), 1, `${path}.amount`);
  const quantity = integer(field(body, "quantity"), 0, MICROS_MAX, `${path}.quantity`);
  const unitPrice = field(body, "unit_price", "unitPrice");
  if (amount !== null) {
    if (quantity !== null || unitPrice !== null) throw invalid(`${path}.amount`);
    return amount;
  }
  const price = typeof unitPrice === "string" ? /^(\d{1,10})(?:\.(\d{1,6}))?$/.exec(unitPrice) : null;
  if (quantity === null || price === null) throw invalid(quantity === null ? `${path}.amount` : `${path}.unit_price`);
  const micros = BigInt(price[1]!) * 1_000_000n + BigInt((price[2] ?? "").padEnd(6, "0"));
  const product = micros * BigInt(quantity);
  if (product > BigInt(MICROS_MAX)) throw invalid(`${path}.quantity`);
  return Number(product);
}

export function parseSpend(body: Body, path = "$"): Spend {
  const kind = field(body, "kind");
  if (typeof kind !== "string" || !Object.hasOwn(ACTION_OF, kind)) throw invalid(`${path}.kind`);
  checkCurrency(body, false);
  const merchant = text(field(body, "merchant"), 128, `${path}.merchant`);
  if (kind === "payment" && (merchant === null || merchant.trim() === "")) throw invalid(`${path}.merchant`);
  const agentId = field(body, "agent_id", "agentId");
  return {
    kind: kind as Kind,
    amountMicros: amountOf(body, path),
    merchant,
    resource: text(field(body, "resource"), 256, `${path}.resource`),
    ttlMs: (integer(field(body, "ttl_seconds", "ttlSeconds"), 1, 86_400, `${path}.ttl_seconds`) ?? 900) * 1000,
    description: text(field(body, "description"), 1024, `${path}.description`),
    metadata: metadataOf(body),
    leaseId: idOf(field(body, "lease_id", "leaseId"), "lse_", `${path}.lease_id`),
    agentId: agentId === null ? null : parseAgentId(agentId, `${path}.agent_id`),
    mandateId: idOf(field(body, "mandate_id", "mandateId"), "mdt_", `${path}.mandate_id`),
  };
}

export function parseBatch(body: Body): { items: Spend[]; isAtomic: boolean } {
  const { items, atomic = false } = body;
  if (!Array.isArray(items) || items.length < 1 || items.length > BATCH_MAX) throw invalid("$.items");
  if (typeof atomic !== "boolean") throw invalid("$.atomic");
  return {
    items: items.map((item: unknown, index) => {
      if (typeof item !== "object" || item === null || Array.isArray(item)) throw invalid(`$.items[${index}]`);
      return parseSpend(item as Body, `$.items[${index}]`);
    }),
    isAtomic: atomic,
  };
}

/** What to capture; null is all of it. */
export function parseCapture(body: Body): number | null {
  return minor(field(body, "amount"), 1, "$.amount");
}

export function foldMerchant(name: string): string {
  return name.trim().normalize("NFC").toLowerCase();
}

function listOf(value: unknown, max: number, path: string): string[] {
  if (value === null) return [];
  if (!Array.isArray(value) || value.length > max) throw invalid(path);
  return value.map((entry: unknown, index) => {
    const item = text(entry, 128, `${path}[${index}]`);
    if (item === null || item.trim() === "") throw invalid(`${path}[${index}]`);
    return item;
  });
}

export function parseMandate(body: Body, nowMs: number): MandateAsked {
  checkCurrency(body, false);
  const limit = (name: string, camel: string) => minor(field(body, name, camel), 0, `$.${name}`);
  const limits = {
    perTransactionMicros: limit("per_transaction_limit", "perTransactionLimit"),
    dailyMicros: limit("daily_limit", "dailyLimit"),
    monthlyMicros: limit("monthly_limit", "monthlyLimit"),
    totalMicros: limit("total_limit", "totalLimit"),
  };
  if (Object.values(limits).every((value) => value === null)) throw invalid("$.total_limit");
  const allowedActions = listOf(field(body, "allowed_actions", "allowedActions"), ACTIONS.length, "$.allowed_actions");
  if (!allowedActions.every((action) => ACTIONS.includes(action))) throw invalid("$.allowed_actions");
  const expiresAt = field(body, "expires_at", "expiresAt");
  let expiresAtMs: number | null = null;
  if (expiresAt !== null) {
    if (typeof expiresAt !== "string") throw invalid("$.expires_at");
    expiresAtMs = Date.parse(/^\d{4}-\d\d-\d\d$/.test(expiresAt) ? `${expiresAt}T23:59:59.999Z` : expiresAt);
    if (!(expiresAtMs > nowMs)) throw invalid("$.expires_at");
  }
  return {
    agentId: parseAgentId(field(body, "agent_id", "agentId"), "$.agent_id"),
    walletId: idOf(field(body, "wallet_id", "walletId"), "wal_", "$.wallet_id"),
    name: text(field(body, "name"), 128, "$.name"),
    ...limits,
    approvalThresholdMicros: minor(field(body, "approval_threshold", "approvalThreshold"), 0, "$.approval_threshold"),
    allowedMerchants: listOf(field(body, "allowed_merchants", "allowedMerchants"), 200, "$.allowed_merchants").map(foldMerchant),
    allowedActions,
    metadata: metadataOf(body),
    expiresAtMs,
  };
}

export function parseTokenAsked(body: Body): TokenAsked {
  const action = field(body, "action");
  if (typeof action !== "string" || !ACTIONS.includes(action)) throw invalid("$.action");
  const audience = field(body, "audience");
  if (audience !== "spendguard-actions" && audience !== "spendguard-payments") throw invalid("$.audience");
  if (audience === "spendguard-payments" && action !== "payment:execute") throw invalid("$.audience");
  return {
    mandateId: required(idOf(field(body, "mandate_id", "mandateId"), "mdt_", "$.mandate_id"), "$.mandate_id"),
    action,
    audience,
    ttlS: integer(field(body, "ttl_seconds", "ttlSeconds"), 30, 900, "$.ttl_seconds") ?? 300,
    leaseId: idOf(field(body, "lease_id", "leaseId"), "lse_", "$.lease_id"),
  };
}
