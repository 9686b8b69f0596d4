// API keys: prefix, tenant, number, secret. The text names the tenant's object and the key's row.
import { hash } from "node:crypto";
import { Refusal } from "./refusal.ts";

export interface Credential {
  kind: "agent" | "live" | "atelier";
  tenantUuid: string;
  number: string;
  secretHash: Uint8Array;
}

const PREFIXES = { mtak_: "agent", tl_live_: "live", atelier_: "atelier" } as const;

/** Synchronous, so that it can stand inside a transaction; WebCrypto's digest cannot. */
export function sha256(data: Uint8Array | string): Uint8Array {
  return hash("sha256", data, "buffer");
}

export function parseKey(text: string | undefined): Credential {
  const match = /^(mtak_|tl_live_|atelier_)([0-9a-f]{32})([0-9a-f]{16})([0-9a-f]{48})$/.exec(text ?? "");
  if (match === null) throw new Refusal(401, "invalid_credentials");
  const [, prefix, uuid, number, secret] = match as unknown as [string, keyof typeof PREFIXES, string, string, string];
  return { kind: PREFIXES[prefix], tenantUuid: uuid, number, secretHash: sha256(secret) };
}
