// Builds what is measured: bundles of the TypeScript contenders, and the floor with the tools of the Worker itself.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
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

/** The floor, built unless it stands. */
export function buildFloor(): Module[] {
  const directory = join(BENCHES, "floor");
  const output = join(directory, "build");
  if (!existsSync(join(output, "index_bg.wasm"))) {
    const tool = (name: string) => join(ROOT, "node_modules", ".bin", name);
    execFileSync(join(ROOT, ".tools/bin/worker-build"), ["--release"], {
      cwd: directory,
      stdio: "inherit",
      env: {
        WASM_BINDGEN_BIN: join(ROOT, ".tools/bin/wasm-bindgen"),
        WASM_OPT_BIN: tool("wasm-opt"),
        ESBUILD_BIN: tool("esbuild"),
        CARGO_TARGET_DIR: join(ROOT, "target"),
        ...process.env,
      },
    });
  }
  return builtWorker(output);
}

/** What the modules weigh on the wire, each compressed by gzip. */
export function gzipBytes(modules: Module[]): number {
  return modules.reduce((sum, { path }) => sum + gzipSync(readFileSync(path), { level: 9 }).length, 0);
}
