/** An answer that is not the one asked for: a status and a stable code. */
export class Refusal extends Error {
  readonly status: 400 | 401 | 402 | 403 | 404 | 409 | 422 | 429;
  readonly code: string;

  constructor(status: Refusal["status"], code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}
