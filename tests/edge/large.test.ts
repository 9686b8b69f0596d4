// Bodies of a megabyte and more, with and without a length told beforehand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { House, sendText, type Door } from "./support/door.ts";
import { expectFault } from "./support/fault.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "100" } });
const BYTES_MAX = 1_048_576;
const opened = once(() => House.open(server.current));

/** The good body, filled up with a field nobody knows until it has so many bytes. */
function filled(door: Door, bytes: number): string {
  const empty = JSON.stringify({ ...door.good, pad: "" });
  return empty.replace('"pad":""', `"pad":"${"y".repeat(bytes - empty.length)}"`);
}

/** Sends without a length: the parts go as they come. Answers the status. */
async function sendParts(door: Door, parts: string[]): Promise<number> {
  const headers = { ...door.client.headers, "content-type": "application/json", "cf-connecting-ip": door.client.ip };
  const body = (async function* () {
    for (const part of parts) yield new TextEncoder().encode(part);
  })();
  const sent = { method: "POST", headers, body, duplex: "half" };
  const response = await fetch(new URL(door.path, server.current.url), sent as unknown as RequestInit);
  await response.arrayBuffer();
  return response.status;
}

test("a body of exactly 1,048,576 bytes is taken, whether or not its length is told", async () => {
  const { query } = await opened();
  const whole = filled(query, BYTES_MAX);
  assert.equal(Buffer.byteLength(whole), BYTES_MAX);
  assert.equal((await sendText(query, whole)).status, 200);
  assert.equal(await sendParts(query, whole.match(/[^]{1,50000}/g) ?? []), 200);
  const split = JSON.stringify({ query_text: "réseau 🦀" });
  assert.equal(await sendParts(query, [...split]), 200, "characters that come in parts are whole again");
  assert.equal(await sendParts(query, []), 400, "no part at all is an empty body");
});

test("a body of more than 1,048,576 bytes is too large at every root, whether or not its length is told", async () => {
  const house = await opened();
  await house.unchanged(async (all) => {
    await Promise.all(all.map(async (door) => {
      expectFault(await sendText(door, filled(door, BYTES_MAX + 1)), door.root, 413, door.codes.large);
      assert.equal(await sendParts(door, filled(door, BYTES_MAX + 1).match(/[^]{1,65536}/g) ?? []), 413);
    }));
  });
  const form = await server.client().form("/account/sign-in", { email: "x".repeat(BYTES_MAX) });
  assert.equal(form.status, 413);
  assert.match(form.headers.get("content-type") ?? "", /^text\/html/);
});

test("who sends ten megabytes reads the answer, every time", async () => {
  const house = await opened();
  await house.unchanged(async (all) => {
    for (const door of all.filter((_, at) => at % 3 === 0)) {
      const body = filled(door, 10_000_000);
      const replies = await Promise.all(Array.from({ length: 8 }, () => sendText(door, body)));
      for (const reply of replies) expectFault(reply, door.root, 413, door.codes.large);
    }
  });
});

test("who may not ask is told so, however large the body", async () => {
  const body = JSON.stringify({ query_text: "x".repeat(10_000_000) });
  const headers = { authorization: "Bearer nobody", "content-type": "application/json" };
  expectFault(await server.client().send("POST", "/v2/query", { body, headers }), "v2", 401, "invalid_credentials");
  expectFault(await server.client().send("POST", "/v1/wallets", { body, headers }), "v1", 401, "UNAUTHORIZED");
});
