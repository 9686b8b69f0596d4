// What is measured, as modules: TypeScript is bundled here, Rust was built by scripts/build.sh and scripts/bench.sh.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildSync } from "esbuild";
import type { Module } from "./server.ts";

export const ROOT = resolve(import.meta.dirname, "..");
const BENCHES = join(ROOT, "benches");

/** One TypeScript Worker, bundled and minified as it would be deployed. */
export function bundle(name: string, entry: string, directory: string): Module[] {
  const path = join(directory, `${name}.js`);
  buildSync({
    entryPoints: [join(BENCHES, entry)],
    bundle: true,
    minify: true,
    keepNames: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    loader: { ".sql": "text" },
    outfile: path,
    logLevel: "warning",
  });
  return [{ name: `${name}.js`, path, kind: "esModule" }];
}

/** A Rust Worker as worker-build left it in `directory`: its script and its wasm. */
export function builtWorker(directory: string): Module[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".js") || name.endsWith(".wasm"))
    .sort((a, b) => Number(a.endsWith(".wasm")) - Number(b.endsWith(".wasm")))
    .map((name) => ({ name, path: join(directory, name), kind: name.endsWith(".wasm") ? "wasm" : "esModule" }));
}
