import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../../scripts/runtime.ts";
import { signUp } from "./support/agent.ts";
import { inviteOwner } from "./support/household.ts";
import { newPerson } from "./support/person.ts";
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

test("an invitation's mail waits, with its link, until a newer one or its acceptance settles it", async () => {
  const [agent, owner] = await Promise.all([signUp(server.client()), newPerson(server.client())]);
  const database = await server.current.runtime.database();
  const mails = async (): Promise<[string, boolean][]> => {
    const rows = await database.prepare("SELECT state, body FROM mails WHERE recipient = ? ORDER BY mail_id").bind(owner.email).all<{ state: string; body: string }>();
    return rows.results.map(({ state, body }) => [state, body.includes("/account/invite/inv_")]);
  };
  await inviteOwner(server.current, agent, owner.email);
  const invitation = await inviteOwner(server.current, agent, owner.email);
  assert.deepEqual(await mails(), [["void", false], ["queued", true]]);
  const accepted = await owner.browser.form(`/account/invite/${invitation}`, { csrf: owner.csrf });
  assert.equal(accepted.status, 303, accepted.text);
  assert.deepEqual(await mails(), [["void", false], ["void", false]]);
});
