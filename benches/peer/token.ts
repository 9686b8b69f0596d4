// Session tokens: Ed25519 JWTs by WebCrypto.

const TOKEN_TTL_S = 1800;

/** PKCS #8 around a raw Ed25519 seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Uint8Array.fromHex("302e020100300506032b657004220420");

const encoder = new TextEncoder();

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

export interface Signer {
  key: CryptoKey;
  /** The protected header, encoded once. */
  head: string;
}

export async function importSigner(seedHex: string): Promise<Signer> {
  const pkcs8 = new Uint8Array(PKCS8_PREFIX.length + 32);
  pkcs8.set(PKCS8_PREFIX);
  pkcs8.set(Uint8Array.fromHex(seedHex), PKCS8_PREFIX.length);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "Ed25519" }, true, ["sign"]);
  const { x } = (await crypto.subtle.exportKey("jwk", key)) as JsonWebKey;
  const thumbprint = await crypto.subtle.digest("SHA-256", encoder.encode(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`));
  const kid = base64url(new Uint8Array(thumbprint));
  return { key, head: base64url(encoder.encode(JSON.stringify({ alg: "EdDSA", typ: "JWT", kid }))) };
}

/** A session token of the wallet and the moment it ends. */
export async function mintSession(signer: Signer, issuer: string, address: string, nowMs: number): Promise<{ token: string; expiresAtMs: number }> {
  const issuedAtS = Math.floor(nowMs / 1000);
  const claims = { iss: issuer, aud: "guildhall:v2", sub: address, iat: issuedAtS, exp: issuedAtS + TOKEN_TTL_S, jti: crypto.randomUUID() };
  const signed = `${signer.head}.${base64url(encoder.encode(JSON.stringify(claims)))}`;
  const signature = await crypto.subtle.sign("Ed25519", signer.key, encoder.encode(signed));
  return { token: `ags_${signed}.${base64url(new Uint8Array(signature))}`, expiresAtMs: (issuedAtS + TOKEN_TTL_S) * 1000 };
}
