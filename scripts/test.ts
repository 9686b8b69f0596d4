// Runs the suites, fast ones first, tells of each how long it took, and closes with one line: N passed, N failed.
//   node scripts/test.ts          everything
//   node scripts/test.ts check    the inner loop: format, lints, types and native tests
// A suite that cannot be built or that ends without a count is one failure. The output of a failing suite is shown.

import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { BUNDLE_GZIP_BYTES_MAX, kilobytes, sizeOfBundle } from "./bundle.ts";
import { ROOT } from "./runtime.ts";

const LOG_DIR = join(ROOT, ".test", "log");
const SHOWN_LINES_MAX = 200;
const WASM_TARGET = "wasm32-unknown-unknown";
/** Native suites in the order they run; one that is not named here runs after these. */
const NATIVE_ORDER = ["house", "laws", "guildhall", "sim"];
/** Suites made for wasm32 only. */
const WASM_SUITES = ["wasm"];

type Count = { passed: number; failed: number };
type Outcome = Count & { note?: string };
type Row = Outcome & { name: string; seconds: number };

const rows: Row[] = [];

/** Runs a command with no input and both outputs in one log file. */
function execute(log: string, command: string, args: string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((done) => {
    const file = createWriteStream(log, { flags: "a" });
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    child.on("error", (error) => {
      file.end(`${error.message}\n`, () => done(127));
    });
    child.on("close", (code) => {
      file.end(() => done(code ?? 1));
    });
  });
}

/** Runs one suite, prints its line and keeps its count. */
async function suite(name: string, body: (log: string) => Promise<Outcome>): Promise<boolean> {
  process.stdout.write(`  ${name.padEnd(44, ".")} `);
  const startedMs = performance.now();
  const log = join(LOG_DIR, `${name.replaceAll(/[^a-z0-9]+/gi, "-")}.txt`);
  let outcome: Outcome;
  try {
    outcome = await body(log);
  } catch (error) {
    outcome = { passed: 0, failed: 1, note: String(error) };
  }
  const seconds = (performance.now() - startedMs) / 1000;
  rows.push({ name, seconds, ...outcome });
  const verdict = outcome.failed > 0 ? `${outcome.failed} FAILED, ${outcome.passed} passed` : `${outcome.passed} passed`;
  console.log(`${verdict.padEnd(24)} ${seconds.toFixed(1).padStart(6)} s${outcome.note ? `  ${outcome.note}` : ""}`);
  if (outcome.failed > 0 && existsSync(log)) {
    const lines = readFileSync(log, "utf8").split("\n");
    if (lines.length > SHOWN_LINES_MAX) console.log(`    | ... ${lines.length - SHOWN_LINES_MAX} lines more in ${log}`);
    for (const line of lines.slice(-SHOWN_LINES_MAX)) console.log(`    | ${line}`);
  }
  return outcome.failed === 0;
}

/** A suite that either holds or does not. */
function verdict(name: string, command: string, args: string[], env: Record<string, string> = {}): Promise<boolean> {
  return suite(name, async (log) => asCount((await execute(log, command, args, env)) === 0));
}

function asCount(holds: boolean): Count {
  return { passed: holds ? 1 : 0, failed: holds ? 0 : 1 };
}

/** Sums the closing lines of Rust's test harness. */
function countRustTests(output: string, code: number): Count {
  const count = { passed: 0, failed: 0 };
  for (const [, passed, failed] of output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed/gm)) {
    count.passed += Number(passed);
    count.failed += Number(failed);
  }
  if (code !== 0 && count.failed === 0) count.failed = 1;
  return count;
}

async function rustSuite(name: string, command: string, args: string[], env: Record<string, string> = {}): Promise<boolean> {
  return suite(name, async (log) => {
    const code = await execute(log, command, args, env);
    return countRustTests(readFileSync(log, "utf8"), code);
  });
}

/** Builds every native test binary in one go and says where each is. */
async function buildNativeTests(): Promise<Map<string, string>> {
  const binaries = new Map<string, string>();
  const log = join(LOG_DIR, "native-tests-build.json");
  await suite("native tests are built", async (textLog) => {
    const code = await execute(log, "cargo", ["test", "--locked", "--no-run", "--message-format=json"]);
    const text = readFileSync(log, "utf8");
    for (const line of text.split("\n")) {
      const message = parseMessage(line);
      if (message?.reason === "compiler-message" && message.message?.rendered) {
        await append(textLog, message.message.rendered);
      }
      if (message?.reason === "compiler-artifact" && message.profile?.test && message.executable && message.target) {
        binaries.set(message.target.name, message.executable);
      }
    }
    if (code !== 0 && !existsSync(textLog)) await append(textLog, text.slice(-10_000));
    return code === 0 ? { passed: 0, failed: 0 } : { passed: 0, failed: 1 };
  });
  return binaries;
}

type CargoMessage = {
  reason: string;
  target?: { name: string };
  profile?: { test: boolean };
  executable?: string | null;
  message?: { rendered: string };
};

function parseMessage(line: string): CargoMessage | undefined {
  return line.startsWith("{") ? (JSON.parse(line) as CargoMessage) : undefined;
}

function append(path: string, text: string): Promise<void> {
  return new Promise((done) => {
    const file = createWriteStream(path, { flags: "a" });
    file.end(text, () => done());
  });
}

async function nativeSuites(): Promise<void> {
  const binaries = await buildNativeTests();
  const rank = (name: string): number => (NATIVE_ORDER.includes(name) ? NATIVE_ORDER.indexOf(name) : NATIVE_ORDER.length);
  const names = [...binaries.keys()].filter((name) => !WASM_SUITES.includes(name)).sort((a, b) => rank(a) - rank(b));
  for (const name of names) {
    const title = name === "guildhall" ? "native: unit tests" : `native: ${name}`;
    await rustSuite(title, binaries.get(name) ?? "", [], { CARGO_MANIFEST_DIR: ROOT });
  }
}

async function wasmSuites(): Promise<void> {
  for (const name of WASM_SUITES.filter((wanted) => existsSync(join(ROOT, "tests", wanted)))) {
    await rustSuite("the same vectors in wasm32", "cargo", ["test", "--locked", "--no-default-features", "--target", WASM_TARGET, "--test", name], {
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER: join(ROOT, ".tools", "bin", "wasm-bindgen-test-runner"),
      // The crate compiles in a tenth of the time; the ciphers themselves are optimized by their own profiles.
      CARGO_PROFILE_TEST_OPT_LEVEL: "0",
    });
  }
}

async function bundleSuites(): Promise<boolean> {
  const deployed = await suite("the deployed Worker is built and small", async (log) => {
    if ((await execute(log, "scripts/build.sh", ["deploy"])) !== 0) return { passed: 0, failed: 1 };
    const { rawBytes, gzipBytes } = sizeOfBundle(join(ROOT, "build"));
    const note = `${kilobytes(rawBytes)} KB, gzip ${kilobytes(gzipBytes)} of ${kilobytes(BUNDLE_GZIP_BYTES_MAX)} KB`;
    return { ...asCount(gzipBytes <= BUNDLE_GZIP_BYTES_MAX), note };
  });
  return (await verdict("the Worker that can panic is built", "scripts/build.sh", ["test"])) && deployed;
}

function findTests(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join(folder, name))
    .sort();
}

/** Those that take longest, most of them because time limits have to pass, are begun first: so they run beside the others. */
const LONGEST = [
  ...["webhook.test.ts", "settlement.test.ts", "webhook-target.test.ts", "launch-rail.test.ts", "access.test.ts", "garbage.test.ts"],
  ...["market-desk.test.ts", "upload.test.ts", "desk.test.ts", "field.test.ts", "order-payment.test.ts", "event.test.ts"],
];
const FILE_MS_MAX = 300_000;

async function edgeSuites(): Promise<void> {
  const begun = (file: string): number => (LONGEST.includes(basename(file)) ? LONGEST.indexOf(basename(file)) : LONGEST.length);
  const files = findTests("tests/edge").sort((one, other) => begun(one) - begun(other));
  await suite(`edge: ${files.length} files in real workerd`, async (log) => {
    // Called here and not by `node --test`, which runs files in the order of their names.
    const events = run({ cwd: ROOT, files: files.map((file) => join(ROOT, file)), concurrency: availableParallelism() * 2, timeout: FILE_MS_MAX });
    const count = { passed: 0, failed: 0 };
    events.on("test:summary", ({ file, counts, success }) => {
      if (file !== undefined) return;
      const failed = counts.tests - counts.passed - counts.skipped - counts.todo;
      Object.assign(count, { passed: counts.passed, failed: success ? failed : Math.max(failed, 1) });
    });
    await pipeline(events.compose(spec), createWriteStream(log));
    if (count.passed === 0) count.failed += 1;
    return count;
  });
}

/** Generated calls of everything /openapi.json shows: a case that finds nothing has passed. */
async function fuzzSuite(): Promise<void> {
  await suite("fuzz: what /openapi.json shows", async (log) => {
    const code = await execute(log, process.execPath, ["tests/fuzz/fuzz.ts", "short"]);
    const closing = /^(\d+) passed, (\d+) failed$/m.exec(readFileSync(log, "utf8"));
    const count = { passed: Number(closing?.[1] ?? 0), failed: Number(closing?.[2] ?? 1) };
    if (code !== 0 && count.failed === 0) count.failed = 1;
    return count;
  });
}

function printTable(seconds: number): boolean {
  const passed = rows.reduce((sum, row) => sum + row.passed, 0);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  console.log(`\n  ${"suite".padEnd(44)} ${"passed".padStart(8)} ${"failed".padStart(8)} ${"seconds".padStart(9)}`);
  for (const row of rows) {
    console.log(
      `  ${row.name.padEnd(44)} ${String(row.passed).padStart(8)} ${String(row.failed).padStart(8)} ${row.seconds.toFixed(1).padStart(9)}`,
    );
  }
  console.log(`  ${"in all".padEnd(44)} ${String(passed).padStart(8)} ${String(failed).padStart(8)} ${seconds.toFixed(1).padStart(9)}\n`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}

async function main(): Promise<void> {
  const everything = process.argv[2] !== "check";
  const startedMs = performance.now();
  rmSync(LOG_DIR, { recursive: true, force: true });
  mkdirSync(LOG_DIR, { recursive: true });

  await verdict("Rust is formatted", "cargo", ["fmt", "--check"]);
  const tsc = join(ROOT, "node_modules", ".bin", "tsc");
  await verdict("types: scripts, tests, benches", tsc, ["--noEmit", "-p", "."]);
  await verdict("types: the peer of the bench", tsc, ["--noEmit", "-p", "benches/peer"]);
  await verdict("lints: native", "cargo", ["clippy", "--quiet", "--locked", "--all-targets", "--all-features", "--", "-D", "warnings"]);
  await verdict("lints: wasm32", "cargo", [
    ...["clippy", "--quiet", "--locked", "--lib", "--all-features", "--target", WASM_TARGET],
    ...["--", "-D", "warnings"],
  ]);
  await nativeSuites();
  if (everything) {
    await wasmSuites();
    if (await bundleSuites()) {
      await edgeSuites();
      await fuzzSuite();
    } else await suite("edge", async () => ({ passed: 0, failed: 1, note: "not run: the Worker was not built" }));
  }
  const good = printTable((performance.now() - startedMs) / 1000);
  process.exitCode = good ? 0 : 1;
}

await main();
