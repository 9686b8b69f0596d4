// Puts Guildhall into a real account, step by step; every step may be run again.
//   node scripts/deploy.ts https://guildhall.example.com           does it
//   node scripts/deploy.ts https://guildhall.example.com --plan    says what it would do and touches nothing
// 1. D1 database, KV namespace, R2 bucket with its rule for uploads that broke off, two queues: created unless they are there.
// 2. wrangler.deploy.toml: wrangler.toml with the account's ids, PUBLIC_ORIGIN and, from the environment, DOH_URL. Ignored by
//    git; holds no secret.
// 3. Secrets that the deployed Worker does not have yet are made at random and go up with it. One that it has is never changed.
// 4. D1 migrations, then the Worker.

import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const ROOT = join(import.meta.dirname, "..");
const WRANGLER = process.env["WRANGLER_BIN"] ?? join(ROOT, "node_modules", ".bin", "wrangler");
const CONFIG = join(ROOT, "wrangler.deploy.toml");
const DATABASE = "guildhall";
const NAMESPACE = "guildhall-documents";
const BUCKET = "guildhall-files";
/** The bucket's rule for files in parts, which lie under this prefix (src/edge/file.js). */
const ABORT_RULE = "abort-incomplete-uploads";
const PARTS_PREFIX = "data/";
const ABORT_AFTER_DAYS = "1";
const QUEUES = ["guildhall-events", "guildhall-events-dead"];
const SECRETS = ["TOKEN_SIGNING_SEED", "CHALLENGE_SECRET", "SEAL_SECRET", "CSRF_SECRET"];
/** Settings of a sandbox: a deployed configuration has none of them. */
const SANDBOX_SETTINGS = ["TEST_CLOCK", "RATE_LIMIT_SCALE", "ALLOW_LOOPBACK_TARGETS"];

type ListEntry = { id?: string; uuid?: string; name?: string; title?: string };
type Answer = { ok: boolean; stdout: string; text: string };

const { positionals, values } = parseArgs({ allowPositionals: true, options: { plan: { type: "boolean", default: false } } });

function fail(text: string): never {
  console.error(`\n${text}`);
  process.exit(1);
}

function say(what: string): void {
  console.log(`  ${what}`);
}

function wrangler(...args: string[]): Answer {
  const done = spawnSync(WRANGLER, args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (done.error) fail(`${WRANGLER} cannot be run: ${done.error.message}`);
  return { ok: done.status === 0, stdout: done.stdout, text: `${done.stdout}${done.stderr}`.trim() };
}

function mustSucceed(what: string, ...args: string[]): Answer {
  say(what);
  const answer = wrangler(...args);
  if (!answer.ok) fail(`'wrangler ${args.join(" ")}' failed:\n${answer.text}`);
  return answer;
}

function isMissing(answer: Answer): boolean {
  return !answer.ok && /not found|does not exist|couldn't find|could not find/i.test(answer.text);
}

/** Code 10007: no Worker of that name in this account. */
function isMissingWorker(answer: Answer): boolean {
  return !answer.ok && /\b10007\b|worker .*(?:not found|does not exist)/i.test(answer.text);
}

/** Looks a thing up and makes it when it is missing; any other failure ends the run. */
function ensure(what: string, look: string[], make: string[]): void {
  const found = wrangler(...look);
  if (found.ok) return say(`${what}: there`);
  if (!isMissing(found)) fail(`'wrangler ${look.join(" ")}' failed:\n${found.text}`);
  mustSucceed(`${what}: create`, ...make);
}

function readOrigin(): string {
  const given = positionals[0] ?? "";
  let origin: URL;
  try {
    origin = new URL(given);
  } catch {
    fail("Usage: make deploy PUBLIC_ORIGIN=https://guildhall.example.com");
  }
  if (origin.protocol !== "https:" || origin.origin !== given.replace(/\/$/, "")) {
    fail("PUBLIC_ORIGIN is https://, a host, and nothing after it: it is the origin of every link, SIWE domain and token.");
  }
  return origin.origin;
}

/** The resolver that names in webhook URLs are looked up with; undefined when there shall be none. */
function readResolver(): string | undefined {
  const given = process.env["DOH_URL"];
  if (!given) {
    console.warn("  WARNING: DOH_URL is not set. Nothing but the platform keeps webhooks from names that resolve to private addresses.");
    return undefined;
  }
  if (!/^https:\/\/[^\s"\\]+$/.test(given)) fail("DOH_URL is https:// and a resolver that answers application/dns-json.");
  return given;
}

function checkSignedIn(): void {
  if (wrangler("whoami", "--json").ok) return;
  fail("Not signed in. Run 'node_modules/.bin/wrangler login', or set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, and try again.");
}

/** Makes a thing when the list lacks its name. The name is not given to wrangler, which would read an id out of wrangler.toml. */
function findOrMake(what: string, list: string[], find: (entries: ListEntry[]) => string | undefined, make: string[]): string {
  const read = (): string | undefined => find(JSON.parse(mustSucceed(`${what}: look`, ...list).stdout) as ListEntry[]);
  const found = read();
  if (found !== undefined) return found;
  mustSucceed(`${what}: create`, ...make);
  return read() ?? fail(`wrangler does not list the ${what} it has just made.`);
}

function findDatabaseId(): string {
  const find = (entries: ListEntry[]): string | undefined => entries.find(({ name }) => name === DATABASE)?.uuid;
  return findOrMake(`D1 database ${DATABASE}`, ["d1", "list", "--json"], find, ["d1", "create", DATABASE]);
}

function findNamespaceId(): string {
  const find = (entries: ListEntry[]): string | undefined => entries.find(({ title }) => title === NAMESPACE)?.id;
  return findOrMake(`KV namespace ${NAMESPACE}`, ["kv", "namespace", "list"], find, ["kv", "namespace", "create", NAMESPACE]);
}

/** An upload that broke off leaves parts that nobody asks for: R2 drops them. Rules of other names stay as they are. */
function ensureAbortRule(): void {
  const rules = mustSucceed(`R2 bucket ${BUCKET}: look at its rules`, "r2", "bucket", "lifecycle", "list", BUCKET);
  if (rules.stdout.includes(ABORT_RULE)) return;
  const rule = ["r2", "bucket", "lifecycle", "add", BUCKET, ABORT_RULE, PARTS_PREFIX, "--abort-multipart-days", ABORT_AFTER_DAYS];
  mustSucceed(`R2 bucket ${BUCKET}: rule ${ABORT_RULE}`, ...rule);
}

/** wrangler.toml with the account's ids, as text; fails when a place to put one is not there. */
function configFor(origin: string, resolver: string | undefined, databaseId: string, namespaceId: string): string {
  let config = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
  const put = (from: string, to: string): void => {
    if (!config.includes(from)) fail(`wrangler.toml has no '${from}' to replace.`);
    config = config.replace(from, to);
  };
  put('database_id = "00000000-0000-0000-0000-000000000000"', `database_id = "${databaseId}"`);
  put('id = "00000000000000000000000000000000"', `id = "${namespaceId}"`);
  config += `\n[vars]\nPUBLIC_ORIGIN = "${origin}"\n${resolver === undefined ? "" : `DOH_URL = "${resolver}"\n`}`;
  const settings = config.replaceAll(/#.*$/gm, "");
  for (const name of SANDBOX_SETTINGS) {
    if (settings.includes(name)) fail(`${name} stands in wrangler.toml: it belongs to a sandbox and is never deployed.`);
  }
  return config;
}

/** Names of secrets the deployed Worker lacks. Only a Worker that is certainly not there lacks them all. */
function missingSecrets(): string[] {
  const answer = wrangler("secret", "list", "--config", CONFIG, "--format", "json");
  if (isMissingWorker(answer)) return SECRETS;
  if (!answer.ok) fail(`Cannot tell which secrets are set, so none is touched:\n${answer.text}`);
  const present = new Set((JSON.parse(answer.stdout) as { name: string }[]).map(({ name }) => name));
  return SECRETS.filter((name) => !present.has(name));
}

function deployWithSecrets(missing: string[]): string {
  if (missing.length === 0) return mustSucceed("deploy the Worker", "deploy", "--config", CONFIG).text;
  const folder = mkdtempSync(join(tmpdir(), "guildhall-deploy-"));
  try {
    const file = join(folder, "secrets.json");
    const made = Object.fromEntries(missing.map((name) => [name, randomBytes(32).toString("hex")]));
    writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
    return mustSucceed(`deploy the Worker with new secrets ${missing.join(", ")}`, "deploy", "--config", CONFIG, "--secrets-file", file).text;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function printPlan(origin: string, resolver: string | undefined): void {
  say(`sign in: wrangler login, or CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID`);
  say(`create what is missing: D1 ${DATABASE}, KV ${NAMESPACE}, R2 ${BUCKET}, queues ${QUEUES.join(", ")}`);
  say(`have R2 abort uploads that broke off: wrangler r2 bucket lifecycle add ${BUCKET} ${ABORT_RULE} ${PARTS_PREFIX} --abort-multipart-days ${ABORT_AFTER_DAYS}`);
  say(`write wrangler.deploy.toml with their ids, PUBLIC_ORIGIN=${origin}${resolver === undefined ? "" : ` and DOH_URL=${resolver}`}`);
  say(`apply the D1 migrations of schema/: wrangler d1 migrations apply DB --remote`);
  say(`make the secrets the Worker lacks, of ${SECRETS.join(", ")}, and deploy: wrangler deploy --secrets-file`);
  say(`then route ${new URL(origin).host} to the Worker (a custom domain in the dashboard) and run make operator REMOTE=1 EMAIL=...`);
}

function main(): void {
  const origin = readOrigin();
  const resolver = readResolver();
  if (values.plan) return printPlan(origin, resolver);
  checkSignedIn();
  const databaseId = findDatabaseId();
  const namespaceId = findNamespaceId();
  ensure(`R2 bucket ${BUCKET}`, ["r2", "bucket", "info", BUCKET], ["r2", "bucket", "create", BUCKET]);
  ensureAbortRule();
  for (const queue of QUEUES) ensure(`queue ${queue}`, ["queues", "info", queue], ["queues", "create", queue]);
  writeFileSync(CONFIG, configFor(origin, resolver, databaseId, namespaceId));
  say("wrangler.deploy.toml written");
  const missing = missingSecrets();
  mustSucceed("apply the D1 migrations", "d1", "migrations", "apply", "DB", "--remote", "--config", CONFIG);
  console.log(deployWithSecrets(missing));
  say(`Route ${new URL(origin).host} to the Worker if it is not its workers.dev name, then: curl ${origin}/healthz`);
}

main();
