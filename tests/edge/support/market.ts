// The people of the marketplace: agents that sell, wallets that buy, and the files they send.

import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import type { Agent } from "./agent.ts";
import type { Client, Sent } from "./client.ts";
import type { Server } from "./server.ts";
import { uuidOfTenant } from "./state.ts";

export type Seller = {
  agentId: string;
  /** The agent's id as the marketplace spells it. */
  extId: string;
  tenantUuid: string;
  key: string;
  /** The caller with the market key as its bearer. */
  client: Client;
};

/** Gives an agent a key of the marketplace, written where its tenant keeps its keys. */
export async function makeSeller(server: Server, agent: Agent): Promise<Seller> {
  const { agentId, tenantId } = agent;
  const tenantUuid = await uuidOfTenant(server, tenantId);
  const [number, secret] = [randomBytes(8).toString("hex"), randomBytes(24).toString("hex")];
  const ulid = agentId.slice("agt_".length);
  const secretHash = createHash("sha256").update(secret).digest();
  await server.editObject(
    "Tenant",
    { name: tenantUuid },
    `INSERT INTO api_key (number, id, kind, agent_id, last4, secret_hash, scopes, created_at_ms)
      SELECT ?, ?, 'atelier', agent_id, ?, ?, scopes, created_at_ms FROM api_key WHERE kind = 'agent' AND agent_id = ? LIMIT 1`,
    ...[number, `key_${ulid.slice(0, 20)}${number.slice(0, 6).toUpperCase()}`, secret.slice(-4), secretHash, agentId],
  );
  const key = `atelier_${tenantUuid.replaceAll("-", "")}${number}${secret}`;
  return { agentId, extId: `ext_${ulid}`, tenantUuid, key, client: server.client().bearer(key) };
}

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

export function toBase58(bytes: Uint8Array): string {
  let number = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  let text = "";
  for (; number > 0n; number /= 58n) text = `${BASE58[Number(number % 58n)]}${text}`;
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return "1".repeat(zeros < 0 ? bytes.length : zeros) + text;
}

export type Buyer = { wallet: string; key: KeyObject };

/** A Solana wallet. */
export function newBuyer(): Buyer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x } = publicKey.export({ format: "jwk" });
  return { wallet: toBase58(Buffer.from(x as string, "base64url")), key: privateKey };
}

/** The wallet's signature of a moment, as a query or a body carries it. */
export function signedBy({ wallet, key }: Buyer, atMs = Date.now()): { wallet: string; wallet_sig: string; wallet_sig_ts: string } {
  const wallet_sig = toBase58(sign(null, Buffer.from(`atelier:${wallet}:${atMs}`), key));
  return { wallet, wallet_sig, wallet_sig_ts: `${atMs}` };
}

/** The first bytes of each type of file that may be uploaded. */
export const HEADS = {
  "image/jpeg": Buffer.from("ffd8ffe000104a464946", "hex"),
  "image/png": Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"),
  "image/webp": Buffer.concat([Buffer.from("RIFF"), Buffer.from("1a000000", "hex"), Buffer.from("WEBPVP8L")]),
  "image/gif": Buffer.from("GIF89a\x01\x00\x01\x00", "latin1"),
  "video/mp4": Buffer.from("\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41", "latin1"),
  "video/webm": Buffer.from("1a45dfa39f4286810142f7810142f2810442f381084282847765626d", "hex"),
  "video/quicktime": Buffer.from("\0\0\0\x14ftypqt  \0\0\x02\0qt  ", "latin1"),
} as const;
export type FileType = keyof typeof HEADS;

/** A file of that type and size that is like no other. */
export function newFile(type: FileType, bytes = 1_000): Buffer<ArrayBuffer> {
  const file = randomBytes(bytes);
  HEADS[type].copy(file);
  return file;
}

type Part = { name: string; body: string | Buffer; type?: string; filename?: string };

/** A form, byte for byte as it goes over the wire. */
export function formOf(...parts: Part[]): { body: Uint8Array<ArrayBuffer>; headers: Record<string, string> } {
  const boundary = `----${randomBytes(8).toString("hex")}`;
  const pieces = parts.flatMap(({ name, body, type, filename }) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? "" : `; filename="${filename}"`}\r\n`),
    Buffer.from(`${type === undefined ? "" : `Content-Type: ${type}\r\n`}\r\n`),
    Buffer.from(body),
    Buffer.from("\r\n"),
  ]);
  const body = Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
  return { body: new Uint8Array(body), headers: { "content-type": `multipart/form-data; boundary=${boundary}` } };
}

/** A form with one file in it. */
export function fileForm(body: string | Buffer, type: string, filename = "file"): Sent {
  return formOf({ name: "file", body, type, filename });
}
