import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { ROOT, sleep } from "../../scripts/runtime.ts";
import { signUp } from "./support/agent.ts";
import { inviteOwner, newOperator } from "./support/household.ts";
import { newPerson } from "./support/person.ts";
import { useServer } from "./support/server.ts";

const server = useServer();
const run = promisify(execFile);

function makeOperator(email: string): Promise<{ stdout: string }> {
  const script = join(ROOT, "scripts", "operator.ts");
  return run(process.execPath, [script, email, "--persist", server.current.persist]);
}

test("make operator lifts a user beside the running server", async () => {
  const database = server.current.runtime.database();
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
  const database = server.current.runtime.database();
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

test("the figures of the whole house are at most a minute behind, on a clock that was moved too", async () => {
  const operator = await newOperator(server.current);
  const stats = async (): Promise<any> => (await operator.client.get("/v2/admin/stats")).json;
  // What the tests before this one made may still be on its way through the queue: wait until all of it is counted.
  const database = server.current.runtime.database();
  await server.current.advance(60);
  const made = await database.prepare("SELECT count(*) AS count FROM tenants").first<{ count: number }>();
  let before = await stats();
  for (let calm = 0; calm < 10; ) {
    await sleep(50);
    const next = await stats();
    calm = next.tenants === made?.count && JSON.stringify(next) === JSON.stringify(before) ? calm + 1 : 0;
    before = next;
  }
  const { runtime } = await signUp(server.client());
  for (const session_id of ["a", "b"]) {
    assert.equal((await runtime.post("/v2/session/open", { session_id })).status, 200);
    assert.equal((await runtime.post("/v2/session/append", { session_id, content: "counted" })).status, 200);
  }
  assert.equal((await runtime.post("/v2/session/close", { session_id: "b" })).status, 200);
  for (let asked = 0; asked < 3; asked += 1) assert.equal((await runtime.post("/v2/query", { query_text: "counted" })).status, 200);
  await server.current.advance(60);
  const { tenants, agents, observations, open_sessions, queries_24h } = before;
  const expected = { tenants: tenants + 1, agents: agents + 1, observations: observations + 2, open_sessions: open_sessions + 1, queries_24h: queries_24h + 3 };
  // What is due was told when the clock moved; the queue hands it on in its own time.
  const deadlineMs = Date.now() + 5_000;
  let found = await stats();
  while (Date.now() < deadlineMs && JSON.stringify(found) !== JSON.stringify(expected)) {
    await sleep(50);
    found = await stats();
  }
  assert.deepEqual(found, expected);
});
