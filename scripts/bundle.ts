// How large a built Worker is: script and wasm as they are uploaded, compressed together.
//   node scripts/bundle.ts build      prints it
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/**
 * The most a bundle may weigh, compressed: MoteCloud alone kept to 700 KB; with /v1, the marketplace and the console beside it, little more than half of what the
 * platform takes from a free account (3 MB), and a first request of a fresh isolate within 50 ms. A door more raises it on
 * purpose.
 */
export const BUNDLE_GZIP_BYTES_MAX = 1_700_000;

/** What worker-build leaves of a Worker. */
const FILES = ["index.js", "index_bg.wasm"];

export interface BundleSize {
  rawBytes: number;
  gzipBytes: number;
}

export function sizeOfBundle(directory: string): BundleSize {
  const files = FILES.map((file) => readFileSync(join(directory, file)));
  const rawBytes = files.reduce((sum, file) => sum + file.length, 0);
  return { rawBytes, gzipBytes: gzipSync(Buffer.concat(files), { level: 9 }).length };
}

export function kilobytes(bytes: number): string {
  return (bytes / 1000).toFixed(0);
}

if (process.argv[1] === import.meta.filename) {
  const { rawBytes, gzipBytes } = sizeOfBundle(process.argv[2] ?? "build");
  console.log(`${kilobytes(rawBytes)} KB, gzip ${kilobytes(gzipBytes)} KB`);
}
