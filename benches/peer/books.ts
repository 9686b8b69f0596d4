// What every change of a tenant leaves behind: its entry in the audit chain, its event, and the answer kept for a repeat.
import { type Claim, refuse } from "./call.ts";
import { newId } from "./id.ts";
import { sha256 } from "./key.ts";

const RECORD_TTL_MS = 86_400_000;
/** How long events wait to be handed on together. */
const OUTBOX_DELAY_MS = 200;

const encoder = new TextEncoder();

/** The end of the audit chain. */
export interface Head {
  seq: number;
  hash: Uint8Array;
}

/** What was done; one that moves money names both accounts. */
export interface Entry {
  action: string;
  actor: string;
  at: number;
  object: string;
  request_id: string;
  amount_micros?: number;
  from?: string;
  to?: string;
}

export class Books {
  readonly #sql: SqlStorage;
  readonly #wake: (atMs: number) => void;

  constructor(sql: SqlStorage, wake: (atMs: number) => void) {
    this.#sql = sql;
    this.#wake = wake;
  }

  head(): Head {
    const [row] = this.#sql.exec<{ seq: number; hash: ArrayBuffer }>("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").toArray();
    return row === undefined ? { seq: 0, hash: new Uint8Array(32) } : { seq: row.seq, hash: new Uint8Array(row.hash) };
  }

  /** Appends an entry to the audit chain and moves the head along; triggers move the money. */
  append(head: Head, entry: Entry): number {
    const seq = head.seq + 1;
    const { action, actor, amount_micros, at, from, object, request_id, to } = entry;
    // The members stand in the order JCS gives them; those that are absent are left out.
    const text = JSON.stringify({ action, actor, amount_micros, at: new Date(at).toISOString(), from, object, request_id, seq, to });
    const bytes = new Uint8Array(32 + text.length * 3);
    bytes.set(head.hash);
    const { written } = encoder.encodeInto(text, bytes.subarray(32));
    const hash = sha256(bytes.subarray(0, 32 + written));
    this.#sql.exec(
      "INSERT INTO audit (seq, at_ms, actor, action, object, request_id, from_account, to_account, amount_micros, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      seq,
      at,
      actor,
      action,
      object,
      request_id,
      from ?? null,
      to ?? null,
      amount_micros ?? null,
      hash,
    );
    head.seq = seq;
    head.hash = hash;
    return seq;
  }

  /** Puts an event into the outbox; `data` is JSON. */
  emit(seq: number, type: string, data: string, nowMs: number): void {
    this.#sql.exec("INSERT INTO outbox (seq, event_id, type, data, at_ms) VALUES (?, ?, ?, ?, ?)", seq, newId("evt", nowMs), type, data, nowMs);
    this.#wake(nowMs + OUTBOX_DELAY_MS);
  }

  /** The stored answer of an equal request, if there is one. */
  recorded(claim: Claim | undefined, nowMs: number): string | undefined {
    if (claim === undefined) return undefined;
    const [record] = this.#sql
      .exec<{ body_hash: ArrayBuffer; expires_at_ms: number; answer: string | null }>(
        "SELECT body_hash, expires_at_ms, CAST(answer AS TEXT) AS answer FROM idempotency WHERE scope_hash = ?",
        claim.scopeHash,
      )
      .toArray();
    if (record === undefined || nowMs >= record.expires_at_ms) return undefined;
    if (!crypto.subtle.timingSafeEqual(record.body_hash, claim.bodyHash)) refuse(422, "idempotency_conflict");
    if (record.answer === null) refuse(409, "idempotency_in_flight");
    return record.answer;
  }

  /** Claims the key for a request that is still at work, until `expiresAtMs`. */
  hold(claim: Claim | undefined, holder: string, expiresAtMs: number): void {
    if (claim === undefined) return;
    this.#sql.exec(
      "INSERT OR REPLACE INTO idempotency (scope_hash, body_hash, holder, expires_at_ms) VALUES (?, ?, ?, ?)",
      claim.scopeHash,
      claim.bodyHash,
      holder,
      expiresAtMs,
    );
  }

  /** Gives `holder` the answer of its work. */
  fulfil(claim: Claim | undefined, holder: string, answer: string, nowMs: number): void {
    if (claim === undefined) return;
    this.#sql.exec(
      "UPDATE idempotency SET answer = CAST(? AS BLOB), expires_at_ms = ? WHERE scope_hash = ? AND holder = ? AND answer IS NULL",
      answer,
      nowMs + RECORD_TTL_MS,
      claim.scopeHash,
      holder,
    );
  }

  /** Frees the key: the work of `holder` failed. */
  drop(claim: Claim | undefined, holder: string): void {
    if (claim !== undefined) this.#sql.exec("DELETE FROM idempotency WHERE scope_hash = ? AND holder = ? AND answer IS NULL", claim.scopeHash, holder);
  }

  /** Keeps the answer of a request that was done in one go. */
  keep(claim: Claim | undefined, holder: string, answer: string, nowMs: number): void {
    if (claim === undefined) return;
    this.#sql.exec(
      "INSERT OR REPLACE INTO idempotency (scope_hash, body_hash, holder, expires_at_ms, answer) VALUES (?, ?, ?, ?, CAST(? AS BLOB))",
      claim.scopeHash,
      claim.bodyHash,
      holder,
      nowMs + RECORD_TTL_MS,
      answer,
    );
  }
}
