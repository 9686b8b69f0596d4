// What a command of /v1 tells, and how it writes amounts and times.
import { MICROS_PER_MINOR } from "./spend_request.ts";

/** Whose request this is, and when. */
export interface Ask {
  actor: string;
  requestId: string;
  nowMs: number;
}

/** A status and its JSON: an object, or `{code,details}` from 400 on. */
export interface Outcome {
  status: number;
  body: string;
}

export function denied(status: number, code: string, details?: Record<string, unknown>): Outcome {
  return { status, body: JSON.stringify({ code, details }) };
}

export function minorUp(micros: number): number {
  return Math.ceil(micros / MICROS_PER_MINOR);
}

export function minorDown(micros: number): number {
  return Math.floor(micros / MICROS_PER_MINOR);
}

export function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
