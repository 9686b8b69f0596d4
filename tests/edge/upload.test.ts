// Files of the marketplace: streamed in, known by what they begin with, counted, shown for ever and run nowhere (contract
// atelier 5).

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request } from "node:http";
import { test } from "node:test";
import type { Client, Reply, Sent } from "./support/client.ts";
import { expectFault } from "./support/fault.ts";
import { newHousehold } from "./support/household.ts";
import { HEADS, fileForm, formOf, makeSeller, newFile, proofOf, sellerOfHouse, Wallet, type FileType, type Seller } from "./support/market.ts";
import { once } from "./support/once.ts";
import { officeOf } from "./support/spender.ts";
import { useServer } from "./support/server.ts";
import { stateOfTenant } from "./support/state.ts";

const server = useServer({ vars: { RATE_LIMIT_SCALE: "1000" } });
const FILE_BYTES_MAX = 52_428_800;
const TENANT_BYTES_MAX = 5 * 2 ** 30;

const makeOne = async (): Promise<Seller> => makeSeller(server.client());
const opened = once(makeOne);

const upload = (client: Client, sent: Sent): Promise<Reply> => client.send("POST", "/api/upload", sent);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Uploads a file and answers what is said of it. */
async function uploaded(client: Client, file: Buffer, type: FileType): Promise<Record<string, any>> {
  const reply = await upload(client, fileForm(file, type));
  assert.equal(reply.status, 200, reply.text);
  assert.equal(reply.json.success, true);
  return reply.json.data;
}

/** What is shown at a URL: bytes, not text. */
async function shown(url: string, headers: Record<string, string> = {}, method = "GET"): Promise<{ status: number; headers: Headers; bytes: Buffer }> {
  const response = await fetch(url, { method, headers: { "cf-connecting-ip": server.client().ip, ...headers } });
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
}

async function usedBytes({ tenantUuid }: Seller): Promise<number> {
  const rows = await server.current.runtime.objectRows("Tenant", { name: tenantUuid }, "SELECT bytes FROM file_usage");
  return Number(rows[0]?.["bytes"] ?? 0);
}

/** Nothing of what `work` does is stored, counted or written down. */
async function leavesNothing(seller: Seller, work: () => Promise<void>): Promise<void> {
  const before = [await server.current.runtime.fileKeys(), await stateOfTenant(server.current, seller.tenantUuid)];
  await work();
  assert.deepEqual([await server.current.runtime.fileKeys(), await stateOfTenant(server.current, seller.tenantUuid)], before);
}

test("a file of each type is taken, hashed, named and shown as what it is", async () => {
  const { client, agentId } = await opened();
  const endings: Record<FileType, string> = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "video/mp4": "mp4", "video/webm": "webm", "video/quicktime": "mov",
  };
  for (const type of Object.keys(HEADS) as FileType[]) {
    const file = newFile(type, 10_000);
    const { url, ...told } = await uploaded(client, file, type);
    assert.deepEqual(told, { media_type: type.split("/")[0], content_type: type, size: 10_000, sha256: sha256(file) });
    const pattern = new RegExp(`^${server.current.url}/files/atelier/uploads/${agentId}/[0-9A-HJKMNP-TV-Z]{42}\\.${endings[type]}$`);
    assert.match(url, pattern);
    const { status, headers, bytes } = await shown(url);
    assert.equal(status, 200);
    assert.deepEqual(bytes, file);
    assert.equal(headers.get("content-type"), type);
    assert.equal(headers.get("content-length"), "10000");
    assert.equal(headers.get("etag"), `"${sha256(file)}"`);
    assert.equal(headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.equal(headers.get("content-security-policy"), "default-src 'none'; sandbox");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("accept-ranges"), "bytes");
  }
});

test("a form is read as clients write it: other fields, quoted boundaries, a body that comes in pieces", async () => {
  const { client } = await opened();
  const file = newFile("image/png", 300_000);
  const part = { name: "file", body: file, type: "image/png", filename: 'a "name=file"; name="other".png' };
  const around = formOf({ name: "note", body: "before" }, part, { name: "after", body: "x".repeat(1_000) });
  assert.equal((await upload(client, around)).json.data?.sha256, sha256(file), "fields before and after it");
  const boundary = around.headers["content-type"]!.split("boundary=")[1]!;
  const quoted = { ...around, headers: { "content-type": `Multipart/Form-Data; charset=utf-8; boundary="${boundary}"` } };
  assert.equal((await upload(client, quoted)).json.data?.sha256, sha256(file), "a boundary in quotes");
  const preamble = { ...around, body: new Uint8Array(Buffer.concat([Buffer.from("for old mail readers\r\n"), around.body])) };
  assert.equal((await upload(client, preamble)).json.data?.sha256, sha256(file), "a preamble");
  for (const undeclared of [formOf({ name: "file", body: file, filename: "a.png" }), fileForm(file, "application/octet-stream")]) {
    const { data } = (await upload(client, undeclared)).json;
    assert.deepEqual([data?.sha256, data?.content_type], [sha256(file), "image/png"], "its first bytes say what it is");
  }

  const form = new FormData();
  form.append("file", new Blob([file], { type: "image/png" }), "é.png");
  const headers = { ...client.headers, "cf-connecting-ip": client.ip };
  const byFetch = await fetch(new URL("/api/upload", client.url), { method: "POST", body: form, headers });
  assert.equal(((await byFetch.json()) as any).data?.sha256, sha256(file), "as fetch sends it");

  for (const size of [1, 7, 1_000, 70_000]) {
    const small = newFile("image/gif", 5_000);
    const { body, headers: type } = formOf({ name: "file", body: small, type: "image/gif" });
    const pieces = (async function* () {
      for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
    })();
    const sent = { method: "POST", headers: { ...headers, ...type }, body: pieces, duplex: "half" };
    const inPieces = await fetch(new URL("/api/upload", client.url), sent as unknown as RequestInit);
    assert.equal(((await inPieces.json()) as any).data?.sha256, sha256(small), `pieces of ${size}`);
  }
});

test("a file whose bytes look like the end of the form is taken whole", async () => {
  const { client } = await opened();
  const { body, headers } = formOf({ name: "file", body: Buffer.alloc(0), type: "image/png" });
  const delimiter = `\r\n--${headers["content-type"]!.split("boundary=")[1]!}`;
  const near = [1, 2, 5, 10].map((cut) => delimiter.slice(0, -cut));
  const file = Buffer.concat([HEADS["image/png"], Buffer.from(near.join("")), Buffer.from("\r\n--\r\n\r\n-"), Buffer.from(delimiter.slice(0, -1))]);
  const text = Buffer.from(body).toString("latin1");
  const whole = new Uint8Array(Buffer.from(text.replace("\r\n\r\n\r\n", () => `\r\n\r\n${file.toString("latin1")}\r\n`), "latin1"));
  const reply = await upload(client, { body: whole, headers });
  assert.equal(reply.json.data?.sha256, sha256(file), reply.text);
});

test("bytes that were chosen to be searched slowly take little more time than others", async () => {
  const { client } = await opened();
  const others = fileForm(newFile("video/mp4", 15_000_000), "video/mp4");
  const file = Buffer.concat([HEADS["video/mp4"], Buffer.alloc(15_000_000, "a")]);
  const boundary = "a".repeat(70);
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"\r\nContent-Type: video/mp4\r\n\r\n`;
  const body = new Uint8Array(Buffer.concat([Buffer.from(head), file, Buffer.from(`\r\n--${boundary}--`)]));
  const these = { body, headers: { "content-type": `multipart/form-data; boundary=${boundary}` } };
  const timed = async (sent: Sent): Promise<number> => {
    const startedMs = performance.now();
    const reply = await upload(client, sent);
    assert.equal(reply.status, 200, reply.text);
    if (sent === these) assert.equal(reply.json.data.sha256, sha256(file));
    return performance.now() - startedMs;
  };
  // The best of several, in turns: what else the machine does lengthens either. A search that compares a window from its end, and
  // so looks at these again and again, takes four times as long; ours takes a third more.
  const [othersMs, theseMs] = [[] as number[], [] as number[]];
  for (let turn = 0; turn < 4; turn += 1) {
    othersMs.push(await timed(others));
    theseMs.push(await timed(these));
  }
  assert.ok(Math.min(...theseMs) < 2.3 * Math.min(...othersMs), `${theseMs} ms, others ${othersMs} ms`);
});

test("files around the borders of parts come out as they went in", async () => {
  const { client } = await opened();
  const part = 5 * 1024 * 1024;
  for (const bytes of [part - 60, part - 1, part, part + 1, part + 40, 2 * part, 2 * part + 7]) {
    const file = newFile("video/mp4", bytes);
    const { url, ...told } = await uploaded(client, file, "video/mp4");
    assert.deepEqual([told["size"], told["sha256"]], [bytes, sha256(file)]);
    const whole = await shown(url);
    assert.equal(sha256(whole.bytes), sha256(file), `${bytes} bytes`);
    const across = await shown(url, { range: `bytes=${Math.min(bytes, part) - 10}-${Math.min(bytes, part) + 9}` });
    assert.deepEqual(across.bytes, file.subarray(Math.min(bytes, part) - 10, Math.min(bytes, part) + 10));
  }
});

test("50 MB are taken, and one byte more leaves nothing", async () => {
  const seller = await makeOne();
  const file = newFile("video/quicktime", FILE_BYTES_MAX);
  const { url, size } = await uploaded(seller.client, file, "video/quicktime");
  assert.equal(size, FILE_BYTES_MAX);
  const { bytes, headers } = await shown(url);
  assert.deepEqual([headers.get("content-length"), sha256(bytes)], [`${FILE_BYTES_MAX}`, sha256(file)]);
  await leavesNothing(seller, async () => {
    const more = Buffer.concat([file, Buffer.from([0])]);
    expectFault(await upload(seller.client, fileForm(more, "video/quicktime")), "api", 400, "FILE_TOO_LARGE");
    expectFault(await upload(seller.client, fileForm(Buffer.concat([file, file.subarray(0, 8_000_000)]), "video/quicktime")), "api", 400, "FILE_TOO_LARGE");
  });
  assert.equal(await usedBytes(seller), FILE_BYTES_MAX);
});

test("what is no file of a type that may be uploaded is refused, and leaves nothing", async () => {
  const seller = await opened();
  const png = newFile("image/png");
  const file = (body: string | Buffer, type?: string) => ({ name: "file", body, ...(type === undefined ? {} : { type }) });
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';
  const html = "<!doctype html><script>alert(1)</script>";
  const cases: [string, Sent, number, string, Record<string, unknown>?][] = [
    ["a PNG that calls itself a film", fileForm(png, "video/mp4", "film.mp4"), 400, "FILE_TYPE_MISMATCH"],
    ["a GIF that calls itself a PNG", fileForm(newFile("image/gif"), "image/png"), 400, "FILE_TYPE_MISMATCH"],
    ["SVG", fileForm(svg, "image/svg+xml"), 400, "FILE_TYPE_INVALID"],
    ["SVG that calls itself a PNG", fileForm(svg, "image/png"), 400, "FILE_TYPE_MISMATCH"],
    ["HTML", fileForm(html, "text/html"), 400, "FILE_TYPE_INVALID"],
    ["HTML that calls itself a JPEG", fileForm(html, "image/jpeg"), 400, "FILE_TYPE_MISMATCH"],
    ["a large file of no type", fileForm(Buffer.alloc(20_000_000), "image/png"), 400, "FILE_TYPE_MISMATCH"],
    ["HTML of no declared type", formOf(file(html)), 400, "FILE_TYPE_INVALID"],
    ["SVG that calls itself octets", fileForm(svg, "application/octet-stream"), 400, "FILE_TYPE_INVALID"],
    ["nothing of no declared type", formOf(file("")), 400, "FILE_EMPTY"],
    ["an empty file", fileForm("", "image/png"), 400, "FILE_EMPTY"],
    ["no file", formOf({ name: "other", body: png, type: "image/png", filename: 'x; name="file"' }), 400, "FILE_REQUIRED"],
    ["no field", formOf(), 400, "FILE_REQUIRED"],
    ["two files", formOf(file(png, "image/png"), file(png, "image/png")), 400, "VALIDATION_ERROR", { path: "$.file" }],
    ["two files, the first a large one", formOf(file(newFile("video/mp4", 6_000_000), "video/mp4"), { name: "x", body: "y" }, file(png, "image/png")), 400, "VALIDATION_ERROR", { path: "$.file" }],
    ["a form without an end", { ...formOf(file(png, "image/png")), body: formOf(file(png, "image/png")).body.slice(0, 900) }, 400, "VALIDATION_ERROR", { path: "$.file" }],
    ["no form at all", { body: "{}", headers: { "content-type": "application/json" } }, 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["the file itself", { body: new Uint8Array(png), headers: { "content-type": "image/png" } }, 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["a form without a boundary", { body: "x", headers: { "content-type": "multipart/form-data" } }, 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["nothing", {}, 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["a form with a long field before its file", formOf({ name: "x", body: "y".repeat(6_000_000) }, file(png, "image/png")), 413, "PAYLOAD_TOO_LARGE"],
    ["a form with a long field behind its file", formOf(file(png, "image/png"), { name: "x", body: "y".repeat(6_000_000) }), 413, "PAYLOAD_TOO_LARGE"],
    ["a form of very many fields", formOf(...Array.from({ length: 101 }, () => ({ name: "x", body: "" })), file(png, "image/png")), 413, "PAYLOAD_TOO_LARGE"],
    ["a field with a long head", formOf({ name: "x".repeat(9_000), body: "y" }), 413, "PAYLOAD_TOO_LARGE"],
  ];
  await leavesNothing(seller, async () => {
    for (const [what, sent, status, code, extra] of cases) {
      const reply = await upload(seller.client, sent);
      assert.equal(reply.status, status, `${what}: ${reply.status} ${reply.text}`);
      expectFault(reply, "api", status, code, extra);
    }
  });
});

test("an upload whose connection breaks leaves nothing that can be shown, and is not counted", async () => {
  const seller = await makeOne();
  const { body, headers } = fileForm(newFile("video/mp4", 12_000_000), "video/mp4") as { body: Uint8Array; headers: Record<string, string> };
  const breakAt = async (bytes: number, length: Record<string, string>): Promise<void> => {
    const sent = request(new URL("/api/upload", server.current.url), { method: "POST", headers: { ...seller.client.headers, ...headers, ...length } });
    sent.on("error", () => {});
    sent.write(body.subarray(0, bytes));
    await wait(500);
    sent.destroy();
  };
  await leavesNothing(seller, async () => {
    for (const bytes of [20, 500, 1_000_000, 7_000_000]) {
      await breakAt(bytes, { "content-length": `${body.length}` });
      await breakAt(bytes, {});
    }
    await wait(500);
  });
  assert.equal(await usedBytes(seller), 0);
  assert.equal((await uploaded(seller.client, newFile("image/png"), "image/png"))["size"], 1_000, "and the next one is taken");
});

test("an upload takes the market's key and no other, of an agent that is active", async () => {
  const house = await newHousehold(server.current);
  const seller = await sellerOfHouse(house);
  const png = fileForm(newFile("image/png"), "image/png");
  const anybody = server.client();
  await leavesNothing(seller, async () => {
    expectFault(await upload(anybody, png), "api", 401, "AUTH_REQUIRED");
    const off = seller.key.slice(0, -1) + (seller.key.endsWith("0") ? "1" : "0");
    for (const key of [off, house.agent.agentKey, house.apiKey, house.owner.token, "atelier_x"]) {
      expectFault(await upload(anybody.bearer(key), png), "api", 401, "TOKEN_INVALID");
    }
    const large = fileForm(newFile("video/mp4", 30_000_000), "video/mp4");
    expectFault(await upload(anybody, large), "api", 401, "AUTH_REQUIRED");
    expectFault(await upload(anybody, { body: "x", headers: { "content-type": "text/plain" } }), "api", 401, "AUTH_REQUIRED");
    expectFault(await upload(anybody.bearer(off), { body: "x", headers: { "content-type": "text/plain" } }), "api", 401, "TOKEN_INVALID");
  });
  const suspended = await officeOf(house).post(`/v1/agents/${house.agent.agentId}/suspend`, {});
  assert.equal(suspended.status, 200, suspended.text);
  await leavesNothing(seller, async () => expectFault(await upload(seller.client, png), "api", 403, "AGENT_NOT_ACTIVE"));
  const revoked = await officeOf(house).post(`/v1/agents/${house.agent.agentId}/revoke`, {});
  assert.equal(revoked.status, 200, revoked.text);
  expectFault(await upload(seller.client, png), "api", 401, "TOKEN_INVALID");
});

test("a tenant keeps 5 GB and not a byte more", async () => {
  const seller = await makeOne();
  const [file, other] = [newFile("image/png"), newFile("image/png")];
  await uploaded(seller.client, file, "image/png");
  const fillTo = (bytes: number): Promise<void> => server.current.editObject("Tenant", { name: seller.tenantUuid }, "UPDATE file_usage SET bytes = ?", bytes);
  await fillTo(TENANT_BYTES_MAX - 1_500);
  await uploaded(seller.client, other, "image/png");
  await leavesNothing(seller, async () => {
    const full = { limit_bytes: TENANT_BYTES_MAX, used_bytes: TENANT_BYTES_MAX - 500 };
    expectFault(await upload(seller.client, fileForm(other, "image/png")), "api", 402, "STORAGE_LIMIT_EXCEEDED", full);
    expectFault(await upload(seller.client, fileForm(newFile("video/mp4", 6_000_000), "video/mp4")), "api", 402, "STORAGE_LIMIT_EXCEEDED", full);
  });
  assert.equal((await uploaded(seller.client, newFile("image/gif", 500), "image/gif"))["size"], 500, "what fits is taken");
  await leavesNothing(seller, async () => {
    const full = { limit_bytes: TENANT_BYTES_MAX, used_bytes: TENANT_BYTES_MAX };
    expectFault(await upload(seller.client, fileForm("", "image/gif")), "api", 402, "STORAGE_LIMIT_EXCEEDED", full);
  });
});

test("of uploads at once only as many are kept as there is room for", async () => {
  const seller = await makeOne();
  await uploaded(seller.client, newFile("image/png"), "image/png");
  await server.current.editObject("Tenant", { name: seller.tenantUuid }, "UPDATE file_usage SET bytes = ?", TENANT_BYTES_MAX - 3_500);
  const before = (await server.current.runtime.fileKeys()).length;
  const replies = await Promise.all(Array.from({ length: 8 }, () => upload(seller.client, fileForm(newFile("image/png"), "image/png"))));
  assert.deepEqual(replies.map((reply) => reply.status).sort(), [200, 200, 200, 402, 402, 402, 402, 402]);
  assert.equal((await server.current.runtime.fileKeys()).length, before + 3);
  assert.equal(await usedBytes(seller), TENANT_BYTES_MAX - 500);
});

test("a part of a file is shown as HTTP says", async () => {
  const { client } = await opened();
  const file = newFile("video/webm", 1_000);
  const { url } = await uploaded(client, file, "video/webm");
  const tag = `"${sha256(file)}"`;
  for (const [range, first, last] of [
    ["bytes=0-0", 0, 0], ["bytes=0-99", 0, 99], ["bytes=999-999", 999, 999], ["bytes=900-", 900, 999], ["bytes=-1", 999, 999], ["bytes=-5000", 0, 999], ["bytes=990-5000", 990, 999],
  ] as [string, number, number][]) {
    const { status, headers, bytes } = await shown(url, { range });
    assert.equal(status, 206, range);
    assert.equal(headers.get("content-range"), `bytes ${first}-${last}/1000`, range);
    assert.equal(headers.get("content-length"), `${last - first + 1}`, range);
    assert.equal(headers.get("etag"), tag, range);
    assert.deepEqual(bytes, file.subarray(first, last + 1), range);
  }
  for (const range of ["bytes=1000-", "bytes=1000-2000", "bytes=-0"]) {
    const { status, headers, bytes } = await shown(url, { range });
    assert.equal(status, 416, range);
    assert.equal(headers.get("content-range"), "bytes */1000", range);
    assert.equal(JSON.parse(bytes.toString()).code, "RANGE_NOT_SATISFIABLE");
  }
  for (const range of ["bytes=5-4", "bytes=a-b", "bytes=0-1,5-6", "items=0-1", "bytes=-", "0-1"]) {
    const { status, bytes } = await shown(url, { range });
    assert.deepEqual([status, bytes.length], [200, 1_000], range);
  }
  assert.equal((await shown(url, { range: "bytes=0-0", "if-range": tag })).status, 206);
  assert.equal((await shown(url, { range: "bytes=0-0", "if-range": '"another"' })).status, 200);
});

test("who has a file is not sent it again, and HEAD tells all but the bytes", async () => {
  const { client } = await opened();
  const file = newFile("image/webp", 777);
  const { url } = await uploaded(client, file, "image/webp");
  const tag = `"${sha256(file)}"`;
  for (const known of [tag, `W/${tag}`, `"x", ${tag}`, "*"]) {
    const { status, headers, bytes } = await shown(url, { "if-none-match": known });
    assert.deepEqual([status, bytes.length, headers.get("etag")], [304, 0, tag], known);
    assert.equal(headers.get("cache-control"), "public, max-age=31536000, immutable");
  }
  assert.equal((await shown(url, { "if-none-match": '"x"' })).status, 200);
  const { status, headers, bytes } = await shown(url, { range: "bytes=0-1" }, "HEAD");
  assert.deepEqual([status, bytes.length], [200, 0]);
  assert.deepEqual(["content-type", "content-length", "etag", "accept-ranges"].map((name) => headers.get(name)), ["image/webp", "777", tag, "bytes"]);
});

test("what is not there is 404, and so is what lies in the bucket under no name of ours", async () => {
  const { client } = await opened();
  const large = newFile("video/mp4", 6_000_000);
  const { url } = await uploaded(client, large, "video/mp4");
  const name = new URL(url).pathname.slice("/files/".length);
  assert.ok((await server.current.runtime.fileKeys()).includes(`data/${name}`), "where the bytes of a large file lie");
  const paths = [`/files/data/${name}`, `/files/${name}x`, "/files/atelier/uploads/x", "/files/x", "/files/", `/files/atelier/${"x".repeat(3_000)}`, "/files/atelier/%00"];
  for (const path of paths) expectFault(await server.client().get(path), "api", 404, "NOT_FOUND");
  assert.equal((await server.client().post(new URL(url).pathname, {})).status, 405);
});

test("a buyer's brief takes a JPEG or PNG of 5 MB, signed for", async () => {
  const buyer = new Wallet();
  const client = server.client();
  const send = (sent: Sent, query: Record<string, string> = proofOf(buyer)): Promise<Reply> =>
    client.send("POST", `/api/orders/brief-images?${new URLSearchParams(query)}`, sent);
  const file = newFile("image/png", 5_242_880);
  const reply = await send(fileForm(file, "image/png"));
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(Object.keys(reply.json.data), ["url"]);
  assert.match(reply.json.data.url, new RegExp(`^${server.current.url}/files/atelier/briefs/${buyer.address}/[0-9A-Z]{42}\\.png$`));
  assert.equal(sha256((await shown(reply.json.data.url)).bytes), sha256(file));
  expectFault(await send(fileForm(Buffer.concat([file, Buffer.from([0])]), "image/png")), "api", 400, "FILE_TOO_LARGE");
  expectFault(await send(fileForm(newFile("image/gif"), "image/gif")), "api", 400, "FILE_TYPE_INVALID");
  const good = proofOf(buyer);
  const { wallet_sig_ts: _, ...withoutTime } = good;
  const bad: Record<string, string>[] = [
    {}, { ...good, wallet: new Wallet().address }, { ...good, wallet_sig: "x" }, { ...good, wallet_sig_ts: "" }, withoutTime,
    proofOf(buyer, Date.now() - 86_500_000), proofOf(buyer, Date.now() + 60_000),
  ];
  for (const query of bad) expectFault(await send(fileForm(newFile("image/png"), "image/png"), query), "api", 401, "WALLET_AUTH_INVALID");
  expectFault(await send({ body: "x", headers: { "content-type": "text/plain" } }), "api", 415, "UNSUPPORTED_MEDIA_TYPE");
});
