// What has to hold before anything is measured: a contender that answers wrongly is no contender.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeJwt, SignJWT } from "jose";
import { encodeRequest, exchange, type Reply } from "./client.ts";
import { ACTION, BATCH, BATCH_ITEMS, forgeToken, issueToken, makeMandate, RESERVATIONS, SPEND, type Spender } from "./spender.ts";

type Json = Record<string, unknown>;

interface Answer extends Omit<Reply, "body"> {
  json: Json;
}

function parse({ status, head, body }: Reply): Answer {
  return { status, head: head.toLowerCase(), json: JSON.parse(body) as Json };
}

/** How one token's agent asks. */
class Asker {
  readonly #port: number;
  readonly #token: string;

  constructor(port: number, token: string) {
    this.#port = port;
    this.#token = token;
  }

  encode(path: string, body: unknown, key?: string): Buffer {
    const headers = { Authorization: `Bearer ${this.#token}`, ...(key === undefined ? {} : { "Idempotency-Key": key }) };
    return encodeRequest({ method: "POST", path, headers, body });
  }

  async post(path: string, body: unknown, key?: string): Promise<Answer> {
    const [reply] = await exchange(this.#port, [this.encode(path, body, key)], 1);
    return parse(reply!);
  }
}

async function balanceOf({ port, liveKey, walletId }: Spender): Promise<{ reserved: number; total: number }> {
  const request = encodeRequest({ method: "GET", path: `/v1/wallets/${walletId}/balance`, headers: { "X-API-Key": liveKey } });
  const { json } = parse((await exchange(port, [request], 1))[0]!);
  return { reserved: json["reserved"] as number, total: json["total"] as number };
}

function refused({ status, json }: Answer, wanted: number, code: string): Json {
  assert.deepEqual([status, json["code"], json["http_status"]], [wanted, code, wanted], JSON.stringify(json));
  return (json["details"] ?? {}) as Json;
}

/** Proves, on a spender of its own, that a server reserves rightly. */
export async function proveSpending(spender: Spender): Promise<void> {
  const asker = new Asker(spender.port, await issueToken(spender));
  await proveRepeats(spender, asker);
  await proveCaptures(spender, asker);
  await proveLimits(spender);
  await proveBatches(spender);
  await proveTokens(spender);
  await proveExpiry(spender, asker);
}

async function proveRepeats(spender: Spender, asker: Asker): Promise<void> {
  const before = await balanceOf(spender);
  const first = await asker.post(RESERVATIONS, { ...SPEND, amount: 7 }, "proof-1");
  assert.equal(first.status, 201, JSON.stringify(first.json));
  const { id, status, amount, agent_id, mandate_id, wallet_id } = first.json;
  assert.match(String(id), /^rsv_/);
  assert.deepEqual({ status, amount, agent_id, mandate_id, wallet_id }, { status: "reserved", amount: 7, agent_id: spender.agentId, mandate_id: spender.mandateId, wallet_id: spender.walletId });
  assert.match(first.head, /\r\nx-ratelimit-limit: \d+\r\n/);
  const again = await asker.post(RESERVATIONS, { ...SPEND, amount: 7 }, "proof-1");
  assert.deepEqual([again.status, again.json], [201, first.json]);
  assert.match(again.head, /\r\nidempotent-replayed: true\r\n/);
  refused(await asker.post(RESERVATIONS, { ...SPEND, amount: 8 }, "proof-1"), 422, "idempotency_conflict");
  const after = await balanceOf(spender);
  assert.deepEqual([after.reserved - before.reserved, after.total], [7, before.total]);
}

async function proveCaptures(spender: Spender, asker: Asker): Promise<void> {
  const before = await balanceOf(spender);
  const { json: held } = await asker.post(RESERVATIONS, { ...SPEND, amount: 10 });
  const capture = `${RESERVATIONS}/${String(held["id"])}/capture`;
  refused(await asker.post(capture, { amount: 11 }), 409, "capture_exceeds_reservation");
  const { status, json } = await asker.post(capture, { amount: 4 });
  assert.deepEqual([status, json["status"], json["captured_amount"], json["released_amount"]], [200, "captured", 4, 6]);
  refused(await asker.post(capture, { amount: 4 }), 409, "reservation_resolved");
  refused(await asker.post(`${RESERVATIONS}/rsv_01ARZ3NDEKTSV4RRFFQ69G5FAV/capture`, {}), 404, "NOT_FOUND");
  const after = await balanceOf(spender);
  assert.deepEqual([after.reserved - before.reserved, before.total - after.total], [0, 4]);
}

async function proveLimits(spender: Spender): Promise<void> {
  const asksUnder = async (rules: Json) => new Asker(spender.port, await issueToken(spender, await makeMandate(spender, rules)));
  const limitOf = async (rules: Json, amount: number) => refused(await (await asksUnder(rules)).post(RESERVATIONS, { ...SPEND, amount }), 402, "mandate_limit_exceeded");
  assert.deepEqual(await limitOf({ per_transaction_limit: 5 }, 6), { limit: "per_transaction", remaining: 5, requested: 6 });
  assert.deepEqual(await limitOf({ daily_limit: 5 }, 6), { limit: "daily", remaining: 5, requested: 6 });
  assert.deepEqual(await limitOf({ monthly_limit: 5 }, 6), { limit: "monthly", remaining: 5, requested: 6 });
  assert.deepEqual(await limitOf({ total_limit: 5 }, 6), { limit: "total", remaining: 5, requested: 6 });
  // Sixty-four at once for what is enough for ten.
  const crowd = await asksUnder({ daily_limit: 20 });
  const replies = await exchange(spender.port, Array.from({ length: 64 }, () => crowd.encode(RESERVATIONS, { ...SPEND, amount: 2 })), 32);
  assert.deepEqual([replies.filter(({ status }) => status === 201).length, replies.filter(({ status }) => status === 402).length], [10, 54]);
  const wary = await asksUnder({ approval_threshold: 5 });
  assert.equal((await wary.post(RESERVATIONS, { ...SPEND, amount: 5 })).status, 201);
  const { status, json } = await wary.post(RESERVATIONS, { ...SPEND, amount: 6 });
  assert.deepEqual([status, json["status"]], [202, "pending_approval"]);
}

async function proveBatches(spender: Spender): Promise<void> {
  const mandateId = await makeMandate(spender, { total_limit: BATCH_ITEMS + 4 });
  const asker = new Asker(spender.port, await issueToken(spender, mandateId));
  const statusesOf = ({ json }: Answer) => (json["results"] as { status: number }[]).map(({ status }) => status);
  const whole = await asker.post(BATCH, { items: Array.from({ length: BATCH_ITEMS }, () => SPEND) }, "proof-2");
  assert.deepEqual([whole.status, new Set(statusesOf(whole)).size, statusesOf(whole)[0]], [200, 1, 201]);
  assert.equal(new Set((whole.json["results"] as { reservation: Json }[]).map(({ reservation }) => reservation["id"])).size, BATCH_ITEMS);
  const again = await asker.post(BATCH, { items: Array.from({ length: BATCH_ITEMS }, () => SPEND) }, "proof-2");
  assert.deepEqual(again.json, whole.json);
  // Four are left: all of these or none, then each for itself.
  const items = [1, 2, 3, 1].map((amount) => ({ ...SPEND, amount }));
  assert.equal(refused(await asker.post(BATCH, { items, atomic: true }), 402, "mandate_limit_exceeded")["index"], 2);
  assert.deepEqual(statusesOf(await asker.post(BATCH, { items })), [201, 201, 402, 201]);
}

async function proveTokens(spender: Spender): Promise<void> {
  const post = (token: string, body: Json = SPEND) => new Asker(spender.port, token).post(RESERVATIONS, body);
  const token = await issueToken(spender);
  const claims = decodeJwt(token);
  assert.equal((await post(await forgeToken(claims))).status, 201);
  const nowS = Math.floor(Date.now() / 1000);
  refused(await post(await forgeToken({ ...claims, iat: nowS - 900, exp: nowS - 60 })), 401, "UNAUTHORIZED");
  refused(await post(await forgeToken(claims, "77".repeat(32))), 401, "UNAUTHORIZED");
  refused(await post(await forgeToken({ ...claims, iss: "https://elsewhere.example" })), 401, "UNAUTHORIZED");
  refused(await post(await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new Uint8Array(32))), 401, "UNAUTHORIZED");
  refused(await post(`${Buffer.from('{"alg":"none"}').toString("base64url")}.${token.split(".")[1]!}.`), 401, "UNAUTHORIZED");
  refused(await post(token, { ...SPEND, kind: "tool" }), 403, "token_scope_mismatch");
  const payment = { ...SPEND, kind: "payment", merchant: "OpenAI" };
  assert.equal((await post(await issueToken(spender, spender.mandateId, "payment:execute"), payment)).status, 201);
  refused(await post(await issueToken(spender, spender.mandateId, "payment:execute", "spendguard-payments"), payment), 403, "token_scope_mismatch");
  assert.equal(claims["action"], ACTION);
}

async function proveExpiry(spender: Spender, asker: Asker): Promise<void> {
  const before = await balanceOf(spender);
  const { json } = await asker.post(RESERVATIONS, { ...SPEND, amount: 3, ttl_seconds: 1 });
  assert.equal((await balanceOf(spender)).reserved - before.reserved, 3);
  await sleep(1_000);
  refused(await asker.post(`${RESERVATIONS}/${String(json["id"])}/capture`, {}), 409, "reservation_expired");
  // By the object's alarm at the latest within two seconds (contract).
  for (let tries = 0; (await balanceOf(spender)).reserved !== before.reserved; tries++) {
    assert.ok(tries < 20, "what was held is not free again");
    await sleep(100);
  }
}
