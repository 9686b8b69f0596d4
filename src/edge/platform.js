// What is said to the platform in its own language. Each function here stands for a dozen crossings between WebAssembly
// and JavaScript, or for promises that Rust would have to be woken by one at a time: on the way of a request that costs
// more than the request's own work.

import { DurableObject } from "cloudflare:workers";

/** The instance of the module that lives: how it takes answers, and the promises it owes. */
let living = { take: () => {}, owed: new Map() };

/** A fresh instance takes over. What the one before it still owed can never come. */
export function connect(take) {
  breakOff(living, new Error("the instance that ran this has ended"));
  living = { take, owed: new Map() };
}

function breakOff(instance, error) {
  for (const { reject } of instance.owed.values()) reject(error);
  instance.owed.clear();
}

/**
 * A text as it is compared: composed, and case-folded as Unicode does it. Lower case first, so that both spellings of a sharp
 * s become two letters; and the dotless i stays what it is, which the upper case alone would make an i.
 */
export function foldText(text) {
  const parts = text.normalize("NFC").split("\u0131");
  return parts.map((part) => part.toLowerCase().toUpperCase().toLowerCase()).join("\u0131").normalize("NFC");
}

/** Makes a class of ours one whose methods the platform lets other code call. */
export function extendDurableObject(ours) {
  Object.setPrototypeOf(ours.prototype, DurableObject.prototype);
  Object.setPrototypeOf(ours, DurableObject);
}

/** The promise of a task that waits for something. */
export function owe(task) {
  const owed = Promise.withResolvers();
  living.owed.set(task, owed);
  return owed.promise;
}

/** Keeps the promise of a task: with what it came to, or with what it broke on. */
export function pay(task, isKept, value) {
  const owed = living.owed.get(task);
  living.owed.delete(task);
  if (isKept) owed?.resolve(value);
  else owed?.reject(value);
}

/** Hands what `question` comes to over to the instance that asked, unless another lives by then. */
export function ask(slot, question) {
  const asker = living;
  const hand = (isKept, value) => {
    if (asker !== living) return;
    try {
      asker.take(slot, isKept, value);
    } catch (error) {
      // A trap: nothing this instance has begun will go on, and the next entry needs a fresh one.
      if (error instanceof WebAssembly.RuntimeError) globalThis.__worker_init_state.criticalError = true;
      breakOff(asker, error);
    }
  };
  try {
    question().then(
      (value) => hand(true, value),
      (error) => hand(false, error),
    );
  } catch (error) {
    queueMicrotask(() => hand(false, error));
  }
}

/** Asks the object of that name: bytes there, bytes back. */
export function callObject(objects, name, call, slot) {
  ask(slot, () => objects.getByName(name).serve(call.slice()));
}

/** Lets so many milliseconds pass. */
export function pause(waitMs, slot) {
  ask(slot, () => scheduler.wait(waitMs));
}

/**
 * Sends a POST and hands over status, `Retry-After` and the beginning of what came back. Redirects are not followed. The
 * status has to be there in time; of a body that is not, as much is handed over as has come.
 */
export function post(url, head, body, limitMs, bytesMax, slot) {
  ask(slot, async () => {
    const lines = head.split("\n");
    const headers = {};
    for (let at = 0; at + 1 < lines.length; at += 2) headers[lines[at]] = lines[at + 1];
    const signal = AbortSignal.timeout(limitMs);
    const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
    const parts = [];
    await readBeginning(response, bytesMax, parts).catch(() => {});
    return [response.status, response.headers.get("Retry-After") ?? "", decode(parts)];
  });
}

/** Reads at most so many bytes of a body into `parts`, one by one: who breaks off has what came before. */
async function readBeginning(response, bytesMax, parts) {
  let left = bytesMax;
  const reader = response.body?.getReader();
  while (reader && left > 0) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value.subarray(0, left));
    left -= value.length;
  }
  // Who sends on and on is not listened to.
  reader?.cancel().catch(() => {});
}

/** The text of bytes; a character that is cut off at the end is left out. */
function decode(parts) {
  return new TextDecoder().decode(concatenate(parts), { stream: true });
}

/** Asks for JSON; its text. */
export function getJson(url, limitMs, bytesMax, slot) {
  ask(slot, async () => {
    const signal = AbortSignal.timeout(limitMs);
    const response = await fetch(url, { headers: { Accept: "application/dns-json" }, redirect: "manual", signal });
    if (response.status !== 200) throw new Error(`answered ${response.status}`);
    const parts = [];
    await readBeginning(response, bytesMax, parts);
    return decode(parts);
  });
}

/** The keys that were asked for, by the `x` of their JWKs. They are ours: few, and always the same. */
const verifyingKeys = new Map();

/** Whether an Ed25519 signature is that key's of a message. */
export function verifyEd25519(x, signature, message, slot) {
  const key = verifyingKeys.get(x);
  if (key !== undefined) {
    // Whoever verifies takes a copy of what is verified at once (Web Cryptography section 14.3.4).
    ask(slot, () => crypto.subtle.verify("Ed25519", key, signature, message));
    return;
  }
  const [signed, text] = [signature.slice(), message.slice()];
  ask(slot, async () => {
    const imported = await crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x }, "Ed25519", false, ["verify"]);
    verifyingKeys.set(x, imported);
    return crypto.subtle.verify("Ed25519", imported, signed, text);
  });
}

/** The body of a request, whole. */
export function readBody(request, slot) {
  ask(slot, () => request.arrayBuffer());
}

/** Method, URL and headers of a request, a line each: a header is its name and then its value. */
export function readHead(request) {
  let head = `${request.method}\n${request.url}`;
  for (const [name, value] of request.headers) head += `\n${name}\n${value}`;
  return head;
}

/** An answer; `head` has a line for each header's name and then one for its value. */
export function respond(status, head, hasBody, body) {
  return respondWith(status, head, hasBody ? body.slice() : null);
}

/** An answer whose body is a stream of the platform's. */
export function respondWith(status, head, body) {
  const lines = head.split("\n");
  // An object takes half as long as pairs do, but a name stands in it once.
  const headers = {};
  const cookies = [];
  for (let at = 0; at + 1 < lines.length; at += 2) {
    if (lines[at] === "Set-Cookie") cookies.push(lines[at + 1]);
    else headers[lines[at]] = lines[at + 1];
  }
  const response = new Response(body, { status, headers });
  for (const cookie of cookies) response.headers.append("Set-Cookie", cookie);
  return response;
}

// Values of SQL cross as numbers, two each: what it is, and the number itself or how much of the texts or bytes is its own.
const NULL = 0;
const NUMBER = 1;
const TEXT = 2;
const BYTES = 3;

/** A text crosses into WebAssembly one character at a time, its UTF-8 in one piece; making that takes as long as so many. */
const LOOPED_CHARS_MAX = 500;
const encoder = new TextEncoder();

/**
 * Runs a statement. `values`, `texts` and `bytes` hold what is bound to it; the rows come back the same way, after their
 * number and width, or not at all when there are none.
 */
export function runStatement(sql, statement, hasRows, values, texts, bytes) {
  const bindings = [];
  let textAt = 0;
  let byteAt = 0;
  for (let at = 0; at < values.length; at += 2) {
    const value = values[at + 1];
    switch (values[at]) {
      case NULL:
        bindings.push(null);
        break;
      case NUMBER:
        bindings.push(value);
        break;
      case TEXT:
        bindings.push(texts.slice(textAt, (textAt += value)));
        break;
      default:
        bindings.push(bytes.slice(byteAt, (byteAt += value)).buffer);
    }
  }
  const cursor = sql.exec(statement, ...bindings);
  if (!hasRows) return undefined;
  const rows = cursor.raw().toArray();
  return rows.length === 0 ? undefined : packRows(rows);
}

function packRows(rows) {
  const width = rows[0].length;
  const values = new Float64Array(2 + 2 * rows.length * width);
  values[0] = rows.length;
  values[1] = width;
  const blobs = [];
  let texts = "";
  let at = 2;
  for (const row of rows) {
    for (let column = 0; column < width; column++, at += 2) {
      const cell = row[column];
      if (typeof cell === "number") {
        values[at] = NUMBER;
        values[at + 1] = cell;
      } else if (typeof cell === "string") {
        values[at] = TEXT;
        values[at + 1] = cell.length;
        texts += cell;
      } else if (cell !== null) {
        values[at] = BYTES;
        values[at + 1] = cell.byteLength;
        blobs.push(new Uint8Array(cell));
      }
    }
  }
  return [values, texts.length > LOOPED_CHARS_MAX ? encoder.encode(texts) : texts, concatenate(blobs)];
}

function concatenate(blobs) {
  if (blobs.length < 2) return blobs[0];
  const all = new Uint8Array(blobs.reduce((length, blob) => length + blob.length, 0));
  let at = 0;
  for (const blob of blobs) {
    all.set(blob, at);
    at += blob.length;
  }
  return all;
}
