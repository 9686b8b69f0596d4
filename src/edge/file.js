// Files on their way in and out. Their bytes stay on this side: what WebAssembly sees of a file is its first bytes, its size
// and its hash.
//
// Invariants: 1. A file can be found only by its record, which is written once every byte of it is stored and hashed.
// 2. Of a body that comes in at most two parts are held, and a little of what comes next.

import { ask } from "./platform.js";

/** The parts of a file that is stored in parts: all but the last of one size. */
const PART_BYTES = 5 * 1024 * 1024;
/** As much of a body as is asked for at once. */
const READ_BYTES = 256 * 1024;
/** The lines above a field of a form. */
const FIELD_HEAD_BYTES = 8192;
/** The fields of a form. */
const FIELDS_MAX = 100;
/** What is kept of a field before the file: all, or, of a longer one, nothing. */
const FIELD_BYTES = 2048;

/** Where the bytes lie of a file that was stored in parts. */
const bodyKey = (key) => `data/${key}`;

/** Why a form was not read to its end, as Rust knows it. */
class Unreadable extends Error {}
const BROKEN = "broken";
const NO_FILE = "no file";
const TWO_FILES = "two files";
const TOO_LONG = "too long";
const FILE_TOO_LARGE = "file too large";

/** A form with a file in it, read as it comes. */
class Upload {
  constructor(request, boundary, fileBytesMax) {
    this.fileBytesMax = fileBytesMax;
    this.reader = request.body.getReader({ mode: "byob" });
    this.needle = new TextEncoder().encode(`\r\n--${boundary}`);
    this.steps = stepsOf(this.needle);
    // One byte short of a delimiter more than a part: a delimiter that begins within the part is there to its end. Of a small
    // body all, the line before it, and room for it to end.
    const length = Number(request.headers.get("Content-Length") ?? Infinity);
    this.capacity = Math.min(PART_BYTES + this.needle.length - 1, length + 3);
    this.scratch = new ArrayBuffer(Math.min(READ_BYTES, this.capacity));
    this.bytes = new Uint8Array(this.capacity);
    // The first delimiter has no line before it.
    this.bytes.set([13, 10]);
    this.filled = 2;
    this.from = 0;
    this.fields = 0;
    this.isEnded = false;
  }

  /** Reads on: what there is, or as much as is asked for at once. */
  async read(isAll) {
    const room = Math.min(this.scratch.byteLength, this.capacity - this.filled);
    const wanted = isAll ? room : 1;
    const { done, value } = await this.reader.readAtLeast(wanted, new Uint8Array(this.scratch, 0, room)).catch(() => {
      throw new Unreadable(BROKEN);
    });
    if (value !== undefined) {
      this.bytes.set(value, this.filled);
      this.filled += value.length;
      this.scratch = value.buffer;
    }
    this.isEnded = done || value.length < wanted;
  }

  async fill() {
    while (!this.isEnded && this.filled < this.capacity) await this.read(true);
  }

  /** Reads on until `look` finds something in what is there; as much as there is room for. */
  async readUntil(look) {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.isEnded) throw new Unreadable(BROKEN);
      if (this.filled === this.capacity) throw new Unreadable(TOO_LONG);
      await this.read(false);
    }
  }

  /** Goes behind the next delimiter. */
  async skipToDelimiter() {
    let looked = this.from;
    const at = await this.readUntil(() => {
      const found = find(this.bytes, this.filled, looked, this.needle, this.steps);
      looked = Math.max(looked, this.filled - this.needle.length + 1);
      return found < 0 ? undefined : found;
    });
    this.from = at + this.needle.length;
  }

  /** The lines above the next field, or nothing when there is none. */
  async nextField() {
    const head = await this.readUntil(() => {
      const text = latin1.decode(this.bytes.subarray(this.from, Math.min(this.filled, this.from + FIELD_HEAD_BYTES)));
      if (text.startsWith("--")) return { isLast: true };
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) return { text: text.slice(0, end), length: end + 4 };
      if (text.length === FIELD_HEAD_BYTES) throw new Unreadable(TOO_LONG);
      return undefined;
    });
    if (head.isLast) return undefined;
    if ((this.fields += 1) > FIELDS_MAX) throw new Unreadable(TOO_LONG);
    this.from += head.length;
    return head.text;
  }

  /** Goes to the field of that name: its type, as declared, its first bytes, and the short fields before it with their names, as JSON. */
  async open(name, headBytes) {
    const fields = [];
    await this.skipToDelimiter();
    for (;;) {
      const head = await this.nextField();
      if (head === undefined) throw new Unreadable(NO_FILE);
      const field = nameOfField(head);
      if (field === name) {
        this.name = name;
        const declared = /^content-type:(.*)$/im.exec(head)?.[1].trim() ?? "";
        return [declared, await this.peek(headBytes), JSON.stringify(fields)];
      }
      const start = this.from;
      await this.skipToDelimiter();
      const bytes = this.bytes.subarray(start, this.from - this.needle.length);
      if (field !== undefined && bytes.length <= FIELD_BYTES) fields.push([field, utf8.decode(bytes)]);
    }
  }

  async peek(headBytes) {
    // From here on the buffer holds what is in the file.
    this.bytes.copyWithin(0, this.from, this.filled);
    this.filled -= this.from;
    this.from = 0;
    while (!this.isEnded && this.filled < headBytes + this.needle.length) await this.read(false);
    const end = find(this.bytes, this.filled, 0, this.needle, this.steps);
    return this.bytes.slice(0, Math.min(headBytes, end < 0 ? this.filled : end));
  }

  /** Stores the file in parts, the record last: its size and its hash. */
  async keep(bucket, key, contentType) {
    const digest = new crypto.DigestStream("SHA-256");
    const hasher = digest.getWriter();
    let [parts, size] = [undefined, 0];
    try {
      for (;;) {
        await this.fill();
        const end = find(this.bytes, this.filled, 0, this.needle, this.steps);
        if (end < 0 && this.isEnded) throw new Unreadable(BROKEN);
        const part = this.bytes.subarray(0, end < 0 ? PART_BYTES : end);
        size += part.length;
        if (size > this.fileBytesMax) throw new Unreadable(FILE_TOO_LARGE);
        await hasher.write(part);
        if (end < 0) {
          parts ??= new Parts(await bucket.createMultipartUpload(bodyKey(key)));
          this.turnOver(part, await parts.send(part));
          continue;
        }
        if (parts !== undefined && part.length > 0) await parts.send(part);
        const whole = parts === undefined ? part : "";
        await this.expectNoOther(end);
        await hasher.close();
        const sha256 = toHex(new Uint8Array(await digest.digest));
        await parts?.complete();
        const customMetadata = { type: contentType, sha256, size: String(size), ...(parts && { body: bodyKey(key) }) };
        await bucket.put(key, whole, { customMetadata, httpMetadata: { contentType } });
        return [size, sha256];
      }
    } catch (error) {
      digest.digest.catch(() => {});
      await hasher.abort(error).catch(() => {});
      await parts?.abort();
      throw error;
    }
  }

  /** Goes on in another buffer, with what stands behind the part; the one it is in is still being sent. */
  turnOver(part, free) {
    const next = free ?? new Uint8Array(this.capacity);
    next.set(this.bytes.subarray(part.length, this.filled));
    this.filled -= part.length;
    this.bytes = next;
  }

  /** Reads what stands behind the file: fields there may be, but no second one of its name. */
  async expectNoOther(end) {
    // The last part may still be on its way: this buffer stays as it is.
    const rest = this.bytes.subarray(end + this.needle.length, this.filled);
    this.capacity = rest.length + READ_BYTES;
    this.bytes = new Uint8Array(this.capacity);
    this.bytes.set(rest);
    [this.from, this.filled] = [0, rest.length];
    for (let head = await this.nextField(); head !== undefined; head = await this.nextField()) {
      if (nameOfField(head) === this.name) throw new Unreadable(TWO_FILES);
      await this.skipToDelimiter();
    }
  }
}

/** The parts of a file, one of them on its way while the next one comes in. */
class Parts {
  constructor(upload) {
    this.upload = upload;
    this.sent = [];
  }

  /** Sends a part. What comes back is the buffer of the one before it, which nobody needs any more. */
  async send(part) {
    const free = await this.arrival();
    const sending = this.upload.uploadPart(this.sent.length + 1, part);
    sending.catch(() => {});
    this.sent.push(sending);
    this.sending = part;
    return free;
  }

  async arrival() {
    await this.sent.at(-1);
    return this.sending && new Uint8Array(this.sending.buffer);
  }

  async complete() {
    await this.upload.complete(await Promise.all(this.sent));
  }

  async abort() {
    await Promise.allSettled(this.sent);
    await this.upload.abort().catch(() => {});
  }
}

/** How far a search may step on from a byte under the needle's end (Horspool). */
function stepsOf(needle) {
  const steps = new Uint8Array(256).fill(needle.length);
  for (let at = 0; at + 1 < needle.length; at++) steps[needle[at]] = needle.length - 1 - at;
  return steps;
}

/**
 * Where the needle stands first, from `from` on; -1 if it does not. It is compared from its front: what it begins with stands
 * in it once, so that no bytes, whoever chose them, are looked at again and again.
 */
function find(bytes, filled, from, needle, steps) {
  const last = needle.length - 1;
  for (let at = from; at + last < filled; at += steps[bytes[at + last]]) {
    let fits = 0;
    while (fits <= last && bytes[at + fits] === needle[fits]) fits++;
    if (fits > last) return at;
  }
  return -1;
}

/** Reads bytes as text, one character each. */
const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder();

function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The name in the head of a field; a file's own name may look like it, so parameters are read one by one. */
function nameOfField(head) {
  const disposition = /^content-disposition:[ \t]*form-data[ \t]*(;.*)$/im.exec(head)?.[1] ?? "";
  for (const [, name, quoted, bare] of disposition.matchAll(/;[ \t]*([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;]*))/gi)) {
    if (name.toLowerCase() === "name") return quoted ?? bare.trim();
  }
  return undefined;
}

/** What `work` comes to; or in one text why a form cannot be read. Whoever reads on may. */
async function reading(upload, work) {
  try {
    return await work();
  } catch (error) {
    upload.reader.releaseLock();
    if (error instanceof Unreadable) return error.message;
    throw error;
  }
}

/** Goes to the file of a form: an array of the form that is being read, the file's declared type, its first bytes and the fields before it. */
export function openUpload(request, boundary, name, fileBytesMax, headBytes, slot) {
  ask(slot, async () => {
    if (request.body === null) return NO_FILE;
    const upload = new Upload(request, boundary, fileBytesMax);
    return reading(upload, async () => [upload, ...(await upload.open(name, headBytes))]);
  });
}

/** Stores the file under that key: an array of its size and the hex of its SHA-256. */
export function keepUpload(upload, bucket, key, contentType, slot) {
  ask(slot, () => reading(upload, () => upload.keep(bucket, key, contentType)));
}

/** Lets a form be read by another. */
export function leaveUpload(upload) {
  upload.reader.releaseLock();
}

/** Reads what nobody has read of a body, within a bound: who is still sending when the connection closes sees no answer. */
export function drainBody(request, bytesMax, slot) {
  ask(slot, async () => {
    if (request.body === null) return;
    const reader = request.body.getReader({ mode: "byob" });
    let [left, scratch] = [bytesMax, new ArrayBuffer(READ_BYTES)];
    while (left > 0) {
      const { done, value } = await reader.read(new Uint8Array(scratch));
      if (done) return;
      scratch = value.buffer;
      left -= value.length;
    }
  });
}

/** The record of a file: an array of its type, the hex of its hash, its size and where its bytes lie. */
export function findFile(bucket, key, slot) {
  ask(slot, async () => {
    const { type, sha256, size, body } = (await bucket.head(key))?.customMetadata ?? {};
    return sha256 === undefined ? undefined : [type, sha256, Number(size), body ?? key];
  });
}

/** The stream of so many bytes of a file. */
export function readFile(bucket, key, offset, length, slot) {
  ask(slot, async () => (await bucket.get(key, { range: { offset, length } }))?.body);
}

/** Removes a file, whichever way it was stored. */
export function deleteFile(bucket, key, slot) {
  ask(slot, () => bucket.delete([key, bodyKey(key)]));
}
