// Bodies that are no JSON, or of another kind: refused in the shape of their root before anything is done.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { signUp } from "./support/agent.ts";
import type { HeaderMap, Reply } from "./support/client.ts";
import { House, sendText, type Door } from "./support/door.ts";
import { expectFault } from "./support/fault.ts";
import { once } from "./support/once.ts";
import { useServer } from "./support/server.ts";
import { stateOfTenant, uuidOfTenant } from "./support/state.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "100" } });
const BYTES_MAX = 1_048_576;
const opened = once(() => House.open(server.current));

test("who may not ask learns nothing about the body", async () => {
  for (const [body, type] of [["{", "application/json"], ["{}", "text/plain"], ['{"query_text":7}', "application/json"]] as const) {
    const bearer = { authorization: "Bearer nobody", "content-type": type };
    expectFault(await server.client().send("POST", "/v2/query", { body, headers: { ...bearer, "x-tenant-id": "nobody" } }), "v2", 401, "invalid_credentials");
    expectFault(await server.client().send("POST", "/v1/wallets", { body, headers: bearer }), "v1", 401, "UNAUTHORIZED");
    const manager = `mtak_${"0".repeat(96)}`;
    expectFault(await server.client().send("POST", "/v2/query", { body, headers: { "content-type": type, "x-tenant-token": manager } }), "v2", 401, "invalid_credentials");
    expectFault(await server.client().send("POST", "/v1/wallets", { body, headers: { "content-type": type, "x-api-key": manager.replace("mtak_", "tl_live_") } }), "v1", 401, "UNAUTHORIZED");
  }
});

test("a body of another type than JSON is not taken", async () => {
  const bad = [
    "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "application/x+jsonx", "application",
    "json", "text/x+json", "application/octet-stream", "application/json; charset=iso-8859-1", "application/json; charset=utf-16", "*/*", "application/json, text/plain",
  ];
  const house = await opened();
  await house.unchanged(async (all) => {
    for (const door of all.filter(({ path }) => !path.endsWith("credentials"))) {
      const body = new TextEncoder().encode(JSON.stringify(door.good));
      const replies = await Promise.all(bad.map((type) => door.client.send("POST", door.path, { body, headers: type === "" ? {} : { "content-type": type } })));
      replies.forEach((reply, at) => {
        assert.equal(reply.status, 415, `${door.path} ${bad[at]}: ${reply.text}`);
        expectFault(reply, door.root, 415, door.codes.type);
      });
    }
  });
  const { query } = await opened();
  const taken = [
    "application/json", "APPLICATION/JSON", "application/json;charset=utf-8", 'application/json; charset="UTF-8"', "application/json ; x=y",
    "application/merge-patch+json", "application/vnd.example.v1+json",
  ];
  for (const type of taken) {
    const reply = await sendText(query, '{"query_text":"rain"}', { "content-type": type });
    assert.equal(reply.status, 200, `${type}: ${reply.text}`);
  }
  const form = await server.client().send("POST", "/account/sign-in", { body: '{"email":"a@example.org"}', headers: { "content-type": "application/json" } });
  assert.equal(form.status, 415);
});

test("an empty body is an empty object and needs no type", async () => {
  for (const door of (await opened()).doors) {
    for (const headers of [{}, { "content-type": "application/json" }, { "content-type": "text/plain" }] as HeaderMap[]) {
      const reply = await door.client.send("POST", door.path, { headers, body: new Uint8Array() });
      if (door.path === "/api/auth/token") expectFault(reply, "api", 401, "AUTH_REQUIRED");
      else expectFault(reply, door.root, 400, door.codes.field, { path: `$.${Object.keys(door.good)[0]}` });
    }
  }
});

test("a compressed body is not taken, even where it would be plain", async () => {
  const house = await opened();
  await house.unchanged(async (all) => {
    for (const door of all) {
      const text = JSON.stringify(door.good);
      const zipped = new Uint8Array(gzipSync(text));
      for (const [encoding, body] of [["gzip", zipped], ["gzip", text], ["br", text], ["deflate", text], ["zstd", text], ["x", text], ["gzip, identity", text]] as const) {
        expectFault(await sendText(door, body, { "content-encoding": encoding }), door.root, 415, door.codes.type);
      }
    }
  });
  const { query } = await opened();
  assert.equal((await sendText(query, '{"query_text":"rain"}', { "content-encoding": "identity" })).status, 200);
});

test("32 levels are taken and 33 are not", async () => {
  const { query } = await opened();
  const nested = (levels: number, open: string, close: string): string => `{"query_text":"rain","x":${open.repeat(levels - 1)}1${close.repeat(levels - 1)}}`;
  for (const [open, close] of [["[", "]"], ['{"a":', "}"], ['[{"a":', "}]"]] as const) {
    const by = open.startsWith("[{") ? 2 : 1;
    const taken = await sendText(query, nested(1 + Math.floor(31 / by), open, close));
    assert.equal(taken.status, 200, taken.text);
  }
  const house = await opened();
  await house.unchanged(async (all) => {
    for (const door of all) {
      const good = JSON.stringify(door.good).slice(0, -1);
      for (const levels of [33, 34, 128, 129, 10_000, 200_000]) {
        for (const [open, close] of [["[", "]"], ['{"a":', "}"]] as const) {
          const body = `${good},"x":${open.repeat(levels - 1)}1${close.repeat(levels - 1)}}`;
          const reply = await sendText(door, body.length > BYTES_MAX ? body.slice(0, BYTES_MAX) : body);
          expectSyntaxFault(reply, door);
        }
      }
      expectSyntaxFault(await sendText(door, "[".repeat(BYTES_MAX)), door);
    }
  });
});

test("what is no JSON, or JSON that two readers could understand differently, is refused with its place", async () => {
  const places: [string, number, number][] = [
    ["{", 1, 1], ["[1,", 1, 3], ["nul", 1, 3], ["{} {}", 1, 4], ["{}x", 1, 3], ['{"a":1,}', 1, 8], ["{'a':1}", 1, 2], ["{a:1}", 1, 2],
    ['{\n  "a": 1,\n  "b": }', 3, 8], ['{\r\n"a": NaN}', 2, 6], ['{"a":1,"a":1}', 1, 10], ['{"x":{"a":1,\n"a":2}}', 2, 3], ['{"a":1,"\\u0061":2}', 1, 15],
    ['{"a":"b\nc"}', 1, 8], ['{\n"a":"b\nc"}', 2, 7],
  ];
  const { query } = await opened();
  for (const [text, line, column] of places) {
    const reply = await sendText(query, text);
    assert.deepEqual([reply.status, reply.json.code, reply.json.line, reply.json.column], [400, "invalid_json", line, column], `${text}: ${reply.text}`);
  }
  const bad = [
    " ", "\n", "}", "]", ",", '"', "'a'", "undefined", "None", "True", "{]", "[}", "[1 2]", "[,]", "[1,]", '{"a"}', '{"a":}', '{:1}', '{1:1}', '{"a":1 "b":2}', '{"a"::1}',
    "NaN", "-NaN", "Infinity", "-Infinity", '{"a":NaN}', '{"a":Infinity}', '{"a":01}', '{"a":+1}', '{"a":-}', '{"a":1.}',
    '{"a":.5}', '{"a":1e}', '{"a":0x10}', '{"a":1_000}', '{"a":1e400}', '{"a":-1e400}', '{"a":1e99999999999}',
    "// comment\n{}", "/* comment */{}", '{"a":1}// comment', "# {}", "\ufeff{}", "\u00a0{}", "\u2028{}", "\u000b{}", "\u0000", "{}\u0000", "<xml/>", "a=1&b=2", "--x\r\n",
    '{"a":"\\ud800"}', '{"a":"\\udc00"}', '{"a":"\\ud800\\ud800"}', '{"a":"\\ud800x"}', '{"\\ud800":1}', '{"a":"\\x41"}', '{"a":"\\u12"}',
    '{"a":"\\u{41}"}', '{"a":"\\"}', '{"a":"\t"}', '{"a":"\u0000"}', '{"a":"\u001f"}', '{"a\t":1}', '{"a":"b',
    '{"__proto__":1,"__proto__":2}', '{"":1,"":2}', '{"a":{"b":[{"c":1,"c":1}]}}', '{"é":1,"\\u00e9":2}',
  ];
  const house = await opened();
  await house.unchanged(async (all) => {
    await Promise.all(all.map(async (door) => {
      const replies = await Promise.all(bad.map((text) => sendText(door, text)));
      replies.forEach((reply, at) => expectSyntaxFault(reply, door, bad[at]));
    }));
  });
});

test("a body that was cut off anywhere is refused, and has done nothing", async () => {
  const house = await opened();
  await house.unchanged(async (all) => {
    await Promise.all(all.map(async (door) => {
      const text = JSON.stringify(door.good);
      const cuts = Array.from({ length: text.length - 1 }, (_, at) => text.slice(0, at + 1));
      for (const reply of await Promise.all(cuts.map((cut) => sendText(door, cut)))) expectSyntaxFault(reply, door);
    }));
  });
});

test("a body that is not UTF-8 is refused", async () => {
  const text = (inside: number[]): Uint8Array<ArrayBuffer> => new Uint8Array([...Buffer.from('{"query_text":"'), ...inside, ...Buffer.from('"}')]);
  const bad = [[0xff], [0xfe, 0xff], [0x80], [0xc3], [0xc0, 0xaf], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80]].map(text);
  bad.push(new Uint8Array(Buffer.from('{"query_text":"rain"}', "utf16le")), new Uint8Array([0xff]));
  const house = await opened();
  await house.unchanged(async (all) => {
    for (const door of all) {
      for (const body of bad) {
        expectSyntaxFault(await sendText(door, body), door);
      }
    }
  });
});

test("a body that is JSON but no object is refused at its root", async () => {
  const house = await opened();
  await house.unchanged(async (all) => {
    for (const door of all) {
      for (const text of ["null", "true", "7", "-0", "1e3", '"text"', "[]", "[{}]", ` [${JSON.stringify(door.good)}] `]) {
        expectFault(await sendText(door, text), door.root, 400, door.codes.field, { path: "$" });
      }
    }
  });
});

test("names a language might trip over are fields like any other: unknown, and ignored", async () => {
  const { query } = await opened();
  const text = '{"__proto__":{"limit":0},"constructor":1,"toString":null,"":{},"query_text":"rain","\\u0000":[],"hasOwnProperty":false}';
  const reply = await sendText(query, text);
  assert.equal(reply.status, 200, reply.text);
});

test("a secret in a broken body does not come back", async () => {
  const token = (await opened()).at("/api/auth/token");
  const secret = "correct horse battery staple";
  const broken = [
    `{"email":"a@example.org","password":"${secret}"`, `{"email":"a@example.org","password":["${secret}"]}`, `{"email":"${secret}","password":"x"}`,
    `{"${secret}":1,"${secret}":2}`, `{"password":"${secret}\u0001"}`,
  ];
  for (const text of broken) {
    const reply = await sendText(token, text);
    assert.ok(reply.status === 400 && !reply.text.includes("horse"), reply.text);
  }
});

test("numbers keep their value up to 2^53 and beyond, in what is stored for the agent", async () => {
  const { runtime, tenantId } = await signUp(server.client());
  const metadata = '{"a":9007199254740991,"b":9007199254740993,"c":18446744073709551615,"d":-9223372036854775808,"e":0.1,"f":1e21}';
  const sent = await runtime.send("POST", "/v2/session/open", { body: `{"session_id":"s","metadata":${metadata}}`, headers: { "content-type": "application/json" } });
  assert.equal(sent.status, 200, sent.text);
  const status = await runtime.post("/v2/session/s/status");
  for (const number of ["9007199254740991", "9007199254740993", "18446744073709551615", "-9223372036854775808"]) assert.ok(status.text.includes(number), status.text);
  const { memory } = await stateOfTenant(server.current, await uuidOfTenant(server.current, tenantId));
  assert.equal(memory["session"]?.length, 1);
});

/** 400 for a body that is no JSON, with the place of the fault. */
function expectSyntaxFault(reply: Reply, door: Door, text = ""): void {
  const told = `${door.path} ${JSON.stringify(text)}: ${reply.status} ${reply.text.slice(0, 300)}`;
  assert.equal(reply.status, 400, told);
  const place = door.root === "v1" ? reply.json.details : reply.json;
  assert.ok(Number.isInteger(place?.line) && place.line >= 1 && Number.isInteger(place.column) && place.column >= 1, told);
  expectFault(reply, door.root, 400, door.codes.json, { path: "$", line: place.line, column: place.column });
}
