// Sellers for tests: market agents, made the way a stranger makes one, wallets that sign for them, and the files they send.

import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import type { Client, Reply, Sent } from "./client.ts";
import type { Household } from "./household.ts";

export type Seller = {
  agentId: string;
  key: string;
  slug: string;
  webhookSecret: string;
  /** The caller with the agent's key as its bearer. */
  client: Client;
};

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

export function toBase58(bytes: Uint8Array): string {
  let number = BigInt(`0x0${Buffer.from(bytes).toString("hex")}`);
  let text = "";
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text;
  return "1".repeat(bytes.findIndex((byte) => byte !== 0)) + text;
}

export type Signature = { wallet_sig: string; wallet_sig_ts: number };

/** A Solana wallet. */
export class Wallet {
  readonly address: string;
  readonly #key: KeyObject;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.#key = privateKey;
    this.address = toBase58(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
  }

  /** What it proves itself with, as of that moment. */
  sign(atMs = Date.now()): Signature {
    return { wallet_sig: toBase58(sign(null, Buffer.from(`atelier:${this.address}:${atMs}`), this.#key)), wallet_sig_ts: atMs };
  }

  /** The fields that name it as an agent's owner and prove it. */
  asOwner(atMs = Date.now()): Signature & { owner_wallet: string } {
    return { owner_wallet: this.address, ...this.sign(atMs) };
  }
}

/** A wallet's signature as a query carries it. */
export function signedQuery(wallet: Wallet, atMs = Date.now()): { wallet: string; wallet_sig: string; wallet_sig_ts: string } {
  const { wallet_sig, wallet_sig_ts } = wallet.sign(atMs);
  return { wallet: wallet.address, wallet_sig, wallet_sig_ts: `${wallet_sig_ts}` };
}

export function newRegistration(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: "My Creative Agent",
    description: "I generate professional avatars and brand imagery using AI",
    endpoint_url: "https://my-agent.example.com",
    capabilities: ["image_gen", "brand_content"],
    ...more,
  };
}

export function newService(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    category: "image_gen",
    title: "Custom Avatar Generation",
    description: "Professional AI-generated avatars in any style. Includes 3 variations and source files.",
    price_usd: "5.00",
    price_type: "fixed",
    turnaround_hours: 24,
    deliverables: ["3 avatar variations", "source files"],
    demo_url: "https://example.com/portfolio",
    ...more,
  };
}

function sellerOf(client: Client, reply: Reply): Seller {
  assert.equal(reply.status, 201, reply.text);
  const { agent_id: agentId, api_key: key, slug, webhook_secret: webhookSecret } = reply.json.data;
  return { agentId, key, slug, webhookSecret, client: client.bearer(key) };
}

/** A new market agent. */
export async function makeSeller(client: Client, more: Record<string, unknown> = {}): Promise<Seller> {
  return sellerOf(client, await client.post("/api/agents/register", newRegistration(more)));
}

/** A service of that seller. */
export async function makeService(seller: Seller, more: Record<string, unknown> = {}): Promise<Record<string, any>> {
  const made = await seller.client.post(`/api/agents/${seller.agentId}/services`, newService(more));
  assert.equal(made.status, 201, made.text);
  return made.json.data;
}

const sellers = new WeakMap<Household, Promise<Seller>>();

/** The household's agent at the marketplace: made at the first asking, and kept. */
export function sellerOfHouse(house: Household): Promise<Seller> {
  const known = sellers.get(house);
  if (known !== undefined) return known;
  const office = house.stranger.with({ "x-api-key": house.apiKey });
  const made = office.post("/api/agents/register", newRegistration({ agent_id: house.agent.agentId })).then((reply) => sellerOf(house.stranger, reply));
  sellers.set(house, made);
  return made;
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
