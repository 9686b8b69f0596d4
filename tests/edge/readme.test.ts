// README.md is run: its commands against a real server, what they print held against what it shows. Its lists are held
// against the route table and the settings that are read. WRITE_README=1 writes what the commands print into it.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../scripts/runtime.ts";
import { runShell } from "./support/curl.ts";
import { ROUTES } from "./support/route.ts";
import { useServer } from "./support/server.ts";

const server = useServer({ pushesToNobody: true });
const PATH = join(ROOT, "README.md");
const SHOWN_ORIGIN = "http://127.0.0.1:8787";
/** Between the outputs of two commands: the record separator. */
const MARK = "\u001e";

type Step = { command: string; output: string };

/** The commands of a console block, each with what is shown below it. A command goes on after a backslash. */
function readSteps(block: string): Step[] {
  const steps: Step[] = [];
  let goesOn = false;
  for (const line of block.split("\n").filter((line, at, all) => line !== "" || at < all.length - 1)) {
    const last = steps.at(-1);
    if (goesOn && last) last.command += `\n${line}`;
    else if (line.startsWith("$ ")) steps.push({ command: line.slice(2), output: "" });
    else if (last) last.output += `${line}\n`;
    goesOn = (goesOn || line.startsWith("$ ")) && line.endsWith("\\");
  }
  return steps;
}

function writeSteps(steps: Step[]): string {
  return steps.map(({ command, output }) => `$ ${command}\n${output}`).join("");
}

const BLOCK = /(?<=```console\n)[\s\S]*?(?=```)/g;

/** Runs all commands in one shell, as a reader does in one terminal. */
async function run(steps: Step[]): Promise<string[]> {
  const { host } = new URL(server.current.url);
  const shown = new URL(SHOWN_ORIGIN).host;
  const script = steps.map(({ command }) => `${command.replaceAll(shown, host)}\nprintf '${MARK}'`).join("\n");
  const printed = await runShell(`cd '${ROOT}'\n${script}\n`);
  return printed.replaceAll(host, shown).split(MARK).slice(0, -1);
}

/** What is another one each time: ids, keys, addresses, times, scores. */
function mask(text: string): string {
  return text
    .replaceAll(/\b(agc|agt|ags|apr|del|evt|ext|fnd|inv|key|mdt|mtak|mten|obs|ord|pay|qry|req|rsv|svc|tx-ord|wal)_[\w.-]+/g, "$1_*")
    .replaceAll(/\b0x[0-9a-fA-F]+/g, "0x*")
    .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "uuid")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "time")
    .replaceAll(/Nonce: \w+/g, "Nonce: *")
    .replaceAll(/"(client_wallet|payout_tx_hash)": "[\w.]+"/g, '"$1": "*"')
    .replaceAll(/"score": [\d.]+/g, '"score": *');
}

test("the README's walk prints what the README shows", async () => {
  const readme = readFileSync(PATH, "utf8");
  const blocks = (readme.match(BLOCK) ?? []).map(readSteps);
  const steps = blocks.flat();
  assert.ok(steps.length > 15, "the walk was not found");
  const printed = await run(steps);
  assert.equal(printed.length, steps.length);
  if (process.env["WRITE_README"]) {
    for (const [at, step] of steps.entries()) step.output = printed[at] ?? "";
    let next = 0;
    writeFileSync(PATH, readme.replaceAll(BLOCK, () => writeSteps(blocks[next++] ?? [])));
    return;
  }
  for (const [at, { command, output }] of steps.entries()) assert.equal(mask(printed[at] ?? ""), mask(output), command);
});

/** The text below a heading, up to the next one. */
function readSection(heading: string): string {
  const [, rest] = readFileSync(PATH, "utf8").split(`\n## ${heading}\n`);
  assert.ok(rest, `the README has no section ${heading}`);
  return rest.split("\n## ")[0] ?? "";
}

test("the README lists every route there is, and no other", () => {
  const listed = [...readSection("What works at which door").matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/[^`]*)`/g)].map(([, route = ""]) => route);
  const outside = ROUTES.filter(({ path }) => !path.startsWith("/account"));
  assert.deepEqual(listed.sort(), outside.map(({ method, path }) => `${method} ${path.replace("{*", "{")}`).sort());
});

test("the README lists every setting that is read, and no other", () => {
  const source = ["src/edge.rs", "src/http/launch.rs", "src/http/mail.rs"].map((path) => readFileSync(join(ROOT, path), "utf8")).join("\n");
  const read = [
    ...[...source.matchAll(/(?:variable|seed)\(env, "(\w+)"\)/g)].map(([, name = ""]) => name),
    ...[...source.matchAll(/upstream\([^"]*"(\w+)"\)/g)].flatMap(([, name]) => [`${name}_BASE_URL`, `${name}_API_KEY`]),
    ...[...source.matchAll(/Rail::of\([^"]*"(\w+)"\)/g)].flatMap(([, name]) => [`${name}_RAIL`, `${name}_BASE_URL`, `${name}_SECRET_KEY`]),
  ];
  const listed = [...readSection("Settings").matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, names = ""]) => names.replaceAll("`", "").split(" "));
  assert.deepEqual(listed.sort(), [...new Set(read)].sort());
});

test("every file and make command the documents name is there", () => {
  const makefile = readFileSync(join(ROOT, "Makefile"), "utf8");
  for (const name of ["README.md", "CONTRIBUTING.md", "SECURITY.md"]) {
    const document = readFileSync(join(ROOT, name), "utf8");
    for (const [, target = ""] of document.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) assert.ok(existsSync(join(ROOT, target)), `${name} links to ${target}`);
    for (const [, path = ""] of document.matchAll(/`((?:src|tests|scripts|schema|benches)(?:\/[\w.-]+)*)\/?`/g)) {
      assert.ok(existsSync(join(ROOT, path)), `${name} names ${path}`);
    }
    for (const [, command = ""] of document.matchAll(/\bmake ([a-z]+)\b/g)) assert.match(makefile, new RegExp(`^${command}:`, "m"), `${name}: make ${command}`);
  }
});

test("make demo walks the same journey to its end", async () => {
  const printed = await runShell(`'${process.execPath}' '${join(ROOT, "scripts", "demo.ts")}' ${server.current.url}`);
  assert.match(printed, /The query cost \{"amount":"0\.001","currency":"USD"\} and left 0\.999\.\n/);
  assert.match(printed, /The company spent 51\.00 of its 101\.00 dollars; its books are equal\.\n/);
  assert.match(printed, /The order of 5\.00 dollars is completed; its agent's part, less 0\.50, is paid\.\n$/);
  assert.doesNotMatch(printed, /(mtak|tl_live|atelier)_[0-9a-f]{96}|whsec_[\w+/=]{40}/, "no key is printed whole");
});
