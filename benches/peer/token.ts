// Tokens: Ed25519 JWTs by WebCrypto. Those of sessions are written by hand, those of an execution by jose.
import { errors, jwtVerify, SignJWT } from "jose";
import { Refusal } from "./refusal.ts";

const TOKEN_TTL_S = 1800;
/** How far clocks may disagree. */
const LEEWAY_S = 30;

/** PKCS #8 around a raw Ed25519 seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Uint8Array.fromHex("302e020100300506032b657004220420");

const encoder = new TextEncoder();

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

export interface Signer {
  key: CryptoKey;
  /** The public half. */
  verifyKey: CryptoKey;
  kid: string;
  /** The protected header, encoded once. */
  head: string;
}

export async function importSigner(seedHex: string): Promise<Signer> {
  const pkcs8 = new Uint8Array(PKCS8_PREFIX.length + 32);
  pkcs8.set(PKCS8_PREFIX);
  pkcs8.set(Uint8Array.fromHex(seedHex), PKCS8_PREFIX.length);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "Ed25519" }, true, ["sign"]);
  const { x } = (await crypto.subtle.exportKey("jwk", key)) as JsonWebKey;
  const verifyKey = await crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x: x! }, { name: "Ed25519" }, false, ["verify"]);
  const thumbprint = await crypto.subtle.digest("SHA-256", encoder.encode(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`));
  const kid = base64url(new Uint8Array(thumbprint));
  return { key, verifyKey, kid, head: base64url(encoder.encode(JSON.stringify({ alg: "EdDSA", typ: "JWT", kid }))) };
}

/** A session token of the wallet and the moment it ends. */
export async function mintSession(signer: Signer, issuer: string, address: string, nowMs: number): Promise<{ token: string; expiresAtMs: number }> {
  const issuedAtS = Math.floor(nowMs / 1000);
  const claims = { iss: issuer, aud: "guildhall:v2", sub: address, iat: issuedAtS, exp: issuedAtS + TOKEN_TTL_S, jti: crypto.randomUUID() };
  const signed = `${signer.head}.${base64url(encoder.encode(JSON.stringify(claims)))}`;
  const signature = await crypto.subtle.sign("Ed25519", signer.key, encoder.encode(signed));
  return { token: `ags_${signed}.${base64url(new Uint8Array(signature))}`, expiresAtMs: (issuedAtS + TOKEN_TTL_S) * 1000 };
}

/** A right to one action under one mandate. */
export interface Execution {
  tenantUuid: string;
  agentId: string;
  mandateId: string;
  action: string;
  audience: string;
}

export async function mintExecution(signer: Signer, issuer: string, right: Execution, ttlS: number, nowMs: number): Promise<{ token: string; jti: string; expiresAtMs: number }> {
  const issuedAtS = Math.floor(nowMs / 1000);
  const jti = crypto.randomUUID();
  const token = await new SignJWT({ tenant: right.tenantUuid, mandate_id: right.mandateId, action: right.action })
    .setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid: signer.kid })
    .setIssuer(issuer)
    .setSubject(right.agentId)
    .setAudience(right.audience)
    .setJti(jti)
    .setIssuedAt(issuedAtS)
    .setExpirationTime(issuedAtS + ttlS)
    .sign(signer.key);
  return { token, jti, expiresAtMs: (issuedAtS + ttlS) * 1000 };
}

/** The right a token gives now; every other text is refused. */
export async function verifyExecution(signer: Signer, issuer: string, token: string, nowMs: number): Promise<Execution> {
  const refused = new Refusal(401, "UNAUTHORIZED");
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        if (kid !== signer.kid) throw refused;
        return signer.verifyKey;
      },
      {
        issuer,
        audience: ["spendguard-actions", "spendguard-payments"],
        algorithms: ["EdDSA"],
        clockTolerance: LEEWAY_S,
        currentDate: new Date(nowMs),
        requiredClaims: ["exp", "iat", "sub", "jti"],
      },
    );
    const { sub, aud, iat, tenant, mandate_id: mandateId, action } = payload;
    const isWhole = typeof aud === "string" && typeof tenant === "string" && typeof mandateId === "string" && typeof action === "string";
    if (!isWhole || iat! > nowMs / 1000 + LEEWAY_S) throw refused;
    return { tenantUuid: tenant, agentId: sub!, mandateId, action, audience: aud };
  } catch (error) {
    if (error instanceof errors.JOSEError) throw refused;
    throw error;
  }
}
