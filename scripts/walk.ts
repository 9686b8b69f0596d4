// What the walks in README.md need beside curl: wallets, and eyes for JSON.
//   node scripts/walk.ts wallet            a new private key
//   node scripts/walk.ts address           the address of WALLET_KEY
//   node scripts/walk.ts sign              stdin: the answer to a challenge; stdout: the body that asks for a session
//   node scripts/walk.ts buyer             a new private key of a wallet that buys
//   node scripts/walk.ts buyer-address     the address of BUYER_KEY
//   node scripts/walk.ts prove TIME BODY   the body with what proves that BUYER_KEY's wallet sends it, as of that time
//   node scripts/walk.ts show [FIELD...]   stdin: JSON; stdout: the same for people, or a field of a field of it
// Signatures are made by viem and by Node itself, as wallets of their own would.

import { createPrivateKey, createPublicKey, randomBytes, sign, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { base58 } from "@scure/base";

const COLUMNS_MAX = 110;
const SHOWN_CHARS_MAX = 64;

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

function fail(text: string): never {
  console.error(text);
  process.exit(1);
}

function readInput(): { [name: string]: Json } {
  const text = readFileSync(0, "utf8");
  try {
    return JSON.parse(text) as { [name: string]: Json };
  } catch {
    fail(`That is no JSON: ${text.slice(0, 500)}`);
  }
}

/** What fits on a line stays on it. */
function format(value: Json, indent = ""): string {
  const flat = formatFlat(value);
  if (indent.length + flat.length <= COLUMNS_MAX || value === null || typeof value !== "object") return flat;
  const deeper = `${indent}  `;
  if (Array.isArray(value)) return `[\n${value.map((item) => deeper + format(item, deeper)).join(",\n")}\n${indent}]`;
  const members = Object.entries(value).map(([name, member]) => `${deeper}${JSON.stringify(name)}: ${format(member, deeper)}`);
  return `{\n${members.join(",\n")}\n${indent}}`;
}

function formatFlat(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(formatFlat).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${formatFlat(member)}`);
    return members.length > 0 ? `{ ${members.join(", ")} }` : "{}";
  }
  return JSON.stringify(typeof value === "string" ? shorten(value) : value);
}

/**
 * A long word is cut, and the secret of a webhook though it is not long: a credential stays recognizable and cannot be used from
 * the screen. A URL is measured and cut behind its host, so that what is shown does not depend on the digits of a port.
 */
function shorten(text: string): string {
  const origin = /^https?:\/\/[^/]*/.exec(text)?.[0] ?? "";
  const rest = text.slice(origin.length);
  if (/\s/.test(text) || (rest.length <= SHOWN_CHARS_MAX && !rest.startsWith("whsec_"))) return text;
  return `${origin}${rest.slice(0, 24)}...${rest.slice(-4)}`;
}

function show(fields: string[]): void {
  let value: Json = readInput();
  for (const field of fields) {
    const inner: Json | undefined = value !== null && typeof value === "object" ? (value as { [name: string]: Json })[field] : undefined;
    if (inner === undefined) fail(`There is no ${field}: ${format(value)}`);
    value = inner;
  }
  console.log(typeof value === "string" ? value : format(value));
}

/** The key pair of BUYER_KEY, in hex: Ed25519, as Solana has it. */
function readBuyer(): { address: string; key: KeyObject } {
  const seed = process.env["BUYER_KEY"] ?? "";
  if (!/^[0-9a-f]{64}$/.test(seed)) fail("BUYER_KEY holds no private key: export BUYER_KEY=$(scripts/node.sh scripts/walk.ts buyer)");
  const key = createPrivateKey({ key: Buffer.from(`302e020100300506032b657004220420${seed}`, "hex"), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return { address: base58.encode(Buffer.from(x ?? "", "base64url")), key };
}

function prove(time: string, body: string): string {
  const { address, key } = readBuyer();
  const atMs = Date.parse(time);
  const signature = sign(null, Buffer.from(`atelier:${address}:${atMs}`), key);
  return JSON.stringify({ ...(JSON.parse(body) as object), wallet: address, wallet_sig: base58.encode(signature), wallet_sig_ts: atMs });
}

async function main(): Promise<void> {
  const [command, ...fields] = process.argv.slice(2);
  if (command === "show") return show(fields);
  if (command === "buyer") return console.log(randomBytes(32).toString("hex"));
  if (command === "buyer-address") return console.log(readBuyer().address);
  if (command === "prove") return console.log(prove(fields[0] ?? "", fields[1] ?? ""));
  const { generatePrivateKey, privateKeyToAccount } = await import("viem/accounts");
  if (command === "wallet") return console.log(generatePrivateKey());
  const key = process.env["WALLET_KEY"] ?? "";
  if (!/^0x[0-9a-f]{64}$/.test(key)) fail("WALLET_KEY holds no private key: export WALLET_KEY=$(scripts/node.sh scripts/walk.ts wallet)");
  const account = privateKeyToAccount(key as `0x${string}`);
  if (command === "address") return console.log(account.address);
  if (command !== "sign") fail("Usage: walk.ts wallet | address | sign | buyer | buyer-address | prove TIME BODY | show [FIELD...]");
  const { challenge_id, message } = readInput();
  if (typeof message !== "string") fail("That is no challenge.");
  console.log(JSON.stringify({ challenge_id, signature: await account.signMessage({ message }) }));
}

await main();
