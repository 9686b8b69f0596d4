// The challenge a wallet signs: which wallets and chains are taken, and that its text is EIP-4361 to other people's eyes.

import assert from "node:assert/strict";
import { request } from "node:http";
import { text as readText } from "node:stream/consumers";
import { test } from "node:test";
import { SiweMessage } from "siwe";
import { getAddress, type Hex } from "viem";
import { parseSiweMessage, validateSiweMessage } from "viem/siwe";
import { newWallet } from "./support/agent.ts";
import type { Client, Reply } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { useServer } from "./support/server.ts";

const server = useServer();
const PATH = "/v2/billing/agent/challenge";
/** The example of EIP-55. */
const CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

function ask(body: unknown, client: Client = server.client()): Promise<Reply> {
  return client.post(PATH, body);
}

function askText(text: string): Promise<Reply> {
  return server.client().send("POST", PATH, { body: text, headers: { "content-type": "application/json" } });
}

test("a wallet is taken in lower case, in capitals and in its EIP-55 spelling, and shown in the last", async () => {
  const digits = CHECKSUMMED.slice(2);
  for (const address of [CHECKSUMMED, `0x${digits.toLowerCase()}`, `0x${digits.toUpperCase()}`, `0x${"0".repeat(40)}`, `0x${"f".repeat(40)}`]) {
    const reply = await ask({ wallet_address: address });
    assert.equal(reply.status, 200, `${address}: ${reply.text}`);
    const expected = getAddress(address.toLowerCase() as Hex);
    assert.equal(reply.json.wallet_address, expected);
    assert.equal(reply.json.message.split("\n")[1], expected);
    assert.equal(reply.headers.get("cache-control"), "no-store");
  }
});

test("an address that is none is refused with its path", async () => {
  const digits = CHECKSUMMED.slice(2);
  const bad: unknown[] = [
    undefined, null, "", 7, true, [], {}, [CHECKSUMMED],
    "0x", digits, `0X${digits}`, `0x${digits.slice(1)}`, `0x${digits}0`, `0x0x${digits.slice(2)}`,
    ` ${CHECKSUMMED}`, `${CHECKSUMMED}\n`, `0x${"g".repeat(40)}`, `0x${"é".repeat(40)}`, `0x${"０".repeat(40)}`,
    `0x${digits.toLowerCase().replace("a", "A")}`, // mixed case, and not the checksum
    `0x${digits.replace("aA", "Aa")}`,
    "vitalik.eth", "4Nd1mYQzvgV8Vr3Z3nYb7pD6T8K2jF2eqWxY1uHsABCD",
  ];
  const replies = await Promise.all(bad.map((wallet_address) => ask({ wallet_address })));
  replies.forEach((reply, at) => {
    assert.equal(reply.status, 400, `${JSON.stringify(bad[at])}: ${reply.text}`);
    expectFault(reply, "v2", 400, "invalid_request", { path: "$.wallet_address" });
  });
});

test("a chain is a whole number from 1 to 2^53-1, and 1 when none is named", async () => {
  for (const [text, chain_id] of [["", 1], [`,"chain_id":null`, 1], [`,"chain_id":8453`, 8453], [`,"chain_id":9007199254740991`, 2 ** 53 - 1]] as const) {
    const reply = await askText(`{"wallet_address":"${CHECKSUMMED}"${text}}`);
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.json.chain_id, chain_id);
    assert.ok(reply.json.message.includes(`\nChain ID: ${chain_id}\n`));
  }
  const bad = ["0", "-0", "-1", "9007199254740992", "18446744073709551616", "1e30", "1.5", "1.0", "1e0", '"1"', '""', "true", "[]", "[1]", "{}"];
  for (const chain_id of bad) {
    const reply = await askText(`{"wallet_address":"${CHECKSUMMED}","chain_id":${chain_id}}`);
    assert.equal(reply.status, 400, `${chain_id}: ${reply.text}`);
    expectFault(reply, "v2", 400, "invalid_request", { path: "$.chain_id" });
  }
  for (const chain_id of ["NaN", "Infinity", "-Infinity", "0x1", "01", "+1", "1e400", ".5", "1."]) {
    const reply = await askText(`{"wallet_address":"${CHECKSUMMED}","chain_id":${chain_id}}`);
    assert.deepEqual([reply.status, reply.json.code], [400, "invalid_json"], `${chain_id}: ${reply.text}`);
  }
});

test("the message is EIP-4361 to the siwe package and to viem, and says what the reply says", async () => {
  const { url } = server.current;
  const reply = (await ask({ wallet_address: newWallet().address, chain_id: 8453 })).json;
  const parsed = new SiweMessage(reply.message);
  assert.equal(parsed.prepareMessage(), reply.message, "siwe writes the same text");
  assert.equal(parsed.domain, new URL(url).host);
  assert.equal(parsed.scheme, undefined);
  assert.equal(parsed.uri, `${url}/v2/billing/agent/session`);
  assert.deepEqual([parsed.version, parsed.chainId, parsed.address], ["1", 8453, reply.wallet_address]);
  assert.deepEqual([parsed.nonce, parsed.issuedAt, parsed.expirationTime], [reply.nonce, reply.issued_at, reply.expires_at]);
  assert.deepEqual([parsed.notBefore, parsed.requestId, parsed.resources], [undefined, undefined, undefined]);
  assert.ok(parsed.statement);

  const read = parseSiweMessage(reply.message);
  assert.deepEqual([read.nonce, read.chainId, read.domain, read.uri], [reply.nonce, 8453, parsed.domain, parsed.uri]);
  assert.ok(validateSiweMessage({ message: read, address: reply.wallet_address, domain: parsed.domain, nonce: reply.nonce }));
});

test("a challenge holds for five minutes, and no two have the same nonce", async () => {
  const client = server.client();
  const { address } = newWallet();
  const replies = await Promise.all(Array.from({ length: 30 }, () => ask({ wallet_address: address }, client)));
  const nonces = new Set<string>();
  for (const { json } of replies) {
    assert.match(json.nonce, /^[A-Za-z0-9]{24}$/);
    assert.match(json.challenge_id, /^agc_/);
    assert.ok(json.challenge_id.length <= 200, json.challenge_id);
    assert.equal(Date.parse(json.expires_at) - Date.parse(json.issued_at), 300_000);
    assert.ok(Math.abs(Date.parse(json.issued_at) - Date.now()) < 10_000);
    nonces.add(json.nonce);
  }
  assert.equal(nonces.size, 30);
});

test("a challenge makes us store nothing about the wallet", async () => {
  const client = server.client();
  await ask({ wallet_address: newWallet().address }, client); // the address's own gate, which counts it
  const { runtime } = server.current;
  const before = await runtime.objectIds("Gate");
  for (let n = 0; n < 5; n += 1) await ask({ wallet_address: newWallet().address }, client);
  assert.deepEqual(await runtime.objectIds("Gate"), before);
});

test("the Host a request names is no part of the message, nor is where it came from", async () => {
  const headers = {
    host: "evil.example", origin: "https://evil.example", referer: "https://evil.example/",
    "x-forwarded-host": "evil.example", forwarded: "host=evil.example", "content-type": "application/json", "cf-connecting-ip": server.client().ip,
  };
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request(new URL(PATH, server.current.url), { method: "POST", headers }, async (response) => resolve(await readText(response)));
    sent.once("error", reject);
    sent.end(JSON.stringify({ wallet_address: CHECKSUMMED }));
  });
  assert.ok(text.includes(new URL(server.current.url).host), text);
  assert.ok(!text.includes("evil.example"), text);
});
