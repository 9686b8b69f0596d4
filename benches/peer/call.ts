// What the tenant's object is asked and what it answers.
import type { Credential } from "./key.ts";
import type { Quota, Standing } from "./limit.ts";
import type { Outcome } from "./outcome.ts";
import type { Right } from "./spend.ts";

/** Events of one tenant, in order, after the one it names. */
export interface Events {
  tenant: string;
  afterSeq: number;
  events: { seq: number; type: string; at_ms: number; data: string }[];
}

export interface Claim {
  scopeHash: Uint8Array;
  bodyHash: Uint8Array;
}

/** Who asks: what every command begins with. */
export interface Admission {
  key: Credential;
  quota: Quota;
  slug: string | undefined;
  nowMs: number;
  requestId: string;
}

/** Who spends: a token's agent, which the Worker has verified, or whoever holds a key. */
export type Spender = Admission | { right: Right; quota: Quota; nowMs: number; requestId: string };

/** The answer of a command that keeps its refusals as well. */
export interface Told extends Outcome {
  standing: Standing;
  isReplayed: boolean;
}

export interface Refused {
  refused: { status: 400 | 401 | 402 | 403 | 404 | 409 | 422 | 429; code: string };
  standing?: Standing;
}

export interface Reserved {
  reservationId: string;
  slug: string;
}

export interface Replayed {
  replayed: string;
}

export interface Charged {
  balanceMicros: number;
}

export interface Caller {
  keyId: string;
  slug: string;
  walletId: string;
  standing: Standing;
}

/** Leaves a transaction with everything undone. */
export class Undone extends Error {
  readonly answer: Refused;

  constructor(answer: Refused) {
    super(answer.refused.code);
    this.answer = answer;
  }
}

export function refuse(status: Refused["refused"]["status"], code: string, standing?: Standing): never {
  throw new Undone({ refused: { status, code }, ...(standing === undefined ? {} : { standing }) });
}
