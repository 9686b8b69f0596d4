import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../../scripts/runtime.ts";
import { useServer } from "./support/server.ts";

const server = useServer();
const run = promisify(execFile);

function makeOperator(email: string): Promise<{ stdout: string }> {
  const script = join(ROOT, "scripts", "operator.ts");
  return run(process.execPath, [script, email, "--persist", server.current.persist]);
}

test("make operator lifts a user beside the running server", async () => {
  const database = await server.current.runtime.database();
  const insert = "INSERT INTO users (user_id, email, name, referral_code, created_at_ms) VALUES (?, ?, ?, ?, ?)";
  await database.batch([
    database.prepare(insert).bind("u-1", "ada@example.com", "Ada", "ada", 1),
    database.prepare(insert).bind("u-2", "bob@example.com", "Bob", "bob", 1),
  ]);
  await makeOperator("Ada@Example.com");
  const { results } = await database.prepare("SELECT user_id, role FROM users ORDER BY user_id").all();
  assert.deepEqual(results, [
    { user_id: "u-1", role: "admin" },
    { user_id: "u-2", role: "user" },
  ]);
});

test("make operator refuses an address that nobody has and one that is none", async () => {
  await assert.rejects(makeOperator("nobody@example.com"), /No user has the address nobody@example.com/);
  await assert.rejects(makeOperator("ada@example.com' OR '1'='1"), /Usage/);
});
