// Uploads of the largest file there may be, and what they take of the Worker's own memory.
import { randomFillSync } from "node:crypto";
import { ask, exchange } from "./client.ts";
import type { Lane } from "./measure.ts";
import type { Fact } from "./report.ts";
import { bearer, type BenchSeller, makeOurSeller } from "./seller.ts";
import type { Server } from "./server.ts";

/** The most a file may have (contract). */
export const UPLOAD_BYTES = 52_428_800;
/** Each of them stays on the disk for as long as the run takes. */
const UPLOADS_A_ROUND = 3;
const PNG_HEAD = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
const BOUNDARY = "bench-boundary";

let file: Buffer | undefined;

/** Bytes that no store makes smaller, under the first bytes of a picture. */
function pictureOf(bytes: number): Buffer {
  file ??= randomFillSync(Buffer.alloc(UPLOAD_BYTES));
  PNG_HEAD.copy(file);
  return file.subarray(0, bytes);
}

/** One request with a file: the body alone, or a form as an agent sends it. */
export function newUpload(kind: "bare" | "form", seller?: BenchSeller, bytes = UPLOAD_BYTES): Buffer {
  const picture = pictureOf(bytes);
  const head = (path: string, length: number, lines: string[]): Buffer =>
    Buffer.from([`POST ${path} HTTP/1.1`, "Host: 127.0.0.1", `Content-Length: ${length}`, ...lines].join("\r\n") + "\r\n\r\n");
  if (kind === "bare") return Buffer.concat([head("/", bytes, ["Content-Type: image/png"]), picture]);
  const first = Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="result.png"\r\nContent-Type: image/png\r\n\r\n`);
  const last = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
  const lines = [`Content-Type: multipart/form-data; boundary=${BOUNDARY}`, ...Object.entries(bearer(seller!)).map(([name, value]) => `${name}: ${value}`)];
  return Buffer.concat([head("/api/upload", first.length + bytes + last.length, lines), first, picture, last]);
}

/** A few uploads a round, each like the others. */
export function uploadLane(label: string, server: Server, make: () => Promise<Buffer>): Lane {
  let request: Buffer | undefined;
  let left = 0;
  return {
    label,
    server,
    status: 200,
    prepare: async () => {
      request = await make();
      left = UPLOADS_A_ROUND;
    },
    next: () => (left-- > 0 ? request : undefined),
  };
}

async function wasmBytes({ port }: Server): Promise<number> {
  return ask<number>(port, { method: "GET", path: "/bench/wasm-bytes" });
}

/** What the Worker's WebAssembly takes more of memory for files of the largest size, one by one and several at once. */
export async function measureUploadMemory(watched: Server): Promise<Fact[]> {
  const seller = await makeOurSeller(watched, "bench-memory");
  const send = async (requests: Buffer[]): Promise<void> => {
    const wrong = (await exchange(watched.port, requests, requests.length)).find(({ status }) => status !== 200);
    if (wrong !== undefined) throw new Error(`upload: ${wrong.status} ${wrong.body}`);
  };
  await send([newUpload("form", seller, 1_000)]);
  const before = await wasmBytes(watched);
  const largest = newUpload("form", seller);
  for (const requests of [[largest], [largest], Array.from({ length: 4 }, () => largest)]) await send(requests);
  const grownBy = (await wasmBytes(watched)) - before;
  return [{ text: `WebAssembly memory taken by uploads of 50 MiB (${(before / 1e6).toFixed(1)} MB before)`, value: grownBy / 1e6, unit: "MB", digits: 1, atMost: 8 }];
}
