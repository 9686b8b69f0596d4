// Tokens as the house signs them, and as it never would: the test servers' seed is known.

import assert from "node:assert/strict";
import { createHmac, createPrivateKey, sign, type KeyObject } from "node:crypto";
import { TOKEN_SIGNING_SEED, type Server } from "./server.ts";

/** What stands before the seed in a PKCS#8 key of Ed25519 (RFC 8410). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

export type Members = Record<string, unknown>;

export type Forgery = {
  /** Claims over those of a good token; undefined takes one away. */
  claims?: Members;
  /** Header members over those of a good token; undefined takes one away. */
  header?: Members;
  /** The seed of the key that signs, in hex. */
  seed?: string;
};

/** Writes tokens in the name of a server. */
export class Forger {
  readonly #issuer: string;
  readonly #key: { x: string; kid: string };

  private constructor(issuer: string, key: { x: string; kid: string }) {
    this.#issuer = issuer;
    this.#key = key;
  }

  static async of(server: Server): Promise<Forger> {
    const { keys } = (await server.client().get("/.well-known/jwks.json")).json;
    assert.equal(keys.length, 1);
    return new Forger(server.url, keys[0]);
  }

  /** A human's token with these claims of its own. */
  human(own: Members, forgery: Forgery = {}): string {
    return this.#write({ aud: "guildhall:api", ...own }, 7 * 86_400, forgery);
  }

  /** A wallet's session with these claims of its own. */
  wallet(own: Members, forgery: Forgery = {}): string {
    return `ags_${this.#write({ aud: "guildhall:v2", ...own }, 1_800, forgery)}`;
  }

  /** An execution token with these claims of its own. */
  execution(own: Members, forgery: Forgery = {}): string {
    return this.#write({ aud: "spendguard-actions", ...own }, 300, forgery);
  }

  #write(own: Members, ttlS: number, { claims = {}, header = {}, seed = TOKEN_SIGNING_SEED }: Forgery): string {
    const now = Math.floor(Date.now() / 1000);
    const parts = [
      { alg: "EdDSA", kid: this.#key.kid, typ: "JWT", ...header },
      { iss: this.#issuer, iat: now, exp: now + ttlS, ...own, ...claims },
    ];
    const text = parts.map((part) => encode(JSON.stringify(part))).join(".");
    return `${text}.${this.#sign(text, header["alg"], seed)}`;
  }

  /** As the named algorithm would sign; those that know only our public key sign with that. */
  #sign(text: string, algorithm: unknown, seed: string): string {
    if (algorithm === "none") return "";
    if (algorithm === "HS256") return createHmac("sha256", Buffer.from(this.#key.x, "base64url")).update(text).digest("base64url");
    return sign(null, Buffer.from(text), keyOf(seed)).toString("base64url");
  }
}

/** What a token says; nothing is verified. */
export function claimsOf(token: string): Members {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Members;
}

/** The token with its claims changed, under the old signature. */
export function withClaims(token: string, changed: Members): string {
  const [header, , signature] = token.split(".");
  return [header, encode(JSON.stringify({ ...claimsOf(token), ...changed })), signature].join(".");
}

function keyOf(seed: string): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, Buffer.from(seed, "hex")]), format: "der", type: "pkcs8" });
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}
