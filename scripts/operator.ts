// Makes a user an operator, in the local database or in that of a real account.
//   node scripts/operator.ts EMAIL             local: works beside a running server; --persist FOLDER if not that of make dev
//   node scripts/operator.ts EMAIL --remote    the account that `make deploy` wrote wrangler.deploy.toml for

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { ROOT } from "./runtime.ts";

function fail(text: string): never {
  console.error(text);
  process.exit(1);
}

/** The one database file; the runtime keeps a file of its own, metadata.sqlite, beside it. */
function findLocalDatabase(persist: string): string {
  const folder = resolve(ROOT, persist, "d1", "miniflare-D1DatabaseObject");
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite") : [];
  const [file] = files;
  if (file === undefined) fail("There is no local database yet: run make dev, open /account and sign up first.");
  if (files.length > 1) fail(`More than one database in ${folder}: remove the ones that are not of this wrangler.toml.`);
  return join(folder, file);
}

function promoteLocally(email: string, persist: string): void {
  const database = new DatabaseSync(findLocalDatabase(persist), { timeout: 5_000 });
  try {
    const { changes } = database.prepare("UPDATE users SET role = 'admin' WHERE email = ?").run(email);
    if (Number(changes) === 0) fail(`No user has the address ${email}: sign up at /account/register first.`);
  } finally {
    database.close();
  }
}

function promoteRemotely(email: string): void {
  const config = join(ROOT, "wrangler.deploy.toml");
  if (!existsSync(config)) fail("There is no wrangler.deploy.toml: run make deploy first.");
  const sql = `UPDATE users SET role = 'admin' WHERE email = '${email}' RETURNING user_id`;
  const args = ["d1", "execute", "DB", "--remote", "--config", config, "--json", "--yes", "--command", sql];
  const done = spawnSync(join(ROOT, "node_modules", ".bin", "wrangler"), args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (done.status !== 0) fail("wrangler could not reach the database.");
  if (!done.stdout.includes("user_id")) fail(`No user has the address ${email}.`);
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { remote: { type: "boolean", default: false }, persist: { type: "string", default: ".wrangler/state/v3" } },
});
const email = positionals[0]?.trim().toLowerCase() ?? "";
// The address stands inside SQL text for wrangler: no quote, no space, no control character.
if (!/^[a-z0-9._%+-]+@[a-z0-9.-]+$/.test(email)) fail("Usage: make operator EMAIL=somebody@example.com");
if (values.remote) promoteRemotely(email);
else promoteLocally(email, values.persist);
console.log(`${email} is an operator from the next request on.`);
