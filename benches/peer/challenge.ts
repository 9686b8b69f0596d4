// Wallet challenges: stateless under a MAC until one is used.
import { type Address, type Hex, getAddress, isAddress, recoverMessageAddress } from "viem";
import { Refusal } from "./refusal.ts";

const CHALLENGE_TTL_MS = 300_000;
const NONCE_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const MAC_BYTES = 32;
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

export interface Challenge {
  address: Address;
  chainId: number;
  nonce: string;
  issuedAtMs: number;
}

export function expiryMs(challenge: Challenge): number {
  return challenge.issuedAtMs + CHALLENGE_TTL_MS;
}

/** The address in its EIP-55 spelling; mixed case must already be that. */
export function parseAddress(text: unknown): Address {
  if (typeof text !== "string" || !/^0x[0-9a-fA-F]{40}$/.test(text)) throw new Refusal(400, "invalid_request");
  const digits = text.slice(2);
  const isOneCase = digits === digits.toLowerCase() || digits === digits.toUpperCase();
  if (!isOneCase && !isAddress(text, { strict: true })) throw new Refusal(400, "invalid_request");
  return getAddress(`0x${digits.toLowerCase()}`);
}

export function newChallenge(address: Address, chainId: number, nowMs: number): Challenge {
  let nonce = "";
  while (nonce.length < 24) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      // 248 is the largest multiple of 62 in a byte: no letter is likelier than another.
      if (byte < 248 && nonce.length < 24) nonce += NONCE_ALPHABET[byte % 62];
    }
  }
  return { address, chainId, nonce, issuedAtMs: nowMs };
}

/** The EIP-4361 text the wallet signs. */
export function messageOf(challenge: Challenge, origin: string): string {
  return `${new URL(origin).host} wants you to sign in with your Ethereum account:
${challenge.address}

Sign in to use this wallet as an agent.

URI: ${origin}/v2/billing/agent/session
Version: 1
Chain ID: ${challenge.chainId}
Nonce: ${challenge.nonce}
Issued At: ${new Date(challenge.issuedAtMs).toISOString()}
Expiration Time: ${new Date(expiryMs(challenge)).toISOString()}`;
}

export async function sealChallenge(challenge: Challenge, key: CryptoKey): Promise<string> {
  const plain = new TextEncoder().encode(
    [challenge.address.slice(2), challenge.chainId, challenge.nonce, challenge.issuedAtMs].join("."),
  );
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, plain));
  const sealed = new Uint8Array(mac.length + plain.length);
  sealed.set(mac);
  sealed.set(plain, mac.length);
  return `agc_${sealed.toBase64({ alphabet: "base64url", omitPadding: true })}`;
}

export async function openChallenge(id: unknown, key: CryptoKey, nowMs: number): Promise<Challenge> {
  if (typeof id !== "string" || id.length > 200) throw new Refusal(400, "invalid_request");
  const refused = new Refusal(401, "invalid_challenge");
  if (!id.startsWith("agc_")) throw refused;
  let sealed: Uint8Array<ArrayBuffer>;
  try {
    sealed = Uint8Array.fromBase64(id.slice(4), { alphabet: "base64url" });
  } catch {
    throw refused;
  }
  const plain = sealed.subarray(MAC_BYTES);
  if (!(await crypto.subtle.verify("HMAC", key, sealed.subarray(0, MAC_BYTES), plain))) throw refused;
  const [address, chainId, nonce, issuedAt] = new TextDecoder().decode(plain).split(".");
  const challenge = { address: `0x${address}` as Address, chainId: Number(chainId), nonce: nonce!, issuedAtMs: Number(issuedAt) };
  if (nowMs >= expiryMs(challenge)) throw refused;
  return challenge;
}

/** Whether `signature` is the wallet's, EIP-191 over the exact text, with a low s. */
export async function verifySignature(challenge: Challenge, signature: unknown, origin: string): Promise<void> {
  if (typeof signature !== "string" || !/^0x[0-9a-fA-F]{130}$/.test(signature)) throw new Refusal(400, "invalid_request");
  const refused = new Refusal(401, "invalid_challenge");
  if (BigInt(`0x${signature.slice(66, 130)}`) > HALF_ORDER) throw refused;
  let recovered: Address;
  try {
    recovered = await recoverMessageAddress({ message: messageOf(challenge, origin), signature: signature as Hex });
  } catch {
    throw refused;
  }
  if (recovered !== challenge.address) throw refused;
}
