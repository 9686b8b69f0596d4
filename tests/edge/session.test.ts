// A signed challenge becomes a session once, and nothing else becomes one. What is wrong with a challenge or a signature
// that is well written nobody is told: all such answers are alike.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SiweMessage } from "siwe";
import { createPublicClient, custom, hexToBigInt, keccak256, numberToHex, parseSignature, stringToHex, type Hex } from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import { verifySiweMessage } from "viem/siwe";
import { newWallet, signUp } from "./support/agent.ts";
import type { Client, Reply } from "./support/client.ts";
import { expectAlike, expectFault } from "./support/fault.ts";
import { Server, useServer } from "./support/server.ts";

const server = useServer();
const PATH = "/v2/billing/agent/session";
/** The order of secp256k1's group. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
/** The prime of its field. */
const FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn;

type Challenge = { account: PrivateKeyAccount; id: string; message: string };

async function challengeFrom(client: Client, account = newWallet()): Promise<Challenge> {
  const reply = await client.post("/v2/billing/agent/challenge", { wallet_address: account.address });
  assert.equal(reply.status, 200, reply.text);
  return { account, id: reply.json.challenge_id, message: reply.json.message };
}

function newChallenge(account = newWallet()): Promise<Challenge> {
  return challengeFrom(server.client(), account);
}

function exchange(challenge_id: unknown, signature: unknown, client: Client = server.client()): Promise<Reply> {
  return client.post(PATH, { challenge_id, signature });
}

async function signed({ account, message }: Challenge): Promise<Hex> {
  return account.signMessage({ message });
}

function joined(r: bigint, s: bigint, v: number): string {
  return `0x${[numberToHex(r, { size: 32 }), numberToHex(s, { size: 32 }), numberToHex(v, { size: 1 })].map((part) => part.slice(2)).join("")}`;
}

function split(signature: Hex): { r: bigint; s: bigint; yParity: number } {
  const { r, s, yParity } = parseSignature(signature);
  return { r: hexToBigInt(r), s: hexToBigInt(s), yParity };
}

test("a signature's v is 0 or 1, 27 or 28, in any letter case", async () => {
  for (const [base, write] of [[0, lower], [27, lower], [0, upper], [27, upper]] as const) {
    const challenge = await newChallenge();
    const { r, s, yParity } = split(await signed(challenge));
    const reply = await exchange(challenge.id, write(joined(r, s, base + yParity)));
    assert.equal(reply.status, 200, `${base}: ${reply.text}`);
    assert.equal(reply.json.wallet_address, challenge.account.address);
    assert.equal(reply.headers.get("cache-control"), "no-store");
  }
});

test("a text that is no signature is refused with its path, and the challenge stays good", async () => {
  const challenge = await newChallenge();
  const good = await signed(challenge);
  const { r, s, yParity } = split(good);
  const bad: unknown[] = [
    undefined, null, "", 7, false, [], {}, [good],
    "0x", good.slice(2), good.replace("0x", "0X"), good.slice(0, -1), `${good}0`, good.slice(0, -2), `${good}00`, ` ${good}`, `${good}\n`,
    `0x${"g".repeat(130)}`, `0x${"é".repeat(130)}`, `0x${"０".repeat(130)}`, `0x${"0".repeat(2_000)}`,
    ...[2, 3, 26, 29, 30, 35, 36, 37, 38, 127, 128, 254, 255].map((v) => joined(r, s, v)),
    joined(r, s, 27 + (1 - yParity) + 2),
  ];
  const replies = await Promise.all(bad.map((signature) => exchange(challenge.id, signature)));
  replies.forEach((reply, at) => {
    assert.equal(reply.status, 400, `${JSON.stringify(bad[at])}: ${reply.text}`);
    expectFault(reply, "v2", 400, "invalid_request", { path: "$.signature" });
  });
  assert.equal((await exchange(challenge.id, good)).status, 200);
});

test("a text that is no challenge id is refused with its path", async () => {
  const signature = await signed(await newChallenge());
  const bad: unknown[] = [undefined, null, "", 7, [], {}, "agc_", "agc_+++", "agc_a=b", "agc_a b", "AGC_AAAA", "AAAA", `agc_${"A".repeat(197)}`, "agc_é"];
  const replies = await Promise.all(bad.map((id) => exchange(id, signature)));
  replies.forEach((reply, at) => {
    assert.equal(reply.status, 400, `${JSON.stringify(bad[at])}: ${reply.text}`);
    expectFault(reply, "v2", 400, "invalid_request", { path: "$.challenge_id" });
  });
});

test("whatever is wrong with a challenge or its signature, the answer is the same, and nothing is used up or stored", async () => {
  const { runtime, url } = server.current;
  const challenge = await newChallenge();
  const [good, mallory] = [await signed(challenge), newWallet()];
  const { r, s, yParity } = split(good);
  const v = 27 + yParity;
  const used = await newChallenge();
  const usedSignature = await signed(used);
  assert.equal((await exchange(used.id, usedSignature)).status, 200);
  const other = await newChallenge(mallory);
  const gates = await runtime.objectIds("Gate");

  const texts: Record<string, string> = {
    "a letter more": `${challenge.message} `,
    "another domain": challenge.message.replace(new URL(url).host, "evil.example"),
    "another chain": challenge.message.replace("Chain ID: 1", "Chain ID: 2"),
    "a later end": challenge.message.replace(/Expiration Time: 2/, "Expiration Time: 3"),
    "another nonce": challenge.message.replace(/Nonce: ./, "Nonce: _"),
    "line ends of another system": challenge.message.replaceAll("\n", "\r\n"),
    "another wallet's text": other.message,
    "the id instead": challenge.id,
    nothing: "",
  };
  const wrong: [string, string, string][] = [
    ["another wallet's signature", challenge.id, await mallory.signMessage({ message: challenge.message })],
    ["high s", challenge.id, joined(r, ORDER - s, 27 + (1 - yParity))],
    ["high s and the same v", challenge.id, joined(r, ORDER - s, v)],
    ["the other v", challenge.id, joined(r, s, 27 + (1 - yParity))],
    ["r is zero", challenge.id, joined(0n, s, v)],
    ["s is zero", challenge.id, joined(r, 0n, v)],
    ["r is the order", challenge.id, joined(ORDER, s, v)],
    ["s is the order", challenge.id, joined(r, ORDER, v)],
    ["r beyond the order", challenge.id, joined(FIELD - 1n, s, v)],
    ["all ones", challenge.id, joined(2n ** 256n - 1n, 2n ** 256n - 1n, v)],
    ["r is no point", challenge.id, joined(5n, s, v)],
    ["s is one", challenge.id, joined(r, 1n, v)],
    ["r and s swapped", challenge.id, joined(s, r > ORDER / 2n ? ORDER - r : r, v)],
    ["the bare hash's signature", challenge.id, await signRaw(challenge)],
    ["used", used.id, usedSignature],
    ["used, with another wallet's signature", used.id, good],
    ["another's challenge", other.id, good],
    ["unknown", `agc_${"A".repeat(120)}`, good],
    ["cut", challenge.id.slice(0, -1), good],
    ["longer", `${challenge.id}A`, good],
    ["one byte", "agc_AA", good],
  ];
  for (const [name, text] of Object.entries(texts)) wrong.push([`signed ${name}`, challenge.id, await challenge.account.signMessage({ message: text })]);
  const replies = await Promise.all(wrong.map(async ([name, id, signature]): Promise<[string, Reply]> => [name, await exchange(id, signature)]));
  expectAlike(replies, "v2", 401, "invalid_challenge");

  const added = (await runtime.objectIds("Gate")).filter((id) => !gates.includes(id));
  assert.equal(added.length, wrong.length, "no gate but those of the callers' addresses");
  assert.equal((await exchange(challenge.id, good)).status, 200, "the challenge is still good");
});

test("a challenge whose fields were changed is not ours", async () => {
  const challenge = await newChallenge();
  const signature = await signed(challenge);
  const body = Buffer.from(challenge.id.slice(4), "base64url");
  // Version, wallet, chain, times, nonce and the code over them: a bit of each byte.
  const tampered = Array.from(body, (_, at) => {
    const changed = Buffer.from(body);
    changed[at] = (changed[at] ?? 0) ^ 1;
    return `agc_${changed.toString("base64url")}`;
  });
  const replies = await Promise.all(tampered.map(async (id, at): Promise<[string, Reply]> => [`byte ${at}`, await exchange(id, signature)]));
  expectAlike(replies, "v2", 401, "invalid_challenge");
  assert.equal((await exchange(challenge.id, signature)).status, 200);
});

test("a challenge of another deployment, or of a clock that runs ahead, is not ours", async () => {
  const home = "http://127.0.0.1:9";
  const vars = { PUBLIC_ORIGIN: home };
  const starting = [vars, { PUBLIC_ORIGIN: "http://127.0.0.1:10" }, { ...vars, CHALLENGE_SECRET: "ab".repeat(32) }, vars].map((of) => Server.start({ vars: of }));
  const [here, otherOrigin, otherSecret, ahead] = await Promise.all(starting);
  assert.ok(here && otherOrigin && otherSecret && ahead);
  try {
    const foreign: [string, Reply][] = [];
    const present = async (name: string, from: Server): Promise<void> => {
      const challenge = await challengeFrom(from.client());
      foreign.push([name, await exchange(challenge.id, await signed(challenge), here.client())]);
    };
    const twin = await challengeFrom(ahead.client());
    assert.equal((await exchange(twin.id, await signed(twin), here.client())).status, 200, "a twin with the same settings is the same deployment");
    await ahead.advance(60);
    await present("another origin", otherOrigin);
    await present("another secret", otherSecret);
    await present("a minute ahead", ahead);
    expectAlike(foreign, "v2", 401, "invalid_challenge");
  } finally {
    await Promise.all([here, otherOrigin, otherSecret, ahead].map((each) => each.stop()));
  }
});

test("of 64 sessions of one challenge at once exactly one is given", async () => {
  const challenge = await newChallenge();
  const signature = await signed(challenge);
  const replies = await Promise.all(Array.from({ length: 64 }, () => exchange(challenge.id, signature)));
  const given = replies.filter((reply) => reply.status === 200);
  assert.equal(given.length, 1);
  expectAlike(replies.filter((reply) => reply.status !== 200).map((reply, at) => [`${at}`, reply]), "v2", 401, "invalid_challenge");
  expectAlike([["later", await exchange(challenge.id, signature)]], "v2", 401, "invalid_challenge");
});

test("a session names the wallet's tenants, and the tenant when there is but one", async () => {
  const account = newWallet();
  const first = await newChallenge(account);
  assert.deepEqual(await tenantsOf(first), [null, []]);
  const { tenantId } = await signUp(server.client(), undefined, account);
  assert.deepEqual(await tenantsOf(await newChallenge(account)), [tenantId, [tenantId]]);
  const { tenantId: second } = await signUp(server.client(), undefined, account);
  assert.deepEqual(await tenantsOf(await newChallenge(account)), [null, [tenantId, second]]);
});

test("the siwe package and viem verify what our wallets sign, and siwe's own text signs in", async () => {
  const challenge = await newChallenge();
  const message = new SiweMessage(challenge.message);
  const text = message.prepareMessage();
  const signature = await challenge.account.signMessage({ message: text });
  const domain = new URL(server.current.url).host;
  const verified = await message.verify({ signature, domain, nonce: message.nonce, time: message.issuedAt ?? "" });
  assert.equal(verified.success, true);
  // An externally owned account is verified without a chain; one that asks fails.
  const chainless = createPublicClient({ transport: custom({ request: async () => assert.fail("no chain is asked") }) });
  assert.ok(await verifySiweMessage(chainless, { message: text, signature, domain, nonce: message.nonce }));
  assert.equal((await exchange(challenge.id, signature)).status, 200);
});

test("a session lasts half an hour, and a challenge five minutes", async () => {
  const [in_time, late] = [await newChallenge(), await newChallenge()];
  await server.current.advance(290);
  const reply = await exchange(in_time.id, await signed(in_time));
  assert.equal(reply.status, 200, reply.text);
  const { session_token, token_type, expires_at } = reply.json;
  assert.match(session_token, /^ags_[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.equal(token_type, "Bearer");
  await server.current.advance(10);
  expectAlike([["expired", await exchange(late.id, await signed(late))], ["used", await exchange(in_time.id, await signed(in_time))]], "v2", 401, "invalid_challenge");

  const client = server.client().bearer(session_token);
  await server.current.advance(1_780);
  assert.equal((await client.post("/v2/agents/enroll", {})).status, 400, "it holds");
  await server.current.advance(45); // thirty seconds of leeway
  expectFault(await client.post("/v2/agents/enroll", {}), "v2", 401, "invalid_credentials");
  const now = (await server.client().get("/v1/test-clock")).json.now;
  assert.ok(Date.parse(expires_at) < Date.parse(now));
});

function lower(text: string): string {
  return text;
}

function upper(text: string): string {
  return `0x${text.slice(2).toUpperCase()}`;
}

/** A signature over the Keccak-256 of the text without the prefix of EIP-191, as no wallet gives it for a text. */
async function signRaw({ account, message }: Challenge): Promise<string> {
  return account.sign({ hash: keccak256(stringToHex(message)) });
}

/** What the session of this challenge says about tenants. */
async function tenantsOf(challenge: Challenge): Promise<[string | null, string[]]> {
  const reply = await exchange(challenge.id, await signed(challenge));
  assert.equal(reply.status, 200, reply.text);
  return [reply.json.tenant_id, reply.json.tenants];
}
